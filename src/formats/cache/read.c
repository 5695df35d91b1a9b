/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading the arrays, each in one pass from its first element to its last. Damage is told in
 * its place and never hides what lies behind it. What elements mean is not judged here.
 */
#include "formats/cache/meta.h"

#include <inttypes.h>

/* What is alike in all four arrays, as data. */
struct loss_array cache_array_get(const struct cache_sb *sb, enum cache_array_id id)
{
	const struct bp_cache_superblock *pub = &sb->pub;
	struct loss_array a = {
		.elements = "cache blocks",
		.nr = pub->nr_cache_blocks,
		.nr_told = pub->nr_cache_blocks,
		.value_size = sizeof(le64),
		.factor = 1,
		.device = BP_NONE,
	};

	switch (id) {
	case CACHE_MAPPINGS:
		a.place = BP_PLACE_MAPPINGS;
		a.name = "mapping array";
		a.root = pub->mapping_root;
		break;
	case CACHE_HINTS:
		a.place = BP_PLACE_HINTS;
		a.name = "hint array";
		a.root = pub->hint_root;
		a.value_size = CACHE_HINT_BYTES;
		break;
	case CACHE_DIRTY:
		a.place = BP_PLACE_DIRTY;
		a.name = "dirty bitset";
		a.root = pub->dirty_root;
		a.nr = bitset_words(pub->nr_cache_blocks);
		a.factor = 64;
		break;
	case CACHE_DISCARDS:
	case CACHE_ARRAYS:
		a.place = BP_PLACE_DISCARDS;
		a.name = "discard bitset";
		a.elements = "discard blocks";
		a.root = pub->discard_root;
		a.nr_told = pub->nr_discard_blocks;
		a.nr = bitset_words(pub->nr_discard_blocks);
		a.factor = 64;
		break;
	}
	return a;
}

int cache_array_read(struct bp_cache_meta *meta, enum cache_array_id id,
		     const struct array_reader *reader)
{
	const struct loss_array array = cache_array_get(&meta->sb, id);

	/* The others are always there: a root of 0 is told as one out of range. */
	if (!array.root && id == CACHE_HINTS)
		return 0;
	return loss_array_read(&meta->meta, &array, reader);
}

/* --- dirty bits --- */

struct dirty_reading {
	struct bits *dirty, *unknown;
};

static int dirty_part(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct dirty_reading *rd = user;
	const le64 *words = values;

	for (uint64_t i = begin; i < end; i++)
		rd->dirty->words[i] = le64_get(words[i - begin]);
	return 0;
}

static int dirty_lost(void *user, uint64_t begin, uint64_t end)
{
	const struct dirty_reading *rd = user;

	if (rd->unknown)
		memset(rd->unknown->words + begin, 0xff,
		       (size_t)(end - begin) * sizeof(uint64_t));
	return 0;
}

/* Version 1 has no array for it: nothing to read. */
int cache_dirty_read(struct bp_cache_meta *meta, struct bits *dirty, struct bits *unknown,
		     const struct loss_ears *ears)
{
	struct dirty_reading rd = { dirty, unknown };
	const struct array_reader reader = {
		.part = dirty_part,
		.lost = dirty_lost,
		.user = &rd,
		.ears = ears,
	};

	return meta->sb.pub.version < 2 ? 0 : cache_array_read(meta, CACHE_DIRTY, &reader);
}

/* --- for everybody --- */

struct walk {
	struct bp_cache_meta *meta;
	const struct bp_cache_visitor *v;
	struct bits dirty, unknown;
	uint64_t discard_begin, discard_end; /* the run at hand */
};

/* After an unclean shutdown every block may be dirty: the bits are written at shutdown only. */
static int walk_mappings(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct walk *w = user;
	bool clean = w->meta->sb.pub.flags & BP_CACHE_CLEAN;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i - begin]);
		uint32_t flags = cache_mapping_flags(value);
		struct bp_cache_mapping m = {
			.cache_block = (uint32_t)i,
			.origin_block = cache_mapping_origin(value),
		};

		if (!(flags & CACHE_MAPPING_VALID))
			continue;
		m.dirty = w->meta->sb.pub.version < 2 ? flags & CACHE_MAPPING_DIRTY
						      : bits_test(&w->dirty, i);
		m.may_be_dirty = m.dirty || !clean || bits_test(&w->unknown, i);
		r = w->v->mapping(w->v->user, &m);
	}
	return r;
}

/* Of all cache blocks, mapped or not. */
static int walk_hints(void *user, uint64_t begin, uint64_t end, const void *values)
{
	const struct walk *w = user;
	const uint8_t *hint = values;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++, hint += CACHE_HINT_BYTES)
		r = w->v->hint(w->v->user, (uint32_t)i, hint);
	return r;
}

static int end_discard(struct walk *w)
{
	uint64_t begin = w->discard_begin, end = w->discard_end;

	w->discard_begin = w->discard_end = 0;
	return begin < end ? w->v->discard(w->v->user, begin, end) : 0;
}

/* Runs of set bits, also across blocks of the array. */
static int walk_discards(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct walk *w = user;
	uint64_t nr = MIN(end * 64, w->meta->sb.pub.nr_discard_blocks);

	for (uint64_t i = begin * 64; i < nr; i++) {
		const le64 *word = (const le64 *)values + (i / 64 - begin);
		int r;

		if (!(le64_get(*word) >> (i % 64) & 1))
			continue;
		if (i != w->discard_end) {
			r = end_discard(w);
			if (r != 0)
				return r;
			w->discard_begin = i;
		}
		w->discard_end = i + 1;
	}
	return 0;
}

/* Arrays that nobody wants are not read. */
static int walk_all(struct walk *w)
{
	const struct bp_cache_visitor *v = w->v;
	const struct loss_ears ears = { .report = v->damage, .user = v->user };
	struct array_reader reader = { .user = w, .ears = &ears };
	int r = 0;

	if (v->mapping) {
		r = cache_dirty_read(w->meta, &w->dirty, &w->unknown, &ears);
		reader.part = walk_mappings;
		if (r == 0)
			r = cache_array_read(w->meta, CACHE_MAPPINGS, &reader);
	}
	reader.part = walk_hints;
	if (r == 0 && v->hint)
		r = cache_array_read(w->meta, CACHE_HINTS, &reader);
	reader.part = walk_discards;
	if (r == 0 && v->discard)
		r = cache_array_read(w->meta, CACHE_DISCARDS, &reader);
	return r == 0 && v->discard ? end_discard(w) : r;
}

/* Ends with the first result of a callback that isn't 0. */
int bp_cache_walk(struct bp_cache_meta *meta, const struct bp_cache_visitor *visitor)
{
	struct walk w = { .meta = meta, .v = visitor };
	int r = bits_init(&w.dirty, meta->sb.pub.nr_cache_blocks);

	if (r == 0)
		r = bits_init(&w.unknown, meta->sb.pub.nr_cache_blocks);
	r = r == 0 ? walk_all(&w) : bp_fail_memory(meta->meta.ctx);
	bits_done(&w.dirty);
	bits_done(&w.unknown);
	return r;
}
