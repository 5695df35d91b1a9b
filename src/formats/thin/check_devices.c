/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two trees of devices. */
#include "formats/thin/check.h"

#include <inttypes.h>

static const struct check_tree details_tree = {
	.place = BP_PLACE_DEVICE_DETAILS,
	.name = "device details tree",
	.keys = "devices",
};

static const struct check_tree top_tree = {
	.place = BP_PLACE_MAPPING_TOP_LEVEL,
	.name = "mapping top-level",
	.keys = "devices",
};

/* Both roots in one forest, so that shared nodes are read and counted as shared. */
static int walk(struct thin_check *c, struct forest *f, uint32_t value_size, bp_mblock live,
		bp_mblock snap)
{
	uint64_t roots[2] = { live, snap };
	size_t nr = c->has_snap ? 2 : 1;
	int r;

	*f = (struct forest){
		.meta = &c->check.meta,
		.value_size = value_size,
		.keep_leaves = true,
		.child = check_count,
		.user = &c->check,
	};
	r = forest_init(f);
	for (size_t i = 0; r == 0 && i < nr; i++)
		r = check_count_root(&c->check, roots[i]);
	return r < 0 ? r : forest_walk(f, roots, nr);
}

static int count_roots_of(struct thin_check *c, const struct walk_node *leaf)
{
	const le64 *roots = forest_inner(&c->top, leaf)->values;
	int r = 0;

	for (uint32_t k = 0; r == 0 && k < leaf->nr; k++)
		r = check_count_root(&c->check, le64_get(roots[k]));
	return r;
}

/* Roots of mapping trees are pointed to once for each leaf that has them. */
static int count_roots(struct thin_check *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->top.nodes.count; i++) {
		const struct walk_node *n = &c->top.nodes.items[i];

		if (!n->error && n->flags & WALK_IS_LEAF)
			r = count_roots_of(c, n);
	}
	return r;
}

static bool is_broken(const struct forest *f, bp_mblock root)
{
	const struct walk_node *n = forest_node(f, root);

	return !n || (n->flags & WALK_IS_BROKEN);
}

/* A device that only one of the trees has. Where the other is damaged, that says enough. */
static void check_pair(struct thin_check *c, const struct thin_device *d,
		       const struct thin_sb *sb, bool in_snapshot)
{
	struct bp_damage damage = DAMAGE(.harm = BP_HARM_FATAL, .device = d->id,
					 .nr_devices = 1, .in_snapshot = in_snapshot);

	if (!d->has_details && !is_broken(&c->details, sb->pub.details_root)) {
		damage.kind = BP_DAMAGE_DEVICE_NO_DETAILS;
		damage.place = BP_PLACE_DEVICE_DETAILS;
		check_report(
			&c->check, damage,
			"Inconsistency between the details tree and the mapping tree: device "
			"%" PRIu64 " has mappings, but no details",
			d->id);
	}
	if (!d->has_root && !is_broken(&c->top, sb->pub.mapping_root)) {
		damage.kind = BP_DAMAGE_DEVICE_NO_MAPPINGS;
		damage.place = BP_PLACE_MAPPING_TOP_LEVEL;
		check_report(
			&c->check, damage,
			"Inconsistency between the details tree and the mapping tree: device "
			"%" PRIu64 " has details, but no mapping tree",
			d->id);
	}
}

/* No kernel activates it, or deletes it: its data can't be reached. */
static void check_id(struct thin_check *c, const struct thin_device *d, bool in_snapshot)
{
	if (d->id > THIN_DEVICE_ID_MAX)
		check_report(&c->check,
			     DAMAGE(.kind = BP_DAMAGE_DEVICE_FIELD, .harm = BP_HARM_FATAL,
				    .place = BP_PLACE_DEVICE_DETAILS, .device = d->id,
				    .nr_devices = 1, .expected = THIN_DEVICE_ID_MAX,
				    .actual = d->id, .in_snapshot = in_snapshot),
			     "device %" PRIu64 ": a device id above %d can't be", d->id,
			     THIN_DEVICE_ID_MAX);
}

/* A remark: the kernel doesn't mind. */
static void check_detail(struct thin_check *c, const struct thin_device *d, bool in_snapshot,
			 const char *name, uint64_t limit, uint64_t actual)
{
	if (actual <= limit)
		return;
	check_report(&c->check,
		     DAMAGE(.kind = BP_DAMAGE_DEVICE_FIELD, .harm = BP_HARM_REMARK,
			    .place = BP_PLACE_DEVICE_DETAILS, .device = d->id, .nr_devices = 1,
			    .expected = limit, .actual = actual, .in_snapshot = in_snapshot),
		     "device %" PRIu64 ": %s %" PRIu64 " is above the pool's %" PRIu64, d->id,
		     name, actual, limit);
}

/* No number of a device may be ahead of the superblock's. */
static void check_details(struct thin_check *c, const struct thin_device *d,
			  const struct thin_sb *sb, bool in_snapshot)
{
	check_detail(c, d, in_snapshot, "transaction id", sb->pub.transaction_id,
		     d->details.transaction_id);
	check_detail(c, d, in_snapshot, "creation time", sb->pub.time,
		     d->details.creation_time);
	check_detail(c, d, in_snapshot, "snapshotted time", sb->pub.time,
		     d->details.snapshotted_time);
}

/* Device by device; a device of the snapshot is judged by the snapshot's superblock. */
static void check_list(struct thin_check *c, const struct thin_devices *devices,
		       const struct thin_sb *sb, bool in_snapshot)
{
	for (size_t i = 0; i < devices->list.count; i++) {
		const struct thin_device *d = &devices->list.items[i];

		check_pair(c, d, sb, in_snapshot);
		check_id(c, d, in_snapshot);
		if (d->has_details)
			check_details(c, d, sb, in_snapshot);
	}
}

/* Devices of the metadata snapshot that are not live any more. */
static uint64_t only_in_snap(const struct thin_check *c)
{
	uint64_t n = 0;
	size_t live = 0;

	for (size_t i = 0; i < c->snap_devices.list.count; i++) {
		uint64_t id = c->snap_devices.list.items[i].id;

		while (live < c->devices.list.count && c->devices.list.items[live].id < id)
			live++;
		n += live == c->devices.list.count || c->devices.list.items[live].id != id;
	}
	return n;
}

/* What has no pointer from a tree: the superblocks, each counted once. */
static int count_superblocks(struct thin_check *c)
{
	int r = check_blocks(&c->check);

	if (r < 0 || !c->has_snap)
		return r;
	check_claim(&c->check, c->snap.block, BP_PLACE_METADATA_SNAPSHOT);
	return check_count(&c->check, c->snap.block);
}

/* Details first, as the reference tells them first. */
static int walk_trees(struct thin_check *c)
{
	int r = walk(c, &c->details, sizeof(struct thin_details_disk), c->sb.pub.details_root,
		     c->snap.pub.details_root);

	if (r == 0)
		r = check_report_forest(&c->check, &c->details, &details_tree);
	if (r == 0)
		r = walk(c, &c->top, sizeof(le64), c->sb.pub.mapping_root,
			 c->snap.pub.mapping_root);
	if (r == 0)
		r = check_report_forest(&c->check, &c->top, &top_tree);
	return r < 0 ? r : count_roots(c);
}

static int join(struct thin_check *c, const struct thin_sb *sb, struct thin_devices *ret)
{
	return thin_devices_join(&c->top, sb->pub.mapping_root, &c->details,
				 sb->pub.details_root, ret);
}

/* Roots that were given stand in for the superblock's. */
int thin_check_devices(struct thin_check *c)
{
	int r = count_superblocks(c);

	if (c->opts.mapping_root)
		c->sb.pub.mapping_root = c->opts.mapping_root;
	if (c->opts.details_root)
		c->sb.pub.details_root = c->opts.details_root;
	if (r == 0)
		r = walk_trees(c);
	if (r == 0)
		r = join(c, &c->sb, &c->devices);
	if (r == 0 && c->has_snap)
		r = join(c, &c->snap, &c->snap_devices);
	if (r < 0)
		return r;
	check_list(c, &c->devices, &c->sb, false);
	check_list(c, &c->snap_devices, &c->snap, true);
	c->res.nr_devices = c->devices.list.count;
	c->res.nr_snap_devices = only_in_snap(c);
	return 0;
}
