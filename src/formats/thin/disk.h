/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a thin pool's metadata consists of, beside trees and space maps. */
#ifndef FORMATS_THIN_DISK_H
#define FORMATS_THIN_DISK_H

#include "pdata/space_map.h"

/*
 * The superblock, block 0; its copy is the metadata snapshot.
 * Source: Linux, drivers/md/dm-thin-metadata.c.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum                block.h; kind: thin superblock
 *        4     4  flags               bit 0: needs_check
 *        8     8  blocknr             0; in a metadata snapshot its own block
 *       16    16  uuid                zero
 *       32     8  magic               27022010
 *       40     4  version             2; 1 has the same layout
 *       44     4  time                +1 with each snapshot taken
 *       48     8  trans_id            user space's
 *       56     8  held_root           metadata snapshot, 0: none
 *       64   128  data_space_map_root      32 bytes count, the rest is unspecified
 *      192   128  metadata_space_map_root  likewise; both zero in a metadata snapshot
 *      320     8  data_mapping_root   tree: device id -> root of its mapping tree
 *      328     8  device_details_root tree: device id -> details
 *      336     4  data_block_size     sectors
 *      340     4  metadata_block_size sectors: 8
 *      344     8  metadata_nr_blocks  when it was made; stale after growing
 *      352     4  compat_flags
 *      356     4  compat_ro_flags
 *      360     4  incompat_flags      unknown bits: must not be used
 */
struct thin_superblock_disk {
	le32 csum, flags;
	le64 blocknr;
	uint8_t uuid[16];
	le64 magic;
	le32 version, time;
	le64 trans_id, held_root;
	uint8_t data_space_map_root[SM_ROOT_BYTES];
	uint8_t metadata_space_map_root[SM_ROOT_BYTES];
	le64 data_mapping_root, device_details_root;
	le32 data_block_size, metadata_block_size;
	le64 metadata_nr_blocks;
	le32 compat_flags, compat_ro_flags, incompat_flags;
};
_Static_assert(sizeof(struct thin_superblock_disk) == 364, "on-disk format");

#define THIN_MAGIC                     27022010
#define THIN_VERSION                   2
#define THIN_FLAG_NEEDS_CHECK          1u
#define THIN_METADATA_BLOCK_SECTORS    8
#define THIN_DATA_BLOCK_SECTORS_MIN    128
#define THIN_DATA_BLOCK_SECTORS_MAX    2097152
#define THIN_DATA_BLOCK_SECTORS_FACTOR 128
#define THIN_DEVICE_ID_MAX             0xffffff
#define THIN_DATA_BLOCKS_MAX           (UINT64_C(1) << 40)

/*
 * Details of a device.
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  mapped_blocks     entries of its mapping tree
 *        8     8  transaction_id    of the superblock, when it was made
 *       16     4  creation_time
 *       20     4  snapshotted_time  when a snapshot of it was taken last
 */
struct thin_details_disk {
	le64 mapped_blocks, transaction_id;
	le32 creation_time, snapshotted_time;
};
_Static_assert(sizeof(struct thin_details_disk) == 24, "on-disk format");

/* The value of a mapping: data block in the upper 40 bits, time in the lower 24. */
#define THIN_TIME_BITS 24
#define THIN_TIME_MAX  0xffffffu
/* What is written of a mapping: a snapshotted_time can still be above it, which sharing needs. */
#define THIN_MAPPING_TIME_MAX (THIN_TIME_MAX - 1)
/* From here on it is time to say that there is an end: kernels don't look, and the excess
 * would become part of the data block. */
#define THIN_TIME_NEAR (THIN_TIME_MAX - 0xffffu)

static inline bp_dblock thin_mapping_block(uint64_t value)
{
	return value >> THIN_TIME_BITS;
}

static inline uint32_t thin_mapping_time(uint64_t value)
{
	return (uint32_t)(value & ((UINT64_C(1) << THIN_TIME_BITS) - 1));
}

static inline uint64_t thin_mapping_make(bp_dblock block, uint32_t time)
{
	return block << THIN_TIME_BITS | (time & ((UINT64_C(1) << THIN_TIME_BITS) - 1));
}

#endif
