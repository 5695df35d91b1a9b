/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random thin pools with sharing, in memory, together with what every device maps: an oracle for
 * whatever reads metadata. The same seed makes the same pool.
 */
#ifndef LIB_THIN_POOL_H
#define LIB_THIN_POOL_H

#include "formats/thin/meta.h"

#define POOL_DEVICES     6u
#define POOL_BLOCKS      8000u /* virtual blocks of a device */
#define POOL_DATA_BLOCKS 60000u
#define POOL_META_BLOCKS 1024u

struct thin_pool {
	uint8_t *data; /* POOL_META_BLOCKS metadata blocks */
	unsigned nr_devices;
	/* By device and virtual block: its data block + 1; 0: not mapped. Ids are 3 * index + 1. */
	uint32_t *map[POOL_DEVICES];
};

static inline uint64_t thin_pool_id(unsigned device)
{
	return 3 * (uint64_t)device + 1;
}

/* Random number below @below, from @state. */
uint32_t thin_pool_pick(uint64_t *state, uint32_t below);

void thin_pool_make(struct thin_pool *pool, struct bp_ctx *ctx, uint64_t seed);
void thin_pool_done(struct thin_pool *pool);
/* Close it before the pool is done. */
struct bp_thin_meta *thin_pool_open(const struct thin_pool *pool, struct bp_ctx *ctx);

/* Restore XML text on @io, which stays the caller's. */
int thin_pool_restore(struct bp_ctx *ctx, struct io *io, const char *xml);

/* Pools to try: @nr, or as many as BEDPLATE_TEST_POOLS says, for longer runs by hand. */
uint64_t thin_pool_trials(uint64_t nr);

#endif
