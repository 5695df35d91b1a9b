/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Space maps against what was counted, and putting right what is only leaks and totals. */
#include "formats/thin/check.h"

#include <inttypes.h>
#include <stdio.h>

struct which {
	struct check *c;
	struct space_map *sm;
	struct sm_report *report;
	enum bp_damage_place place;
	const char *name;   /* "data space map" */
	const char *blocks; /* "data" */
	struct check_tree index, counts;
};

static struct which which_data(struct check *c)
{
	return (struct which){
		.c = c,
		.sm = &c->data_sm,
		.report = &c->data_report,
		.place = BP_PLACE_DATA_SPACE_MAP,
		.name = "data space map",
		.blocks = "data",
		.index = { BP_PLACE_DATA_SPACE_MAP, "data space map: index tree", "bitmaps" },
		.counts = { BP_PLACE_DATA_SPACE_MAP, "data space map: reference count tree",
			    "data blocks" },
	};
}

static struct which which_meta(struct check *c)
{
	return (struct which){
		.c = c,
		.sm = &c->meta_sm,
		.report = &c->meta_report,
		.place = BP_PLACE_METADATA_SPACE_MAP,
		.name = "metadata space map",
		.blocks = "metadata",
		.counts = { BP_PLACE_METADATA_SPACE_MAP,
			    "metadata space map: reference count tree", "metadata blocks" },
	};
}

static enum bp_damage_kind kind_of(enum sm_error error)
{
	switch (error) {
	case SM_IO:
		return BP_DAMAGE_IO;
	case SM_RANGE:
		return BP_DAMAGE_POINTER;
	case SM_CSUM:
		return BP_DAMAGE_CHECKSUM;
	case SM_KIND:
		return BP_DAMAGE_WRONG_KIND;
	case SM_BLOCKNR:
		return BP_DAMAGE_MISPLACED;
	case SM_OK:
	case SM_MISSING:
	case SM_SHARED:
	case SM_ERRORS:
		break;
	}
	return BP_DAMAGE_INDEX;
}

/* --- structure --- */

static void tell_index(const struct which *w)
{
	struct bp_damage damage =
		DAMAGE(.kind = kind_of(w->sm->index_error), .harm = BP_HARM_FATAL,
		       .place = w->place, .block = w->sm->root.bitmap_root);

	/* The phrase is matched by programs. */
	if (w->sm->index_error == SM_CSUM)
		check_report(w->c, damage,
			     "%s: bad checksum in index block (block %" PRIu64 ")", w->name,
			     damage.block);
	else if (w->sm->index_error)
		check_report(w->c, damage, "%s: index block %" PRIu64 ": %s", w->name,
			     damage.block, sm_error_name(w->sm->index_error));
	damage.kind = BP_DAMAGE_INDEX;
	damage.actual = w->sm->nr_extra;
	if (w->sm->nr_extra)
		check_report(w->c, damage,
			     "%s: the index has %" PRIu64 " entries for bitmaps past its end",
			     w->name, w->sm->nr_extra);
}

static int read_structure(struct which *w)
{
	struct check *c = w->c;
	int r = space_map_read(w->sm, check_count, c);

	if (r < 0)
		return r;
	tell_index(w);
	c->incomplete |= w->sm->index_error != SM_OK;
	if (!w->sm->on_tree && !w->sm->index_error)
		check_claim(c, w->sm->root.bitmap_root, w->place);
	if (w->sm->on_tree)
		r = check_report_forest(c, &w->sm->index, &w->index);
	if (r == 0)
		r = check_report_forest(c, &w->sm->counts, &w->counts);
	for (uint64_t i = 0; r == 0 && i < w->sm->nr_bitmaps; i++)
		if (!w->sm->bitmaps[i].error)
			check_claim(c, w->sm->bitmaps[i].block, w->place);
	return r;
}

/* --- bitmaps --- */

static void tell_bad_bitmap(const struct which *w, uint64_t i)
{
	const struct sm_bitmap *b = &w->sm->bitmaps[i];
	uint64_t begin = i * SM_BITMAP_ENTRIES;
	struct bp_damage damage =
		DAMAGE(.kind = kind_of((enum sm_error)b->error), .harm = BP_HARM_FATAL,
		       .place = w->place, .begin = begin,
		       .end = MIN(begin + SM_BITMAP_ENTRIES, w->sm->root.nr_blocks));

	/* Where the index itself is lost, that was told. */
	if (b->error == SM_MISSING && (w->sm->index_error || w->sm->index.nr_errors))
		return;
	if (b->error == SM_MISSING) {
		check_report(w->c, damage, "%s: no index entry %" PRIu64, w->name, i);
		return;
	}
	damage.block = b->block;
	check_report(w->c, damage,
		     "%s: bitmap block %" PRIu64 ", index entry %" PRIu64
		     ": %s; counts of %s blocks %" PRIu64 "..%" PRIu64,
		     w->name, b->block, i, sm_error_name((enum sm_error)b->error), w->blocks,
		     damage.begin, damage.end - 1);
}

static void tell_accounting(const struct which *w, uint64_t i)
{
	const struct sm_bitmap *b = &w->sm->bitmaps[i];
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_NR_FREE, .harm = BP_HARM_REMARK, .place = w->place,
		       .block = b->block, .expected = b->free_all, .actual = b->nr_free);

	if (!sm_nr_free_right(b)) {
		w->c->nr_accounting++;
		check_report(w->c, damage,
			     "%s: index entry %" PRIu64
			     " says %u free, its bitmap (block %" PRIu64 ") has %u",
			     w->name, i, b->nr_free, b->block, b->free_all);
	}
	damage.kind = BP_DAMAGE_NONE_FREE_BEFORE;
	damage.expected = b->first_free;
	damage.actual = b->none_free_before;
	if (!sm_none_free_before_right(b)) {
		w->c->nr_accounting++;
		check_report(w->c, damage,
			     "%s: index entry %" PRIu64
			     " says none is free before %u, but %u of bitmap block %" PRIu64
			     " is",
			     w->name, i, b->none_free_before, b->first_free, b->block);
	}
}

static void tell_total(const struct which *w)
{
	uint64_t said = w->sm->root.nr_allocated, found = w->report->nr_allocated;

	if (!w->report->complete || said == found)
		return;
	w->c->nr_accounting++;
	check_report(w->c,
		     DAMAGE(.kind = BP_DAMAGE_NR_ALLOCATED, .harm = BP_HARM_REMARK,
			    .place = w->place, .block = 0, .expected = found, .actual = said),
		     "%s: the superblock says %" PRIu64
		     " blocks are in use, the bitmaps %" PRIu64,
		     w->name, said, found);
}

/* --- counts --- */

static void tell_diff(const struct which *w, const struct sm_diff *diff)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_COUNT, .harm = BP_HARM_FATAL, .place = w->place,
		       .begin = diff->begin, .end = diff->end, .expected = diff->expected,
		       .actual = diff->stored);
	char range[64];

	if (diff->end - diff->begin > 1)
		snprintf(range, sizeof(range), "blocks %" PRIu64 "..%" PRIu64, diff->begin,
			 diff->end - 1);
	else
		snprintf(range, sizeof(range), "block %" PRIu64, diff->begin);
	if (diff->no_entry || diff->stale) {
		damage.kind = BP_DAMAGE_COUNT_ENTRY;
		check_report(
			w->c, damage,
			diff->stale
				? "%s: %s %s: the reference count tree has an entry "
				  "(%" PRIu64 "), its bitmap says otherwise; %" PRIu64
				  " references"
				: "%s: %s %s: its bitmap says %" PRIu64
				  " or more, the reference count tree has no entry; %" PRIu64
				  " references",
			w->name, w->blocks, range, diff->stored, diff->expected);
		return;
	}
	if (diff->expected == 0 && diff->stored == 1) {
		damage.kind = BP_DAMAGE_LEAK;
		damage.harm = BP_HARM_NONFATAL;
		w->c->nr_leaks++;
		check_report(w->c, damage, "%s: %s %s leaked: counted, but nothing uses %s",
			     w->name, w->blocks, range,
			     diff->end - diff->begin > 1 ? "them" : "it");
		return;
	}
	check_report(w->c, damage,
		     "%s: %s %s: wrong reference count, expected %" PRIu64 ", actual %" PRIu64,
		     w->name, w->blocks, range, diff->expected, diff->stored);
}

static void tell_beyond(const struct which *w)
{
	if (w->report->nr_beyond)
		check_report(w->c,
			     DAMAGE(.kind = BP_DAMAGE_COUNT_BEYOND, .harm = BP_HARM_NONFATAL,
				    .place = w->place, .begin = w->sm->root.nr_blocks,
				    .expected = 0, .actual = w->report->nr_beyond),
			     "%s: %" PRIu64 " counts for blocks past the end", w->name,
			     w->report->nr_beyond);
}

static int compare(struct which *w, const struct refcounts *expected, uint64_t *ret_leaked,
		   uint64_t *ret_wrong)
{
	int r = space_map_compare(w->sm, expected, w->c->incomplete, w->report);

	if (r < 0)
		return r;
	for (uint64_t i = 0; i < w->sm->nr_bitmaps; i++) {
		if (w->sm->bitmaps[i].error)
			tell_bad_bitmap(w, i);
		else
			tell_accounting(w, i);
	}
	tell_total(w);
	for (size_t i = 0; i < w->report->diffs.count; i++)
		tell_diff(w, &w->report->diffs.items[i]);
	tell_beyond(w);
	*ret_leaked = w->report->nr_leaked;
	*ret_wrong = w->report->nr_wrong;
	return 0;
}

static int open_map(struct which *w, const struct sm_root *root, bool on_tree, bool *ret_open)
{
	int r = space_map_init(w->sm, &w->c->meta, root, on_tree);

	*ret_open = r == 0;
	if (r != -EUCLEAN) {
		if (r < 0)
			space_map_done(w->sm);
		return r;
	}
	w->c->incomplete = true; /* its size is impossible: told with the superblock */
	return 0;
}

static void tell_incomplete(struct check *c)
{
	if (c->incomplete)
		check_report(
			c,
			DAMAGE(.kind = BP_DAMAGE_INCOMPLETE, .harm = BP_HARM_REMARK,
			       .place = BP_PLACE_METADATA_SPACE_MAP),
			"parts of the metadata cannot be read: leaks, and reference counts "
			"that are too high, cannot be told");
}

int check_space_maps(struct check *c)
{
	struct which data = which_data(c), meta = which_meta(c);
	int r = open_map(&data, &c->live.data_sm, true, &c->data_sm_open);

	if (r == 0)
		r = open_map(&meta, &c->live.metadata_sm, false, &c->meta_sm_open);
	if (r == 0 && c->data_sm_open)
		r = read_structure(&data);
	if (r == 0 && c->meta_sm_open)
		r = read_structure(&meta);
	/* Data counts are of mappings only, but with the trees a map's own damage comes too. */
	if (r == 0 && c->data_sm_open)
		r = compare(&data, &c->data_counts, &c->res->nr_data_leaked,
			    &c->res->nr_data_wrong);
	if (r == 0 && c->meta_sm_open)
		r = compare(&meta, &c->meta_counts, &c->res->nr_metadata_leaked,
			    &c->res->nr_metadata_wrong);
	if (r == 0)
		tell_incomplete(c);
	return r;
}

/* --- repairing --- */

static bool needs_repair(const struct check *c, const struct space_map *sm,
			 const struct sm_report *report, bool open)
{
	if (!open)
		return false;
	if (report->nr_leaked)
		return true;
	if (c->mode != THIN_CHECK_AUTO_REPAIR)
		return false;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		if (!sm_nr_free_right(&sm->bitmaps[i]) ||
		    !sm_none_free_before_right(&sm->bitmaps[i]))
			return true;
	return sm->root.nr_allocated != report->nr_allocated;
}

static void put_root(uint8_t *field, const struct sm_root *root)
{
	struct sm_root_disk disk;

	memcpy(&disk, field, sizeof(disk));
	disk.nr_allocated = le64_make(root->nr_allocated);
	memcpy(field, &disk, sizeof(disk));
}

/* Last of all: everything it says is on the disk by then. */
static int write_superblock(struct check *c, const struct sm_root *data,
			    const struct sm_root *meta)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct thin_superblock_disk *disk = buf;
	int r = buf ? io_read(c->meta.io, 0, 1, buf) : -ENOMEM;

	if (r == 0) {
		if (data)
			put_root(disk->data_space_map_root, data);
		if (meta)
			put_root(disk->metadata_space_map_root, meta);
		disk->flags =
			le32_make(le32_get(disk->flags) & ~(uint32_t)THIN_FLAG_NEEDS_CHECK);
		block_seal(buf, BLOCK_THIN_SUPERBLOCK, 0);
		r = io_write(c->meta.io, 0, 1, buf);
	}
	if (r == 0)
		r = io_flush(c->meta.io);
	return r < 0 ? bp_fail(c->meta.ctx, r, "cannot write the superblock: %s",
			       strerrordesc_np(-r))
		     : 0;
}

/* What was leaks and totals is no damage any more. */
static void forget(struct check *c, bool accounting)
{
	bool strict = c->opts.flags & BP_THIN_CHECK_STRICT;

	c->res->repaired_data_leaks = c->res->nr_data_leaked;
	c->res->repaired_metadata_leaks = c->res->nr_metadata_leaked;
	c->res->nr_nonfatal -= c->nr_leaks;
	c->res->nr_metadata_free += c->res->nr_metadata_leaked;
	c->res->repaired_accounting = accounting && c->nr_accounting;
	if (accounting && strict)
		c->res->nr_fatal -= c->nr_accounting;
	else if (accounting)
		c->res->nr_remarks -= c->nr_accounting;
}

int check_repair(struct check *c)
{
	bool strict = c->opts.flags & BP_THIN_CHECK_STRICT;
	uint64_t excused = strict && c->mode == THIN_CHECK_AUTO_REPAIR ? c->nr_accounting : 0;
	bool flagged = c->live.pub.flags & THIN_FLAG_NEEDS_CHECK, data, meta;
	struct sm_root data_root, meta_root;
	int r = 0;

	if (c->res->nr_fatal > excused || c->incomplete)
		return 0;
	data = needs_repair(c, &c->data_sm, &c->data_report, c->data_sm_open);
	meta = needs_repair(c, &c->meta_sm, &c->meta_report, c->meta_sm_open);
	if (!data && !meta && !flagged)
		return 0;

	if (data)
		r = space_map_repair(&c->data_sm, &c->data_counts, &c->data_report, &data_root);
	if (r == 0 && meta)
		r = space_map_repair(&c->meta_sm, &c->meta_counts, &c->meta_report, &meta_root);
	if (r == 0)
		r = write_superblock(c, data ? &data_root : NULL, meta ? &meta_root : NULL);
	if (r < 0)
		return r;
	if (data || meta)
		forget(c, c->mode == THIN_CHECK_AUTO_REPAIR);
	c->res->cleared_needs_check = flagged;
	return 0;
}
