/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Giving subtrees without a parent back to the node that lost them.
 *
 * The space map counts how many parents a live node has; those that are there are counted here.
 * What is short of parents belonged to nodes that are gone: to each of the places that such a
 * node can be in, where these are as many as parents are missing. Where there are more, nobody
 * can tell, and the subtree is left out: a mapping too few is better than a wrong one.
 */
#include "formats/thin/salvage.h"

/* Places are tried again, as long as what was given back rules others out; at most so often. */
#define ROUNDS 8

struct mend {
	struct salvage *s;
	bool top_lost;  /* so a subtree may be a whole device, or one of a metadata snapshot */
	bp_mblock snap; /* a lost superblock of a metadata snapshot, or 0 */
	VEC(struct salvage_place *) open; /* places with something missing below, by begin */
	uint64_t *end_max;                /* of open[0 .. i] */
	VEC(uint32_t) orphans;            /* node indexes */
};

struct salvage_place *salvage_place_at(const struct salvage *s, bp_mblock block)
{
	size_t low = vec_bisect(&s->places, item, item->block < block);

	return low < s->places.count && s->places.items[low].block == block
		       ? &s->places.items[low]
		       : NULL;
}

/* --- which nodes are in use --- */

/* Marks what the roots lead to. The depth is bounded, as pointers come from a damaged area. */
static void reach(struct salvage *s, bp_mblock block, enum salvage_kind kind, unsigned depth)
{
	struct snode *n = snode_of_kind(s, block, kind);

	if (!n || (n->flags & SNODE_REACHED) || depth == 2 * BTREE_MAX_DEPTH)
		return;
	n->flags |= SNODE_REACHED;
	for (uint32_t i = 0; !(n->flags & SNODE_LEAF) && i < n->nr; i++)
		reach(s, n->values[i], kind, depth + 1);
	for (uint32_t i = 0; kind == SALVAGE_TOP && (n->flags & SNODE_LEAF) && i < n->nr; i++)
		reach(s, n->values[i], SALVAGE_MAPPINGS, depth + 1);
}

void salvage_reach(struct salvage *s, bp_mblock root)
{
	reach(s, root, SALVAGE_MAPPINGS, 0);
}

bool salvage_in_use(const struct salvage *s, const struct snode *n)
{
	uint32_t count = salvage_count(s, n->block);

	return (n->flags & SNODE_REACHED) || (count != 0 && count != COUNT_UNKNOWN);
}

bool salvage_is_owner(const struct salvage *s, const struct snode *n)
{
	return (n->flags & SNODE_LEAF) && n->first <= n->last && n->block != s->tops[0] &&
	       n->block != s->tops[1] && salvage_in_use(s, n) &&
	       snode_of_kind(s, n->block, SALVAGE_MAPPINGS);
}

static void point(struct salvage *s, bp_mblock block)
{
	if (block != 0 && block < s->meta.nr_blocks)
		s->pointers[block]++;
}

static void count_pointers(struct salvage *s, const struct salvage_roots *roots)
{
	point(s, roots->mapping);
	point(s, roots->details);
	point(s, roots->snap); /* no node, but one knows whose it is */
	point(s, roots->snap_mapping);
	point(s, roots->snap_details);
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		bool top = n->kind == SALVAGE_TOP && !(n->flags & SNODE_CLASH);

		if (!salvage_in_use(s, n) || ((n->flags & SNODE_LEAF) && !top))
			continue;
		for (uint32_t k = 0; k < n->nr; k++)
			point(s, n->values[k]);
	}
}

/*
 * Blocks of the data space map that are gone, and the roots of both, though it be that they are
 * not. Without a superblock the one index of bitmaps that is live tells of the first.
 */
static int point_maps(struct salvage *s, const struct salvage_roots *roots)
{
	struct salvage_counts counts = { 0 };
	int r = 0;

	if (!s->count)
		return 0;
	if (roots->data_map && roots->metadata_map) {
		point(s, roots->metadata_map->ref_count_root);
		point(s, roots->data_map->ref_count_root);
		point(s, roots->data_map->bitmap_root);
	}
	r = salvage_counts_init(&counts, s, roots->data_map);
	for (uint64_t i = 0; r == 0 && counts.has_map && i < counts.map.nr_bitmaps; i++)
		if (!salvage_sound(s, counts.map.bitmaps[i].block))
			point(s, counts.map.bitmaps[i].block);
	salvage_counts_done(&counts);
	return r;
}

bool salvage_all_seen(const struct salvage *s, unsigned lists)
{
	unsigned unseen = 0;

	for (bp_mblock b = 1; s->count && b < s->nr_counted; b++) {
		if (s->count[b] == COUNT_UNKNOWN)
			return false;
		unseen += s->count[b] > s->pointers[b] && !salvage_sound(s, b);
	}
	return s->count && unseen <= lists;
}

/* --- what is missing --- */

static int add_place(struct mend *m, uint64_t block, enum salvage_kind kind, int child_height,
		     uint64_t begin, uint64_t end)
{
	struct salvage_place place = {
		.block = (uint32_t)block,
		.kind = (uint8_t)kind,
		.child_height = (int8_t)child_height,
		.begin = begin,
		.end = end,
	};

	if (block == 0 || block >= m->s->meta.nr_blocks)
		return 0; /* a pointer that can't be: there is nothing to find */
	if (kind == SALVAGE_TOP && block != m->snap)
		m->top_lost = true;
	return vec_add(&m->s->places, &place);
}

/* A node of which nothing was known but that it is sound is what its parent has it for. */
static void adopt(struct snode *parent, struct snode *child)
{
	if (child->kind != SALVAGE_NONE)
		return;
	child->kind = parent->kind;
	child->height = parent->height ? (uint8_t)(parent->height - 1) : 0;
}

/*
 * Pointers to what isn't there are places: they say kind, range and height of what is
 * missing.
 */
static int look_below(struct mend *m, struct snode *n)
{
	struct salvage *s = m->s;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		uint64_t end = i + 1u < n->nr ? n->keys[i + 1] - 1 : n->bound;
		struct snode *child = snode_at(s, n->values[i]);
		int height = n->height == 0 ? -1 : n->height == 1 ? -2 : n->height - 2;

		if (child)
			adopt(n, child);
		if (child && snode_of_kind(s, n->values[i], (enum salvage_kind)n->kind))
			child->bound = MIN(child->bound, end);
		else
			r = add_place(m, n->values[i], (enum salvage_kind)n->kind, height,
				      n->keys[i], end);
	}
	return r;
}

/* A device's root may be missing too: any range, any height. */
static int look_at_roots(struct mend *m, const struct snode *n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		struct snode *root = snode_at(m->s, n->values[i]);

		if (root && root->kind == SALVAGE_NONE)
			root->kind = SALVAGE_MAPPINGS;
		if (!snode_of_kind(m->s, n->values[i], SALVAGE_MAPPINGS))
			r = add_place(m, n->values[i], SALVAGE_MAPPINGS, -1, 0, UINT64_MAX);
	}
	return r;
}

static int look_at_root(struct mend *m, bp_mblock root, enum salvage_kind kind)
{
	if (root == 0 || snode_of_kind(m->s, root, kind))
		return 0;
	return add_place(m, root, kind, -1, 0, UINT64_MAX);
}

/*
 * The superblock of a metadata snapshot is lost. Its trees have one parent less than they should:
 * without a place that they may belong to, they would be taken for what the live trees lost.
 */
static int look_at_snap(struct mend *m)
{
	int r = add_place(m, m->snap, SALVAGE_TOP, -1, 0, UINT64_MAX);

	return r < 0 ? r : add_place(m, m->snap, SALVAGE_DETAILS, -1, 0, UINT64_MAX);
}

/* From the top down, so that bounds and kinds of parents are known. */
static int find_places(struct mend *m, const struct salvage_roots *roots)
{
	struct salvage *s = m->s;
	int r = look_at_root(m, roots->mapping, SALVAGE_TOP);

	if (r == 0)
		r = look_at_root(m, roots->details, SALVAGE_DETAILS);
	if (r == 0)
		r = look_at_root(m, roots->snap_mapping, SALVAGE_TOP);
	if (r == 0)
		r = look_at_root(m, roots->snap_details, SALVAGE_DETAILS);
	if (r == 0 && m->snap)
		r = look_at_snap(m);
	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (salvage_in_use(s, n) && n->kind == SALVAGE_TOP && (n->flags & SNODE_LEAF) &&
		    !(n->flags & SNODE_CLASH))
			r = look_at_roots(m, n);
	}
	for (int height = BTREE_MAX_DEPTH; r == 0 && height >= 0; height--) {
		for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
			struct snode *n = &s->nodes.items[i];

			if (n->height == height && !(n->flags & SNODE_LEAF) &&
			    n->kind >= SALVAGE_MAPPINGS && n->kind <= SALVAGE_DETAILS &&
			    salvage_in_use(s, n))
				r = look_below(m, n);
		}
	}
	return r;
}

static int by_block(const void *a, const void *b)
{
	const struct salvage_place *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

/* One place for all pointers to one block: its keys are what all of them leave for it. */
static void join_places(struct salvage *s)
{
	size_t to = 0;

	if (s->places.count)
		qsort(s->places.items, s->places.count, sizeof(s->places.items[0]), by_block);
	for (size_t i = 0; i < s->places.count; i++) {
		const struct salvage_place *place = &s->places.items[i];
		struct salvage_place *last = to ? &s->places.items[to - 1] : NULL;

		if (!last || last->block != place->block || last->kind != place->kind) {
			s->places.items[to++] = *place;
			continue;
		}
		last->begin = MAX(last->begin, place->begin);
		last->end = MIN(last->end, place->end);
		if (last->child_height == -1)
			last->child_height = place->child_height;
	}
	s->places.count = to;
}

/* --- who lost a parent --- */

uint32_t salvage_missing_parents(const struct salvage *s, const struct snode *n)
{
	uint32_t count = salvage_count(s, n->block);

	if (count == COUNT_UNKNOWN || count == COUNT_MANY || count <= s->pointers[n->block])
		return 0;
	return count - s->pointers[n->block];
}

/* Nodes that are counted more often than pointers lead to them: some parent of them is lost. */
static int find_orphans(struct mend *m)
{
	struct salvage *s = m->s;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (n->first <= n->last && n->kind >= SALVAGE_MAPPINGS &&
		    n->kind <= SALVAGE_DETAILS && salvage_missing_parents(s, n) > 0)
			r = vec_add(&m->orphans, &i);
	}
	return r;
}

static int by_begin(const void *a, const void *b)
{
	const struct salvage_place *const *x = a, *const *y = b;

	if ((*x)->begin != (*y)->begin)
		return (*x)->begin < (*y)->begin ? -1 : 1;
	return (*x)->block < (*y)->block ? -1 : (*x)->block > (*y)->block;
}

/* Sorted, with the largest end so far: which places may hold a range is a search. */
static int open_places(struct mend *m)
{
	struct salvage *s = m->s;
	uint64_t end = 0;

	for (size_t i = 0; i < s->places.count; i++) {
		struct salvage_place *place = &s->places.items[i];

		if (place->child_height != -2 && vec_add(&m->open, &place) < 0)
			return -ENOMEM;
	}
	if (m->open.count)
		qsort(m->open.items, m->open.count, sizeof(m->open.items[0]), by_begin);
	m->end_max = calloc(m->open.count + 1, sizeof(*m->end_max));
	if (!m->end_max)
		return -ENOMEM;
	for (size_t i = 0; i < m->open.count; i++)
		m->end_max[i] = end = MAX(end, m->open.items[i]->end);
	return 0;
}

/* --- giving back --- */

/* Children of one node have one height and ranges that don't meet. */
static bool overlaps(const struct salvage *s, const struct salvage_place *place,
		     const struct snode *n)
{
	for (size_t i = 0; i < place->children.count; i++) {
		const struct snode *other = salvage_child(s, place, i);

		if (n->first <= other->last && other->first <= n->last)
			return true;
		if (other->height != n->height)
			return true;
	}
	return false;
}

static bool fits(const struct salvage *s, const struct salvage_place *place,
		 const struct snode *n)
{
	return place->kind == n->kind && place->begin <= n->first && n->last <= place->end &&
	       (place->child_height == -1 || place->child_height == (int8_t)n->height) &&
	       !overlaps(s, place, n);
}

/* Places that @n can belong to; those up to @most go to @found. */
static size_t find_fitting(const struct mend *m, const struct snode *n,
			   struct salvage_place **found, size_t most)
{
	size_t low = vec_bisect(&m->open, item, (*item)->begin <= n->first), nr = 0;

	while (low-- > 0 && m->end_max[low] >= n->last && nr <= most) {
		if (!fits(m->s, m->open.items[low], n))
			continue;
		if (nr < most)
			found[nr] = m->open.items[low];
		nr++;
	}
	return nr;
}

/* The root of the devices of a metadata snapshot whose superblock is lost, once it is found. */
static const struct snode *snap_top(const struct mend *m)
{
	const struct salvage_place *place = salvage_place_at(m->s, m->snap);

	const struct salvage_place *end = m->s->places.items + m->s->places.count;

	for (; place && place < end && place->block == m->snap; place++)
		if (place->kind == SALVAGE_TOP && place->children.count)
			return salvage_child(m->s, place, 0);
	return NULL;
}

#define PLACES_MAX 64u

/* 1: given back, 0: not now, or -ENOMEM. */
static int give_back(struct mend *m, uint32_t index)
{
	const struct snode *n = &m->s->nodes.items[index];
	struct salvage_place *found[PLACES_MAX];
	uint32_t missing = salvage_missing_parents(m->s, n);
	size_t nr;

	if (missing == 0 || missing > PLACES_MAX)
		return 0;
	/* It may be the root of a device, of which the place is lost as well. */
	if (n->kind == SALVAGE_MAPPINGS && (m->top_lost || (m->snap && !snap_top(m))))
		return 0;
	nr = find_fitting(m, n, found, missing);
	if (nr != missing)
		return 0;
	for (size_t i = 0; i < nr; i++) {
		if (vec_add(&found[i]->children, &index) < 0)
			return -ENOMEM;
		m->s->pointers[n->block]++;
	}
	return 1;
}

/*
 * Until nothing changes: a node that was given back may itself be the missing parent of
 * others.
 */
static int give_all(struct mend *m)
{
	bool more = true;

	for (int round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (size_t i = 0; i < m->orphans.count; i++) {
			int r = give_back(m, m->orphans.items[i]);

			if (r < 0)
				return r;
			more |= r > 0;
		}
	}
	return 0;
}

/* May a parent of @n be gone that it was not given back to? Of three or more, nobody knows. */
static bool may_miss_parents(const struct salvage *s, const struct snode *n)
{
	return n->first <= n->last && n->kind >= SALVAGE_MAPPINGS &&
	       n->kind <= SALVAGE_DETAILS &&
	       (salvage_missing_parents(s, n) > 0 || salvage_count(s, n->block) == COUNT_MANY);
}

/* Where several places are for a node that has fewer parents, each of them may lack it. */
static void mark_lacking(struct mend *m)
{
	struct salvage_place *found[PLACES_MAX];
	struct salvage *s = m->s;

	for (size_t i = 0; s->count && m->open.count && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		size_t nr = may_miss_parents(s, n) ? find_fitting(m, n, found, PLACES_MAX) : 0;

		s->lacking |= nr > PLACES_MAX;
		for (size_t k = 0; k < MIN(nr, PLACES_MAX); k++)
			found[k]->lacks = true;
	}
}

/* Few at a time. */
static void sort_children(struct salvage *s, struct salvage_place *place)
{
	uint32_t *children = place->children.items;

	for (size_t i = 1; i < place->children.count; i++) {
		uint32_t at = children[i];
		size_t k = i;

		for (;
		     k > 0 && salvage_child(s, place, k - 1)->first > s->nodes.items[at].first;
		     k--)
			children[k] = children[k - 1];
		children[k] = at;
	}
}

/* Does anybody know all devices of the metadata snapshot, if there is one? */
static bool knows_snap(const struct mend *m, const struct salvage_roots *roots)
{
	const struct snode *top =
		m->snap ? snap_top(m) : snode_of_kind(m->s, roots->snap_mapping, SALVAGE_TOP);

	return !roots->snap || (top && !(top->flags & SNODE_BROKEN));
}

/*
 * May there be a metadata snapshot that left no trace but nodes of its devices? Of what is in use its
 * superblock and its list of roots are gone then, and its list of details is, or has an owner less than
 * it should.
 */
static bool may_have_snap(const struct salvage *s)
{
	bool details = false;

	for (size_t i = 0; s->count && i < s->nodes.count && !details; i++)
		details = s->nodes.items[i].kind == SALVAGE_DETAILS &&
			  salvage_missing_parents(s, &s->nodes.items[i]) > 0;
	return s->count && !salvage_all_seen(s, details ? 1 : 2);
}

/*
 * Orphans go to the places that miss them, where range, height and counts agree. Without
 * counts nothing is given back.
 */
int salvage_mend(struct salvage *s, const struct salvage_roots *roots)
{
	struct mend m = { .s = s, .snap = roots->snap_mapping ? 0 : roots->snap };
	int r = 0;

	s->pointers = calloc_many(MAX(s->meta.nr_blocks, 1), sizeof(*s->pointers));
	if (!s->pointers)
		return -ENOMEM;
	s->tops[0] = roots->mapping;
	s->tops[1] = roots->snap_mapping;
	reach(s, roots->mapping, SALVAGE_TOP, 0);
	reach(s, roots->details, SALVAGE_DETAILS, 0);
	reach(s, roots->snap_mapping, SALVAGE_TOP, 0);
	reach(s, roots->snap_details, SALVAGE_DETAILS, 0);
	count_pointers(s, roots);
	r = point_maps(s, roots);
	if (r == 0)
		r = find_places(&m, roots);
	if (r == 0) {
		join_places(s);
		r = s->count && !s->outdated ? find_orphans(&m) : 0;
	}
	s->snap_hidden = roots->snap_unsure && may_have_snap(s);
	m.top_lost |= !roots->mapping || s->snap_hidden;
	if (r == 0)
		r = open_places(&m);
	if (r == 0)
		r = give_all(&m);
	if (r == 0)
		mark_lacking(&m);
	for (size_t i = 0; i < s->places.count; i++)
		sort_children(s, &s->places.items[i]);
	s->snap_unknown = r < 0 || !knows_snap(&m, roots);
	vec_done(&m.open);
	vec_done(&m.orphans);
	free(m.end_max);
	return r;
}
