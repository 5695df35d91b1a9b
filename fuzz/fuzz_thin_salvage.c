/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Salvage of any area: blocks of any kind with any content, their checksums right. Input: for
 * each block one byte for its kind, one for how much of it follows, then that much. What comes
 * out must check clean.
 */
#include "blocks.h"
#include "fuzz.h"

#include "formats/thin/plan.h"

#define BLOCKS 64u

static const enum block_kind kinds[] = { BLOCK_NODE,  BLOCK_NODE,
					 BLOCK_NODE,  BLOCK_THIN_SUPERBLOCK,
					 BLOCK_INDEX, BLOCK_BITMAP };

/* What breaks the promise is told first. */
static void tell(void *user, const struct bp_damage *damage)
{
	(void)user;
	if (damage->harm == BP_HARM_FATAL || damage->harm == BP_HARM_NONFATAL)
		fprintf(stderr, "%s\n", damage->what);
}

static void check(struct bp_ctx *ctx, struct io *io)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts),
						 .workers = 1,
						 .damage = tell };
	struct bp_thin_check_result res = { .size = sizeof(res) };

	promise(thin_check_io(ctx, io, CHECK_ONLY, &opts, &res) == 0);
	promise(res.nr_fatal == 0 && res.nr_nonfatal == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *area, *out;
	const struct bp_thin_repair_opts opts = {
		.size = sizeof(opts),
		.data_block_sectors = 128,
		.workers = 1,
	};
	struct bp_thin_plan *plan;
	struct bp_ctx *ctx;
	struct io *io, *to;

	if (!area) {
		area = io_buffer_new(BLOCKS);
		out = io_buffer_new(4 * BLOCKS);
	}
	promise(area && out);
	memset(area, 0, (size_t)BLOCKS * IO_BLOCK);
	blocks_fill(area, BLOCKS, kinds, ARRAY_SIZE(kinds), data, size);
	promise(bp_ctx_new(&ctx) == 0);
	promise(io_memory_new(area, (size_t)BLOCKS * IO_BLOCK, &io) == 0);
	if (thin_plan_io(ctx, io, &opts, &plan) == 0) {
		promise(io_memory_new(out, (size_t)4 * BLOCKS * IO_BLOCK, &to) == 0);
		if (thin_plan_write_io(plan, to) == 0)
			check(ctx, to);
		io_close(to);
		bp_thin_plan_free(plan);
	} else {
		promise(strlen(bp_errmsg(ctx)) > 0);
		io_close(io);
	}
	bp_ctx_free(ctx);
	return 0;
}
