/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupted reads go on; every other failure is told with the file's name. */
#include "formats/xml/file.h"

#include "core/opts.h"
#include "io/output.h"

#include <sys/stat.h>
#include <unistd.h>

struct xml_file {
	struct bp_ctx *ctx;
	int fd;
	const char *name;
	xml_progress_fn progress; /* may be NULL */
	void *user;
	uint64_t done, total; /* bytes; total 0: not known */
};

/* What is left to be read of @fd; 0 where nobody knows, as of a pipe. */
static uint64_t size_left(int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	at = lseek(fd, 0, SEEK_CUR);
	return at >= 0 && at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
}

/* Of a struct xml_source. -ECANCELED as progress() wished. */
static ssize_t read_file(void *user, void *buf, size_t len)
{
	struct xml_file *file = user;
	ssize_t n;

	do
		n = read(file->fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bp_fail(file->ctx, -errno, "%s: cannot read: %s", file->name,
			       strerror(errno));
	file->done += (uint64_t)n;
	if (file->progress && file->progress(file->user, file->done, file->total))
		return bp_fail(file->ctx, -ECANCELED, "canceled");
	return n;
}

/* The members of @opts that all formats' options have. */
static void take_progress(struct xml_file *file, const struct xml_restore *format,
			  const void *opts)
{
	memcpy(&file->progress, (const char *)opts + format->progress, sizeof(file->progress));
	memcpy(&file->user, (const char *)opts + format->user, sizeof(file->user));
}

/* The XML as output of itself is refused before the metadata is opened, which zeroes it. */
int xml_restore(struct bp_ctx *ctx, const struct xml_restore *format, int fd, const char *name,
		const char *path, const void *opts)
{
	_cleanup_(freep) void *o = calloc(1, format->opts_size);
	struct xml_file file = { .ctx = ctx, .fd = fd, .name = name };
	const struct xml_source source = { .read = read_file, .user = &file, .name = name };
	struct io *io;
	int r = o ? opts_read(ctx, o, format->opts_size, opts) : bp_fail_memory(ctx);

	if (r == 0 && format->judge)
		r = format->judge(ctx, o);
	if (r == 0)
		r = output_refuse_input(ctx, fd, NULL, path);
	if (r == 0)
		r = io_open(ctx, path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	take_progress(&file, format, o);
	file.total = size_left(fd);
	r = format->into(ctx, &source, io, o);
	io_close(io);
	return r;
}
