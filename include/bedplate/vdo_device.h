/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Active volumes of vdo: the table that makes one of what lies on a device, its statistics, and
 * growing. What lies on the device is <bedplate/vdo.h>'s.
 */
#ifndef BEDPLATE_VDO_DEVICE_H
#define BEDPLATE_VDO_DEVICE_H

#include <bedplate/device.h>
#include <bedplate/json.h>
#include <bedplate/targets_cache.h>
#include <bedplate/vdo.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- making a table --- */

/* What a table gets where nothing else is asked for. */
#define BP_VDO_CACHE_MBLOCKS 32768u
#define BP_VDO_ERA           16380u

/**
 * bp_vdo_table() - The table that activates a volume.
 * @volume: what lies on @storage, from bp_vdo_open(), or what a format made.
 * @storage: the block device.
 * @logical_bytes: what it shall show; 0: what it shows. More makes it grow when it is started,
 *	for good; less is refused.
 * @params: threads, compression and so on. NULL, and members that are zero: defaults.
 *	@storage_dev, @physical_mblocks and @table_version are filled in.
 * @ret: free it with bp_table_free().
 *
 * Checks what kernels answer with a bare "input/output error": sizes against super block and
 * device, zones against slabs, era against journal; and whatever bp_device_check_table() is sure
 * that the kernel would refuse.
 *
 * Return: 0; -EINVAL (the message names the value), -ENOSPC (BP_E_TOO_SMALL: the device is
 * smaller than the volume), -ENOENT, -ENOTBLK, -ENOMEM.
 */
BP_API int bp_vdo_table(struct bp_ctx *ctx, const struct bp_vdo_volume *volume,
			const char *storage, bp_bytes logical_bytes,
			const struct bp_vdo *params, struct bp_table **ret);

/* --- statistics --- */

/* struct bp_vdo_bios - Numbers of bios of one kind. */
struct bp_vdo_bios {
	uint64_t read, write, empty_flush, discard, flush, fua;
};

/**
 * struct bp_vdo_stats - What a volume counts, since it was activated where nothing else is said.
 * Set @size; the rest is the result's. "mblocks" are blocks of 4096 bytes.
 * @version: of the statistics: 36 in Linux 6.12 to 7.3.
 * @mode: enum bp_vdo_mode; @recovering, @recovery_percent: how far it got.
 * @space_known: @data_mblocks, and all that is made from it, mean something: not while it
 *	recovers or is read-only. Where it is false they are BP_NONE.
 * @used_mblocks, @free_mblocks: data and overhead; what is left of the physical size.
 * @capacity_mblocks: physical size less overhead: what can hold data.
 * @saving_percent: hundredths: how much less data takes than was written; BP_NONE.
 * @write_amplification: hundredths: bios written for each that came in; BP_NONE: none came in.
 * @data_mblocks, @overhead_mblocks, @logical_used_mblocks: blocks with data; with metadata;
 *	logical blocks that are mapped. From the super block on, not since activation.
 * @complete_recoveries, @read_only_recoveries: of all its life.
 * @minimum_io_bytes: 512 or 4096.
 * @memory_bytes, @memory_peak_bytes: of all volumes of the kernel together.
 * @bios_*: bios by what they were for: in from users, out for data, for metadata (journal and
 *	page cache among them); completed; acknowledged.
 */
struct bp_vdo_stats {
	size_t size;
	uint32_t version, mode;
	bool recovering, space_known;
	uint32_t recovery_percent;
	uint64_t used_mblocks, free_mblocks, capacity_mblocks;
	uint64_t saving_percent, write_amplification;
	uint64_t data_mblocks, overhead_mblocks, logical_used_mblocks, physical_mblocks,
		logical_mblocks, block_map_cache_bytes, block_bytes, complete_recoveries,
		read_only_recoveries;
	uint64_t compressed_fragments_written, compressed_blocks_written,
		compressed_fragments_in_packer, slab_count, slabs_opened, slabs_reopened;
	uint64_t journal_disk_full, journal_slab_commits_requested, journal_entries_started,
		journal_entries_written, journal_entries_committed, journal_blocks_started,
		journal_blocks_written, journal_blocks_committed, slab_journal_disk_full,
		slab_journal_flushes, slab_journal_blocked, slab_journal_blocks_written,
		slab_journal_tail_busy, slab_summary_blocks_written, reference_blocks_written;
	uint64_t map_dirty_pages, map_clean_pages, map_free_pages, map_failed_pages,
		map_incoming_pages, map_outgoing_pages, map_cache_pressure, map_reads,
		map_writes, map_failed_reads, map_failed_writes, map_reclaimed,
		map_read_outgoing, map_found_in_cache, map_discard_required, map_wait_for_page,
		map_fetch_required, map_pages_loaded, map_pages_saved, map_flushes;
	uint64_t advice_valid, advice_stale, concurrent_data_matches,
		concurrent_hash_collisions, current_queries, invalid_advice, no_space_errors,
		read_only_errors, instance, current_requests, max_requests, advice_timeouts,
		flushes_out, minimum_io_bytes;
	uint64_t memory_bytes, memory_peak_bytes, index_entries, index_posts_found,
		index_posts_not_found, index_queries_found, index_queries_not_found,
		index_updates_found, index_updates_not_found, index_entries_discarded;
	struct bp_vdo_bios bios_in, bios_in_partial, bios_out, bios_meta, bios_journal,
		bios_page_cache, bios_out_completed, bios_meta_completed,
		bios_journal_completed, bios_page_cache_completed, bios_acknowledged,
		bios_acknowledged_partial, bios_in_progress;
};

/**
 * bp_vdo_stats_parse() - Read the answer to the message "stats".
 *
 * By name: names not known are passed over, those that are missing count 0.
 * Return: 0; -EINVAL (BP_E_FORMAT: it is none).
 */
BP_API int bp_vdo_stats_parse(struct bp_ctx *ctx, const char *text, struct bp_vdo_stats *ret);

/* bp_vdo_stats() - Ask an active volume. -EINVAL: it is no vdo; else as bp_device_message(). */
BP_API int bp_vdo_stats(struct bp_ctx *ctx, const struct bp_selector *which,
			struct bp_vdo_stats *ret);

/* bp_vdo_stats_json() - An object of all of them, by the names above. */
BP_API void bp_vdo_stats_json(struct bp_json *json, const char *key,
			      const struct bp_vdo_stats *stats);

/**
 * struct bp_vdo_config - Sizes and settings of an active volume. Set @size.
 */
struct bp_vdo_config {
	size_t size;
	uint32_t version;
	bp_bytes physical_bytes, logical_bytes, slab_bytes, index_memory_bytes;
	bool index_sparse;
};

/**
 * bp_vdo_config() - Ask an active volume; bp_vdo_config_parse() - read such an answer. Return: 0,
 * -EINVAL (no answer of a vdo target), -ENXIO (BP_E_NO_DEVICE).
 */
BP_API int bp_vdo_config_parse(struct bp_ctx *ctx, const char *text, struct bp_vdo_config *ret);
BP_API int bp_vdo_config(struct bp_ctx *ctx, const struct bp_selector *which,
			 struct bp_vdo_config *ret);

/* --- changing --- */

/**
 * bp_vdo_grow() - Make an active volume larger.
 * @logical_bytes: what it shall show; 0: as it is.
 * @physical_bytes: what it shall have of its device; 0: as it is; UINT64_MAX: all of it.
 *
 * What is on the device is asked first, so that nothing is loaded that can't be resumed: a
 * kernel whose resume fails leaves a volume suspended. Both at once is one step.
 *
 * Return: 0; -EINVAL (less than it has; too little more: the message says how much it takes),
 * -ENOSPC (BP_E_TOO_SMALL: the device), -EBUSY (BP_E_POOL_STATE: it recovers or is read-only);
 * else as bp_device_reload().
 */
BP_API int bp_vdo_grow(struct bp_ctx *ctx, const struct bp_selector *which,
		       bp_bytes logical_bytes, bp_bytes physical_bytes, int64_t timeout_ms);

/**
 * bp_vdo_set_compression(), bp_vdo_set_deduplication() - Switch it on or off, for blocks
 * written from now on. Not stored: with the next resume the table's setting is back.
 *
 * Return: 0, -ENXIO (BP_E_NO_DEVICE), -EINVAL (no vdo volume), -ETIMEDOUT.
 */
BP_API int bp_vdo_set_compression(struct bp_ctx *ctx, const struct bp_selector *which, bool on,
				  int64_t timeout_ms);
BP_API int bp_vdo_set_deduplication(struct bp_ctx *ctx, const struct bp_selector *which,
				    bool on, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
