/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata as what is shrunk, and as what comes of it. It reads the opened metadata as often as it
 * needs to and writes one io; data it does not know.
 */
#ifndef FORMATS_THIN_SHRINK_META_H
#define FORMATS_THIN_SHRINK_META_H

#include "formats/thin/reading.h"
#include "formats/thin/shrink.h"
#include "io/io.h"

/* Zero at first, but for the name. */
struct shrink_meta {
	const char *name; /* for messages */
	struct bp_thin_dump_opts opts;
	struct thin_reading in;
};

/* Walk all of it. -EUCLEAN where any is damaged or can't be written again. */
int shrink_meta_read(struct shrink_meta *s, struct bp_thin_meta *meta);
/* What shrink_plan_make() does for a text. */
int shrink_meta_plan(struct shrink_meta *s, struct shrink_plan *p);
/* The metadata as it is after the moves; its superblock last. Errors as of a restore. */
int shrink_meta_write(struct shrink_meta *s, const struct shrink_plan *p, struct io *io);
void shrink_meta_done(struct shrink_meta *s);

#endif
