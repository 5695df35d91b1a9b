/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verifying a tree that lies on a device or in a file. Nothing is written. Promised: with no damage
 * found every byte of the data, as it was read, is what the root digest stands for.
 */
#include "core/opts.h"
#include "formats/verity/open.h"

#include <inttypes.h>

static int place_read(void *self, bp_bytes offset, size_t len, void *buf)
{
	const struct verity_place *p = self;

	return data_read(p->ctx, p->data, offset, len, buf);
}

static int place_write(void *self, bp_bytes offset, size_t len, const void *buf)
{
	const struct verity_place *p = self;

	return data_write(p->ctx, p->data, offset, len, buf);
}

static int place_flush(void *self)
{
	const struct verity_place *p = self;

	return data_flush(p->ctx, p->data);
}

struct verity_media verity_media_of(struct verity_place *place)
{
	return (struct verity_media){ place_read, place_write, place_flush, place };
}

/* Of either device, before the first block is read. */
int verity_check_size(struct bp_ctx *ctx, const struct data *d, uint64_t nr_blocks,
		      uint32_t block_bytes)
{
	if (nr_blocks <= d->size / block_bytes)
		return 0;
	bp_fail(ctx, -EINVAL, "'%s' is too small: it has %" PRIu64 " of %" PRIu64 " blocks",
		d->path, d->size / block_bytes, nr_blocks);
	error_set_code(ctx, BP_E_TOO_SMALL);
	error_set_device(ctx, d->path);
	return -EINVAL;
}

/* A larger struct than is known here is refused: its tail would stay unset. */
int verity_give(struct bp_ctx *ctx, struct bp_verity_tree *to,
		const struct bp_verity_tree *from)
{
	size_t size = to->size;

	if (size < sizeof(size) || size > sizeof(*from))
		return bp_fail(ctx, -EINVAL, "a tree of %zu bytes is not known", size);
	memcpy(to, from, size);
	to->size = size;
	return 0;
}

/* Aligned to sectors, as the kernel wants it. */
static int read_super(struct bp_ctx *ctx, const struct data *hash, bp_bytes at,
		      struct bp_verity_tree *ret)
{
	uint8_t disk[VERITY_SUPER_BYTES];
	int r;

	if (at % VERITY_SUPER_BYTES) {
		bp_fail(ctx, -EINVAL, "hash offset %" PRIu64 " is not a multiple of 512 bytes",
			at);
		error_set_code(ctx, BP_E_USAGE);
		return -EINVAL;
	}
	if (hash->size < VERITY_SUPER_BYTES || at > hash->size - VERITY_SUPER_BYTES) {
		bp_fail(ctx, -EINVAL, "'%s' ends before byte %" PRIu64, hash->path, at);
		error_set_code(ctx, BP_E_TOO_SMALL);
		return -EINVAL;
	}
	r = data_read(ctx, hash, at, sizeof(disk), disk);
	return r < 0 ? r : verity_super_decode(ctx, disk, at, ret);
}

static int check_sizes(struct verity *v, const struct data *data, const struct data *hash)
{
	const struct bp_verity_tree *t = &v->tree;
	int r = verity_check_size(v->ctx, data, t->nr_data_blocks, t->data_block_bytes);

	return r < 0 ? r
		     : verity_check_size(v->ctx, hash, t->hash_start_blocks + t->nr_hash_blocks,
					 t->hash_block_bytes);
}

/* Without a superblock the options have to say all of it. */
static int check(struct verity *v, struct data *data, struct data *hash, const uint8_t *root,
		 size_t digest_bytes)
{
	struct verity_place data_place = { v->ctx, data }, hash_place = { v->ctx, hash };
	const struct bp_verity_opts *o = v->opts;
	int r = o->flags & BP_VERITY_NO_SUPERBLOCK
			? verity_from_opts(v->ctx, o, data->size, false, &v->tree)
			: read_super(v->ctx, hash, o->hash_offset_bytes, &v->tree);

	if (r < 0)
		return r;
	if (digest_bytes != v->tree.digest_bytes) {
		bp_fail(v->ctx, -EINVAL, "a root digest of %zu bytes: %s has %" PRIu32,
			digest_bytes, v->tree.algorithm, v->tree.digest_bytes);
		error_set_code(v->ctx, BP_E_USAGE);
		return -EINVAL;
	}
	r = check_sizes(v, data, hash);
	v->data = verity_media_of(&data_place);
	v->hash = verity_media_of(&hash_place);
	if (r == 0)
		r = verity_check(v, root);
	v->data = v->hash = (struct verity_media){ 0 };
	return r;
}

/* Damage is a result: *ret_damages, each told. */
int bp_verity_verify(struct bp_ctx *ctx, const char *data_path, const char *hash_path,
		     const uint8_t *root_digest, size_t digest_bytes,
		     const struct bp_verity_opts *opts, struct bp_verity_tree *ret_tree,
		     uint64_t *ret_damages)
{
	struct data *data = NULL, *hash = NULL;
	struct bp_verity_opts o;
	struct verity v = { .ctx = ctx, .opts = &o };
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = data_open(ctx, data_path, DATA_SHARED, &data);
	if (r == 0)
		r = data_open(ctx, hash_path, DATA_SHARED, &hash);
	if (r == 0)
		r = check(&v, data, hash, root_digest, digest_bytes);
	data_close(data);
	data_close(hash);
	if (r == 0 && ret_tree)
		r = verity_give(ctx, ret_tree, &v.tree);
	if (r == 0)
		*ret_damages = v.damages;
	return r;
}
