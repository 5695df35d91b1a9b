/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading a directory to its end: readdir() says of a failure no more than that there is no further entry. */
#ifndef CORE_DIR_H
#define CORE_DIR_H

#include <dirent.h>
#include <errno.h>

/* The next entry, or NULL; @r, 0 until then, is -errno where that is not the end. */
static inline struct dirent *dir_next(DIR *d, int *r)
{
	struct dirent *entry;

	errno = 0;
	entry = readdir(d);
	if (!entry && errno)
		*r = -errno;
	return entry;
}

#endif
