/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks a metadata space map counts, and how often. Bitmaps that can't be read leave
 * their part unknown.
 */
#include "formats/thin/salvage.h"

/* A block of @kind at @nr, into @buf; false where there is none. */
static bool read_sound(struct salvage *s, bp_mblock nr, enum block_kind kind, void *buf)
{
	return nr != 0 && nr < s->meta.nr_blocks && io_read(s->meta.io, nr, 1, buf) == 0 &&
	       block_check(buf, kind, nr) == BLOCK_OK;
}

/* The lower bit of an entry is the high one. */
static uint32_t bitmap_count(uint64_t word, unsigned i)
{
	static const uint32_t counts[] = { 0, 2, 1, COUNT_MANY };

	return counts[word >> (2 * i) & 3];
}

static void take_bitmap(struct salvage *s, uint64_t nr, const struct sm_bitmap_disk *disk)
{
	bp_mblock begin = nr * SM_BITMAP_ENTRIES;
	bp_mblock end = MIN(begin + SM_BITMAP_ENTRIES, s->nr_counted);

	for (bp_mblock b = begin; b < end; b++)
		s->count[b] = bitmap_count(le64_get(disk->words[(b - begin) / 32]),
					   (unsigned)((b - begin) % 32));
}

static void forget_bitmap(struct salvage *s, uint64_t nr)
{
	bp_mblock begin = nr * SM_BITMAP_ENTRIES;
	bp_mblock end = MIN(begin + SM_BITMAP_ENTRIES, s->nr_counted);

	for (bp_mblock b = begin; b < end; b++)
		s->count[b] = COUNT_UNKNOWN;
}

/* Counts of three and more, as far as their tree can be read. */
static void take_counts(struct salvage *s, bp_mblock block, unsigned depth)
{
	struct snode *n = snode_of_kind(s, block, SALVAGE_COUNTS);

	if (!n || depth == BTREE_MAX_DEPTH || !salvage_pass(s, n))
		return;
	for (uint32_t i = 0; i < n->nr; i++) {
		if (!(n->flags & SNODE_LEAF))
			take_counts(s, n->values[i], depth + 1);
		else if (n->keys[i] < s->nr_counted && s->count[n->keys[i]] == COUNT_MANY)
			s->count[n->keys[i]] = le32_get(n->counts[i]);
	}
}

/* Blocks in use that are not sound: what they pointed to has lost a parent. */
static uint64_t count_dead(const struct salvage *s)
{
	uint64_t nr = 0;

	for (bp_mblock b = 1; b < s->nr_counted; b++)
		nr += s->count[b] != 0 && s->count[b] != COUNT_UNKNOWN && !salvage_sound(s, b);
	return nr;
}

/* Could any be read? */
static bool take_bitmaps(struct salvage *s, const struct sm_index_disk *index, void *buf)
{
	bool any = false;

	for (uint64_t i = 0; i < DIV_UP(s->nr_counted, SM_BITMAP_ENTRIES); i++) {
		if (i < SM_INDEX_ENTRIES &&
		    read_sound(s, le64_get(index->entries[i].blocknr), BLOCK_BITMAP, buf)) {
			take_bitmap(s, i, buf);
			any = true;
		} else {
			forget_bitmap(s, i);
		}
	}
	return any;
}

/*
 * What the metadata's space map says of each block: in use, and how often. s->count NULL:
 * no map that can be believed.
 */
int salvage_live(struct salvage *s, bp_mblock index, bp_mblock ref_counts, bp_mblock nr_blocks)
{
	_cleanup_(freep) void *buf = io_buffer_new(1), *bitmap = io_buffer_new(1);
	const struct sm_index_disk *disk = buf;

	free(s->count);
	s->count = NULL;
	s->nr_counted = MIN(nr_blocks, s->meta.nr_blocks);
	if (!buf || !bitmap)
		return -ENOMEM;
	if (!read_sound(s, index, BLOCK_INDEX, buf))
		return 0;
	for (uint64_t i = 0; i < SM_INDEX_ENTRIES; i++)
		if (le64_get(disk->entries[i].blocknr) == 0)
			s->nr_counted = MIN(s->nr_counted, i * SM_BITMAP_ENTRIES);
	s->count = calloc_many(MAX(s->nr_counted, 1), sizeof(*s->count));
	if (!s->count)
		return -ENOMEM;
	if (!take_bitmaps(s, disk, bitmap)) {
		free(s->count);
		s->count = NULL;
		return 0;
	}
	salvage_walk(s);
	take_counts(s, ref_counts, 0);
	s->nr_dead = count_dead(s);
	return 0;
}

bool salvage_live_whole(const struct salvage *s)
{
	for (bp_mblock b = 0; b < s->nr_counted; b += SM_BITMAP_ENTRIES)
		if (s->count[b] == COUNT_UNKNOWN)
			return false;
	return true;
}

/*
 * All that a later transaction wrote is free in this one: is anything damaged that is? (Not what was
 * written over from block 0 on.) Blocks of an older one may have been used again since, by other
 * devices: what is left of a tree that something is missing of can be theirs.
 */
bool salvage_is_newest(const struct salvage *s)
{
	bool start = true;

	for (bp_mblock b = 1; b < s->meta.nr_blocks; b++) {
		uint32_t count = salvage_count(s, b);

		if (!bits_test(&s->damaged, b))
			start = false;
		else if (!start && (count == 0 || count == COUNT_UNKNOWN))
			return false;
	}
	return true;
}

bp_mblock salvage_snap(const struct salvage *s)
{
	for (size_t i = s->superblocks.count; i-- > 0;) {
		bp_mblock block = s->superblocks.items[i].block;
		uint32_t count = salvage_count(s, block);

		if (block != 0 && count != 0 && count != COUNT_UNKNOWN)
			return block;
	}
	return 0;
}

/* Until something is changed the live trees have the same roots, which are counted twice then. */
bool salvage_snap_has(const struct salvage *s, bp_mblock block)
{
	bp_mblock snap = salvage_count(s, block) == 1 ? salvage_snap(s) : 0;

	for (size_t i = 0; snap && i < s->superblocks.count; i++) {
		const struct salvage_copy *copy = &s->superblocks.items[i];

		if (copy->block == snap)
			return copy->mapping == block || copy->details == block;
	}
	return false;
}
