/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices of which nothing is left that is in use: the newest older tree that a list of devices has
 * for the same one. (Parts of others: salvage_patch.c.) Nothing proves that it is how the device
 * was last, so it makes the device doubtful. Only devices that are known to exist get one, and no
 * mapping is taken whose data block somebody else has by now: sharing keeps the virtual block, so
 * whoever has it at another got it since; nor one that has no more owners than are there, where the
 * data space map tells. (Not counted are leaves that may have lost a parent.)
 */
#include "formats/thin/salvage.h"

/* Nodes are looked at so often, for all devices together; with more devices gone none gets any. */
#define STEPS_MAX 2000000000u

struct reader {
	struct salvage *s;
	VEC(struct salvage_stale) stale; /* mappings of older leaves; by block, then key */
	bool orphan;                     /* the leaf being read may lack a parent */
	int (*entry)(struct reader *reader, uint64_t key, bp_dblock block);
};

/* --- which devices, and which trees --- */

/* A device of which nothing would be left. */
static bool is_gone(const struct salvage *s, const struct salvage_device *d)
{
	const struct snode *n;
	const struct salvage_place *place;

	if (d->has_details && d->pub.mapped_dblocks == 0)
		return false;
	if (!d->has_root)
		return d->has_details;
	n = snode_of_kind(s, d->pub.root, SALVAGE_MAPPINGS);
	if (n)
		return !(n->flags & SNODE_LEAF) && n->entries == 0 && s->nr_filled == 0;
	place = salvage_place_at(s, d->pub.root);
	return !place || (place->children.count == 0 && place->nr_filled == 0);
}

/* Was its id ever that of another device, as far as there are details? */
bool salvage_is_reused(const struct salvage *s, const struct salvage_device *d)
{
	struct bp_thin_device first = d->pub, old;
	bool known = d->has_details;

	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (n->kind != SALVAGE_DETAILS || !(n->flags & SNODE_LEAF))
			continue;
		for (uint32_t k = 0; k < n->nr; k++) {
			if (n->keys[k] != d->pub.id)
				continue;
			thin_details_decode(&n->details[k], &old);
			if (!known)
				first = old;
			known = true;
			if (old.transaction_id != first.transaction_id ||
			    old.creation_time != first.creation_time)
				return true;
		}
	}
	return !known;
}

/* Is @a closer to what @d was last than @b? By what its details say; else the newer one. */
static bool is_closer(const struct salvage_device *d, const struct snode *a,
		      const struct snode *b)
{
	bool equal_a = d->has_details && a->entries == d->pub.mapped_dblocks;
	bool equal_b = d->has_details && b->entries == d->pub.mapped_dblocks;

	if (equal_a != equal_b)
		return equal_a;
	if (a->time_max != b->time_max)
		return a->time_max > b->time_max;
	return a->block > b->block;
}

/* Did the device ever have as many mappings, as far as there are details? */
static bool is_counted(const struct salvage *s, uint64_t id, uint64_t entries)
{
	struct bp_thin_device old;

	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		for (uint32_t k = 0;
		     n->kind == SALVAGE_DETAILS && (n->flags & SNODE_LEAF) && k < n->nr; k++) {
			if (n->keys[k] != id)
				continue;
			thin_details_decode(&n->details[k], &old);
			if (old.mapped_dblocks == entries)
				return true;
		}
	}
	return false;
}

/*
 * An older root of the same id, by older versions of top leaves. @proven: only one whose
 * count of mappings agrees with the details.
 */
struct snode *salvage_find_older(const struct salvage *s, const struct salvage_device *d,
				 bool proven)
{
	struct snode *best = NULL;

	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *top = &s->nodes.items[i];

		if (top->kind != SALVAGE_TOP || !(top->flags & SNODE_LEAF) ||
		    (top->flags & SNODE_CLASH))
			continue;
		for (uint32_t k = 0; k < top->nr; k++) {
			struct snode *n =
				top->keys[k] == d->pub.id
					? snode_of_kind(s, top->values[k], SALVAGE_MAPPINGS)
					: NULL;

			if (n && n->entries > 0 && !(n->flags & (SNODE_BROKEN | SNODE_CLASH)) &&
			    (!best || is_closer(d, n, best)) &&
			    (!proven || is_counted(s, d->pub.id, n->entries)))
				best = n;
		}
	}
	return best;
}

/* Leaves of an older tree that are not in use: their mappings must be looked at one by one. */
static void mark_leaves(struct salvage *s, struct snode *n, unsigned depth)
{
	if ((n->flags & SNODE_LEAF) && !salvage_in_use(s, n))
		n->flags |= SNODE_OLDER;
	for (uint32_t i = 0; !(n->flags & SNODE_LEAF) && i < n->nr; i++) {
		struct snode *child = snode_of_kind(s, n->values[i], SALVAGE_MAPPINGS);

		if (child && depth < BTREE_MAX_DEPTH)
			mark_leaves(s, child, depth + 1);
	}
}

/* What became of the root it had is to be told all the same. */
static int take_older(struct salvage *s, struct salvage_device *d, struct snode *n)
{
	struct salvage_lost lost = {
		.device = d->pub.id,
		.kind = SALVAGE_MAPPINGS,
		.block = (uint32_t)d->pub.root,
		.end = UINT64_MAX,
	};
	int r = 0;

	if (d->has_root) {
		lost.error = salvage_why(s, d->pub.root, SALVAGE_MAPPINGS);
		r = lost.error ? vec_add(&s->lost, &lost) : 0;
	}
	mark_leaves(s, n, 0);
	d->pub.root = n->block;
	d->has_root = d->older = true;
	return r;
}

/* --- what others have by now --- */

static int by_stale(const void *a, const void *b)
{
	const struct salvage_stale *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Sorted by block. */
static size_t first_stale(const struct salvage_stale *items, size_t nr, bp_dblock block)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (items[mid].block < block)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int add_stale(struct reader *reader, uint64_t key, bp_dblock block)
{
	const struct salvage_stale stale = { .block = block, .key = key };

	return vec_add(&reader->stale, &stale);
}

/*
 * May a parent of a live leaf be gone? Then it is perhaps the very leaf that lost devices had.
 */
static bool is_orphan(const struct salvage *s, bp_mblock block)
{
	uint32_t count = salvage_count(s, block);

	return count == COUNT_UNKNOWN || count > s->pointers[block];
}

/*
 * Somebody else maps the block now: the older mapping would show their data. At its own place in a
 * leaf that may lack a parent it does not: who the older mapping is of may be the one that lacks.
 */
static int mark_taken(struct reader *reader, uint64_t key, bp_dblock block)
{
	struct salvage_stale *items = reader->stale.items;

	for (size_t i = first_stale(items, reader->stale.count, block);
	     i < reader->stale.count && items[i].block == block; i++) {
		items[i].taken |= items[i].key != key;
		items[i].nr_owners += !reader->orphan;
	}
	return 0;
}

/* io_block_fn, of one worker. */
static int read_leaf(void *user, unsigned worker, size_t index, bp_mblock block,
		     const void *data, int error)
{
	struct reader *reader = user;
	struct node leaf;
	int r = 0;

	(void)worker;
	(void)index;
	if (error || node_decode(data, block, sizeof(le64), &leaf) != NODE_OK)
		return -EIO; /* it was sound a moment ago */
	reader->orphan = is_orphan(reader->s, block);
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++)
		r = reader->entry(reader, node_key(&leaf, i),
				  thin_mapping_block(node_value64(&leaf, i)));
	return r;
}

/* In order of the disk. */
static int read_leaves(struct reader *reader, bool older,
		       int (*entry)(struct reader *reader, uint64_t key, bp_dblock block))
{
	const struct salvage *s = reader->s;
	struct bits wanted;
	int r = bits_init(&wanted, s->meta.nr_blocks);

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (older ? (n->flags & SNODE_OLDER) && n->first <= n->last
			  : salvage_is_owner(s, n))
			bits_set(&wanted, n->block);
	}
	reader->entry = entry;
	if (r == 0)
		r = meta_stream(&s->meta, &wanted, 1, read_leaf, reader);
	bits_done(&wanted);
	return r;
}

/* What older leaves say of each other: one block at two places is right at one, at most. */
static void mark_twins(struct reader *reader)
{
	struct salvage_stale *items = reader->stale.items;

	for (size_t i = 1; i < reader->stale.count; i++)
		if (items[i].block == items[i - 1].block && items[i].key != items[i - 1].key)
			items[i].taken = items[i - 1].taken = true;
}

/* What was filled into gaps counts as mapped. */
static void mark_filled(struct reader *reader)
{
	const struct salvage *s = reader->s;

	reader->orphan = false;
	for (size_t i = 0; i < s->places.count; i++) {
		const struct salvage_place *p = &s->places.items[i];

		for (uint32_t k = 0; k < p->nr_filled; k++)
			mark_taken(reader, p->keys[k],
				   thin_mapping_block(le64_get(p->values[k])));
	}
}

/* A count that all known owners explain leaves none for the older mapping. */
static int mark_counted(struct reader *reader, const struct sm_root *data_map)
{
	struct salvage_counts counts;
	int r = salvage_counts_init(&counts, reader->s, data_map);

	for (size_t i = 0; r == 0 && i < reader->stale.count; i++) {
		struct salvage_stale *stale = &reader->stale.items[i];
		uint32_t count = salvage_counts_get(&counts, stale->block);

		stale->taken |=
			count != COUNT_UNKNOWN && counts.exact && count <= stale->nr_owners;
	}
	salvage_counts_done(&counts);
	return r;
}

/* Of all older mappings, those that do not hold any more. */
static int find_taken(struct salvage *s, const struct sm_root *data_map,
		      const struct salvage_patches *patches)
{
	struct reader reader = { .s = s };
	int r = read_leaves(&reader, true, add_stale);

	for (size_t i = 0; r == 0 && i < patches->list.count; i++)
		r = add_stale(&reader, patches->list.items[i].key,
			      patches->list.items[i].block);

	if (reader.stale.count)
		qsort(reader.stale.items, reader.stale.count, sizeof(reader.stale.items[0]),
		      by_stale);
	if (r == 0 && reader.stale.count) {
		mark_twins(&reader);
		mark_filled(&reader);
		r = read_leaves(&reader, false, mark_taken);
		if (r == 0)
			r = mark_counted(&reader, data_map);
	}
	for (size_t i = 0; r == 0 && i < reader.stale.count; i++)
		if (reader.stale.items[i].taken)
			r = vec_add(&s->taken, &reader.stale.items[i]);
	vec_done(&reader.stale);
	return r;
}

/* By key and block. */
bool salvage_is_taken(const struct salvage *s, uint64_t key, bp_dblock block)
{
	const struct salvage_stale *items = s->taken.items;

	for (size_t i = first_stale(items, s->taken.count, block);
	     i < s->taken.count && items[i].block == block; i++)
		if (items[i].key == key)
			return true;
	return false;
}

/* Devices of which nothing is left. */
static int take_all_older(struct salvage *s, struct salvage_devices *devices)
{
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		nr += is_gone(s, d);
		if (d->has_root && d->root_found)
			salvage_reach(s, d->pub.root);
	}
	if (nr > STEPS_MAX / (s->nodes.count + 1))
		return 0;
	for (size_t i = 0; r == 0 && i < devices->list.count; i++) {
		struct salvage_device *d = &devices->list.items[i];
		struct snode *n = is_gone(s, d) && !salvage_is_reused(s, d)
					  ? salvage_find_older(s, d, false)
					  : NULL;

		if (n)
			r = take_older(s, d, n);
	}
	return r;
}

static bool has_older(const struct salvage_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++)
		if (devices->list.items[i].older)
			return true;
	return false;
}

/* Devices of which nothing newer is left, then places in others. */
int salvage_older(struct salvage *s, const struct sm_root *data_map,
		  struct salvage_devices *devices)
{
	struct salvage_patches patches = { 0 };
	int r = take_all_older(s, devices);

	if (r == 0)
		r = salvage_patch_find(s, devices, &patches);
	if (r == 0 && (patches.list.count || has_older(devices)))
		r = find_taken(s, data_map, &patches);
	if (r == 0)
		r = salvage_patch_apply(s, &patches);
	vec_done(&patches.list);
	return r;
}
