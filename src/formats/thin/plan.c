/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan of what can be had of metadata. It looks at superblock and trees first; only where
 * these are not sound is the whole area read. Nothing is written by planning.
 */
#include "formats/thin/plan.h"

#include "core/opts.h"

#include <inttypes.h>

static int report_progress(void *user, bp_mblock done, bp_mblock total)
{
	const struct bp_thin_plan *plan = user;

	if (plan->opts.progress(plan->opts.user, plan->stage, done, total))
		return bp_fail(plan->ctx, -ECANCELED, "canceled");
	return 0;
}

static void set_stage(struct bp_thin_plan *plan, struct meta *meta, const char *stage)
{
	plan->stage = stage;
	if (plan->opts.progress) {
		meta->progress = report_progress;
		meta->progress_user = plan;
	}
}

/* --- superblock --- */

/* Is it one whose checksum alone is wrong? Its fields are hints then, no more. */
static bool is_plausible(const struct thin_sb *sb)
{
	return sb->magic == THIN_MAGIC && sb->blocknr == 0 &&
	       thin_block_sectors_valid(sb->pub.data_block_sectors) &&
	       sb->metadata_block_sectors == THIN_METADATA_BLOCK_SECTORS;
}

static int read_superblock(struct bp_thin_plan *plan)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct error_state *before;

	if (!buf)
		return bp_fail_memory(plan->ctx);
	if (io_read(plan->io, 0, 1, buf) < 0)
		memset(buf, 0, IO_BLOCK); /* as good as gone */
	before = error_save(plan->ctx);
	plan->sum.superblock_damaged = thin_sb_check(plan->ctx, buf, 0) < 0;
	error_restore(plan->ctx, before);
	thin_sb_decode(buf, 0, &plan->live);
	memcpy(plan->start, buf, sizeof(plan->start));
	plan->plausible = plan->sum.superblock_damaged && is_plausible(&plan->live);
	return 0;
}

void plan_take_options(struct bp_thin_plan *plan)
{
	struct bp_thin_superblock *sb = &plan->sum.superblock;

	if (plan->opts.data_block_sectors) {
		sb->data_block_sectors = plan->opts.data_block_sectors;
		plan->sum.block_size = BP_THIN_FROM_CALLER;
	}
	if (plan->opts.nr_data_blocks) {
		sb->nr_data_blocks = plan->opts.nr_data_blocks;
		plan->sum.size_of_data = BP_THIN_FROM_CALLER;
	}
	if (plan->opts.flags & BP_THIN_REPAIR_TRANSACTION) {
		sb->transaction_id = plan->opts.transaction_id;
		plan->sum.transaction = BP_THIN_FROM_CALLER;
	}
}

/*
 * What a sound superblock says, but for what must not go into new metadata: flags, and a
 * metadata snapshot.
 */
static void take_superblock(struct bp_thin_plan *plan)
{
	struct bp_thin_superblock *sb = &plan->sum.superblock;

	*sb = plan->live.pub;
	sb->flags = 0;
	sb->version = THIN_VERSION;
	sb->metadata_snap = 0;
	plan->sum.roots = plan->sum.block_size = plan->sum.size_of_data =
		plan->sum.transaction = BP_THIN_FROM_SUPERBLOCK;
	if (plan->opts.mapping_root)
		sb->mapping_root = plan->opts.mapping_root;
	if (plan->opts.details_root)
		sb->details_root = plan->opts.details_root;
	if (plan->opts.mapping_root || plan->opts.details_root)
		plan->sum.roots = BP_THIN_FROM_CALLER;
	plan_take_options(plan);
}

/* --- what is sound --- */

/*
 * -EUCLEAN: the trees are not whole. The context's message stays what it was: this is a
 * question, not a failure.
 */
int plan_walk(struct bp_thin_plan *plan)
{
	struct error_state *before = error_save(plan->ctx);
	int r = thin_devices_read(&plan->tm, &plan->devices);

	error_restore(plan->ctx, before);
	if (r == -EUCLEAN || r == -EBADMSG || r == -EIO)
		return -EUCLEAN;
	set_stage(plan, &plan->tm.meta, "trees");
	plan->emit.find_last = true;
	if (r == 0)
		r = thin_emit_walk(&plan->emit, &plan->tm.meta, plan->devices.list.items,
				   plan->devices.list.count);
	return r == 0 && plan->emit.forest.nr_errors ? -EUCLEAN : r;
}

static void forget_walk(struct bp_thin_plan *plan)
{
	thin_emit_done(&plan->emit);
	plan->emit = (struct thin_emit){ 0 };
	thin_devices_done(&plan->devices);
}

/* As many mappings as the details say, none beyond the data device, and all seen. */
static bool counts_agree(const struct bp_thin_plan *plan)
{
	for (size_t i = 0; i < plan->devices.list.count; i++) {
		const struct thin_device *d = &plan->devices.list.items[i];

		if (forest_entries(&plan->emit.forest, d->root) != d->details.mapped_dblocks)
			return false;
	}
	return true;
}

/*
 * The short way: trees that are whole need no search through the area. *ret_done false:
 * they are not.
 */
int plan_sound(struct bp_thin_plan *plan, bool *ret_done)
{
	struct salvage_devices none = { 0 };
	int r;

	*ret_done = false;
	take_superblock(plan);
	plan->tm.meta = (struct meta){
		.ctx = plan->ctx,
		.io = plan->io,
		.nr_blocks = thin_usable_blocks(plan->io, &plan->live),
		.workers = plan->opts.workers,
	};
	plan->tm.live = plan->tm.sb = plan->live;
	plan->tm.sb.pub = plan->sum.superblock;
	r = plan_walk(plan);
	if (r == 0 && counts_agree(plan) &&
	    (plan->emit.data_last < plan->sum.superblock.nr_data_blocks ||
	     !plan->emit.data_last)) {
		*ret_done = true;
		return plan_judge(plan, &none);
	}
	forget_walk(plan);
	return r == -EUCLEAN ? 0 : r;
}

/* --- the whole --- */

/* Before the area is read, which takes long. */
static int check_options(struct bp_thin_plan *plan)
{
	uint32_t sectors = plan->opts.data_block_sectors;

	if (!sectors || thin_block_sectors_valid(sectors))
		return 0;
	bp_fail(plan->ctx, -EINVAL,
		"invalid data block size: %" PRIu32
		" sectors are not a multiple of %d from %d to %d",
		sectors, THIN_DATA_BLOCK_SECTORS_FACTOR, THIN_DATA_BLOCK_SECTORS_MIN,
		THIN_DATA_BLOCK_SECTORS_MAX);
	error_set_code(plan->ctx, BP_E_USAGE);
	return -EINVAL;
}

/* Superblock, trees, and only if those are not whole all of the area. */
static int make_plan(struct bp_thin_plan *plan)
{
	bool done = false;
	int r = check_options(plan);

	if (r == 0)
		r = read_superblock(plan);
	if (r == 0 && !plan->sum.superblock_damaged)
		r = plan_sound(plan, &done);
	if (r < 0 || done)
		return r;
	plan->sum.scanned = true;
	plan->salvage.meta = meta_of(plan->ctx, plan->io, plan->opts.workers);
	set_stage(plan, &plan->salvage.meta, "area");
	r = salvage_scan(&plan->salvage);
	if (r == 0)
		r = plan_salvage(plan);
	return r == -ENOMEM ? bp_fail_memory(plan->ctx) : r;
}

/* Takes @take_io when it succeeds. */
int thin_plan_io(struct bp_ctx *ctx, struct io *take_io, const struct bp_thin_repair_opts *opts,
		 struct bp_thin_plan **ret)
{
	struct bp_thin_plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return bp_fail_memory(ctx);
	plan->ctx = ctx;
	plan->io = take_io;
	r = opts_read(ctx, &plan->opts, sizeof(plan->opts), opts);
	if (r == 0)
		r = make_plan(plan);
	if (r < 0) {
		bp_thin_plan_free(plan);
		return r;
	}
	plan->own_io = true;
	*ret = plan;
	return 0;
}

/* Reads only: what it writes is a later call's business, with another path. */
int bp_thin_plan(struct bp_ctx *ctx, const char *path, const struct bp_thin_repair_opts *opts,
		 struct bp_thin_plan **ret)
{
	_cleanup_(freep) char *copy = strdup(path);
	struct bp_thin_repair_opts o;
	struct io *io;
	int r = copy ? opts_read(ctx, &o, sizeof(o), opts) : bp_fail_memory(ctx);

	if (r == 0)
		r = io_open(ctx, path, 0, &io);
	if (r < 0)
		return r;
	r = io_taken(ctx, path, io, thin_plan_io(ctx, io, &o, ret));
	if (r < 0)
		return r;
	(*ret)->path = steal(copy);
	return 0;
}

void bp_thin_plan_free(struct bp_thin_plan *plan)
{
	if (!plan)
		return;
	forget_walk(plan);
	salvage_done(&plan->salvage);
	vec_done(&plan->list);
	vec_done(&plan->losses);
	vec_done(&plan->olds);
	arena_done(&plan->words);
	free(plan->path);
	if (plan->own_io)
		io_close(plan->io);
	free(plan);
}

struct bp_thin_meta *bp_thin_plan_meta(struct bp_thin_plan *plan)
{
	return &plan->tm;
}
