/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A writable copy of a device: a persistent snapshot whose store is a loop device of the scope, and
 * its way back into the device. The store is persistent also where nothing is merged, so that it
 * can be. Promised: but for a merge the device is only read.
 */
#include <bedplate/overlay.h>
#include <bedplate/table.h>
#include <bedplate/targets_cache.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/clock.h"
#include "core/opts.h"
#include "dm/kernel/engine.h"
#include "dm/scope/state.h"

#define CHUNK_SECTORS  8
#define CHUNK          ((bp_bytes)4096)
#define CHUNKS_A_TABLE 256 /* chunks told by one chunk of the store's metadata: 16 bytes each */
#define EXTRA          ((bp_bytes)64 << 10)
#define BETWEEN_MS     20
#define REMOVE_MS      10000

struct bp_overlay {
	struct bp_ctx *ctx;
	struct bp_scope *scope;
	struct bp_bdev origin, store;
	struct bp_device_info copy;
	char file[PATH_MAX], kept[PATH_MAX];
};

void bp_overlay_close(struct bp_overlay *overlay)
{
	free(overlay);
}

const struct bp_device_info *bp_overlay_device(const struct bp_overlay *overlay)
{
	return &overlay->copy;
}

const struct bp_bdev *bp_overlay_origin(const struct bp_overlay *overlay)
{
	return &overlay->origin;
}

/* --- making one --- */

/* "overlay-sdb"; a path of which the last part is "8:16" has no such name. */
static int name_of(struct bp_ctx *ctx, const char *device, const char *given, char *ret)
{
	const char *slash = strrchr(device, '/');
	int n = given ? snprintf(ret, BP_NAME_SIZE, "%s", given)
		      : snprintf(ret, BP_NAME_SIZE, "overlay-%s", slash ? slash + 1 : device);

	for (char *p = ret; !given && *p; p++)
		if (*p == ':')
			*p = '-';
	return n >= BP_NAME_SIZE ? bp_fail(ctx, -EINVAL, "name '%s': too long", ret) : 0;
}

/* The header, tables of what was written, and that itself; whole chunks. */
static bp_bytes store_bytes(bp_bytes size, bp_bytes room)
{
	bp_bytes chunks = (MIN(room ? room : size, size) + CHUNK - 1) / CHUNK;

	return (chunks + chunks / CHUNKS_A_TABLE) * CHUNK + EXTRA;
}

/* A persistent store, as it is merged later; by numbers, as paths may move. */
static int make_device(struct bp_overlay *o, bool merge, struct bp_device_info *ret)
{
	char origin[32], store[32];
	const struct bp_snapshot snapshot = {
		.origin_dev = origin,
		.cow_dev = store,
		.store = BP_SNAPSHOT_PERSISTENT,
		.chunk_sectors = CHUNK_SECTORS,
	};
	struct bp_table *table;
	int r = bp_table_new(o->ctx, &table);

	if (r < 0)
		return r;
	snprintf(origin, sizeof(origin), "%" PRIu32 ":%" PRIu32, o->origin.major,
		 o->origin.minor);
	snprintf(store, sizeof(store), "%" PRIu32 ":%" PRIu32, o->store.major, o->store.minor);
	r = merge ? bp_table_append(o->ctx, table, bp_bytes_to_sector(o->origin.size_bytes),
				    BP_PARAMS_SNAPSHOT_MERGE(&snapshot))
		  : bp_table_append(o->ctx, table, bp_bytes_to_sector(o->origin.size_bytes),
				    BP_PARAMS_SNAPSHOT(&snapshot));
	if (r == 0)
		r = bp_device_create(o->ctx, o->copy.name, table, NULL, ret);
	bp_table_free(table);
	return r;
}

/* Nobody else may use the origin: a snapshot sees only what goes through its own device. */
static int open_one(struct bp_overlay *o, const char *device,
		    const struct bp_overlay_opts *opts)
{
	int r = bp_bdev_get(o->ctx, device, &o->origin);

	if (r == 0)
		r = holders_refuse(o->ctx, &o->origin,
				   "what changes it would change the copy too: stop its users");
	if (r == 0 && !bp_bytes_to_sector(o->origin.size_bytes))
		r = bp_fail(o->ctx, -EINVAL, "'%s': it has no size", device);
	if (r == 0)
		r = name_of(o->ctx, device, opts->name, o->copy.name);
	if (r == 0)
		r = scope_loop(o->scope, store_bytes(o->origin.size_bytes, opts->room_bytes),
			       &o->store, o->file);
	return r < 0 ? r : make_device(o, false, &o->copy);
}

/* Of its scope: it ends with it. */
int bp_overlay_open(struct bp_scope *scope, const char *device,
		    const struct bp_overlay_opts *opts, struct bp_overlay **ret)
{
	struct bp_ctx *ctx = scope_ctx(scope);
	struct bp_overlay *o;
	struct bp_overlay_opts how;
	int r = opts_read(ctx, &how, sizeof(how), opts);

	if (r < 0)
		return r;
	o = calloc(1, sizeof(*o));
	if (!o)
		return bp_fail_memory(ctx);
	o->ctx = ctx;
	o->scope = scope;
	r = open_one(o, device, &how);
	if (r < 0) {
		bp_overlay_close(o);
		return r;
	}
	*ret = o;
	return 0;
}

/* --- how full --- */

/* @ret: all zero where there is a state instead of values, which is its name then. */
static int ask(const struct bp_overlay *o, struct bp_snapshot_status *ret, char state[32])
{
	const struct bp_selector which = { .name = o->copy.name };
	struct bp_device_status *lines;
	struct bp_status *status = NULL;
	const struct bp_status_line *line;
	int r = bp_device_status(o->ctx, &which, 0, &lines);

	*ret = (struct bp_snapshot_status){ 0 };
	state[0] = '\0';
	if (r < 0)
		return r;
	line = bp_device_status_count(lines) ? bp_device_status_get(lines, 0) : NULL;
	if (line)
		r = bp_status_parse(o->ctx, line->target, line->text, &status);
	if (status && status->values)
		memcpy(ret, status->values, sizeof(*ret));
	else
		snprintf(state, 32, "%s", status && status->state ? status->state : "Unknown");
	bp_status_free(status);
	bp_device_status_free(lines);
	return r;
}

/* What the file may still take. Where that can't be told it is no bound. */
static bp_bytes file_left(const struct bp_overlay *o)
{
	struct statvfs fs;

	return statvfs(o->file, &fs) < 0 ? UINT64_MAX : (bp_bytes)fs.f_bavail * fs.f_frsize;
}

/* The least of what the store and the file system below its file have left. */
int bp_overlay_usage(const struct bp_overlay *overlay, struct bp_overlay_usage *ret)
{
	struct bp_overlay_usage usage = { .size = ret->size };
	struct bp_snapshot_status values;
	char state[32];
	int r = ret->size < sizeof(ret->size)
			? bp_fail(overlay->ctx, -EINVAL, "overlay usage: no size")
			: ask(overlay, &values, state);

	if (r < 0)
		return r;
	usage.invalid = state[0] != '\0';
	usage.used_bytes = bp_sector_to_bytes(values.used_sectors);
	if (!usage.invalid)
		usage.left_bytes =
			MIN(bp_sector_to_bytes(values.total_sectors - values.used_sectors),
			    file_left(overlay));
	memcpy(ret, &usage, MIN(usage.size, sizeof(usage)));
	return 0;
}

/* --- back into the device --- */

/* Retried, as udev may hold it. */
static int remove_copy(struct bp_overlay *o)
{
	const struct bp_remove_opts how = {
		.size = sizeof(how),
		.flags = BP_REMOVE_RETRY,
		.timeout_ms = REMOVE_MS,
	};
	const struct bp_selector which = { .name = o->copy.name };

	return bp_device_remove(o->ctx, &which, &how, NULL);
}

/* All of it is to be merged, or nothing is begun. */
static int may_merge(struct bp_overlay *o)
{
	struct bp_snapshot_status values;
	char state[32];
	int r = ask(o, &values, state);

	if (r < 0)
		return r;
	if (state[0])
		return bp_fail(o->ctx, -ESTALE,
			       "'%s': the copy is lost (%s); the device is whole",
			       o->origin.path, state);
	if (o->origin.read_only)
		return bp_fail(o->ctx, -EROFS, "'%s': it is read-only", o->origin.path);
	return 0;
}

/* A second name for the file, which the scope's end does not take away. */
static int keep_file(struct bp_overlay *o)
{
	const char *file = strrchr(o->file, '/') + 1;
	int r;

	scope_kept_path(o->scope, file, o->kept);
	if (link(o->file, o->kept) == 0)
		return 0;
	r = -errno;
	o->kept[0] = '\0';
	return bp_fail(o->ctx, r, "'%s' can't be kept until it is merged: %s", o->file,
		       strerrordesc_np(-r));
}

/*
 * The kernel merges from the end; what is left is data in the store, without its own
 * metadata.
 */
static int wait_merged(struct bp_overlay *o,
		       int (*progress)(void *user, uint64_t done, uint64_t total), void *user)
{
	uint64_t total = 0;

	for (;;) {
		struct bp_snapshot_status v;
		uint64_t left;
		char state[32];
		int r = ask(o, &v, state);

		if (r < 0)
			return r;
		if (state[0])
			return bp_fail(o->ctx, -EIO, "'%s': the merge stopped: %s",
				       o->origin.path, state);
		left = v.used_sectors - v.metadata_sectors;
		total = MAX(total, left);
		if (progress)
			progress(user, total - left, total);
		if (!left)
			return 0;
		clock_sleep_ms(BETWEEN_MS);
	}
}

/* What was merged lies in the page cache until here. */
static int make_durable(struct bp_overlay *o)
{
	_cleanup_(closep) int fd = open(o->origin.path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return bp_fail(o->ctx, -errno, "'%s': %s", o->origin.path,
			       strerrordesc_np(errno));
	return 0;
}

/*
 * From keep_file() on an interruption leaves the store under a name of its own: without it
 * the origin is half merged for good.
 */
int bp_overlay_merge(struct bp_overlay *overlay,
		     int (*progress)(void *user, uint64_t done, uint64_t total), void *user,
		     const char **ret_kept)
{
	struct bp_device_info merging;
	int r = may_merge(overlay);

	if (ret_kept)
		*ret_kept = NULL;
	if (r == 0)
		r = remove_copy(overlay);
	if (r == 0)
		r = keep_file(overlay);
	if (r < 0)
		return r;
	r = make_device(overlay, true, &merging);
	if (r == 0)
		r = wait_merged(overlay, progress, user);
	if (r == 0)
		r = remove_copy(overlay);
	if (r == 0)
		r = make_durable(overlay);
	if (r == 0)
		unlink(overlay->kept);
	else if (ret_kept)
		*ret_kept = overlay->kept;
	return r;
}
