/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of caches that is damaged: what can be kept of it, written anew. */
#ifndef BEDPLATE_CACHE_REPAIR_H
#define BEDPLATE_CACHE_REPAIR_H

#include <bedplate/cache_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_cache_root - An array that mappings may lie in, found without a superblock.
 * @block: root of its index tree.
 * @nr_cache_blocks: elements, those that can't be read included.
 * @nr_mapped: of those that can be read, the ones in use.
 * @nr_lost: elements that can't be read.
 * @version: 1 where dirty flags are in it, 2, or 0: can't be told.
 */
struct bp_cache_root {
	bp_mblock block;
	uint64_t nr_cache_blocks, nr_mapped, nr_lost;
	uint32_t version;
};

/**
 * struct bp_cache_repair_opts - How to repair. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_repair_opts). Members are only added at the end.
 * @mapping_root: use this root of the mappings instead of the superblock's, with @nr_cache_blocks.
 * @data_block_sectors, @policy: where there is no superblock: size of a cache block (needed), name
 *	of the policy ("smq").
 * @nr_cache_blocks: where there is no superblock; 0: as many as the array at @mapping_root has.
 * @version: of the metadata to write; 0: as it was, or 2.
 * @damage: called for each thing that is lost or had to be left out.
 * @root: without a superblock: called for each array that the mappings may lie in, newest guess
 *	first.
 * @progress: called now and then with what is done and to do; non-zero ends it with -ECANCELED.
 * @user: passed to all.
 */
struct bp_cache_repair_opts {
	size_t size;
	bp_mblock mapping_root;
	uint32_t data_block_sectors, nr_cache_blocks, version;
	const char *policy;
	void (*damage)(void *user, const struct bp_damage *damage);
	void (*root)(void *user, const struct bp_cache_root *root);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_cache_repair_result - What was kept. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_cache_repair_result). Members are only added at the end.
 * @superblock_ok: the superblock was there; else @mapping_root was found, or given.
 * @clean_shutdown: dirty states are known, but for those that can't be read.
 * @mapping_root: where mappings were read.
 * @nr_cache_blocks: in all.
 * @nr_kept: mappings kept. @nr_dirty: of these, those that have to be taken as dirty.
 * @nr_lost: cache blocks whose mapping can't be read. @nr_dropped: mappings that can't be.
 * @nr_unknown: mappings kept whose dirty state can't be read, so that they are dirty now.
 * @hints_lost, @discards_lost: these could not be read, all or in part; no data is lost by that.
 * @nr_roots: arrays that mappings may lie in, where there was no superblock.
 */
struct bp_cache_repair_result {
	size_t size;
	bool superblock_ok, clean_shutdown;
	bp_mblock mapping_root;
	uint64_t nr_cache_blocks, nr_kept, nr_dirty, nr_lost, nr_dropped, nr_unknown;
	bool hints_lost, discards_lost;
	uint64_t nr_roots;
};

/**
 * bp_cache_repair_plan() - What a repair would keep. Writes nothing.
 *
 * Return and parameters as bp_cache_repair().
 */
BP_API int bp_cache_repair_plan(struct bp_ctx *ctx, const char *input,
				const struct bp_cache_repair_opts *opts,
				struct bp_cache_repair_result *ret);

/**
 * bp_cache_repair() - Write what can be kept of the metadata at @input anew to @output.
 * @ctx: takes the message on failure.
 * @input: metadata device or file, of a cache that is not active. Only read.
 * @output: metadata device or file to overwrite, large enough; not @input.
 * @opts: NULL for the defaults.
 * @ret: what was kept.
 *
 * All mappings that can be read are kept, but for those that can't be: beyond the end of the
 * origin, or, of two with one block of it, the second (unless only that is dirty). A dirty state
 * that can't be read becomes dirty. After an unclean shutdown the new metadata says so as well,
 * and the kernel takes all as dirty. Hints and discards are kept if they can be read; losing them
 * loses no data.
 *
 * Without a superblock @data_block_sectors has to be given, and the arrays that mappings may lie
 * in are looked for. An older one may say that a cache block holds what it does not any more, and
 * writing that back would destroy data: so if there are several, @mapping_root has to choose.
 *
 * The output's superblock is zeroed first and written last. Memory: see bp_cache_check(); without
 * a superblock 40 bytes more for each node of the area. Return: 0; -EINVAL (BP_E_USAGE: what has to
 * be given, output is input), -ENODATA (no superblock, and no mappings found), -ENOTSUP (version or
 * features not known), -EUCLEAN (a size of blocks that can't be, and none is given), -ENOENT, -EACCES, -EBUSY, -ENOSPC, -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_cache_repair(struct bp_ctx *ctx, const char *input, const char *output,
			   const struct bp_cache_repair_opts *opts,
			   struct bp_cache_repair_result *ret);

#ifdef __cplusplus
}
#endif

#endif
