/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/btree.h"

#include <inttypes.h>

#define HEADER ((uint32_t)sizeof(struct btree_node_disk))

static const char *const error_names[NODE_ERRORS] = {
	[NODE_OK] = "no error",
	[NODE_IO] = "cannot be read",
	[NODE_RANGE] = "is past the end of the metadata",
	[NODE_CSUM] = "bad checksum in btree node",
	[NODE_KIND] = "not a btree node",
	[NODE_BLOCKNR] = "says that it is another block",
	[NODE_FLAGS] = "neither an internal node nor a leaf",
	[NODE_VALUE_SIZE] = "value_size is not this tree's",
	[NODE_MAX_ENTRIES] = "max_entries do not fit a block",
	[NODE_NR_ENTRIES] = "more entries than max_entries",
	[NODE_KEY_ORDER] = "keys out of order",
	[NODE_NO_ENTRIES] = "internal node without entries",
	[NODE_LOOP] = "is below itself",
	[NODE_DEPTH] = "tree is too deep",
	[NODE_HEIGHT] = "leaves at different depths",
	[NODE_KEY_RANGE] = "keys outside of the parent's range for it",
};

const char *node_error_name(enum node_error error)
{
	return error_names[error];
}

uint32_t node_capacity(uint32_t value_size)
{
	return (IO_BLOCK - HEADER) / (8 + value_size) / 3 * 3;
}

static enum node_error check_block(const void *data, bp_mblock block)
{
	switch (block_check(data, BLOCK_NODE, block)) {
	case BLOCK_OK:
		return NODE_OK;
	case BLOCK_BAD_CSUM:
		return NODE_CSUM;
	case BLOCK_BAD_KIND:
		return NODE_KIND;
	case BLOCK_MISPLACED:
		break;
	}
	return NODE_BLOCKNR;
}

static bool keys_rise(const le64 *keys, uint32_t nr)
{
	bool rise = true;

	/* Without a branch inside, the compiler can take several keys at once. */
	for (uint32_t i = 1; i < nr; i++)
		rise &= le64_get(keys[i - 1]) < le64_get(keys[i]);
	return rise;
}

/*
 * Everything that reading entries relies on: after it, nr entries lie inside the block,
 * keys rise. A leaf may be empty (a tree's only node), an inner node not.
 */
enum node_error node_decode(const void *data, bp_mblock block, uint32_t value_size,
			    struct node *ret)
{
	const struct btree_node_disk *disk = data;
	enum node_error error = check_block(data, block);
	uint32_t flags, nr, max, size;

	if (error)
		return error;

	flags = le32_get(disk->flags);
	if (flags != NODE_INTERNAL && flags != NODE_LEAF)
		return NODE_FLAGS;
	nr = le32_get(disk->nr_entries);
	max = le32_get(disk->max_entries);
	size = flags == NODE_LEAF ? value_size : 8;
	if (le32_get(disk->value_size) != size)
		return NODE_VALUE_SIZE;
	if (max > (IO_BLOCK - HEADER) / (8 + size))
		return NODE_MAX_ENTRIES;
	if (nr > max)
		return NODE_NR_ENTRIES;
	if (nr == 0 && flags == NODE_INTERNAL)
		return NODE_NO_ENTRIES;
	if (!keys_rise(disk->keys, nr))
		return NODE_KEY_ORDER;

	*ret = (struct node){
		.block = block,
		.leaf = flags == NODE_LEAF,
		.odd_max = max % 3 != 0,
		.nr = nr,
		.max = max,
		.value_size = size,
		.keys = disk->keys,
		.values = (const uint8_t *)(disk->keys + max),
	};
	return NODE_OK;
}

int node_find(const struct node *node, uint64_t key)
{
	uint32_t low = 0, high = node->nr; /* the answer + 1 is in [low, high] */

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (node_key(node, mid) <= key)
			low = mid + 1;
		else
			high = mid;
	}
	return (int)low - 1;
}

static int node_fail(struct meta *meta, bp_mblock block, enum node_error error)
{
	return bp_fail(meta->ctx, error == NODE_CSUM ? -EBADMSG : -EUCLEAN,
		       "block %" PRIu64 ": %s", block, node_error_name(error));
}

/* Block 0 is the superblock, never a node: a pointer there is one that was zeroed. */
int node_read(struct meta *meta, bp_mblock block, uint32_t value_size, void *buf,
	      struct node *ret)
{
	enum node_error error;
	int r = block ? meta_read(meta, block, buf) : node_fail(meta, block, NODE_RANGE);

	if (r < 0)
		return r;
	error = node_decode(buf, block, value_size, ret);
	return error ? node_fail(meta, block, error) : 0;
}

/* Goes down by the largest key not above @key; only in the leaf it has to be equal. */
int btree_lookup(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t key,
		 void *value)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct node node;
	int r, i;

	if (!buf)
		return bp_fail_memory(meta->ctx);
	for (int depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		r = node_read(meta, root, value_size, buf, &node);
		if (r < 0)
			return r;
		i = node_find(&node, key);
		if (i < 0 || (node.leaf && node_key(&node, (uint32_t)i) != key))
			return -ENODATA;
		if (node.leaf) {
			memcpy(value, node_value(&node, (uint32_t)i), value_size);
			return 0;
		}
		root = node_value64(&node, (uint32_t)i);
	}
	return node_fail(meta, root, NODE_DEPTH);
}

/* Down by the last entry of each node: an internal one has one at least. */
int btree_last(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t *ret_key)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct node node;
	int r;

	if (!buf)
		return bp_fail_memory(meta->ctx);
	for (int depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		r = node_read(meta, root, value_size, buf, &node);
		if (r < 0)
			return r;
		if (!node.nr)
			return -ENODATA;
		if (node.leaf) {
			*ret_key = node_key(&node, node.nr - 1);
			return 0;
		}
		root = node_value64(&node, node.nr - 1);
	}
	return node_fail(meta, root, NODE_DEPTH);
}

/* --- in the order of keys --- */

#define AHEAD 64 /* blocks read at once */

struct level {
	struct node node;
	uint32_t next;  /* entry to go down next */
	uint64_t bound; /* keys below must be less; UINT64_MAX: no bound */
	void *buf;
};

struct btree_iter {
	struct meta *meta;
	bp_mblock root;
	uint32_t value_size;
	uint64_t from;  /* keys below are not wanted */
	uint64_t min;   /* keys to come must be at least this */
	int depth;      /* levels in use; 0: before the start, -1: at the end */
	int leaf_depth; /* of the first leaf; 0: none yet */
	struct level levels[BTREE_MAX_DEPTH];
	uint8_t *ahead; /* children read together */
	struct io_request requests[AHEAD];
	uint32_t ahead_begin, ahead_count; /* entries of the deepest level that are there */
	int ahead_level;
};

/* Reads ahead AHEAD blocks below the node at hand, of one level at a time. */
int btree_iter_new(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t from,
		   struct btree_iter **ret)
{
	_cleanup_(freep) struct btree_iter *it = calloc(1, sizeof(*it));

	if (!it)
		return bp_fail_memory(meta->ctx);
	it->ahead = io_buffer_new(AHEAD);
	if (!it->ahead)
		return bp_fail_memory(meta->ctx);
	it->meta = meta;
	it->root = root;
	it->value_size = value_size;
	it->from = from;
	it->ahead_level = -1;
	*ret = steal(it);
	return 0;
}

void btree_iter_free(struct btree_iter *it)
{
	if (!it)
		return;
	for (int i = 0; i < BTREE_MAX_DEPTH; i++)
		free(it->levels[i].buf);
	free(it->ahead);
	free(it);
}

/* Make the node in @level->buf the deepest one. */
static int enter(struct btree_iter *it, struct level *level, bp_mblock block, uint64_t bound)
{
	enum node_error error = node_decode(level->buf, block, it->value_size, &level->node);
	int i;

	if (error)
		return node_fail(it->meta, block, error);
	if (level->node.nr && it->depth && node_key(&level->node, 0) < it->min)
		return node_fail(it->meta, block, NODE_KEY_RANGE);
	if (level->node.nr && bound != UINT64_MAX &&
	    node_key(&level->node, level->node.nr - 1) >= bound)
		return node_fail(it->meta, block, NODE_KEY_RANGE);
	i = node_find(&level->node, it->from);
	level->next = i > 0 ? (uint32_t)i : 0;
	level->bound = bound;
	it->depth++;
	return 0;
}

/* Read children of the deepest node from @entry on. */
static int read_ahead(struct btree_iter *it, const struct level *level, uint32_t entry)
{
	/* Nodes above the leaves come one by one: what was read beside them would be gone. */
	bool leaves = it->leaf_depth == it->depth + 1;
	uint32_t n = leaves ? MIN(AHEAD, level->node.nr - entry) : 1;
	int r;

	for (uint32_t i = 0; i < n; i++)
		it->requests[i] = (struct io_request){
			.block = node_value64(&level->node, entry + i),
			.buf = it->ahead + (size_t)i * IO_BLOCK,
		};
	r = io_read_many(it->meta->io, it->requests, n);
	if (r < 0)
		return bp_fail_memory(it->meta->ctx);
	it->ahead_begin = entry;
	it->ahead_count = n;
	it->ahead_level = it->depth;
	return 0;
}

/* Fetch the child @entry of the deepest node into the next level's buffer. */
static int fetch(struct btree_iter *it, const struct level *level, uint32_t entry, void *buf)
{
	bp_mblock block = node_value64(&level->node, entry);
	const struct io_request *q;
	int r;

	if (block == 0 || block >= it->meta->nr_blocks)
		return node_fail(it->meta, block, NODE_RANGE);
	if (it->ahead_level != it->depth || entry < it->ahead_begin ||
	    entry - it->ahead_begin >= it->ahead_count) {
		r = read_ahead(it, level, entry);
		if (r < 0)
			return r;
	}
	q = &it->requests[entry - it->ahead_begin];
	if (q->error)
		return bp_fail(it->meta->ctx, q->error, "block %" PRIu64 ": cannot read: %s",
			       block, strerrordesc_np(-q->error));
	memcpy(buf, q->buf, IO_BLOCK);
	return 0;
}

static int level_buffer(struct btree_iter *it, struct level *level)
{
	if (!level->buf)
		level->buf = io_buffer_new(1);
	return level->buf ? 0 : bp_fail_memory(it->meta->ctx);
}

static int start(struct btree_iter *it)
{
	struct level *level = &it->levels[0];
	int r = level_buffer(it, level);

	if (r == 0)
		r = node_read(it->meta, it->root, it->value_size, level->buf, &level->node);
	return r < 0 ? r : enter(it, level, it->root, UINT64_MAX);
}

/* @bound is the key from which the next subtree begins: a child with larger keys is damaged. */
static int descend(struct btree_iter *it, struct level *level)
{
	struct level *child = level + 1;
	uint32_t entry = level->next++;
	uint64_t bound = level->next < level->node.nr ? node_key(&level->node, level->next)
						      : level->bound;
	int r;

	if (it->depth == BTREE_MAX_DEPTH)
		return node_fail(it->meta, level->node.block, NODE_DEPTH);
	r = level_buffer(it, child);
	if (r == 0)
		r = fetch(it, level, entry, child->buf);
	if (r < 0)
		return r;
	it->min = node_key(&level->node, entry);
	if (it->ahead_level > it->depth)
		it->ahead_level = -1; /* what was read below another node */
	return enter(it, child, node_value64(&level->node, entry), bound);
}

/* Give the leaf at @level out, and step up from it. */
static int give(struct btree_iter *it, const struct level *level, struct node *ret,
		uint32_t *ret_first)
{
	int i = node_find(&level->node, it->from);

	if (it->leaf_depth && it->leaf_depth != it->depth)
		return node_fail(it->meta, level->node.block, NODE_HEIGHT);
	it->leaf_depth = it->depth--;
	*ret = level->node;
	*ret_first = 0;
	if (i >= 0 && level->node.nr)
		*ret_first = (uint32_t)i + (node_key(&level->node, (uint32_t)i) < it->from);
	if (it->depth == 0)
		it->depth = -1;
	return 0;
}

/* Leaf by leaf; depth -1 is the end, or a failure that stays. */
int btree_iter_leaf(struct btree_iter *it, struct node *ret, uint32_t *ret_first)
{
	struct level *level;
	int r = it->depth == 0 ? start(it) : 0;

	while (r == 0 && it->depth > 0) {
		level = &it->levels[it->depth - 1];
		if (level->node.leaf)
			return give(it, level, ret, ret_first);
		if (level->next < level->node.nr)
			r = descend(it, level);
		else if (--it->depth == 0)
			it->depth = -1;
	}
	if (r < 0)
		it->depth = -1;
	return r < 0 ? r : 1;
}
