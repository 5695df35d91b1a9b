/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is free of the data device, by the data space map. */
#ifndef FORMATS_THIN_FREE_H
#define FORMATS_THIN_FREE_H

#include "formats/thin/meta.h"

/*
 * Call @run for each run of data blocks with a count of 0, by rising block, each as long as it
 * can be. Non-zero ends it and is returned. The metadata should have been checked: damage ends it
 * with -EUCLEAN or -EIO. Memory: 60 bytes for each 16320 blocks.
 */
int thin_free_runs(struct meta *meta, const struct sm_root *data_sm,
		   int (*run)(void *user, bp_dblock begin, bp_dblock length), void *user);

#endif
