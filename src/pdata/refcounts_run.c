/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/refcounts_run.h"

#define ONES UINT64_C(0x5555555555555555)

/* The entries of @word that are 3: a bit for each, where @ones has it. */
static uint64_t threes(uint64_t word, uint64_t ones)
{
	return word & word >> 1 & ones;
}

/* @ones: the low bits of the entries of word @w of @piece that are to grow. */
static int inc_word(struct refcounts *c, uint64_t piece, uint64_t w, uint64_t ones)
{
	uint64_t *word, full;

	if (!c->pieces[piece] && refcounts_piece_new(c, piece) < 0)
		return -ENOMEM;
	word = &c->pieces[piece][w];
	full = threes(*word, ones);
	*word += ones & ~full;
	for (; full; full &= full - 1) {
		uint64_t nr =
			piece * REFCOUNTS_PIECE + 32 * w + (uint64_t)__builtin_ctzll(full) / 2;
		int r = refcounts_more(c, nr, 1);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * 32 blocks, a word, at a time: ones in each pair of bits are one addition, where no pair
 * is full.
 */
int refcounts_inc_run(struct refcounts *c, uint64_t begin, uint64_t length)
{
	while (length > 0) {
		uint64_t piece = begin / REFCOUNTS_PIECE, i = begin % REFCOUNTS_PIECE;
		uint64_t first = i % 32, nr = MIN(32 - first, length);
		uint64_t ones = ONES >> (2 * (32 - nr)) << (2 * first);
		int r = inc_word(c, piece, i / 32, ones);

		if (r < 0)
			return r;
		begin += nr;
		length -= nr;
	}
	return 0;
}

_Static_assert(REFCOUNTS_PIECE % 32 == 0, "a block's place in its word is its number's rest");

/* Compared without a branch for each entry: most leaves are one run, and it is decided once. */
static bool is_run(const le64 *values, uint32_t nr, unsigned shift)
{
	uint64_t first = le64_get(values[0]) >> shift, differ = 0;

	if ((le64_get(values[nr - 1]) >> shift) - first != nr - 1)
		return false;
	for (uint32_t i = 0; i < nr; i++)
		differ |= le64_get(values[i]) >> shift ^ (first + i);
	return differ == 0;
}

/* A leaf's blocks; what of it is looked at as one run. */
#define FETCH 252u
#define PART  63u

/* Scattered blocks: their words, which are on the way from now on. */
static int fetch(struct refcounts *c, const le64 *values, uint32_t nr, unsigned shift,
		 uint64_t **words)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t block = le64_get(values[i]) >> shift, piece = block / REFCOUNTS_PIECE;

		if (!c->pieces[piece] && refcounts_piece_new(c, piece) < 0)
			return -ENOMEM;
		words[i] = &c->pieces[piece][block % REFCOUNTS_PIECE / 32];
		__builtin_prefetch(words[i], 1);
	}
	return 0;
}

/* Those that have a word. */
static int inc_fetched(struct refcounts *c, const le64 *values, uint32_t nr, unsigned shift,
		       uint64_t **words)
{
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t block = le64_get(values[i]) >> shift;
		unsigned at = (unsigned)(block % 32) * 2;

		if (!words[i])
			continue;
		if (__builtin_expect((*words[i] >> at & 3) < 3, 1))
			*words[i] += UINT64_C(1) << at;
		else if (refcounts_more(c, block, 1) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* At most FETCH. Runs are counted at once, in between all others are fetched. */
static int inc_leaf(struct refcounts *c, const le64 *values, uint32_t nr, unsigned shift)
{
	uint64_t *words[FETCH] = { 0 };
	uint32_t fetched = 0;
	int r = 0;

	for (uint32_t i = 0, n; r == 0 && i < nr; i += n) {
		n = MIN(nr - i, PART);
		if (is_run(values + i, n, shift)) {
			r = refcounts_inc_run(c, le64_get(values[i]) >> shift, n);
			continue;
		}
		r = fetch(c, values + i, n, shift, words + i);
		fetched = i + n;
	}
	return r < 0 ? r : inc_fetched(c, values, fetched, shift, words);
}

/*
 * Blocks that lie apart are fetched ahead of their turn: the array of counts is larger than
 * the processor's cache.
 */
int refcounts_inc_many(struct refcounts *c, const le64 *values, uint32_t nr, unsigned shift)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < nr; i += FETCH)
		r = inc_leaf(c, values + i, MIN(nr - i, FETCH), shift);
	return r;
}

int refcounts_dec(struct refcounts *c, uint64_t block)
{
	uint64_t i = block % REFCOUNTS_PIECE;

	/* What is above 3 is held as a sum modulo 2^64. */
	if (refcounts_get(c, block) > 3)
		return refcounts_more(c, block, UINT64_MAX);
	c->pieces[block / REFCOUNTS_PIECE][i / 32] -= UINT64_C(1) << (i % 32 * 2);
	return 0;
}
