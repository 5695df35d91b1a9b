/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of thin_check: what its steps share, on the frame of formats/check. */
#ifndef FORMATS_THIN_CHECK_H
#define FORMATS_THIN_CHECK_H

#include "formats/thin/meta.h"

/* A device's snapshotted_time that is too low, and what repair raises it to. */
struct thin_raise {
	uint64_t id;
	uint32_t time;
};

/* Trees, and the roots of those that were walked. */
struct thin_check {
	struct check check;
	struct bp_thin_check_opts opts;
	struct bp_thin_check_result res;

	struct thin_sb sb; /* of the devices: live, or the snapshot alone is checked */
	struct thin_sb live;
	struct thin_sb snap; /* the metadata snapshot beside live devices */
	bool has_snap;

	struct forest details, top, maps;
	struct thin_devices devices, snap_devices;

	VEC(struct thin_raise) raises; /* by rising id */
	uint32_t newest;               /* of all mappings that are newer than the superblock */

	struct refcounts data_counts;
	struct check_map space_maps[THIN_MAPS];
};

/* The steps. 0, -ENOMEM, -ECANCELED or a callback's word; damage is reported. */
int thin_check_superblocks(struct thin_check *c, bool *ret_go_on);
int thin_check_devices(struct thin_check *c);
int thin_check_mappings(struct thin_check *c);
int thin_check_times(struct thin_check *c);
int thin_check_space_maps(struct thin_check *c);
int thin_check_repair(struct thin_check *c);

/*
 * May repair raise a time to @time? Not where that would leave the pool's clock near its end,
 * where the next snapshots would spoil mappings.
 */
bool thin_check_may_raise(const struct thin_check *c, uint64_t time);

#endif
