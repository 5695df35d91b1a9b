/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What thin devices take of their pool, and how much metadata a pool needs. */
#ifndef BEDPLATE_THIN_LS_H
#define BEDPLATE_THIN_LS_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_thin_usage - A device and what it takes. Members are only added.
 * @device: its details.
 * @exclusive_dblocks: its mappings whose data block no other device maps.
 * @shared_dblocks: the others. Both 0 where they were not asked for.
 * @highest_dblock: its highest mapped virtual block; BP_NONE: it maps none.
 */
struct bp_thin_usage {
	struct bp_thin_device device;
	bp_dblock exclusive_dblocks, shared_dblocks;
	bp_dblock highest_dblock;
};

/**
 * enum bp_thin_ls_flags
 * @BP_THIN_LS_SHARING: find out what is exclusive: all mappings are read.
 * @BP_THIN_LS_HIGHEST: find the highest mapped blocks.
 */
enum bp_thin_ls_flags {
	BP_THIN_LS_SHARING = 1 << 0,
	BP_THIN_LS_HIGHEST = 1 << 1,
};

/**
 * bp_thin_ls() - Call @usage for each device, by rising id.
 * @meta: opened; devices of the metadata snapshot, with BP_THIN_OPEN_SNAP, are compared with
 *	each other only.
 * @flags: enum bp_thin_ls_flags.
 * @usage: non-zero ends it and is returned.
 *
 * Memory: as bp_thin_dump(), and 2 bits for each data block if sharing is asked for.
 *
 * Return: 0; -EBADMSG, -EUCLEAN, -EIO where anything of it is damaged: nothing is listed then;
 * -ENOMEM.
 */
BP_API int bp_thin_ls(struct bp_thin_meta *meta, uint32_t flags,
		      int (*usage)(void *user, const struct bp_thin_usage *usage), void *user);

/**
 * bp_thin_metadata_size() - How large the metadata of a pool should be.
 * @block_bytes: the pool's data block size: 64 KiB to 1 GiB, a multiple of 64 KiB.
 * @pool_bytes: size of the data device, not below @block_bytes.
 * @max_thins: devices and snapshots there will be.
 * @ret: bytes, a multiple of 4096, at most 15.875 GiB.
 *
 * The estimate of thin-provisioning-tools: all data blocks mapped once, leaves half full, a
 * block for each device. Snapshots that diverge need more.
 *
 * Return: 0 or -EINVAL; the message says which rule was broken.
 */
BP_API int bp_thin_metadata_size(struct bp_ctx *ctx, bp_bytes block_bytes, bp_bytes pool_bytes,
				 uint64_t max_thins, bp_bytes *ret);

#ifdef __cplusplus
}
#endif

#endif
