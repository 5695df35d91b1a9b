/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of thin pools, from the device or file it is on: no device-mapper needed. The pool
 * must not be active, but for what is said about metadata snapshots.
 */
#ifndef BEDPLATE_THIN_H
#define BEDPLATE_THIN_H

#include <bedplate/damage.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_thin_superblock - What the superblock says. Members are only added.
 * @time: clock of the pool: snapshots taken so far.
 * @transaction_id: user space's.
 * @flags: bit 0 (BP_THIN_NEEDS_CHECK): the kernel asks for a check.
 * @version: 2, or 1.
 * @data_block_sectors: size of a data block.
 * @nr_data_blocks: 0 when read through a metadata snapshot whose live superblock can't be.
 * @nr_data_allocated: data blocks in use, as the space map's total has it; 0 likewise.
 * @nr_metadata_blocks, @nr_metadata_allocated: the same for metadata blocks.
 * @metadata_snap: block of the metadata snapshot; 0: none.
 * @mapping_root, @details_root: roots of the two trees.
 * @compat_flags, @compat_ro_flags, @incompat_flags: 0 in all metadata so far.
 */
struct bp_thin_superblock {
	uint32_t time;
	uint64_t transaction_id;
	uint32_t flags, version;
	uint32_t data_block_sectors;
	bp_dblock nr_data_blocks, nr_data_allocated;
	bp_mblock nr_metadata_blocks, nr_metadata_allocated;
	bp_mblock metadata_snap, mapping_root, details_root;
	uint32_t compat_flags, compat_ro_flags, incompat_flags;
};
#define BP_THIN_NEEDS_CHECK 1u

/**
 * enum bp_thin_open_flags
 * @BP_THIN_OPEN_SNAP: read the metadata snapshot. The pool may be active.
 */
enum bp_thin_open_flags {
	BP_THIN_OPEN_SNAP = 1 << 0,
};

/**
 * struct bp_thin_open_opts - How to open. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_open_opts).
 * @flags: enum bp_thin_open_flags.
 * @mapping_root, @details_root: use these roots, not the superblock's.
 * @workers: threads to read with; 0: as suits processors and device.
 */
struct bp_thin_open_opts {
	size_t size;
	uint32_t flags;
	bp_mblock mapping_root, details_root;
	unsigned workers;
};

struct bp_thin_meta;

/**
 * bp_thin_open() - Open metadata for reading.
 * @ctx: must outlive @ret, and takes the messages.
 * @path: metadata device or file.
 * @opts: NULL for the defaults.
 * @ret: close it with bp_thin_close().
 *
 * Return: 0; -ENOENT, -EACCES, -EBUSY (in use), -EINVAL (no metadata: XML, too small, not a
 * file or block device; or no metadata snapshot), -EBADMSG or -EUCLEAN (superblock damaged),
 * -ENOTSUP (features not known), -EIO, -ENOMEM.
 */
BP_API int bp_thin_open(struct bp_ctx *ctx, const char *path,
			const struct bp_thin_open_opts *opts, struct bp_thin_meta **ret);
BP_API void bp_thin_close(struct bp_thin_meta *meta);

/* bp_thin_superblock_get() - What its superblock says. Lent: valid until it is closed. */
BP_API const struct bp_thin_superblock *bp_thin_superblock_get(const struct bp_thin_meta *meta);

/**
 * struct bp_thin_device - A thin device, or snapshot: there is no difference.
 * @id: its number in the pool.
 * @mapped_dblocks: data blocks it maps, as its details say.
 * @transaction_id: of the pool, when it was made.
 * @creation_time: of the pool, when it was made.
 * @snapshotted_time: when a snapshot was taken of it last, or creation_time.
 * @root: its mapping tree.
 */
struct bp_thin_device {
	uint64_t id;
	bp_dblock mapped_dblocks;
	uint64_t transaction_id;
	uint32_t creation_time, snapshotted_time;
	bp_mblock root;
};

/**
 * bp_thin_devices() - Call @device for each device, by rising id.
 * @device: non-zero ends it and is returned.
 *
 * Return: 0; -EBADMSG, -EUCLEAN, -EIO where the trees of devices are damaged or don't agree
 * (bp_thin_check() tells more); -ENOMEM.
 */
BP_API int bp_thin_devices(struct bp_thin_meta *meta,
			   int (*device)(void *user, const struct bp_thin_device *device),
			   void *user);

/* bp_thin_device_find() - The device @id. -ENODATA: there is none; else as bp_thin_devices().
 */
BP_API int bp_thin_device_find(struct bp_thin_meta *meta, uint64_t id,
			       struct bp_thin_device *ret);

/**
 * struct bp_thin_run - Mappings that continue each other, all of one time.
 * @virtual_begin: first virtual block.
 * @data_begin: the data block it is mapped to.
 * @length: blocks.
 * @time: of the pool, when they were made; 24 bits.
 */
struct bp_thin_run {
	bp_dblock virtual_begin, data_begin, length;
	uint32_t time;
};

/**
 * bp_thin_mappings() - Call @run for the mappings of device @id, by rising virtual block.
 * @begin, @end: only virtual blocks in [begin, end); UINT64_MAX: to the last. Runs are cut
 * there.
 * @run: non-zero ends it and is returned. Runs are as long as they can be.
 *
 * Holds 75 metadata blocks in memory. Return: 0; -ENODATA: no such device; -EBADMSG, -EUCLEAN,
 * -EIO where its tree is damaged: runs before that place have been given; -ENOMEM.
 */
BP_API int bp_thin_mappings(struct bp_thin_meta *meta, uint64_t id, bp_dblock begin,
			    bp_dblock end,
			    int (*run)(void *user, const struct bp_thin_run *run), void *user);

/**
 * bp_thin_lookup() - Where virtual block @virtual_block of device @id is.
 *
 * Return: 0; -ENODATA: not mapped, or no such device (the message says which); else as
 * bp_thin_mappings().
 */
BP_API int bp_thin_lookup(struct bp_thin_meta *meta, uint64_t id, bp_dblock virtual_block,
			  bp_dblock *ret_data_block, uint32_t *ret_time);

/**
 * enum bp_thin_check_flags - What to check.
 * @BP_THIN_CHECK_SUPER_ONLY: the superblock alone.
 * @BP_THIN_CHECK_SKIP_MAPPINGS: superblock, device details and device ids; no mappings, no
 *	reference counts.
 * @BP_THIN_CHECK_SNAP: the metadata snapshot alone, of a pool that may be active.
 * @BP_THIN_CHECK_STRICT: remarks are fatal.
 */
enum bp_thin_check_flags {
	BP_THIN_CHECK_SUPER_ONLY = 1 << 0,
	BP_THIN_CHECK_SKIP_MAPPINGS = 1 << 1,
	BP_THIN_CHECK_SNAP = 1 << 2,
	BP_THIN_CHECK_STRICT = 1 << 3,
};

/**
 * struct bp_thin_check_opts - How to check. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_check_opts). Members are only added at the end.
 * @flags: enum bp_thin_check_flags.
 * @mapping_root, @details_root: use these roots, not the superblock's. Reference counts are
 *	then not compared.
 * @workers: threads; 0: as suits processors and device.
 * @damage: called for each damage found; by place, in each by ascending block.
 * @progress: called now and then with the blocks done and to do so far; non-zero ends the
 *	check with -ECANCELED. @stage: "device details", "mappings", "space maps".
 * @user: passed to both.
 */
struct bp_thin_check_opts {
	size_t size;
	uint32_t flags;
	bp_mblock mapping_root, details_root;
	unsigned workers;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, const char *stage, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * struct bp_thin_check_result - What a check found. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_check_result). Members are only added at the end.
 * @nr_fatal, @nr_nonfatal, @nr_remarks: how much of each harm was found.
 * @superblock_ok: @superblock is meaningful: it, or the metadata snapshot's that was to be checked,
 *	could be read.
 * @superblock: as read, before anything was repaired.
 * @nr_metadata_free: metadata blocks free, by the space map's total; those repaired included.
 * @nr_devices, @nr_snap_devices: devices, and those that only the metadata snapshot has.
 * @nr_mappings: mappings met, each in a shared node once.
 * @nr_nodes, @nr_leaves: nodes of mapping trees met, each once; leaves among them.
 * @nr_data_leaked, @nr_metadata_leaked: blocks, before any repair.
 * @nr_data_wrong, @nr_metadata_wrong: blocks with any other wrong count.
 * @repaired_data_leaks, @repaired_metadata_leaks: blocks given back.
 * @repaired_accounting: totals or index entries were put right.
 * @cleared_needs_check: the flag was set and is cleared.
 * @repaired_times: times that were too low and are raised: devices' snapshotted times, the pool's.
 */
struct bp_thin_check_result {
	size_t size;
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
	bool superblock_ok;
	struct bp_thin_superblock superblock;
	bp_mblock nr_metadata_free;
	uint64_t nr_devices, nr_snap_devices;
	uint64_t nr_mappings, nr_nodes, nr_leaves;
	uint64_t nr_data_leaked, nr_metadata_leaked;
	uint64_t nr_data_wrong, nr_metadata_wrong;
	uint64_t repaired_data_leaks, repaired_metadata_leaks;
	bool repaired_accounting, cleared_needs_check;
	uint64_t repaired_times;
};

/**
 * bp_thin_check() - Check a thin pool's metadata. Reads only.
 * @ctx: takes the message on failure.
 * @path: metadata device or file; its pool must not be active (but for BP_THIN_CHECK_SNAP).
 * @opts: NULL for the defaults.
 * @ret: what was found: the metadata is good where nr_fatal and nr_nonfatal are 0.
 *
 * Memory: the details of all devices (80 bytes each), 44 bytes for each node of a mapping
 * tree, two bits and 4 bytes for each metadata block, for each worker two bits
 * for each data block that is near one in use, 2 MiB of buffers at most. Nothing is held for
 * each device and block.
 *
 * Return: 0 if the check was carried out, whatever it found; -ENOENT, -EACCES, -EBUSY, -EINVAL,
 * -EIO (block 0 can't be read), -ENOMEM, -ECANCELED.
 */
BP_API int bp_thin_check(struct bp_ctx *ctx, const char *path,
			 const struct bp_thin_check_opts *opts,
			 struct bp_thin_check_result *ret);

/**
 * bp_thin_auto_repair() - Check; and where nothing but leaks, wrong totals and times that are too
 * low is found, give the leaked blocks back, put the totals right, raise the times and clear
 * needs_check.
 *
 * Nothing is written where anything fatal is found, or nothing needs to be. Leaks that were
 * repaired are told by @opts->damage, but not counted in @ret->nr_nonfatal. BP_THIN_CHECK_SNAP,
 * SUPER_ONLY, SKIP_MAPPINGS and roots can't be combined with this: -EINVAL.
 *
 * Bitmaps are written first, then index entries, the superblock last, each flushed before the
 * next: interrupted at any point the metadata is as sound as before.
 */
BP_API int bp_thin_auto_repair(struct bp_ctx *ctx, const char *path,
			       const struct bp_thin_check_opts *opts,
			       struct bp_thin_check_result *ret);

/**
 * bp_thin_clear_needs_check() - As much of a check as @opts ask for; then clear needs_check,
 * unless something fatal was found. Leaks are repaired as bp_thin_auto_repair() does.
 *
 * With BP_THIN_CHECK_SUPER_ONLY or SKIP_MAPPINGS only what these check vouches for the rest.
 * BP_THIN_CHECK_SNAP and roots can't be combined with this: -EINVAL.
 */
BP_API int bp_thin_clear_needs_check(struct bp_ctx *ctx, const char *path,
				     const struct bp_thin_check_opts *opts,
				     struct bp_thin_check_result *ret);

#ifdef __cplusplus
}
#endif

#endif
