/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thin pool metadata as text: dumping it, and making metadata from a dump. */
#ifndef BEDPLATE_THIN_DUMP_H
#define BEDPLATE_THIN_DUMP_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum bp_thin_dump_flags - What to dump, and how.
 * @BP_THIN_DUMP_HUMAN: lines for people instead of XML.
 * @BP_THIN_DUMP_SKIP_MAPPINGS: devices, without their mappings.
 * @BP_THIN_DUMP_TRANSACTION: the dump says @transaction_id, which may be 0.
 */
enum bp_thin_dump_flags {
	BP_THIN_DUMP_HUMAN = 1 << 0,
	BP_THIN_DUMP_SKIP_MAPPINGS = 1 << 1,
	BP_THIN_DUMP_TRANSACTION = 1 << 2,
};

/**
 * struct bp_thin_dump_opts - What to dump. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_dump_opts). Members are only added at the end.
 * @flags: enum bp_thin_dump_flags.
 * @ids, @nr_ids: only these devices; none: all devices. What several of those dumped share is
 *	written once.
 * @data_block_sectors, @nr_data_blocks: the dump says these; 0: what the superblock says.
 * @transaction_id: see BP_THIN_DUMP_TRANSACTION.
 * @damage: called for each part that can't be read, before any text is written. @device is
 *	the first device concerned, [@begin, @end) its virtual blocks that are missing. Also for
 *	each value that no restore takes: mappings past the data blocks that the dump says there are
 *	(BP_DAMAGE_DATA_BLOCK, the highest), times and ids above 24 bits, more than 2^40 data blocks, an unknown
 *	version (BP_DAMAGE_SUPERBLOCK, BP_DAMAGE_DEVICE_FIELD).
 * @progress: called now and then with the metadata blocks done and to do; non-zero ends the
 *	dump with -ECANCELED.
 * @callback_user: passed to both.
 */
struct bp_thin_dump_opts {
	size_t size;
	uint32_t flags;
	const uint64_t *ids;
	size_t nr_ids;
	uint32_t data_block_sectors;
	bp_dblock nr_data_blocks;
	uint64_t transaction_id;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *callback_user;
};

/**
 * bp_thin_dump() - Write metadata as text.
 * @meta: opened; with BP_THIN_OPEN_SNAP the metadata snapshot is dumped.
 * @opts: NULL for the defaults.
 * @write: takes the text, in pieces of up to 256 KiB.
 * @user: passed to @write.
 * @ret_damages: set, on success, to how many parts are missing, or can't be restored as they are;
 *	0: the text is whole, and bp_thin_restore() takes it.
 *
 * The XML is that of thin-provisioning-tools, byte for byte, without a newline at its end.
 * Where parts are missing the text has all that could be read and a comment in each gap,
 * but the end of its outermost element is left out: so nobody takes it for a whole dump, and no
 * restore accepts it unless it is completed by hand.
 *
 * Memory: what a walk of all trees takes (44 bytes for each node, 12 for each entry of an
 * internal node, 4 for each metadata block), 8 bytes more for each node, 4 MiB of buffers.
 * Nothing is held for each device and block.
 *
 * Return: 0; -EBADMSG, -EUCLEAN or -EIO where the trees of devices are damaged or don't agree;
 * -ENODATA: no such device; -ECANCELED, -ENOMEM, or what @write returned.
 */
BP_API int bp_thin_dump(struct bp_thin_meta *meta, const struct bp_thin_dump_opts *opts,
			bp_write_fn write, void *user, uint64_t *ret_damages);

/**
 * enum bp_thin_restore_flags
 * @BP_THIN_RESTORE_TRANSACTION: write @transaction_id, which may be 0.
 */
enum bp_thin_restore_flags {
	BP_THIN_RESTORE_TRANSACTION = 1 << 0,
};

/**
 * struct bp_thin_restore_opts - How to restore. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_restore_opts). Members are only added at the end.
 * @flags: enum bp_thin_restore_flags.
 * @data_block_sectors, @nr_data_blocks: instead of what the text says; 0: what it says.
 * @transaction_id: see BP_THIN_RESTORE_TRANSACTION.
 * @progress: called now and then with the bytes of text read and to be read, 0 where that is
 *	not known, as of a pipe. Non-zero ends it with -ECANCELED.
 * @user: passed to it.
 */
struct bp_thin_restore_opts {
	size_t size;
	uint32_t flags;
	uint32_t data_block_sectors;
	bp_dblock nr_data_blocks;
	uint64_t transaction_id;
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * bp_thin_restore() - Make metadata from the XML of a dump.
 * @ctx: takes the message on failure, and warnings.
 * @xml_fd: read to its end: a file or a pipe. Stays the caller's.
 * @xml_name: what messages call it.
 * @path: metadata device or file to overwrite. It must exist, and not be in use; its size is
 *	that of the metadata. Not the file that @xml_fd reads.
 * @opts: NULL for the defaults.
 *
 * The superblock is zeroed first and written last, after all else was flushed: interrupted or
 * failed at any point, there is either the complete metadata or none. Mappings must rise; a
 * device's mapped_blocks must be the number of its mappings; ids and names must not repeat.
 *
 * Memory: 2 bits for each data block that is near one in use and for each metadata block, 16
 * bytes for each leaf of the device at hand and of all defs, up to 32 for each internal node,
 * 40 for each device, 4 MiB of buffers and sets.
 *
 * Return: 0; -EINVAL (BP_E_XML: the text, with line and column; BP_E_USAGE: options, or output
 * is input), -ENOENT, -EACCES, -EBUSY (@path), -ENOSPC (no room in @path), -EIO, -ECANCELED,
 * -ENOMEM.
 */
BP_API int bp_thin_restore(struct bp_ctx *ctx, int xml_fd, const char *xml_name,
			   const char *path, const struct bp_thin_restore_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
