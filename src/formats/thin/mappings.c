/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mappings of one device in order, as runs, or those of one block. Damage ends it as
 * an error, after the runs before it.
 */
#include "formats/thin/meta.h"

#include <inttypes.h>

struct runs {
	struct bp_thin_run run; /* being made; length 0: none */
	uint64_t end;
	uint64_t nr, total; /* mappings read, and those of the device */
	int (*take)(void *user, const struct bp_thin_run *run);
	void *user;
	bool done;
};

static int flush(struct runs *runs)
{
	int r = runs->run.length ? runs->take(runs->user, &runs->run) : 0;

	runs->run.length = 0;
	return r;
}

/* Neighbours with one time are one run, as the XML has it. */
static int add(struct runs *runs, uint64_t virtual_block, uint64_t value)
{
	struct bp_thin_run *run = &runs->run;
	bp_dblock block = thin_mapping_block(value);
	uint32_t time = thin_mapping_time(value);
	int r;

	if (run->length && run->virtual_begin + run->length == virtual_block &&
	    run->data_begin + run->length == block && run->time == time) {
		run->length++;
		return 0;
	}
	r = flush(runs);
	*run = (struct bp_thin_run){
		.virtual_begin = virtual_block,
		.data_begin = block,
		.length = 1,
		.time = time,
	};
	return r;
}

/* Ends at the key behind the range: leaves are in order. */
static int add_leaf(struct runs *runs, const struct node *leaf, uint32_t first)
{
	int r = 0;

	for (uint32_t i = first; r == 0 && i < leaf->nr; i++) {
		if (node_key(leaf, i) >= runs->end && runs->end != UINT64_MAX) {
			runs->done = true;
			break;
		}
		r = add(runs, node_key(leaf, i), node_value64(leaf, i));
	}
	return r;
}

/* All leaves of one tree. Runs before damage are given; a callback's word ends all. */
static int walk(struct bp_ctx *ctx, struct btree_iter *it, struct runs *runs)
{
	struct node leaf;
	uint32_t first;
	int r, last;

	while ((r = btree_iter_leaf(it, &leaf, &first)) == 0 && !runs->done) {
		r = add_leaf(runs, &leaf, first);
		runs->nr += leaf.nr;
		if (r == 0)
			r = ctx_progress(ctx, MIN(runs->nr, runs->total), runs->total);
		if (r)
			return r;
	}
	last = flush(runs);
	return r < 0 ? r : last;
}

/* Range by range, of one device; ends with the first result of @run that isn't 0. */
int bp_thin_mappings(struct bp_thin_meta *m, uint64_t id, bp_dblock begin, bp_dblock end,
		     int (*run)(void *user, const struct bp_thin_run *run), void *user)
{
	struct runs runs = { .end = end, .take = run, .user = user };
	struct bp_thin_device device;
	struct btree_iter *it;
	int r = bp_thin_device_find(m, id, &device);

	if (r == 0)
		r = btree_iter_new(&m->meta, device.root, sizeof(le64), begin, &it);
	if (r < 0)
		return r;
	runs.total = device.mapped_dblocks;
	r = walk(m->meta.ctx, it, &runs);
	if (r == 0)
		r = ctx_progress(m->meta.ctx, runs.total, runs.total);
	btree_iter_free(it);
	return r;
}

/* One path down the tree, without reading anything else. */
int bp_thin_lookup(struct bp_thin_meta *m, uint64_t id, bp_dblock virtual_block,
		   bp_dblock *ret_data_block, uint32_t *ret_time)
{
	struct bp_thin_device device;
	le64 value;
	int r = bp_thin_device_find(m, id, &device);

	if (r < 0)
		return r;
	r = btree_lookup(&m->meta, device.root, sizeof(value), virtual_block, &value);
	if (r == -ENODATA)
		return bp_fail(m->meta.ctx, r,
			       "device %" PRIu64 ": block %" PRIu64 " is not mapped", id,
			       virtual_block);
	if (r < 0)
		return r;
	*ret_data_block = thin_mapping_block(le64_get(value));
	*ret_time = thin_mapping_time(le64_get(value));
	return 0;
}
