/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/space_map.h"

static const char *const error_names[SM_ERRORS] = {
	[SM_OK] = "no error",
	[SM_IO] = "cannot be read",
	[SM_RANGE] = "is past the end of the metadata",
	[SM_CSUM] = "bad checksum",
	[SM_KIND] = "a block of another kind",
	[SM_BLOCKNR] = "says that it is another block",
	[SM_MISSING] = "has no index entry",
	[SM_SHARED] = "is in the index twice",
};

const char *sm_error_name(enum sm_error error)
{
	return error_names[error];
}

static enum sm_error check_block(const void *data, enum block_kind kind, bp_mblock block)
{
	switch (block_check(data, kind, block)) {
	case BLOCK_OK:
		return SM_OK;
	case BLOCK_BAD_CSUM:
		return SM_CSUM;
	case BLOCK_BAD_KIND:
		return SM_KIND;
	case BLOCK_MISPLACED:
		break;
	}
	return SM_BLOCKNR;
}

int space_map_init(struct space_map *sm, struct meta *meta, const struct sm_root *root,
		   bool on_tree)
{
	uint64_t most = on_tree ? meta->nr_blocks * SM_BITMAP_ENTRIES : META_MAX_BLOCKS;
	int r;

	if (root->nr_blocks > most)
		return -EUCLEAN;
	*sm = (struct space_map){
		.meta = meta,
		.root = *root,
		.on_tree = on_tree,
		.nr_bitmaps = DIV_UP(root->nr_blocks, SM_BITMAP_ENTRIES),
		.index = { .meta = meta,
			   .value_size = sizeof(struct sm_index_entry_disk),
			   .keep_leaves = true },
		.counts = { .meta = meta, .value_size = sizeof(le32), .keep_leaves = true },
	};
	sm->bitmaps = calloc(MAX(sm->nr_bitmaps, 1), sizeof(*sm->bitmaps));
	if (!sm->bitmaps)
		return -ENOMEM;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		sm->bitmaps[i].error = SM_MISSING;
	r = on_tree ? forest_init(&sm->index) : 0;
	return r < 0 ? r : forest_init(&sm->counts);
}

void space_map_done(struct space_map *sm)
{
	forest_done(&sm->index);
	forest_done(&sm->counts);
	free(sm->bitmaps);
	sm->bitmaps = NULL;
}

/* --- reading index and tree --- */

struct reading {
	struct space_map *sm;
	int (*count)(void *user, bp_mblock block);
	void *user;
};

static bool in_range(const struct space_map *sm, uint64_t block)
{
	return block != 0 && block < sm->meta->nr_blocks;
}

static int count_pointer(const struct reading *rd, uint64_t block)
{
	return in_range(rd->sm, block) ? rd->count(rd->user, block) : 0;
}

static int add_entry(const struct reading *rd, uint64_t i,
		     const struct sm_index_entry_disk *entry, uint32_t leaf)
{
	struct sm_bitmap *b = &rd->sm->bitmaps[i];

	b->block = le64_get(entry->blocknr);
	b->nr_free = le32_get(entry->nr_free);
	b->none_free_before = le32_get(entry->none_free_before);
	b->leaf = leaf;
	b->error = in_range(rd->sm, b->block) ? SM_OK : SM_RANGE;
	return count_pointer(rd, b->block);
}

static int read_index_block(const struct reading *rd)
{
	struct space_map *sm = rd->sm;
	_cleanup_(freep) struct sm_index_disk *disk = io_buffer_new(1);
	int r = 0;

	if (!disk)
		return -ENOMEM;
	if (!in_range(sm, sm->root.bitmap_root))
		sm->index_error = SM_RANGE;
	else if (io_read(sm->meta->io, sm->root.bitmap_root, 1, disk) < 0)
		sm->index_error = SM_IO;
	else
		sm->index_error = check_block(disk, BLOCK_INDEX, sm->root.bitmap_root);

	for (uint64_t i = 0; r == 0 && !sm->index_error && i < sm->nr_bitmaps; i++)
		r = add_entry(rd, i, &disk->entries[i], 0);
	return r;
}

/* Entries of one leaf of the index tree. */
static int index_leaf(void *user, const struct walk_node *leaf)
{
	const struct reading *rd = user;
	const struct walk_inner *inner = forest_inner(&rd->sm->index, leaf);
	const struct sm_index_entry_disk *entries = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		if (inner->keys[i] < rd->sm->nr_bitmaps)
			r = add_entry(rd, inner->keys[i], &entries[i], leaf->block);
		else
			rd->sm->nr_extra++;
	}
	return r;
}

static int read_index_tree(const struct reading *rd)
{
	struct space_map *sm = rd->sm;
	struct forest_visitor visitor = { .leaf = index_leaf, .user = (void *)(uintptr_t)rd };
	int r;

	sm->index.child = rd->count;
	sm->index.user = rd->user;
	r = forest_walk(&sm->index, &sm->root.bitmap_root, 1);
	return r < 0 ? r : forest_visit(&sm->index, sm->root.bitmap_root, &visitor);
}

int space_map_read(struct space_map *sm, int (*count)(void *user, bp_mblock block), void *user)
{
	struct reading rd = { .sm = sm, .count = count, .user = user };
	int r = count_pointer(&rd, sm->root.bitmap_root);

	if (r == 0)
		r = count_pointer(&rd, sm->root.ref_count_root);
	if (r == 0)
		r = sm->on_tree ? read_index_tree(&rd) : read_index_block(&rd);
	if (r < 0)
		return r;
	sm->counts.child = count;
	sm->counts.user = user;
	return forest_walk(&sm->counts, &sm->root.ref_count_root, 1);
}

/* --- comparing: bitmaps --- */

struct place {
	uint64_t block;
	uint64_t bitmap;
};

struct compare {
	struct space_map *sm;
	const struct refcounts *expected;
	bool lower_bounds;
	struct place *places; /* bitmaps by block */
	struct part {
		VEC(struct sm_diff) diffs;
		uint64_t nr_leaked, nr_wrong, nr_beyond, nr_allocated;
	} * parts; /* by worker */
};

static uint64_t entries_inside(const struct space_map *sm, uint64_t bitmap)
{
	return MIN(sm->root.nr_blocks - bitmap * SM_BITMAP_ENTRIES, SM_BITMAP_ENTRIES);
}

/* Note a difference of one block; @first: how many diffs there were before this bitmap. */
static int add_diff(struct part *part, size_t first, const struct sm_diff *diff)
{
	struct sm_diff *last =
		part->diffs.count > first ? &part->diffs.items[part->diffs.count - 1] : NULL;

	if (last && last->end == diff->begin && last->expected == diff->expected &&
	    last->stored == diff->stored && diff->stored != 3) {
		last->end = diff->end;
		return 0;
	}
	if (part->diffs.count - first >= SM_DIFFS_A_BITMAP)
		return 0;
	return vec_add(&part->diffs, diff);
}

/* The 32 entries of a word that is not as expected. */
static int compare_word(struct compare *c, struct part *part, struct sm_bitmap *b,
			size_t first_diff, uint64_t block, uint64_t stored, uint64_t expected)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < 32; i++, block++) {
		uint64_t s = stored >> (2 * i) & 3, e = expected >> (2 * i) & 3;
		struct sm_diff diff = { .begin = block, .end = block + 1, .stored = s };

		if (s == e || (c->lower_bounds && s > e))
			continue;
		if (block >= c->sm->root.nr_blocks) {
			part->nr_beyond++;
			continue;
		}
		if (s == 1 && e == 0) {
			part->nr_leaked++;
			b->nr_leaked++;
		} else {
			part->nr_wrong++;
		}
		diff.expected = e < 3 ? e : refcounts_get(c->expected, block);
		r = add_diff(part, first_diff, &diff);
	}
	return r;
}

static unsigned allocated(uint64_t word)
{
	return (unsigned)__builtin_popcountll((word | word >> 1) &
					      UINT64_C(0x5555555555555555));
}

/* Index of the first free entry in a word that has one. */
static unsigned first_free(uint64_t word)
{
	return (unsigned)__builtin_ctzll(~(word | word >> 1) & UINT64_C(0x5555555555555555)) /
	       2;
}

static int compare_bitmap(struct compare *c, struct part *part, uint64_t bitmap,
			  const struct sm_bitmap_disk *disk)
{
	struct sm_bitmap *b = &c->sm->bitmaps[bitmap];
	uint64_t inside = entries_inside(c->sm, bitmap), begin = bitmap * SM_BITMAP_ENTRIES;
	const uint64_t *piece = c->expected->pieces[bitmap];
	size_t first_diff = part->diffs.count;
	unsigned sum = 0, sum_inside = 0;
	int r = 0;

	b->first_free = SM_BITMAP_ENTRIES;
	b->nr_leaked = 0;
	for (unsigned w = 0; r == 0 && w < SM_BITMAP_WORDS; w++) {
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
		if (stored != expected)
			r = compare_word(c, part, b, first_diff, begin + at, stored, expected);
	}
	b->free_all = SM_BITMAP_ENTRIES - sum;
	b->free_inside = (uint32_t)inside - sum_inside;
	part->nr_allocated += sum;
	return r;
}

/* io_block_fn */
static int read_bitmap(void *user, unsigned worker, size_t index, bp_mblock block,
		       const void *data, int error)
{
	struct compare *c = user;
	uint64_t bitmap = c->places[index].bitmap;
	struct sm_bitmap *b = &c->sm->bitmaps[bitmap];

	b->error = error ? SM_IO : (uint8_t)check_block(data, BLOCK_BITMAP, block);
	return b->error ? 0 : compare_bitmap(c, &c->parts[worker], bitmap, data);
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

	c->places = calloc(MAX(sm->nr_bitmaps, 1), sizeof(*c->places));
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

static int by_begin(const void *a, const void *b)
{
	const struct sm_diff *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void sort_diffs(struct sm_report *report)
{
	if (report->diffs.count)
		qsort(report->diffs.items, report->diffs.count, sizeof(*report->diffs.items),
		      by_begin);
}

static int gather(struct compare *c, unsigned workers, struct sm_report *report)
{
	for (unsigned i = 0; i < workers; i++) {
		struct part *part = &c->parts[i];

		if (vec_reserve(&report->diffs, part->diffs.count) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < part->diffs.count; k++)
			report->diffs.items[report->diffs.count++] = part->diffs.items[k];
		report->nr_leaked += part->nr_leaked;
		report->nr_wrong += part->nr_wrong;
		report->nr_beyond += part->nr_beyond;
		report->nr_allocated += part->nr_allocated;
	}
	sort_diffs(report);
	return 0;
}

static int compare_bitmaps(struct compare *c, struct sm_report *report)
{
	unsigned workers = io_workers(c->sm->meta->io, c->sm->meta->workers, UINT64_MAX);
	_cleanup_(bits_done) struct bits wanted = { 0 };
	int r = bits_init(&wanted, c->sm->meta->nr_blocks);

	c->parts = calloc(workers, sizeof(*c->parts));
	if (r == 0)
		r = c->parts ? place_bitmaps(c, &wanted) : -ENOMEM;
	if (r == 0)
		r = io_stream(c->sm->meta->io, &wanted, c->sm->meta->workers, read_bitmap, c);
	if (r == 0)
		r = gather(c, workers, report);
	for (unsigned i = 0; c->parts && i < workers; i++)
		vec_done(&c->parts[i].diffs);
	free(c->parts);
	free(c->places);
	return r;
}

/* --- comparing: the reference count tree --- */

/* The bitmap's difference that covers @block, or NULL. */
static struct sm_diff *find_diff(struct sm_report *report, size_t nr, uint64_t block)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct sm_diff *diff = &report->diffs.items[mid];

		if (block < diff->begin)
			high = mid;
		else if (block >= diff->end)
			low = mid + 1;
		else
			return diff;
	}
	return NULL;
}

struct tree_compare {
	struct compare *c;
	struct sm_report *report;
	size_t nr_bitmap_diffs; /* sorted ones, before those of the tree */
	uint64_t nr_above_two;  /* entries of blocks that should have one */
	uint64_t stale_kept;
	VEC(uint64_t) keys; /* where those that have none are looked for */
	bool collect;
};

/* A stored count of a block that should have none in the tree. */
static int stale_entry(struct tree_compare *t, uint64_t block, uint32_t stored,
		       uint64_t expected)
{
	struct sm_diff *known = find_diff(t->report, t->nr_bitmap_diffs, block);
	struct sm_diff diff = { .begin = block, .end = block + 1, .expected = expected };

	if (known && known->stored == 3) { /* the bitmap leads here */
		known->stored = stored;
		known->no_entry = false;
		return 0;
	}
	if (t->c->lower_bounds)
		return 0;
	t->report->nr_wrong++;
	if (t->stale_kept++ >= SM_DIFFS_A_BITMAP)
		return 0;
	diff.stored = stored;
	diff.stale = true;
	return vec_add(&t->report->diffs, &diff);
}

static int tree_entry(struct tree_compare *t, uint64_t block, uint32_t stored)
{
	uint64_t expected = refcounts_get(t->c->expected, block);
	struct sm_diff diff = {
		.begin = block,
		.end = block + 1,
		.expected = expected,
		.stored = stored,
	};

	if (t->collect)
		return expected < 3 ? 0 : vec_add(&t->keys, &block);
	if (expected < 3)
		return stale_entry(t, block, stored, expected);
	t->nr_above_two++;
	if (stored == expected || (t->c->lower_bounds && stored > expected) ||
	    find_diff(t->report, t->nr_bitmap_diffs, block))
		return 0;
	t->report->nr_wrong++;
	return vec_add(&t->report->diffs, &diff);
}

static int tree_leaf(void *user, const struct walk_node *leaf)
{
	struct tree_compare *t = user;
	const struct walk_inner *inner = forest_inner(&t->c->sm->counts, leaf);
	const le32 *counts = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = tree_entry(t, inner->keys[i], le32_get(counts[i]));
	return r;
}

static bool has_key(const struct tree_compare *t, uint64_t block)
{
	size_t low = 0, high = t->keys.count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->keys.items[mid] < block)
			low = mid + 1;
		else
			high = mid;
	}
	return low < t->keys.count && t->keys.items[low] == block;
}

static int missing_entry(struct tree_compare *t, uint64_t block, uint64_t *kept)
{
	struct sm_diff diff = {
		.begin = block,
		.end = block + 1,
		.expected = refcounts_get(t->c->expected, block),
		.stored = 3,
		.no_entry = true,
	};

	if (has_key(t, block) || find_diff(t->report, t->nr_bitmap_diffs, block))
		return 0;
	t->report->nr_wrong++;
	return (*kept)++ < SM_DIFFS_A_BITMAP ? vec_add(&t->report->diffs, &diff) : 0;
}

/* Neighbours that differ alike become one. */
static void coalesce(struct sm_report *report)
{
	size_t kept = 0;

	for (size_t i = 0; i < report->diffs.count; i++) {
		const struct sm_diff *diff = &report->diffs.items[i];
		struct sm_diff *last = kept ? &report->diffs.items[kept - 1] : NULL;

		if (last && last->end == diff->begin && last->expected == diff->expected &&
		    last->stored == diff->stored && last->no_entry == diff->no_entry &&
		    last->stale == diff->stale)
			last->end = diff->end;
		else
			report->diffs.items[kept++] = *diff;
	}
	report->diffs.count = kept;
}

/* Some blocks that should be in the tree are not: which? */
static int find_missing(struct tree_compare *t, const struct forest_visitor *visitor)
{
	const struct refcounts *c = t->c->expected;
	uint64_t kept;
	int r;

	t->collect = true;
	r = forest_visit(&t->c->sm->counts, t->c->sm->root.ref_count_root, visitor);
	for (uint64_t p = 0; r == 0 && p < DIV_UP(c->nr_blocks, REFCOUNTS_PIECE); p++) {
		kept = 0;
		for (uint32_t i = 0; r == 0 && c->pieces[p] && i < REFCOUNTS_PIECE; i++)
			if ((c->pieces[p][i / 32] >> (i % 32 * 2) & 3) == 3)
				r = missing_entry(t, p * REFCOUNTS_PIECE + i, &kept);
	}
	vec_done(&t->keys);
	return r;
}

static int compare_tree(struct compare *c, struct sm_report *report)
{
	struct tree_compare t = {
		.c = c,
		.report = report,
		.nr_bitmap_diffs = report->diffs.count,
	};
	struct forest_visitor visitor = { .leaf = tree_leaf, .user = &t };
	int r;

	for (size_t i = 0; i < report->diffs.count; i++)
		report->diffs.items[i].no_entry = report->diffs.items[i].stored == 3;
	r = forest_visit(&c->sm->counts, c->sm->root.ref_count_root, &visitor);
	if (r == 0 && !c->sm->counts.nr_errors &&
	    t.nr_above_two != refcounts_nr_above_two(c->expected))
		r = find_missing(&t, &visitor);
	if (r == 0) {
		sort_diffs(report);
		coalesce(report);
	}
	return r;
}

int space_map_compare(struct space_map *sm, const struct refcounts *expected, bool lower_bounds,
		      struct sm_report *report)
{
	struct compare c = { .sm = sm, .expected = expected, .lower_bounds = lower_bounds };
	int r;

	*report = (struct sm_report){ 0 };
	r = compare_bitmaps(&c, report);
	if (r == 0)
		r = compare_tree(&c, report);
	sm->nr_bad_bitmaps = 0;
	for (uint64_t i = 0; i < sm->nr_bitmaps; i++)
		sm->nr_bad_bitmaps += sm->bitmaps[i].error != SM_OK;
	report->complete = !sm->nr_bad_bitmaps && !sm->index_error && !sm->index.nr_errors &&
			   !sm->counts.nr_errors;
	return r;
}

void sm_report_done(struct sm_report *report)
{
	vec_done(&report->diffs);
}

/* --- repairing --- */

bool sm_nr_free_right(const struct sm_bitmap *b)
{
	return b->nr_free == b->free_all || b->nr_free == b->free_inside;
}

bool sm_none_free_before_right(const struct sm_bitmap *b)
{
	return b->none_free_before <= b->first_free;
}

static bool is_right(const struct sm_bitmap *b)
{
	return sm_nr_free_right(b) && sm_none_free_before_right(b);
}

static int write_block(struct space_map *sm, void *data, enum block_kind kind, bp_mblock block)
{
	block_seal(data, kind, block);
	return io_write(sm->meta->io, block, 1, data);
}

/* Free what is counted once and expected nowhere, and say what the index should. */
static int free_leaks(struct space_map *sm, const struct refcounts *expected, uint64_t bitmap,
		      struct sm_bitmap_disk *disk)
{
	struct sm_bitmap *b = &sm->bitmaps[bitmap];
	uint64_t begin = bitmap * SM_BITMAP_ENTRIES;
	int r = io_read(sm->meta->io, b->block, 1, disk);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < entries_inside(sm, bitmap); i++) {
		uint64_t word = le64_get(disk->words[i / 32]);
		unsigned shift = i % 32 * 2;

		if ((word >> shift & 3) != 2 || refcounts_get(expected, begin + i))
			continue;
		disk->words[i / 32] = le64_make(word & ~(UINT64_C(3) << shift));
		b->free_all++;
		b->free_inside++;
		b->first_free = MIN(b->first_free, i);
	}
	return write_block(sm, disk, BLOCK_BITMAP, b->block);
}

static struct sm_index_entry_disk make_entry(const struct sm_bitmap *b)
{
	return (struct sm_index_entry_disk){
		.blocknr = le64_make(b->block),
		.nr_free = le32_make(b->free_all),
		.none_free_before = le32_make(MIN(b->none_free_before, b->first_free)),
	};
}

static int write_index_block(struct space_map *sm, struct sm_index_disk *disk)
{
	int r = io_read(sm->meta->io, sm->root.bitmap_root, 1, disk);

	for (uint64_t i = 0; r == 0 && i < sm->nr_bitmaps; i++)
		if (!is_right(&sm->bitmaps[i]))
			disk->entries[i] = make_entry(&sm->bitmaps[i]);
	return r < 0 ? r : write_block(sm, disk, BLOCK_INDEX, sm->root.bitmap_root);
}

/* All wrong entries of the leaf that has bitmap @i: bitmaps of a leaf follow each other. */
static int write_index_leaf(struct space_map *sm, uint64_t *i, void *buf)
{
	uint32_t leaf = sm->bitmaps[*i].leaf;
	struct node node;
	int r = node_read(sm->meta, leaf, sizeof(struct sm_index_entry_disk), buf, &node);

	if (r < 0)
		return r;
	for (; *i < sm->nr_bitmaps && sm->bitmaps[*i].leaf == leaf; ++*i) {
		const struct sm_bitmap *b = &sm->bitmaps[*i];
		struct sm_index_entry_disk entry = make_entry(b);
		int at = node_find(&node, *i);

		if (is_right(b) || at < 0)
			continue;
		memcpy((uint8_t *)buf + (node.values - (uint8_t *)buf) +
			       (size_t)at * sizeof(entry),
		       &entry, sizeof(entry));
	}
	return write_block(sm, buf, BLOCK_NODE, leaf);
}

static int write_index_tree(struct space_map *sm, void *buf)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < sm->nr_bitmaps;) {
		if (is_right(&sm->bitmaps[i]))
			i++;
		else
			r = write_index_leaf(sm, &i, buf);
	}
	return r;
}

int space_map_repair(struct space_map *sm, const struct refcounts *expected,
		     const struct sm_report *report, struct sm_root *ret_root)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : -ENOMEM;

	for (uint64_t i = 0; r == 0 && i < sm->nr_bitmaps; i++)
		if (sm->bitmaps[i].nr_leaked)
			r = free_leaks(sm, expected, i, buf);
	if (r == 0)
		r = io_flush(sm->meta->io);
	if (r == 0)
		r = sm->on_tree ? write_index_tree(sm, buf) : write_index_block(sm, buf);
	if (r == 0)
		r = io_flush(sm->meta->io);
	if (r < 0)
		return bp_fail(sm->meta->ctx, r, "cannot write the space map: %s",
			       strerrordesc_np(-r));
	*ret_root = sm->root;
	ret_root->nr_allocated = report->nr_allocated - report->nr_leaked;
	return 0;
}
