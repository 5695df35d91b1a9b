/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Trees without what is lost: nodes that lost a child, or got one back, are rewritten into an
 * overlay; all others stay where they are. Afterwards each tree is whole, and smaller.
 */
#include "formats/thin/salvage.h"

struct cleaner {
	struct salvage *s;
	void *block; /* for one node being read or made */
};

/* Where a node hangs: the keys that its parent leaves for it. */
struct hook {
	enum salvage_kind kind;
	uint64_t begin, end; /* both included */
	unsigned depth;
};

/* What a node of 8-byte values can hold, whatever it says its most is. */
#define ENTRIES_MAX ((IO_BLOCK - sizeof(struct btree_node_disk)) / 16)

/* Entries of a node being made. */
struct entries {
	uint64_t *keys, *values;
	uint32_t nr;
	uint32_t left; /* children that are still to come, when one is added */
};

static const struct salvage_clean *clean_child(struct cleaner *c, bp_mblock block,
					       const struct hook *hook, int *r);

/* --- writing into the overlay --- */

static int put_node(struct cleaner *c, bp_mblock block, bool leaf, uint32_t value_size,
		    uint32_t nr, const uint64_t *keys, const void *values)
{
	struct btree_node_disk *disk = c->block;
	uint32_t max = MAX(node_capacity(value_size), nr);

	memset(disk, 0, IO_BLOCK);
	disk->flags = le32_make(leaf ? NODE_LEAF : NODE_INTERNAL);
	disk->nr_entries = le32_make(nr);
	disk->max_entries = le32_make(max);
	disk->value_size = le32_make(value_size);
	for (uint32_t i = 0; i < nr; i++)
		disk->keys[i] = le64_make(keys[i]);
	memcpy(disk->keys + max, values, (size_t)nr * value_size);
	block_seal(disk, BLOCK_NODE, block);
	return io_overlay_put(c->s->overlay, block, disk);
}

static int put_inner(struct cleaner *c, bp_mblock block, const struct entries *e)
{
	le64 values[ENTRIES_MAX];

	for (uint32_t i = 0; i < e->nr; i++)
		values[i] = le64_make(e->values[i]);
	return put_node(c, block, false, sizeof(le64), e->nr, e->keys, values);
}

/* Once for a place; which devices lack it is found later, when all are clean. */
static int lose(struct cleaner *c, bp_mblock block, const struct hook *hook,
		enum node_error error, uint64_t begin, uint64_t end)
{
	struct salvage_lost lost = {
		.device = BP_NONE,
		.kind = (uint8_t)hook->kind,
		.block = (uint32_t)block,
		.error = error,
		.begin = begin,
		.end = end,
	};

	return vec_add(&c->s->causes, &lost);
}

/* --- leaves --- */

/* A leaf with mappings that lead beyond the data device, or to what is taken: without these. */
static int trim_leaf(struct cleaner *c, const struct snode *n, const struct hook *hook,
		     struct salvage_clean *to)
{
	struct entries e = { 0 };
	uint64_t keys[ENTRIES_MAX];
	le64 values[ENTRIES_MAX];
	struct node leaf;
	int r = 0;

	if (io_read(c->s->meta.io, n->block, 1, c->block) < 0 ||
	    node_decode(c->block, n->block, sizeof(le64), &leaf) != NODE_OK)
		return -EIO; /* it was sound a moment ago */
	for (uint32_t i = 0; r == 0 && i < leaf.nr; i++) {
		uint64_t value = node_value64(&leaf, i);

		if ((n->flags & SNODE_OLDER) &&
		    salvage_is_taken(c->s, node_key(&leaf, i), thin_mapping_block(value)))
			continue;
		if (thin_mapping_block(value) >= c->s->nr_data_blocks) {
			r = lose(c, n->block, hook, NODE_OK, node_key(&leaf, i),
				 node_key(&leaf, i));
			continue;
		}
		keys[e.nr] = node_key(&leaf, i);
		values[e.nr++] = le64_make(value);
	}
	to->entries = e.nr;
	to->changed = to->lossy = true;
	to->first = e.nr ? keys[0] : 1;
	to->last = e.nr ? keys[e.nr - 1] : 0;
	to->state = e.nr ? CLEAN_LEFT : CLEAN_GONE;
	return r == 0 && e.nr ? put_node(c, n->block, true, sizeof(le64), e.nr, keys, values)
			      : r;
}

/*
 * As it is, but for mappings that can't be: beyond the data, or of an older version whose
 * blocks have been taken.
 */
static int clean_leaf(struct cleaner *c, const struct snode *n, const struct hook *hook,
		      struct salvage_clean *to)
{
	*to = (struct salvage_clean){
		.first = n->first,
		.last = n->last,
		.entries = n->nr,
		.time_max = n->time_max,
		.state = CLEAN_LEFT,
	};
	if (hook->kind == SALVAGE_MAPPINGS && n->kind == SALVAGE_MAPPINGS && n->nr &&
	    (n->data_last >= c->s->nr_data_blocks || (n->flags & SNODE_OLDER)))
		return trim_leaf(c, n, hook, to);
	return 0;
}

/* --- internal nodes --- */

/* A child that is not where its parent's keys say: does it belong there all the same? */
static bool is_proven(const struct salvage *s, bp_mblock block)
{
	return s->count && s->pointers && block < s->nr_counted &&
	       s->count[block] == s->pointers[block];
}

/* How much of @child fits behind what is in @to already. */
static enum node_error judge(struct cleaner *c, const struct salvage_clean *to,
			     const struct salvage_clean *child, bp_mblock block,
			     const struct hook *hook)
{
	bool first = to->first > to->last;

	if (!first && to->height != child->height + 1)
		return NODE_HEIGHT;
	if (!first && child->first <= to->last)
		return NODE_KEY_RANGE;
	if ((child->first < hook->begin || child->last > hook->end) && !is_proven(c->s, block))
		return NODE_KEY_RANGE;
	return NODE_OK;
}

/* What an inner node is made of its children: range, height, number. */
static void join(struct salvage_clean *to, const struct salvage_clean *child)
{
	if (to->first > to->last)
		to->first = child->first;
	to->last = child->last;
	to->height = (uint8_t)(child->height + 1);
	to->time_max = MAX(to->time_max, child->time_max);
	if (add_overflow(to->entries, child->entries, &to->entries))
		to->entries = UINT64_MAX;
}

/* --- a leaf that is gone, for which more is known than a leaf holds --- */

/* An older tree had more there: as nobody knows which of it is stale, none is left out. */
static struct salvage_place *overfull_at(const struct salvage *s, bp_mblock block,
					 const struct hook *hook)
{
	struct salvage_place *place = salvage_place_at(s, block);

	return place && place->kind == hook->kind && !snode_of_kind(s, block, hook->kind) &&
			       place->child_height == -2 && place->children.count == 0 &&
			       place->nr_filled > node_capacity(sizeof(le64))
		       ? place
		       : NULL;
}

/* Leaves of it, once for all parents, one behind the other. */
static int split(struct cleaner *c, struct salvage_place *place)
{
	const uint32_t max = node_capacity(sizeof(le64));
	int r = 0;

	if (place->split)
		return 0;
	place->split = c->s->next_virtual;
	for (uint32_t at = 0; r == 0 && at < place->nr_filled; at += max)
		r = put_node(c, c->s->next_virtual++, true, sizeof(le64),
			     MIN(max, place->nr_filled - at), place->keys + at,
			     place->values + at);
	return r;
}

/* As many of them as the parent has room for, beside the children it has. */
static int add_split(struct cleaner *c, struct salvage_place *place, const struct hook *hook,
		     struct entries *e, struct salvage_clean *to)
{
	const uint32_t max = node_capacity(sizeof(le64));
	int r = split(c, place);

	to->changed = to->lossy = true;
	to->patched |= place->patched;
	for (uint32_t at = 0; at < place->nr_filled; at += max) {
		const uint32_t nr = MIN(max, place->nr_filled - at);
		const struct salvage_clean leaf = {
			.first = place->keys[at],
			.last = place->keys[at + nr - 1],
			.entries = nr,
			.time_max = place->time_max,
		};

		if ((at > 0 && e->nr + e->left >= max) ||
		    judge(c, to, &leaf, place->block, hook) != NODE_OK)
			break;
		e->keys[e->nr] = leaf.first;
		e->values[e->nr++] = place->split + at / max;
		join(to, &leaf);
	}
	return r < 0 ? r
		     : lose(c, place->block, hook, salvage_why(c->s, place->block, hook->kind),
			    hook->begin, hook->end);
}

/* Add the child at @block with @key to what is being made. */
static int add_child(struct cleaner *c, struct entries *e, struct salvage_clean *to,
		     bp_mblock block, const struct hook *hook)
{
	struct salvage_place *overfull = overfull_at(c->s, block, hook);
	const struct salvage_clean *child;
	enum node_error error;
	int r = 0;

	if (overfull)
		return add_split(c, overfull, hook, e, to);
	child = clean_child(c, block, hook, &r);
	to->lossy |= child->lossy;
	to->patched |= child->patched;
	if (r < 0 || child->state != CLEAN_LEFT || child->first > child->last) {
		to->changed = true;
		return r;
	}
	error = judge(c, to, child, block, hook);
	if (error) {
		to->changed = to->lossy = true;
		return lose(c, block, hook, error, hook->begin, hook->end);
	}
	if (child->first < hook->begin || child->last > hook->end)
		to->changed = true;
	e->keys[e->nr] = MIN(hook->begin, child->first);
	if (e->nr > 0 && e->keys[e->nr] <= to->last)
		e->keys[e->nr] = child->first;
	e->values[e->nr++] = block;
	join(to, child);
	return 0;
}

static int finish_inner(struct cleaner *c, bp_mblock block, const struct entries *e,
			struct salvage_clean *to)
{
	to->state = e->nr ? CLEAN_LEFT : CLEAN_GONE;
	return e->nr && to->changed ? put_inner(c, block, e) : 0;
}

/* Children that are lost are left out; what is left stays in order. */
static int clean_inner(struct cleaner *c, const struct snode *n, const struct hook *hook,
		       struct salvage_clean *to)
{
	uint64_t keys[ENTRIES_MAX], values[ENTRIES_MAX];
	struct entries e = { .keys = keys, .values = values };
	struct salvage_clean made = { .first = 1 };
	int r = 0;

	to->state = CLEAN_OPEN;
	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		const struct hook below = {
			.kind = hook->kind,
			.begin = n->keys[i],
			.end = i + 1u < n->nr ? n->keys[i + 1] - 1 : hook->end,
			.depth = hook->depth + 1,
		};

		e.left = n->nr - i - 1;
		r = add_child(c, &e, &made, n->values[i], &below);
	}
	if (r == 0)
		r = finish_inner(c, n->block, &e, &made);
	*to = made;
	return r;
}

/* Mappings of a place with children, or too many for a leaf, that come before @before. */
struct run {
	const struct salvage_place *place;
	uint32_t at; /* which is next */
	uint8_t height;
};

/* One leaf of them, below as many nodes of one entry as its siblings are high. */
static int add_filled_leaf(struct cleaner *c, const struct run *run, uint32_t nr,
			   struct entries *e, struct salvage_clean *to)
{
	const uint64_t *keys = run->place->keys + run->at;
	const struct salvage_clean leaf = {
		.first = keys[0],
		.last = keys[nr - 1],
		.entries = nr,
		.time_max = run->place->time_max,
		.height = run->height,
	};
	bp_mblock block = c->s->next_virtual++;
	int r = put_node(c, block, true, sizeof(le64), nr, keys, run->place->values + run->at);

	for (uint8_t i = 0; r == 0 && i < run->height; i++) {
		uint64_t key = keys[0], value = block;
		const struct entries one = { &key, &value, 1 };

		block = c->s->next_virtual++;
		r = put_inner(c, block, &one);
	}
	e->keys[e->nr] = keys[0];
	e->values[e->nr++] = block;
	join(to, &leaf);
	return r;
}

/* Those that come before @before. What does not fit a node is left out: it is told as lost. */
static int add_filled(struct cleaner *c, struct run *run, uint64_t before, struct entries *e,
		      struct salvage_clean *to)
{
	const struct salvage_place *place = run->place;
	int r = 0;

	while (r == 0 && run->at < place->nr_filled && place->keys[run->at] < before) {
		uint32_t nr = 1;

		while (nr < node_capacity(sizeof(le64)) && run->at + nr < place->nr_filled &&
		       place->keys[run->at + nr] < before)
			nr++;
		if (e->nr < node_capacity(sizeof(le64)) &&
		    (to->first > to->last || place->keys[run->at] > to->last))
			r = add_filled_leaf(c, run, nr, e, to);
		run->at += nr;
	}
	return r;
}

static uint8_t child_height(const struct salvage *s, const struct salvage_place *place)
{
	if (place->children.count)
		return salvage_child(s, place, 0)->height;
	return place->child_height > 0 ? (uint8_t)place->child_height : 0;
}

/*
 * A node that is gone, made again from the children that were given back to it, and mappings that
 * belong between them.
 */
static int clean_place(struct cleaner *c, struct salvage_place *place, const struct hook *hook)
{
	struct run run = { .place = place, .height = child_height(c->s, place) };
	uint32_t nr = (uint32_t)MIN(place->children.count, node_capacity(sizeof(le64)));
	uint64_t keys[ENTRIES_MAX], values[ENTRIES_MAX];
	struct entries e = { .keys = keys, .values = values };
	struct salvage_clean made = { .first = 1, .changed = true };
	int r = 0;

	place->clean.state = CLEAN_OPEN;
	for (uint32_t i = 0; r == 0 && i < nr; i++) {
		const struct snode *child = salvage_child(c->s, place, i);
		const struct hook below = {
			.kind = hook->kind,
			.begin = child->first,
			.end = i + 1 < nr ? salvage_child(c->s, place, i + 1)->first - 1
					  : hook->end,
			.depth = hook->depth + 1,
		};

		r = add_filled(c, &run, child->first, &e, &made);
		if (r == 0 && e.nr < node_capacity(sizeof(le64)))
			r = add_child(c, &e, &made, child->block, &below);
	}
	if (r == 0)
		r = add_filled(c, &run, UINT64_MAX, &e, &made);
	made.patched |= place->patched;
	if (r == 0 && (place->nr_filled ||
		       salvage_lacks(c->s, place))) { /* others of its children may be gone */
		made.lossy = true;
		r = lose(c, place->block, hook, salvage_why(c->s, place->block, hook->kind),
			 hook->begin, hook->end);
	}
	if (r == 0)
		r = finish_inner(c, place->block, &e, &made);
	place->clean = made;
	return r;
}

/* What is gone was a leaf, as far as one knows. */
static bool is_leaf(const struct salvage_place *place)
{
	return place->children.count == 0 && place->child_height < 0 &&
	       place->nr_filled <= node_capacity(sizeof(le64));
}

/* A leaf that is gone, with those of its mappings that were found elsewhere. */
static int clean_filled(struct cleaner *c, struct salvage_place *place, const struct hook *hook)
{
	int r = lose(c, place->block, hook, salvage_why(c->s, place->block, hook->kind),
		     hook->begin, hook->end);

	place->clean = (struct salvage_clean){
		.first = place->keys[0],
		.last = place->keys[place->nr_filled - 1],
		.entries = place->nr_filled,
		.time_max = place->time_max,
		.state = CLEAN_LEFT,
		.changed = true,
		.lossy = true,
		.patched = place->patched,
	};
	return r < 0 ? r
		     : put_node(c, place->block, true, sizeof(le64), place->nr_filled,
				place->keys, place->values);
}

/* --- any node --- */

static const struct salvage_clean gone = { .first = 1, .state = CLEAN_GONE, .lossy = true };

/* What is left of the node at @block; lost is what is not, once for each pointer to it. */
static const struct salvage_clean *clean_child(struct cleaner *c, bp_mblock block,
					       const struct hook *hook, int *r)
{
	struct salvage *s = c->s;
	struct snode *n = snode_of_kind(s, block, hook->kind);
	struct salvage_place *place = n ? NULL : salvage_place_at(s, block);
	struct salvage_clean *to;

	if (hook->depth >= BTREE_MAX_DEPTH) {
		*r = lose(c, block, hook, NODE_DEPTH, hook->begin, hook->end);
		return &gone;
	}
	if (!n && !(place && place->kind == hook->kind &&
		    (place->children.count || place->nr_filled))) {
		*r = lose(c, block, hook, salvage_why(s, block, hook->kind), hook->begin,
			  hook->end);
		return &gone;
	}
	to = n ? &s->cleaned[n - s->nodes.items] : &place->clean;
	if (to->state == CLEAN_OPEN) {
		*r = lose(c, block, hook, NODE_LOOP, hook->begin, hook->end);
		return &gone;
	}
	if (to->state)
		return to;
	if (n)
		*r = n->flags & SNODE_LEAF ? clean_leaf(c, n, hook, to)
					   : clean_inner(c, n, hook, to);
	else
		*r = is_leaf(place) ? clean_filled(c, place, hook)
				    : clean_place(c, place, hook);
	return to;
}

/* --- whole trees --- */

/* Levels of internal nodes above @e, until there is one node. */
static int put_upper(struct cleaner *c, struct entries *e, bp_mblock *ret_root)
{
	const uint32_t max = node_capacity(sizeof(le64));
	int r = 0;

	while (r == 0 && e->nr > 1) {
		uint32_t made = 0;

		for (uint32_t i = 0; r == 0 && i < e->nr; i += max) {
			struct entries part = { e->keys + i, e->values + i,
						MIN(max, e->nr - i) };
			bp_mblock block = c->s->next_virtual++;

			r = put_inner(c, block, &part);
			e->keys[made] = e->keys[i];
			e->values[made++] = block;
		}
		e->nr = made;
	}
	*ret_root = e->values[0];
	return r;
}

/* A tree of @nr entries, all in virtual blocks. */
static int put_tree(struct cleaner *c, const uint64_t *keys, const void *values,
		    uint32_t value_size, size_t nr, bp_mblock *ret_root)
{
	const uint32_t max = node_capacity(value_size);
	size_t nr_leaves = MAX(DIV_UP(nr, max), 1);
	_cleanup_(freep) uint64_t *firsts = calloc(nr_leaves, sizeof(*firsts));
	_cleanup_(freep) uint64_t *blocks = calloc(nr_leaves, sizeof(*blocks));
	struct entries e = { .keys = firsts, .values = blocks, .nr = (uint32_t)nr_leaves };
	int r = firsts && blocks ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < nr_leaves; i++) {
		size_t at = i * max;

		firsts[i] = nr ? keys[at] : 0;
		blocks[i] = c->s->next_virtual++;
		r = put_node(c, blocks[i], true, value_size, (uint32_t)MIN(max, nr - at),
			     keys + at, (const uint8_t *)values + at * value_size);
	}
	return r < 0 ? r : put_upper(c, &e, ret_root);
}

/* New top trees: roots and details of the same devices, which the input's may not have. */
static int put_devices(struct cleaner *c, const struct salvage_devices *devices,
		       struct salvage_roots *ret)
{
	size_t nr = devices->list.count;
	_cleanup_(freep) uint64_t *keys = calloc(nr + 1, sizeof(*keys));
	_cleanup_(freep) le64 *roots = calloc(nr + 1, sizeof(*roots));
	_cleanup_(freep) struct thin_details_disk *details = calloc(nr + 1, sizeof(*details));
	int r = keys && roots && details ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		keys[i] = d->pub.id;
		roots[i] = le64_make(d->pub.root);
		details[i] = (struct thin_details_disk){
			.mapped_blocks = le64_make(d->found),
			.transaction_id = le64_make(d->pub.transaction_id),
			.creation_time = le32_make(d->pub.creation_time),
			.snapshotted_time = le32_make(d->pub.snapshotted_time),
		};
	}
	if (r == 0)
		r = put_tree(c, keys, roots, sizeof(le64), nr, &ret->mapping);
	if (r == 0)
		r = put_tree(c, keys, details, sizeof(*details), nr, &ret->details);
	return r;
}

static int empty_device(struct cleaner *c, struct salvage_device *d)
{
	d->pub.root = c->s->next_virtual++;
	return put_node(c, d->pub.root, true, sizeof(le64), 0, NULL, "");
}

/*
 * Cleaned once, also where several devices share the tree. Times are raised, so that
 * nothing is taken for unshared.
 */
static int clean_device(struct cleaner *c, struct salvage_device *d)
{
	const struct hook hook = { .kind = SALVAGE_MAPPINGS, .end = UINT64_MAX };
	const struct salvage_clean *left = &gone;
	int r = 0;

	if (d->has_root)
		left = clean_child(c, d->pub.root, &hook, &r);
	if (r < 0)
		return r;
	d->tree = d->pub.root;
	d->found = left->state == CLEAN_LEFT ? left->entries : 0;
	d->incomplete = left->lossy;
	d->patched = left->patched;
	if (!d->has_details) {
		d->pub.creation_time = MAX(d->pub.creation_time, left->time_max + 1);
		d->pub.snapshotted_time = MAX(d->pub.snapshotted_time, left->time_max + 1);
	}
	return left->state == CLEAN_LEFT ? 0 : empty_device(c, d);
}

/* --- what each device lost --- */

/* The same node may be lost to many devices: reasons are kept by pointer, looked up by device. */
static int by_cause(const void *a, const void *b)
{
	const struct salvage_lost *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return 0;
}

static size_t first_cause(const struct salvage *s, bp_mblock block)
{
	return vec_bisect(&s->causes, item, item->block < block);
}

/* Tell what is lost at this pointer itself; is anything left below it? */
static int tell_causes(struct cleaner *c, uint64_t device, bp_mblock block,
		       const struct hook *hook, bool *ret_left)
{
	struct salvage *s = c->s;
	int r = 0;

	*ret_left = true;
	for (size_t i = first_cause(s, block);
	     r == 0 && *ret_left && i < s->causes.count && s->causes.items[i].block == block;
	     i++) {
		struct salvage_lost lost = s->causes.items[i];

		if (lost.error != NODE_OK && lost.begin != hook->begin)
			continue;
		lost.device = device;
		*ret_left = lost.error == NODE_OK;
		r = vec_add(&s->lost, &lost);
	}
	return r;
}

static int tell_lost(struct cleaner *c, uint64_t device, bp_mblock block,
		     const struct hook *hook)
{
	const struct salvage *s = c->s;
	const struct snode *n = snode_of_kind(s, block, hook->kind);
	bool left;
	int r = tell_causes(c, device, block, hook, &left);

	if (r < 0 || !left || !n || (n->flags & SNODE_LEAF) ||
	    !s->cleaned[n - s->nodes.items].lossy || hook->depth >= BTREE_MAX_DEPTH)
		return r;
	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		const struct hook below = {
			.kind = hook->kind,
			.begin = n->keys[i],
			.end = i + 1u < n->nr ? n->keys[i + 1] - 1 : hook->end,
			.depth = hook->depth + 1,
		};

		r = tell_lost(c, device, n->values[i], &below);
	}
	return r;
}

/* Sorted causes, so that each place is found by search. */
static int tell_all(struct cleaner *c, const struct salvage_devices *devices)
{
	const struct hook hook = { .kind = SALVAGE_MAPPINGS, .end = UINT64_MAX };
	struct salvage *s = c->s;
	int r = 0;

	if (s->causes.count)
		qsort(s->causes.items, s->causes.count, sizeof(s->causes.items[0]), by_cause);
	for (size_t i = 0; r == 0 && i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		if (d->has_root && d->incomplete)
			r = tell_lost(c, d->pub.id, d->tree, &hook);
	}
	return r;
}

/* Afterwards the overlay is a pool whose trees are whole. */
int salvage_clean(struct salvage *s, struct salvage_devices *devices,
		  struct salvage_roots *ret_roots)
{
	struct cleaner c = { .s = s, .block = io_buffer_new(1) };
	int r;

	s->cleaned = calloc(s->nodes.count + 1, sizeof(*s->cleaned));
	r = c.block && s->cleaned ? io_overlay_new(s->meta.io, &s->overlay) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < devices->list.count; i++)
		r = clean_device(&c, &devices->list.items[i]);
	if (r == 0)
		r = tell_all(&c, devices);
	if (r == 0)
		r = put_devices(&c, devices, ret_roots);
	if (r == 0)
		io_overlay_seal(s->overlay);
	free(c.block);
	return r;
}

void salvage_unclean(struct salvage *s, struct salvage_devices *devices, size_t nr_lost)
{
	io_close(s->overlay);
	s->overlay = NULL;
	free(s->cleaned);
	s->cleaned = NULL;
	s->causes.count = 0;
	s->lost.count = nr_lost;
	for (size_t i = 0; i < s->places.count; i++) {
		s->places.items[i].clean = (struct salvage_clean){ 0 };
		s->places.items[i].split = 0;
	}
	for (size_t i = 0; i < devices->list.count; i++)
		devices->list.items[i].pub.root = devices->list.items[i].tree;
}
