/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a cache's metadata: what restore, repair and the generator have in common.
 *
 *	cache_build_init()	zeroes the superblock
 *	cache_build_start()	what the superblock will say
 *	cache_build_mapping(), cache_build_hint()	each by rising cache block
 *	cache_build_finish()	dirty bits, discards, space map; the superblock last
 */
#ifndef FORMATS_CACHE_BUILD_H
#define FORMATS_CACHE_BUILD_H

#include <bedplate/cache_meta.h>

#include "formats/cache/disk.h"
#include "pdata/build_array.h"

/* What the superblock is to say, beside roots. */
struct cache_make {
	uint32_t flags, version;
	char policy[17];
	uint32_t policy_version[3];
	uint32_t hint_bytes, data_block_sectors, nr_cache_blocks;
	uint64_t discard_block_sectors, nr_discard_blocks; /* both 0: no discards */
	bool hints; /* write hints, whatever hint_bytes says */
};

struct cache_build {
	struct build build;
	struct cache_make make;
	struct build_array mappings, hints, discards;
	struct bits dirty; /* version 2 */
};

/* 0 or an error, its message recorded. */
int cache_build_init(struct cache_build *cb, struct bp_ctx *ctx, struct io *io);
void cache_build_done(struct cache_build *cb);
int cache_build_start(struct cache_build *cb, const struct cache_make *make);
int cache_build_mapping(struct cache_build *cb, uint32_t cache_block, uint64_t origin_block,
			bool dirty);
int cache_build_hint(struct cache_build *cb, uint32_t cache_block, const uint8_t *hint);
/* Word @i of the discard bitset. */
int cache_build_discards(struct cache_build *cb, uint64_t i, le64 word);
int cache_build_finish(struct cache_build *cb);

#endif
