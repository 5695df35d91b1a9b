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
	off_t begin;          /* of a regular file: where we stand in it */
};

/* What is left to be read of the file; false where nobody knows, as of a pipe. */
static bool find_size(struct xml_file *file)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	file->begin = lseek(file->fd, 0, SEEK_CUR);
	if (file->begin < 0)
		return false;
	file->total = st.st_size > file->begin ? (uint64_t)(st.st_size - file->begin) : 0;
	return true;
}

/* Of a struct xml_source. -ECANCELED as progress() wished. */
static int came(void *user, ssize_t len)
{
	struct xml_file *file = user;

	if (len < 0)
		return bp_fail(file->ctx, (int)len, "%s: cannot read: %s", file->name,
			       strerror((int)-len));
	file->done += (uint64_t)len;
	if (file->progress && file->progress(file->user, file->done, file->total))
		return bp_fail(file->ctx, -ECANCELED, "canceled");
	return 0;
}

static ssize_t read_file(void *user, void *buf, size_t len)
{
	const struct xml_file *file = user;
	ssize_t n;
	int r;

	do
		n = read(file->fd, buf, len);
	while (n < 0 && errno == EINTR);
	r = came(user, n < 0 ? -errno : n);
	return r < 0 ? r : n;
}

static ssize_t read_file_at(void *user, void *buf, size_t len, uint64_t offset)
{
	const struct xml_file *file = user;
	ssize_t n;

	do
		n = pread(file->fd, buf, len, file->begin + (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
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
	struct xml_source source = {
		.read = read_file, .came = came, .user = &file, .name = name
	};
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
	if (find_size(&file))
		source.read_at = read_file_at;
	r = format->into(ctx, &source, io, o);
	io_close(io);
	return r;
}
