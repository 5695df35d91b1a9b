/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets of <bedplate/targets.h> that keep blocks in two places: snapshots, caches, clones,
 * vdo.
 */
#ifndef BEDPLATE_TARGETS_CACHE_H
#define BEDPLATE_TARGETS_CACHE_H

#include <bedplate/target_values.h>

#ifdef __cplusplus
extern "C" {
#endif

/* snapshot and snapshot-merge: copy-on-write of an origin, and its way back into it. */
enum bp_snapshot_store {
	BP_SNAPSHOT_PERSISTENT = 1,
	BP_SNAPSHOT_PERSISTENT_OVERFLOW = 2, /* "Overflow" is told apart from "Invalid" */
	BP_SNAPSHOT_TRANSIENT = 3,           /* lost when it is deactivated; can't be merged */
};
struct bp_snapshot {
	const char *origin_dev, *cow_dev;
	enum bp_snapshot_store store;
	bp_sector chunk_sectors; /* a power of two; 0: as the store's header has it, or 32 */
	bool discard_zeroes_cow;
	bool discard_passdown_origin; /* needs discard_zeroes_cow */
};
#define BP_PARAMS_SNAPSHOT(...) "snapshot", BP_PARAMS(struct bp_snapshot, __VA_ARGS__)
#define BP_PARAMS_SNAPSHOT_MERGE(...)                                                          \
	"snapshot-merge", BP_PARAMS(struct bp_snapshot, __VA_ARGS__)
/* States instead of values: "Invalid", "Overflow", "Merge failed", "Unknown". */
struct bp_snapshot_status {
	bp_sector used_sectors; /* of the COW device; equals the metadata after a full merge */
	bp_sector total_sectors, metadata_sectors;
};

/* snapshot-origin: lies over an origin, so that writes to it save old data. No status. */
struct bp_snapshot_origin {
	const char *dev;
};
#define BP_PARAMS_SNAPSHOT_ORIGIN(...)                                                         \
	"snapshot-origin", BP_PARAMS(struct bp_snapshot_origin, __VA_ARGS__)

/* cache: a fast device in front of a slow one. */
enum bp_cache_mode {
	BP_CACHE_WRITEBACK = 1,
	BP_CACHE_WRITETHROUGH = 2,
	BP_CACHE_PASSTHROUGH = 3, /* all I/O goes to the origin; metadata must be clean */
};
struct bp_cache {
	const char *metadata_dev, *cache_dev, *origin_dev;
	bp_sector block_sectors;    /* 32 KiB to 1 GiB, in 32 KiB steps */
	enum bp_cache_mode io_mode; /* 0: writeback */
	bool metadata2;             /* dirty bits apart; existing metadata keep their format */
	bool no_discard_passdown;
	const char *policy; /* "smq", "cleaner", "mq" (smq by its old name), "default" (smq) */
	struct bp_number migration_threshold_sectors; /* unset: 2048 */
	const struct bp_pair *policy_args;            /* of mq, which ignores them */
	size_t nr_policy_args;
};
#define BP_PARAMS_CACHE(...) "cache", BP_PARAMS(struct bp_cache, __VA_ARGS__)
enum bp_cache_access {
	BP_CACHE_RW = 1,
	BP_CACHE_RO = 2,
};
/* States instead of values: "Fail", "Error". */
struct bp_cache_status {
	bp_sector metadata_block_sectors;
	uint64_t used_metadata_blocks, total_metadata_blocks;
	bp_sector block_sectors;
	bp_dblock used_dblocks, total_dblocks;
	uint64_t read_hits, read_misses, write_hits, write_misses, demotions, promotions;
	bp_dblock dirty_dblocks;
	bool metadata2;
	enum bp_cache_mode io_mode;
	bool no_discard_passdown;
	struct bp_number migration_threshold_sectors;
	const struct bp_pair *core_args; /* others than migration_threshold */
	size_t nr_core_args;
	const char *policy;
	const struct bp_pair *policy_args;
	size_t nr_policy_args;
	enum bp_cache_access access;
	bool needs_check;
};

/* Messages of cache: migration_threshold; invalidate_cblocks (in passthrough mode). */
struct bp_cache_threshold {
	uint64_t migration_threshold_sectors;
};
#define BP_MESSAGE_CACHE_MIGRATION_THRESHOLD(...)                                              \
	"cache", "migration_threshold", BP_PARAMS(struct bp_cache_threshold, __VA_ARGS__)
struct bp_cache_range {
	uint32_t begin_dblock;
	struct bp_number end_dblock; /* not part of it; unset: begin_dblock alone */
};
struct bp_cache_invalidate {
	const struct bp_cache_range *ranges;
	size_t nr_ranges;
};
#define BP_MESSAGE_CACHE_INVALIDATE_CBLOCKS(...)                                               \
	"cache", "invalidate_cblocks", BP_PARAMS(struct bp_cache_invalidate, __VA_ARGS__)

/* era: remembers which blocks were written since when. */
struct bp_era {
	const char *metadata_dev, *origin_dev;
	uint32_t block_sectors; /* a multiple of 8; can't change later */
};
#define BP_PARAMS_ERA(...) "era", BP_PARAMS(struct bp_era, __VA_ARGS__)
/* State instead of values: "Error". */
struct bp_era_status {
	bp_sector metadata_block_sectors;
	uint64_t used_metadata_blocks, total_metadata_blocks;
	uint32_t current_era;
	struct bp_number held_root_mblock; /* of the metadata snapshot */
};

/* writecache: writes land on persistent memory or an SSD first. */
enum bp_writecache_kind {
	BP_WRITECACHE_PMEM = 1,
	BP_WRITECACHE_SSD = 2,
};
enum bp_writecache_fua {
	BP_WRITECACHE_FUA = 1,
	BP_WRITECACHE_NOFUA = 2,
};
struct bp_writecache {
	enum bp_writecache_kind kind;
	const char *origin_dev, *cache_dev;
	uint32_t block_bytes; /* 512 to a page, a power of two */
	struct bp_number start_sector;
	struct bp_number high_watermark_percent, low_watermark_percent; /* unset: 50, 45 */
	struct bp_number writeback_jobs;
	struct bp_number autocommit_blocks;  /* unset: 64 on pmem, 65536 on an SSD */
	struct bp_number autocommit_time_ms; /* unset: 1000 */
	struct bp_number max_age_ms;
	bool cleaner;
	enum bp_writecache_fua fua; /* of pmem; 0: as the kernel likes */
	bool metadata_only;
	struct bp_number pause_writeback_ms; /* of an SSD; unset: 3000 */
};
#define BP_PARAMS_WRITECACHE(...) "writecache", BP_PARAMS(struct bp_writecache, __VA_ARGS__)
/* What was read and written, in blocks. */
struct bp_writecache_counters {
	uint64_t reads, read_hits;
	uint64_t writes, write_hits_uncommitted, write_hits_committed;
	uint64_t writes_around, writes_allocate, writes_blocked;
	uint64_t flushes, discards;
};
struct bp_writecache_status {
	int32_t error; /* 0: none */
	uint64_t total_blocks, free_blocks, writeback_blocks;
	const struct bp_writecache_counters *counters; /* NULL: a kernel before 5.15 */
};

/* clone: fills a device from a read-only source while it is in use. */
struct bp_clone {
	const char *metadata_dev, *dest_dev, *source_dev;
	uint32_t region_sectors; /* 8 to 2097152, a power of two */
	bool no_hydration;       /* only copy what is written to, until told otherwise */
	bool no_discard_passdown;
	struct bp_number hydration_threshold_regions;  /* in flight at once; unset: 1 */
	struct bp_number hydration_batch_size_regions; /* copied together; unset: 1 */
};
#define BP_PARAMS_CLONE(...) "clone", BP_PARAMS(struct bp_clone, __VA_ARGS__)
enum bp_clone_mode {
	BP_CLONE_RW = 1,
	BP_CLONE_RO = 2,
	BP_CLONE_FAIL = 3,
};
/* States instead of values: "Fail", "Error". */
struct bp_clone_status {
	bp_sector metadata_block_sectors;
	uint64_t used_metadata_blocks, total_metadata_blocks;
	bp_sector region_sectors;
	uint64_t hydrated_regions, total_regions, hydrating_regions;
	bool no_hydration, no_discard_passdown;
	struct bp_number hydration_threshold_regions, hydration_batch_size_regions;
	enum bp_clone_mode mode;
};
/* Messages of clone: hydration_threshold; hydration_batch_size. */
struct bp_clone_regions {
	uint32_t regions;
};
#define BP_MESSAGE_CLONE_HYDRATION_THRESHOLD(...)                                              \
	"clone", "hydration_threshold", BP_PARAMS(struct bp_clone_regions, __VA_ARGS__)
#define BP_MESSAGE_CLONE_HYDRATION_BATCH_SIZE(...)                                             \
	"clone", "hydration_batch_size", BP_PARAMS(struct bp_clone_regions, __VA_ARGS__)

/* pcache: a write-back cache on persistent memory. */
enum bp_pcache_mode {
	BP_PCACHE_WRITEBACK = 1,
};
struct bp_pcache {
	const char *cache_dev, *backing_dev;
	enum bp_pcache_mode cache_mode; /* 0: writeback */
	enum bp_on_off data_crc;        /* 0: off */
};
#define BP_PARAMS_PCACHE(...) "pcache", BP_PARAMS(struct bp_pcache, __VA_ARGS__)
struct bp_pcache_place {
	uint32_t segment, offset_bytes;
};
struct bp_pcache_status {
	uint32_t superblock_flags;
	uint32_t segments, cache_segments, used_segments;
	uint32_t gc_percent;
	uint32_t flags; /* bit 0 data_crc, bit 1 initialised, from bit 6 gc_percent */
	struct bp_pcache_place head, dirty_tail, tail;
};
/* Message of pcache: gc_percent. */
struct bp_pcache_gc {
	uint32_t gc_percent; /* 0 to 90 */
};
#define BP_MESSAGE_PCACHE_GC_PERCENT(...)                                                      \
	"pcache", "gc_percent", BP_PARAMS(struct bp_pcache_gc, __VA_ARGS__)

/* vdo: deduplication, compression and thin provisioning. */
enum bp_vdo_version {
	BP_VDO_V4 = 1, /* the one to write; the others are read, and written back */
	BP_VDO_V3,
	BP_VDO_V2,
	BP_VDO_V1,
	BP_VDO_V0, /* has no version word */
};
struct bp_vdo {
	enum bp_vdo_version table_version; /* 0: V4 */
	const char *storage_dev;
	uint64_t physical_mblocks; /* of storage_dev: bp_bytes_to_mblock() of its size */
	uint32_t minimum_io_bytes; /* 512 or 4096 */
	uint32_t block_map_cache_mblocks;
	uint32_t block_map_era; /* 1 to 16380 */
	/* Only older lines have these six, and the kernel ignores all but threads. */
	const char *read_cache, *read_cache_blocks; /* up to V1 */
	const char *md_raid5;                       /* up to V2 */
	const char *write_policy;                   /* up to V3 */
	const char *pool_name;                      /* up to V2 */
	const char *threads;                        /* up to V1: "." or "ack=1,bio=4" */
	struct bp_number ack, bio, bio_rotation_interval, cpu; /* threads */
	struct bp_number hash, logical, physical;              /* zones: all 0, or none */
	struct bp_number max_discard_mblocks;
	enum bp_on_off compression, deduplication;
	const char
		*index_memory_gib; /* while formatting: "0.25", "0.5", "0.75", "1" to "1024" */
	enum bp_on_off index_sparse;
	struct bp_number slab_mblocks;
	const struct bp_pair *unknown; /* what the kernel only logs: surely typos */
	size_t nr_unknown;
};
#define BP_PARAMS_VDO(...) "vdo", BP_PARAMS(struct bp_vdo, __VA_ARGS__)
enum bp_vdo_mode {
	BP_VDO_NORMAL = 1,
	BP_VDO_RECOVERING,
	BP_VDO_READ_ONLY,
};
enum bp_vdo_index {
	BP_VDO_INDEX_CLOSED = 1,
	BP_VDO_INDEX_CLOSING,
	BP_VDO_INDEX_ERROR,
	BP_VDO_INDEX_OFFLINE,
	BP_VDO_INDEX_ONLINE,
	BP_VDO_INDEX_OPENING,
	BP_VDO_INDEX_SUSPENDED,
	BP_VDO_INDEX_UNKNOWN,
};
enum bp_vdo_compression {
	BP_VDO_COMPRESSION_ONLINE = 1,
	BP_VDO_COMPRESSION_OFFLINE = 2,
};
struct bp_vdo_status {
	const char *dev; /* of the storage, "/dev/NAME" */
	enum bp_vdo_mode mode;
	bool recovering;
	enum bp_vdo_index index;
	enum bp_vdo_compression compression;
	uint64_t used_mblocks, total_mblocks; /* used: data and overhead */
};
/* Messages of vdo: compression; dump. */
struct bp_vdo_compress {
	enum bp_on_off compression;
};
#define BP_MESSAGE_VDO_COMPRESSION(...)                                                        \
	"vdo", "compression", BP_PARAMS(struct bp_vdo_compress, __VA_ARGS__)
enum bp_vdo_part {
	BP_VDO_PART_ALL = 1,
	BP_VDO_PART_DEFAULT,
	BP_VDO_PART_VIO_POOL,
	BP_VDO_PART_VDO,
	BP_VDO_PART_POOLS,
	BP_VDO_PART_QUEUES,
	BP_VDO_PART_THREADS,
};
struct bp_vdo_dump_part {
	enum bp_vdo_part part;
};
struct bp_vdo_dump {
	const struct bp_vdo_dump_part *parts; /* none: the default */
	size_t nr_parts;
};
#define BP_MESSAGE_VDO_DUMP(...) "vdo", "dump", BP_PARAMS(struct bp_vdo_dump, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
