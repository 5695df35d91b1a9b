/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens to mapped devices, typed: not only that a device had an event, but which. A watch
 * compares what the kernel says of each device with what it said before; it arms first, looks then,
 * and waits only after that, so nothing that lasts is lost between two looks.
 *
 * Not promised: what came and went between two looks; a device that was removed and made again
 * under its name and number meanwhile, unless its event number or status differ.
 */
#ifndef BEDPLATE_EVENTS_H
#define BEDPLATE_EVENTS_H

#include <bedplate/device.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_event_kind - What happened. The first ones happen to a device; the others are states of
 * one of its segments, which begin and may end again.
 * @BP_EVENT_OTHER: its event number is another, and nothing that is known here has changed.
 * @BP_EVENT_REMOVED_DEFERRED: removed, by a removal that waited for the last user.
 * @BP_EVENT_POOL_LOW_WATER: no more blocks are free than the table says.
 * @BP_EVENT_POOL_METADATA_LOW: the same, of metadata.
 * @BP_EVENT_POOL_NO_SPACE: no data block is left: writes wait, or fail.
 * @BP_EVENT_POOL_NO_METADATA: no metadata block is left, and the pool is read-only.
 * @BP_EVENT_POOL_NEEDS_CHECK, @BP_EVENT_POOL_READ_ONLY, @BP_EVENT_POOL_FAILED: of a thin-pool.
 * @BP_EVENT_VOLUME_FAILED: of a thin volume, when its pool has failed.
 * @BP_EVENT_SNAPSHOT_OVERFLOW, @BP_EVENT_SNAPSHOT_INVALID, @BP_EVENT_SNAPSHOT_MERGE_FAILED: of a
 *	snapshot with a store of its own. A store that is full is "invalid", unless its table asks
 *	for "overflow".
 * @BP_EVENT_PATH_FAILED: one a path; @BP_EVENT_NO_PATH: none is left.
 * @BP_EVENT_RAID_DEGRADED: one a leg of a raid, mirror or striped.
 * @BP_EVENT_RAID_MISMATCH: a check found copies that differ.
 * @BP_EVENT_VDO_READ_ONLY, @BP_EVENT_VDO_RECOVERING: of a vdo. The kernel raises no event for them.
 * @BP_EVENT_CACHE_READ_ONLY, @BP_EVENT_CACHE_NEEDS_CHECK, @BP_EVENT_CACHE_FAILED: of a cache.
 * @BP_EVENT_CACHE_MODE: a cache has another mode or policy.
 * @BP_EVENT_CLONE_READ_ONLY, @BP_EVENT_CLONE_DONE: of a clone.
 * @BP_EVENT_TARGET_ERROR: the target can't work any more: era, clone, writecache.
 * @BP_EVENT_CORRUPTION: verity or integrity have met data that is not what it was.
 */
enum bp_event_kind {
	BP_EVENT_CREATED = 0,
	BP_EVENT_REMOVED,
	BP_EVENT_REMOVED_DEFERRED,
	BP_EVENT_RENAMED,
	BP_EVENT_OTHER,
	BP_EVENT_POOL_LOW_WATER,
	BP_EVENT_POOL_METADATA_LOW,
	BP_EVENT_POOL_NO_SPACE,
	BP_EVENT_POOL_NO_METADATA,
	BP_EVENT_POOL_NEEDS_CHECK,
	BP_EVENT_POOL_READ_ONLY,
	BP_EVENT_POOL_FAILED,
	BP_EVENT_VOLUME_FAILED,
	BP_EVENT_SNAPSHOT_OVERFLOW,
	BP_EVENT_SNAPSHOT_INVALID,
	BP_EVENT_SNAPSHOT_MERGE_FAILED,
	BP_EVENT_PATH_FAILED,
	BP_EVENT_NO_PATH,
	BP_EVENT_RAID_DEGRADED,
	BP_EVENT_RAID_MISMATCH,
	BP_EVENT_VDO_READ_ONLY,
	BP_EVENT_VDO_RECOVERING,
	BP_EVENT_CACHE_READ_ONLY,
	BP_EVENT_CACHE_NEEDS_CHECK,
	BP_EVENT_CACHE_FAILED,
	BP_EVENT_CACHE_MODE,
	BP_EVENT_CLONE_READ_ONLY,
	BP_EVENT_CLONE_DONE,
	BP_EVENT_TARGET_ERROR,
	BP_EVENT_CORRUPTION,
};

/* "pool-low-water" ...; NULL for a number that is none. */
BP_API const char *bp_event_name(enum bp_event_kind kind);

/**
 * struct bp_event - One thing that happened. Lent until the next call with its watch.
 * @size: sizeof(struct bp_event), as the library knows it.
 * @ended: the state is over (its device is still there).
 * @device: as it is now; as it was last, where it is gone.
 * @old_name: of BP_EVENT_RENAMED, else NULL.
 * @target: the segment's, else NULL; @start_sectors: where it begins.
 * @about: which path, leg or mode, or NULL: "8:16".
 * @what: a sentence without full stop, or NULL.
 */
struct bp_event {
	size_t size;
	enum bp_event_kind kind;
	bool ended;
	const struct bp_device_entry *device;
	const char *old_name;
	const char *target;
	bp_sector start_sectors;
	const char *about, *what;
};

/**
 * struct bp_watch_opts - What to watch. Zero in a member is its default.
 * @size: sizeof(struct bp_watch_opts). Members are only added at the end.
 * @which: one device only, which must be there; also when it is made anew. NULL: all.
 * @existing: tell the states that are there when the watch begins, too.
 * @interval_ms: look this often, even without an event: for what the kernel raises none for (vdo, a
 *	removal that is deferred). 0: only at events.
 */
struct bp_watch_opts {
	size_t size;
	const struct bp_selector *which;
	bool existing;
	int64_t interval_ms;
};

struct bp_watch;

/**
 * bp_watch_open() - Begin: all that differs from now on is told.
 * @opts: NULL for the defaults.
 * @ret: free it with bp_watch_close(). Uses the context's event state: one watch a context, and no
 *	bp_device_wait() beside it.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE: @which), -ENOMEM.
 */
BP_API int bp_watch_open(struct bp_ctx *ctx, const struct bp_watch_opts *opts,
			 struct bp_watch **ret);

/**
 * bp_watch_next() - The next thing that happened, waiting for it where there is none.
 * @timeout_ms: 0: the default; negative: without limit.
 * @ret: lent until the next call.
 *
 * Return: 0, -ETIMEDOUT (the watch goes on), or why it could not look.
 */
BP_API int bp_watch_next(struct bp_watch *watch, int64_t timeout_ms,
			 const struct bp_event **ret);
/* NULL is allowed. */
BP_API void bp_watch_close(struct bp_watch *watch);

#ifdef __cplusplus
}
#endif

#endif
