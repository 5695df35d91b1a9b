/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/data.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int open_failed(struct bp_ctx *ctx, const char *path, int r)
{
	if (r == -EBUSY) {
		bp_fail(ctx, r, "%s: cannot open: %s", path, strerror(-r));
		error_set_code(ctx, BP_E_POOL_IN_USE);
		error_set_device(ctx, path);
		error_set_hint(ctx, "is the pool active, or the device mounted?");
		return r;
	}
	return bp_fail(ctx, r, "%s: cannot open: %s", path, strerror(-r));
}

/* st_size of a device is 0: it has to be asked. */
static int find_size(struct bp_ctx *ctx, struct data *d)
{
	struct stat st;
	uint64_t size;

	if (fstat(d->fd, &st) < 0)
		return open_failed(ctx, d->path, -errno);
	d->device = S_ISBLK(st.st_mode);
	if (!d->device && !S_ISREG(st.st_mode))
		return bp_fail(ctx, -EINVAL, "Not a block device or regular file '%s'",
			       d->path);
	d->size = (uint64_t)st.st_size;
	if (!d->device)
		return 0;
	if (ioctl(d->fd, BLKGETSIZE64, &size) < 0)
		return open_failed(ctx, d->path, -errno);
	d->size = size;
	return 0;
}

/*
 * O_EXCL on a block device fails where it is mounted or part of another device, on a file
 * it would mean something else. O_NONBLOCK, so that a FIFO can't hold us before it is
 * refused.
 */
int data_open(struct bp_ctx *ctx, const char *path, unsigned flags, struct data **ret)
{
	int how = (flags & DATA_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
	_cleanup_(freep) struct data *d = calloc(1, sizeof(*d));
	struct stat st;
	int r;

	if (stat(path, &st) == 0 && S_ISBLK(st.st_mode) && !(flags & DATA_SHARED))
		how |= O_EXCL;
	if (!d)
		return bp_fail_memory(ctx);
	d->path = strdup(path);
	if (!d->path)
		return bp_fail_memory(ctx);
	d->fd = open(path, how);
	r = d->fd < 0 ? open_failed(ctx, path, -errno) : find_size(ctx, d);
	if (r < 0) {
		data_close(steal(d));
		return r;
	}
	*ret = steal(d);
	return 0;
}

void data_close(struct data *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	free(d);
}

static int failed(struct bp_ctx *ctx, const struct data *d, int r, const char *doing,
		  bp_bytes offset)
{
	return bp_fail(ctx, r, "%s: cannot %s at byte %" PRIu64 ": %s", d->path, doing, offset,
		       strerror(-r));
}

/*
 * Short reads go on: signals, and file systems that give page by page. An end before @len
 * is an error: the caller's bounds came from data_open().
 */
int data_read(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, size_t len, void *buf)
{
	for (size_t done = 0; done < len;) {
		ssize_t n =
			pread(d->fd, (char *)buf + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(ctx, d, n < 0 ? -errno : -EIO, "read", offset + done);
		done += (size_t)n;
	}
	return 0;
}

int data_write(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, size_t len,
	       const void *buf)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(d->fd, (const char *)buf + done, len - done,
				   (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(ctx, d, n < 0 ? -errno : -EIO, "write", offset + done);
		done += (size_t)n;
	}
	return 0;
}

int data_flush(struct bp_ctx *ctx, const struct data *d)
{
	return fsync(d->fd) < 0
		       ? bp_fail(ctx, -errno, "%s: cannot flush: %s", d->path, strerror(errno))
		       : 0;
}

static int punch(const struct data *d, bp_bytes offset, bp_bytes len)
{
	return fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
			 (off_t)len) < 0
		       ? -errno
		       : 0;
}

int data_discard(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, bp_bytes len)
{
	uint64_t range[] = { offset, len };
	int r;

	if (d->device)
		r = ioctl(d->fd, BLKDISCARD, range) < 0 ? -errno : 0;
	else
		r = punch(d, offset, len);
	return r < 0 ? failed(ctx, d, r == -EOPNOTSUPP ? -ENOTSUP : r, "discard", offset) : 0;
}

/*
 * The kernel's way first: devices can often forget instead of writing, files get a hole.
 * Where neither is had, 64 KiB at a time.
 */
int data_zero(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, bp_bytes len)
{
	static uint8_t zeros[65536]; /* const ones would be 64 KiB of the program's file */
	uint64_t range[] = { offset, len };
	int r = 0;

	if (d->device && ioctl(d->fd, BLKZEROOUT, range) == 0)
		return 0;
	if (!d->device && punch(d, offset, len) == 0)
		return 0;
	for (bp_bytes done = 0; r == 0 && done < len;) {
		size_t n = len - done < sizeof(zeros) ? (size_t)(len - done) : sizeof(zeros);

		r = data_write(ctx, d, offset + done, n, zeros);
		done += n;
	}
	return r;
}
