/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Eras as they are asked for: each block written in one era in four, by chance. */
#include <bedplate/metadata_generate.h>

#include "core/opts.h"
#include "formats/era/build.h"
#include "formats/era/meta.h"

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

/* Runs of up to 64 blocks, so that both forms of a dump have something to do. */
static int make_writeset(struct era_build *eb, uint32_t era, uint32_t nr)
{
	int r = era_build_writeset(eb, era, nr);

	for (uint64_t i = 0; r == 0 && i < nr; i += 256) {
		uint64_t chance = scatter(i ^ (uint64_t)era << 32);
		uint64_t begin = MIN(i + chance % 128, (uint64_t)nr);

		r = era_build_written(eb, begin,
				      MIN(begin + (chance >> 20) % 128, (uint64_t)nr));
	}
	return r;
}

static int generate(struct bp_ctx *ctx, struct io *io, const struct bp_era_generate_opts *o)
{
	const struct era_make make = { o->data_block_sectors, o->nr_blocks, o->current_era };
	uint32_t digested = o->current_era - o->nr_writesets;
	struct era_build eb;
	int r = era_build_init(&eb, ctx, io);

	if (r == 0)
		r = era_build_start(&eb, &make);
	for (uint32_t i = 0; r == 0 && i < o->nr_writesets; i++)
		r = make_writeset(&eb, digested + 1 + i, o->nr_blocks);
	for (uint32_t i = 0; r == 0 && i < o->nr_blocks; i++)
		r = era_build_era(&eb, i, (uint32_t)(scatter(i) % (digested + UINT64_C(1))));
	if (r == 0)
		r = era_build_finish(&eb);
	era_build_done(&eb);
	return r;
}

int bp_era_generate(struct bp_ctx *ctx, const char *path,
		    const struct bp_era_generate_opts *opts)
{
	struct bp_era_generate_opts o;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	o.data_block_sectors = o.data_block_sectors ? o.data_block_sectors : 128;
	o.nr_blocks = o.nr_blocks ? o.nr_blocks : 10240;
	if (!era_block_sectors_valid(o.data_block_sectors))
		return refuse(ctx, "block size: a multiple of 8 sectors");
	if (o.nr_blocks > ERA_BLOCKS_MAX)
		return refuse(ctx, "blocks: at most 2147483647");
	if (o.nr_writesets > o.current_era)
		return refuse(ctx, "writesets: not more than there are eras");
	r = io_open(ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	r = generate(ctx, io, &o);
	io_close(io);
	return r;
}
