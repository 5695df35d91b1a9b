/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two files of raid share. */
#ifndef TARGETS_RAID_H
#define TARGETS_RAID_H

#include "targets/grammar/rule.h"

extern const struct rule raid_rules[];

void raid_check(struct check *c, const void *params);

bool raid_is_10(enum bp_raid_type type);

/*
 * Legs that may be lost: those that hold parity, or all copies but one. raid10: not told here.
 */
size_t raid_redundancy(const struct bp_raid *raid);

/* raid10: how often each chunk is kept. */
uint64_t raid_copies(const struct bp_raid *raid);

#endif
