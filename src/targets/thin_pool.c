/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thin-pool METADATA_DEV DATA_DEV BLOCK LOW_WATER [#FEATURES FEATURE...].
 * Source: Linux, drivers/md/dm-thin.c.
 */
#include "targets/grammar/rule.h"

#include <inttypes.h>

/* The kernel reads four words at most, though there are five. */
#define MAX_FEATURE_WORDS 4
/* What the kernel uses of a metadata device at most, and where it warns, in sectors. */
#define METADATA_MAX_SECTORS  33292800
#define METADATA_WARN_SECTORS 33554432

static const struct arg features[] = {
	ARG_FLAG(struct bp_thin_pool, skip_block_zeroing, "don't zero new blocks"),
	ARG_FLAG(struct bp_thin_pool, ignore_discard, "refuse discards"),
	ARG_FLAG(
		struct bp_thin_pool, no_discard_passdown,
		"free discarded blocks in the pool, but don't discard them on the data device"),
	ARG_FLAG(struct bp_thin_pool, read_only, "don't change the metadata"),
	ARG_FLAG(struct bp_thin_pool, error_if_no_space,
		 "fail writes at once when the pool is full, don't wait for more space"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_DEV(struct bp_thin_pool, metadata_dev, "holds the mappings"),
	ARG_DEV(struct bp_thin_pool, data_dev, "holds the data"),
	ARG_NUMBER(struct bp_thin_pool, data_block_sectors, 128, 2097152,
		   "what is allocated and shared at a time, a multiple of 128",
		   .flags = ARG_PLUS),
	ARG_NUMBER(struct bp_thin_pool, low_water_dblocks, 0, UINT64_MAX,
		   "raise an event when fewer are free; 0: never", .flags = ARG_PLUS),
	ARG_OPTIONS(features, .max = MAX_FEATURE_WORDS,
		    .flags = ARG_OPTIONAL | ARG_ALWAYS | ARG_NOCASE | ARG_REPEAT),
	ARG_END,
};

static const struct arg_word modes[] = {
	{ "rw", BP_THIN_POOL_RW },
	{ "ro", BP_THIN_POOL_RO },
	{ "out_of_data_space", BP_THIN_POOL_OUT_OF_DATA_SPACE },
	{ NULL },
};

static const struct arg_word discards[] = {
	{ "discard_passdown", BP_THIN_POOL_PASSDOWN },
	{ "no_discard_passdown", BP_THIN_POOL_NO_PASSDOWN },
	{ "ignore_discard", BP_THIN_POOL_IGNORE_DISCARD },
	{ NULL },
};

static const struct arg_word no_spaces[] = {
	{ "queue_if_no_space", BP_THIN_POOL_QUEUE },
	{ "error_if_no_space", BP_THIN_POOL_ERROR },
	{ NULL },
};

static const struct arg metadata_use[] = {
	ARG_NUMBER(struct bp_thin_pool_status, used_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks in use"),
	ARG_NUMBER(struct bp_thin_pool_status, total_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks there are"),
	ARG_END,
};

static const struct arg data_use[] = {
	ARG_NUMBER(struct bp_thin_pool_status, used_data_dblocks, 0, UINT64_MAX,
		   "data blocks in use"),
	ARG_NUMBER(struct bp_thin_pool_status, total_data_dblocks, 0, UINT64_MAX,
		   "data blocks there are"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_thin_pool_status, transaction_id, 0, UINT64_MAX,
		   "set by whoever manages the pool"),
	ARG_SPLIT('/', metadata_use),
	ARG_SPLIT('/', data_use),
	ARG_MAYBE(struct bp_thin_pool_status, held_root_mblock, 0, UINT64_MAX,
		  "where the metadata snapshot is, if one is held", .flags = ARG_DASH),
	ARG_CHOICE(struct bp_thin_pool_status, mode, modes, "what the pool can do now"),
	ARG_CHOICE(struct bp_thin_pool_status, discard, discards, "what becomes of discards"),
	ARG_CHOICE(struct bp_thin_pool_status, no_space, no_spaces,
		   "what becomes of writes to a full pool", .flags = ARG_OPTIONAL),
	ARG_FLAG(struct bp_thin_pool_status, needs_check,
		 "the metadata must be checked before it may change",
		 .flags = ARG_DASH | ARG_OPTIONAL),
	ARG_MAYBE(struct bp_thin_pool_status, metadata_low_water_mblocks, 0, UINT64_MAX,
		  "an event is raised when fewer are free", .flags = ARG_OPTIONAL),
	ARG_END,
};

static const char *const states[] = { "Fail", "Error", NULL };

static const struct arg id_args[] = {
	ARG_NUMBER(struct bp_thin_pool_id, id, 0, BP_THIN_ID_MAX, "number of the volume"),
	ARG_END,
};

static const struct arg snap_args[] = {
	ARG_NUMBER(struct bp_thin_pool_snap, id, 0, BP_THIN_ID_MAX, "number of the snapshot"),
	ARG_NUMBER(struct bp_thin_pool_snap, origin_id, 0, BP_THIN_ID_MAX,
		   "number of the volume it is of"),
	ARG_END,
};

static const struct arg transaction_args[] = {
	ARG_NUMBER(struct bp_thin_pool_transaction, old_id, 0, UINT64_MAX,
		   "what it must be now"),
	ARG_NUMBER(struct bp_thin_pool_transaction, new_id, 0, UINT64_MAX, "what it shall be"),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "create_thin", "ID", "make an empty volume", sizeof(struct bp_thin_pool_id),
	  id_args },
	{ "create_snap", "ID ORIGIN_ID",
	  "make a snapshot of a volume, which must be suspended if it is active",
	  sizeof(struct bp_thin_pool_snap), snap_args },
	{ "delete", "ID", "delete a volume that is not active", sizeof(struct bp_thin_pool_id),
	  id_args },
	{ "set_transaction_id", "OLD_ID NEW_ID", "change the pool's transaction id",
	  sizeof(struct bp_thin_pool_transaction), transaction_args },
	{ "reserve_metadata_snap", "", "hold a snapshot of the metadata for reading", 0, NULL },
	{ "release_metadata_snap", "", "let go of it", 0, NULL },
	{ NULL },
};

static void check_metadata(struct check *c, const struct bp_thin_pool *pool)
{
	struct bp_bdev bdev;
	bp_sector size;

	if (!check_bdev(c, pool->metadata_dev, &bdev))
		return;
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (size >= METADATA_WARN_SECTORS)
		check_found(c, BP_SEVERITY_WARNING, "metadata_dev", NULL,
			    "only %d of its %" PRIu64 " sectors can be used",
			    METADATA_MAX_SECTORS, size);
}

/* What a live pool keeps. */
static void check_replaced(struct check *c, const struct bp_thin_pool *pool)
{
	struct bp_bdev now, next;
	bp_sector length_sectors;
	const struct bp_thin_pool *live = check_live_params(c, &length_sectors);

	if (!live || !live->metadata_dev || !pool->metadata_dev)
		return;
	/* A device that can't be looked at may be the same by another name. */
	if (check_bdev(c, live->metadata_dev, &now) &&
	    check_bdev(c, pool->metadata_dev, &next) &&
	    (now.major != next.major || now.minor != next.minor))
		check_rule(c, NULL, NULL, "different pool cannot replace a pool");
	if (pool->ignore_discard && !live->ignore_discard)
		check_rule(c, NULL, NULL, "Discard support cannot be disabled once enabled");
	if (pool->data_block_sectors && c->length_sectors / pool->data_block_sectors <
						length_sectors / pool->data_block_sectors)
		check_refuse(c, "length", "as long as it is, or longer",
			     "a live pool can't shrink");
}

static void check(struct check *c, const void *params)
{
	const struct bp_thin_pool *pool = params;

	if (pool->data_block_sectors >= 128 && pool->data_block_sectors % 128)
		check_refuse(c, "data_block_sectors", "a multiple of 128",
			     "blocks come in steps of 128 sectors (64 KiB)");
	else if (pool->data_block_sectors && c->length_sectors < pool->data_block_sectors)
		check_found(c, BP_SEVERITY_WARNING, "length", NULL,
			    "shorter than a block: the pool will have no data blocks");
	if (!pool->metadata_dev || !pool->data_dev)
		return;
	if (streq(pool->metadata_dev, pool->data_dev))
		check_refuse(c, "data_dev", "another device",
			     "it is the metadata device as well");
	else if (check_same_dev(c, pool->metadata_dev, pool->data_dev))
		check_found(c, BP_SEVERITY_WARNING, "data_dev", "another device",
			    "it is the metadata device as well, which the kernel does not see");
	check_range(c, "data_dev", pool->data_dev, 0, c->length_sectors);
	check_metadata(c, pool);
	check_replaced(c, pool);
}

static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_thin_pool *pool = params;

	return length_of(query, pool->data_dev, 0, ret);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Error creating metadata object", "metadata_dev",
	  "the metadata can't be opened: they are damaged, of another block size, or not metadata",
	  "check them with thin_check; zero the first 4 KiB of a new device" },
	RULE_NO_MEMORY("Error allocating memory for pool"),
	RULE_NO_MEMORY("Error creating pool's bio prison"),
	RULE_NO_MEMORY("Error creating pool's kcopyd client"),
	RULE_NO_MEMORY("Error creating pool's workqueue"),
	RULE_NO_MEMORY("Error creating pool's shared read deferred set"),
	RULE_NO_MEMORY("Error creating pool's all io deferred set"),
	RULE_NO_MEMORY("Error creating pool's mapping mempool"),
	RULE_NO_MEMORY("Error allocating cell sort array"),
	{ "metadata device already in use by a pool", "metadata_dev",
	  "another pool has this metadata device", "another device" },
	{ "data device already in use by a pool", "data_dev", "another pool has this data device",
	  "another device" },
	{ "different pool cannot replace a pool", "metadata_dev",
	  "a live pool keeps its metadata device", "the same metadata device" },
	RULE_COUNT("Invalid number of pool feature arguments", "#features"),
	{ "Unrecognised pool feature requested", "#features", "the word is none of the features",
	  "skip_block_zeroing, ignore_discard, no_discard_passdown, read_only or error_if_no_space" },
	{ "Error setting metadata or data device", "data_dev",
	  "metadata and data must be two devices", "another device" },
	RULE_NO_DEVICE("Error opening metadata block device", "metadata_dev"),
	RULE_NO_DEVICE("Error getting data device", "data_dev"),
	{ "Invalid block size", "data_block_sectors", "blocks are 128 to 2097152 sectors, in steps of 128",
	  "a multiple of 128" },
	{ "Invalid low water mark", "low_water_dblocks", "it must be a number of blocks",
	  "decimal digits" },
	{ "Discard support cannot be disabled once enabled", "ignore_discard",
	  "a live pool can't stop taking discards", "no ignore_discard, or a new device" },
	RULE_NO_MEMORY("Error registering metadata threshold"),
	{ "Invalid argument count", NULL, "thin-pool has four arguments at least",
	  "METADATA DATA BLOCK LOW_WATER" },
	{ NULL },
};
/* clang-format on */

const struct bp_target target_thin_pool = {
	.name = "thin-pool",
	.summary = "allocate blocks on first write, share them between snapshots",
	.reprint = "the block size is printed as it was first loaded, whatever a reload said",
	.module = "dm-thin-pool",
	.since = "3.2",
	.flags = BP_TARGET_SINGLETON | BP_TARGET_IMMUTABLE | BP_TARGET_NEVER_READ_ONLY |
		 BP_TARGET_FORMATS,
	.size = sizeof(struct bp_thin_pool),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_thin_pool_status),
	.status = status,
	.states = states,
	.messages = messages,
	.check = check,
	.length = length,
	.rules = rules,
};
