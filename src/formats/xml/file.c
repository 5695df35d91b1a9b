/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Interrupted reads go on; every other failure is told with the file's name. */
#include "formats/xml/file.h"

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
	return n;
}
