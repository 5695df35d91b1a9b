/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/device/nodes.h"

#include <stdio.h>
#include <string.h>

/* All file operations on nodes go through the seam, so that tests need no /dev. */
static int node_op(struct dm *dm, enum dm_node_op op, const char *kernel_name,
		   const struct node_change *change)
{
	char path[BP_NODE_SIZE];
	struct dm_node node = {
		.path = path,
		.major = change->major,
		.minor = change->minor,
		.with_mode = change->with_mode,
		.uid = change->uid,
		.gid = change->gid,
		.mode = change->mode,
	};

	dm_node_path(dm, kernel_name, path);
	return dm->ops->node(dm->self, op, &node);
}

/* Names in the mapper directory. */
struct stale {
	VEC(char *) names;
	int error;
};

/* Collected first, removed later: the directory is being read. */
static void take_name(void *user, const char *name)
{
	struct stale *stale = user;
	char *copy = strdup(name);

	if (!copy || vec_add(&stale->names, &copy) < 0) {
		free(copy);
		stale->error = -ENOMEM;
	}
}

static int list_names(struct bp_ctx *ctx, struct dm *dm, struct stale *ret)
{
	int r = dm->ops->node_list(dm->self, dm->mapper_dir, take_name, ret);

	return ret->error < 0 ? bp_fail_memory(ctx) : r;
}

static void names_done(struct stale *names)
{
	for (size_t i = 0; i < names->names.count; i++)
		free(names->names.items[i]);
	vec_done(&names->names);
}

/* Nodes by other names for the number of a new device: of one that went while nobody looked. */
static void drop_others(struct bp_ctx *ctx, struct dm *dm, const struct node_change *change)
{
	_cleanup_(names_done) struct stale names = { 0 };

	if (list_names(ctx, dm, &names) < 0)
		return;
	for (size_t i = 0; i < names.names.count; i++) {
		const char *name = names.names.items[i];

		if (!streq(name, change->make) && node_op(dm, NODE_CHECK, name, change) == 0)
			node_op(dm, NODE_REMOVE, name, change);
	}
}

int node_make(struct bp_ctx *ctx, struct dm *dm, const struct node_change *change)
{
	char path[BP_NODE_SIZE];
	int r;

	/* A name that is no file name was made by somebody else; /dev/dm-N is there for it. */
	if (strchr(change->make, '/'))
		return 0;
	if (planning(dm) || node_op(dm, NODE_CHECK, change->make, change) == 0)
		return 0;
	drop_others(ctx, dm, change);
	r = node_op(dm, NODE_MAKE, change->make, change);
	if (r == 0)
		return 0;
	dm_node_path(dm, change->make, path);
	bp_fail(ctx, r, "'%s': can't make the node: %s", path, strerrordesc_np(-r));
	error_set_device(ctx, path);
	return r;
}

/* Put the nodes right where nobody else has. */
static int settle(struct bp_ctx *ctx, struct dm *dm, const struct node_change *change,
		  bool expected_udev)
{
	char path[BP_NODE_SIZE];
	int r;

	if (change->remove && !strchr(change->remove, '/') && !planning(dm)) {
		dm_node_path(dm, change->remove, path);
		r = node_op(dm, NODE_REMOVE, change->remove, change);
		if (r < 0)
			bp_warn(ctx, "'%s': can't remove the node: %s", path,
				strerrordesc_np(-r));
	}
	if (!change->make)
		return 0;
	if (expected_udev && node_op(dm, NODE_CHECK, change->make, change) != 0) {
		dm_node_path(dm, change->make, path);
		bp_warn(ctx, "'%s': udev did not make the node; made it", path);
	}
	return node_make(ctx, dm, change);
}

/*
 * In any case, also after a failure: a cookie that nobody waits for stays in the kernel for
 * good.
 */
int udev_end(struct bp_ctx *ctx, struct dm *dm, struct cookie *cookie,
	     const struct dm_state *state, const struct node_change *change, int64_t deadline)
{
	bool answered = false;

	if (cookie->joined && !(state && state->flags & ST_UEVENT))
		cookie_unjoin(cookie);
	if (state && cookie->left)
		return 0;
	if (cookie->waiting)
		answered = cookie_wait(ctx, dm, cookie, state && state->flags & ST_UEVENT,
				       deadline) == 0;
	if (!state)
		return 0;
	return settle(ctx, dm, change, answered && state->flags & ST_UEVENT);
}

/* --- mknodes --- */

/* By the kernel's name, which is what nodes are called. */
static bool listed(const struct dm_reply *reply, const char *name)
{
	for (size_t i = 0; i < reply->entries.count; i++)
		if (streq(reply->entries.items[i].name, name))
			return true;
	return false;
}

/* A device that was made after the list was taken has its node already. */
static bool is_gone(struct dm *dm, const char *name)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_INFO, .name = name, .deadline = DEADLINE_NEVER };

	return dm->ops->call(dm->self, &rq, &reply) == -ENXIO;
}

/* Nodes whose device is gone: they would open another device's data once the number is reused.
 */
static int remove_stale(struct bp_ctx *ctx, struct dm *dm, const struct dm_reply *reply)
{
	_cleanup_(names_done) struct stale stale = { 0 };
	int r = list_names(ctx, dm, &stale);

	for (size_t i = 0; r == 0 && i < stale.names.count; i++) {
		struct node_change change = { .remove = stale.names.items[i] };

		if (!listed(reply, stale.names.items[i]) && is_gone(dm, stale.names.items[i]))
			r = settle(ctx, dm, &change, false);
	}
	return r;
}

int nodes_drop_stale(struct bp_ctx *ctx, struct dm *dm)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_LIST, .deadline = DEADLINE_NEVER };
	int r = dm_ask(ctx, "mknodes", NULL, &rq, &reply);

	return r < 0 ? r : remove_stale(ctx, dm, &reply);
}

/* Only where udev doesn't do it. */
static int make_one(struct bp_ctx *ctx, struct dm *dm, const struct bp_selector *selector)
{
	struct node_change change = { 0 };
	struct dm_state state;
	struct which which;
	int r;

	r = which_resolve(ctx, selector, &which);
	if (r == 0)
		r = dm_state(ctx, "mknodes", &which, &state);
	if (r < 0)
		return r;
	change.make = state.name;
	change.major = state.major;
	change.minor = state.minor;
	return node_make(ctx, dm, &change);
}

/* Makes what lacks and removes what no device has any more. */
int bp_device_mknodes(struct bp_ctx *ctx, const struct bp_selector *selector)
{
	_cleanup_(dm_reply_done) struct dm_reply reply = { 0 };
	struct dm_request rq = { .op = OP_LIST };
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	if (selector)
		return make_one(ctx, dm, selector);
	r = dm_ask(ctx, "mknodes", NULL, &rq, &reply);
	for (size_t i = 0; r == 0 && i < reply.entries.count; i++) {
		struct node_change change = {
			.make = reply.entries.items[i].name,
			.major = reply.entries.items[i].major,
			.minor = reply.entries.items[i].minor,
		};

		r = node_make(ctx, dm, &change);
	}
	return r < 0 ? r : remove_stale(ctx, dm, &reply);
}
