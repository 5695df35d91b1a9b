/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-origin DEV. Source: Linux, drivers/md/dm-snap.c. */
#include "targets/snapshot.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_snapshot_origin, dev, "the device that has snapshots"),
	ARG_END,
};

const struct bp_target target_snapshot_origin = {
	.name = "snapshot-origin",
	.summary = "lie over a device, so that its snapshots stay as they were",
	.module = "dm-snapshot",
	.since = "2.6",
	.size = sizeof(struct bp_snapshot_origin),
	.args = args,
	.maps = MAPS_WHOLE(struct bp_snapshot_origin, dev),
	.rules = snapshot_rules,
};
