/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose a data block is: what a set of devices holds alone, and what two devices share. Each node is read once
 * for the devices in question and once for the others, however many devices share it.
 */
#include <bedplate/history.h>

#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"

/* The blocks of a leaf that are in question. */
struct found {
	uint32_t node, nr;
	bp_dblock blocks[];
};
struct worker {
	VEC(struct found *) leaves;
};

struct owners {
	struct bp_thin_meta *meta;
	struct thin_devices devices;
	struct bits mine, others; /* by data block */
	struct bits *marked;      /* which of both is being made */
	struct worker *workers;   /* --with: what was found, by who found it */
	unsigned nr_workers;
	const struct found **found; /* and by node */
	const struct forest *forest;
	uint64_t nr;
};

/* Two bits a data block. */
static int owners_init(struct owners *o, struct bp_thin_meta *meta)
{
	bp_dblock nr = meta->sb.pub.nr_data_blocks;

	*o = (struct owners){ .meta = meta };
	if (nr > THIN_DATA_BLOCKS_MAX || bits_init(&o->mine, nr) < 0 ||
	    bits_init(&o->others, nr) < 0)
		return bp_fail_memory(meta->meta.ctx);
	return 0;
}

static void owners_done(struct owners *o)
{
	thin_devices_done(&o->devices);
	bits_done(&o->mine);
	bits_done(&o->others);
	for (unsigned w = 0; o->workers && w < o->nr_workers; w++) {
		for (size_t i = 0; i < o->workers[w].leaves.count; i++)
			free(o->workers[w].leaves.items[i]);
		vec_done(&o->workers[w].leaves);
	}
	free(o->workers);
	free(o->found);
}

static bool is_one_of(uint64_t id, const uint64_t *ids, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* --- reading --- */

/* Blocks past the end are nobody's: a check tells of them. Workers share the words. */
static int mark_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	const struct owners *o = user;

	(void)worker, (void)node;
	for (uint32_t i = 0; i < leaf->nr; i++) {
		bp_dblock b = thin_mapping_block(node_value64(leaf, i));

		if (b < o->marked->count)
			__atomic_fetch_or(&o->marked->words[b / 64], UINT64_C(1) << (b % 64),
					  __ATOMIC_RELAXED);
	}
	return 0;
}

static int fail_damaged(struct owners *o, const struct forest *forest,
			const struct thin_devices *devices)
{
	struct bp_ctx *ctx = o->meta->meta.ctx;
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(forest, devices->list.items, devices->list.count, &gaps);

	r = r < 0 ? bp_fail_memory(ctx) : thin_gaps_fail(ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

static int walk_devices(struct owners *o, const struct thin_devices *devices,
			struct forest *forest)
{
	size_t nr = devices->list.count;
	_cleanup_(freep) uint64_t *roots = calloc(nr + 1, sizeof(*roots));
	int r;

	if (!roots)
		return bp_fail_memory(o->meta->meta.ctx);
	for (size_t i = 0; i < nr; i++)
		roots[i] = devices->list.items[i].root;
	r = forest_walk(forest, roots, nr);
	if (r == -ENOMEM)
		return bp_fail_memory(o->meta->meta.ctx);
	return r == 0 && forest->nr_errors ? fail_damaged(o, forest, devices) : r;
}

/* The trees of the devices that are among @ids, or of those that are not. */
static int walk(struct owners *o, const uint64_t *ids, size_t nr_ids, bool among,
		struct forest *forest)
{
	struct thin_devices devices = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->devices.list.count; i++)
		if (is_one_of(o->devices.list.items[i].id, ids, nr_ids) == among)
			r = vec_add(&devices.list, &o->devices.list.items[i]);
	r = r < 0 ? bp_fail_memory(o->meta->meta.ctx) : walk_devices(o, &devices, forest);
	thin_devices_done(&devices);
	return r;
}

static int forest_new(struct owners *o, struct forest *ret)
{
	*ret = (struct forest){
		.meta = &o->meta->meta,
		.value_size = sizeof(le64),
		.user = o,
	};
	return forest_init(ret) < 0 ? bp_fail_memory(o->meta->meta.ctx) : 0;
}

static int mark(struct owners *o, const uint64_t *ids, size_t nr, bool among)
{
	struct forest forest;
	int r = forest_new(o, &forest);

	o->marked = among ? &o->mine : &o->others;
	forest.leaf = mark_leaf;
	if (r == 0)
		r = walk(o, ids, nr, among, &forest);
	forest_done(&forest);
	return r;
}

/* --- what is freed --- */

/* Blocks of the volumes in question that no other one maps. */
static uint64_t count_alone(const struct owners *o)
{
	uint64_t nr = 0;

	for (uint64_t b = bits_next(&o->mine, 0); b < o->mine.count;
	     b = bits_next(&o->mine, b + 1))
		nr += !bits_test(&o->others, b);
	return nr;
}

/*
 * Blocks that only the volumes in @ids have: what deleting all of them would free. Deleting
 * one of two snapshots frees less.
 */
int bp_thin_freed(struct bp_thin_meta *meta, const uint64_t *ids, size_t nr, bp_dblock *ret)
{
	struct bp_thin_device device;
	struct owners o;
	int r = owners_init(&o, meta);

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = bp_thin_device_find(meta, ids[i], &device);
	if (r == 0)
		r = thin_devices_read(meta, &o.devices);
	if (r == 0)
		r = mark(&o, ids, nr, true);
	if (r == 0)
		r = mark(&o, ids, nr, false);
	if (r == 0)
		*ret = count_alone(&o);
	owners_done(&o);
	return r;
}

/* --- what is shared --- */

/* What of a leaf is in question, for each device that has the leaf; most leaves have nothing of it. */
static int keep_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct owners *o = user;
	bp_dblock blocks[IO_BLOCK / sizeof(le64)];
	struct found *found;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		bp_dblock b = thin_mapping_block(node_value64(leaf, i));

		if (b < o->mine.count && bits_test(&o->mine, b))
			blocks[nr++] = b;
	}
	if (!nr)
		return 0;
	found = malloc(sizeof(*found) + nr * sizeof(*blocks));
	if (!found || vec_add(&o->workers[worker].leaves, &found) < 0) {
		free(found);
		return -ENOMEM;
	}
	found->node = node;
	found->nr = nr;
	memcpy(found->blocks, blocks, nr * sizeof(*blocks));
	return 0;
}

/* By node, once all nodes are known. */
static int sort_found(struct owners *o, const struct forest *forest)
{
	o->forest = forest;
	o->found = calloc(forest->nodes.count + 1, sizeof(*o->found));
	if (!o->found)
		return bp_fail_memory(o->meta->meta.ctx);
	for (unsigned w = 0; w < o->nr_workers; w++)
		for (size_t i = 0; i < o->workers[w].leaves.count; i++)
			o->found[o->workers[w].leaves.items[i]->node] =
				o->workers[w].leaves.items[i];
	return 0;
}

static const struct found *found_in(const struct owners *o, const struct walk_node *leaf)
{
	return o->found[leaf - o->forest->nodes.items];
}

/* A block that this device maps twice is shared once. */
static int count_shared(void *user, const struct walk_node *leaf)
{
	struct owners *o = user;
	const struct found *found = found_in(o, leaf);

	for (uint32_t i = 0; found && i < found->nr; i++)
		o->nr += !bits_test_and_set(&o->others, found->blocks[i]);
	return 0;
}

/* The bits are the next device's: there may be far more of them than were set. */
static int forget_shared(void *user, const struct walk_node *leaf)
{
	struct owners *o = user;
	const struct found *found = found_in(o, leaf);

	for (uint32_t i = 0; found && i < found->nr; i++)
		bits_clear(&o->others, found->blocks[i]);
	return 0;
}

static int share_with(struct owners *o, const struct thin_device *device)
{
	const struct forest_visitor count = { .leaf = count_shared, .user = o };
	const struct forest_visitor forget = { .leaf = forget_shared, .user = o };
	int r;

	o->nr = 0;
	r = forest_visit(o->forest, device->root, &count);
	return r < 0 || !o->nr ? r : forest_visit(o->forest, device->root, &forget);
}

static int tell_shared(struct owners *o, uint64_t id,
		       int (*other)(void *user, uint64_t id, bp_dblock dblocks), void *user)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->devices.list.count; i++) {
		const struct thin_device *device = &o->devices.list.items[i];

		if (device->id == id)
			continue;
		r = share_with(o, device);
		if (r == 0 && o->nr)
			r = other(user, device->id, o->nr);
	}
	return r;
}

/* All other devices in one walk; then each in memory. */
static int share_with_all(struct owners *o, uint64_t id,
			  int (*other)(void *user, uint64_t id, bp_dblock dblocks), void *user)
{
	struct forest forest;
	int r = forest_new(o, &forest);

	forest.leaf = keep_leaf;
	o->nr_workers = r == 0 ? forest_workers(&forest) : 0;
	o->workers = calloc(o->nr_workers + 1, sizeof(*o->workers));
	if (r == 0 && !o->workers)
		r = bp_fail_memory(o->meta->meta.ctx);
	if (r == 0)
		r = walk(o, &id, 1, false, &forest);
	if (r == 0)
		r = sort_found(o, &forest);
	if (r == 0)
		r = tell_shared(o, id, other, user);
	forest_done(&forest);
	return r;
}

/* What each other volume has in common with @id. */
int bp_thin_shared_with(struct bp_thin_meta *meta, uint64_t id,
			int (*other)(void *user, uint64_t id, bp_dblock dblocks), void *user)
{
	struct bp_thin_device device;
	struct owners o;
	int r = owners_init(&o, meta);

	if (r == 0)
		r = bp_thin_device_find(meta, id, &device);
	if (r == 0)
		r = thin_devices_read(meta, &o.devices);
	if (r == 0)
		r = mark(&o, &id, 1, true);
	if (r == 0)
		r = share_with_all(&o, id, other, user);
	owners_done(&o);
	return r;
}
