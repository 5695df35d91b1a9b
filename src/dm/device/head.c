/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dm/device/head.h"

#include <string.h>

static const unsigned char zeros[HEAD_BYTES];

/* The first 4096 bytes, by which a kernel tells new metadata from old. */
int head_read(struct dm *dm, const struct bp_bdev *bdev, struct head *ret)
{
	int r = dm->ops->bdev_read(dm->self, bdev, ret->bytes, sizeof(ret->bytes));

	ret->bdev = *bdev;
	ret->blank = true;
	for (size_t i = 0; r == 0 && i < sizeof(ret->bytes); i++)
		ret->blank &= ret->bytes[i] == 0;
	return r;
}

/* The metadata device's beginning as it was. */
struct undo_wipe {
	struct undo undo; /* device: the path's end */
	struct head head;
};

/*
 * What was zeroed is written back: by then the kernel may have formatted it, for a pool
 * that was not made.
 */
static int restore_head(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline)
{
	const struct undo_wipe *u = (const struct undo_wipe *)undo;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	(void)deadline;
	return r < 0 ? r
		     : dm->ops->bdev_write(dm->self, &u->head.bdev, u->head.bytes,
					   sizeof(u->head.bytes));
}

int head_zero(struct dm *dm, const struct bp_bdev *bdev)
{
	return dm->ops->bdev_write(dm->self, bdev, zeros, sizeof(zeros));
}

/* In a plan it is only noted. */
static int wipe_now(struct bp_ctx *ctx, struct dm *dm, const char *verb,
		    const struct bp_bdev *bdev)
{
	int r;

	if (planning(dm))
		return plan_note(ctx, dm, "zero", bdev->path, "the first 4096 bytes");
	r = head_zero(dm, bdev);
	if (r == 0)
		return 0;
	bp_fail(ctx, r, "%s: '%s': %s", verb, bdev->path,
		r == -EBUSY ? "it is in use" : "can't zero its beginning");
	error_set_code(ctx, r == -EBUSY ? BP_E_BUSY : BP_E_IO);
	error_set_verb(ctx, verb);
	error_set_device(ctx, bdev->path);
	return r;
}

/* The undo is armed without a wipe too: a kernel formats what is blank. */
int head_begin(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct head *head,
	       bool wipe)
{
	const struct undo undo = {
		.run = restore_head,
		.remains = "could not be given its beginning again",
	};
	struct undo_wipe *u = tx_undo(ctx, dm, sizeof(*u), &undo, head->bdev.path);

	if (!u)
		return -ENOMEM;
	u->head = *head;
	u->undo.armed = true;
	return wipe && !head->blank ? wipe_now(ctx, dm, verb, &head->bdev) : 0;
}
