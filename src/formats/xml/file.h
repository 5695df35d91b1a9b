/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumps read from a descriptor, a file or a pipe, into metadata. */
#ifndef XML_FILE_H
#define XML_FILE_H

#include "core/context.h"
#include "formats/xml/read.h"
#include "io/io.h"

typedef int (*xml_progress_fn)(void *user, uint64_t done, uint64_t total);

/* A format's restore: its public options, of which progress and its user are known, and its reading. */
struct xml_restore {
	size_t opts_size, progress, user;
	/* What can't be, before the output is opened. May be NULL. */
	int (*judge)(struct bp_ctx *ctx, const void *opts);
	/* Read @source, write @io. */
	int (*into)(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		    const void *opts);
};

/* clang-format off */
#define XML_RESTORE_OPTS(type) \
	.opts_size = sizeof(type), .user = offsetof(type, user), .progress = offsetof(type, progress) + \
	0 * sizeof(char[_Generic(((type *)0)->progress, xml_progress_fn: 1)])
/* clang-format on */

/*
 * From a descriptor to a path, whatever the format. @fd: the XML, called @name in messages; never the
 * metadata itself: that is refused before it is opened. @opts: a public struct, or NULL.
 */
int xml_restore(struct bp_ctx *ctx, const struct xml_restore *format, int fd, const char *name,
		const char *path, const void *opts);
#endif
