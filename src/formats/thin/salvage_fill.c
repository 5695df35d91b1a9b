/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaves of mappings that are lost, put together again from what else is known of them: leaves
 * of other devices that share data blocks with them, and older versions of the leaf itself.
 *
 * Either is a guess until the data space map proves it: a mapping is taken where as many owners of
 * its data block are missing as lost leaves can have had that virtual block, and where whoever maps
 * the data block does it at the same virtual block, as sharing has it. Where a block's count can't
 * be read nothing is taken: an older version may have been that of a device that is no more.
 */
#include "formats/thin/salvage.h"

/* Where mappings are missing: keys [begin, end]. */
struct gap {
	uint64_t begin, end, end_max; /* the highest end of all gaps up to this one */
	uint32_t place;
	bool open; /* nothing of it is left, and it may have been a leaf */
};

/* A mapping that the leaf missing from a place may have had. */
struct guess {
	uint64_t key;
	bp_dblock block;
	uint32_t time, place;
};

/* Who maps a data block in leaves that are there. */
struct owner {
	bp_dblock block;
	uint64_t key;
	uint32_t nr;
	bool several; /* at several virtual blocks */
};

/* An older version of what is missing from a place. */
struct version {
	uint32_t place, leaf;
};

struct filler {
	struct salvage *s;
	VEC(struct gap) gaps; /* by begin */
	VEC(struct version) versions;
	VEC(struct guess) guesses;
	VEC(struct owner) owners;     /* by block */
	struct salvage_counts counts; /* of data blocks */
	size_t nr_unseen; /* blocks in use that are gone, and may have been leaves of anything */
	/* While leaves are read: */
	int (*entry)(struct filler *f, uint64_t key, uint64_t value);
};

/* --- gaps --- */

static bool may_be_leaf(const struct salvage *s, const struct salvage_place *p)
{
	return p->child_height < 0 && p->children.count == 0 && !snode_at(s, p->block);
}

static int by_begin(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Places of lost leaves, sorted by where they begin; end_max lets a search stop early. */
static int find_gaps(struct filler *f, bool *ret_open)
{
	const struct salvage *s = f->s;
	uint64_t end_max = 0;

	*ret_open = false;
	for (uint32_t i = 0; i < s->places.count; i++) {
		const struct salvage_place *p = &s->places.items[i];
		const struct gap gap = { p->begin, p->end, 0, i, may_be_leaf(s, p) };

		if (p->kind != SALVAGE_MAPPINGS || p->begin > p->end)
			continue;
		if (vec_add(&f->gaps, &gap) < 0)
			return -ENOMEM;
		*ret_open |= gap.open;
	}
	if (f->gaps.count)
		qsort(f->gaps.items, f->gaps.count, sizeof(f->gaps.items[0]), by_begin);
	for (size_t i = 0; i < f->gaps.count; i++)
		f->gaps.items[i].end_max = end_max = MAX(end_max, f->gaps.items[i].end);
	return 0;
}

/* How many gaps begin at or before @key. */
static size_t gaps_before(const struct filler *f, uint64_t key)
{
	return vec_bisect(&f->gaps, item, item->begin <= key);
}

/* In the range of the place, and in none of the children found for it. */
static bool misses(const struct salvage *s, const struct gap *gap, uint64_t key)
{
	const struct salvage_place *p = &s->places.items[gap->place];

	if (key < gap->begin || key > gap->end)
		return false;
	for (size_t i = 0; i < p->children.count; i++) {
		const struct snode *child = salvage_child(s, p, i);

		if (child->first <= key && key <= child->last)
			return false;
	}
	return true;
}

/* Lost leaves, as far as one knows, in which a mapping of @key can have been. */
static size_t nr_missing_key(const struct filler *f, uint64_t key)
{
	size_t nr = f->nr_unseen;

	for (size_t i = gaps_before(f, key); i-- > 0 && f->gaps.items[i].end_max >= key;)
		nr += misses(f->s, &f->gaps.items[i], key);
	return nr;
}

static const struct gap *open_gap_at(const struct filler *f, bp_mblock block)
{
	const struct salvage_place *p = salvage_place_at(f->s, block);

	for (size_t i = 0; p && i < f->gaps.count; i++)
		if (&f->s->places.items[f->gaps.items[i].place] == p)
			return f->gaps.items[i].open ? &f->gaps.items[i] : NULL;
	return NULL;
}

/* --- older versions --- */

static bool is_inner(const struct snode *n, enum salvage_kind kind)
{
	return n->kind == kind && !(n->flags & SNODE_LEAF);
}

/*
 * A leaf that is not in use any more, and lies where something is lost: an older version of
 * it, perhaps.
 */
static int add_version(struct filler *f, const struct gap *gap, bp_mblock block)
{
	const struct snode *n = snode_of_kind(f->s, block, SALVAGE_MAPPINGS);
	struct version version = { .place = gap->place };

	if (!n || !(n->flags & SNODE_LEAF) || salvage_in_use(f->s, n) || n->first > n->last ||
	    n->last < gap->begin || n->first > gap->end)
		return 0;
	version.leaf = n->block;
	return vec_add(&f->versions, &version);
}

/* Are both versions of one node, as some child is in both under the same key? */
static bool is_akin(const struct snode *a, const struct snode *b)
{
	uint32_t i = 0, k = 0;

	while (i < a->nr && k < b->nr) {
		if (a->keys[i] == b->keys[k] && a->values[i] == b->values[k])
			return true;
		if (a->keys[i] < b->keys[k])
			i++;
		else
			k++;
	}
	return false;
}

/* What nodes akin to @parent, which lost a child at @gap, had there. */
static int find_versions_below(struct filler *f, const struct snode *parent,
			       const struct gap *gap)
{
	const struct salvage *s = f->s;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (!is_inner(n, SALVAGE_MAPPINGS) || salvage_in_use(s, n) ||
		    n->height != parent->height || !is_akin(parent, n))
			continue;
		for (uint32_t k = 0; r == 0 && k < n->nr; k++)
			if (n->keys[k] <= gap->end)
				r = add_version(f, gap, n->values[k]);
	}
	return r;
}

/* Down an older tree, only where it meets the gap. */
static int add_tree(struct filler *f, const struct gap *gap, bp_mblock root, unsigned depth)
{
	struct snode *n = snode_of_kind(f->s, root, SALVAGE_MAPPINGS);
	int r = 0;

	if (!n || depth == BTREE_MAX_DEPTH || !salvage_pass(f->s, n))
		return 0;
	if (n->flags & SNODE_LEAF)
		return add_version(f, gap, root);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = add_tree(f, gap, n->values[i], depth + 1);
	return r;
}

/* A device's root is lost: roots that it had in older trees of roots. */
static int find_older_roots(struct filler *f, uint64_t id, const struct gap *gap)
{
	const struct salvage *s = f->s;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (n->kind != SALVAGE_TOP || !(n->flags & SNODE_LEAF) || salvage_in_use(s, n))
			continue;
		for (uint32_t k = 0; r == 0 && k < n->nr; k++)
			if (n->keys[k] == id) {
				salvage_walk(f->s);
				r = add_tree(f, gap, n->values[k], 0);
			}
	}
	return r;
}

static int by_place(const void *a, const void *b)
{
	const struct version *x = a, *y = b;

	if (x->leaf != y->leaf)
		return x->leaf < y->leaf ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

/* Older versions are found by older parents: those still name them. */
static int find_versions(struct filler *f)
{
	const struct salvage *s = f->s;
	size_t to = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		bool top = n->kind == SALVAGE_TOP && (n->flags & SNODE_LEAF) &&
			   !(n->flags & SNODE_CLASH);

		if (!salvage_in_use(s, n) || !(top || is_inner(n, SALVAGE_MAPPINGS)))
			continue;
		for (uint32_t k = 0; r == 0 && k < n->nr; k++) {
			const struct gap *gap = open_gap_at(f, n->values[k]);

			if (gap)
				r = top ? find_older_roots(f, n->keys[k], gap)
					: find_versions_below(f, n, gap);
		}
	}
	if (f->versions.count)
		qsort(f->versions.items, f->versions.count, sizeof(f->versions.items[0]),
		      by_place);
	for (size_t i = 0; i < f->versions.count; i++)
		if (!to || by_place(&f->versions.items[i], &f->versions.items[to - 1]))
			f->versions.items[to++] = f->versions.items[i];
	f->versions.count = to;
	return r;
}

/* --- reading leaves --- */

/* io_block_fn, of one worker. */
static int read_leaf(void *user, unsigned worker, size_t index, bp_mblock block,
		     const void *data, int error)
{
	struct filler *f = user;
	struct node leaf;
	int r = 0;

	(void)worker;
	(void)index;
	if (error || node_decode(data, block, sizeof(le64), &leaf) != NODE_OK)
		return 0; /* it was sound a moment ago; less is proven without it */
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++)
		r = f->entry(f, node_key(&leaf, i), node_value64(&leaf, i));
	return r;
}

/* Is there an open gap in what @n spans? */
static bool spans_gap(const struct filler *f, const struct snode *n)
{
	for (size_t i = gaps_before(f, n->last);
	     i-- > 0 && f->gaps.items[i].end_max >= n->first;)
		if (f->gaps.items[i].open && f->gaps.items[i].end >= n->first)
			return true;
	return false;
}

/* All leaves in use; @near: only those that span a gap, and are nothing else for sure. */
static int read_leaves(struct filler *f, bool near,
		       int (*entry)(struct filler *f, uint64_t key, uint64_t value))
{
	const struct salvage *s = f->s;
	struct bits wanted;
	int r = bits_init(&wanted, s->meta.nr_blocks);

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (salvage_is_owner(s, n) &&
		    (!near || (n->kind == SALVAGE_MAPPINGS && spans_gap(f, n))))
			bits_set(&wanted, n->block);
	}
	f->entry = entry;
	if (r == 0)
		r = meta_stream(&s->meta, &wanted, 1, read_leaf, f);
	bits_done(&wanted);
	return r;
}

/* --- guesses --- */

/* A mapping that an older version has; whether it holds still is_proven() decides. */
static int add_guess(struct filler *f, const struct gap *gap, uint64_t key, uint64_t value)
{
	const struct guess guess = {
		.key = key,
		.block = thin_mapping_block(value),
		.time = thin_mapping_time(value),
		.place = gap->place,
	};

	if (guess.block >= f->s->nr_data_blocks)
		return 0;
	return vec_add(&f->guesses, &guess);
}

/* Somebody maps this: so may whoever lost the same virtual block. */
static int guess_shared(struct filler *f, uint64_t key, uint64_t value)
{
	int r = 0;

	for (size_t i = gaps_before(f, key);
	     r == 0 && i-- > 0 && f->gaps.items[i].end_max >= key;)
		if (f->gaps.items[i].open && f->gaps.items[i].end >= key)
			r = add_guess(f, &f->gaps.items[i], key, value);
	return r;
}

/* Read again: only headers are kept in memory. */
static int guess_version(struct filler *f, const struct version *version, void *buf)
{
	const struct salvage_place *p = &f->s->places.items[version->place];
	const struct gap gap = { .place = version->place };
	struct node leaf;
	int r = 0;

	if (io_read(f->s->meta.io, version->leaf, 1, buf) < 0 ||
	    node_decode(buf, version->leaf, sizeof(le64), &leaf) != NODE_OK)
		return 0;
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		uint64_t key = node_key(&leaf, i);

		if (key >= p->begin && key <= p->end)
			r = add_guess(f, &gap, key, node_value64(&leaf, i));
	}
	return r;
}

/* By data block, place and key; the newest first. */
static int by_block(const void *a, const void *b)
{
	const struct guess *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->time > y->time ? -1 : x->time < y->time;
}

/* Several older versions agree most of the time. */
static void join_guesses(struct filler *f)
{
	size_t to = 0;

	if (f->guesses.count)
		qsort(f->guesses.items, f->guesses.count, sizeof(f->guesses.items[0]),
		      by_block);
	for (size_t i = 0; i < f->guesses.count; i++) {
		const struct guess *g = &f->guesses.items[i];
		const struct guess *last = to ? &f->guesses.items[to - 1] : NULL;

		if (!last || last->block != g->block || last->place != g->place ||
		    last->key != g->key)
			f->guesses.items[to++] = *g;
	}
	f->guesses.count = to;
}

/* Two sources: blocks that others share now, and older versions of the lost leaf. */
static int guess_all(struct filler *f)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? read_leaves(f, true, guess_shared) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < f->versions.count; i++)
		r = guess_version(f, &f->versions.items[i], buf);
	join_guesses(f);
	return r;
}

/* --- owners of data blocks --- */

static struct owner *find_owner(const struct filler *f, bp_dblock block)
{
	size_t low = vec_bisect(&f->owners, item, item->block < block);

	return low < f->owners.count && f->owners.items[low].block == block
		       ? &f->owners.items[low]
		       : NULL;
}

/* Who maps the block now, and from where. */
static int count_owner(struct filler *f, uint64_t key, uint64_t value)
{
	struct owner *o = find_owner(f, thin_mapping_block(value));

	if (!o)
		return 0;
	o->several |= o->nr > 0 && o->key != key;
	o->key = key;
	o->nr++;
	return 0;
}

/* Only of blocks that are guessed: the rest is of no interest. */
static int count_owners(struct filler *f)
{
	for (size_t i = 0; i < f->guesses.count; i++) {
		const struct owner owner = { .block = f->guesses.items[i].block };

		if ((i == 0 || f->guesses.items[i - 1].block != owner.block) &&
		    vec_add(&f->owners, &owner) < 0)
			return -ENOMEM;
	}
	return f->owners.count ? read_leaves(f, false, count_owner) : 0;
}

/* --- lost leaves of anything --- */

static void find_unseen(struct filler *f)
{
	const struct salvage *s = f->s;

	for (bp_mblock b = 1; b < s->nr_counted; b++)
		f->nr_unseen += s->count[b] != 0 && !salvage_sound(s, b) &&
				!salvage_place_at(s, b) && !salvage_counts_has(&f->counts, b);
}

/* --- what is proven --- */

/* Guesses [begin, end) are all there are of one data block. */
static bool is_proven(struct filler *f, size_t begin, size_t end)
{
	const struct guess *g = &f->guesses.items[begin];
	const struct owner *o = find_owner(f, g->block);
	size_t missing = nr_missing_key(f, g->key);
	uint32_t count = salvage_counts_get(&f->counts, g->block);

	for (size_t i = begin; i < end; i++)
		if (f->guesses.items[i].key != g->key)
			return false;
	if (!o || (o->nr > 0 && (o->several || o->key != g->key)))
		return false;
	return count != COUNT_UNKNOWN && count > o->nr && count - o->nr >= missing;
}

/*
 * A guess stays only where counts leave no other owner: a wrong mapping would be worse than
 * none.
 */
static void keep_proven(struct filler *f)
{
	size_t to = 0, end;

	for (size_t i = 0; i < f->guesses.count; i = end) {
		end = i + 1;
		while (end < f->guesses.count &&
		       f->guesses.items[end].block == f->guesses.items[i].block)
			end++;
		if (!is_proven(f, i, end))
			continue;
		while (i < end)
			f->guesses.items[to++] = f->guesses.items[i++];
	}
	f->guesses.count = to;
}

/* --- filling --- */

/* By place and key, the newest first. */
static int by_key(const void *a, const void *b)
{
	const struct guess *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->time > y->time ? -1 : x->time < y->time;
}

/* Two data blocks for one virtual block: the newer one, if that can be told. */
static void settle(struct filler *f)
{
	struct guess *items = f->guesses.items;
	size_t to = 0, end;

	if (f->guesses.count)
		qsort(items, f->guesses.count, sizeof(*items), by_key);
	for (size_t i = 0; i < f->guesses.count; i = end) {
		end = i + 1;
		while (end < f->guesses.count && items[end].place == items[i].place &&
		       items[end].key == items[i].key)
			end++;
		if (end == i + 1 || items[i].time > items[i + 1].time)
			items[to++] = items[i];
	}
	f->guesses.count = to;
}

/* More than a leaf holds: it was none, and nobody knows what it looked like. */
static int fill(struct salvage *s, const struct guess *guesses, size_t nr)
{
	struct salvage_place *p = &s->places.items[guesses->place];

	if (nr > node_capacity(sizeof(le64)))
		return 0;
	p->keys = calloc(nr, sizeof(*p->keys));
	p->values = calloc(nr, sizeof(*p->values));
	if (!p->keys || !p->values)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		p->keys[i] = guesses[i].key;
		p->values[i] = le64_make(thin_mapping_make(guesses[i].block, guesses[i].time));
		p->time_max = MAX(p->time_max, guesses[i].time);
	}
	p->nr_filled = (uint32_t)nr;
	s->nr_filled += nr;
	return 0;
}

/* Place by place, in order of keys. */
static int fill_all(struct filler *f)
{
	const struct guess *items = f->guesses.items;
	size_t end;
	int r = 0;

	settle(f);
	for (size_t i = 0; r == 0 && i < f->guesses.count; i = end) {
		end = i + 1;
		while (end < f->guesses.count && items[end].place == items[i].place)
			end++;
		r = fill(f->s, &items[i], end - i);
	}
	return r;
}

/*
 * Only with all counts at hand: without them one can't know who else maps what, and nothing
 * is filled.
 */
int salvage_fill(struct salvage *s, const struct sm_root *data_map)
{
	struct filler f = { .s = s };
	bool open;
	int r = find_gaps(&f, &open);

	/* Without all counts of metadata blocks one can't know who else maps what. */
	if (r < 0 || !open || !s->count || !salvage_live_whole(s)) {
		vec_done(&f.gaps);
		return r;
	}
	r = find_versions(&f);
	if (r == 0)
		r = guess_all(&f);
	if (r == 0)
		r = count_owners(&f);
	if (r == 0)
		r = salvage_counts_init(&f.counts, s, data_map);
	if (r == 0) {
		find_unseen(&f);
		keep_proven(&f);
		r = fill_all(&f);
	}
	salvage_counts_done(&f.counts);
	vec_done(&f.gaps);
	vec_done(&f.versions);
	vec_done(&f.guesses);
	vec_done(&f.owners);
	return r;
}
