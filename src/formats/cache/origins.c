/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set only: who mapped a block first is for callers to find out, where that matters. */
#include "formats/cache/origins.h"

#include <sys/mman.h>

#define NEAR_A_MAPPING 64u
#define HUGE_PAGE      ((uintptr_t)2 << 20)

/*
 * Bits are set at random places: with small pages that is a fault for each and a miss of the TLB
 * for nearly each. Only a wish, so what comes of it does not matter. Bits that fill no huge page
 * have none.
 */
static void want_huge_pages(const struct bits *bits)
{
	uintptr_t begin = (uintptr_t)bits->words;
	uintptr_t end = begin + (uintptr_t)(DIV_UP(bits->count, 64) * sizeof(uint64_t));

	begin = (uintptr_t)DIV_UP(begin, HUGE_PAGE) * HUGE_PAGE;
	end -= end % HUGE_PAGE;
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

int origins_init(struct origins *o, uint64_t nr_mappings)
{
	*o = (struct origins){ 0 };
	if (bits_init(&o->near, nr_mappings * NEAR_A_MAPPING) < 0)
		return -ENOMEM;
	want_huge_pages(&o->near);
	return 0;
}

void origins_done(struct origins *o)
{
	bits_done(&o->near);
	free(o->far);
	*o = (struct origins){ 0 };
}

static size_t slot_of(const struct origins *o, uint64_t entry)
{
	size_t mask = o->far_size - 1;
	size_t i = (size_t)(entry * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;

	while (o->far[i] && o->far[i] != entry)
		i = (i + 1) & mask;
	return i;
}

/* Half full at most; block + 1 is stored, 0 is free. */
static int grow(struct origins *o)
{
	struct origins old = *o;

	o->far_size = old.far_size ? 2 * old.far_size : 1024;
	o->far = calloc(o->far_size, sizeof(*o->far));
	if (!o->far) {
		*o = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.far_size; i++)
		if (old.far[i])
			o->far[slot_of(o, old.far[i])] = old.far[i];
	free(old.far);
	return 0;
}

/* Blocks beyond the bitset of near ones: hashed. */
int origins_add_far(struct origins *o, uint64_t block, bool *ret_was)
{
	size_t i;

	if (2 * o->far_count >= o->far_size && grow(o) < 0)
		return -ENOMEM;
	i = slot_of(o, block + 1);
	*ret_was = o->far[i] != 0;
	o->far_count += !*ret_was;
	o->far[i] = block + 1;
	return 0;
}
