/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of caches as text: dumping it, making metadata from a dump, and how much it takes. */
#ifndef BEDPLATE_CACHE_DUMP_H
#define BEDPLATE_CACHE_DUMP_H

#include <bedplate/cache_meta.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_cache_dump_flags
 * @BP_CACHE_DUMP_REPAIR: a whole document of what can be read: what can't is left out, and what
 *	may be dirty is said to be. Of two cache blocks with one block of the origin one is left
 *	out: the first, unless only the second is dirty.
 */
enum bp_cache_dump_flags {
	BP_CACHE_DUMP_REPAIR = 1 << 0,
};

/**
 * struct bp_cache_dump_opts - What to dump. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_dump_opts). Members are only added at the end.
 * @flags: enum bp_cache_dump_flags.
 * @damage: called for each part that can't be read, when its place in the text is reached, and for
 *	each value that the text has but bp_cache_restore() refuses: of the superblock
 *	(BP_DAMAGE_SUPERBLOCK), a block of the origin that is mapped twice (BP_DAMAGE_ORIGIN_TWICE).
 * @progress: called now and then with the cache blocks done and to do, of mappings and hints;
 *	non-zero ends the dump with -ECANCELED.
 * @callback_user: passed to both.
 */
struct bp_cache_dump_opts {
	size_t size;
	uint32_t flags;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *callback_user;
};

/**
 * bp_cache_dump() - Write metadata as text.
 * @opts: NULL for the defaults.
 * @write: takes the text, in pieces of up to 256 KiB.
 * @user: passed to @write.
 * @ret_damages: set, on success, to how many parts are missing and values wrong: where it is 0
 *	the text can be restored.
 *
 * The XML is that of thin-provisioning-tools, byte for byte, without a newline at its end. Dirty
 * states are printed as they are stored: after an unclean shutdown they mean nothing, which the
 * text can't say (a warning does). Where parts are missing the text has all that could be read
 * and a comment in each gap, but the end of its outermost element is left out: so nobody takes it
 * for a whole dump, and no restore accepts it unless it is completed by hand. Not so with
 * BP_CACHE_DUMP_REPAIR.
 *
 * Memory: as for bp_cache_check(), and 256 KiB of text. Return: 0; -ECANCELED, -ENOMEM, or what @write
 * returned.
 */
BP_API int bp_cache_dump(struct bp_cache_meta *meta, const struct bp_cache_dump_opts *opts,
			 bp_write_fn write, void *user, uint64_t *ret_damages);

/**
 * enum bp_cache_restore_flags
 * @BP_CACHE_RESTORE_UNCLEAN: as after an unclean shutdown: the kernel will take each mapped block
 *	as dirty, whatever the text says.
 */
enum bp_cache_restore_flags {
	BP_CACHE_RESTORE_UNCLEAN = 1 << 0,
};

/**
 * struct bp_cache_restore_opts - How to restore. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_restore_opts). Members are only added at the end.
 * @flags: enum bp_cache_restore_flags.
 * @version: of the metadata: 1 or 2; 0: 2. It has to be what the table of the cache says.
 * @progress: called now and then with the bytes of text read and to be read, 0 where that is
 *	not known, as of a pipe. Non-zero ends it with -ECANCELED.
 * @user: passed to it.
 */
struct bp_cache_restore_opts {
	size_t size;
	uint32_t flags, version;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *user;
};

/**
 * bp_cache_restore() - Make metadata from the XML of a dump.
 * @ctx: takes the message on failure, and warnings.
 * @xml_fd: read to its end: a file or a pipe. Stays the caller's.
 * @xml_name: what messages call it.
 * @path: metadata device or file to overwrite. It must exist, and not be in use; its size is
 *	that of the metadata. Not the file that @xml_fd reads.
 * @opts: NULL for the defaults.
 *
 * The superblock is zeroed first and written last, after all else was flushed: interrupted or
 * failed at any point, there is either the complete metadata or none. Mappings and hints must
 * rise; no block of the origin may be mapped twice. Discards are dropped.
 *
 * Memory: 8 bytes and a bit for each cache block, 16 bytes for each block of the origin beyond
 * the first 64 times that many, a few blocks. Return: 0; -EINVAL (BP_E_XML: the text, with line
 * and column; BP_E_USAGE: options, or output is input), -ENOENT, -EACCES, -EBUSY (@path),
 * -ENOSPC (no room in @path), -EIO, -ECANCELED, -ENOMEM.
 */
BP_API int bp_cache_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name,
			    const char *path, const struct bp_cache_restore_opts *opts);

/**
 * bp_cache_metadata_size() - Estimate how much metadata a cache takes.
 * @nr_cache_blocks: blocks of the cache device.
 * @hint_bytes: the largest hint a policy may have; 4 in all so far.
 *
 * Return: 0, or -EINVAL (@hint_bytes above 128). @ret: bytes, at most what metadata can be.
 */
BP_API int bp_cache_metadata_size(struct bp_ctx *ctx, uint64_t nr_cache_blocks,
				  uint32_t hint_bytes, bp_bytes *ret);

/**
 * bp_cache_blocks() - How many blocks a cache device has.
 * @device_bytes: its size. @block_bytes: of a block: a multiple of 32 KiB, at most 1 GiB.
 *
 * Return: 0 or -EINVAL (BP_E_USAGE).
 */
BP_API int bp_cache_blocks(struct bp_ctx *ctx, bp_bytes device_bytes, bp_bytes block_bytes,
			   uint64_t *ret);

#ifdef __cplusplus
}
#endif

#endif
