/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recording: the devices of a scenario whose power may go, with log-writes below, no faults, and
 * what it has logged copied out when it is whole. The record appears by a rename, or not at all.
 */
#include <bedplate/crash.h>
#include <bedplate/targets_test.h>
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/opts.h"
#include "fault/crash.h"
#include "fault/run.h"

#define DEVICE_ENV    "BEDPLATE_CRASH_DEVICE"
#define DISK_BYTES    ((bp_bytes)64 << 20)
#define MOUNT_DEFAULT "/run/bedplate-crash"
#define FS_DEFAULT    "ext4"
#define MESSAGE_MS    10000
#define PIECE         ((size_t)1 << 20)

static bool is_word(const char *text)
{
	if (!*text || strlen(text) >= BP_CRASH_MARK_SIZE)
		return false;
	for (; *text; text++)
		if (!isgraph((unsigned char)*text))
			return false;
	return true;
}

static int send_mark(struct bp_ctx *ctx, const char *device, const char *text)
{
	struct bp_selector which = { .name = device };
	char message[BP_CRASH_MARK_SIZE + 8];

	snprintf(message, sizeof(message), "mark %s", text);
	return bp_device_message(ctx, &which, 0, message, MESSAGE_MS, NULL);
}

/* Called by the program under test: the device comes by the environment. */
int bp_crash_mark(struct bp_ctx *ctx, const char *device, const char *text)
{
	if (!device)
		device = getenv(DEVICE_ENV);
	if (!device || !*device)
		return bp_fail(ctx, -ENOENT, "nothing is recorded here: " DEVICE_ENV);
	if (!is_word(text) || strncmp(text, MARK_OWN, strlen(MARK_OWN)) == 0) {
		bp_fail(ctx, -EINVAL, "'%s': not a mark", text);
		error_set_hint(ctx, "one word of less than %d bytes, not beginning with %s",
			       BP_CRASH_MARK_SIZE, MARK_OWN);
		return -EINVAL;
	}
	return send_mark(ctx, device, text);
}

/* --- the record --- */

/* Flushed: a record is looked at after the machine was reset, too. */
static int copy_bytes(struct bp_ctx *ctx, int from, uint64_t len, int to)
{
	_cleanup_(freep) char *buf = malloc(PIECE);
	uint64_t at = 0;
	int r;

	if (!buf)
		return bp_fail_memory(ctx);
	while (at < len) {
		ssize_t n = pread(from, buf, (size_t)MIN(len - at, PIECE), (off_t)at);

		if (n <= 0)
			return bp_fail(ctx, n < 0 ? -errno : -EIO, "log of writes: %s",
				       n < 0 ? strerror(errno) : "it is too short");
		r = write_at(to, buf, (size_t)n, at);
		if (r < 0)
			return bp_fail(ctx, r, "the record: %s", strerror(-r));
		at += (uint64_t)n;
	}
	return fsync(to) < 0 ? bp_fail(ctx, -errno, "the record: %s", strerror(errno)) : 0;
}

/* Where the log ends: behind its last entry's data. */
static uint64_t used_bytes(const struct writes_log *log)
{
	const struct log_entry *last;

	if (!log->entries.count)
		return log->sector_bytes;
	last = &log->entries.items[log->entries.count - 1];
	return last->data_bytes + (last->flags & (LOG_DISCARD | LOG_MARK)
					   ? 0
					   : last->nr_sectors * log->sector_bytes);
}

/* The new file is everybody's who may read what its maker writes, as others are. */
static int put_in_place(struct bp_ctx *ctx, const char *log, uint64_t len, const char *path)
{
	_cleanup_(closep) int from = open(log, O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *temporary = NULL;
	mode_t mask = umask(0);
	int to, r;

	umask(mask);
	if (from < 0)
		return bp_fail(ctx, -errno, "'%s': %s", log, strerror(errno));
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return bp_fail_memory(ctx);
	to = mkostemp(temporary, O_CLOEXEC);
	if (to < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	r = copy_bytes(ctx, from, len, to);
	if (r == 0 && fchmod(to, 0666 & ~mask) < 0)
		r = bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	if (close(to) < 0 && r == 0)
		r = bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	if (r == 0 && rename(temporary, path) < 0)
		r = bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	if (r < 0)
		unlink(temporary);
	return r;
}

static int keep_log(struct run *run, const char *path, struct bp_crash_record_result *ret)
{
	struct bp_crash *crash;
	int r = bp_crash_open(run->ctx, run->stack.log.path, &crash);

	if (r < 0)
		return r;
	ret->entries = crash->log.entries.count;
	ret->record_bytes = used_bytes(&crash->log);
	/* Its device ends it with a mark; where that is missing the log was full. */
	if (!ret->entries || !streq(crash_mark_at(crash, (size_t)ret->entries - 1), MARK_LAST))
		r = stack_log_full(&run->stack);
	bp_crash_close(crash);
	return r < 0 ? r : put_in_place(run->ctx, run->stack.log.path, ret->record_bytes, path);
}

/* Before anything is made. */
static int check_path(struct bp_ctx *ctx, const char *path)
{
	_cleanup_(freep) char *dir = strdup(path);
	struct stat st;
	char *slash;

	if (!dir)
		return bp_fail_memory(ctx);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	if (access(slash ? dir : ".", W_OK) < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return bp_fail(ctx, -EINVAL, "'%s': not a file", path);
	return 0;
}

/* --- the run --- */

struct recording {
	struct run run; /* first: what is carried out gets this */
	const char *path;
	struct bp_crash_record_result result;
};

/* Size and file system stand in the record itself, so that checking needs no options. */
static int begin(struct run *run, const char *device)
{
	const struct bp_scenario *s = run->scenario;
	char text[BP_CRASH_MARK_SIZE];

	if (setenv(DEVICE_ENV, device, 1) < 0)
		return bp_fail_memory(run->ctx);
	snprintf(text, sizeof(text), MARK_BEGIN ",disk=%" PRIu64 ",fs=%s", s->size_bytes,
		 s->fs ? s->fs : "none");
	return send_mark(run->ctx, device, text);
}

/*
 * A device with a log beside it, a file system, the program; the last mark tells that all
 * was recorded.
 */
static int record(struct run *run)
{
	struct recording *recording = (struct recording *)run;
	char device[BP_NAME_SIZE];
	int r = stack_make(&run->stack);

	stack_log_name(&run->stack, device);
	if (r == 0)
		r = begin(run, device);
	if (r == 0)
		r = run_open(run);
	if (r == 0)
		r = run_program(run);
	if (r == 0)
		r = send_mark(run->ctx, device, MARK_END);
	if (r == 0)
		r = stack_log_close(&run->stack);
	return r < 0 ? r : keep_log(run, recording->path, &recording->result);
}

/* The file system's name becomes part of a command: letters and digits only. */
static int check_opts(struct bp_ctx *ctx, const struct bp_crash_record_opts *opts)
{
	const char *fs = opts->fs;

	if (!opts->argv || !opts->argv[0])
		return bp_fail(ctx, -EINVAL, "crash record: no program");
	if (opts->disk_bytes % BP_SECTOR_BYTES || opts->disk_bytes > INT64_MAX / 8)
		return bp_fail(ctx, -EINVAL, "crash record: no size of a disk: %" PRIu64,
			       opts->disk_bytes);
	for (size_t i = 0; fs && fs[i]; i++)
		if (!isalnum((unsigned char)fs[i]) || i > 14)
			return bp_fail(ctx, -EINVAL, "'%s': no file system's name", fs);
	if (opts->mount && opts->mount[0] != '/')
		return bp_fail(ctx, -EINVAL, "'%s': a mount point begins with a slash",
			       opts->mount);
	return 0;
}

/* @scenario: lends what the options lend. */
static void as_scenario(const struct bp_crash_record_opts *opts, char fs[16],
			char mount[PATH_MAX], struct bp_scenario *ret)
{
	snprintf(fs, 16, "%s", opts->fs ? opts->fs : FS_DEFAULT);
	snprintf(mount, PATH_MAX, "%s", opts->mount ? opts->mount : MOUNT_DEFAULT);
	*ret = (struct bp_scenario){
		.size_bytes = opts->disk_bytes ? opts->disk_bytes : DISK_BYTES,
		.cuts = true,
	};
	if (!streq(fs, "none")) {
		ret->fs = fs;
		ret->mount = mount;
	}
}

/* As a scenario with a log in place of faults. */
int bp_crash_record(struct bp_ctx *ctx, const char *path,
		    const struct bp_crash_record_opts *opts, struct bp_crash_record_result *ret)
{
	struct bp_crash_record_opts o;
	struct bp_scenario scenario;
	struct recording recording = { .path = path };
	size_t size = ret->size;
	char fs[16], mount[PATH_MAX];
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = check_opts(ctx, &o);
	if (r == 0)
		r = check_path(ctx, path);
	if (r < 0)
		return r;
	as_scenario(&o, fs, mount, &scenario);
	recording.run = (struct run){
		.ctx = ctx,
		.scenario = &scenario,
		.opts = { .argv = o.argv, .output = o.output, .user = o.user },
	};
	r = run_carry_out(&recording.run, "crash", "crash record", record);
	if (r < 0)
		return r;
	recording.result.status = recording.run.result.status;
	memcpy(ret, &recording.result, MIN(size, sizeof(recording.result)));
	ret->size = size;
	return 0;
}
