/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata of eras (dm-era), from the device or file it is on: no device-mapper needed. The
 * target must not be active, but for what is said about metadata snapshots.
 */
#ifndef BEDPLATE_ERA_META_H
#define BEDPLATE_ERA_META_H

#include <bedplate/damage.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_era_superblock - What the superblock says. Members are only added.
 * @flags, @version: 0 or 1 (no meaning); 1.
 * @data_block_sectors: size of a block of the origin.
 * @nr_blocks: blocks of the origin.
 * @current_era: 0: never activated.
 * @current_bits, @current_root: of the writeset of the current era; root 0: there is none, it
 *	was archived by a clean suspend.
 * @writeset_root, @era_root: the tree of archived writesets, and the array of eras.
 * @metadata_snap: block of the metadata snapshot; 0: none.
 * @nr_metadata_blocks, @nr_metadata_allocated: as the space map's totals have it.
 */
struct bp_era_superblock {
	uint32_t flags, version;
	uint32_t data_block_sectors, nr_blocks, current_era;
	uint32_t current_bits;
	bp_mblock current_root, writeset_root, era_root, metadata_snap;
	bp_mblock nr_metadata_blocks, nr_metadata_allocated;
};

/**
 * enum bp_era_open_flags
 * @BP_ERA_OPEN_SNAP: read the metadata snapshot. The target may be active.
 */
enum bp_era_open_flags {
	BP_ERA_OPEN_SNAP = 1 << 0,
};

/**
 * struct bp_era_open_opts - How to open. Zero in a member is its default.
 * @size: sizeof(struct bp_era_open_opts). Members are only added at the end.
 * @flags: enum bp_era_open_flags.
 * @workers: threads to read with; 0: as suits processors and device.
 */
struct bp_era_open_opts {
	size_t size;
	uint32_t flags;
	unsigned workers;
};

struct bp_era_meta;

/**
 * bp_era_open() - Open metadata for reading.
 * @ctx: must outlive @ret, and takes the messages.
 * @path: metadata device or file.
 * @opts: NULL for the defaults.
 * @ret: close it with bp_era_close().
 *
 * Return: 0; -ENOENT, -EACCES, -EBUSY (in use), -EINVAL (no metadata: XML, too small, not a
 * file or block device; or no metadata snapshot), -EBADMSG or -EUCLEAN (superblock damaged),
 * -ENOTSUP (version not known), -EIO, -ENOMEM.
 */
BP_API int bp_era_open(struct bp_ctx *ctx, const char *path,
		       const struct bp_era_open_opts *opts, struct bp_era_meta **ret);
BP_API void bp_era_close(struct bp_era_meta *meta);

/* bp_era_superblock_get() - What its superblock says. Lent: valid until it is closed. */
BP_API const struct bp_era_superblock *bp_era_superblock_get(const struct bp_era_meta *meta);

/**
 * struct bp_era_visitor - What a walk calls. Non-zero ends it and is returned.
 * @writeset: the next one, by rising era. @current: it is the current era's, not archived yet.
 * @written: blocks [@begin, @end) are set in the writeset told last.
 * @era: blocks [@begin, @end) were written last in era @era, as far as writesets were digested
 *	into the array; 0: never.
 * @damage: called for each part that can't be read, in its place; what is whole goes on. NULL:
 *	the first ends the walk.
 * @user: passed to all.
 *
 * Those that are NULL are not read: writesets without @writeset, bits without @written.
 */
struct bp_era_visitor {
	int (*writeset)(void *user, uint32_t era, uint32_t nr_bits, bool current);
	int (*written)(void *user, uint32_t begin, uint32_t end);
	int (*era)(void *user, uint32_t begin, uint32_t end, uint32_t era);
	int (*damage)(void *user, const struct bp_damage *damage);
	void *user;
};

/**
 * bp_era_walk() - All writesets, then the array.
 *
 * Memory: the tree of writesets (32 bytes for each node, 20 for each writeset), 64 metadata
 * blocks. Return: 0; what a callback returned; -EBADMSG, -EUCLEAN, -EIO at the first damage where
 * there is no damage(); -ENOMEM.
 */
BP_API int bp_era_walk(struct bp_era_meta *meta, const struct bp_era_visitor *visitor);

/**
 * bp_era_written_since() - Which blocks may have been written in era @since or later.
 * @written: called for blocks [@begin, @end), rising, each run as long as it can be; non-zero ends
 *	it and is returned.
 * @damage: called for each part that can't be read. What it would have told is taken as
 *	written: rather too many blocks than too few. NULL: the first ends it.
 * @user: passed to both.
 *
 * Archived writesets, the current one (not in a metadata snapshot, where it means nothing) and the
 * array are looked at. Memory: a bit for each block, and see bp_era_walk(). Return: as that.
 */
BP_API int bp_era_written_since(struct bp_era_meta *meta, uint32_t since,
				int (*written)(void *user, uint32_t begin, uint32_t end),
				int (*damage)(void *user, const struct bp_damage *damage),
				void *user);

#ifdef __cplusplus
}
#endif

#endif
