/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A space map against the counts that there should be, in two passes. The first reads all
 * bitmaps, on all processors, and compares words: it finds those in which anything can be wrong,
 * and what index entries and totals should say. The second reads just these again and looks at
 * each entry, together with the reference count tree. So each difference is counted and told,
 * however many there are, and none is held in memory.
 */
#include "pdata/space_map.h"

#include <inttypes.h>

#define LOW_BITS UINT64_C(0x5555555555555555)

/* --- the first pass: words --- */

struct place {
	uint64_t block;
	uint64_t bitmap;
};

struct compare {
	struct space_map *sm;
	const struct refcounts *expected;
	struct place *places;   /* bitmaps by block */
	uint64_t *nr_allocated; /* by worker */
};

static uint64_t entries_inside(const struct space_map *sm, uint64_t bitmap)
{
	return MIN(sm->root.nr_blocks - bitmap * SM_BITMAP_ENTRIES, SM_BITMAP_ENTRIES);
}

static unsigned allocated(uint64_t word)
{
	return (unsigned)__builtin_popcountll((word | word >> 1) & LOW_BITS);
}

/* Index of the first free entry in a word that has one. */
static unsigned first_free(uint64_t word)
{
	return (unsigned)__builtin_ctzll(~(word | word >> 1) & LOW_BITS) / 2;
}

/* Returns how many blocks that exist are in use. */
static unsigned compare_bitmap(struct compare *c, uint64_t bitmap,
			       const struct sm_bitmap_disk *disk)
{
	struct sm_bitmap *b = &c->sm->bitmaps[bitmap];
	uint64_t inside = entries_inside(c->sm, bitmap);
	const uint64_t *piece = refcounts_piece(c->expected, bitmap);
	unsigned sum = 0, sum_inside = 0;

	b->first_free = SM_BITMAP_ENTRIES;
	for (unsigned w = 0; w < SM_BITMAP_WORDS; w++) {
		uint64_t stored = sm_word_swap(le64_get(disk->words[w]));
		uint64_t expected = piece ? piece[w] : 0;
		unsigned n = allocated(stored), at = w * 32;

		sum += n;
		if (at + 32 <= inside)
			sum_inside += n;
		else if (at < inside)
			sum_inside +=
				allocated(stored & ((UINT64_C(1) << (2 * (inside - at))) - 1));
		if (n < 32 && b->first_free == SM_BITMAP_ENTRIES)
			b->first_free = at + first_free(stored);
		b->suspect |= stored != expected;
		if (expected & expected >> 1 & LOW_BITS)
			b->nr_above_two += (uint32_t)__builtin_popcountll(
				expected & expected >> 1 & LOW_BITS);
	}
	b->free_all = SM_BITMAP_ENTRIES - sum;
	b->free_inside = (uint32_t)inside - sum_inside;
	return sum_inside;
}

/* io_block_fn */
static int read_bitmap(void *user, unsigned worker, size_t index, bp_mblock block,
		       const void *data, int error)
{
	struct compare *c = user;
	uint64_t bitmap = c->places[index].bitmap;
	struct sm_bitmap *b = &c->sm->bitmaps[bitmap];

	b->error = error ? SM_IO : (uint8_t)sm_block_check(data, BLOCK_BITMAP, block);
	if (!b->error)
		c->nr_allocated[worker] += compare_bitmap(c, bitmap, data);
	return 0;
}

static int by_block(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->bitmap < y->bitmap ? -1 : x->bitmap > y->bitmap;
}

/* Which bitmaps to read, in the order of the disk; a block in two entries is the first one's.
 */
static int place_bitmaps(struct compare *c, struct bits *wanted)
{
	struct space_map *sm = c->sm;
	size_t n = 0, kept = 0;

	c->places = calloc_many(MAX(sm->nr_bitmaps, 1), sizeof(*c->places));
	if (!c->places)
		return -ENOMEM;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		if (!sm->bitmaps[i].error)
			c->places[n++] = (struct place){ sm->bitmaps[i].block, i };
	qsort(c->places, n, sizeof(*c->places), by_block);
	for (size_t i = 0; i < n; i++) {
		if (bits_test_and_set(wanted, c->places[i].block))
			sm->bitmaps[c->places[i].bitmap].error = SM_SHARED;
		else
			c->places[kept++] = c->places[i];
	}
	return 0;
}

/* In parallel; each worker counts for itself, sums are added at the end. */
static int compare_bitmaps(struct compare *c, uint64_t *ret_allocated)
{
	struct meta *meta = c->sm->meta;
	unsigned workers = io_workers(meta->io, meta->workers, UINT64_MAX);
	_cleanup_(bits_done) struct bits wanted = { 0 };
	int r = bits_init(&wanted, meta->nr_blocks);

	c->nr_allocated = calloc(workers, sizeof(*c->nr_allocated));
	if (r == 0)
		r = c->nr_allocated ? place_bitmaps(c, &wanted) : -ENOMEM;
	if (r == 0)
		r = meta_stream(meta, &wanted, meta->workers, read_bitmap, c);
	for (unsigned i = 0; r == 0 && i < workers; i++)
		*ret_allocated += c->nr_allocated[i];
	free(c->nr_allocated);
	free(c->places);
	return r;
}

/* Entries of the reference count tree that don't fit make their bitmap suspect. */
static int suspect_entries(void *user, const struct walk_node *leaf)
{
	struct compare *c = user;
	const struct walk_inner *inner = forest_inner(&c->sm->counts, leaf);
	const le32 *counts = inner->values;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		uint64_t block = inner->keys[i], expected;
		struct sm_bitmap *b = &c->sm->bitmaps[block / SM_BITMAP_ENTRIES];

		if (block >= c->sm->root.nr_blocks)
			continue; /* see beyond_entries() */
		expected = refcounts_get(c->expected, block);
		b->suspect |= expected < 3 || le32_get(counts[i]) != expected;
		b->nr_entries += expected >= 3;
	}
	return 0;
}

/*
 * Words that are equal are not looked into: only bitmaps that differ are marked suspect,
 * and read again by space_map_diffs().
 */
int space_map_compare(struct space_map *sm, const struct refcounts *expected,
		      struct sm_report *report)
{
	struct compare c = { .sm = sm, .expected = expected };
	struct forest_visitor visitor = { .leaf = suspect_entries, .user = &c };
	int r;

	*report = (struct sm_report){ 0 };
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++) {
		struct sm_bitmap *b = &sm->bitmaps[i];

		b->suspect = false;
		b->nr_leaked = b->nr_beyond = b->nr_above_two = b->nr_entries = 0;
	}
	r = compare_bitmaps(&c, &report->nr_allocated);
	if (r == 0)
		r = forest_visit(&sm->counts, sm->root.ref_count_root, &visitor);
	sm->nr_bad_bitmaps = 0;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++) {
		struct sm_bitmap *b = &sm->bitmaps[i];

		b->suspect |= b->nr_entries != b->nr_above_two;
		sm->nr_bad_bitmaps += b->error != SM_OK;
	}
	report->complete = !sm->nr_bad_bitmaps && !sm->index_error && !sm->index.nr_errors &&
			   !sm->counts.nr_errors;
	return r;
}

/* --- the second pass: entries --- */

struct diffs {
	struct space_map *sm;
	const struct refcounts *expected;
	bool lower_bounds;
	struct sm_report *report;
	int (*tell)(void *user, const struct sm_diff *diff);
	void *user;
	VEC(const struct walk_node *) leaves; /* of the reference count tree, by rising keys */
	size_t leaf;                          /* where the next entry is */
	uint32_t entry;
	struct sm_diff last[SM_DIFF_KINDS]; /* of each kind, may go on */
};

static int add_leaf(void *user, const struct walk_node *leaf)
{
	struct diffs *d = user;

	return vec_add(&d->leaves, &leaf);
}

/* What the tree says of @block, which rises from call to call; false: nothing. */
static bool tree_entry(struct diffs *d, uint64_t block, uint64_t *ret)
{
	for (; d->leaf < d->leaves.count; d->leaf++, d->entry = 0) {
		const struct walk_node *leaf = d->leaves.items[d->leaf];
		const struct walk_inner *inner = forest_inner(&d->sm->counts, leaf);
		const le32 *counts = inner->values;

		while (d->entry < leaf->nr && inner->keys[d->entry] < block)
			d->entry++;
		if (d->entry == leaf->nr)
			continue;
		*ret = le32_get(counts[d->entry]);
		return inner->keys[d->entry] == block;
	}
	return false;
}

/* Runs of blocks with the same difference are one finding. */
static int flush_diff(struct diffs *d, enum sm_diff_kind kind)
{
	struct sm_diff *last = &d->last[kind];
	int r = 0;

	if (last->end > last->begin && d->tell)
		r = d->tell(d->user, last);
	last->end = last->begin = 0;
	return r;
}

/* Tell what can't go on at @block, ascending. */
static int flush_before(struct diffs *d, uint64_t block)
{
	for (;;) {
		int first = SM_DIFF_KINDS, r;

		for (int kind = 0; kind < SM_DIFF_KINDS; kind++)
			if (d->last[kind].end > 0 && d->last[kind].end < block &&
			    (first == SM_DIFF_KINDS ||
			     d->last[kind].begin < d->last[first].begin))
				first = kind;
		if (first == SM_DIFF_KINDS)
			return 0;
		r = flush_diff(d, (enum sm_diff_kind)first);
		if (r)
			return r;
	}
}

/* Neighbours that differ alike are one. */
static int add_diff(struct diffs *d, enum sm_diff_kind kind, uint64_t block, uint64_t expected,
		    uint64_t stored)
{
	struct sm_diff *last = &d->last[kind];
	int r;

	if (last->end > last->begin && last->end == block && last->expected == expected &&
	    last->stored == stored) {
		last->end++;
		return 0;
	}
	r = flush_before(d, block);
	if (r == 0)
		r = flush_diff(d, kind);
	*last = (struct sm_diff){
		.kind = kind,
		.begin = block,
		.end = block + 1,
		.expected = expected,
		.stored = stored,
	};
	return r;
}

static int wrong(struct diffs *d, enum sm_diff_kind kind, uint64_t block, uint64_t expected,
		 uint64_t stored)
{
	d->report->nr_wrong++;
	return add_diff(d, kind, block, expected, stored);
}

/* The bitmap leads to the tree. */
static int compare_in_tree(struct diffs *d, uint64_t block, uint64_t expected)
{
	uint64_t stored;

	if (!tree_entry(d, block, &stored)) {
		/* Where parts of the tree can't be read it may be in these. */
		if (d->sm->counts.nr_errors && (expected >= 3 || d->lower_bounds))
			return 0;
		return wrong(d, SM_DIFF_NO_ENTRY, block, expected, 3);
	}
	if (stored != expected)
		return stored > expected && d->lower_bounds
			       ? 0
			       : wrong(d, SM_DIFF_WRONG, block, expected, stored);
	return stored < 3 ? wrong(d, SM_DIFF_SMALL_ENTRY, block, expected, stored) : 0;
}

/*
 * Stored 3 means "look in the tree". An entry in the tree of a block with less is one the
 * kernel forgot to remove: harmless, as it is never looked at.
 */
static int compare_entry(struct diffs *d, struct sm_bitmap *b, uint64_t block, uint64_t stored)
{
	uint64_t expected = refcounts_get(d->expected, block), entry;
	int r = 0;

	if (stored == 3)
		return compare_in_tree(d, block, expected);
	if (tree_entry(d, block, &entry)) {
		d->report->nr_stale++;
		r = add_diff(d, SM_DIFF_STALE, block, stored, entry);
	}
	if (r < 0 || stored == expected || (d->lower_bounds && stored > expected))
		return r;
	if (stored != 1 || expected != 0)
		return wrong(d, SM_DIFF_WRONG, block, expected, stored);
	d->report->nr_leaked++;
	b->nr_leaked++;
	return add_diff(d, SM_DIFF_LEAK, block, 0, 1);
}

/*
 * The swap makes pairs of bits read from the low end: on disk the high bit of a count comes
 * first.
 */
static int compare_entries(struct diffs *d, uint64_t bitmap, const struct sm_bitmap_disk *disk)
{
	struct sm_bitmap *b = &d->sm->bitmaps[bitmap];
	uint64_t inside = entries_inside(d->sm, bitmap), begin = bitmap * SM_BITMAP_ENTRIES;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < SM_BITMAP_ENTRIES; i++) {
		uint64_t word = sm_word_swap(le64_get(disk->words[i / 32]));
		uint64_t stored = word >> (i % 32 * 2) & 3;

		if (i < inside)
			r = compare_entry(d, b, begin + i, stored);
		else if (stored)
			b->nr_beyond++;
	}
	d->report->nr_beyond += b->nr_beyond;
	return r;
}

/* Entries of the tree for blocks that don't exist. */
static int beyond_entries(struct diffs *d)
{
	uint64_t stored;
	int r = 0;

	tree_entry(d, d->sm->root.nr_blocks, &stored);
	for (; d->leaf < d->leaves.count; d->leaf++, d->entry = 0) {
		const struct walk_node *leaf = d->leaves.items[d->leaf];
		const struct walk_inner *inner = forest_inner(&d->sm->counts, leaf);
		const le32 *counts = inner->values;

		for (; r == 0 && d->entry < leaf->nr; d->entry++) {
			d->report->nr_stale++;
			r = add_diff(d, SM_DIFF_STALE, inner->keys[d->entry], 0,
				     le32_get(counts[d->entry]));
		}
	}
	return r;
}

/* It was sound a moment ago: if it isn't now, somebody writes to it. */
static int read_again(struct diffs *d, uint64_t bitmap, void *buf)
{
	bp_mblock block = d->sm->bitmaps[bitmap].block;
	int r = io_read(d->sm->meta->io, block, 1, buf);

	if (r == 0 && sm_block_check(buf, BLOCK_BITMAP, block) != SM_OK)
		r = -EIO;
	return r < 0 ? bp_fail(d->sm->meta->ctx, r,
			       "bitmap block %" PRIu64
			       " cannot be read again: is the device in use?",
			       block)
		     : 0;
}

static int each_suspect(struct diffs *d)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : -ENOMEM;

	for (uint64_t i = 0; r == 0 && i < d->sm->nr_bitmaps; i++) {
		if (!d->sm->bitmaps[i].suspect || d->sm->bitmaps[i].error)
			continue;
		r = read_again(d, i, buf);
		if (r == 0)
			r = compare_entries(d, i, buf);
	}
	return r < 0 ? r : beyond_entries(d);
}

int space_map_diffs(struct space_map *sm, const struct refcounts *expected, bool lower_bounds,
		    struct sm_report *report,
		    int (*tell)(void *user, const struct sm_diff *diff), void *user)
{
	struct diffs d = {
		.sm = sm,
		.expected = expected,
		.lower_bounds = lower_bounds,
		.report = report,
		.tell = tell,
		.user = user,
	};
	struct forest_visitor visitor = { .leaf = add_leaf, .user = &d };
	int r = forest_visit(&sm->counts, sm->root.ref_count_root, &visitor);

	if (r == 0)
		r = each_suspect(&d);
	if (r == 0)
		r = flush_before(&d, UINT64_MAX);
	vec_done(&d.leaves);
	return r;
}
