/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The real system's other half of the seam: nodes, sysfs, kernel log, udev, block devices. */
#ifndef DM_KERNEL_OPS_SYSTEM_H
#define DM_KERNEL_OPS_SYSTEM_H

#include "dm/kernel/ops.h"

/* Open the control node: a descriptor, or -errno. Makes the node where there is none. */
int system_open_control(const char *dir, const char *node);
int system_dm_major(void *self, uint32_t *ret);
int system_node(void *self, enum dm_node_op op, const struct dm_node *node);
int system_node_list(void *self, const char *dir, void (*name)(void *user, const char *name),
		     void *user);
/* Open the kernel log where it isn't yet, and go to its end; read on from there. */
void system_log_mark(int *fd);
int system_log(int fd, int64_t since_us, dm_log_fn line, void *user);
const char *system_udev_why_not(void *self);
int system_attr_get(void *self, uint32_t major, uint32_t minor, const char *name,
		    uint64_t *ret);
int system_attr_set(void *self, uint32_t major, uint32_t minor, const char *name,
		    uint64_t value);
int system_io_counters(void *self, uint32_t major, uint32_t minor,
		       uint64_t ret[DM_IO_COUNTERS]);
int system_bdev(void *self, const char *which, struct bp_bdev *ret);
int system_bdev_read(void *self, const struct bp_bdev *bdev, void *buf, size_t len);
int system_bdev_discard(void *self, const struct bp_bdev *bdev, uint64_t offset,
			uint64_t length);
int system_thin_devices(void *self, struct bp_ctx *ctx, const char *metadata,
			int (*device)(void *user, const struct bp_thin_device *device),
			void *user);
int system_bdev_write(void *self, const struct bp_bdev *bdev, const void *buf, size_t len);
int system_bdev_name(void *self, uint32_t major, uint32_t minor, char *ret);
int system_holders(void *self, uint32_t major, uint32_t minor, struct bp_holder **ret,
		   size_t *ret_count);
int system_loop_attach(void *self, int fd, const char *name, struct dm_loop *ret);
int system_loop_resize(void *self, const struct dm_loop *loop);
int system_loop_detach(void *self, const struct dm_loop *loop);
int system_loop_list(void *self, int (*each)(void *user, const struct dm_loop *loop),
		     void *user);

/* The device directory: DM_DEV_DIR, else /dev; without a slash at its end. */
const char *system_dev_dir(char *buf, size_t size);
/* A number in a file of decimal digits: 0 or -errno. _at: a path relative to a directory. */
int system_read_number_at(int dir, const char *path, uint64_t *ret);
int system_read_number(const char *path, uint64_t *ret);

#endif
