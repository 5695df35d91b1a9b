/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What devices and files are, layer by layer, down to volumes. Only reads, needs no root. */
#ifndef BEDPLATE_PROBE_H
#define BEDPLATE_PROBE_H

#include <bedplate/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_probe_kind - What a layer is.
 * @BP_PROBE_IMAGE: a file or device as it was given.
 * @BP_PROBE_PARTITION: of it.
 * @BP_PROBE_SIGNATURE: what lies there, by its signature (a file system, a raid member ...).
 * @BP_PROBE_METADATA: metadata of a thin pool, a cache or an era device by itself, or a dump of it.
 * @BP_PROBE_PV: a physical volume of LVM.
 * @BP_PROBE_VG: a volume group, made of PVs.
 * @BP_PROBE_VG_PV: one of those that it is made of, here or missing.
 * @BP_PROBE_LV: a logical volume; thin volumes lie below their pool.
 * @BP_PROBE_UNKNOWN_VOLUME: a thin volume that the pool has and LVM does not know.
 * @BP_PROBE_REMOVED: a thin volume that only older metadata texts of LVM name.
 */
enum bp_probe_kind {
	BP_PROBE_IMAGE = 1,
	BP_PROBE_PARTITION = 2,
	BP_PROBE_SIGNATURE = 3,
	BP_PROBE_METADATA = 4,
	BP_PROBE_PV = 5,
	BP_PROBE_VG = 6,
	BP_PROBE_VG_PV = 7,
	BP_PROBE_LV = 8,
	BP_PROBE_UNKNOWN_VOLUME = 9,
	BP_PROBE_REMOVED = 10,
};

/* bp_probe_kind_name() - "image", "partition" ... Never NULL. */
BP_API const char *bp_probe_kind_name(enum bp_probe_kind kind);

/**
 * struct bp_probe_layer - One layer. Texts are lent by the result; numbers that are not known are
 * BP_NONE, texts NULL.
 * @size: sizeof(struct bp_probe_layer), set by the library.
 * @depth: 0 at the top; a layer belongs to the last one before it whose depth is one less.
 * @name: path, number of a partition, name of a volume ...
 * @type: "gpt", "ext4", "LVM2 001", "thin-pool", "striped" ...
 * @uuid: as its owner writes it.
 * @file, @offset_bytes: where it begins, where that is one place.
 * @id: number of a thin volume.
 * @lvm_transaction_id, @transaction_id: as LVM expects it, and as the pool has it.
 * @visible: of an LV: a user sees it.
 * @missing: a PV that is not here; an LV of which part can't be read.
 * @note: anything else in words.
 */
struct bp_probe_layer {
	size_t size;
	enum bp_probe_kind kind;
	unsigned depth;
	const char *name, *type, *uuid, *file;
	bp_bytes offset_bytes, size_bytes;
	uint64_t id, lvm_transaction_id, transaction_id, mapped_dblocks, seqno;
	bool visible, missing;
	const char *note;
};

struct bp_probe;

/**
 * bp_probe() - Look at devices and files, and at what they make up together.
 * @paths: @nr_paths of them; none: all block devices of this machine.
 * @text_path: a backup file of LVM's metadata that counts instead of what is found; or NULL.
 * @ret: free it with bp_probe_free().
 *
 * Return: 0, whatever was found; what opening one of @paths gave; -ENOMEM.
 */
BP_API int bp_probe(struct bp_ctx *ctx, const char *const *paths, size_t nr_paths,
		    const char *text_path, struct bp_probe **ret);
BP_API size_t bp_probe_count(const struct bp_probe *probe);
BP_API const struct bp_probe_layer *bp_probe_get(const struct bp_probe *probe, size_t index);
BP_API void bp_probe_free(struct bp_probe *probe);

#ifdef __cplusplus
}
#endif

#endif
