/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All leaves are read once, whoever shares them, and the runs that lie in the regions are put in
 * order by data block: those inside of a leaf once, for all that have the leaf. Its first and its
 * last one, which may go on in a leaf beside it that others have, wait until every device has
 * visited its leaves, without reading, and are put in order once for each device; leaves learn by
 * that who has them. Memory: 24 bytes for each run that is put in order, 56 for each leaf. Nothing
 * is told where a tree is damaged, as an owner may be hidden there.
 */
#include <bedplate/thin_delta.h>

#include "core/opts.h"
#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"
#include "formats/thin/owned.h"
#include "formats/thin/owner_sets.h"

#include <inttypes.h>

/* Mappings that continue each other, in a region. */
struct run {
	bp_dblock data_begin;
	uint64_t virtual_begin;
	uint32_t length; /* 0: none */
};

/* What a leaf has in the regions, and whose that is. */
struct leaf {
	struct run first, last; /* last: none where there is but one */
	uint32_t node;
	uint32_t set; /* owner_sets.h */
};

struct found {
	VEC(struct leaf) leaves;
};

/* One owner of a data block that has several. */
struct holder {
	uint64_t virtual_begin;
	uint32_t device, length;
};

struct rmap {
	struct bp_thin_meta *tm;
	struct bp_thin_rmap_opts opts;
	VEC(struct bp_thin_region) regions; /* rising, parted by gaps */
	struct thin_devices devices;
	struct forest
		forest; /* a leaf's mark: its index in leaves + 1; when all were visited, its set */
	struct found *found; /* by each worker */
	unsigned nr_workers; /* one more adds to "owners": who visits the leaves afterwards */
	struct leaf *leaves;
	size_t nr_leaves;
	struct owner_sets sets;
	struct owned_list owners;
	struct run run;  /* of the device at hand, being made */
	uint32_t device; /* the one at hand */
	VEC(struct holder) holders;
};

/* --- regions --- */

static int by_begin(const void *a, const void *b)
{
	const struct bp_thin_region *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Sorted and joined, so that a block lies in one of them at most. */
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

/* Of the leaf at hand. */
struct looking {
	struct rmap *m;
	unsigned worker;
	struct leaf leaf;
	struct run run; /* being made */
};

#define WHOSE_NODE (UINT32_C(1) << 31) /* in owned.whose: a leaf's node; else a set */

static int add_run(struct rmap *m, unsigned worker, const struct run *run, uint32_t whose)
{
	const struct owned o = {
		.data_begin = run->data_begin,
		.virtual_begin = run->virtual_begin,
		.length = run->length,
		.whose = whose,
	};

	return owned_add(&m->owners, worker, &o);
}

/* A run ends: if it isn't the leaf's first one, the one before wasn't the last. */
static inline int end_of_run(struct looking *k)
{
	struct leaf *leaf = &k->leaf;
	int r = 0;

	if (!leaf->first.length) {
		leaf->first = k->run;
		return 0;
	}
	if (leaf->last.length)
		r = add_run(k->m, k->worker, &leaf->last, leaf->node | WHOSE_NODE);
	leaf->last = k->run;
	return r;
}

static int find_runs(struct looking *k, const struct node *leaf)
{
	const struct rmap *m = k->m;
	const struct bp_thin_region *in = m->regions.items;
	struct run *run = &k->run;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		bp_dblock block = thin_mapping_block(node_value64(leaf, i));
		uint64_t key = node_key(leaf, i);

		if (m->regions.count > 1 && (block < in->begin || block >= in->end))
			in = find_region(m, block);
		if (block < in->begin || block >= in->end)
			continue;
		if (block == run->data_begin + run->length &&
		    key == run->virtual_begin + run->length && run->length) {
			run->length++;
			continue;
		}
		if (run->length)
			r = end_of_run(k);
		*run = (struct run){ block, key, 1 };
	}
	return r == 0 && run->length ? end_of_run(k) : r;
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
static int look_at_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct rmap *m = user;
	struct looking k = { .m = m, .worker = worker, .leaf.node = node };
	int r;

	if (!may_hit(m, leaf))
		return 0;
	if (node >= WHOSE_NODE)
		return -ENOMEM;
	r = find_runs(&k, leaf);
	if (r < 0 || !k.leaf.first.length)
		return r;
	return vec_add(&m->found[worker].leaves, &k.leaf);
}

/* The leaves of all workers in one place, known to their nodes. */
static int mark_leaves(struct rmap *m)
{
	size_t nr = 0;

	for (unsigned w = 0; w < m->nr_workers; w++)
		nr += m->found[w].leaves.count;
	m->leaves = malloc((nr + 1) * sizeof(*m->leaves));
	if (!m->leaves)
		return -ENOMEM;
	for (unsigned w = 0; w < m->nr_workers; w++) {
		for (size_t i = 0; i < m->found[w].leaves.count; i++) {
			const struct leaf *leaf = &m->found[w].leaves.items[i];

			m->leaves[m->nr_leaves++] = *leaf;
			m->forest.nodes.items[leaf->node].mark = (uint32_t)m->nr_leaves;
		}
		vec_done(&m->found[w].leaves);
	}
	return 0;
}

static int walk_progress(void *user, bp_mblock done, bp_mblock total)
{
	struct rmap *m = user;

	return m->opts.progress(m->opts.progress_user, done, total) ? -ECANCELED : 0;
}

/* Each node once; hits are kept by leaf, for all devices that have it. */
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
	m->forest.leaf = look_at_leaf;
	m->forest.user = m;
	r = forest_init(&m->forest);
	m->nr_workers = forest_workers(&m->forest);
	m->found = calloc(m->nr_workers, sizeof(*m->found));
	if (r == 0 && !m->found)
		r = -ENOMEM;
	if (r == 0)
		r = owned_init(&m->owners, m->nr_workers + 1, m->tm->sb.pub.nr_data_blocks);
	if (r == 0)
		r = forest_walk(&m->forest, roots, nr);
	m->forest.meta = &m->tm->meta;
	return r;
}

/* --- owners --- */

static int end_run(struct rmap *m)
{
	int r = 0;

	if (m->run.length)
		r = add_run(m, m->nr_workers, &m->run, owner_set_of(m->device));
	m->run.length = 0;
	return r;
}

static int take_run(struct rmap *m, const struct run *new)
{
	struct run *run = &m->run;
	int r;

	if (run->length && run->data_begin + run->length == new->data_begin &&
	    run->virtual_begin + run->length == new->virtual_begin &&
	    run->length <= UINT32_MAX - new->length) {
		run->length += new->length;
		return 0;
	}
	r = end_run(m);
	*run = *new;
	return r;
}

/* For forest_visit(): the leaves of the device at hand, in the order of virtual blocks. */
static int take_leaf(void *user, const struct walk_node *node)
{
	struct rmap *m = user;
	struct leaf *leaf;
	int r;

	if (!node->mark)
		return 0;
	leaf = &m->leaves[node->mark - 1];
	r = take_run(m, &leaf->first);
	if (r == 0 && leaf->last.length)
		r = take_run(m, &leaf->last);
	return r < 0 ? r : owner_sets_add(&m->sets, &leaf->set, m->device);
}

/* The same hits again for each device that has the leaf: a shared block has several owners. */
static int visit_devices(struct rmap *m)
{
	const struct forest_visitor visitor = { .leaf = take_leaf, .user = m };
	int r = owner_sets_init(&m->sets, m->devices.list.count);

	for (size_t i = 0; r == 0 && i < m->devices.list.count; i++) {
		m->device = (uint32_t)i;
		r = forest_visit(&m->forest, m->devices.list.items[i].root, &visitor);
		if (r == 0)
			r = end_run(m);
	}
	return r;
}

static int find_owners(struct rmap *m)
{
	int r = mark_leaves(m);

	if (r == 0)
		r = visit_devices(m);
	for (size_t i = 0; i < m->nr_leaves; i++)
		m->forest.nodes.items[m->leaves[i].node].mark = m->leaves[i].set;
	if (r == 0)
		r = owner_sets_ready(&m->sets);
	return r < 0 ? r : owned_ready(&m->owners);
}

/* --- telling --- */

/* To whom. */
struct teller {
	struct rmap *m;
	int (*tell)(void *user, const struct bp_thin_owner *owner);
	void *user;
};

static int tell_one(const struct teller *t, bp_dblock data_begin, uint32_t device,
		    uint64_t virtual_begin, uint32_t length)
{
	const struct bp_thin_owner owner = {
		.device = t->m->devices.list.items[device].id,
		.data_begin = data_begin,
		.virtual_begin = virtual_begin,
		.length = length,
	};

	return t->tell(t->user, &owner);
}

static const uint32_t *devices_of(struct rmap *m, const struct owned *o, uint32_t *ret_count)
{
	uint32_t set = o->whose;

	if (set & WHOSE_NODE)
		set = m->forest.nodes.items[set & ~WHOSE_NODE].mark;
	return owner_sets_list(&m->sets, set, ret_count);
}

/* All that have it have it in the same place. */
static int tell_set(const struct teller *t, const struct owned *o)
{
	uint32_t count;
	const uint32_t *devices = devices_of(t->m, o, &count);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = tell_one(t, o->data_begin, devices[i], o->virtual_begin, o->length);
	return r;
}

static int by_device(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	if (x->device != y->device)
		return x->device < y->device ? -1 : 1;
	return x->virtual_begin < y->virtual_begin ? -1 : x->virtual_begin > y->virtual_begin;
}

static int add_holders(struct rmap *m, const struct owned *o)
{
	uint32_t count;
	const uint32_t *devices = devices_of(m, o, &count);

	if (vec_reserve(&m->holders, count) < 0)
		return bp_fail_memory(m->tm->meta.ctx);
	for (uint32_t i = 0; i < count; i++)
		m->holders.items[m->holders.count++] = (struct holder){
			.virtual_begin = o->virtual_begin,
			.device = devices[i],
			.length = o->length,
		};
	return 0;
}

/* Several leaves have that data block: their owners are mixed. */
static int tell_mixed(const struct teller *t, const struct owned *list, size_t count)
{
	struct rmap *m = t->m;
	int r = 0;

	m->holders.count = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_holders(m, &list[i]);
	if (r < 0)
		return r;
	qsort(m->holders.items, m->holders.count, sizeof(*m->holders.items), by_device);
	for (size_t i = 0; r == 0 && i < m->holders.count; i++) {
		const struct holder *h = &m->holders.items[i];

		r = tell_one(t, list->data_begin, h->device, h->virtual_begin, h->length);
	}
	return r;
}

/* In order of data blocks. */
static int tell_part(const struct teller *t, const struct owned *list, size_t count)
{
	size_t end;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i = end) {
		end = i + 1;
		while (end < count && list[end].data_begin == list[i].data_begin)
			end++;
		r = end - i == 1 ? tell_set(t, &list[i]) : tell_mixed(t, &list[i], end - i);
	}
	return r;
}

/*
 * Part by part, each sorted when it is told: all of them at once would need twice the
 * memory.
 */
static int tell_owners(const struct teller *t)
{
	int r = 0;

	for (size_t part = 0; r == 0 && part < OWNED_PARTS; part++) {
		size_t count;
		const struct owned *list = owned_part(&t->m->owners, part, &count);

		r = tell_part(t, list, count);
	}
	return r;
}

/* --- the whole --- */

/* A mapping that can't be read could lie in any region. */
static int fail_damaged(struct rmap *m)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(&m->forest, m->devices.list.items, m->devices.list.count, &gaps);

	r = r < 0 ? bp_fail_memory(ctx) : thin_gaps_fail(ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

/* Codes of the walk, as messages. */
static int say_why(struct rmap *m, int r)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;

	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r == -ECANCELED)
		return bp_fail(ctx, r, "canceled");
	return r;
}

/* Damage ends it: "nobody has this block" must be true. */
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
	for (unsigned w = 0; m->found && w < m->nr_workers; w++)
		vec_done(&m->found[w].leaves);
	free(m->found);
	free(m->leaves);
	owner_sets_done(&m->sets);
	owned_done(&m->owners);
	vec_done(&m->holders);
	vec_done(&m->regions);
	thin_devices_done(&m->devices);
	forest_done(&m->forest);
}

/* Memory: 24 bytes a run of hits. No regions: nothing to tell. */
int bp_thin_rmap(struct bp_thin_meta *meta, const struct bp_thin_region *regions,
		 size_t nr_regions, const struct bp_thin_rmap_opts *opts,
		 int (*owner)(void *user, const struct bp_thin_owner *owner), void *user)
{
	struct rmap m = { .tm = meta };
	const struct teller t = { &m, owner, user };
	int r = opts_read(meta->meta.ctx, &m.opts, sizeof(m.opts), opts);

	if (r == 0)
		r = read_regions(&m, regions, nr_regions);
	if (r == 0 && nr_regions > 0)
		r = look(&m);
	if (r == 0 && nr_regions > 0)
		r = tell_owners(&t);
	rmap_done(&m);
	return r;
}
