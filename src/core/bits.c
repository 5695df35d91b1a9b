/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/bits.h"

int bits_init(struct bits *b, uint64_t count)
{
	uint64_t words = DIV_UP(count, 64);

	if (words > SIZE_MAX / sizeof(uint64_t))
		return -ERANGE;
	b->words = calloc(words ? (size_t)words : 1, sizeof(uint64_t));
	if (!b->words)
		return -ENOMEM;
	b->count = count;
	return 0;
}

void bits_done(struct bits *b)
{
	free(b->words);
	*b = (struct bits){ 0 };
}

uint64_t bits_weight(const struct bits *b)
{
	uint64_t sum = 0;

	for (uint64_t w = 0; w < DIV_UP(b->count, 64); w++)
		sum += (uint64_t)__builtin_popcountll(b->words[w]);
	return sum;
}

/* Words are looked through, not bits: what is sparse costs a 64th. */
uint64_t bits_next(const struct bits *b, uint64_t from)
{
	uint64_t w = from / 64, word;

	if (from >= b->count)
		return b->count;

	word = b->words[w] & (UINT64_MAX << (from % 64));
	while (!word) {
		if (++w >= DIV_UP(b->count, 64))
			return b->count;
		word = b->words[w];
	}
	return MIN(w * 64 + (uint64_t)__builtin_ctzll(word), b->count);
}
