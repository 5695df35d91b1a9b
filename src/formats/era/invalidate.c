/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which blocks were written since an era. Whoever asks makes a backup of the answer, so what is
 * not known counts as written.
 */
#include "formats/era/meta.h"

struct since {
	struct bp_era_meta *meta;
	struct loss_ears ears;
	uint32_t since;
	struct bits written;
	uint32_t nr_bits; /* of the writeset at hand */
};

/* Blocks [@begin, @end) as far as there are such. */
static void add(struct since *s, uint64_t begin, uint64_t end)
{
	end = MIN(end, s->written.count);
	for (; begin < end && begin % 64; begin++)
		bits_set(&s->written, begin);
	for (; begin + 64 <= end; begin += 64)
		s->written.words[begin / 64] = UINT64_MAX;
	for (; begin < end; begin++)
		bits_set(&s->written, begin);
}

/* Bits beyond the writeset's size are padding. */
static int on_bits(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct since *s = user;
	const le64 *words = values;
	uint64_t nr = MIN((uint64_t)s->nr_bits, s->written.count);

	for (uint64_t i = begin; i < end && i * 64 < nr; i++) {
		uint64_t word = le64_get(words[i - begin]);

		if (nr - i * 64 < 64)
			word &= (UINT64_C(1) << (nr % 64)) - 1;
		s->written.words[i] |= word;
	}
	return 0;
}

static int bits_lost(void *user, uint64_t begin, uint64_t end)
{
	struct since *s = user;

	add(s, begin * 64, MIN(end * 64, (uint64_t)s->nr_bits));
	return 0;
}

/* Older writesets can't have anything newer. */
static int on_writeset(void *user, const struct era_writeset *ws)
{
	struct since *s = user;
	const struct array_reader reader = {
		.part = on_bits,
		.lost = bits_lost,
		.user = s,
		.ears = &s->ears,
	};
	char name[64];
	const struct loss_array array = era_bits_array(ws, name);

	if (ws->era < s->since)
		return 0;
	s->nr_bits = ws->nr_bits;
	return loss_array_read(&s->meta->meta, &array, &reader);
}

static int writesets_lost(void *user, uint64_t begin, uint64_t end)
{
	struct since *s = user;

	(void)begin;
	if (end >= s->since)
		add(s, 0, s->written.count);
	return 0;
}

static int on_eras(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct since *s = user;
	const le32 *eras = values;

	while (begin < end) { /* word by word of the bits */
		uint64_t stop = MIN(end, (begin / 64 + 1) * 64), word = 0;
		unsigned shift = begin % 64;

		for (uint64_t i = begin; i < stop; i++, shift++)
			word |= (uint64_t)(le32_get(*eras++) >= s->since) << shift;
		s->written.words[begin / 64] |= word;
		begin = stop;
	}
	return 0;
}

static int eras_lost(void *user, uint64_t begin, uint64_t end)
{
	add(user, begin, end);
	return 0;
}

/* Writesets, then the array: what is lost of either counts as written. */
static int read_all(struct since *s)
{
	const struct era_writesets_reader writesets = {
		.writeset = on_writeset,
		.lost = writesets_lost,
		.user = s,
		.ears = &s->ears,
	};
	const struct array_reader eras = {
		.part = on_eras,
		.lost = eras_lost,
		.user = s,
		.ears = &s->ears,
	};
	const struct loss_array array = era_array(&s->meta->sb);
	int r = era_writesets_read(s->meta, &writesets);

	return r == 0 ? loss_array_read(&s->meta->meta, &array, &eras) : r;
}

/* First clear bit at or after @from. */
static uint64_t next_clear(const struct bits *b, uint64_t from)
{
	while (from < b->count) {
		uint64_t clear = ~b->words[from / 64] >> (from % 64);

		if (clear)
			return MIN(from + (uint64_t)__builtin_ctzll(clear), b->count);
		from = (from / 64 + 1) * 64;
	}
	return b->count;
}

/* Runs, rising. Too many is safe: a backup copies them once more. */
int bp_era_written_since(struct bp_era_meta *meta, uint32_t since,
			 int (*written)(void *user, uint32_t begin, uint32_t end),
			 int (*damage)(void *user, const struct bp_damage *damage), void *user)
{
	struct since s = {
		.meta = meta,
		.ears = { .report = damage, .user = user },
		.since = since,
	};
	int r = bits_init(&s.written, meta->sb.pub.nr_blocks);
	uint64_t begin, end = 0;

	r = r == 0 ? read_all(&s) : bp_fail_memory(meta->meta.ctx);
	while (r == 0) {
		begin = bits_next(&s.written, end);
		if (begin >= s.written.count)
			break;
		end = next_clear(&s.written, begin);
		r = written(user, (uint32_t)begin, (uint32_t)end);
	}
	bits_done(&s.written);
	return r;
}
