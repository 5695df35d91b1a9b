/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All leaves are read once, whoever shares them; of each, the runs that lie in the regions are
 * kept. Then every device visits its leaves, without reading, and takes what they have: so each
 * owner is told. Memory: 16 bytes for each run of a leaf, 24 for each owner. Nothing is told where
 * a tree is damaged, as an owner may be hidden there.
 */
#include <bedplate/thin_delta.h>

#include "core/opts.h"
#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"
#include "formats/thin/owned.h"

#include <inttypes.h>

/*
 * Mappings of one leaf that continue each other, in a region: the first data block where a leaf
 * has it, above THIN_TIME_BITS, and below how many there are, with HIT_LAST for the last of a leaf.
 */
struct hit {
	uint64_t data_length, virtual_begin;
};
#define HIT_LAST        (UINT64_C(1) << (THIN_TIME_BITS - 1))
#define HIT_LENGTH_MASK (HIT_LAST - 1)

/* What a worker found: of each leaf that has any, where they begin. */
struct hits {
	VEC(struct hit) list;
	VEC(struct hit_leaf {
		size_t first;
		uint32_t node;
	})
	leaves;
	uint64_t highest; /* data block, or above */
};

struct rmap {
	struct bp_thin_meta *tm;
	struct bp_thin_rmap_opts opts;
	VEC(struct bp_thin_region) regions; /* rising, parted by gaps */
	struct thin_devices devices;
	struct forest forest; /* a node's mark: index of its first hit, over all workers, + 1 */
	struct hits *workers;
	unsigned nr_workers;
	struct owned_list owners;
	struct owned run; /* being made; length 0: none */
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

/* The runs of @leaf in the regions, to @to, which has room; returns how many. */
static size_t find_hits(const struct rmap *m, const struct node *leaf, struct hit *to)
{
	const struct bp_thin_region *in = m->regions.items;
	uint64_t next_block = 0, next_key = 0;
	size_t nr = 0;

	for (uint32_t i = 0; i < leaf->nr; i++) {
		bp_dblock block = thin_mapping_block(node_value64(leaf, i));
		uint64_t key = node_key(leaf, i);

		if (m->regions.count > 1 && (block < in->begin || block >= in->end))
			in = find_region(m, block);
		if (block < in->begin || block >= in->end)
			continue;
		if (nr && next_block == block && next_key == key)
			to[nr - 1].data_length++;
		else
			to[nr++] = (struct hit){ block << THIN_TIME_BITS | 1, key };
		next_block = block + 1;
		next_key = key + 1;
	}
	return nr;
}

/* Whether any lies between the first region's begin and the last one's end: no branch on each. */
static bool may_hit(const struct rmap *m, const struct node *leaf)
{
	bp_dblock begin = m->regions.items[0].begin;
	uint64_t span = m->regions.items[m->regions.count - 1].end - begin;
	bool any = false;

	for (uint32_t i = 0; i < leaf->nr; i++)
		any |= thin_mapping_block(node_value64(leaf, i)) - begin < span;
	return any;
}

/* For forest.leaf: from several workers at once. */
static int keep_hits(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct rmap *m = user;
	struct hits *to = &m->workers[worker];
	const struct hit_leaf here = { to->list.count, node };
	struct hit *first;
	size_t nr;

	if (!may_hit(m, leaf))
		return 0;
	if (vec_reserve(&to->list, leaf->nr) < 0)
		return -ENOMEM;
	first = to->list.items + to->list.count;
	nr = find_hits(m, leaf, first);
	if (nr == 0)
		return 0;
	first[nr - 1].data_length |= HIT_LAST;
	for (size_t i = 0; i < nr; i++)
		to->highest = MAX(to->highest, first[i].data_length);
	to->list.count += nr;
	return vec_add(&to->leaves, &here);
}

/* Nodes that know where theirs begin. Returns the highest data block. */
static bp_dblock mark_leaves(struct rmap *m)
{
	uint64_t highest = 0;
	size_t before = 0;

	for (unsigned w = 0; w < m->nr_workers; w++) {
		struct hits *of = &m->workers[w];

		for (size_t i = 0; i < of->leaves.count; i++)
			m->forest.nodes.items[of->leaves.items[i].node].mark =
				(uint32_t)(before + of->leaves.items[i].first) + 1;
		before += of->list.count;
		highest = MAX(highest, of->highest);
		vec_done(&of->leaves);
	}
	return thin_mapping_block(highest);
}

/* The hit of @index over all workers. */
static const struct hit *find_hit(const struct rmap *m, size_t index)
{
	unsigned w = 0;

	for (; index >= m->workers[w].list.count; w++)
		index -= m->workers[w].list.count;
	return &m->workers[w].list.items[index];
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

static void end_run(struct rmap *m)
{
	if (m->run.length)
		owned_add(&m->owners, &m->run);
	m->run.length = 0;
}

static void take_hit(struct rmap *m, const struct hit *hit)
{
	bp_dblock block = thin_mapping_block(hit->data_length);
	uint32_t length = hit->data_length & HIT_LENGTH_MASK;
	struct owned *run = &m->run;

	if (run->length && run->data_begin + run->length == block &&
	    run->virtual_begin + run->length == hit->virtual_begin &&
	    run->length <= UINT32_MAX - length) {
		run->length += length;
		return;
	}
	end_run(m);
	run->data_begin = block;
	run->virtual_begin = hit->virtual_begin;
	run->length = length;
}

/* For forest_visit(): the leaves of the device at hand, in the order of virtual blocks. */
static int take_leaf(void *user, const struct walk_node *leaf)
{
	struct rmap *m = user;
	const struct hit *hit;

	if (!leaf->mark)
		return 0;
	hit = find_hit(m, leaf->mark - 1);
	take_hit(m, hit);
	while (!(hit->data_length & HIT_LAST))
		take_hit(m, ++hit);
	return 0;
}

static int visit_devices(struct rmap *m)
{
	const struct forest_visitor visitor = { .leaf = take_leaf, .user = m };
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->devices.list.count; i++) {
		m->run.device = (uint32_t)i;
		r = forest_visit(&m->forest, m->devices.list.items[i].root, &visitor);
		end_run(m);
	}
	return r;
}

/* Once to count, once to place. */
static int find_owners(struct rmap *m)
{
	int r = owned_init(&m->owners, mark_leaves(m));

	if (r == 0)
		r = visit_devices(m);
	if (r == 0)
		r = owned_counted(&m->owners);
	return r < 0 ? r : visit_devices(m);
}

static int tell_part(const struct rmap *m, const struct owned *list, size_t count,
		     int (*tell)(void *user, const struct bp_thin_owner *owner), void *user)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct owned *o = &list[i];
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

static int tell_owners(struct rmap *m,
		       int (*tell)(void *user, const struct bp_thin_owner *owner), void *user)
{
	int r = 0;

	for (size_t part = 0; r == 0 && part < OWNED_PARTS; part++) {
		size_t count;
		const struct owned *list = owned_part(&m->owners, part, &count);

		r = tell_part(m, list, count, tell, user);
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

static void hits_done(struct hits *hits)
{
	vec_done(&hits->list);
	vec_done(&hits->leaves);
}

static void rmap_done(struct rmap *m)
{
	for (unsigned w = 0; m->workers && w < m->nr_workers; w++)
		hits_done(&m->workers[w]);
	free(m->workers);
	owned_done(&m->owners);
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
	if (r == 0 && nr_regions > 0)
		r = tell_owners(&m, owner, user);
	rmap_done(&m);
	return r;
}
