/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking the metadata of caches, and putting right what is only leaks and totals. */
#ifndef BEDPLATE_CACHE_CHECK_H
#define BEDPLATE_CACHE_CHECK_H

#include <bedplate/cache_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_cache_check_flags - What to check.
 * @BP_CACHE_CHECK_SUPER_ONLY: the superblock alone.
 * @BP_CACHE_CHECK_SKIP_MAPPINGS: no mappings and dirty states,
 * @BP_CACHE_CHECK_SKIP_HINTS: no hints,
 * @BP_CACHE_CHECK_SKIP_DISCARDS: no discards; with any of these no reference counts either.
 * @BP_CACHE_CHECK_STRICT: remarks are fatal.
 */
enum bp_cache_check_flags {
	BP_CACHE_CHECK_SUPER_ONLY = 1 << 0,
	BP_CACHE_CHECK_SKIP_MAPPINGS = 1 << 1,
	BP_CACHE_CHECK_SKIP_HINTS = 1 << 2,
	BP_CACHE_CHECK_SKIP_DISCARDS = 1 << 3,
	BP_CACHE_CHECK_STRICT = 1 << 4,
};

/**
 * struct bp_cache_check_opts - How to check. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_check_opts). Members are only added at the end.
 * @flags: enum bp_cache_check_flags.
 * @workers: threads; 0: as suits processors and device.
 * @damage: called for each damage found.
 * @progress: called now and then with what is done and to do so far; non-zero ends the check
 *	with -ECANCELED. @stage: "mappings", "hints", "discards", "space map".
 * @user: passed to both.
 */
struct bp_cache_check_opts {
	size_t size;
	uint32_t flags;
	unsigned workers;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, const char *stage, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * struct bp_cache_check_result - What a check found. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_cache_check_result). Members are only added at the end.
 * @nr_fatal, @nr_nonfatal, @nr_remarks: how much of each harm was found.
 * @superblock_ok: @superblock is meaningful.
 * @superblock: as read, before anything was repaired.
 * @nr_metadata_free: metadata blocks free, by the space map's total; those repaired included.
 * @nr_mapped: cache blocks in use.
 * @nr_dirty: of these, those that are stored as dirty.
 * @nr_lost: cache blocks of which it can't be read.
 * @nr_metadata_leaked: blocks, before any repair.
 * @nr_metadata_wrong: blocks with any other wrong count.
 * @repaired_metadata_leaks: blocks given back.
 * @repaired_accounting: totals or index entries were put right.
 * @cleared_needs_check: the flag was set and is cleared.
 */
struct bp_cache_check_result {
	size_t size;
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
	bool superblock_ok;
	struct bp_cache_superblock superblock;
	bp_mblock nr_metadata_free;
	uint64_t nr_mapped, nr_dirty, nr_lost;
	uint64_t nr_metadata_leaked, nr_metadata_wrong;
	uint64_t repaired_metadata_leaks;
	bool repaired_accounting, cleared_needs_check;
};

/**
 * bp_cache_check() - Check a cache's metadata. Reads only.
 * @ctx: takes the message on failure.
 * @path: metadata device or file; its cache must not be active.
 * @opts: NULL for the defaults.
 * @ret: what was found: the metadata is good where nr_fatal and nr_nonfatal are 0.
 *
 * Dirty states of blocks that are not in use are fatal after a clean shutdown only: after any
 * other they are left-overs.
 *
 * Memory: 8 bytes and 3 bits for each cache block, 16 to 32 bytes for each mapped block of the
 * origin beyond the first 64 times that many, and two bits for each metadata block. Return: 0 if
 * the check was carried out, whatever it found; -ENOENT, -EACCES, -EBUSY, -EINVAL, -EIO (block 0
 * can't be read), -ENOMEM, -ECANCELED.
 */
BP_API int bp_cache_check(struct bp_ctx *ctx, const char *path,
			  const struct bp_cache_check_opts *opts,
			  struct bp_cache_check_result *ret);

/**
 * bp_cache_auto_repair() - Check; and where nothing but leaks and wrong totals is found, give
 * the leaked blocks back, put the totals right and clear needs_check.
 *
 * Nothing is written where anything fatal is found, or nothing needs to be. Leaks that were
 * repaired are told by @opts->damage, but not counted in @ret->nr_nonfatal.
 * BP_CACHE_CHECK_SUPER_ONLY and the flags that skip can't be combined with this: -EINVAL.
 *
 * Bitmaps are written first, then index entries, the superblock last, each flushed before the
 * next: interrupted at any point the metadata is as sound as before.
 */
BP_API int bp_cache_auto_repair(struct bp_ctx *ctx, const char *path,
				const struct bp_cache_check_opts *opts,
				struct bp_cache_check_result *ret);

/**
 * bp_cache_clear_needs_check() - As much of a check as @opts ask for; then clear needs_check,
 * unless something fatal was found. Leaks are repaired as bp_cache_auto_repair() does.
 *
 * With BP_CACHE_CHECK_SUPER_ONLY or flags that skip only what was checked vouches for the rest.
 *
 * Return: as bp_cache_check(); 0 also where it was not cleared: see @ret.
 */
BP_API int bp_cache_clear_needs_check(struct bp_ctx *ctx, const char *path,
				      const struct bp_cache_check_opts *opts,
				      struct bp_cache_check_result *ret);

#ifdef __cplusplus
}
#endif

#endif
