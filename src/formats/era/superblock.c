/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The superblock: decoding it, and whether it can be used at all. Finer judging is check's. */
#include "formats/era/meta.h"

#include <inttypes.h>

/* Never refuses: whoever decodes has looked at checksum and kind. */
void era_sb_decode(const void *data, bp_mblock block, struct era_sb *ret)
{
	const struct era_superblock_disk *disk = data;
	struct sm_root_disk root;

	memcpy(&root, disk->metadata_space_map_root, sizeof(root));
	*ret = (struct era_sb){
		.block = block,
		.blocknr = le64_get(disk->blocknr),
		.magic = le64_get(disk->magic),
		.metadata_block_sectors = le32_get(disk->metadata_block_size),
		.metadata_sm = sm_root_decode(&root),
	};
	ret->pub = (struct bp_era_superblock){
		.flags = le32_get(disk->flags),
		.version = le32_get(disk->version),
		.data_block_sectors = le32_get(disk->data_block_size),
		.nr_blocks = le32_get(disk->nr_blocks),
		.current_era = le32_get(disk->current_era),
		.current_bits = le32_get(disk->current_writeset.nr_bits),
		.current_root = le64_get(disk->current_writeset.root),
		.writeset_root = le64_get(disk->writeset_tree_root),
		.era_root = le64_get(disk->era_array_root),
		.metadata_snap = le64_get(disk->metadata_snap),
		.nr_metadata_blocks = ret->metadata_sm.nr_blocks,
		.nr_metadata_allocated = ret->metadata_sm.nr_allocated,
	};
}

/* What makes reading on pointless. */
int era_sb_check(struct bp_ctx *ctx, const void *data, bp_mblock block)
{
	enum block_kind kind = block_kind_of(data);
	struct era_sb sb;

	if (kind != BLOCK_ERA_SUPERBLOCK)
		return block_refuse(ctx, data, kind, BLOCK_ERA_SUPERBLOCK);
	era_sb_decode(data, block, &sb);
	if (sb.magic != ERA_MAGIC)
		return bp_fail(ctx, -EUCLEAN, "bad magic in superblock: %" PRIu64 ", not %d",
			       sb.magic, ERA_MAGIC);
	if (sb.blocknr != block)
		return bp_fail(ctx, -EUCLEAN,
			       "superblock in block %" PRIu64 " says that it is block %" PRIu64,
			       block, sb.blocknr);
	if (sb.pub.version != ERA_VERSION)
		return bp_fail(ctx, -ENOTSUP, "unsupported metadata version %u",
			       sb.pub.version);
	return 0;
}

uint64_t era_last_archived(const struct era_sb *sb, bool in_snap)
{
	uint64_t current = sb->pub.current_era;

	return current && (in_snap || sb->pub.current_root) ? current - 1 : current;
}

bool era_block_sectors_valid(uint64_t sectors)
{
	return sectors > 0 && sectors <= UINT32_MAX && sectors % ERA_BLOCK_SECTORS_FACTOR == 0;
}

bp_mblock era_usable_blocks(const struct io *io, const struct era_sb *live)
{
	bp_mblock nr = meta_blocks(io);

	/* A map of no blocks, or of more than there are, says nothing. */
	return live->metadata_sm.nr_blocks ? MIN(nr, live->metadata_sm.nr_blocks) : nr;
}
