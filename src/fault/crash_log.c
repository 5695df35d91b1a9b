/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A record that is open: its entries and marks in memory (32 bytes an entry), its data on the disk.
 * All that is read is checked when it is opened: who asks later gets what is within the record.
 */
#include <bedplate/crash.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "core/endian.h"
#include "fault/crash.h"

#define LENGTH_AT 24 /* of an entry: where the length of a mark's text is */
#define TEXT_AT   32 /* and the text */

static int read_fd(void *user, void *buf, size_t len, uint64_t offset)
{
	const int *fd = user;
	ssize_t n = pread(*fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
}

/* What is not text is no reason to refuse a record that others have made. */
static void clean_text(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

/* Its length comes from the record: bounded by the text's room. */
static int read_mark(struct bp_crash *crash, size_t entry)
{
	const struct log_entry *e = &crash->log.entries.items[entry];
	uint64_t at = e->data_bytes - crash->log.sector_bytes;
	struct crash_mark mark = { .entry = entry };
	le64 length;
	size_t len;
	int r = crash->source.read(crash->source.user, &length, sizeof(length), at + LENGTH_AT);

	if (r == 0) {
		len = (size_t)MIN(le64_get(length), sizeof(mark.text) - 1);
		r = crash->source.read(crash->source.user, mark.text, len, at + TEXT_AT);
	}
	if (r < 0)
		return bp_fail(crash->ctx, r, "log of writes: %s", strerror(-r));
	clean_text(mark.text);
	return vec_add(&crash->marks, &mark) < 0 ? bp_fail_memory(crash->ctx) : 0;
}

const char *crash_mark_at(const struct bp_crash *crash, size_t entry)
{
	size_t low = vec_bisect(&crash->marks, item, item->entry < entry);

	return low < crash->marks.count && crash->marks.items[low].entry == entry
		       ? crash->marks.items[low].text
		       : "";
}

/* Marks of our own (begin, end) are none that a program has set. */
const char *crash_mark_before(const struct bp_crash *crash, size_t entries)
{
	const char *found = "";

	for (size_t i = 0; i < crash->marks.count && crash->marks.items[i].entry < entries;
	     i++) {
		const char *text = crash->marks.items[i].text;

		if (strncmp(text, MARK_OWN, strlen(MARK_OWN)) != 0 && !streq(text, MARK_LAST))
			found = text;
	}
	return found;
}

/* --- what it is --- */

static uint64_t end_bytes(const struct bp_crash *crash, const struct log_entry *e)
{
	uint64_t end;

	if (e->flags & LOG_MARK || add_overflow(e->sector, e->nr_sectors, &end) ||
	    mul_overflow(end, crash->log.sector_bytes, &end))
		return 0;
	return end;
}

/* A write with flush counts as both. */
static void count(struct bp_crash *crash, size_t i)
{
	const struct log_entry *e = &crash->log.entries.items[i];
	struct bp_crash_info *info = &crash->info;
	bool mark = e->flags & LOG_MARK;

	info->marks += mark;
	info->discards += !mark && e->flags & LOG_DISCARD;
	info->writes += !mark && !(e->flags & LOG_DISCARD) && e->nr_sectors;
	info->flushes += !mark && e->flags & LOG_FLUSH;
	info->fua += !mark && e->flags & LOG_FUA;
}

/* What the recorder has written into its first mark. */
static void read_begin(struct bp_crash *crash, const struct crash_mark *mark)
{
	uint64_t disk = 0;
	char fs[16] = "";

	if (sscanf(mark->text, MARK_BEGIN ",disk=%" SCNu64 ",fs=%15[a-z0-9]", &disk, fs) < 1)
		return;
	crash->info.first = mark->entry + 1;
	if (disk && disk <= INT64_MAX)
		crash->info.disk_bytes = disk;
	if (!streq(fs, "none"))
		strcpy(crash->info.fs, fs);
}

/* The disk is as large as the last write tells, or as the mark at the beginning says. */
static int read_all(struct bp_crash *crash)
{
	int r = writes_log_read(crash->ctx, &crash->source, &crash->log);

	if (r < 0)
		return r;
	crash->info.entries = crash->log.entries.count;
	for (size_t i = 0; r == 0 && i < crash->log.entries.count; i++) {
		const struct log_entry *e = &crash->log.entries.items[i];

		crash->info.disk_bytes = MAX(crash->info.disk_bytes, end_bytes(crash, e));
		count(crash, i);
		if (e->flags & LOG_MARK)
			r = read_mark(crash, i);
	}
	if (crash->info.disk_bytes > INT64_MAX) {
		r = bp_fail(crash->ctx, -EUCLEAN, "log of writes: of no disk there can be");
		error_set_code(crash->ctx, BP_E_FORMAT);
	}
	for (size_t i = 0; r == 0 && i < crash->marks.count; i++)
		read_begin(crash, &crash->marks.items[i]);
	return r;
}

/* A record may be a file or the device it was written to. */
static int open_file(struct bp_ctx *ctx, const char *path, struct bp_crash *crash)
{
	off_t end;

	crash->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (crash->fd < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	end = lseek(crash->fd, 0, SEEK_END);
	if (end < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	crash->source = (struct log_source){
		.read = read_fd,
		.user = &crash->fd,
		.size_bytes = (uint64_t)end,
	};
	return read_all(crash);
}

/* Reads entries and marks, no data: memory grows by a few words an entry. */
int bp_crash_open(struct bp_ctx *ctx, const char *path, struct bp_crash **ret)
{
	struct bp_crash *crash = calloc(1, sizeof(*crash));
	int r;

	if (!crash)
		return bp_fail_memory(ctx);
	crash->ctx = ctx;
	crash->fd = -1;
	crash->info.size = sizeof(crash->info);
	r = open_file(ctx, path, crash);
	if (r < 0) {
		bp_crash_close(crash);
		return r;
	}
	*ret = crash;
	return 0;
}

void bp_crash_close(struct bp_crash *crash)
{
	if (!crash)
		return;
	closep(&crash->fd);
	writes_log_done(&crash->log);
	vec_done(&crash->marks);
	free(crash);
}

int bp_crash_info(const struct bp_crash *crash, struct bp_crash_info *ret)
{
	size_t size = ret->size;

	if (size < sizeof(size))
		return bp_fail(crash->ctx, -EINVAL, "crash info: no size");
	memcpy(ret, &crash->info, MIN(size, sizeof(crash->info)));
	ret->size = size;
	return 0;
}

uint64_t bp_crash_count(const struct bp_crash *crash)
{
	return crash->log.entries.count;
}

static enum bp_crash_kind kind_of(const struct log_entry *e)
{
	if (e->flags & LOG_MARK)
		return BP_CRASH_MARK;
	if (e->flags & LOG_DISCARD)
		return BP_CRASH_DISCARD;
	return e->nr_sectors || !(e->flags & LOG_FLUSH) ? BP_CRASH_WRITE : BP_CRASH_FLUSH;
}

/* In sectors of 512 bytes, whatever the record's own are. */
int bp_crash_get(const struct bp_crash *crash, uint64_t index, struct bp_crash_entry *ret)
{
	uint64_t unit = crash->log.sector_bytes / BP_SECTOR_BYTES;
	const struct log_entry *e;

	if (index >= crash->log.entries.count)
		return bp_fail(crash->ctx, -ERANGE, "the record has no entry %" PRIu64, index);
	e = &crash->log.entries.items[index];
	*ret = (struct bp_crash_entry){
		.kind = kind_of(e),
		.start_sectors = e->sector * unit,
		.length_sectors = e->nr_sectors * unit,
		.flush = e->flags & LOG_FLUSH,
		.fua = e->flags & LOG_FUA,
		.mark = crash_mark_at(crash, (size_t)index),
	};
	return 0;
}
