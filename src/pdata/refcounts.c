/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/refcounts.h"

#define LOW_BITS UINT64_C(0x5555555555555555)

/*
 * Two bits a block in pieces that come when they are needed: what is never counted costs 8
 * bytes for 16320 blocks.
 */
int refcounts_init(struct refcounts *c, uint64_t nr_blocks)
{
	uint64_t nr = DIV_UP(nr_blocks, REFCOUNTS_PIECE);

	if (nr > SIZE_MAX / sizeof(uint64_t *))
		return -ERANGE;
	*c = (struct refcounts){ .nr_blocks = nr_blocks };
	c->pieces = calloc_many(MAX(nr, 1), sizeof(uint64_t *));
	return c->pieces ? 0 : -ENOMEM;
}

void refcounts_done(struct refcounts *c)
{
	for (uint64_t i = 0; c->pieces && i < DIV_UP(c->nr_blocks, REFCOUNTS_PIECE); i++)
		free(c->pieces[i]);
	free(c->pieces);
	free(c->more);
	*c = (struct refcounts){ 0 };
}

int refcounts_piece_new(struct refcounts *c, uint64_t piece)
{
	c->pieces[piece] = calloc(REFCOUNTS_WORDS, sizeof(uint64_t));
	return c->pieces[piece] ? 0 : -ENOMEM;
}

/* --- counts above 3 --- */

static size_t slot_of(const struct refcounts *c, uint64_t block)
{
	/* Fibonacci hashing: neighbours are spread out. */
	size_t i =
		(size_t)((block + 1) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (c->more_size - 1);

	while (c->more[i].block && c->more[i].block != block + 1)
		i = (i + 1) & (c->more_size - 1);
	return i;
}

/* block + 1 is stored, so that 0 is a free slot; three quarters full at most. */
static int grow(struct refcounts *c)
{
	struct refcounts old = *c;

	c->more_size = old.more_size ? old.more_size * 2 : 256;
	c->more = calloc(c->more_size, sizeof(*c->more));
	if (!c->more) {
		*c = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.more_size; i++)
		if (old.more[i].block)
			c->more[slot_of(c, old.more[i].block - 1)] = old.more[i];
	free(old.more);
	return 0;
}

/* Counts from 3 on: the two bits say 3, the rest is here. */
int refcounts_more(struct refcounts *c, uint64_t block, uint64_t by)
{
	struct refcount_more *slot;

	if (c->more_count * 4 >= c->more_size * 3 && grow(c) < 0)
		return -ENOMEM;
	slot = &c->more[slot_of(c, block)];
	if (!slot->block) {
		slot->block = block + 1;
		c->more_count++;
	}
	slot->more += by;
	return 0;
}

static uint64_t more_get(const struct refcounts *c, uint64_t block)
{
	return c->more_size ? c->more[slot_of(c, block)].more : 0;
}

/* A block out of range is one nobody has. */
uint64_t refcounts_get(const struct refcounts *c, uint64_t block)
{
	uint64_t i = block % REFCOUNTS_PIECE, count;
	const uint64_t *piece;

	if (block >= c->nr_blocks)
		return 0;
	piece = c->pieces[block / REFCOUNTS_PIECE];
	if (!piece)
		return 0;
	count = piece[i / 32] >> (i % 32 * 2) & 3;
	return count < 3 ? count : 3 + more_get(c, block);
}

/* --- together --- */

/* Saturates the two bits at 3 and puts the rest aside. */
static int add(struct refcounts *to, uint64_t block, uint64_t by)
{
	uint64_t i = block % REFCOUNTS_PIECE;
	uint64_t *word = &to->pieces[block / REFCOUNTS_PIECE][i / 32];
	unsigned shift = (unsigned)(i % 32) * 2;
	uint64_t sum = (*word >> shift & 3) + by;

	*word = (*word & ~(UINT64_C(3) << shift)) | MIN(sum, 3) << shift;
	return sum > 3 ? refcounts_more(to, block, sum - 3) : 0;
}

/* The 32 counts of a word at once, where none becomes more than 3. */
static int merge_word(struct refcounts *to, uint64_t block, uint64_t *a, uint64_t b)
{
	uint64_t both = *a & b, either = *a | b;
	int r = 0;

	/* Two high bits, or one and two low ones. */
	if (!((both >> 1 | (either >> 1 & both)) & LOW_BITS)) {
		*a += b;
		return 0;
	}
	for (unsigned i = 0; r == 0 && i < 32; i++)
		if (b >> (2 * i) & 3)
			r = add(to, block + i, b >> (2 * i) & 3);
	return r;
}

/*
 * The first worker's pieces are taken over whole: only where two have counted the same
 * piece is there work.
 */
static int merge_piece(struct refcounts *to, struct refcounts *from, uint64_t piece)
{
	int r = 0;

	if (!from->pieces[piece])
		return 0;
	if (!to->pieces[piece]) {
		to->pieces[piece] = steal(from->pieces[piece]);
		return 0;
	}
	for (unsigned w = 0; r == 0 && w < REFCOUNTS_WORDS; w++)
		r = merge_word(to, piece * REFCOUNTS_PIECE + w * 32u, &to->pieces[piece][w],
			       from->pieces[piece][w]);
	return r;
}

int refcounts_merge(struct refcounts *to, struct refcounts *from)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < DIV_UP(from->nr_blocks, REFCOUNTS_PIECE); i++)
		r = merge_piece(to, from, i);
	/* Their 3 is in, what is above it comes on top. */
	for (size_t i = 0; r == 0 && i < from->more_size; i++)
		if (from->more[i].block)
			r = refcounts_more(to, from->more[i].block - 1, from->more[i].more);
	refcounts_done(from);
	return r;
}
