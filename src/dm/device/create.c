/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device with its table, read-ahead and node: all of it or nothing. Until the end each step is on
 * the undo list of the transaction.
 */
#include "core/opts.h"
#include "dm/device/device.h"
#include "dm/device/membership.h"

#include <stdio.h>
#include <string.h>

#define READ_AHEAD     "queue/read_ahead_kb"
#define SECTORS_PER_KB 2
#define SCAN_MS        2000 /* how long udev's programs may look at a new device */
#define PAUSE_MS       10

/*
 * The cookie is made before the request and waited for behind it: udev may be faster than
 * we are.
 */
int step_resume(struct bp_ctx *ctx, const char *verb, const struct which *which,
		const struct node_change *change, uint32_t rq_flags, uint32_t policy,
		int64_t deadline, struct dm_state *ret)
{
	struct dm_request rq = {
		.op = OP_RESUME,
		.flags = rq_flags & (RQ_NO_FLUSH | RQ_NO_LOCKFS),
		.deadline = deadline,
	};
	struct node_change node = *change;
	struct dm_state state;
	struct cookie cookie;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = udev_order(ctx, dm, verb, which, &rq, policy, &cookie, &state, NULL);
	if (r < 0)
		return r;
	node.major = state.major;
	node.minor = state.minor;
	if (node.make)
		node.make = state.name;
	if (ret)
		*ret = state;
	return udev_end(ctx, dm, &cookie, &state, &node, deadline);
}

/* --- read-ahead --- */

/* Sysfs has KiB, the API sectors. "minimum" leaves a larger value alone. */
int read_ahead_apply(struct bp_ctx *ctx, struct dm *dm, const struct dm_state *state,
		     uint32_t sectors, bool minimum)
{
	uint64_t kb = 0, wanted;
	int r = 0;

	if (sectors == BP_READ_AHEAD_AUTO || planning(dm))
		return 0;
	wanted = sectors == BP_READ_AHEAD_NONE ? 0 : DIV_UP(sectors, SECTORS_PER_KB);
	if (minimum)
		r = dm->ops->attr_get(dm->self, state->major, state->minor, READ_AHEAD, &kb);
	if (r == 0 && !(minimum && kb >= wanted))
		r = dm->ops->attr_set(dm->self, state->major, state->minor, READ_AHEAD, wanted);
	if (r < 0)
		return bp_fail(ctx, r, "'%s': can't set the read-ahead: %s", state->name,
			       strerrordesc_np(-r));
	return 0;
}

static int state_of(struct bp_ctx *ctx, const char *verb, const struct bp_selector *selector,
		    struct dm_state *ret)
{
	struct which which;
	int r = which_resolve(ctx, selector, &which);

	return r < 0 ? r : dm_state(ctx, verb, &which, ret);
}

int bp_device_set_read_ahead(struct bp_ctx *ctx, const struct bp_selector *which,
			     uint32_t read_ahead_sectors, bool minimum)
{
	struct dm_state state;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = state_of(ctx, "read-ahead", which, &state);
	return r < 0 ? r : read_ahead_apply(ctx, dm, &state, read_ahead_sectors, minimum);
}

/* In sectors. */
int bp_device_get_read_ahead(struct bp_ctx *ctx, const struct bp_selector *which,
			     uint32_t *ret_sectors)
{
	struct dm_state state;
	struct dm *dm;
	uint64_t kb;
	int r = dm_get(ctx, &dm);

	/* A number needs no asking. */
	if (r == 0 && !which->name && !which->uuid && !which->path && which->major)
		state = (struct dm_state){ .major = which->major, .minor = which->minor };
	else if (r == 0)
		r = state_of(ctx, "read-ahead", which, &state);
	if (r < 0)
		return r;
	r = dm->ops->attr_get(dm->self, state.major, state.minor, READ_AHEAD, &kb);
	if (r < 0 || kb > UINT32_MAX / SECTORS_PER_KB)
		return bp_fail(ctx, r < 0 ? r : -ERANGE, "%u:%u: can't read the read-ahead",
			       state.major, state.minor);
	*ret_sectors = (uint32_t)kb * SECTORS_PER_KB;
	return 0;
}

/* --- create --- */

struct create {
	struct bp_create_opts opts;
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	struct which which;
	struct dm_state state;
	struct node_change node;
	int64_t deadline;
};

/*
 * The kernel ignores a major that isn't its own, and makes another device than was asked
 * for.
 */
static int check_number(struct bp_ctx *ctx, struct dm *dm, struct bp_create_opts *opts)
{
	uint32_t major;

	if (!(opts->flags & BP_CREATE_PERSISTENT))
		return 0;
	if (opts->minor > DEVNO_MINOR_MAX)
		return bp_fail(ctx, -EINVAL, "minor %u: they end at %u", opts->minor,
			       DEVNO_MINOR_MAX);
	if (dm->ops->major(dm->self, &major) < 0)
		return 0; /* the kernel will say */
	if (opts->major && opts->major != major)
		return bp_fail(ctx, -EINVAL,
			       "major %u: mapped devices of this kernel have major %u",
			       opts->major, major);
	opts->major = major;
	return 0;
}

/* Everything that can be refused without the kernel. */
static int begin(struct bp_ctx *ctx, struct dm *dm, const char *name,
		 const struct bp_create_opts *opts, struct create *ret)
{
	int r = opts_read(ctx, &ret->opts, sizeof(ret->opts), opts);

	if (r == 0)
		r = name_new(ctx, name, ret->name);
	if (r == 0)
		r = membership_uuid(ctx, dm, ret->opts.uuid, ret->uuid);
	if (r == 0)
		r = check_number(ctx, dm, &ret->opts);
	if (r < 0)
		return r;
	ret->deadline = dm_deadline(ret->opts.timeout_ms);
	snprintf(ret->which.label, sizeof(ret->which.label), "%s", name);
	ret->node = (struct node_change){
		.with_mode = ret->opts.flags & BP_CREATE_MODE,
		.uid = ret->opts.uid,
		.gid = ret->opts.gid,
		.mode = ret->opts.mode,
	};
	return 0;
}

struct undo_create {
	struct undo undo; /* device: its name in the kernel */
	struct which which;
};

/*
 * Something may have opened the device as it appeared (udev, a desktop): it is tried for
 * SCAN_MS.
 */
static int remove_again(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_create *u = (const struct undo_create *)undo;
	int64_t patience = deadline_in(SCAN_MS);
	bool deferred = false;
	int r;

	for (;;) {
		r = step_remove(ctx, "undo create", &u->which, undo->device, &deferred,
				deadline);
		if (r != -EBUSY || deadline_left(patience) == 0)
			return r == -ENXIO ? 0 : r;
		clock_sleep_ms(PAUSE_MS);
	}
}

/* Which of name and uuid is taken, and by whom. */
static void tell_taken(struct bp_ctx *ctx, const struct create *c)
{
	struct error_state *first = error_save(ctx);
	struct which by_name = { 0 }, by_uuid = { 0 };
	struct dm_state state;
	bool name, uuid;

	strcpy(by_name.name, c->name);
	strcpy(by_uuid.uuid, c->uuid);
	name = dm_state(ctx, "create", &by_name, &state) == 0;
	uuid = !name && c->uuid[0] && dm_state(ctx, "create", &by_uuid, &state) == 0;
	error_restore(ctx, first);
	if (!name && !uuid)
		return;
	error_set_cause(ctx, "the %s is that of '%s' (%u:%u)%s", name ? "name" : "uuid",
			state.name, state.major, state.minor,
			state.flags & (ST_LIVE | ST_INACTIVE) ? "" : ", which has no table");
	if (!(state.flags & (ST_LIVE | ST_INACTIVE)))
		error_set_hint(ctx, "a program that was killed may have left it: remove it");
}

/* The name is taken from here on: two creates of one name, and one gets -EBUSY. */
static int make(struct bp_ctx *ctx, struct dm *dm, struct create *c)
{
	struct dm_request rq = {
		.op = OP_CREATE,
		.name = c->name,
		.uuid = c->uuid[0] ? c->uuid : NULL,
		.deadline = DEADLINE_NEVER,
	};
	const struct undo undo = { .run = remove_again,
				   .remains = "could not be removed again" };
	struct undo_create *u = tx_undo(ctx, dm, sizeof(*u), &undo, c->name);
	int r;

	if (!u)
		return -ENOMEM;
	if (c->opts.flags & BP_CREATE_PERSISTENT) {
		rq.flags |= RQ_PERSISTENT;
		rq.major = c->opts.major;
		rq.minor = c->opts.minor;
	}
	r = tx_order(ctx, "create", &c->which, &rq, &c->state, &u->undo);
	if (r == -EBUSY)
		tell_taken(ctx, c);
	if (r < 0)
		return r;
	which_settle(&c->which, &c->state);
	u->which = c->which;
	return 0;
}

/* Table, resume, node, read-ahead: what can fail once the device is there. */
static int fill_in(struct bp_ctx *ctx, struct dm *dm, struct create *c,
		   const struct bp_table *table)
{
	uint32_t flags = RQ_FRESH;
	int r = 0;

	if (c->opts.flags & BP_CREATE_READ_ONLY)
		flags |= RQ_READ_ONLY;
	if (c->opts.flags & BP_CREATE_SECURE)
		flags |= RQ_SECURE;
	if (c->opts.flags & BP_CREATE_UNCHECKED)
		flags |= RQ_UNCHECKED;
	if (table)
		r = table_load(ctx, "create", &c->which, table, flags, c->deadline);
	if (r < 0)
		return r;
	if (table && !(c->opts.flags & BP_CREATE_SUSPENDED)) {
		c->node.make = c->name;
		r = step_resume(ctx, "create", &c->which, &c->node, 0, c->opts.udev,
				c->deadline, &c->state);
		return r < 0 ? r
			     : read_ahead_apply(ctx, dm, &c->state, c->opts.read_ahead_sectors,
						c->opts.read_ahead_minimum);
	}
	if (c->opts.flags & BP_CREATE_NODE_EARLY) {
		c->node.make = c->name;
		c->node.major = c->state.major;
		c->node.minor = c->state.minor;
		r = node_make(ctx, dm, &c->node);
	}
	if (r == 0 && !planning(dm))
		r = dm_state(ctx, "create", &c->which, &c->state);
	return r;
}

/* Create, load, resume; any step that fails takes back those before it. */
int bp_device_create(struct bp_ctx *ctx, const char *name, const struct bp_table *table,
		     const struct bp_create_opts *opts, struct bp_device_info *ret)
{
	struct create c = { 0 };
	struct level level;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = begin(ctx, dm, name, opts, &c);
	if (r < 0)
		return r;
	tx_begin(dm, &level);
	r = make(ctx, dm, &c);
	if (r == 0)
		r = fill_in(ctx, dm, &c, table);
	r = tx_end(ctx, dm, &level, r);
	if (r == 0 && ret)
		dm_info_from_state(dm, &c.state, ret);
	return r;
}
