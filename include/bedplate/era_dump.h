/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of eras as text: dumping it, and making metadata from a dump. */
#ifndef BEDPLATE_ERA_DUMP_H
#define BEDPLATE_ERA_DUMP_H

#include <bedplate/era_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_era_dump_flags - What to dump, and how.
 * @BP_ERA_DUMP_LOGICAL: no writesets: the array says of each block when it was written last,
 *	whether that was digested or not.
 * @BP_ERA_DUMP_COMPACT: a line for each run of blocks in a writeset, not one for each block.
 * @BP_ERA_DUMP_REPAIR: a whole document, whatever can't be read: blocks of which it is not known
 *	are said to be written, in the era of their writeset or the current one.
 */
enum bp_era_dump_flags {
	BP_ERA_DUMP_LOGICAL = 1 << 0,
	BP_ERA_DUMP_COMPACT = 1 << 1,
	BP_ERA_DUMP_REPAIR = 1 << 2,
};

/**
 * struct bp_era_dump_opts - What to dump. Zero in a member is its default.
 * @size: sizeof(struct bp_era_dump_opts). Members are only added at the end.
 * @flags: enum bp_era_dump_flags.
 * @damage: called for each part that can't be read, when its place in the text is reached, and for
 *	what the text has but bp_era_restore() refuses: sizes in the superblock
 *	(BP_DAMAGE_SUPERBLOCK), eras above the current one or out of order (BP_DAMAGE_ERA).
 * @progress: called now and then with the blocks of the array done and to do; non-zero ends the
 *	dump with -ECANCELED.
 * @callback_user: passed to both.
 */
struct bp_era_dump_opts {
	size_t size;
	uint32_t flags;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *callback_user;
};

/**
 * bp_era_dump() - Write metadata as text.
 * @meta: opened; with BP_ERA_OPEN_SNAP the metadata snapshot is dumped.
 * @opts: NULL for the defaults.
 * @write: takes the text, in pieces of up to 256 KiB.
 * @user: passed to @write.
 * @ret_damages: set, on success, to how many parts are missing and values wrong: where it is 0
 *	the text can be restored.
 *
 * The XML is that of thin-provisioning-tools, byte for byte, without a newline at its end. The
 * current writeset is written as one more. Where parts are missing, or writesets between the
 * lowest archived one and the last, the text has a comment and the end of its outermost element
 * is left out: so nobody takes it for a whole dump. Not so with BP_ERA_DUMP_REPAIR.
 *
 * Memory: see bp_era_walk(), 256 KiB of text; with BP_ERA_DUMP_LOGICAL 4 bytes a block. Return:
 * 0; -ECANCELED, -ENOMEM, or what @write returned.
 */
BP_API int bp_era_dump(struct bp_era_meta *meta, const struct bp_era_dump_opts *opts,
		       bp_write_fn write, void *user, uint64_t *ret_damages);

/**
 * bp_era_blocks_text() - Write the blocks that may have been written since an era as text.
 * @damage: called for each part that can't be read; what it would have told is taken as written.
 * @damage_user: passed to it.
 * @ret_damages: set, on success, to how many these were.
 *
 * The XML that era_invalidate prints, with a newline at its end. See bp_era_written_since().
 *
 * Return: 0, what @write returned, -ENOMEM. Damage is told, and no failure.
 */
BP_API int bp_era_blocks_text(struct bp_era_meta *meta, uint32_t since,
			      void (*damage)(void *user, const struct bp_damage *damage),
			      void *damage_user, bp_write_fn write, void *user,
			      uint64_t *ret_damages);

/**
 * struct bp_era_restore_opts - How to restore. Zero in a member is its default.
 * @size: sizeof(struct bp_era_restore_opts). Members are only added at the end.
 * @progress: called now and then with the bytes of text read and to be read, 0 where that is
 *	not known, as of a pipe. Non-zero ends it with -ECANCELED.
 * @user: passed to it.
 */
struct bp_era_restore_opts {
	size_t size;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * bp_era_restore() - Make metadata from the XML of a dump.
 * @ctx: takes the message on failure.
 * @xml_fd: read to its end: a file or a pipe. Stays the caller's.
 * @xml_name: what messages call it.
 * @path: metadata device or file to overwrite. It must exist, and not be in use; its size is
 *	that of the metadata. Not the file that @xml_fd reads.
 * @opts: NULL for the defaults.
 *
 * All writesets become archived ones. The superblock is zeroed first and written last, after all
 * else was flushed: interrupted or failed at any point, there is either the complete metadata or
 * none. Eras of writesets must rise by one each and end with the current era, or the one before, as in the
 * dump of a metadata snapshot: then all blocks count as written in the current one. Blocks must rise; no era may be newer than the current one.
 *
 * Memory: a few blocks, 16 bytes for each 252 blocks of metadata. Return: 0; -EINVAL (BP_E_XML:
 * the text, with line and column; BP_E_USAGE: output is input), -ENOENT, -EACCES, -EBUSY
 * (@path), -ENOSPC (no room in @path), -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_era_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name,
			  const char *path, const struct bp_era_restore_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
