/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Repairing thin pool metadata: first a plan, which says what can be had and what is lost, and
 * writes nothing; then, as text or as new metadata, all that the plan has.
 */
#ifndef BEDPLATE_THIN_REPAIR_H
#define BEDPLATE_THIN_REPAIR_H

#include <bedplate/thin_dump.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_repair_flags
 * @BP_THIN_REPAIR_TRANSACTION: the result says @transaction_id, which may be 0.
 */
enum bp_thin_repair_flags {
	BP_THIN_REPAIR_TRANSACTION = 1 << 0,
};

/**
 * struct bp_thin_repair_opts - How to repair. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_repair_opts). Members are only added at the end.
 * @flags: enum bp_thin_repair_flags.
 * @data_block_sectors, @nr_data_blocks: the result has these, whatever was found. The first
 *	must be given where no superblock tells it.
 * @transaction_id: see BP_THIN_REPAIR_TRANSACTION.
 * @mapping_root, @details_root: take these roots, not the superblock's nor the best found.
 * @workers: threads; 0: as suits processors and device.
 * @progress: called now and then with the metadata blocks done and to do; non-zero ends it
 *	with -ECANCELED. @stage: "trees", "area", "output".
 * @user: passed to it.
 */
struct bp_thin_repair_opts {
	size_t size;
	uint32_t flags;
	uint32_t data_block_sectors;
	bp_dblock nr_data_blocks;
	uint64_t transaction_id;
	bp_mblock mapping_root, details_root;
	unsigned workers;
	int (*progress)(void *user, const char *stage, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * enum bp_thin_origin - Where a value of a plan comes from. For roots, from the surest down.
 * @BP_THIN_FROM_SUPERBLOCK: a sound superblock says so.
 * @BP_THIN_FROM_CALLER: an option says so.
 * @BP_THIN_FROM_SNAPSHOT: the superblock of a metadata snapshot says so.
 * @BP_THIN_FROM_TREES: derived from what the trees hold; roots: the newest pair that fits.
 * @BP_THIN_FROM_DAMAGED: a superblock with a bad checksum says so, and the trees agree.
 */
enum bp_thin_origin {
	BP_THIN_FROM_SUPERBLOCK = 1,
	BP_THIN_FROM_CALLER = 2,
	BP_THIN_FROM_SNAPSHOT = 3,
	BP_THIN_FROM_TREES = 4,
	BP_THIN_FROM_DAMAGED = 5,
};

/* "superblock", "caller", "snapshot", "trees", "damaged". */
BP_API const char *bp_thin_origin_name(enum bp_thin_origin origin);

/**
 * enum bp_thin_verdict - What a plan has of a device.
 * @BP_THIN_WHOLE: all of its mappings.
 * @BP_THIN_REBUILT: all of its mappings; its details were lost and are such that nothing is
 *	taken for unshared.
 * @BP_THIN_PARTLY: some.
 * @BP_THIN_GONE: none of those it had.
 * @BP_THIN_DOUBTFUL: its tree is sound, but has not as many mappings as its details say; or these are
 *	lost, and of another device that holds: nodes of two states lie among each other, and it may be
 *	another device's tree; or its root, or that of the list of devices, was lost, and nothing tells
 *	whether the one that was found is the newest; or nothing of its own is left, and this is an older
 *	tree. All that is mapped was so once, but perhaps in an older transaction, and perhaps the device is
 *	no more.
 */
enum bp_thin_verdict {
	BP_THIN_WHOLE = 1,
	BP_THIN_REBUILT = 2,
	BP_THIN_PARTLY = 3,
	BP_THIN_GONE = 4,
	BP_THIN_DOUBTFUL = 5,
};

/* "whole", "rebuilt", "partly", "gone", "doubtful". */
BP_API const char *bp_thin_verdict_name(enum bp_thin_verdict verdict);

/**
 * struct bp_thin_plan_summary - A plan as a whole. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_plan_summary). Members are only added at the end.
 * @superblock: as the result will have it: @mapping_root and @details_root are those that the
 *	plan began with (0: none was found), @metadata_snap is 0.
 * @superblock_damaged: block 0 is no sound superblock.
 * @scanned: the whole area was read, as the trees were not sound.
 * @roots, @block_size, @size_of_data, @transaction: enum bp_thin_origin of these.
 * @nr_devices: devices of the result.
 * @nr_mappings: mappings of the result, each of each device.
 * @nr_lost: mappings that are known to have been there and are not in the result.
 * @lost_unknown: more is lost, and nobody can tell how much.
 * @nr_damaged: blocks of the area that hold something and are no sound metadata.
 * @nr_recovered: subtrees that had lost their parent and have it again.
 * @nr_pairs: pairs of roots that were found to fit each other.
 * @counted: the metadata space map could be used to tell stale nodes from live ones.
 * @nr_refilled: mappings that lost leaves are proven to have had, though they can't be read.
 */
struct bp_thin_plan_summary {
	size_t size;
	struct bp_thin_superblock superblock;
	bool superblock_damaged, scanned;
	enum bp_thin_origin roots, block_size, size_of_data, transaction;
	uint64_t nr_devices, nr_mappings, nr_lost;
	bool lost_unknown;
	uint64_t nr_damaged, nr_recovered, nr_pairs;
	bool counted;
	uint64_t nr_refilled;
};

/**
 * struct bp_thin_plan_device - A device of a plan. Lent; members are only added.
 * @device: as the result has it: mapped_dblocks is what was found.
 * @verdict: what there is of it.
 * @expected_dblocks: mappings that its details say it had; BP_NONE: they are lost.
 */
struct bp_thin_plan_device {
	struct bp_thin_device device;
	enum bp_thin_verdict verdict;
	bp_dblock expected_dblocks;
};

/**
 * struct bp_thin_plan_loss - Something a plan does not have. Lent; members are only added.
 * @device: the device it is of; BP_NONE: of a list of devices.
 * @begin, @end: virtual blocks of @device, or ids of devices, within which it is: [begin, end);
 *	@end BP_NONE: to the last.
 * @block: the metadata block that is damaged.
 * @what: all of it in one line of words.
 */
struct bp_thin_plan_loss {
	uint64_t device;
	uint64_t begin, end;
	bp_mblock block;
	const char *what;
};

struct bp_thin_plan;

/**
 * bp_thin_plan() - See what can be had of metadata, whatever its state. Reads only.
 * @ctx: must outlive @ret, and takes the messages.
 * @path: metadata device or file; its pool must not be active.
 * @opts: NULL for the defaults.
 * @ret: free it with bp_thin_plan_free().
 *
 * Where superblock and trees are sound, only what is in use is read. Else all of the area is,
 * but for holes of a file, and what is sound in it is looked at. The roots of the superblock are
 * taken where it is sound; else the newest pair that fits. Nothing is taken that may be stale: a
 * subtree that lost its parent is given back only where the metadata space map leaves no other
 * place for it; of a leaf that is lost those mappings are taken whose data block lacks an owner,
 * and is mapped at that virtual block by another device, or was in an older version of the leaf.
 *
 * Memory: what a walk of all trees takes; for damaged metadata 90 bytes for each node of the
 * area, 16 for each entry of internal nodes, 12 for each block, 4 KiB for each node rewritten.
 *
 * Return: 0 if there is a plan, however bad; -EUCLEAN, -EBADMSG (BP_E_DAMAGED: nothing that
 * looks like a pool was found, or the data block size must be given), -ENOENT, -EACCES, -EBUSY,
 * -EINVAL, -EIO, -ENOMEM, -ECANCELED.
 */
BP_API int bp_thin_plan(struct bp_ctx *ctx, const char *path,
			const struct bp_thin_repair_opts *opts, struct bp_thin_plan **ret);
BP_API void bp_thin_plan_free(struct bp_thin_plan *plan);

BP_API int bp_thin_plan_summary_get(const struct bp_thin_plan *plan,
				    struct bp_thin_plan_summary *ret);
/* bp_thin_plan_is_whole() - Nothing is lost, nothing doubtful. */
BP_API bool bp_thin_plan_is_whole(const struct bp_thin_plan *plan);
/* Devices by rising id; losses by device. Lent: valid until the plan is freed. */
BP_API size_t bp_thin_plan_devices_count(const struct bp_thin_plan *plan);
BP_API const struct bp_thin_plan_device *
bp_thin_plan_device_get(const struct bp_thin_plan *plan, size_t index);
BP_API size_t bp_thin_plan_losses_count(const struct bp_thin_plan *plan);
BP_API const struct bp_thin_plan_loss *bp_thin_plan_loss_get(const struct bp_thin_plan *plan,
							     size_t index);
/* bp_thin_plan_json() - Write all of it as a JSON object. */
BP_API void bp_thin_plan_json(const struct bp_thin_plan *plan, struct bp_json *json,
			      const char *key);

/**
 * bp_thin_plan_meta() - What a plan has, as opened metadata: every reading call works on it.
 *
 * Lent: valid until the plan is freed. Blocks that were rewritten differ from those on disk.
 */
BP_API struct bp_thin_meta *bp_thin_plan_meta(struct bp_thin_plan *plan);

/**
 * bp_thin_plan_write() - Write what a plan has as new metadata; where that is just what it was made
 * of, and @path has as many blocks, as a copy of the blocks in use. The result is checked.
 * @path: metadata device or file to overwrite. It must exist, and not be in use. Not what the
 *	plan was made of.
 *
 * The superblock is zeroed first and written last, after all else was flushed: interrupted or
 * failed at any point, there is either the complete metadata or none.
 *
 * Return: 0; -EINVAL (BP_E_USAGE: output is input), -ENOENT, -EACCES, -EBUSY (@path), -ENOSPC
 * (no room in @path), -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_plan_write(struct bp_thin_plan *plan, const char *path);

#ifdef __cplusplus
}
#endif

#endif
