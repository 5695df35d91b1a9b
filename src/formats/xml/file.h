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
};

/* xml_source.read of a struct xml_file. */
ssize_t xml_file_read(void *user, void *buf, size_t len);
#endif
