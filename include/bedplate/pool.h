/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin pools: many volumes and snapshots that share one data device.
 *
 * A pool is opened by its mapped device; what it holds is asked of the kernel in each call.
 * To deactivate a volume is to take its mapping away: its data stays in the pool. To delete is
 * another verb. Removing a pool deactivates and never deletes.
 */
#ifndef BEDPLATE_POOL_H
#define BEDPLATE_POOL_H

#include <bedplate/device.h>
#include <bedplate/targets.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_pool;

#define BP_THIN_ID_ANY UINT32_MAX

/**
 * enum bp_pool_flags - Of a pool to create.
 * @BP_POOL_SKIP_ZEROING: new blocks keep what was on the data device before. Faster; what
 *	others left there can be read through new volumes.
 * @BP_POOL_NO_DISCARD_PASSDOWN, @BP_POOL_IGNORE_DISCARD: see the kernel's thin-pool.
 * @BP_POOL_READ_ONLY: metadata is not changed.
 * @BP_POOL_ERROR_IF_NO_SPACE: fail writes when full at once, instead of holding them back.
 * @BP_POOL_EXISTING: the metadata device holds a pool's metadata: use it.
 * @BP_POOL_WIPE: whatever the metadata device holds: begin anew.
 */
enum bp_pool_flags {
	BP_POOL_SKIP_ZEROING = 1 << 0,
	BP_POOL_NO_DISCARD_PASSDOWN = 1 << 1,
	BP_POOL_IGNORE_DISCARD = 1 << 2,
	BP_POOL_READ_ONLY = 1 << 3,
	BP_POOL_ERROR_IF_NO_SPACE = 1 << 4,
	BP_POOL_EXISTING = 1 << 5,
	BP_POOL_WIPE = 1 << 6,
};

/**
 * struct bp_pool_opts - How to create a pool. Zero in a member is its default.
 * @uuid: NULL: none.
 * @flags: enum bp_pool_flags.
 * @data_block_sectors: 128 to 2097152, in steps of 128. Default 128 (64 KiB), or with
 *	BP_POOL_EXISTING what the metadata says.
 * @low_water_dblocks: an event is raised when fewer blocks are free; 0: never.
 * @size_sectors: of the pool; default the data device's.
 * @timeout_ms: for the whole call.
 */
struct bp_pool_opts {
	size_t size;
	const char *uuid;
	uint32_t flags;
	bp_sector data_block_sectors;
	bp_dblock low_water_dblocks;
	bp_sector size_sectors;
	int64_t timeout_ms;
};

/**
 * bp_pool_create() - Make a pool's mapped device, and its metadata where there is none.
 * @metadata, @data: block devices: paths or MAJOR:MINOR. Not the same.
 * @ret: free it with bp_pool_close(); may be NULL.
 *
 * Metadata is begun anew only where the first 4096 bytes are zero, or with BP_POOL_WIPE.
 * Return: 0, -EEXIST with BP_E_METADATA_EXISTS (the metadata device holds something), -EBUSY
 * with BP_E_POOL_IN_USE, -EINVAL, -ENOTBLK, or as bp_device_create().
 */
BP_API int bp_pool_create(struct bp_ctx *ctx, const char *name, const char *metadata,
			  const char *data, const struct bp_pool_opts *opts,
			  struct bp_pool **ret);

/**
 * bp_pool_open() - Find a pool that is active.
 * @ret: free it with bp_pool_close().
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (not a thin-pool).
 */
BP_API int bp_pool_open(struct bp_ctx *ctx, const struct bp_selector *which,
			struct bp_pool **ret);
/* Forgets the pool; the kernel keeps it. NULL is allowed. */
BP_API void bp_pool_close(struct bp_pool *pool);
/* The mapped device as it was when opened. Lent. */
BP_API const struct bp_device_info *bp_pool_device(const struct bp_pool *pool);

enum bp_pool_mode {
	BP_POOL_MODE_WRITE,
	BP_POOL_MODE_OUT_OF_DATA_SPACE,
	BP_POOL_MODE_READ_ONLY,
	BP_POOL_MODE_FAIL,  /* nothing works: the numbers are 0 */
	BP_POOL_MODE_ERROR, /* the kernel could not read the numbers: they are 0 */
};

enum bp_pool_discard {
	BP_POOL_DISCARD_PASSDOWN,
	BP_POOL_DISCARD_NO_PASSDOWN,
	BP_POOL_DISCARD_IGNORE,
};

/**
 * struct bp_pool_status - How a pool is.
 * @metadata_*_mblocks: of its metadata device; @data_*_dblocks: of its data device.
 * @metadata_low_water_mblocks: an event is raised when fewer are free; 0: not told.
 * @held_root_mblock: block of the reserved metadata snapshot; 0: none.
 * @error_if_no_space: writes fail when full; false: they are held back (for 60 s, mostly).
 * @needs_check: the kernel found damage: it must be checked, and stays read-only until then.
 * @metadata, @data: its devices.
 */
struct bp_pool_status {
	enum bp_pool_mode mode;
	uint64_t transaction_id;
	bp_mblock metadata_used_mblocks, metadata_total_mblocks, metadata_low_water_mblocks;
	bp_dblock data_used_dblocks, data_total_dblocks, low_water_dblocks;
	bp_mblock held_root_mblock;
	enum bp_pool_discard discard;
	bool error_if_no_space, needs_check, skip_zeroing, suspended;
	bp_sector data_block_sectors, size_sectors;
	struct bp_devno metadata, data;
};

/**
 * bp_pool_status() - Two ioctls: table and status.
 * @flags: BP_TABLE_FLUSH: let the pool commit first, so that the numbers are of now.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE: it has gone), -EINVAL (it is no pool any more).
 */
BP_API int bp_pool_status(struct bp_pool *pool, uint32_t flags, struct bp_pool_status *ret);

/**
 * struct bp_volume - An active volume: a mapped device whose table is one thin segment.
 * @thin_id: its id in the pool. One id can be active under several names.
 * @external_origin: major 0: none.
 * @size_sectors: of the mapping.
 * @mapped_sectors: what of it has blocks of its own or shared ones.
 * @highest_mapped_sector: valid where @mapped_sectors is not 0.
 * @failed: the pool failed: the last two are 0.
 */
struct bp_volume {
	char name[BP_NAME_SIZE], uuid[BP_UUID_SIZE];
	uint32_t major, minor;
	uint32_t thin_id;
	struct bp_devno external_origin;
	bp_sector size_sectors, mapped_sectors, highest_mapped_sector;
	int32_t open_count;
	bool suspended, read_only, failed;
};

/**
 * bp_pool_volumes() - The pool's active volumes, by id. Found by looking at every thin device.
 * @ret: free it with bp_volume_list_free(). Volumes are lent by it.
 *
 * Return: 0, -ENOMEM, or what an ioctl said. What goes meanwhile is left out.
 */
struct bp_volume_list;
BP_API int bp_pool_volumes(struct bp_pool *pool, struct bp_volume_list **ret);
BP_API size_t bp_volume_list_count(const struct bp_volume_list *list);
BP_API const struct bp_volume *bp_volume_list_get(const struct bp_volume_list *list,
						  size_t index);
BP_API void bp_volume_list_free(struct bp_volume_list *list);

/**
 * struct bp_volume_opts - How to create or activate a volume. Zero is the default.
 * @uuid: of the mapped device; NULL: none.
 * @use_thin_id, @thin_id: the id to take; default: one that is free.
 * @external_origin: a device that gives what the volume does not have yet: a path or
 *	MAJOR:MINOR; NULL: none. It must never be written to while the volume lives.
 * @read_only: of the mapping.
 * @size_sectors: for a snapshot: its size; default the active origin's. Must be given where
 *	the origin is not active.
 * @inactive: only in the pool: make no mapped device. The name may be NULL.
 * @origin_by_id, @origin_thin_id: for a snapshot: the origin by id, active or not.
 * @timeout_ms: for the whole call.
 */
struct bp_volume_opts {
	size_t size;
	const char *uuid;
	bool use_thin_id;
	uint32_t thin_id;
	const char *external_origin;
	bool read_only, inactive, origin_by_id;
	uint32_t origin_thin_id;
	bp_sector size_sectors;
	int64_t timeout_ms;
};

/**
 * bp_pool_create_volume() - A new, empty volume, and its mapped device. Both or none.
 * @name: of the mapped device.
 * @ret_thin_id: its id in the pool; may be NULL.
 *
 * Where no id is asked for it is the one behind the highest that the pool has, by its metadata: for that a
 * metadata snapshot is reserved and released, which a program that is killed in between leaves. One that is there is
 * read instead and stays; a warning says so, as where the metadata can't be read: then ids are tried.
 *
 * Return: 0, -EEXIST (BP_E_EXISTS: the id asked for), -EOPNOTSUPP (BP_E_POOL_STATE: read-only
 * or failed), -ENOSPC (no free id found), or as bp_device_create().
 */
BP_API int bp_pool_create_volume(struct bp_pool *pool, const char *name, bp_sector size_sectors,
				 const struct bp_volume_opts *opts, uint32_t *ret_thin_id);

/**
 * bp_pool_snapshot() - A volume that begins as a copy of another, at one instant.
 * @origin: the active origin; NULL: opts->origin_thin_id.
 * @name: of the snapshot's mapped device.
 *
 * Every active mapping of the origin is suspended around it and resumed whatever happens.
 * Return: 0, -ENODATA (BP_E_NO_THIN: no such origin), -EEXIST, or as for a new volume.
 */
BP_API int bp_pool_snapshot(struct bp_pool *pool, const struct bp_selector *origin,
			    const char *name, const struct bp_volume_opts *opts,
			    uint32_t *ret_thin_id);

/**
 * bp_pool_snapshot_group() - Snapshots of several volumes at one instant: all of them or none.
 * @origins, @names: @nr active volumes of the pool, each once, and what their snapshots are called.
 * @opts: only read_only and timeout_ms may be set; or NULL.
 * @ret_thin_ids: room for @nr ids; may be NULL.
 *
 * Every active mapping of every origin is suspended, in the order given, before the first snapshot
 * is taken, and resumed after the last one, whatever happens. Where one lies on another, name the
 * upper one first. Return: as bp_pool_snapshot().
 */
BP_API int bp_pool_snapshot_group(struct bp_pool *pool, const struct bp_selector *origins,
				  const char *const *names, size_t nr,
				  const struct bp_volume_opts *opts, uint32_t *ret_thin_ids);

/**
 * bp_pool_activate() - Make a mapped device for a volume that is in the pool.
 * Return: 0, -ENODATA (BP_E_NO_THIN), or as bp_device_create().
 */
BP_API int bp_pool_activate(struct bp_pool *pool, uint32_t thin_id, const char *name,
			    bp_sector size_sectors, const struct bp_volume_opts *opts);

/**
 * bp_pool_deactivate() - Remove every mapped device of a volume. Its data stays in the pool.
 * Return: 0 (also where there is none), -EBUSY (as bp_device_remove()).
 */
BP_API int bp_pool_deactivate(struct bp_pool *pool, uint32_t thin_id,
			      const struct bp_remove_opts *opts);

/**
 * bp_pool_delete() - Delete a volume and its data for good.
 *
 * Return: 0, -EBUSY (BP_E_BUSY: it is active: the cause says where), -ENODATA (BP_E_NO_THIN),
 * -EOPNOTSUPP (BP_E_POOL_STATE: read-only or failed).
 */
BP_API int bp_pool_delete(struct bp_pool *pool, uint32_t thin_id, int64_t timeout_ms);

/**
 * bp_pool_discard_volume() - Discard all that a volume maps: its blocks go back to the pool, and
 * where the pool passes discards down and no other volume has them, the device below it is told
 * too. For a volume that is to be deleted: bp_pool_delete() tells nobody. Its contents are lost.
 * @timeout_ms: for the whole call; what was discarded when it is over stays so.
 *
 * A device "bedplate-discard-MINOR-ID" is there meanwhile, kept out of udev.
 * Return: 0, -EBUSY (BP_E_BUSY: it is active), -ENODATA (BP_E_NO_THIN), -EOPNOTSUPP
 * (BP_E_POOL_STATE: the pool ignores discards, is read-only or failed), -ETIMEDOUT.
 */
BP_API int bp_pool_discard_volume(struct bp_pool *pool, uint32_t thin_id, int64_t timeout_ms);

/**
 * struct bp_pool_wanted - A volume that shall be there, active under a name.
 * @name: of its device.
 * @thin_id: its id in the pool; BP_THIN_ID_ANY: whichever is active by that name.
 * @size_sectors: of the device where it is to be activated; 0: not known.
 */
struct bp_pool_wanted {
	const char *name;
	uint32_t thin_id;
	bp_sector size_sectors;
};

/**
 * enum bp_pool_difference_kind - How a volume is, against what is wanted.
 * @BP_POOL_AS_WANTED: it is active by the name, with the id.
 * @BP_POOL_INACTIVE: wanted; the pool holds it, and it is not active by the name.
 * @BP_POOL_MISSING: wanted; the pool does not hold it, or no id was given and it is not active.
 * @BP_POOL_OTHER: wanted; but the device of that name has another id.
 * @BP_POOL_UNWANTED_ACTIVE: active by a name that nobody wants.
 * @BP_POOL_UNWANTED: held by the pool, not active, and nobody wants it.
 */
enum bp_pool_difference_kind {
	BP_POOL_AS_WANTED,
	BP_POOL_INACTIVE,
	BP_POOL_MISSING,
	BP_POOL_OTHER,
	BP_POOL_UNWANTED_ACTIVE,
	BP_POOL_UNWANTED,
};

/**
 * struct bp_pool_difference - One volume of the comparison.
 * @thin_id: BP_THIN_ID_ANY where it is not known.
 * @name: of its device, or wanted; NULL: neither.
 * @size_sectors: of its device, or wanted; 0: not known.
 * @mapped_sectors, @transaction_id: what it maps, and when it was made, by the metadata; 0 where the pool does not
 *	hold it.
 * @done: what the flags asked for was done.
 */
struct bp_pool_difference {
	enum bp_pool_difference_kind kind;
	uint32_t thin_id;
	const char *name;
	bp_sector size_sectors, mapped_sectors;
	uint64_t transaction_id;
	bool done;
};

/**
 * struct bp_pool_reconcile_opts - What to do about it. Zero in a member is its default.
 * @flags: 0: only compare.
 * @timeout_ms: of each step.
 */
enum bp_pool_reconcile_flags {
	BP_POOL_RECONCILE_ACTIVATE = 1 << 0, /* BP_POOL_INACTIVE: make its device */
	BP_POOL_RECONCILE_DEACTIVATE = 1
				       << 1, /* BP_POOL_UNWANTED_ACTIVE: take its device away */
	BP_POOL_RECONCILE_DELETE = 1 << 2,   /* BP_POOL_UNWANTED: delete it, for good */
};
struct bp_pool_reconcile_opts {
	size_t size;
	uint32_t flags;
	int64_t timeout_ms;
};

/**
 * bp_pool_reconcile() - Compare what a pool holds and what is active with what is wanted; make it so.
 * @wanted: @nr volumes, each name once.
 * @ret: first the wanted ones in their order, then what is active, then what is held only, by id. Free it with
 *	bp_pool_differences_free(); entries are lent by it.
 *
 * Devices are removed and made together or not at all; volumes are deleted behind that, and those only that were not
 * active when it was looked: one that is deactivated here is deleted by the next call at the earliest. A metadata
 * snapshot is reserved and released for it; one that is there is read instead, but nothing is deleted by it.
 * It does not plan: after bp_plan_start() use it without flags only, before that.
 *
 * Return: 0, -EINVAL (BP_E_USAGE: a name twice, no size for what is to be activated), -EOPNOTSUPP (BP_E_POOL_STATE: what
 * it holds can't be read), -EBUSY (BP_E_POOL_STATE: another's metadata snapshot, with BP_POOL_RECONCILE_DELETE; else a
 * device in use), or as bp_pool_activate(), bp_device_remove(), bp_pool_delete().
 */
struct bp_pool_difference_list;
BP_API int bp_pool_reconcile(struct bp_pool *pool, const struct bp_pool_wanted *wanted,
			     size_t nr, const struct bp_pool_reconcile_opts *opts,
			     struct bp_pool_difference_list **ret);
BP_API size_t bp_pool_differences_count(const struct bp_pool_difference_list *list);
/* NULL past the end. Lent. */
BP_API const struct bp_pool_difference *
bp_pool_differences_get(const struct bp_pool_difference_list *list, size_t index);
BP_API void bp_pool_differences_free(struct bp_pool_difference_list *list);

/**
 * bp_pool_grow() - Let a pool use what its devices have gained.
 * @size_sectors: its new size; 0: all of the data device.
 *
 * The metadata device is used as far as it reaches, as always. Return: 0, -EINVAL with
 * BP_E_TOO_SMALL (not larger than before, or larger than the device).
 */
BP_API int bp_pool_grow(struct bp_pool *pool, bp_sector size_sectors, int64_t timeout_ms);

/**
 * bp_pool_set_no_space() - What happens to writes when the pool is full.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), or as bp_device_reload().
 */
BP_API int bp_pool_set_no_space(struct bp_pool *pool, bool error_if_no_space,
				int64_t timeout_ms);
/**
 * bp_pool_set_low_water() - When the pool raises its event.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), or as bp_device_reload().
 */
BP_API int bp_pool_set_low_water(struct bp_pool *pool, bp_dblock low_water_dblocks,
				 int64_t timeout_ms);

/* bp_pool_set_transaction() - -EINVAL where the pool's transaction id is not @old_id. */
BP_API int bp_pool_set_transaction(struct bp_pool *pool, uint64_t old_id, uint64_t new_id,
				   int64_t timeout_ms);

/**
 * bp_pool_reserve_metadata_snap(), bp_pool_release_metadata_snap() - A still copy of the
 * pool's bookkeeping (not of data) for tools to read. A pool has at most one.
 * @ret_mblock: where it lies; may be NULL.
 *
 * Return: 0, -EBUSY (there is one: perhaps another program's), -ENODATA (there is none).
 */
BP_API int bp_pool_reserve_metadata_snap(struct bp_pool *pool, int64_t timeout_ms,
					 bp_mblock *ret_mblock);
BP_API int bp_pool_release_metadata_snap(struct bp_pool *pool, int64_t timeout_ms);

/**
 * bp_pool_remove() - Deactivate all volumes and the pool; nothing is deleted.
 *
 * Where the pool or a volume is in use, everything stays as it was. The pool object stays too:
 * close it.
 *
 * Return: 0, -EBUSY (in use: by whom is in the error), -ENXIO (it has gone), -ETIMEDOUT, or what
 *	the kernel answered.
 */
BP_API int bp_pool_remove(struct bp_pool *pool, const struct bp_remove_opts *opts);

/**
 * bp_pool_list() - All active pools, by kernel name.
 * @ret: free it with bp_device_list_free().
 *
 * Return: 0, or as bp_device_list().
 */
BP_API int bp_pool_list(struct bp_ctx *ctx, struct bp_device_list **ret);

#ifdef __cplusplus
}
#endif

#endif
