/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a fault on a file was on it to its end: programs rename new files over old ones, and let them grow,
 * and what lies elsewhere is without the fault. Looked at once the device is without that fault, and not where
 * another one would let the question wait. Told, never mended; and nothing is made to be
 * written for it: what has no place yet is not counted.
 */
#include <inttypes.h>
#include <stdio.h>

#include "fault/fault.h"

/* Both sorted and united. Sectors of @of that lie in none of @in. */
uint64_t fault_ranges_outside(const struct fault_ranges *of, const struct fault_ranges *in)
{
	uint64_t outside = 0;
	size_t k = 0;

	for (size_t i = 0; i < of->count; i++) {
		bp_sector pos = of->items[i].start_sectors;
		const bp_sector end = pos + of->items[i].length_sectors;

		while (pos < end) {
			bp_sector from, to;

			while (k < in->count &&
			       in->items[k].start_sectors + in->items[k].length_sectors <= pos)
				k++;
			from = k < in->count ? MIN(in->items[k].start_sectors, end) : end;
			to = k < in->count
				     ? in->items[k].start_sectors + in->items[k].length_sectors
				     : end;
			outside += from > pos ? from - pos : 0;
			pos = MAX(from, to);
		}
	}
	return outside;
}

/* What the failure to find it says of the file; of all other failures nothing does. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

static bool is_elsewhere(int r)
{
	return r == -ENODATA || r == -EINVAL || r == -ENOTSUP;
}

/* Another fault that is there yet may keep the file system from answering; it is not waited for. */
static const char *held(struct bp_ctx *ctx, const struct fault_change *change)
{
	bool holds = false;

	if (!change->state.faults.count)
		return NULL;
	if (fault_device_holds(ctx, &change->dev, &holds) < 0 || holds)
		return "another fault holds its device's I/O back";
	return NULL;
}

static void compare(struct bp_ctx *ctx, const struct fault_change *change,
		    const struct fault_record *f, struct fault_moved *ret)
{
	struct error_state *saved = error_save(ctx);
	struct fault_ranges now = { 0 };
	int r = 0;

	*ret = (struct fault_moved){ .unknown = held(ctx, change) };
	if (!ret->unknown)
		r = fault_file_ranges_now(ctx, &change->dev, f->file, &now);
	if (r < 0)
		vec_done(&now);
	ret->gone = is_gone(r);
	if (r < 0 && !ret->gone && !is_elsewhere(r))
		ret->unknown = strerror(-r);
	if (!ret->unknown) {
		ret->left_sectors = fault_ranges_outside(&f->ranges, &now);
		if (f->whole_file)
			ret->new_sectors = fault_ranges_outside(&now, &f->ranges);
	}
	vec_done(&now);
	error_restore(ctx, saved);
}

static void warn(struct bp_ctx *ctx, const struct fault_record *f,
		 const struct fault_moved *moved)
{
	const char *kind = bp_fault_kind_name(f->kind);

	if (moved->unknown)
		bp_warn(ctx,
			"'%s': whether it has changed its place since the %s was put in can't "
			"be told: %s",
			f->file, kind, moved->unknown);
	else if (moved->gone)
		bp_warn(ctx,
			"'%s': it is gone since the %s was put in, and who has its place now "
			"had the fault",
			f->file, kind);
	else
		bp_warn(ctx,
			"'%s': it has changed its place since the %s was put in: %" PRIu64
			" sectors of the fault are its no more, %" PRIu64
			" of its were without the fault",
			f->file, kind, moved->left_sectors, moved->new_sectors);
}

/*
 * Only for faults that were put into a file's place: file systems move data when it is
 * written again.
 */
void fault_tell_moved(struct bp_ctx *ctx, const struct fault_change *change,
		      const struct fault_record *f)
{
	struct fault_moved moved;

	if (!f->file)
		return;
	compare(ctx, change, f, &moved);
	if (!moved.unknown && !moved.left_sectors && !moved.new_sectors)
		return;
	warn(ctx, f, &moved);
	if (!moved.unknown)
		fault_log_moved(ctx, change, f, &moved);
}
