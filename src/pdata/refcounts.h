/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counting references to the blocks of a device, compactly: two bits a block, in pieces made on
 * first use that match the bitmaps of a space map, and a hash table for what is above 3.
 *
 * Memory: 8 bytes for each 16320 blocks, 4080 bytes for each 16320 that have a
 * reference, 16 to 32 bytes for each block with more than three: no more than the
 * space map itself takes on disk, but for the latter twice.
 */
#ifndef PDATA_REFCOUNTS_H
#define PDATA_REFCOUNTS_H

#include "core/util.h"

#define REFCOUNTS_PIECE 16320u /* blocks; the entries of a bitmap */
#define REFCOUNTS_WORDS 510u   /* of 32 blocks each, the lowest block in the lowest bits */

struct refcounts {
	uint64_t nr_blocks;
	uint64_t **pieces; /* NULL: all zero */
	/* Open addressing; counts above 3, minus 3. */
	struct refcount_more {
		uint64_t block; /* + 1; 0: free slot */
		uint64_t more;
	} * more;
	size_t more_size, more_count; /* slots (a power of two), used */
};

/* -ENOMEM, -ERANGE. */
int refcounts_init(struct refcounts *c, uint64_t nr_blocks);
void refcounts_done(struct refcounts *c);
/* Slow paths of refcounts_inc(). 0 or -ENOMEM. */
int refcounts_piece_new(struct refcounts *c, uint64_t piece);
int refcounts_more(struct refcounts *c, uint64_t block, uint64_t by);
/* 0 for blocks past the end. */
uint64_t refcounts_get(const struct refcounts *c, uint64_t block);
/* Add all of @from, which is empty afterwards. 0 or -ENOMEM. */
int refcounts_merge(struct refcounts *to, struct refcounts *from);

/* The words of piece @piece; NULL: no counts, or past the end. */
static inline const uint64_t *refcounts_piece(const struct refcounts *c, uint64_t piece)
{
	return piece < DIV_UP(c->nr_blocks, REFCOUNTS_PIECE) ? c->pieces[piece] : NULL;
}

/* @block must be below nr_blocks. 0 or -ENOMEM. */
static inline int refcounts_inc(struct refcounts *c, uint64_t block)
{
	uint64_t piece = block / REFCOUNTS_PIECE, i = block % REFCOUNTS_PIECE, *word;
	unsigned shift = (unsigned)(i % 32) * 2;

	if (__builtin_expect(!c->pieces[piece], 0) && refcounts_piece_new(c, piece) < 0)
		return -ENOMEM;
	word = &c->pieces[piece][i / 32];
	if (__builtin_expect((*word >> shift & 3) == 3, 0))
		return refcounts_more(c, block, 1);
	*word += UINT64_C(1) << shift;
	return 0;
}

#endif
