/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrong counts on purpose, in a metadata space map; for the generators of damage. */
#ifndef FORMATS_CHECK_LEAK_H
#define FORMATS_CHECK_LEAK_H

#include "pdata/space_map.h"

struct leak {
	uint64_t nr_blocks;
	unsigned expected, actual; /* counts, 0 to 2 */
};

/*
 * Change the counts of the last blocks that have the expected one. @root: the map's, in a
 * superblock, whose total is put right; writing that is the caller's. -ENODATA: too few; nothing is
 * written then.
 */
int leak_make(struct bp_ctx *ctx, struct io *io, uint8_t *root, const struct leak *leak);
/* Write one block, and flush; says why not. */
int leak_write(struct bp_ctx *ctx, struct io *io, bp_mblock nr, const void *data);

#endif
