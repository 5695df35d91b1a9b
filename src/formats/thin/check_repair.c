/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Putting a pool's metadata right in place, where nothing worse was found. */
#include "formats/thin/check.h"

#include <inttypes.h>

/* What the pool's clock has to be, for all times that are below it then. */
static uint32_t clock_of(const struct thin_check *c)
{
	uint32_t time = MAX(c->live.pub.time, c->newest);

	for (size_t i = 0; i < c->raises.count; i++)
		time = MAX(time, c->raises.items[i].time);
	return time;
}

/* The new superblock is the old one with what was mended: nothing else changes. */
static void fill(void *user, void *superblock)
{
	const struct thin_check *c = user;
	struct thin_superblock_disk *disk = superblock;

	disk->time = le32_make(clock_of(c));

	check_put_map_root(disk->data_space_map_root, &c->space_maps[THIN_MAP_DATA]);
	check_put_map_root(disk->metadata_space_map_root, &c->space_maps[THIN_MAP_METADATA]);
	disk->flags = le32_make(le32_get(disk->flags) & ~(uint32_t)THIN_FLAG_NEEDS_CHECK);
}

/* Raise what is too low in one leaf of the details tree; both go by rising id. */
static int raise_in_leaf(struct thin_check *c, const struct walk_node *n, void *buf)
{
	const uint32_t size = sizeof(struct thin_details_disk);
	struct node node;
	bool changed = false;
	int r = node_read(&c->check.meta, n->block, size, buf, &node);

	for (size_t i = 0; r == 0 && i < c->raises.count; i++) {
		int at = node_find(&node, c->raises.items[i].id);
		struct thin_details_disk *details;

		if (at < 0 || node_key(&node, (uint32_t)at) != c->raises.items[i].id)
			continue;
		details = (void *)((uint8_t *)buf + (node.values - (uint8_t *)buf) +
				   (size_t)at * size);
		if (le32_get(details->snapshotted_time) >= c->raises.items[i].time)
			continue;
		details->snapshotted_time = le32_make(c->raises.items[i].time);
		changed = true;
	}
	if (r < 0 || !changed)
		return r;
	block_seal(buf, BLOCK_NODE, n->block);
	r = io_write(c->check.meta.io, n->block, 1, buf);
	return r < 0 ? bp_fail(c->check.meta.ctx, r,
			       "cannot write block %" PRIu32 " of the device details: %s",
			       n->block, strerrordesc_np(-r))
		     : 0;
}

/*
 * A higher snapshotted_time makes kernels copy more before they write, never less: so this is
 * safe at any point, with the superblock of before too.
 */
static int raise_times(void *user)
{
	struct thin_check *c = user;
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < c->details.nodes.count; i++)
		if (!c->details.nodes.items[i].error &&
		    (c->details.nodes.items[i].flags & WALK_IS_LEAF))
			r = raise_in_leaf(c, &c->details.nodes.items[i], buf);
	if (r < 0)
		return r;
	r = io_flush(c->check.meta.io);
	return r < 0 ? bp_fail(c->check.meta.ctx, r, "cannot flush what was written: %s",
			       strerrordesc_np(-r))
		     : 0;
}

/* Results follow what was written, not what was wanted. */
int thin_check_repair(struct thin_check *c)
{
	const struct check_mend mend = {
		.superblock = BLOCK_THIN_SUPERBLOCK,
		.flagged = c->live.pub.flags & THIN_FLAG_NEEDS_CHECK,
		.superblock_wrong = clock_of(c) != c->live.pub.time,
		.values = c->raises.count ? raise_times : NULL,
		.fill = fill,
		.user = c,
	};
	struct bp_thin_check_result *res = &c->res;
	bool written;
	int r = check_repair(&c->check, c->space_maps, THIN_MAPS, &mend, &written);

	if (r < 0 || !written)
		return r;
	res->cleared_needs_check = mend.flagged;
	res->repaired_times = c->raises.count + mend.superblock_wrong;
	res->repaired_data_leaks = res->nr_data_leaked;
	res->repaired_metadata_leaks = res->nr_metadata_leaked;
	for (int i = 0; i < THIN_MAPS; i++)
		res->repaired_accounting |= check_mended_accounting(&c->space_maps[i]);
	if (c->space_maps[THIN_MAP_METADATA].mended)
		res->nr_metadata_free =
			c->live.metadata_sm.nr_blocks -
			c->space_maps[THIN_MAP_METADATA].mended_root.nr_allocated;
	return 0;
}
