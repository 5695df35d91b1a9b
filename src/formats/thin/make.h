/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making new metadata of a pool: mapping trees first, then all the rest, the superblock last. */
#ifndef FORMATS_THIN_MAKE_H
#define FORMATS_THIN_MAKE_H

#include "formats/thin/map.h"

struct thin_made_device {
	uint64_t id;
	bp_mblock root;
	struct thin_details_disk details;
	size_t first_fresh, nr_fresh; /* its part of map.fresh */
};

/* A row of leaves that devices may share. */
struct thin_made_def {
	struct thin_def def;
	uint32_t newest; /* time of its mappings */
	bp_mblock root;  /* of a device that is this def and nothing else; 0: none so far */
};

/* Zero at first. */
struct thin_make {
	struct bp_ctx *ctx;
	struct build build;
	struct thin_map map;
	uint64_t time, transaction_id;
	uint32_t data_block_sectors;
	VEC(struct thin_made_def) defs; /* in the order they ended */
	VEC(struct thin_made_device) devices;
	uint64_t nr_raised; /* devices whose snapshotted_time was too low */

	uint32_t newest; /* of the mappings of the def or device at hand, by thin_make_seen() */
	/* The device at hand. */
	size_t only;   /* 1 + the def that is all of it so far, not added yet */
	uint32_t need; /* above the times of its defs */
	size_t first_fresh;
};

/* Zeroes the superblock of @io, which stays the caller's. */
int thin_make_init(struct thin_make *m, struct bp_ctx *ctx, struct io *io);
/* Before any mapping. -ENOSPC where not even the data space map fits. */
int thin_make_begin(struct thin_make *m, bp_dblock nr_data_blocks);
/* What is at hand ends as a def, the next of m->defs. */
int thin_make_def(struct thin_make *m);

/*
 * A device that may be defs and nothing else, and then shares their trees: thin_make_device(); its
 * mappings, by thin_map_run() and the like, each behind thin_make_settle(), and its defs, by
 * thin_make_use(); thin_make_tree(), and thin_make_shared(), which adds it.
 */
void thin_make_device(struct thin_make *m, uint32_t snapshotted_time);
/* A mapping of that time comes, of a def or a device. */
static inline void thin_make_seen(struct thin_make *m, uint32_t time)
{
	m->newest = MAX(m->newest, time);
}
/* What comes next is no def: the def that waits is added first. */
int thin_make_settle(struct thin_make *m);
/* m->defs.items[@i] is all that the device has, or the next of it. */
int thin_make_use(struct thin_make *m, size_t i);
/* The tree of the device at hand: many are one def and nothing else, and one tree does for all. */
int thin_make_tree(struct thin_make *m, bp_mblock *ret_root, uint64_t *ret_mapped);
/* As thin_make_add(); its time is raised where its defs ask for that. */
int thin_make_shared(struct thin_make *m, struct thin_made_device *device);

/* Its snapshotted_time has to be @need at least: raise it, and say so once. */
void thin_make_raise(struct thin_make *m, struct thin_made_device *device, uint32_t need);
/* Once all counts are right: raise it where what is not older is shared. */
int thin_make_raise_shared(struct thin_make *m);
/* A device whose tree has ended (thin_map_end_device()). Ids must not repeat. */
int thin_make_add(struct thin_make *m, const struct thin_made_device *device);
/*
 * time, transaction_id and data_block_sectors are set; a time that is too low is raised, with a
 * warning.
 */
int thin_make_finish(struct thin_make *m);
/* Frees memory only: what was not finished has no superblock. */
void thin_make_done(struct thin_make *m);

#endif
