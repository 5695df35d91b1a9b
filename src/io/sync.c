/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files and block devices. Files are read through the page cache, where small metadata mostly
 * is and from where a copy is cheaper than any other way; devices past it, so that what a pool
 * wrote is seen, with several reads in flight by io_uring or, without it, by threads.
 */
#include "core/cpus.h"
#include "io/io.h"
#include "io/uring.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define DEVICE_BATCH_RUNS 8
#define MAX_RINGS         64

struct file {
	struct io io;
	int fd;
	pthread_mutex_t lock; /* over the rings not in use */
	struct uring *rings[MAX_RINGS];
	size_t nr_rings;
	bool no_uring;
};

static struct file *file_of(struct io *io)
{
	return (struct file *)(void *)io;
}

static int read_run(int fd, const struct io_run *run)
{
	size_t left = run->count * IO_BLOCK;
	uint8_t *p = run->buf;
	off_t at = (off_t)bp_mblock_to_bytes(run->first);

	while (left) {
		ssize_t n = pread(fd, p, left, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO; /* it was longer when it was opened */
		p += n;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

static int file_read(struct io *io, const struct io_run *runs, size_t nr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = read_run(file_of(io)->fd, &runs[i]);
	return r;
}

/* A ring for this thread, or NULL where there is none to be had. */
static struct uring *ring_get(struct file *f)
{
	struct uring *u = NULL;
	bool no_uring;

	pthread_mutex_lock(&f->lock);
	if (f->nr_rings)
		u = f->rings[--f->nr_rings];
	no_uring = f->no_uring;
	pthread_mutex_unlock(&f->lock);
	if (!u && !no_uring && uring_new(DEVICE_BATCH_RUNS, &u) < 0) {
		pthread_mutex_lock(&f->lock);
		f->no_uring = true;
		pthread_mutex_unlock(&f->lock);
	}
	return u;
}

static void ring_put(struct file *f, struct uring *take_ring)
{
	pthread_mutex_lock(&f->lock);
	if (f->nr_rings < MAX_RINGS)
		f->rings[f->nr_rings++] = steal(take_ring);
	pthread_mutex_unlock(&f->lock);
	uring_free(take_ring);
}

static int device_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct file *f = file_of(io);
	struct uring *u = nr > 1 ? ring_get(f) : NULL;
	int r;

	if (!u)
		return file_read(io, runs, nr);
	r = uring_read(u, f->fd, runs, nr);
	if (r == -EAGAIN) {
		uring_free(u);
		return file_read(io, runs, nr);
	}
	ring_put(f, u);
	/* Short reads and doubtful errors get a second, plain try. */
	return r < 0 ? file_read(io, runs, nr) : 0;
}

/* A short write goes on; no progress at all is an error, as the loop would not end. */
static int file_write(struct io *io, const struct io_run *run)
{
	size_t left = run->count * IO_BLOCK;
	const uint8_t *p = run->buf;
	off_t at = (off_t)bp_mblock_to_bytes(run->first);

	while (left) {
		ssize_t n = pwrite(file_of(io)->fd, p, left, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		at += n;
		left -= (size_t)n;
	}
	return 0;
}

static int file_flush(struct io *io)
{
	return fdatasync(file_of(io)->fd) < 0 ? -errno : 0;
}

static int device_zero(struct io *io, bp_mblock first, bp_mblock count)
{
	uint64_t range[2] = { bp_mblock_to_bytes(first), bp_mblock_to_bytes(count) };

	return ioctl(file_of(io)->fd, BLKZEROOUT, range) < 0 ? -errno : 0;
}

static int file_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			  bp_mblock *ret_end)
{
	int fd = file_of(io)->fd;
	off_t begin, end;

	*ret_begin = *ret_end = io->nr_blocks;
	begin = lseek(fd, (off_t)bp_mblock_to_bytes(from), SEEK_DATA);
	if (begin < 0 && errno == ENXIO)
		return 0; /* nothing but a hole to the end */
	if (begin < 0) {
		*ret_begin = from; /* a file system that knows no holes */
		return 0;
	}
	end = lseek(fd, begin, SEEK_HOLE);
	*ret_begin = MIN(MAX(from, bp_bytes_to_mblock((bp_bytes)begin)), io->nr_blocks);
	if (end > begin)
		*ret_end = MIN(DIV_UP((bp_bytes)end, IO_BLOCK), io->nr_blocks);
	return 0;
}

/* What reads by the descriptor goes before it. */
static void file_close(struct io *io)
{
	struct file *f = file_of(io);

	while (f->nr_rings)
		uring_free(f->rings[--f->nr_rings]);
	pthread_mutex_destroy(&f->lock);
	closep(&f->fd);
	free(f);
}

static const struct io_ops file_ops = {
	.name = "file",
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.data_next = file_data_next,
	.close = file_close,
};

static const struct io_ops device_ops = {
	.name = "device",
	.read = device_read,
	.write = file_write,
	.flush = file_flush,
	.zero = device_zero,
	.close = file_close,
};

/* --- opening: the phrases here are matched by programs --- */

static int refuse(struct bp_ctx *ctx, int r, enum bp_error_code code, const char *path,
		  const char *phrase)
{
	bp_fail(ctx, r, "%s", phrase);
	error_set_code(ctx, code);
	error_set_device(ctx, path);
	return r;
}

/* Before the open, as opening a FIFO or a tape does something. */
static int look(struct bp_ctx *ctx, const char *path, bool output, struct stat *ret)
{
	int r;

	if (stat(path, ret) < 0) {
		r = -errno;
		if (r == -ENOENT || r == -ENOTDIR)
			bp_fail(ctx, r, "Couldn't find %s file '%s'",
				output ? "output" : "input", path);
		else
			bp_fail(ctx, r, "cannot look at '%s': %s", path, strerrordesc_np(-r));
		error_set_device(ctx, path);
		return r;
	}
	if (S_ISREG(ret->st_mode) || S_ISBLK(ret->st_mode))
		return 0;
	bp_fail(ctx, -EINVAL, "%sNot a block device or regular file '%s'.",
		output ? "Invalid output file: " : "", path);
	error_set_code(ctx, BP_E_NOT_METADATA);
	error_set_device(ctx, path);
	return -EINVAL;
}

/* Open, past the page cache where that works. */
static int open_fd(const char *path, int flags, bool device, bool *ret_direct)
{
	int fd = -1;

	*ret_direct = device;
	if (device)
		fd = open(path, flags | O_DIRECT);
	if (fd < 0 && (!device || errno == EINVAL)) {
		*ret_direct = false;
		fd = open(path, flags);
	}
	return fd < 0 ? -errno : fd;
}

/* Busy means an active pool almost always: what to do depends on whether we were to write. */
static int open_failed(struct bp_ctx *ctx, int r, const char *path, unsigned flags)
{
	bp_fail(ctx, r, "cannot open '%s': %s", path, strerrordesc_np(-r));
	error_set_device(ctx, path);
	if (r == -EBUSY)
		error_set_hint(
			ctx,
			flags & IO_WRITE
				? "deactivate the pool (or whatever uses it) first"
				: "deactivate the pool first, or read its metadata snapshot");
	return r;
}

/* The first bytes, after blanks, of anything that could be XML of these tools. */
static bool looks_like_xml(int fd)
{
	_cleanup_(freep) char *head = io_buffer_new(1);
	ssize_t n = head ? pread(fd, head, IO_BLOCK, 0) : -1;
	size_t len = n > 0 ? (size_t)n : 0, i = 0;

	if (len >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		i = 3;
	while (i < len && strchr(" \t\r\n", head[i]) && head[i])
		i++;
	return (len - i >= 5 && memcmp(head + i, "<?xml", 5) == 0) ||
	       (len - i >= 11 && memcmp(head + i, "<superblock", 11) == 0) ||
	       (len - i >= 4 && memcmp(head + i, "<!--", 4) == 0);
}

/*
 * Two mistakes that are made often, told before anything is read as metadata: the XML given
 * for the binary, and a file for output that was never made large enough.
 */
static int check_content(struct bp_ctx *ctx, const char *path, int fd, bp_bytes size,
			 bool output)
{
	if (output) {
		if (size < IO_OUTPUT_MIN_BYTES)
			return refuse(ctx, -EINVAL, BP_E_TOO_SMALL, path,
				      "Output file too small.");
		return 0;
	}
	if (looks_like_xml(fd))
		return refuse(
			ctx, -EINVAL, BP_E_NOT_METADATA, path,
			"This looks like XML.  This tool only supports the binary metadata "
			"format.");
	if (size < IO_BLOCK)
		return refuse(ctx, -EINVAL, BP_E_TOO_SMALL, path,
			      "Metadata device/file too small.  Is this binary metadata?");
	return 0;
}

/*
 * A device is read with many runs at once, as its answers take long; a file, which lies in
 * the cache most often, run by run.
 */
static int file_new(int *take_fd, bp_bytes size, bool device, bool direct, unsigned flags,
		    struct io **ret)
{
	struct file *f = calloc(1, sizeof(*f));
	unsigned cpus = cpus_available();

	if (!f)
		return -ENOMEM;
	f->fd = steal_fd(take_fd);
	pthread_mutex_init(&f->lock, NULL);
	f->io = (struct io){
		.ops = device ? &device_ops : &file_ops,
		.nr_blocks = bp_bytes_to_mblock(size),
		.tail_bytes = (uint32_t)(size % IO_BLOCK),
		.writable = flags & IO_WRITE,
		.aligned = direct,
		.batch_runs = device ? DEVICE_BATCH_RUNS : 1,
		/* With a device the processors would wait: have twice as many workers. */
		.workers = device ? 2 * cpus : cpus,
	};
	*ret = &f->io;
	return 0;
}

/*
 * Direct I/O on devices: the kernel's cache of a device may be older than what its pool has
 * written. Not shared, they are opened O_EXCL, which keeps an active pool out and us from
 * it.
 */
static int open_path(struct bp_ctx *ctx, const char *path, unsigned flags, struct io **ret)
{
	_cleanup_(closep) int fd = -1;
	bool output = flags & IO_OUTPUT, device, direct;
	int open_flags = O_CLOEXEC, r;
	struct stat st;
	off_t size;

	r = look(ctx, path, output, &st);
	if (r < 0)
		return r;

	if (output)
		flags |= IO_WRITE;
	device = S_ISBLK(st.st_mode);
	open_flags |= flags & IO_WRITE ? O_RDWR : O_RDONLY;
	if (device && !(flags & IO_SHARED))
		open_flags |= O_EXCL;
	fd = open_fd(path, open_flags, device, &direct);
	if (fd < 0)
		return open_failed(ctx, fd, path, flags);

	size = lseek(fd, 0, SEEK_END);
	if (size < 0)
		return bp_fail(ctx, -errno, "cannot find the size of '%s'", path);
	r = flags & IO_DATA ? 0 : check_content(ctx, path, fd, (bp_bytes)size, output);
	if (r < 0)
		return r;
	r = file_new(&fd, (bp_bytes)size, device, direct, flags, ret);
	return r < 0 ? bp_fail_memory(ctx) : 0;
}

int io_open(struct bp_ctx *ctx, const char *path, unsigned flags, struct io **ret)
{
	const struct io_resolver *resolver = ctx ? ctx_room_get(ctx, CTX_ROOM_SOURCES) : NULL;
	/* Not resolver->open(...), which a test that puts its own open() in place would change. */
	int r = resolver ? (*resolver->open)(resolver, ctx, path, flags, ret) : -ENOENT;

	return r == -ENOENT ? open_path(ctx, path, flags, ret) : r;
}
