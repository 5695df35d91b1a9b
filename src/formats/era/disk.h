/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an era's metadata consists of, beside arrays, bitsets, a tree and the space map. */
#ifndef FORMATS_ERA_DISK_H
#define FORMATS_ERA_DISK_H

#include "pdata/space_map.h"

/*
 * A writeset: the value of the writeset tree (key: era), and a field of the superblock.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  nr_bits   blocks of the origin when the era began
 *        4     8  root      bitset; in the superblock 0: there is none
 */
struct era_writeset_disk {
	le32 nr_bits;
	le64 root;
};
_Static_assert(sizeof(struct era_writeset_disk) == 12, "on-disk format");

/*
 * The superblock, block 0; its copy is the metadata snapshot. Most 8-byte fields are unaligned.
 * Source: Linux, drivers/md/dm-era-target.c.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum                block.h; kind: era superblock
 *        4     4  flags               the kernel writes 0, restoring tools 1: no meaning
 *        8     8  blocknr             0; in a metadata snapshot its own block
 *       16    16  uuid                zero
 *       32     8  magic               2126579579
 *       40     4  version             1
 *       44   128  metadata_space_map_root  32 bytes count, the rest is unspecified
 *      172     4  data_block_size     sectors
 *      176     4  metadata_block_size sectors: 8
 *      180     4  nr_blocks           of the origin
 *      184     4  current_era
 *      188    12  current_writeset    not to be followed in a metadata snapshot
 *      200     8  writeset_tree_root  tree: era -> writeset
 *      208     8  era_array_root      array of u32, one a block: the era it was written in last
 *      216     8  metadata_snap       0: none
 */
struct era_superblock_disk {
	le32 csum, flags;
	le64 blocknr;
	uint8_t uuid[16];
	le64 magic;
	le32 version;
	uint8_t metadata_space_map_root[SM_ROOT_BYTES];
	le32 data_block_size, metadata_block_size, nr_blocks, current_era;
	struct era_writeset_disk current_writeset;
	le64 writeset_tree_root, era_array_root, metadata_snap;
};
_Static_assert(sizeof(struct era_superblock_disk) == 224, "on-disk format");

#define ERA_MAGIC                  2126579579
#define ERA_VERSION                1
#define ERA_METADATA_BLOCK_SECTORS 8
#define ERA_BLOCK_SECTORS_FACTOR   8
#define ERA_BLOCKS_MAX             INT32_MAX

#endif
