/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Putting a space map right where nothing is wrong but leaks, counts past the end, and what index
 * and total say. It writes bitmaps and index entries in place; the root is the caller's.
 */
#include "pdata/space_map.h"

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

/* Free what is counted once and expected nowhere, and what doesn't exist. */
static int free_leaks(struct space_map *sm, const struct refcounts *expected, uint64_t bitmap,
		      struct sm_bitmap_disk *disk)
{
	struct sm_bitmap *b = &sm->bitmaps[bitmap];
	uint64_t begin = bitmap * SM_BITMAP_ENTRIES;
	int r = io_read(sm->meta->io, b->block, 1, disk);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < SM_BITMAP_ENTRIES; i++) {
		uint64_t word = le64_get(disk->words[i / 32]);
		unsigned shift = i % 32 * 2, stored = word >> shift & 3;
		bool inside = begin + i < sm->root.nr_blocks;

		/* 2 is a count of 1: see sm_bitmap_disk. */
		if (inside ? stored != 2 || refcounts_get(expected, begin + i) : !stored)
			continue;
		disk->words[i / 32] = le64_make(word & ~(UINT64_C(3) << shift));
		b->free_all++;
		b->free_inside += inside;
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

/* Entries in place: no node is added or moved. */
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

/*
 * Bitmaps, flush, index, flush, and the caller writes the superblock: an interruption
 * leaves counts that are too high at worst, which are leaks again.
 */
int space_map_repair(struct space_map *sm, const struct refcounts *expected,
		     const struct sm_report *report, struct sm_root *ret_root)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : -ENOMEM;

	for (uint64_t i = 0; r == 0 && i < sm->nr_bitmaps; i++)
		if (sm->bitmaps[i].nr_leaked || sm->bitmaps[i].nr_beyond)
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
