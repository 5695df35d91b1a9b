/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The typed parameters and status of every target. Fill them with designated initialisers and
 * hand them to bp_table_add() (<bedplate/table.h>) in the target's macro, BP_PARAMS_LINEAR(&half);
 * read them from a segment's @params or a status' @values.
 *
 * Structs of parameters, of messages and of status grow at their end in later versions (never into
 * padding); elements of lists don't. The macros carry the size that the caller was built with.
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
#include <bedplate/targets_crypt.h>
#include <bedplate/targets_raid.h>
#include <bedplate/targets_test.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * bp_target_length() - The longest segment that these parameters allow on their devices.
 * @target, @params, @params_size: by a macro below, or of a segment.
 * @lookup, @user: find the devices.
 * @ret_sectors: device sizes in 512-byte sectors less the offsets into them; rounded down where
 *	the target needs whole chunks.
 *
 * Return: 0; -ENODATA (this target's length does not come from a device: zero, error, thin, vdo
 * ...); -ENOENT (unknown target); -ERANGE (an offset at or behind its device's end); what
 *	@lookup returned; -ENOMEM.
 */
BP_API int bp_target_length(struct bp_ctx *ctx, const char *target, const void *params,
			    size_t params_size, bp_lookup_fn lookup, void *user,
			    bp_sector *ret_sectors);

/* linear: a range of another device. No status. */
struct bp_linear {
	const char *dev;
	bp_sector offset_sectors;
};
#define BP_PARAMS_LINEAR(...) "linear", BP_PARAMS(struct bp_linear, __VA_ARGS__)

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
#define BP_PARAMS_STRIPED(...) "striped", BP_PARAMS(struct bp_striped, __VA_ARGS__)
struct bp_striped_status {
	const char *const *devs;
	size_t nr_devs;
	const char *health; /* a letter a leg: 'A' alive, 'D' had I/O errors */
};

/* zero: reads give zeros, writes vanish. No parameters, no status. */
struct bp_zero {
	char none;
};
#define BP_PARAMS_ZERO(...) "zero", BP_PARAMS(struct bp_zero, __VA_ARGS__)

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
#define BP_PARAMS_ERROR(...) "error", BP_PARAMS(struct bp_error_target, __VA_ARGS__)

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
#define BP_PARAMS_THIN_POOL(...) "thin-pool", BP_PARAMS(struct bp_thin_pool, __VA_ARGS__)

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
#define BP_MESSAGE_THIN_POOL_CREATE_THIN(...)                                                  \
	"thin-pool", "create_thin", BP_PARAMS(struct bp_thin_pool_id, __VA_ARGS__)
#define BP_MESSAGE_THIN_POOL_DELETE(...)                                                       \
	"thin-pool", "delete", BP_PARAMS(struct bp_thin_pool_id, __VA_ARGS__)
struct bp_thin_pool_snap {
	uint32_t id, origin_id;
};
#define BP_MESSAGE_THIN_POOL_CREATE_SNAP(...)                                                  \
	"thin-pool", "create_snap", BP_PARAMS(struct bp_thin_pool_snap, __VA_ARGS__)
struct bp_thin_pool_transaction {
	uint64_t old_id, new_id;
};
#define BP_MESSAGE_THIN_POOL_SET_TRANSACTION_ID(...)                                           \
	"thin-pool", "set_transaction_id",                                                     \
		BP_PARAMS(struct bp_thin_pool_transaction, __VA_ARGS__)

/* thin: a volume or snapshot of a pool. */
struct bp_thin {
	const char *pool_dev;
	uint32_t id;                     /* 0 to BP_THIN_ID_MAX */
	const char *external_origin_dev; /* NULL: none */
};
#define BP_PARAMS_THIN(...) "thin", BP_PARAMS(struct bp_thin, __VA_ARGS__)
/* States instead of values: "Fail", "-", "Error". */
struct bp_thin_status {
	bp_sector mapped_sectors;
	struct bp_number highest_mapped_sector; /* unset: nothing is mapped */
};

#ifdef __cplusplus
}
#endif

#endif
