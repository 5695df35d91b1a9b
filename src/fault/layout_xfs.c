/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Of xfs: the log, and the headers of its allocation groups (superblock, free space, inodes, free
 * list: four sectors each). Trees and inodes have no fixed place and are not followed. Big endian.
 * Source of the format: XFS Algorithms & Data Structures, "Superblocks" and "AG Free Space Management".
 */
#include "fault/fault.h"

#define HEADERS 4

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

struct xfs {
	uint64_t blocks, log_start;
	uint32_t block_bytes, sector_bytes, ag_blocks, ag_count, log_blocks;
	unsigned ag_log; /* bits of a block's number within its group */
};

static bool is_size(uint32_t bytes, uint32_t most)
{
	return is_power_of_two(bytes) && bytes >= BP_SECTOR_BYTES && bytes <= most;
}

/* Big endian. Source: Linux, fs/xfs/libxfs/xfs_format.h, struct xfs_dsb. */
static int read_super(struct bp_ctx *ctx, const struct layout_disk *disk, const uint8_t *head,
		      struct xfs *ret)
{
	struct xfs x = {
		.block_bytes = be32(head + 4),
		.blocks = be64(head + 8),
		.log_start = be64(head + 48),
		.ag_blocks = be32(head + 84),
		.ag_count = be32(head + 88),
		.log_blocks = be32(head + 96),
		.sector_bytes = (uint32_t)head[102] << 8 | head[103],
		.ag_log = head[124],
	};

	if (!is_size(x.block_bytes, 65536) || !is_size(x.sector_bytes, 32768) ||
	    x.blocks > disk->size_bytes / x.block_bytes || !x.ag_blocks || x.ag_log > 31 ||
	    x.ag_blocks > UINT64_C(1) << x.ag_log ||
	    x.ag_count != DIV_UP(x.blocks, (uint64_t)x.ag_blocks))
		return fault_layout_damaged(ctx, "superblock");
	*ret = x;
	return 0;
}

/* Blocks are numbered by group, and groups have fewer than the power of two. */
static int add_log(struct bp_ctx *ctx, const struct xfs *x, struct fault_ranges *ret)
{
	uint64_t group = x->log_start >> x->ag_log;
	uint64_t block = x->log_start & ((UINT64_C(1) << x->ag_log) - 1);

	if (!x->log_start)
		return bp_fail(ctx, -ENODATA, "file system: its log lies on another device");
	if (group >= x->ag_count)
		return fault_layout_damaged(ctx, "place of the log");
	return fault_layout_add(ctx, "log", group * x->ag_blocks + block, x->log_blocks,
				x->blocks, x->block_bytes, ret);
}

/*
 * Metadata here is the four header sectors of each allocation group: superblock, AGF, AGI,
 * AGFL.
 */
int fault_layout_xfs(struct bp_ctx *ctx, const struct layout_disk *disk, const uint8_t *head,
		     uint32_t classes, struct fault_ranges *ret)
{
	struct xfs x = { 0 };
	int r = read_super(ctx, disk, head, &x);

	if (r == 0 && classes & BP_FAULT_JOURNAL)
		r = add_log(ctx, &x, ret);
	for (uint32_t i = 0; r == 0 && classes & BP_FAULT_METADATA && i < x.ag_count; i++) {
		uint64_t start = (uint64_t)i * x.ag_blocks * x.block_bytes;

		r = fault_layout_add(ctx, "headers of a group", start / x.sector_bytes, HEADERS,
				     x.blocks * x.block_bytes / x.sector_bytes, x.sector_bytes,
				     ret);
	}
	return r;
}
