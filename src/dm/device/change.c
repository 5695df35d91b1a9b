/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of devices that exist: load, clear, suspend, resume, reload, wipe. */
#include "core/number.h"
#include "core/opts.h"
#include "dm/device/device.h"

#include <stdio.h>
#include <string.h>

#define LOAD_FLAGS (RQ_READ_ONLY | RQ_SECURE | RQ_UNCHECKED)

/* What each of these calls begins with. */
struct change {
	struct bp_change_opts opts;
	struct which which;
	uint32_t rq_flags;
	int64_t deadline;
};

static const struct {
	uint32_t change, request;
} flag_map[] = {
	{ BP_CHANGE_NO_LOCKFS, RQ_NO_LOCKFS }, { BP_CHANGE_NO_FLUSH, RQ_NO_FLUSH },
	{ BP_CHANGE_READ_ONLY, RQ_READ_ONLY }, { BP_CHANGE_SECURE, RQ_SECURE },
	{ BP_CHANGE_UNCHECKED, RQ_UNCHECKED },
};

static int begin(struct bp_ctx *ctx, const struct bp_selector *selector,
		 const struct bp_change_opts *opts, struct change *ret)
{
	int r = opts_read(ctx, &ret->opts, sizeof(ret->opts), opts);

	if (r == 0)
		r = which_resolve(ctx, selector, &ret->which);
	if (r < 0)
		return r;
	ret->deadline = dm_deadline(ret->opts.timeout_ms);
	ret->rq_flags = 0;
	for (size_t i = 0; i < ARRAY_SIZE(flag_map); i++)
		if (ret->opts.flags & flag_map[i].change)
			ret->rq_flags |= flag_map[i].request;
	return 0;
}

int step_suspend(struct bp_ctx *ctx, const char *verb, const struct which *which,
		 uint32_t rq_flags, int64_t deadline)
{
	struct dm_request rq = {
		.op = OP_SUSPEND,
		.flags = rq_flags & (RQ_NO_FLUSH | RQ_NO_LOCKFS),
		.deadline = deadline,
	};

	return dm_order(ctx, verb, which, &rq, NULL);
}

int step_clear(struct bp_ctx *ctx, const char *verb, const struct which *which)
{
	struct dm_request rq = { .op = OP_CLEAR, .deadline = deadline_in(UNDO_MS) };

	return dm_order(ctx, verb, which, &rq, NULL);
}

int bp_device_load(struct bp_ctx *ctx, const struct bp_selector *selector,
		   const struct bp_table *table, const struct bp_change_opts *opts)
{
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r < 0)
		return r;
	return table_load(ctx, "load", &c.which, table, c.rq_flags & LOAD_FLAGS, c.deadline);
}

int bp_device_clear(struct bp_ctx *ctx, const struct bp_selector *selector,
		    const struct bp_change_opts *opts)
{
	struct dm_request rq = { .op = OP_CLEAR };
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r < 0)
		return r;
	rq.deadline = c.deadline;
	return dm_order(ctx, "clear", &c.which, &rq, NULL);
}

/* --- suspend and resume --- */

/*
 * A thin volume waits in the kernel, where nothing reaches it, while its pool is suspended:
 * both to be suspended and to be resumed. So that is asked before.
 */
static int guard_thin(struct bp_ctx *ctx, const char *verb, const struct which *which)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_TABLE, .deadline = DEADLINE_NEVER };
	struct which pool = { 0 };
	struct dm_state state;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0 || planning(dm))
		return r;
	r = dm_ask(ctx, verb, which, &rq, &reply);
	if (r < 0 || reply.segments.count != 1 ||
	    !streq(reply.segments.items[0].target, "thin") ||
	    sscanf(reply.segments.items[0].args, "%u:%u", &pool.major, &pool.minor) != 2)
		return r;
	snprintf(pool.label, sizeof(pool.label), "%u:%u", pool.major, pool.minor);
	r = dm_state(ctx, verb, &pool, &state);
	if (r < 0 || !(state.flags & ST_SUSPENDED))
		return r;
	bp_fail(ctx, -EBUSY, "%s '%s': its pool '%s' is suspended", verb, which->label,
		state.name);
	error_set_code(ctx, BP_E_POOL_STATE);
	error_set_verb(ctx, verb);
	error_set_device(ctx, which->label);
	error_set_hint(ctx, "resume the pool first");
	return -EBUSY;
}

int bp_device_suspend(struct bp_ctx *ctx, const struct bp_selector *selector,
		      const struct bp_change_opts *opts)
{
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r == 0)
		r = guard_thin(ctx, "suspend", &c.which);
	if (r == 0)
		r = step_suspend(ctx, "suspend", &c.which, c.rq_flags, c.deadline);
	return r;
}

int bp_device_resume(struct bp_ctx *ctx, const struct bp_selector *selector,
		     const struct bp_change_opts *opts)
{
	struct node_change node = { .make = "" };
	struct dm_state state;
	struct change c;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = begin(ctx, selector, opts, &c);
	if (r == 0)
		r = guard_thin(ctx, "resume", &c.which);
	if (r == 0)
		r = step_resume(ctx, "resume", &c.which, &node, c.opts.udev, c.deadline,
				&state);
	if (r == 0)
		r = read_ahead_apply(ctx, dm, &state, c.opts.read_ahead_sectors,
				     c.opts.read_ahead_minimum);
	return r;
}

/* --- reload --- */

/* What must be there again where a reload fails. */
struct before {
	const struct dm_state *state;
	struct bp_table *live, *inactive; /* NULL where there was none */
	uint32_t flags;                   /* RQ_READ_ONLY of the old tables */
};

static void before_done(struct before *before)
{
	bp_table_free(before->live);
	bp_table_free(before->inactive);
}

static int remember(struct bp_ctx *ctx, const char *verb, const struct which *which,
		    const struct dm_state *state, struct before *ret)
{
	int r = 0;

	ret->state = state;
	ret->flags = (state->flags & ST_READ_ONLY ? RQ_READ_ONLY : 0) | RQ_SECURE |
		     RQ_UNCHECKED; /* what was there goes back, whatever it was */
	if (state->flags & ST_LIVE)
		r = table_read(ctx, verb, which, BP_TABLE_SHOW_KEYS, &ret->live);
	if (r == 0 && state->flags & ST_INACTIVE)
		r = table_read(ctx, verb, which, BP_TABLE_SHOW_KEYS | BP_TABLE_INACTIVE,
			       &ret->inactive);
	return r;
}

/* The inactive slot as it was. */
static int restore_inactive(struct bp_ctx *ctx, const struct which *which,
			    const struct before *before)
{
	if (before->inactive)
		return table_load(ctx, "undo reload", which, before->inactive, before->flags,
				  deadline_in(UNDO_MS));
	return step_clear(ctx, "undo reload", which);
}

/*
 * After a failed resume the kernel has either kept the old table or made the new one live and
 * could not start it: in both cases the old one is loaded and resumed again.
 */
static int restore_live(struct bp_ctx *ctx, const struct which *which,
			const struct before *before)
{
	struct dm_request rq = { .op = OP_RESUME, .deadline = deadline_in(UNDO_MS) };
	int r = 0;

	if (before->live)
		r = table_load(ctx, "undo reload", which, before->live, before->flags,
			       rq.deadline);
	if (r == 0)
		r = dm_order(ctx, "undo reload", which, &rq, NULL);
	if (r == 0 && before->state->flags & ST_SUSPENDED)
		r = step_suspend(ctx, "undo reload", which, RQ_NO_LOCKFS, rq.deadline);
	if (r == 0 && before->inactive)
		r = restore_inactive(ctx, which, before);
	return r;
}

static void undo(struct bp_ctx *ctx, const struct which *which, const struct before *before,
		 bool resume_failed)
{
	struct error_state *first = error_save(ctx);
	int r = resume_failed && before->live ? restore_live(ctx, which, before)
					      : restore_inactive(ctx, which, before);

	error_restore(ctx, first);
	if (r < 0)
		bp_warn(ctx, "'%s': the old table could not be put back: %s", which->label,
			strerrordesc_np(-r));
}

int reload(struct bp_ctx *ctx, const char *verb, const struct which *which,
	   const struct dm_state *state, const struct bp_table *table, uint32_t rq_flags,
	   int64_t deadline)
{
	_cleanup_(before_done) struct before before = { 0 };
	struct node_change node = { .make = "" };
	int r = remember(ctx, verb, which, state, &before);

	if (r == 0)
		r = table_load(ctx, verb, which, table, rq_flags & LOAD_FLAGS, deadline);
	if (r < 0)
		return r;
	if (state->flags & ST_LIVE && !(state->flags & ST_SUSPENDED))
		r = step_suspend(ctx, verb, which, rq_flags, deadline);
	if (r < 0) {
		undo(ctx, which, &before, false);
		return r;
	}
	r = step_resume(ctx, verb, which, &node, BP_UDEV_PUBLIC, deadline, NULL);
	if (r < 0)
		undo(ctx, which, &before, true);
	return r;
}

/* -EALREADY where the live table means the same as @table. */
static int unless_same(struct bp_ctx *ctx, const struct which *which,
		       const struct dm_state *state, const struct bp_table *table,
		       uint32_t rq_flags)
{
	_cleanup_(table_freep) struct bp_table *live = NULL;
	bool same = false, read_only = state->flags & ST_READ_ONLY;
	int r;

	if (!(state->flags & ST_LIVE) || state->flags & (ST_SUSPENDED | ST_INACTIVE) ||
	    read_only != !!(rq_flags & RQ_READ_ONLY))
		return 0;
	r = table_read(ctx, "reload", which, BP_TABLE_SHOW_KEYS, &live);
	if (r == 0)
		r = bp_table_equal(ctx, live, table, table_lookup, ctx, &same);
	return r < 0 ? r : same ? -EALREADY : 0;
}

int bp_device_reload(struct bp_ctx *ctx, const struct bp_selector *selector,
		     const struct bp_table *table, const struct bp_change_opts *opts)
{
	struct dm_state state;
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r == 0)
		r = dm_state(ctx, "reload", &c.which, &state);
	if (r == 0)
		r = guard_thin(ctx, "reload", &c.which);
	if (r < 0)
		return r;
	if (c.opts.flags & BP_CHANGE_UNLESS_SAME) {
		r = unless_same(ctx, &c.which, &state, table, c.rq_flags);
		if (r < 0)
			return r == -EALREADY ? 0 : r;
	}
	return reload(ctx, "reload", &c.which, &state, table, c.rq_flags, c.deadline);
}

int bp_device_wipe_table(struct bp_ctx *ctx, const struct bp_selector *selector,
			 const struct bp_change_opts *opts)
{
	_cleanup_(table_freep) struct bp_table *live = NULL, *error = NULL;
	struct dm_state state;
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r == 0)
		r = dm_state(ctx, "wipe-table", &c.which, &state);
	if (r == 0)
		r = table_read(ctx, "wipe-table", &c.which, 0, &live);
	if (r < 0)
		return r;
	if (bp_table_count(live) == 0) {
		bp_fail(ctx, -EINVAL, "wipe-table '%s': it has no live table", c.which.label);
		return -EINVAL;
	}
	r = bp_table_new(ctx, &error);
	if (r == 0)
		r = bp_table_add_raw(ctx, error, 0, bp_table_length(live), "error", "");
	if (r == 0)
		r = reload(ctx, "wipe-table", &c.which, &state, error, c.rq_flags, c.deadline);
	return r;
}
