/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitsets of a size fixed at their making. One bit an element, rounded up to 8 bytes. */
#ifndef CORE_BITS_H
#define CORE_BITS_H

#include "core/util.h"

struct bits {
	uint64_t *words;
	uint64_t count; /* bits */
};

/* All bits clear. 0, -ENOMEM, or -ERANGE where @count can't be held in memory. */
int bits_init(struct bits *b, uint64_t count);
void bits_done(struct bits *b);
/* Set bits in all; one popcount a word. */
uint64_t bits_weight(const struct bits *b);
/* First set bit at or after @from; @b->count when there is none. */
uint64_t bits_next(const struct bits *b, uint64_t from);

static inline bool bits_test(const struct bits *b, uint64_t i)
{
	return b->words[i / 64] >> (i % 64) & 1;
}

static inline void bits_set(struct bits *b, uint64_t i)
{
	b->words[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bits_clear(struct bits *b, uint64_t i)
{
	b->words[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* Set bit @i; was it set before? */
static inline bool bits_test_and_set(struct bits *b, uint64_t i)
{
	bool was = bits_test(b, i);

	bits_set(b, i);
	return was;
}

#endif
