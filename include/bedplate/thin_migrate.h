/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copying a thin device out of its pool: all of it, or what has changed since a snapshot. */
#ifndef BEDPLATE_THIN_MIGRATE_H
#define BEDPLATE_THIN_MIGRATE_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_migrate_flags
 * @BP_THIN_MIGRATE_POOL_DATA: @source is the pool's data device, not the thin device: no
 *	device-mapper is needed.
 * @BP_THIN_MIGRATE_DELTA: the destination holds what device @delta_id has; only what
 *	differs is copied, or zeroed.
 * @BP_THIN_MIGRATE_NO_ZERO: do not zero what is not mapped: a destination device reads as zeros
 *	already.
 * @BP_THIN_MIGRATE_WRITABLE: @source may be a device that can be written to, and so change
 *	while it is copied.
 */
enum bp_thin_migrate_flags {
	BP_THIN_MIGRATE_POOL_DATA = 1 << 0,
	BP_THIN_MIGRATE_DELTA = 1 << 1,
	BP_THIN_MIGRATE_NO_ZERO = 1 << 2,
	BP_THIN_MIGRATE_WRITABLE = 1 << 3,
};

/**
 * struct bp_thin_migrate_opts - What to copy. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_migrate_opts). Members are only added at the end.
 * @flags: enum bp_thin_migrate_flags.
 * @id: the device.
 * @delta_id: see BP_THIN_MIGRATE_DELTA.
 * @size_bytes: of the device; 0: that of @source, or up to its highest mapped block where
 *	the source is the pool's data device. What is mapped beyond is not copied.
 * @buffer_bytes: bytes copied at once; 0: 4 MiB.
 * @progress: called now and then with the bytes copied and to be copied; non-zero ends it with
 *	-ECANCELED.
 * @user: passed to it.
 */
struct bp_thin_migrate_opts {
	size_t size;
	uint32_t flags;
	uint64_t id, delta_id;
	bp_bytes size_bytes, buffer_bytes;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_thin_migrate_result - What was done. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_migrate_result). Members are only added at the end.
 * @size_bytes: of the copy.
 * @copied_bytes, @zeroed_bytes: how much of it was written, and made read as zeros.
 */
struct bp_thin_migrate_result {
	size_t size;
	bp_bytes size_bytes, copied_bytes, zeroed_bytes;
};

/**
 * bp_thin_migrate() - Copy a thin device to a device or file.
 * @meta: opened; the metadata snapshot where the pool is active.
 * @source: the thin device, read-only; or the pool's data device.
 * @dest: a block device that nobody uses and that is large enough; or a file, which is made, or
 *	made of that size. What is not mapped becomes a hole. With a delta it must be there.
 * @opts: which device.
 * @ret: may be NULL.
 *
 * The destination is touched after source and metadata proved usable; it is flushed at the end.
 * Failed or interrupted it holds a part of the copy: a second run makes it whole.
 *
 * Memory: that of bp_thin_delta(), and the buffer.
 *
 * Return: 0; -ENODATA (no such device), -EINVAL, -EROFS (@source is not read-only), -ENOSPC (@dest
 * is too small), -EBADMSG, -EUCLEAN (the mappings are damaged), -ENOENT, -EACCES, -EBUSY, -EIO,
 * -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_migrate(struct bp_thin_meta *meta, const char *source, const char *dest,
			   const struct bp_thin_migrate_opts *opts,
			   struct bp_thin_migrate_result *ret);

#ifdef __cplusplus
}
#endif

#endif
