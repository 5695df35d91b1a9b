/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The superblock: decoding it, and whether it can be used at all. Finer judging is check's. */
#include "formats/cache/meta.h"

#include <inttypes.h>

/* Never refuses: whoever decodes has looked at checksum and kind. */
void cache_sb_decode(const void *data, struct cache_sb *ret)
{
	const struct cache_superblock_disk *disk = data;
	struct bp_cache_superblock *pub = &ret->pub;
	struct sm_root_disk root;

	memcpy(&root, disk->metadata_space_map_root, sizeof(root));
	*ret = (struct cache_sb){
		.blocknr = le64_get(disk->blocknr),
		.magic = le64_get(disk->magic),
		.metadata_block_sectors = le32_get(disk->metadata_block_size),
		.metadata_sm = sm_root_decode(&root),
	};
	*pub = (struct bp_cache_superblock){
		.flags = le32_get(disk->flags),
		.version = le32_get(disk->version),
		.hint_bytes = le32_get(disk->policy_hint_size),
		.data_block_sectors = le32_get(disk->data_block_size),
		.nr_cache_blocks = le32_get(disk->cache_blocks),
		.discard_block_sectors = le64_get(disk->discard_block_size),
		.nr_discard_blocks = le64_get(disk->discard_nr_blocks),
		.nr_metadata_blocks = ret->metadata_sm.nr_blocks,
		.nr_metadata_allocated = ret->metadata_sm.nr_allocated,
		.mapping_root = le64_get(disk->mapping_root),
		.hint_root = le64_get(disk->hint_root),
		.discard_root = le64_get(disk->discard_root),
		.compat_flags = le32_get(disk->compat_flags),
		.compat_ro_flags = le32_get(disk->compat_ro_flags),
		.incompat_flags = le32_get(disk->incompat_flags),
	};
	memcpy(pub->policy, disk->policy_name, sizeof(disk->policy_name));
	for (size_t i = 0; i < ARRAY_SIZE(pub->policy_version); i++)
		pub->policy_version[i] = le32_get(disk->policy_version[i]);
	if (pub->version >= 2)
		pub->dirty_root = le64_get(disk->dirty_root);
}

/* What makes reading on pointless. */
int cache_sb_check(struct bp_ctx *ctx, const void *data)
{
	enum block_kind kind = block_kind_of(data);
	struct cache_sb sb;

	if (kind != BLOCK_CACHE_SUPERBLOCK)
		return block_refuse(ctx, data, kind, BLOCK_CACHE_SUPERBLOCK);
	cache_sb_decode(data, &sb);
	if (sb.magic != CACHE_MAGIC)
		return bp_fail(ctx, -EUCLEAN, "bad magic in superblock: %" PRIu64 ", not %d",
			       sb.magic, CACHE_MAGIC);
	if (sb.blocknr != 0)
		return bp_fail(ctx, -EUCLEAN,
			       "superblock in block 0 says that it is block %" PRIu64,
			       sb.blocknr);
	if (sb.pub.version < 1 || sb.pub.version > CACHE_VERSION)
		return bp_fail(ctx, -ENOTSUP, "unsupported metadata version %u",
			       sb.pub.version);
	if (sb.pub.incompat_flags)
		return bp_fail(ctx, -ENOTSUP, "superblock has incompatible features: 0x%x",
			       sb.pub.incompat_flags);
	return 0;
}

bool cache_block_sectors_valid(uint64_t sectors)
{
	return sectors >= CACHE_BLOCK_SECTORS_MIN && sectors <= CACHE_BLOCK_SECTORS_MAX &&
	       sectors % CACHE_BLOCK_SECTORS_FACTOR == 0;
}

/* Kernels have only such names; others can't stand in a dump either. */
bool cache_policy_is_text(const char *policy)
{
	for (; *policy; policy++)
		if (*policy < 0x20 || *policy > 0x7e)
			return false;
	return true;
}

bool cache_hint_bytes_valid(uint32_t bytes)
{
	return bytes == 0 || bytes == CACHE_HINT_BYTES;
}

bp_mblock cache_usable_blocks(const struct io *io, const struct cache_sb *sb)
{
	bp_mblock nr = meta_blocks(io);

	/* A map of no blocks, or of more than there are, says nothing. */
	return sb->metadata_sm.nr_blocks ? MIN(nr, sb->metadata_sm.nr_blocks) : nr;
}

/* More can't be there than metadata blocks hold, whatever the superblock claims. */
uint64_t cache_most_mappings(const struct bp_cache_meta *meta)
{
	return MIN(meta->sb.pub.nr_cache_blocks,
		   meta->meta.nr_blocks * array_capacity(sizeof(le64)));
}

/* Kernels begin with the blocks of the cache, and double. */
static bool discard_blocks_valid(const struct bp_cache_superblock *sb)
{
	uint64_t times;

	if (!cache_block_sectors_valid(sb->data_block_sectors) || !sb->discard_block_sectors ||
	    sb->discard_block_sectors % sb->data_block_sectors)
		return false;
	times = sb->discard_block_sectors / sb->data_block_sectors;
	return (times & (times - 1)) == 0;
}

/*
 * The discards say how large the origin is, rounded up; nothing else does. Not where they, or the size of
 * a block, are no kernel's: sound mappings would seem to lie beyond it.
 */
uint64_t cache_origin_blocks(const struct cache_sb *sb)
{
	uint64_t sectors;

	if (!(sb->pub.flags & BP_CACHE_CLEAN) || !discard_blocks_valid(&sb->pub) ||
	    !sb->pub.nr_discard_blocks ||
	    mul_overflow(sb->pub.discard_block_sectors, sb->pub.nr_discard_blocks, &sectors))
		return UINT64_MAX;
	return DIV_UP(sectors, sb->pub.data_block_sectors);
}
