/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See owning.h: counting while the forest is walked, then owners by visiting what was found. */
#include "formats/thin/owning.h"

#include "formats/thin/gaps.h"

#include <inttypes.h>

/* --- counting --- */

/* -ERANGE where a mapping leads past the end. */
static int count(struct refcounts *c, const struct node *leaf, uint64_t *bad)
{
	uint64_t highest = 0;

	for (uint32_t i = 0; i < leaf->nr; i++)
		highest = MAX(highest, node_value64(leaf, i));
	if (leaf->nr && thin_mapping_block(highest) >= c->nr_blocks) {
		*bad = thin_mapping_block(highest);
		return -ERANGE;
	}
	return refcounts_inc_many(c, (const void *)leaf->values, leaf->nr, THIN_TIME_BITS);
}

/* For forest.leaf: from several workers at once. */
static int count_leaf(void *user, unsigned worker, uint32_t node, const struct node *leaf)
{
	struct thin_owning *o = user;
	uint64_t bad;
	int r = count(&o->counts[worker], leaf, &bad);

	if (r == -ERANGE) {
		__atomic_store_n(&o->bad_block, bad, __ATOMIC_RELAXED);
		__atomic_store_n(&o->bad_node, node, __ATOMIC_RELAXED);
	}
	return r;
}

/* What the superblock claims, but no more than this metadata could count. */
static int init_counts(struct thin_owning *o)
{
	o->nr_data_blocks =
		MIN(o->tm->sb.pub.nr_data_blocks, o->tm->meta.nr_blocks * SM_BITMAP_ENTRIES);
	o->nr_counts = forest_workers(&o->forest);
	o->counts = calloc(o->nr_counts, sizeof(*o->counts));
	if (!o->counts)
		return -ENOMEM;
	for (unsigned i = 0; i < o->nr_counts; i++) {
		int r = refcounts_init(&o->counts[i], o->nr_data_blocks);

		if (r < 0)
			return r;
	}
	return 0;
}

static int merge_counts(struct thin_owning *o)
{
	int r = 0;

	for (unsigned i = 1; r == 0 && i < o->nr_counts; i++)
		r = refcounts_merge(&o->counts[0], &o->counts[i]);
	return r;
}

/* --- owners --- */

/* Taking the leaves of one device. */
struct taking {
	struct thin_owning *o;
	uint32_t owner;
};

static int own_leaf(void *user, const struct walk_node *leaf)
{
	struct taking *t = user;
	uint32_t *owner = &t->o->owner[leaf - t->o->forest.nodes.items];

	*owner = *owner == OWNER_NONE ? t->owner : OWNER_SEVERAL;
	return 0;
}

/* What is below a node that two devices have is everybody's: no need to go there again. */
static bool own_inner(void *user, const struct walk_node *node)
{
	struct taking *t = user;
	uint32_t *owner = &t->o->owner[node - t->o->forest.nodes.items];

	if (*owner == OWNER_SEVERAL)
		return true;
	*owner = *owner == OWNER_NONE ? t->owner : OWNER_SEVERAL;
	return false;
}

/*
 * One owner a node is enough to tell "by one" from "by several"; which they are is asked
 * again later.
 */
static int find_owners(struct thin_owning *o)
{
	struct taking t = { .o = o };
	const struct forest_visitor visitor = {
		.leaf = own_leaf,
		.pass = own_inner,
		.user = &t,
	};
	int r = 0;

	o->owner = calloc(o->forest.nodes.count + 1, sizeof(*o->owner));
	if (!o->owner)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < o->devices.list.count; i++) {
		t.owner = (uint32_t)i + 1;
		r = forest_visit(&o->forest, o->devices.list.items[i].root, &visitor);
	}
	return r;
}

/* --- reading leaves again --- */

struct again {
	struct thin_owning *o;
	thin_owned_leaf_fn fn;
	void *user;
};

/* For io_stream(). */
static int on_block(void *user, unsigned worker, size_t index, bp_mblock block,
		    const void *data, int error)
{
	const struct again *a = user;
	struct node leaf;

	(void)worker, (void)index;
	if (error)
		return error;
	/* It was sound a moment ago: the pool is active, or the device is failing. */
	if (node_decode(data, block, sizeof(le64), &leaf) != NODE_OK || !leaf.leaf)
		return -EIO;
	return a->fn(a->user, &leaf, a->o->owner[a->o->forest.node_of[block] - 1]);
}

static bool is_wanted(const struct thin_owning *o, size_t node, unsigned kinds)
{
	uint32_t owner = o->owner[node];

	if (!(o->forest.nodes.items[node].flags & WALK_IS_LEAF) || owner == OWNER_NONE)
		return false;
	return kinds & (owner == OWNER_SEVERAL ? THIN_OWNED_BY_SEVERAL : THIN_OWNED_BY_ONE);
}

/* Only nodes of the wanted kinds, in order of the disk. */
static int read_again(struct thin_owning *o, unsigned kinds, unsigned workers,
		      thin_owned_leaf_fn fn, void *user)
{
	struct meta *meta = &o->tm->meta;
	struct again again = { .o = o, .fn = fn, .user = user };
	struct bits wanted;
	int r = bits_init(&wanted, meta->nr_blocks);

	if (r < 0)
		return r;
	for (size_t i = 0; i < o->forest.nodes.count; i++)
		if (is_wanted(o, i, kinds))
			bits_set(&wanted, o->forest.nodes.items[i].block);
	r = meta_stream(meta, &wanted, workers, on_block, &again);
	bits_done(&wanted);
	return r;
}

static int count_again(void *user, const struct node *leaf, uint32_t owner)
{
	struct thin_owning *o = user;
	uint64_t bad;

	(void)owner;
	return count(&o->counts[0], leaf, &bad);
}

/* --- the whole --- */

/* Each node once, whatever the number of devices that share it. */
static int walk(struct thin_owning *o, bool counts)
{
	size_t nr = o->devices.list.count;
	_cleanup_(freep) uint64_t *roots = calloc(nr + 1, sizeof(*roots));
	int r;

	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		roots[i] = o->devices.list.items[i].root;
	o->forest.meta = &o->tm->meta;
	o->forest.value_size = sizeof(le64);
	r = forest_init(&o->forest);
	if (r == 0 && counts) {
		o->forest.leaf = count_leaf;
		o->forest.user = o;
		r = init_counts(o);
	}
	return r < 0 ? r : forest_walk(&o->forest, roots, nr);
}

/* Tells what is lost: the caller's result would be wrong without a word otherwise. */
static int fail_damaged(struct thin_owning *o)
{
	struct bp_ctx *ctx = o->tm->meta.ctx;
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(&o->forest, o->devices.list.items, o->devices.list.count, &gaps);

	if (r < 0)
		r = bp_fail_memory(ctx);
	else
		r = thin_gaps_fail(ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

/* What the parts returned, in words. */
static int say_why(struct thin_owning *o, int r)
{
	struct bp_ctx *ctx = o->tm->meta.ctx;

	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r == -ERANGE)
		return bp_fail(ctx, -EUCLEAN,
			       "metadata contains errors: block %" PRIu32
			       " maps to data block %" PRIu64 " of %" PRIu64,
			       o->forest.nodes.items[o->bad_node].block, o->bad_block,
			       o->nr_data_blocks);
	return bp_fail(ctx, r, "cannot read the mappings: %s", strerror(-r));
}

int thin_owning_init(struct thin_owning *o, struct bp_thin_meta *meta)
{
	o->tm = meta;
	return thin_devices_read(meta, &o->devices);
}

void thin_owning_done(struct thin_owning *o)
{
	thin_devices_done(&o->devices);
	forest_done(&o->forest);
	for (unsigned i = 0; o->counts && i < o->nr_counts; i++)
		refcounts_done(&o->counts[i]);
	free(o->counts);
	free(o->owner);
}

/*
 * @counts: how often each data block is mapped. Blocks below shared nodes are counted once
 * more for each further owner.
 */
int thin_owning_read(struct thin_owning *o, bool counts)
{
	int r = walk(o, counts);

	if (r < 0)
		return say_why(o, r);
	if (o->forest.nr_errors > 0)
		return fail_damaged(o);
	if (!counts)
		return 0;
	r = merge_counts(o);
	if (r == 0)
		r = find_owners(o);
	if (r == 0)
		r = read_again(o, THIN_OWNED_BY_SEVERAL, 1, count_again, o);
	return r < 0 ? say_why(o, r) : 0;
}

int thin_owning_again(struct thin_owning *o, unsigned kinds, unsigned workers,
		      thin_owned_leaf_fn fn, void *user)
{
	int r = read_again(o, kinds, workers, fn, user);

	return r < 0 ? say_why(o, r) : r;
}
