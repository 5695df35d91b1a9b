/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Older states of a thin pool that are still intact in its metadata, and what deleting frees. */
#ifndef BEDPLATE_HISTORY_H
#define BEDPLATE_HISTORY_H

#include <bedplate/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_history_state - A state of the pool. Lent; members are only added.
 * @mapping_root, @details_root: its roots, as bp_thin_open_opts and repair take them.
 * @current: it is the superblock's.
 * @counted: a metadata space map is left that counts just these trees: a complete transaction.
 * @transaction_id: of the current one the pool's own; of older ones the highest of their devices: trees tell
 * no more, and the pool's was above that where its owner counts as LVM does.
 * @time: of the current one the pool's own; of older ones the highest in it.
 * @nr_devices, @nr_mappings: in it.
 * @nr_broken: devices of whose trees something can't be read any more.
 */
struct bp_history_state {
	bp_mblock mapping_root, details_root;
	bool current, counted;
	uint64_t transaction_id;
	uint32_t time;
	uint64_t nr_devices, nr_mappings, nr_broken;
};

struct bp_history;

/**
 * bp_history() - Find every state that is still intact, newest first.
 * @source: opened; its metadata is read whole, but for holes of a file.
 * @ret: free it with bp_history_free(), before the source is closed.
 *
 * A state is a pair of roots, of mappings and of details, that fit each other: the same devices,
 * each with as many mappings as its details say. A block that was sound once keeps its checksum
 * when it is used for something newer, so that a state which fits can have a device whose root is
 * another's by now: only where it is counted, or current, is that ruled out.
 *
 * Newer is what has the later snapshot or mapping of a device that both have; then what the
 * order in which blocks are allocated says. Memory: as bp_thin_plan() for damaged metadata.
 *
 * Return: 0; -EINVAL (no thin pool), -EIO, -ENOMEM.
 */
BP_API int bp_history(struct bp_source *source, struct bp_history **ret);
BP_API void bp_history_free(struct bp_history *history);
BP_API size_t bp_history_count(const struct bp_history *history);
BP_API const struct bp_history_state *bp_history_get(const struct bp_history *history,
						     size_t index);

/**
 * bp_history_devices() - Call @device for each device of a state, by rising id.
 * @device: non-zero ends it and is returned.
 *
 * Return: 0, -ENOENT (no such state), -ENOMEM.
 */
BP_API int bp_history_devices(struct bp_history *history, size_t index,
			      int (*device)(void *user, const struct bp_thin_device *device),
			      void *user);

/**
 * bp_history_volume() - What LVM called a device of a state, by its present text and by older ones.
 * @ret_bytes: its size then; may be NULL.
 *
 * Return: its name, lent by the history; NULL where no text that is left has a volume of this number that
 * was made in this transaction.
 */
BP_API const char *bp_history_volume(struct bp_history *history,
				     const struct bp_thin_device *device, uint64_t *ret_bytes);

/**
 * bp_thin_freed() - How many data blocks become free when these devices are deleted.
 * @ids, @nr: the devices, together: what only they share is counted too.
 * @ret: data blocks, exact.
 *
 * Each node of metadata is read at most twice, however many devices share it. Memory: two bits for each data
 * block, and as bp_thin_dump().
 *
 * Return: 0; -ENODATA: no such device; -EBADMSG, -EUCLEAN, -EIO where anything is damaged;
 * -ENOMEM.
 */
BP_API int bp_thin_freed(struct bp_thin_meta *meta, const uint64_t *ids, size_t nr,
			 bp_dblock *ret);

/**
 * bp_thin_shared_with() - Call @other for each device that shares data blocks with device @id.
 * @other: @dblocks: data blocks that both have. Non-zero ends it and is returned.
 *
 * Reads as bp_thin_freed(). Memory: as that, and 8 bytes for each mapping of a block that @id has, those of a leaf that
 * devices share once.
 *
 * Return: as bp_thin_freed().
 */
BP_API int bp_thin_shared_with(struct bp_thin_meta *meta, uint64_t id,
			       int (*other)(void *user, uint64_t id, bp_dblock dblocks),
			       void *user);

#ifdef __cplusplus
}
#endif

#endif
