/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nothing is kept beyond the writeset at hand: what is told goes to the taker at once. */
#include "formats/era/salvage.h"

#include "core/strbuf.h"

#include <inttypes.h>

struct salvage {
	struct bp_era_meta *meta;
	const struct loss_ears *ears;
	const struct era_taker *taker;
	unsigned flags;
	uint64_t next_era;   /* of the writeset that must come now; UINT64_MAX: any */
	uint64_t last_era;   /* the last that there must be, if there are any */
	uint32_t nr_bits;    /* of the writeset at hand */
	bool lost_writesets; /* some that can't be read: at which eras is not known */
};

static int _printf_(3, 4)
	tell(const struct salvage *s, struct bp_damage damage, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf text = { 0 };
	va_list args;

	if (!s->ears->report)
		return 0;
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	damage.what = strbuf_text(&text);
	return s->ears->report(s->ears->user, &damage);
}

/* More writesets than these are not made up: whoever asks for that has other troubles. */
#define MADE_UP_MAX 4096u

static int refuse_many(const struct salvage *s, uint64_t nr)
{
	if (!(s->flags & ERA_SALVAGE_WHOLE) || nr <= MADE_UP_MAX)
		return 0;
	return bp_fail(s->meta->meta.ctx, -EUCLEAN,
		       "%" PRIu64 " writesets are missing: more than %u are not made up", nr,
		       MADE_UP_MAX);
}

/* --- a writeset --- */

/* Runs of ones, found word by word; 64 bits are one value of the array. */
static int on_bits(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct salvage *s = user;
	uint64_t nr = MIN(end * 64, (uint64_t)s->nr_bits);
	int r = 0;

	for (uint64_t i = begin * 64; r == 0 && i < nr;) {
		uint64_t word = le64_get(((const le64 *)values)[i / 64 - begin]) >> (i % 64);
		uint64_t zeros = word ? (uint64_t)__builtin_ctzll(word) : 64, ones;

		if (zeros) {
			i = MIN(i + zeros, (i / 64 + 1) * 64);
			continue;
		}
		ones = ~word ? (uint64_t)__builtin_ctzll(~word) : 64;
		ones = MIN(ones, nr - i);
		r = s->taker->written(s->taker->user, i, i + ones);
		i += ones;
	}
	return r;
}

/* As a whole: what can't be read counts as written. Else it is a gap. */
static int bits_lost(void *user, uint64_t begin, uint64_t end)
{
	const struct salvage *s = user;
	const struct era_taker *taker = s->taker;

	begin *= 64;
	end = MIN(end * 64, (uint64_t)s->nr_bits);
	if (s->flags & ERA_SALVAGE_WHOLE)
		return taker->written ? taker->written(taker->user, begin, end) : 0;
	return taker->lost ? taker->lost(taker->user, begin, end) : 0;
}

/*
 * Kernels digest the oldest archived writeset into the array, and remove it when they are done. So
 * elements are older than the oldest that is there, but for blocks whose bits in it say the same.
 */
static void note_digested(const struct salvage *s, uint64_t era)
{
	s->meta->digested_era = MIN(s->meta->digested_era, era ? era - 1 : 0);
}

static int begin_writeset(struct salvage *s, uint64_t era, uint32_t nr_bits)
{
	note_digested(s, era);
	s->nr_bits = nr_bits;
	return s->taker->writeset ? s->taker->writeset(s->taker->user, era, nr_bits) : 0;
}

static int end_writeset(const struct salvage *s)
{
	return s->taker->end_writeset ? s->taker->end_writeset(s->taker->user) : 0;
}

/* One that is not there: all of its blocks were written, for all we know. */
static int make_full(struct salvage *s, uint64_t era)
{
	int r = begin_writeset(s, era, s->meta->sb.pub.nr_blocks);

	if (r == 0)
		r = bits_lost(s, 0, bitset_words(s->nr_bits));
	return r == 0 ? end_writeset(s) : r;
}

/* Eras [@begin, @end) have no writeset. */
static int gap(struct salvage *s, uint64_t begin, uint64_t end)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_WRITESET, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_WRITESETS, .begin = begin, .end = end);
	int r;

	if (begin >= end)
		return 0;
	r = tell(s, damage,
		 "writeset tree: writesets of eras %" PRIu64 "..%" PRIu64 " are not present",
		 begin, end - 1);
	if (r == 0)
		r = refuse_many(s, end - begin);
	for (uint64_t era = begin; r == 0 && era < end && (s->flags & ERA_SALVAGE_WHOLE); era++)
		r = make_full(s, era);
	return r;
}

/* An era that no writeset can have. @ret_drop: leave it out. */
static int judge_era(const struct salvage *s, const struct era_writeset *ws, bool *ret_drop)
{
	const struct bp_era_superblock *sb = &s->meta->sb.pub;
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_WRITESET, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_WRITESETS, .begin = ws->era, .end = ws->era + 1,
		       .expected = sb->current_era, .actual = ws->era);

	*ret_drop = false;
	if (ws->current || !(s->flags & ERA_SALVAGE_JUDGE))
		return 0;
	*ret_drop = ws->era > s->last_era && (s->flags & ERA_SALVAGE_WHOLE);
	if (ws->era > sb->current_era)
		return tell(s, damage,
			    "writeset tree: a writeset of era %" PRIu64
			    ", but the current era is %u",
			    ws->era, sb->current_era);
	if (ws->era > s->last_era)
		return tell(s, damage,
			    "writeset tree: era %" PRIu64
			    " is archived, but is the current one still",
			    ws->era);
	return 0;
}

/* Bits of a writeset that began under another size of the origin may be fewer or more. */
static int judge_bits(const struct salvage *s, const struct era_writeset *ws)
{
	const struct bp_era_superblock *sb = &s->meta->sb.pub;
	struct bp_damage damage = DAMAGE(.kind = BP_DAMAGE_WRITESET, .harm = BP_HARM_FATAL,
					 .place = BP_PLACE_CURRENT_WRITESET,
					 .expected = sb->nr_blocks, .actual = ws->nr_bits);

	if (!ws->current || !(s->flags & ERA_SALVAGE_JUDGE) || ws->nr_bits == sb->nr_blocks)
		return 0;
	return tell(s, damage, "current writeset: has %u bits, but there are %u blocks",
		    ws->nr_bits, sb->nr_blocks);
}

/* Eras between two writesets that neither were read nor are known to be lost are a finding. */
static int on_writeset(void *user, const struct era_writeset *ws)
{
	struct salvage *s = user;
	const struct array_reader reader = {
		.part = s->taker->written ? on_bits : NULL,
		.lost = bits_lost,
		.user = s,
		.ears = s->ears,
	};
	char name[64];
	const struct loss_array array = era_bits_array(ws, name);
	bool drop;
	int r = judge_era(s, ws, &drop);

	if (r != 0 || drop)
		return r;
	if (s->next_era != UINT64_MAX && !s->lost_writesets)
		r = gap(s, s->next_era, ws->era);
	s->lost_writesets = false;
	s->next_era = ws->era + 1;
	if (r == 0)
		r = judge_bits(s, ws);
	if (r == 0)
		r = begin_writeset(s, ws->era, ws->nr_bits);
	if (r == 0)
		r = loss_array_read(&s->meta->meta, &array, &reader);
	return r == 0 ? end_writeset(s) : r;
}

/*
 * A part of the tree can't be read. Made whole: from the first era that must be there, if one is
 * known, to the last that may; where nothing is known the last alone says it all.
 */
static int writesets_lost(void *user, uint64_t begin, uint64_t end)
{
	struct salvage *s = user;
	uint64_t first = MAX(begin, s->next_era == UINT64_MAX ? s->last_era : s->next_era);
	uint64_t last = MIN(end, s->last_era);
	int r = 0;

	s->lost_writesets = true;
	if (!(s->flags & ERA_SALVAGE_WHOLE) || first > last)
		return 0;
	r = refuse_many(s, last - first + 1);
	for (uint64_t era = first; r == 0 && era <= last; era++) {
		r = make_full(s, era);
		s->next_era = era + 1;
	}
	s->lost_writesets = s->next_era == UINT64_MAX;
	return r;
}

/* In order of eras; what is behind the last one is judged when all are read. */
int era_salvage_writesets(struct bp_era_meta *meta, unsigned flags,
			  const struct loss_ears *ears, const struct era_taker *taker)
{
	struct salvage s = {
		.meta = meta,
		.ears = ears,
		.taker = taker,
		.flags = flags,
		.next_era = UINT64_MAX,
		.last_era = meta->last_era,
	};
	const struct era_writesets_reader reader = {
		.writeset = on_writeset,
		.lost = writesets_lost,
		.user = &s,
		.ears = ears,
	};
	int r;

	meta->digested_era = UINT64_MAX;
	r = era_writesets_read(meta, &reader);
	if (s.next_era == UINT64_MAX && meta->needs_last)
		s.next_era = s.last_era;
	if (r == 0 && s.next_era != UINT64_MAX && !s.lost_writesets)
		r = gap(&s, s.next_era, s.last_era + 1);
	return r;
}

/* --- the array --- */

/* Nothing can be written in an era to come. */
static int judge_element(const struct salvage *s, uint64_t block, uint32_t era)
{
	struct bp_damage damage =
		DAMAGE(.kind = BP_DAMAGE_ERA, .harm = BP_HARM_FATAL,
		       .place = BP_PLACE_ERA_ARRAY, .begin = block, .end = block + 1,
		       .expected = s->meta->sb.pub.current_era, .actual = era);

	return tell(s, damage,
		    "era array: invalid era value at data block %" PRIu64
		    ": %u, but the current era is %u",
		    block, era, s->meta->sb.pub.current_era);
}

/* Values as they have to be: @to, which has room for a block's. */
static int judge_elements(const struct salvage *s, uint64_t begin, uint64_t end,
			  const le32 *eras, le32 *to)
{
	uint32_t current = s->meta->sb.pub.current_era;
	int r = 0;

	memcpy(to, eras, (size_t)(end - begin) * sizeof(*to));
	for (uint64_t i = 0; r == 0 && i < end - begin; i++) {
		if (le32_get(eras[i]) <= current)
			continue;
		r = judge_element(s, begin + i, le32_get(eras[i]));
		if (s->flags & ERA_SALVAGE_WHOLE)
			to[i] = le32_make(current);
	}
	return r;
}

/* A copy is judged: the reader's buffer is not ours to change. */
static int on_eras(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct salvage *s = user;
	const struct era_taker *taker = s->taker;
	le32 copy[IO_BLOCK / sizeof(le32)];
	int r = 0;

	if (s->flags & ERA_SALVAGE_JUDGE) {
		r = judge_elements(s, begin, end, values, copy);
		values = copy;
	}
	return r == 0 && taker->eras ? taker->eras(taker->user, begin, end, values) : r;
}

/* The newest era that the array can hold: whoever asks for changes gets the blocks. */
static int eras_lost(void *user, uint64_t begin, uint64_t end)
{
	const struct salvage *s = user;
	const struct era_taker *taker = s->taker;
	uint64_t newest = MIN(s->meta->digested_era, (uint64_t)s->meta->sb.pub.current_era);
	le32 copy[IO_BLOCK / sizeof(le32)];
	int r = 0;

	if (!(s->flags & ERA_SALVAGE_WHOLE))
		return taker->lost ? taker->lost(taker->user, begin, end) : 0;
	for (size_t i = 0; i < ARRAY_SIZE(copy); i++)
		copy[i] = le32_make((uint32_t)newest);
	while (r == 0 && taker->eras && begin < end) {
		uint64_t n = MIN(end - begin, (uint64_t)ARRAY_SIZE(copy));

		r = taker->eras(taker->user, begin, begin + n, copy);
		begin += n;
	}
	return r;
}

/* Elements in order, parts that can't be read among them. */
int era_salvage_array(struct bp_era_meta *meta, unsigned flags, const struct loss_ears *ears,
		      const struct era_taker *taker)
{
	struct salvage s = { .meta = meta, .ears = ears, .taker = taker, .flags = flags };
	const struct array_reader reader = {
		.part = on_eras,
		.lost = eras_lost,
		.user = &s,
		.ears = ears,
	};
	const struct loss_array array = era_array(&meta->sb);

	return loss_array_read(&meta->meta, &array, &reader);
}
