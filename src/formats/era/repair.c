/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing: the input is read and judged whole before anything is written; then it is read once
 * more, made whole, and built anew. The plan is the first half alone.
 */
#include "formats/era/repair.h"

#include "formats/check/rebuild.h"
#include "formats/era/build.h"
#include "formats/era/salvage.h"
#include "pdata/refuse.h"

#include <inttypes.h>

#define SALVAGE (ERA_SALVAGE_JUDGE | ERA_SALVAGE_WHOLE)

struct repair {
	struct rebuild base;
	struct bp_era_repair_opts opts;
	struct bp_era_repair_result res;
	struct bp_era_meta em;
	struct era_build build;
};

static struct repair *repair_of(struct rebuild *base)
{
	return (struct repair *)(void *)base;
}

/* --- the superblock, or the copy of a metadata snapshot --- */

/* A block that is the copy: @block's own number, and right in itself. */
static bool is_copy(struct repair *re, const void *buf, bp_mblock block)
{
	struct era_sb sb;

	if (block_check(buf, BLOCK_ERA_SUPERBLOCK, block) != BLOCK_OK)
		return false;
	era_sb_decode(buf, block, &sb);
	if (sb.magic != ERA_MAGIC || sb.pub.version != ERA_VERSION)
		return false;
	/* Of several, left over from earlier ones, the latest. */
	return !re->res.snapshot || sb.pub.current_era > re->em.sb.pub.current_era;
}

/*
 * All of the area, holes left out; the last one found is taken, as the kernel has one at
 * most.
 */
static int find_copy(struct repair *re)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(1);
	struct meta *meta = &re->em.meta;
	bp_mblock at = 1, begin, end;
	int r = buf ? 0 : bp_fail_memory(re->base.ctx);

	while (r == 0 && at < meta->nr_blocks) {
		r = io_data_next(meta->io, at, &begin, &end);
		end = MIN(end, meta->nr_blocks);
		for (at = begin; r == 0 && at < end; at++) {
			if (io_read(meta->io, at, 1, buf) < 0 || !is_copy(re, buf, at))
				continue;
			re->res.snapshot = at;
			era_sb_decode(buf, at, &re->em.sb);
		}
		at = MAX(begin, end);
	}
	if (r == 0 && !re->res.snapshot) {
		r = bp_fail(re->base.ctx, -ENODATA,
			    "block 0 is no superblock that can be used, and there is no "
			    "metadata snapshot");
		superblock_cause_of(re->base.ctx, meta->io);
	}
	return r;
}

/*
 * What was written since the snapshot is not known. Its current era is the first of that time:
 * that gets a writeset of all blocks, and the next activation begins another.
 */
static int use_copy(struct repair *re)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_SUPERBLOCK, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_SUPERBLOCK, .block = 0,
		       .what = "superblock: lost; what was written after the metadata snapshot "
			       "is not known, all blocks count as written since");
	int r = find_copy(re);

	if (r < 0)
		return r;
	re->em.sb.pub.current_root = 0;
	re->em.last_era = re->em.sb.pub.current_era;
	re->em.needs_last = true;
	return rebuild_lost(&re->base, &damage);
}

/* Nothing else says what they are. */
static int refuse_superblock(const struct repair *re)
{
	const struct bp_era_superblock *sb = &re->em.sb.pub;

	if (era_block_sectors_valid(sb->data_block_sectors) && sb->nr_blocks <= ERA_BLOCKS_MAX)
		return 0;
	bp_fail(re->base.ctx, -EUCLEAN,
		"superblock: data_block_size (sectors) %" PRIu32 ", nr_blocks %" PRIu32
		": no kernel takes them",
		sb->data_block_sectors, sb->nr_blocks);
	error_set_hint(re->base.ctx,
		       "they are known by the table of the target: put them right "
		       "in the text of era_dump --repair, and restore it");
	return -EUCLEAN;
}

/* Block 0, or a metadata snapshot in its place. */
static int open_input(struct rebuild *base, struct io *from)
{
	struct repair *re = repair_of(base);
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : bp_fail_memory(re->base.ctx);

	if (r < 0)
		return r;
	re->em.meta = meta_of(re->base.ctx, from, 0);
	r = io_read(from, 0, 1, buf);
	if (r == 0)
		r = era_sb_check(re->base.ctx, buf, 0);
	if (r == -ENOMEM || r == -ENOTSUP)
		return r;
	if (r < 0) {
		r = use_copy(re);
		return r == 0 ? refuse_superblock(re) : r;
	}
	era_sb_decode(buf, 0, &re->em.sb);
	re->em.meta.nr_blocks = era_usable_blocks(from, &re->em.sb);
	re->em.last_era = era_last_archived(&re->em.sb, false);
	return refuse_superblock(re);
}

/* --- reading, twice --- */

static int count_writeset(void *user, uint64_t era, uint32_t nr_bits)
{
	struct repair *re = user;

	(void)era;
	(void)nr_bits;
	re->res.nr_writesets++;
	return 0;
}

static int read_all(struct repair *re, const struct era_taker *taker)
{
	const struct loss_ears ears = rebuild_ears(&re->base);
	int r = era_salvage_writesets(&re->em, SALVAGE, &ears, taker);

	return r == 0 ? era_salvage_array(&re->em, SALVAGE, &ears, taker) : r;
}

static int plan(struct rebuild *base)
{
	struct repair *re = repair_of(base);
	const struct era_taker taker = { .writeset = count_writeset, .user = re };

	re->res.nr_blocks = re->em.sb.pub.nr_blocks;
	re->res.current_era = re->em.sb.pub.current_era;
	return read_all(re, &taker);
}

static int on_writeset(void *user, uint64_t era, uint32_t nr_bits)
{
	struct repair *re = user;

	return era_build_writeset(&re->build, (uint32_t)era, nr_bits);
}

static int on_written(void *user, uint64_t begin, uint64_t end)
{
	struct repair *re = user;

	return era_build_written(&re->build, begin, end);
}

/* In order, as the array is built from left to right. */
static int on_eras(void *user, uint64_t begin, uint64_t end, const le32 *eras)
{
	struct repair *re = user;
	uint32_t nr = re->em.sb.pub.nr_blocks;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++)
		r = era_build_era(&re->build, (uint32_t)i, le32_get(eras[i - begin]));
	return r == 0 ? rebuild_progress(&re->base, end, nr) : r;
}

/* Read and written in one pass: memory doesn't grow with the size of the origin. */
static int write_all(struct rebuild *base, struct io *to)
{
	struct repair *re = repair_of(base);
	const struct bp_era_superblock *sb = &re->em.sb.pub;
	const struct era_make make = {
		.data_block_sectors = sb->data_block_sectors,
		.nr_blocks = sb->nr_blocks,
		.current_era = sb->current_era,
	};
	const struct era_taker taker = {
		.writeset = on_writeset,
		.written = on_written,
		.eras = on_eras,
		.user = re,
	};
	int r = era_build_init(&re->build, base->ctx, to);

	if (r == 0)
		r = era_build_start(&re->build, &make);
	if (r == 0)
		r = read_all(re, &taker);
	return r == 0 ? era_build_finish(&re->build) : r;
}

/* --- the whole --- */

static int begin(struct rebuild *base)
{
	struct repair *re = repair_of(base);

	base->how = REBUILD_HOW(&re->opts);
	base->lost = &re->res.nr_damages;
	return 0;
}

static void done(struct rebuild *base)
{
	era_build_done(&repair_of(base)->build);
}

static const struct rebuild_format format = {
	.shape = CALL_SHAPE(struct repair, struct bp_era_repair_opts,
			    struct bp_era_repair_result),
	.begin = begin,
	.open = open_input,
	.plan = plan,
	.write = write_all,
	.done = done,
};

int era_repair_io(struct bp_ctx *ctx, struct io *from, struct io *to,
		  const struct bp_era_repair_opts *opts, struct bp_era_repair_result *ret)
{
	return rebuild_io(&format, ctx, from, to, opts, ret);
}

int bp_era_repair_plan(struct bp_ctx *ctx, const char *input,
		       const struct bp_era_repair_opts *opts, struct bp_era_repair_result *ret)
{
	return rebuild_path(&format, ctx, input, NULL, opts, ret);
}

int bp_era_repair(struct bp_ctx *ctx, const char *input, const char *output,
		  const struct bp_era_repair_opts *opts, struct bp_era_repair_result *ret)
{
	return rebuild_path(&format, ctx, input, output, opts, ret);
}
