/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A picture of a thin pool in numbers: its data, or the address range of one volume, cut into
 * cells of equal size, each with how much of it is whose.
 */
#ifndef BEDPLATE_THIN_CELLS_H
#define BEDPLATE_THIN_CELLS_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Cells that a picture can have. */
#define BP_THIN_CELLS_MAX 65536u

/**
 * struct bp_thin_cell - One cell. Members are only added.
 * @begin: its first block: of the pool's data; of a volume, a virtual one.
 * @dblocks: blocks in it; only the last cell may have fewer than the others.
 * @exclusive_dblocks: of these, blocks that are mapped once.
 * @shared_dblocks: mapped more than once: by several volumes, or by one twice. The rest is free, or
 *	in a volume not mapped.
 * @fragments: in a volume's picture, runs that begin in it: mappings whose data blocks continue
 *	each other are one run.
 * @device: who has the most of the exclusive ones, the lowest id of equals; BP_NONE: nobody. In a
 *	volume's picture, the volume.
 */
struct bp_thin_cell {
	bp_dblock begin, dblocks;
	bp_dblock exclusive_dblocks, shared_dblocks;
	uint64_t fragments;
	uint64_t device;
};

/**
 * struct bp_thin_cells_opts - What to draw. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_cells_opts). Members are only added at the end.
 * @nr_cells: how many at most, up to BP_THIN_CELLS_MAX; default 1024. There are fewer where a cell
 *	would be less than a block.
 * @of_volume: draw the volume @volume, not the pool.
 * @volume: its id.
 * @volume_dblocks: its size, which metadata does not know; 0: up to its last mapped block. Mappings
 *	behind are not in the picture.
 */
struct bp_thin_cells_opts {
	size_t size;
	size_t nr_cells;
	bool of_volume;
	uint64_t volume;
	bp_dblock volume_dblocks;
};

/**
 * bp_thin_cells() - Call @cell for each cell, in their order.
 * @meta: opened; devices of the metadata snapshot, with BP_THIN_OPEN_SNAP, are all there is then.
 * @opts: NULL for the defaults.
 * @cell: non-zero ends it and is returned. Not called at all where there are no blocks.
 *
 * Memory: as bp_thin_ls() with sharing, a bit a data block, and 4 bytes for each cell and device
 * (at most 256 MiB).
 *
 * Return: 0; -EINVAL: too many cells; -E2BIG: too many for so many devices; -ENOENT: no such
 * volume;
 * -EBADMSG, -EUCLEAN, -EIO where anything of the trees is damaged: nothing is told then; -ENOMEM.
 */
BP_API int bp_thin_cells(struct bp_thin_meta *meta, const struct bp_thin_cells_opts *opts,
			 int (*cell)(void *user, const struct bp_thin_cell *cell), void *user);

#ifdef __cplusplus
}
#endif

#endif
