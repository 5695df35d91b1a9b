/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PVs that were made anew (pvcreate) where those of a removed group were: another uuid, the same place, and in
 * the ring the texts of the group that is gone. Promises to take one only where nothing else can be meant.
 */
#include "lvm/scan.h"

static bool in_a_group(const struct lvm_scan *scan, const char *uuid)
{
	for (size_t g = 0; g < scan->groups.count; g++)
		for (size_t i = 0; i < scan->groups.items[g].vg->nr_pvs; i++)
			if (streq(scan->groups.items[g].vg->pvs[i].uuid, uuid))
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

void lvm_join_anew(const struct lvm_scan *scan, struct lvm_vg *vg)
{
	for (size_t i = 0; i < vg->nr_pvs; i++) {
		struct lvm_pv *pv = &vg->pvs[i];
		const struct lvm_found *only = NULL;
		unsigned nr = 0;

		for (size_t f = 0; !pv->found && f < scan->found.count; f++) {
			const struct lvm_found *found = scan->found.items[f];

			if (in_a_group(scan, found->label.uuid) || !fits(found, pv) ||
			    alike(vg, found) != 1)
				continue;
			only = found;
			nr++;
		}
		if (nr == 1)
			pv->found = only;
	}
}
