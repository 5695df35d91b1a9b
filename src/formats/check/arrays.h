/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ears that check: what formats made of arrays hear of theirs on the way goes to the frame. */
#ifndef FORMATS_CHECK_ARRAYS_H
#define FORMATS_CHECK_ARRAYS_H

#include "formats/loss.h"

/*
 * Damage is reported; nodes and array blocks are claimed, and pointers to them counted, each
 * block's once. Roots are the format's to count, but for those that leaves of a tree of writesets
 * have. A second walk with @again set meets the first's blocks again without a word: what a
 * metadata snapshot shares. Memory: a bit a metadata block.
 */
struct check_arrays {
	struct check *c;
	struct bits seen; /* claimed by walks so far */
	bool again;       /* this is a metadata snapshot */
	/* Offset of the root in the values of trees that are no array's. */
	size_t root_offset;
};

/* check_blocks() comes before. 0 or -ENOMEM. */
int check_arrays_init(struct check_arrays *a, struct check *c);
void check_arrays_done(struct check_arrays *a);
struct loss_ears check_ears(struct check_arrays *a);

/* The one space map that formats without data blocks have. 0 or an error of check_maps(). */
int check_metadata_map(struct check *c, const struct sm_root *root, struct check_map *map);

#endif
