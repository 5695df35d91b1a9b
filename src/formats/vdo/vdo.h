/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the vdo format: what its files need of one another. */
#ifndef FORMATS_VDO_VDO_H
#define FORMATS_VDO_VDO_H

#include <bedplate/vdo.h>

#include "core/context.h"
#include "formats/vdo/disk.h"

/* Something that is wrong with geometry or super block. */
struct vdo_problem {
	enum bp_damage_kind kind;
	enum bp_damage_place place;
	enum bp_harm harm;
	bp_mblock block;
	const char *what;
};

/* Takes problems as they are found. */
struct vdo_report {
	void (*problem)(void *user, const struct vdo_problem *problem);
	void *user;
	unsigned nr_fatal;
	/* Added to what is reported. */
	enum bp_damage_place place;
	bp_mblock block;
};
void vdo_report(struct vdo_report *report, enum bp_damage_kind kind, enum bp_harm harm,
		const char *fmt, ...) _printf_(4, 5);

/* --- codec.c: blocks to facts and back --- */
uint32_t vdo_crc32(const void *data, size_t len);
/* The number that stands for an index's memory in the geometry. */
int32_t vdo_memory_code(const struct bp_vdo_volume *volume);
/*
 * Read what the blocks say into @volume. What is wrong is reported; false: nothing of it can be
 * used (no magic, another version).
 */
bool vdo_geometry_decode(const uint8_t *block, struct vdo_report *report,
			 struct bp_vdo_volume *volume);
bool vdo_super_decode(const uint8_t *block, struct vdo_report *report,
		      struct bp_vdo_volume *volume);
/* Both in one block, zeros behind. Standard order, as a formatter writes it. */
void vdo_geometry_encode(const struct bp_vdo_volume *volume, uint8_t *block);
void vdo_super_encode(const struct bp_vdo_volume *volume, uint8_t *block);

/* --- index.c --- */
/* Blocks of the index of duplicates; what it remembers; its share of the kernel's memory. */
bp_mblock vdo_index_mblocks(const struct bp_vdo_volume *volume);
bp_bytes vdo_index_window_bytes(const struct bp_vdo_volume *volume);
bp_bytes vdo_index_kernel_bytes(const struct bp_vdo_volume *volume);

/* --- plan.c --- */
/* Pages on each of the five levels of the block map, leaves first: enough for @logical. */
void vdo_map_levels(bp_mblock logical_mblocks, uint64_t levels[5]);
/* From @slab_mblocks and @slab_journal_mblocks, the other five. */
void vdo_slab_config(struct bp_vdo_volume *volume);

/* Hand out the result @from, @size bytes, as large as the caller's @ret says that it is. */
int vdo_give(struct bp_ctx *ctx, void *ret, void *from, size_t size);

/* --- image.c --- */
struct bp_vdo_image {
	struct bp_ctx *ctx;
	struct io *io;
	struct bp_vdo_volume volume;
};
/* Read and judge both blocks. False: can't go on. */
bool vdo_volume_read(struct io *io, struct vdo_report *report, struct bp_vdo_volume *volume);
int vdo_open_io(struct bp_ctx *ctx, struct io *take_io, struct bp_vdo_image **ret);
/* Read a block by the number that the volume uses. */
int vdo_read(struct bp_vdo_image *image, bp_mblock block, size_t count, void *buf);
int vdo_format_io(struct bp_ctx *ctx, struct io *io, const struct bp_vdo_format_opts *opts,
		  struct bp_vdo_volume *volume);
int vdo_force_rebuild_io(struct bp_ctx *ctx, struct io *io);
int vdo_check_io(struct bp_ctx *ctx, struct io *io, const struct bp_vdo_check_opts *opts,
		 struct bp_vdo_check_result *result);

/* --- slabs.c --- */
/* The summary, entry by slab; free() it. NULL: it can't be read, or no memory: *ret_error. */
struct vdo_summary_entry_disk *vdo_summary_read(struct bp_vdo_image *image, int *ret_error);
/* The reference counts of one slab, slab_data_mblocks of them, into @counts. */
int vdo_counts_read(struct bp_vdo_image *image, uint64_t slab, uint8_t *counts);

/* --- map.c --- */

/* An entry of a page of the block map. */
struct vdo_mapping {
	bp_mblock block;
	unsigned state;
};
enum { VDO_UNMAPPED = 0, VDO_MAPPED = 1, VDO_COMPRESSED = 2 /* and above: fragment + 2 */ };

/* A place in the block map. */
struct vdo_place {
	bp_mblock page;    /* block of the page */
	unsigned slot;     /* in it */
	unsigned height;   /* 4: a root; 0: a leaf */
	bp_mblock logical; /* first logical block below it; of a leaf's slot the very one */
	bool beyond;       /* it is past the logical size */
};

struct vdo_map_visitor {
	/*
	 * An entry that is not unmapped. Of a page that points to another: 0 goes on, 1 skips
	 * what is below, negative stops. Of a leaf: 0 goes on.
	 */
	int (*entry)(void *user, const struct vdo_place *place, const struct vdo_mapping *to);
	/* A page that can't be used, and why. Non-zero stops. */
	int (*bad_page)(void *user, const struct vdo_place *parent, bp_mblock page,
			enum bp_damage_kind kind, const char *why);
	void *user;
};

/* Walk the whole block map, tree by tree. Holds five pages. Returns what stopped it, or 0. */
int vdo_map_walk(struct bp_vdo_image *image, const struct vdo_map_visitor *visitor);

#endif
