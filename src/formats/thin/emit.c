/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All trees are walked first. So what is shared and what can't be read is known before
 * anything is given out; then the leaves are read again, in order, many at a time. Not those
 * that are a few runs of mappings: these are kept from the walk.
 */
#include "formats/thin/emit.h"

#include <inttypes.h>

/* Leaves that are read at once: 2 MiB. */
#define QUEUE_LEAVES 512u
#define QUEUE_ITEMS  (2 * QUEUE_LEAVES)

/* Numbers of workers that write at once lie in different cache lines. */
#define LASTS_APART 8u

/* What is to be given out, in order. */
struct emit_item {
	enum item_kind {
		ITEM_LEAF, /* @n: block */
		ITEM_KEPT, /* @n: mark */
		ITEM_DEF,  /* @n: block it is named after */
		ITEM_DEF_END,
		ITEM_DEVICE, /* @n: index */
		ITEM_DEVICE_END,
		ITEM_REF, /* @n: block */
		ITEM_GAP, /* @n: block, and the next two items: ITEM_GAP, the range */
	} kind;
	enum node_error error;
	uint64_t n;
};

/* --- giving out the queue --- */

static int put_leaf(struct thin_emit *e, const struct io_request *request)
{
	enum node_error error = NODE_IO;
	struct node leaf;

	if (!request->error)
		error = node_decode(request->buf, request->block, sizeof(le64), &leaf);
	if (error == NODE_OK && leaf.leaf)
		return e->sink->leaf(e->user, &leaf);
	/* The walk before has seen it sound. */
	return bp_fail(e->meta->ctx, error == NODE_IO ? -EIO : -EUCLEAN,
		       "block %" PRIu64 ": %s, though it was sound a moment ago: is the pool "
		       "active?",
		       request->block, error ? node_error_name(error) : "no leaf");
}

/* From memory: the leaf was short enough to keep. */
static int put_kept(struct thin_emit *e, uint32_t mark)
{
	const struct kept_run *run = thin_kept_get(&e->kept, mark);
	int r = 0;

	for (; r == 0 && !run->last; run++)
		r = e->sink->run(e->user, run->virtual_begin, run->value, run->length);
	e->done++;
	return r < 0 ? r : e->sink->run(e->user, run->virtual_begin, run->value, run->length);
}

/* Three items make a gap. */
static int put_gap(struct thin_emit *e, const struct emit_item *items)
{
	const struct thin_gap gap = {
		.block = items[0].n,
		.begin = items[1].n,
		.end = items[2].n,
		.why = node_error_name(items[0].error),
	};

	return e->sink->gap ? e->sink->gap(e->user, &gap) : 0;
}

/* In the order of the text. */
static int put_item(struct thin_emit *e, const struct emit_item *item)
{
	switch (item->kind) {
	case ITEM_KEPT:
		return put_kept(e, (uint32_t)item->n);
	case ITEM_DEF:
		return e->sink->def(e->user, item->n);
	case ITEM_DEF_END:
		return e->sink->def_end(e->user);
	case ITEM_DEVICE:
		return e->sink->device(e->user, &e->devices[item->n]);
	case ITEM_DEVICE_END:
		return e->sink->device_end(e->user);
	case ITEM_REF:
		return e->sink->ref(e->user, item->n);
	case ITEM_GAP:
		return put_gap(e, item);
	case ITEM_LEAF:
		break;
	}
	return -EINVAL;
}

/* Leaves that were read in between. */
static int put_items(struct thin_emit *e)
{
	size_t leaf = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->nr_items; i++) {
		const struct emit_item *item = &e->items[i];

		if (item->kind == ITEM_LEAF)
			r = put_leaf(e, &e->requests[leaf++]);
		else
			r = put_item(e, item);
		if (item->kind == ITEM_GAP)
			i += 2;
	}
	return r < 0 || !e->sink->batch ? r : e->sink->batch(e->user);
}

static int report_progress(struct thin_emit *e)
{
	if (e->progress && e->progress(e->progress_user, e->forest.nodes.count + e->done,
				       2 * e->forest.nodes.count))
		return bp_fail(e->meta->ctx, -ECANCELED, "canceled");
	return 0;
}

/* Leaves of a batch are read together, then everything is put in order. */
static int flush_items(struct thin_emit *e)
{
	int r = 0;

	for (size_t i = 0, leaf = 0; i < e->nr_items; i++) {
		if (e->items[i].kind == ITEM_LEAF) {
			e->requests[leaf].block = e->items[i].n;
			e->requests[leaf].buf = e->buf + leaf * IO_BLOCK;
			leaf++;
		}
	}
	if (e->nr_leaves > 0)
		r = io_read_many(e->meta->io, e->requests, e->nr_leaves);
	if (r < 0)
		return bp_fail_memory(e->meta->ctx);
	r = put_items(e);
	e->done += e->nr_leaves;
	e->nr_items = e->nr_leaves = 0;
	return r < 0 ? r : report_progress(e);
}

static int queue(struct thin_emit *e, enum item_kind kind, uint64_t n)
{
	/* Room for the three items of a gap is kept together. */
	if (e->nr_items + 3 > QUEUE_ITEMS || e->nr_leaves == QUEUE_LEAVES) {
		int r = flush_items(e);

		if (r < 0)
			return r;
	}
	e->items[e->nr_items++] = (struct emit_item){ .kind = kind, .n = n };
	e->nr_leaves += kind == ITEM_LEAF;
	return 0;
}

/* Empty, also after an emission that failed half way: one plan may be written several times. */
static int queue_init(struct thin_emit *e)
{
	e->nr_items = 0;
	e->nr_leaves = 0;
	if (!e->items)
		e->items = calloc(QUEUE_ITEMS, sizeof(*e->items));
	if (!e->requests)
		e->requests = calloc(QUEUE_LEAVES, sizeof(*e->requests));
	if (!e->buf)
		e->buf = io_buffer_new(QUEUE_LEAVES);
	return e->items && e->requests && e->buf ? 0 : bp_fail_memory(e->meta->ctx);
}

/* --- filling it --- */

static int queue_leaf(struct thin_emit *e, const struct walk_node *leaf)
{
	return leaf->mark ? queue(e, ITEM_KEPT, leaf->mark) : queue(e, ITEM_LEAF, leaf->block);
}

static int queue_def(struct thin_emit *e, const struct walk_node *leaf)
{
	int r = queue(e, ITEM_DEF, leaf->block);

	for (; r == 0 && leaf; leaf = thin_share_next(&e->share, leaf))
		r = queue_leaf(e, leaf);
	return r < 0 ? r : queue(e, ITEM_DEF_END, 0);
}

/* By rising block, which is their name. */
static int queue_defs(struct thin_emit *e)
{
	const struct forest *f = &e->forest;
	int r = 0;

	for (uint64_t b = bits_next(&f->seen, 0); r == 0 && b < f->seen.count;
	     b = bits_next(&f->seen, b + 1)) {
		const struct walk_node *node = forest_node(f, b);

		/* Nodes that are no leaves may be marked as shared too: see thin_share_add(). */
		if (node && (node->flags & WALK_IS_LEAF) &&
		    thin_share_is_shared(&e->share, node) &&
		    thin_share_is_first(&e->share, node))
			r = queue_def(e, node);
	}
	return r;
}

static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct thin_emit *e = user;

	if (!e->sharing || !thin_share_is_shared(&e->share, leaf))
		return queue_leaf(e, leaf);
	if (thin_share_is_first(&e->share, leaf))
		return queue(e, ITEM_REF, leaf->block);
	return 0; /* part of the run that was referred to */
}

/* Room for the three items is there by what queue() leaves free. */
static int on_lost(void *user, const struct walk_lost *lost)
{
	struct thin_emit *e = user;
	int r = queue(e, ITEM_GAP, lost->block);

	if (r < 0)
		return r;
	e->items[e->nr_items - 1].error = lost->error;
	e->items[e->nr_items++] = (struct emit_item){ .kind = ITEM_GAP, .n = lost->begin };
	e->items[e->nr_items++] = (struct emit_item){ .kind = ITEM_GAP, .n = lost->end };
	return 0;
}

/* Of what devices share only the first leaves of runs, and gaps, are given out. */
static bool pass_silent(void *user, const struct walk_node *node)
{
	const struct thin_emit *e = user;

	return e->sharing && thin_share_is_silent(&e->share, node);
}

/* Subtrees that are told as a def are a ref. */
static int queue_device(struct thin_emit *e, size_t index)
{
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.pass = pass_silent,
		.user = e,
	};
	int r = queue(e, ITEM_DEVICE, index);

	if (r == 0 && !e->skip_mappings)
		r = forest_visit(&e->forest, e->devices[index].root, &visitor);
	return r < 0 ? r : queue(e, ITEM_DEVICE_END, 0);
}

/* --- walking --- */

/* For forest.leaf: from several workers at once. */
static int keep_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct thin_emit *e = user;

	if (e->find_last) {
		uint64_t *last = &e->lasts[(size_t)worker * LASTS_APART];

		for (uint32_t i = 0; i < leaf->nr; i++)
			*last = MAX(*last, thin_mapping_block(node_value64(leaf, i)));
	}
	return thin_kept_add(&e->kept, worker, leaf, &e->forest.nodes.items[node].mark);
}

/* Each node once, however many devices share it. */
int thin_emit_walk(struct thin_emit *e, struct meta *meta, const struct thin_device *devices,
		   size_t nr)
{
	_cleanup_(freep) uint64_t *roots = calloc(nr + 1, sizeof(*roots));
	int r;

	e->meta = meta;
	e->devices = devices;
	e->nr_devices = nr;
	if (!roots)
		return bp_fail_memory(meta->ctx);
	for (size_t i = 0; i < nr; i++)
		roots[i] = devices[i].root;
	e->forest.meta = meta;
	e->forest.value_size = sizeof(le64);
	e->forest.leaf = keep_leaf;
	e->forest.user = e;
	r = forest_init(&e->forest);
	if (r == 0)
		r = thin_kept_init(&e->kept, forest_workers(&e->forest));
	e->lasts = calloc((size_t)forest_workers(&e->forest) * LASTS_APART, sizeof(*e->lasts));
	if (r == 0 && !e->lasts)
		r = -ENOMEM;
	if (r == 0)
		r = forest_walk(&e->forest, roots, nr);
	for (unsigned i = 0; r == 0 && i < forest_workers(&e->forest); i++)
		e->data_last = MAX(e->data_last, e->lasts[(size_t)i * LASTS_APART]);
	return r == -ENOMEM ? bp_fail_memory(meta->ctx) : r;
}

/* In the order of ids: the first owner holds the def. */
int thin_emit_share(struct thin_emit *e)
{
	int r;

	e->sharing = true;
	r = thin_share_init(&e->share, &e->forest);
	for (size_t i = 0; r == 0 && i < e->nr_devices; i++)
		r = thin_share_add(&e->share, e->devices[i].root);
	if (r == 0)
		r = thin_share_finish(&e->share);
	return r < 0 ? bp_fail_memory(e->meta->ctx) : 0;
}

/* Defs first, as refs may only point back. */
int thin_emit_all(struct thin_emit *e, const struct thin_sink *sink, void *user)
{
	int r = queue_init(e);

	e->sink = sink;
	e->user = user;
	if (r == 0 && e->sharing)
		r = queue_defs(e);
	for (size_t i = 0; r == 0 && i < e->nr_devices; i++)
		r = queue_device(e, i);
	return r < 0 ? r : flush_items(e);
}

void thin_emit_done(struct thin_emit *e)
{
	forest_done(&e->forest);
	thin_kept_done(&e->kept);
	thin_share_done(&e->share);
	free(e->lasts);
	free(e->items);
	free(e->requests);
	free(e->buf);
}
