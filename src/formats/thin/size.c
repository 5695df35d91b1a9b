/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The size of metadata for a pool, reckoned as the kernel fills leaves: enough, within its 16 GiB.
 */
#include <bedplate/thin_ls.h>

#include "formats/thin/disk.h"
#include "pdata/meta.h"

/* Mappings of a leaf that is half full, as the kernel leaves them. */
#define MAPPINGS_A_LEAF 126

/* An estimate: full leaves and a block a device, at most what the kernel can use. */
int bp_thin_metadata_size(struct bp_ctx *ctx, bp_bytes block_bytes, bp_bytes pool_bytes,
			  uint64_t max_thins, bp_bytes *ret)
{
	const bp_bytes unit = bp_sector_to_bytes(THIN_DATA_BLOCK_SECTORS_FACTOR);
	const bp_bytes max = bp_sector_to_bytes(THIN_DATA_BLOCK_SECTORS_MAX);
	uint64_t blocks;
	int r = 0;

	if (block_bytes == 0 || block_bytes % unit)
		r = bp_fail(ctx, -EINVAL, "block size must be a multiple of 64 KiB");
	else if (block_bytes > max)
		r = bp_fail(ctx, -EINVAL, "maximum block size is 1 GiB");
	else if (pool_bytes < block_bytes)
		r = bp_fail(ctx, -EINVAL, "pool size must be larger than block size");
	if (r < 0) {
		error_set_code(ctx, BP_E_USAGE);
		return r;
	}

	blocks = 1 + DIV_UP(pool_bytes / block_bytes, MAPPINGS_A_LEAF);
	if (add_overflow(blocks, max_thins, &blocks) || blocks > META_MAX_BLOCKS)
		blocks = META_MAX_BLOCKS;
	*ret = bp_mblock_to_bytes(blocks);
	return 0;
}
