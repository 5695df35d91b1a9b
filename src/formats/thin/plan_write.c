/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a plan has as new metadata: leaf by leaf, what devices share once; or a copy, where
 * that is the same.
 */
#include "formats/thin/make.h"
#include "formats/thin/plan.h"
#include "io/held.h"
#include "io/output.h"

#include <inttypes.h>

struct writer {
	struct bp_thin_plan *plan;
	struct thin_make make;
	VEC(bp_mblock) names; /* of make.defs; they come in this order, by name */
	const struct thin_device *device;
	uint64_t done; /* leaves */
};

static int on_def(void *user, bp_mblock name)
{
	struct writer *w = user;

	return vec_add(&w->names, &name) < 0 ? bp_fail_memory(w->plan->ctx) : 0;
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
	return 0;
}

/* All mappings of a device were given. */
static int end_device(struct writer *w, const struct bp_thin_device *from)
{
	struct thin_made_device device = {
		.id = from->id,
		.details = {
			/* A device can't be newer than its pool; LVM may want an older one. */
			.transaction_id = le64_make(
				MIN(from->transaction_id, w->plan->sum.superblock.transaction_id)),
			.creation_time = le32_make(from->creation_time),
			.snapshotted_time = le32_make(from->snapshotted_time),
		},
	};
	uint64_t mapped;
	int r = thin_map_end_device(&w->make.map, &device.root, &mapped);

	if (r < 0)
		return r;
	device.details.mapped_blocks = le64_make(mapped);
	return thin_make_add(&w->make, &device);
}

static int on_device_end(void *user)
{
	struct writer *w = user;

	return end_device(w, &w->device->details);
}

static int graft_run(void *user, uint64_t begin, uint64_t data, uint64_t length, uint32_t time)
{
	struct writer *w = user;

	return thin_map_run(&w->make.map, begin, data, length, time);
}

static int write_graft(struct writer *w, const struct plan_graft *graft)
{
	int r = graft->runs(graft->user, graft_run, w);

	return r < 0 ? r : end_device(w, &graft->device);
}

static int on_ref(void *user, bp_mblock name)
{
	struct writer *w = user;
	size_t low = vec_bisect(&w->names, item, *item < name);

	return thin_map_def(&w->make.map, &w->make.defs.items[low].def);
}

static int on_run(void *user, uint64_t key, uint64_t value, uint64_t length)
{
	struct writer *w = user;

	return thin_map_run(&w->make.map, key, thin_mapping_block(value), length,
			    thin_mapping_time(value));
}

static int on_leaf(void *user, const struct node *leaf)
{
	struct writer *w = user;

	return thin_map_leaf(&w->make.map, leaf);
}

static const struct thin_sink sink = {
	.def = on_def,
	.def_end = on_def_end,
	.device = on_device,
	.device_end = on_device_end,
	.ref = on_ref,
	.leaf = on_leaf,
	.run = on_run,
};

static int report_progress(void *user, bp_mblock done, bp_mblock total)
{
	const struct bp_thin_plan *plan = user;

	return plan->opts.progress(plan->opts.user, "output", done, total);
}

/*
 * Sharing has to be known before the first leaf: what devices share is written once, as a
 * def.
 */
static int write_all(struct writer *w)
{
	struct bp_thin_plan *plan = w->plan;
	const struct bp_thin_superblock *sb = &plan->sum.superblock;
	int r = thin_make_begin(&w->make, sb->nr_data_blocks);

	if (plan->opts.progress) {
		plan->emit.progress = report_progress;
		plan->emit.progress_user = plan;
	}
	if (r == 0 && !plan->emit.sharing)
		r = thin_emit_share(&plan->emit);
	if (r == 0)
		r = thin_emit_all(&plan->emit, &sink, w);
	if (r == 0 && plan->graft)
		r = write_graft(w, plan->graft);
	if (r < 0)
		return r;
	w->make.time = sb->time;
	w->make.transaction_id = sb->transaction_id;
	w->make.data_block_sectors = sb->data_block_sectors;
	return thin_make_finish(&w->make);
}

/*
 * Whoever repairs expects sound metadata: what was written is checked, and times are raised that
 * sharing asks for, which the input may have had too low, or whose device was pieced together.
 */
static int verify(struct bp_thin_plan *plan, struct io *io)
{
	const struct bp_thin_check_opts opts = { .size = sizeof(opts),
						 .workers = plan->opts.workers };
	struct bp_thin_check_result res = { .size = sizeof(res) };
	int r = thin_check_io(plan->ctx, io, CHECK_AUTO_REPAIR, &opts, &res);

	if (r < 0 || (res.nr_fatal == 0 && res.nr_nonfatal == 0))
		return r;
	return bp_fail(plan->ctx, -EUCLEAN,
		       "what was written does not check clean: it gets no superblock");
}

/* The superblock stays zeroed until all that it leads to was checked. */
static int release(struct bp_thin_plan *plan, struct io *held)
{
	int r = io_held_release(held);

	return r < 0 ? bp_fail(plan->ctx, r, "cannot write the superblock: %s",
			       strerrordesc_np(-r))
		     : 0;
}

/* What can't be copied, or was not whole in all, is made anew: *ret_done false. */
static int try_copy(struct bp_thin_plan *plan, struct io *io, bool *ret_done)
{
	struct error_state *before = error_save(plan->ctx);
	int r = plan_copy(plan, io);

	if (r == 0)
		r = verify(plan, io);
	*ret_done = r == 0;
	if (r < 0 && r != -EUCLEAN) {
		error_state_free(before);
		return r;
	}
	error_restore(plan->ctx, before);
	return 0;
}

static int make_anew(struct bp_thin_plan *plan, struct io *io)
{
	_cleanup_(freep) struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return bp_fail_memory(plan->ctx);
	w->plan = plan;
	r = thin_make_init(&w->make, plan->ctx, io);
	if (r == 0)
		r = write_all(w);
	vec_done(&w->names);
	thin_make_done(&w->make);
	return r < 0 ? r : verify(plan, io);
}

/* Nothing is released before it was checked: a repair must not make the next damage. */
static int write_held(struct bp_thin_plan *plan, struct io *io)
{
	bool done = false;
	int r = plan_can_copy(plan, io) ? try_copy(plan, io, &done) : 0;

	if (r == 0 && !done)
		r = make_anew(plan, io);
	return r < 0 ? r : release(plan, io);
}

/* @io gets a superblock only with the very last write. */
int thin_plan_write_io(struct bp_thin_plan *plan, struct io *io)
{
	struct io *held;
	int r = io_held_new(io, &held);

	if (r < 0)
		return bp_fail_memory(plan->ctx);
	r = write_held(plan, held);
	io_close(held);
	return r;
}

/* Never over the metadata that the plan was made of. */
int bp_thin_plan_write(struct bp_thin_plan *plan, const char *path)
{
	struct io *io;
	int r = plan->path ? output_refuse_input(plan->ctx, -1, plan->path, path) : 0;

	if (r == 0)
		r = io_open(plan->ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	r = thin_plan_write_io(plan, io);
	io_close(io);
	if (r < 0)
		error_set_device(plan->ctx, path);
	return r;
}
