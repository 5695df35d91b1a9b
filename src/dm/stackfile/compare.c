/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stack file beside what the kernel has. Promised: nothing is changed, and a device that is not
 * the stack's own is never taken for one: its uuid decides.
 */
#include "dm/stackfile/stackfile.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dm/device/loop.h"
#include "dm/device/membership.h"
#include "targets/grammar/segment.h"

void comparison_done(struct comparison *c)
{
	for (size_t i = 0; c->devices && i < c->file->devices.count; i++) {
		bp_table_free(c->devices[i].table);
		bp_table_free(c->devices[i].live);
	}
	free(c->devices);
	free(c->loops);
	free(c->order);
	vec_done(&c->surplus);
}

/* --- loop devices --- */

static int refuse_loop(struct bp_ctx *ctx, const struct file_loop *loop, int r, const char *why)
{
	bp_fail(ctx, r, "loop device '%s': '%s': %s", loop->name, loop->path, why);
	error_set_device(ctx, loop->path);
	return r;
}

/* A file is made and grown, never shrunk. */
static int look_at_file(struct bp_ctx *ctx, const struct file_loop *loop, int fd,
			struct live_loop *ret)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return refuse_loop(ctx, loop, -errno, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return refuse_loop(ctx, loop, -EINVAL, "not a regular file");
	if ((bp_bytes)st.st_size > loop->size_bytes) {
		refuse_loop(ctx, loop, -EINVAL, "it is larger than described");
		error_set_hint(ctx, "it is not made smaller: say %" PRIu64 "s",
			       bp_bytes_to_sector((bp_bytes)st.st_size));
		return -EINVAL;
	}
	ret->exists = true;
	ret->grows = (bp_bytes)st.st_size < loop->size_bytes;
	r = loop_find(ctx, loop->path, fd, &ret->loop);
	ret->attached = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* The file may be missing: then all of it has to be made. */
int loop_look(struct bp_ctx *ctx, const struct file_loop *loop, struct live_loop *ret)
{
	_cleanup_(closep) int fd = open(loop->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*ret = (struct live_loop){ 0 };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return refuse_loop(ctx, loop, -errno, strerrordesc_np(errno));
	return look_at_file(ctx, loop, fd, ret);
}

/* "@NAME" stands for a loop device's number while it is attached. */
static int number_of_loop(void *user, const char *dev, char ret[TABLE_DEV_SIZE])
{
	const struct comparison *c = user;

	for (size_t i = 0; dev[0] == '@' && i < c->file->loops.count; i++)
		if (c->loops[i].attached && streq(c->file->loops.items[i].name, dev + 1)) {
			snprintf(ret, TABLE_DEV_SIZE, "%u:%u", c->loops[i].loop.major,
				 c->loops[i].loop.minor);
			return 1;
		}
	return 0;
}

/* From the file's tables each time, so that calling it again does no harm. */
int resolve_tables(struct comparison *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->file->devices.count; i++) {
		bp_table_free(c->devices[i].table);
		c->devices[i].table = NULL;
		r = bp_table_copy(c->ctx, c->file->devices.items[i].table,
				  &c->devices[i].table);
		if (r == 0)
			r = table_map_devs(c->ctx, c->devices[i].table, number_of_loop, c);
	}
	return r;
}

/* --- order --- */

struct edge {
	size_t user, used;
};

struct arranging {
	struct comparison *c;
	VEC(struct edge) edges;
	size_t now;
	char **nodes; /* of each device */
	int error;
};

/* Which device of the file a word is; its node's path was put there, or written by hand. */
static int note_use(void *user, const char *dev, char ret[TABLE_DEV_SIZE])
{
	struct arranging *a = user;

	(void)ret;
	if (dev[0] != '/')
		return 0;
	for (size_t i = 0; i < a->c->file->devices.count; i++) {
		struct edge edge = { .user = a->now, .used = i };

		if (streq(a->nodes[i], dev) && vec_add(&a->edges, &edge) < 0)
			a->error = -ENOMEM;
	}
	return 0;
}

/* Which device of the file lies on which, by names, nodes and "@" of loops. */
static int find_uses(struct arranging *a)
{
	const struct bp_stackfile *file = a->c->file;
	char mangled[BP_NAME_SIZE], path[BP_NODE_SIZE];
	int r = 0;

	a->nodes = calloc(file->devices.count + 1, sizeof(char *));
	if (!a->nodes)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < file->devices.count; i++) {
		r = bp_name_mangle(a->c->ctx, file->devices.items[i].name, mangled);
		if (r < 0)
			return r;
		dm_node_path(a->c->dm, mangled, path);
		a->nodes[i] = strdup(path);
		if (!a->nodes[i])
			r = -ENOMEM;
	}
	for (a->now = 0; r == 0 && a->now < file->devices.count; a->now++)
		r = table_map_devs(a->c->ctx, file->devices.items[a->now].table, note_use, a);
	return r < 0 ? r : a->error;
}

/* A device is ready when all that it uses is placed. */
static int place(struct arranging *a)
{
	size_t count = a->c->file->devices.count, done = 0, before;
	bool *placed = calloc(count + 1, 2 * sizeof(bool)), *blocked;

	if (!placed)
		return -ENOMEM;
	blocked = placed + count + 1;
	do {
		before = done;
		memset(blocked, 0, count * sizeof(bool));
		for (size_t i = 0; i < a->edges.count; i++)
			blocked[a->edges.items[i].user] |= !placed[a->edges.items[i].used];
		for (size_t i = 0; i < count; i++)
			if (!placed[i] && !blocked[i]) {
				placed[i] = true;
				a->c->order[done++] = i;
			}
	} while (done > before && done < count);
	for (size_t i = 0; done < count && i < count; i++)
		if (!placed[i]) {
			free(placed);
			return bp_fail(a->c->ctx, -ELOOP,
				       "'%s' lies, by other devices, on itself",
				       a->c->file->devices.items[i].name);
		}
	free(placed);
	return 0;
}

/* Below before above; a circle is refused by place(). */
static int arrange(struct comparison *c)
{
	struct arranging a = { .c = c };
	int r = find_uses(&a);

	if (r == 0)
		r = place(&a);
	for (size_t i = 0; a.nodes && i < c->file->devices.count; i++)
		free(a.nodes[i]);
	free(a.nodes);
	vec_done(&a.edges);
	return r == -ENOMEM ? bp_fail_memory(c->ctx) : r;
}

/* --- mapped devices --- */

/* Its UUID says whose it is: that is told as the cause. */
static int refuse_foreign(struct comparison *c, const struct file_device *device,
			  const struct dm_state *state)
{
	bp_fail(c->ctx, -EEXIST,
		"device '%s': there is one of this name that is not the stack's", device->name);
	error_set_code(c->ctx, BP_E_EXISTS);
	error_set_device(c->ctx, device->name);
	error_set_cause(c->ctx, "its uuid is '%s'", state->uuid);
	return -EEXIST;
}

/* Its table and state against those described. */
static int compare_tables(struct comparison *c, const struct which *which,
			  const struct file_device *device, struct live_device *live)
{
	uint32_t flags = live->state.flags;
	bool same = false;
	int r = 0;

	if (flags & ST_LIVE) {
		r = table_read(c->ctx, "diff", which, BP_TABLE_SHOW_KEYS, &live->live);
		if (r == 0)
			r = bp_table_is_loaded(c->ctx, live->live, live->table, table_lookup,
					       c->ctx, &same);
		live->shrinks =
			r == 0 && bp_table_length(live->table) < bp_table_length(live->live);
	}
	live->reload =
		!same || flags & ST_INACTIVE || device->read_only != !!(flags & ST_READ_ONLY);
	live->resume = !live->reload && flags & ST_SUSPENDED;
	return r;
}

/* Same name, other uuid: somebody else's device, never touched. */
static int look_at_device(struct comparison *c, size_t i)
{
	const struct file_device *device = &c->file->devices.items[i];
	struct live_device *live = &c->devices[i];
	struct which which = { 0 };
	char uuid[BP_UUID_SIZE];
	int r = bp_name_mangle(c->ctx, device->name, which.name);

	snprintf(which.label, sizeof(which.label), "%s", device->name);
	if (r == 0)
		r = membership_uuid(c->ctx, c->dm, device->uuid, uuid);
	if (r < 0)
		return r;
	r = dm_state(c->ctx, "diff", &which, &live->state);
	if (r == -ENXIO) {
		live->create = true;
		return 0;
	}
	if (r < 0)
		return r;
	if (!streq(live->state.uuid, uuid))
		return refuse_foreign(c, device, &live->state);
	if (device->use_minor && live->state.minor != device->minor)
		return bp_fail(c->ctx, -EEXIST,
			       "device '%s': it has minor number %u, which can't be changed",
			       device->name, live->state.minor);
	return compare_tables(c, &which, device, live);
}

/* --- what is there beside --- */

/* By the uuid's prefix, or by a uuid that the file itself gives. */
int stack_owns(struct bp_ctx *ctx, struct dm *dm, const struct bp_stackfile *file,
	       const char *kernel_uuid, bool *ret)
{
	char prefix[sizeof(STACK_UUID) + BP_STACK_NAME_SIZE], uuid[BP_UUID_SIZE];
	int r;

	snprintf(prefix, sizeof(prefix), STACK_UUID "%s:", file->name);
	r = membership_uuid(ctx, dm, prefix, uuid);
	*ret = r == 0 && strncmp(kernel_uuid, uuid, strlen(uuid)) == 0;
	for (size_t i = 0; r == 0 && !*ret && i < file->devices.count; i++) {
		r = membership_uuid(ctx, dm, file->devices.items[i].uuid, uuid);
		*ret = streq(kernel_uuid, uuid);
	}
	return r;
}

static bool is_named(const struct bp_stackfile *file, const char *name)
{
	for (size_t i = 0; i < file->devices.count; i++)
		if (streq(file->devices.items[i].name, name))
			return true;
	return false;
}

/* Devices of this stack that the file has no more. */
static int look_for_surplus(struct comparison *c)
{
	struct bp_device_list *list;
	int r = bp_device_list(c->ctx, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(list, i);
		struct which which = { .major = entry->major, .minor = entry->minor };
		struct bp_device_info info;
		struct dm_state state;
		bool ours = false;

		if (is_named(c->file, entry->name) ||
		    dm_state(c->ctx, "diff", &which, &state) < 0)
			continue; /* or it has gone meanwhile */
		r = stack_owns(c->ctx, c->dm, c->file, state.uuid, &ours);
		if (r < 0 || !ours)
			continue;
		dm_info_from_state(c->dm, &state, &info);
		if (vec_add(&c->surplus, &info) < 0)
			r = bp_fail_memory(c->ctx);
	}
	bp_device_list_free(list);
	return r;
}

/* Looks only; everything that can be refused is refused here. */
int compare(struct bp_ctx *ctx, const struct bp_stackfile *file, struct comparison *ret)
{
	int r = dm_get(ctx, &ret->dm);

	ret->ctx = ctx;
	ret->file = file;
	ret->loops = calloc(file->loops.count + 1, sizeof(*ret->loops));
	ret->devices = calloc(file->devices.count + 1, sizeof(*ret->devices));
	ret->order = calloc(file->devices.count + 1, sizeof(*ret->order));
	if (r == 0 && (!ret->loops || !ret->devices || !ret->order))
		r = bp_fail_memory(ctx);
	if (r == 0)
		r = arrange(ret);
	for (size_t i = 0; r == 0 && i < file->loops.count; i++)
		r = loop_look(ctx, &file->loops.items[i], &ret->loops[i]);
	if (r == 0)
		r = resolve_tables(ret);
	for (size_t i = 0; r == 0 && i < file->devices.count; i++)
		r = look_at_device(ret, i);
	return r < 0 ? r : look_for_surplus(ret);
}
