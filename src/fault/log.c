/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The log of changes: a line of JSON each, appended in one write, so that lines of several
 * processes never mix. What can't be written is a warning: a fault is not undone for it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <bedplate/json.h>

#include "fault/fault.h"

#define TURN_OVER_BYTES (1 << 20)
#define MS_A_SECOND     1000
#define MODE_FILE       0644
#define PATH_ROOM       4200

/* UTC, in milliseconds: logs of several machines can be put side by side. */
static const char *instant(int64_t unix_ms, char *buf, size_t size)
{
	time_t seconds = (time_t)(unix_ms / MS_A_SECOND);
	struct tm tm;
	size_t n;

	gmtime_r(&seconds, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%03dZ", (int)(unix_ms % MS_A_SECOND));
	return buf;
}

/* As it stands in the state, with the time that is left. */
static void put_fault(struct bp_json *json, const struct fault_record *f)
{
	char io[32];

	bp_json_object(json, "fault");
	bp_json_uint(json, "id", f->id);
	bp_json_string(json, "kind", bp_fault_kind_name(f->kind));
	bp_json_string(json, "io", fault_io_text(f->io, io));
	if (f->kind == BP_FAULT_SLOW)
		bp_json_uint(json, "delay_ms", f->delay_ms);
	if (f->until_ms)
		bp_json_int(json, "for_ms", MAX(f->until_ms - fault_clock_ms(), (int64_t)0));
	bp_json_array(json, "ranges");
	for (size_t i = 0; i < f->ranges.count; i++) {
		bp_json_object(json, NULL);
		bp_json_uint(json, "start_sectors", f->ranges.items[i].start_sectors);
		bp_json_uint(json, "length_sectors", f->ranges.items[i].length_sectors);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
	bp_json_object_close(json);
}

static void put_moved(struct bp_json *json, const char *file, const struct fault_moved *moved)
{
	bp_json_string(json, "file", file);
	bp_json_uint(json, "left_sectors", moved->left_sectors);
	bp_json_uint(json, "new_sectors", moved->new_sectors);
}

/* One line a change, a JSON document each, so that a log can be read while it is written. */
static int line(const struct fault_change *change, const char *action,
		const struct fault_record *about, const struct fault_moved *moved,
		struct bp_json **ret)
{
	char text[64];
	int r = bp_json_new(NULL, NULL, ret);

	if (r < 0)
		return r;
	bp_json_flat(*ret);
	bp_json_object(*ret, NULL);
	bp_json_string(*ret, "schema", "bedplate.fault.log");
	bp_json_uint(*ret, "version", 1);
	bp_json_string(*ret, "time", instant(fault_unix_ms(), text, sizeof(text)));
	bp_json_int(*ret, "clock_ms", fault_clock_ms());
	bp_json_string(*ret, "action", action);
	bp_json_string(*ret, "device", change->info.name);
	bp_json_uint(*ret, "major", change->dev.major);
	bp_json_uint(*ret, "minor", change->dev.minor);
	bp_json_int(*ret, "pid", getpid());
	if (about)
		put_fault(*ret, about);
	if (about && moved)
		put_moved(*ret, about->file, moved);
	bp_json_uint(*ret, "nr_faults", change->state.faults.count);
	bp_json_object_close(*ret);
	return bp_json_end(*ret);
}

/* One older file is kept. Two that turn over at once lose lines, never faults. */
static void turn_over(const char *path)
{
	char old[PATH_ROOM + 8];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < TURN_OVER_BYTES)
		return;
	snprintf(old, sizeof(old), "%s.old", path);
	(void)!rename(path, old);
}

/* One write, as O_APPEND keeps whole ones apart. */
static int append(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, MODE_FILE), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		r = -EIO;
	if (close(fd) < 0)
		r = -errno;
	return r;
}

/* A log that can't be written is a warning: the fault is in by then. */
static void add_line(struct bp_ctx *ctx, const struct fault_change *change, const char *action,
		     const struct fault_record *about, const struct fault_moved *moved)
{
	struct bp_json *json = NULL;
	char path[PATH_ROOM];
	const char *text;
	size_t len;
	int r = line(change, action, about, moved, &json);

	snprintf(path, sizeof(path), "%s/log", change->dir);
	if (r == 0) {
		text = bp_json_text(json, &len);
		r = text ? 0 : -ENOMEM;
	}
	if (r == 0) {
		if (!change->opts.log)
			turn_over(path);
		r = append(change->opts.log ? change->opts.log : path, text, len);
	}
	bp_json_free(json);
	if (r < 0)
		bp_warn(ctx, "the log of faults can't be written: %s", strerror(-r));
}

void fault_log(struct bp_ctx *ctx, const struct fault_change *change, const char *action,
	       const struct fault_record *about)
{
	add_line(ctx, change, action, about, NULL);
}

void fault_log_moved(struct bp_ctx *ctx, const struct fault_change *change,
		     const struct fault_record *about, const struct fault_moved *moved)
{
	add_line(ctx, change, "moved", about, moved);
}
