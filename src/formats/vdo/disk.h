/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A vdo volume as it lies on its device. All integers little-endian, nothing aligned; a block
 * has 4096 bytes. Source: Linux, drivers/md/dm-vdo/encodings.h, and volumes that kernels and
 * their formatter made.
 *
 *   block 0               geometry
 *   1 .. D-1              index of duplicates
 *   D                     super block
 *   D+1 .. D+60           roots of the block map
 *   D+61 ..               slabs, all of one size; a rest too short for one is not used
 *   P-64-32768 ..         recovery journal
 *   P-64 .. P-1           slab summary
 *
 * A component begins with its kind, version and size. Checksums are CRC-32 (polynomial
 * 0xEDB88320 reflected) whose register starts at 0; the result is inverted.
 */
#ifndef FORMATS_VDO_DISK_H
#define FORMATS_VDO_DISK_H

#include "core/endian.h"
#include "io/io.h"

#define VDO_MAGIC "dmvdo001"

struct vdo_component_disk {
	le32 id, major, minor;
	le64 size; /* bytes behind this; of the geometry all of it, magic and checksum included */
};
enum vdo_component {
	VDO_SUPER_BLOCK = 0,
	VDO_LAYOUT = 1,
	VDO_JOURNAL = 2,
	VDO_DEPOT = 3,
	VDO_BLOCK_MAP = 4,
	VDO_GEOMETRY = 5,
};

/*
 * The geometry is three pieces: version 4 has no bio_offset, and goes on with the tail.
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  magic
 *        8    20  component     geometry, 5.0 (or 4.0), 101 (or 93)
 *       28     4  release       0; ignored, but kept
 *       32     8  nonce
 *       40    16  uuid
 *       56     8  bio_offset    blocks, only in 5.0
 *       64    24  regions       number and first block: 0 the index, 1 what follows it
 *       88     4  memory        signed, see vdo_memory_code()
 *       92     4  unused
 *       96     1  sparse
 *       97     4  crc           of all before it
 */
struct vdo_geometry_head_disk {
	uint8_t magic[8];
	struct vdo_component_disk component;
	le32 release;
	le64 nonce;
	uint8_t uuid[16];
};
struct vdo_geometry_tail_disk {
	struct {
		le32 id;
		le64 start;
	} regions[2];
	le32 memory, unused;
	uint8_t sparse;
	le32 crc;
};
_Static_assert(sizeof(struct vdo_geometry_head_disk) == 56, "on-disk format");
_Static_assert(sizeof(struct vdo_geometry_tail_disk) == 37, "on-disk format");
#define VDO_GEOMETRY_BYTES     101
#define VDO_GEOMETRY_BYTES_OLD 93

/* A partition: by its id, in any order. 0 block map, 1 slabs, 2 journal, 3 summary. */
struct vdo_partition_disk {
	uint8_t id;
	le64 start, base, count; /* base is 0 */
};
enum { VDO_PART_MAP, VDO_PART_DEPOT, VDO_PART_JOURNAL, VDO_PART_SUMMARY, VDO_PARTS };

/*
 * The super block, version 12.0. All of it lies in one sector.
 *
 *   OFFSET  SIZE  FIELD
 *        0    20  component         super block, 12.0, 418
 *       20     4  release
 *       24     8  volume version    67, 0
 *       32     8  component version 41, 0
 *       40     4  state
 *       44    16  recoveries        complete, from read-only
 *       60    40  sizes             logical, physical, slab, journal, slab journal: blocks
 *      100     8  nonce             the geometry's
 *      108    20  component         layout, 3.0, 117
 *      128    17  free              first, last; number of partitions, 4
 *      145   100  partitions
 *      245    20  component         journal, 7.0, 24
 *      265    24  journal           sequence number, logical blocks used, block map blocks
 *      289    20  component         slabs, 2.0, 73
 *      309    56  slab              blocks; of data, counts, journal; its three thresholds
 *      365    17  depot             first block, last block + 1; zones
 *      382    20  component         block map, 2.0, 32
 *      402    32  block map         flat pages: 1, 0; roots: first block, number
 *      434     4  crc               of all before it
 */
struct vdo_super_disk {
	struct vdo_component_disk component;
	le32 release;
	le32 volume_version[2], component_version[2];
	le32 state;
	le64 complete_recoveries, read_only_recoveries;
	le64 logical, physical, slab, journal, slab_journal;
	le64 nonce;
	struct vdo_component_disk layout;
	le64 first_free, last_free;
	uint8_t nr_partitions;
	struct vdo_partition_disk partitions[VDO_PARTS];
	struct vdo_component_disk journal_component;
	le64 sequence, logical_used, map_blocks;
	struct vdo_component_disk depot_component;
	le64 slab_config[7];
	le64 first_block, last_block;
	uint8_t zones;
	struct vdo_component_disk map_component;
	le64 flat_origin, flat_count, root_origin, root_count;
	le32 crc;
};
_Static_assert(sizeof(struct vdo_super_disk) == 438, "on-disk format");

/* A page of the block map, root, tree page or leaf: its block number is its own. */
#define VDO_PAGE_ENTRIES 812
struct vdo_page_disk {
	le32 major, minor; /* 4, 1 */
	le64 nonce, block;
	uint8_t unused[8];
	uint8_t initialised;
	uint8_t unused2[3];
	/* State in the low nibble of the first byte, bits 32..35 of the block in its high one. */
	uint8_t entries[VDO_PAGE_ENTRIES][5];
};
_Static_assert(sizeof(struct vdo_page_disk) == IO_BLOCK, "on-disk format");

/* Several blocks in one: fragments one after the other, their sizes in the head. */
#define VDO_FRAGMENTS 14
struct vdo_compressed_disk {
	le32 major, minor; /* 1, 0 */
	uint8_t sizes[VDO_FRAGMENTS][2];
	uint8_t data[4060];
};
_Static_assert(sizeof(struct vdo_compressed_disk) == IO_BLOCK, "on-disk format");

/* A sector of reference counts, eight in a block, with the point of the slab's journal. */
#define VDO_SECTOR_COUNTS 504
#define VDO_BLOCK_COUNTS  4032
struct vdo_counts_disk {
	struct {
		le64 journal_point;
		uint8_t counts[VDO_SECTOR_COUNTS];
	} sectors[8];
};
_Static_assert(sizeof(struct vdo_counts_disk) == IO_BLOCK, "on-disk format");
enum {
	VDO_COUNT_FREE = 0,
	VDO_COUNT_MAX = 254,        /* also of pages of the block map */
	VDO_COUNT_PROVISIONAL = 255 /* only means something while the volume runs */
};

/* The summary: for each of 16 zones 8192 entries, of which slab n has entry n in its zone's. */
struct vdo_summary_entry_disk {
	uint8_t tail;  /* block of the slab's journal */
	uint8_t flags; /* bits 0..5 hint of fullness, 6 the counts were written, 7 dirty */
};
#define VDO_SUMMARY_ZONES   16
#define VDO_SUMMARY_ENTRIES 8192
#define VDO_SUMMARY_HINT    0x3f
#define VDO_SUMMARY_LOAD    0x40
#define VDO_SUMMARY_DIRTY   0x80

#define VDO_ROOTS          60
#define VDO_JOURNAL_BLOCKS 32768
#define VDO_SUMMARY_BLOCKS 64
#define VDO_SLAB_JOURNAL   224
#define VDO_SLAB_BITS_MIN  13
#define VDO_SLAB_BITS_MAX  23

#endif
