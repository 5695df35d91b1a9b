/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A removed volume inside: its mappings as an older state has them, and whose its blocks are now.
 */
#ifndef RESCUE_REMOVED_H
#define RESCUE_REMOVED_H

#include <bedplate/undelete.h>

#include "formats/thin/plan.h"
#include "rescue/source.h"

/* Mappings that continue each other, of one time. */
struct removed_run {
	bp_dblock begin, data, length;
	uint32_t time;
};

/* Virtual blocks that can't be had, and who has them; BP_NONE: they can't be read. */
struct removed_gap {
	bp_dblock begin, length;
	uint64_t holder;
};

struct removed {
	struct bp_thin_device device;
	VEC(struct removed_run) runs; /* by rising begin */
	VEC(struct removed_gap) gaps; /* likewise, once removed_finish() was called */
	uint64_t found, reused, shared;
	uint32_t shared_time; /* the newest of what is shared, plus one */
};

void removed_done(struct removed *removed);

/*
 * Read the tree at device->root of an area that is not in use. Mappings from @nr_data_blocks on are
 * gaps, as is what can't be read. 0, -ENOMEM.
 */
int removed_read(struct meta *meta, const struct bp_thin_device *device,
		 bp_dblock nr_data_blocks, struct removed *ret);

/*
 * Who has its blocks now: what others hold leaves the runs and becomes a gap. @then, @nr: roots of
 * the other volumes of the state it was read from, in @meta.
 */
int removed_compare(struct removed *removed, struct meta *meta, const uint64_t *then, size_t nr,
		    struct bp_thin_plan *now);

/* Bring gaps in order; those behind block @end are none. */
void removed_finish(struct removed *removed, bp_dblock end);

/* The end of its last mapping, in blocks. */
bp_dblock removed_end(const struct removed *removed);

#endif
