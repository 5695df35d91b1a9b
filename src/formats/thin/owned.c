/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See owned.h: parts by the highest bits as they come, then the lower ones digit by digit. */
#include "formats/thin/owned.h"

#include <sys/mman.h>

#define PAGE        4096u
#define SLAB_CHUNKS 32u /* of a worker's first slabs, */
#define SLABS_FEW   16u /* of which there are so many; then they are huge pages */
#define HUGE_CHUNKS 512u
#define MAX_DIGIT   12u /* bits: its counters fit the first cache */
#define FEW         32u /* for which counting digits takes longer than moving them one by one */

_Static_assert(sizeof(struct owned_chunk) <= PAGE, "a chunk is a page");

/* --- adding --- */

int owned_init(struct owned_list *l, unsigned nr_workers, uint64_t blocks)
{
	*l = (struct owned_list){ .nr_workers = nr_workers };
	while (blocks >> l->shift > OWNED_PARTS)
		l->shift++;
	l->workers = calloc(nr_workers, sizeof(*l->workers));
	return l->workers ? 0 : -ENOMEM;
}

static void worker_done(struct owned_worker *worker)
{
	for (size_t i = 0; i < worker->slabs.count; i++)
		free(worker->slabs.items[i]);
	vec_done(&worker->slabs);
}

void owned_done(struct owned_list *l)
{
	for (unsigned i = 0; l->workers && i < l->nr_workers; i++)
		worker_done(&l->workers[i]);
	free(l->workers);
	free(l->items);
	free(l->spare);
	free(l->places);
	*l = (struct owned_list){ 0 };
}

/*
 * All of it is going to be written: pages come cheaper at once than by a fault for each, and huge ones
 * cheaper still, where they can be had.
 */
static int add_slab(struct owned_worker *worker)
{
	bool few = worker->slabs.count < SLABS_FEW;
	size_t chunks = few ? SLAB_CHUNKS : HUGE_CHUNKS, size = PAGE * chunks;
	struct owned_chunk *slab = aligned_alloc(few ? PAGE : size, size);

	if (!slab || vec_add(&worker->slabs, &slab) < 0) {
		free(slab);
		return -ENOMEM;
	}
	if (!few)
		(void)madvise(slab, size, MADV_HUGEPAGE);
	(void)madvise(slab, size, MADV_POPULATE_WRITE);
	worker->left = chunks;
	return 0;
}

struct owned_chunk *owned_chunk(struct owned_worker *worker, struct owned_part *part)
{
	struct owned_chunk *chunk;
	char *slab;

	if (worker->left == 0 && add_slab(worker) < 0)
		return NULL;
	slab = (char *)worker->slabs.items[worker->slabs.count - 1];
	chunk = (void *)(slab + (size_t)PAGE * --worker->left);
	chunk->before = part->last;
	part->last = chunk;
	return chunk;
}

/* --- order --- */

static size_t part_count(const struct owned_list *l, size_t part)
{
	size_t count = 0;

	for (unsigned i = 0; i < l->nr_workers; i++)
		count += l->workers[i].parts[part].count;
	return count;
}

int owned_ready(struct owned_list *l)
{
	size_t most = 0;
	uint64_t highest = 0;

	for (size_t i = 0; i < OWNED_PARTS; i++)
		most = MAX(most, part_count(l, i));
	for (unsigned i = 0; i < l->nr_workers; i++)
		highest = MAX(highest, l->workers[i].highest);
	highest -= MIN(highest, (uint64_t)(OWNED_PARTS - 1) << l->shift);
	l->bits = l->shift;
	while (highest >> l->bits)
		l->bits++;
	if (most > UINT32_MAX)
		return -ENOMEM;
	l->items = malloc((most + 1) * sizeof(*l->items));
	l->spare = malloc((most + 1) * sizeof(*l->spare));
	l->places = malloc(sizeof(*l->places) << MAX_DIGIT);
	return l->items && l->spare && l->places ? 0 : -ENOMEM;
}

/* All of a part, as it came. */
static size_t gather(const struct owned_list *l, size_t part, struct owned *to)
{
	struct owned *begin = to;

	for (unsigned i = 0; i < l->nr_workers; i++) {
		const struct owned_part *from = &l->workers[i].parts[part];
		size_t rest = from->count % OWNED_IN_CHUNK, nr = rest ? rest : OWNED_IN_CHUNK;

		for (const struct owned_chunk *c = from->last; c; c = c->before) {
			memcpy(to, c->items, nr * sizeof(*to));
			to += nr;
			nr = OWNED_IN_CHUNK;
		}
	}
	return (size_t)(to - begin);
}

static bool is_sorted(const struct owned *items, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (items[i - 1].data_begin > items[i].data_begin)
			return false;
	return true;
}

/* Insertion: most parts are nearly sorted, and short. */
static void sort_few(struct owned *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct owned o = items[i];
		size_t at = i;

		for (; at > 0 && items[at - 1].data_begin > o.data_begin; at--)
			items[at] = items[at - 1];
		items[at] = o;
	}
}

/* Bits of the data block, counted from where its part begins. */
struct digit {
	uint64_t begin;
	unsigned shift, bits;
};

static inline size_t digit_of(const struct digit *d, const struct owned *o)
{
	return (size_t)((o->data_begin - d->begin) >> d->shift &
			((UINT64_C(1) << d->bits) - 1));
}

/* Move all of @from to @to by one digit, keeping the order of equal ones. */
static void sort_digit(const struct owned *from, struct owned *to, size_t count,
		       uint32_t *places, const struct digit *d)
{
	uint32_t place = 0;

	memset(places, 0, sizeof(*places) << d->bits);
	for (size_t i = 0; i < count; i++)
		places[digit_of(d, &from[i])]++;
	for (size_t i = 0; i < (size_t)1 << d->bits; i++) {
		uint32_t here = places[i];

		places[i] = place;
		place += here;
	}
	for (size_t i = 0; i < count; i++)
		to[places[digit_of(d, &from[i])]++] = from[i];
}

/* Few have small digits: looking through all the counters would be what takes the time. */
static unsigned digit_bits(size_t count, unsigned bits)
{
	unsigned most = count >= 1024 ? MAX_DIGIT : 8;

	return DIV_UP(bits, DIV_UP(bits, most));
}

static const struct owned *sort(struct owned_list *l, size_t count, uint64_t begin,
				unsigned bits)
{
	struct digit d = { .begin = begin, .bits = digit_bits(count, bits) };
	struct owned *from = l->items, *to = l->spare;

	for (; d.shift < bits; d.shift += d.bits) {
		struct owned *other = from;

		sort_digit(from, to, count, l->places, &d);
		from = to;
		to = other;
	}
	return from;
}

/*
 * Radix sort by parts: a comparing sort of all mappings of a large pool would take minutes.
 * The result is in one of two arrays, and valid until the next call.
 */
const struct owned *owned_part(struct owned_list *l, size_t part, size_t *ret_count)
{
	size_t count = gather(l, part, l->items);

	*ret_count = count;
	if (count <= 1 || is_sorted(l->items, count))
		return l->items;
	if (count > FEW)
		return sort(l, count, (uint64_t)part << l->shift,
			    part < OWNED_PARTS - 1 ? l->shift : l->bits);
	sort_few(l->items, count);
	return l->items;
}
