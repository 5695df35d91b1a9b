/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Do blocks of several states lie among each other, as two hosts leave them that had the pool active, or a copy
 * that was taken while it was? Then a tree can be sound and be that of another device, or half of one and
 * half of another, and what nothing else tells is no more than a guess.
 */
#include "core/util.h"
#include "formats/thin/plan.h"
#include "pdata/space_map.h"

/* Pointers may lead behind the area, and what was put together lies there. */
static bool is_strange(const struct salvage *s, const struct salvage_lost *lost)
{
	return lost->error != NODE_OK && lost->block < s->meta.nr_blocks &&
	       salvage_sound(s, lost->block);
}

/*
 * Does anything sound lie where something else was in use? Damage leaves nothing sound behind: another host
 * wrote it, or it was put back in time. Of a transaction that is over that is nothing strange.
 */
static bool is_crossed(const struct bp_thin_plan *plan, const struct salvage_devices *devices)
{
	const struct salvage *s = &plan->salvage;
	const struct bp_thin_superblock *live = &plan->live.pub;

	for (size_t i = 0; i < s->causes.count; i++)
		if (is_strange(s, &s->causes.items[i]))
			return true;
	for (size_t i = 0; i < s->lost.count; i++)
		if (is_strange(s, &s->lost.items[i]))
			return true;
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		if (d->has_details &&
		    MAX(d->pub.creation_time, d->pub.snapshotted_time) > live->time)
			return true;
	}
	return false;
}

/*
 * Is there a device whose tree is sound, and has not the mappings of its details? Then nodes of several states lie
 * among each other too, and any other sound tree may be that of another device.
 */
static bool is_mixed(const struct salvage_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		if (d->has_root && d->has_details && !d->incomplete && !d->older &&
		    !d->patched && d->found != d->pub.mapped_dblocks)
			return true;
	}
	return false;
}

/* --- counts --- */

/* Of a pool with 2^30 data blocks and more nothing is counted: it is one sign among others. */
#define COUNTED_MAX (1u << 30)

struct counting {
	struct salvage *s;
	uint8_t *nr; /* by data block: leaves that map it, up to three */
	bp_dblock nr_blocks;
	uint8_t *block; /* room for a leaf */
};

static int count_leaf(struct counting *c, const struct snode *n)
{
	struct node leaf;

	if (io_read(c->s->meta.io, n->block, 1, c->block) < 0 ||
	    node_decode(c->block, n->block, sizeof(le64), &leaf) != NODE_OK)
		return -EIO; /* it was sound a moment ago */
	for (uint32_t i = 0; i < leaf.nr; i++) {
		bp_dblock b = thin_mapping_block(node_value64(&leaf, i));

		if (b < c->nr_blocks && c->nr[b] < 3)
			c->nr[b]++;
	}
	return 0;
}

/* Each leaf once, however many devices have it: so the kernel counts. */
static int count_tree(struct counting *c, bp_mblock block, unsigned depth)
{
	struct snode *n = snode_of_kind(c->s, block, SALVAGE_MAPPINGS);
	int r = 0;

	if (!n || depth == BTREE_MAX_DEPTH || !salvage_pass(c->s, n))
		return 0;
	if (n->flags & SNODE_LEAF)
		return count_leaf(c, n);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = count_tree(c, n->values[i], depth + 1);
	return r;
}

static int count_all(struct counting *c, const struct salvage_devices *devices)
{
	int r = 0;

	salvage_walk(c->s);
	for (size_t i = 0; r == 0 && i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		/* What is from an older tree is not counted any more. */
		if (d->found && !d->older && !d->patched)
			r = count_tree(c, d->tree, 0);
	}
	return r;
}

/* Do more leaves map a block than the data space map, where that can be read, counts? */
static int compare_counts(struct bp_thin_plan *plan, const struct counting *c, bool *ret_short)
{
	struct salvage_counts counts;
	int r = salvage_counts_init(&counts, &plan->salvage, &plan->live.data_sm);

	for (bp_dblock b = 0; r == 0 && b < c->nr_blocks && !*ret_short; b++)
		*ret_short = c->nr[b] && c->nr[b] > salvage_counts_get(&counts, b);
	salvage_counts_done(&counts);
	return r;
}

/*
 * The space map is the witness where details are not. Memory: one byte a data block.
 */
static int find_short(struct bp_thin_plan *plan, const struct salvage_devices *devices,
		      bool *ret)
{
	struct counting c = {
		.s = &plan->salvage,
		.nr_blocks = plan->sum.superblock.nr_data_blocks,
	};
	int r = -ENOMEM;

	*ret = false;
	if (c.nr_blocks > COUNTED_MAX)
		return 0;
	c.nr = calloc_many(c.nr_blocks + 1, sizeof(*c.nr));
	c.block = io_buffer_new(1);
	if (c.nr && c.block)
		r = count_all(&c, devices);
	if (r == 0)
		r = compare_counts(plan, &c, ret);
	free(c.block);
	free(c.nr);
	return r;
}

/* Is there one of which only its own tree tells that it is whole? */
static bool has_unproven(const struct salvage_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		if (d->found && !d->incomplete && (!d->has_details || d->root_found))
			return true;
	}
	return false;
}

int plan_find_mixed(struct bp_thin_plan *plan, const struct salvage_devices *devices)
{
	bool of_live = !plan->sum.superblock_damaged &&
		       plan->sum.roots == BP_THIN_FROM_SUPERBLOCK && !plan->older;
	int r = 0;

	plan->crossed = of_live && is_crossed(plan, devices);
	if (of_live && !plan->crossed && has_unproven(devices))
		r = find_short(plan, devices, &plan->crossed);
	plan->mixed = plan->crossed || is_mixed(devices);
	return r;
}

/* --- zeros --- */

struct zeroed {
	const struct salvage *s;
	struct bits seen; /* bitmaps, by block */
	struct bits *once;
	void *index, *bitmap;
};

static bool read_block(const struct zeroed *z, bp_mblock nr, enum block_kind kind, void *buf)
{
	return nr != 0 && nr < z->s->meta.nr_blocks &&
	       io_read(z->s->meta.io, nr, 1, buf) == 0 &&
	       block_check(buf, kind, nr) == BLOCK_OK;
}

/* Bitmap @nr of some index: what it counts. */
static void note_bitmap(struct zeroed *z, uint64_t nr)
{
	const struct sm_bitmap_disk *bitmap = z->bitmap;
	bp_mblock begin = nr * SM_BITMAP_ENTRIES;
	bp_mblock end = MIN(begin + SM_BITMAP_ENTRIES, z->s->meta.nr_blocks);

	for (bp_mblock b = begin; b < end; b++)
		if (le64_get(bitmap->words[(b - begin) / 32]) >> (2 * ((b - begin) % 32)) & 3)
			bits_set(z->once, b);
}

static void note_index(struct zeroed *z, bp_mblock block)
{
	const struct sm_index_disk *index = z->index;

	if (!read_block(z, block, BLOCK_INDEX, z->index))
		return;
	for (uint64_t i = 0; i < DIV_UP(z->s->meta.nr_blocks, SM_BITMAP_ENTRIES); i++) {
		bp_mblock nr = i < SM_INDEX_ENTRIES ? le64_get(index->entries[i].blocknr) : 0;

		if (nr < z->s->meta.nr_blocks && !bits_test_and_set(&z->seen, nr) &&
		    read_block(z, nr, BLOCK_BITMAP, z->bitmap))
			note_bitmap(z, i);
	}
}

int plan_find_used(const struct bp_thin_plan *plan, struct bits *ret)
{
	struct zeroed z = {
		.s = &plan->salvage,
		.once = ret,
		.index = io_buffer_new(1),
		.bitmap = io_buffer_new(1),
	};
	int r = z.index && z.bitmap ? bits_init(ret, z.s->meta.nr_blocks) : -ENOMEM;

	if (r == 0)
		r = bits_init(&z.seen, z.s->meta.nr_blocks);
	for (size_t i = 0; r == 0 && i < z.s->indexes.count; i++)
		note_index(&z, z.s->indexes.items[i]);
	bits_done(&z.seen);
	free(z.index);
	free(z.bitmap);
	return r;
}
