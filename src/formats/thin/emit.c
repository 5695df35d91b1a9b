/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All trees are walked first. So what is shared and what can't be read is known before
 * anything is given out; then the leaves are read again, in order, many at a time. Not those
 * that are a few runs of mappings: these are kept from the walk.
 */
#include "formats/thin/emit.h"

#include <inttypes.h>

/*
 * Leaves of a batch: 64 KiB, whose text stays in a processor's own cache. A device that takes many
 * requests at once gets more.
 */
#define BATCH_LEAVES        16u
#define BATCH_LEAVES_DEVICE 128u
#define BATCH_ITEMS         (2 * BATCH_LEAVES_DEVICE)

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

/* --- giving out a batch --- */

static int put_leaf(struct emit_batch *b, const struct io_request *request)
{
	struct node leaf;

	b->why = NODE_IO;
	if (!request->error)
		b->why = node_decode(request->buf, request->block, sizeof(le64), &leaf);
	if (b->why == NODE_OK && leaf.leaf)
		return b->e->sink->leaf(b->user, &leaf);
	b->bad = request;
	return b->why == NODE_IO ? -EIO : -EUCLEAN;
}

/* From memory: the leaf was short enough to keep. */
static int put_kept(struct emit_batch *b, uint32_t mark)
{
	const struct thin_sink *sink = b->e->sink;
	const struct kept_run *run = thin_kept_get(&b->e->kept, mark);
	int r = 0;

	for (; r == 0 && !run->last; run++)
		r = sink->run(b->user, run->virtual_begin, run->value, run->length);
	b->done++;
	return r < 0 ? r : sink->run(b->user, run->virtual_begin, run->value, run->length);
}

/* Three items make a gap. */
static int put_gap(struct emit_batch *b, const struct emit_item *items)
{
	const struct thin_gap gap = {
		.block = items[0].n,
		.begin = items[1].n,
		.end = items[2].n,
		.why = node_error_name(items[0].error),
	};

	return b->e->sink->gap ? b->e->sink->gap(b->user, &gap) : 0;
}

/* In the order of the text. */
static int put_item(struct emit_batch *b, const struct emit_item *item)
{
	const struct thin_sink *sink = b->e->sink;

	switch (item->kind) {
	case ITEM_KEPT:
		return put_kept(b, (uint32_t)item->n);
	case ITEM_DEF:
		return sink->def(b->user, item->n);
	case ITEM_DEF_END:
		return sink->def_end(b->user);
	case ITEM_DEVICE:
		return sink->device(b->user, &b->e->devices[item->n]);
	case ITEM_DEVICE_END:
		return sink->device_end(b->user);
	case ITEM_REF:
		return sink->ref(b->user, item->n);
	case ITEM_GAP:
		return put_gap(b, item);
	case ITEM_LEAF:
		break;
	}
	return -EINVAL;
}

/* Leaves that were read in between. */
static int put_items(struct emit_batch *b)
{
	size_t leaf = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->nr_items; i++) {
		const struct emit_item *item = &b->items[i];

		if (item->kind == ITEM_LEAF)
			r = put_leaf(b, &b->requests[leaf++]);
		else
			r = put_item(b, item);
		if (item->kind == ITEM_GAP)
			i += 2;
	}
	b->done += b->nr_leaves;
	return r;
}

static int report_progress(struct thin_emit *e)
{
	if (e->progress && e->progress(e->progress_user, e->forest.nodes.count + e->done,
				       2 * e->forest.nodes.count))
		return bp_fail(e->meta->ctx, -ECANCELED, "canceled");
	return 0;
}

/* --- batches --- */

/* In any thread: read, and where the sink has parts, given out. */
static void do_batch(void *user, unsigned slot)
{
	struct emit_batch *b = &((struct thin_emit *)user)->batches[slot];

	for (size_t i = 0; i < b->nr_leaves; i++)
		b->requests[i].buf = b->buf + i * IO_BLOCK;
	b->error = b->nr_leaves ? io_read_many(b->e->meta->io, b->requests, b->nr_leaves) : 0;
	if (b->error == 0 && b->e->sink->part)
		b->error = put_items(b);
}

/* The walk before has seen it sound. */
static int tell_bad(const struct thin_emit *e, const struct emit_batch *b)
{
	return bp_fail(e->meta->ctx, b->error,
		       "block %" PRIu64 ": %s, though it was sound a moment ago: is the pool "
		       "active?",
		       b->bad->block, b->why ? node_error_name(b->why) : "no leaf");
}

/* What do_batch() alone can't tell is memory. */
static int give_out(struct thin_emit *e, struct emit_batch *b, unsigned slot)
{
	int failed = b->error, r = failed;

	if (r == 0)
		r = e->sink->part ? e->sink->join(e->user, slot) : put_items(b);
	if (b->bad)
		return tell_bad(e, b);
	e->done += b->done;
	if (failed)
		return bp_fail_memory(e->meta->ctx);
	return r < 0 ? r : report_progress(e);
}

/* The oldest batch; false in @ret_any: there is none. */
static int take_batch(struct thin_emit *e, bool *ret_any)
{
	int slot = turns_take(e->turns), r = 0;

	*ret_any = slot >= 0;
	if (slot >= 0)
		r = give_out(e, &e->batches[slot], (unsigned)slot);
	turns_give_back(e->turns);
	return r;
}

/* What a slot needs is made when it is used first. */
static int batch_begin(struct thin_emit *e, unsigned slot)
{
	struct emit_batch *b = &e->batches[slot];

	b->e = e;
	b->nr_items = b->nr_leaves = 0;
	b->done = 0;
	b->error = 0;
	b->bad = NULL;
	b->user = e->sink->part ? e->sink->part(e->user, slot) : e->user;
	if (!b->items)
		b->items = calloc(BATCH_ITEMS, sizeof(*b->items));
	if (!b->requests)
		b->requests = calloc(e->batch_leaves, sizeof(*b->requests));
	if (!b->buf)
		b->buf = io_buffer_new(e->batch_leaves);
	e->filling = b;
	return b->items && b->requests && b->buf && b->user ? 0 : bp_fail_memory(e->meta->ctx);
}

static void hand_over(struct thin_emit *e)
{
	e->filling = NULL;
	turns_ask(e->turns);
}

/* A batch with room for an item; the oldest is given out where none is free. */
static int make_room(struct thin_emit *e)
{
	const struct emit_batch *b = e->filling;
	bool any;
	int r = 0;

	/* Room for the three items of a gap is kept together. */
	if (b && (b->nr_items + 3 > BATCH_ITEMS || b->nr_leaves == e->batch_leaves))
		hand_over(e);
	if (e->filling)
		return 0;
	if (turns_slot(e->turns) < 0)
		r = take_batch(e, &any);
	return r < 0 ? r : batch_begin(e, (unsigned)turns_slot(e->turns));
}

static int queue(struct thin_emit *e, enum item_kind kind, uint64_t n)
{
	int r = make_room(e);
	struct emit_batch *b = e->filling;

	if (r < 0)
		return r;
	b->items[b->nr_items++] = (struct emit_item){ .kind = kind, .n = n };
	if (kind == ITEM_LEAF)
		b->requests[b->nr_leaves++].block = n;
	return 0;
}

/* All that is queued. */
static int give_out_rest(struct thin_emit *e)
{
	bool any = true;
	int r = 0;

	if (e->filling)
		hand_over(e);
	while (r == 0 && any)
		r = take_batch(e, &any);
	return r;
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
	struct emit_batch *b = e->filling;

	if (r < 0)
		return r;
	b->items[b->nr_items - 1].error = lost->error;
	b->items[b->nr_items++] = (struct emit_item){ .kind = ITEM_GAP, .n = lost->begin };
	b->items[b->nr_items++] = (struct emit_item){ .kind = ITEM_GAP, .n = lost->end };
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
static int queue_all(struct thin_emit *e)
{
	int r = e->sharing ? queue_defs(e) : 0;

	for (size_t i = 0; r == 0 && i < e->nr_devices; i++)
		r = queue_device(e, i);
	return r < 0 ? r : give_out_rest(e);
}

/* Also again after an emission that failed half way: one plan may be written several times. */
int thin_emit_all(struct thin_emit *e, const struct thin_sink *sink, void *user)
{
	int r = turns_new(THIN_EMIT_BATCHES,
			  io_workers(e->meta->io, e->meta->workers, UINT64_MAX), do_batch, e,
			  &e->turns);

	if (r < 0)
		return bp_fail_memory(e->meta->ctx);
	e->sink = sink;
	e->user = user;
	e->filling = NULL;
	e->batch_leaves = e->meta->io->batch_runs > 1 ? BATCH_LEAVES_DEVICE : BATCH_LEAVES;
	r = queue_all(e);
	turns_free(steal(e->turns));
	return r;
}

void thin_emit_done(struct thin_emit *e)
{
	forest_done(&e->forest);
	thin_kept_done(&e->kept);
	thin_share_done(&e->share);
	free(e->lasts);
	for (size_t i = 0; i < THIN_EMIT_BATCHES; i++) {
		free(e->batches[i].items);
		free(e->batches[i].requests);
		free(e->batches[i].buf);
	}
}
