/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shrinking from metadata to metadata. All is read and judged before the plan is made; leaves in
 * which nothing moves are taken as they are, and what devices share stays shared. The metadata has
 * to stay as it is as long as this goes on: whoever opens it sees to that.
 */
#include "formats/thin/shrink_meta.h"

#include "formats/thin/make.h"

#include <inttypes.h>

/* --- the plan --- */

static int no_name(void *user, bp_mblock name)
{
	(void)user, (void)name;
	return 0;
}

static int no_end(void *user)
{
	(void)user;
	return 0;
}

static int no_device(void *user, const struct thin_device *device)
{
	(void)user, (void)device;
	return 0;
}

static int use_leaf(void *user, const struct node *leaf)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = shrink_plan_use(user, thin_mapping_block(node_value64(leaf, i)), 1);
	return r;
}

static int use_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	(void)key;
	return shrink_plan_use(user, thin_mapping_block(value), length);
}

static const struct thin_sink use_sink = {
	.def = no_name,
	.def_end = no_end,
	.device = no_device,
	.device_end = no_end,
	.ref = no_name, /* counted with its def */
	.leaf = use_leaf,
	.run = use_run,
};

/* Damaged metadata is not shrunk: a block whose mapping is lost would be taken for free. */
int shrink_meta_read(struct shrink_meta *s, struct bp_thin_meta *meta)
{
	struct bp_ctx *ctx = meta->meta.ctx;
	int r = thin_reading_all(&s->in, meta, &s->opts);

	if (r < 0 || (s->in.nr_gaps == 0 && s->in.nr_unrestorable == 0))
		return r;
	r = bp_fail(ctx, -EUCLEAN, "%s: metadata contains errors", s->name);
	error_set_code(ctx, BP_E_DAMAGED);
	error_set_hint(ctx, "thin_check tells more; repair it first");
	return r;
}

int shrink_meta_plan(struct shrink_meta *s, struct shrink_plan *p)
{
	int r = shrink_plan_begin(p, thin_reading_sectors(&s->in), s->in.data_limit);

	if (r == 0)
		r = thin_emit_all(&s->in.emit, &use_sink, p);
	return r < 0 ? r : shrink_plan_end(p);
}

/* --- the new metadata --- */

/* Runs are given out once more for the output: no text comes between. */
struct writer {
	const struct shrink_plan *p;
	struct thin_make make;
	VEC(bp_mblock) names; /* of make.defs; they come in this order, by name */
	const struct thin_device *device;
};

static int on_def(void *user, bp_mblock name)
{
	struct writer *w = user;

	return vec_add(&w->names, &name) < 0 ? bp_fail_memory(w->p->ctx) : 0;
}

static int on_def_end(void *user)
{
	struct writer *w = user;

	return thin_make_def(&w->make);
}

static int on_device(void *user, const struct thin_device *device)
{
	struct writer *w = user;

	w->device = device;
	thin_make_device(&w->make, device->details.snapshotted_time);
	return 0;
}

/* Details as they were, but for the count of mappings and times that sharing asks for. */
static int on_device_end(void *user)
{
	struct writer *w = user;
	const struct bp_thin_device *from = &w->device->details;
	struct thin_made_device device = { .id = w->device->id };
	uint64_t mapped;
	int r = thin_make_tree(&w->make, &device.root, &mapped);

	if (r < 0)
		return r;
	device.details = (struct thin_details_disk){
		.mapped_blocks = le64_make(mapped),
		.transaction_id = le64_make(from->transaction_id),
		.creation_time = le32_make(from->creation_time),
		.snapshotted_time = le32_make(from->snapshotted_time),
	};
	return thin_make_shared(&w->make, &device);
}

static int on_ref(void *user, bp_mblock name)
{
	struct writer *w = user;

	return thin_make_use(&w->make, vec_bisect(&w->names, item, *item < name));
}

/* A run is cut where a part of it moves elsewhere. */
static int on_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	struct writer *w = user;
	uint32_t time = thin_mapping_time(value);
	uint64_t piece;
	int r = thin_make_settle(&w->make);

	thin_make_seen(&w->make, time);
	for (uint64_t done = 0; r == 0 && done < length; done += piece) {
		bp_dblock block = thin_mapping_block(value) + done;

		piece = length - done;
		block = shrink_plan_translate(w->p, block, &piece);
		r = thin_map_run(&w->make.map, key + done, block, piece, time);
	}
	return r;
}

/* Whether nothing in it moves, and the newest of its times. */
static bool stays(struct writer *w, const struct node *leaf)
{
	bool all = true;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		uint64_t value = node_value64(leaf, i);

		all &= thin_mapping_block(value) < w->p->nr_wanted;
		thin_make_seen(&w->make, thin_mapping_time(value));
	}
	return all;
}

/* Taken whole where nothing in it moves; otherwise mapping by mapping. */
static int on_leaf(void *user, const struct node *leaf)
{
	struct writer *w = user;
	int r = thin_make_settle(&w->make);

	if (r == 0 && stays(w, leaf))
		return thin_map_leaf(&w->make.map, leaf);
	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++)
		r = on_run(w, node_key(leaf, i), node_value64(leaf, i), 1);
	return r;
}

static const struct thin_sink write_sink = {
	.def = on_def,
	.def_end = on_def_end,
	.device = on_device,
	.device_end = on_device_end,
	.ref = on_ref,
	.leaf = on_leaf,
	.run = on_run,
};

/* The new size of the data follows from the plan. */
static int finish(struct writer *w, const struct shrink_meta *s)
{
	const struct bp_thin_superblock *sb = &s->in.tm->sb.pub;

	w->make.time = sb->time;
	w->make.transaction_id = sb->transaction_id;
	w->make.data_block_sectors = w->p->data_block_sectors;
	return thin_make_finish(&w->make);
}

int shrink_meta_write(struct shrink_meta *s, const struct shrink_plan *p, struct io *io)
{
	_cleanup_(freep) struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bp_fail_memory(p->ctx);
	w->p = p;
	r = thin_make_init(&w->make, p->ctx, io);
	if (r == 0)
		r = thin_make_begin(&w->make, p->nr_wanted);
	if (r == 0)
		r = thin_emit_all(&s->in.emit, &write_sink, w);
	if (r == 0)
		r = finish(w, s);
	vec_done(&w->names);
	thin_make_done(&w->make);
	return r;
}

void shrink_meta_done(struct shrink_meta *s)
{
	thin_reading_done(&s->in);
}
