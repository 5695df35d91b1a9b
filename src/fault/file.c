/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a file lies: its extents as the file system tells them (FIEMAP), as sectors of the device
 * that faults are put into. Nothing is guessed: an extent whose place is not certain is left out,
 * and said. Source of the ioctl: Linux, Documentation/filesystems/fiemap.rst.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fault/fault.h"

#define AT_A_TIME 128
#define LAYERS    16

/* No place, or none in whole sectors. */
#define NOWHERE                                                                                \
	(FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_ENCODED |              \
	 FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE | FIEMAP_EXTENT_DATA_TAIL)

struct walk {
	struct bp_ctx *ctx;
	const char *path;
	bp_bytes pos, end; /* what of the file is still wanted */
	bool as_it_is, last, shared, nowhere;
	struct fault_ranges *ranges;
};

/* Of a file; length 0: to its end. */
struct part {
	bp_bytes start_bytes, length_bytes;
};

/* The part of an extent that is wanted, in whole sectors around it. */
static int take(struct walk *w, const struct fiemap_extent *e)
{
	bp_bytes from = MAX(e->fe_logical, w->pos),
		 to = MIN(e->fe_logical + e->fe_length, w->end);
	struct bp_fault_range range;

	if (from >= to)
		return 0;
	if (e->fe_flags & NOWHERE) {
		w->nowhere = true;
		return 0;
	}
	w->shared |= !!(e->fe_flags & FIEMAP_EXTENT_SHARED);
	range.start_sectors = bp_bytes_to_sector(e->fe_physical + from - e->fe_logical);
	range.length_sectors = DIV_UP(e->fe_physical + to - e->fe_logical, BP_SECTOR_BYTES) -
			       range.start_sectors;
	return vec_add(w->ranges, &range) < 0 ? bp_fail_memory(w->ctx) : 0;
}

/* FIEMAP in pieces of AT_A_TIME; FIEMAP_FLAG_SYNC, so that what is delayed has a place. */
static int ask(struct walk *w, int fd, struct fiemap *map)
{
	uint64_t next = w->pos;
	int r = 0;

	*map = (struct fiemap){
		.fm_start = w->pos,
		.fm_length = w->end - w->pos,
		.fm_flags = w->as_it_is ? 0 : FIEMAP_FLAG_SYNC,
		.fm_extent_count = AT_A_TIME,
	};
	if (ioctl(fd, FS_IOC_FIEMAP, map) < 0) {
		r = errno == ENOTTY || errno == EOPNOTSUPP ? -ENOTSUP : -errno;
		return bp_fail(w->ctx, r,
			       "'%s': its file system does not tell where it lies: %s", w->path,
			       strerror(errno));
	}
	w->last = map->fm_mapped_extents < AT_A_TIME;
	for (uint32_t i = 0; r == 0 && i < map->fm_mapped_extents; i++) {
		const struct fiemap_extent *e = &map->fm_extents[i];

		r = take(w, e);
		next = e->fe_logical + e->fe_length;
		w->last |= !!(e->fe_flags & FIEMAP_EXTENT_LAST);
	}
	w->last |= next <= w->pos || next >= w->end;
	w->pos = next;
	return r;
}

/* Parts without a place (holes, inline data) are told, not an error. */
int fault_extents(struct bp_ctx *ctx, int fd, const char *path, bp_bytes start, bp_bytes length,
		  bool as_it_is, struct fault_ranges *ret)
{
	_cleanup_(freep) struct fiemap *map =
		calloc(1, sizeof(*map) + AT_A_TIME * sizeof(map->fm_extents[0]));
	struct walk w = {
		.ctx = ctx, .path = path, .pos = start, .as_it_is = as_it_is, .ranges = ret
	};
	int r = map ? 0 : bp_fail_memory(ctx);

	w.end = length && length < UINT64_MAX - start ? start + length : UINT64_MAX;
	while (r == 0 && !w.last)
		r = ask(&w, fd, map);
	if (r < 0 || as_it_is)
		return r;
	if (w.nowhere)
		bp_warn(ctx, "'%s': parts of it have no place of their own; they are left out",
			path);
	if (w.shared)
		bp_warn(ctx, "'%s': it shares parts with other files: the fault is theirs too",
			path);
	return 0;
}

/* O_NONBLOCK: a FIFO must not hold us. */
static int open_regular(struct bp_ctx *ctx, const char *path, struct stat *st, int *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, st) < 0) {
		int r = -errno;

		closep(&fd);
		return bp_fail(ctx, r, "'%s': %s", path, strerror(-r));
	}
	if (!S_ISREG(st->st_mode)) {
		close(fd);
		return bp_fail(ctx, -EINVAL, "'%s': it is no regular file", path);
	}
	*ret = fd;
	return 0;
}

/* btrfs and their like give numbers of their own; their addresses are of no single device. */
static int file_device(struct bp_ctx *ctx, const char *path, const struct stat *st,
		       struct bp_devno *ret)
{
	if (!major(st->st_dev))
		return bp_fail(ctx, -ENOTSUP,
			       "'%s': its file system lies on no single block device", path);
	*ret = (struct bp_devno){ major(st->st_dev), minor(st->st_dev) };
	return 0;
}

/* Each extent goes down to the device by itself, as a file system may lie on several. */
static int down(struct bp_ctx *ctx, const char *path, const struct bp_devno *from,
		const struct fault_ranges *extents, const struct bp_devno *to,
		struct fault_ranges *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < extents->count; i++)
		r = fault_below(ctx, from, &extents->items[i], to, LAYERS, ret);
	if (r == -EINVAL)
		return bp_fail(ctx, r, "'%s': it does not lie on device %" PRIu32 ":%" PRIu32,
			       path, to->major, to->minor);
	if (r == 0 && !ret->count)
		return bp_fail(ctx, -ENODATA, "'%s': nothing of it has a place on the disk",
			       path);
	fault_ranges_unite(ret);
	return r;
}

/* @as_it_is: without a sync, for those who ask where it lies right now. */
static int find_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
		       const struct part *bytes, bool as_it_is, struct fault_ranges *ret)
{
	_cleanup_(closep) int fd = -1;
	struct fault_ranges extents = { 0 };
	struct bp_devno from;
	struct stat st;
	int r = open_regular(ctx, path, &st, &fd);

	if (r == 0)
		r = file_device(ctx, path, &st, &from);
	if (r == 0)
		r = fault_extents(ctx, fd, path, bytes->start_bytes, bytes->length_bytes,
				  as_it_is, &extents);
	if (r == 0)
		r = down(ctx, path, &from, &extents, dev, ret);
	vec_done(&extents);
	return r;
}

struct question {
	const struct bp_devno *dev;
	const char *path;
	struct part part;
};

static void put_question(struct bp_ctx *ctx, const void *user)
{
	const struct question *q = user;
	struct fault_ranges ranges = { 0 };

	find_ranges(ctx, q->dev, q->path, &q->part, false, &ranges);
	vec_done(&ranges);
}

int fault_file_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
		      bp_bytes start_bytes, bp_bytes length_bytes, struct fault_ranges *ret)
{
	const struct question question = { dev, path, { start_bytes, length_bytes } };
	int r = fault_ask_first(ctx, dev, path, put_question, &question);

	return r < 0 ? r : find_ranges(ctx, dev, path, &question.part, false, ret);
}

int fault_file_ranges_now(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
			  struct fault_ranges *ret)
{
	return find_ranges(ctx, dev, path, &(struct part){ 0 }, true, ret);
}

struct bp_fault_range_list {
	struct fault_ranges ranges;
};

int bp_fault_file_ranges(struct bp_ctx *ctx, const struct bp_devno *dev, const char *path,
			 bp_bytes start_bytes, bp_bytes length_bytes,
			 struct bp_fault_range_list **ret)
{
	struct fault_ranges ranges = { 0 };
	int r = fault_file_ranges(ctx, dev, path, start_bytes, length_bytes, &ranges);

	return fault_ranges_give(ctx, r, &ranges, ret);
}

/* Takes the ranges in any case. */
int fault_ranges_give(struct bp_ctx *ctx, int r, struct fault_ranges *take_ranges,
		      struct bp_fault_range_list **ret)
{
	struct bp_fault_range_list *list = r < 0 ? NULL : calloc(1, sizeof(*list));

	if (!list) {
		vec_done(take_ranges);
		return r < 0 ? r : bp_fail_memory(ctx);
	}
	list->ranges = *take_ranges;
	*ret = list;
	return 0;
}

size_t bp_fault_range_list_count(const struct bp_fault_range_list *list)
{
	return list->ranges.count;
}

const struct bp_fault_range *bp_fault_range_list_get(const struct bp_fault_range_list *list,
						     size_t index)
{
	return index < list->ranges.count ? &list->ranges.items[index] : NULL;
}

void bp_fault_range_list_free(struct bp_fault_range_list *list)
{
	if (list)
		vec_done(&list->ranges);
	free(list);
}
