/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes of metadata, as thin-provisioning-tools estimates them: no promise that it is enough. */
#include <bedplate/cache_dump.h>

#include "formats/cache/disk.h"
#include "pdata/meta.h"

#define TRANSACTION_BYTES   (UINT64_C(4) << 20) /* for blocks under way */
#define BYTES_A_BLOCK       16u                 /* of a mapping, in nodes that are half full */
#define HINT_OVERHEAD_BYTES 8u

/* An estimate, as the reference tool's; capped at what the kernel can use. */
int bp_cache_metadata_size(struct bp_ctx *ctx, uint64_t nr_cache_blocks, uint32_t hint_bytes,
			   bp_bytes *ret)
{
	const bp_bytes max = bp_mblock_to_bytes(META_MAX_BLOCKS);
	bp_bytes bytes;

	if (hint_bytes > 128) {
		bp_fail(ctx, -EINVAL, "hints of %u bytes: 128 is the most", hint_bytes);
		error_set_code(ctx, BP_E_USAGE);
		return -EINVAL;
	}
	if (mul_overflow(nr_cache_blocks,
			 (uint64_t)(BYTES_A_BLOCK + hint_bytes + HINT_OVERHEAD_BYTES),
			 &bytes) ||
	    add_overflow(bytes, TRANSACTION_BYTES, &bytes))
		bytes = max;
	*ret = MIN(bytes, max);
	return 0;
}

/* Rounded up: a part of a block at the end counts, as the tool's users expect. */
int bp_cache_blocks(struct bp_ctx *ctx, bp_bytes device_bytes, bp_bytes block_bytes,
		    uint64_t *ret)
{
	const bp_bytes unit = bp_sector_to_bytes(CACHE_BLOCK_SECTORS_FACTOR);
	int r = 0;

	if (block_bytes == 0 || block_bytes % unit)
		r = bp_fail(ctx, -EINVAL, "block size must be a multiple of 32 KiB");
	else if (block_bytes > bp_sector_to_bytes(CACHE_BLOCK_SECTORS_MAX))
		r = bp_fail(ctx, -EINVAL, "maximum block size is 1 GiB");
	if (r < 0) {
		error_set_code(ctx, BP_E_USAGE);
		return r;
	}
	*ret = DIV_UP(device_bytes, block_bytes);
	return 0;
}
