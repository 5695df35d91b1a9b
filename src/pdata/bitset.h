/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitsets: arrays of 64-bit words. Bit i is bit i % 64 of element i / 64. */
#ifndef PDATA_BITSET_H
#define PDATA_BITSET_H

#include "core/bits.h"
#include "pdata/array.h"

static inline uint64_t bitset_words(uint64_t nr_bits)
{
	return DIV_UP(nr_bits, 64);
}

/*
 * Read the bitset at @root into @bits (initialised with nr_bits). What is lost stays clear and
 * is told to @visitor->lost in elements of 64 bits; part is not called. Bits past the end of
 * the last word are dropped.
 */
int bitset_read(struct meta *meta, bp_mblock root, struct bits *bits,
		const struct array_visitor *visitor);

#endif
