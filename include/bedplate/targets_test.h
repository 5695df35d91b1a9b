/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Targets of <bedplate/targets.h> that make devices behave: slow, faulty, logged, zoned, with
 * other blocks or stripes.
 */
#ifndef BEDPLATE_TARGETS_TEST_H
#define BEDPLATE_TARGETS_TEST_H

#include <bedplate/target_values.h>

#ifdef __cplusplus
extern "C" {
#endif

/* delay: reads, writes and flushes take longer, and may go to different devices. */
struct bp_delay_path {
	const char *dev;
	bp_sector offset_sectors;
	uint32_t delay_ms;
};
struct bp_delay {
	struct bp_delay_path read;
	const struct bp_delay_path *write; /* NULL: as read */
	const struct bp_delay_path *flush; /* NULL: as write; needs write */
};
#define BP_PARAMS_DELAY(...) "delay", BP_PARAMS(struct bp_delay, __VA_ARGS__)
/* How many are held back now. */
struct bp_delay_status {
	uint32_t reads, writes, flushes;
};

/*
 * flakey: works for a while, then misbehaves for a while, in turns. Without any feature all I/O
 * fails in bad times, which newer kernels print as error_reads and error_writes. No status.
 */
enum bp_flakey_direction {
	BP_FLAKEY_READ = 1,
	BP_FLAKEY_WRITE = 2,
};
struct bp_flakey_corrupt {
	uint32_t nth_byte; /* from 1 */
	enum bp_flakey_direction direction;
	uint32_t value;     /* 0 to 255 */
	uint32_t bio_flags; /* only bios with all of these flags; 0: all bios */
};
struct bp_flakey {
	const char *dev;
	bp_sector offset_sectors;
	uint32_t up_seconds, down_seconds; /* not both 0 */
	bool error_reads;
	bool drop_writes;  /* lost without an error */
	bool error_writes; /* not with drop_writes */
	const struct bp_flakey_corrupt *corrupt_bio_byte;
	struct bp_number random_read_corrupt_ppb, random_write_corrupt_ppb;
};
#define BP_PARAMS_FLAKEY(...) "flakey", BP_PARAMS(struct bp_flakey, __VA_ARGS__)

/* dust: simulates bad sectors. */
struct bp_dust {
	const char *dev;
	bp_sector offset_sectors;
	uint32_t block_bytes; /* 512 or more, a power of two */
};
#define BP_PARAMS_DUST(...) "dust", BP_PARAMS(struct bp_dust, __VA_ARGS__)
enum bp_dust_reads {
	BP_DUST_BYPASS = 1,
	BP_DUST_FAIL_READ_ON_BAD_BLOCK = 2,
};
enum bp_dust_log {
	BP_DUST_VERBOSE = 1,
	BP_DUST_QUIET = 2,
};
struct bp_dust_status {
	const char *dev;
	enum bp_dust_reads reads;
	enum bp_dust_log log;
};
/* Messages of dust: addbadblock; removebadblock, queryblock. Blocks of block_bytes. */
struct bp_dust_add {
	uint64_t block;
	struct bp_number write_fails; /* so many writes fail before one repairs it */
};
#define BP_MESSAGE_DUST_ADDBADBLOCK(...)                                                       \
	"dust", "addbadblock", BP_PARAMS(struct bp_dust_add, __VA_ARGS__)
struct bp_dust_block {
	uint64_t block;
};
#define BP_MESSAGE_DUST_REMOVEBADBLOCK(...)                                                    \
	"dust", "removebadblock", BP_PARAMS(struct bp_dust_block, __VA_ARGS__)
#define BP_MESSAGE_DUST_QUERYBLOCK(...)                                                        \
	"dust", "queryblock", BP_PARAMS(struct bp_dust_block, __VA_ARGS__)

/* log-writes: a second device records all writes. */
struct bp_log_writes {
	const char *dev, *log_dev;
};
#define BP_PARAMS_LOG_WRITES(...) "log-writes", BP_PARAMS(struct bp_log_writes, __VA_ARGS__)
struct bp_log_writes_status {
	uint64_t entries;
	bp_sector last_sector; /* of the log device */
	bool logging_disabled; /* after an error, or when the log device is full */
};
/* Message of log-writes: mark. */
struct bp_log_writes_mark {
	const char *text; /* one word */
};
#define BP_MESSAGE_LOG_WRITES_MARK(...)                                                        \
	"log-writes", "mark", BP_PARAMS(struct bp_log_writes_mark, __VA_ARGS__)

/* unstriped: one stripe of a striped device. No status. */
struct bp_unstriped {
	uint32_t nr_stripes;
	bp_sector chunk_sectors; /* 1 to 2^32 - 1 */
	uint32_t stripe;         /* from 0 */
	const char *dev;
	bp_sector offset_sectors;
};
#define BP_PARAMS_UNSTRIPED(...) "unstriped", BP_PARAMS(struct bp_unstriped, __VA_ARGS__)

/* switch: regions of one size, each to a path of its own, by messages. No status. */
struct bp_switch_path {
	const char *dev;
	bp_sector offset_sectors;
};
struct bp_switch {
	uint32_t region_sectors; /* 1 or more; region n begins on path n modulo nr_paths */
	const struct bp_switch_path *paths;
	size_t nr_paths;
};
#define BP_PARAMS_SWITCH(...) "switch", BP_PARAMS(struct bp_switch, __VA_ARGS__)
/*
 * Message of switch: set_region_mappings. An item is "REGION:PATH", ":PATH" (the next region)
 * or "RCYCLE,COUNT" (the last CYCLE items again for COUNT regions), all in hexadecimal.
 */
struct bp_switch_mappings {
	const char *const *items;
	size_t nr_items;
};
#define BP_MESSAGE_SWITCH_SET_REGION_MAPPINGS(...)                                             \
	"switch", "set_region_mappings", BP_PARAMS(struct bp_switch_mappings, __VA_ARGS__)

/* ebs: smaller logical blocks than the device has. No status. */
struct bp_ebs {
	const char *dev;
	bp_sector offset_sectors;
	uint16_t emulated_sectors;           /* a power of two, up to a page */
	struct bp_number underlying_sectors; /* a power of two; unset: the device's own */
};
#define BP_PARAMS_EBS(...) "ebs", BP_PARAMS(struct bp_ebs, __VA_ARGS__)

/*
 * zoned: random writes to host-managed zoned devices, which their own tool formats. The kernel
 * replaces the segment's length by what it finds.
 */
struct bp_zoned_dev {
	const char *dev;
};
struct bp_zoned {
	const struct bp_zoned_dev *devs; /* one zoned; or a regular one, then zoned ones */
	size_t nr_devs;
};
#define BP_PARAMS_ZONED(...) "zoned", BP_PARAMS(struct bp_zoned, __VA_ARGS__)
struct bp_zoned_dev_status {
	uint32_t free_random_zones, random_zones, free_sequential_zones, sequential_zones;
};
struct bp_zoned_status {
	uint32_t zones;
	uint32_t free_cache_zones, cache_zones;
	const struct bp_zoned_dev_status *devs; /* the zoned ones */
	size_t nr_devs;
};

#ifdef __cplusplus
}
#endif

#endif
