/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PVs whose labels are lost, of a group whose text was given: by what lies on a disk, and by its size. Promises
 * to take a disk only where no other can be meant, and to say which was taken for which.
 */
#include "lvm/scan.h"

#include "lvm/looks.h"

#include <stdio.h>

bool lvm_holds_pv(const struct lvm_scan *scan, const struct raw_image *image)
{
	for (size_t i = 0; i < scan->found.count; i++)
		if (scan->found.items[i]->image == image)
			return true;
	return false;
}

/* A place that may be a PV whose label is lost. */
struct bare_place {
	const struct raw_image *image;
	bp_bytes offset, size;
};
typedef VEC(struct bare_place) bare_places;

/* Was the whole disk a PV of the group, by its very size, before it was partitioned? */
static bool was_whole(const struct lvm_vg *vg, const struct lvm_disk *disk)
{
	for (size_t i = 0; disk->table.partitions.count && i < vg->nr_pvs; i++)
		if (!vg->pvs[i].found && vg->pvs[i].dev_size == disk->image->size)
			return true;
	return false;
}

/*
 * Places that could be a PV of @vg whose label is lost: disks without a table, else their
 * partitions; and disks that were shared out since.
 */
static int find_bare(const struct lvm_scan *scan, const struct lvm_vg *vg, bare_places *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->disks.count; i++) {
		const struct lvm_disk *disk = &scan->disks.items[i];
		bool held = lvm_holds_pv(scan, disk->image);
		struct bare_place place = { disk->image, 0, disk->image->size };

		if (was_whole(vg, disk) || (!held && !disk->table.partitions.count))
			r = vec_add(ret, &place);
		if (held)
			continue;
		for (size_t p = 0; r == 0 && p < disk->table.partitions.count; p++) {
			place.offset = disk->table.partitions.items[p].offset;
			place.size = disk->table.partitions.items[p].size;
			r = vec_add(ret, &place);
		}
	}
	return r;
}

/* Of the places of a PV's very size the only one that looks like it; a lone image may be cut. */
static struct bare_place *looks_like(const struct lvm_vg *vg, const struct lvm_pv *pv,
				     bare_places *places, bool only)
{
	bool cut = only && places->count == 1;
	struct bare_place *found = NULL;

	for (size_t i = 0; i < places->count; i++) {
		struct bare_place *place = &places->items[i];

		if (!place->image || (!cut && place->size != pv->dev_size) ||
		    !lvm_pv_looks_so(vg, pv, place->image, place->offset))
			continue;
		if (found)
			return NULL;
		found = place;
	}
	return found;
}

/* The place for a PV: of its very size; or the only one, if all volumes end in it. */
static struct bare_place *place_for(const struct lvm_vg *vg, const struct lvm_pv *pv,
				    bare_places *places, bool only)
{
	struct bare_place *exact = NULL;
	unsigned nr = 0;
	bp_bytes end;

	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].image && places->items[i].size == pv->dev_size) {
			exact = &places->items[i];
			nr++;
		}
	for (size_t i = 0; i < vg->nr_pvs; i++)
		nr += &vg->pvs[i] != pv && !vg->pvs[i].found &&
		      vg->pvs[i].dev_size == pv->dev_size;
	if (exact)
		return nr == 1 ? exact : NULL; /* several: nobody can tell */
	end = lvm_pv_used_end(vg, pv);
	if (!only || places->count != 1 || !end)
		return NULL;
	return places->items[0].size >= end ? &places->items[0] : NULL;
}

/*
 * An entry as of a label that was read, but marked bare. It is said aloud: whoever reads
 * volumes from it has to know that it is a guess.
 */
static int take_place(struct lvm_scan *scan, struct lvm_pv *pv, struct bare_place *place,
		      const char *by)
{
	struct lvm_found *found = calloc(1, sizeof(*found));

	if (!found)
		return -ENOMEM;
	found->image = place->image;
	found->offset = place->offset;
	snprintf(found->label.uuid, sizeof(found->label.uuid), "%s", pv->uuid);
	found->label.device_size = place->size;
	found->bare = true;
	if (vec_add(&scan->found, &found) < 0) {
		free(found);
		return -ENOMEM;
	}
	pv->found = found;
	bp_warn(scan->ctx, "%s has no LVM label: it is taken for PV %s by its %s",
		place->image->path, pv->uuid, by);
	place->image = NULL; /* taken */
	return 0;
}

/* More disks of one size than can be told apart. */
static void tell_unknown(struct lvm_scan *scan, const struct lvm_vg *vg,
			 const bare_places *places)
{
	for (size_t i = 0; i < vg->nr_pvs; i++)
		for (size_t k = 0; !vg->pvs[i].found && k < places->count; k++) {
			if (!places->items[k].image ||
			    places->items[k].size != vg->pvs[i].dev_size)
				continue;
			bp_warn(scan->ctx,
				"PV %s may be any of several disks of its size without a "
				"label: "
				"none is taken for it",
				vg->pvs[i].uuid);
			break;
		}
}

/* Of the PVs that are not known yet those that @find finds a place for. */
static int take_each(struct lvm_scan *scan, const struct lvm_group *group, bare_places *places,
		     struct bare_place *(*find)(const struct lvm_vg *vg,
						const struct lvm_pv *pv, bare_places *places,
						bool only),
		     const char *by)
{
	struct lvm_vg *vg = group->vg;
	int r = 0;

	for (size_t i = 0; r == 0 && i < vg->nr_pvs; i++) {
		struct bare_place *place = vg->pvs[i].found ? NULL
							    : find(vg, &vg->pvs[i], places,
								   group->nr_missing == 1);

		if (place)
			r = take_place(scan, &vg->pvs[i], place, by);
	}
	return r;
}

/* A text that was given knows PVs whose labels are gone: by what lies there, and their sizes. */
int lvm_join_bare(struct lvm_scan *scan, struct lvm_group *group)
{
	struct lvm_vg *vg = group->vg;
	bare_places places = { 0 };
	int r;

	if (group->origin != LVM_ORIGIN_FILE || !group->nr_missing)
		return 0;
	r = find_bare(scan, vg, &places);
	if (r == 0)
		r = take_each(scan, group, &places, looks_like, "size and metadata");
	if (r == 0)
		r = take_each(scan, group, &places, place_for, "size");
	if (r == 0)
		tell_unknown(scan, vg, &places);
	vec_done(&places);
	if (r == 0)
		lvm_join_pvs(scan, group);
	return r < 0 ? bp_fail_memory(scan->ctx) : 0;
}
