/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Very many runs of data blocks that have owners, put in order by data block; in which order those of
 * one data block come is not said. Each is written once where it stays, near to those beside it, by
 * several workers without locks; the rest of the order is made part by part, in the cache.
 *
 *	owned_init(&list, workers, expected blocks);
 *	... owned_add(&list, worker, &one) ...
 *	owned_ready(&list);
 *	for (part = 0; part < OWNED_PARTS; part++)
 *		owned_part(&list, part, &first, &count);
 *
 * Memory: 24 bytes each, as much again twice for the largest part, a page for each part that a worker
 * has any of, and for each worker up to 2 MiB that may be left of its last slab.
 */
#ifndef FORMATS_THIN_OWNED_H
#define FORMATS_THIN_OWNED_H

#include "core/vec.h"

#define OWNED_PARTS    512u
#define OWNED_IN_CHUNK 170u /* with the rest of the chunk: a page */

/* As struct bp_thin_owner, but smaller, and for all that have it in the same place. */
struct owned {
	uint64_t data_begin, virtual_begin;
	uint32_t length, whose; /* the caller's */
};

struct owned_chunk {
	struct owned_chunk *before;
	struct owned items[OWNED_IN_CHUNK];
};

/* What one worker added. */
struct owned_worker {
	VEC(struct owned_chunk *) slabs; /* of several chunks, each full but for the last */
	size_t left;                     /* chunks in the last one that are not used yet */
	struct owned_part {
		struct owned_chunk *last;
		size_t count; /* in all chunks; all but the last one are full */
	} parts[OWNED_PARTS];
	uint64_t highest; /* data_begin */
};

struct owned_list {
	struct owned_worker *workers;
	unsigned nr_workers;
	unsigned shift; /* bits of data_begin that differ in a part */
	unsigned bits;  /* of data_begin in the last part, from where it begins */
	struct owned *items, *spare;
	uint32_t *places;
};

/* @blocks: data_begin should be below it; all that is not comes into the last part. 0 or -ENOMEM. */
int owned_init(struct owned_list *l, unsigned nr_workers, uint64_t blocks);
void owned_done(struct owned_list *l);
/* Room for the largest part: 0 or -ENOMEM. */
int owned_ready(struct owned_list *l);

/* For owned_add(): a new chunk, or NULL. */
struct owned_chunk *owned_chunk(struct owned_worker *worker, struct owned_part *part);

/* 0 or -ENOMEM. */
static inline int owned_add(struct owned_list *l, unsigned worker, const struct owned *o)
{
	struct owned_worker *to = &l->workers[worker];
	struct owned_part *part = &to->parts[MIN(o->data_begin >> l->shift, OWNED_PARTS - 1)];
	size_t at = part->count % OWNED_IN_CHUNK;

	if (at == 0 && !owned_chunk(to, part))
		return -ENOMEM;
	part->last->items[at] = *o;
	part->count++;
	to->highest = MAX(to->highest, o->data_begin);
	return 0;
}

/* The owners of a part, in order, valid until the next call; all of one are below those of the next. */
const struct owned *owned_part(struct owned_list *l, size_t part, size_t *ret_count);

#endif
