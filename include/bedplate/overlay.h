/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Overlays: a writable copy of a block device that costs only what is written to it. Reads come
 * from the device, which is never written; writes land in a sparse file of the scope (scope.h) that
 * it was made in, and are gone with that. It is the kernel's snapshot target over a loop device.
 *
 * The device must not change meanwhile: who uses it is refused, and it is in use while the overlay
 * is there. Not promised: that a write finds room. A file that is full, or whose file system is,
 * makes the overlay invalid: all of it is lost, and the device is whole.
 */
#ifndef BEDPLATE_OVERLAY_H
#define BEDPLATE_OVERLAY_H

#include <bedplate/device.h>
#include <bedplate/scope.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_overlay_opts - Zero in a member is its default.
 * @name: of the mapped device; NULL: "overlay-" and the last part of the device's path.
 * @room_bytes: how much can be written, at most; 0: all of the device. What is written takes room
 *	in pieces of 4 KiB.
 */
struct bp_overlay_opts {
	size_t size;
	const char *name;
	bp_bytes room_bytes;
};

/**
 * bp_overlay_open() - Make a writable copy of a block device.
 * @scope: it goes with it, at the latest.
 * @device: a path or MAJOR:MINOR. It may be read-only.
 * @opts: NULL for the defaults.
 * @ret: free it with bp_overlay_close(), before @scope.
 *
 * Return: 0, -EBUSY (BP_E_BUSY: somebody uses the device), -ENODEV (no loop devices), -ENOTBLK, or
 * as bp_device_create().
 */
struct bp_overlay;
BP_API int bp_overlay_open(struct bp_scope *scope, const char *device,
			   const struct bp_overlay_opts *opts, struct bp_overlay **ret);
/* The copy. Lent. */
BP_API const struct bp_device_info *bp_overlay_device(const struct bp_overlay *overlay);
/* What it is a copy of. Lent. */
BP_API const struct bp_bdev *bp_overlay_origin(const struct bp_overlay *overlay);
/* bp_overlay_close() - Let go; the copy stays until its scope ends. NULL is allowed. */
BP_API void bp_overlay_close(struct bp_overlay *overlay);

/**
 * struct bp_overlay_usage - How full it is.
 * @used_bytes: taken by what was written, and what is needed to find it.
 * @left_bytes: how much more there is room for: in its file, or in the file system of that,
 *	whichever is less.
 * @invalid: it was full, or its file failed: it is lost. The other members are 0 then.
 */
struct bp_overlay_usage {
	size_t size;
	bp_bytes used_bytes, left_bytes;
	bool invalid;
};
/* @ret: its size set before. Return: 0, or as bp_device_status(). */
BP_API int bp_overlay_usage(const struct bp_overlay *overlay, struct bp_overlay_usage *ret);

/**
 * bp_overlay_merge() - Write what was written to the copy into the device itself. The copy is gone
 * afterwards.
 * @progress: called now and then, may be NULL; what it returns is not heeded, as half a merge is
 *	worse than a whole or none.
 * @ret_kept: on failure after the beginning a file with all that is not in the device yet, which
 *	outlives the scope; NULL where there is none. Lent. May be NULL.
 *
 * That file (BEDPLATE_STATE_DIR/overlay-SCOPE-ID-N) is there from before the first write to the
 * device until the last is durable, so also where the caller is killed: the table "0 LENGTH
 * snapshot-merge DEVICE LOOP P 8" goes on with it. Two devices are not merged at one instant.
 *
 * Return: 0; -EBUSY (the copy is in use); -EROFS (the device is read-only); -ESTALE (the copy is
 * invalid); -EIO (the device or the file failed); or as bp_device_create().
 */
BP_API int bp_overlay_merge(struct bp_overlay *overlay,
			    int (*progress)(void *user, uint64_t done, uint64_t total),
			    void *user, const char **ret_kept);

#ifdef __cplusplus
}
#endif

#endif
