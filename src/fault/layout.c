/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a file system keeps what is its own: journal and metadata. Which file system it is, and
 * reading it, safely: whatever lies there, nothing outside of the file system is named.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "fault/fault.h"

#define EXT_MAGIC_AT 1080 /* in the superblock, which begins at byte 1024 */
#define ALL_CLASSES  ((uint32_t)(BP_FAULT_JOURNAL | BP_FAULT_METADATA))

/*
 * Bounds first: offsets come from the file system, which may be damaged. -EUCLEAN from a
 * reader of its own says the same.
 */
int fault_layout_read(struct bp_ctx *ctx, const struct layout_disk *disk, const char *what,
		      void *buf, size_t len, uint64_t offset)
{
	int r = offset > disk->size_bytes || len > disk->size_bytes - offset
			? -EUCLEAN
			: disk->read(disk->user, buf, len, offset);

	if (r == -EUCLEAN)
		return bp_fail(ctx, r, "file system: %s would lie beyond the device", what);
	return r < 0 ? bp_fail(ctx, r, "file system: %s can't be read: %s", what, strerror(-r))
		     : 0;
}

int fault_layout_damaged(struct bp_ctx *ctx, const char *what)
{
	return bp_fail(ctx, -EUCLEAN, "file system: %s can't be right: run its fsck", what);
}

/* Blocks of the file system become sectors; what lies beyond its end is damage, not a range. */
int fault_layout_add(struct bp_ctx *ctx, const char *what, uint64_t block, uint64_t count,
		     uint64_t nr_blocks, uint32_t block_bytes, struct fault_ranges *ret)
{
	uint32_t sectors = block_bytes / BP_SECTOR_BYTES;
	struct bp_fault_range range = { block * sectors, count * sectors };

	if (!count)
		return 0;
	if (block > nr_blocks || count > nr_blocks - block)
		return fault_layout_damaged(ctx, what);
	return vec_add(ret, &range) < 0 ? bp_fail_memory(ctx) : 0;
}

/* By magic: ext at byte 1080, xfs at 0. Others have no reader here. */
int fault_layout(struct bp_ctx *ctx, const struct layout_disk *disk, uint32_t classes,
		 struct fault_ranges *ret)
{
	uint8_t head[LAYOUT_HEAD];
	int r;

	if (!classes || classes & ~ALL_CLASSES)
		return bp_fail(ctx, -EINVAL, "file system: no part of it that is known");
	r = fault_layout_read(ctx, disk, "superblock", head, sizeof(head), 0);
	if (r < 0)
		return r;
	if (head[EXT_MAGIC_AT] == 0x53 && head[EXT_MAGIC_AT + 1] == 0xef)
		return fault_layout_ext(ctx, disk, head, classes, ret);
	if (memcmp(head, "XFSB", 4) == 0)
		return fault_layout_xfs(ctx, disk, head, classes, ret);
	return bp_fail(ctx, -ENOTSUP, "neither ext2, ext3, ext4 nor xfs begins on the device");
}

static int read_fd(void *user, void *buf, size_t len, uint64_t offset)
{
	const int *fd = user;
	ssize_t n = pread(*fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
}

/* As it lies on the device: what a mounted file system has not written yet is not seen. */
static int find_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, uint32_t classes,
		       struct fault_ranges *ret)
{
	struct layout_disk disk = { .read = read_fd };
	_cleanup_(closep) int fd = -1;
	struct bp_bdev bdev;
	char text[32];
	int r;

	snprintf(text, sizeof(text), "%" PRIu32 ":%" PRIu32, dev->major, dev->minor);
	r = bp_bdev_get(ctx, text, &bdev);
	if (r < 0)
		return r;
	fd = open(bdev.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bp_fail(ctx, -errno, "'%s': %s", bdev.path, strerror(errno));
	disk.user = &fd;
	disk.size_bytes = bdev.size_bytes;
	r = fault_layout(ctx, &disk, classes, ret);
	if (r == 0)
		fault_ranges_unite(ret);
	return r;
}

struct question {
	const struct bp_devno *dev;
	uint32_t classes;
};

static void put_question(struct bp_ctx *ctx, const void *user)
{
	const struct question *q = user;
	struct fault_ranges ranges = { 0 };

	find_ranges(ctx, q->dev, q->classes, &ranges);
	vec_done(&ranges);
}

int fault_class_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, uint32_t classes,
		       struct fault_ranges *ret)
{
	const struct question question = { dev, classes };
	int r = fault_ask_first(ctx, dev, classes & BP_FAULT_JOURNAL ? "journal" : "metadata",
				put_question, &question);

	return r < 0 ? r : find_ranges(ctx, dev, classes, ret);
}

int bp_fault_class_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, uint32_t classes,
			  struct bp_fault_range_list **ret)
{
	struct fault_ranges ranges = { 0 };
	int r = fault_class_ranges(ctx, dev, classes, &ranges);

	return fault_ranges_give(ctx, r, &ranges, ret);
}
