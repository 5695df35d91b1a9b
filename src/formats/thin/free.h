/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is free of the data device, or of the metadata, by its space map. */
#ifndef FORMATS_THIN_FREE_H
#define FORMATS_THIN_FREE_H

#include "formats/thin/meta.h"

/*
 * Call @run for each run of blocks with a count of 0, by rising block, each as long as it can be.
 * @root: of the map that @which names. Non-zero ends it and is returned. The metadata should have been
 * checked: damage ends it with -EUCLEAN or -EIO. Memory: 60 bytes for each 16320 blocks.
 */
int thin_free_runs(struct meta *meta, enum thin_space_map which, const struct sm_root *root,
		   int (*run)(void *user, uint64_t begin, uint64_t length), void *user);

#endif
