/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupted reads go on; every other failure is told with the file's name. */
#include "formats/xml/file.h"

#include <sys/stat.h>
#include <unistd.h>

uint64_t xml_file_size(int fd)
{
	struct stat st;
	off_t at;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	at = lseek(fd, 0, SEEK_CUR);
	return at >= 0 && at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
}

ssize_t xml_file_read(void *user, void *buf, size_t len)
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
	if (file->progress && file->progress(file->progress_user, file->done, file->total))
		return bp_fail(file->ctx, -ECANCELED, "canceled");
	return n;
}
