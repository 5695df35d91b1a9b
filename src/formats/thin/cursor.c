/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/cursor.h"

#include <inttypes.h>

static int fail(struct cursor *c, bp_mblock block, enum node_error error)
{
	return bp_fail(c->meta->ctx, error == NODE_CSUM ? -EBADMSG : -EUCLEAN,
		       "metadata contains errors: block %" PRIu64 ": %s", block,
		       node_error_name(error));
}

/* Levels above the leaves, by the way to the first one. */
static int find_height(struct cursor *c)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	bp_mblock block = c->root;
	struct node node;
	int r;

	if (!buf)
		return bp_fail_memory(c->meta->ctx);
	for (c->height = 0; c->height < BTREE_MAX_DEPTH; c->height++) {
		if (block == 0 || block >= c->meta->nr_blocks)
			return fail(c, block, NODE_RANGE);
		r = node_read(c->meta, block, sizeof(le64), buf, &node);
		if (r < 0)
			return r;
		c->nr_read++;
		if (node.leaf)
			return 0;
		block = node_value64(&node, 0);
	}
	return fail(c, c->root, NODE_DEPTH);
}

int cursor_init(struct cursor *c, struct meta *meta, bp_mblock root)
{
	c->meta = meta;
	c->root = root;
	c->ahead = io_buffer_new(CURSOR_AHEAD);
	if (!c->ahead)
		return bp_fail_memory(meta->ctx);
	return find_height(c);
}

void cursor_done(struct cursor *c)
{
	for (int i = 0; i < BTREE_MAX_DEPTH; i++)
		free(c->levels[i].buf);
	free(c->ahead);
	*c = (struct cursor){ 0 };
}

bp_mblock cursor_block(const struct cursor *c)
{
	const struct cursor_level *level;

	if (c->depth == 0)
		return c->root;
	level = &c->levels[c->depth - 1];
	return node_value64(&level->node, level->at);
}

int cursor_height(const struct cursor *c)
{
	return c->height - c->depth;
}

/* Up from nodes that are used up. */
static void rise(struct cursor *c)
{
	while (c->depth > 0 && cursor_level(c)->at >= cursor_level(c)->node.nr)
		c->depth--;
	c->ended = c->depth == 0;
}

void cursor_next(struct cursor *c)
{
	if (c->depth > 0)
		cursor_level(c)->at++;
	rise(c);
}

void cursor_leave_leaf(struct cursor *c)
{
	cursor_level(c)->at = cursor_level(c)->node.nr;
	rise(c);
}

/* --- reading --- */

/* Has @other, below @key, just this leaf? Only where that can be told without reading. */
static bool has_leaf(const struct cursor *other, uint64_t key, bp_mblock block)
{
	const struct node *node;
	int i;

	if (!other || other->height == 0 || other->depth < other->height)
		return false;
	node = &other->levels[other->height - 1].node;
	i = node_find(node, key);
	return i >= 0 && node_value64(node, (uint32_t)i) == block;
}

/* Read the leaf at hand and those behind it. */
static int read_ahead(struct cursor *c, const struct cursor *other)
{
	const struct cursor_level *level = cursor_level(c);

	c->nr_ahead = c->next_ahead = 0;
	for (uint32_t i = level->at; i < level->node.nr && c->nr_ahead < CURSOR_AHEAD; i++) {
		bp_mblock block = node_value64(&level->node, i);

		if (i > level->at && has_leaf(other, node_key(&level->node, i), block))
			continue;
		c->requests[c->nr_ahead] = (struct io_request){
			.block = block,
			.buf = c->ahead + c->nr_ahead * IO_BLOCK,
		};
		c->nr_ahead++;
	}
	c->nr_read += c->nr_ahead;
	return io_read_many(c->meta->io, c->requests, c->nr_ahead) < 0
		       ? bp_fail_memory(c->meta->ctx)
		       : 0;
}

/* The leaf at hand, in the memory it was read to. */
static int fetch_leaf(struct cursor *c, const struct cursor *other, bp_mblock block, void **ret)
{
	const struct io_request *q;
	int r;

	while (c->next_ahead < c->nr_ahead && c->requests[c->next_ahead].block != block)
		c->next_ahead++;
	if (c->next_ahead == c->nr_ahead) {
		r = read_ahead(c, other);
		if (r < 0)
			return r;
	}
	q = &c->requests[c->next_ahead++];
	if (q->error)
		return bp_fail(c->meta->ctx, q->error, "block %" PRIu64 ": cannot read: %s",
			       block, strerrordesc_np(-q->error));
	*ret = q->buf;
	return 0;
}

/* A node that is read alone: internal ones, and a root that is a leaf. */
static int fetch_node(struct cursor *c, bp_mblock block, void **ret)
{
	struct cursor_level *level = &c->levels[c->depth];

	if (!level->buf)
		level->buf = io_buffer_new(1);
	if (!level->buf)
		return bp_fail_memory(c->meta->ctx);
	*ret = level->buf;
	c->nr_read++;
	return meta_read(c->meta, block, level->buf);
}

/* Is @child, which the deepest node leads to, what belongs there? */
static enum node_error check_place(const struct cursor *c, const struct cursor_level *child)
{
	const struct node *node = &child->node;

	if (node->leaf != (cursor_height(c) == 0))
		return NODE_HEIGHT;
	if (node->nr == 0)
		return NODE_OK;
	if (node_key(node, 0) < cursor_key(c))
		return NODE_KEY_RANGE;
	if (!child->unbounded && node_key(node, node->nr - 1) >= child->end)
		return NODE_KEY_RANGE;
	return NODE_OK;
}

/*
 * @other may hold the same leaf: then it is not read twice. Bounds come from the parent,
 * and are checked here.
 */
int cursor_enter(struct cursor *c, const struct cursor *other)
{
	struct cursor_level *child = &c->levels[c->depth];
	bp_mblock block = cursor_block(c);
	enum node_error error;
	void *data = NULL;
	int r;

	if (block == 0 || block >= c->meta->nr_blocks)
		return fail(c, block, NODE_RANGE);
	if (c->depth > 0 && cursor_height(c) == 0)
		r = fetch_leaf(c, other, block, &data);
	else
		r = fetch_node(c, block, &data);
	if (r < 0)
		return r;

	child->at = 0;
	child->unbounded = true;
	if (c->depth > 0) {
		const struct cursor_level *level = cursor_level(c);
		bool last = level->at + 1 == level->node.nr;

		child->unbounded = last && level->unbounded;
		child->end = last ? level->end : node_key(&level->node, level->at + 1);
	}
	error = node_decode(data, block, sizeof(le64), &child->node);
	if (!error)
		error = check_place(c, child);
	if (error)
		return fail(c, block, error);
	if (c->depth > 0)
		cursor_level(c)->at++;
	c->depth++;
	rise(c);
	return 0;
}
