/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing the dirty blocks of a cache back to its origin, without device-mapper. */
#ifndef BEDPLATE_CACHE_WRITEBACK_H
#define BEDPLATE_CACHE_WRITEBACK_H

#include <bedplate/cache_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_cache_writeback_flags
 * @BP_CACHE_WRITEBACK_KEEP_METADATA: leave the metadata as it is: blocks stay dirty.
 * @BP_CACHE_WRITEBACK_DRY_RUN: count what is to be done; nothing is written.
 */
enum bp_cache_writeback_flags {
	BP_CACHE_WRITEBACK_KEEP_METADATA = 1 << 0,
	BP_CACHE_WRITEBACK_DRY_RUN = 1 << 1,
};

/**
 * struct bp_cache_writeback_failed - A block that could not be written back.
 * @cache_block, @origin_block: which.
 * @error: negative errno. @writing: of writing to the origin; else of reading the fast device.
 */
struct bp_cache_writeback_failed {
	uint32_t cache_block;
	bp_dblock origin_block;
	int error;
	bool writing;
};

/**
 * struct bp_cache_writeback_opts - How. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_writeback_opts). Members are only added at the end.
 * @flags: enum bp_cache_writeback_flags.
 * @origin_offset_sectors, @fast_offset_sectors: where block 0 lies on the two devices; multiples of
 *	8.
 * @buffer_bytes: at most so much memory for data; 0: 64 MiB. At least a block is taken.
 * @retries: so many more times a block that fails is tried, after all others.
 * @failed: called for each block that failed to the end, by rising cache block.
 * @damage: called for each part of the metadata that can't be read, or contradicts another.
 * @progress: called now and then with blocks done and to do; non-zero ends it with -ECANCELED.
 * @user: passed to all.
 */
struct bp_cache_writeback_opts {
	size_t size;
	uint32_t flags;
	bp_sector origin_offset_sectors, fast_offset_sectors;
	bp_bytes buffer_bytes;
	unsigned retries;
	void (*failed)(void *user, const struct bp_cache_writeback_failed *failed);
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_cache_writeback_result - What was done. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_cache_writeback_result). Members are only added at the end.
 * @nr_blocks: that were to be written back: after an unclean shutdown all that are mapped.
 * @nr_copied: that were. @nr_read_errors, @nr_write_errors: that were not, by why.
 * @nr_damages: parts of the metadata that can't be read: what was there is not written back.
 * @metadata_updated: no block is dirty any more, and the metadata says so.
 */
struct bp_cache_writeback_result {
	size_t size;
	uint64_t nr_blocks, nr_copied, nr_read_errors, nr_write_errors, nr_damages;
	bool metadata_updated;
};

/**
 * bp_cache_writeback() - Copy all dirty blocks from the fast device to the origin.
 * @ctx: takes the message on failure.
 * @metadata, @fast, @origin: devices or files; the cache must not be active, and nobody else may
 *	use them.
 * @opts: NULL for the defaults.
 * @ret: what was done.
 *
 * All data is flushed on the origin before the metadata is touched; and that only where every
 * block was copied and all metadata could be read. Then dirty bits (version 2) or flags
 * (version 1) are cleared, flushed, and last the superblock is written with the flag of a clean
 * shutdown. Interrupted at any point nothing is lost, and it can be run again: blocks are dirty
 * until they are known to be written.
 *
 * Memory: @buffer_bytes, and see bp_cache_check(). Return: 0, also where blocks failed: look at
 * @ret; -EINVAL (BP_E_USAGE: offsets; a device too small for what is to be written; the same
 * device twice), -ENOENT, -EACCES, -EBUSY, -EBADMSG or -EUCLEAN or -ENOTSUP (superblock), -EIO
 * (flushing, or the metadata), -ECANCELED, -ENOMEM.
 */
BP_API int bp_cache_writeback(struct bp_ctx *ctx, const char *metadata, const char *fast,
			      const char *origin, const struct bp_cache_writeback_opts *opts,
			      struct bp_cache_writeback_result *ret);

#ifdef __cplusplus
}
#endif

#endif
