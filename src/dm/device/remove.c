/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One device away: tried again while it is in use, put off to its last user, or forced by a table
 * that fails all I/O. A device that stays has the table it had.
 */
#include "core/opts.h"
#include "dm/device/device.h"

#include <stdio.h>
#include <string.h>

/* Pauses between attempts: they double from the first to the last. */
#define FIRST_PAUSE_MS 10
#define LAST_PAUSE_MS  250

/* A removal that ends when nobody waits any more: its node goes then. */
struct undo_remove {
	struct undo undo; /* device: its name in the kernel */
	struct which which;
};

/* Runs where the removal was done, but its end was not heard of. */
static int drop_node(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_remove *u = (const struct undo_remove *)undo;
	struct node_change node = {
		.remove = undo->device,
		.major = u->which.major,
		.minor = u->which.minor,
	};
	struct cookie none = { .semid = -1 };
	struct dm_state state = { 0 };
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0 && dm_state(ctx, "undo", &u->which, &state) == -ENXIO)
		r = udev_end(ctx, dm, &none, &state, &node, deadline);
	return r;
}

/*
 * Does something below go with this device, because its removal was put off? Its node is ours to
 * remove then, where no udev does.
 */
static bool takes_along(struct bp_ctx *ctx, struct dm *dm, const struct which *which)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };
	struct error_state *saved;
	bool along = false;

	if (planning(dm) || udev_runs(dm))
		return false;
	saved = error_save(ctx);
	if (dm_ask(ctx, "remove", which, &rq, &reply) == 0)
		for (size_t i = 0; !along && i < reply.deps.count; i++) {
			struct which below = { .major = reply.deps.items[i].major,
					       .minor = reply.deps.items[i].minor };
			struct dm_state state;

			along = reply.deps.items[i].major == which->major &&
				dm_state(ctx, "remove", &below, &state) == 0 &&
				state.flags & ST_DEFERRED;
		}
	error_restore(ctx, saved);
	return along;
}

/* With a deferred removal nothing is gone yet, and the node stays. */
int step_remove(struct bp_ctx *ctx, const char *verb, const struct which *which,
		const char *kernel_name, bool *deferred, int64_t deadline)
{
	struct dm_request rq = {
		.op = OP_REMOVE,
		.flags = *deferred ? RQ_DEFERRED : 0,
		.deadline = deadline,
	};
	struct node_change node = { .remove = kernel_name };
	const struct undo undo = { .run = drop_node, .remains = "may keep its node" };
	struct undo_remove *u;
	struct dm_state state;
	struct cookie cookie;
	bool along;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	u = tx_undo(ctx, dm, sizeof(*u), &undo, kernel_name);
	if (!u)
		return -ENOMEM;
	u->which = *which;
	along = takes_along(ctx, dm, which);
	r = udev_order(ctx, dm, verb, which, &rq, BP_UDEV_PUBLIC, &cookie, &state, &u->undo);
	if (r < 0)
		return r;
	u->undo.armed = false;
	/* A device whose removal is put off lives on, and so does its node. */
	*deferred = state.flags & ST_DEFERRED;
	if (*deferred)
		node.remove = NULL;
	node.major = which->major;
	node.minor = which->minor;
	r = udev_end(ctx, dm, &cookie, &state, &node, deadline);
	return r == 0 && along && !*deferred ? nodes_drop_stale(ctx, dm) : r;
}

struct removal {
	struct bp_remove_opts opts;
	struct which which;
	struct dm_state state;
	struct dm *dm;
	int64_t deadline;
};

static int begin(struct bp_ctx *ctx, const struct bp_selector *selector,
		 const struct bp_remove_opts *opts, struct removal *ret)
{
	int r = dm_get(ctx, &ret->dm);

	if (r == 0)
		r = opts_read(ctx, &ret->opts, sizeof(ret->opts), opts);
	if (r == 0)
		r = which_resolve(ctx, selector, &ret->which);
	if (r == 0)
		r = dm_state(ctx, "remove", &ret->which, &ret->state);
	if (r < 0)
		return r;
	which_settle(&ret->which, &ret->state);
	/* People know it by its name. */
	if (!selector->name && selector->uuid)
		name_decode(ret->state.name, ret->which.label, sizeof(ret->which.label));
	ret->deadline = dm_deadline(ret->opts.timeout_ms);
	return 0;
}

/* --- force --- */

static int32_t count_own(const struct dm_reply *reply, const struct dm_state *state)
{
	int32_t count = 0;

	for (size_t i = 0; i < reply->deps.count; i++)
		count += reply->deps.items[i].major == state->major &&
			 reply->deps.items[i].minor == state->minor;
	return count;
}

/* How often the device's own table holds it open: once for each segment's use of itself. */
static int32_t own_holds(struct bp_ctx *ctx, const struct removal *rm)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_DEPS, .deadline = DEADLINE_NEVER };

	if (dm_ask(ctx, "remove", &rm->which, &rq, &reply) < 0)
		return 0;
	return count_own(&reply, &rm->state);
}

/* Would its users let go when all their I/O fails? Only processes can, and they need time. */
static bool force_can_help(const struct removal *rm)
{
	_cleanup_(freep) struct bp_holder *holders = NULL;
	size_t count = 0;

	if (!(rm->opts.flags & (BP_REMOVE_RETRY | BP_REMOVE_DEFERRED)))
		return false;
	if (rm->dm->ops->holders(rm->dm->self, rm->state.major, rm->state.minor, &holders,
				 &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (holders[i].kind != BP_HOLDER_PROCESS)
			return false;
	return true;
}

/*
 * Replaces the table by errors, so that users end. Where its own reference holds the device
 * (a mount, a swap) that changes nothing: refused.
 */
static int force(struct bp_ctx *ctx, struct removal *rm)
{
	struct bp_selector self = { .major = rm->state.major, .minor = rm->state.minor };
	struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = BP_CHANGE_NO_FLUSH | BP_CHANGE_NO_LOCKFS,
		.timeout_ms = deadline_left(rm->deadline),
	};

	if (rm->state.open_count <= 0 || !(rm->state.flags & ST_LIVE) || planning(rm->dm))
		return 0;
	if (rm->state.open_count > own_holds(ctx, rm) && !force_can_help(rm)) {
		bp_fail(ctx, -EBUSY,
			"remove '%s': it is in use, and force would not change that",
			rm->which.label);
		error_set_verb(ctx, "remove");
		error_set_device(ctx, rm->which.label);
		holders_explain(ctx, rm->dm, rm->state.major, rm->state.minor);
		error_set_hint(ctx, "end what uses it; or let the kernel remove it when that "
				    "has ended (deferred)");
		return -EBUSY;
	}
	return bp_device_wipe_table(ctx, &self, &opts);
}

/* --- removing --- */

/* udev and desktops hold devices for moments: retried with pauses that grow. */
static int attempt(struct bp_ctx *ctx, struct removal *rm, bool *deferred)
{
	int64_t pause = FIRST_PAUSE_MS;
	int r;

	for (;;) {
		*deferred = rm->opts.flags & BP_REMOVE_DEFERRED;
		r = step_remove(ctx, "remove", &rm->which, rm->state.name, deferred,
				rm->deadline);
		if (r != -EBUSY || !(rm->opts.flags & BP_REMOVE_RETRY) || planning(rm->dm) ||
		    deadline_left(rm->deadline) == 0)
			return r;
		clock_sleep_ms(deadline_left(rm->deadline) < 0
				       ? pause
				       : MIN(pause, (int64_t)deadline_left(rm->deadline)));
		pause = MIN(pause * 2, (int64_t)LAST_PAUSE_MS);
		if (tx_interrupted(rm->dm) < 0)
			return bp_fail(ctx, -EINTR, "remove '%s': interrupted by a signal",
				       rm->which.label);
	}
}

/* What force has done to the table is taken back where the device stays all the same. */
int bp_device_remove(struct bp_ctx *ctx, const struct bp_selector *selector,
		     const struct bp_remove_opts *opts, enum bp_removed *ret)
{
	struct removal rm;
	struct level level;
	bool deferred = false;
	int r = begin(ctx, selector, opts, &rm);

	if (r < 0)
		return r;
	tx_begin(rm.dm, &level);
	if (rm.opts.flags & BP_REMOVE_FORCE)
		r = force(ctx, &rm);
	if (r == 0) {
		r = attempt(ctx, &rm, &deferred);
		if (r == -EBUSY)
			holders_explain(ctx, rm.dm, rm.state.major, rm.state.minor);
	}
	r = tx_end(ctx, rm.dm, &level, r);
	if (r == 0 && ret)
		*ret = deferred ? BP_REMOVED_DEFERRED : BP_REMOVED;
	return r;
}
