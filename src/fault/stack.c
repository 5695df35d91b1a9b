/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disk of a run: a loop device in a scope, below it, where the power can go, log-writes, which
 * records all that reaches the disk since it was made of zeros; on it a linear device, into which
 * faults are put; on that the file system. After a power cut the disk is made anew from the record.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <bedplate/targets.h>
#include <bedplate/targets_test.h>

#include "core/clock.h"
#include "fault/scenario.h"

#define LOG_TIMES  4 /* so much more than the disk can be written */
#define LOG_EXTRA  ((bp_bytes)64 << 20)
#define TRIES      50
#define BETWEEN_MS 100
#define REMOVE_MS  10000
#define LOG_FORMAT "%s-writes" /* of the scope */

static struct bp_devno top_number(const struct stack *s)
{
	return (struct bp_devno){ s->top.major, s->top.minor };
}

/* --- devices --- */

/* One segment over all of it. */
static int make(struct stack *s, const char *name, bp_bytes size_bytes, const char *target,
		const void *params, size_t params_size, struct bp_device_info *ret)
{
	struct bp_table *table;
	int r = bp_table_new(s->ctx, &table);

	if (r < 0)
		return r;
	r = bp_table_append(s->ctx, table, bp_bytes_to_sector(size_bytes), target, params,
			    params_size);
	if (r == 0)
		r = bp_device_create(s->ctx, name, table, NULL, ret);
	bp_table_free(table);
	return r;
}

static void devno_text(char *buf, size_t size, uint32_t major, uint32_t minor)
{
	snprintf(buf, size, "%" PRIu32 ":%" PRIu32, major, minor);
}

void stack_log_name(const struct stack *s, char *ret)
{
	snprintf(ret, BP_NAME_SIZE, LOG_FORMAT, s->scope_name);
}

/*
 * The log has room for LOG_TIMES the disk; what is written more often than that ends in an
 * error of the log.
 */
static int make_log(struct stack *s, char *below, size_t size)
{
	char name[BP_NAME_SIZE], dev[32], log[32];
	struct bp_log_writes writes = { .dev = dev, .log_dev = log };
	struct bp_device_info info;
	int r = bp_scope_loop(s->scope, s->base.size_bytes * LOG_TIMES + LOG_EXTRA, &s->log);

	if (r < 0)
		return r;
	devno_text(dev, sizeof(dev), s->base.major, s->base.minor);
	devno_text(log, sizeof(log), s->log.major, s->log.minor);
	stack_log_name(s, name);
	r = make(s, name, s->base.size_bytes, BP_PARAMS_LOG_WRITES(&writes), &info);
	if (r == 0)
		devno_text(below, size, info.major, info.minor);
	return r;
}

static int make_top(struct stack *s, const char *below)
{
	const struct bp_linear linear = { .dev = below };

	return make(s, s->scope_name, s->base.size_bytes, BP_PARAMS_LINEAR(&linear), &s->top);
}

/* How much of a tool's output is about what it was called for: up to how it is to be called. */
static size_t said(const char *text)
{
	const char *usage = strstr(text, "\nUsage");
	size_t len = usage ? (size_t)(usage - text) : strlen(text);

	while (len && text[len - 1] == '\n')
		len--;
	return MIN(len, (size_t)1024);
}

/* -q, and its output only where it fails. */
static int mkfs(struct stack *s)
{
	_cleanup_(strbuf_done) struct strbuf output = { 0 };
	char tool[64];
	const char *argv[] = { tool, "-q", s->top.path, NULL };
	int r;

	snprintf(tool, sizeof(tool), "mkfs.%s", s->scenario->fs);
	r = run_command(argv, &output);
	if (r > 0)
		return bp_fail(s->ctx, -EIO, "%s ended with %d: %.*s", tool, r,
			       (int)said(strbuf_text(&output)), strbuf_text(&output));
	return r < 0 ? bp_fail(s->ctx, r, "%s: %s", tool, strerror(-r)) : 0;
}

/* A device that exists already: nothing is made on it. */
static int find_target(struct stack *s)
{
	struct bp_selector which = { 0 };
	struct bp_devno dev;
	int r = bp_fault_find(s->ctx, s->scenario->target, &dev);

	if (r < 0)
		return r;
	which.major = dev.major;
	which.minor = dev.minor;
	return bp_device_info(s->ctx, &which, &s->top);
}

/* Before anything is made: what the scenario needs of the kernel. */
static int check_kernel(struct stack *s)
{
	struct bp_kernel_target entry;
	int r = s->scenario->cuts ? bp_kernel_target_version(s->ctx, "log-writes", &entry) : 0;

	if (r < 0)
		error_set_hint(s->ctx, "a power cut is made of what log-writes has recorded");
	return r;
}

int stack_find(struct stack *s)
{
	int r = check_kernel(s);

	return r < 0 || !s->scenario->target ? r : find_target(s);
}

/* In a scope, from the bottom up. */
int stack_make(struct stack *s)
{
	const struct bp_scope_opts how = { .size = sizeof(how), .command = s->command };
	char below[32];
	int r = bp_scope_open(s->ctx, s->scope_name, &how, &s->scope);

	if (r < 0 || s->scenario->target)
		return r;
	r = bp_scope_loop(s->scope, s->scenario->size_bytes, &s->base);
	if (r < 0)
		return r;
	devno_text(below, sizeof(below), s->base.major, s->base.minor);
	if (s->scenario->cuts)
		r = make_log(s, below, sizeof(below));
	if (r == 0)
		r = make_top(s, below);
	if (r == 0 && s->scenario->fs)
		r = mkfs(s);
	return r < 0 || !s->scenario->fs ? r : stack_mount(s);
}

/* --- mount --- */

/* At the scenario's mount point, in the namespace of the run. */
int stack_mount(struct stack *s)
{
	const char *point = s->scenario->mount;

	if (!point)
		return 0;
	if (mkdir(point, 0755) < 0 && errno != EEXIST)
		return bp_fail(s->ctx, -errno, "'%s': %s", point, strerror(errno));
	if (mount(s->top.path, point, s->scenario->fs, 0, NULL) < 0)
		return bp_fail(s->ctx, -errno, "'%s': %s can't be mounted: %s", point,
			       s->scenario->fs, strerror(errno));
	s->mounted = true;
	return 0;
}

/* Retried, as processes that were killed take a moment to let go. */
int stack_unmount(struct stack *s)
{
	int r = 0;

	for (int i = 0; s->mounted && i < TRIES; i++) {
		r = umount(s->scenario->mount) < 0 ? -errno : 0;
		if (r != -EBUSY)
			break;
		clock_sleep_ms(BETWEEN_MS);
	}
	if (r < 0)
		return bp_fail(s->ctx, r, "'%s' can't be unmounted: %s", s->scenario->mount,
			       strerror(-r));
	s->mounted = false;
	return 0;
}

/* -1: no tool is known for this file system. */
int stack_fsck(struct stack *s, struct strbuf *output)
{
	const char *ext[] = { "e2fsck", "-fn", s->top.path, NULL };
	const char *xfs[] = { "xfs_repair", "-n", s->top.path, NULL };

	if (!s->scenario->fs)
		return -1;
	if (strncmp(s->scenario->fs, "ext", 3) == 0)
		return run_command(ext, output);
	if (streq(s->scenario->fs, "xfs"))
		return run_command(xfs, output);
	return -1;
}

/* --- the power --- */

/*
 * An error table in place of the device: nothing that comes later reaches the disk. No
 * flush, no freeze: that is what a cut is.
 */
int stack_cut(struct stack *s)
{
	const struct bp_change_opts how = {
		.size = sizeof(how),
		.flags = BP_CHANGE_NO_FLUSH | BP_CHANGE_NO_LOCKFS,
	};
	struct bp_selector which = { .major = s->top.major, .minor = s->top.minor };
	struct bp_devno dev = top_number(s);
	int r = bp_device_wipe_table(s->ctx, &which, &how);

	return r < 0 ? r : bp_fault_forget(s->ctx, &dev, &s->faults);
}

/* udev may hold it for a moment. */
static int remove_named(struct stack *s, const char *name)
{
	const struct bp_remove_opts how = {
		.size = sizeof(how),
		.flags = BP_REMOVE_RETRY,
		.timeout_ms = REMOVE_MS,
	};
	struct bp_selector which = { .name = name };

	return bp_device_remove(s->ctx, &which, &how, NULL);
}

int stack_log_full(struct stack *s)
{
	bp_fail(s->ctx, -ENOSPC, "the log of what was written is full");
	error_set_code(s->ctx, BP_E_NO_SPACE);
	error_set_hint(s->ctx, "it holds %d times the disk: write less, or take a larger disk",
		       LOG_TIMES);
	return -ENOSPC;
}

/* A log that was full has gone on without being one. */
static int check_log(struct stack *s, const char *name)
{
	const struct bp_selector which = { .name = name };
	struct bp_device_status *lines;
	struct bp_status *status = NULL;
	const struct bp_log_writes_status *values;
	int r = bp_device_status(s->ctx, &which, 0, &lines);

	if (r < 0)
		return r;
	if (bp_device_status_count(lines))
		r = bp_status_parse(s->ctx, "log-writes", bp_device_status_get(lines, 0)->text,
				    &status);
	values = status ? status->values : NULL;
	if (r == 0 && values && values->logging_disabled)
		r = stack_log_full(s);
	bp_status_free(status);
	bp_device_status_free(lines);
	return r;
}

/* With the recording device goes what it had not put into its log yet. */
int stack_log_close(struct stack *s)
{
	char name[BP_NAME_SIZE];
	int r = stack_unmount(s);

	stack_log_name(s, name);
	if (r == 0)
		r = check_log(s, name);
	if (r == 0)
		r = remove_named(s, s->scope_name);
	return r < 0 ? r : remove_named(s, name);
}

static int read_fd(void *user, void *buf, size_t len, uint64_t offset)
{
	const int *fd = user;
	ssize_t n = pread(*fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
}

/* The log onto an empty disk of the same size. */
static int replay(struct stack *s, const struct bp_bdev *to, uint64_t seed, struct fates *fates)
{
	_cleanup_(closep) int from_fd = open(s->log.path, O_RDONLY | O_CLOEXEC);
	_cleanup_(closep) int to_fd = open(to->path, O_RDWR | O_CLOEXEC);
	const struct log_source source = {
		.read = read_fd,
		.user = &from_fd,
		.size_bytes = s->log.size_bytes,
	};
	const struct log_disk disk = { to_fd, to->size_bytes };
	struct writes_log log;
	int r;

	if (from_fd < 0 || to_fd < 0)
		return bp_fail(s->ctx, -errno, "'%s': %s", from_fd < 0 ? s->log.path : to->path,
			       strerror(errno));
	r = writes_log_read(s->ctx, &source, &log);
	if (r < 0)
		return r;
	r = writes_log_replay(s->ctx, &log, &source, &disk, seed, fates);
	writes_log_done(&log);
	return r;
}

/* Another disk with what survived, under the same layer for faults. */
int stack_revive(struct stack *s, uint64_t seed, char **ret_what)
{
	struct fates fates = { 0 };
	struct bp_bdev found;
	char below[32];
	int r = stack_log_close(s);

	if (r == 0)
		r = bp_scope_loop(s->scope, s->base.size_bytes, &found);
	if (r == 0)
		r = replay(s, &found, seed, &fates);
	if (r < 0)
		return r;
	devno_text(below, sizeof(below), found.major, found.minor);
	r = make_top(s, below);
	if (r == 0 &&
	    asprintf(ret_what, "%zu writes durable; of %zu others %zu kept, %zu lost, %zu torn",
		     fates.durable, fates.kept + fates.lost + fates.torn, fates.kept,
		     fates.lost, fates.torn) < 0)
		r = bp_fail_memory(s->ctx);
	return r;
}

/* Each part is tried, whatever failed before; the first failure is told. */
int stack_end(struct stack *s)
{
	struct bp_devno dev = top_number(s);
	int r = 0, one;

	if (s->top.major)
		r = bp_fault_heal(s->ctx, &dev, 0, &s->faults, NULL);
	if (r == -ENXIO)
		r = 0;
	one = stack_unmount(s);
	r = r < 0 ? r : one;
	if (s->scope) {
		one = bp_scope_end(s->scope, BP_SCOPE_ERROR_TABLES, REMOVE_MS);
		r = r < 0 ? r : one;
		bp_scope_close(s->scope);
		s->scope = NULL;
	}
	return r;
}
