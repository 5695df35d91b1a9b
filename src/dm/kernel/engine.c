/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/kernel/engine.h"

#include <stdio.h>
#include <string.h>

#include "dm/kernel/ops_system.h"

/* The context owns it: ctx_room_set() calls this at its end. */
static void dm_free(void *p)
{
	struct dm *dm = p;

	plan_free(dm->plan);
	vec_done(&dm->tx.undos);
	closep(&dm->member_fd);
	dm->ops->free(dm->self);
	free(dm);
}

/* The seam: tests put a kernel in memory here. Takes @take_self in any case. */
int dm_plug(struct bp_ctx *ctx, const struct dm_ops *ops, void *take_self)
{
	struct dm *dm = calloc(1, sizeof(*dm));
	char dir[sizeof(dm->mapper_dir) - 8];

	if (!dm) {
		ops->free(take_self);
		return bp_fail_memory(ctx);
	}
	dm->ops = ops;
	dm->self = take_self;
	dm->member_fd = -1;
	snprintf(dm->mapper_dir, sizeof(dm->mapper_dir), "%s/mapper",
		 system_dev_dir(dir, sizeof(dir)));
	ctx_room_set(ctx, CTX_ROOM_DM, dm, dm_free);
	return 0;
}

/* Opens nothing: contexts that only read metadata never touch device-mapper. */
int dm_get(struct bp_ctx *ctx, struct dm **ret)
{
	void *self;
	int r;

	*ret = ctx_room_get(ctx, CTX_ROOM_DM);
	if (*ret)
		return 0;
	if (dm_ops_ioctl_new(&self) < 0)
		return bp_fail_memory(ctx);
	r = dm_plug(ctx, &dm_ops_ioctl, self);
	*ret = ctx_room_get(ctx, CTX_ROOM_DM);
	return r;
}

/* Two cases that people meet: no rights, no module. */
static int fail_open(struct bp_ctx *ctx, int r)
{
	if (r == -EACCES || r == -EPERM) {
		bp_fail(ctx, r, "not allowed to use device-mapper");
		error_set_hint(ctx, "run as root");
		return r;
	}
	bp_fail(ctx, -ENODEV,
		"no device-mapper in this kernel: the control node can't be opened");
	error_set_code(ctx, BP_E_NO_DM);
	error_set_cause(ctx, "%s", strerrordesc_np(-r));
	error_set_hint(ctx, "load the module: modprobe dm-mod");
	return -ENODEV;
}

/* A plan goes on without device-mapper, as if there were no devices. */
static int dm_get_open(struct bp_ctx *ctx, struct dm **ret)
{
	int r = dm_get(ctx, ret);

	if (r < 0 || (*ret)->opened)
		return r;
	r = (*ret)->ops->open((*ret)->self);
	if (r < 0 && (*ret)->plan)
		plan_alone(ctx, *ret, r);
	else if (r < 0)
		return fail_open(ctx, r);
	(*ret)->opened = true;
	return 0;
}

/* --- which device --- */

static int fail_bdev(struct bp_ctx *ctx, const char *path, int r)
{
	bp_fail(ctx, r, "'%s': %s", path, strerrordesc_np(-r));
	error_set_code(ctx, BP_E_NO_DEVICE);
	error_set_device(ctx, path);
	return r;
}

static int resolve_path(struct bp_ctx *ctx, struct dm *dm, const char *path, struct which *ret)
{
	size_t dir = strlen(dm->mapper_dir);
	struct bp_bdev bdev;
	int r = dm->ops->bdev(dm->self, path, &bdev);

	if (r == 0) {
		ret->major = bdev.major;
		ret->minor = bdev.minor;
		return 0;
	}
	/* In the mapper directory the file name is the device's, whether the node is there or
	 * not. */
	if (strncmp(path, dm->mapper_dir, dir) == 0 && path[dir] == '/' &&
	    !strchr(path + dir + 1, '/'))
		return bp_name_mangle(ctx, path + dir + 1, ret->name);
	return fail_bdev(ctx, path, r);
}

/* Major 0 stands for device-mapper's own, which differs from system to system. */
static int resolve_number(struct bp_ctx *ctx, struct dm *dm, struct which *ret)
{
	if (ret->major > DEVNO_MAJOR_MAX || ret->minor > DEVNO_MINOR_MAX) {
		bp_fail(ctx, -EINVAL, "no device has the number %u:%u: they end at %u:%u",
			ret->major, ret->minor, DEVNO_MAJOR_MAX, DEVNO_MINOR_MAX);
		error_set_code(ctx, BP_E_USAGE);
		return -EINVAL;
	}
	if (ret->major)
		return 0;
	if (dm->ops->major(dm->self, &ret->major) < 0)
		return fail_open(ctx, -ENODEV);
	return 0;
}

static int resolve_name(struct bp_ctx *ctx, const char *name, struct which *ret)
{
	int r;

	/* A name that can't be mangled can still be there, made by a program that didn't care.
	 */
	if (strlen(name) < sizeof(ret->raw))
		strcpy(ret->raw, name);
	r = bp_name_mangle(ctx, name, ret->name);
	if (r < 0 && ret->raw[0] && !strchr(name, '/')) {
		strcpy(ret->name, ret->raw);
		r = 0;
	}
	if (streq(ret->raw, ret->name))
		ret->raw[0] = '\0';
	return r;
}

static void set_label(struct which *which, const char *label)
{
	size_t len = MIN(strlen(label), sizeof(which->label) - 1);

	memcpy(which->label, label, len);
	which->label[len] = '\0';
}

/* Nobody named is not the first of all: minor 0 counts with its major only. */
static int refuse_nobody(struct bp_ctx *ctx, const struct bp_selector *selector)
{
	bool unnamed = !selector->name && !selector->uuid && !selector->path;

	if ((unnamed && (selector->major || selector->minor)) ||
	    (!unnamed && (selector->name || !selector->uuid || selector->uuid[0])))
		return 0;
	bp_fail(ctx, -EINVAL, "no device is named");
	error_set_code(ctx, BP_E_USAGE);
	return -EINVAL;
}

/*
 * A selector becomes what a request carries. Nothing is asked but for paths: whether it is
 * there the request will tell.
 */
int which_resolve(struct bp_ctx *ctx, const struct bp_selector *selector, struct which *ret)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = refuse_nobody(ctx, selector);
	if (r < 0)
		return r;
	*ret = (struct which){ .major = selector->major, .minor = selector->minor };
	if (selector->name) {
		set_label(ret, selector->name);
		return resolve_name(ctx, selector->name, ret);
	}
	if (selector->uuid) {
		snprintf(ret->label, sizeof(ret->label), "uuid %s", selector->uuid);
		return uuid_mangle(ctx, selector->uuid, ret->uuid);
	}
	if (selector->path) {
		set_label(ret, selector->path);
		return resolve_path(ctx, dm, selector->path, ret);
	}
	r = resolve_number(ctx, dm, ret);
	snprintf(ret->label, sizeof(ret->label), "%u:%u", ret->major, ret->minor);
	return r;
}

void which_settle(struct which *which, const struct dm_state *state)
{
	which->name[0] = which->raw[0] = which->uuid[0] = '\0';
	if (state->major == 0) /* looking ahead: it has no number yet */
		strcpy(which->name, state->name);
	which->major = state->major;
	which->minor = state->minor;
}

static void fill_device(const struct which *which, struct dm_request *rq)
{
	if (!which || rq->op == OP_CREATE)
		return;
	rq->name = which->name[0] ? which->name : NULL;
	rq->uuid = which->uuid[0] ? which->uuid : NULL;
	rq->major = which->major;
	rq->minor = which->minor;
}

/* --- asking --- */

/*
 * A name that isn't found mangled is tried as it was given: other programs may have made
 * the device so.
 */
static int send(struct bp_ctx *ctx, struct dm *dm, const struct which *which,
		struct dm_request *rq, struct dm_reply *reply)
{
	int r = dm->ops->call(dm->self, rq, reply);

	if (r == -ENXIO && which && which->raw[0] && rq->op != OP_CREATE && rq->name) {
		dm_reply_done(reply);
		rq->name = which->raw;
		r = dm->ops->call(dm->self, rq, reply);
	}
	if (log_enabled(ctx, "dm"))
		bp_debug(ctx, "dm", "%s %s flags 0x%x: %d", dm_op_traits[rq->op].name,
			 which ? which->label : "-", rq->flags, r);
	return r;
}

/* One that changes something, or waits: part of a transaction, be it of nothing else. */
static int change(struct bp_ctx *ctx, struct dm *dm, const char *verb,
		  const struct which *which, struct dm_request *rq, struct dm_reply *reply)
{
	int64_t since_us = clock_log_us();
	struct level level;
	int r;

	tx_begin(dm, &level);
	if (dm->ops->log_mark)
		dm->ops->log_mark(dm->self);
	rq->stop = tx_stop(dm);
	r = tx_interrupted(dm);
	if (r == 0)
		r = send(ctx, dm, which, rq, reply);
	if (r < 0)
		explain(ctx, dm, verb, which, rq, r, since_us);
	return tx_end(ctx, dm, &level, r);
}

int dm_ask(struct bp_ctx *ctx, const char *verb, const struct which *which,
	   struct dm_request *rq, struct dm_reply *reply)
{
	struct dm *dm;
	int r = dm_get_open(ctx, &dm);

	if (r < 0)
		return r;
	fill_device(which, rq);
	if (dm->plan && op_is(rq->op, OP_CHANGES) && !(rq->flags & RQ_ASKS))
		return plan_request(ctx, dm, verb, which, rq, reply);
	if (op_is(rq->op, OP_CHANGES) ||
	    (op_is(rq->op, OP_WAITS) && rq->deadline != DEADLINE_NEVER))
		return change(ctx, dm, verb, which, rq, reply);
	/* Queries leave no lines in the log, and are to cost their one system call. */
	r = send(ctx, dm, which, rq, reply);
	if (r < 0)
		explain(ctx, dm, verb, which, rq, r, INT64_MAX);
	return r;
}

int dm_order(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_request *rq, struct dm_state *ret)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	int r = dm_ask(ctx, verb, which, rq, &reply);

	if (r == 0 && ret)
		*ret = reply.state;
	return r;
}

int dm_state(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_state *ret)
{
	struct dm_request rq = { .op = OP_INFO, .deadline = DEADLINE_NEVER };

	return dm_order(ctx, verb, which, &rq, ret);
}

int64_t dm_deadline(int64_t timeout_ms)
{
	return deadline_in(timeout_ms ? timeout_ms : BP_TIMEOUT_DEFAULT_MS);
}

/* Cut, not refused: names were checked when the device was made. */
void dm_node_path(const struct dm *dm, const char *kernel_name, char *ret)
{
	size_t dir = strlen(dm->mapper_dir);
	size_t name = MIN(strlen(kernel_name), BP_NODE_SIZE - 2 - dir);

	memcpy(ret, dm->mapper_dir, dir);
	ret[dir] = '/';
	memcpy(ret + dir + 1, kernel_name, name);
	ret[dir + 1 + name] = '\0';
}

/* The kernel's name stays beside the decoded one: requests need the former. */
void dm_info_from_state(const struct dm *dm, const struct dm_state *state,
			struct bp_device_info *ret)
{
	*ret = (struct bp_device_info){
		.major = state->major,
		.minor = state->minor,
		.event_nr = state->event_nr,
		.open_count = state->open_count,
		.nr_segments = state->nr_segments,
		.suspended = state->flags & ST_SUSPENDED,
		.internally_suspended = state->flags & ST_INTERNAL,
		.read_only = state->flags & ST_READ_ONLY,
		.live_table = state->flags & ST_LIVE,
		.inactive_table = state->flags & ST_INACTIVE,
		.deferred_remove = state->flags & ST_DEFERRED,
	};
	memcpy(ret->kernel_name, state->name, sizeof(ret->kernel_name));
	name_decode(state->name, ret->name, sizeof(ret->name));
	name_decode(state->uuid, ret->uuid, sizeof(ret->uuid));
	dm_node_path(dm, state->name, ret->path);
}
