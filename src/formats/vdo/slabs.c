/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Slab summary and reference counts, as they lie there: what a volume that stopped cleanly
 * means. Journals of slabs, which may be newer in one that did not, are not replayed.
 */
#include "formats/vdo/vdo.h"

#include <inttypes.h>

/* Zones take turns: slab i is told of by zone i mod zones. */
struct vdo_summary_entry_disk *vdo_summary_read(struct bp_vdo_image *image, int *ret_error)
{
	const struct bp_vdo_volume *v = &image->volume;
	_cleanup_(freep) struct vdo_summary_entry_disk *all = io_buffer_new(VDO_SUMMARY_BLOCKS);
	struct vdo_summary_entry_disk *slabs = calloc_many(v->nr_slabs, sizeof(*slabs));
	unsigned zones = MAX(v->nr_zones, 1u);

	*ret_error = all && slabs ? 0 : -ENOMEM;
	/* A new volume's summary is whatever the device held. */
	if (*ret_error == 0 && v->state != BP_VDO_STATE_NEW)
		*ret_error = vdo_read(image, v->summary_start_mblock, VDO_SUMMARY_BLOCKS, all);
	if (*ret_error < 0) {
		free(slabs);
		return NULL;
	}
	if (v->state != BP_VDO_STATE_NEW)
		for (uint64_t i = 0; i < v->nr_slabs; i++)
			slabs[i] = all[i % zones * VDO_SUMMARY_ENTRIES + i];
	return slabs;
}

/* Counts lie in sectors of 512 bytes, each with room for its commit points. */
int vdo_counts_read(struct bp_vdo_image *image, uint64_t slab, uint8_t *counts)
{
	const struct bp_vdo_volume *v = &image->volume;
	bp_mblock first = v->depot_start_mblock + slab * v->slab_mblocks + v->slab_data_mblocks;
	size_t left = (size_t)v->slab_data_mblocks, done = 0;
	_cleanup_(freep) struct vdo_counts_disk *disk =
		io_buffer_new((size_t)v->slab_count_mblocks);
	int r = disk ? vdo_read(image, first, (size_t)v->slab_count_mblocks, disk) : -ENOMEM;

	for (size_t sector = 0; r == 0 && left && sector < 8 * v->slab_count_mblocks;
	     sector++) {
		size_t n = MIN(left, VDO_SECTOR_COUNTS);

		memcpy(counts + done, disk[sector / 8].sectors[sector % 8].counts, n);
		done += n;
		left -= n;
	}
	if (r == 0)
		memset(counts + done, 0, left);
	return r;
}

static void count_used(const uint8_t *counts, const struct bp_vdo_volume *v,
		       struct bp_vdo_slab *slab)
{
	for (bp_mblock i = 0; i < v->slab_data_mblocks; i++) {
		slab->used_mblocks +=
			counts[i] != VDO_COUNT_FREE && counts[i] != VDO_COUNT_PROVISIONAL;
		slab->map_mblocks += counts[i] == VDO_COUNT_MAX;
	}
}

/* A slab that can't be read is told as that, and the others go on. */
int bp_vdo_slabs(struct bp_vdo_image *image,
		 int (*slab_fn)(void *user, const struct bp_vdo_slab *slab), void *user)
{
	const struct bp_vdo_volume *v = &image->volume;
	_cleanup_(freep) uint8_t *counts = calloc_many(v->slab_data_mblocks, 1);
	_cleanup_(freep) struct vdo_summary_entry_disk *summary = NULL;
	int r;

	summary = vdo_summary_read(image, &r);
	if (!summary)
		return bp_fail(image->ctx, r, "slab summary (block %" PRIu64 "): %s",
			       v->summary_start_mblock, strerrordesc_np(-r));
	if (!counts)
		return bp_fail_memory(image->ctx);
	for (uint64_t i = 0; r == 0 && i < v->nr_slabs; i++) {
		struct bp_vdo_slab slab = {
			.number = i,
			.start_mblock = v->depot_start_mblock + i * v->slab_mblocks,
			.opened = summary[i].flags & VDO_SUMMARY_LOAD,
			.dirty = summary[i].flags & VDO_SUMMARY_DIRTY,
			.tail_mblock = summary[i].tail,
			.fullness_hint = summary[i].flags & VDO_SUMMARY_HINT,
		};

		slab.unreadable = slab.opened && vdo_counts_read(image, i, counts) < 0;
		if (slab.opened && !slab.unreadable)
			count_used(counts, v, &slab);
		r = slab_fn(user, &slab);
	}
	return r;
}
