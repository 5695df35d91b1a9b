/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Block devices: what tables are built from. */
#ifndef BEDPLATE_BDEV_H
#define BEDPLATE_BDEV_H

#include <bedplate/units.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_bdev - A block device, as it was when it was looked at.
 * @path: its node, as given or found; "" where it has none. Tables name it by number.
 * @major, @minor: its device number.
 * @size_bytes: its size.
 * @logical_block_bytes: smallest unit of I/O: 512 or 4096, mostly. Never the unit of a table,
 *	which counts 512-byte sectors on every device.
 * @read_only: the device refuses writes.
 *
 * Callers may fill it by hand, to build a table for devices that are not there.
 */
struct bp_bdev {
	char path[256];
	uint32_t major, minor;
	bp_bytes size_bytes;
	uint32_t logical_block_bytes;
	bool read_only;
};

/**
 * bp_bdev_get() - Look at a block device.
 * @which: its node, or MAJOR:MINOR.
 *
 * Return: 0, -ENOENT, -ENOTBLK or -ENXIO (BP_E_NO_BLOCK_DEVICE), -EACCES.
 */
BP_API int bp_bdev_get(struct bp_ctx *ctx, const char *which, struct bp_bdev *ret);

/**
 * bp_bdev_name() - What the kernel calls a block device: "sda1", "dm-3".
 * @ret: BP_BDEV_NAME_SIZE bytes.
 *
 * Return: 0, -ENXIO (BP_E_NO_BLOCK_DEVICE: no such number).
 */
#define BP_BDEV_NAME_SIZE 128
BP_API int bp_bdev_name(struct bp_ctx *ctx, uint32_t major, uint32_t minor, char *ret);

enum bp_holder_kind {
	BP_HOLDER_MAPPED,  /* a mapped device lies on it */
	BP_HOLDER_RAID,    /* an md array does */
	BP_HOLDER_LOOP,    /* a loop device does */
	BP_HOLDER_OTHER,   /* another block device does */
	BP_HOLDER_MOUNT,   /* it is mounted */
	BP_HOLDER_SWAP,    /* it is swapped to */
	BP_HOLDER_PROCESS, /* a process has it open */
	BP_HOLDER_FILE, /* a process has a file open of a file system on it that is not mounted
				any more, where it can see */
	BP_HOLDER_SWAP_FILE, /* a file on it is swapped to */
	BP_HOLDER_BCACHE,    /* it is part of a bcache device */
	BP_HOLDER_LOOP_FILE, /* a loop device lies on a file of a file system on it that is not
				mounted any more, where it can see */
	BP_HOLDER_ABOVE,     /* a suspended mapped device further up: I/O to it does not end */
};

#define BP_NO_UID UINT32_MAX

/**
 * struct bp_holder - Somebody who uses a block device.
 * @pid: of a process; of a mount that this process does not see: one that does (enter it by nsenter
 *	--mount --target); else 0.
 * @uid, @user: whose that process is; BP_NO_UID and "" where not known.
 * @command: its command line, cut to fit, blanks between words; "" where there is none.
 * @name: the holding device's name, the mount point, or the process's name.
 * @partition: the partition that is held, where the device itself is not; else "".
 * @major, @minor: of a holding device; else 0.
 * @suspended: that is a mapped device, and suspended.
 */
struct bp_holder {
	enum bp_holder_kind kind;
	int32_t pid;
	uint32_t uid;
	char user[33], command[160];
	char name[256], partition[32];
	uint32_t major, minor;
	bool suspended;
};

/**
 * bp_holders_find() - Who uses a block device, as far as this process may see: devices on it or
 * on its partitions, mounts in every mount namespace, swap, processes.
 * @ret: free it with bp_holders_free(). Entries are lent by it.
 *
 * Return: 0, -ENOMEM, or why the kernel's lists can't be read.
 */
struct bp_holders;
BP_API int bp_holders_find(struct bp_ctx *ctx, uint32_t major, uint32_t minor,
			   struct bp_holders **ret);
BP_API size_t bp_holders_count(const struct bp_holders *holders);
BP_API const struct bp_holder *bp_holders_get(const struct bp_holders *holders, size_t index);
/* One of them in words, as errors name it: "the mount on /mnt". Lent. */
BP_API const char *bp_holders_text(const struct bp_holders *holders, size_t index);
BP_API void bp_holders_free(struct bp_holders *holders);

/**
 * bp_holders_tell() - Where the context's last error is that a block device is in use (-EBUSY), and
 * does not say by whom: look, and add it as the error's cause. Reads all of /proc.
 */
BP_API void bp_holders_tell(struct bp_ctx *ctx);

#ifdef __cplusplus
}
#endif

#endif
