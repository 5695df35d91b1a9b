/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volume groups as a text describes them, and where their volumes' bytes lie in images. Nothing
 * here needs LVM, a device, or privileges. Source: LVM2, lib/format_text/import_vsn1.c, the
 * segment types under lib/, libdm/libdm-deptree.c; Linux, drivers/md/raid5.c (layouts).
 */
#ifndef LVM_VG_H
#define LVM_VG_H

#include "io/map.h"
#include "lvm/label.h"
#include "lvm/text.h"

struct lvm_vg;

/* A label that was found, and where. */
struct lvm_found {
	const struct raw_image *image;
	bp_bytes offset; /* of the PV in the image */
	struct lvm_label label;
	bool ambiguous; /* another image has the same PV */
	bool bare;      /* it has no label: a text that was given says what it is */
};

/* A physical volume as the text has it. */
struct lvm_pv {
	const char *name; /* "pv0": valid inside of this text only */
	const char *uuid;
	const char *device_hint;
	bp_bytes dev_size, pe_start;
	uint64_t pe_count;
	bool missing_flag;             /* it was absent at a commit */
	const struct lvm_found *found; /* NULL: no image has it */
	const struct text_node *node;
};

/* What a segment refers to: one of both. */
struct lvm_ref {
	const struct lvm_pv *pv;
	const struct lvm_lv *lv;
	uint64_t start_extent;
};

struct lvm_segment {
	uint64_t start_extent, extent_count;
	const char *type; /* without flags behind '+' */
	struct lvm_ref *refs;
	size_t nr_refs;
	bp_bytes stripe_bytes;        /* 0: none */
	const struct text_node *node; /* for all else that the type needs */
};

struct lvm_lv {
	const struct lvm_vg *vg;
	const char *name, *uuid;
	bp_bytes size;
	bool visible; /* to a user; not the VISIBLE of the text */
	struct lvm_segment *segments;
	size_t nr_segments;
	const struct text_node *node;
};

struct lvm_vg {
	const char *name, *uuid;
	uint64_t seqno;
	bp_bytes extent_bytes;
	struct lvm_pv *pvs;
	size_t nr_pvs;
	struct lvm_lv *lvs;
	size_t nr_lvs;
	const char *description; /* what made this text */
	uint64_t creation_time;
	const struct text_node *node, *top;
	struct arena arena;
};

/*
 * Make a volume group of a text. 0; -EINVAL: it is not one (the context says why); -ENOMEM.
 * Free it with lvm_vg_free().
 */
int lvm_vg_parse(struct bp_ctx *ctx, const char *text, size_t len, struct lvm_vg **ret);
void lvm_vg_free(struct lvm_vg *vg);

static inline void lvm_vg_freep(struct lvm_vg **vg)
{
	lvm_vg_free(*vg);
}

const struct lvm_lv *lvm_lv_find(const struct lvm_vg *vg, const char *name);
/* By a reference of a segment's key ("metadata", "pool", "origin" ...); NULL: none. */
const struct lvm_lv *lvm_lv_named_by(const struct lvm_lv *lv, const char *key);
/* Is it what LVM keeps for the next repair of a pool: "lvol0_pmspare"? */
static inline bool lvm_is_spare(const struct lvm_lv *lv)
{
	size_t len = strlen(lv->name), of = strlen("_pmspare");

	return len > of && streq(lv->name + len - of, "_pmspare");
}
/* The first segment's type, "" without segments. */
const char *lvm_lv_type(const struct lvm_lv *lv);

/*
 * The bytes of a volume whose segments are striped, mirror, raid*, integrity, error or zero. A
 * volume of another type below is asked for by @other (NULL: it counts as unreadable).
 * -ENOTSUP with a message where a type can't be followed.
 */
typedef int (*lvm_other_fn)(void *user, const struct lvm_lv *lv, struct map **ret);
int lvm_lv_map(struct bp_ctx *ctx, const struct lvm_lv *lv, lvm_other_fn other, void *user,
	       struct map **ret);

/* Extents of the group's PVs that no volume has. */
uint64_t lvm_vg_free_extents(const struct lvm_vg *vg);

/* Does lvm_lv_map() follow this type by itself? */
bool lvm_type_is_plain(const char *type);

#endif
