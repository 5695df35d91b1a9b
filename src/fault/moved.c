/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether a fault on a file was on it to its end: programs rename new files over old ones, and let them grow,
 * and what lies elsewhere is without the fault. Looked at once the device has its own table again,
 * since a file system that waits for a fault would let the question wait too. Told, never mended; and nothing is made to be
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

/* Where it can't be asked any more it is not there, whatever the reason. */
static void compare(struct bp_ctx *ctx, const struct bp_devno *dev,
		    const struct fault_record *f, struct fault_moved *ret)
{
	struct error_state *saved = error_save(ctx);
	struct fault_ranges now = { 0 };
	int r = fault_file_ranges_now(ctx, dev, f->file, &now);

	*ret = (struct fault_moved){ .gone = r == -ENOENT };
	if (r < 0)
		vec_done(&now);
	ret->left_sectors = fault_ranges_outside(&f->ranges, &now);
	if (f->whole_file)
		ret->new_sectors = fault_ranges_outside(&now, &f->ranges);
	vec_done(&now);
	error_restore(ctx, saved);
}

/*
 * Only for faults that were put into a file's place: file systems move data when it is
 * written again.
 */
void fault_tell_moved(struct bp_ctx *ctx, const struct fault_change *change,
		      const struct fault_record *f)
{
	struct fault_moved moved;

	if (!f->file || change->state.faults.count)
		return;
	compare(ctx, &change->dev, f, &moved);
	if (!moved.left_sectors && !moved.new_sectors)
		return;
	if (moved.gone)
		bp_warn(ctx,
			"'%s': it is gone since the %s was put in, and who has its place now "
			"had the fault",
			f->file, bp_fault_kind_name(f->kind));
	else
		bp_warn(ctx,
			"'%s': it has changed its place since the %s was put in: %" PRIu64
			" sectors of the fault are its no more, %" PRIu64
			" of its were without the fault",
			f->file, bp_fault_kind_name(f->kind), moved.left_sectors,
			moved.new_sectors);
	fault_log_moved(ctx, change, f, &moved);
}
