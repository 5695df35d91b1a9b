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

/* Zero at first. */
struct thin_make {
	struct bp_ctx *ctx;
	struct build build;
	struct thin_map map;
	uint64_t time, transaction_id;
	uint32_t data_block_sectors;
	VEC(struct thin_made_device) devices;
	uint64_t nr_raised; /* devices whose snapshotted_time was too low */
};

/* Zeroes the superblock of @io, which stays the caller's. */
int thin_make_init(struct thin_make *m, struct bp_ctx *ctx, struct io *io);
/* Before any mapping. -ENOSPC where not even the data space map fits. */
int thin_make_begin(struct thin_make *m, bp_dblock nr_data_blocks);
/* Its snapshotted_time has to be @need at least: raise it, and say so once. */
void thin_make_raise(struct thin_make *m, struct thin_made_device *device, uint32_t need);
/* Once all counts are right: raise it where what is not older is shared. */
int thin_make_raise_shared(struct thin_make *m);
/* A device whose tree has ended (thin_map_end_device()). Ids must not repeat. */
int thin_make_add(struct thin_make *m, const struct thin_made_device *device);
/*
 * time, transaction_id and data_block_sectors are set; a time that is too low is raised, with a
 * warning. @defs: all that were made.
 */
int thin_make_finish(struct thin_make *m, const struct thin_def *defs, size_t nr_defs);
/* Frees memory only: what was not finished has no superblock. */
void thin_make_done(struct thin_make *m);

#endif
