/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ids that a pool has, active or not. */
#ifndef DM_POOL_IDS_H
#define DM_POOL_IDS_H

#include <bedplate/thin.h>

#include "dm/pool/pool.h"

/*
 * By rising id. @known: they could be read. @foreign: from a snapshot that was there before, which may
 * be older than the last volumes.
 */
struct pool_ids {
	VEC(struct bp_thin_device) list;
	bool known, foreign;
	int reading; /* why they could not be read: -errno; 0: not even tried */
};

/*
 * Read them: reserves a metadata snapshot and releases it. Nothing is read where one only looks ahead, or where
 * the pool can't make a snapshot. 0, or -errno where the pool could not be asked, a signal came or time ran out.
 */
int pool_ids_read(struct bp_pool *pool, const char *verb, int64_t deadline,
		  struct pool_ids *ret);
/* Warn where ids have to be tried. */
void pool_ids_tell(struct bp_pool *pool, const struct pool_ids *ids);
void pool_ids_done(struct pool_ids *ids);

/* @nr ids in a row that are likely to be free: behind the highest one, else in a gap. */
uint32_t pool_ids_next(const struct pool_ids *ids, const struct volumes *active, size_t nr);

#endif
