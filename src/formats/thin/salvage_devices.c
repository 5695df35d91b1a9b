/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of two trees, each perhaps damaged. A device whose root is lost gets the one
 * subtree that can be its own: live, of nobody else, with as many mappings as the device's
 * details say; where several could be, an older tree of roots must have it for this device. A
 * device whose details are lost gets such that nothing of its mappings is taken for unshared.
 */
#include "formats/thin/salvage.h"

void salvage_devices_done(struct salvage_devices *devices)
{
	vec_done(&devices->list);
}

/* --- both trees --- */

struct collect {
	struct salvage *s;
	struct salvage_devices *to;
	enum salvage_kind kind;
};

/* Top and details trees have the same ids; join() puts the two halves together. */
static int collect_leaf(struct collect *c, const struct snode *n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n->nr; i++) {
		struct salvage_device d = { .pub.id = n->keys[i] };

		if (c->kind == SALVAGE_TOP) {
			d.pub.root = n->values[i];
			d.has_root = true;
		} else {
			thin_details_decode(&n->details[i], &d.pub);
			d.has_details = true;
		}
		r = vec_add(&c->to->list, &d);
	}
	return r;
}

/* Devices that may have had their root or details there. */
static int lose_range(struct collect *c, bp_mblock block, uint64_t begin, uint64_t end)
{
	struct salvage_lost lost = {
		.device = BP_NONE,
		.kind = (uint8_t)c->kind,
		.block = (uint32_t)block,
		.error = salvage_why(c->s, block, c->kind),
		.begin = begin,
		.end = end,
	};

	return vec_add(&c->s->lost, &lost);
}

/* Also through places whose node is lost, by children that were found for it. */
static int collect_below(struct collect *c, bp_mblock block, uint64_t begin, uint64_t end,
			 unsigned depth)
{
	struct snode *n = snode_of_kind(c->s, block, c->kind);
	const struct salvage_place *place = n ? NULL : salvage_place_at(c->s, block);
	int r = 0;

	if (depth == BTREE_MAX_DEPTH || (n && !salvage_pass(c->s, n)))
		return 0;
	if (n && (n->flags & SNODE_LEAF))
		return collect_leaf(c, n);
	if (!n && place && place->kind == c->kind && place->children.count) {
		for (size_t i = 0; r == 0 && i < place->children.count; i++)
			r = collect_below(c, salvage_child(c->s, place, i)->block, 0,
					  UINT64_MAX, depth + 1);
		return r == 0 && salvage_lacks(c->s, place) ? lose_range(c, block, begin, end)
							    : r;
	}
	if (!n)
		return lose_range(c, block, begin, end);
	for (uint32_t i = 0; r == 0 && i < n->nr; i++)
		r = collect_below(c, n->values[i], n->keys[i],
				  i + 1u < n->nr ? n->keys[i + 1] - 1 : end, depth + 1);
	return r;
}

static int by_id(const void *a, const void *b)
{
	const struct salvage_device *x = a, *y = b;

	if (x->pub.id != y->pub.id)
		return x->pub.id < y->pub.id ? -1 : 1;
	return (int)y->has_root - (int)x->has_root;
}

/* One device for each id: a root and details. */
static void join(struct salvage_devices *devices)
{
	size_t to = 0;

	if (devices->list.count)
		qsort(devices->list.items, devices->list.count, sizeof(devices->list.items[0]),
		      by_id);
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];
		struct salvage_device *last = to ? &devices->list.items[to - 1] : NULL;

		if (!last || last->pub.id != d->pub.id) {
			devices->list.items[to++] = *d;
			continue;
		}
		if (!d->has_details || last->has_details)
			continue; /* a second one of the same: the trees' order is what counts */
		last->has_details = true;
		last->pub.mapped_dblocks = d->pub.mapped_dblocks;
		last->pub.transaction_id = d->pub.transaction_id;
		last->pub.creation_time = d->pub.creation_time;
		last->pub.snapshotted_time = d->pub.snapshotted_time;
	}
	devices->list.count = to;
}

/* --- roots that were lost --- */

/* An older leaf of roots, no longer in use, says that this was the root of that device. */
struct claim {
	uint64_t id;
	struct snode *root;
};

struct finder {
	struct salvage *s;
	struct salvage_devices *devices;
	VEC(struct claim) claims; /* by root, then id; each once */
	bool complete;            /* all roots that are missing can be seen */
	bool closed;              /* all live trees are of these devices */
};

/* Parents of a live node that are missing; where nothing is known of live ones, one. */
static uint32_t missing(const struct salvage *s, const struct snode *n)
{
	uint32_t count = salvage_count(s, n->block), known = s->pointers[n->block];

	if (!s->count)
		return known == 0;
	return count == COUNT_UNKNOWN || count == COUNT_MANY || count <= known ? 0
									       : count - known;
}

/* A subtree that can be the root of something: it has an owner less than it should. */
static bool is_candidate(const struct salvage *s, const struct snode *n)
{
	return snode_of_kind(s, n->block, SALVAGE_MAPPINGS) && n->entries > 0 &&
	       !(n->flags & SNODE_CLASH) && (s->count || !(n->flags & SNODE_BROKEN)) &&
	       missing(s, n) > 0;
}

/* Nothing below it is left: it may be anybody's root. */
static bool is_blank(const struct salvage *s, const struct snode *n)
{
	return n->kind == SALVAGE_NONE && s->count && missing(s, n) > 0;
}

static int by_claim(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	if (x->root != y->root)
		return x->root < y->root ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Older versions of top leaves name roots for ids: candidates for one whose newest is lost. */
static int add_claims(struct finder *f, const struct snode *leaf)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->nr; i++) {
		struct claim claim = {
			.id = leaf->keys[i],
			.root = snode_of_kind(f->s, leaf->values[i], SALVAGE_MAPPINGS),
		};

		if (claim.root && is_candidate(f->s, claim.root))
			r = vec_add(&f->claims, &claim);
	}
	return r;
}

/* Sorted, each once. */
static int find_claims(struct finder *f)
{
	const struct salvage *s = f->s;
	size_t to = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];

		if (n->kind == SALVAGE_TOP && (n->flags & SNODE_LEAF) &&
		    !(n->flags & SNODE_CLASH))
			r = add_claims(f, n);
	}
	if (f->claims.count)
		qsort(f->claims.items, f->claims.count, sizeof(f->claims.items[0]), by_claim);
	for (size_t i = 0; i < f->claims.count; i++)
		if (!to || by_claim(&f->claims.items[i], &f->claims.items[to - 1]))
			f->claims.items[to++] = f->claims.items[i];
	f->claims.count = to;
	return r;
}

static struct salvage_device *find_device(const struct finder *f, uint64_t id)
{
	size_t low = vec_bisect(&f->devices->list, item, item->pub.id < id);

	return low < f->devices->list.count && f->devices->list.items[low].pub.id == id
		       ? &f->devices->list.items[low]
		       : NULL;
}

/* Could the device have this root, as far as its details tell? */
static bool could_be(const struct finder *f, const struct salvage_device *d,
		     const struct snode *n)
{
	if (!salvage_needs_root(d) || missing(f->s, n) == 0)
		return false;
	return n->flags & SNODE_BROKEN ? n->entries <= d->pub.mapped_dblocks
				       : n->entries == d->pub.mapped_dblocks;
}

/* Devices that claim @n and could have it. */
static size_t claimed_by(const struct finder *f, const struct snode *n)
{
	size_t nr = 0;

	for (size_t i = 0; i < f->claims.count; i++) {
		const struct salvage_device *d;

		if (f->claims.items[i].root != n)
			continue;
		d = find_device(f, f->claims.items[i].id);
		nr += d && could_be(f, d, n);
	}
	return nr;
}

static bool leaf_has(const struct snode *leaf, uint64_t id, bp_mblock root)
{
	for (uint32_t i = 0; i < leaf->nr; i++)
		if (leaf->keys[i] == id && (root == 0 || leaf->values[i] == root))
			return true;
	return false;
}

/* Does @leaf know all that claim @n, and give it to no more than it has room for? */
static bool leaf_settles(const struct finder *f, const struct snode *leaf,
			 const struct snode *n)
{
	size_t nr = 0;

	for (size_t i = 0; i < f->claims.count; i++) {
		const struct claim *c = &f->claims.items[i];
		const struct salvage_device *d;

		if (c->root != n)
			continue;
		d = find_device(f, c->id);
		if (d && could_be(f, d, n) && !leaf_has(leaf, c->id, 0))
			return false;
		nr += leaf_has(leaf, c->id, n->block);
	}
	return nr <= missing(f->s, n);
}

/*
 * More devices had this root than have it now: after a snapshot both have, until one is written
 * to. An older leaf that knows all of them tells which.
 */
static bool is_settled(const struct finder *f, const struct salvage_device *d,
		       const struct snode *n)
{
	const struct salvage *s = f->s;

	if (claimed_by(f, n) <= missing(s, n))
		return true;
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *leaf = &s->nodes.items[i];

		if (leaf->kind == SALVAGE_TOP && (leaf->flags & SNODE_LEAF) &&
		    !(leaf->flags & SNODE_CLASH) && leaf_has(leaf, d->pub.id, n->block) &&
		    leaf_settles(f, leaf, n))
			return true;
	}
	return false;
}

/* The only one of those it claims that @d could have, and that no snapshot can be counting. */
static struct snode *claimed_root(const struct finder *f, const struct salvage_device *d)
{
	struct snode *only = NULL;

	if (f->s->snap_unknown)
		return NULL;
	for (size_t i = 0; i < f->claims.count; i++) {
		struct snode *n = f->claims.items[i].root;

		if (f->claims.items[i].id != d->pub.id || !could_be(f, d, n) ||
		    !is_settled(f, d, n))
			continue;
		if (only)
			return NULL;
		only = n;
	}
	return only;
}

/* Can @n be part of the tree of another device that has no root yet? */
static bool fits_another(const struct finder *f, const struct salvage_device *d,
			 const struct snode *n)
{
	for (size_t i = 0; i < f->devices->list.count; i++) {
		const struct salvage_device *other = &f->devices->list.items[i];

		if (other != d && salvage_needs_root(other) &&
		    other->pub.mapped_dblocks >= n->entries)
			return true;
	}
	return false;
}

/*
 * The only one there is that @d could have. Where a root may be gone unseen, it must be all of what
 * a device has, and too much for any other: part of a tree whose root is gone it is then of @d's.
 */
static struct snode *only_root(const struct finder *f, const struct salvage_device *d)
{
	struct snode *only = NULL;

	for (size_t i = 0; (f->complete || f->closed) && i < f->s->nodes.count; i++) {
		struct snode *n = &f->s->nodes.items[i];

		if (is_blank(f->s, n))
			return NULL;
		if (!is_candidate(f->s, n) || !could_be(f, d, n))
			continue;
		if (only ||
		    (!f->complete && ((n->flags & SNODE_BROKEN) || fits_another(f, d, n))))
			return NULL;
		only = n;
	}
	return only;
}

/* Each root that finds its device leaves fewer for the others. */
static void find_roots(struct finder *f)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < f->devices->list.count; i++) {
			struct salvage_device *d = &f->devices->list.items[i];
			struct snode *n = NULL;

			if (salvage_needs_root(d))
				n = only_root(f, d);
			if (!n && salvage_needs_root(d))
				n = claimed_root(f, d);
			if (!n)
				continue;
			d->has_root = d->root_found = true;
			d->pub.root = n->block;
			f->s->pointers[n->block]++;
			more = true;
		}
	}
}

/* --- devices that both lists lost --- */

/* Both lists lost devices: those that nobody but their claim knows, if it is the only one. */
static int add_claimed(struct finder *f)
{
	size_t nr = f->devices->list.count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < f->claims.count; i++) {
		const struct claim *c = &f->claims.items[i];
		struct salvage_device d = {
			.pub = { .id = c->id, .root = c->root->block },
			.has_root = true,
			.root_found = true,
		};
		size_t others = 0, roots = 0;

		for (size_t k = 0; k < f->claims.count; k++) {
			others += f->claims.items[k].root == c->root;
			roots += f->claims.items[k].id == c->id;
		}
		if (roots != 1 || others > missing(f->s, c->root) || find_device(f, c->id))
			continue;
		r = vec_add(&f->devices->list, &d);
	}
	for (size_t i = nr; i < f->devices->list.count; i++)
		f->s->pointers[f->devices->list.items[i].pub.root]++;
	return r;
}

/* Devices that neither tree has any more. */
static bool lost_both(const struct salvage *s)
{
	bool top = false, details = false;

	for (size_t i = 0; i < s->lost.count; i++) {
		top |= s->lost.items[i].kind == SALVAGE_TOP;
		details |= s->lost.items[i].kind == SALVAGE_DETAILS;
	}
	return top && details;
}

/* All devices are known, and there is no snapshot: whatever of mappings is live is of their trees. */
static bool is_closed(const struct salvage *s, const struct salvage_roots *roots,
		      const struct salvage_devices *devices)
{
	for (size_t i = 0; i < s->lost.count; i++)
		if (s->lost.items[i].kind == SALVAGE_DETAILS)
			return false;
	for (size_t i = 0; i < devices->list.count; i++)
		if (!devices->list.items[i].has_details)
			return false;
	/* Without a superblock nobody knows of a snapshot; with one device it is no other's. */
	return s->count && !roots->snap && (roots->metadata_map || devices->list.count == 1);
}

/*
 * Only where something is missing: a claim is a guess, and is used where nothing better is
 * left.
 */
static int complete_roots(struct salvage *s, const struct salvage_roots *roots,
			  struct salvage_devices *devices)
{
	const unsigned lists = !roots->mapping + !roots->details;
	struct finder f = { .s = s,
			    .devices = devices,
			    .complete = salvage_all_seen(s, lists),
			    .closed = is_closed(s, roots, devices) };
	bool both = s->count && lost_both(s), any = both;
	int r;

	for (size_t i = 0; i < devices->list.count; i++)
		any |= salvage_needs_root(&devices->list.items[i]);
	if (!any)
		return 0;
	r = find_claims(&f);
	if (r == 0)
		find_roots(&f);
	if (r == 0 && f.closed)
		r = salvage_orphans(s, devices);
	if (r == 0 && both && !s->snap_unknown) {
		r = add_claimed(&f);
		join(devices);
	}
	vec_done(&f.claims);
	return r;
}

/* --- details that were lost --- */

/*
 * An older leaf of details may know the device: its transaction id is still right, unless the id
 * was used again, and no time of it is too high. What was counted then is of no use now.
 */
static void recall_details(const struct salvage *s, struct salvage_device *d)
{
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		struct bp_thin_device old;

		if (n->kind != SALVAGE_DETAILS || !(n->flags & SNODE_LEAF))
			continue;
		for (uint32_t k = 0; k < n->nr; k++) {
			if (n->keys[k] != d->pub.id)
				continue;
			thin_details_decode(&n->details[k], &old);
			d->details_found = true;
			d->pub.transaction_id = MAX(d->pub.transaction_id, old.transaction_id);
			d->pub.snapshotted_time =
				MAX(d->pub.snapshotted_time, old.snapshotted_time);
		}
	}
}

/* --- both --- */

/* Devices from @begin on: none of them, if one is there twice. */
static void drop_twins(struct salvage_devices *devices, size_t begin)
{
	struct salvage_device *items = devices->list.items;
	size_t nr = devices->list.count;

	if (nr > begin)
		qsort(items + begin, nr - begin, sizeof(*items), by_id);
	for (size_t i = begin + 1; i < nr; i++)
		if (items[i].pub.id == items[i - 1].pub.id)
			devices->list.count = begin;
}

/*
 * The root of a tree is lost: all live leaves of its kind are its own, unless there are two trees,
 * as with a metadata snapshot.
 */
static int collect_live(struct collect *c)
{
	const struct salvage *s = c->s;
	size_t begin = c->to->list.count;
	int r = lose_range(c, 0, 0, UINT64_MAX);

	for (size_t i = 0; r == 0 && i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		uint32_t count = salvage_count(s, n->block);

		if (n->kind == c->kind && (n->flags & SNODE_LEAF) &&
		    !(n->flags & SNODE_CLASH) && count != 0 && count != COUNT_UNKNOWN &&
		    !salvage_snap_has(s, n->block))
			r = collect_leaf(c, n);
	}
	drop_twins(c->to, begin);
	return r;
}

static int collect_tree(struct collect *c, bp_mblock root)
{
	salvage_walk(c->s);
	return collect_below(c, root, 0, UINT64_MAX, 0);
}

static int collect(struct collect *c, bp_mblock root)
{
	return root ? collect_tree(c, root) : collect_live(c);
}

/* Every device that can be known of: by root, by details, or by both. */
int salvage_devices(struct salvage *s, const struct salvage_roots *roots,
		    struct salvage_devices *ret)
{
	struct salvage_devices devices = { 0 };
	struct collect c = { .s = s, .to = &devices, .kind = SALVAGE_TOP };
	int r;

	s->unseen = s->count && !salvage_all_seen(s, 0);
	r = collect(&c, roots->mapping);

	c.kind = SALVAGE_DETAILS;
	if (r == 0)
		r = collect(&c, roots->details);
	if (r == 0) {
		join(&devices);
		r = complete_roots(s, roots, &devices);
	}
	for (size_t i = 0; r == 0 && i < devices.list.count; i++)
		if (!devices.list.items[i].has_details)
			recall_details(s, &devices.list.items[i]);
	if (r < 0)
		salvage_devices_done(&devices);
	else
		*ret = devices;
	return r;
}

/* Of one state in the history, without guessing. */
int salvage_list(struct salvage *s, bp_mblock mapping, bp_mblock details,
		 struct salvage_devices *ret)
{
	struct collect c = { .s = s, .to = ret, .kind = SALVAGE_TOP };
	int r = collect_tree(&c, mapping);

	c.kind = SALVAGE_DETAILS;
	if (r == 0)
		r = collect_tree(&c, details);
	s->lost.count = 0;
	if (r == 0)
		join(ret);
	return r;
}
