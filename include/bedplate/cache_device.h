/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Active caches: a fast device in front of a slow one, made, watched, cleaned, changed and taken
 * away. What a cache's metadata says when it is not active: <bedplate/cache_meta.h> and the like.
 */
#ifndef BEDPLATE_CACHE_DEVICE_H
#define BEDPLATE_CACHE_DEVICE_H

#include <bedplate/device.h>
#include <bedplate/targets_cache.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_cache_device_create_flags -
 * @BP_CACHE_DEVICE_EXISTING: the metadata device holds this cache's metadata: use it. Of a cache
 *	over another origin, or one that was changed meanwhile, it would show wrong data.
 * @BP_CACHE_DEVICE_WIPE: whatever the metadata device holds: begin anew.
 */
enum bp_cache_device_create_flags {
	BP_CACHE_DEVICE_EXISTING = 1 << 0,
	BP_CACHE_DEVICE_WIPE = 1 << 1,
};

/**
 * struct bp_cache_device_create_opts - How to create a cache. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_device_create_opts). Members are only added at the end.
 * @uuid: NULL: none.
 * @flags: enum bp_cache_device_create_flags.
 * @block_sectors: 64 to 2097152, in steps of 64; 0: 256 KiB, more where the fast device would have
 *	over a million blocks.
 * @io_mode: 0: BP_CACHE_WRITETHROUGH: losing the fast device loses nothing.
 * @policy: NULL: "smq".
 * @migration_threshold_sectors: unset: the kernel's.
 * @timeout_ms: for the whole call.
 */
struct bp_cache_device_create_opts {
	size_t size;
	const char *uuid;
	uint32_t flags;
	bp_sector block_sectors;
	enum bp_cache_mode io_mode;
	const char *policy;
	struct bp_number migration_threshold_sectors;
	int64_t timeout_ms;
};

/**
 * bp_cache_device_create() - Make a cache's mapped device, and its metadata where there is none.
 * @origin, @fast, @metadata: three block devices: paths or MAJOR:MINOR. What @origin holds is what
 *	the cache shows; what @fast holds is lost.
 * @ret: the device; may be NULL.
 *
 * Metadata is begun anew only where the first 4096 bytes are zero, or with BP_CACHE_DEVICE_WIPE.
 * Return: 0, -EEXIST (BP_E_METADATA_EXISTS), -EINVAL (BP_E_TABLE, BP_E_TOO_SMALL), or as
 * bp_device_create().
 */
BP_API int bp_cache_device_create(struct bp_ctx *ctx, const char *name, const char *origin,
				  const char *fast, const char *metadata,
				  const struct bp_cache_device_create_opts *opts,
				  struct bp_device_info *ret);

/**
 * struct bp_cache_device_info - How a cache is.
 * @size: sizeof(struct bp_cache_device_info), where the caller hands it in to be filled.
 * @failed: nothing works: the numbers of its status are 0.
 * @read_only, @needs_check: it caches nothing new.
 * @policy: "smq", "cleaner" ...; io_mode: enum bp_cache_mode.
 */
struct bp_cache_device_info {
	size_t size;
	char name[BP_NAME_SIZE];
	struct bp_devno origin, fast, metadata;
	bp_sector size_sectors, block_sectors;
	uint32_t io_mode;
	char policy[32];
	bool failed, read_only, needs_check, suspended;
	bp_mblock metadata_used_mblocks, metadata_total_mblocks;
	bp_dblock used_dblocks, total_dblocks, dirty_dblocks;
	uint64_t read_hits, read_misses, write_hits, write_misses, demotions, promotions;
};

/* bp_cache_device_info() - Two ioctls. -EINVAL (BP_E_USAGE): not one cache segment. */
BP_API int bp_cache_device_info(struct bp_ctx *ctx, const struct bp_selector *which,
				struct bp_cache_device_info *ret);

/**
 * struct bp_cache_device_change_opts - Zero in a member is its default.
 * @size: sizeof(struct bp_cache_device_change_opts). Members are only added at the end.
 * @policy: NULL: as it is. @io_mode: 0: as it is. @migration_threshold_sectors: unset: as it is.
 * @keep_metadata: uncache: leave the metadata as they are; without it their first block is zeroed,
 *	for whoever used them again would see old data.
 * @progress: called with blocks that are clean now, and how many were dirty at first; -ECANCELED is
 *	returned if it returns non-zero.
 * @user: passed to it.
 * @timeout_ms: for the whole call; of flush and uncache 0 is without limit.
 */
struct bp_cache_device_change_opts {
	size_t size;
	const char *policy;
	enum bp_cache_mode io_mode;
	struct bp_number migration_threshold_sectors;
	bool keep_metadata;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
	int64_t timeout_ms;
};

/**
 * bp_cache_device_flush() - Write all dirty blocks back to the origin, while the cache is in use.
 *
 * For that time its policy is "cleaner" and its mode writethrough, so that nothing gets dirty
 * again; then, and where it fails, is stopped or takes too long, they are as before. Return: 0,
 * -ETIMEDOUT, -EIO (BP_E_POOL_STATE: the cache is read-only or has failed), -ECANCELED, -EINTR.
 */
BP_API int bp_cache_device_flush(struct bp_ctx *ctx, const struct bp_selector *which,
				 const struct bp_cache_device_change_opts *opts);

/**
 * bp_cache_device_change() - Change policy, mode or threshold. No cached block is lost. Passthrough
 * needs a clean cache: it is flushed first.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (no cache; an unknown policy or mode), -ETIMEDOUT
 *	and -ECANCELED (before anything changed), or as bp_device_reload().
 */
BP_API int bp_cache_device_change(struct bp_ctx *ctx, const struct bp_selector *which,
				  const struct bp_cache_device_change_opts *opts);

/**
 * bp_cache_device_uncache() - Flush, and put a linear mapping of the origin in the cache's place,
 * under the same name and number; its users notice nothing. Fails as bp_cache_device_flush(), with
 * the cache as before.
 */
BP_API int bp_cache_device_uncache(struct bp_ctx *ctx, const struct bp_selector *which,
				   const struct bp_cache_device_change_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
