/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writers of metadata, killed or cut off from power at each write: what is on the disk then is all of the
 * new metadata, or plainly no metadata, or the old, if nothing of it was touched. Never something
 * that looks valid and is a mixture.
 */
#ifndef LIB_KILLED_H
#define LIB_KILLED_H

#include "io/io.h"

/* The size of the devices. */
#define KILLED_BLOCKS 256u

struct killed_kind {
	/* What is dumped of the metadata in @data; NULL where it is none. Whoever calls frees it. */
	char *(*dump)(uint8_t *data);
	void (*assert_clean)(uint8_t *data);
	/* With fewer writes and flushes than these there is little to stop at. */
	unsigned nr_events;
};

/* @make writes new metadata, the same each time. @is_metadata: @before, KILLED_BLOCKS, is. */
void killed_everywhere(const struct killed_kind *kind, const uint8_t *before, bool is_metadata,
		       void (*make)(struct io *io, const void *user), const void *user);

/* bp_write_fn; @user: a struct strbuf. */
int killed_keep(void *user, const char *text, size_t len);

#endif
