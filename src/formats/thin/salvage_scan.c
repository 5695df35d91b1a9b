/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a whole area, holes skipped, and telling what each sound node is. */
#include "formats/thin/salvage.h"

struct scanner {
	VEC(struct snode) nodes;
	VEC(struct salvage_copy) superblocks;
	VEC(uint32_t) indexes, bitmaps, damaged;
};

struct scan {
	struct salvage *s;
	struct scanner *scanners;
	uint64_t total;
};

/* --- reading --- */

/*
 * Newest time and last data block of a leaf: enough to judge it later without reading it
 * again.
 */
static uint32_t time_max(const struct node *node, uint64_t *ret_last)
{
	uint64_t last = 0;
	uint32_t time = 0;

	for (uint32_t i = 0; i < node->nr; i++) {
		uint64_t value = node_value64(node, i);

		time = MAX(time, thin_mapping_time(value));
		last = MAX(last, thin_mapping_block(value));
	}
	*ret_last = last;
	return time;
}

/* Do all its values look like blocks of this area? A mapping to any data block but 0 does not. */
static bool has_roots(const struct salvage *s, const struct node *node)
{
	for (uint32_t i = 0; i < node->nr; i++) {
		uint64_t value = node_value64(node, i);

		if (value == 0 || value >= s->meta.nr_blocks)
			return false;
	}
	return node->nr > 0;
}

/*
 * Inner nodes and the small trees are kept whole; of leaves of mappings, which are nearly
 * all blocks, only the header.
 */
static int keep_entries(struct arena *arena, const struct node *node, struct snode *n)
{
	uint64_t *keys = arena_array(arena, node->nr, sizeof(*keys)), *values;

	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < node->nr; i++)
		keys[i] = node_key(node, i);
	n->keys = keys;
	if (node->value_size != sizeof(le64)) {
		n->details =
			arena_copy(arena, node->values, (size_t)node->nr * node->value_size);
		return n->details ? 0 : -ENOMEM;
	}
	values = arena_array(arena, node->nr, sizeof(*values));
	for (uint32_t i = 0; values && i < node->nr; i++)
		values[i] = node_value64(node, i);
	n->values = values;
	return values ? 0 : -ENOMEM;
}

/*
 * By the size of its values alone: nothing else in a node says which tree it is of. Eight
 * bytes are mappings or roots of devices.
 */
static enum salvage_kind leaf_kind(const struct salvage *s, const struct node *node)
{
	switch (node->value_size) {
	case 4:
		return SALVAGE_COUNTS;
	case 8:
		return has_roots(s, node) ? SALVAGE_TOP : SALVAGE_MAPPINGS;
	case 16:
		return SALVAGE_INDEX;
	default:
		return SALVAGE_DETAILS;
	}
}

static int add_node(const struct salvage *s, struct scanner *to, struct arena *arena,
		    const struct node *node)
{
	struct snode n = {
		.block = (uint32_t)node->block,
		.nr = (uint16_t)node->nr,
		.first = node->nr ? node_key(node, 0) : 1,
		.last = node->nr ? node_key(node, node->nr - 1) : 0,
		.bound = UINT64_MAX,
		.flags = node->leaf ? SNODE_LEAF : 0,
	};
	int r = 0;

	if (node->leaf) {
		n.kind = (uint8_t)leaf_kind(s, node);
		n.entries = node->nr;
	}
	if (n.kind == SALVAGE_MAPPINGS)
		n.time_max = time_max(node, &n.data_last);
	else if (n.kind != SALVAGE_INDEX)
		r = keep_entries(arena, node, &n);
	return r < 0 ? r : vec_add(&to->nodes, &n);
}

/* A damaged block is told from one that never held anything: the latter is zeros. */
static int add_damaged(struct scanner *to, bp_mblock block, const void *data)
{
	uint32_t nr = (uint32_t)block;

	return !data || !block_is_zero(data) ? vec_add(&to->damaged, &nr) : 0;
}

/* A size that no tree of a pool has makes it no node, whatever its checksum says. */
static int scan_node(struct scan *scan, unsigned worker, bp_mblock block, const void *data)
{
	static const uint32_t sizes[] = { 4, 8, 16, 24 };
	const struct btree_node_disk *disk = data;
	uint32_t size = le32_get(disk->value_size);
	struct node node;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (sizes[i] == size && node_decode(data, block, size, &node) == NODE_OK)
			return add_node(scan->s, &scan->scanners[worker],
					&scan->s->arenas[worker], &node);
	}
	return add_damaged(&scan->scanners[worker], block, data);
}

static int add_superblock(struct scanner *to, bp_mblock block, const void *data)
{
	struct salvage_copy copy = { .block = (uint32_t)block };
	struct thin_sb sb;

	thin_sb_decode(data, block, &sb);
	copy.mapping = (uint32_t)MIN(sb.pub.mapping_root, UINT32_MAX);
	copy.details = (uint32_t)MIN(sb.pub.details_root, UINT32_MAX);
	return vec_add(&to->superblocks, &copy);
}

/* io_block_fn */
static int scan_block(void *user, unsigned worker, size_t index, bp_mblock block,
		      const void *data, int error)
{
	struct scan *scan = user;
	struct scanner *to = &scan->scanners[worker];
	const struct meta *meta = &scan->s->meta;
	enum block_kind kind = error ? BLOCK_UNKNOWN : block_kind_of(data);
	uint32_t nr = (uint32_t)block;

	if (worker == 0 && index % 1024 == 0 && meta->progress &&
	    meta->progress(meta->progress_user, index, scan->total))
		return -ECANCELED;
	if (kind == BLOCK_NODE)
		return scan_node(scan, worker, block, data);
	if (kind == BLOCK_UNKNOWN || block_number(data, kind) != block)
		return add_damaged(to, block, data);
	if (kind == BLOCK_THIN_SUPERBLOCK)
		return add_superblock(to, block, data);
	if (kind == BLOCK_INDEX)
		return vec_add(&to->indexes, &nr);
	return kind == BLOCK_BITMAP ? vec_add(&to->bitmaps, &nr) : 0;
}

/* All that is no hole. */
static int want_data(struct salvage *s, struct bits *wanted)
{
	bp_mblock at = 0, end;
	int r = bits_init(wanted, s->meta.nr_blocks);

	while (r == 0 && at < s->meta.nr_blocks) {
		r = io_data_next(s->meta.io, at, &at, &end);
		for (; r == 0 && at < MIN(end, s->meta.nr_blocks); at++)
			bits_set(wanted, at);
	}
	return r;
}

/* --- bringing together what the workers found --- */

static int by_block(const void *a, const void *b)
{
	const struct snode *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int by_copy(const void *a, const void *b)
{
	const struct salvage_copy *x = a, *y = b;

	return x->block < y->block ? -1 : x->block > y->block;
}

/* From one worker's lists to the common ones. */
static int gather_one(struct salvage *s, struct scanner *from)
{
	int r = vec_reserve(&s->nodes, from->nodes.count);

	if (r == 0 && from->nodes.count)
		memcpy(s->nodes.items + s->nodes.count, from->nodes.items,
		       from->nodes.count * sizeof(from->nodes.items[0]));
	if (r == 0)
		s->nodes.count += from->nodes.count;
	for (size_t i = 0; r == 0 && i < from->superblocks.count; i++) {
		bits_set(&s->others, from->superblocks.items[i].block);
		r = vec_add(&s->superblocks, &from->superblocks.items[i]);
	}
	for (size_t i = 0; r == 0 && i < from->indexes.count; i++) {
		bits_set(&s->others, from->indexes.items[i]);
		r = vec_add(&s->indexes, &from->indexes.items[i]);
	}
	for (size_t i = 0; i < from->bitmaps.count; i++)
		bits_set(&s->others, from->bitmaps.items[i]);
	for (size_t i = 0; i < from->damaged.count; i++)
		bits_set(&s->damaged, from->damaged.items[i]);
	s->nr_damaged += from->damaged.count;
	s->nr_bitmaps += from->bitmaps.count;
	return r;
}

/* Sorted by block, so that the result does not depend on which worker read what. */
static int gather(struct salvage *s, struct scanner *scanners, unsigned nr)
{
	int r = bits_init(&s->others, s->meta.nr_blocks);

	if (r == 0)
		r = bits_init(&s->damaged, s->meta.nr_blocks);
	for (unsigned i = 0; r == 0 && i < nr; i++)
		r = gather_one(s, &scanners[i]);
	if (s->nodes.count)
		qsort(s->nodes.items, s->nodes.count, sizeof(s->nodes.items[0]), by_block);
	if (s->superblocks.count)
		qsort(s->superblocks.items, s->superblocks.count,
		      sizeof(s->superblocks.items[0]), by_copy);
	if (s->indexes.count)
		qsort(s->indexes.items, s->indexes.count, sizeof(uint32_t), by_number);
	s->node_of = calloc_many(MAX(s->meta.nr_blocks, 1), sizeof(*s->node_of));
	if (r < 0 || !s->node_of)
		return -ENOMEM;
	for (size_t i = 0; i < s->nodes.count; i++)
		s->node_of[s->nodes.items[i].block] = (uint32_t)i + 1;
	return 0;
}

/* --- what each node is --- */

struct snode *snode_of_kind(const struct salvage *s, bp_mblock block, enum salvage_kind kind)
{
	struct snode *n = snode_at(s, block);

	if (!n || n->kind == kind)
		return n;
	/* An empty leaf of 8-byte values, or one with a mapping to data block 0 alone. */
	if ((n->flags & SNODE_LEAF) &&
	    ((n->kind == SALVAGE_MAPPINGS && kind == SALVAGE_TOP && n->nr == 0) ||
	     (n->kind == SALVAGE_TOP && kind == SALVAGE_MAPPINGS && n->nr == 1)))
		return n;
	return NULL;
}

/* Walks are told apart by their number, so that none has to clear what the one before marked. */
void salvage_walk(struct salvage *s)
{
	if (++s->walk)
		return;
	for (size_t i = 0; i < s->nodes.count; i++)
		s->nodes.items[i].walk = 0;
	s->walk = 1;
}

static void resolve(struct salvage *s, struct snode *n, unsigned depth);

/* Join a child that is resolved into its parent. */
static void join(struct salvage *s, struct snode *n, uint32_t i, struct snode *child)
{
	uint64_t limit = i + 1u < n->nr ? n->keys[i + 1] : UINT64_MAX;
	bool empty = child->first > child->last;

	n->flags |= child->flags & (SNODE_BROKEN | SNODE_CLASH);
	if (child->kind == SALVAGE_NONE)
		return; /* all that was below it is gone */
	if (n->kind == SALVAGE_NONE)
		n->kind = child->kind;
	if (!snode_of_kind(s, child->block, (enum salvage_kind)n->kind) ||
	    (n->height && n->height != child->height + 1) ||
	    (!empty && (child->first < n->keys[i] || child->last >= limit))) {
		n->flags |= SNODE_CLASH;
		return;
	}
	n->height = (uint8_t)(child->height + 1);
	n->time_max = MAX(n->time_max, child->time_max);
	if (add_overflow(n->entries, child->entries, &n->entries))
		n->entries = UINT64_MAX;
	if (!empty)
		n->last = MAX(n->last, child->last);
}

static void resolve_inner(struct salvage *s, struct snode *n, unsigned depth)
{
	n->flags |= SNODE_OPEN;
	for (uint32_t i = 0; i < n->nr; i++) {
		struct snode *child = snode_at(s, n->values[i]);

		if (!child) {
			n->flags |= SNODE_BROKEN;
			continue;
		}
		if (!(child->flags & SNODE_OPEN) && depth + 1 < BTREE_MAX_DEPTH)
			resolve(s, child, depth + 1);
		if (child->flags & SNODE_RESOLVED)
			join(s, n, i, child);
		else
			n->flags |= SNODE_CLASH; /* a loop, or too deep */
	}
	n->flags &= (uint8_t)~SNODE_OPEN;
}

/* Roots that lead to sound nodes of another kind: these are mappings to data block 0. */
static void resolve_top(struct salvage *s, struct snode *n, unsigned depth)
{
	n->flags |= SNODE_OPEN;
	for (uint32_t i = 0; i < n->nr; i++) {
		struct snode *root = snode_at(s, n->values[i]);

		if (!root)
			continue;
		if (!(root->flags & SNODE_OPEN) && depth + 1 < BTREE_MAX_DEPTH)
			resolve(s, root, depth + 1);
		if (root->kind != SALVAGE_NONE && /* all that was below it is gone */
		    !snode_of_kind(s, root->block, SALVAGE_MAPPINGS))
			n->flags |= SNODE_CLASH;
	}
	n->flags &= (uint8_t)~SNODE_OPEN;
}

/*
 * Kind, height and number of mappings of inner nodes follow from what is below them; the
 * depth is bounded, as pointers come from a damaged area.
 */
static void resolve(struct salvage *s, struct snode *n, unsigned depth)
{
	if (n->flags & SNODE_RESOLVED)
		return;
	if (!(n->flags & SNODE_LEAF))
		resolve_inner(s, n, depth);
	else if (n->kind == SALVAGE_TOP)
		resolve_top(s, n, depth);
	n->flags |= SNODE_RESOLVED;
}

/* Then who is a child of whom: roots are those that are not. */
static void resolve_all(struct salvage *s)
{
	for (size_t i = 0; i < s->nodes.count; i++)
		resolve(s, &s->nodes.items[i], 0);
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		for (uint32_t k = 0; !(n->flags & SNODE_LEAF) && k < n->nr; k++) {
			struct snode *child = snode_at(s, n->values[k]);

			if (child && child->kind == n->kind)
				child->flags |= SNODE_CHILD;
		}
	}
}

/* --- the whole --- */

static void scanner_done(struct scanner *scanner)
{
	vec_done(&scanner->nodes);
	vec_done(&scanner->superblocks);
	vec_done(&scanner->indexes);
	vec_done(&scanner->bitmaps);
	vec_done(&scanner->damaged);
}

/* All of the area once, in parallel. What is read here is all that later steps know. */
int salvage_scan(struct salvage *s)
{
	struct scan scan = { .s = s };
	struct bits wanted = { 0 };
	int r;

	s->nr_data_blocks = UINT64_MAX;
	s->nr_arenas = io_workers(s->meta.io, s->meta.workers, UINT64_MAX);
	s->arenas = calloc(s->nr_arenas, sizeof(*s->arenas));
	scan.scanners = calloc(s->nr_arenas, sizeof(*scan.scanners));
	r = s->arenas && scan.scanners ? want_data(s, &wanted) : -ENOMEM;
	if (r == 0) {
		scan.total = s->nr_data = bits_weight(&wanted);
		r = meta_stream(&s->meta, &wanted, s->meta.workers, scan_block, &scan);
	}
	if (r == 0)
		r = gather(s, scan.scanners, s->nr_arenas);
	if (r == 0)
		resolve_all(s);
	for (unsigned i = 0; scan.scanners && i < s->nr_arenas; i++)
		scanner_done(&scan.scanners[i]);
	free(scan.scanners);
	bits_done(&wanted);
	s->next_virtual = MAX(s->meta.nr_blocks, 1);
	return r;
}

enum node_error salvage_why(const struct salvage *s, bp_mblock block, enum salvage_kind kind)
{
	uint32_t size =
		kind == SALVAGE_DETAILS ? sizeof(struct thin_details_disk) : sizeof(le64);
	_Alignas(IO_BLOCK) uint8_t buf[IO_BLOCK];
	enum node_error error;
	struct node node;

	if (block == 0 || block >= s->meta.nr_blocks)
		return NODE_RANGE;
	if (io_read(s->meta.io, block, 1, buf) < 0)
		return NODE_IO;
	error = node_decode(buf, block, size, &node);
	return error ? error : NODE_VALUE_SIZE; /* sound, and of something else */
}

/* Back to before salvage_fill(). */
void salvage_unfill(struct salvage *s)
{
	for (size_t i = 0; i < s->places.count; i++) {
		struct salvage_place *p = &s->places.items[i];

		free(p->keys);
		free(p->values);
		p->keys = NULL;
		p->values = NULL;
		p->nr_filled = p->time_max = 0;
		p->patched = false;
	}
	s->nr_filled = 0;
}

/* Back to what the scan found, for another pair of roots. */
void salvage_forget(struct salvage *s)
{
	salvage_unfill(s);
	for (size_t i = 0; i < s->places.count; i++)
		vec_done(&s->places.items[i].children);
	vec_done(&s->places);
	vec_done(&s->causes);
	vec_done(&s->lost);
	vec_done(&s->taken);
	free(s->count);
	free(s->pointers);
	s->count = s->pointers = NULL;
	s->unseen = s->lacking = s->outdated = false;
	s->snap_unknown = s->snap_hidden = false;
	for (size_t i = 0; i < s->nodes.count; i++) {
		s->nodes.items[i].flags &= (uint8_t) ~(SNODE_REACHED | SNODE_OLDER);
		s->nodes.items[i].bound = UINT64_MAX;
	}
}

void salvage_done(struct salvage *s)
{
	salvage_forget(s);
	for (unsigned i = 0; s->arenas && i < s->nr_arenas; i++)
		arena_done(&s->arenas[i]);
	free(s->arenas);
	free(s->node_of);
	free(s->cleaned);
	bits_done(&s->others);
	bits_done(&s->damaged);
	vec_done(&s->nodes);
	vec_done(&s->superblocks);
	vec_done(&s->indexes);
	io_close(s->overlay);
}
