/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images and devices searched for physical volumes, and the volume groups that these make up. The
 * order of the images does not matter; an image that is given twice counts once.
 */
#ifndef LVM_SCAN_H
#define LVM_SCAN_H

#include "io/probe.h"
#include "lvm/vg.h"

/* An image that was given, and what it is divided into. */
struct lvm_disk {
	struct raw_image *image;
	struct probe_table table;
	bool stale_label; /* a label on the whole disk beside labels in partitions: left over */
};

/* How the text of a group came to us. */
enum lvm_origin {
	LVM_ORIGIN_CURRENT, /* the newest committed one of all areas */
	LVM_ORIGIN_IGNORED, /* only areas that LVM does not keep up to date had one */
	LVM_ORIGIN_REMOVED, /* the group was removed: the newest text of a ring */
	LVM_ORIGIN_FILE,    /* a backup file that was given */
	LVM_ORIGIN_OLD,     /* an older text of a ring: what was asked for is in that */
};

struct lvm_group {
	struct lvm_vg *vg;
	enum lvm_origin origin;
	uint32_t checksum; /* of its text */
	bool removed;      /* the group is gone: its PVs may have been made anew */
	bool replaced;     /* and another group was made on a disk of it */
	bool split;        /* another text has the same number and differs: two hosts wrote */
	size_t nr_missing; /* PVs without an image */
	size_t nr_cut;     /* PVs whose image ends before the last volume on them does */
};

struct lvm_scan {
	struct bp_ctx *ctx;
	VEC(struct lvm_disk) disks;
	VEC(struct lvm_found *) found;
	VEC(struct lvm_group) groups;
	char *text_path; /* of the text that was given, or NULL */
};

/*
 * Search @paths, and take @text_path (a file of vgcfgbackup, or NULL) as the text of its group.
 * What looks wrong but can be lived with becomes a warning of the context. Free with
 * lvm_scan_free(). Memory: the text of each group once, as a tree.
 *
 * Return: 0 (also where nothing was found), what opening or reading an image gave, -EINVAL where
 * @text_path is no text of a volume group, -ENOMEM.
 */
int lvm_scan_new(struct bp_ctx *ctx, const char *const *paths, size_t nr_paths,
		 const char *text_path, struct lvm_scan **ret);
void lvm_scan_free(struct lvm_scan *scan);

/*
 * Search disks on which nothing was found for PVs wherever they may begin: their tables of partitions may
 * be lost. Only those that @may says yes to; and where groups are known, only for PVs of these. What is
 * found is told by a warning. 0, -ENOMEM, or as lvm_scan_new().
 */
int lvm_scan_lost(struct lvm_scan *scan, bool (*may)(const struct raw_image *image));

static inline void lvm_scan_freep(struct lvm_scan **scan)
{
	lvm_scan_free(*scan);
}

/*
 * Labels of whole disks that were partitioned since, and hold PVs of their own in partitions, which LVM does not look
 * at: they and their groups are added, as replaced ones. 0, -ENOMEM, or as lvm_scan_new().
 */
int lvm_scan_stale(struct lvm_scan *scan);

/*
 * Groups that were removed before those were made which are on the disks now, by the newest of their
 * texts in the rings: they are added. Nothing is lost where none is found. 0 or -ENOMEM.
 */
int lvm_scan_replaced(struct lvm_scan *scan);

/* Join PVs of a removed group that were made anew since, where only one place can be meant. */
void lvm_join_anew(const struct lvm_scan *scan, struct lvm_group *group);

/* Does a group have a PV of this uuid? */
bool lvm_in_a_group(const struct lvm_scan *scan, const char *uuid);

/* Join the PVs of a group to what was found, and count those that are not here. */
void lvm_join_pvs(struct lvm_scan *scan, struct lvm_group *group);

/* The byte of a PV at which the last volume on it ends; 0: none is there. */
bp_bytes lvm_pv_used_end(const struct lvm_vg *vg, const struct lvm_pv *pv);
/* Was a PV found on that disk, by its label? */
bool lvm_holds_pv(const struct lvm_scan *scan, const struct raw_image *image);
/* Of a group whose text was given: PVs that are missing, by what lies on disks without a label. 0, -ENOMEM. */
int lvm_join_bare(struct lvm_scan *scan, struct lvm_group *group);

/* How many bytes lie between the end of a PV's image and the end of the last volume on the PV, behind it. */
bp_bytes lvm_pv_cut_bytes(const struct lvm_vg *vg, const struct lvm_pv *pv);

/* The group of this name, or NULL; the first where several have it: then *@ret_many is true. */
const struct lvm_group *lvm_scan_group(const struct lvm_scan *scan, const char *name,
				       bool *ret_many);

/*
 * From now on the older text @take_vg counts for its group. It is taken. Its PVs are joined to
 * what was found.
 */
void lvm_scan_use(struct lvm_scan *scan, struct lvm_group *group, struct lvm_vg *take_vg);

/*
 * Every whole text of one group in the rings of its PVs, by rising number, each number once.
 * Free with lvm_old_texts_done().
 */
int lvm_scan_old_texts(const struct lvm_scan *scan, const struct lvm_vg *vg,
		       lvm_old_texts *ret);

#endif
