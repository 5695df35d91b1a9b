/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Space maps: their structure, and what they say against what was counted. A count that is too
 * low lets a block be given out twice and is fatal; what only hides or wastes space can be put
 * right, and is told as that.
 */
#include "formats/check/check.h"

#include <inttypes.h>
#include <stdio.h>

/* As check_kind_of(), for blocks of space maps. */
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

/*
 * The index of a metadata space map is one block; that of a data space map is a tree, whose nodes
 * are told as trees are. Either may have entries for bitmaps that it has no blocks for.
 */
static void tell_index(struct check *c, const struct check_map *m)
{
	struct bp_damage damage =
		DAMAGE(.kind = kind_of(m->sm.index_error), .harm = BP_HARM_FATAL,
		       .place = m->place, .block = m->root.bitmap_root);

	/* The phrase is matched by programs. */
	if (m->sm.index_error == SM_CSUM)
		check_report(c, damage, "%s: bad checksum in index block (block %" PRIu64 ")",
			     m->name, damage.block);
	else if (m->sm.index_error)
		check_report(c, damage, "%s: index block %" PRIu64 ": %s", m->name,
			     damage.block, sm_error_name(m->sm.index_error));
	damage.kind = BP_DAMAGE_INDEX;
	damage.actual = m->sm.nr_extra;
	if (m->sm.nr_extra)
		check_report(c, damage,
			     "%s: the index has %" PRIu64 " entries for bitmaps past its end",
			     m->name, m->sm.nr_extra);
}

/*
 * Every block that the map itself is made of is claimed and counted, as those of trees are: the
 * metadata space map counts itself. What can't be read hides pointers, so the run is incomplete
 * then: a count that is too high can't be told from one whose owner is in the lost part.
 */
static int read_structure(struct check *c, struct check_map *m)
{
	const struct check_tree index = { m->place, m->index, "bitmaps" };
	char keys[32];
	const struct check_tree counts = { m->place, m->counts, keys };
	int r = space_map_read(&m->sm, check_count, c);

	if (r < 0)
		return r;
	snprintf(keys, sizeof(keys), "%s blocks", m->blocks);
	tell_index(c, m);
	c->incomplete |= m->sm.index_error != SM_OK;
	if (!m->on_tree && !m->sm.index_error)
		check_claim(c, m->root.bitmap_root, m->place);
	if (m->on_tree)
		r = check_report_forest(c, &m->sm.index, &index);
	if (r == 0)
		r = check_report_forest(c, &m->sm.counts, &counts);
	for (uint64_t i = 0; r == 0 && i < m->sm.nr_bitmaps; i++)
		if (!m->sm.bitmaps[i].error)
			check_claim(c, m->sm.bitmaps[i].block, m->place);
	return r;
}

/* --- bitmaps --- */

/* Which counts are lost with it. */
static void tell_bad_bitmap(struct check *c, const struct check_map *m, uint64_t i)
{
	const struct sm_bitmap *b = &m->sm.bitmaps[i];
	uint64_t begin = i * SM_BITMAP_ENTRIES;
	struct bp_damage damage =
		DAMAGE(.kind = kind_of((enum sm_error)b->error), .harm = BP_HARM_FATAL,
		       .place = m->place, .begin = begin,
		       .end = MIN(begin + SM_BITMAP_ENTRIES, m->root.nr_blocks));

	/* Where the index itself is lost, that was told. */
	if (b->error == SM_MISSING && (m->sm.index_error || m->sm.index.nr_errors))
		return;
	if (b->error == SM_MISSING) {
		check_report(c, damage, "%s: no index entry %" PRIu64, m->name, i);
		return;
	}
	damage.block = b->block;
	check_report(c, damage,
		     "%s: bitmap block %" PRIu64 ", index entry %" PRIu64
		     ": %s; counts of %s blocks %" PRIu64 "..%" PRIu64,
		     m->name, b->block, i, sm_error_name((enum sm_error)b->error), m->blocks,
		     damage.begin, damage.end - 1);
}

/* Kernels pass by a bitmap that says it has nothing free, and never look below the hint. */
static void tell_entry(struct check *c, struct check_map *m, uint64_t i)
{
	const struct sm_bitmap *b = &m->sm.bitmaps[i];
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_NR_FREE, .harm = BP_HARM_NONFATAL, .place = m->place,
		       .block = b->block, .expected = b->free_all, .actual = b->nr_free);

	m->nr_wrong_entries += !sm_nr_free_right(b) || !sm_none_free_before_right(b);
	if (b->nr_free > b->free_all)
		damage.harm = BP_HARM_REMARK;
	if (!sm_nr_free_right(b))
		check_report_mendable(c, damage,
				      "%s: index entry %" PRIu64
				      " says %u free, its bitmap (block %" PRIu64 ") has %u",
				      m->name, i, b->nr_free, b->block, b->free_all);
	damage.kind = BP_DAMAGE_NONE_FREE_BEFORE;
	damage.harm = BP_HARM_NONFATAL;
	damage.expected = b->first_free;
	damage.actual = b->none_free_before;
	if (!sm_none_free_before_right(b))
		check_report_mendable(
			c, damage,
			"%s: index entry %" PRIu64
			" says none is free before %u, but %u of bitmap block %" PRIu64 " is",
			m->name, i, b->none_free_before, b->first_free, b->block);
}

/*
 * The total is only a cache of the bitmaps: kernels take it for what is free, and refuse to commit
 * when it runs out, so a wrong one costs space, or hides that there is none. Not asked where
 * bitmaps are lost: nothing says what it should be.
 */
static void tell_total(struct check *c, const struct check_map *m)
{
	uint64_t said = m->root.nr_allocated, found = m->report.nr_allocated;

	if (!m->report.complete || said == found)
		return;
	check_report_mendable(
		c,
		DAMAGE(.kind = BP_DAMAGE_NR_ALLOCATED, .harm = BP_HARM_NONFATAL,
		       .place = m->place, .block = 0, .expected = found, .actual = said),
		"%s: the superblock says %" PRIu64 " blocks are in use, the bitmaps %" PRIu64,
		m->name, said, found);
}

/* --- counts --- */

struct telling {
	struct check *c;
	const struct check_map *m;
};

/*
 * What a difference does decides its harm. Counted but not used: space is lost, and that can be
 * mended. Used more often than counted: a block is given out while it still has an owner. An entry
 * of the tree that no bitmap leads to is never read.
 */
static int tell_diff(void *user, const struct sm_diff *diff)
{
	const struct telling *t = user;
	const char *name = t->m->name, *blocks = t->m->blocks;
	bool several = diff->end - diff->begin > 1;
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_COUNT_ENTRY, .harm = BP_HARM_FATAL,
		       .place = t->m->place, .begin = diff->begin, .end = diff->end,
		       .expected = diff->expected, .actual = diff->stored);
	char range[64];

	if (several)
		snprintf(range, sizeof(range), "blocks %" PRIu64 "..%" PRIu64, diff->begin,
			 diff->end - 1);
	else
		snprintf(range, sizeof(range), "block %" PRIu64, diff->begin);

	switch (diff->kind) {
	case SM_DIFF_LEAK:
		damage.kind = BP_DAMAGE_LEAK;
		damage.harm = BP_HARM_NONFATAL;
		check_report_mendable(t->c, damage,
				      "%s: %s %s leaked: counted, but nothing uses %s", name,
				      blocks, range, several ? "them" : "it");
		break;
	case SM_DIFF_NO_ENTRY:
		check_report(t->c, damage,
			     "%s: %s %s: its bitmap says %" PRIu64
			     " or more, the reference count tree has no entry; %" PRIu64
			     " references",
			     name, blocks, range, diff->stored, diff->expected);
		break;
	case SM_DIFF_SMALL_ENTRY:
		check_report(t->c, damage,
			     "%s: %s %s: its bitmap says 3 or more, the reference count tree "
			     "%" PRIu64,
			     name, blocks, range, diff->stored);
		break;
	case SM_DIFF_STALE:
		damage.harm = BP_HARM_REMARK;
		check_report(t->c, damage,
			     "%s: %s %s: the reference count tree has an entry (%" PRIu64
			     ") that its bitmap (%" PRIu64 ") does not lead to",
			     name, blocks, range, diff->stored, diff->expected);
		break;
	case SM_DIFF_WRONG:
	case SM_DIFF_KINDS:
		damage.kind = BP_DAMAGE_COUNT;
		check_report(t->c, damage,
			     "%s: %s %s: wrong reference count, expected %" PRIu64
			     ", actual %" PRIu64,
			     name, blocks, range, diff->expected, diff->stored);
		break;
	}
	return 0;
}

/* Kernels never look at them, but once the map grows over them they are leaks. */
static void tell_beyond(struct check *c, const struct check_map *m)
{
	if (m->report.nr_beyond)
		check_report_mendable(c,
				      DAMAGE(.kind = BP_DAMAGE_COUNT_BEYOND,
					     .harm = BP_HARM_NONFATAL, .place = m->place,
					     .begin = m->root.nr_blocks, .expected = 0,
					     .actual = m->report.nr_beyond),
				      "%s: %" PRIu64 " counts for blocks past the end", m->name,
				      m->report.nr_beyond);
}

/* What each entry says of its bitmap is compared with the bitmap itself, too. */
static int compare(struct check *c, struct check_map *m)
{
	struct telling telling = { c, m };
	int r = space_map_compare(&m->sm, m->expected, &m->report);

	if (r < 0)
		return r;
	for (uint64_t i = 0; i < m->sm.nr_bitmaps; i++) {
		if (m->sm.bitmaps[i].error)
			tell_bad_bitmap(c, m, i);
		else
			tell_entry(c, m, i);
	}
	tell_total(c, m);
	r = space_map_diffs(&m->sm, m->expected, c->incomplete, &m->report, tell_diff,
			    &telling);
	if (r == 0)
		tell_beyond(c, m);
	return r;
}

/* --- all of them --- */

/*
 * Sizes of maps come from the disk: an impossible one was told with the superblock, and the map is
 * left out, so that no memory is taken for it.
 */
static int open_map(struct check *c, struct check_map *m)
{
	int r = space_map_init(&m->sm, &c->meta, &m->root, m->on_tree);

	m->open = r == 0;
	if (r == -EUCLEAN) {
		c->incomplete = true; /* its size is impossible: told with the superblock */
		return 0;
	}
	if (r < 0)
		space_map_done(&m->sm);
	return r;
}

/* Three passes over all maps: pointers of one are counted in another. */
int check_maps(struct check *c, struct check_map *maps, size_t nr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = open_map(c, &maps[i]);
	for (size_t i = 0; r == 0 && i < nr; i++)
		if (maps[i].open)
			r = read_structure(c, &maps[i]);
	/* Only now is every pointer counted. */
	for (size_t i = 0; r == 0 && i < nr; i++)
		if (maps[i].open)
			r = compare(c, &maps[i]);
	if (r == 0 && c->incomplete)
		check_report(c,
			     DAMAGE(.kind = BP_DAMAGE_INCOMPLETE, .harm = BP_HARM_REMARK,
				    .place = BP_PLACE_METADATA_SPACE_MAP),
			     "parts of the metadata cannot be read: leaks, and reference "
			     "counts that are too high, cannot be told");
	return r;
}

void check_maps_done(struct check_map *maps, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (maps[i].open)
			space_map_done(&maps[i].sm);
}
