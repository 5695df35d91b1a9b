/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes of a file or block device, opened for reading only: what a disk image is to those who
 * look for volumes in it. Any offset, any length; through the page cache. Nothing here writes.
 */
#ifndef IO_RAW_IMAGE_H
#define IO_RAW_IMAGE_H

#include <bedplate/units.h>

#include "core/context.h"

#include <sys/types.h>

struct raw_image {
	char *path;
	int fd;
	bp_bytes size; /* when it was opened */
	dev_t dev;     /* of the file system, or the device itself where it is one */
	ino_t ino;     /* 0: a block device */
	bool device;
};

/*
 * Open @path, a regular file or a block device (in use or not: it is only read). Fails as
 * io_open() does.
 */
int raw_image_open(struct bp_ctx *ctx, const char *path, struct raw_image **ret);
void raw_image_close(struct raw_image *image); /* NULL is allowed */

static inline void raw_image_closep(struct raw_image **image)
{
	raw_image_close(*image);
}

/* Are both the same file or device, whatever the paths? */
bool raw_image_same(const struct raw_image *a, const struct raw_image *b);

/* Read @len bytes at @offset: 0, -ERANGE (past the end), -EIO or what the system says. */
int raw_image_read(const struct raw_image *image, bp_bytes offset, size_t len, void *buf);

/*
 * Of @len bytes at @offset the first stretch that is no hole: [*@ret_begin, *@ret_end), from @offset on; both
 * @len where all of them are a hole. Devices, and file systems that know no holes, have none.
 */
void raw_image_data_next(const struct raw_image *image, bp_bytes offset, bp_bytes len,
			 bp_bytes *ret_begin, bp_bytes *ret_end);

#endif
