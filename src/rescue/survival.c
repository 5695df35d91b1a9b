/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose the blocks of a removed volume are now. A block that a present volume has is either shared,
 * as a snapshot shares with its origin, or was given away again after the removal. Shared is what
 * the present volume has at the same place with the same time, where it cannot have allocated it
 * itself: another volume had it so already when the removed one was there, or the mapping is older
 * than the present volume, which so is a snapshot. All else was given away. Each leaf is read
 * once, however many volumes have it. Memory: 4 bits for each data block, 12 bytes for each node.
 */
#include "rescue/removed.h"

#include <inttypes.h>

#define BATCH 256u /* leaves read at once */

struct holding {
	struct removed *removed;
	VEC(size_t) by_data; /* indexes of runs, by data block */
	struct bits mine, then, reused, shared;

	/* By node of the present's forest. */
	const struct forest *now;
	struct bits passed;
	uint32_t *creation; /* the lowest creation_time of the volumes that have the leaf */
	uint64_t *holder;   /* that volume */
	const struct thin_device *device;
};

typedef int (*entry_fn)(struct holding *h, size_t node, uint64_t key, uint64_t value);

/* --- leaves --- */

/* The metadata may change meanwhile: what isn't sound any more is passed over. */
static int leaf_entries(struct holding *h, const struct io_request *request, size_t node_index,
			entry_fn fn)
{
	struct node node;
	int r = 0;

	if (request->error ||
	    node_decode(request->buf, request->block, sizeof(le64), &node) != NODE_OK)
		return 0; /* it was sound when it was walked: whoever writes is not us */
	for (uint32_t i = 0; r == 0 && i < node.nr; i++)
		r = fn(h, node_index, le64_get(node.keys[i]), node_value64(&node, i));
	return r;
}

struct batch {
	struct io_request requests[BATCH];
	size_t nodes[BATCH], nr;
	uint8_t *buf;
};

static int flush_batch(struct holding *h, struct meta *meta, struct batch *b, entry_fn fn)
{
	int r = b->nr ? io_read_many(meta->io, b->requests, b->nr) : 0;

	for (size_t i = 0; r == 0 && i < b->nr; i++)
		r = leaf_entries(h, &b->requests[i], b->nodes[i], fn);
	b->nr = 0;
	return r;
}

/* Every entry of every leaf of a forest that was walked, each leaf once. */
static int each_entry(struct holding *h, struct meta *meta, const struct forest *f, entry_fn fn)
{
	_cleanup_(freep) struct batch *b = calloc(1, sizeof(*b));
	_cleanup_(freep) uint8_t *buf = io_buffer_new(BATCH);
	int r = b && buf ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < f->nodes.count; i++) {
		const struct walk_node *n = &f->nodes.items[i];

		if (n->error || !(n->flags & WALK_IS_LEAF))
			continue;
		b->requests[b->nr] =
			(struct io_request){ .block = n->block, .buf = buf + b->nr * IO_BLOCK };
		b->nodes[b->nr++] = i;
		if (b->nr == BATCH)
			r = flush_batch(h, meta, b, fn);
	}
	return r < 0 ? r : flush_batch(h, meta, b, fn);
}

/* --- what the volume had --- */

/* By place on the pool, for a search by data block. */
static int compare_data(const void *a, const void *b, void *user)
{
	const struct removed *removed = user;
	bp_dblock x = removed->runs.items[*(const size_t *)a].data;
	bp_dblock y = removed->runs.items[*(const size_t *)b].data;

	return x < y ? -1 : x > y;
}

/* The run that has data block @block; it is one of mine. */
static const struct removed_run *run_with(const struct holding *h, bp_dblock block)
{
	const struct removed_run *run;
	size_t low = 0, high = h->by_data.count;

	while (low + 1 < high) {
		size_t mid = low + (high - low) / 2;

		if (h->removed->runs.items[h->by_data.items[mid]].data <= block)
			low = mid;
		else
			high = mid;
	}
	run = &h->removed->runs.items[h->by_data.items[low]];
	return block >= run->data && block - run->data < run->length ? run : NULL;
}

/*
 * Bits a data block: what the removed volume had, what was there then, what was used again,
 * what is shared. Runs are searched by data block.
 */
static int holding_init(struct holding *h, struct removed *removed, bp_dblock nr_data)
{
	struct bits *const all[] = { &h->mine, &h->then, &h->reused, &h->shared };
	int r = 0;

	h->removed = removed;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(all); i++)
		r = bits_init(all[i], nr_data);
	for (size_t i = 0; r == 0 && i < removed->runs.count; i++) {
		const struct removed_run *run = &removed->runs.items[i];

		for (bp_dblock b = 0; b < run->length; b++)
			bits_set(&h->mine, run->data + b);
		r = vec_add(&h->by_data, &i);
	}
	if (r == 0 && h->by_data.count)
		qsort_r(h->by_data.items, h->by_data.count, sizeof(size_t), compare_data,
			removed);
	return r;
}

static void holding_done(struct holding *h)
{
	bits_done(&h->mine);
	bits_done(&h->then);
	bits_done(&h->reused);
	bits_done(&h->shared);
	bits_done(&h->passed);
	vec_done(&h->by_data);
	free(h->creation);
	free(h->holder);
}

/* Does it have this very mapping? *@ret: the run that has its data block, or NULL. */
static bool has_mapping(const struct holding *h, uint64_t key, uint64_t value,
			const struct removed_run **ret)
{
	bp_dblock block = thin_mapping_block(value);

	*ret = block < h->mine.count && bits_test(&h->mine, block) ? run_with(h, block) : NULL;
	return *ret && (*ret)->begin + (block - (*ret)->data) == key &&
	       (*ret)->time == thin_mapping_time(value);
}

/* --- then --- */

static int then_entry(struct holding *h, size_t node, uint64_t key, uint64_t value)
{
	const struct removed_run *run;

	(void)node;
	if (has_mapping(h, key, value, &run))
		bits_set(&h->then, thin_mapping_block(value));
	return 0;
}

/* All trees of the state before the removal: what they share with the volume is no reuse. */
static int look_then(struct holding *h, struct meta *meta, const uint64_t *roots, size_t nr)
{
	struct forest f = { .meta = meta, .value_size = sizeof(le64) };
	int r = forest_init(&f);

	if (r == 0)
		r = forest_walk(&f, roots, nr);
	if (r == 0)
		r = each_entry(h, meta, &f, then_entry);
	forest_done(&f);
	return r;
}

/* --- now --- */

/* The oldest device that has a leaf says since when it can exist. */
static int now_leaf(void *user, const struct walk_node *leaf)
{
	struct holding *h = user;
	size_t i = (size_t)(leaf - h->now->nodes.items);

	if (bits_test_and_set(&h->passed, i))
		return 0;
	h->creation[i] = h->device->details.creation_time;
	h->holder[i] = h->device->id;
	return 0;
}

static bool now_pass(void *user, const struct walk_node *node)
{
	struct holding *h = user;

	return bits_test_and_set(&h->passed, (size_t)(node - h->now->nodes.items));
}

/* Devices made after the volume was removed come last: only these can have taken its blocks. */
static int by_creation(const void *a, const void *b)
{
	const struct thin_device *x = a, *y = b;

	if (x->details.creation_time != y->details.creation_time)
		return x->details.creation_time < y->details.creation_time ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* The oldest volume that has a leaf may have allocated what is in it. */
static int find_oldest(struct holding *h, const struct bp_thin_plan *now)
{
	size_t nr = now->devices.list.count;
	_cleanup_(freep) struct thin_device *devices = calloc(nr + 1, sizeof(*devices));
	const struct forest_visitor visitor = {
		.leaf = now_leaf,
		.pass = now_pass,
		.user = h,
	};
	int r = 0;

	if (!devices)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		devices[i] = now->devices.list.items[i];
	qsort(devices, nr, sizeof(*devices), by_creation);
	for (size_t i = 0; r == 0 && i < nr; i++) {
		h->device = &devices[i];
		r = forest_visit(h->now, devices[i].root, &visitor);
	}
	return r;
}

/*
 * A block is the volume's still, only shared, where the same mapping was there then, or is
 * older than the device that has it now. Any other owner has overwritten it.
 */
static int now_entry(struct holding *h, size_t node, uint64_t key, uint64_t value)
{
	bp_dblock block = thin_mapping_block(value);
	uint32_t time = thin_mapping_time(value);
	const struct removed_run *run;
	bool same = has_mapping(h, key, value, &run);
	struct removed_gap gap = { .length = 1 };

	if (!run)
		return 0;
	if (same && (bits_test(&h->then, block) || time < h->creation[node])) {
		h->removed->shared_time = MAX(h->removed->shared_time, time + 1);
		h->removed->shared += !bits_test_and_set(&h->shared, block);
		return 0;
	}
	if (bits_test_and_set(&h->reused, block))
		return 0;
	gap.begin = run->begin + (block - run->data);
	gap.holder = h->holder[node];
	h->removed->reused++;
	return vec_add(&h->removed->gaps, &gap);
}

/* Memory: the oldest owner of each node of the pool as it is, and since when that exists. */
static int look_now(struct holding *h, struct bp_thin_plan *now)
{
	size_t nr = now->emit.forest.nodes.count;
	int r;

	h->now = &now->emit.forest;
	h->creation = calloc(nr + 1, sizeof(*h->creation));
	h->holder = calloc(nr + 1, sizeof(*h->holder));
	if (!h->creation || !h->holder)
		return -ENOMEM;
	r = bits_init(&h->passed, nr + 1);
	if (r == 0)
		r = find_oldest(h, now);
	return r < 0 ? r : each_entry(h, &now->tm.meta, h->now, now_entry);
}

/* --- taking out what was given away --- */

/* Runs are cut where a block in them was used again. */
static int drop_reused(struct holding *h)
{
	struct removed *removed = h->removed;
	VEC(struct removed_run) kept = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < removed->runs.count; i++) {
		const struct removed_run *run = &removed->runs.items[i];

		for (bp_dblock at = 0, end; r == 0 && at < run->length; at = end) {
			bool reused = bits_test(&h->reused, run->data + at);
			struct removed_run part = *run;

			for (end = at + 1; end < run->length; end++)
				if (bits_test(&h->reused, run->data + end) != reused)
					break;
			part.begin += at;
			part.data += at;
			part.length = end - at;
			if (!reused)
				r = vec_add(&kept, &part);
		}
	}
	if (r < 0) {
		vec_done(&kept);
		return r;
	}
	vec_done(&removed->runs);
	removed->runs.items = kept.items;
	removed->runs.count = kept.count;
	removed->runs.size = kept.size;
	return 0;
}

/*
 * Uses that came and went since leave no trace: blocks that are free now may have been
 * overwritten in between.
 */
int removed_compare(struct removed *removed, struct meta *meta, const uint64_t *then, size_t nr,
		    struct bp_thin_plan *now)
{
	struct holding h = { 0 };
	int r = holding_init(&h, removed, now->sum.superblock.nr_data_blocks);

	if (r == 0)
		r = look_then(&h, meta, then, nr);
	if (r == 0)
		r = look_now(&h, now);
	if (r == 0 && removed->reused)
		r = drop_reused(&h);
	holding_done(&h);
	return r == -ENOMEM ? bp_fail_memory(meta->ctx) : r;
}
