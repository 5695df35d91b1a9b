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

/*
 * What all verbs of this file begin with: options, the device, the time limit, flags of the
 * request.
 */
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

/* --- suspended, and taken back --- */

struct undo_suspend {
	struct undo undo;
	struct which which;
};

static int resume_again(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_suspend *u = (const struct undo_suspend *)undo;
	struct dm_request rq = { .op = OP_RESUME, .deadline = deadline };
	struct dm_state state;
	int r = dm_state(ctx, "undo", &u->which, &state);

	if (r < 0 || !(state.flags & ST_SUSPENDED))
		return r == -ENXIO ? 0 : r;
	r = dm_order(ctx, "undo", &u->which, &rq, NULL);
	/* Nothing is worse for who writes to it than that it stays suspended. */
	return r == 0 || r == -ETIMEDOUT ? r : dm_order(ctx, "undo", &u->which, &rq, NULL);
}

/*
 * Undone by a resume. The undo is armed by tx_order() as soon as the kernel may have done
 * it.
 */
int step_suspend(struct bp_ctx *ctx, const char *verb, const struct which *which,
		 uint32_t rq_flags, int64_t deadline, struct undo **ret_undo)
{
	struct dm_request rq = {
		.op = OP_SUSPEND,
		.flags = rq_flags & (RQ_NO_FLUSH | RQ_NO_LOCKFS),
		.deadline = deadline,
	};
	const struct undo undo = { .run = resume_again, .remains = "is still suspended" };
	struct undo_suspend *u;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	u = tx_undo(ctx, dm, sizeof(*u), &undo, which->label);
	if (!u)
		return -ENOMEM;
	u->which = *which;
	r = tx_order(ctx, verb, which, &rq, NULL, &u->undo);
	if (r == 0 && ret_undo)
		*ret_undo = &u->undo;
	return r;
}

/* What the inactive slot had before a load. */
struct undo_load {
	struct undo undo;
	struct which which;
	struct bp_table *inactive; /* NULL: nothing */
	uint32_t flags;            /* it was loaded with */
};

static void undo_load_done(const struct undo *undo)
{
	const struct undo_load *u = (const struct undo_load *)undo;

	bp_table_free(u->inactive);
}

/* A device without an inactive table before has none afterwards. */
static int put_inactive_back(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_load *u = (const struct undo_load *)undo;
	struct dm_request clear = { .op = OP_CLEAR, .deadline = deadline };
	struct dm_state state;
	int r = dm_state(ctx, "undo load", &u->which, &state);

	if (r < 0 || (!u->inactive && !(state.flags & ST_INACTIVE)))
		return r == -ENXIO ? 0 : r;
	return u->inactive ? table_load(ctx, "undo load", &u->which, u->inactive, u->flags,
					deadline)
			   : dm_order(ctx, "undo load", &u->which, &clear, NULL);
}

/* What was loaded before is kept, keys included, to be put back. */
static int load_in(struct bp_ctx *ctx, struct undo_load *u, const struct bp_table *table,
		   const struct change *c)
{
	struct dm_state state;
	int r = dm_state(ctx, "load", &u->which, &state);

	if (r == 0 && state.flags & ST_INACTIVE)
		r = table_read(ctx, "load", &u->which, BP_TABLE_SHOW_KEYS | BP_TABLE_INACTIVE,
			       &u->inactive);
	if (r < 0)
		return r;
	u->flags = (state.flags & ST_READ_ONLY ? RQ_READ_ONLY : 0) | RQ_SECURE | RQ_UNCHECKED;
	u->undo.armed = true;
	r = table_load(ctx, "load", &u->which, table, c->rq_flags & LOAD_FLAGS, c->deadline);
	/* Of a table that it refuses the kernel keeps the slot as it was. */
	if (r < 0 && r != -ETIMEDOUT && r != -EINTR)
		u->undo.armed = false;
	return r;
}

/* A load that outlives its limit may still come to its end: then what was loaded goes again. */
int bp_device_load(struct bp_ctx *ctx, const struct bp_selector *selector,
		   const struct bp_table *table, const struct bp_change_opts *opts)
{
	const struct undo undo = {
		.run = put_inactive_back,
		.done = undo_load_done,
		.remains = "has the new table loaded",
	};
	struct undo_load *u;
	struct level level;
	struct change c;
	struct dm *dm;
	int r = begin(ctx, selector, opts, &c);

	if (r == 0)
		r = dm_get(ctx, &dm);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	u = tx_undo(ctx, dm, sizeof(*u), &undo, c.which.label);
	if (!u)
		return tx_end(ctx, dm, &level, -ENOMEM);
	u->which = c.which;
	r = load_in(ctx, u, table, &c);
	return tx_end(ctx, dm, &level, r);
}

/*
 * For tables that are not read here, only passed on: no check, and no argument in any
 * message.
 */
int bp_device_load_lines(struct bp_ctx *ctx, const struct bp_selector *selector,
			 const struct bp_status_line *lines, size_t count,
			 const struct bp_change_opts *opts)
{
	_cleanup_(freep) struct dm_segment *segments = NULL;
	struct dm_request rq = { .op = OP_LOAD, .nr_segments = count };
	struct change c;
	int r = begin(ctx, selector, opts, &c);

	if (r < 0)
		return r;
	if (!count)
		return bp_fail(ctx, -EINVAL, "load '%s': the table is empty", c.which.label);
	segments = calloc(count, sizeof(*segments));
	if (!segments)
		return bp_fail_memory(ctx);
	for (size_t i = 0; i < count; i++)
		segments[i] = (struct dm_segment){
			.start = lines[i].start_sectors,
			.length = lines[i].length_sectors,
			.target = lines[i].target,
			.args = lines[i].text,
			.shown = "...", /* there may be a key in it */
		};
	rq.segments = segments;
	rq.flags = c.rq_flags & LOAD_FLAGS;
	rq.deadline = c.deadline;
	return dm_order(ctx, "load", &c.which, &rq, NULL);
}

/* Not undone: what was loaded can be loaded again by whoever did so. */
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

/*
 * A transaction, as a signal in between must not leave a device suspended that nobody
 * resumes.
 */
int bp_device_suspend(struct bp_ctx *ctx, const struct bp_selector *selector,
		      const struct bp_change_opts *opts)
{
	struct level level;
	struct change c;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = begin(ctx, selector, opts, &c);
	if (r == 0)
		r = guard_thin(ctx, "suspend", &c.which);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = step_suspend(ctx, "suspend", &c.which, c.rq_flags, c.deadline, NULL);
	return tx_end(ctx, dm, &level, r);
}

/*
 * The node is made when the device gets its first table, with owner and mode, or left to
 * udev.
 */
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
	if (r == 0 && c.opts.flags & BP_CHANGE_NO_NODE)
		node.make = NULL;
	if (r == 0 && c.opts.flags & BP_CHANGE_MODE)
		node = (struct node_change){
			.make = node.make,
			.with_mode = true,
			.uid = c.opts.uid,
			.gid = c.opts.gid,
			.mode = c.opts.mode,
		};
	if (r == 0)
		r = step_resume(ctx, "resume", &c.which, &node, c.rq_flags, c.opts.udev,
				c.deadline, &state);
	if (r == 0)
		r = read_ahead_apply(ctx, dm, &state, c.opts.read_ahead_sectors,
				     c.opts.read_ahead_minimum);
	return r;
}

/* --- reload --- */

/* What must be there again where a reload fails. */
struct undo_reload {
	struct undo undo;
	struct which which;
	uint32_t state;                   /* ST_ flags, as it was */
	struct bp_table *live, *inactive; /* NULL where there was none */
	struct bp_table *wanted;          /* the new one */
	uint32_t flags;                   /* RQ_READ_ONLY of the old tables */
	uint32_t wanted_flags;
	bool resuming; /* the new table may be the live one */
};

static void undo_reload_done(const struct undo *undo)
{
	const struct undo_reload *u = (const struct undo_reload *)undo;

	bp_table_free(u->live);
	bp_table_free(u->wanted);
	bp_table_free(u->inactive);
}

/* Both tables: undoing a reload has to bring back the loaded one too. */
static int remember(struct bp_ctx *ctx, const char *verb, struct undo_reload *u)
{
	int r = 0;

	u->flags = (u->state & ST_READ_ONLY ? RQ_READ_ONLY : 0) | RQ_SECURE |
		   RQ_UNCHECKED; /* what was there goes back, whatever it was */
	if (u->state & ST_LIVE)
		r = table_read(ctx, verb, &u->which, BP_TABLE_SHOW_KEYS, &u->live);
	if (r == 0 && u->state & ST_INACTIVE)
		r = table_read(ctx, verb, &u->which, BP_TABLE_SHOW_KEYS | BP_TABLE_INACTIVE,
			       &u->inactive);
	return r;
}

/* Live again is what was, or that which @u has loaded: whatever lies in the inactive slot. */
static int restore_resumed(struct bp_ctx *ctx, const struct undo_reload *u, int64_t deadline)
{
	struct dm_request resume = { .op = OP_RESUME, .deadline = deadline };
	struct dm_request suspend = {
		.op = OP_SUSPEND,
		.flags = RQ_NO_LOCKFS,
		.deadline = deadline,
	};
	int r = dm_order(ctx, "undo reload", &u->which, &resume, NULL);

	if (r < 0 && r != -ETIMEDOUT)
		r = dm_order(ctx, "undo reload", &u->which, &resume, NULL);
	if (r == 0 && u->state & ST_SUSPENDED)
		r = dm_order(ctx, "undo reload", &u->which, &suspend, NULL);
	return r;
}

/*
 * After a failed resume the kernel has either kept the old table or made the new one live and
 * could not start it: in both cases the old one is loaded and resumed again. Before, the new table
 * has to go from the inactive slot, where a resume would find it.
 */
static int restore_live(struct bp_ctx *ctx, const struct undo_reload *u, int64_t deadline)
{
	struct dm_request clear = { .op = OP_CLEAR, .deadline = deadline };
	bool live = u->resuming && u->live;
	struct dm_state state;
	int r = live ? table_load(ctx, "undo reload", &u->which, u->live, u->flags, deadline)
		     : dm_order(ctx, "undo reload", &u->which, &clear, NULL);

	if (r == 0 && !live)
		r = dm_state(ctx, "undo reload", &u->which, &state);
	if (r < 0 || (!live && (!(state.flags & ST_SUSPENDED) || u->state & ST_SUSPENDED)))
		return r;
	return restore_resumed(ctx, u, deadline);
}

/*
 * A pool that has grown does not take its old table again. Then it keeps the new one: nothing is
 * worse than a device that stays suspended.
 */
static int keep_wanted(struct bp_ctx *ctx, const struct undo_reload *u, int64_t deadline)
{
	struct dm_state state;
	int r = dm_state(ctx, "undo reload", &u->which, &state);

	if (r < 0 || !(state.flags & ST_SUSPENDED) || u->state & ST_SUSPENDED)
		return r;
	r = table_load(ctx, "undo reload", &u->which, u->wanted, u->wanted_flags | RQ_UNCHECKED,
		       deadline);
	return r < 0 ? r : restore_resumed(ctx, u, deadline);
}

/*
 * The live table first; where that fails for more than time, the wanted one is better than
 * none.
 */
static int put_back(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_reload *u = (const struct undo_reload *)undo;
	int r = restore_live(ctx, u, deadline);

	if (r < 0 && r != -ETIMEDOUT) {
		keep_wanted(ctx, u, deadline);
		return r;
	}
	if (r == 0 && u->inactive)
		r = table_load(ctx, "undo reload", &u->which, u->inactive, u->flags, deadline);
	return r;
}

/* In the suspended window is nothing but what must be: two requests. */
static int swap(struct bp_ctx *ctx, const char *verb, struct undo_reload *u, uint32_t rq_flags,
		int64_t deadline)
{
	struct dm_request suspend = {
		.op = OP_SUSPEND,
		.flags = rq_flags & (RQ_NO_FLUSH | RQ_NO_LOCKFS),
		.deadline = deadline,
	};
	struct node_change node = { .make = "" };
	int r = 0;

	if (u->state & ST_LIVE && !(u->state & ST_SUSPENDED))
		r = dm_order(ctx, verb, &u->which, &suspend, NULL);
	if (r < 0)
		return r;
	u->resuming = true;
	return step_resume(ctx, verb, &u->which, &node, rq_flags, BP_UDEV_PUBLIC, deadline,
			   NULL);
}

/* Armed before the load: from then on the inactive slot is not what it was. */
static int reload_in(struct bp_ctx *ctx, const char *verb, struct undo_reload *u,
		     const struct bp_table *table, uint32_t rq_flags, int64_t deadline)
{
	int r = remember(ctx, verb, u);

	u->wanted_flags = rq_flags & (RQ_READ_ONLY | RQ_SECURE);
	if (r == 0)
		r = bp_table_copy(ctx, table, &u->wanted);
	if (r < 0)
		return r;
	u->undo.armed = true;
	r = table_load(ctx, verb, &u->which, table, rq_flags & LOAD_FLAGS, deadline);
	return r < 0 ? r : swap(ctx, verb, u, rq_flags, deadline);
}

/*
 * Load, suspend, resume, with both tables of before kept: whatever fails, the device has
 * one of them and isn't suspended.
 */
int reload(struct bp_ctx *ctx, const char *verb, const struct which *which,
	   const struct dm_state *state, const struct bp_table *table, uint32_t rq_flags,
	   int64_t deadline)
{
	const struct undo undo = {
		.run = put_back,
		.done = undo_reload_done,
		.remains = "could not be given its old table again",
	};
	struct undo_reload *u;
	struct level level;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	tx_begin(dm, &level);
	u = tx_undo(ctx, dm, sizeof(*u), &undo, which->label);
	if (!u)
		return tx_end(ctx, dm, &level, -ENOMEM);
	u->which = *which;
	u->state = state->flags;
	r = reload_in(ctx, verb, u, table, rq_flags, deadline);
	return tx_end(ctx, dm, &level, r);
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
		r = bp_table_is_loaded(ctx, live, table, table_lookup, ctx, &same);
	return r < 0 ? r : same ? -EALREADY : 0;
}

/* With "unless same" a table that is there already costs no suspend. */
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

/* As "error": everything that uses the device gets errors and can end. */
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
