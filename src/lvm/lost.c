/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Labels of PVs on a disk whose table of partitions is lost. Promises to take only labels whose checksums
 * are right, and to look at nothing inside of a PV that was found: the disks of guests have labels too.
 *
 * Partitions begin at any sector in the first part of a disk, and at whole MiB since about 2009: every sector
 * of the first 64 MiB is looked at, then one place in each MiB. Reads 64 MiB, and 2 KiB of each further MiB;
 * of holes nothing.
 */
#include "lvm/label.h"

#include "core/endian.h"

#define SECTOR   512u
#define STEP     (UINT64_C(1) << 20)
#define CLOSE    (UINT64_C(64) << 20)
#define MAX_SIZE (UINT64_C(256) << 30) /* as far as one goes: 2^18 places */

static bool begins_label(const uint8_t *sector)
{
	return memcmp(sector, "LABELONE", 8) == 0;
}

/* The PV that the label in the sector at @at belongs to, if it is a sound one: where that ends, else 0. */
static int try_label(const struct raw_image *image, bp_bytes at, const uint8_t *sector,
		     const struct lvm_lost_visitor *visitor, bp_bytes *ret_end)
{
	bp_bytes number = le64_get(*(const le64 *)(const void *)(sector + 8)), begin;
	struct lvm_label label;
	int r;

	*ret_end = 0;
	if (number > 3 || at < number * SECTOR)
		return 0;
	begin = at - number * SECTOR;
	r = lvm_label_read(image, begin, &label);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || label.sector != number)
		return 0;
	if (add_overflow(begin, label.device_size, ret_end))
		*ret_end = UINT64_MAX;
	return visitor->found(visitor->user, begin);
}

/* Look at @len bytes at @at, which were read. *@ret_end: where the last PV found in them ends. */
static int look_at(const struct raw_image *image, bp_bytes at, const uint8_t *buf, size_t len,
		   const struct lvm_lost_visitor *visitor, bp_bytes *ret_end)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i + SECTOR <= len; i += SECTOR) {
		bp_bytes end;

		if (at + i < *ret_end || !begins_label(buf + i))
			continue;
		r = try_label(image, at + i, buf + i, visitor, &end);
		*ret_end = MAX(*ret_end, end);
	}
	return r;
}

int lvm_lost_search(const struct raw_image *image, const struct lvm_lost_visitor *visitor)
{
	_cleanup_(freep) uint8_t *buf = malloc(STEP);
	bp_bytes size = MIN(image->size, MAX_SIZE), end = 0;
	int r = buf ? 0 : -ENOMEM;

	for (bp_bytes at = 0; r == 0 && at < size; at += STEP) {
		bp_bytes want = at < CLOSE ? STEP : LVM_LABEL_BYTES;
		size_t len = (size_t)MIN(want, size - at);
		bp_bytes begin, stop;

		raw_image_data_next(image, at, len, &begin, &stop);
		if (at + len <= end || begin == len)
			continue;
		/* What can't be read has no label that could be used. */
		if (raw_image_read(image, at, len, buf) == 0)
			r = look_at(image, at, buf, len, visitor, &end);
	}
	return r;
}
