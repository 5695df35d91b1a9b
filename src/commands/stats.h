/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the verbs of statistics. */
#ifndef COMMANDS_STATS_H
#define COMMANDS_STATS_H

#include "commands/common.h"

#include <bedplate/stats.h>

#define REGION_HELP  "id of the region, as 'stats list' has it"
#define PROGRAM_HELP "only regions of this program"

/* Numbers as "1:2:3" for people and as a list in JSON. Free both texts. 0 or -ENOMEM. */
int stats_numbers(const uint64_t *numbers, size_t count, struct out_json *ret);
void stats_numbers_done(struct out_json *json);

static inline void stats_list_freep(struct bp_stats_list **list)
{
	bp_stats_list_free(*list);
}

#endif
