/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the verbs of vdo: a volume as rows and fields. */
#ifndef COMMANDS_VDO_H
#define COMMANDS_VDO_H

#include "cli/out.h"

#include <bedplate/vdo.h>

#define VDO_GROUP "VDO"

/* Sizes a person gives to a volume, of a struct args with these members. */
/* clang-format off */
#define OPT_VDO_SIZES(logical, slab, memory, sparse) \
	OPT_SIZE(logical, 0, 0, "logical-size", "SIZE", "what the volume shows, up to 4PiB; default: as much as it can hold without duplicates"), \
	OPT_SIZE(slab, 0, 0, "slab-size", "SIZE", "32MiB to 32GiB, a power of two; default 2GiB. A volume can grow to 8192 slabs"), \
	OPT_SIZE(memory, UINT64_C(1) << 30, 0, "index-memory", "SIZE", "of the index of duplicates: 256MiB (the default), 512MiB, 768MiB, or 1GiB to 1024GiB; bare: GiB"), \
	OPT_FLAG(sparse, 0, "sparse", "an index that remembers ten times more, on ten times the space")
/* clang-format on */

/* A volume as a format makes it, and with what running leaves. */
extern const struct out_schema vdo_format_schema, vdo_size_schema, vdo_inspect_schema;

/* What slabs have in use, where it was looked at. */
struct vdo_usage {
	uint64_t nr_opened, nr_dirty, nr_unreadable;
	bp_mblock used_mblocks;
};

/*
 * Print one volume: a line a field, or an object. @usage may be NULL; @cache_mblocks 0: the
 * default. Return: an exit status.
 */
int vdo_volume_print(struct cli *cli, const struct out_opts *opts,
		     const struct out_schema *schema, const struct bp_vdo_volume *volume,
		     bp_mblock cache_mblocks, const struct vdo_usage *usage);

/* Is it one? For verbs that are about all there are. Return: 0 or the library's error. */
struct bp_selector;
int vdo_is(struct bp_ctx *ctx, const struct bp_selector *which, bool *ret);

/* "346a61b1-a248-...": 37 bytes at @buf. Return: @buf. */
#define VDO_UUID_TEXT 37
const char *vdo_uuid_text(const uint8_t uuid[BP_VDO_UUID_BYTES], char *buf);
/* Read one; false where it is none. */
bool vdo_uuid_parse(const char *text, uint8_t ret[BP_VDO_UUID_BYTES]);
/* The byte that two hex digits at @text say; false where they are none. */
bool hex_byte(const char *text, uint8_t *ret);

#endif
