/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a stack as its file says, and taking it away. Promised: until the removals at the end a
 * failure takes everything back, files that were made included; SIGKILL at any point leaves what
 * the next apply or down finds. Not promised: the end of a file that has grown is given back to
 * others' data.
 */
#include "dm/stackfile/stackfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/opts.h"
#include "dm/device/loop.h"
#include "dm/scope/state.h"

static void changes_freep(struct bp_stack_changes **changes)
{
	bp_stack_changes_free(*changes);
}

int bp_stackfile_diff(struct bp_ctx *ctx, const struct bp_stackfile *file,
		      struct bp_stack_changes **ret)
{
	_cleanup_(comparison_done) struct comparison c = { 0 };
	int r = compare(ctx, file, &c);

	return r < 0 ? r : changes_of(&c, ret);
}

/* --- loop devices --- */

struct undo_loop {
	struct undo undo;
	char *path;
	bool attached; /* it was, before */
	bool existed;
	bp_bytes old_bytes; /* of the file */
};

static void undo_loop_done(const struct undo *undo)
{
	free(((const struct undo_loop *)undo)->path);
}

/*
 * In the order opposite to prepare_loop(): the device lets go of its file, then the file is removed
 * or cut to what it was. A device that was there before stays, and is told of the file's old size.
 */
static int loop_back(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_loop *u = (const struct undo_loop *)undo;
	_cleanup_(closep) int fd = open(u->path, O_RDWR | O_CLOEXEC);
	struct dm_loop loop;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0 || fd < 0)
		return r < 0 ? r : errno == ENOENT ? 0 : -errno;
	if (!u->attached)
		r = loop_detach(ctx, u->path, fd, deadline);
	if (r == 0 && !u->existed)
		return unlink(u->path) < 0 ? -errno : 0;
	if (r == 0 && ftruncate(fd, (off_t)u->old_bytes) < 0)
		return -errno;
	if (r == 0 && u->attached && loop_find(ctx, u->path, fd, &loop) == 0)
		r = dm->ops->loop_resize(dm->self, &loop);
	return r;
}

/* The path is what can be mended: it is the error's device. */
static int fail_loop(struct bp_ctx *ctx, const struct file_loop *loop, int r)
{
	bp_fail(ctx, r, "loop device '%s': '%s': %s", loop->name, loop->path,
		strerrordesc_np(-r));
	error_set_device(ctx, loop->path);
	if (r == -ENOSPC)
		error_set_code(ctx, BP_E_NO_SPACE);
	return r;
}

/* The file as large as it is to be, and its device too. */
static int grow(struct comparison *c, const struct file_loop *loop, struct live_loop *live,
		int fd)
{
	int r = ftruncate(fd, (off_t)loop->size_bytes) < 0 ? -errno : 0;

	if (r == 0 && live->attached)
		r = c->dm->ops->loop_resize(c->dm->self, &live->loop);
	return r < 0 ? fail_loop(c->ctx, loop, r) : 0;
}

/* Its undo is ready before the file is made: what is taken back is asked of the system. */
static int prepare_loop(struct comparison *c, size_t i)
{
	const struct file_loop *loop = &c->file->loops.items[i];
	const struct undo undo = { .run = loop_back,
				   .done = undo_loop_done,
				   .remains = "could not be given back its file as it was" };
	struct live_loop *live = &c->loops[i];
	struct undo_loop *u = tx_undo(c->ctx, c->dm, sizeof(*u), &undo, loop->name);
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r = 0;

	if (!u)
		return -ENOMEM;
	u->path = strdup(loop->path);
	if (!u->path)
		return bp_fail_memory(c->ctx);
	u->attached = live->attached;
	u->existed = live->exists;
	fd = open(loop->path, O_RDWR | O_CLOEXEC | (live->exists ? 0 : O_CREAT | O_EXCL), 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_loop(c->ctx, loop, -errno);
	u->old_bytes = (bp_bytes)st.st_size;
	u->undo.armed = true;
	if (!live->exists || live->grows)
		r = grow(c, loop, live, fd);
	if (r == 0 && !live->attached)
		r = loop_attach(c->ctx, loop->path, fd, &live->loop);
	live->attached = r == 0;
	return r;
}

/*
 * Only those that need something. Tables are resolved again, as numbers of new loops are
 * known only now.
 */
static int prepare_loops(struct comparison *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->file->loops.count; i++) {
		const struct live_loop *live = &c->loops[i];

		if (!live->exists || live->grows || !live->attached)
			r = prepare_loop(c, i);
	}
	return r < 0 ? r : resolve_tables(c);
}

/* --- mapped devices --- */

/* With the uuid by which the stack knows it again. */
static int create_device(struct comparison *c, size_t i, const struct bp_stackfile_opts *opts)
{
	const struct file_device *device = &c->file->devices.items[i];
	const struct bp_create_opts create = {
		.size = sizeof(create),
		.uuid = device->uuid,
		.flags = (device->read_only ? BP_CREATE_READ_ONLY : 0) |
			 (device->use_minor ? BP_CREATE_PERSISTENT : 0),
		.minor = device->minor,
		.udev = opts->udev,
		.timeout_ms = opts->timeout_ms,
	};

	return bp_device_create(c->ctx, device->name, c->devices[i].table, &create, NULL);
}

/* A reload, or only a resume where the table is right already. */
static int change_device(struct comparison *c, size_t i, const struct bp_stackfile_opts *opts)
{
	const struct file_device *device = &c->file->devices.items[i];
	const struct bp_selector which = { .name = device->name };
	const struct bp_change_opts change = {
		.size = sizeof(change),
		.flags = (device->read_only ? BP_CHANGE_READ_ONLY : 0) |
			 (opts->flags & BP_STACKFILE_NO_FLUSH ? BP_CHANGE_NO_FLUSH : 0) |
			 (opts->flags & BP_STACKFILE_NO_LOCKFS ? BP_CHANGE_NO_LOCKFS : 0),
		.udev = opts->udev,
		.timeout_ms = opts->timeout_ms,
	};

	return c->devices[i].reload
		       ? bp_device_reload(c->ctx, &which, c->devices[i].table, &change)
		       : bp_device_resume(c->ctx, &which, &change);
}

/*
 * Three walks. New devices and those that grow: what lies below first, so that it is there, or
 * large enough, for what lies on it. Those that shrink the other way round: nothing may reach
 * beyond the end of what is below it, not even for a moment. Then what was only suspended is
 * resumed.
 */
static int make_devices(struct comparison *c, const struct bp_stackfile_opts *opts)
{
	size_t count = c->file->devices.count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		size_t at = c->order[i];
		const struct live_device *live = &c->devices[at];

		if (live->create)
			r = create_device(c, at, opts);
		else if (live->reload && !live->shrinks)
			r = change_device(c, at, opts);
	}
	for (size_t i = count; r == 0 && i-- > 0;)
		if (c->devices[c->order[i]].reload && c->devices[c->order[i]].shrinks)
			r = change_device(c, c->order[i], opts);
	/* Nothing takes a resume back; nor would anybody want that. */
	for (size_t i = 0; r == 0 && i < count; i++)
		if (c->devices[c->order[i]].resume)
			r = change_device(c, c->order[i], opts);
	return r;
}

/* --- what is to go --- */

/* How often the live tables of a device that goes or changes hold another. */
static int count_uses(struct bp_ctx *ctx, const struct dm_state *user,
		      const struct bp_device_info *used, int32_t *count)
{
	struct bp_selector which = { .major = user->major, .minor = user->minor };
	struct bp_device_deps *deps;
	int r = bp_device_deps(ctx, &which, 0, &deps);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_device_deps_count(deps); i++) {
		const struct bp_devno *dev = bp_device_deps_get(deps, i);

		*count += dev->major == used->major && dev->minor == used->minor;
	}
	bp_device_deps_free(deps);
	return 0;
}

/*
 * The kernel's count of openers includes tables of other devices. Those of this stack that go, or
 * get another table, will let go of it; only what is left over is a user that we must not disturb.
 */
static int refuse_used(struct comparison *c, const struct bp_device_info *info)
{
	int32_t own = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->surplus.count; i++) {
		const struct dm_state state = { .major = c->surplus.items[i].major,
						.minor = c->surplus.items[i].minor };

		r = count_uses(c->ctx, &state, info, &own);
	}
	for (size_t i = 0; r == 0 && i < c->file->devices.count; i++)
		if (c->devices[i].reload)
			r = count_uses(c->ctx, &c->devices[i].state, info, &own);
	if (r < 0 || info->open_count <= own)
		return r;
	bp_fail(c->ctx, -EBUSY,
		"device '%s' is described no more, and in use: nothing was done", info->name);
	error_set_device(c->ctx, info->name);
	holders_explain(c->ctx, c->dm, info->major, info->minor);
	return -EBUSY;
}

/* Decided when it was compared: what appeared since is left alone. */
static bool is_surplus(void *user, const char *uuid)
{
	const struct comparison *c = user;

	for (size_t i = 0; i < c->surplus.count; i++)
		if (streq(c->surplus.items[i].uuid, uuid))
			return true;
	return false;
}

/* --- all of it --- */

static const char *const verbs[] = {
	[BP_STACK_MAKE_FILE] = "make",     [BP_STACK_GROW_FILE] = "grow",
	[BP_STACK_ATTACH] = "attach",      [BP_STACK_CREATE] = "create",
	[BP_STACK_RELOAD] = "reload",      [BP_STACK_RESUME] = "resume",
	[BP_STACK_REMOVE] = "remove",      [BP_STACK_DETACH] = "detach",
	[BP_STACK_DELETE_FILE] = "delete",
};

/* A plan is made of the comparison itself: what would be done is what it found. */
static int note_changes(struct bp_ctx *ctx, struct dm *dm,
			const struct bp_stack_changes *changes)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < bp_stack_changes_count(changes); i++) {
		const struct bp_stack_change *change = bp_stack_changes_get(changes, i);

		r = plan_note(ctx, dm, verbs[change->kind], change->name, change->after);
	}
	return r;
}

/*
 * One transaction makes and changes; what is surplus goes after it, as it can't be brought
 * back.
 */
static int carry_out(struct comparison *c, const struct bp_stackfile_opts *opts)
{
	struct level level;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->surplus.count; i++)
		r = refuse_used(c, &c->surplus.items[i]);
	if (r < 0)
		return r;
	tx_begin(c->dm, &level);
	r = prepare_loops(c);
	if (r == 0)
		r = make_devices(c, opts);
	r = tx_end(c->ctx, c->dm, &level, r);
	if (r == 0 && c->surplus.count)
		r = devices_clean(c->ctx, is_surplus, c, 0, dm_deadline(opts->timeout_ms));
	return r;
}

/* Applied twice, the second time does nothing. */
int bp_stackfile_apply(struct bp_ctx *ctx, const struct bp_stackfile *file,
		       const struct bp_stackfile_opts *opts, struct bp_stack_changes **ret)
{
	_cleanup_(changes_freep) struct bp_stack_changes *changes = NULL;
	_cleanup_(comparison_done) struct comparison c = { 0 };
	struct bp_stackfile_opts o;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = compare(ctx, file, &c);
	if (r == 0)
		r = changes_of(&c, &changes);
	if (r < 0)
		return r;
	if (planning(c.dm))
		r = note_changes(ctx, c.dm, changes);
	else if (bp_stack_changes_count(changes))
		r = carry_out(&c, &o);
	if (r == 0 && ret)
		*ret = steal(changes);
	return r;
}

/* --- down --- */

struct down {
	struct bp_ctx *ctx;
	struct dm *dm;
	const struct bp_stackfile *file;
	struct bp_stackfile_opts opts;
	struct bp_stack_changes *changes;
	int64_t deadline;
};

/* By the UUID, never by a name that somebody else may have taken. */
static bool is_ours(void *user, const char *uuid)
{
	struct down *d = user;
	char kernel_uuid[BP_UUID_SIZE];
	bool ours = false;

	return uuid[0] && uuid_mangle(d->ctx, uuid, kernel_uuid) == 0 &&
	       stack_owns(d->ctx, d->dm, d->file, kernel_uuid, &ours) == 0 && ours;
}

/* Before they are removed: afterwards nobody knows their names. */
static int tell_devices(struct down *d)
{
	struct bp_device_list *list;
	int r = bp_device_list(d->ctx, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(list, i);

		if (is_ours(d, entry->uuid))
			r = changes_add(d->ctx, d->changes, BP_STACK_REMOVE, entry->name, "",
					"");
	}
	bp_device_list_free(list);
	return r;
}

/* Only where the caller asks for it: a file may be somebody's data. */
static int delete_file(struct down *d, const struct file_loop *loop)
{
	int r = 0;

	if (!planning(d->dm) && unlink(loop->path) < 0)
		return errno == ENOENT ? 0 : fail_loop(d->ctx, loop, -errno);
	if (planning(d->dm))
		r = plan_note(d->ctx, d->dm, verbs[BP_STACK_DELETE_FILE], loop->name,
			      loop->path);
	return r < 0 ? r
		     : changes_add(d->ctx, d->changes, BP_STACK_DELETE_FILE, loop->name,
				   loop->path, "");
}

/* Files that are gone, or not attached, are down already. */
static int loop_down(struct down *d, const struct file_loop *loop)
{
	_cleanup_(closep) int fd = open(loop->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct dm_loop found;
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : fail_loop(d->ctx, loop, -errno);
	r = loop_find(d->ctx, loop->path, fd, &found);
	if (r == 0) {
		r = planning(d->dm) ? plan_note(d->ctx, d->dm, verbs[BP_STACK_DETACH],
						loop->name, loop->path)
				    : loop_detach(d->ctx, loop->path, fd, d->deadline);
		if (r == 0)
			r = changes_add(d->ctx, d->changes, BP_STACK_DETACH, loop->name,
					loop->path, "");
	}
	if (r == -ENOENT)
		r = 0;
	return r == 0 && d->opts.flags & BP_STACKFILE_DELETE_FILES ? delete_file(d, loop) : r;
}

/* From the top down; loops when nothing lies on them any more. */
int bp_stackfile_down(struct bp_ctx *ctx, const struct bp_stackfile *file,
		      const struct bp_stackfile_opts *opts, struct bp_stack_changes **ret)
{
	_cleanup_(changes_freep) struct bp_stack_changes *changes = NULL;
	struct down d = { .ctx = ctx, .file = file };
	int r = dm_get(ctx, &d.dm);

	if (r == 0)
		r = opts_read(ctx, &d.opts, sizeof(d.opts), opts);
	if (r == 0)
		r = changes_new(ctx, &changes);
	if (r < 0)
		return r;
	d.changes = changes;
	d.deadline = dm_deadline(d.opts.timeout_ms);
	r = tell_devices(&d);
	if (r == 0)
		r = devices_clean(ctx, is_ours, &d, 0, d.deadline);
	for (size_t i = 0; r == 0 && i < file->loops.count; i++)
		r = loop_down(&d, &file->loops.items[i]);
	if (r == 0 && ret)
		*ret = steal(changes);
	return r;
}
