/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupted reads go on; every other failure is told with the file's name. */
#include "formats/xml/file.h"

#include "io/output.h"

#include <sys/stat.h>
#include <unistd.h>

struct xml_file {
	struct bp_ctx *ctx;
	const struct xml_restore *how;
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
		n = read(file->how->fd, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bp_fail(file->ctx, -errno, "%s: cannot read: %s", file->how->name,
			       strerror(errno));
	file->done += (uint64_t)n;
	if (file->how->progress &&
	    file->how->progress(file->how->progress_user, file->done, file->total))
		return bp_fail(file->ctx, -ECANCELED, "canceled");
	return n;
}

/* The XML as output of itself is refused before the metadata is opened, which zeroes it. */
int xml_restore(struct bp_ctx *ctx, const struct xml_restore *how)
{
	struct xml_file file = { .ctx = ctx, .how = how };
	const struct xml_source source = {
		.read = read_file,
		.user = &file,
		.name = how->name,
	};
	struct io *io;
	int r = output_refuse_input(ctx, how->fd, NULL, how->path);

	if (r == 0)
		r = io_open(ctx, how->path, IO_WRITE | IO_OUTPUT, &io);
	if (r < 0)
		return r;
	file.total = size_left(how->fd);
	r = how->into(ctx, &source, io, how->opts);
	io_close(io);
	return r;
}
