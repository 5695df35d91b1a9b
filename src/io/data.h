/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data devices: a pool's, or what a volume is copied to. Bytes at any offset, through the page
 * cache, and discarding. For metadata see io.h.
 */
#ifndef IO_DATA_H
#define IO_DATA_H

#include <bedplate/units.h>

#include "core/context.h"

struct data {
	char *path;
	int fd;
	bp_bytes size;
	bool device; /* a block device, not a file */
};

enum data_flags {
	DATA_WRITE = 1 << 0,
	DATA_SHARED = 1 << 1, /* a block device in use is fine */
};

/*
 * Open a regular file or a block device, the latter with O_EXCL. -ENOENT, -EINVAL (neither),
 * -EBUSY, -EACCES.
 */
int data_open(struct bp_ctx *ctx, const char *path, unsigned flags, struct data **ret);
/* NULL is allowed. What was written is only safe after data_flush(). */
void data_close(struct data *d);

/* All @len bytes at @offset, or say why not. -EIO past the end. */
int data_read(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, size_t len, void *buf);
int data_write(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, size_t len,
	       const void *buf);
int data_flush(struct bp_ctx *ctx, const struct data *d);
/*
 * These bytes are of no use any more: they are discarded, in a file a hole is punched. What they
 * read as afterwards is up to the device; in a file zeros. -ENOTSUP.
 */
int data_discard(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, bp_bytes len);
/* These bytes read as zeros: a hole, or zeros that are written. */
int data_zero(struct bp_ctx *ctx, const struct data *d, bp_bytes offset, bp_bytes len);

#endif
