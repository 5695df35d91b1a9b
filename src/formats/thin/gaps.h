/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can't be read of the mapping trees: which virtual blocks of which devices. */
#ifndef FORMATS_THIN_GAPS_H
#define FORMATS_THIN_GAPS_H

#include <bedplate/damage.h>

#include "pdata/walk.h"

struct thin_device;

/* One place that can't be read, in all the devices that have it. */
struct thin_gap_found {
	uint64_t device, nr_devices; /* the first, and how many */
	uint64_t begin, end;         /* virtual blocks of that one, both included */
	bp_mblock block;
	enum node_error error;
};

struct thin_gaps {
	VEC(struct thin_gap_found) list; /* by block */
};

/* Visit all @nr devices of a damaged forest. 0 or -ENOMEM. */
int thin_gaps_find(const struct forest *f, const struct thin_device *devices, size_t nr,
		   struct thin_gaps *ret);
void thin_gaps_done(struct thin_gaps *gaps);
/* Hand them to @damage. */
int thin_gaps_report(struct bp_ctx *ctx, const struct thin_gaps *gaps,
		     void (*damage)(void *user, const struct bp_damage *damage), void *user);
/* Fail for the first of them: "metadata contains errors: ...". */
int thin_gaps_fail(struct bp_ctx *ctx, const struct thin_gaps *gaps);

#endif
