/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting whole runs of blocks, 32 at a time, and taking counts back. */
#ifndef PDATA_REFCOUNTS_RUN_H
#define PDATA_REFCOUNTS_RUN_H

#include "pdata/refcounts.h"

/* One more for each of @length blocks from @begin, all below nr_blocks. 0 or -ENOMEM. */
int refcounts_inc_run(struct refcounts *c, uint64_t begin, uint64_t length);
/* One less for @block, whose count is above 0. 0 or -ENOMEM. */
int refcounts_dec(struct refcounts *c, uint64_t block);

#endif
