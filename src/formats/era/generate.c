/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eras as they are asked for: each block written in one era in four, by chance. */
#include <bedplate/metadata_generate.h>

#include "formats/check/generate.h"
#include "formats/era/build.h"
#include "formats/era/meta.h"

/* Runs of up to 64 blocks, so that both forms of a dump have something to do. */
static int make_writeset(struct era_build *eb, uint32_t era, uint32_t nr)
{
	int r = era_build_writeset(eb, era, nr);

	for (uint64_t i = 0; r == 0 && i < nr; i += 256) {
		uint64_t chance = generate_scatter(i ^ (uint64_t)era << 32);
		uint64_t begin = MIN(i + chance % 128, (uint64_t)nr);

		r = era_build_written(eb, begin,
				      MIN(begin + (chance >> 20) % 128, (uint64_t)nr));
	}
	return r;
}

/* Digested eras below the writesets', so that both kinds have something. */
static int make(struct bp_ctx *ctx, struct io *io, const void *opts)
{
	const struct bp_era_generate_opts *o = opts;
	const struct era_make how = { o->data_block_sectors, o->nr_blocks, o->current_era };
	uint32_t digested = o->current_era - o->nr_writesets;
	struct era_build eb;
	int r = era_build_init(&eb, ctx, io);

	if (r == 0)
		r = era_build_start(&eb, &how);
	for (uint32_t i = 0; r == 0 && i < o->nr_writesets; i++)
		r = make_writeset(&eb, digested + 1 + i, o->nr_blocks);
	for (uint32_t i = 0; r == 0 && i < o->nr_blocks; i++)
		r = era_build_era(&eb, i,
				  (uint32_t)(generate_scatter(i) % (digested + UINT64_C(1))));
	if (r == 0)
		r = era_build_finish(&eb);
	era_build_done(&eb);
	return r;
}

/* Zero is the default of each. */
static int settle(struct bp_ctx *ctx, void *opts)
{
	struct bp_era_generate_opts *o = opts;

	o->data_block_sectors = o->data_block_sectors ? o->data_block_sectors : 128;
	o->nr_blocks = o->nr_blocks ? o->nr_blocks : 10240;
	if (!era_block_sectors_valid(o->data_block_sectors))
		return generate_refuse(ctx, "block size: a multiple of 8 sectors");
	if (o->nr_blocks > ERA_BLOCKS_MAX)
		return generate_refuse(ctx, "blocks: at most 2147483647");
	if (o->nr_writesets > o->current_era)
		return generate_refuse(ctx, "writesets: not more than there are eras");
	return 0;
}

int bp_era_generate(struct bp_ctx *ctx, const char *path,
		    const struct bp_era_generate_opts *opts)
{
	static const struct generate_format format = {
		.opts_size = sizeof(*opts),
		.settle = settle,
		.make = make,
	};

	return generate_path(&format, ctx, path, opts);
}

/* --- counts --- */

static int usable(struct bp_ctx *ctx, const void *superblock)
{
	return era_sb_check(ctx, superblock, 0);
}

int bp_era_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks, unsigned expected,
		unsigned actual)
{
	static const struct generate_superblock superblock = {
		.kind = BLOCK_ERA_SUPERBLOCK,
		.map_root = offsetof(struct era_superblock_disk, metadata_space_map_root),
		.check = usable,
	};
	const struct leak leak = { nr_blocks, expected, actual };

	return generate_leak(&superblock, ctx, path, &leak);
}
