/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What snapshot and snapshot-merge share: their lines are the same. */
#ifndef TARGETS_SNAPSHOT_H
#define TARGETS_SNAPSHOT_H

#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

extern const struct arg snapshot_args[], snapshot_status[];
extern const char *const snapshot_states[];
extern const struct rule snapshot_rules[], snapshot_log[]; /* of snapshot-origin too */

void snapshot_judge(struct judge *j, const void *p);
void snapshot_conditions(struct conditions *c, const struct bp_status *status, const void *p);
void snapshot_check(struct check *c, const void *params);
int snapshot_length(const struct length_query *query, const void *params, bp_sector *ret);

#endif
