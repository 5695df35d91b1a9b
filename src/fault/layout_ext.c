/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of ext2, ext3 and ext4: the journal's blocks, from its inode, and what each block group keeps at
 * places of its own: superblock and group descriptors with their copies, bitmaps, inode table.
 * Directories and the trees of large files lie among data and are not followed.
 * Source of the format: Linux, Documentation/filesystems/ext4.
 */
#include <inttypes.h>

#include "fault/fault.h"

#define SUPER_AT        1024
#define BLOCK_MIN       1024u
#define LOG_BLOCK_MAX   6 /* 64 KiB */
#define DESC_MIN        32u
#define DESC_64         64u
#define INODE_MIN       128u
#define DEPTH_MAX       5      /* of the tree of extents */
#define NODES_MAX       65536u /* of a journal: more is a loop */
#define UNWRITTEN       32768u /* added to the length of an extent that is */
#define EXTENT_MAGIC    0xf30a
#define NR_DIRECT       12u
#define INODE_HEAD      128u
#define INODE_BLOCKS_AT 40
#define INODE_BLOCKS    60

enum {
	COMPAT_HAS_JOURNAL = 0x4,
	COMPAT_RESIZE_INODE = 0x10,
	COMPAT_SPARSE_SUPER2 = 0x200,
	INCOMPAT_JOURNAL_DEV = 0x8,
	INCOMPAT_META_BG = 0x10,
	INCOMPAT_64BIT = 0x80,
	RO_COMPAT_SPARSE_SUPER = 0x1,
	INODE_EXTENTS = 0x80000,
};

static uint32_t le16(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return le16(p) | le16(p + 2) << 16;
}

struct ext {
	struct bp_ctx *ctx;
	const struct layout_disk *disk;
	struct fault_ranges *ranges;
	uint64_t blocks;
	uint32_t block_bytes, first_block; /* 1 where the boot block is one of its own */
	uint32_t blocks_per_group, inodes_per_group, groups;
	uint32_t desc_bytes, descs_per_block, inode_bytes;
	uint32_t compat, incompat, ro_compat;
	uint32_t reserved_blocks; /* for more descriptors, behind those there are */
	uint32_t first_meta_bg; /* from this block of descriptors on they lie in their groups */
	uint32_t journal, copies[2];
	unsigned nodes;          /* of the journal's map, so far */
	uint64_t journal_blocks; /* the same */
};

/* --- superblock --- */

/*
 * Offsets in the superblock, which lies at byte 1024. Source: Linux, fs/ext4/ext4.h, struct
 * ext4_super_block.
 */
static void take_super(struct ext *e, const uint8_t *s)
{
	e->block_bytes = BLOCK_MIN << le32(s + 24);
	e->first_block = le32(s + 20);
	e->blocks_per_group = le32(s + 32);
	e->inodes_per_group = le32(s + 40);
	e->compat = le32(s + 92);
	e->incompat = le32(s + 96);
	e->ro_compat = le32(s + 100);
	e->blocks = le32(s + 4);
	e->desc_bytes = DESC_MIN;
	if (e->incompat & INCOMPAT_64BIT) {
		e->blocks |= (uint64_t)le32(s + 336) << 32;
		e->desc_bytes = le16(s + 254);
	}
	e->inode_bytes = le32(s + 76) ? le16(s + 88) : INODE_MIN; /* revision 0 has no field */
	e->reserved_blocks = e->compat & COMPAT_RESIZE_INODE ? le16(s + 206) : 0;
	e->first_meta_bg = e->incompat & INCOMPAT_META_BG ? le32(s + 260) : UINT32_MAX;
	e->journal = le32(s + 224);
	e->copies[0] = le32(s + 588);
	e->copies[1] = le32(s + 592);
}

static bool is_size(uint32_t bytes, uint32_t least, uint32_t most)
{
	return is_power_of_two(bytes) && bytes >= least && bytes <= most;
}

/* Everything that later arithmetic divides by, or multiplies with. */
static bool sound(const struct ext *e)
{
	return e->first_block == (e->block_bytes == BLOCK_MIN ? 1 : 0) &&
	       e->blocks > e->first_block &&
	       e->blocks <= e->disk->size_bytes / e->block_bytes && e->blocks_per_group >= 8 &&
	       e->inodes_per_group > 0 && e->inodes_per_group <= 8 * e->block_bytes &&
	       is_size(e->inode_bytes, INODE_MIN, e->block_bytes) &&
	       is_size(e->desc_bytes, e->incompat & INCOMPAT_64BIT ? DESC_64 : DESC_MIN,
		       e->block_bytes);
}

/* The number of groups must fit 32 bits, as numbers of groups do on disk. */
static int read_super(struct ext *e, const uint8_t *s)
{
	uint64_t groups;

	if (le32(s + 24) > LOG_BLOCK_MAX)
		return fault_layout_damaged(e->ctx, "superblock");
	take_super(e, s);
	if (e->incompat & INCOMPAT_JOURNAL_DEV)
		return bp_fail(e->ctx, -ENOTSUP, "it is a journal device, no file system");
	if (!sound(e))
		return fault_layout_damaged(e->ctx, "superblock");
	groups = DIV_UP(e->blocks - e->first_block, (uint64_t)e->blocks_per_group);
	if (groups > UINT32_MAX)
		return fault_layout_damaged(e->ctx, "number of groups");
	e->groups = (uint32_t)groups;
	e->descs_per_block = e->block_bytes / e->desc_bytes;
	return 0;
}

static int add(struct ext *e, const char *what, uint64_t block, uint64_t count)
{
	return fault_layout_add(e->ctx, what, block, count, e->blocks, e->block_bytes,
				e->ranges);
}

/* --- groups --- */

static uint64_t group_start(const struct ext *e, uint32_t group)
{
	return e->first_block + (uint64_t)group * e->blocks_per_group;
}

static bool is_power_of(uint32_t n, uint32_t base)
{
	while (n % base == 0)
		n /= base;
	return n == 1;
}

/* Whether a group begins with a copy of the superblock. */
static bool has_super(const struct ext *e, uint32_t group)
{
	if (group == 0)
		return true;
	if (e->compat & COMPAT_SPARSE_SUPER2)
		return group == e->copies[0] || group == e->copies[1];
	if (!(e->ro_compat & RO_COMPAT_SPARSE_SUPER))
		return true;
	return group == 1 || is_power_of(group, 3) || is_power_of(group, 5) ||
	       is_power_of(group, 7);
}

/* Where block number @index of the descriptors lies. */
static uint64_t desc_block(const struct ext *e, uint32_t index)
{
	uint32_t group = index * e->descs_per_block;

	if (index < e->first_meta_bg)
		return e->first_block + 1 + (uint64_t)index;
	return group_start(e, group) + has_super(e, group);
}

struct group {
	uint64_t block_bitmap, inode_bitmap, inode_table;
};

static int read_group(struct ext *e, uint32_t group, struct group *ret)
{
	uint8_t d[DESC_64] = { 0 };
	uint64_t at = desc_block(e, group / e->descs_per_block) * e->block_bytes +
		      (uint64_t)(group % e->descs_per_block) * e->desc_bytes;
	size_t len =
		e->desc_bytes < DESC_64 ? DESC_MIN : DESC_64; /* what is not read is zero */
	int r = fault_layout_read(e->ctx, e->disk, "group descriptor", d, len, at);

	*ret = (struct group){
		.block_bitmap = (uint64_t)le32(d + 32) << 32 | le32(d),
		.inode_bitmap = (uint64_t)le32(d + 36) << 32 | le32(d + 4),
		.inode_table = (uint64_t)le32(d + 40) << 32 | le32(d + 8),
	};
	return r;
}

/* A group with its descriptors in it has them also in the next group and in the last of as many. */
static bool has_own_descs(const struct ext *e, uint32_t group)
{
	uint32_t index = group / e->descs_per_block, n = group % e->descs_per_block;

	return index >= e->first_meta_bg && (n <= 1 || n == e->descs_per_block - 1);
}

/*
 * Copies of the superblock and the descriptors: sparse_super has them in groups 0, 1 and
 * powers of 3, 5, 7; meta_bg has descriptors in each.
 */
static int add_copies(struct ext *e, uint32_t group)
{
	uint64_t start = group_start(e, group);
	uint32_t descs = DIV_UP(e->groups, e->descs_per_block);
	int r = 0;

	if (has_super(e, group)) {
		r = add(e, "superblock", start, 1);
		if (r == 0)
			r = add(e, "group descriptors", start + 1,
				(uint64_t)MIN(descs, e->first_meta_bg) + e->reserved_blocks);
	}
	if (r == 0 && has_own_descs(e, group))
		r = add(e, "group descriptors", start + has_super(e, group), 1);
	return r;
}

/* One group's bitmaps and its part of the inode table. */
static int add_group(struct ext *e, uint32_t group)
{
	uint64_t table = DIV_UP((uint64_t)e->inodes_per_group * e->inode_bytes,
				(uint64_t)e->block_bytes);
	struct group g = { 0 };
	int r = add_copies(e, group);

	if (r == 0)
		r = read_group(e, group, &g);
	if (r == 0)
		r = add(e, "block bitmap", g.block_bitmap, 1);
	if (r == 0)
		r = add(e, "inode bitmap", g.inode_bitmap, 1);
	return r < 0 ? r : add(e, "inode table", g.inode_table, table);
}

/* --- the journal --- */

static int read_node(struct ext *e, uint64_t block, uint8_t *buf)
{
	if (block >= e->blocks || ++e->nodes > NODES_MAX)
		return fault_layout_damaged(e->ctx, "inode of the journal");
	return fault_layout_read(e->ctx, e->disk, "map of the journal", buf, e->block_bytes,
				 block * e->block_bytes);
}

/* A map that leads in a circle would have more blocks than there are. */
static int add_blocks(struct ext *e, uint64_t block, uint32_t count)
{
	e->journal_blocks += count;
	if (e->journal_blocks > e->blocks)
		return fault_layout_damaged(e->ctx, "map of the journal");
	return add(e, "journal", block, count);
}

static int add_extent(struct ext *e, const uint8_t *p)
{
	uint32_t len = le16(p + 4);

	return add_blocks(e, (uint64_t)le16(p + 6) << 32 | le32(p + 8),
			  len > UNWRITTEN ? len - UNWRITTEN : len);
}

/* A node of the tree of extents: the first lies in the inode, of 60 bytes. */
static int walk_extents(struct ext *e, const uint8_t *node, size_t size, unsigned depth)
{
	_cleanup_(freep) uint8_t *buf = NULL;
	uint32_t count = le16(node + 2);
	int r = 0;

	if (le16(node) != EXTENT_MAGIC || le16(node + 6) != depth || count > (size - 12) / 12)
		return fault_layout_damaged(e->ctx, "map of the journal");
	if (depth && !(buf = malloc(e->block_bytes)))
		return bp_fail_memory(e->ctx);
	for (uint32_t i = 0; r == 0 && i < count; i++) {
		const uint8_t *p = node + 12 + (size_t)i * 12;

		if (!depth) {
			r = add_extent(e, p);
			continue;
		}
		r = read_node(e, (uint64_t)le16(p + 8) << 32 | le32(p + 4), buf);
		if (r == 0)
			r = walk_extents(e, buf, e->block_bytes, depth - 1);
	}
	return r;
}

/* Block numbers, of data at @depth 0, else of blocks of such numbers; 0 is a hole. */
static int walk_blocks(struct ext *e, const uint8_t *numbers, size_t count, unsigned depth)
{
	_cleanup_(freep) uint8_t *buf = depth ? malloc(e->block_bytes) : NULL;
	int r = depth && !buf ? bp_fail_memory(e->ctx) : 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		uint32_t block = le32(numbers + i * 4);

		if (!block)
			continue;
		if (!depth) {
			r = add_blocks(e, block, 1);
			continue;
		}
		r = read_node(e, block, buf);
		if (r == 0)
			r = walk_blocks(e, buf, e->block_bytes / 4, depth - 1);
	}
	return r;
}

/* The journal is a file: its inode has an extent tree, or with ext3 the old map of blocks. */
static int add_journal(struct ext *e)
{
	uint32_t group = (e->journal - 1) / e->inodes_per_group;
	uint32_t index = (e->journal - 1) % e->inodes_per_group;
	uint8_t inode[INODE_HEAD];
	const uint8_t *map = inode + INODE_BLOCKS_AT;
	struct group g = { 0 };
	int r = 0;

	if (!(e->compat & COMPAT_HAS_JOURNAL))
		return bp_fail(e->ctx, -ENODATA, "file system: it has no journal");
	if (!e->journal)
		return bp_fail(e->ctx, -ENODATA,
			       "file system: its journal lies on another device");
	if (group >= e->groups)
		return fault_layout_damaged(e->ctx, "number of the journal's inode");
	r = read_group(e, group, &g);
	if (r == 0 && g.inode_table >= e->blocks)
		r = fault_layout_damaged(e->ctx, "inode table");
	if (r == 0)
		r = fault_layout_read(
			e->ctx, e->disk, "inode of the journal", inode, sizeof(inode),
			g.inode_table * e->block_bytes + (uint64_t)index * e->inode_bytes);
	if (r < 0)
		return r;
	if (le32(inode + 32) & INODE_EXTENTS)
		return le16(map + 6) > DEPTH_MAX
			       ? fault_layout_damaged(e->ctx, "map of the journal")
			       : walk_extents(e, map, INODE_BLOCKS, le16(map + 6));
	r = walk_blocks(e, map, NR_DIRECT, 0);
	for (unsigned i = 0; r == 0 && i < 3; i++)
		r = walk_blocks(e, map + (size_t)(NR_DIRECT + i) * 4, 1, i + 1);
	return r;
}

/* Both classes in one pass; ranges may overlap, the caller unites them. */
int fault_layout_ext(struct bp_ctx *ctx, const struct layout_disk *disk, const uint8_t *head,
		     uint32_t classes, struct fault_ranges *ret)
{
	struct ext e = { .ctx = ctx, .disk = disk, .ranges = ret };
	int r = read_super(&e, head + SUPER_AT);

	if (r == 0 && classes & BP_FAULT_JOURNAL)
		r = add_journal(&e);
	for (uint32_t i = 0; r == 0 && classes & BP_FAULT_METADATA && i < e.groups; i++)
		r = add_group(&e, i);
	return r;
}
