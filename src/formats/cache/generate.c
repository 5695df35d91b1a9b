/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Caches as they are asked for, and single fields changed. Nothing is judged but the options. */
#include <bedplate/metadata_generate.h>

#include "formats/cache/build.h"
#include "formats/cache/meta.h"
#include "formats/check/generate.h"

/* Euclid's; for a stride that visits every place. */
static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Zero is the default of each. */
static int settle(struct bp_ctx *ctx, void *opts)
{
	struct bp_cache_generate_opts *o = opts;
	uint64_t mapped;

	o->version = o->version ? o->version : CACHE_VERSION;
	o->data_block_sectors = o->data_block_sectors ? o->data_block_sectors : 128;
	o->nr_cache_blocks = o->nr_cache_blocks ? o->nr_cache_blocks : 10240;
	o->nr_origin_blocks = o->nr_origin_blocks ? o->nr_origin_blocks : 1048576;
	o->hotspot_blocks = o->hotspot_blocks ? o->hotspot_blocks : 1;
	if (o->version > CACHE_VERSION)
		return generate_refuse(ctx, "metadata version: there are 1 and 2");
	if (!cache_block_sectors_valid(o->data_block_sectors))
		return generate_refuse(
			ctx, "cache block size: a multiple of 64 sectors, at most 2097152");
	if (o->percent_resident > 100 || o->percent_dirty > 100)
		return generate_refuse(ctx, "percentages: at most 100");
	mapped = (uint64_t)o->nr_cache_blocks * o->percent_resident / 100;
	if (o->nr_origin_blocks / o->hotspot_blocks < DIV_UP(mapped, o->hotspot_blocks) ||
	    o->nr_origin_blocks > UINT64_C(1) << 48)
		return generate_refuse(ctx,
				       "blocks of the origin: too few for those that are to be "
				       "mapped, or more than 2^48");
	return 0;
}

/* Mapped cache blocks are spread evenly; hot spots lie anywhere, each block once. */
static int make_mappings(struct cache_build *cb, const struct bp_cache_generate_opts *o)
{
	uint64_t nr = o->nr_cache_blocks, mapped = nr * o->percent_resident / 100, done = 0;
	uint64_t spots = o->nr_origin_blocks / o->hotspot_blocks, stride = spots / 3 * 2 + 1;
	uint64_t spot = 0;
	int r = 0;

	while (common_divisor(stride, spots) != 1)
		stride++;
	stride %= MAX(spots, 1);
	for (uint64_t i = 0; r == 0 && i < nr; i++) {
		if ((i + 1) * mapped / nr == done)
			continue;
		r = cache_build_mapping(cb, (uint32_t)i,
					spot * o->hotspot_blocks + done % o->hotspot_blocks,
					generate_scatter(i) % 100 < o->percent_dirty);
		if (++done % o->hotspot_blocks == 0)
			spot = spot < spots - stride ? spot + stride : spot - (spots - stride);
	}
	return r;
}

/* Values as smq has them, 0 to 63. */
static int make_hints(struct cache_build *cb, const struct bp_cache_generate_opts *o)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < o->nr_cache_blocks; i++) {
		const uint8_t hint[CACHE_HINT_BYTES] = { (uint8_t)(generate_scatter(~i) % 64) };

		r = cache_build_hint(cb, (uint32_t)i, hint);
	}
	return r;
}

/* Clean, version 2 unless asked otherwise. */
static int make(struct bp_ctx *ctx, struct io *io, const void *opts)
{
	const struct bp_cache_generate_opts *o = opts;
	const struct cache_make how = {
		.flags = BP_CACHE_CLEAN,
		.version = o->version,
		.policy = "smq",
		.policy_version = { 2, 0, 0 },
		.hint_bytes = CACHE_HINT_BYTES,
		.data_block_sectors = o->data_block_sectors,
		.nr_cache_blocks = o->nr_cache_blocks,
	};
	struct cache_build cb;
	int r = cache_build_init(&cb, ctx, io);

	if (r == 0)
		r = cache_build_start(&cb, &how);
	if (r == 0)
		r = make_mappings(&cb, o);
	if (r == 0)
		r = make_hints(&cb, o);
	if (r == 0)
		r = cache_build_finish(&cb);
	cache_build_done(&cb);
	return r;
}

int bp_cache_generate(struct bp_ctx *ctx, const char *path,
		      const struct bp_cache_generate_opts *opts)
{
	static const struct generate_format format = {
		.opts_size = sizeof(*opts),
		.settle = settle,
		.make = make,
	};

	return generate_path(&format, ctx, path, opts);
}

/* --- what is there, changed --- */

/* One that can be used, or another of any version. */
static int usable(struct bp_ctx *ctx, const void *superblock)
{
	int r = cache_sb_check(ctx, superblock);

	return r == -ENOTSUP ? 0 : r;
}

static const struct generate_superblock superblock = {
	.kind = BLOCK_CACHE_SUPERBLOCK,
	.map_root = offsetof(struct cache_superblock_disk, metadata_space_map_root),
	.check = usable,
};

struct field {
	enum bp_cache_set what;
	uint32_t value;
};

/* One field, all else as it is: for tests of what kernels make of it. */
static void set_field(void *buf, const void *how)
{
	struct cache_superblock_disk *disk = buf;
	const struct field *f = how;
	uint32_t bit = f->what == BP_CACHE_SET_CLEAN ? BP_CACHE_CLEAN : BP_CACHE_NEEDS_CHECK;
	uint32_t flags = le32_get(disk->flags);

	if (f->what == BP_CACHE_SET_VERSION)
		disk->version = le32_make(f->value);
	else
		disk->flags = le32_make(f->value ? flags | bit : flags & ~bit);
}

int bp_cache_set(struct bp_ctx *ctx, const char *path, enum bp_cache_set what, uint32_t value)
{
	const struct field field = { what, value };

	return generate_change(&superblock, ctx, path, set_field, &field);
}

int bp_cache_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks, unsigned expected,
		  unsigned actual)
{
	const struct leak leak = { nr_blocks, expected, actual };

	return generate_leak(&superblock, ctx, path, &leak);
}
