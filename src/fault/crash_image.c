/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The disk as it was, or can have been, at a point of a record. Images are sparse files: a base,
 * which has all that is durable at the point, is copied, and on the copy comes what was in flight.
 * The base only grows along the record; who asks for an earlier point has it made anew.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "fault/crash.h"

#define PIECE ((size_t)1 << 20)

void crash_state_done(struct crash_state *state)
{
	vec_done(&state->sectors);
}

/* The first entry that no flush among the first @end has made durable. */
size_t crash_safe(const struct bp_crash *crash, size_t end)
{
	for (size_t i = end; i > 0; i--)
		if (crash->log.entries.items[i - 1].flags & LOG_FLUSH)
			return i - 1;
	return 0;
}

void crash_state_in_order(const struct bp_crash *crash, size_t end, struct crash_state *ret)
{
	*ret = (struct crash_state){ .safe = crash_safe(crash, end), .end = end };
}

int crash_state_spell(const struct bp_crash *crash, struct crash_state *state)
{
	for (size_t i = state->safe + state->sectors.count; i < state->end; i++)
		if (vec_add(&state->sectors, &crash->log.entries.items[i].nr_sectors) < 0)
			return bp_fail_memory(crash->ctx);
	return 0;
}

static bool has_choice(const struct log_entry *e)
{
	return e->nr_sectors && !(e->flags & (LOG_FUA | LOG_MARK));
}

bool crash_has_choice(const struct bp_crash *crash, size_t end)
{
	for (size_t i = crash_safe(crash, end); i < end; i++)
		if (has_choice(&crash->log.entries.items[i]))
			return true;
	return false;
}

/* Whole units of the disk only. @sectors, @unit: of the record's. */
static uint64_t untear(const struct log_entry *e, uint64_t sectors, uint64_t unit)
{
	uint64_t end;

	if (!sectors || sectors == e->nr_sectors)
		return sectors;
	end = (e->sector + sectors) / unit * unit;
	return end > e->sector ? end - e->sector : 0;
}

/*
 * What is certain stays: all before the last flush. Each later write is there, lost or
 * torn, by a random number of its own.
 */
int crash_state_reorder(const struct bp_crash *crash, const struct bp_crash_check_opts *opts,
			size_t end, uint32_t reorder, struct crash_state *ret)
{
	/* Each point's states are its own, whatever others are tried. */
	/* Seeds that follow one another must not have each other's states. */
	uint64_t seed = opts->seed;
	uint64_t random = fault_random(&seed) + ((uint64_t)end << 20) + reorder;
	uint64_t unit = MAX(opts->atomic_bytes / crash->log.sector_bytes, 1u);
	struct crash_state state;
	int r;

	crash_state_in_order(crash, end, &state);
	r = crash_state_spell(crash, &state);
	for (size_t i = state.safe; r == 0 && i < end; i++) {
		const struct log_entry *e = &crash->log.entries.items[i];

		if (has_choice(e))
			state.sectors.items[i - state.safe] =
				untear(e, writes_log_chance(&random, e), unit);
	}
	if (r < 0) {
		crash_state_done(&state);
		return r;
	}
	*ret = state;
	return 0;
}

/* --- files --- */

static int failed(const struct bp_crash *crash, int r)
{
	return bp_fail(crash->ctx, r, "image of the disk: %s", strerror(-r));
}

static int empty(const struct bp_crash *crash, int fd)
{
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)crash->info.disk_bytes) < 0)
		return failed(crash, -errno);
	return 0;
}

/* Unlinked at once: it goes with its descriptor. */
int crash_base_open(const struct bp_crash *crash, const char *dir, struct crash_base *ret)
{
	_cleanup_(freep) char *path = NULL;

	*ret = (struct crash_base){ .fd = -1 };
	if (asprintf(&path, "%s/base", dir) < 0)
		return bp_fail_memory(crash->ctx);
	ret->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (ret->fd < 0)
		return bp_fail(crash->ctx, -errno, "'%s': %s", path, strerror(errno));
	unlink(path);
	return empty(crash, ret->fd);
}

void crash_base_close(struct crash_base *base)
{
	closep(&base->fd);
	base->fd = -1;
}

static int put(const struct bp_crash *crash, int fd, size_t entry, uint64_t sectors)
{
	const struct log_disk disk = { fd, crash->info.disk_bytes };

	return writes_log_apply(crash->ctx, &crash->log, &crash->source,
				&crash->log.entries.items[entry], sectors, &disk);
}

/* Only forwards; going back begins anew. */
static int base_at(const struct bp_crash *crash, struct crash_base *base, size_t end)
{
	int r = 0;

	if (base->done > end) {
		r = empty(crash, base->fd);
		base->done = 0;
	}
	while (r == 0 && base->done < end) {
		r = put(crash, base->fd, base->done,
			crash->log.entries.items[base->done].nr_sectors);
		base->done += r == 0;
	}
	return r;
}

static int copy_part(int from, int to, off_t at, off_t end, char *buf)
{
	while (at < end) {
		ssize_t n = pread(from, buf, (size_t)MIN(end - at, (off_t)PIECE), at);
		int r;

		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		r = write_at(to, buf, (size_t)n, (uint64_t)at);
		if (r < 0)
			return r;
		at += n;
	}
	return 0;
}

/* What is not a hole. Where holes are not told the whole file is data. */
static int copy_data(int from, int to, char *buf)
{
	off_t at = 0, end;
	int r = 0;

	while (r == 0 && (at = lseek(from, at, SEEK_DATA)) >= 0) {
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		r = copy_part(from, to, at, end, buf);
		at = end;
	}
	return r < 0 || errno == ENXIO ? r : -errno;
}

/* A clone where the file system has that: then an image costs nothing. */
static int copy_base(const struct bp_crash *crash, const struct crash_base *base, int to)
{
	_cleanup_(freep) char *buf = NULL;
	int r;

	if (ioctl(to, FICLONE, base->fd) == 0)
		return 0;
	r = empty(crash, to);
	if (r < 0)
		return r;
	buf = malloc(PIECE);
	if (!buf)
		return bp_fail_memory(crash->ctx);
	r = copy_data(base->fd, to, buf);
	return r < 0 ? failed(crash, r) : 0;
}

/* The certain part from the base, then what the state says of each later write. */
int crash_image_make(const struct bp_crash *crash, struct crash_base *base,
		     const struct crash_state *state, int fd)
{
	int r = base_at(crash, base, state->safe);

	if (r == 0)
		r = copy_base(crash, base, fd);
	for (size_t i = state->safe; r == 0 && i < state->end; i++) {
		size_t in = i - state->safe;

		r = put(crash, fd, i,
			in < state->sectors.count ? state->sectors.items[in]
						  : crash->log.entries.items[i].nr_sectors);
	}
	return r;
}

/* What is there is never written over; that it is the record is worth saying. */
static bool is_record(const struct bp_crash *crash, const char *path)
{
	struct stat in, out;

	return fstat(crash->fd, &in) == 0 && stat(path, &out) == 0 && in.st_dev == out.st_dev &&
	       in.st_ino == out.st_ino;
}

/* Never over a file that is there. */
int bp_crash_image(const struct bp_crash *crash, uint64_t entries, const char *path)
{
	struct crash_base base = { .done = 0 };
	int r;

	if (entries > crash->log.entries.count)
		return bp_fail(crash->ctx, -ERANGE, "the record has %zu entries, not %" PRIu64,
			       crash->log.entries.count, entries);
	if (is_record(crash, path)) {
		bp_fail(crash->ctx, -EINVAL, "%s: output and input are the same", path);
		error_set_code(crash->ctx, BP_E_USAGE);
		error_set_argument(crash->ctx, 0, "output", path);
		return -EINVAL;
	}
	base.fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (base.fd < 0)
		return bp_fail(crash->ctx, -errno, "'%s': %s", path, strerror(errno));
	r = empty(crash, base.fd);
	if (r == 0)
		r = base_at(crash, &base, (size_t)entries);
	if (r == 0 && fsync(base.fd) < 0)
		r = failed(crash, -errno);
	crash_base_close(&base);
	if (r < 0)
		unlink(path);
	return r;
}
