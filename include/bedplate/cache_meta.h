/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of caches (dm-cache), from the device or file it is on: no device-mapper needed. The
 * cache must not be active.
 */
#ifndef BEDPLATE_CACHE_META_H
#define BEDPLATE_CACHE_META_H

#include <bedplate/damage.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_cache_superblock - What the superblock says. Members are only added.
 * @flags: BP_CACHE_CLEAN, BP_CACHE_NEEDS_CHECK.
 * @version: 1 or 2: where dirty states are kept. In 2 a bitset has them.
 * @policy: its name; empty until the cache was shut down cleanly once.
 * @policy_version: major, minor, patch.
 * @hint_bytes: size of a hint: 0 or 4. May be 0 although there are hints.
 * @data_block_sectors: size of a cache block.
 * @nr_cache_blocks: blocks of the cache device.
 * @discard_block_sectors: 0: never written; so is
 * @nr_discard_blocks: bits of the discard bitset.
 * @nr_metadata_blocks, @nr_metadata_allocated: as the space map's totals have it.
 * @mapping_root, @hint_root, @discard_root, @dirty_root: of the arrays; hint_root 0: there are
 *	no hints, dirty_root 0: there can't be one in version 1.
 * @compat_flags, @compat_ro_flags, @incompat_flags: 0 in all metadata so far.
 */
struct bp_cache_superblock {
	uint32_t flags, version;
	char policy[17];
	uint32_t policy_version[3];
	uint32_t hint_bytes, data_block_sectors;
	uint32_t nr_cache_blocks;
	bp_sector discard_block_sectors;
	uint64_t nr_discard_blocks;
	bp_mblock nr_metadata_blocks, nr_metadata_allocated;
	bp_mblock mapping_root, hint_root, discard_root, dirty_root;
	uint32_t compat_flags, compat_ro_flags, incompat_flags;
};
/* Shut down cleanly: what it says of dirty blocks is true. Else each mapped block may be dirty. */
#define BP_CACHE_CLEAN 1u
/* The kernel asks for a check. */
#define BP_CACHE_NEEDS_CHECK 2u

/**
 * struct bp_cache_open_opts - How to open. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_open_opts). Members are only added at the end.
 * @workers: threads to read with; 0: as suits processors and device.
 */
struct bp_cache_open_opts {
	size_t size;
	unsigned workers;
};

struct bp_cache_meta;

/**
 * bp_cache_open() - Open metadata for reading.
 * @ctx: must outlive @ret, and takes the messages.
 * @path: metadata device or file.
 * @opts: NULL for the defaults.
 * @ret: close it with bp_cache_close().
 *
 * Return: 0; -ENOENT, -EACCES, -EBUSY (in use), -EINVAL (no metadata: XML, too small, not a
 * file or block device), -EBADMSG or -EUCLEAN (superblock damaged), -ENOTSUP (version or features
 * not known), -EIO, -ENOMEM.
 */
BP_API int bp_cache_open(struct bp_ctx *ctx, const char *path,
			 const struct bp_cache_open_opts *opts, struct bp_cache_meta **ret);
BP_API void bp_cache_close(struct bp_cache_meta *meta);

/* bp_cache_superblock_get() - What its superblock says. Lent: valid until it is closed. */
BP_API const struct bp_cache_superblock *
bp_cache_superblock_get(const struct bp_cache_meta *meta);

/**
 * struct bp_cache_mapping - A cache block in use.
 * @cache_block: its number on the cache device.
 * @origin_block: whose data it holds.
 * @dirty: newer than the origin, as it is stored.
 * @may_be_dirty: has to be taken as dirty: it is, or the cache was not shut down cleanly, or its
 *	state can't be read.
 */
struct bp_cache_mapping {
	uint32_t cache_block;
	bp_dblock origin_block;
	bool dirty, may_be_dirty;
};

/**
 * struct bp_cache_visitor - What a walk calls, by rising number. Non-zero ends it and is returned.
 * @mapping: each cache block in use.
 * @hint: the policy's 4 bytes for each cache block, in use or not, as they lie on disk.
 * @discard: origin's discard blocks [@begin, @end) hold nothing of interest.
 * @damage: called for each part that can't be read, in its place; what is whole goes on. NULL:
 *	the first ends the walk.
 * @user: passed to all.
 *
 * Those that are NULL are not read.
 */
struct bp_cache_visitor {
	int (*mapping)(void *user, const struct bp_cache_mapping *mapping);
	int (*hint)(void *user, uint32_t cache_block, const uint8_t *hint);
	int (*discard)(void *user, uint64_t begin, uint64_t end);
	int (*damage)(void *user, const struct bp_damage *damage);
	void *user;
};

/**
 * bp_cache_walk() - All mappings, then all hints, then all discards.
 *
 * Discards of a cache that was not shut down cleanly mean nothing; they are told all the same.
 * Memory: a bit for each cache block, or discard block; 64 metadata blocks. Return: 0; what a
 * callback returned; -EBADMSG, -EUCLEAN, -EIO at the first damage where there is no damage();
 * -ENOMEM.
 */
BP_API int bp_cache_walk(struct bp_cache_meta *meta, const struct bp_cache_visitor *visitor);

#ifdef __cplusplus
}
#endif

#endif
