/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes of vdo, on the device or file that holds them: what a format writes, what lies there,
 * and whether it is sound. No device-mapper is needed; the volume must not be active, but where
 * that is said. For active volumes see <bedplate/vdo_device.h>.
 *
 * "mblocks" are vdo's own blocks, which have 4096 bytes too.
 */
#ifndef BEDPLATE_VDO_H
#define BEDPLATE_VDO_H

#include <bedplate/damage.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BP_VDO_UUID_BYTES 16u
#define BP_VDO_SLABS_MAX  8192u
/* What a volume gets where nothing else is asked for. */
#define BP_VDO_SLAB_BYTES  (UINT64_C(1) << 31)
#define BP_VDO_INDEX_BYTES (UINT64_C(1) << 28)
/* The largest sizes there are. */
#define BP_VDO_PHYSICAL_MAX_MBLOCKS (UINT64_C(1) << 36)
#define BP_VDO_LOGICAL_MAX_MBLOCKS  (UINT64_C(1) << 40)

/* enum bp_vdo_state - What a volume's super block says of it. Others may lie there too. */
enum bp_vdo_state {
	BP_VDO_STATE_DIRTY = 0,     /* active, or was when the machine stopped */
	BP_VDO_STATE_NEW = 1,       /* formatted, never started */
	BP_VDO_STATE_CLEAN = 2,     /* stopped as it should be */
	BP_VDO_STATE_READ_ONLY = 3, /* gave up writing after an error; stays so */
	BP_VDO_STATE_FORCE_REBUILD =
		4,                   /* the next start rebuilds the counts and writes again */
	BP_VDO_STATE_RECOVERING = 5, /* stopped while it recovered */
	BP_VDO_STATE_REPLAYING = 6,  /* of old versions: as dirty */
	BP_VDO_STATE_REBUILD_FOR_UPGRADE = 7,
};

/* "dirty", "new" ...; "unknown" for other numbers. */
BP_API const char *bp_vdo_state_name(uint32_t state);

/**
 * struct bp_vdo_volume - A volume's geometry and super block. Members are only added.
 * @size: sizeof(struct bp_vdo_volume), where the caller hands it in to be filled.
 * @geometry_version: 5, or 4 in volumes of before 2021.
 * @release: number of the product that wrote it; 0 since Linux has vdo.
 * @nonce: told to every block of metadata; @uuid: in the order it is written.
 * @bio_offset_mblocks: taken off every block number; 0 but in volumes converted in place.
 * @index_start_mblock, @index_mblocks: where the index of duplicates lies.
 * @index_memory_bytes: of the index; @index_sparse: ten times the reach.
 * @index_reduced: it has a chapter less: a converted volume.
 * @data_start_mblock: of the super block.
 * @state: enum bp_vdo_state, or a number that is none.
 * @complete_recoveries, @read_only_recoveries: how often it recovered; from read-only.
 * @logical_mblocks, @physical_mblocks: what it shows, and what it has.
 * @slab_mblocks: a slab: @slab_data_mblocks for data, @slab_count_mblocks with their reference
 *	counts, @slab_journal_mblocks.
 * @slab_flush_mblocks, @slab_block_mblocks, @slab_scrub_mblocks: when a slab's journal is
 *	flushed, blocks writes, is replayed.
 * @nr_slabs: how many there are.
 * @root_start_mblock, @nr_roots: roots of the block map.
 * @depot_start_mblock, @depot_mblocks: the slabs, and a rest too short for one.
 * @journal_start_mblock, @journal_mblocks: the recovery journal.
 * @summary_start_mblock, @summary_mblocks: the slab summary.
 * @journal_sequence: of the next block of the recovery journal.
 * @logical_used_mblocks: blocks that are mapped; @map_mblocks: pages of the block map that
 *	lie in slabs. Both as of the last clean stop.
 * @nr_zones: physical zones when it ran last; 0: it never ran.
 */
struct bp_vdo_volume {
	size_t size;
	uint32_t geometry_version, release;
	uint64_t nonce;
	uint8_t uuid[BP_VDO_UUID_BYTES];
	bp_mblock bio_offset_mblocks;
	bp_mblock index_start_mblock, index_mblocks;
	bp_bytes index_memory_bytes;
	bool index_sparse, index_reduced;
	bp_mblock data_start_mblock;
	uint32_t state;
	uint64_t complete_recoveries, read_only_recoveries;
	bp_mblock logical_mblocks, physical_mblocks;
	bp_mblock slab_mblocks, slab_data_mblocks, slab_count_mblocks, slab_journal_mblocks;
	bp_mblock slab_flush_mblocks, slab_block_mblocks, slab_scrub_mblocks;
	uint64_t nr_slabs;
	bp_mblock root_start_mblock;
	uint64_t nr_roots;
	bp_mblock depot_start_mblock, depot_mblocks;
	bp_mblock journal_start_mblock, journal_mblocks;
	bp_mblock summary_start_mblock, summary_mblocks;
	uint64_t journal_sequence;
	bp_mblock logical_used_mblocks, map_mblocks;
	uint32_t nr_zones;
};

/* --- formatting --- */

/**
 * enum bp_vdo_format_flags -
 * @BP_VDO_FORMAT_FORCE: whatever lies there may be overwritten.
 * @BP_VDO_FORMAT_DRY_RUN: look at all that could speak against it, and write nothing.
 */
enum bp_vdo_format_flags {
	BP_VDO_FORMAT_FORCE = 1 << 0,
	BP_VDO_FORMAT_DRY_RUN = 1 << 1,
};

/**
 * struct bp_vdo_format_opts - How to format. Zero in a member is its default.
 * @size: sizeof(struct bp_vdo_format_opts).
 * @flags: enum bp_vdo_format_flags.
 * @index_sparse: an index that remembers ten times more, on ten times the space.
 * @logical_bytes: what the volume shows: a multiple of 4096, up to 4 PiB; 0: as much as it can
 *	hold without duplicates.
 * @slab_bytes: a power of two, 32 MiB to 32 GiB; 0: 2 GiB. A volume can grow to 8192 slabs.
 * @index_memory_bytes: 256, 512 or 768 MiB, or 1 to 1024 GiB; 0: 256 MiB.
 * @nonce, @uuid: 0 and NULL: new ones. @uuid has BP_VDO_UUID_BYTES.
 * @found: told, with BP_VDO_FORMAT_FORCE, of each thing that will be overwritten, such as
 *	"ext4" or "partition table dos".
 * @progress: called now and then; non-zero stops it with -ECANCELED.
 * @user: passed to both.
 */
struct bp_vdo_format_opts {
	size_t size;
	uint32_t flags;
	bool index_sparse;
	bp_bytes logical_bytes, slab_bytes, index_memory_bytes;
	uint64_t nonce;
	const uint8_t *uuid;
	void (*found)(void *user, const char *what);
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *user;
};

/**
 * bp_vdo_plan() - What a format would make of so much space. Touches no device.
 * @physical_bytes: size of the device; a rest shorter than a block is not used.
 * @opts: NULL for the defaults. Without @nonce and @uuid, both are 0 in the plan.
 * @ret: its @size is set; takes the volume.
 *
 * Return: 0; -EINVAL (a size that can't be: the message says which), -ENOSPC (BP_E_TOO_SMALL:
 * the message says what is needed), -EFBIG (more than 8192 slabs, or 256 TiB).
 */
BP_API int bp_vdo_plan(struct bp_ctx *ctx, bp_bytes physical_bytes,
		       const struct bp_vdo_format_opts *opts, struct bp_vdo_volume *ret);

/* bp_vdo_minimum() - The least space a volume of these options takes. -EINVAL as above. */
BP_API int bp_vdo_minimum(struct bp_ctx *ctx, const struct bp_vdo_format_opts *opts,
			  bp_bytes *ret);

/**
 * bp_vdo_format() - Make a volume.
 * @path: block device or file, of the size the volume shall have. A device must not be in use.
 * @ret: its @size is set; takes what was made. May be NULL.
 *
 * Nothing is written before all is known to be right. Then the first block is zeroed, the
 * geometry is written into it last: interrupted, what is left is no volume, old or new.
 *
 * Return: 0; as bp_vdo_plan(); -EEXIST (BP_E_METADATA_EXISTS: it holds something: the message
 * says what), -ENOENT, -EACCES, -EBUSY (in use), -EIO, -ENOMEM, -ECANCELED.
 */
BP_API int bp_vdo_format(struct bp_ctx *ctx, const char *path,
			 const struct bp_vdo_format_opts *opts, struct bp_vdo_volume *ret);

/**
 * struct bp_vdo_needs - What a volume takes and gives.
 * @size: sizeof(struct bp_vdo_needs).
 * @usable_bytes: blocks of its slabs that hold data, or pages of the block map.
 * @map_bytes: pages of the block map, once all of the logical size was written.
 * @metadata_bytes: all that is neither: index, journals, reference counts, roots, summary.
 * @unused_bytes: a rest too short for a slab.
 * @index_bytes: of @metadata_bytes, the index.
 * @grow_max_bytes: the largest it can grow to with these slabs.
 * @window_bytes: so much written data the index remembers.
 * @memory_bytes: of the kernel while it is active, to a few percent; of it
 *	@index_memory_bytes for the index.
 */
struct bp_vdo_needs {
	size_t size;
	bp_bytes usable_bytes, map_bytes, metadata_bytes, unused_bytes, index_bytes;
	bp_bytes grow_max_bytes, window_bytes;
	bp_bytes memory_bytes, index_memory_bytes;
};

/**
 * bp_vdo_needs() - Work that out.
 * @volume: planned or read.
 * @cache_mblocks: block map cache it will be given; 0: 32768.
 * @ret: its @size is set.
 *
 * Return: 0, -EINVAL (no size), -E2BIG (members of @volume that this library does not know).
 */
BP_API int bp_vdo_needs(struct bp_ctx *ctx, const struct bp_vdo_volume *volume,
			bp_mblock cache_mblocks, struct bp_vdo_needs *ret);

/**
 * bp_vdo_grow_check() - May a volume grow to these sizes? 0: stays as it is. By the kernel's
 * rules: the recovery journal must fit into what is added, and a slab more must come of it.
 *
 * Return: 0; -EINVAL (BP_E_USAGE, BP_E_TOO_SMALL: the message says what it takes), -EFBIG.
 */
BP_API int bp_vdo_grow_check(struct bp_ctx *ctx, const struct bp_vdo_volume *volume,
			     bp_bytes logical_bytes, bp_bytes physical_bytes);

/* --- looking --- */

/**
 * enum bp_vdo_open_flags -
 * @BP_VDO_OPEN_SHARED: the device may be in use. What is read of an active volume is of an
 *	earlier moment, and its parts are of different ones.
 */
enum bp_vdo_open_flags {
	BP_VDO_OPEN_SHARED = 1 << 0,
};

struct bp_vdo_image;

/**
 * bp_vdo_open() - Open a volume's device or file for reading.
 * @ctx: must outlive @ret, and takes the messages.
 * @ret: close it with bp_vdo_close().
 *
 * Return: 0; -ENOENT, -EACCES, -EBUSY (in use), -EINVAL (BP_E_NOT_METADATA: no volume),
 * -EBADMSG or -EUCLEAN (BP_E_DAMAGED: geometry or super block are damaged: bp_vdo_check() tells
 * more), -ENOTSUP (a version not known), -EIO, -ENOMEM.
 */
BP_API int bp_vdo_open(struct bp_ctx *ctx, const char *path, uint32_t flags,
		       struct bp_vdo_image **ret);
BP_API void bp_vdo_close(struct bp_vdo_image *image);

/* bp_vdo_volume_get() - What geometry and super block say. Lent: valid until it is closed. */
BP_API const struct bp_vdo_volume *bp_vdo_volume_get(const struct bp_vdo_image *image);

/**
 * struct bp_vdo_slab - A slab, as summary and reference counts have it.
 * @number: from 0; @start_mblock: where it begins.
 * @opened: it was ever written to: its counts mean something. Else all its blocks are free.
 * @dirty: the summary says that its journal is newer than its counts.
 * @unreadable: its counts can't be read; @used_mblocks is 0.
 * @tail_mblock: block of its journal that is written next.
 * @fullness_hint: free blocks, roughly, as the summary keeps it: 6 bits.
 * @used_mblocks: data blocks in use, those of the block map included.
 * @map_mblocks: counts that are as pages of the block map have them.
 */
struct bp_vdo_slab {
	uint64_t number;
	bp_mblock start_mblock;
	bool opened, dirty, unreadable;
	uint32_t tail_mblock, fullness_hint;
	bp_mblock used_mblocks, map_mblocks;
};

/**
 * bp_vdo_slabs() - Call @slab for each, in order. Reads their reference counts.
 * @slab: non-zero ends it and is returned.
 *
 * Return: 0; -EIO (the summary can't be read), -ENOMEM.
 */
BP_API int bp_vdo_slabs(struct bp_vdo_image *image,
			int (*slab)(void *user, const struct bp_vdo_slab *slab), void *user);

/* --- checking --- */

/**
 * struct bp_vdo_check_opts - How to check. Zero in a member is its default.
 * @size: sizeof(struct bp_vdo_check_opts).
 * @flags: BP_VDO_OPEN_SHARED: what is found on an active volume proves nothing.
 * @damage: called for each damage found, by place.
 * @progress: called now and then; non-zero ends the check with -ECANCELED. @stage: "block map",
 *	"reference counts".
 * @user: passed to both.
 */
struct bp_vdo_check_opts {
	size_t size;
	uint32_t flags;
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, const char *stage, uint64_t done, uint64_t total);
	void *user;
};

/**
 * struct bp_vdo_check_result - What a check found. Set @size; the rest is the result's.
 * @nr_fatal, @nr_nonfatal, @nr_remarks: how much of each harm.
 * @volume_ok: @volume is meaningful, and all below it was looked at.
 * @volume: as read.
 * @counts_final: the volume's state is one in which counts and block map must agree. Where it is
 *	false the recovery journal was not replayed: differences are told as remarks.
 * @nr_mappings: logical blocks that are mapped; of them @nr_zero to the zero block,
 *	@nr_compressed to a part of a compressed block.
 * @nr_map_pages: pages of the block map that lie in slabs.
 * @nr_data_mblocks: blocks that hold data; @nr_compressed_mblocks of them compressed.
 * @nr_leaked, @nr_wrong: blocks counted without a reference; with another wrong count.
 */
struct bp_vdo_check_result {
	size_t size;
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
	bool volume_ok, counts_final;
	struct bp_vdo_volume volume;
	uint64_t nr_mappings, nr_zero, nr_compressed;
	bp_mblock nr_map_pages, nr_data_mblocks, nr_compressed_mblocks;
	bp_mblock nr_leaked, nr_wrong;
};

/**
 * bp_vdo_check() - Check a volume offline: checksums, versions and sizes of geometry and super
 * block, all pages of the block map, compressed blocks, slab summary, and reference counts
 * against the block map. Reads only. Data, journals and the index of duplicates are not looked
 * at.
 *
 * Memory: one byte for each data block of the slabs that are in use.
 *
 * Return: 0 if the check was carried out, whatever it found; -ENOENT, -EACCES, -EBUSY, -EINVAL
 * (no volume at all), -EIO (block 0 can't be read), -ENOMEM, -ECANCELED.
 */
BP_API int bp_vdo_check(struct bp_ctx *ctx, const char *path,
			const struct bp_vdo_check_opts *opts, struct bp_vdo_check_result *ret);

/* --- getting out of read-only --- */

/**
 * bp_vdo_force_rebuild() - Have a read-only volume rebuild its reference counts when it is
 * started next, and be writable again. What could not be written is lost: read what matters
 * before.
 *
 * Writes one block, the super block. Return: 0; as bp_vdo_open(); -EINVAL (BP_E_POOL_STATE: it
 * is not read-only).
 */
BP_API int bp_vdo_force_rebuild(struct bp_ctx *ctx, const char *path);

#ifdef __cplusplus
}
#endif

#endif
