/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pairs of roots, of mappings and of details, that fit each other: the same devices, each with as
 * many mappings as its details say, but for those of which something is damaged. An intact index
 * block of a metadata space map names a pair too: the only live trees of roots and of details.
 *
 * Which is newest is told by what only grows: the time a device was snapshotted last, and the
 * times of its mappings; then by the order in which blocks are allocated. What was deleted last
 * leaves no trace in the trees, so neither the most mappings nor the most devices count.
 */
#include "formats/thin/salvage.h"

#include "core/vec.h"

#include <inttypes.h>

/* More pairs than these are not kept: of sound ones, and of such as can't be as they are. */
#define PAIRS_MAX       256u
#define PAIRS_CLASH_MAX 32u
/* Looking at index blocks takes this many steps at most, one for each block and index. */
#define INDEX_STEPS 2000000000u

/* Devices of all pairs together that are compared; what is beyond is ordered by the rest. */
#define LISTS_MAX (1u << 20)

/* Free blocks that may be passed by between a transaction and the next; more: not the next. */
#define NEXT_SKIPS 16u

struct root {
	uint32_t block;
	uint32_t nr;
	uint64_t ids, counts; /* hashes of device ids; of ids with their mappings */
	bool broken;
};

struct pairing {
	struct salvage *s;
	VEC(struct root) tops, details;
	struct salvage_pairs *to;
	size_t nr_sound, nr_clashing;
};

/* --- devices of a tree --- */

struct known {
	uint64_t id;
	const struct snode *root; /* or NULL */
	bool broken, clash;
	uint64_t entries;
	struct bp_thin_device details;
};

struct knowns {
	VEC(struct known) list;
	bool broken; /* some may be missing */
	bool clash;
};

/* Of something else than mappings: a node below which all is gone may be of anything. */
static bool is_other(const struct snode *n)
{
	return n && n->kind != SALVAGE_NONE;
}

/* What each device is said to have, by either tree. */
static int know_leaf(const struct salvage *s, const struct snode *n, struct knowns *to)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		struct known k = { .id = n->keys[i] };

		if (n->kind == SALVAGE_DETAILS) {
			thin_details_decode(&n->details[i], &k.details);
			k.entries = k.details.mapped_dblocks;
		} else {
			k.root = snode_of_kind(s, n->values[i], SALVAGE_MAPPINGS);
			k.broken = !k.root || (k.root->flags & SNODE_BROKEN);
			k.clash = k.root ? k.root->flags & SNODE_CLASH
					 : is_other(snode_at(s, n->values[i]));
			k.entries = k.root ? k.root->entries : 0;
		}
		r = vec_add(&to->list, &k);
	}
	return r;
}

static int know_below(const struct salvage *s, bp_mblock block, enum salvage_kind kind,
		      struct knowns *to, unsigned depth)
{
	struct snode *n = snode_of_kind(s, block, kind);
	int r = 0;

	if (!n || depth == BTREE_MAX_DEPTH || !salvage_pass(s, n)) {
		to->broken = true;
		return 0;
	}
	if (n->flags & SNODE_LEAF)
		return know_leaf(s, n, to);
	to->clash |= kind == SALVAGE_DETAILS && (n->flags & SNODE_CLASH);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = know_below(s, n->values[i], kind, to, depth + 1);
	return r;
}

/* All devices below a root. Broken: some can't be known, or a node is in it twice. */
static int know(struct salvage *s, bp_mblock root, enum salvage_kind kind, struct knowns *to)
{
	salvage_walk(s);
	return know_below(s, root, kind, to, 0);
}

/* FNV-1a, of whole words. */
static uint64_t hash(uint64_t h, uint64_t word)
{
	return (h ^ word) * UINT64_C(0x100000001b3);
}

/*
 * Two hashes: of ids alone, and of ids with counts; pairs are found by them instead of
 * comparing each with each.
 */
static int add_root(struct pairing *p, const struct snode *n)
{
	struct root root = { .block = n->block, .ids = 1, .counts = 1 };
	struct knowns knowns = { 0 };
	int r = know(p->s, n->block, (enum salvage_kind)n->kind, &knowns);

	for (size_t i = 0; r == 0 && i < knowns.list.count; i++) {
		const struct known *k = &knowns.list.items[i];

		root.ids = hash(root.ids, k->id);
		root.counts = hash(hash(root.counts, k->id), k->entries);
		root.broken |= k->broken;
	}
	root.broken |= knowns.broken;
	root.nr = (uint32_t)knowns.list.count;
	if (r == 0)
		r = n->kind == SALVAGE_TOP ? vec_add(&p->tops, &root)
					   : vec_add(&p->details, &root);
	vec_done(&knowns.list);
	return r;
}

/* Nodes that no other of their kind leads to. */
static int find_roots(struct pairing *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->s->nodes.count; i++) {
		const struct snode *n = &p->s->nodes.items[i];

		if ((n->kind == SALVAGE_TOP || n->kind == SALVAGE_DETAILS) && n->nr > 0 &&
		    !(n->flags & SNODE_CHILD))
			r = add_root(p, n);
	}
	return r;
}

/* --- pairs --- */

/* Equal counts in both trees: they were committed together. */
static void compare_devices(const struct known *top, const struct known *details,
			    struct salvage_pair *pair)
{
	pair->nr_devices++;
	pair->nr_mappings += top->entries;
	pair->transaction = MAX(pair->transaction, details->details.transaction_id);
	pair->time = MAX(pair->time, MAX(details->details.creation_time,
					 details->details.snapshotted_time));
	if (top->root)
		pair->time = MAX(pair->time, top->root->time_max);
	pair->nr_broken += top->broken;
	if (!top->clash && top->entries == details->entries)
		pair->nr_equal++;
	else if (top->clash || !top->broken || top->entries > details->entries)
		pair->nr_clashing++;
}

/* What both lists have; the rest counts as broken, or where nothing is damaged as clashing. */
static void compare_lists(const struct knowns *a, const struct knowns *b,
			  struct salvage_pair *pair)
{
	size_t i = 0, k = 0;

	while (i < a->list.count || k < b->list.count) {
		const struct known *x = i < a->list.count ? &a->list.items[i] : NULL;
		const struct known *y = k < b->list.count ? &b->list.items[k] : NULL;

		if (x && y && x->id == y->id) {
			compare_devices(x, y, pair);
			i++;
			k++;
		} else if (x && (!y || x->id < y->id)) {
			pair->nr_broken += b->broken;
			pair->nr_clashing += !b->broken;
			i++;
		} else {
			pair->nr_broken += a->broken;
			pair->nr_clashing += !a->broken;
			k++;
		}
	}
	pair->nr_clashing += a->clash + b->clash;
}

/* Bounded: PAIRS_MAX sound ones and PAIRS_CLASH_MAX others. */
static int add_pair(struct pairing *p, bp_mblock mapping, bp_mblock details, bp_mblock index,
		    bool sure)
{
	struct salvage_pair pair = {
		.mapping = mapping,
		.details = details,
		.index = index,
		.sure = sure,
	};
	struct knowns a = { 0 }, b = { 0 };
	int r = 0;

	for (size_t i = 0; i < p->to->list.count; i++) {
		struct salvage_pair *old = &p->to->list.items[i];

		if (old->mapping == mapping && old->details == details) {
			old->index = MAX(old->index, index);
			old->sure |= sure;
			return 0;
		}
	}
	r = mapping ? know(p->s, mapping, SALVAGE_TOP, &a) : 0;
	if (r == 0 && details)
		r = know(p->s, details, SALVAGE_DETAILS, &b);
	a.broken |= !mapping;
	b.broken |= !details;
	compare_lists(&a, &b, &pair);
	if (r == 0 &&
	    (pair.nr_clashing ? p->nr_clashing++ < PAIRS_CLASH_MAX : p->nr_sound++ < PAIRS_MAX))
		r = vec_add(&p->to->list, &pair);
	vec_done(&a.list);
	vec_done(&b.list);
	return r;
}

/* Trees that nothing is missing of fit exactly; others may. */
static int pair_roots(struct pairing *p)
{
	int r = 0;

	for (size_t i = p->tops.count; r == 0 && i-- > 0;) {
		const struct root *top = &p->tops.items[i];

		for (size_t k = p->details.count; r == 0 && k-- > 0;) {
			const struct root *details = &p->details.items[k];

			if (top->ids == details->ids &&
			    (top->broken || top->counts == details->counts))
				r = add_pair(p, top->block, details->block, 0, false);
		}
	}
	return r;
}

/* --- pairs that a space map names --- */

/* The only live node of @kind that no live one points to, nor a metadata snapshot; 0: none, or several. */
static bp_mblock live_root(struct salvage *s, enum salvage_kind kind)
{
	bp_mblock root = 0;

	for (size_t i = 0; i < s->nodes.count; i++)
		s->nodes.items[i].flags &= (uint8_t)~SNODE_REACHED;
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		uint32_t count = salvage_count(s, n->block);

		if (n->kind != kind || (n->flags & SNODE_LEAF) || count == 0 ||
		    count == COUNT_UNKNOWN)
			continue;
		for (uint32_t k = 0; k < n->nr; k++)
			if (snode_at(s, n->values[k]))
				snode_at(s, n->values[k])->flags |= SNODE_REACHED;
	}
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		uint32_t count = salvage_count(s, n->block);

		if (n->kind != kind || n->nr == 0 || count == 0 || count == COUNT_UNKNOWN ||
		    (n->flags & SNODE_REACHED) || salvage_snap_has(s, n->block))
			continue;
		if (root)
			return 0;
		root = n->block;
	}
	return root;
}

/*
 * What an older space map counts as live has two roots: those belong together. INDEX_STEPS
 * bounds the work in large areas.
 */
static int pair_by_index(struct pairing *p)
{
	struct salvage *s = p->s;
	size_t nr = (size_t)MIN(s->indexes.count, INDEX_STEPS / MAX(s->meta.nr_blocks, 1));
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		bp_mblock mapping, details;

		r = salvage_live(s, s->indexes.items[i], 0, UINT64_MAX);
		if (r < 0 || !s->count || !salvage_live_whole(s))
			continue;
		mapping = live_root(s, SALVAGE_TOP);
		details = live_root(s, SALVAGE_DETAILS);
		if (mapping || details)
			r = add_pair(p, mapping, details, s->indexes.items[i],
				     salvage_is_newest(s));
	}
	return r;
}

/* Where no two fit, either is better than nothing. */
static int pair_alone(struct pairing *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->tops.count && i < PAIRS_MAX; i++)
		r = add_pair(p, p->tops.items[i].block, 0, 0, false);
	return r;
}

/* --- order --- */

/* Who is newer, as far as one device tells: > 0: @a is. */
static int newer_device(const struct known *a, const struct known *b)
{
	const struct bp_thin_device *x = &a->details, *y = &b->details;

	if (x->transaction_id != y->transaction_id || x->creation_time != y->creation_time)
		return 0; /* the id was used again */
	if (x->snapshotted_time != y->snapshotted_time)
		return x->snapshotted_time > y->snapshotted_time ? 1 : -1;
	return 0;
}

static int newer_mappings(const struct known *a, const struct known *b)
{
	if (!a->root || !b->root || a->root == b->root || a->broken || b->broken ||
	    a->root->time_max == b->root->time_max)
		return 0;
	return a->root->time_max > b->root->time_max ? 1 : -1;
}

/* All devices that both have, by @newer: 0 where they disagree. */
static int newer_all(const struct knowns *a, const struct knowns *b,
		     int (*newer)(const struct known *a, const struct known *b))
{
	size_t i = 0, k = 0;
	int result = 0;

	while (i < a->list.count && k < b->list.count) {
		const struct known *x = &a->list.items[i], *y = &b->list.items[k];
		int one = x->id == y->id ? newer(x, y) : 0;

		if (one && result && one != result)
			return 0;
		result = one ? one : result;
		i += x->id <= y->id;
		k += y->id <= x->id;
	}
	return result;
}

/* The devices of a pair's two trees. */
struct pair_lists {
	struct knowns details, top;
};

static int lists_read(struct salvage *s, const struct salvage_pair *p, struct pair_lists *ret)
{
	int r = p->details ? know(s, p->details, SALVAGE_DETAILS, &ret->details) : 0;

	if (r == 0 && p->mapping)
		r = know(s, p->mapping, SALVAGE_TOP, &ret->top);
	return r;
}

static void lists_done(struct pair_lists *lists)
{
	vec_done(&lists->details.list);
	vec_done(&lists->top.list);
}

/* What times of devices that both have prove; 0: nothing. */
static int order_lists(const struct pair_lists *a, const struct pair_lists *b)
{
	int newer = newer_all(&a->details, &b->details, newer_device);

	return newer ? newer : newer_all(&a->top, &b->top, newer_mappings);
}

/* Blocks in use by a pair's space map. */
static int load_live(struct salvage *s, const struct salvage_pair *p, struct bits *ret)
{
	int r = salvage_live(s, p->index, 0, UINT64_MAX);

	if (r == 0)
		r = bits_init(ret, s->meta.nr_blocks);
	for (bp_mblock b = 0; r == 0 && s->count && b < s->nr_counted; b++)
		if (s->count[b] != 0 && s->count[b] != COUNT_UNKNOWN)
			bits_set(ret, b);
	return r;
}

/*
 * Free blocks that an allocator would have passed by, had it gone from @before to @after
 * beginning at @start: it takes the next free one, and begins again at 0 at the end.
 */
static uint64_t skipped(const struct bits *before, const struct bits *after, bp_mblock start)
{
	uint64_t nr = 0, pending = 0;

	for (bp_mblock i = 0; i < before->count; i++) {
		bp_mblock b = (start + i) % before->count;

		if (bits_test(before, b))
			continue;
		if (bits_test(after, b)) {
			nr += pending;
			pending = 0;
		} else {
			pending++;
		}
	}
	return nr;
}

/* From where the last transaction ended, or from 0: the pool was activated anew. */
static uint64_t cost(const struct bits *before, const struct bits *after)
{
	bp_mblock last = 0;

	for (bp_mblock b = 0; b < before->count; b++)
		if (bits_test(before, b) && !bits_test(after, b))
			last = b;
	return MIN(skipped(before, after, 0), skipped(before, after, last));
}

/*
 * Which came first, by what each had free: the kernel allocates rising. 0 where that tells
 * nothing.
 */
static int order_allocation(struct salvage *s, const struct salvage_pair *a,
			    const struct salvage_pair *b, int *ret)
{
	struct bits x = { 0 }, y = { 0 };
	int r = load_live(s, a, &x);

	if (r == 0)
		r = load_live(s, b, &y);
	if (r == 0) {
		uint64_t to_a = cost(&y, &x), to_b = cost(&x, &y);

		if (MIN(to_a, to_b) <= NEXT_SKIPS)
			*ret = to_a < to_b ? 1 : to_a > to_b ? -1 : 0;
	}
	bits_done(&x);
	bits_done(&y);
	return r;
}

/* Where times prove nothing. > 0: @a is newer. */
static int order_weakly(struct salvage *s, const struct salvage_pair *a,
			const struct salvage_pair *b, int *ret)
{
	int r = 0;

	*ret = salvage_order_sharing(a, b);
	if (a->index && b->index)
		r = order_allocation(s, a, b, ret);
	if (!*ret && a->transaction != b->transaction)
		*ret = a->transaction > b->transaction ? 1 : -1;
	if (!*ret)
		*ret = salvage_order_blocks(a, b);
	return r;
}

/* Is something missing of each of its devices? */
static bool is_all_broken(const struct salvage_pair *p)
{
	return p->nr_devices && p->nr_broken >= p->nr_devices;
}

/*
 * Whatever is newer: what can't be as it is comes last, before that what leads to nothing, and what
 * has no device whole, unless it is surely the newest: then older trees fill what it lacks, where
 * they alone would bring back what was deleted since.
 */
static int grade(const struct salvage_pair *p)
{
	if (p->nr_clashing)
		return 2;
	return ((!p->mapping || !p->details) && !p->index) || (is_all_broken(p) && !p->sure);
}

/* What is proved of each two of @nr pairs: [i * nr + k] > 0: i is newer than k. */
static int prove_all(struct salvage *s, const struct salvage_pair *items, size_t nr,
		     int8_t *proved)
{
	struct pair_lists *lists = calloc(nr + 1, sizeof(*lists));
	size_t total = 0, loaded = 0;
	int r = lists ? 0 : -ENOMEM;

	for (; r == 0 && loaded < nr && total < LISTS_MAX; loaded++) {
		r = lists_read(s, &items[loaded], &lists[loaded]);
		total += lists[loaded].details.list.count + lists[loaded].top.list.count;
	}
	for (size_t i = 0; r == 0 && i < nr; i++)
		for (size_t k = 0; k < i; k++) {
			int newer = grade(&items[i]) - grade(&items[k]);

			if (!newer && i < loaded)
				newer = -order_lists(&lists[i], &lists[k]);
			proved[k * nr + i] = (int8_t)newer;
			proved[i * nr + k] = (int8_t)-newer;
		}
	for (size_t i = 0; lists && i < nr; i++)
		lists_done(&lists[i]);
	free(lists);
	return r;
}

/* Is one of those left proved to be newer than @i? */
static bool is_older(const int8_t *proved, const bool *taken, size_t nr, size_t i)
{
	for (size_t k = 0; k < nr; k++)
		if (!taken[k] && proved[k * nr + i] > 0)
			return true;
	return false;
}

/* The newest of those left: of what nothing is proved newer; of all, where proofs go in a ring. */
static int pick_newest(struct salvage *s, const struct salvage_pair *items, size_t nr,
		       const int8_t *proved, const bool *taken, size_t *ret)
{
	size_t best = nr;
	bool best_older = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		bool older;
		int newer = 1;

		if (taken[i])
			continue;
		older = is_older(proved, taken, nr, i);
		if (older && !best_older)
			continue;
		if (best < nr && older == best_older)
			r = order_weakly(s, &items[i], &items[best], &newer);
		if (newer > 0) {
			best = i;
			best_older = older;
		}
	}
	*ret = best;
	return r;
}

/*
 * Newest first. What times prove holds for any two, also where nothing can be said of those in
 * between; the rest is no order of numbers, so the next one is looked for each time.
 */
static int sort_pairs(struct salvage *s, struct salvage_pairs *pairs)
{
	size_t nr = pairs->list.count;
	_cleanup_(freep) int8_t *proved = calloc(nr + 1, nr + 1);
	_cleanup_(freep) bool *taken = calloc(nr + 1, sizeof(*taken));
	_cleanup_(freep) struct salvage_pair *sorted = calloc(nr + 1, sizeof(*sorted));
	int r = proved && taken && sorted ? 0 : -ENOMEM;

	if (r == 0)
		r = prove_all(s, pairs->list.items, nr, proved);
	for (size_t n = 0; r == 0 && n < nr; n++) {
		size_t next;

		r = pick_newest(s, pairs->list.items, nr, proved, taken, &next);
		if (r < 0)
			break;
		taken[next] = true;
		sorted[n] = pairs->list.items[next];
	}
	if (r == 0 && nr)
		memcpy(pairs->list.items, sorted, nr * sizeof(*sorted));
	return r;
}

/* For BEDPLATE_DEBUG=formats. */
static void log_pairs(const struct salvage *s, const struct salvage_pairs *pairs)
{
	for (size_t i = 0; i < pairs->list.count; i++) {
		const struct salvage_pair *p = &pairs->list.items[i];

		bp_debug(s->meta.ctx, "formats",
			 "roots %" PRIu64 ", %" PRIu64 ": index %" PRIu64 ", %" PRIu64
			 " devices (%" PRIu64 " equal, %" PRIu64 " broken, %" PRIu64
			 " clash), %" PRIu64 " mappings, transaction %" PRIu64
			 ", time %" PRIu32,
			 p->mapping, p->details, p->index, p->nr_devices, p->nr_equal,
			 p->nr_broken, p->nr_clashing, p->nr_mappings, p->transaction, p->time);
	}
}

/* Best first. Flags and counts that it used are left as they were. */
int salvage_pairs(struct salvage *s, struct salvage_pairs *ret)
{
	struct pairing p = { .s = s, .to = ret };
	int r;

	*ret = (struct salvage_pairs){ 0 };
	r = find_roots(&p);
	if (r == 0)
		r = pair_by_index(&p);
	if (r == 0)
		r = pair_roots(&p);
	if (r == 0 && ret->list.count == 0)
		r = pair_alone(&p);
	if (r == 0)
		r = sort_pairs(s, ret);
	log_pairs(s, ret);
	for (size_t i = 0; i < s->nodes.count; i++)
		s->nodes.items[i].flags &= (uint8_t)~SNODE_REACHED;
	free(s->count);
	s->count = NULL;
	vec_done(&p.tops);
	vec_done(&p.details);
	return r;
}

/* --- roots for devices whose own are lost --- */

/* Both sorted by id. */
static size_t count_equal(const struct knowns *tops, const struct salvage_devices *devices)
{
	size_t i = 0, k = 0, nr = 0;

	while (i < tops->list.count && k < devices->list.count) {
		const struct known *x = &tops->list.items[i];
		const struct salvage_device *y = &devices->list.items[k];

		nr += x->id == y->pub.id && y->has_details && !x->clash && !x->broken &&
		      x->entries == y->pub.mapped_dblocks;
		i += x->id <= y->pub.id;
		k += y->pub.id <= x->id;
	}
	return nr;
}

/* For devices whose top tree is lost: the older one that fits most of them. */
int salvage_closest_top(struct salvage *s, const struct salvage_devices *devices,
			bp_mblock *ret)
{
	size_t most = 0;
	int r = 0;

	*ret = 0;
	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		struct knowns knowns = { 0 };
		size_t nr;

		if (n->kind != SALVAGE_TOP || n->nr == 0 || (n->flags & SNODE_CHILD))
			continue;
		r = know(s, n->block, SALVAGE_TOP, &knowns);
		nr = count_equal(&knowns, devices);
		if (nr && nr >= most) {
			most = nr;
			*ret = n->block;
		}
		vec_done(&knowns.list);
	}
	return r;
}
