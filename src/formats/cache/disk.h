/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a cache's metadata consists of, beside arrays, bitsets and the space map. */
#ifndef FORMATS_CACHE_DISK_H
#define FORMATS_CACHE_DISK_H

#include "pdata/space_map.h"

/*
 * The superblock, block 0.
 * Source: Linux, drivers/md/dm-cache-metadata.c.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum                block.h; kind: cache superblock
 *        4     4  flags               bit 0: shut down cleanly; bit 1: needs_check
 *        8     8  blocknr             0
 *       16    16  uuid                zero
 *       32     8  magic               06142003
 *       40     4  version             1, or 2: with a dirty bitset
 *       44    16  policy_name         filled up with NUL; empty before the first clean shutdown
 *       60     4  policy_hint_size    0 or 4; old tools wrote 0 although there are hints
 *       64   128  metadata_space_map_root  32 bytes count, the rest is unspecified
 *      192     8  mapping_root        array of u64, one a cache block
 *      200     8  hint_root           array of u32, one a cache block; 0: none yet
 *      208     8  discard_root        bitset, one bit a discard block
 *      216     8  discard_block_size  sectors; 0 until first written
 *      224     8  discard_nr_blocks   bits; 0 until first written
 *      232     4  data_block_size     sectors
 *      236     4  metadata_block_size sectors: 8
 *      240     4  cache_blocks
 *      244     4  compat_flags
 *      248     4  compat_ro_flags
 *      252     4  incompat_flags      unknown bits: must not be used
 *      256    16  read_hits, read_misses, write_hits, write_misses: statistics
 *      272    12  policy_version      major, minor, patch
 *      284     8  dirty_root          version 2: bitset, one bit a cache block
 */
struct cache_superblock_disk {
	le32 csum, flags;
	le64 blocknr;
	uint8_t uuid[16];
	le64 magic;
	le32 version;
	char policy_name[16];
	le32 policy_hint_size;
	uint8_t metadata_space_map_root[SM_ROOT_BYTES];
	le64 mapping_root, hint_root, discard_root;
	le64 discard_block_size, discard_nr_blocks;
	le32 data_block_size, metadata_block_size, cache_blocks;
	le32 compat_flags, compat_ro_flags, incompat_flags;
	le32 read_hits, read_misses, write_hits, write_misses;
	le32 policy_version[3];
	le64 dirty_root;
};
_Static_assert(sizeof(struct cache_superblock_disk) == 292, "on-disk format");

#define CACHE_MAGIC                  06142003
#define CACHE_VERSION                2
#define CACHE_HINT_BYTES             4
#define CACHE_METADATA_BLOCK_SECTORS 8
#define CACHE_BLOCK_SECTORS_MIN      64
#define CACHE_BLOCK_SECTORS_MAX      2097152
#define CACHE_BLOCK_SECTORS_FACTOR   64

/* A mapping: the origin's block in the upper 48 bits, flags in the lower 16. 0: not in use. */
#define CACHE_MAPPING_VALID 1u
#define CACHE_MAPPING_DIRTY 2u /* version 1 only */
#define CACHE_FLAG_BITS     16

static inline uint64_t cache_mapping_origin(uint64_t value)
{
	return value >> CACHE_FLAG_BITS;
}

static inline uint32_t cache_mapping_flags(uint64_t value)
{
	return (uint32_t)(value & ((1u << CACHE_FLAG_BITS) - 1));
}

static inline uint64_t cache_mapping_make(uint64_t origin, uint32_t flags)
{
	return origin << CACHE_FLAG_BITS | flags;
}

#endif
