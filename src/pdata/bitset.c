/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/bitset.h"

struct reading {
	struct bits *bits;
	const struct array_visitor *v;
};

static int part(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct reading *rd = user;
	const le64 *words = values;

	for (uint64_t i = begin; i < end; i++)
		rd->bits->words[i] = le64_get(words[i - begin]);
	return 0;
}

static int lost(void *user, uint64_t begin, uint64_t end, enum array_error error,
		enum node_error node_error, bp_mblock block)
{
	struct reading *rd = user;

	if (!rd->v || !rd->v->lost)
		return 0;
	return rd->v->lost(rd->v->user, begin, end, error, node_error, block);
}

static int child(void *user, bp_mblock block)
{
	struct reading *rd = user;

	return rd->v && rd->v->child ? rd->v->child(rd->v->user, block) : 0;
}

/*
 * Bits beyond the count are the last word's padding, which the kernel leaves as it is: they
 * are not set here.
 */
int bitset_read(struct meta *meta, bp_mblock root, struct bits *bits,
		const struct array_visitor *visitor)
{
	struct reading rd = { .bits = bits, .v = visitor };
	struct array_visitor inner = {
		.part = part, .lost = lost, .child = child, .user = &rd
	};
	int r = array_walk(meta, root, bitset_words(bits->count), sizeof(le64), &inner);

	if (bits->count % 64)
		bits->words[bits->count / 64] &= (UINT64_C(1) << (bits->count % 64)) - 1;
	return r;
}
