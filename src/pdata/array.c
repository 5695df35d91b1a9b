/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/array.h"

#include "io/ahead.h"

static const char *const error_names[ARRAY_ERRORS] = {
	[ARRAY_OK] = "no error",
	[ARRAY_IO] = "cannot be read",
	[ARRAY_RANGE] = "is past the end of the metadata",
	[ARRAY_CSUM] = "bad checksum in array block",
	[ARRAY_KIND] = "not an array block",
	[ARRAY_BLOCKNR] = "says that it is another block",
	[ARRAY_VALUE_SIZE] = "value_size is not this array's",
	[ARRAY_MAX_ENTRIES] = "max_entries is not what fits a block",
	[ARRAY_NR_ENTRIES] = "nr_entries is not what its place asks for",
	[ARRAY_MISSING] = "has no entry in the array's tree",
	[ARRAY_EXTRA] = "lies beyond the end of the array",
	[ARRAY_TREE] = "a node of the array's tree is damaged",
};

const char *array_error_name(enum array_error error)
{
	return error_names[error];
}

static enum array_error check_block(const void *data, bp_mblock block)
{
	switch (block_check(data, BLOCK_ARRAY, block)) {
	case BLOCK_OK:
		return ARRAY_OK;
	case BLOCK_BAD_CSUM:
		return ARRAY_CSUM;
	case BLOCK_BAD_KIND:
		return ARRAY_KIND;
	case BLOCK_MISPLACED:
		break;
	}
	return ARRAY_BLOCKNR;
}

/*
 * Not what the values mean: that is the format's. max_entries must be what fits, as the
 * kernel computes places from it.
 */
enum array_error array_block_check(const void *data, bp_mblock block, uint32_t value_size,
				   uint32_t nr_expected)
{
	const struct array_block_disk *disk = data;
	enum array_error error = check_block(data, block);

	if (error)
		return error;
	if (le32_get(disk->value_size) != value_size)
		return ARRAY_VALUE_SIZE;
	if (le32_get(disk->max_entries) != array_capacity(value_size))
		return ARRAY_MAX_ENTRIES;
	if (le32_get(disk->nr_entries) != nr_expected)
		return ARRAY_NR_ENTRIES;
	return ARRAY_OK;
}

/*
 * An array is a tree from numbers of parts to array blocks, each with so many elements as fit; only
 * the last has fewer. The tree is walked first, in memory; array blocks are then read in batches,
 * ahead of their visitor, and handed on in order. Damage has to come in its place among them, so
 * that what was asked for before is handed on first: hence flush() before each loss.
 */
struct walking {
	struct meta *meta;
	struct forest tree;
	const struct array_visitor *v;
	uint64_t nr, nr_parts, given;
	uint32_t value_size, capacity;
	uint64_t next; /* the part that must come now */
	struct io_ahead *ahead;
	struct io_batch
		*batch; /* being filled, or NULL; tags are parts, verdicts array_errors */
};

/* Of the elements in a part: all that fit, but for the last, whose end is the array's. */
static uint64_t part_end(const struct walking *w, uint64_t part)
{
	return part + 1 < w->nr_parts ? (part + 1) * w->capacity : w->nr;
}

/* io_verify_fn */
static void verify(const void *user, struct io_batch *batch)
{
	const struct walking *w = user;

	for (size_t i = 0; i < batch->nr; i++) {
		const struct io_request *q = &batch->requests[i];
		uint64_t nr = part_end(w, batch->tags[i]) - batch->tags[i] * w->capacity;

		batch->verdicts[i] = q->error ? ARRAY_IO
					      : array_block_check(q->buf, q->block,
								  w->value_size, (uint32_t)nr);
	}
}

/* Parts [@begin, @end) are lost. */
static int lost(struct walking *w, uint64_t begin, uint64_t end, enum array_error error,
		enum node_error node_error, bp_mblock block)
{
	end = MIN(end, w->nr_parts);
	if (begin >= end || !w->v->lost)
		return 0;
	return w->v->lost(w->v->user, begin * w->capacity, part_end(w, end - 1), error,
			  node_error, block);
}

/* Blocks come in the order of their parts, though they were read in that of the disk. */
static int give(struct walking *w, const struct io_batch *batch, size_t i)
{
	const struct array_block_disk *disk = batch->requests[i].buf;
	uint64_t part = batch->tags[i];

	if (batch->verdicts[i])
		return lost(w, part, part + 1, (enum array_error)batch->verdicts[i], NODE_OK,
			    batch->requests[i].block);
	if (!w->v->part)
		return 0;
	return w->v->part(w->v->user, part * w->capacity, part_end(w, part), disk->values);
}

/* Hand on the oldest batch that was asked for. */
static int give_batch(struct walking *w, bool *ret_more)
{
	const struct io_batch *batch = io_ahead_take(w->ahead);
	int r = batch ? batch->error : 0;

	*ret_more = batch;
	for (size_t i = 0; batch && r == 0 && i < batch->nr; i++)
		r = give(w, batch, i);
	if (batch && r == 0)
		r = meta_progress(w->meta, w->given += batch->nr, w->nr_parts);
	return r;
}

static void ask(struct walking *w)
{
	if (w->batch && w->batch->nr)
		io_ahead_ask(w->ahead);
	w->batch = NULL;
}

/* Read what was put off and hand it on. */
static int flush(struct walking *w)
{
	bool more = true;
	int r = 0;

	ask(w);
	while (r == 0 && more)
		r = give_batch(w, &more);
	return r;
}

/* A batch with room for one more. */
static int want_room(struct walking *w)
{
	bool more;
	int r = 0;

	if (w->batch && w->batch->nr == IO_AHEAD_BLOCKS)
		ask(w);
	if (w->batch)
		return 0;
	w->batch = io_ahead_batch(w->ahead);
	while (r == 0 && !w->batch) {
		r = give_batch(w, &more);
		w->batch = io_ahead_batch(w->ahead);
	}
	return r;
}

/* Parts from the one that must come up to @key have no entry. */
static int skip_to(struct walking *w, uint64_t key, enum array_error error,
		   enum node_error node_error, bp_mblock block)
{
	uint64_t begin = w->next;
	int r;

	if (key <= begin)
		return 0;
	r = flush(w);
	w->next = key;
	return r ? r : lost(w, begin, key, error, node_error, block);
}

/*
 * One entry of the tree. Those it jumps over have no array block and are lost; one past the end of
 * the array holds nothing that anybody asked for, and is told as damage all the same.
 */
static int add_part(struct walking *w, uint64_t key, uint64_t block)
{
	int r;

	if (key >= w->nr_parts) {
		r = flush(w);
		if (r == 0 && w->v->lost)
			r = w->v->lost(w->v->user, w->nr, w->nr, ARRAY_EXTRA, NODE_OK, block);
		return r;
	}
	r = skip_to(w, key, ARRAY_MISSING, NODE_OK, 0);
	if (r)
		return r;
	w->next = key + 1;
	if (block == 0 || block >= w->meta->nr_blocks) {
		r = flush(w);
		return r ? r : lost(w, key, key + 1, ARRAY_RANGE, NODE_OK, block);
	}
	r = want_room(w);
	if (r != 0)
		return r;
	w->batch->tags[w->batch->nr] = key;
	w->batch->requests[w->batch->nr++].block = block;
	return 0;
}

/* Keys are numbers of blocks of values, values where these lie. */
static int tree_leaf(void *user, const struct walk_node *leaf)
{
	struct walking *w = user;
	const struct walk_inner *inner = forest_inner(&w->tree, leaf);
	const le64 *blocks = inner->values;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = add_part(w, inner->keys[i], le64_get(blocks[i]));
	return r;
}

static int tree_lost(void *user, const struct walk_lost *what)
{
	struct walking *w = user;
	int r = skip_to(w, MIN(what->begin, w->nr_parts), ARRAY_MISSING, NODE_OK, 0);
	uint64_t end = what->end == UINT64_MAX ? w->nr_parts : MIN(what->end + 1, w->nr_parts);

	if (r == 0 && end > w->next)
		return skip_to(w, end, ARRAY_TREE, what->error, what->block);
	/* No element is lost with it, as in an array that is empty: it is damage all the same. */
	if (r == 0)
		r = flush(w);
	if (r == 0 && w->v->lost)
		r = w->v->lost(w->v->user, w->nr, w->nr, ARRAY_TREE, what->error, what->block);
	return r;
}

/* Array blocks are pointed to once for each leaf that has them. */
static int count_blocks(struct walking *w)
{
	int r = 0;

	for (size_t i = 0; w->v->child && i < w->tree.nodes.count; i++) {
		const struct walk_node *n = &w->tree.nodes.items[i];
		const struct walk_inner *inner;

		if (n->error || !(n->flags & WALK_IS_LEAF))
			continue;
		inner = forest_inner(&w->tree, n);
		for (uint32_t k = 0; r == 0 && k < n->nr; k++) {
			uint64_t block = le64_get(((const le64 *)inner->values)[k]);

			if (block != 0 && block < w->meta->nr_blocks)
				r = w->v->child(w->v->user, block);
		}
	}
	return r;
}

/*
 * The tree first, then its blocks in large batches; at the end what no leaf named is lost
 * too, up to the last part.
 */
static int walk(struct walking *w, bp_mblock root)
{
	struct forest_visitor visitor = { .leaf = tree_leaf, .lost = tree_lost, .user = w };
	int r = forest_walk(&w->tree, &root, 1);

	if (r == 0 && w->v->tree)
		r = w->v->tree(w->v->user, &w->tree);
	if (r == 0)
		r = count_blocks(w);
	if (r == 0)
		r = forest_visit(&w->tree, root, &visitor);
	if (r == 0)
		r = flush(w);
	return r == 0 ? skip_to(w, w->nr_parts, ARRAY_MISSING, NODE_OK, 0) : r;
}

/* Memory: the tree's nodes and IO_AHEAD_BATCHES batches, whatever the array's size. */
int array_walk(struct meta *meta, bp_mblock root, uint64_t nr, uint32_t value_size,
	       const struct array_visitor *visitor)
{
	_cleanup_(freep) struct walking *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->meta = meta;
	w->v = visitor;
	w->nr = nr;
	w->value_size = value_size;
	w->capacity = array_capacity(value_size);
	w->nr_parts = DIV_UP(nr, w->capacity);
	w->tree = (struct forest){ .meta = meta,
				   .value_size = sizeof(le64),
				   .keep_leaves = true,
				   .child = visitor->child,
				   .user = visitor->user };
	r = forest_init(&w->tree);
	if (r == 0)
		r = io_ahead_new(meta->io, forest_workers(&w->tree), verify, w, &w->ahead);
	if (r == 0)
		r = walk(w, root);
	io_ahead_free(w->ahead);
	forest_done(&w->tree);
	return r;
}
