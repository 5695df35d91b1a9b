/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Removing what is of a scope. What is of it is asked of the kernel, by uuid and inode, never taken
 * from a list of our own that a crash could have cut short. Promised: nothing else is touched, and
 * what could not be removed is found by the next attempt.
 */
#include "dm/scope/state.h"

#include "core/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "dm/device/loop.h"
#include "dm/device/nodes.h"

/* --- mapped devices --- */

struct mine {
	mine_fn is;
	void *user;
};

bool begins_with(void *user, const char *uuid)
{
	return strncmp(uuid, user, strlen(user)) == 0;
}

struct found {
	VEC(struct bp_selector) which; /* by uuid, of which each owns its copy */
};

static void found_done(struct found *found)
{
	for (size_t i = 0; i < found->which.count; i++)
		free((void *)(uintptr_t)found->which.items[i].uuid);
	vec_done(&found->which);
}

/* Kernels before ioctl 4.45 don't tell uuids in a list. */
static const char *uuid_of(struct bp_ctx *ctx, const struct bp_tree_node *node,
			   struct bp_device_info *info)
{
	struct bp_selector which = { .major = node->major, .minor = node->minor };

	if (node->uuid[0])
		return node->uuid;
	return bp_device_info(ctx, &which, info) == 0 ? info->uuid : "";
}

#define LOOKS_AGAIN 16

/* By UUID: a device may be renamed until it is removed. */
static int add_found(struct bp_ctx *ctx, const char *uuid, struct found *ret)
{
	struct bp_selector which = { .uuid = strdup(uuid) };

	if (which.uuid && vec_add(&ret->which, &which) == 0)
		return 0;
	free((void *)(uintptr_t)which.uuid);
	return bp_fail_memory(ctx);
}

/* Users first: of what can't be removed the first is told, which is held by others. */
static int add_in_order(struct bp_ctx *ctx, const struct bp_tree *tree, const struct mine *mine,
			bool *done, struct found *ret)
{
	bool progress = true, force = false;
	int r = 0;

	while (r == 0 && (progress || !force)) {
		force = !progress;
		progress = false;
		for (size_t i = 0; r == 0 && i < bp_tree_count(tree); i++) {
			const struct bp_tree_node *node = bp_tree_get(tree, i);
			bool ready = !done[i];
			struct bp_device_info info;

			for (size_t a = 0; !force && a < node->nr_above; a++)
				ready &= done[node->above[a]] || node->above[a] == i;
			if (!ready)
				continue;
			done[i] = progress = true;
			if (node->mapped && mine->is(mine->user, uuid_of(ctx, node, &info)))
				r = add_found(ctx, uuid_of(ctx, node, &info), ret);
		}
	}
	return r;
}

/* Devices whose uuid says they are ours, those that lie on others first. */
static int find(struct bp_ctx *ctx, const struct mine *mine, struct found *ret)
{
	struct bp_tree *tree;
	bool *done;
	int r = bp_tree_read(ctx, &tree);

	if (r < 0)
		return r;
	done = calloc(bp_tree_count(tree) + 1, sizeof(*done));
	r = done ? add_in_order(ctx, tree, mine, done, ret) : bp_fail_memory(ctx);
	free(done);
	bp_tree_free(tree);
	return r;
}

/* A device that was left suspended would keep those above it from ending. */
static void wake(struct bp_ctx *ctx, const struct bp_selector *which, int64_t deadline)
{
	struct bp_change_opts opts = { .size = sizeof(opts) };
	struct bp_device_info info;

	if (bp_device_info(ctx, which, &info) < 0 || !info.suspended || !info.live_table)
		return;
	opts.timeout_ms = MAX(deadline_left(deadline), 1);
	if (info.inactive_table)
		bp_device_clear(ctx, which, &opts);
	bp_device_resume(ctx, which, &opts);
}

/* A time limit of 0 would mean "default". */
static int remove_found(struct bp_ctx *ctx, const struct found *found, uint32_t flags,
			int64_t deadline)
{
	int left = deadline_left(deadline);
	struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = flags,
		.timeout_ms = left == 0 ? 1 : left,
	};

	return found->which.count ? bp_device_remove_many(ctx, found->which.items,
							  found->which.count, &opts, NULL, NULL)
				  : 0;
}

/* Tables of errors end those that hold the devices; only where the caller allowed it. */
static void wipe(struct bp_ctx *ctx, const struct found *found)
{
	const struct bp_change_opts opts = {
		.size = sizeof(opts),
		.flags = BP_CHANGE_NO_FLUSH | BP_CHANGE_NO_LOCKFS,
	};

	for (size_t i = 0; i < found->which.count; i++) {
		struct bp_device_info info;

		if (bp_device_info(ctx, &found->which.items[i], &info) == 0 && info.live_table)
			bp_device_wipe_table(ctx, &found->which.items[i], &opts);
	}
}

/* What is still there answers its users with errors, and goes when they have let go. */
static int remove_by_force(struct bp_ctx *ctx, const struct mine *mine, int64_t deadline)
{
	_cleanup_(found_done) struct found found = { 0 };
	int r = find(ctx, mine, &found);

	if (r < 0)
		return r;
	wipe(ctx, &found);
	return remove_found(ctx, &found, BP_REMOVE_DEFERRED, deadline);
}

/* Suspended devices are woken first: nothing that waits for their I/O could end. */
static int remove_once(struct bp_ctx *ctx, const struct mine *mine, int64_t deadline)
{
	_cleanup_(found_done) struct found found = { 0 };
	int r = find(ctx, mine, &found);

	for (size_t i = 0; r == 0 && i < found.which.count; i++)
		wake(ctx, &found.which.items[i], deadline);
	return r < 0 ? r : remove_found(ctx, &found, BP_REMOVE_RETRY, deadline);
}

/*
 * A device that is gone when its turn comes was removed by somebody else: what a killed owner had begun may end
 * meanwhile. That is no failure, but hides what others had: what is left is looked for anew.
 */
static int remove_all(struct bp_ctx *ctx, const struct mine *mine, uint32_t flags,
		      int64_t deadline)
{
	int r = remove_once(ctx, mine, deadline);

	for (unsigned again = 0; r == -ENXIO && again < LOOKS_AGAIN; again++)
		r = remove_once(ctx, mine, deadline);
	return r < 0 && flags & BP_SCOPE_ERROR_TABLES ? remove_by_force(ctx, mine, deadline)
						      : r;
}

/* Nodes behind devices, unless udev makes them. */
int devices_clean(struct bp_ctx *ctx, mine_fn is, void *user, uint32_t flags, int64_t deadline)
{
	const struct mine mine = { .is = is, .user = user };
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = remove_all(ctx, &mine, flags, deadline);
	/* Who is killed between a device and its node leaves the node, of which nobody knows. */
	return r < 0 || planning(dm) || udev_runs(dm) ? r : nodes_drop_stale(ctx, dm);
}

/* --- loop devices and their files --- */

/*
 * Files of the scope by name; loop devices are found by inode, so that none is missed or
 * mistaken.
 */
int place_loops(struct bp_ctx *ctx, const struct scopes *scopes, const struct place *place,
		int (*each)(struct bp_ctx *ctx, const char *path, int fd, void *user),
		void *user)
{
	int at = openat(place->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = at < 0 ? NULL : fdopendir(at);
	struct dirent *e;

	if (!d) {
		r = bp_fail(ctx, -errno, "scope '%s': can't list its files", place->name);
		if (at >= 0)
			close(at);
		return r;
	}
	while (r == 0 && (e = dir_next(d, &r))) {
		char path[PATH_MAX];
		int fd;

		if (strncmp(e->d_name, LOOP_FILE, strlen(LOOP_FILE)) != 0)
			continue;
		place_path(scopes, place, e->d_name, path);
		fd = openat(place->dir, e->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? bp_fail(ctx, -errno, "'%s': %s", path, strerrordesc_np(errno))
			   : each(ctx, path, fd, user);
		closep(&fd);
	}
	closedir(d);
	return r;
}

/* Detached, then deleted: the other way round nobody would find the device any more. */
static int drop_loop(struct bp_ctx *ctx, const char *path, int fd, void *user)
{
	const int64_t *deadline = user;
	struct dm_loop loop;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0 && planning(dm)) {
		r = loop_find(ctx, path, fd, &loop);
		if (r == 0)
			r = plan_note(ctx, dm, "detach", path, "");
		return r < 0 && r != -ENOENT ? r : plan_note(ctx, dm, "delete", path, "");
	}
	if (r == 0)
		r = loop_detach(ctx, path, fd, *deadline);
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = bp_fail(ctx, -errno, "'%s': can't be deleted: %s", path,
			    strerrordesc_np(errno));
	return r;
}

/* --- all of it --- */

/* Under the lock of all scopes, as another process may be making one of this name. */
static int forget_place(struct bp_ctx *ctx, const struct scopes *scopes, struct place *place)
{
	_cleanup_(closep) int all = scopes_lock(ctx, scopes);
	char path[PATH_MAX];

	if (all < 0)
		return all;
	place_path(scopes, place, "", path);
	/* The owner's last: a directory without is one that was being made or removed. */
	if ((unlinkat(place->dir, SOCKET_FILE, 0) < 0 && errno != ENOENT) ||
	    (unlinkat(place->dir, "members", 0) < 0 && errno != ENOENT) ||
	    (unlinkat(place->dir, "owner", 0) < 0 && errno != ENOENT) ||
	    unlinkat(scopes->fd, place->name, AT_REMOVEDIR) < 0)
		return bp_fail(ctx, -errno, "'%s': can't be deleted: %s", path,
			       strerrordesc_np(errno));
	place_done(place);
	return 0;
}

/* Nobody may make another device from here on. */
static int close_to_members(struct bp_ctx *ctx, const struct place *place, int64_t deadline)
{
	int r = place->members < 0 ? 0 : scope_flock(place->members, LOCK_EX, deadline);

	if (r == 0)
		return 0;
	bp_fail(ctx, -EBUSY, "scope '%s': processes are still making devices in it",
		place->name);
	error_set_device(ctx, place->name);
	error_set_hint(ctx, "end them, or give them more time");
	return -EBUSY;
}

/* In the order of what holds what: members out, devices, loops, files, the place itself. */
int place_clean(struct bp_ctx *ctx, const struct scopes *scopes, struct place *place,
		uint32_t flags, int64_t deadline)
{
	char prefix[SCOPE_PREFIX_SIZE];
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = close_to_members(ctx, place, deadline);
	if (r < 0)
		return r;
	if (place->who.id[0]) {
		scope_uuid_prefix(place->name, place->who.id, prefix);
		r = devices_clean(ctx, begins_with, prefix, flags, deadline);
	}
	if (r == 0)
		r = place_loops(ctx, scopes, place, drop_loop, &deadline);
	if (r == 0 && !planning(dm))
		return forget_place(ctx, scopes, place);
	if (place->members >= 0)
		flock(place->members, LOCK_UN);
	return r;
}
