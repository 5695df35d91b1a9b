/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees of mappings that are in use and whose roots nobody names any more, where all devices are
 * known by their details: which is whose is told by how many mappings those count. All ways are tried
 * of giving each device a tree that it can have; what is the same in all of them holds. A block that is
 * gone may have been the root of one of them: then all that is left over was below it.
 */
#include "formats/thin/salvage.h"

/* Of more devices, or in more steps, no ways are looked for. */
#define WANTING_MAX 64u
#define STEPS_MAX   1000000u

#define GONE    UINT32_MAX       /* the root of this device is gone itself */
#define SEVERAL (UINT32_MAX - 1) /* not the same in all ways */

struct orphans {
	struct salvage *s;
	struct salvage_devices *devices;
	VEC(uint32_t) wanting; /* devices without root, by index */
	VEC(uint32_t) trees;   /* nodes, by index, once for each parent that is gone */
	bool known;            /* these are all, and none can be something else */
	bool *used;            /* by tree: given away */
	uint32_t way[WANTING_MAX], all[WANTING_MAX]; /* the node of each: in this way, in all */
	uint64_t nr_ways, steps;
};

/* --- what was below a root that is gone --- */

static int by_first(const void *a, const void *b, void *user)
{
	const struct salvage *s = user;
	const struct snode *x = &s->nodes.items[*(const uint32_t *)a];
	const struct snode *y = &s->nodes.items[*(const uint32_t *)b];

	return x->first < y->first ? -1 : x->first > y->first;
}

/* What no device has in this way, by key; how many mappings these are, and is anything missing of them? */
static int take_rest(const struct orphans *o, struct salvage_place *place,
		     uint64_t *ret_entries, bool *ret_broken)
{
	const struct salvage *s = o->s;

	place->children.count = 0;
	*ret_entries = 0;
	*ret_broken = false;
	for (size_t i = 0; i < o->trees.count; i++) {
		const struct snode *n = &s->nodes.items[o->trees.items[i]];

		if (o->used[i])
			continue;
		*ret_entries += n->entries;
		*ret_broken |= n->flags & SNODE_BROKEN;
		if (vec_add(&place->children, &o->trees.items[i]) < 0)
			return -ENOMEM;
	}
	if (place->children.count)
		qsort_r(place->children.items, place->children.count, sizeof(uint32_t),
			by_first, o->s);
	return 0;
}

/* Of one height, and no two with the same keys. */
static bool are_siblings(const struct salvage *s, const struct salvage_place *place)
{
	for (size_t i = 1; i < place->children.count; i++) {
		const struct snode *a = salvage_child(s, place, i - 1);
		const struct snode *b = salvage_child(s, place, i);

		if (a->height != b->height || b->first <= a->last)
			return false;
	}
	return place->children.count > 0 &&
	       place->children.count <= node_capacity(sizeof(le64));
}

/* By block: where the node is made again it must not have the number of one that is there. */
static int put_place(struct salvage *s, const struct salvage_place *place)
{
	size_t at = s->places.count;

	if (vec_add(&s->places, place) < 0)
		return -ENOMEM;
	for (; at > 0 && s->places.items[at - 1].block > place->block; at--)
		s->places.items[at] = s->places.items[at - 1];
	s->places.items[at] = *place;
	return 0;
}

/* Make the root of @d of what is in @place. Takes its children on success. */
static int make_root(struct salvage *s, struct salvage_device *d, struct salvage_place *place,
		     uint64_t entries)
{
	int r;

	if (s->next_virtual > UINT32_MAX)
		return -ENOMEM;
	place->child_height = (int8_t)salvage_child(s, place, 0)->height;
	place->lacks = entries < d->pub.mapped_dblocks;
	place->block = (uint32_t)s->next_virtual++;
	r = put_place(s, place);
	if (r < 0)
		return r;
	for (size_t i = 0; i < place->children.count; i++)
		s->pointers[salvage_child(s, place, i)->block]++;
	d->pub.root = place->block;
	d->has_root = d->root_found = true;
	*place = (struct salvage_place){ 0 };
	return 0;
}

/*
 * One device alone has no root: all that lost its parent was below it, if it can have been, and is no more
 * than the device had. More of it may be gone.
 */
static int join_rest(struct orphans *o)
{
	struct salvage_device *d = &o->devices->list.items[o->wanting.items[0]];
	struct salvage_place place = { .kind = SALVAGE_MAPPINGS, .end = UINT64_MAX };
	uint64_t entries;
	bool broken;
	int r = take_rest(o, &place, &entries, &broken);

	if (r == 0 && entries <= d->pub.mapped_dblocks && are_siblings(o->s, &place))
		r = make_root(o->s, d, &place, entries);
	vec_done(&place.children);
	return r;
}

/* --- ways --- */

static bool could_have(const struct salvage_device *d, const struct snode *n)
{
	return n->flags & SNODE_BROKEN ? n->entries <= d->pub.mapped_dblocks
				       : n->entries == d->pub.mapped_dblocks;
}

/* Was all that is left over below the root of @d? Where nothing is, that was a leaf. */
static int explains_rest(const struct orphans *o, const struct salvage_device *d, bool *ret)
{
	struct salvage_place place = { 0 };
	uint64_t entries;
	bool broken;
	int r = take_rest(o, &place, &entries, &broken);

	if (place.children.count < 2) /* a root of one child is not kept */
		*ret = place.children.count == 0 &&
		       d->pub.mapped_dblocks <= node_capacity(sizeof(le64));
	else
		*ret = are_siblings(o->s, &place) &&
		       (broken ? entries <= d->pub.mapped_dblocks
			       : entries == d->pub.mapped_dblocks);
	vec_done(&place.children);
	return r;
}

/* Nothing may be left over. */
static int is_way(const struct orphans *o, bool *ret)
{
	for (size_t i = 0; i < o->wanting.count; i++)
		if (o->way[i] == GONE)
			return explains_rest(o, &o->devices->list.items[o->wanting.items[i]],
					     ret);
	*ret = true;
	for (size_t i = 0; i < o->trees.count; i++)
		*ret &= o->used[i];
	return 0;
}

static int keep_way(struct orphans *o)
{
	bool fits;
	int r = is_way(o, &fits);

	if (r < 0 || !fits)
		return r;
	for (size_t i = 0; i < o->wanting.count; i++)
		if (o->nr_ways == 0)
			o->all[i] = o->way[i];
		else if (o->all[i] != o->way[i])
			o->all[i] = SEVERAL;
	o->nr_ways++;
	return 0;
}

/* Of equal trees the first that is left: which of them it is makes no other way. */
static bool is_free(const struct orphans *o, size_t tree)
{
	return !o->used[tree] &&
	       !(tree > 0 && o->trees.items[tree] == o->trees.items[tree - 1] &&
		 !o->used[tree - 1]);
}

/* All ways for the devices from @i on; WANTING_MAX bounds the depth. */
static int find_ways(struct orphans *o, size_t i, unsigned nr_gone)
{
	const struct salvage_device *d;
	int r = 0;

	if (o->steps++ >= STEPS_MAX)
		return 0;
	if (i == o->wanting.count)
		return keep_way(o);
	d = &o->devices->list.items[o->wanting.items[i]];
	if (nr_gone) {
		o->way[i] = GONE;
		r = find_ways(o, i + 1, nr_gone - 1);
	}
	for (size_t k = 0; r == 0 && k < o->trees.count; k++) {
		if (!is_free(o, k) || !could_have(d, &o->s->nodes.items[o->trees.items[k]]))
			continue;
		o->used[k] = true;
		o->way[i] = o->trees.items[k];
		r = find_ways(o, i + 1, nr_gone);
		o->used[k] = false;
	}
	return r;
}

/* --- giving --- */

static void use(struct orphans *o, uint32_t node)
{
	for (size_t k = 0; k < o->trees.count; k++)
		if (o->trees.items[k] == node && !o->used[k]) {
			o->used[k] = true;
			return;
		}
}

/* The device whose root is gone, if it and all others are the same in all ways: the rest is its own. */
static int give_rest(struct orphans *o)
{
	struct salvage_place place = { .kind = SALVAGE_MAPPINGS, .end = UINT64_MAX };
	struct salvage_device *gone = NULL;
	uint64_t entries;
	bool broken;
	int r;

	for (size_t i = 0; i < o->wanting.count; i++) {
		if (o->all[i] == SEVERAL)
			return 0;
		if (o->all[i] == GONE)
			gone = &o->devices->list.items[o->wanting.items[i]];
	}
	r = gone ? take_rest(o, &place, &entries, &broken) : 0;
	if (r == 0 && place.children.count)
		r = make_root(o->s, gone, &place, entries);
	vec_done(&place.children);
	return r;
}

static int give(struct orphans *o)
{
	for (size_t i = 0; i < o->wanting.count; i++) {
		struct salvage_device *d = &o->devices->list.items[o->wanting.items[i]];

		if (o->all[i] == SEVERAL || o->all[i] == GONE)
			continue;
		use(o, o->all[i]);
		d->has_root = d->root_found = true;
		d->pub.root = o->s->nodes.items[o->all[i]].block;
		o->s->pointers[d->pub.root]++;
	}
	return give_rest(o);
}

/* Blocks that are gone and that nobody points to: none, one, or more, of which nothing can be said. */
static int give_by_ways(struct orphans *o)
{
	int r;

	if (!o->known || !salvage_all_seen(o->s, 1) || o->wanting.count > WANTING_MAX)
		return 0;
	r = find_ways(o, 0, !salvage_all_seen(o->s, 0));
	return r == 0 && o->nr_ways && o->steps < STEPS_MAX ? give(o) : r;
}

/* --- what there is --- */

/* Nodes that lost children, and may have lost what is to be given to a root. */
static bool has_open_places(const struct salvage *s)
{
	for (size_t i = 0; i < s->places.count; i++)
		if (s->places.items[i].kind == SALVAGE_MAPPINGS &&
		    s->places.items[i].child_height != -2)
			return true;
	return false;
}

static int find_wanting(struct orphans *o)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < o->devices->list.count; i++)
		if (salvage_needs_root(&o->devices->list.items[i]))
			r = vec_add(&o->wanting, &i);
	return r;
}

/* May @n be part of a tree of mappings, with something in it? */
static bool is_tree(const struct salvage *s, const struct snode *n)
{
	return snode_of_kind(s, n->block, SALVAGE_MAPPINGS) && n->first <= n->last;
}

/* -EUCLEAN: one is what it can't be. */
static int find_trees(struct orphans *o)
{
	const struct salvage *s = o->s;
	int r = 0;

	o->known = true;
	for (uint32_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		bool tree = is_tree(s, n), many = salvage_count(s, n->block) == COUNT_MANY;
		uint32_t missing = salvage_missing_parents(s, n);

		if (!tree && n->kind != SALVAGE_NONE)
			continue;
		o->known &= !many && (tree || !missing) && missing <= WANTING_MAX;
		if (tree && missing && (n->flags & SNODE_CLASH))
			return -EUCLEAN;
		for (uint32_t k = 0; tree && r == 0 && k < MIN(missing, WANTING_MAX); k++)
			r = vec_add(&o->trees, &i);
	}
	return r;
}

static int give_all(struct orphans *o)
{
	int r;

	o->used = calloc(o->trees.count + 1, sizeof(*o->used));
	r = o->used ? give_by_ways(o) : -ENOMEM;
	if (r == 0 && o->wanting.count == 1 && !salvage_all_seen(o->s, 0) &&
	    salvage_needs_root(&o->devices->list.items[o->wanting.items[0]]))
		r = join_rest(o);
	free(o->used);
	return r;
}

/* Only where nothing else can be known of: a metadata snapshot, nodes of another transaction. */
int salvage_orphans(struct salvage *s, struct salvage_devices *devices)
{
	struct orphans o = { .s = s, .devices = devices };
	int r;

	if (s->outdated || s->snap_hidden || has_open_places(s))
		return 0;
	r = find_wanting(&o);
	if (r == 0 && o.wanting.count)
		r = find_trees(&o);
	if (r == 0 && o.trees.count)
		r = give_all(&o);
	vec_done(&o.wanting);
	vec_done(&o.trees);
	return r == -EUCLEAN ? 0 : r;
}
