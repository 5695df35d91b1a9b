/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Telling disks without labels apart by what lies on them. */
#ifndef LVM_LOOKS_H
#define LVM_LOOKS_H

#include "lvm/vg.h"

/*
 * Does the image have at @offset what the text says of @pv: metadata of a thin pool, or of an image
 * of a raid, where such begins on it? False where nothing can be told.
 */
bool lvm_pv_looks_so(const struct lvm_vg *vg, const struct lvm_pv *pv,
		     const struct raw_image *image, bp_bytes offset);

#endif
