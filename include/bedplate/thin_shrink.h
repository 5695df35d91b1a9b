/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a thin pool's data device smaller. */
#ifndef BEDPLATE_THIN_SHRINK_H
#define BEDPLATE_THIN_SHRINK_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_shrink_flags
 * @BP_THIN_SHRINK_BINARY: input and output are metadata devices or files, not XML.
 * @BP_THIN_SHRINK_NO_COPY: the data was moved already, or will be: only metadata is written.
 * @BP_THIN_SHRINK_DRY_RUN: tell what would be moved; neither output nor data is opened.
 */
enum bp_thin_shrink_flags {
	BP_THIN_SHRINK_BINARY = 1 << 0,
	BP_THIN_SHRINK_NO_COPY = 1 << 1,
	BP_THIN_SHRINK_DRY_RUN = 1 << 2,
};

/* struct bp_thin_move - Data blocks [from, from + length) go to [to, to + length). */
struct bp_thin_move {
	bp_dblock from, to, length;
};

/**
 * struct bp_thin_shrink_opts - How to shrink. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_shrink_opts). Members are only added at the end.
 * @flags: enum bp_thin_shrink_flags.
 * @move: called for each move, by rising blocks, before anything is written. Non-zero ends it
 *	and is returned.
 * @progress: called now and then with the data blocks copied and to be copied; non-zero ends
 *	it with -ECANCELED.
 * @user: passed to both.
 */
struct bp_thin_shrink_opts {
	size_t size;
	uint32_t flags;
	int (*move)(void *user, const struct bp_thin_move *move);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_thin_shrink_result - What was done. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_shrink_result). Members are only added at the end.
 * @data_block_bytes: size of a data block.
 * @old_nr_data_blocks, @new_nr_data_blocks: of the pool.
 * @nr_used: data blocks that are mapped.
 * @nr_moved, @nr_moves: data blocks that are moved, and in how many runs.
 */
struct bp_thin_shrink_result {
	size_t size;
	bp_bytes data_block_bytes;
	bp_dblock old_nr_data_blocks, new_nr_data_blocks, nr_used, nr_moved;
	uint64_t nr_moves;
};

/**
 * bp_thin_shrink() - Make metadata in which all data blocks are below @nr_data_blocks.
 * @ctx: takes the message on failure.
 * @input: XML of a dump, or metadata; it is not changed.
 * @output: XML, a file; or metadata, which must exist and be large enough. Not @input.
 * @data: the pool's data device, which nobody may use; not looked at where nothing is copied.
 * @nr_data_blocks: of the pool, afterwards. More than there are is allowed: nothing is moved.
 * @opts: NULL for the defaults.
 * @ret: may be NULL.
 *
 * What lies above is copied to blocks that nothing maps, lowest first; then the data device is
 * flushed; then metadata is written, its superblock last. Nothing is ever copied to a block that
 * was in use: interrupted at any point the old metadata is as good as before, and the new is
 * there, whole, or not at all. Blocks that several devices share are moved once, and stay shared.
 *
 * Memory: a bit for each data block, 24 bytes a move, 4 MiB; where metadata is not XML also what a
 * dump and a restore of it take.
 *
 * Return: 0; -ENOSPC (BP_E_NO_SPACE: more is mapped than would fit), -EINVAL (BP_E_XML; a
 * metadata snapshot is held; an option), -EBADMSG, -EUCLEAN (the input is damaged), -ENOENT,
 * -EACCES, -EBUSY, -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_shrink(struct bp_ctx *ctx, const char *input, const char *output,
			  const char *data, bp_dblock nr_data_blocks,
			  const struct bp_thin_shrink_opts *opts,
			  struct bp_thin_shrink_result *ret);

#ifdef __cplusplus
}
#endif

#endif
