/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any 512 bytes as a superblock of verity: refused with a reason, or a tree that can be walked, and that
 * comes out the same when written and read again. Small trees are verified, over a hash device that is
 * the rest of the input, repeated.
 */
#include "fuzz.h"

#include "core/util.h"
#include "formats/verity/verity.h"

struct rest {
	const uint8_t *bytes;
	size_t size;
};

static int read_rest(void *self, bp_bytes offset, size_t len, void *buf)
{
	const struct rest *rest = self;
	uint8_t *to = buf;

	for (size_t i = 0; i < len; i++)
		to[i] = rest->size ? rest->bytes[(offset + i) % rest->size] : 0;
	return 0;
}

static int check_damage(void *user, const struct bp_verity_damage *d)
{
	const struct bp_verity_tree *tree = user;

	promise(d->first_data_block + d->nr_data_blocks <= tree->nr_data_blocks);
	promise(d->level < 0 || (d->block >= tree->hash_start_blocks &&
				 d->block - tree->hash_start_blocks < tree->nr_hash_blocks));
	return 0;
}

static void check_small(struct bp_ctx *ctx, const struct bp_verity_tree *tree,
			struct rest *rest)
{
	struct bp_verity_opts opts = { .damage = check_damage,
				       .user = (void *)(uintptr_t)tree };
	struct verity v = {
		.ctx = ctx,
		.opts = &opts,
		.tree = *tree,
		.data = { .read = read_rest, .self = rest },
		.hash = { .read = read_rest, .self = rest },
	};
	uint8_t root[BP_VERITY_DIGEST_MAX] = { 0 };

	if (tree->nr_data_blocks > 64 || tree->data_block_bytes > 4096 ||
	    tree->hash_block_bytes > 4096)
		return;
	promise(verity_check(&v, root) == 0);
	promise(verity_check(&v, v.tree.root_digest) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t disk[VERITY_SUPER_BYTES] = { 0 }, back[VERITY_SUPER_BYTES];
	struct bp_verity_tree tree, again;
	struct rest rest = { data, size };
	struct bp_ctx *ctx;
	int r;

	memcpy(disk, data, MIN(size, sizeof(disk)));
	promise(bp_ctx_new(&ctx) == 0);
	r = verity_super_decode(ctx, disk, 0, &tree);
	promise(r == 0 || (bp_errmsg(ctx)[0] && bp_error_get(ctx)->errnum == -r));
	if (r == 0) {
		struct verity_level levels[VERITY_LEVELS_MAX];

		promise(verity_levels(&tree, levels) >= 0);
		verity_super_encode(&tree, back);
		promise(verity_super_decode(ctx, back, 0, &again) == 0);
		verity_super_encode(&again, disk);
		promise(memcmp(disk, back, sizeof(disk)) == 0);
		check_small(ctx, &tree, &rest);
	}
	bp_ctx_free(ctx);
	return 0;
}
