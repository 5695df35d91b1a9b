/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Thin volumes that were deleted: what is left of them in older states of the pool's metadata, and
 * who has their blocks since. Nothing is activated, and what is read is never written.
 */
#ifndef BEDPLATE_UNDELETE_H
#define BEDPLATE_UNDELETE_H

#include <bedplate/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_removed_volume - A volume that older states have and the present one has not. Lent.
 * @size: sizeof(struct bp_removed_volume), set by the library.
 * @name: LVM's, from an older text; NULL: no text that is left has it.
 * @id: its number; another volume may have it by now.
 * @transaction_id: when it was made. Two volumes of one number differ by it.
 * @size_bytes: LVM's; 0: not known.
 * @mapped_dblocks: data blocks it had in the newest state that has it.
 * @mapping_root: of that state.
 */
struct bp_removed_volume {
	size_t size;
	const char *name;
	uint64_t id, transaction_id;
	bp_bytes size_bytes;
	bp_dblock mapped_dblocks;
	bp_mblock mapping_root;
};

/**
 * bp_removed_volumes() - Call @volume for each, those first that were removed last.
 * @volume: non-zero ends it and is returned.
 *
 * Return: 0; as bp_history() and bp_thin_plan().
 */
BP_API int bp_removed_volumes(struct bp_source *source,
			      int (*volume)(void *user, const struct bp_removed_volume *volume),
			      void *user);

struct bp_undelete;

/**
 * enum bp_undelete_flags
 * @BP_UNDELETE_TRANSACTION: of states only those of @transaction_id.
 */
enum bp_undelete_flags {
	BP_UNDELETE_TRANSACTION = 1 << 0,
};

/**
 * struct bp_undelete_opts - Which state to take it from. Zero in a member is its default.
 * @size: sizeof(struct bp_undelete_opts). Members are only added at the end.
 * @flags: enum bp_undelete_flags.
 * @mapping_root: of the state; 0: the newest that has the volume whole, else the one that has
 *	most of it.
 * @transaction_id: see BP_UNDELETE_TRANSACTION; as bp_history_state has it.
 */
struct bp_undelete_opts {
	size_t size;
	uint32_t flags;
	bp_mblock mapping_root;
	uint64_t transaction_id;
};

/**
 * struct bp_undelete_result - What is left of a volume. Set @size; the rest is the result's. Texts
 * are lent.
 * @size: sizeof(struct bp_undelete_result). Members are only added at the end.
 * @name: LVM's, or NULL.
 * @device: as its details say; @root is that of the state.
 * @mapping_root, @details_root, @counted: of the state, see struct bp_history_state.
 * @size_bytes: LVM's; else up to its last mapping.
 * @block_bytes: of a data block.
 * @found_dblocks: mappings that could be read.
 * @lost_dblocks: mappings that could not: device.mapped_dblocks less those found.
 * @doubtful: nothing of its tree is damaged, yet it has not as many mappings as it should have:
 *	it may be the tree of something else.
 * @reused_dblocks: of those found, data blocks that were given to other volumes since.
 * @shared_dblocks: of those found, what present volumes have rightly: they were snapshots of
 *	one another.
 * @survival_percent: (found - reused) of device.mapped_dblocks, in hundredths of a percent.
 * @free_id: the number it would get: its own where that is free.
 */
struct bp_undelete_result {
	size_t size;
	const char *name;
	struct bp_thin_device device;
	bp_mblock mapping_root, details_root;
	bool counted;
	bp_bytes size_bytes, block_bytes;
	bp_dblock found_dblocks, lost_dblocks;
	bool doubtful;
	bp_dblock reused_dblocks, shared_dblocks;
	uint32_t survival_percent;
	uint64_t free_id;
};

/**
 * bp_undelete_new() - Look for a removed volume, and at who has its blocks now.
 * @source: must outlive @ret. Its metadata may be damaged: the present state is then what
 *	bp_thin_plan() has.
 * @volume: its number, or the name that an older text of LVM has for it.
 * @opts: NULL for the defaults.
 * @ret: free it with bp_undelete_free().
 *
 * That no present volume has a block proves little: it may have been given to a volume that is
 * gone as well, or discarded on the disk. A block counts as shared, not as reused, where the
 * present volume has it at the same place with the same time, and cannot have allocated it itself.
 *
 * Memory: as bp_history() and bp_thin_plan(), 40 bytes for each run of the volume, 3 bits for each
 * data block. Return: 0; -ENODATA (no state that is left has it, or it was not removed: the message
 * says which), -EINVAL, -EBADMSG, -EUCLEAN, -EIO, -ENOMEM.
 */
BP_API int bp_undelete_new(struct bp_source *source, const char *volume,
			   const struct bp_undelete_opts *opts, struct bp_undelete **ret);
BP_API void bp_undelete_free(struct bp_undelete *undelete);
BP_API void bp_undelete_get(const struct bp_undelete *undelete, struct bp_undelete_result *ret);

/**
 * struct bp_undelete_range - Virtual blocks that can't be had.
 * @size: sizeof(struct bp_undelete_range), set by the library.
 * @begin, @length: virtual blocks.
 * @reused: others have it; else its metadata can't be read, or points beyond the pool.
 * @holder: @reused: the number of the volume that has its first block now.
 */
struct bp_undelete_range {
	size_t size;
	bp_dblock begin, length;
	bool reused;
	uint64_t holder;
};

/**
 * bp_undelete_missing() - Call @range for each, by rising block; non-zero ends it.
 *
 * Return: 0, or what @range returned.
 */
BP_API int bp_undelete_missing(const struct bp_undelete *undelete,
			       int (*range)(void *user, const struct bp_undelete_range *range),
			       void *user);

/**
 * bp_undelete_image() - The volume as bytes: what can't be had is BP_IMAGE_MISSING.
 * @ret: close it with bp_image_close(), before @undelete is freed.
 *
 * Return: 0; -EINVAL (no data: the source is bare metadata), as bp_image_open() else.
 */
BP_API int bp_undelete_image(struct bp_undelete *undelete, struct bp_image **ret);

/**
 * bp_undelete_write() - Write new metadata: all that the present has, and the volume.
 * @path: a file that is not there yet (it becomes as large as the metadata is), or is empty; or a
 *	block device that is not in use. Neither may hold anything that is known, nor be what the
 *	source is made of.
 *
 * The volume gets free_id and maps what others don't hold. What was written has been checked;
 * on failure it is no metadata, and a file that was made is removed. The present state's losses,
 * if it is damaged, are not told here: bp_thin_plan() has them.
 *
 * Return: 0; -EINVAL, -EEXIST (@path holds something), -EBUSY (the pool is active), -ENOSPC, -EIO,
 * -ENOMEM.
 */
BP_API int bp_undelete_write(struct bp_undelete *undelete, const char *path);

/**
 * bp_undelete_steps() - bp_source_swap_steps(), and the line that makes a device of the volume,
 * which LVM does not know.
 *
 * Return: 0, what @line returned, -ENOMEM, or as bp_source_swap_steps().
 */
BP_API int bp_undelete_steps(const struct bp_undelete *undelete, const char *path,
			     int (*line)(void *user, const char *line), void *user);

#ifdef __cplusplus
}
#endif

#endif
