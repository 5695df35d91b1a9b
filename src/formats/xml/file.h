/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Dumps read from a descriptor, a file or a pipe, into metadata. */
#ifndef XML_FILE_H
#define XML_FILE_H

#include "core/context.h"
#include "formats/xml/read.h"
#include "io/io.h"

/* From a descriptor to a path: what restores of all formats do around their own reading. */
struct xml_restore {
	int fd; /* the XML; never the metadata itself: that is refused before it is opened */
	const char *name; /* of it, for messages */
	const char *path; /* the metadata to be made */
	/* Called with bytes read and to be read, 0 where that is not known; may be NULL. */
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *progress_user;
	/* The format's: read @source, write @io. */
	int (*into)(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		    const void *opts);
	const void *opts;
};

int xml_restore(struct bp_ctx *ctx, const struct xml_restore *how);
#endif
