/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree: each hash block holds the digests of blocks of the level below, the lowest those of the
 * data; the top level is one block, whose digest is the root. The top comes first on disk, then the
 * level below it, down to the one nearest to the data. What is behind the last digest of a block is
 * zero. Memory: one block of data and tree each at a time, and for a check one bit a hash block.
 *
 * Source: cryptsetup, lib/verity/verity_hash.c; Linux, drivers/md/dm-verity-target.c.
 */
#include "core/bits.h"
#include "core/sha256.h"
#include "formats/verity/verity.h"

#define READ_BYTES (1024u * 1024)

static unsigned log2_down(uint64_t n)
{
	unsigned bits = 0;

	while (n >>= 1)
		bits++;
	return bits;
}

unsigned verity_per_block_bits(const struct bp_verity_tree *tree)
{
	return log2_down(tree->hash_block_bytes / tree->digest_bytes);
}

/* Type 1 rounds digests up to a power of two, type 0 packs them. */
size_t verity_digest_stride(const struct bp_verity_tree *tree)
{
	size_t stride = 1;

	if (tree->hash_type == 0)
		return tree->digest_bytes;
	while (stride < tree->digest_bytes)
		stride *= 2;
	return stride;
}

/* The highest level comes first on disk, as the kernel has it; levels[0] is the lowest. */
int verity_levels(const struct bp_verity_tree *tree, struct verity_level *ret)
{
	unsigned bits = verity_per_block_bits(tree);
	uint64_t below = tree->nr_data_blocks, at = tree->hash_start_blocks;
	int nr = 0;

	while (below > 1) {
		if (nr == VERITY_LEVELS_MAX)
			return -1;
		below = DIV_UP(below, UINT64_C(1) << bits);
		ret[nr++].count = below;
	}
	for (int i = nr; i-- > 0;) {
		ret[i].start = at;
		at += ret[i].count;
	}
	return nr;
}

/* Type 1 has the salt in front of the data, type 0 behind. */
void verity_digest(const struct bp_verity_tree *tree, const void *block, size_t len,
		   uint8_t *ret)
{
	struct sha256 s;

	sha256_init(&s);
	if (tree->hash_type == 1)
		sha256_add(&s, tree->salt, tree->salt_bytes);
	sha256_add(&s, block, len);
	if (tree->hash_type == 0)
		sha256_add(&s, tree->salt, tree->salt_bytes);
	sha256_finish(&s, ret);
}

int verity_progress(struct verity *v, uint64_t blocks)
{
	const struct bp_verity_opts *o = v->opts;

	v->done += blocks;
	if (o->progress && o->progress(o->user, v->done, v->total))
		return bp_fail(v->ctx, -ECANCELED, "stopped");
	return 0;
}

/* What lies below a level: the data (-1), or the level under it. */
struct below {
	const struct verity_media *media;
	bp_bytes at; /* of its first block */
	size_t block_bytes;
	uint64_t count;
};

static struct below below_level(const struct verity *v, const struct verity_level *levels,
				int level)
{
	struct below data = { &v->data, 0, v->tree.data_block_bytes, v->tree.nr_data_blocks };

	if (level == 0)
		return data;
	return (struct below){ &v->hash, levels[level - 1].start * v->tree.hash_block_bytes,
			       v->tree.hash_block_bytes, levels[level - 1].count };
}

/* Digests of blocks @first .. @first + @count - 1 into one hash block, read in large pieces. */
static int digest_below(struct verity *v, const struct below *below, uint64_t first,
			uint64_t count, uint8_t *buf, uint8_t *ret)
{
	size_t piece = MAX(READ_BYTES / below->block_bytes, 1);
	size_t stride = verity_digest_stride(&v->tree);
	int r = 0;

	memset(ret, 0, v->tree.hash_block_bytes);
	for (uint64_t i = 0; r == 0 && i < count;) {
		size_t n = (size_t)MIN(piece, count - i);

		r = below->media->read(below->media->self,
				       below->at + (first + i) * below->block_bytes,
				       n * below->block_bytes, buf);
		for (size_t k = 0; r == 0 && k < n; k++)
			verity_digest(&v->tree, buf + k * below->block_bytes,
				      below->block_bytes, ret + (i + k) * stride);
		if (r == 0)
			r = verity_progress(v, n);
		i += n;
	}
	return r;
}

/* --- making --- */

struct buffers {
	uint8_t *below;        /* READ_BYTES */
	uint8_t *made, *found; /* a hash block each */
};

static int buffers_init(struct verity *v, struct buffers *ret)
{
	size_t hash = MAX(v->tree.hash_block_bytes, v->tree.data_block_bytes);

	ret->below = malloc(MAX(READ_BYTES, hash));
	ret->made = malloc(hash);
	ret->found = malloc(hash);
	return ret->below && ret->made && ret->found ? 0 : bp_fail_memory(v->ctx);
}

static void buffers_done(struct buffers *b)
{
	free(b->below);
	free(b->made);
	free(b->found);
}

/* From the bottom up: what is hashed here was written by the level below. */
static int make_level(struct verity *v, const struct verity_level *levels, int level,
		      struct buffers *b)
{
	struct below below = below_level(v, levels, level);
	uint64_t per = UINT64_C(1) << verity_per_block_bits(&v->tree);
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < levels[level].count; i++) {
		uint64_t first = i * per;

		r = digest_below(v, &below, first, MIN(per, below.count - first), b->below,
				 b->made);
		if (r == 0)
			r = v->hash.write(v->hash.self,
					  (levels[level].start + i) * v->tree.hash_block_bytes,
					  v->tree.hash_block_bytes, b->made);
	}
	return r;
}

/* The digest of the top block; of the only data block where there is no tree. */
static int root_of(struct verity *v, const struct verity_level *levels, int nr, uint8_t *buf,
		   uint8_t *ret)
{
	const struct verity_media *media = nr ? &v->hash : &v->data;
	size_t bytes = nr ? v->tree.hash_block_bytes : v->tree.data_block_bytes;
	bp_bytes at = nr ? levels[nr - 1].start * v->tree.hash_block_bytes : 0;
	int r = media->read(media->self, at, bytes, buf);

	if (r < 0)
		return r;
	verity_digest(&v->tree, buf, bytes, ret);
	return verity_progress(v, 1);
}

int verity_make(struct verity *v)
{
	_cleanup_(buffers_done) struct buffers b = { 0 };
	struct verity_level levels[VERITY_LEVELS_MAX];
	int nr = verity_levels(&v->tree, levels), r = buffers_init(v, &b);

	/* Each block is read once as what lies below, the top one for the root. */
	v->total = v->tree.nr_data_blocks + v->tree.nr_hash_blocks;
	for (int i = 0; r == 0 && i < nr; i++)
		r = make_level(v, levels, i, &b);
	return r < 0 ? r : root_of(v, levels, nr, b.below, v->tree.root_digest);
}

/* --- checking --- */

struct check {
	struct verity *v;
	struct verity_level levels[VERITY_LEVELS_MAX];
	int nr;
	struct buffers buffers;
	struct bits bad,
		bad_below; /* hash blocks of this level, and the next, not to be trusted */
};

static void check_done(struct check *c)
{
	bits_done(&c->bad);
	bits_done(&c->bad_below);
	buffers_done(&c->buffers);
}

/* Which data depend on the block that is wrong. */
static int tell(struct check *c, int level, uint64_t index, bool padding)
{
	unsigned shift = (unsigned)(level + 1) * verity_per_block_bits(&c->v->tree);
	struct bp_verity_damage damage = {
		.level = level,
		.block = index + (level < 0 ? 0 : c->levels[level].start),
		.padding = padding,
	};

	if (!padding) {
		/* Where a shift is that wide the block is the only one of its level. */
		damage.first_data_block = shift < 63 ? index << shift : 0;
		damage.nr_data_blocks = c->v->tree.nr_data_blocks - damage.first_data_block;
		if (shift < 63)
			damage.nr_data_blocks =
				MIN(damage.nr_data_blocks, UINT64_C(1) << shift);
	}
	c->v->damages++;
	return c->v->opts->damage ? c->v->opts->damage(c->v->opts->user, &damage) : 0;
}

/* Compare block @index of a level with what lies below it. */
static int compare(struct check *c, int level, uint64_t index, uint64_t first, uint64_t count)
{
	size_t stride = verity_digest_stride(&c->v->tree), len = c->v->tree.digest_bytes;
	uint8_t *made = c->buffers.made, *found = c->buffers.found;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < count; i++) {
		if (memcmp(made + i * stride, found + i * stride, len) == 0)
			continue;
		memcpy(made + i * stride, found + i * stride, len);
		if (level > 0)
			bits_set(&c->bad_below, first + i);
		r = tell(c, level - 1, first + i, false);
	}
	if (r == 0 && memcmp(made, found, c->v->tree.hash_block_bytes) != 0)
		r = tell(c, level, index, true);
	return r;
}

/* What lies below a bad block can't be trusted either way: it is passed over. */
static int check_block(struct check *c, int level, uint64_t index)
{
	struct below below = below_level(c->v, c->levels, level);
	uint64_t per = UINT64_C(1) << verity_per_block_bits(&c->v->tree);
	uint64_t first = index * per, count = MIN(per, below.count - first);
	struct verity *v = c->v;
	int r;

	if (bits_test(&c->bad, index)) {
		for (uint64_t i = 0; level > 0 && i < count; i++)
			bits_set(&c->bad_below, first + i);
		return verity_progress(v, count);
	}
	r = v->hash.read(v->hash.self,
			 (c->levels[level].start + index) * v->tree.hash_block_bytes,
			 v->tree.hash_block_bytes, c->buffers.found);
	if (r == 0)
		r = digest_below(v, &below, first, count, c->buffers.below, c->buffers.made);
	return r < 0 ? r : compare(c, level, index, first, count);
}

/* Top down, so that the first wrong block of a path is the one that is told. */
static int check_level(struct check *c, int level)
{
	int r = bits_init(&c->bad_below, level ? c->levels[level - 1].count : 0);

	if (r < 0)
		return bp_fail_memory(c->v->ctx);
	for (uint64_t i = 0; r == 0 && i < c->levels[level].count; i++)
		r = check_block(c, level, i);
	bits_done(&c->bad);
	c->bad = c->bad_below;
	c->bad_below = (struct bits){ 0 };
	return r;
}

/* The root digest is the caller's: without it a tree proves nothing. */
int verity_check(struct verity *v, const uint8_t *root_digest)
{
	_cleanup_(check_done) struct check c = { .v = v };
	int r = buffers_init(v, &c.buffers);

	c.nr = verity_levels(&v->tree, c.levels);
	v->total = v->tree.nr_data_blocks + v->tree.nr_hash_blocks;
	if (r == 0 && bits_init(&c.bad, 1) < 0)
		r = bp_fail_memory(v->ctx);
	if (r == 0)
		r = root_of(v, c.levels, c.nr, c.buffers.below, v->tree.root_digest);
	if (r == 0 && memcmp(v->tree.root_digest, root_digest, v->tree.digest_bytes) != 0) {
		bits_set(&c.bad, 0);
		r = tell(&c, c.nr - 1, 0, false);
	}
	for (int i = c.nr; r == 0 && i-- > 0;)
		r = check_level(&c, i);
	return r;
}
