/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Counting many blocks at a time, runs 32 at once, and taking counts back. */
#ifndef PDATA_REFCOUNTS_RUN_H
#define PDATA_REFCOUNTS_RUN_H

#include "core/endian.h"
#include "pdata/refcounts.h"

/* One more for each of @length blocks from @begin, all below nr_blocks. 0 or -ENOMEM. */
int refcounts_inc_run(struct refcounts *c, uint64_t begin, uint64_t length);
/*
 * One more for each of the blocks values[i] >> @shift, all below nr_blocks: a leaf's. Runs are
 * found, and the counters of scattered blocks fetched several at once. 0 or -ENOMEM.
 */
int refcounts_inc_many(struct refcounts *c, const le64 *values, uint32_t nr, unsigned shift);
/* One less for @block, whose count is above 0. 0 or -ENOMEM. */
int refcounts_dec(struct refcounts *c, uint64_t block);

#endif
