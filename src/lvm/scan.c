/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks, labels, groups. Promises to prefer what LVM itself would: labels in partitions to one on
 * the whole disk, committed texts with good checksums, the highest number; and to say so where that
 * leaves a doubt. It never writes, and never asks a running LVM.
 */
#include "lvm/scan.h"

#include <inttypes.h>
#include <stdio.h>

#define TEXT_FILE_MAX (UINT64_C(64) << 20)

/*
 * No label is the common case and none of the failures; a disk that can't be read is warned
 * of, as the others may do.
 */
static int add_found(struct lvm_scan *scan, const struct raw_image *image, bp_bytes offset,
		     bool *ret_found)
{
	struct lvm_found *found = calloc(1, sizeof(*found));
	int r;

	if (!found)
		return bp_fail_memory(scan->ctx);
	found->image = image;
	found->offset = offset;
	r = lvm_label_read(image, offset, &found->label);
	if (r == 0)
		r = vec_add(&scan->found, &found);
	if (r < 0)
		free(found);
	*ret_found = r == 0;
	if (r == -ENOMEM)
		return bp_fail_memory(scan->ctx);
	if (r == -ENODATA || r == -ERANGE)
		return 0;
	if (r < 0)
		bp_warn(scan->ctx, "%s: cannot look for an LVM label at byte %" PRIu64 ": %s",
			image->path, offset, strerrordesc_np(-r));
	return 0;
}

/*
 * Partitions first: a label at the disk's beginning beside one in a partition is left over
 * from before the table was made.
 */
static int search_disk(struct lvm_scan *scan, struct lvm_disk *disk)
{
	bool any = false, found;
	int r = probe_partitions(disk->image->fd, &disk->table);

	if (r == -ENOMEM)
		return bp_fail_memory(scan->ctx);
	for (size_t i = 0; i < disk->table.partitions.count; i++) {
		r = add_found(scan, disk->image, disk->table.partitions.items[i].offset,
			      &found);
		if (r < 0)
			return r;
		any |= found;
	}
	if (any) {
		struct lvm_label stale;

		disk->stale_label = lvm_label_read(disk->image, 0, &stale) == 0;
		return 0;
	}
	r = add_found(scan, disk->image, 0, &found);
	if (r == 0 && found && disk->table.type[0])
		bp_warn(scan->ctx,
			"%s: has a partition table and an LVM label on the whole disk; LVM "
			"itself would not use that label",
			disk->image->path);
	return r;
}

/* A disk that was named twice counts once; otherwise every PV on it would be ambiguous. */
static int add_disk(struct lvm_scan *scan, const char *path)
{
	_cleanup_(raw_image_closep) struct raw_image *image = NULL;
	struct lvm_disk disk = { 0 };
	int r = raw_image_open(scan->ctx, path, &image);

	if (r < 0)
		return r;
	for (size_t i = 0; i < scan->disks.count; i++)
		if (raw_image_same(scan->disks.items[i].image, image))
			return 0;
	disk.image = image;
	if (vec_add(&scan->disks, &disk) < 0)
		return bp_fail_memory(scan->ctx);
	steal(image);
	return search_disk(scan, &scan->disks.items[scan->disks.count - 1]);
}

/* Of PVs found from number @from on: is another the same? */
static void mark_ambiguous(struct lvm_scan *scan, size_t from)
{
	for (size_t i = 0; i < scan->found.count; i++)
		for (size_t j = MAX(i + 1, from); j < scan->found.count; j++) {
			struct lvm_found *a = scan->found.items[i], *b = scan->found.items[j];

			if (!streq(a->label.uuid, b->label.uuid))
				continue;
			bp_warn(scan->ctx,
				"%s and %s hold the same PV %s: neither is read; give only one",
				a->image->path, b->image->path, a->label.uuid);
			a->ambiguous = b->ambiguous = true;
		}
}

/* --- groups --- */

static struct lvm_group *group_of(struct lvm_scan *scan, const char *uuid)
{
	for (size_t i = 0; i < scan->groups.count; i++)
		if (streq(scan->groups.items[i].vg->uuid, uuid))
			return &scan->groups.items[i];
	return NULL;
}

/* Which of two texts of one group counts: kept up to date before ignored, then the number. */
static bool better(const struct lvm_group *a, const struct lvm_group *b)
{
	bool a_current = a->origin == LVM_ORIGIN_CURRENT;
	bool b_current = b->origin == LVM_ORIGIN_CURRENT;

	if (a_current != b_current)
		return a_current;
	return a->vg->seqno > b->vg->seqno;
}

/* Takes over what @group holds. */
static int add_group(struct lvm_scan *scan, struct lvm_group *group)
{
	struct lvm_group *old = group_of(scan, group->vg->uuid);

	if (!old) {
		if (vec_add(&scan->groups, group) == 0)
			return 0;
		lvm_vg_free(group->vg);
		return bp_fail_memory(scan->ctx);
	}
	if (old->origin == LVM_ORIGIN_FILE) {
		lvm_vg_free(group->vg); /* what was given counts */
		return 0;
	}
	if (old->vg->seqno == group->vg->seqno && old->checksum != group->checksum &&
	    old->origin == group->origin)
		old->split = true;
	if (better(group, old)) {
		lvm_vg_free(old->vg);
		*old = *group;
	} else {
		lvm_vg_free(group->vg);
	}
	return 0;
}

/*
 * A text that can't be parsed is one of several most often: a warning. The one the user
 * named has to be right.
 */
static int add_text(struct lvm_scan *scan, const char *text, size_t len, enum lvm_origin origin,
		    const char *where)
{
	struct lvm_group group = { .origin = origin, .checksum = lvm_crc(text, len) };
	int r = lvm_vg_parse(scan->ctx, text, len, &group.vg);

	if (r == 0)
		return add_group(scan, &group);
	if (r == -ENOMEM || origin == LVM_ORIGIN_FILE)
		return r;
	bp_warn(scan->ctx, "%s: %s", where, bp_errmsg(scan->ctx));
	return 0;
}

/* Checksum and bounds were looked at by lvm_label_read(); here is only what follows from it. */
static int add_area(struct lvm_scan *scan, const struct lvm_found *found,
		    const struct lvm_mda *mda)
{
	_cleanup_(freep) char *text = NULL;
	int r;

	if (!mda->valid || !mda->text_size)
		return 0;
	if (!mda->text_valid) {
		bp_warn(scan->ctx,
			"%s: the LVM metadata at byte %" PRIu64 " has a bad checksum",
			found->image->path,
			found->offset + mda->area.offset + mda->text_offset);
		return 0;
	}
	text = malloc((size_t)mda->text_size);
	if (!text)
		return bp_fail_memory(scan->ctx);
	r = lvm_text_read(found->image, found->offset, mda, mda->text_offset, mda->text_size,
			  text);
	if (r < 0)
		return bp_fail(scan->ctx, r, "%s: cannot read its LVM metadata",
			       found->image->path);
	return add_text(scan, text, (size_t)mda->text_size,
			mda->ignored ? LVM_ORIGIN_IGNORED : LVM_ORIGIN_CURRENT,
			found->image->path);
}

/* A ring whose header names no text: the group was removed, its texts are still there. */
static int add_removed(struct lvm_scan *scan, const struct lvm_found *found,
		       const struct lvm_mda *mda)
{
	lvm_old_texts old = { 0 };
	int r = lvm_ring_read(found->image, found->offset, mda, &old);

	if (r == 0 && old.count) {
		const struct lvm_old_text *last = &old.items[old.count - 1];

		r = add_text(scan, last->text, last->size, LVM_ORIGIN_REMOVED,
			     found->image->path);
	}
	lvm_old_texts_done(&old);
	return r == -ENOMEM ? bp_fail_memory(scan->ctx) : 0;
}

/* The groups of PVs found from number @from on. */
static int find_groups(struct lvm_scan *scan, size_t from)
{
	int r = 0;

	for (size_t i = from; r == 0 && i < scan->found.count; i++) {
		const struct lvm_found *f = scan->found.items[i];

		for (unsigned m = 0; r == 0 && m < f->label.nr_mdas; m++)
			r = add_area(scan, f, &f->label.mdas[m]);
	}
	for (size_t i = from; r == 0 && i < scan->found.count; i++) {
		const struct lvm_found *f = scan->found.items[i];

		for (unsigned m = 0; r == 0 && m < f->label.nr_mdas; m++)
			if (!f->label.mdas[m].text_valid)
				r = add_removed(scan, f, &f->label.mdas[m]);
	}
	return r;
}

/* The byte of a PV at which a segment's part on it ends; 0: it has none. */
static bp_bytes segment_end(const struct lvm_vg *vg, const struct lvm_pv *pv,
			    const struct lvm_segment *seg)
{
	bp_bytes last = 0;

	for (size_t i = 0; i < seg->nr_refs; i++) {
		uint64_t extents = DIV_UP(seg->extent_count, seg->nr_refs);
		bp_bytes end;

		if (seg->refs[i].pv == pv &&
		    !add_overflow(seg->refs[i].start_extent, extents, &extents) &&
		    !mul_overflow(extents, vg->extent_bytes, &end) &&
		    !add_overflow(end, pv->pe_start, &end))
			last = MAX(last, end);
	}
	return last;
}

/* Where the last volume on a PV ends; 0: none is there. A spare has nothing to lose. */
bp_bytes lvm_pv_used_end(const struct lvm_vg *vg, const struct lvm_pv *pv)
{
	bp_bytes last = 0;

	for (size_t l = 0; l < vg->nr_lvs; l++) {
		const struct lvm_lv *lv = &vg->lvs[l];

		for (size_t s = 0; !lvm_is_spare(lv) && s < lv->nr_segments; s++) {
			bp_bytes end = segment_end(vg, pv, &lv->segments[s]);

			last = MAX(last, end);
		}
	}
	return last;
}

/* Only what volumes use counts: an image may end behind the last extent in use and be whole. */
bp_bytes lvm_pv_cut_bytes(const struct lvm_vg *vg, const struct lvm_pv *pv)
{
	bp_bytes end, size;

	if (!pv->found || pv->found->offset >= pv->found->image->size)
		return 0;
	end = lvm_pv_used_end(vg, pv);
	size = pv->found->image->size - pv->found->offset;
	return end > size ? end - size : 0;
}

/* Called again when more PVs were found: counts begin anew, joins that hold stay. */
void lvm_join_pvs(struct lvm_scan *scan, struct lvm_group *group)
{
	group->nr_missing = group->nr_cut = 0;
	for (size_t i = 0; i < group->vg->nr_pvs; i++)
		for (size_t f = 0; f < scan->found.count; f++)
			if (streq(scan->found.items[f]->label.uuid, group->vg->pvs[i].uuid))
				group->vg->pvs[i].found = scan->found.items[f];
	group->removed |= group->origin == LVM_ORIGIN_REMOVED;
	if (group->removed || group->origin == LVM_ORIGIN_FILE)
		lvm_join_anew(scan, group);
	for (size_t i = 0; i < group->vg->nr_pvs; i++) {
		const struct lvm_pv *pv = &group->vg->pvs[i];

		group->nr_missing += !pv->found || pv->found->ambiguous;
		group->nr_cut += lvm_pv_cut_bytes(group->vg, pv) != 0;
	}
}

void lvm_scan_use(struct lvm_scan *scan, struct lvm_group *group, struct lvm_vg *take_vg)
{
	lvm_vg_free(group->vg);
	group->vg = take_vg;
	group->origin = LVM_ORIGIN_OLD;
	lvm_join_pvs(scan, group);
}

/* A file as vgcfgbackup writes it. Larger than TEXT_FILE_MAX is no such text. */
static int add_text_file(struct lvm_scan *scan, const char *path)
{
	_cleanup_(raw_image_closep) struct raw_image *file = NULL;
	_cleanup_(freep) char *text = NULL;
	int r = raw_image_open(scan->ctx, path, &file);

	if (r < 0)
		return r;
	scan->text_path = strdup(path);
	if (!scan->text_path)
		return bp_fail_memory(scan->ctx);
	if (file->size > TEXT_FILE_MAX)
		return bp_fail(scan->ctx, -EINVAL,
			       "'%s' is too large for a text of LVM metadata", path);
	text = malloc((size_t)file->size + 1);
	if (!text)
		return bp_fail_memory(scan->ctx);
	r = raw_image_read(file, 0, (size_t)file->size, text);
	if (r < 0)
		return bp_fail(scan->ctx, r, "cannot read '%s': %s", path, strerrordesc_np(-r));
	r = add_text(scan, text, (size_t)file->size, LVM_ORIGIN_FILE, path);
	if (r < 0)
		error_prefix(scan->ctx, "%s", path);
	return r;
}

static int join_groups(struct lvm_scan *scan)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->groups.count; i++) {
		lvm_join_pvs(scan, &scan->groups.items[i]);
		r = lvm_join_bare(scan, &scan->groups.items[i]);
	}
	return r;
}

/*
 * Labels on whole disks that have partitions with PVs of their own since: of groups that are known, where @known, else
 * of all.
 */
static int add_stale(struct lvm_scan *scan, bool known)
{
	size_t before = scan->found.count;
	bool found;
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->disks.count; i++) {
		struct lvm_disk *disk = &scan->disks.items[i];

		if (!disk->stale_label)
			continue;
		r = add_found(scan, disk->image, 0, &found);
		if (r < 0 || !found)
			continue;
		if (known &&
		    !lvm_in_a_group(scan,
				    scan->found.items[scan->found.count - 1]->label.uuid)) {
			free(scan->found.items[--scan->found.count]);
			continue;
		}
		disk->stale_label = false;
		bp_warn(scan->ctx,
			"%s: was shared out by a table of partitions after it was a PV as a "
			"whole: what "
			"was written since lies over that",
			disk->image->path);
	}
	if (r == 0)
		mark_ambiguous(scan, before);
	return r;
}

int lvm_scan_stale(struct lvm_scan *scan)
{
	size_t before = scan->found.count, groups = scan->groups.count;
	int r = add_stale(scan, false);

	if (r == 0)
		r = find_groups(scan, before);
	for (size_t i = groups; i < scan->groups.count; i++)
		scan->groups.items[i].replaced = true;
	return r < 0 || scan->found.count == before ? r : join_groups(scan);
}

/*
 * In this order: labels, then which of them are there twice, then texts, then what each
 * group lacks.
 */
int lvm_scan_new(struct bp_ctx *ctx, const char *const *paths, size_t nr_paths,
		 const char *text_path, struct lvm_scan **ret)
{
	_cleanup_(lvm_scan_freep) struct lvm_scan *scan = calloc(1, sizeof(*scan));
	int r = 0;

	if (!scan)
		return bp_fail_memory(ctx);
	scan->ctx = ctx;
	for (size_t i = 0; r == 0 && i < nr_paths; i++)
		r = add_disk(scan, paths[i]);
	if (r == 0)
		mark_ambiguous(scan, 0);
	if (r == 0 && text_path)
		r = add_text_file(scan, text_path);
	if (r == 0)
		r = find_groups(scan, 0);
	if (r == 0 && text_path)
		r = add_stale(scan, true);
	if (r == 0)
		r = join_groups(scan);
	if (r < 0)
		return r;
	*ret = steal(scan);
	return 0;
}

/* --- disks whose table of partitions is lost --- */

struct lost {
	struct lvm_scan *scan;
	const struct raw_image *image;
	bool any_group; /* nothing is known yet: any PV will do */
};

/*
 * Among many false finds, in images of virtual machines inside volumes, only PVs of a group
 * that was asked for count, where there is one.
 */
static int add_lost(void *user, bp_bytes offset)
{
	struct lost *lost = user;
	struct lvm_scan *scan = lost->scan;
	bool found;
	int r = add_found(scan, lost->image, offset, &found);

	if (r < 0 || !found)
		return r;
	if (!lost->any_group &&
	    !lvm_in_a_group(scan, scan->found.items[scan->found.count - 1]->label.uuid)) {
		free(scan->found.items[--scan->found.count]);
		return 0;
	}
	bp_warn(scan->ctx,
		"%s: no partition table tells of it, but an LVM label lies at byte %" PRIu64
		": it is read as a PV that begins there",
		lost->image->path, offset);
	return 0;
}

/* Reads whole disks: only those without any table or PV, and those that @may says. */
int lvm_scan_lost(struct lvm_scan *scan, bool (*may)(const struct raw_image *image))
{
	size_t before = scan->found.count;
	struct lost lost = { .scan = scan, .any_group = !scan->groups.count };
	const struct lvm_lost_visitor visitor = { add_lost, &lost };
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->disks.count; i++) {
		const struct lvm_disk *disk = &scan->disks.items[i];

		lost.image = disk->image;
		if (disk->table.partitions.count || lvm_holds_pv(scan, disk->image) ||
		    !may(disk->image))
			continue;
		r = lvm_lost_search(disk->image, &visitor);
	}
	if (r == -ENOMEM)
		return bp_fail_memory(scan->ctx);
	if (r < 0 || scan->found.count == before)
		return r;
	mark_ambiguous(scan, before);
	r = find_groups(scan, before);
	return r < 0 ? r : join_groups(scan);
}

void lvm_scan_free(struct lvm_scan *scan)
{
	if (!scan)
		return;
	for (size_t i = 0; i < scan->groups.count; i++)
		lvm_vg_free(scan->groups.items[i].vg);
	for (size_t i = 0; i < scan->found.count; i++)
		free(scan->found.items[i]);
	for (size_t i = 0; i < scan->disks.count; i++) {
		probe_table_done(&scan->disks.items[i].table);
		raw_image_close(scan->disks.items[i].image);
	}
	vec_done(&scan->groups);
	vec_done(&scan->found);
	vec_done(&scan->disks);
	free(scan->text_path);
	free(scan);
}

/* The first of several of that name; *ret_many says that the name is not enough. */
const struct lvm_group *lvm_scan_group(const struct lvm_scan *scan, const char *name,
				       bool *ret_many)
{
	const struct lvm_group *first = NULL;

	*ret_many = false;
	for (size_t i = 0; i < scan->groups.count; i++) {
		if (!streq(scan->groups.items[i].vg->name, name))
			continue;
		*ret_many = first != NULL;
		first = first ? first : &scan->groups.items[i];
	}
	return first;
}
