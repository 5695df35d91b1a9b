/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From sectors of one block device to those of another that it lies on: through linear mapped
 * devices, partitions, and loop devices with their files. Any other layer moves data in ways that
 * are not followed, and is refused. What a partition or loop device is made of stands in sysfs.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <bedplate/targets.h>

#include "core/number.h"
#include "fault/fault.h"

#define TEXT_ROOM 4200

/* One attribute of a block device, without its newline. */
static bool attribute(const struct bp_devno *dev, const char *name, char *ret, size_t size)
{
	char path[128];
	FILE *f;
	bool got;

	snprintf(path, sizeof(path), "/sys/dev/block/%" PRIu32 ":%" PRIu32 "/%s", dev->major,
		 dev->minor, name);
	f = fopen(path, "re");
	got = f && fgets(ret, (int)size, f);
	if (f)
		fclose(f);
	if (got)
		ret[strcspn(ret, "\n")] = '\0';
	return got;
}

static bool number_of(const struct bp_devno *dev, const char *name, uint64_t *ret)
{
	char text[32];

	return attribute(dev, name, text, sizeof(text)) &&
	       number_parse(text, UINT64_MAX, ret) == 0;
}

static int refuse(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what)
{
	return bp_fail(ctx, -ENOTSUP,
		       "device %" PRIu32 ":%" PRIu32 ": what lies below it can't be told: %s",
		       dev->major, dev->minor, what);
}

/* --- mapped --- */

/* Only linear segments say where sectors went; others are refused with the target's name. */
static int linear_part(struct bp_ctx *ctx, const struct bp_devno *from,
		       const struct bp_segment *segment, const struct bp_fault_range *range,
		       const struct bp_devno *to, unsigned depth, struct fault_ranges *ret)
{
	const struct bp_linear *linear = segment->params;
	struct bp_fault_range lower = *range;
	struct bp_bdev bdev;
	int r;

	if (!linear || !streq(segment->target, "linear"))
		return refuse(ctx, from, segment->target);
	r = bp_bdev_get(ctx, linear->dev, &bdev);
	if (r < 0)
		return r;
	lower.start_sectors += linear->offset_sectors - segment->start_sectors;
	return fault_below(ctx, &(struct bp_devno){ bdev.major, bdev.minor }, &lower, to, depth,
			   ret);
}

/* The range is cut at segments. */
static int through_mapped(struct bp_ctx *ctx, const struct bp_devno *from,
			  const struct bp_fault_range *range, const struct bp_devno *to,
			  unsigned depth, struct fault_ranges *ret)
{
	struct bp_selector which = { .major = from->major, .minor = from->minor };
	bp_sector end = range->start_sectors + range->length_sectors;
	struct bp_table *table;
	int r = bp_device_table(ctx, &which, 0, &table);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_table_count(table); i++) {
		const struct bp_segment *s = bp_table_get(table, i);
		bp_sector a = MAX(range->start_sectors, s->start_sectors);
		bp_sector b = MIN(end, s->start_sectors + s->length_sectors);

		if (a < b)
			r = linear_part(ctx, from, s, &(struct bp_fault_range){ a, b - a }, to,
					depth, ret);
	}
	bp_table_free(table);
	return r;
}

/* --- partitions and loop devices --- */

/* Its start is in sysfs, in sectors of 512 bytes. */
static int through_partition(struct bp_ctx *ctx, const struct bp_devno *from, bp_sector start,
			     const struct bp_fault_range *range, const struct bp_devno *to,
			     unsigned depth, struct fault_ranges *ret)
{
	struct bp_fault_range lower = { range->start_sectors + start, range->length_sectors };
	struct bp_devno whole;
	char text[64];

	if (!attribute(from, "../dev", text, sizeof(text)) ||
	    sscanf(text, "%" SCNu32 ":%" SCNu32, &whole.major, &whole.minor) != 2)
		return refuse(ctx, from, "its whole disk is not known");
	return fault_below(ctx, &whole, &lower, to, depth, ret);
}

/* A loop device's file lies on another device in extents, each of which goes down further. */
static int through_file(struct bp_ctx *ctx, const char *path,
			const struct bp_fault_range *range, uint64_t offset,
			const struct bp_devno *to, unsigned depth, struct fault_ranges *ret)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct fault_ranges extents = { 0 };
	struct bp_devno dev;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return bp_fail(ctx, -errno, "'%s': %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || !major(st.st_dev))
		return bp_fail(ctx, -ENOTSUP, "'%s': where it lies can't be told", path);
	dev = (struct bp_devno){ major(st.st_dev), minor(st.st_dev) };
	r = fault_extents(ctx, fd, path, bp_sector_to_bytes(range->start_sectors) + offset,
			  bp_sector_to_bytes(range->length_sectors), false, &extents);
	for (size_t i = 0; r == 0 && i < extents.count; i++)
		r = fault_below(ctx, &dev, &extents.items[i], to, depth, ret);
	vec_done(&extents);
	return r;
}

/* From @from down to @to, layer by layer. -EINVAL: @to is not below this way. */
int fault_below(struct bp_ctx *ctx, const struct bp_devno *from,
		const struct bp_fault_range *range, const struct bp_devno *to, unsigned depth,
		struct fault_ranges *ret)
{
	char text[TEXT_ROOM];
	uint64_t n;

	if (from->major == to->major && from->minor == to->minor)
		return vec_add(ret, range) < 0 ? bp_fail_memory(ctx) : 0;
	if (!depth)
		return refuse(ctx, from, "too many layers");
	if (attribute(from, "dm/name", text, sizeof(text)))
		return through_mapped(ctx, from, range, to, depth - 1, ret);
	if (number_of(from, "partition", &n))
		return number_of(from, "start", &n)
			       ? through_partition(ctx, from, n, range, to, depth - 1, ret)
			       : refuse(ctx, from, "where the partition begins is not known");
	if (attribute(from, "loop/backing_file", text, sizeof(text)))
		return through_file(ctx, text, range,
				    number_of(from, "loop/offset", &n) ? n : 0, to, depth - 1,
				    ret);
	return -EINVAL;
}
