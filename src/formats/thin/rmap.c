/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All leaves are read once, whoever shares them; of each, the runs that lie in the regions are
 * kept. Then every device visits its leaves, without reading, and takes what they have: so each
 * owner is told. Nothing is told where a tree is damaged, as an owner may be hidden there.
 */
#include <bedplate/thin_delta.h>

#include "core/opts.h"
#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"

#include <inttypes.h>

/* Mappings of one leaf that continue each other, in a region. */
struct hit {
	uint64_t data_begin, virtual_begin;
	uint32_t length, node;
};

struct hits {
	VEC(struct hit) list;
};

/* As struct bp_thin_owner: there may be very many. */
struct owned {
	uint64_t data_begin, virtual_begin;
	uint32_t length, device; /* its place in the list of devices */
};

struct owners {
	VEC(struct owned) list;
};

struct rmap {
	struct bp_thin_meta *tm;
	struct bp_thin_rmap_opts opts;
	VEC(struct bp_thin_region) regions; /* rising, parted by gaps */
	struct thin_devices devices;
	struct forest forest;
	struct hits *workers;
	unsigned nr_workers;
	struct hits
		hits; /* those of a node together; its mark is the index of the first, + 1 */
	struct owners owners;
	uint32_t device; /* at hand: its place in the list */
};

/* --- regions --- */

static int by_begin(const void *a, const void *b)
{
	const struct bp_thin_region *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static int read_regions(struct rmap *m, const struct bp_thin_region *regions, size_t nr)
{
	struct bp_thin_region *list;
	size_t to = 0;

	for (size_t i = 0; i < nr; i++) {
		if (regions[i].begin >= regions[i].end)
			return bp_fail(m->tm->meta.ctx, -EINVAL,
				       "region %" PRIu64 "..%" PRIu64 " is empty",
				       regions[i].begin, regions[i].end);
		if (vec_add(&m->regions, &regions[i]) < 0)
			return bp_fail_memory(m->tm->meta.ctx);
	}
	if (nr == 0)
		return 0;
	list = m->regions.items;
	qsort(list, nr, sizeof(*list), by_begin);
	for (size_t i = 1; i < nr; i++) {
		if (list[i].begin <= list[to].end)
			list[to].end = MAX(list[to].end, list[i].end);
		else
			list[++to] = list[i];
	}
	m->regions.count = to + 1;
	return 0;
}

/* The region that has @block, or the next one behind it; the last where none is. */
static const struct bp_thin_region *find_region(const struct rmap *m, bp_dblock block)
{
	size_t low = 0, high = m->regions.count - 1;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->regions.items[mid].end > block)
			high = mid;
		else
			low = mid + 1;
	}
	return &m->regions.items[low];
}

/* --- leaves --- */

/* For forest.leaf: from several workers at once. */
static int keep_hits(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct rmap *m = user;
	struct hits *to = &m->workers[worker];
	const struct bp_thin_region *in = m->regions.items;
	struct hit run = { .node = node };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		bp_dblock block = thin_mapping_block(node_value64(leaf, i));
		uint64_t key = node_key(leaf, i);

		if (m->regions.count > 1 && (block < in->begin || block >= in->end))
			in = find_region(m, block);
		if (block < in->begin || block >= in->end)
			continue;
		if (run.length && run.data_begin + run.length == block &&
		    run.virtual_begin + run.length == key) {
			run.length++;
			continue;
		}
		r = run.length ? vec_add(&to->list, &run) : 0;
		run.data_begin = block;
		run.virtual_begin = key;
		run.length = 1;
	}
	return r == 0 && run.length ? vec_add(&to->list, &run) : r;
}

/*
 * What the workers found in one list, and nodes that know where theirs begins: each was read by
 * one worker, so they are together, and in the order of keys.
 */
static int gather(struct rmap *m)
{
	for (unsigned w = 0; w < m->nr_workers; w++) {
		struct hits *from = &m->workers[w];

		if (vec_reserve(&m->hits.list, from->list.count + 1) < 0)
			return -ENOMEM;
		if (from->list.count)
			memcpy(m->hits.list.items + m->hits.list.count, from->list.items,
			       from->list.count * sizeof(struct hit));
		m->hits.list.count += from->list.count;
		vec_done(&from->list);
	}
	for (size_t i = m->hits.list.count; i-- > 0;)
		m->forest.nodes.items[m->hits.list.items[i].node].mark = (uint32_t)i + 1;
	return 0;
}

static int walk_progress(void *user, bp_mblock done, bp_mblock total)
{
	struct rmap *m = user;

	return m->opts.progress(m->opts.progress_user, done, total) ? -ECANCELED : 0;
}

static int walk(struct rmap *m)
{
	size_t nr = m->devices.list.count;
	_cleanup_(freep) uint64_t *roots = calloc(nr + 1, sizeof(*roots));
	struct meta meta = m->tm->meta;
	int r;

	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		roots[i] = m->devices.list.items[i].root;
	if (m->opts.progress) {
		meta.progress = walk_progress;
		meta.progress_user = m;
	}
	m->forest.meta = &meta;
	m->forest.value_size = sizeof(le64);
	m->forest.leaf = keep_hits;
	m->forest.user = m;
	r = forest_init(&m->forest);
	m->nr_workers = forest_workers(&m->forest);
	m->workers = calloc(m->nr_workers, sizeof(*m->workers));
	if (r == 0 && !m->workers)
		r = -ENOMEM;
	if (r == 0)
		r = forest_walk(&m->forest, roots, nr);
	m->forest.meta = &m->tm->meta;
	return r;
}

/* --- owners --- */

static int take_hit(struct rmap *m, const struct hit *hit)
{
	struct owned owner = {
		.data_begin = hit->data_begin,
		.virtual_begin = hit->virtual_begin,
		.length = hit->length,
		.device = m->device,
	};
	struct owned *last;

	if (m->owners.list.count > 0) {
		last = &m->owners.list.items[m->owners.list.count - 1];
		if (last->device == owner.device &&
		    last->data_begin + last->length == owner.data_begin &&
		    last->virtual_begin + last->length == owner.virtual_begin &&
		    last->length <= UINT32_MAX - owner.length) {
			last->length += owner.length;
			return 0;
		}
	}
	return vec_add(&m->owners.list, &owner);
}

/* For forest_visit(): the leaves of the device at hand, in the order of virtual blocks. */
static int take_leaf(void *user, const struct walk_node *leaf)
{
	struct rmap *m = user;
	uint32_t node = (uint32_t)(leaf - m->forest.nodes.items);
	int r = 0;

	if (!leaf->mark)
		return 0;
	for (size_t i = leaf->mark - 1;
	     r == 0 && i < m->hits.list.count && m->hits.list.items[i].node == node; i++)
		r = take_hit(m, &m->hits.list.items[i]);
	return r;
}

/* --- sorting --- */

#define DIGIT_BITS 11u
#define DIGITS     (1u << DIGIT_BITS)

static unsigned digit(const struct owned *o, unsigned shift)
{
	return o->data_begin >> shift & (DIGITS - 1);
}

/* Move all of @from to @to by one digit, keeping the order of equal ones. */
static void sort_digit(const struct owned *from, struct owned *to, size_t nr, unsigned shift)
{
	size_t places[DIGITS] = { 0 }, place = 0;

	for (size_t i = 0; i < nr; i++)
		places[digit(&from[i], shift)]++;
	for (unsigned d = 0; d < DIGITS; d++) {
		size_t count = places[d];

		places[d] = place;
		place += count;
	}
	for (size_t i = 0; i < nr; i++)
		to[places[digit(&from[i], shift)]++] = from[i];
}

/*
 * By data block; those of one data block stay in the order in which they were found, by device
 * and virtual block. Digit by digit, lowest first: the time grows with their number alone.
 */
static int sort_owners(struct owners *owners)
{
	size_t nr = owners->list.count;
	struct owners other = { 0 };
	uint64_t all = 0;
	bool sorted = true;

	for (size_t i = 0; i < nr; i++) {
		const struct owned *o = &owners->list.items[i];

		all |= o->data_begin;
		sorted &= i == 0 || o[-1].data_begin <= o->data_begin;
	}
	if (sorted)
		return 0;
	if (vec_reserve(&other.list, nr) < 0)
		return -ENOMEM;
	other.list.count = nr;
	for (unsigned shift = 0; shift < 64 && all >> shift; shift += DIGIT_BITS) {
		struct owners from = *owners;

		sort_digit(from.list.items, other.list.items, nr, shift);
		*owners = other;
		other = from;
	}
	vec_done(&other.list);
	return 0;
}

static int find_owners(struct rmap *m)
{
	const struct forest_visitor visitor = { .leaf = take_leaf, .user = m };
	int r = gather(m);

	for (size_t i = 0; r == 0 && i < m->devices.list.count; i++) {
		m->device = (uint32_t)i;
		r = forest_visit(&m->forest, m->devices.list.items[i].root, &visitor);
	}
	return r < 0 ? r : sort_owners(&m->owners);
}

static int tell_owners(const struct rmap *m,
		       int (*tell)(void *user, const struct bp_thin_owner *owner), void *user)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->owners.list.count; i++) {
		const struct owned *o = &m->owners.list.items[i];
		const struct bp_thin_owner owner = {
			.device = m->devices.list.items[o->device].id,
			.data_begin = o->data_begin,
			.virtual_begin = o->virtual_begin,
			.length = o->length,
		};

		r = tell(user, &owner);
	}
	return r;
}

/* --- the whole --- */

static int fail_damaged(struct rmap *m)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(&m->forest, m->devices.list.items, m->devices.list.count, &gaps);

	r = r < 0 ? bp_fail_memory(ctx) : thin_gaps_fail(ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

static int say_why(struct rmap *m, int r)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;

	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r == -ECANCELED)
		return bp_fail(ctx, r, "canceled");
	return r;
}

static int look(struct rmap *m)
{
	int r = thin_devices_read(m->tm, &m->devices);

	if (r < 0)
		return r;
	r = walk(m);
	if (r == 0 && m->forest.nr_errors > 0)
		return fail_damaged(m);
	if (r == 0)
		r = find_owners(m);
	return say_why(m, r);
}

static void rmap_done(struct rmap *m)
{
	for (unsigned w = 0; m->workers && w < m->nr_workers; w++)
		vec_done(&m->workers[w].list);
	free(m->workers);
	vec_done(&m->hits.list);
	vec_done(&m->owners.list);
	vec_done(&m->regions);
	thin_devices_done(&m->devices);
	forest_done(&m->forest);
}

int bp_thin_rmap(struct bp_thin_meta *meta, const struct bp_thin_region *regions,
		 size_t nr_regions, const struct bp_thin_rmap_opts *opts,
		 int (*owner)(void *user, const struct bp_thin_owner *owner), void *user)
{
	struct rmap m = { .tm = meta };
	int r = opts_read(meta->meta.ctx, &m.opts, sizeof(m.opts), opts);

	if (r == 0)
		r = read_regions(&m, regions, nr_regions);
	if (r == 0 && nr_regions > 0)
		r = look(&m);
	if (r == 0)
		r = tell_owners(&m, owner, user);
	rmap_done(&m);
	return r;
}
