/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sources: where a pool, or a volume of any kind, is to be found, without activating anything. A
 * source is opened by whatever name a person has in hand, finds metadata, data and names in devices
 * and images, and only reads. Neither LVM nor device-mapper nor root is needed.
 */
#ifndef BEDPLATE_SOURCE_H
#define BEDPLATE_SOURCE_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bp_source;

/**
 * struct bp_source_opts - Where to look. Zero in a member is its default.
 * @size: sizeof(struct bp_source_opts). Members are only added at the end.
 * @pvs, @nr_pvs: images or devices with physical volumes (whole disks with partitions too); none:
 *	all block devices of this machine, where a name of LVM is to be found.
 * @text_path: a backup file of LVM's metadata, whose text counts instead of what is on the PVs; or
 *	NULL.
 * @data_path: device or file with the pool's data, where the source is bare metadata; or NULL.
 * @data_block_sectors: the pool's data block size, where its superblock is lost and LVM does not
 *	tell.
 * @snap_path: the metadata device of a pool that is active and has a metadata snapshot (see
 *	bp_pool_reserve_metadata_snap()): metadata is that snapshot, read from there, and data is
 *	read from @data_path. Of a pool of LVM it counts where that very pool is the active one.
 *	NULL: no.
 */
struct bp_source_opts {
	size_t size;
	const char *const *pvs;
	size_t nr_pvs;
	const char *text_path, *data_path;
	uint32_t data_block_sectors;
	const char *snap_path;
};

/**
 * enum bp_source_kind - What was found by the name.
 * @BP_SOURCE_METADATA: metadata of a thin pool by itself (a device or file, or an LV like
 *	"vg/pool_meta0"); data only where it was given.
 * @BP_SOURCE_POOL: a thin pool of LVM, with metadata, data and names.
 * @BP_SOURCE_VOLUMES: volumes of a volume group without a (single) thin pool.
 */
enum bp_source_kind {
	BP_SOURCE_METADATA = 1,
	BP_SOURCE_POOL = 2,
	BP_SOURCE_VOLUMES = 3,
};

/**
 * bp_source_open() - Find what a person means.
 * @ctx: must outlive @ret; takes messages, and warnings about what looks odd (a missing PV, an
 *	exported group, two images of one PV).
 * @name: "vg/pool", "vg" (then its only pool), a mapper name ("vg-pool", "vg-pool-tpool",
 *	"/dev/vg/pool"), "vg/pool_tmeta" and its like; a metadata device or file, or a pack of
 *	it (bp_thin_pack()); a PV, a partition,
 *	or the image of a whole disk (then the only pool on it). An existing file or device comes
 *	before a name.
 * @opts: NULL for the defaults.
 * @ret: close it with bp_source_close().
 *
 * Return: 0; -ENXIO (nothing of that name: the message lists what there is), -ENOTUNIQ (several
 * pools: the message lists them), -EINVAL (something else, and what), -EACCES, -EIO, -ENOMEM.
 */
BP_API int bp_source_open(struct bp_ctx *ctx, const char *name,
			  const struct bp_source_opts *opts, struct bp_source **ret);
BP_API void bp_source_close(struct bp_source *source);

BP_API enum bp_source_kind bp_source_kind(const struct bp_source *source);
/* bp_source_name() - "vg/pool", or the path as it was given. Lent. */
BP_API const char *bp_source_name(const struct bp_source *source);

/**
 * bp_source_expected_transaction() - The transaction id that LVM expects of the pool.
 * @ret_pending: messages are pending, so that one less is right too; may be NULL.
 *
 * Return: 0, -ENODATA (no pool of LVM, or LVM does not check it).
 */
BP_API int bp_source_expected_transaction(const struct bp_source *source, uint64_t *ret,
					  bool *ret_pending);

/**
 * bp_source_thin_open() - Open the pool's metadata, as bp_thin_open() does with a path.
 * @ret: close it before the source.
 *
 * Where the metadata is mirrored each block is taken from a leg on which it is sound. Return: as
 * bp_thin_open(); -EINVAL where the source has no thin pool.
 */
BP_API int bp_source_thin_open(struct bp_source *source, const struct bp_thin_open_opts *opts,
			       struct bp_thin_meta **ret);

/**
 * struct bp_source_volume - A volume, as LVM and the pool know it. Texts are lent by the source.
 * @size: sizeof(struct bp_source_volume), set by the library.
 * @name: LVM's name; NULL: only the pool knows it.
 * @uuid: LVM's; NULL likewise.
 * @type: LVM's type of its first segment ("thin", "striped", "cache" ...); "thin" without LVM.
 * @has_id, @id: its number in the thin pool.
 * @in_pool: the pool's metadata has it.
 * @size_bytes: virtual size; without LVM: up to its last mapped block.
 * @visible: a user sees it (parts of others are not visible).
 * @lvm_transaction_id, @transaction_id: when it was made, by LVM and by the pool. Where these
 *	differ they are not the same volume, though the number is: it was used again.
 * @mapped_dblocks: data blocks that it maps, as its details say.
 */
struct bp_source_volume {
	size_t size;
	const char *name, *uuid, *type;
	bool has_id, in_pool, visible;
	uint64_t id;
	bp_bytes size_bytes;
	uint64_t lvm_transaction_id, transaction_id;
	bp_dblock mapped_dblocks;
};

struct bp_source_volumes;

/**
 * bp_source_volumes() - The volumes of a source: of a pool its thin volumes by rising id, else
 * all volumes of the group in LVM's order.
 * @ret: free it with bp_source_volumes_free(), before the source is closed.
 *
 * Metadata whose trees of devices can't be read is no failure: LVM's names come without what the
 * pool would say, and a warning tells why. Return: 0, -ENOMEM.
 */
BP_API int bp_source_volumes(struct bp_source *source, struct bp_source_volumes **ret);
BP_API size_t bp_source_volumes_count(const struct bp_source_volumes *volumes);
BP_API const struct bp_source_volume *
bp_source_volumes_get(const struct bp_source_volumes *volumes, size_t index);
BP_API void bp_source_volumes_free(struct bp_source_volumes *volumes);

/**
 * bp_source_swap_steps() - Call @line for each line of a shell that swaps new metadata in.
 * @path: the file that has it.
 * @line: non-zero ends it and is returned.
 *
 * LVM does it, and keeps what was there as a volume. Nothing is told of metadata that is no pool
 * of LVM. Return: 0, -ENOMEM.
 */
BP_API int bp_source_swap_steps(struct bp_source *source, const char *path,
				int (*line)(void *user, const char *line), void *user);

/**
 * bp_ctx_use_sources() - From now on take names of sources where metadata is read.
 * @opts: as for bp_source_open(); texts are copied. NULL: stop it.
 *
 * After this the calls that take the path of metadata to read (bp_thin_open(), bp_thin_check()
 * ...) take what bp_source_open() takes. A file or device that exists and is no disk with volumes
 * is used as it is. What would write to such a source is refused with -EROFS.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
BP_API int bp_ctx_use_sources(struct bp_ctx *ctx, const struct bp_source_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
