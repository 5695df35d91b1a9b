/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets of <bedplate/targets.h> that keep data, or have paths to it, more than once: mirror,
 * raid, multipath.
 */
#ifndef BEDPLATE_TARGETS_RAID_H
#define BEDPLATE_TARGETS_RAID_H

#include <bedplate/target_values.h>

#ifdef __cplusplus
extern "C" {
#endif

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
#define BP_PARAMS_MIRROR(...) "mirror", BP_PARAMS(struct bp_mirror, __VA_ARGS__)

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
#define BP_PARAMS_RAID(...) "raid", BP_PARAMS(struct bp_raid, __VA_ARGS__)

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
#define BP_PARAMS_MULTIPATH(...) "multipath", BP_PARAMS(struct bp_multipath, __VA_ARGS__)

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
#define BP_MESSAGE_MULTIPATH_FAIL_PATH(...)                                                    \
	"multipath", "fail_path", BP_PARAMS(struct bp_multipath_message_path, __VA_ARGS__)
#define BP_MESSAGE_MULTIPATH_REINSTATE_PATH(...)                                               \
	"multipath", "reinstate_path", BP_PARAMS(struct bp_multipath_message_path, __VA_ARGS__)
struct bp_multipath_message_group {
	uint32_t group; /* from 1 */
};
#define BP_MESSAGE_MULTIPATH_DISABLE_GROUP(...)                                                \
	"multipath", "disable_group", BP_PARAMS(struct bp_multipath_message_group, __VA_ARGS__)
#define BP_MESSAGE_MULTIPATH_ENABLE_GROUP(...)                                                 \
	"multipath", "enable_group", BP_PARAMS(struct bp_multipath_message_group, __VA_ARGS__)
#define BP_MESSAGE_MULTIPATH_SWITCH_GROUP(...)                                                 \
	"multipath", "switch_group", BP_PARAMS(struct bp_multipath_message_group, __VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif
