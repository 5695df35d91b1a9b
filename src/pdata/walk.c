/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/walk.h"

#define ARENA_BYTES (256u * 1024)

/* What one worker makes while a level is read; gathered by the calling thread afterwards. */
struct walker {
	uint8_t *free_at;
	size_t free_bytes;
	VEC(void *) chunks;
	VEC(struct found) found;
	VEC(struct walk_edge) edges;
};

/* Entries that were kept of a node. */
struct found {
	uint32_t node;
	struct walk_inner inner;
};

struct pass {
	struct forest *f;
	struct bits level; /* blocks to read now */
	struct bits next;
	uint32_t base; /* index of the first node of this level */
	size_t weight; /* blocks of this level, as many as there are indexes of nodes */
	struct walker *walkers;
	unsigned nr_walkers;
};

int forest_init(struct forest *f)
{
	int r = bits_init(&f->seen, f->meta->nr_blocks);

	if (r < 0)
		return r;
	/* Pages that are never touched cost nothing. */
	f->node_of = calloc_many(MAX(f->meta->nr_blocks, 1), sizeof(*f->node_of));
	return f->node_of ? 0 : -ENOMEM;
}

void forest_done(struct forest *f)
{
	for (size_t i = 0; i < f->memory.count; i++)
		free(f->memory.items[i]);
	vec_done(&f->memory);
	vec_done(&f->nodes);
	vec_done(&f->inners);
	vec_done(&f->edges);
	bits_done(&f->seen);
	free(f->node_of);
	f->node_of = NULL;
}

unsigned forest_workers(const struct forest *f)
{
	return io_workers(f->meta->io, f->meta->workers, UINT64_MAX);
}

struct walk_node *forest_node(const struct forest *f, bp_mblock block)
{
	uint32_t i = block < f->meta->nr_blocks ? f->node_of[block] : 0;

	return i ? &f->nodes.items[i - 1] : NULL;
}

uint64_t forest_entries(const struct forest *f, bp_mblock block)
{
	const struct walk_node *node = forest_node(f, block);

	if (!node || node->error)
		return 0;
	return node->flags & WALK_IS_LEAF ? node->nr : forest_inner(f, node)->entries;
}

/* --- reading a level --- */

/* Of the worker's own memory, without a lock; it goes to the forest at the end. */
static void *arena_take(struct walker *w, size_t bytes)
{
	void *p;

	bytes = MAX(DIV_UP(bytes, 8) * 8, 8); /* never NULL for nothing */
	if (bytes > w->free_bytes) {
		p = malloc(ARENA_BYTES);
		if (!p)
			return NULL;
		if (vec_add(&w->chunks, &p) < 0) {
			free(p);
			return NULL;
		}
		w->free_at = p;
		w->free_bytes = ARENA_BYTES;
	}
	p = w->free_at;
	w->free_at += bytes;
	w->free_bytes -= bytes;
	return p;
}

/* Pointers out of range are edges with an error at once: children[] has 0 for them. */
static int keep_children(struct walker *w, const struct forest *f, uint32_t index,
			 const struct node *node, struct walk_inner *inner)
{
	inner->children = arena_take(w, node->nr * sizeof(uint32_t));
	if (!inner->children)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->nr; i++) {
		uint64_t child = node_value64(node, i);
		struct walk_edge edge = {
			.parent = index,
			.entry = i,
			.child = child,
			.error = NODE_RANGE,
		};

		if (child != 0 && child < f->meta->nr_blocks) {
			inner->children[i] = (uint32_t)child;
			continue;
		}
		inner->children[i] = 0;
		if (vec_add(&w->edges, &edge) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int keep_values(struct walker *w, const struct node *node, struct walk_inner *inner)
{
	size_t bytes = (size_t)node->nr * node->value_size;

	inner->values = arena_take(w, bytes);
	if (!inner->values)
		return -ENOMEM;
	memcpy(inner->values, node->values, bytes);
	return 0;
}

/*
 * Keys and children of an inner node, and of leaves where the caller wants them: the block
 * itself is not kept.
 */
static int keep(struct walker *w, const struct forest *f, uint32_t index,
		const struct node *node)
{
	struct found found = { .node = index };
	int r;

	found.inner.keys = arena_take(w, node->nr * sizeof(uint64_t));
	if (!found.inner.keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->nr; i++)
		found.inner.keys[i] = node_key(node, i);
	r = node->leaf ? keep_values(w, node, &found.inner)
		       : keep_children(w, f, index, node, &found.inner);
	return r < 0 ? r : vec_add(&w->found, &found);
}

static int report_progress(struct pass *p, size_t index)
{
	struct meta *meta = p->f->meta;

	if (!meta->progress || index % 64)
		return 0;
	return meta->progress(meta->progress_user, p->base + index, p->base + p->weight);
}

/* io_block_fn: one node of the level. */
static int read_node(void *user, unsigned worker, size_t index, bp_mblock block,
		     const void *data, int error)
{
	struct pass *p = user;
	struct forest *f = p->f;
	uint32_t i = p->base + (uint32_t)index;
	struct walk_node *n = &f->nodes.items[i];
	struct node node;
	int r = 0;

	*n = (struct walk_node){ .block = (uint32_t)block, .inner = WALK_NONE, .key_min = 1 };
	n->error = error ? NODE_IO : (uint8_t)node_decode(data, block, f->value_size, &node);
	if (n->error == NODE_OK) {
		n->nr = (uint16_t)node.nr;
		n->max = (uint16_t)node.max;
		n->flags = (uint8_t)((node.leaf ? WALK_IS_LEAF : 0) |
				     (node.odd_max ? WALK_IS_ODD : 0));
		if (node.nr) {
			n->key_min = node_key(&node, 0);
			n->key_max = node_key(&node, node.nr - 1);
		}
		if (!node.leaf || f->keep_leaves)
			r = keep(&p->walkers[worker], f, i, &node);
		if (r == 0 && node.leaf && f->leaf)
			r = f->leaf(f->user, worker, i, &node);
	}
	return r == 0 && worker == 0 ? report_progress(p, index) : r;
}

/* Bring together what the workers found on this level. */
static int gather(struct pass *p)
{
	struct forest *f = p->f;

	for (unsigned k = 0; k < p->nr_walkers; k++) {
		struct walker *w = &p->walkers[k];

		if (vec_reserve(&f->inners, w->found.count) < 0 ||
		    vec_reserve(&f->edges, w->edges.count) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < w->found.count; i++) {
			f->nodes.items[w->found.items[i].node].inner =
				(uint32_t)f->inners.count;
			f->inners.items[f->inners.count++] = w->found.items[i].inner;
		}
		for (size_t i = 0; i < w->edges.count; i++)
			f->edges.items[f->edges.count++] = w->edges.items[i];
		w->found.count = w->edges.count = 0;
	}
	return 0;
}

/* Count the pointers of a node that was just read, and put what is new on the next level. */
static int follow(struct pass *p, const struct walk_node *n, bool *more)
{
	struct forest *f = p->f;
	const struct walk_inner *inner;
	int r = 0;

	if (n->error || (n->flags & WALK_IS_LEAF))
		return 0;
	inner = forest_inner(f, n);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		uint32_t child = inner->children[i];

		if (!child)
			continue;
		if (f->child)
			r = f->child(f->user, child);
		if (!bits_test_and_set(&f->seen, child)) {
			bits_set(&p->next, child);
			*more = true;
		}
	}
	return r;
}

/* Nodes too deep to be honest: met, not read. */
static int give_up(struct pass *p)
{
	struct forest *f = p->f;

	for (uint64_t b = bits_next(&p->level, 0); b < p->level.count;
	     b = bits_next(&p->level, b + 1)) {
		struct walk_node n = { .block = (uint32_t)b,
				       .inner = WALK_NONE,
				       .key_min = 1,
				       .error = NODE_DEPTH };

		f->node_of[b] = (uint32_t)f->nodes.count + 1;
		if (vec_add(&f->nodes, &n) < 0)
			return -ENOMEM;
	}
	return 0;
}

/*
 * All trees of a forest level by level: each level is one sorted pass over the disk, and a
 * node that several trees share is read once.
 */
static int read_level(struct pass *p, bool *more)
{
	struct forest *f = p->f;
	int r;

	p->weight = (size_t)bits_weight(&p->level);
	p->base = (uint32_t)f->nodes.count;
	if (vec_reserve(&f->nodes, p->weight) < 0)
		return -ENOMEM;
	f->nodes.count += p->weight;
	r = meta_stream(f->meta, &p->level, f->meta->workers, read_node, p);
	if (r == 0)
		r = gather(p);

	*more = false;
	for (size_t i = p->base; r == 0 && i < f->nodes.count; i++) {
		f->node_of[f->nodes.items[i].block] = (uint32_t)i + 1;
		r = follow(p, &f->nodes.items[i], more);
	}
	return r;
}

/*
 * A damaged pointer can make a tree of any depth: BTREE_MAX_DEPTH is more than 2^64 keys
 * need.
 */
static int read_levels(struct pass *p)
{
	struct bits done;
	bool more = true;
	int r = 0;

	for (int depth = 0; r == 0 && more; depth++) {
		if (depth == BTREE_MAX_DEPTH)
			return give_up(p);
		r = read_level(p, &more);
		done = p->level;
		p->level = p->next;
		p->next = done;
		memset(p->next.words, 0, (size_t)DIV_UP(p->next.count, 64) * sizeof(uint64_t));
	}
	return r;
}

/* --- judging: what is wrong between nodes --- */

struct step {
	uint32_t node, entry;
};

struct judge {
	struct forest *f;
	struct step path[BTREE_MAX_DEPTH];
	int depth;
};

/* The child is sound, the place it hangs in is not: keys that don't fit below the parent's. */
static int bad_edge(struct forest *f, struct walk_node *parent, uint32_t entry,
		    enum node_error error, const struct walk_node *child)
{
	struct walk_edge edge = {
		.parent = (uint32_t)(parent - f->nodes.items),
		.entry = entry,
		.child = child->block,
		.error = (uint8_t)error,
		.first = child->key_min,
		.last = child->key_max,
	};

	parent->flags |= WALK_IS_BROKEN;
	return vec_add(&f->edges, &edge) < 0 ? -ENOMEM : 0;
}

/* Join a child that was judged into its parent. */
static int join(struct forest *f, struct walk_node *parent, uint32_t entry,
		struct walk_node *child)
{
	struct walk_inner *inner = forest_inner(f, parent);
	bool empty = child->key_min > child->key_max;
	/* Nothing below could be read; its own keys have their place all the same. */
	bool unknown = !(child->flags & WALK_IS_LEAF) && child->height == 0;

	parent->flags |= child->flags & WALK_IS_BROKEN;
	if (child->error)
		return 0;
	if (child->nr < child->max / 3)
		child->flags |= WALK_IS_SPARSE;
	if (add_overflow(inner->entries, forest_entries(f, child->block), &inner->entries))
		inner->entries = UINT64_MAX;
	if (!unknown && parent->height == 0)
		parent->height = (uint8_t)(child->height + 1);
	else if (!unknown && parent->height != child->height + 1)
		return bad_edge(f, parent, entry, NODE_HEIGHT, child);
	if (empty)
		return 0;
	if (child->key_min < inner->keys[entry] ||
	    (entry + 1u < parent->nr && child->key_max >= inner->keys[entry + 1]))
		return bad_edge(f, parent, entry, NODE_KEY_RANGE, child);
	parent->key_max = MAX(parent->key_max, child->key_max);
	return 0;
}

static void enter(struct judge *j, struct walk_node *n)
{
	n->flags |= WALK_IS_OPEN;
	j->path[j->depth++] = (struct step){ .node = (uint32_t)(n - j->f->nodes.items) };
}

static void leave(struct judge *j, struct walk_node *n)
{
	n->flags = (uint8_t)((n->flags & ~WALK_IS_OPEN) | WALK_IS_JUDGED);
	if (n->error)
		n->flags |= WALK_IS_BROKEN;
	j->depth--;
}

/* One step of the deepest node: to its next child, or up. */
static int judge_step(struct judge *j)
{
	struct forest *f = j->f;
	struct step *at = &j->path[j->depth - 1];
	struct walk_node *n = &f->nodes.items[at->node], *child;
	uint32_t entry = at->entry;

	if (n->error || (n->flags & WALK_IS_LEAF) || entry == n->nr) {
		leave(j, n);
		return 0;
	}
	child = forest_node(f, forest_inner(f, n)->children[entry]);
	if (!child) { /* out of range: recorded when it was read */
		n->flags |= WALK_IS_BROKEN;
		at->entry++;
		return 0;
	}
	if (child->flags & WALK_IS_JUDGED) {
		at->entry++;
		return join(f, n, entry, child);
	}
	if ((child->flags & WALK_IS_OPEN) || j->depth == BTREE_MAX_DEPTH) {
		at->entry++;
		return bad_edge(f, n, entry,
				child->flags & WALK_IS_OPEN ? NODE_LOOP : NODE_DEPTH, child);
	}
	enter(j, child);
	return 0;
}

/* Shared nodes are judged once; the path is on a stack of our own, as depth comes from disk. */
static int judge(struct forest *f, bp_mblock root)
{
	struct judge j = { .f = f };
	struct walk_node *n = forest_node(f, root);
	int r = 0;

	if (!n || (n->flags & WALK_IS_JUDGED))
		return 0;
	enter(&j, n);
	while (r == 0 && j.depth)
		r = judge_step(&j);
	return r;
}

static int by_parent(const void *a, const void *b)
{
	const struct walk_edge *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

/* nr_unread are places whose content nobody knows, nr_errors all that is wrong. */
static int judge_all(struct forest *f, const uint64_t *roots, size_t nr_roots)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr_roots; i++)
		r = judge(f, roots[i]);
	if (f->edges.count)
		qsort(f->edges.items, f->edges.count, sizeof(*f->edges.items), by_parent);
	f->nr_errors = f->edges.count;
	for (size_t i = 0; i < f->edges.count; i++)
		f->nr_unread += f->edges.items[i].error == NODE_RANGE;
	for (size_t i = 0; i < f->nodes.count; i++)
		f->nr_unread += f->nodes.items[i].error != NODE_OK;
	for (size_t i = 0; i < f->nodes.count; i++)
		f->nr_errors += f->nodes.items[i].error != NODE_OK;
	return r;
}

/* --- the whole --- */

/* The roots' own entry has no parent: WALK_NONE. */
static int plant(struct pass *p, const uint64_t *roots, size_t nr_roots)
{
	struct forest *f = p->f;

	for (size_t i = 0; i < nr_roots; i++) {
		struct walk_edge edge = {
			.parent = WALK_NONE,
			.entry = (uint32_t)i,
			.child = roots[i],
			.error = NODE_RANGE,
		};

		if (roots[i] != 0 && roots[i] < f->meta->nr_blocks) {
			bits_set(&f->seen, roots[i]);
			bits_set(&p->level, roots[i]);
		} else if (vec_add(&f->edges, &edge) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* Room for what pass_done() moves, while a walk can still fail: nodes of a good one stay where they are. */
static int reserve_memory(const struct pass *p)
{
	size_t nr = 0;

	for (unsigned k = 0; k < p->nr_walkers; k++)
		nr += p->walkers[k].chunks.count;
	return vec_reserve(&p->f->memory, nr);
}

static void pass_done(struct pass *p)
{
	struct forest *f = p->f;

	for (unsigned k = 0; p->walkers && k < p->nr_walkers; k++) {
		struct walker *w = &p->walkers[k];

		for (size_t i = 0; i < w->chunks.count; i++)
			if (vec_add(&f->memory, &w->chunks.items[i]) < 0)
				free(w->chunks.items[i]); /* the walk has failed as well */
		vec_done(&w->chunks);
		vec_done(&w->found);
		vec_done(&w->edges);
	}
	free(p->walkers);
	bits_done(&p->level);
	bits_done(&p->next);
}

/*
 * Reads each node once, whatever the number of @roots that lead to it. Damage is a result
 * (nr_errors), not a failure.
 */
int forest_walk(struct forest *f, const uint64_t *roots, size_t nr_roots)
{
	struct pass p = { .f = f, .nr_walkers = forest_workers(f) };
	int r;

	p.walkers = calloc(p.nr_walkers, sizeof(*p.walkers));
	r = p.walkers ? bits_init(&p.level, f->meta->nr_blocks) : -ENOMEM;
	if (r == 0)
		r = bits_init(&p.next, f->meta->nr_blocks);
	if (r == 0)
		r = plant(&p, roots, nr_roots);
	if (r == 0)
		r = read_levels(&p);
	if (r == 0)
		r = judge_all(f, roots, nr_roots);
	for (size_t i = 0; r == 0 && i < nr_roots; i++)
		if (forest_node(f, roots[i]))
			forest_node(f, roots[i])->flags |= WALK_IS_ROOT;
	if (r == 0)
		r = reserve_memory(&p);
	pass_done(&p);
	return r;
}

/* --- visiting what was walked --- */

struct visit {
	const struct forest *f;
	const struct forest_visitor *v;
	struct visit_step {
		const struct walk_node *node;
		uint32_t entry;
		uint64_t begin, end; /* keys that may be here, both included */
	} path[BTREE_MAX_DEPTH];
	int depth;
};

/* What is wrong between @parent and its entry, or NULL. */
static const struct walk_edge *find_edge(const struct forest *f, const struct walk_node *parent,
					 uint32_t entry)
{
	struct walk_edge key = { .parent = (uint32_t)(parent - f->nodes.items),
				 .entry = entry };

	if (!(parent->flags & WALK_IS_BROKEN) || !f->edges.count)
		return NULL;
	return bsearch(&key, f->edges.items, f->edges.count, sizeof(key), by_parent);
}

static int lost(const struct visit *visit, const struct walk_lost *lost)
{
	return visit->v->lost ? visit->v->lost(visit->v->user, lost) : 0;
}

/* Go into @node, if it can be used. */
static int visit_enter(struct visit *visit, const struct walk_node *node, uint64_t begin,
		       uint64_t end)
{
	struct walk_lost what = {
		.block = node->block,
		.error = node->error ? (enum node_error)node->error : NODE_DEPTH,
		.begin = begin,
		.end = end,
	};

	if (visit->v->broken_only && !(node->flags & WALK_IS_BROKEN))
		return 0;
	if (node->error || (!(node->flags & WALK_IS_LEAF) && visit->depth == BTREE_MAX_DEPTH))
		return lost(visit, &what);
	if (node->flags & WALK_IS_LEAF)
		return visit->v->leaf ? visit->v->leaf(visit->v->user, node) : 0;
	if (visit->v->pass && visit->v->pass(visit->v->user, node))
		return 0;
	visit->path[visit->depth++] = (struct visit_step){
		.node = node,
		.begin = begin,
		.end = end,
	};
	return 0;
}

/* The range of a child goes to the next key; of the last one to the end of its parent's. */
static int visit_step(struct visit *visit)
{
	struct visit_step *at = &visit->path[visit->depth - 1];
	const struct walk_inner *inner = forest_inner(visit->f, at->node);
	uint32_t entry = at->entry++;
	const struct walk_node *child;
	struct walk_lost what = { .end = at->end };

	if (entry == at->node->nr) {
		visit->depth--;
		return 0;
	}
	what.begin = inner->keys[entry];
	if (entry + 1u < at->node->nr)
		what.end = inner->keys[entry + 1] - 1;
	what.edge = find_edge(visit->f, at->node, entry);
	child = forest_node(visit->f, inner->children[entry]);
	if (!what.edge && child)
		return visit_enter(visit, child, what.begin, what.end);
	what.block = what.edge ? what.edge->child : inner->children[entry];
	what.error = what.edge ? (enum node_error)what.edge->error : NODE_RANGE;
	return lost(visit, &what);
}

/* From memory, no reading: leaves in order of keys, with what is lost between them. */
int forest_visit(const struct forest *f, bp_mblock root, const struct forest_visitor *visitor)
{
	struct visit visit = { .f = f, .v = visitor };
	struct walk_lost none = { .block = root, .error = NODE_RANGE, .end = UINT64_MAX };
	const struct walk_node *node = forest_node(f, root);
	int r;

	if (!node)
		return lost(&visit, &none);
	r = visit_enter(&visit, node, 0, UINT64_MAX);
	while (r == 0 && visit.depth)
		r = visit_step(&visit);
	return r;
}

const struct walk_node *forest_end_leaf(const struct forest *f, const struct walk_node *node,
					bool last)
{
	while (!(node->flags & WALK_IS_LEAF)) {
		uint32_t block = forest_inner(f, node)->children[last ? node->nr - 1 : 0];

		node = &f->nodes.items[f->node_of[block] - 1];
	}
	return node;
}
