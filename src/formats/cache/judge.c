/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What mappings mean. One pass over the dirty bits and the mappings; a second over the mappings
 * only where a block of the origin is mapped twice, to find both. Nothing is changed.
 */
#include "formats/cache/meta.h"
#include "formats/cache/origins.h"

#include "core/strbuf.h"

#include <inttypes.h>
#include <sys/mman.h>

/* A block of the origin that was mapped already, and the cache block that maps it once more. */
struct twice {
	uint64_t origin;
	uint32_t second;
	uint32_t first; /* found in the second pass */
	bool found;
};

struct judging {
	struct bp_cache_meta *meta;
	const struct loss_ears *ears;
	struct cache_judged *j;
	struct origins origins;
	uint64_t origin_blocks;
	uint64_t plain_end; /* origin blocks below are not beyond, and have a bit */
	uint32_t known;     /* flags */
	uint64_t odd_flags; /* those that are not */
	VEC(struct twice) twice;
};

static int _printf_(3, 4)
	tell(const struct judging *w, struct bp_damage damage, const char *fmt, ...)
{
	_cleanup_(strbuf_done) struct strbuf text = { 0 };
	va_list args;

	if (!w->ears->report)
		return 0;
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	damage.what = strbuf_text(&text);
	return w->ears->report(w->ears->user, &damage);
}

static struct bp_damage damage_at(enum bp_damage_kind kind, enum bp_damage_place place,
				  uint64_t cache_block)
{
	return DAMAGE(.kind = kind, .harm = BP_HARM_FATAL, .place = place, .begin = cache_block,
		      .end = cache_block + 1);
}

/*
 * Dirty bits are written at a clean shutdown only: after any other they are left-overs, and
 * mappings may have gone since.
 */
static int dirty_unused(const struct judging *w, uint64_t i)
{
	struct bp_damage damage = damage_at(BP_DAMAGE_DIRTY_UNUSED, BP_PLACE_DIRTY, i);

	if (!(w->meta->sb.pub.flags & BP_CACHE_CLEAN))
		damage.harm = BP_HARM_REMARK;
	return tell(w, damage,
		    "dirty bitset: dirty bit found on an unmapped cache block: %" PRIu64, i);
}

/* An element that says neither "unused" nor a mapping with flags that we know. */
static int odd_flags(struct judging *w, uint64_t i, uint64_t value)
{
	uint32_t flags = cache_mapping_flags(value);
	bool valid = flags & CACHE_MAPPING_VALID;
	struct bp_damage damage = damage_at(BP_DAMAGE_CACHE_MAPPING, BP_PLACE_MAPPINGS, i);

	w->j->nr_dropped += !valid;
	damage.actual = flags;
	if (valid)
		return tell(w, damage,
			    "mapping array: cache block %" PRIu64 " has unknown flags: 0x%x", i,
			    flags);
	return tell(w, damage,
		    "mapping array: cache block %" PRIu64
		    " is not in use, but has flags 0x%x and origin block %" PRIu64,
		    i, flags, cache_mapping_origin(value));
}

/* Not counted as kept: the kernel would write past the origin's end. */
static int beyond(struct judging *w, uint64_t i, uint64_t origin)
{
	struct bp_damage damage = damage_at(BP_DAMAGE_ORIGIN_BLOCK, BP_PLACE_MAPPINGS, i);

	bits_clear(&w->j->kept, i);
	w->j->nr_dropped++;
	damage.expected = w->origin_blocks;
	damage.actual = origin;
	return tell(w, damage,
		    "mapping array: cache block %" PRIu64 ": origin block %" PRIu64
		    " is beyond the end of the origin, which has at most %" PRIu64,
		    i, origin, w->origin_blocks);
}

/* Each origin block once: a second cache block of it is one too many. */
static int mapped(struct judging *w, uint64_t i, uint64_t value)
{
	uint64_t origin = cache_mapping_origin(value);
	struct twice twice = { .origin = origin, .second = (uint32_t)i };
	bool was = false;

	bits_set(&w->j->kept, i);
	w->j->nr_mapped++;
	w->j->nr_dirty += bits_test(&w->j->dirty, i);
	if (origin >= w->origin_blocks)
		return beyond(w, i, origin);
	if (origins_add(&w->origins, origin, &was) < 0)
		return -ENOMEM;
	return was ? vec_add(&w->twice, &twice) : 0;
}

/* What one element says, whatever it is. */
static int judge_one(struct judging *w, uint64_t i, uint64_t value)
{
	uint32_t flags = cache_mapping_flags(value);
	int r = 0;

	if (flags & CACHE_MAPPING_DIRTY && flags & CACHE_MAPPING_VALID)
		bits_set(&w->j->dirty, i);
	if (value && ((flags & ~w->known) || !(flags & CACHE_MAPPING_VALID)))
		r = odd_flags(w, i, value);
	if (r == 0 && (flags & CACHE_MAPPING_VALID))
		r = mapped(w, i, value);
	else if (r == 0 && bits_test(&w->j->dirty, i))
		r = dirty_unused(w, i);
	return r;
}

/* Two elements side by side: what is said of a vector's lanes is of all even, and all odd ones. */
typedef uint64_t pair __attribute__((vector_size(16)));

/* What up to 64 elements say, found without a branch on any of them. */
struct look {
	pair flags; /* the two lowest flags of each: of a lane's last element in its highest bits */
	pair all;   /* bits that are set in any */
	pair stray; /* bits of those that are not valid */
};

static inline void look_at(struct look *l, uint64_t first, uint64_t second)
{
	const pair v = { first, second };

	l->flags = l->flags >> 2 | v << 62;
	l->all |= v;
	l->stray |= v & ((v & CACHE_MAPPING_VALID) - 1);
}

/* A bit for each of the @nr elements that has flag @bit, 0 or 1. */
static uint64_t look_flag(const struct look *l, uint64_t nr, unsigned bit)
{
	const uint64_t evens = UINT64_C(0x5555555555555555);
	unsigned up = 64 - 2 * (unsigned)DIV_UP(nr, 2);

	return (l->flags[0] >> up >> bit & evens) | (l->flags[1] >> up >> bit & evens) << 1;
}

/*
 * Is nothing to be said of @nr elements, 1 to 64, but perhaps where they lead to? @ret_used,
 * @ret_dirty: a bit for each; dirty by its own flag.
 */
static bool look_plain(const struct judging *w, const le64 *values, uint64_t nr,
		       uint64_t *ret_used, uint64_t *ret_dirty)
{
	struct look l = { 0 };
	uint64_t n;

	_Static_assert(CACHE_MAPPING_VALID == 1 && CACHE_MAPPING_DIRTY == 2,
		       "they are taken as a pair of bits");
	for (n = 0; n + 1 < nr; n += 2)
		look_at(&l, le64_get(values[n]), le64_get(values[n + 1]));
	if (n < nr)
		look_at(&l, le64_get(values[n]), 0);
	*ret_used = look_flag(&l, nr, 0);
	*ret_dirty = look_flag(&l, nr, 1);
	return !(l.stray[0] | l.stray[1] | ((l.all[0] | l.all[1]) & w->odd_flags));
}

/*
 * Of @nr plain elements those before the first that leads where others do, or too far: how many.
 * Notes whose origin blocks they are. With look_plain() this is nearly all that sound metadata
 * needs, so what it takes is kept in registers, and nothing branches on what is in use: that can't
 * be foreseen.
 */
static uint64_t pass_plain(const struct judging *w, const le64 *values, uint64_t nr)
{
	const uint64_t plain_end = w->plain_end;
	uint64_t *origins = w->origins.near.words, n;

	for (n = 0; n < nr; n++) {
		uint64_t value = le64_get(values[n]), origin = cache_mapping_origin(value);
		uint64_t is = (value & CACHE_MAPPING_VALID) << (origin % 64);
		uint64_t word;

		if (origin >= plain_end)
			break;
		word = origins[origin / 64];
		if (word & is)
			break;
		origins[origin / 64] = word | is;
	}
	return n;
}

/* The first @nr elements from @i on, of one word of the bit sets, are plain: take them so. */
static int take_plain(struct judging *w, uint64_t i, uint64_t nr, uint64_t used, uint64_t flags)
{
	uint64_t *dirty = &w->j->dirty.words[i / 64], here, odd;
	int r = 0;

	if (nr == 0)
		return 0;
	here = UINT64_MAX >> (64 - nr) << (i % 64);
	used = used << (i % 64) & here;
	if (w->known & CACHE_MAPPING_DIRTY)
		*dirty |= flags << (i % 64) & here;
	w->j->kept.words[i / 64] |= used;
	w->j->nr_mapped += (unsigned)__builtin_popcountll(used);
	w->j->nr_dirty += (unsigned)__builtin_popcountll(used & *dirty);
	for (odd = *dirty & here & ~used; r == 0 && odd; odd &= odd - 1)
		r = dirty_unused(w, i / 64 * 64 + (unsigned)__builtin_ctzll(odd));
	return r;
}

/* @nr elements from @i on, which share a word of the bit sets. */
static int judge_word(struct judging *w, uint64_t i, uint64_t nr, const le64 *values)
{
	uint64_t used, dirty, n = 0;
	int r;

	if (look_plain(w, values, nr, &used, &dirty))
		n = pass_plain(w, values, nr);
	r = take_plain(w, i, n, used, dirty);
	for (; r == 0 && n < nr; n++)
		r = judge_one(w, i + n, le64_get(values[n]));
	return r;
}

/* 64 at a time, so that words of the bitsets are written once. */
static int on_mappings(void *user, uint64_t begin, uint64_t end, const void *elements)
{
	const le64 *values = elements;
	int r = 0;

	for (uint64_t i = begin, nr; r == 0 && i < end; i += nr) {
		nr = MIN(end - i, 64 - i % 64);
		r = judge_word(user, i, nr, values + (i - begin));
	}
	return r;
}

static int on_lost(void *user, uint64_t begin, uint64_t end)
{
	struct judging *w = user;

	w->j->nr_lost += end - begin;
	return 0;
}

/* --- blocks of the origin that are mapped twice --- */

static int compare_twice(const void *a, const void *b)
{
	const struct twice *x = a, *y = b;

	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return x->second < y->second ? -1 : x->second > y->second;
}

/* The first entry of @origin, or NULL. */
static struct twice *find_twice(const struct judging *w, uint64_t origin)
{
	size_t low = vec_bisect(&w->twice, item, item->origin < origin);

	return low < w->twice.count && w->twice.items[low].origin == origin
		       ? &w->twice.items[low]
		       : NULL;
}

/* Who had it first is only asked where somebody had it twice: a second pass over the array. */
static int find_first(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct judging *w = user;

	for (uint64_t i = begin; i < end; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i - begin]);
		struct twice *t;

		if (!(cache_mapping_flags(value) & CACHE_MAPPING_VALID))
			continue;
		t = find_twice(w, cache_mapping_origin(value));
		if (!t || t->found)
			continue;
		t->first = (uint32_t)i;
		t->found = true;
	}
	return 0;
}

static bool maybe_dirty(const struct judging *w, uint32_t i)
{
	return bits_test(&w->j->dirty, i) || bits_test(&w->j->unknown, i);
}

/* @keep: the cache block that has @t's origin block so far; becomes the one to be kept. */
static int settle(struct judging *w, const struct twice *t, uint32_t *keep)
{
	struct bp_damage damage =
		damage_at(BP_DAMAGE_ORIGIN_TWICE, BP_PLACE_MAPPINGS, t->second);
	bool second = !maybe_dirty(w, *keep) && maybe_dirty(w, t->second);
	uint32_t drop = second ? *keep : t->second;

	damage.actual = t->origin;
	bits_clear(&w->j->kept, drop);
	w->j->nr_dropped++;
	if (second)
		*keep = t->second;
	return tell(w, damage,
		    "mapping array: origin block already mapped: %" PRIu64
		    " by cache blocks %u and %u",
		    t->origin, t->first, t->second);
}

/* What can't be read was told before. */
static int told_before(void *user, const struct bp_damage *damage)
{
	(void)user;
	(void)damage;
	return 0;
}

/* Of those with one origin block settle() keeps one. */
static int judge_twice(struct judging *w)
{
	const struct loss_ears ears = { .report = told_before };
	const struct array_reader reader = { .part = find_first, .user = w, .ears = &ears };
	uint32_t keep = 0;
	int r;

	if (!w->twice.count)
		return 0;
	qsort(w->twice.items, w->twice.count, sizeof(w->twice.items[0]), compare_twice);
	r = cache_array_read(w->meta, CACHE_MAPPINGS, &reader);
	for (size_t i = 0; r == 0 && i < w->twice.count; i++) {
		struct twice *t = &w->twice.items[i];

		if (i == 0 || t->origin != t[-1].origin)
			keep = t->first;
		else
			t->first = t[-1].first;
		r = settle(w, t, &keep);
	}
	return r;
}

/* --- the whole --- */

/*
 * All of @bits is going to be written: pages come cheaper at once than by a fault for each. Only a
 * wish, which kernels before 5.14 don't know.
 */
static void want_pages(const struct bits *bits)
{
	const uintptr_t page = IO_BLOCK;
	uintptr_t begin = DIV_UP((uintptr_t)bits->words, page) * page;
	uintptr_t end = (uintptr_t)(bits->words + DIV_UP(bits->count, 64));

	end -= end % page;
	if (begin < end)
		(void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
}

/* Memory: three bits a cache block, and the origins seen. */
static int judge(struct judging *w)
{
	const struct array_reader reader = {
		.part = on_mappings,
		.lost = on_lost,
		.user = w,
		.ears = w->ears,
	};
	uint64_t nr = w->meta->sb.pub.nr_cache_blocks, most = cache_most_mappings(w->meta);
	int r = bits_init(&w->j->kept, nr);

	if (r == 0)
		r = bits_init(&w->j->dirty, nr);
	if (r == 0)
		r = bits_init(&w->j->unknown, nr);
	if (r == 0)
		r = origins_init(&w->origins, most);
	if (r == 0 && most == nr) { /* not for what is only claimed */
		want_pages(&w->j->kept);
		want_pages(&w->j->dirty);
	}
	w->plain_end = MIN(w->origin_blocks, w->origins.near.count);
	w->known =
		CACHE_MAPPING_VALID | (w->meta->sb.pub.version < 2 ? CACHE_MAPPING_DIRTY : 0);
	w->odd_flags = ((1u << CACHE_FLAG_BITS) - 1) & ~w->known;
	if (r == 0)
		r = cache_dirty_read(w->meta, &w->j->dirty, &w->j->unknown, w->ears);
	if (r == 0)
		r = cache_array_read(w->meta, CACHE_MAPPINGS, &reader);
	return r == 0 ? judge_twice(w) : r;
}

/* Damage is told as it is found, and counted; -ENOMEM and read failures end it. */
int cache_judge(struct bp_cache_meta *meta, const struct loss_ears *ears,
		struct cache_judged *ret)
{
	struct judging w = {
		.meta = meta,
		.ears = ears,
		.j = ret,
		.origin_blocks = cache_origin_blocks(&meta->sb),
	};
	int r;

	*ret = (struct cache_judged){ 0 };
	r = judge(&w);
	origins_done(&w.origins);
	vec_done(&w.twice);
	return r == -ENOMEM ? bp_fail_memory(meta->meta.ctx) : r;
}

void cache_judged_done(struct cache_judged *judged)
{
	bits_done(&judged->kept);
	bits_done(&judged->dirty);
	bits_done(&judged->unknown);
}
