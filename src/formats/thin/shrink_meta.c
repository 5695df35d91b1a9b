/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shrinking from metadata to metadata. All is read and judged before the plan is made; leaves in
 * which nothing moves are taken as they are, and what devices share stays shared. The metadata has
 * to stay as it is as long as this goes on: whoever opens it sees to that.
 */
#include "formats/thin/shrink_meta.h"

#include "formats/thin/make.h"

#include <inttypes.h>

/* Runs are given out once more for the output: no text comes between. */
struct named_def {
	bp_mblock name;
	struct thin_def def;
	uint32_t newest; /* time of its mappings */
	bp_mblock root;  /* of a device that is this def and nothing else; 0: none so far */
};

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

struct writer {
	const struct shrink_plan *p;
	struct thin_make make;
	VEC(struct named_def) defs; /* by name: they come in that order */
	const struct thin_device *device;
	struct named_def *only; /* all that the device at hand is so far, not added yet */
	size_t first_fresh;     /* see struct thin_made_device */
	uint32_t newest;        /* of the mappings of the def at hand */
	uint32_t need;          /* above the times of the defs of the device at hand */
};

/* It goes on behind what was its only def so far: then that is added. */
static int add_only(struct writer *w)
{
	struct named_def *only = w->only;

	w->only = NULL;
	return only ? thin_map_def(&w->make.map, &only->def) : 0;
}

static int on_def(void *user, bp_mblock name)
{
	struct writer *w = user;
	const struct named_def def = { .name = name };

	w->newest = 0;
	return vec_add(&w->defs, &def) < 0 ? bp_fail_memory(w->p->ctx) : 0;
}

static int on_def_end(void *user)
{
	struct writer *w = user;
	struct named_def *def = &w->defs.items[w->defs.count - 1];

	def->newest = w->newest;
	return thin_map_end_def(&w->make.map, &def->def);
}

static int on_device(void *user, const struct thin_device *device)
{
	struct writer *w = user;

	w->device = device;
	w->need = 0;
	w->first_fresh = w->make.map.fresh.count;
	w->make.map.fresh_from = device->details.snapshotted_time;
	return 0;
}

/* Many devices are one def and nothing else: one tree does for all of them. */
static int end_tree(struct writer *w, bp_mblock *ret_root, uint64_t *ret_mapped)
{
	struct named_def *only = w->only;
	int r;

	if (only && only->root) {
		w->only = NULL;
		*ret_root = only->root;
		*ret_mapped = only->def.mapped;
		return 0;
	}
	r = add_only(w);
	if (r == 0)
		r = thin_map_end_device(&w->make.map, ret_root, ret_mapped);
	if (r == 0 && only)
		only->root = *ret_root;
	return r;
}

/* Details as they were, but for the count of mappings and times that sharing asks for. */
static int on_device_end(void *user)
{
	struct writer *w = user;
	const struct bp_thin_device *from = &w->device->details;
	struct thin_made_device device = { .id = w->device->id };
	uint64_t mapped;
	int r = end_tree(w, &device.root, &mapped);

	if (r < 0)
		return r;
	device.details = (struct thin_details_disk){
		.mapped_blocks = le64_make(mapped),
		.transaction_id = le64_make(from->transaction_id),
		.creation_time = le32_make(from->creation_time),
		.snapshotted_time = le32_make(from->snapshotted_time),
	};
	thin_make_raise(&w->make, &device, w->need);
	device.first_fresh = w->first_fresh;
	device.nr_fresh = w->make.map.fresh.count - w->first_fresh;
	w->make.map.fresh_from = UINT32_MAX;
	return thin_make_add(&w->make, &device);
}

/* The first and only def of a device waits: perhaps its tree is the device's whole tree. */
static int on_ref(void *user, bp_mblock name)
{
	struct writer *w = user;
	struct named_def *def = &w->defs.items[vec_bisect(&w->defs, item, item->name < name)];
	int r;

	w->need = MAX(w->need, def->newest + 1);
	if (w->make.map.mapped == 0 && !w->only) {
		w->only = def;
		return 0;
	}
	r = add_only(w);
	return r < 0 ? r : thin_map_def(&w->make.map, &def->def);
}

/* A run is cut where a part of it moves elsewhere. */
static int on_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	struct writer *w = user;
	uint32_t time = thin_mapping_time(value);
	uint64_t piece;
	int r = add_only(w);

	w->newest = MAX(w->newest, time);
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
		w->newest = MAX(w->newest, thin_mapping_time(value));
	}
	return all;
}

/* Taken whole where nothing in it moves; otherwise mapping by mapping. */
static int on_leaf(void *user, const struct node *leaf)
{
	struct writer *w = user;
	int r = add_only(w);

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
	_cleanup_(freep) struct thin_def *defs = calloc(w->defs.count + 1, sizeof(*defs));

	if (!defs)
		return bp_fail_memory(w->p->ctx);
	for (size_t i = 0; i < w->defs.count; i++)
		defs[i] = w->defs.items[i].def;
	w->make.time = sb->time;
	w->make.transaction_id = sb->transaction_id;
	w->make.data_block_sectors = w->p->data_block_sectors;
	return thin_make_finish(&w->make, defs, w->defs.count);
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
	for (size_t i = 0; i < w->defs.count; i++)
		thin_def_done(&w->defs.items[i].def);
	vec_done(&w->defs);
	thin_make_done(&w->make);
	return r;
}

void shrink_meta_done(struct shrink_meta *s)
{
	thin_reading_done(&s->in);
}
