/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of eras that is damaged: what can be kept of it, written anew. */
#ifndef BEDPLATE_ERA_REPAIR_H
#define BEDPLATE_ERA_REPAIR_H

#include <bedplate/era_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_era_repair_opts - How to repair. Zero in a member is its default.
 * @size: sizeof(struct bp_era_repair_opts). Members are only added at the end.
 * @damage: called for each thing that is lost or had to be left out.
 * @progress: called now and then with what is done and to do; non-zero ends it with -ECANCELED.
 * @user: passed to both.
 */
struct bp_era_repair_opts {
	size_t size;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_era_repair_result - What was kept. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_era_repair_result). Members are only added at the end.
 * @snapshot: block of the metadata snapshot that was read, as block 0 can't be; 0: it could.
 * @nr_blocks, @current_era: as they are written.
 * @nr_writesets: written, those that were made up included.
 * @nr_damages: parts that can't be read, or can't be: blocks concerned count as written.
 */
struct bp_era_repair_result {
	size_t size;
	bp_mblock snapshot;
	uint32_t nr_blocks, current_era;
	uint64_t nr_writesets, nr_damages;
};

/**
 * bp_era_repair_plan() - What a repair would keep. Writes nothing.
 *
 * Return and parameters as bp_era_repair().
 */
BP_API int bp_era_repair_plan(struct bp_ctx *ctx, const char *input,
			      const struct bp_era_repair_opts *opts,
			      struct bp_era_repair_result *ret);

/**
 * bp_era_repair() - Write what can be kept of the metadata at @input anew to @output.
 * @ctx: takes the message on failure.
 * @input: metadata device or file, of a target that is not active. Only read.
 * @output: metadata device or file to overwrite, large enough; not @input.
 * @opts: NULL for the defaults.
 * @ret: what was kept.
 *
 * Whoever asks for the blocks written since an era may be told too many, never too few: blocks of
 * which it is not known are written in the era of their writeset, in the current one where the
 * array is lost; a writeset that is missing becomes one with all blocks. The current writeset
 * becomes an archived one, a metadata snapshot is dropped.
 *
 * Where block 0 can't be used the copy of a metadata snapshot is looked for. With it all that was
 * written before the snapshot is known; of the time since then nothing is, so that all blocks
 * count as written in the era that follows. Without either: -ENODATA.
 *
 * The output's superblock is zeroed first and written last. Memory: see bp_era_check(). Return: 0;
 * -EINVAL (BP_E_USAGE: output is input), -ENODATA, -ENOTSUP (version not known), -EUCLEAN (more
 * than 4096 writesets are missing, a size of blocks that can't be), -ENOENT, -EACCES, -EBUSY, -ENOSPC, -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_era_repair(struct bp_ctx *ctx, const char *input, const char *output,
			 const struct bp_era_repair_opts *opts,
			 struct bp_era_repair_result *ret);

#ifdef __cplusplus
}
#endif

#endif
