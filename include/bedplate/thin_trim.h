/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Giving back what no thin device uses, while the pool is not active. */
#ifndef BEDPLATE_THIN_TRIM_H
#define BEDPLATE_THIN_TRIM_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_trim_flags
 * @BP_THIN_TRIM_DRY_RUN: tell what would be discarded, and discard nothing. The data device is
 *	then not opened for writing.
 */
enum bp_thin_trim_flags {
	BP_THIN_TRIM_DRY_RUN = 1 << 0,
};

/**
 * struct bp_thin_trim_opts - How to trim. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_trim_opts). Members are only added at the end.
 * @flags: enum bp_thin_trim_flags.
 * @damage: called for each damage that the check finds.
 * @run: called for each run of free data blocks, by rising block, before it is discarded.
 *	Non-zero ends it and is returned.
 * @progress: called now and then with the data blocks looked at and all there are; non-zero
 *	ends it with -ECANCELED. Called while checking, too, with metadata blocks.
 * @user: passed to all of them.
 */
struct bp_thin_trim_opts {
	size_t size;
	uint32_t flags;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*run)(void *user, bp_dblock begin, bp_dblock length);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_thin_trim_result - What was done. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_trim_result). Members are only added at the end.
 * @data_block_bytes: size of a data block.
 * @nr_data_blocks: of the pool.
 * @nr_free: data blocks that were free, and are discarded.
 * @nr_runs: in how many runs.
 * @check: what the check found. Its size member is set by the call.
 */
struct bp_thin_trim_result {
	size_t size;
	bp_bytes data_block_bytes;
	bp_dblock nr_data_blocks, nr_free;
	uint64_t nr_runs;
	struct bp_thin_check_result check;
};

/**
 * bp_thin_trim() - Check the metadata; then discard all free data blocks.
 * @ctx: takes the message on failure.
 * @metadata: metadata device or file; its pool must not be active.
 * @data: the pool's data device, or a file in its place, in which holes are punched.
 * @opts: NULL for the defaults.
 * @ret: may be NULL.
 *
 * Nothing is discarded where the check finds anything fatal: a block that looks free may be in
 * use then. Blocks that have leaked are kept.
 *
 * Memory: that of bp_thin_check(), and 80 bytes for each 16320 data blocks.
 *
 * Return: 0; -EUCLEAN (BP_E_DAMAGED: the check found damage), -EINVAL (the data device is too
 * small, or is none), -ENOTSUP (it can't discard), -ENOENT, -EACCES, -EBUSY, -EIO, -ECANCELED,
 * -ENOMEM.
 */
BP_API int bp_thin_trim(struct bp_ctx *ctx, const char *metadata, const char *data,
			const struct bp_thin_trim_opts *opts, struct bp_thin_trim_result *ret);

#ifdef __cplusplus
}
#endif

#endif
