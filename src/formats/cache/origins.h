/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks of the origin are mapped already. A bit each for those up to 64 times the number
 * of cache blocks, which is all of them in real caches; a hash table for what lies beyond.
 *
 * Memory: 8 bytes a cache block, taken when touched; 16 to 32 for each mapped block beyond.
 */
#ifndef FORMATS_CACHE_ORIGINS_H
#define FORMATS_CACHE_ORIGINS_H

#include "core/bits.h"

struct origins {
	struct bits near;
	uint64_t *far; /* block + 1; open addressing; 0: free slot */
	size_t far_size, far_count;
};

/* @nr_mappings: no more than so many will come. 0 or -ENOMEM. */
int origins_init(struct origins *o, uint64_t nr_mappings);
void origins_done(struct origins *o);
/* Blocks beyond the bits. @ret_was: mapped before? 0 or -ENOMEM. */
int origins_add_far(struct origins *o, uint64_t block, bool *ret_was);

static inline int origins_add(struct origins *o, uint64_t block, bool *ret_was)
{
	if (__builtin_expect(block >= o->near.count, 0))
		return origins_add_far(o, block, ret_was);
	*ret_was = bits_test_and_set(&o->near, block);
	return 0;
}

#endif
