/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first block of a metadata device, which tells the kernel whether to begin anew: zeros make it
 * write fresh metadata. Looked at before, zeroed when told to, put back where nothing came of it.
 */
#ifndef DM_DEVICE_HEAD_H
#define DM_DEVICE_HEAD_H

#include <bedplate/bdev.h>

#include "dm/kernel/engine.h"

#define HEAD_BYTES 4096

struct head {
	struct bp_bdev bdev;
	unsigned char bytes[HEAD_BYTES]; /* before */
	bool blank;                      /* and it was all zeros */
};

/* Read it: 0 or what the device says; nothing is recorded. */
int head_read(struct dm *dm, const struct bp_bdev *bdev, struct head *ret);
/*
 * From here on the kernel may write there: a step of a transaction, which puts back what was.
 * @wipe: zero it now, unless it is. @verb: for messages.
 */
int head_begin(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct head *head,
	       bool wipe);
/* Zero it for good. 0 or what the device says; nothing is recorded. */
int head_zero(struct dm *dm, const struct bp_bdev *bdev);

#endif
