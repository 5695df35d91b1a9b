/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* snapshot-origin DEV. Source: Linux, drivers/md/dm-snap.c. */
#include "targets/snapshot.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_snapshot_origin, dev, "the device that has snapshots"),
	ARG_END,
};

static void check(struct check *c, const void *params)
{
	const struct bp_snapshot_origin *origin = params;

	check_range(c, "dev", origin->dev, 0, c->length_sectors);
}

static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_snapshot_origin *origin = params;

	return length_of(query, origin->dev, 0, ret);
}

const struct bp_target target_snapshot_origin = {
	.name = "snapshot-origin",
	.summary = "lie over a device, so that its snapshots stay as they were",
	.module = "dm-snapshot",
	.since = "2.6",
	.size = sizeof(struct bp_snapshot_origin),
	.args = args,
	.check = check,
	.length = length,
	.rules = snapshot_rules,
};
