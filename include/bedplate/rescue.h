/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A broken thin pool at a glance: what is wrong, what became of each volume, and what can be done,
 * with what each way loses. Looking writes nothing; a plan is carried out to a new place only.
 */
#ifndef BEDPLATE_RESCUE_H
#define BEDPLATE_RESCUE_H

#include <bedplate/source.h>
#include <bedplate/thin_repair.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_trouble - What is wrong with a pool. Numbers are never reused.
 * @BP_TROUBLE_OVERWRITTEN: something else lies over the metadata's beginning.
 * @BP_TROUBLE_SUPERBLOCK: block 0 is no sound superblock.
 * @BP_TROUBLE_NODES: nodes of trees of mappings or devices are lost.
 * @BP_TROUBLE_SPACE_MAPS: only space maps, which can be made anew, are wrong.
 * @BP_TROUBLE_LEAKS: blocks are counted that nobody uses: wasted space, no loss.
 * @BP_TROUBLE_TIMES: times that would let a write to one volume change another.
 * @BP_TROUBLE_NEEDS_CHECK: the kernel asks for a check before it writes again.
 * @BP_TROUBLE_BEHIND, @BP_TROUBLE_AHEAD: the pool's transaction id is lower, or higher, than LVM
 *	expects: they are of different times.
 * @BP_TROUBLE_METADATA_FULL, @BP_TROUBLE_DATA_FULL: no room.
 * @BP_TROUBLE_TWO_HOSTS: two have written at once: one block holds what two volumes put there, or
 *	LVM has two texts of one number.
 * @BP_TROUBLE_DATA_SMALLER: LVM's data volume is smaller than the pool believes.
 * @BP_TROUBLE_VOLUMES: LVM has volumes that the pool has not.
 * @BP_TROUBLE_MISSING_DISK: a disk of the group is not here.
 * @BP_TROUBLE_ACTIVE: the pool is in use on this machine: what was read may be half written.
 * @BP_TROUBLE_NOTHING_LEFT: nothing that looks like a pool was found.
 * @BP_TROUBLE_FORMATTED: an empty pool lies over one with volumes: a kernel that is given metadata
 *	whose superblock is all zeros makes a new pool of it.
 * @BP_TROUBLE_MIRROR: blocks of mirrored metadata differ from leg to leg: a kernel may read either.
 * @BP_TROUBLE_OTHER_POOL: in the place of its metadata lies that of another pool. Where its own lies in that
 *	one's place, all that is told is of that.
 * @BP_TROUBLE_BLOCK_SIZE: nobody knows the data block size, without which nothing can be applied.
 */
enum bp_trouble {
	BP_TROUBLE_OVERWRITTEN = 1,
	BP_TROUBLE_SUPERBLOCK = 2,
	BP_TROUBLE_NODES = 3,
	BP_TROUBLE_SPACE_MAPS = 4,
	BP_TROUBLE_LEAKS = 5,
	BP_TROUBLE_TIMES = 6,
	BP_TROUBLE_NEEDS_CHECK = 7,
	BP_TROUBLE_BEHIND = 8,
	BP_TROUBLE_AHEAD = 9,
	BP_TROUBLE_METADATA_FULL = 10,
	BP_TROUBLE_DATA_FULL = 11,
	BP_TROUBLE_TWO_HOSTS = 12,
	BP_TROUBLE_DATA_SMALLER = 13,
	BP_TROUBLE_VOLUMES = 14,
	BP_TROUBLE_MISSING_DISK = 15,
	BP_TROUBLE_ACTIVE = 16,
	BP_TROUBLE_NOTHING_LEFT = 17,
	BP_TROUBLE_BLOCK_SIZE = 18,
	BP_TROUBLE_FORMATTED = 19,
	BP_TROUBLE_MIRROR = 20,
	BP_TROUBLE_OTHER_POOL = 21,
};

/* "overwritten", "superblock", "nodes", "space-maps" ...: names for programs, stable. */
BP_API const char *bp_trouble_name(enum bp_trouble trouble);

/**
 * struct bp_rescue_trouble - Something that is wrong. Texts are lent.
 * @size: sizeof(struct bp_rescue_trouble), set by the library.
 * @what: in a line of words.
 * @advice: what to do about it, or what not to do.
 */
struct bp_rescue_trouble {
	size_t size;
	enum bp_trouble kind;
	const char *what, *advice;
};

/**
 * struct bp_rescue_volume - A volume, as the first plan has it. Texts are lent.
 * @size: sizeof(struct bp_rescue_volume), set by the library.
 * @name: LVM's, or NULL.
 * @id: its number in the pool.
 * @verdict: what there is of it; 0: LVM has it, the pool has not.
 * @mapped_dblocks: that it should have; BP_NONE: nobody knows.
 * @intact_dblocks: of those, whose mappings are there.
 * @note: where parts are missing, which; where disks are, how much of its data lies there; or NULL.
 */
struct bp_rescue_volume {
	size_t size;
	const char *name;
	uint64_t id;
	enum bp_thin_verdict verdict;
	bp_dblock mapped_dblocks, intact_dblocks;
	const char *note;
};

/**
 * enum bp_rescue_way - How.
 * @BP_RESCUE_REBUILD: new metadata of all that is there.
 * @BP_RESCUE_OLDER: new metadata of an older state that is whole.
 * @BP_RESCUE_EXPORT: volumes are exported, and nothing is repaired.
 */
enum bp_rescue_way {
	BP_RESCUE_REBUILD = 1,
	BP_RESCUE_OLDER = 2,
	BP_RESCUE_EXPORT = 3,
};

/* "rebuild", "older", "export". */
BP_API const char *bp_rescue_way_name(enum bp_rescue_way way);

/**
 * struct bp_rescue_plan - Something that can be done. The first is the best. Texts are lent.
 * @size: sizeof(struct bp_rescue_plan), set by the library.
 * @whole: nothing is lost by it.
 * @what, @loses: in a line of words each.
 * @needs_bytes: how large new metadata becomes; 0: none is made.
 * @transaction_id: it would have; @mapping_root: it begins with.
 */
struct bp_rescue_plan {
	size_t size;
	enum bp_rescue_way way;
	bool whole;
	const char *what, *loses;
	bp_bytes needs_bytes;
	uint64_t transaction_id;
	bp_mblock mapping_root;
};

struct bp_rescue;

/**
 * bp_rescue() - Look at a pool, whatever its state. Reads only.
 * @source: must outlive @ret.
 * @ret: free it with bp_rescue_free(). Where nothing is wrong it has no troubles, and no plans.
 *
 * Memory: as bp_thin_check() and bp_thin_plan(), and 4 bytes for each data block where counts of
 * these are wrong. Return: 0, whatever was found; -EINVAL (no thin pool), -EIO, -ENOMEM.
 */
BP_API int bp_rescue(struct bp_source *source, struct bp_rescue **ret);
BP_API void bp_rescue_free(struct bp_rescue *rescue);

/* bp_rescue_superblock() - As the first plan would write it; NULL: nothing was found. Lent. */
BP_API const struct bp_thin_superblock *bp_rescue_superblock(const struct bp_rescue *rescue);
/* bp_rescue_metadata_bytes() - The size of the metadata. */
BP_API bp_bytes bp_rescue_metadata_bytes(const struct bp_rescue *rescue);

BP_API size_t bp_rescue_troubles_count(const struct bp_rescue *rescue);
BP_API const struct bp_rescue_trouble *bp_rescue_trouble_get(const struct bp_rescue *rescue,
							     size_t index);
BP_API size_t bp_rescue_volumes_count(const struct bp_rescue *rescue);
BP_API const struct bp_rescue_volume *bp_rescue_volume_get(const struct bp_rescue *rescue,
							   size_t index);
BP_API size_t bp_rescue_plans_count(const struct bp_rescue *rescue);
BP_API const struct bp_rescue_plan *bp_rescue_plan_get(const struct bp_rescue *rescue,
						       size_t index);

/**
 * bp_rescue_apply() - Carry out a plan that makes new metadata.
 * @index: of the plan.
 * @path: as for bp_undelete_write(); where a new file is made it is as large as the plan needs.
 * @ret: may be NULL; what bp_thin_check() finds in what was written: nothing, if all went well.
 *
 * Return: 0; -EINVAL (the plan makes no metadata; @path is part of the source), -EBUSY (the pool
 * is active), -EEXIST, -ENOSPC, -EUCLEAN, -EIO, -ENOMEM.
 */
BP_API int bp_rescue_apply(struct bp_rescue *rescue, size_t index, const char *path,
			   struct bp_thin_check_result *ret);

#ifdef __cplusplus
}
#endif

#endif
