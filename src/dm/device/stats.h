/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The texts in which the kernel answers about statistics. They may be any bytes: promised to
 * end, and to refuse.
 */
#ifndef DM_DEVICE_STATS_H
#define DM_DEVICE_STATS_H

#include <bedplate/stats.h>

#include "core/arena.h"
#include "core/context.h"
#include "core/vec.h"

struct bp_stats_list {
	struct arena arena; /* texts and bounds */
	VEC(struct bp_stats_region) regions;
};

#define MS_NS UINT64_C(1000000)

/* The answer to @stats_list, behind what @list has already. 0, -EINVAL (BP_E_FORMAT), -ENOMEM. */
int stats_list_parse(struct bp_ctx *ctx, const char *text, struct bp_stats_list *list);

/* An area's numbers; its bins in a vector that is used again. */
struct stats_line {
	struct bp_stats_area area;
	VEC(uint64_t) bins;
};
/*
 * One line of the answer to @stats_print, ended by a newline or NUL. @ret_next: behind it.
 * @ret's area lends its bins. As stats_list_parse().
 */
int stats_area_parse(struct bp_ctx *ctx, const char *line, bool precise, struct stats_line *ret,
		     const char **ret_next);

#endif
