/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mapped devices: every operation of the kernel's device-mapper, each as one call.
 *
 * Calls that change something are transactions: on failure the state is as before. Every call
 * that can block takes a limit in milliseconds: 0 is the default (BP_TIMEOUT_DEFAULT_MS),
 * negative is none. Beside the errors named at a call, all of them can return -ENOMEM, -ENODEV
 * with BP_E_NO_DM (no device-mapper), -EACCES or -EPERM (not allowed).
 */
#ifndef BEDPLATE_DEVICE_H
#define BEDPLATE_DEVICE_H

#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_table;
struct bp_findings;
struct bp_table_check_opts;

#define BP_TIMEOUT_DEFAULT_MS 30000

#define BP_NAME_SIZE 128 /* with NUL, of a name as the kernel holds it */
#define BP_UUID_SIZE 129 /* with NUL */
#define BP_NODE_SIZE 512 /* with NUL, of a path made from them */

/**
 * struct bp_selector - Which mapped device. The first of these that is set counts.
 * @name: its name, plain ("a b") or as udev writes it ("a\x20b").
 * @uuid: its uuid.
 * @path: a block special file that is a mapped device.
 * @major, @minor: its number, where all else is NULL. Major 0: of device-mapper; but minor 0 only
 *	together with its major: a selector of zeros names nobody, and is refused (-EINVAL).
 *
 * Texts are lent for the duration of a call.
 */
struct bp_selector {
	const char *name, *uuid, *path;
	uint32_t major, minor;
};

/**
 * bp_selector_parse() - What a person typed: with a slash a path, MAJOR:MINOR a number (unless
 * NAME is wanted: then fill the struct yourself), all else a name.
 * @text: lent: must live as long as @ret is used.
 */
BP_API void bp_selector_parse(const char *text, struct bp_selector *ret);

/**
 * struct bp_device_info - A mapped device, as the kernel told it in one answer.
 * @name: plain name. May hold any byte but NUL; may be longer than a node's name allows.
 * @kernel_name: as the kernel holds it: what is odd written \xNN.
 * @uuid: "" where it has none. Plain, as @name.
 * @path: its node in the mapper directory. Not looked at: see bp_device_mknodes().
 * @event_nr: number of the last event.
 * @open_count: how many hold it open, other mapped devices included.
 * @nr_segments: of the live table.
 * @suspended: by a call; @internally_suspended: by another target that needs it quiet.
 * @live_table, @inactive_table: which tables it has.
 * @deferred_remove: goes away when the last user closes it.
 */
struct bp_device_info {
	char name[BP_NAME_SIZE], kernel_name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	char path[BP_NODE_SIZE];
	uint32_t major, minor, event_nr;
	int32_t open_count;
	uint32_t nr_segments;
	bool suspended, internally_suspended, read_only;
	bool live_table, inactive_table, deferred_remove;
};

/* --- asking --- */

/**
 * struct bp_dm_version - What device-mapper runs: the ioctl interface of the driver.
 */
struct bp_dm_version {
	uint32_t major, minor, patch;
};

/**
 * bp_dm_version() - Ask for it. Return: 0, -EACCES (not root), -ENODEV (no device-mapper).
 */
BP_API int bp_dm_version(struct bp_ctx *ctx, struct bp_dm_version *ret);

/**
 * bp_device_info() - Ask for one device. One ioctl.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (BP_E_NAME).
 */
BP_API int bp_device_info(struct bp_ctx *ctx, const struct bp_selector *which,
			  struct bp_device_info *ret);

/**
 * struct bp_device_entry - One device of a list.
 * @event_nr, @uuid: 0 and "" where the kernel is too old to tell them in a list.
 */
struct bp_device_entry {
	char name[BP_NAME_SIZE], kernel_name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t major, minor, event_nr;
};

/**
 * bp_device_list() - All mapped devices, ordered by kernel name. One ioctl.
 * @ret: free it with bp_device_list_free(). Entries are lent by it.
 *
 * Return: 0, -EACCES, -ENOMEM.
 */
struct bp_device_list;
BP_API int bp_device_list(struct bp_ctx *ctx, struct bp_device_list **ret);
BP_API size_t bp_device_list_count(const struct bp_device_list *list);
BP_API const struct bp_device_entry *bp_device_list_get(const struct bp_device_list *list,
							size_t index);
BP_API void bp_device_list_free(struct bp_device_list *list);

/**
 * bp_device_visit() - Call @device for each mapped device, ordered by kernel name. One ioctl, and a
 * sixth of the memory of a list: for programs that live as long as their answer.
 * @device: may ask the library for more; @entry is lent until it returns. Non-zero ends it and is
 * returned.
 *
 * Return: 0; as bp_device_list().
 */
BP_API int bp_device_visit(struct bp_ctx *ctx,
			   int (*device)(void *user, const struct bp_device_entry *entry),
			   void *user);

/**
 * enum bp_table_flags - Which table, and how.
 * @BP_TABLE_INACTIVE: the one loaded but not resumed, instead of the live one.
 * @BP_TABLE_SHOW_KEYS: keys as they are; without it their digits come out as zeros.
 * @BP_TABLE_FLUSH: for a status: let targets commit first (thin-pool, cache, era do). May
 *	block where their devices do; limited by the default limit.
 * @BP_TABLE_NO_LIMIT: that without any limit.
 */
enum bp_table_flags {
	BP_TABLE_INACTIVE = 1 << 0,
	BP_TABLE_SHOW_KEYS = 1 << 1,
	BP_TABLE_FLUSH = 1 << 2,
	BP_TABLE_NO_LIMIT = 1 << 3,
};

/**
 * bp_device_table() - A device's table. One ioctl.
 * @flags: enum bp_table_flags.
 * @ret: free it with bp_table_free(). Without segments where the device has no such table.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL.
 */
BP_API int bp_device_table(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t flags,
			   struct bp_table **ret);

/**
 * struct bp_status_line - The status of one segment as the target wrote it.
 * @text: without the target's name. bp_status_parse() makes typed values of it.
 */
struct bp_status_line {
	bp_sector start_sectors, length_sectors;
	const char *target, *text;
};

/**
 * bp_device_status() - A device's status, a line for each segment. One ioctl.
 * @flags: BP_TABLE_INACTIVE, BP_TABLE_FLUSH, BP_TABLE_NO_LIMIT.
 * @ret: free it with bp_device_status_free(). Lines are lent by it.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL, -ETIMEDOUT.
 */
struct bp_device_status;
BP_API int bp_device_status(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t flags,
			    struct bp_device_status **ret);
BP_API size_t bp_device_status_count(const struct bp_device_status *status);
BP_API const struct bp_status_line *bp_device_status_get(const struct bp_device_status *status,
							 size_t index);
/* The device the status is of, from the same answer. Lent. */
BP_API const struct bp_device_info *
bp_device_status_info(const struct bp_device_status *status);
BP_API void bp_device_status_free(struct bp_device_status *status);

/**
 * bp_device_table_lines() - A device's table as status lines: the arguments as the kernel printed
 * them, for programs that compare texts. One ioctl.
 * @flags: BP_TABLE_INACTIVE, BP_TABLE_SHOW_KEYS.
 * @ret: free it with bp_device_status_free().
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL.
 */
BP_API int bp_device_table_lines(struct bp_ctx *ctx, const struct bp_selector *which,
				 uint32_t flags, struct bp_device_status **ret);

/**
 * bp_device_measure() - What each segment tells to integrity measurement, as status lines with
 * "key=value," text. Needs driver 4.45; many targets tell nothing. One ioctl.
 * @ret: free it with bp_device_status_free().
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL, -EOPNOTSUPP (an older driver).
 */
BP_API int bp_device_measure(struct bp_ctx *ctx, const struct bp_selector *which,
			     struct bp_device_status **ret);

struct bp_devno {
	uint32_t major, minor;
};

/**
 * bp_device_deps() - Which devices a table uses. One ioctl.
 * @flags: BP_TABLE_INACTIVE.
 * @ret: free it with bp_device_deps_free(). Numbers are lent by it.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL, -ENOMEM.
 */
struct bp_device_deps;
BP_API int bp_device_deps(struct bp_ctx *ctx, const struct bp_selector *which, uint32_t flags,
			  struct bp_device_deps **ret);
BP_API size_t bp_device_deps_count(const struct bp_device_deps *deps);
BP_API const struct bp_devno *bp_device_deps_get(const struct bp_device_deps *deps,
						 size_t index);
BP_API void bp_device_deps_free(struct bp_device_deps *deps);

/**
 * bp_device_lies_on() - Does a block device lie on another, through mapped devices of any depth?
 * @dev, @below: any block devices. Each lies on itself.
 * @ret: the answer. Tables count as well that are loaded but not live yet.
 *
 * One ioctl for each mapped device on the way, or two where it has both tables; none where @dev
 * is no mapped device.
 *
 * Return: 0, -EACCES, -ENOMEM.
 */
BP_API int bp_device_lies_on(struct bp_ctx *ctx, const struct bp_devno *dev,
			     const struct bp_devno *below, bool *ret);

/**
 * struct bp_kernel_target - A target the running kernel has, and its version there. What this library
 * knows of targets, whatever the kernel: bp_target_get().
 */
struct bp_kernel_target {
	char name[16];
	uint32_t version[3];
};

/**
 * bp_kernel_target_list() - The targets whose modules are loaded. One ioctl.
 * @ret: free it with bp_kernel_target_list_free(). Entries are lent by it.
 *
 * Return: 0, -EACCES, -ENOMEM, or what the ioctl said.
 */
struct bp_kernel_target_list;
BP_API int bp_kernel_target_list(struct bp_ctx *ctx, struct bp_kernel_target_list **ret);
BP_API size_t bp_kernel_target_list_count(const struct bp_kernel_target_list *list);
BP_API const struct bp_kernel_target *
bp_kernel_target_list_get(const struct bp_kernel_target_list *list, size_t index);
BP_API void bp_kernel_target_list_free(struct bp_kernel_target_list *list);

/**
 * bp_kernel_target_version() - One target's version; loads its module where the kernel can.
 *
 * Return: 0, -EINVAL (BP_E_UNKNOWN_TARGET).
 */
BP_API int bp_kernel_target_version(struct bp_ctx *ctx, const char *name,
				    struct bp_kernel_target *ret);

/* --- making and changing --- */

/**
 * enum bp_udev_policy - What udev rules shall do with a device.
 * @BP_UDEV_PUBLIC: all they do with any.
 * @BP_UDEV_PRIVATE: a node only: no scanning of contents, no links by label or uuid.
 * @BP_UDEV_NONE: keep out: we make the node.
 */
enum bp_udev_policy {
	BP_UDEV_PUBLIC,
	BP_UDEV_PRIVATE,
	BP_UDEV_NONE,
};

/**
 * enum bp_create_flags -
 * @BP_CREATE_READ_ONLY: writes are refused.
 * @BP_CREATE_SECURE: the table holds keys: buffers are wiped, here and in the kernel.
 * @BP_CREATE_SUSPENDED: load the table but don't resume: it stays the inactive one.
 * @BP_CREATE_NODE_EARLY: a node even before the device has a live table.
 * @BP_CREATE_PERSISTENT: @major and @minor are set.
 * @BP_CREATE_MODE: @uid, @gid and @mode are set.
 * @BP_CREATE_UNCHECKED: hand the table to the kernel even where kernels are known to crash on it.
 */
enum bp_create_flags {
	BP_CREATE_READ_ONLY = 1 << 0,
	BP_CREATE_SECURE = 1 << 1,
	BP_CREATE_SUSPENDED = 1 << 2,
	BP_CREATE_NODE_EARLY = 1 << 3,
	BP_CREATE_PERSISTENT = 1 << 4,
	BP_CREATE_MODE = 1 << 5,
	BP_CREATE_UNCHECKED = 1 << 6,
};

/**
 * enum bp_read_ahead - Values of read_ahead_sectors that are no numbers.
 */
#define BP_READ_AHEAD_AUTO 0          /* as the kernel finds it */
#define BP_READ_AHEAD_NONE UINT32_MAX /* none */

/**
 * struct bp_create_opts - How to create. Zero in a member is its default.
 * @uuid: plain; NULL: none. At most 128 bytes; in a scope (scope.h) what stands behind its prefix:
 *	at most 71, and NULL is one that is made up.
 * @flags: enum bp_create_flags.
 * @major, @minor: the number it shall have. Major 0: of device-mapper.
 * @uid, @gid, @mode: of the node, where we make it.
 * @udev: enum bp_udev_policy.
 * @read_ahead_sectors: or BP_READ_AHEAD_AUTO, BP_READ_AHEAD_NONE.
 * @read_ahead_minimum: take @read_ahead_sectors only where the kernel's value is less.
 * @timeout_ms: for the whole call.
 */
struct bp_create_opts {
	size_t size;
	const char *uuid;
	uint32_t flags;
	uint32_t major, minor;
	uint32_t uid, gid, mode;
	uint32_t udev;
	uint32_t read_ahead_sectors;
	bool read_ahead_minimum;
	int64_t timeout_ms;
};

/**
 * bp_device_create() - Create, load, resume: all of it or nothing.
 * @name: plain or mangled; at most 127 bytes once mangled. No number ("254:1"), nothing that stands
 *	for a slash ("a\x2fb"), and no backslash in front of an x: other programs stumble over it.
 * @table: NULL: a device without a table.
 * @opts: NULL for the defaults.
 * @ret: the device; may be NULL. Its node exists.
 *
 * Return: 0, -EBUSY (BP_E_EXISTS: name, uuid or number is taken), -EINVAL (BP_E_NAME,
 * BP_E_TABLE, BP_E_UNKNOWN_TARGET ...), -ETIMEDOUT, or what the kernel said to the table: then
 * the error has its log lines, and segment and argument where they can be told.
 */
BP_API int bp_device_create(struct bp_ctx *ctx, const char *name, const struct bp_table *table,
			    const struct bp_create_opts *opts, struct bp_device_info *ret);

/**
 * bp_device_check_opts() - What this system can tell pre-flight: devices, holders, kernel.
 * @ret: for bp_table_check(). Its functions use @ctx, which must outlive it; what is known of
 *	the table (@read_only, @device, @live) is the caller's to add. Its @size is set before.
 */
BP_API void bp_device_check_opts(struct bp_ctx *ctx, struct bp_table_check_opts *ret);

/**
 * bp_device_check_table() - Pre-flight: bp_table_check() with all that this system can tell.
 * @which: the device it is for, where it exists; or NULL.
 * @ret: free it with bp_findings_free().
 *
 * Return: 0 also where the table is wrong (then there are findings); -ENXIO (@which is not there),
 *	-ENOMEM.
 */
BP_API int bp_device_check_table(struct bp_ctx *ctx, const struct bp_table *table,
				 const struct bp_selector *which, bool read_only,
				 struct bp_findings **ret);

/**
 * enum bp_change_flags -
 * @BP_CHANGE_NO_LOCKFS: don't freeze the file system on suspend.
 * @BP_CHANGE_NO_FLUSH: don't wait for I/O in the device: targets push it back. Both also for a
 *	resume that makes a loaded table live: the kernel suspends the device for it where it is not
 *	yet.
 * @BP_CHANGE_READ_ONLY, @BP_CHANGE_SECURE: of the table to load: see enum bp_create_flags.
 * @BP_CHANGE_UNLESS_SAME: for a reload: do nothing where the live table means the same.
 * @BP_CHANGE_UNCHECKED: hand the table to the kernel even where kernels are known to crash on it,
 *	or where it makes the device lie on itself: I/O to such a device never ends.
 * @BP_CHANGE_NO_NODE: for resume: leave the node as it is, there or not.
 * @BP_CHANGE_MODE: for resume: @uid, @gid and @mode are set.
 */
enum bp_change_flags {
	BP_CHANGE_NO_LOCKFS = 1 << 0,
	BP_CHANGE_NO_FLUSH = 1 << 1,
	BP_CHANGE_READ_ONLY = 1 << 2,
	BP_CHANGE_SECURE = 1 << 3,
	BP_CHANGE_UNLESS_SAME = 1 << 4,
	BP_CHANGE_UNCHECKED = 1 << 5,
	BP_CHANGE_NO_NODE = 1 << 6,
	BP_CHANGE_MODE = 1 << 7,
};

/**
 * struct bp_change_opts - How to change. Zero in a member is its default.
 * @flags: enum bp_change_flags.
 * @udev: enum bp_udev_policy.
 * @read_ahead_sectors, @read_ahead_minimum: for resume: see struct bp_create_opts.
 * @timeout_ms: for the whole call.
 * @uid, @gid, @mode: for resume: of the node, where we make it.
 */
struct bp_change_opts {
	size_t size;
	uint32_t flags;
	uint32_t udev;
	uint32_t read_ahead_sectors;
	bool read_ahead_minimum;
	int64_t timeout_ms;
	uint32_t uid, gid, mode;
};

/**
 * bp_device_load() - Put a table in the inactive slot. What was there is replaced.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (the table is wrong, or the kernel refused it: see
 *	bp_error_get()), -EBUSY (a device of the table is in use), -ENOENT (it is not there),
 *	-ENOMEM.
 */
BP_API int bp_device_load(struct bp_ctx *ctx, const struct bp_selector *which,
			  const struct bp_table *table, const struct bp_change_opts *opts);
/**
 * bp_device_load_lines() - The same from lines as the kernel reads them, byte for byte: the inverse
 * of bp_device_table_lines(). Nothing is looked at, as with BP_CHANGE_UNCHECKED.
 * @lines: @count of them; -EINVAL where it is 0.
 */
BP_API int bp_device_load_lines(struct bp_ctx *ctx, const struct bp_selector *which,
				const struct bp_status_line *lines, size_t count,
				const struct bp_change_opts *opts);
/**
 * bp_device_clear() - Drop the inactive table.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE). None to drop is no failure.
 */
BP_API int bp_device_clear(struct bp_ctx *ctx, const struct bp_selector *which,
			   const struct bp_change_opts *opts);

/**
 * bp_device_suspend() - Let I/O run out and hold new I/O back.
 *
 * Return: 0, -ENXIO, -ETIMEDOUT (not suspended), -EBUSY (BP_E_POOL_STATE: a thin volume whose
 * pool is suspended: the kernel would not come back).
 */
BP_API int bp_device_suspend(struct bp_ctx *ctx, const struct bp_selector *which,
			     const struct bp_change_opts *opts);
/**
 * bp_device_resume() - Make a loaded table live, and let I/O go on. Errors as suspend.
 *
 * Return: as bp_device_suspend(), or why a target refuses to run.
 */
BP_API int bp_device_resume(struct bp_ctx *ctx, const struct bp_selector *which,
			    const struct bp_change_opts *opts);

/**
 * bp_device_reload() - Change the live table: load, then suspend and resume. Where the resume
 * fails, the old table is put back. A device that was suspended is resumed too.
 *
 * Return: as bp_device_load() and bp_device_suspend(): on failure the device runs as before.
 */
BP_API int bp_device_reload(struct bp_ctx *ctx, const struct bp_selector *which,
			    const struct bp_table *table, const struct bp_change_opts *opts);

/**
 * bp_device_wipe_table() - Replace the live table by one that answers every I/O with an error,
 * of the same length.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (it has no table), or as bp_device_reload().
 */
BP_API int bp_device_wipe_table(struct bp_ctx *ctx, const struct bp_selector *which,
				const struct bp_change_opts *opts);

/**
 * enum bp_remove_flags -
 * @BP_REMOVE_RETRY: while it is in use, try again until the limit is over.
 * @BP_REMOVE_DEFERRED: if it is in use, let the kernel remove it when the last user is gone.
 * @BP_REMOVE_FORCE: answer I/O of its users with errors, so that they let go. Refused (-EBUSY)
 *	where that could not free it: a mapped device, a mount or swap holds it; or processes do
 *	and neither BP_REMOVE_RETRY nor BP_REMOVE_DEFERRED gives them time.
 */
enum bp_remove_flags {
	BP_REMOVE_RETRY = 1 << 0,
	BP_REMOVE_DEFERRED = 1 << 1,
	BP_REMOVE_FORCE = 1 << 2,
};

struct bp_remove_opts {
	size_t size;
	uint32_t flags;
	int64_t timeout_ms;
};

enum bp_removed {
	BP_REMOVED = 0,
	BP_REMOVED_DEFERRED = 1,
};

/**
 * bp_device_remove() - Remove a device and its node.
 * @ret: which of both happened; may be NULL.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EBUSY (BP_E_BUSY: the cause names who holds it).
 */
BP_API int bp_device_remove(struct bp_ctx *ctx, const struct bp_selector *which,
			    const struct bp_remove_opts *opts, enum bp_removed *ret);

/**
 * bp_device_cancel_remove() - Take a deferred removal back (all of a device's).
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EBUSY (it is being removed).
 */
BP_API int bp_device_cancel_remove(struct bp_ctx *ctx, const struct bp_selector *which);

/**
 * typedef bp_removed_fn - What became of one device.
 * @index: its place among those named.
 * @r: as bp_device_remove() returns it; while this runs bp_errmsg() and bp_error_get() tell of
 *	this failure. No other call may be made in the context.
 * @removed: which of both happened, where @r is 0.
 */
typedef void (*bp_removed_fn)(void *user, size_t index, int r, enum bp_removed removed);

/**
 * bp_device_remove_many() - Remove several devices, those that use others of them first.
 * @which: @count devices.
 * @opts: as for one; the limit is each one's.
 * @each: called for each in the order of @which, when all have been tried; may be NULL.
 *
 * Up to 16 are removed at a time, by threads with contexts of their own, which have ended when
 * this returns; debug lines of those go where BEDPLATE_DEBUG says. A device that can't be removed
 * holds nobody up: the others are tried, with what lies below it.
 *
 * Return: 0, or the first failure in the order of @which, whose error the context has.
 */
BP_API int bp_device_remove_many(struct bp_ctx *ctx, const struct bp_selector *which,
				 size_t count, const struct bp_remove_opts *opts,
				 bp_removed_fn each, void *user);

/**
 * bp_device_remove_all() - Remove every mapped device that nobody uses, users before used, up to
 * 16 at a time.
 * @opts: as for one; @ret_left: how many stayed; may be NULL.
 *
 * Return: 0 also where some stayed; -ENOMEM, or why they can't be listed.
 */
BP_API int bp_device_remove_all(struct bp_ctx *ctx, const struct bp_remove_opts *opts,
				size_t *ret_left);

/**
 * bp_device_rename(), bp_device_set_uuid() - A device has its first uuid for life.
 *
 * Return: 0, -ENXIO, -EBUSY (BP_E_EXISTS: taken), -EINVAL (BP_E_NAME; BP_E_EXISTS: has a uuid).
 */
BP_API int bp_device_rename(struct bp_ctx *ctx, const struct bp_selector *which,
			    const char *new_name, const struct bp_change_opts *opts);
BP_API int bp_device_set_uuid(struct bp_ctx *ctx, const struct bp_selector *which,
			      const char *uuid);

/**
 * bp_device_message() - Send a message to the target at a sector.
 * @sector: 0 for the device itself ("@stats_...") and for single-segment tables.
 * @ret_reply: its answer, "" where it has none; free() it. May be NULL.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (the target does not know it, or no target there),
 *	-ETIMEDOUT, or what the target answered.
 */
BP_API int bp_device_message(struct bp_ctx *ctx, const struct bp_selector *which,
			     bp_sector sector, const char *message, int64_t timeout_ms,
			     char **ret_reply);

/**
 * bp_device_set_geometry() - What the device tells programs that still ask for it.
 * @cylinders: up to 65535; @heads, @sectors: up to 255; @start_sectors: up to their product.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE, or no live table), -EINVAL (out of these bounds).
 */
BP_API int bp_device_set_geometry(struct bp_ctx *ctx, const struct bp_selector *which,
				  uint64_t cylinders, uint64_t heads, uint64_t sectors,
				  bp_sector start_sectors);

/**
 * Read-ahead of a device that has a live table. Rounded up to KiB.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), or why its node can't be opened. bp_device_set_read_ahead()
 *	alike.
 */
BP_API int bp_device_get_read_ahead(struct bp_ctx *ctx, const struct bp_selector *which,
				    uint32_t *ret_sectors);
BP_API int bp_device_set_read_ahead(struct bp_ctx *ctx, const struct bp_selector *which,
				    uint32_t read_ahead_sectors, bool minimum);

/* --- events --- */

/**
 * bp_device_wait() - Wait until a device's event number is another than @event_nr.
 * @event_nr: as bp_device_info() told it; 0 returns at once if there ever was an event. A device
 *	that was made anew begins at 0 again.
 * @ret: the device then; may be NULL.
 *
 * Return: 0, -ETIMEDOUT, -ENXIO (BP_E_NO_DEVICE: not there, or removed meanwhile).
 */
BP_API int bp_device_wait(struct bp_ctx *ctx, const struct bp_selector *which,
			  uint32_t event_nr, int64_t timeout_ms, struct bp_device_info *ret);

/**
 * bp_event_fd() - A descriptor that poll() finds readable after an event of any device.
 * @ret_fd: the context's: don't close it. The same in every call.
 *
 * Nothing is lost in this order: bp_event_arm(), bp_device_list() and compare, poll().
 *
 * Return: 0, or why device-mapper can't be opened or armed. bp_event_arm() alike.
 */
BP_API int bp_event_fd(struct bp_ctx *ctx, int *ret_fd);
BP_API int bp_event_arm(struct bp_ctx *ctx);

/* --- nodes and names --- */

/**
 * bp_device_mknodes() - Make the nodes of devices that lack one, remove those of devices that
 * are gone.
 * @which: NULL: all devices.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), or why a node can't be made or removed: the first failure
 *	ends it.
 */
BP_API int bp_device_mknodes(struct bp_ctx *ctx, const struct bp_selector *which);

/**
 * bp_device_mangle() - Rename a device whose name udev could not use. No-op where it could.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (its mangled name is too long), -EBUSY (that name is
 *	taken).
 */
BP_API int bp_device_mangle(struct bp_ctx *ctx, const struct bp_selector *which);

/**
 * bp_name_mangle(), bp_name_unmangle() - The name as udev needs it, and back.
 * @ret: BP_NAME_SIZE bytes.
 *
 * What is not a letter, digit or one of #+-.:=@_ becomes \xNN. A name that holds \xNN already
 * is taken as mangled; it must not hold odd bytes beside.
 *
 * Return: 0, -EINVAL (BP_E_NAME: empty, "." or "..", "control", has a slash, too long, mixed).
 */
BP_API int bp_name_mangle(struct bp_ctx *ctx, const char *name, char *ret);
BP_API int bp_name_unmangle(struct bp_ctx *ctx, const char *name, char *ret);

/**
 * struct bp_name_parts - What a name of a known maker says.
 * @subsystem: "LVM", "CRYPT", "mpath", "part" ...; "" where none is known.
 * @vg, @lv, @layer: of LVM; else all in @lv.
 */
struct bp_name_parts {
	char subsystem[BP_NAME_SIZE];
	char vg[BP_NAME_SIZE], lv[BP_NAME_SIZE], layer[BP_NAME_SIZE];
};

/**
 * bp_name_split() - Take a name apart.
 * @subsystem: NULL: found from @uuid; where that is NULL too, "LVM" if the name looks like it.
 * @uuid: the device's uuid, or NULL.
 *
 * Return: 0, -EINVAL (@name is no mangled name).
 */
BP_API int bp_name_split(struct bp_ctx *ctx, const char *name, const char *subsystem,
			 const char *uuid, struct bp_name_parts *ret);

/* --- how devices lie on one another --- */

/**
 * struct bp_tree_node - A device of a tree: mapped, or below mapped ones.
 * @name: plain name of a mapped device; kernel's name (sda1) of another.
 * @mapped: it is a mapped device.
 * @in_cycle: it lies, by other devices, on itself.
 * @below: numbers of the nodes it uses; @above: of those that use it.
 */
struct bp_tree_node {
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t major, minor;
	bool mapped, in_cycle;
	const size_t *below, *above;
	size_t nr_below, nr_above;
};

/**
 * bp_tree_read() - All mapped devices and what they lie on.
 * @ret: free it with bp_tree_free(). Nodes are lent by it; mapped ones first.
 *
 * Return: 0, -EACCES, -ENOMEM. Devices that go meanwhile are left out.
 */
struct bp_tree;
BP_API int bp_tree_read(struct bp_ctx *ctx, struct bp_tree **ret);
BP_API size_t bp_tree_count(const struct bp_tree *tree);
BP_API const struct bp_tree_node *bp_tree_get(const struct bp_tree *tree, size_t index);
BP_API void bp_tree_free(struct bp_tree *tree);

/* --- looking ahead --- */

/**
 * struct bp_plan_step - What would be done.
 * @verb: "create", "load", "suspend", "resume", "message", "remove", "zero" ...
 * @device: the mapped device or path concerned.
 * @detail: table, message, new name ...; "" where there is none.
 */
struct bp_plan_step {
	const char *verb, *device, *detail;
};

/**
 * bp_plan_start() - From here on, calls of this context that would change something check all
 * they can, note the steps and change nothing. Until bp_plan_take(). Where there is no
 * device-mapper to ask they take it that there are no devices, and a warning says so.
 *
 * Return: 0, -EINVAL (it does so already), -ENOMEM.
 */
BP_API int bp_plan_start(struct bp_ctx *ctx);

/**
 * bp_plan_take() - End that.
 * @ret: the steps; free it with bp_plan_free(). Steps are lent by it.
 *
 * Return: 0, -EINVAL (bp_plan_start() was not called).
 */
struct bp_plan;
BP_API int bp_plan_take(struct bp_ctx *ctx, struct bp_plan **ret);
BP_API size_t bp_plan_count(const struct bp_plan *plan);
BP_API const struct bp_plan_step *bp_plan_get(const struct bp_plan *plan, size_t index);
BP_API void bp_plan_free(struct bp_plan *plan);

#ifdef __cplusplus
}
#endif

#endif
