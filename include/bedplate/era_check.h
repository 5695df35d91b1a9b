/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking the metadata of eras. */
#ifndef BEDPLATE_ERA_CHECK_H
#define BEDPLATE_ERA_CHECK_H

#include <bedplate/era_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_era_check_flags - What to check.
 * @BP_ERA_CHECK_SUPER_ONLY: the superblock alone.
 * @BP_ERA_CHECK_STRICT: remarks are fatal.
 */
enum bp_era_check_flags {
	BP_ERA_CHECK_SUPER_ONLY = 1 << 0,
	BP_ERA_CHECK_STRICT = 1 << 1,
};

/**
 * struct bp_era_check_opts - How to check. Zero in a member is its default.
 * @size: sizeof(struct bp_era_check_opts). Members are only added at the end.
 * @flags: enum bp_era_check_flags.
 * @workers: threads; 0: as suits processors and device.
 * @damage: called for each damage found.
 * @progress: called now and then with what is done and to do so far; non-zero ends the check
 *	with -ECANCELED. @stage: "writesets", "era array", "metadata snap", "space map".
 * @user: passed to both.
 */
struct bp_era_check_opts {
	size_t size;
	uint32_t flags;
	unsigned workers;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, const char *stage, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * struct bp_era_check_result - What a check found. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_era_check_result). Members are only added at the end.
 * @nr_fatal, @nr_nonfatal, @nr_remarks: how much of each harm was found.
 * @superblock_ok: @superblock is meaningful.
 * @superblock: as read, before anything was repaired.
 * @nr_metadata_free: metadata blocks free, by the space map's total; those repaired included.
 * @nr_writesets: archived ones.
 * @nr_metadata_leaked: blocks, before any repair.
 * @nr_metadata_wrong: blocks with any other wrong count.
 * @repaired_metadata_leaks: blocks given back.
 * @repaired_accounting: totals or index entries were put right.
 */
struct bp_era_check_result {
	size_t size;
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
	bool superblock_ok;
	struct bp_era_superblock superblock;
	bp_mblock nr_metadata_free;
	uint64_t nr_writesets;
	uint64_t nr_metadata_leaked, nr_metadata_wrong;
	uint64_t repaired_metadata_leaks;
	bool repaired_accounting;
};

/**
 * bp_era_check() - Check an era's metadata, the metadata snapshot included. Reads only.
 * @ctx: takes the message on failure.
 * @path: metadata device or file; its target must not be active.
 * @opts: NULL for the defaults.
 * @ret: what was found: the metadata is good where nr_fatal and nr_nonfatal are 0.
 *
 * Memory: 32 bytes for each node of the tree of writesets and 20 for each writeset, three bits
 * for each metadata block, 64 blocks. Return: 0 if the check was carried out, whatever it found;
 * -ENOENT, -EACCES, -EBUSY, -EINVAL, -EIO (block 0 can't be read), -ENOMEM, -ECANCELED.
 */
BP_API int bp_era_check(struct bp_ctx *ctx, const char *path,
			const struct bp_era_check_opts *opts, struct bp_era_check_result *ret);

/**
 * bp_era_auto_repair() - Check; and where nothing but leaks and wrong totals is found, give the
 * leaked blocks back and put the totals right.
 *
 * Nothing is written where anything fatal is found, or nothing needs to be. Bitmaps are written
 * first, then index entries, the superblock last, each flushed before the next: interrupted at any
 * point the metadata is as sound as before. BP_ERA_CHECK_SUPER_ONLY: -EINVAL.
 */
BP_API int bp_era_auto_repair(struct bp_ctx *ctx, const char *path,
			      const struct bp_era_check_opts *opts,
			      struct bp_era_check_result *ret);

#ifdef __cplusplus
}
#endif

#endif
