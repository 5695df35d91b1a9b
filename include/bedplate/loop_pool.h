/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin pools on loop devices, for tests, containers and laptops: two sparse files, their loop
 * devices and the pool, made in one step that can be repeated, and taken away again.
 *
 * A pool NAME is a stack (stackfile.h) "pool-NAME" with the files NAME.metadata and NAME.data in
 * one directory: by its uuid it is known from pools that others made.
 */
#ifndef BEDPLATE_LOOP_POOL_H
#define BEDPLATE_LOOP_POOL_H

#include <bedplate/pool.h>
#include <bedplate/stackfile.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_LOOP_POOL_NAME_SIZE                                                                 \
	28 /* with NUL: at most 27 of A-Z a-z 0-9 . _ -, no . or - first */

/**
 * enum bp_loop_pool_flags -
 * @BP_LOOP_POOL_DELETE_FILES: of remove: delete the files too, and all volumes with them.
 */
enum bp_loop_pool_flags {
	BP_LOOP_POOL_DELETE_FILES = 1 << 0,
};

/**
 * struct bp_loop_pool_opts - Zero in a member is its default.
 * @directory: where the files are, absolute, without blanks; made where it is not there. NULL:
 *	"pools" below the state directory (scope.h).
 * @metadata_bytes: of the metadata's file; default 64 bytes for each data block, at least 2 MiB.
 * @data_block_sectors: 128 to 2097152, in steps of 128. Default 128 (64 KiB).
 * @low_water_dblocks: an event is raised when fewer blocks are free; 0: never.
 * @pool_flags: of enum bp_pool_flags those of the table: BP_POOL_SKIP_ZEROING,
 *	BP_POOL_NO_DISCARD_PASSDOWN, BP_POOL_IGNORE_DISCARD, BP_POOL_ERROR_IF_NO_SPACE.
 * @flags: enum bp_loop_pool_flags.
 * @timeout_ms: for each device.
 */
struct bp_loop_pool_opts {
	size_t size;
	const char *directory;
	bp_bytes metadata_bytes;
	bp_sector data_block_sectors;
	bp_dblock low_water_dblocks;
	uint32_t pool_flags, flags;
	int64_t timeout_ms;
};

/**
 * bp_loop_pool_create() - Make such a pool: all of it or nothing. What is there of it is used:
 * files with their volumes, loop devices, the pool; so it brings a pool back after a reboot, grows
 * it where it is given a larger size, and does nothing where all is as asked for.
 * @data_bytes: of the data's file, rounded up to whole data blocks.
 * @opts: NULL for the defaults.
 * @ret: what was done; free it with bp_stack_changes_free(); may be NULL.
 *
 * Return: 0; -EINVAL (BP_E_NAME, BP_E_USAGE, or it would have to shrink); -EEXIST (BP_E_EXISTS:
 * another's device has the name); or as bp_stackfile_apply().
 */
BP_API int bp_loop_pool_create(struct bp_ctx *ctx, const char *name, bp_bytes data_bytes,
			       const struct bp_loop_pool_opts *opts,
			       struct bp_stack_changes **ret);

/**
 * bp_loop_pool_remove() - Take it away: volumes and pool as bp_pool_remove() does, then its loop
 * devices, and its files where that is asked for. What is not there is no failure.
 * @opts: NULL for the defaults; of its members @directory, @flags and @timeout_ms are used.
 * @ret: what was done after the pool's own removal: free it with bp_stack_changes_free(); may be
 *	NULL.
 *
 * Return: 0; -EEXIST (BP_E_EXISTS: a device of the name is another's: nothing was done); -EBUSY
 * (BP_E_BUSY: the cause says by whom); or as bp_stackfile_down().
 */
BP_API int bp_loop_pool_remove(struct bp_ctx *ctx, const char *name,
			       const struct bp_loop_pool_opts *opts,
			       struct bp_stack_changes **ret);

/**
 * bp_loop_pool_is() - Is a mapped device such a pool?
 * @info: of the device. Its name and uuid are looked at, nothing else.
 */
BP_API bool bp_loop_pool_is(const struct bp_device_info *info);

#ifdef __cplusplus
}
#endif

#endif
