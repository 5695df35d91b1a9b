/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All trees are walked first. So what is shared and what can't be read is known before
 * anything is written; then the leaves are read again, in the order of the text, many at a
 * time. Not those that are a few runs of mappings: these are kept from the walk.
 */
#include <bedplate/thin_dump.h>

#include "core/opts.h"
#include "formats/thin/gaps.h"
#include "formats/thin/kept.h"
#include "formats/thin/meta.h"
#include "formats/thin/share.h"
#include "formats/thin/text.h"

#include <inttypes.h>

/* Leaves that are read at once: 2 MiB. */
#define QUEUE_LEAVES 512u
#define QUEUE_ITEMS  (2 * QUEUE_LEAVES)

/* What is to be written, in order. */
struct item {
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

struct dump {
	struct bp_thin_meta *tm;
	const struct bp_thin_dump_opts *opts;
	struct thin_text text;
	struct thin_devices all;
	VEC(struct thin_device) devices; /* those wanted */
	struct forest forest;
	struct thin_kept kept; /* leaves, by their node's mark */
	struct thin_share share;
	bool sharing;

	struct item *items;
	size_t nr_items;
	struct io_request *requests;
	size_t nr_leaves;
	uint8_t *buf;
	uint64_t done; /* leaves and runs kept that were written */
};

/* --- writing the queue --- */

static int put_leaf(struct dump *d, const struct io_request *request)
{
	struct bp_ctx *ctx = d->tm->meta.ctx;
	enum node_error error = NODE_IO;
	struct node leaf;

	if (!request->error)
		error = node_decode(request->buf, request->block, sizeof(le64), &leaf);
	if (error == NODE_OK && leaf.leaf) {
		thin_text_leaf(&d->text, &leaf);
		return 0;
	}
	/* The walk before has seen it sound. */
	return bp_fail(ctx, error == NODE_IO ? -EIO : -EUCLEAN,
		       "block %" PRIu64 ": %s, though it was sound a moment ago: is the pool "
		       "active?",
		       request->block, error ? node_error_name(error) : "no leaf");
}

static void put_kept(struct dump *d, uint32_t mark)
{
	const struct kept_run *run = thin_kept_get(&d->kept, mark);

	while (!run->last) {
		thin_text_run(&d->text, run->virtual_begin, run->value, run->length);
		run++;
	}
	thin_text_run(&d->text, run->virtual_begin, run->value, run->length);
	d->done++;
}

static void put_device(struct dump *d, size_t index)
{
	const struct bp_thin_device *from = &d->devices.items[index].details;
	const struct thin_xml_device device = {
		.dev_id = d->devices.items[index].id,
		.mapped_blocks = from->mapped_dblocks,
		.transaction = from->transaction_id,
		.creation_time = from->creation_time,
		.snap_time = from->snapshotted_time,
	};

	thin_text_device(&d->text, &device);
}

static void put_gap(struct dump *d, const struct item *items)
{
	const struct thin_gap gap = {
		.block = items[0].n,
		.begin = items[1].n,
		.end = items[2].n,
		.why = node_error_name(items[0].error),
	};

	thin_text_gap(&d->text, &gap);
}

/* What the caller's function said first, which gets its own words there. */
static int write_error(struct dump *d)
{
	int r = d->text.w.error;

	return r < 0 ? bp_fail(d->tm->meta.ctx, r, "cannot write the dump: %s", strerror(-r))
		     : r;
}

static int put_items(struct dump *d)
{
	size_t leaf = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->nr_items; i++) {
		const struct item *item = &d->items[i];

		switch (item->kind) {
		case ITEM_LEAF:
			r = put_leaf(d, &d->requests[leaf++]);
			break;
		case ITEM_KEPT:
			put_kept(d, (uint32_t)item->n);
			break;
		case ITEM_DEF:
			thin_text_def(&d->text, item->n);
			break;
		case ITEM_DEF_END:
			thin_text_def_end(&d->text);
			break;
		case ITEM_DEVICE:
			put_device(d, item->n);
			break;
		case ITEM_DEVICE_END:
			thin_text_device_end(&d->text);
			break;
		case ITEM_REF:
			thin_text_ref(&d->text, item->n);
			break;
		case ITEM_GAP:
			put_gap(d, item);
			i += 2;
			break;
		}
	}
	return r < 0 ? r : write_error(d);
}

static int report_progress(struct dump *d)
{
	const struct bp_thin_dump_opts *opts = d->opts;

	if (opts->progress &&
	    opts->progress(opts->callback_user, d->forest.nodes.count + d->done,
			   2 * d->forest.nodes.count))
		return bp_fail(d->tm->meta.ctx, -ECANCELED, "canceled");
	return 0;
}

static int flush_items(struct dump *d)
{
	int r = 0;

	for (size_t i = 0, leaf = 0; i < d->nr_items; i++) {
		if (d->items[i].kind == ITEM_LEAF) {
			d->requests[leaf].block = d->items[i].n;
			d->requests[leaf].buf = d->buf + leaf * IO_BLOCK;
			leaf++;
		}
	}
	if (d->nr_leaves > 0)
		r = io_read_many(d->tm->meta.io, d->requests, d->nr_leaves);
	if (r < 0)
		return bp_fail_memory(d->tm->meta.ctx);
	r = put_items(d);
	d->done += d->nr_leaves;
	d->nr_items = d->nr_leaves = 0;
	return r < 0 ? r : report_progress(d);
}

static int queue(struct dump *d, enum item_kind kind, uint64_t n)
{
	/* Room for the three items of a gap is kept together. */
	if (d->nr_items + 3 > QUEUE_ITEMS || d->nr_leaves == QUEUE_LEAVES) {
		int r = flush_items(d);

		if (r < 0)
			return r;
	}
	d->items[d->nr_items++] = (struct item){ .kind = kind, .n = n };
	d->nr_leaves += kind == ITEM_LEAF;
	return 0;
}

static int queue_init(struct dump *d)
{
	d->items = calloc(QUEUE_ITEMS, sizeof(*d->items));
	d->requests = calloc(QUEUE_LEAVES, sizeof(*d->requests));
	d->buf = io_buffer_new(QUEUE_LEAVES);
	return d->items && d->requests && d->buf ? 0 : bp_fail_memory(d->tm->meta.ctx);
}

/* --- filling it --- */

static int queue_leaf(struct dump *d, const struct walk_node *leaf)
{
	return leaf->mark ? queue(d, ITEM_KEPT, leaf->mark) : queue(d, ITEM_LEAF, leaf->block);
}

static int queue_def(struct dump *d, const struct walk_node *leaf)
{
	int r = queue(d, ITEM_DEF, leaf->block);

	for (; r == 0 && leaf; leaf = thin_share_next(&d->share, leaf))
		r = queue_leaf(d, leaf);
	return r < 0 ? r : queue(d, ITEM_DEF_END, 0);
}

/* By rising block, which is their name. */
static int queue_defs(struct dump *d)
{
	const struct forest *f = &d->forest;
	int r = 0;

	for (uint64_t b = bits_next(&f->seen, 0); r == 0 && b < f->seen.count;
	     b = bits_next(&f->seen, b + 1)) {
		const struct walk_node *node = forest_node(f, b);

		if (node && thin_share_is_shared(&d->share, node) &&
		    thin_share_is_first(&d->share, node))
			r = queue_def(d, node);
	}
	return r;
}

static int on_leaf(void *user, const struct walk_node *leaf)
{
	struct dump *d = user;

	if (!d->sharing || !thin_share_is_shared(&d->share, leaf))
		return queue_leaf(d, leaf);
	if (thin_share_is_first(&d->share, leaf))
		return queue(d, ITEM_REF, leaf->block);
	return 0; /* part of the run that was referred to */
}

static int on_lost(void *user, const struct walk_lost *lost)
{
	struct dump *d = user;
	int r = queue(d, ITEM_GAP, lost->block);

	if (r < 0)
		return r;
	d->items[d->nr_items - 1].error = lost->error;
	d->items[d->nr_items++] = (struct item){ .kind = ITEM_GAP, .n = lost->begin };
	d->items[d->nr_items++] = (struct item){ .kind = ITEM_GAP, .n = lost->end };
	return 0;
}

static int queue_device(struct dump *d, size_t index)
{
	const struct forest_visitor visitor = {
		.leaf = on_leaf,
		.lost = on_lost,
		.user = d,
	};
	int r = queue(d, ITEM_DEVICE, index);

	if (r == 0 && !(d->opts->flags & BP_THIN_DUMP_SKIP_MAPPINGS))
		r = forest_visit(&d->forest, d->devices.items[index].root, &visitor);
	return r < 0 ? r : queue(d, ITEM_DEVICE_END, 0);
}

/* --- what there is to dump --- */

static const struct thin_device *find_device(const struct thin_devices *devices, uint64_t id)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		if (devices->list.items[i].id == id)
			return &devices->list.items[i];
	}
	return NULL;
}

static bool is_wanted(const struct dump *d, uint64_t id)
{
	for (size_t i = 0; i < d->opts->nr_ids; i++) {
		if (d->opts->ids[i] == id)
			return true;
	}
	return d->opts->nr_ids == 0;
}

static int choose_devices(struct dump *d)
{
	struct bp_ctx *ctx = d->tm->meta.ctx;
	int r = thin_devices_read(d->tm, &d->all);

	if (r < 0)
		return r;
	for (size_t i = 0; i < d->opts->nr_ids; i++) {
		if (find_device(&d->all, d->opts->ids[i]))
			continue;
		r = bp_fail(ctx, -ENODATA, "no device %" PRIu64 " in this metadata",
			    d->opts->ids[i]);
		error_set_code(ctx, BP_E_NO_THIN);
		return r;
	}
	for (size_t i = 0; i < d->all.list.count; i++) {
		if (is_wanted(d, d->all.list.items[i].id) &&
		    vec_add(&d->devices, &d->all.list.items[i]) < 0)
			return bp_fail_memory(ctx);
	}
	return 0;
}

/* For forest.leaf: from several workers at once. */
static int keep_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct dump *d = user;

	return thin_kept_add(&d->kept, worker, leaf, &d->forest.nodes.items[node].mark);
}

static int walk(struct dump *d)
{
	_cleanup_(freep) uint64_t *roots = calloc(d->devices.count + 1, sizeof(*roots));
	int r;

	if (!roots)
		return bp_fail_memory(d->tm->meta.ctx);
	for (size_t i = 0; i < d->devices.count; i++)
		roots[i] = d->devices.items[i].root;
	d->forest.meta = &d->tm->meta;
	d->forest.value_size = sizeof(le64);
	d->forest.leaf = keep_leaf;
	d->forest.user = d;
	r = forest_init(&d->forest);
	if (r == 0)
		r = thin_kept_init(&d->kept, forest_workers(&d->forest));
	if (r == 0)
		r = forest_walk(&d->forest, roots, d->devices.count);
	return r == -ENOMEM ? bp_fail_memory(d->tm->meta.ctx) : r;
}

static int find_sharing(struct dump *d)
{
	int r;

	if (d->opts->nr_ids > 0)
		return 0;
	d->sharing = true;
	r = thin_share_init(&d->share, &d->forest);
	for (size_t i = 0; r == 0 && i < d->devices.count; i++)
		r = thin_share_add(&d->share, d->devices.items[i].root);
	return r < 0 ? bp_fail_memory(d->tm->meta.ctx) : 0;
}

static int find_gaps(struct dump *d, uint64_t *ret)
{
	struct thin_gaps gaps = { 0 };
	int r;

	*ret = 0;
	if (d->forest.nr_errors == 0)
		return 0;
	r = thin_gaps_find(&d->forest, d->devices.items, d->devices.count, &gaps);
	if (r < 0)
		r = bp_fail_memory(d->tm->meta.ctx);
	if (r == 0)
		r = thin_gaps_report(d->tm->meta.ctx, &gaps, d->opts->damage,
				     d->opts->callback_user);
	*ret = gaps.list.count;
	thin_gaps_done(&gaps);
	return r;
}

/* Nothing is missing then; but the number is written as it is, and no restore will take it. */
static void compare_counts(struct dump *d)
{
	for (size_t i = 0; i < d->devices.count; i++) {
		const struct thin_device *device = &d->devices.items[i];
		const struct walk_node *root = forest_node(&d->forest, device->root);
		uint64_t found = forest_entries(&d->forest, device->root);

		if (root && !(root->flags & WALK_IS_BROKEN) &&
		    found != device->details.mapped_dblocks)
			bp_warn(d->tm->meta.ctx,
				"device %" PRIu64 ": mapped_blocks is %" PRIu64 ", but %" PRIu64
				" blocks are mapped",
				device->id, device->details.mapped_dblocks, found);
	}
}

static void put_superblock(struct dump *d)
{
	const struct bp_thin_superblock *from = &d->tm->sb.pub;
	const struct bp_thin_dump_opts *opts = d->opts;
	const struct thin_xml_superblock sb = {
		.time = from->time,
		.transaction = opts->flags & BP_THIN_DUMP_TRANSACTION ? opts->transaction_id
								      : from->transaction_id,
		.flags = from->flags,
		.version = from->version,
		.data_block_size = opts->data_block_sectors ? opts->data_block_sectors
							    : from->data_block_sectors,
		.nr_data_blocks =
			opts->nr_data_blocks ? opts->nr_data_blocks : from->nr_data_blocks,
	};

	thin_text_superblock(&d->text, &sb);
}

static int dump(struct dump *d, uint64_t *ret_gaps)
{
	int r;

	r = choose_devices(d);
	if (r == 0 && !(d->opts->flags & BP_THIN_DUMP_SKIP_MAPPINGS)) {
		r = walk(d);
		if (r == 0)
			compare_counts(d);
		if (r == 0)
			r = find_gaps(d, ret_gaps);
		if (r == 0)
			r = find_sharing(d);
	}
	if (r < 0)
		return r;

	put_superblock(d);
	if (d->sharing)
		r = queue_defs(d);
	for (size_t i = 0; r == 0 && i < d->devices.count; i++)
		r = queue_device(d, i);
	if (r == 0)
		r = flush_items(d);
	if (r == 0 && thin_text_end(&d->text, *ret_gaps) != 0)
		r = write_error(d);
	return r;
}

static void dump_done(struct dump *d)
{
	thin_text_done(&d->text);
	thin_devices_done(&d->all);
	vec_done(&d->devices);
	forest_done(&d->forest);
	thin_kept_done(&d->kept);
	thin_share_done(&d->share);
	free(d->items);
	free(d->requests);
	free(d->buf);
}

int bp_thin_dump(struct bp_thin_meta *meta, const struct bp_thin_dump_opts *opts,
		 bp_write_fn write, void *user, uint64_t *ret_damages)
{
	struct bp_thin_dump_opts known;
	struct dump d = { .tm = meta, .opts = &known };
	uint64_t gaps = 0;
	int r;

	r = opts_read(meta->meta.ctx, &known, sizeof(known), opts);
	if (r < 0)
		return r;
	r = thin_text_init(&d.text, known.flags & BP_THIN_DUMP_HUMAN, write, user);
	r = r < 0 ? bp_fail_memory(meta->meta.ctx) : queue_init(&d);
	if (r == 0)
		r = dump(&d, &gaps);
	dump_done(&d);
	if (r < 0)
		return r;
	*ret_damages = gaps;
	return 0;
}
