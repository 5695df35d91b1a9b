/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Very many owners of data blocks, put in order: by data block, and those of one data block in the
 * order in which they came. They come twice, to be counted and then to be placed near to where
 * they belong; the rest of the order is made bit by bit, while what is at hand fits the cache.
 *
 *	owned_init(&list, highest);
 *	... owned_add() ...
 *	owned_counted(&list);
 *	... the same owned_add() once more ...
 *	for (b = 0; b < OWNED_PARTS; b++)
 *		owned_part(&list, b, &first, &count);
 *
 * Memory: 24 bytes each, and as much again for the largest part.
 */
#ifndef FORMATS_THIN_OWNED_H
#define FORMATS_THIN_OWNED_H

#include "core/util.h"

#define OWNED_PARTS 256u

/* As struct bp_thin_owner, but smaller. */
struct owned {
	uint64_t data_begin, virtual_begin;
	uint32_t length, device; /* its place in the list of devices */
};

struct owned_list {
	struct owned *items, *spare; /* NULL as long as they are counted */
	size_t *places;              /* by part: how many; then where the next one goes */
	unsigned shift;              /* bits of data_begin that differ in a part */
};

/* @highest: no data_begin is above. 0 or -ENOMEM. */
int owned_init(struct owned_list *l, uint64_t highest);
void owned_done(struct owned_list *l);
int owned_counted(struct owned_list *l);

static inline void owned_add(struct owned_list *l, const struct owned *o)
{
	size_t *place = &l->places[o->data_begin >> l->shift];

	if (l->items)
		l->items[*place] = *o;
	++*place;
}

/* The owners of a part, in order; all of one are below those of the next. */
const struct owned *owned_part(struct owned_list *l, size_t part, size_t *ret_count);

#endif
