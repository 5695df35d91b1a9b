/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leaves that are a few runs of mappings, kept from a walk so that they need not be read and
 * verified again. Memory: 24 bytes a run, no more than KEPT_RUNS of a leaf, twice that while it
 * grows.
 */
#ifndef FORMATS_THIN_KEPT_H
#define FORMATS_THIN_KEPT_H

#include "core/vec.h"
#include "pdata/btree.h"

#define KEPT_RUNS 4u

/* Mappings whose virtual and data blocks both rise by one. */
struct kept_run {
	uint64_t virtual_begin;
	uint64_t value; /* the first: data block and time, packed */
	uint32_t length;
	bool last; /* of its leaf */
};

struct thin_kept {
	struct kept_worker {
		VEC(struct kept_run) runs;
	} * workers;
	unsigned nr_workers;
};

/* 0 or -ENOMEM. */
int thin_kept_init(struct thin_kept *k, unsigned nr_workers);
void thin_kept_done(struct thin_kept *k);
/*
 * Keep @leaf, if it is few runs, and set *@ret_mark to what thin_kept_get() knows it by; to 0
 * where it is not kept. For worker threads. 0 or -ENOMEM.
 */
int thin_kept_add(struct thin_kept *k, unsigned worker, const struct node *leaf,
		  uint32_t *ret_mark);
/* The runs of a leaf that was kept, up to and with the last one. */
const struct kept_run *thin_kept_get(const struct thin_kept *k, uint32_t mark);

#endif
