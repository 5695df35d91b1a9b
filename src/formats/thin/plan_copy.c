/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata that are whole need not be made anew: what is in use is copied, block by block to where
 * it was. No verdict comes from here: what was copied is checked as all that a plan writes is, and where
 * it does not check clean (or can't be read) it is made anew after all.
 */
#include "formats/thin/disk.h"
#include "formats/thin/free.h"
#include "formats/thin/plan.h"
#include "io/behind.h"

#include <inttypes.h>

struct copy {
	struct bp_thin_plan *plan;
	struct io_behind *behind;
	bp_mblock next; /* blocks below were copied, or are free */
	bp_mblock end;
	int failed; /* not for what there is to copy: making it anew would fail as well */
};

/*
 * As they are: nothing of them was chosen, and nothing but the devices of now is in them. The
 * space map has to count just as many blocks as there will be.
 */
bool plan_can_copy(const struct bp_thin_plan *plan, const struct io *to)
{
	const struct bp_thin_plan_summary *sum = &plan->sum;

	return !sum->superblock_damaged && !sum->scanned && !plan->graft &&
	       sum->roots == BP_THIN_FROM_SUPERBLOCK &&
	       sum->block_size == BP_THIN_FROM_SUPERBLOCK &&
	       sum->size_of_data == BP_THIN_FROM_SUPERBLOCK &&
	       sum->transaction == BP_THIN_FROM_SUPERBLOCK &&
	       plan->live.pub.version == sum->superblock.version &&
	       plan->live.pub.metadata_snap == 0 &&
	       plan->live.metadata_sm.nr_blocks == MIN(to->nr_blocks, META_MAX_BLOCKS) &&
	       plan->live.metadata_sm.nr_blocks <= plan->io->nr_blocks;
}

static int report_progress(const struct copy *c)
{
	const struct bp_thin_plan *plan = c->plan;

	if (plan->opts.progress &&
	    plan->opts.progress(plan->opts.user, "output", c->next, c->end))
		return bp_fail(plan->ctx, -ECANCELED, "canceled");
	return 0;
}

/* All that was given so far, or why it could not be. */
static int wait_for_writes(struct copy *c)
{
	int r = io_behind_wait(c->behind);

	return r < 0 ? bp_fail(c->plan->ctx, r, "cannot write from block %" PRIu64 " on: %s",
			       io_behind_failed(c->behind), strerrordesc_np(-r))
		     : 0;
}

/* A buffer of it at a time, that is written while the next is read. */
static int copy_until(struct copy *c, bp_mblock end)
{
	int r = 0;

	while (r == 0 && c->failed == 0 && c->next < end) {
		size_t count = (size_t)MIN(IO_BEHIND_BLOCKS, end - c->next);

		r = io_read(c->plan->io, c->next, count, io_behind_buffer(c->behind));
		if (r < 0)
			break;
		if (io_behind_write(c->behind, c->next, count) < 0)
			c->failed = wait_for_writes(c);
		c->next += count;
		if (c->failed == 0)
			c->failed = report_progress(c);
	}
	return r < 0 ? r : c->failed;
}

static int on_free(void *user, uint64_t begin, uint64_t length)
{
	struct copy *c = user;
	int r = copy_until(c, begin);

	c->next = begin + length;
	return r;
}

/* Flags are gone: what they ask for is done. */
static int copy_superblock(struct copy *c, struct io *to)
{
	_cleanup_(freep) struct thin_superblock_disk *sb = io_buffer_new(1);
	int r;

	if (!sb)
		return c->failed = bp_fail_memory(c->plan->ctx);
	r = io_read(c->plan->io, 0, 1, sb);
	if (r < 0)
		return r;
	sb->flags = le32_make(0);
	block_seal(sb, BLOCK_THIN_SUPERBLOCK, 0);
	return io_write(to, 0, 1, sb); /* it is held: that can't fail */
}

/* Neighbours that are in use lie between runs of free ones. */
static int copy_used(struct copy *c, struct io *to)
{
	const struct sm_root *map = &c->plan->live.metadata_sm;
	int r = thin_free_runs(&c->plan->tm.meta, THIN_MAP_METADATA, map, on_free, c);

	if (r == 0)
		r = copy_until(c, c->end);
	if (r == 0)
		r = c->failed = wait_for_writes(c);
	return r < 0 ? r : copy_superblock(c, to);
}

int plan_copy(struct bp_thin_plan *plan, struct io *to)
{
	_cleanup_(freep) void *zeros = io_buffer_new(1);
	struct copy c = { .plan = plan, .next = 1, .end = plan->live.metadata_sm.nr_blocks };
	int r = zeros ? io_behind_new(to, &c.behind) : -ENOMEM;

	if (r < 0)
		return bp_fail_memory(plan->ctx);
	r = io_write(to, 0, 1, memset(zeros, 0, IO_BLOCK));
	if (r < 0)
		c.failed =
			bp_fail(plan->ctx, r, "cannot write block 0: %s", strerrordesc_np(-r));
	else
		r = copy_used(&c, to);
	io_behind_free(c.behind);
	if (c.failed || r == -ENOMEM)
		return c.failed ? c.failed : r;
	return r < 0 ? -EUCLEAN : 0;
}
