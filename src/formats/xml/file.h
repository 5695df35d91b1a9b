/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumps read from a descriptor: a file or a pipe. */
#ifndef XML_FILE_H
#define XML_FILE_H

#include "core/context.h"

#include <sys/types.h>

struct xml_file {
	struct bp_ctx *ctx;
	const char *name; /* for messages */
	int fd;
	/* Called with bytes read and to be read, 0 where that is not known; may be NULL. */
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *progress_user;
	uint64_t done, total; /* total: by xml_file_size() */
};

/* What is left to be read of @fd; 0 where nobody knows, as of a pipe. */
uint64_t xml_file_size(int fd);
/* xml_source.read of a struct xml_file. -ECANCELED as progress() wished. */
ssize_t xml_file_read(void *user, void *buf, size_t len);
#endif
