/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is exclusive to a device: all leaves are read once to count how often each data block is
 * mapped, those that several devices have once more, so that their blocks count twice at
 * least. Then the leaves of single devices are looked at again.
 */
#include <bedplate/thin_ls.h>

#include "formats/thin/gaps.h"
#include "formats/thin/meta.h"
#include "pdata/refcounts_run.h"

#include <inttypes.h>

#define OWNER_NONE    0u
#define OWNER_SEVERAL UINT32_MAX

struct ls {
	struct bp_thin_meta *tm;
	struct thin_devices devices;
	struct forest forest;
	struct refcounts *counts; /* one for each worker; the first gets them all */
	unsigned nr_counts;
	uint64_t nr_data_blocks; /* that can be */
	uint32_t *owner;         /* by node: index of the device + 1 */
	uint64_t *exclusive;     /* by device */
	uint64_t bad_block;      /* mapped, but past the end; and by which node */
	uint32_t bad_node;
};

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
	struct ls *ls = user;
	uint64_t bad;
	int r = count(&ls->counts[worker], leaf, &bad);

	if (r == -ERANGE) {
		__atomic_store_n(&ls->bad_block, bad, __ATOMIC_RELAXED);
		__atomic_store_n(&ls->bad_node, node, __ATOMIC_RELAXED);
	}
	return r;
}

/* What the superblock claims, but no more than this metadata could count. */
static int init_counts(struct ls *ls)
{
	ls->nr_data_blocks =
		MIN(ls->tm->sb.pub.nr_data_blocks, ls->tm->meta.nr_blocks * SM_BITMAP_ENTRIES);
	ls->nr_counts = forest_workers(&ls->forest);
	ls->counts = calloc(ls->nr_counts, sizeof(*ls->counts));
	if (!ls->counts)
		return -ENOMEM;
	for (unsigned i = 0; i < ls->nr_counts; i++) {
		int r = refcounts_init(&ls->counts[i], ls->nr_data_blocks);

		if (r < 0)
			return r;
	}
	return 0;
}

static int merge_counts(struct ls *ls)
{
	int r = 0;

	for (unsigned i = 1; r == 0 && i < ls->nr_counts; i++)
		r = refcounts_merge(&ls->counts[0], &ls->counts[i]);
	return r;
}

/* --- owners --- */

struct owning {
	struct ls *ls;
	uint32_t owner;
};

static int own_leaf(void *user, const struct walk_node *leaf)
{
	struct owning *owning = user;
	uint32_t *owner = &owning->ls->owner[leaf - owning->ls->forest.nodes.items];

	*owner = *owner == OWNER_NONE ? owning->owner : OWNER_SEVERAL;
	return 0;
}

/* What is below a node that two devices have is everybody's: no need to go there again. */
static bool own_inner(void *user, const struct walk_node *node)
{
	struct owning *owning = user;
	uint32_t *owner = &owning->ls->owner[node - owning->ls->forest.nodes.items];

	if (*owner == OWNER_SEVERAL)
		return true;
	*owner = *owner == OWNER_NONE ? owning->owner : OWNER_SEVERAL;
	return false;
}

static int find_owners(struct ls *ls)
{
	struct owning owning = { .ls = ls };
	const struct forest_visitor visitor = {
		.leaf = own_leaf,
		.pass = own_inner,
		.user = &owning,
	};
	int r = 0;

	ls->owner = calloc(ls->forest.nodes.count + 1, sizeof(*ls->owner));
	ls->exclusive = calloc(ls->devices.list.count + 1, sizeof(*ls->exclusive));
	if (!ls->owner || !ls->exclusive)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ls->devices.list.count; i++) {
		owning.owner = (uint32_t)i + 1;
		r = forest_visit(&ls->forest, ls->devices.list.items[i].root, &visitor);
	}
	return r;
}

/* --- reading leaves again --- */

static int decode_again(bp_mblock block, const void *data, int error, struct node *ret)
{
	if (error)
		return error;
	/* It was sound a moment ago: the pool is active, or the device is failing. */
	return node_decode(data, block, sizeof(le64), ret) == NODE_OK && ret->leaf ? 0 : -EIO;
}

static int count_again(void *user, unsigned worker, size_t index, bp_mblock block,
		       const void *data, int error)
{
	struct ls *ls = user;
	struct node leaf;
	uint64_t bad;
	int r = decode_again(block, data, error, &leaf);

	(void)worker, (void)index;
	return r < 0 ? r : count(&ls->counts[0], &leaf, &bad);
}

static int count_exclusive(void *user, unsigned worker, size_t index, bp_mblock block,
			   const void *data, int error)
{
	struct ls *ls = user;
	uint32_t owner = ls->owner[ls->forest.node_of[block] - 1];
	uint64_t nr = 0;
	struct node leaf;
	int r = decode_again(block, data, error, &leaf);

	(void)worker, (void)index;
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < leaf.nr; i++)
		nr += refcounts_get(&ls->counts[0],
				    thin_mapping_block(node_value64(&leaf, i))) == 1;
	__atomic_fetch_add(&ls->exclusive[owner - 1], nr, __ATOMIC_RELAXED);
	return 0;
}

/* Stream the leaves of several devices, or those of one. */
static int read_again(struct ls *ls, bool several, unsigned workers, io_block_fn fn)
{
	struct meta *meta = &ls->tm->meta;
	struct bits wanted;
	int r = bits_init(&wanted, meta->nr_blocks);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ls->forest.nodes.count; i++) {
		uint32_t owner = ls->owner[i];

		if ((ls->forest.nodes.items[i].flags & WALK_IS_LEAF) && owner != OWNER_NONE &&
		    several == (owner == OWNER_SEVERAL))
			bits_set(&wanted, ls->forest.nodes.items[i].block);
	}
	r = io_stream(meta->io, &wanted, workers, fn, ls);
	bits_done(&wanted);
	return r;
}

/* Does any data block have more than one mapping? Bit 1 of its count says so. */
static bool any_shared(const struct refcounts *c)
{
	for (uint64_t p = 0; p < DIV_UP(c->nr_blocks, REFCOUNTS_PIECE); p++) {
		for (unsigned w = 0; c->pieces[p] && w < REFCOUNTS_WORDS; w++) {
			if (c->pieces[p][w] & UINT64_C(0xaaaaaaaaaaaaaaaa))
				return true;
		}
	}
	return false;
}

static int find_exclusive(struct ls *ls)
{
	int r = merge_counts(ls);

	if (r == 0)
		r = find_owners(ls);
	if (r == 0)
		r = read_again(ls, true, 1, count_again);
	if (r < 0)
		return r;
	if (any_shared(&ls->counts[0]))
		return read_again(ls, false, ls->tm->meta.workers, count_exclusive);
	for (size_t i = 0; i < ls->devices.list.count; i++)
		ls->exclusive[i] = forest_entries(&ls->forest, ls->devices.list.items[i].root);
	return 0;
}

/* --- the whole --- */

static int walk(struct ls *ls, uint32_t flags)
{
	size_t nr = ls->devices.list.count;
	_cleanup_(freep) uint64_t *roots = calloc(nr + 1, sizeof(*roots));
	int r;

	if (!roots)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		roots[i] = ls->devices.list.items[i].root;
	ls->forest.meta = &ls->tm->meta;
	ls->forest.value_size = sizeof(le64);
	r = forest_init(&ls->forest);
	if (r == 0 && (flags & BP_THIN_LS_SHARING)) {
		ls->forest.leaf = count_leaf;
		ls->forest.user = ls;
		r = init_counts(ls);
	}
	return r < 0 ? r : forest_walk(&ls->forest, roots, nr);
}

static int fail_damaged(struct ls *ls)
{
	struct bp_ctx *ctx = ls->tm->meta.ctx;
	struct thin_gaps gaps = { 0 };
	int r = thin_gaps_find(&ls->forest, ls->devices.list.items, ls->devices.list.count,
			       &gaps);

	if (r < 0)
		r = bp_fail_memory(ctx);
	else
		r = thin_gaps_fail(ctx, &gaps);
	thin_gaps_done(&gaps);
	return r;
}

/* What the parts returned, in words. */
static int say_why(struct ls *ls, int r)
{
	struct bp_ctx *ctx = ls->tm->meta.ctx;

	if (r == -ENOMEM)
		return bp_fail_memory(ctx);
	if (r == -ERANGE)
		return bp_fail(ctx, -EUCLEAN,
			       "metadata contains errors: block %" PRIu32
			       " maps to data block %" PRIu64 " of %" PRIu64,
			       ls->forest.nodes.items[ls->bad_node].block, ls->bad_block,
			       ls->nr_data_blocks);
	return bp_fail(ctx, r, "cannot read the mappings: %s", strerror(-r));
}

static int look(struct ls *ls, uint32_t flags)
{
	int r;

	if (!flags)
		return 0;
	r = walk(ls, flags);
	if (r < 0)
		return say_why(ls, r);
	if (ls->forest.nr_errors > 0)
		return fail_damaged(ls);
	if (!(flags & BP_THIN_LS_SHARING))
		return 0;
	r = find_exclusive(ls);
	return r < 0 ? say_why(ls, r) : 0;
}

static struct bp_thin_usage usage_of(const struct ls *ls, size_t i, uint32_t flags)
{
	const struct thin_device *device = &ls->devices.list.items[i];
	struct bp_thin_usage usage = {
		.device = device->details,
		.highest_dblock = BP_NONE,
	};
	const struct walk_node *root;

	usage.device.id = device->id;
	usage.device.root = device->root;
	if (!flags)
		return usage;
	root = forest_node(&ls->forest, device->root);
	if (root->key_min <= root->key_max)
		usage.highest_dblock = root->key_max;
	if (flags & BP_THIN_LS_SHARING) {
		usage.exclusive_dblocks = ls->exclusive[i];
		usage.shared_dblocks =
			forest_entries(&ls->forest, device->root) - ls->exclusive[i];
	}
	return usage;
}

static void ls_done(struct ls *ls)
{
	thin_devices_done(&ls->devices);
	forest_done(&ls->forest);
	for (unsigned i = 0; ls->counts && i < ls->nr_counts; i++)
		refcounts_done(&ls->counts[i]);
	free(ls->counts);
	free(ls->owner);
	free(ls->exclusive);
}

int bp_thin_ls(struct bp_thin_meta *meta, uint32_t flags,
	       int (*usage)(void *user, const struct bp_thin_usage *usage), void *user)
{
	struct ls ls = { .tm = meta };
	int r = thin_devices_read(meta, &ls.devices);

	if (r == 0)
		r = look(&ls, flags);
	for (size_t i = 0; r == 0 && i < ls.devices.list.count; i++) {
		struct bp_thin_usage u = usage_of(&ls, i, flags);

		r = usage(user, &u);
	}
	ls_done(&ls);
	return r;
}
