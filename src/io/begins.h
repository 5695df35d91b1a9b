/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a file is by its first bytes, where people give it for a disk or for metadata by mistake. */
#ifndef IO_BEGINS_H
#define IO_BEGINS_H

#include <stddef.h>

#define BEGINS_BYTES 32u /* that are looked at */

struct begins {
	const char *type; /* "qcow2" */
	const char *what; /* "compressed by gzip" */
	/* What to do with it: a % is the path of what was given, to be written as a word of a shell. Nothing there
	 * is written over but PATH.raw. NULL: nothing. */
	const char *hint;
};

/* NULL: nothing that is known. */
const struct begins *begins_as(const void *start, size_t len);

/*
 * Also disks and file systems, by what they have in their first 4096 bytes; @start: so many. For tools that
 * would need libblkid for nothing else, and ask for what is given in place of metadata only.
 */
const struct begins *begins_as_disk(const void *start);

#endif
