/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * thin-pool METADATA_DEV DATA_DEV BLOCK LOW_WATER [#FEATURES FEATURE...].
 * Source: Linux, drivers/md/dm-thin.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

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
		   .flags = ARG_PLUS, .usual = "128"),
	ARG_NUMBER(struct bp_thin_pool, low_water_dblocks, 0, UINT64_MAX,
		   "raise an event when fewer are free; 0: never", .flags = ARG_PLUS,
		   .usual = "0"),
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

/* Metadata above 16 GiB less a bit are not used: 255 bitmaps of 16320 blocks. */
static void check_metadata(struct check *c, const struct bp_thin_pool *pool)
{
	struct bp_bdev bdev;
	bp_sector size;

	if (!check_bdev(c, pool->metadata_dev, &bdev))
		return;
	size = bp_bytes_to_sector(bdev.size_bytes);
	if (pool->read_only && c->opts.is_blank &&
	    c->opts.is_blank(c->opts.user, &bdev) == BP_ANSWER_YES)
		check_refuse(c, "metadata_dev", "no read_only, or metadata that are there",
			     "it is blank, and a read-only pool makes no metadata");
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

/*
 * Source: Linux, drivers/md/dm-thin.c, pool_ctr(). Two paths to one device the kernel does
 * not notice; we ask by number.
 */
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
	check_metadata(c, pool);
	check_replaced(c, pool);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Error creating metadata object", "metadata_dev",
	  "the metadata can't be opened: they are damaged, of another block size, or not metadata",
	  "metadata that thin_check finds nothing wrong with", .vague = true },
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

/* clang-format off */
#define POOL_GROW \
	"make the data device larger, then: bedplate pool grow NAME"
#define POOL_CHECK \
	"deactivate the pool; then thin_check METADATA, and thin_repair into another " \
	"device where that finds damage"

/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_ACT("switching pool to out-of-data-space (queue IO) mode",
		"the pool has no free data block left: writes to new places wait, and fail when "
		"no_space_timeout (60 s) is over",
		POOL_GROW),
	LOG_ACT("switching pool to out-of-data-space (error IO) mode",
		"the pool has no free data block left: writes to new places fail",
		POOL_GROW),
	LOG_ACT("switching pool to out-of-data-space*",
		"the pool has no free data block left: writes to new places wait or fail",
		POOL_GROW),
	LOG_ACT("switching pool to out-of-metadata-space*",
		"the pool's metadata device is full: nothing new can be mapped",
		"make the metadata device larger, then: bedplate pool grow NAME"),
	LOG_ACT("switching pool to read-only*",
		"the pool takes no writes any more, because its metadata could not be changed; "
		"what it holds can be read",
		POOL_CHECK),
	LOG_STOP("switching pool to fail*",
		"the pool's metadata can be neither read nor changed: all I/O of its volumes "
		"fails",
		POOL_CHECK),
	LOG_HARMLESS("switching pool to write*",
		"the pool takes writes"),
	LOG_ACT("reached low water mark for data device: sending event.",
		"fewer data blocks are free than the low water mark",
		POOL_GROW),
	LOG_ACT("reached low water mark for metadata device: sending event.",
		"the pool's metadata device is nearly full",
		"make the metadata device larger, then: bedplate pool grow NAME"),
	LOG_ACT("aborting current metadata transaction",
		"a change of the metadata failed, and what was not committed (some seconds of "
		"new mappings) is given up: volumes lose such writes. The line in front says "
		"what failed",
		POOL_CHECK),
	LOG_ACT("metadata operation * failed: error = *",
		"a change of the pool's metadata failed: the pool goes back to what was "
		"committed and becomes read-only",
		POOL_CHECK),
	LOG_STOP("failed to abort metadata transaction",
		"the pool's metadata could not be brought back to what was committed",
		POOL_CHECK),
	LOG_STOP("failed to set 'needs_check' flag in metadata",
		"the metadata could not be marked as to be checked: the device does not take "
		"writes",
		"look at the device below; then thin_check METADATA"),
	LOG_ACT("unable to switch pool to write mode until repaired.",
		"the pool stays read-only until its metadata are checked",
		"deactivate the pool; then thin_check --clear-needs-check-flag METADATA (with "
		"LVM: lvconvert --repair VG/POOL)"),
	LOG_ACT("unable to service pool target messages in READ_ONLY or FAIL mode",
		"the pool takes no changes: it is read-only or has failed",
		"bedplate pool status NAME"),
	{ .text = "pool target (* blocks) too small: expected *", .argument = "length",
	  .rule = "the pool is known to be larger than its table: it can't shrink, and the table "
	  "has fewer data blocks than the metadata",
	  .expected = "the length and data device that the pool had before",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "metadata device (* blocks) too small: expected *", .argument = "metadata_dev",
	  .rule = "the metadata device is smaller than it was: it was cut, or is another one",
	  .expected = "the metadata device as large as it was",
	  .verdict = BP_VERDICT_ACT },
	LOG_ACT("unable to grow the data device until repaired.",
		"a pool whose metadata must be checked can't grow",
		"deactivate the pool; then thin_check --clear-needs-check-flag METADATA"),
	LOG_ACT("unable to grow the metadata device until repaired.",
		"a pool whose metadata must be checked can't grow",
		"deactivate the pool; then thin_check --clear-needs-check-flag METADATA"),
	LOG_HARMLESS("growing the data device from * to * blocks",
		"the pool takes over what its data device has gained"),
	LOG_HARMLESS("growing the metadata device from * to * blocks",
		"the pool takes over what its metadata device has gained"),
	LOG_HARMLESS("Metadata device * is larger than * sectors: excess space will not be used.",
		"metadata can't use more than about 16 GiB"),
	LOG_HARMLESS("Data device * Disabling discard passdown.",
		"the data device takes no discards, or not in such pieces: the pool frees "
		"blocks without telling it"),
	LOG_ACT("mismatched transaction id",
		"the pool is at another transaction than the program that speaks to it (LVM) "
		"believes",
		"compare bedplate pool status NAME with what the program has recorded"),
	LOG_ACT("Creation of new thinly-provisioned device with id * failed.",
		"the volume could not be made: its id is taken, or the pool takes no changes",
		"bedplate pool list NAME; bedplate pool status NAME"),
	LOG_ACT("Creation of new snapshot * of device * failed.",
		"the snapshot could not be made: the origin is not there, the id is taken, or "
		"the pool takes no changes",
		"bedplate pool list NAME; bedplate pool status NAME"),
	LOG_ACT("Deletion of thin device * failed.",
		"the volume could not be deleted: it is active, or not there",
		"bedplate pool deactivate NAME VOLUME"),
	LOG_ACT("Failed to change transaction id from * to *",
		"the pool is at another transaction than the message says",
		"bedplate pool status NAME"),
	LOG_ACT("set_transaction_id message: *",
		"a transaction id is no number",
		NULL),
	LOG_ACT("reserve_metadata_snap message failed.",
		"the metadata snapshot could not be taken: there is one already, or the pool "
		"takes no changes",
		"bedplate pool release-metadata-snap NAME"),
	LOG_ACT("release_metadata_snap message failed.",
		"the metadata snapshot could not be released: there is none, or the pool takes "
		"no changes",
		"bedplate pool status NAME"),
	LOG_ACT("Pool metadata snapshot already exists: release this before taking another.",
		"a pool has one metadata snapshot at most",
		"bedplate pool release-metadata-snap NAME"),
	LOG_HARMLESS("No pool metadata snapshot found: nothing to release.",
		"there was no metadata snapshot"),
	LOG_ACT("Unrecognised thin pool target message received: *",
		"the pool has no such message",
		"bedplate targets thin-pool shows those it has"),
	LOG_ACT("Message received with invalid device id: *",
		"a volume's id is a number up to 16777215",
		NULL),
	LOG_ACT("Message received with * arguments instead of *",
		"a message to the pool has too many or too few words",
		"bedplate targets thin-pool shows what each takes"),
	{ .text = "sb_check failed: magic *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of a thin pool",
	  .expected = "the pool's own metadata device, or one whose first 4 KiB are zeros, where "
	  "nothing on it is needed",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "sb_check failed: csum *", .argument = "metadata_dev",
	  .rule = "the superblock of the pool's metadata is damaged",
	  .expected = "thin_check on the metadata, and thin_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "sb_check failed: blocknr *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of a thin pool, "
	  "or its superblock is damaged",
	  .expected = "thin_check on the metadata, and thin_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "changing the data block size (from * to *) is not supported", .argument = "data_block_sectors",
	  .rule = "the pool was made with another block size, and keeps it",
	  .expected = "the first of the two numbers in the kernel's line",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "could not access metadata* due to unsupported optional features *", .argument = "metadata_dev",
	  .rule = "the metadata have features that this kernel does not know",
	  .expected = "a newer kernel",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "couldn't read superblock", .argument = "metadata_dev",
	  .rule = "the pool's superblock can't be read: it is damaged, or the device fails",
	  .expected = "thin_check on the metadata",
	  .verdict = BP_VERDICT_ACT, .vague = true },
	{ .text = "tm_open_with_sm failed", .argument = "metadata_dev",
	  .rule = "the space map of the metadata is damaged",
	  .expected = "thin_check on the metadata, and thin_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "sm_disk_open failed", .argument = "metadata_dev",
	  .rule = "the space map of the data is damaged",
	  .expected = "thin_check on the metadata, and thin_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "sm_disk_create failed", .argument = "metadata_dev",
	  .rule = "new metadata could not be made: the device is too small for a pool of this "
	  "size, or fails",
	  .expected = "a larger metadata device",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "tm_create_with_sm failed", .argument = "metadata_dev",
	  .rule = "new metadata could not be made: the device is too small, or fails",
	  .expected = "a larger metadata device",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "could not get size of metadata device", .argument = "metadata_dev",
	  .rule = "the metadata device is too small",
	  .expected = "a larger metadata device",
	  .verdict = BP_VERDICT_ACT },
	LOG_STOP("dm_thin_find_block() failed: error = *",
		"a mapping can't be read: the metadata are damaged, or their device fails",
		POOL_CHECK),
	LOG_ACT("alloc_data_block() failed: error = *",
		"a data block could not be allocated",
		POOL_CHECK),
	LOG_ACT("dm_pool_* returned *",
		"the pool's metadata could not be asked",
		POOL_CHECK),
	LOG_ACT("dm_thin_get_* returned *",
		"the pool's metadata could not be asked",
		POOL_CHECK),
	LOG_ACT("failed to retrieve * device size",
		"a device below the pool does not answer",
		"look at the device below"),
	LOG_ACT("* dm_pool_metadata_close() failed.",
		"the last changes of the metadata could not be written when the pool went",
		"thin_check METADATA"),
	LOG_ACT("* __commit_transaction() failed, error = *",
		"the last changes of the metadata could not be written",
		"thin_check METADATA"),
	LOG_STOP("pre-commit callback failed",
		"data could not be flushed before the metadata that point to them",
		"look at the data device"),
	LOG_ACT("bio unserviceable, yet pool is in PM_WRITE mode",
		"a fault of the kernel: a write can't be served though the pool takes writes",
		"report it to those who made the kernel"),
	LOG_ACT("bio unserviceable, yet pool has an unknown mode",
		"a fault of the kernel",
		"report it to those who made the kernel"),
	LOG_ACT("Discard doesn't respect bio prison limits",
		"a discard came that is larger than the pool takes at a time, and fails",
		"a newer kernel; meanwhile discards in smaller pieces (fstrim)"),
	LOG_STOP("btree delete failed",
		"a volume could not be deleted whole: the metadata are damaged, or their device fails",
		POOL_CHECK),
	LOG_ACT("cannot reduce size of space map",
		"the data or metadata device is smaller than the pool: it can't shrink",
		"the device as large as it was"),
	LOG_ACT("could not create non-blocking clone tm",
		"the kernel has no memory for it",
		"free memory, and try again"),
	LOG_ACT("couldn't create devices root",
		"new metadata could not be made: the device is too small, or fails",
		"a larger metadata device"),
	LOG_ACT("attempt to close pmd when * device(s) are still open",
		"a fault of the kernel: a pool goes while its volumes are there",
		"report it to those who made the kernel"),
	LOG_ACT("couldn't lock superblock",
		"the pool's superblock can't be written: the device fails, or there is no memory",
		"look at the metadata device; then thin_check METADATA"),
	LOG_STATE("Fail", BP_VERDICT_STOP,
		"the pool has failed: all I/O of its volumes fails, because its metadata can't "
		"be used",
		POOL_CHECK),
	LOG_STATE("Error", BP_VERDICT_STOP,
		"the pool does not know its own state: its metadata can't be read",
		"look at the metadata device; then thin_check METADATA"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "thin", "thin metadata", NULL };

/* needs_check is said first: as long as it is set, growing does not help. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_thin_pool_status *s = p;
	const unsigned data = judge_percent(s->used_data_dblocks, s->total_data_dblocks);
	const unsigned meta = judge_percent(s->used_metadata_blocks, s->total_metadata_blocks);

	if (s->needs_check)
		judge_say(j, BP_VERDICT_ACT,
			  "deactivate the pool; then thin_check --clear-needs-check-flag "
			  "METADATA "
			  "(with LVM: lvconvert --repair VG/POOL)",
			  "the pool is read-only, because a change of its metadata failed and "
			  "they "
			  "must be checked");
	if (s->mode == BP_THIN_POOL_OUT_OF_DATA_SPACE)
		judge_say(j, BP_VERDICT_ACT, POOL_GROW,
			  "the pool has no free data block left: writes to new places %s",
			  s->no_space == BP_THIN_POOL_ERROR ? "fail" : "wait");
	else if (s->mode == BP_THIN_POOL_RO)
		judge_say(j, BP_VERDICT_ACT, "bedplate pool status NAME tells more",
			  "the pool is read-only: nothing new can be written to its volumes");
	if (meta >= 90)
		judge_say(
			j, BP_VERDICT_ACT,
			"make the metadata device larger, then: bedplate pool grow NAME",
			"%u %% of the metadata are used: when they are full, the pool becomes "
			"read-only",
			meta);
	if (data >= 90)
		judge_say(
			j, BP_VERDICT_ACT, POOL_GROW,
			"%u %% of the data blocks are used: when they are full, writes wait or "
			"fail",
			data);
	judge_say(j, BP_VERDICT_HARMLESS, NULL,
		  "the pool works: %u %% of its data blocks and %u %% of its metadata are used",
		  data, meta);
}

/* Of a pool that is read-only: what kernels print alike has different reasons. */
static void conditions_read_only(struct conditions *c, const struct bp_thin_pool_status *s,
				 uint64_t metadata_free)
{
	if (!s->needs_check && s->metadata_low_water_mblocks.is_set &&
	    metadata_free <= s->metadata_low_water_mblocks.value)
		condition_add(c, BP_EVENT_POOL_NO_METADATA, NULL,
			      "the pool has run out of metadata blocks and takes no writes");
	condition_add(c, BP_EVENT_POOL_READ_ONLY, NULL, "the pool is read-only");
}

/*
 * Low water is the table's; the metadata's threshold is the kernel's own and stands in the
 * status.
 */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_thin_pool_status *s = now->values;
	const struct bp_thin_pool *table = p;
	uint64_t data_free, metadata_free;

	if (!s) {
		condition_add(c, BP_EVENT_POOL_FAILED, NULL,
			      "the pool has failed: nothing works");
		return;
	}
	data_free = s->total_data_dblocks - s->used_data_dblocks;
	metadata_free = s->total_metadata_blocks - s->used_metadata_blocks;
	if (table && table->low_water_dblocks && data_free <= table->low_water_dblocks)
		condition_add(c, BP_EVENT_POOL_LOW_WATER, NULL,
			      "no more than %" PRIu64 " of its data blocks are free",
			      table->low_water_dblocks);
	if (s->metadata_low_water_mblocks.is_set &&
	    metadata_free <= s->metadata_low_water_mblocks.value)
		condition_add(c, BP_EVENT_POOL_METADATA_LOW, NULL,
			      "no more than %" PRIu64 " of its metadata blocks are free",
			      s->metadata_low_water_mblocks.value);
	if (s->mode == BP_THIN_POOL_OUT_OF_DATA_SPACE)
		condition_add(c, BP_EVENT_POOL_NO_SPACE, NULL,
			      "the pool has no data block left: writes %s",
			      s->no_space == BP_THIN_POOL_ERROR ? "fail" : "wait");
	if (s->needs_check)
		condition_add(c, BP_EVENT_POOL_NEEDS_CHECK, NULL,
			      "the pool's metadata must be checked");
	if (s->mode == BP_THIN_POOL_RO)
		conditions_read_only(c, s, metadata_free);
}

static const struct brief brief[] = {
	{ NULL, "mode", NULL },
	{ "data", "used_data_dblocks", "total_data_dblocks" },
	{ "metadata", "used_metadata_blocks", "total_metadata_blocks" },
	{ "needs a check", "needs_check", NULL },
	{ NULL },
};

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
	.brief = brief,
	.states = states,
	.messages = messages,
	.maps = MAPS_WHOLE(struct bp_thin_pool, data_dev),
	.check = check,
	.rules = rules,
	.log_names = log_names,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
