/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The superblock of a thin pool, decoded; and whether it can be used, with why not. Layout: disk.h.
 */
#include "formats/thin/meta.h"

#include <inttypes.h>

static struct sm_root root_decode(const uint8_t *field)
{
	struct sm_root_disk disk;

	memcpy(&disk, field, sizeof(disk));
	return sm_root_decode(&disk);
}

/* Never refuses: whoever decodes has looked at checksum and kind. */
void thin_sb_decode(const void *data, bp_mblock block, struct thin_sb *ret)
{
	const struct thin_superblock_disk *disk = data;

	*ret = (struct thin_sb){
		.block = block,
		.blocknr = le64_get(disk->blocknr),
		.magic = le64_get(disk->magic),
		.metadata_block_sectors = le32_get(disk->metadata_block_size),
		.data_sm = root_decode(disk->data_space_map_root),
		.metadata_sm = root_decode(disk->metadata_space_map_root),
	};
	ret->pub = (struct bp_thin_superblock){
		.time = le32_get(disk->time),
		.transaction_id = le64_get(disk->trans_id),
		.flags = le32_get(disk->flags),
		.version = le32_get(disk->version),
		.data_block_sectors = le32_get(disk->data_block_size),
		.nr_data_blocks = ret->data_sm.nr_blocks,
		.nr_data_allocated = ret->data_sm.nr_allocated,
		.nr_metadata_blocks = ret->metadata_sm.nr_blocks,
		.nr_metadata_allocated = ret->metadata_sm.nr_allocated,
		.metadata_snap = le64_get(disk->held_root),
		.mapping_root = le64_get(disk->data_mapping_root),
		.details_root = le64_get(disk->device_details_root),
		.compat_flags = le32_get(disk->compat_flags),
		.compat_ro_flags = le32_get(disk->compat_ro_flags),
		.incompat_flags = le32_get(disk->incompat_flags),
	};
}

/* What makes reading on pointless. */
int thin_sb_check(struct bp_ctx *ctx, const void *data, bp_mblock block)
{
	enum block_kind kind = block_kind_of(data);
	struct thin_sb sb;

	if (kind != BLOCK_THIN_SUPERBLOCK)
		return block_refuse(ctx, data, kind, BLOCK_THIN_SUPERBLOCK);
	thin_sb_decode(data, block, &sb);
	if (sb.magic != THIN_MAGIC)
		return bp_fail(ctx, -EUCLEAN, "bad magic in superblock: %" PRIu64 ", not %d",
			       sb.magic, THIN_MAGIC);
	if (sb.blocknr != block)
		return bp_fail(ctx, -EUCLEAN,
			       "superblock in block %" PRIu64 " says that it is block %" PRIu64,
			       block, sb.blocknr);
	if (sb.pub.incompat_flags)
		return bp_fail(ctx, -ENOTSUP, "superblock has incompatible features: 0x%x",
			       sb.pub.incompat_flags);
	return 0;
}

/* @block is 0, or that of a metadata snapshot. */
int thin_sb_read(struct meta *meta, bp_mblock block, struct thin_sb *ret)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? meta_read(meta, block, buf) : bp_fail_memory(meta->ctx);

	if (r == 0)
		r = thin_sb_check(meta->ctx, buf, block);
	if (r == 0)
		thin_sb_decode(buf, block, ret);
	return r;
}

bool thin_block_sectors_valid(uint32_t sectors)
{
	return sectors >= THIN_DATA_BLOCK_SECTORS_MIN &&
	       sectors <= THIN_DATA_BLOCK_SECTORS_MAX &&
	       sectors % THIN_DATA_BLOCK_SECTORS_FACTOR == 0;
}

bp_mblock thin_usable_blocks(const struct io *io, const struct thin_sb *live)
{
	bp_mblock nr = meta_blocks(io);

	/* A map of no blocks, or of more than there are, says nothing. */
	return live->metadata_sm.nr_blocks ? MIN(nr, live->metadata_sm.nr_blocks) : nr;
}
