/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packed metadata: a compressed file with the blocks of a metadata device that hold anything. */
#ifndef BEDPLATE_THIN_PACK_H
#define BEDPLATE_THIN_PACK_H

#include <bedplate/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_pack_flags
 * @BP_THIN_PACK_FORCE: overwrite an output that holds metadata, or a pack, already.
 * @BP_THIN_PACK_DAMAGED: pack also what is not zero and has no valid checksum: for rescue.
 * @BP_THIN_UNPACK_ZERO: on a block device, zero the blocks that are not in the pack. In files
 *	they always are.
 */
enum bp_thin_pack_flags {
	BP_THIN_PACK_FORCE = 1 << 0,
	BP_THIN_PACK_DAMAGED = 1 << 1,
	BP_THIN_UNPACK_ZERO = 1 << 2,
};

/**
 * struct bp_thin_pack_opts - How to pack or unpack. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_pack_opts). Members are only added at the end.
 * @flags: enum bp_thin_pack_flags.
 * @workers: threads; 0: as many as there are processors. The pack is the same with any number.
 * @progress: called now and then with blocks (packing) or bytes of the pack (unpacking) done
 *	and to do; non-zero ends it with -ECANCELED.
 * @progress_user: passed to it.
 */
struct bp_thin_pack_opts {
	size_t size;
	uint32_t flags;
	unsigned workers;
	int (*progress)(void *user, uint64_t done, uint64_t total);
	void *progress_user;
};

/**
 * struct bp_thin_pack_result - What was done. Set @size; the rest is the result's.
 * @size: sizeof(struct bp_thin_pack_result). Members are only added at the end.
 * @nr_blocks: of the metadata device.
 * @nr_packed: blocks in the pack.
 * @nr_damaged: blocks that are neither zero nor of a known kind; in the pack only with
 *	BP_THIN_PACK_DAMAGED. A device that was used for something else before has many.
 * @pack_bytes: size of the pack.
 */
struct bp_thin_pack_result {
	size_t size;
	bp_mblock nr_blocks, nr_packed, nr_damaged;
	bp_bytes pack_bytes;
};

/**
 * bp_thin_pack() - Pack a metadata device or file.
 * @ctx: takes the message on failure.
 * @path: thin, cache or era metadata; need not be sound. Its pool must not be active.
 * @output: the pack, a file. It appears under its name when it is whole.
 * @opts: NULL for the defaults.
 * @ret: may be NULL.
 *
 * The format is that of thin-provisioning-tools. Every block with a valid checksum is packed,
 * whether it is in use or not; block numbers in them are not looked at. Every piece is unpacked
 * again and compared before it is written, and what was written is read again.
 *
 * Memory: 24 MiB a worker.
 *
 * Return: 0; -EEXIST (BP_E_METADATA_EXISTS: see BP_THIN_PACK_FORCE), -EINVAL, -ENOENT, -EACCES,
 * -EBUSY, -EIO (a block can't be read: nothing is packed then), -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_pack(struct bp_ctx *ctx, const char *path, const char *output,
			const struct bp_thin_pack_opts *opts, struct bp_thin_pack_result *ret);

/**
 * bp_thin_unpack() - Make metadata from a pack.
 * @path: the pack.
 * @output: a block device nobody uses, or a file, which is made where there is none.
 * @opts: NULL for the defaults.
 * @ret: may be NULL; nr_damaged is 0.
 *
 * The whole pack is decoded before the output is touched. Block 0 is zeroed first and written
 * last, after all else was flushed.
 *
 * Memory: 512 KiB a worker, 24 bytes for each 1024 packed blocks.
 *
 * Return: 0; -EINVAL (BP_E_NOT_METADATA: not a pack file), -EBADMSG or -EUCLEAN (a damaged
 * pack), -ENOSPC (the device is too small), -EEXIST, -ENOENT, -EACCES, -EBUSY, -EIO,
 * -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_unpack(struct bp_ctx *ctx, const char *path, const char *output,
			  const struct bp_thin_pack_opts *opts,
			  struct bp_thin_pack_result *ret);

#ifdef __cplusplus
}
#endif

#endif
