/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Checking a volume offline: what its blocks say of themselves, and its reference counts against
 * the block map. The recovery journal is not replayed: in a volume that was not stopped cleanly
 * counts and map may rightly differ, and differences are remarks. Data is not read, but for the
 * heads of compressed blocks.
 */
#include "core/opts.h"
#include "formats/vdo/vdo.h"
#include "pdata/refuse.h"

#include <inttypes.h>
#include <stdio.h>

/* In the counts that are expected: a page of the block map. Data has 254 references at most. */
#define EXPECT_PAGE 255

struct check {
	struct bp_ctx *ctx;
	const struct bp_vdo_check_opts *opts;
	struct bp_vdo_check_result *res;
	struct bp_vdo_image *image;
	uint8_t **expected; /* by slab; NULL: nothing is expected there */
	struct vdo_compressed_disk *compressed;
	bp_mblock compressed_block; /* what is in it; BP_NONE: nothing */
};

static void tell(struct check *c, struct bp_damage *damage, const char *fmt, ...)
	_printf_(3, 4);

static void tell(struct check *c, struct bp_damage *damage, const char *fmt, ...)
{
	char text[320];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	damage->what = text;
	c->res->nr_fatal += damage->harm == BP_HARM_FATAL;
	c->res->nr_nonfatal += damage->harm == BP_HARM_NONFATAL;
	c->res->nr_remarks += damage->harm == BP_HARM_REMARK;
	if (c->opts->damage)
		c->opts->damage(c->opts->user, damage);
}

/* BP_NONE in all that a kind of damage doesn't have. */
static struct bp_damage damage_of(enum bp_damage_kind kind, enum bp_harm harm,
				  enum bp_damage_place place, bp_mblock block)
{
	return (struct bp_damage){
		.kind = kind,
		.harm = harm,
		.place = place,
		.block = block,
		.parent = BP_NONE,
		.device = BP_NONE,
		.begin = BP_NONE,
		.end = BP_NONE,
		.expected = BP_NONE,
		.actual = BP_NONE,
	};
}

/* What is a fault in a volume at rest, and may be of the moment in another. */
static enum bp_harm harm_of(const struct check *c, enum bp_harm at_rest)
{
	return c->res->counts_final ? at_rest : BP_HARM_REMARK;
}

static int progress(struct check *c, const char *stage, uint64_t done, uint64_t total)
{
	if (c->opts->progress && c->opts->progress(c->opts->user, stage, done, total))
		return bp_fail(c->ctx, -ECANCELED, "stopped");
	return 0;
}

/* --- geometry and super block --- */

static void on_problem(void *user, const struct vdo_problem *problem)
{
	struct bp_damage damage =
		damage_of(problem->kind, problem->harm, problem->place, problem->block);

	tell(user, &damage, "%s", problem->what);
}

/* --- the block map --- */

/* The slab and the place in it of a data block; false: it is none. */
static bool slab_find(const struct check *c, bp_mblock block, uint64_t *ret_slab,
		      bp_mblock *ret_at)
{
	const struct bp_vdo_volume *v = &c->image->volume;

	if (block < v->depot_start_mblock)
		return false;
	*ret_slab = (block - v->depot_start_mblock) / v->slab_mblocks;
	*ret_at = (block - v->depot_start_mblock) % v->slab_mblocks;
	return *ret_slab < v->nr_slabs && *ret_at < v->slab_data_mblocks;
}

/* The expected count of a data block, made on first need; NULL: no memory. */
static uint8_t *expected_of(struct check *c, uint64_t slab, bp_mblock at)
{
	if (!c->expected[slab])
		c->expected[slab] = calloc_many(c->image->volume.slab_data_mblocks, 1);
	return c->expected[slab] ? &c->expected[slab][at] : NULL;
}

/* An entry that can't be: what is below it, or the logical block, is lost. */
static int bad_entry(struct check *c, const struct vdo_place *place, enum bp_damage_kind kind,
		     enum bp_harm harm, const struct vdo_mapping *to, const char *why)
{
	struct bp_damage damage = damage_of(kind, harm, BP_PLACE_VDO_BLOCK_MAP, place->page);

	damage.begin = place->logical;
	if (place->height == 0)
		damage.end = place->logical + 1;
	tell(c, &damage,
	     "block map, page %" PRIu64 ", entry %u (%s logical block %" PRIu64
	     "): block %" PRIu64 ", state %u: %s",
	     place->page, place->slot, place->height ? "from" : "of", place->logical, to->block,
	     to->state, why);
	return place->height ? 1 : 0;
}

/* Pages of the block map lie in slabs too, and have one reference. */
static int on_page(struct check *c, const struct vdo_place *place, const struct vdo_mapping *to,
		   uint8_t *expected)
{
	if (to->state != VDO_MAPPED)
		return bad_entry(c, place, BP_DAMAGE_NODE_HEADER, BP_HARM_FATAL, to,
				 "a page can't be compressed");
	if (*expected)
		return bad_entry(c, place, BP_DAMAGE_CROSS_LINK, BP_HARM_FATAL, to,
				 "the page is used elsewhere too");
	*expected = EXPECT_PAGE;
	c->res->nr_map_pages++;
	return progress(c, "block map", c->res->nr_map_pages, c->image->volume.map_mblocks);
}

/* Why fragment @index of the block in c->compressed can't be taken out of it; NULL: it can. */
static const char *fragment_problem(const struct check *c, unsigned index)
{
	const struct vdo_compressed_disk *disk = c->compressed;
	size_t end = 0, size = 0;

	if (le32_get(disk->major) != 1 || le32_get(disk->minor) != 0)
		return "that block is not a compressed one";
	for (unsigned i = 0; i <= index; i++) {
		size = disk->sizes[i][0] | (size_t)disk->sizes[i][1] << 8;
		end += size;
	}
	return size == 0 ? "that compressed block has no such part"
	       : end > sizeof(disk->data)
		       ? "that part of the compressed block goes past its end"
		       : NULL;
}

/* One block read serves for all of its fragments that come in a row. */
static int on_compressed(struct check *c, const struct vdo_place *place,
			 const struct vdo_mapping *to)
{
	const char *why;

	c->res->nr_compressed++;
	if (c->compressed_block != to->block) {
		int r = vdo_read(c->image, to->block, 1, c->compressed);

		c->compressed_block = r < 0 ? BP_NONE : to->block;
		if (r < 0)
			return bad_entry(c, place, BP_DAMAGE_IO, BP_HARM_FATAL, to,
					 "that compressed block can't be read");
	}
	why = fragment_problem(c, to->state - VDO_COMPRESSED);
	return why ? bad_entry(c, place, BP_DAMAGE_DATA_BLOCK, BP_HARM_FATAL, to, why) : 0;
}

/* A byte a block: 254 references at most, as in the kernel's own counts. */
static int on_data(struct check *c, const struct vdo_place *place, const struct vdo_mapping *to,
		   uint8_t *expected)
{
	if (*expected == EXPECT_PAGE)
		return bad_entry(c, place, BP_DAMAGE_CROSS_LINK, BP_HARM_FATAL, to,
				 "that block is a page of the block map");
	if (*expected == VDO_COUNT_MAX)
		return bad_entry(c, place, BP_DAMAGE_COUNT, BP_HARM_FATAL, to,
				 "that block has more than 254 references");
	if (*expected == 0) {
		c->res->nr_data_mblocks++;
		c->res->nr_compressed_mblocks += to->state >= VDO_COMPRESSED;
	}
	++*expected;
	return to->state >= VDO_COMPRESSED ? on_compressed(c, place, to) : 0;
}

/* Logical blocks that are mapped to block 0 read as zeros and refer to nothing. */
static int on_entry(void *user, const struct vdo_place *place, const struct vdo_mapping *to)
{
	struct check *c = user;
	uint8_t *expected;
	uint64_t slab;
	bp_mblock at;

	if (place->beyond)
		bad_entry(c, place, BP_DAMAGE_KEY_RANGE, BP_HARM_NONFATAL, to,
			  "it is past the logical size");
	else
		c->res->nr_mappings += place->height == 0;
	if (place->height == 0 && to->block == 0 && to->state == VDO_MAPPED) {
		c->res->nr_zero++;
		return 0;
	}
	if (!slab_find(c, to->block, &slab, &at))
		return bad_entry(c, place, BP_DAMAGE_POINTER, BP_HARM_FATAL, to,
				 "that is no data block of any slab");
	expected = expected_of(c, slab, at);
	if (!expected)
		return bp_fail_memory(c->ctx);
	return place->height ? on_page(c, place, to, expected)
			     : on_data(c, place, to, expected);
}

/* What is below it is lost with it. */
static int on_bad_page(void *user, const struct vdo_place *parent, bp_mblock page,
		       enum bp_damage_kind kind, const char *why)
{
	struct check *c = user;
	struct bp_damage damage = damage_of(kind, BP_HARM_FATAL, BP_PLACE_VDO_BLOCK_MAP, page);

	damage.parent = parent ? parent->page : BP_NONE;
	damage.begin = parent ? parent->logical : BP_NONE;
	if (parent)
		tell(c, &damage,
		     "block map, page %" PRIu64 " (height %u, from logical block %" PRIu64
		     "): %s",
		     page, parent->height - 1, parent->logical, why);
	else
		tell(c, &damage, "block map, root %" PRIu64 ": %s",
		     page - c->image->volume.root_start_mblock, why);
	return 0;
}

/* --- reference counts --- */

struct run {
	bp_mblock begin, end; /* in the slab */
	uint8_t expected, actual;
};

/*
 * Runs of blocks with the same two counts are one finding. Too high wastes space, too low
 * loses data.
 */
static void tell_run(struct check *c, uint64_t slab, const struct run *run)
{
	const struct bp_vdo_volume *v = &c->image->volume;
	bp_mblock first = v->depot_start_mblock + slab * v->slab_mblocks;
	bool leak = !run->expected, high = run->actual > run->expected;
	struct bp_damage damage =
		damage_of(leak ? BP_DAMAGE_LEAK : BP_DAMAGE_COUNT,
			  harm_of(c, leak || high ? BP_HARM_NONFATAL : BP_HARM_FATAL),
			  BP_PLACE_VDO_COUNTS, first + run->begin);

	if (run->begin == run->end)
		return;
	*(leak ? &c->res->nr_leaked : &c->res->nr_wrong) += run->end - run->begin;
	damage.begin = first + run->begin;
	damage.end = first + run->end;
	damage.expected = run->expected;
	damage.actual = run->actual;
	tell(c, &damage,
	     "slab %" PRIu64 ", blocks %" PRIu64 " to %" PRIu64
	     ": reference count %u, the block map has %u",
	     slab, damage.begin, damage.end - 1, run->actual, run->expected);
}

/* Tell where they differ, neighbours of one kind together. */
static void counts_compare(struct check *c, uint64_t slab, const uint8_t *actual)
{
	const uint8_t *expected = c->expected[slab];
	struct run run = { 0, 0, 0, 0 };

	for (bp_mblock i = 0; i < c->image->volume.slab_data_mblocks; i++) {
		uint8_t want = expected ? expected[i] : 0, have = actual[i];

		if (want == EXPECT_PAGE)
			want = VDO_COUNT_MAX;
		if (have == VDO_COUNT_PROVISIONAL)
			have = 0;
		if (want == have)
			continue;
		if (run.end != i || run.expected != want || run.actual != have) {
			tell_run(c, slab, &run);
			run = (struct run){ i, i, want, have };
		}
		run.end = i + 1;
	}
	tell_run(c, slab, &run);
}

static void unreadable(struct check *c, enum bp_damage_place place, bp_mblock block, int r,
		       const char *what)
{
	struct bp_damage damage = damage_of(BP_DAMAGE_IO, BP_HARM_FATAL, place, block);

	tell(c, &damage, "%s, from block %" PRIu64 ": %s", what, block, strerrordesc_np(-r));
}

/* A slab that was never opened has no counts on disk: all are 0. */
static int slab_check(struct check *c, uint64_t slab,
		      const struct vdo_summary_entry_disk *summary, uint8_t *actual)
{
	const struct bp_vdo_volume *v = &c->image->volume;
	bp_mblock counts =
		v->depot_start_mblock + slab * v->slab_mblocks + v->slab_data_mblocks;
	struct bp_damage damage = damage_of(BP_DAMAGE_INDEX, BP_HARM_FATAL,
					    BP_PLACE_VDO_SLAB_SUMMARY, v->summary_start_mblock);
	int r = 0;

	if (summary->tail >= v->slab_journal_mblocks)
		tell(c, &damage,
		     "slab summary: slab %" PRIu64
		     ": its journal's tail is block %u of %" PRIu64,
		     slab, summary->tail, v->slab_journal_mblocks);
	if (summary->flags & VDO_SUMMARY_LOAD)
		r = vdo_counts_read(c->image, slab, actual);
	else
		memset(actual, 0, (size_t)v->slab_data_mblocks);
	if (r == -ENOMEM)
		return bp_fail_memory(c->ctx);
	if (r < 0)
		unreadable(c, BP_PLACE_VDO_COUNTS, counts, r, "reference counts");
	else
		counts_compare(c, slab, actual);
	return progress(c, "reference counts", slab + 1, v->nr_slabs);
}

/* Slab by slab, so that one slab's counts from disk are in memory at a time. */
static int counts_check(struct check *c)
{
	const struct bp_vdo_volume *v = &c->image->volume;
	_cleanup_(freep) uint8_t *actual = calloc_many(v->slab_data_mblocks, 1);
	_cleanup_(freep) struct vdo_summary_entry_disk *summary = NULL;
	int r;

	summary = vdo_summary_read(c->image, &r);
	if (r == -ENOMEM || !actual)
		return bp_fail_memory(c->ctx);
	if (!summary) {
		unreadable(c, BP_PLACE_VDO_SLAB_SUMMARY, v->summary_start_mblock, r,
			   "slab summary");
		return 0;
	}
	for (uint64_t slab = 0; r == 0 && slab < v->nr_slabs; slab++)
		r = slab_check(c, slab, &summary[slab], actual);
	return r;
}

/* What the super block keeps of the block map, as of a clean stop. */
static void totals_check(struct check *c)
{
	const struct bp_vdo_volume *v = &c->image->volume;
	const struct {
		const char *what;
		uint64_t kept, found;
	} totals[] = {
		{ "logical blocks in use", v->logical_used_mblocks, c->res->nr_mappings },
		{ "pages of the block map", v->map_mblocks, c->res->nr_map_pages },
	};

	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		struct bp_damage damage =
			damage_of(BP_DAMAGE_NR_ALLOCATED, harm_of(c, BP_HARM_NONFATAL),
				  BP_PLACE_SUPERBLOCK, v->data_start_mblock);

		if (totals[i].kept == totals[i].found)
			continue;
		damage.expected = totals[i].found;
		damage.actual = totals[i].kept;
		tell(c, &damage, "super block: %" PRIu64 " %s; there are %" PRIu64,
		     totals[i].kept, totals[i].what, totals[i].found);
	}
}

/* The block map first: what it refers to is what the counts have to say. */
static int contents_check(struct check *c)
{
	struct vdo_map_visitor visitor = { on_entry, on_bad_page, c };
	const uint64_t nr_slabs = c->image->volume.nr_slabs;
	int r;

	c->compressed_block = BP_NONE;
	c->compressed = io_buffer_new(1);
	c->expected = calloc_many(nr_slabs, sizeof(*c->expected));
	r = c->compressed && c->expected ? 0 : bp_fail_memory(c->ctx);
	if (r == 0)
		r = vdo_map_walk(c->image, &visitor);
	if (r == 0)
		r = counts_check(c);
	if (r == 0)
		totals_check(c);
	for (uint64_t i = 0; c->expected && i < nr_slabs; i++)
		free(c->expected[i]);
	free(c->expected);
	free(c->compressed);
	return r;
}

/* Counts are final only after a clean shutdown: otherwise the journals know more. */
int vdo_check_io(struct bp_ctx *ctx, struct io *io, const struct bp_vdo_check_opts *opts,
		 struct bp_vdo_check_result *res)
{
	struct bp_vdo_image image = { .ctx = ctx, .io = io };
	struct check c = { .ctx = ctx, .opts = opts, .res = res, .image = &image };
	struct vdo_report report = { .problem = on_problem, .user = &c };

	res->volume_ok = vdo_volume_read(io, &report, &image.volume);
	res->volume = image.volume;
	res->counts_final = res->volume_ok &&
			    (image.volume.state == BP_VDO_STATE_CLEAN ||
			     image.volume.state == BP_VDO_STATE_NEW) &&
			    !(opts->flags & BP_VDO_OPEN_SHARED);
	return res->volume_ok ? contents_check(&c) : 0;
}

/* Is there any trace of a volume? */
static int look(struct bp_ctx *ctx, struct io *io)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	int r = block ? io_read(io, 0, 1, block) : -ENOMEM;

	if (r < 0)
		return bp_fail(ctx, r, "cannot read block 0: %s", strerrordesc_np(-r));
	if (memcmp(block, VDO_MAGIC, strlen(VDO_MAGIC)) == 0)
		return 0;
	bp_fail(ctx, -EINVAL, "no geometry of a vdo volume");
	superblock_cause(ctx, block);
	error_set_code(ctx, BP_E_NOT_METADATA);
	return -EINVAL;
}

/* Exclusive, unless the caller says that it is in use. */
int bp_vdo_check(struct bp_ctx *ctx, const char *path, const struct bp_vdo_check_opts *opts,
		 struct bp_vdo_check_result *ret)
{
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	struct bp_vdo_check_opts o;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = io_open(ctx, path, o.flags & BP_VDO_OPEN_SHARED ? IO_SHARED : 0, &io);
	if (r < 0)
		return r;
	r = look(ctx, io);
	if (r == 0)
		r = vdo_check_io(ctx, io, &o, &res);
	io_close(io);
	if (r < 0)
		error_set_device(ctx, path);
	return r < 0 ? r : vdo_give(ctx, ret, &res, sizeof(res));
}
