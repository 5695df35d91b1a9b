/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Caches as they are asked for, and single fields changed. Nothing is judged but the options. */
#include <bedplate/metadata_generate.h>

#include "core/opts.h"
#include "formats/cache/build.h"
#include "formats/cache/meta.h"
#include "formats/check/leak.h"

#include <inttypes.h>

static int refuse(struct bp_ctx *ctx, const char *why)
{
	int r = bp_fail(ctx, -EINVAL, "%s", why);

	error_set_code(ctx, BP_E_USAGE);
	return r;
}

static uint64_t scatter(uint64_t i)
{
	i ^= i >> 31;
	i *= UINT64_C(0x9e3779b97f4a7c15);
	return i ^ i >> 29;
}

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static int fill_defaults(struct bp_ctx *ctx, struct bp_cache_generate_opts *o)
{
	uint64_t mapped;

	o->version = o->version ? o->version : CACHE_VERSION;
	o->data_block_sectors = o->data_block_sectors ? o->data_block_sectors : 128;
	o->nr_cache_blocks = o->nr_cache_blocks ? o->nr_cache_blocks : 10240;
	o->nr_origin_blocks = o->nr_origin_blocks ? o->nr_origin_blocks : 1048576;
	o->hotspot_blocks = o->hotspot_blocks ? o->hotspot_blocks : 1;
	if (o->version > CACHE_VERSION)
		return refuse(ctx, "metadata version: there are 1 and 2");
	if (!cache_block_sectors_valid(o->data_block_sectors))
		return refuse(ctx,
			      "cache block size: a multiple of 64 sectors, at most 2097152");
	if (o->percent_resident > 100 || o->percent_dirty > 100)
		return refuse(ctx, "percentages: at most 100");
	mapped = (uint64_t)o->nr_cache_blocks * o->percent_resident / 100;
	if (o->nr_origin_blocks / o->hotspot_blocks < DIV_UP(mapped, o->hotspot_blocks) ||
	    o->nr_origin_blocks > UINT64_C(1) << 48)
		return refuse(ctx, "blocks of the origin: too few for those that are to be "
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
					scatter(i) % 100 < o->percent_dirty);
		if (++done % o->hotspot_blocks == 0)
			spot = spot < spots - stride ? spot + stride : spot - (spots - stride);
	}
	return r;
}

static int make_hints(struct cache_build *cb, const struct bp_cache_generate_opts *o)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < o->nr_cache_blocks; i++) {
		const uint8_t hint[CACHE_HINT_BYTES] = { (uint8_t)(scatter(~i) % 64) };

		r = cache_build_hint(cb, (uint32_t)i, hint);
	}
	return r;
}

static int generate(struct bp_ctx *ctx, struct io *io, const struct bp_cache_generate_opts *o)
{
	const struct cache_make make = {
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
		r = cache_build_start(&cb, &make);
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
	struct bp_cache_generate_opts o;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = fill_defaults(ctx, &o);
	if (r == 0)
		r = io_open(ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	r = generate(ctx, io, &o);
	io_close(io);
	return r;
}

/* --- what is there, changed --- */

static void set_field(struct cache_superblock_disk *disk, enum bp_cache_set what,
		      uint32_t value)
{
	uint32_t bit = what == BP_CACHE_SET_CLEAN ? BP_CACHE_CLEAN : BP_CACHE_NEEDS_CHECK;
	uint32_t flags = le32_get(disk->flags);

	if (what == BP_CACHE_SET_VERSION)
		disk->version = le32_make(value);
	else
		disk->flags = le32_make(value ? flags | bit : flags & ~bit);
}

/* Read block 0, which must be a superblock that can be used, or another of any version. */
static int read_superblock(struct bp_ctx *ctx, struct io *io, void *buf)
{
	int r = io_read(io, 0, 1, buf);

	if (r < 0)
		return bp_fail(ctx, r, "cannot read the superblock: %s", strerrordesc_np(-r));
	r = cache_sb_check(ctx, buf);
	return r == -ENOTSUP ? 0 : r;
}

int bp_cache_set(struct bp_ctx *ctx, const char *path, enum bp_cache_set what, uint32_t value)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct io *io;
	int r = buf ? io_open(ctx, path, IO_WRITE, &io) : bp_fail_memory(ctx);

	if (r < 0)
		return r;
	r = read_superblock(ctx, io, buf);
	if (r == 0) {
		set_field(buf, what, value);
		block_seal(buf, BLOCK_CACHE_SUPERBLOCK, 0);
		r = leak_write(ctx, io, 0, buf);
	}
	io_close(io);
	return r;
}

int bp_cache_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks, unsigned expected,
		  unsigned actual)
{
	_cleanup_(freep) struct cache_superblock_disk *buf = io_buffer_new(1);
	const struct leak leak = { nr_blocks, expected, actual };
	struct io *io;
	int r = buf ? io_open(ctx, path, IO_WRITE, &io) : bp_fail_memory(ctx);

	if (r < 0)
		return r;
	r = read_superblock(ctx, io, buf);
	if (r == 0)
		r = leak_make(ctx, io, buf->metadata_space_map_root, &leak);
	if (r == 0) {
		block_seal(buf, BLOCK_CACHE_SUPERBLOCK, 0);
		r = leak_write(ctx, io, 0, buf);
	}
	io_close(io);
	return r;
}
