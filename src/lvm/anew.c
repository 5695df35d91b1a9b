/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PVs that were made anew (pvcreate) where those of a removed group were: another uuid, the same place, and in
 * the ring the texts of the group that is gone; and such groups where another was made in their place
 * since. Promises to take one only where nothing else can be meant.
 */
#include "lvm/scan.h"

static bool is_of(const struct lvm_vg *vg, const char *uuid)
{
	for (size_t i = 0; i < vg->nr_pvs; i++)
		if (streq(vg->pvs[i].uuid, uuid))
			return true;
	return false;
}

bool lvm_in_a_group(const struct lvm_scan *scan, const char *uuid)
{
	for (size_t g = 0; g < scan->groups.count; g++)
		if (is_of(scan->groups.items[g].vg, uuid))
			return true;
	return false;
}

/* Same size and same first extent. */
static bool fits(const struct lvm_found *found, const struct lvm_pv *pv)
{
	return !found->ambiguous && found->label.device_size == pv->dev_size &&
	       found->label.nr_data && found->label.data[0].offset == pv->pe_start;
}

/* How many PVs of the group that are not here would fit the same place. */
static unsigned alike(const struct lvm_vg *vg, const struct lvm_found *found)
{
	unsigned nr = 0;

	for (size_t i = 0; i < vg->nr_pvs; i++)
		nr += !vg->pvs[i].found && fits(found, &vg->pvs[i]);
	return nr;
}

/*
 * Taken only where exactly one disk fits: two candidates are a guess, and a guess would mix
 * volumes.
 */
void lvm_join_anew(const struct lvm_scan *scan, struct lvm_group *group)
{
	struct lvm_vg *vg = group->vg;
	/* A PV of another group is taken only for one that was there before that. */
	bool any = group->replaced || group->origin == LVM_ORIGIN_FILE;

	for (size_t i = 0; i < vg->nr_pvs; i++) {
		struct lvm_pv *pv = &vg->pvs[i];
		const struct lvm_found *only = NULL;
		unsigned nr = 0;

		for (size_t f = 0; !pv->found && f < scan->found.count; f++) {
			const struct lvm_found *found = scan->found.items[f];

			if ((!any && lvm_in_a_group(scan, found->label.uuid)) ||
			    is_of(vg, found->label.uuid) || !fits(found, pv) ||
			    alike(vg, found) != 1)
				continue;
			only = found;
			nr++;
		}
		if (nr == 1)
			pv->found = only;
	}
}

static const struct lvm_group *group_of(const struct lvm_scan *scan, const char *uuid)
{
	for (size_t g = 0; g < scan->groups.count; g++)
		if (streq(scan->groups.items[g].vg->uuid, uuid))
			return &scan->groups.items[g];
	return NULL;
}

/* Of the texts of a ring, which rise, the newest of each group that is not known. */
static int add_unknown(struct lvm_scan *scan, const lvm_old_texts *ring)
{
	struct error_state *saved = error_save(scan->ctx);
	int r = 0;

	for (size_t i = ring->count; r == 0 && i-- > 0;) {
		struct lvm_group group = { .origin = LVM_ORIGIN_REMOVED, .replaced = true };

		r = lvm_vg_parse(scan->ctx, ring->items[i].text, ring->items[i].size,
				 &group.vg);
		if (r < 0) {
			r = r == -ENOMEM ? r : 0;
			continue;
		}
		if (!group_of(scan, group.vg->uuid)) {
			r = vec_add(&scan->groups, &group);
			if (r == 0)
				continue;
		}
		lvm_vg_free(group.vg);
	}
	error_restore(scan->ctx, saved);
	return r;
}

/*
 * The circular buffer of metadata texts outlives vgremove and pvcreate of a new group in
 * the same place, until it comes around.
 */
int lvm_scan_replaced(struct lvm_scan *scan)
{
	size_t before = scan->groups.count;
	int r = 0;

	for (size_t f = 0; r == 0 && f < scan->found.count; f++) {
		const struct lvm_found *found = scan->found.items[f];

		for (unsigned m = 0; r != -ENOMEM && m < found->label.nr_mdas; m++) {
			lvm_old_texts ring = { 0 };

			r = lvm_ring_read(found->image, found->offset, &found->label.mdas[m],
					  &ring);
			if (r == 0)
				r = add_unknown(scan, &ring);
			lvm_old_texts_done(&ring);
		}
		r = r == -ENOMEM ? r : 0; /* a ring that can't be read has none */
	}
	for (size_t g = before; g < scan->groups.count; g++)
		lvm_join_pvs(scan, &scan->groups.items[g]);
	return r < 0 ? bp_fail_memory(scan->ctx) : 0;
}
