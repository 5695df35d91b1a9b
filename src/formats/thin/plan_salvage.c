/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which roots a plan begins with, where the values of its superblock come from. */
#include "formats/thin/plan.h"

#include "pdata/refuse.h"

#include <inttypes.h>

/* --- a metadata snapshot's superblock --- */

/* It is right about sizes, and old about the rest. */
static bool read_copy(struct bp_thin_plan *plan, bp_mblock block, struct thin_sb *ret)
{
	_Alignas(IO_BLOCK) uint8_t buf[IO_BLOCK];

	if (block == 0 || io_read(plan->io, block, 1, buf) < 0 ||
	    block_check(buf, BLOCK_THIN_SUPERBLOCK, block) != BLOCK_OK)
		return false;
	thin_sb_decode(buf, block, ret);
	return ret->magic == THIN_MAGIC &&
	       thin_block_sectors_valid(ret->pub.data_block_sectors);
}

/* Any will do for the block size: it never changes in the life of a pool. */
static bool find_copy(struct bp_thin_plan *plan, struct thin_sb *ret)
{
	const struct salvage *s = &plan->salvage;

	for (size_t i = s->superblocks.count; i-- > 0;)
		if (s->superblocks.items[i].block != 0 &&
		    read_copy(plan, s->superblocks.items[i].block, ret))
			return true;
	return false;
}

/* --- values --- */

/*
 * Nothing in the trees tells it: with a wrong one every mapping points elsewhere. So it is
 * asked for, not guessed.
 */
static int need_block_size(struct bp_thin_plan *plan)
{
	bp_fail(plan->ctx, -EUCLEAN,
		"data block size needs to be provided due to corruption in the superblock");
	error_set_code(plan->ctx, BP_E_DAMAGED);
	if (plan->plausible)
		error_set_hint(plan->ctx,
			       "give --data-block-size in sectors: the damaged superblock says "
			       "%" PRIu32
			       ", LVM's text of the volume group has it as chunk_size",
			       plan->live.pub.data_block_sectors);
	else
		error_set_hint(plan->ctx,
			       "give --data-block-size in sectors: LVM's text of the volume "
			       "group has it as chunk_size, a table line of the pool as its "
			       "third argument");
	return -EUCLEAN;
}

/*
 * What the trees and a metadata snapshot tell of a lost superblock; a damaged one is
 * believed only where it agrees with them.
 */
static void derive_values(struct bp_thin_plan *plan, const struct salvage_devices *devices)
{
	struct bp_thin_superblock *sb = &plan->sum.superblock;
	struct thin_sb copy;

	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		sb->time = MAX(sb->time, MAX(d->pub.creation_time, d->pub.snapshotted_time));
		if (d->has_details || d->details_found)
			sb->transaction_id = MAX(sb->transaction_id, d->pub.transaction_id + 1);
	}
	plan->sum.transaction = BP_THIN_FROM_TREES;
	if (plan->plausible && plan->live.pub.transaction_id + 1 >= sb->transaction_id &&
	    plan->sum.roots == BP_THIN_FROM_DAMAGED) {
		sb->transaction_id = plan->live.pub.transaction_id;
		plan->sum.transaction = BP_THIN_FROM_DAMAGED;
	}
	if (find_copy(plan, &copy)) {
		sb->data_block_sectors = copy.pub.data_block_sectors;
		plan->sum.block_size = BP_THIN_FROM_SNAPSHOT;
		sb->time = MAX(sb->time, copy.pub.time);
		if (copy.pub.transaction_id > sb->transaction_id) {
			sb->transaction_id = copy.pub.transaction_id;
			plan->sum.transaction = BP_THIN_FROM_SNAPSHOT;
		}
	}
}

/* --- roots --- */

static void set_roots(struct bp_thin_plan *plan, bp_mblock mapping, bp_mblock details,
		      enum bp_thin_origin from)
{
	plan->sum.superblock.mapping_root = mapping;
	plan->sum.superblock.details_root = details;
	plan->sum.roots = from;
}

/* Roots that belong together, as found in the area. */
static const struct salvage_pair *find_pair(const struct salvage_pairs *pairs,
					    bp_mblock mapping, bp_mblock details)
{
	for (size_t i = 0; i < pairs->list.count; i++) {
		const struct salvage_pair *p = &pairs->list.items[i];

		if (p->mapping == mapping && p->details == details)
			return p;
	}
	return NULL;
}

/* The caller's roots, the damaged superblock's where they fit each other, or the newest pair.
 */
static int choose_roots(struct bp_thin_plan *plan, const struct salvage_pair **ret,
			struct salvage_pairs *pairs)
{
	const struct bp_thin_superblock *old = &plan->live.pub;
	int r = salvage_pairs(&plan->salvage, pairs);
	const struct salvage_pair *pair = NULL;

	if (r < 0)
		return r;
	plan->sum.nr_pairs = pairs->list.count;
	if (plan->plausible)
		pair = find_pair(pairs, old->mapping_root, old->details_root);
	if (pair) {
		set_roots(plan, pair->mapping, pair->details, BP_THIN_FROM_DAMAGED);
	} else if (pairs->list.count) {
		pair = &pairs->list.items[0];
		set_roots(plan, pair->mapping, pair->details, BP_THIN_FROM_TREES);
	}
	*ret = pair;
	if (plan->opts.mapping_root)
		plan->sum.superblock.mapping_root = plan->opts.mapping_root;
	if (plan->opts.details_root)
		plan->sum.superblock.details_root = plan->opts.details_root;
	if (plan->opts.mapping_root || plan->opts.details_root)
		plan->sum.roots = BP_THIN_FROM_CALLER;
	return 0;
}

/* --- from roots to trees --- */

/* With the superblock's space map counts are certain; a pair's own index is the next best. */
static int read_counts(struct bp_thin_plan *plan, const struct salvage_pair *pair)
{
	struct salvage *s = &plan->salvage;
	const struct sm_root *root = &plan->live.metadata_sm;

	s->outdated = pair && pair->index && !pair->sure;

	if (!plan->sum.superblock_damaged && plan->sum.roots == BP_THIN_FROM_SUPERBLOCK)
		return salvage_live(s, root->bitmap_root, root->ref_count_root,
				    root->nr_blocks);
	return pair && pair->index ? salvage_live(s, pair->index, 0, UINT64_MAX) : 0;
}

/* Is it in use, as one that was released is not? */
static bool is_snap(const struct salvage *s, bp_mblock block)
{
	uint32_t count = salvage_count(s, block);

	return block != 0 && count != 0 && count != COUNT_UNKNOWN;
}

/*
 * Blocks of a metadata snapshot are in use too: they must not be taken for remains. Where the
 * superblock is lost, or the roots are not its own, what is in use tells whether there is one.
 */
static void find_roots_of_snap(struct bp_thin_plan *plan, struct salvage_roots *roots)
{
	const struct salvage *s = &plan->salvage;
	struct thin_sb copy;

	if (!plan->sum.superblock_damaged && (plan->sum.roots == BP_THIN_FROM_SUPERBLOCK ||
					      is_snap(s, plan->live.pub.metadata_snap))) {
		roots->snap = plan->live.pub.metadata_snap;
	} else if (s->count) {
		roots->snap = salvage_snap(s);
		roots->snap_unsure = !roots->snap;
	}
	if (!read_copy(plan, roots->snap, &copy))
		return;
	roots->snap_mapping = copy.pub.mapping_root;
	roots->snap_details = copy.pub.details_root;
}

/* Is @block gone, and may it have been a root of these trees? */
static bool may_be_root(const struct salvage *s, const struct salvage_counts *counts,
			bp_mblock block)
{
	uint32_t count = salvage_count(s, block);

	return count != COUNT_UNKNOWN && count > s->pointers[block] &&
	       !salvage_sound(s, block) && !salvage_counts_has(counts, block);
}

/*
 * Without a superblock: can there have been roots that are newer, and gone? All that a transaction
 * allocates is free in the one before. So none of what is damaged was part of a later one if all
 * of it is in use by this one. (What is in use by nobody that is left may have been the root of
 * this one, so that what was found is a metadata snapshot's.) What was written over from block 0
 * on doesn't count: for that to have taken a whole transaction without a trace, all that it wrote
 * must have been there.
 */
static int judge_age(struct bp_thin_plan *plan)
{
	struct salvage *s = &plan->salvage;
	struct salvage_counts counts;
	struct bits used = { 0 };
	bool start = true, zeros = true;
	int r = salvage_counts_init(&counts, s, NULL);

	if (r == 0)
		r = plan_find_used(plan, &used);
	for (bp_mblock b = 1; r == 0 && b < s->meta.nr_blocks && !plan->unsure; b++) {
		uint32_t count = salvage_count(s, b);
		bool damaged = bits_test(&s->damaged, b), sound = salvage_sound(s, b);

		start &= damaged;
		zeros &= !sound;
		/* Zeros where there was something once are damage too. */
		damaged = (damaged && !start) || (!sound && !zeros && bits_test(&used, b));
		plan->unsure = (damaged && (count == 0 || count == COUNT_UNKNOWN)) ||
			       may_be_root(s, &counts, b);
	}
	bits_done(&used);
	salvage_counts_done(&counts);
	return r;
}

/* Counts first: they tell which of several versions of a block is the live one. */
static int find_devices(struct bp_thin_plan *plan, const struct salvage_pair *pair,
			struct salvage_devices *ret)
{
	struct salvage_roots roots = {
		.mapping = plan->sum.superblock.mapping_root,
		.details = plan->sum.superblock.details_root,
	};
	int r = read_counts(plan, pair);

	find_roots_of_snap(plan, &roots);
	if (!plan->sum.superblock_damaged && plan->sum.roots == BP_THIN_FROM_SUPERBLOCK) {
		roots.data_map = &plan->live.data_sm;
		roots.metadata_map = &plan->live.metadata_sm;
	}
	if (r == 0)
		r = salvage_mend(&plan->salvage, &roots);
	return r < 0 ? r : salvage_devices(&plan->salvage, &roots, ret);
}

/* Do they lead to anything? A pool may have no devices at all. */
static bool has_any_root(const struct bp_thin_plan *plan, const struct salvage_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++)
		if (devices->list.items[i].has_root)
			return true;
	return devices->list.count == 0 && plan->salvage.lost.count == 0;
}

static void forget_devices(struct bp_thin_plan *plan, struct salvage_devices *devices)
{
	salvage_devices_done(devices);
	salvage_forget(&plan->salvage);
	plan->sum.superblock.mapping_root = plan->sum.superblock.details_root = 0;
	plan->sum.superblock.time = plan->live.pub.time;
}

/*
 * The details are there, the tree of roots is not, nor is a space map: an older tree of roots
 * that is close to them. Devices it has beyond those were deleted.
 */
static int use_older_top(struct bp_thin_plan *plan, struct salvage_devices *devices,
			 bool *ret_used)
{
	bp_mblock top, details = plan->sum.superblock.details_root;
	size_t to = 0;
	int r = salvage_closest_top(&plan->salvage, devices, &top);

	*ret_used = top;
	if (r < 0 || !top)
		return r;
	forget_devices(plan, devices);
	set_roots(plan, top, details, BP_THIN_FROM_TREES);
	plan->older = true;
	r = find_devices(plan, NULL, devices);
	for (size_t i = 0; r == 0 && i < devices->list.count; i++)
		if (devices->list.items[i].has_details)
			devices->list.items[to++] = devices->list.items[i];
	devices->list.count = r == 0 ? to : 0;
	return r;
}

/*
 * Nothing is left of either list of devices, and not all trees that are in use found theirs, or a
 * block that is gone may have been the root of one.
 */
static bool lost_lists(const struct bp_thin_plan *plan)
{
	const struct bp_thin_superblock *sb = &plan->live.pub;
	const struct salvage *s = &plan->salvage;
	const struct salvage_place *top = salvage_place_at(s, sb->mapping_root);
	const struct salvage_place *details = salvage_place_at(s, sb->details_root);

	if (!s->count || snode_at(s, sb->mapping_root) || snode_at(s, sb->details_root) ||
	    (top && top->children.count) || (details && details->children.count))
		return false;
	if (s->unseen)
		return true;
	for (size_t i = 0; i < s->nodes.count; i++) {
		const struct snode *n = &s->nodes.items[i];
		uint32_t count = salvage_count(s, n->block);

		if (n->kind == SALVAGE_MAPPINGS && count != COUNT_UNKNOWN &&
		    count > s->pointers[n->block])
			return true;
	}
	return false;
}

/* Mappings that a state would keep, for comparing it with others. */
static uint64_t count_found(const struct salvage *s, const struct salvage_devices *devices)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < devices->list.count; i++) {
		const struct snode *n =
			snode_of_kind(s, devices->list.items[i].pub.root, SALVAGE_MAPPINGS);

		nr += n ? n->entries : 0;
	}
	return nr;
}

/* The newest pair of both roots, where that has more mappings than what the space map leaves. */
static const struct salvage_pair *find_older_pair(const struct salvage_pairs *pairs,
						  uint64_t found)
{
	for (size_t i = 0; i < pairs->list.count; i++) {
		const struct salvage_pair *p = &pairs->list.items[i];

		if (p->mapping && p->details && !p->nr_clashing && p->nr_mappings > found)
			return p;
	}
	return NULL;
}

/* Nothing is left of the lists of the newest transaction: an older one, if that has more. */
static int use_older_pair(struct bp_thin_plan *plan, struct salvage_devices *devices)
{
	uint64_t found = count_found(&plan->salvage, devices);
	const struct salvage_pair *pair = NULL;
	struct salvage_pairs pairs = { 0 };
	int r;

	forget_devices(plan, devices);
	r = choose_roots(plan, &pair, &pairs);
	pair = r == 0 ? find_older_pair(&pairs, found) : NULL;
	plan->older = pair;
	if (pair)
		set_roots(plan, pair->mapping, pair->details, BP_THIN_FROM_TREES);
	else
		set_roots(plan, plan->live.pub.mapping_root, plan->live.pub.details_root,
			  BP_THIN_FROM_SUPERBLOCK);
	if (r == 0)
		r = find_devices(plan, pair, devices);
	vec_done(&pairs.list);
	return r;
}

/* The superblock's roots, or where they lead to nothing, others. */
static int choose_devices(struct bp_thin_plan *plan, struct salvage_devices *ret)
{
	struct salvage_pairs pairs = { 0 };
	const struct salvage_pair *pair = NULL;
	bool used;
	int r;

	if (!plan->sum.superblock_damaged) {
		r = find_devices(plan, NULL, ret);
		if (r == 0 && plan->sum.roots != BP_THIN_FROM_CALLER && lost_lists(plan))
			return use_older_pair(plan, ret);
		/* With counts, what they lead to is all that is known to be live. */
		if (r < 0 || plan->sum.roots == BP_THIN_FROM_CALLER || plan->salvage.count ||
		    has_any_root(plan, ret))
			return r;
		r = use_older_top(plan, ret, &used);
		if (r < 0 || used)
			return r;
		forget_devices(plan, ret);
	}
	r = choose_roots(plan, &pair, &pairs);
	if (r == 0 && !plan->sum.superblock.mapping_root &&
	    !plan->sum.superblock.details_root) {
		r = bp_fail(plan->ctx, -EUCLEAN,
			    "no compatible roots found: no trees of devices are left");
		superblock_cause(plan->ctx, plan->start);
		error_set_code(plan->ctx, BP_E_DAMAGED);
	}
	if (r == 0)
		r = find_devices(plan, pair, ret);
	if (r == 0 && plan->sum.superblock_damaged && plan->sum.roots == BP_THIN_FROM_TREES)
		r = judge_age(plan);
	/* The superblock is sound, so these are the roots of an older transaction. */
	if (r == 0 && !plan->sum.superblock_damaged)
		plan->older = true;
	vec_done(&pairs.list);
	return r;
}

/* --- the overlay --- */

/*
 * From here on the trees are read through the overlay, which has repaired nodes in place of
 * damaged ones.
 */
static void use_overlay(struct bp_thin_plan *plan, const struct salvage_roots *roots)
{
	struct salvage *s = &plan->salvage;

	plan->tm.meta = s->meta;
	plan->tm.meta.io = s->overlay;
	plan->tm.meta.nr_blocks = s->next_virtual;
	plan->tm.sb = (struct thin_sb){ .pub = plan->sum.superblock, .magic = THIN_MAGIC };
	plan->tm.sb.pub.mapping_root = roots->mapping;
	plan->tm.sb.pub.details_root = roots->details;
	plan->tm.live = plan->tm.sb;
}

/* Every tree is whole now, by construction; anything else is a bug or a disk that changes. */
static int walk_overlay(struct bp_thin_plan *plan)
{
	struct bp_thin_superblock *sb = &plan->sum.superblock;
	int r = plan_walk(plan);

	if (r == -EUCLEAN)
		return bp_fail(plan->ctx, -EIO,
			       "the metadata changed while it was read: is the pool active?");
	if (r < 0)
		return r;
	if (plan->sum.size_of_data == 0) {
		sb->nr_data_blocks = plan->emit.data_last + 1;
		plan->sum.size_of_data = BP_THIN_FROM_TREES;
		if (plan->sum.roots == BP_THIN_FROM_DAMAGED)
			sb->nr_data_blocks =
				MAX(sb->nr_data_blocks, plan->live.pub.nr_data_blocks);
	}
	plan->tm.sb.pub.nr_data_blocks = sb->nr_data_blocks;
	return 0;
}

/* Does any device have more than its details say it had, all of it said to be proven? */
static bool has_too_many(const struct salvage_devices *devices)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct salvage_device *d = &devices->list.items[i];

		if (d->has_details && d->incomplete && !d->patched &&
		    d->found > d->pub.mapped_dblocks)
			return true;
	}
	return false;
}

/* Trees without what is lost, and with what of it was found elsewhere, unless that can't be. */
static int clean_trees(struct bp_thin_plan *plan, struct salvage_devices *devices,
		       struct salvage_roots *ret_roots)
{
	struct salvage *s = &plan->salvage;
	const struct sm_root *data_map =
		plan->sum.superblock_damaged ? NULL : &plan->live.data_sm;
	size_t nr_lost;
	/* Counts of the newest transaction prove nothing of an older one's trees. */
	int r = plan->older || s->outdated ? 0 : salvage_fill(s, data_map);

	if (r == 0)
		r = salvage_older(s, data_map, devices);
	nr_lost = s->lost.count;
	if (r == 0)
		r = salvage_clean(s, devices, ret_roots);
	if (r == 0 && s->nr_filled && has_too_many(devices)) {
		salvage_unclean(s, devices, nr_lost);
		salvage_unfill(s);
		r = salvage_clean(s, devices, ret_roots);
	}
	return r;
}

/* Without a size of the data anything that fits on disk is taken for a data block. */
static int clean(struct bp_thin_plan *plan, struct salvage_devices *devices)
{
	struct salvage *s = &plan->salvage;
	struct salvage_roots roots = { 0 };
	int r;

	s->nr_data_blocks = plan->sum.size_of_data ? plan->sum.superblock.nr_data_blocks
						   : THIN_DATA_BLOCKS_MAX;
	r = clean_trees(plan, devices, &roots);
	if (r < 0)
		return r;
	use_overlay(plan, &roots);
	return walk_overlay(plan);
}

/* The long way, where trees or superblock are damaged. */
int plan_salvage(struct bp_thin_plan *plan)
{
	struct salvage_devices devices = { 0 };
	int r = choose_devices(plan, &devices);

	if (r == 0 && plan->sum.superblock_damaged)
		derive_values(plan, &devices);
	if (r == 0)
		plan_take_options(plan);
	if (r == 0 && !plan->sum.superblock.data_block_sectors)
		r = need_block_size(plan);
	plan->sum.superblock.version = THIN_VERSION;
	if (r == 0)
		r = clean(plan, &devices);
	if (r == 0)
		r = plan_judge(plan, &devices);
	salvage_devices_done(&devices);
	return r;
}
