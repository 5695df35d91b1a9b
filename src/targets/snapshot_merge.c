/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * snapshot-merge ORIGIN COW STORE CHUNK [#FEATURES FEATURE...], loaded in place of the origin.
 * Source: Linux, drivers/md/dm-snap.c.
 */
#include "targets/snapshot.h"

/* The first release known to refuse what 6.1 crashes on. */
#define REFUSES_TRANSIENT 0x060c

/* A kernel that is not known may crash: told as that, the gravest. */
static void check(struct check *c, const void *params)
{
	const struct bp_snapshot *snapshot = params;

	if (snapshot->store == BP_SNAPSHOT_TRANSIENT) {
		if (check_release(c, REFUSES_TRANSIENT) == BP_ANSWER_YES)
			check_refuse(c, "store", "P or PO",
				     "a transient store can't be merged");
		else
			check_found(c, BP_SEVERITY_CRASH, "store", "P or PO",
				    "a transient store can't be merged, and Linux 6.1 crashes "
				    "trying");
	}
	snapshot_check(c, params);
}

static const struct brief brief[] = {
	{ "left", "used_sectors", "total_sectors" },
	{ NULL },
};

const struct bp_target target_snapshot_merge = {
	.name = "snapshot-merge",
	.summary = "copy a snapshot back into its origin",
	.module = "dm-snapshot",
	.since = "2.6.33",
	.size = sizeof(struct bp_snapshot),
	.args = snapshot_args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_snapshot_status),
	.status = snapshot_status,
	.brief = brief,
	.states = snapshot_states,
	.check = check,
	.length = snapshot_length,
	.rules = snapshot_rules,
	.log = snapshot_log,
	.judge = snapshot_judge,
	.conditions = snapshot_conditions,
};
