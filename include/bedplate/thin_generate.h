/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test material: metadata of a chosen shape, and damage of a chosen kind. */
#ifndef BEDPLATE_THIN_GENERATE_H
#define BEDPLATE_THIN_GENERATE_H

#include <bedplate/spoil.h>
#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_thin_generate_opts - The shape of a pool. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_generate_opts). Members are only added at the end.
 * @data_block_sectors: 0: 128.
 * @nr_data_blocks: 0: 10240. More are given where the shape needs more.
 * @nr_devices: devices with data of their own; 0: an empty pool.
 * @nr_snapshots: snapshots of each of them.
 * @nr_mappings: mappings of each device.
 * @run_length: mappings that continue each other; 0: 1, all scattered.
 * @changed_permille: how much of a snapshot is not shared with its origin, in thousandths.
 * @seed: of all that is random. The same options make the same metadata.
 */
struct bp_thin_generate_opts {
	size_t size;
	uint32_t data_block_sectors;
	bp_dblock nr_data_blocks;
	uint32_t nr_devices, nr_snapshots;
	uint64_t nr_mappings;
	uint32_t run_length, changed_permille;
	uint64_t seed;
};

/**
 * bp_thin_generate() - Make metadata of a pool.
 * @path: metadata device or file to overwrite; it must exist and be large enough.
 * @opts: NULL: an empty pool.
 *
 * Ids are 0 .. nr_devices * (nr_snapshots + 1) - 1: each device, then its snapshots. Memory: that
 * of bp_thin_restore().
 *
 * Return: 0; -EINVAL, -ENOSPC, -ENOENT, -EACCES, -EBUSY, -EIO, -ENOMEM.
 */
BP_API int bp_thin_generate(struct bp_ctx *ctx, const char *path,
			    const struct bp_thin_generate_opts *opts);

/**
 * bp_thin_set_needs_check() - Set or clear the flag in the superblock, and nothing else.
 *
 * Return: 0; -EBADMSG, -EUCLEAN (no sound superblock), -ENOENT, -EACCES, -EBUSY, -EIO.
 */
BP_API int bp_thin_set_needs_check(struct bp_ctx *ctx, const char *path, bool value);

/* enum bp_spoil_what - Which blocks. "leaf", "inner" ... are those of mapping trees. */
enum bp_spoil_what {
	BP_SPOIL_BLOCK = 0, /* the one given */
	BP_SPOIL_SUPERBLOCK = 1,
	BP_SPOIL_MAPPING_ROOT = 2, /* root of the top level */
	BP_SPOIL_DETAILS_ROOT = 3,
	BP_SPOIL_LEAF = 4,
	BP_SPOIL_INNER = 5,
	BP_SPOIL_DATA_BITMAP = 6,
	BP_SPOIL_DATA_INDEX = 7, /* a node of its index tree */
	BP_SPOIL_METADATA_BITMAP = 8,
	BP_SPOIL_METADATA_INDEX = 9,
	BP_SPOIL_ANY = 10, /* any that a pointer leads to, the superblock included */
};
/* "block", "superblock" ...; NULL past the last. */
BP_API const char *bp_spoil_what_name(enum bp_spoil_what what);

/**
 * bp_thin_spoil() - Damage metadata, on purpose.
 * @opts: NULL for the defaults; its @what is an enum bp_spoil_what.
 *
 * Return: 0; -ENODATA (there is no such block), -ERANGE, -EINVAL, -ENOENT, -EACCES, -EBUSY, -EIO,
 * -ENOMEM.
 */
BP_API int bp_thin_spoil(struct bp_ctx *ctx, const char *path,
			 const struct bp_spoil_opts *opts);

/**
 * bp_thin_leak() - Set wrong reference counts in the metadata space map's bitmaps.
 * @nr_blocks: of how many blocks, the last ones.
 * @expected: blocks that have this count, 0 to 2 ...
 * @actual: ... get this one, 0 to 2.
 *
 * Totals and index entries stay right. Return: as bp_thin_open(); -ENODATA where there are fewer
 * such blocks: nothing is written then; -EINVAL.
 */
BP_API int bp_thin_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks,
			unsigned expected, unsigned actual);

/**
 * bp_thin_override() - Write pointers into the superblock, right or not.
 * @mapping_root, @details_root, @metadata_snap: BP_NONE: as it is.
 *
 * Return: 0, -EBUSY (in use), -EBADMSG (no superblock), -EIO, or why @path can't be opened.
 */
BP_API int bp_thin_override(struct bp_ctx *ctx, const char *path, bp_mblock mapping_root,
			    bp_mblock details_root, bp_mblock metadata_snap);

#ifdef __cplusplus
}
#endif

#endif
