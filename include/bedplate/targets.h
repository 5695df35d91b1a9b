/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The typed parameters and status of every target. Fill them with designated initialisers and
 * hand them to bp_table_add() (<bedplate/table.h>); read them from a segment's @params or a
 * status' @values.
 *
 * Devices are "MAJOR:MINOR" or paths; BP_DEV() makes the former from a struct bp_bdev. Units
 * are in the names. Strings and lists belong to whoever owns the struct. Counts of words in a
 * table line are computed, never given. A pointer that is NULL, a list of length 0, a struct
 * bp_number without @is_set: not given, and left out of the line where the target allows that.
 */
#ifndef BEDPLATE_TARGETS_H
#define BEDPLATE_TARGETS_H

#include <bedplate/table.h>
#include <bedplate/target_values.h>
#include <bedplate/targets_cache.h>
#include <bedplate/targets_test.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * bp_target_length() - The longest segment that these parameters allow on their devices.
 * @params: the target's struct.
 * @lookup, @user: find the devices.
 * @ret_sectors: device sizes in 512-byte sectors less the offsets into them; rounded down where
 *	the target needs whole chunks.
 *
 * Return: 0; -ENODATA (this target's length does not come from a device: zero, error, thin, vdo
 * ...); -ENOENT (unknown target); -ERANGE (an offset at or behind its device's end); what
 *@lookup returned; -ENOMEM.
 */
BP_API int bp_target_length(struct bp_ctx *ctx, const char *target, const void *params,
			    bp_lookup_fn lookup, void *user, bp_sector *ret_sectors);

/* linear: a range of another device. No status. */
struct bp_linear {
	const char *dev;
	bp_sector offset_sectors;
};

/* striped: RAID-0 over several devices. */
struct bp_striped_leg {
	const char *dev;
	bp_sector offset_sectors;
};
struct bp_striped {
	bp_sector chunk_sectors; /* 1 to 2^32 - 1; any number */
	const struct bp_striped_leg *legs;
	size_t nr_legs;
};
struct bp_striped_status {
	const char *const *devs;
	size_t nr_devs;
	const char *health; /* a letter a leg: 'A' alive, 'D' had I/O errors */
};

/* zero: reads give zeros, writes vanish. No parameters, no status. */
struct bp_zero {
	char none;
};

/*
 * error: every I/O fails. A device is only asked for its limits (Linux 6.12 and later; before,
 * it is ignored), and no kernel prints it back. No status.
 */
struct bp_error_limits {
	const char *dev;
	bp_sector offset_sectors;
};
struct bp_error_target {
	const struct bp_error_limits *limits; /* NULL: none */
};

/* thin-pool: blocks for thin volumes, allocated on first write, shared between snapshots. */
struct bp_thin_pool {
	const char *metadata_dev, *data_dev;
	bp_sector data_block_sectors; /* 64 KiB to 1 GiB, in 64 KiB steps */
	bp_dblock low_water_dblocks;  /* an event when fewer are free; 0: none */
	bool skip_block_zeroing;      /* new blocks keep what was there */
	bool ignore_discard;
	bool no_discard_passdown;
	bool read_only;
	bool error_if_no_space; /* false: wait a minute for more space, then fail */
};

enum bp_thin_pool_mode {
	BP_THIN_POOL_RW = 1,
	BP_THIN_POOL_RO = 2, /* read-only, out of metadata space, or after a failure */
	BP_THIN_POOL_OUT_OF_DATA_SPACE = 3,
};
enum bp_thin_pool_discard {
	BP_THIN_POOL_PASSDOWN = 1,
	BP_THIN_POOL_NO_PASSDOWN = 2,
	BP_THIN_POOL_IGNORE_DISCARD = 3,
};
enum bp_thin_pool_no_space {
	BP_THIN_POOL_QUEUE = 1,
	BP_THIN_POOL_ERROR = 2,
};
/* States instead of values: "Fail", "Error". */
struct bp_thin_pool_status {
	uint64_t transaction_id;
	bp_mblock used_metadata_blocks, total_metadata_blocks;
	bp_dblock used_data_dblocks, total_data_dblocks;
	struct bp_number held_root_mblock; /* of the metadata snapshot */
	enum bp_thin_pool_mode mode;
	enum bp_thin_pool_discard discard;
	enum bp_thin_pool_no_space no_space;
	bool needs_check;
	struct bp_number metadata_low_water_mblocks; /* Linux 4.19 and later */
};

#define BP_THIN_ID_MAX 16777215u

/* Messages of thin-pool: create_thin and delete; create_snap; set_transaction_id. */
struct bp_thin_pool_id {
	uint32_t id; /* 0 to BP_THIN_ID_MAX */
};
struct bp_thin_pool_snap {
	uint32_t id, origin_id;
};
struct bp_thin_pool_transaction {
	uint64_t old_id, new_id;
};

/* thin: a volume or snapshot of a pool. */
struct bp_thin {
	const char *pool_dev;
	uint32_t id;                     /* 0 to BP_THIN_ID_MAX */
	const char *external_origin_dev; /* NULL: none */
};
/* States instead of values: "Fail", "-", "Error". */
struct bp_thin_status {
	bp_sector mapped_sectors;
	struct bp_number highest_mapped_sector; /* unset: nothing is mapped */
};

/* mirror: RAID-1 with a log of dirty regions. */
enum bp_mirror_log {
	BP_MIRROR_CORE = 1, /* in memory: all is copied again after each activation */
	BP_MIRROR_DISK = 2,
	BP_MIRROR_USERSPACE = 3, /* by a daemon */
};
enum bp_mirror_sync {
	BP_MIRROR_SYNC = 1,   /* copy all, whatever the log says */
	BP_MIRROR_NOSYNC = 2, /* the legs are alike already */
};
struct bp_mirror_leg {
	const char *dev;
	bp_sector offset_sectors;
};
struct bp_mirror {
	enum bp_mirror_log log;
	const char *log_dev;               /* of BP_MIRROR_DISK */
	const char *uuid;                  /* of BP_MIRROR_USERSPACE: the log's */
	bool integrated_flush;             /* of BP_MIRROR_USERSPACE */
	const char *const *userspace_args; /* of BP_MIRROR_USERSPACE: for the daemon */
	size_t nr_userspace_args;
	bp_sector region_sectors; /* of the other two: a power of two */
	enum bp_mirror_sync sync; /* of the other two; 0: as the log says */
	const struct bp_mirror_leg *legs;
	size_t nr_legs;     /* 2 to 9 */
	bool handle_errors; /* without keep_log too, a failed write hangs until a suspend */
	bool keep_log;
};

enum bp_mirror_log_kind {
	BP_MIRROR_LOG_CORE = 1,
	BP_MIRROR_LOG_DISK = 2,
	BP_MIRROR_LOG_CLUSTERED_CORE = 3,
	BP_MIRROR_LOG_CLUSTERED_DISK = 4,
};
enum bp_mirror_log_state {
	BP_MIRROR_LOG_ALIVE = 1,
	BP_MIRROR_LOG_FAILED = 2,
	BP_MIRROR_LOG_FLUSH_FAILED = 3,
};
enum bp_mirror_contact {
	BP_MIRROR_LOG_LOST = 1, /* the log's daemon does not answer */
};
struct bp_mirror_status {
	const char *const *devs;
	size_t nr_devs;
	uint64_t synced_regions, total_regions;
	/* A letter a leg: A alive, D write, S sync, R read, F flush error, U unknown. */
	const char *health;
	enum bp_mirror_contact contact;
	enum bp_mirror_log_kind log; /* 0: another daemon's, see log_words */
	const char *log_dev;         /* of disk logs, as is the next */
	enum bp_mirror_log_state log_state;
	const char *const *log_words;
	size_t nr_log_words;
};

/* raid: the kernel's RAID 0, 1, 4, 5, 6 and 10. */
enum bp_raid_type {
	BP_RAID0 = 1,
	BP_RAID1,
	BP_RAID4,
	BP_RAID5_N,
	BP_RAID5_LS,
	BP_RAID5_RS,
	BP_RAID5_LA,
	BP_RAID5_RA,
	BP_RAID6_ZR,
	BP_RAID6_NR,
	BP_RAID6_NC,
	BP_RAID6_N_6,
	BP_RAID6_LS_6,
	BP_RAID6_RS_6,
	BP_RAID6_LA_6,
	BP_RAID6_RA_6,
	BP_RAID10, /* its layout is raid10_format, not one of the next three words */
	BP_RAID10_NEAR,
	BP_RAID10_FAR,
	BP_RAID10_OFFSET,
};
enum bp_raid10_format {
	BP_RAID10_FORMAT_NEAR = 1,
	BP_RAID10_FORMAT_OFFSET = 2,
	BP_RAID10_FORMAT_FAR = 3,
};
enum bp_raid_journal_mode {
	BP_RAID_WRITETHROUGH = 1,
	BP_RAID_WRITEBACK = 2,
};
struct bp_raid_leg {
	const char *metadata_dev; /* NULL: none */
	const char *data_dev;     /* NULL, and no metadata_dev: the leg is missing */
};
struct bp_raid {
	enum bp_raid_type type;
	bp_sector chunk_sectors; /* a power of two, 8 or more; raid1: 0 */
	bool sync, nosync;
	const uint32_t *rebuild; /* legs to write anew, from 0 */
	size_t nr_rebuild;
	struct bp_number daemon_sleep_ms;
	struct bp_number min_recovery_rate_kib_per_second, max_recovery_rate_kib_per_second;
	const uint32_t *write_mostly; /* raid1: legs, from 0 */
	size_t nr_write_mostly;
	struct bp_number max_write_behind_sectors; /* raid1; kernels print it in KiB */
	struct bp_number stripe_cache_entries;     /* raid4/5/6 */
	struct bp_number region_sectors;
	struct bp_number raid10_copies;
	enum bp_raid10_format raid10_format;
	bool raid10_use_near_sets; /* counted, but not printed by kernels */
	int32_t delta_disks;       /* reshape: more or fewer legs */
	struct bp_number data_offset_sectors;
	const char *journal_dev; /* raid4/5/6 */
	enum bp_raid_journal_mode journal_mode;
	const struct bp_raid_leg *legs;
	size_t nr_legs; /* 1 to 253 */
};

enum bp_raid_action {
	BP_RAID_IDLE = 1,
	BP_RAID_FROZEN,
	BP_RAID_RESHAPE,
	BP_RAID_RESYNC,
	BP_RAID_CHECK,
	BP_RAID_REPAIR,
	BP_RAID_RECOVER,
};
enum bp_raid_journal {
	BP_RAID_JOURNAL_WRITETHROUGH = 1,
	BP_RAID_JOURNAL_WRITEBACK = 2,
	BP_RAID_JOURNAL_FAILED = 3,
};
struct bp_raid_status {
	enum bp_raid_type type;
	uint32_t nr_devs;
	const char *health; /* a letter a leg: A in sync, a not in sync, D failed, - absent */
	uint64_t synced_sectors, total_sectors; /* raid4/5/6: of one leg */
	enum bp_raid_action action;             /* 0: a kernel too old to say */
	struct bp_number mismatches;            /* of the last check */
	struct bp_number data_offset_sectors;
	enum bp_raid_journal journal; /* 0: none, or a kernel too old to say */
};

/* multipath: several paths to one device, in groups of which one is used at a time. */
enum bp_multipath_queue_mode {
	BP_MULTIPATH_RQ = 1,
	BP_MULTIPATH_BIO = 2,
};
struct bp_multipath_path {
	const char *dev;
	const char *const *args; /* as many as nr_path_args of its group */
};
struct bp_multipath_group {
	const char *selector; /* "round-robin", "queue-length", "service-time" ... */
	const char *const *selector_args;
	size_t nr_selector_args;
	const struct bp_multipath_path *paths;
	size_t nr_paths;
	size_t nr_path_args;
};
struct bp_multipath {
	bool queue_if_no_path;
	struct bp_number pg_init_retries, pg_init_delay_ms;
	bool retain_attached_hw_handler;
	enum bp_multipath_queue_mode queue_mode;
	const char *const *hw_handler; /* its name, then its arguments */
	size_t nr_hw_handler;
	const struct bp_multipath_group *groups;
	size_t nr_groups;
	uint32_t first_group; /* from 1; 0 where there are no groups */
};

enum bp_multipath_group_state {
	BP_MULTIPATH_GROUP_ACTIVE = 1,
	BP_MULTIPATH_GROUP_ENABLED = 2,
	BP_MULTIPATH_GROUP_DISABLED = 3,
};
enum bp_multipath_path_state {
	BP_MULTIPATH_PATH_ACTIVE = 1,
	BP_MULTIPATH_PATH_FAILED = 2,
};
struct bp_multipath_path_status {
	const char *dev;
	enum bp_multipath_path_state state;
	uint32_t fail_count;
	const char *const *info; /* the selector's words, nr_info of its group */
};
struct bp_multipath_group_status {
	enum bp_multipath_group_state state;
	const char *const *selector_info;
	size_t nr_selector_info;
	const struct bp_multipath_path_status *paths;
	size_t nr_paths;
	size_t nr_info;
};
struct bp_multipath_status {
	uint32_t queue_io; /* 1: I/O is queued now */
	uint32_t pg_init_count;
	const char *const *hw_handler_info;
	size_t nr_hw_handler_info;
	const struct bp_multipath_group_status *groups;
	size_t nr_groups;
	uint32_t next_group;
};

/* Messages of multipath: fail_path, reinstate_path; disable_group, enable_group, switch_group.
 */
struct bp_multipath_message_path {
	const char *dev;
};
struct bp_multipath_message_group {
	uint32_t group; /* from 1 */
};

/* crypt: encryption. No status. */
enum bp_crypt_integrity_kind {
	BP_CRYPT_AEAD = 1, /* the cipher authenticates */
	BP_CRYPT_NONE = 2, /* tags hold the IV only */
};
struct bp_crypt_integrity {
	uint32_t tag_bytes; /* 1 to 480 */
	enum bp_crypt_integrity_kind kind;
};
struct bp_crypt {
	const char *cipher; /* "aes-xts-plain64", "capi:xts(aes)-plain64" */
	const char *key;    /* hex, or ":BYTES:TYPE:DESCRIPTION" of a keyring; NULL: none */
	bp_sector iv_offset_sectors;
	const char *dev;
	bp_sector offset_sectors;
	bool allow_discards;
	bool same_cpu_crypt;
	bool high_priority;
	bool submit_from_crypt_cpus;
	bool no_read_workqueue, no_write_workqueue;
	const struct bp_crypt_integrity *integrity; /* NULL: none */
	struct bp_number sector_bytes;              /* 512 to 4096, a power of two */
	bool iv_large_sectors;                      /* IVs count sector_bytes, not 512 */
	struct bp_number integrity_key_bytes;
};

/* Message of crypt: "key", with words {"set", KEY} or {"wipe"}; the device is suspended. */
enum bp_crypt_key_action {
	BP_CRYPT_KEY_SET = 1,
	BP_CRYPT_KEY_WIPE = 2,
};
struct bp_crypt_key {
	enum bp_crypt_key_action action;
	const char *key; /* of BP_CRYPT_KEY_SET */
};

/* integrity: a checksum or tag for each block. Formats a device whose first 4 KiB are zero. */
enum bp_integrity_mode {
	BP_INTEGRITY_JOURNAL = 1,
	BP_INTEGRITY_BITMAP = 2,
	BP_INTEGRITY_DIRECT = 3,
	BP_INTEGRITY_RECOVERY = 4, /* read without checking */
	BP_INTEGRITY_INLINE = 5,   /* tags in the device's own integrity area */
};
struct bp_integrity_algorithm {
	const char *name; /* of the kernel's crypto API: "crc32c", "hmac(sha256)" */
	const char *key;  /* hex; NULL: none */
};
struct bp_integrity {
	const char *dev;
	bp_sector offset_sectors;
	struct bp_number tag_bytes; /* 1 to 255; unset: as internal_hash has it */
	enum bp_integrity_mode mode;
	const char *meta_dev;
	struct bp_number block_bytes; /* 512 to 4096, a power of two */
	bool recalculate, reset_recalculate;
	bool allow_discards, allow_discards_keyed;
	struct bp_number journal_sectors, interleave_sectors, buffer_sectors;
	struct bp_number journal_watermark_percent;
	struct bp_number commit_time_ms;
	struct bp_number bit_sectors;
	struct bp_number bitmap_flush_interval_ms;
	bool fix_padding, fix_hmac, legacy_recalculate;
	const struct bp_integrity_algorithm *internal_hash;
	const struct bp_integrity_algorithm *journal_crypt, *journal_mac;
};
struct bp_integrity_status {
	uint64_t mismatches;
	bp_sector provided_sectors;           /* what a segment can have at most */
	struct bp_number recalculated_sector; /* unset: not recalculating */
};

/* verity: read-only, each block checked against a tree of hashes. */
enum bp_verity_corruption {
	BP_VERITY_IGNORE_CORRUPTION = 1,
	BP_VERITY_RESTART_ON_CORRUPTION = 2,
	BP_VERITY_PANIC_ON_CORRUPTION = 3,
};
enum bp_verity_error {
	BP_VERITY_RESTART_ON_ERROR = 1,
	BP_VERITY_PANIC_ON_ERROR = 2,
};
struct bp_verity {
	uint32_t version; /* 1; 0: salt behind the data */
	const char *data_dev, *hash_dev;
	uint32_t data_block_bytes, hash_block_bytes;
	uint64_t nr_data_blocks;
	uint64_t hash_start_blocks; /* in hash blocks */
	const char *algorithm;
	const char *root_digest;                 /* hex */
	const char *salt;                        /* hex; NULL: none */
	enum bp_verity_corruption on_corruption; /* 0: the read fails */
	enum bp_verity_error on_error;           /* 0: the read fails */
	bool ignore_zero_blocks;
	bool check_at_most_once;
	bool try_verify_in_tasklet;
	const char *fec_dev;         /* error correction: also roots and blocks then */
	struct bp_number fec_blocks; /* data and hash blocks covered */
	struct bp_number fec_start_blocks;
	struct bp_number fec_roots; /* 2 to 24 */
	const char *root_hash_sig_key_desc;
};
enum bp_verity_state {
	BP_VERITY_VALID = 1,
	BP_VERITY_CORRUPTED = 2, /* something read so far was */
};
struct bp_verity_status {
	enum bp_verity_state state;
	struct bp_number corrected_blocks; /* unset: no error correction, or an older kernel */
};

/* inlinecrypt: encryption by the block layer's inline encryption. No status. */
enum bp_inlinecrypt_key_type {
	BP_INLINECRYPT_RAW = 1,
	BP_INLINECRYPT_HW_WRAPPED = 2,
};
struct bp_inlinecrypt {
	const char *cipher; /* "aes-xts-plain64" */
	const char *key;    /* hex, or ":BYTES:logon:DESCRIPTION" */
	bp_sector iv_offset_sectors;
	const char *dev;
	bp_sector offset_sectors;
	enum bp_inlinecrypt_key_type key_type;
	bool allow_discards;
	struct bp_number sector_bytes; /* 512 to 4096, a power of two */
	bool iv_large_sectors;         /* needed where sector_bytes is not 512 */
};

#ifdef __cplusplus
}
#endif

#endif
