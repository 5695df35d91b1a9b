/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era METADATA_DEV ORIGIN_DEV BLOCK. Source: Linux, drivers/md/dm-era-target.c. */
#include "targets/grammar/condition.h"
#include "targets/grammar/rule.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_era, metadata_dev, "holds what is remembered"),
	ARG_DEV(struct bp_era, origin_dev, "holds the data"),
	ARG_NUMBER(struct bp_era, block_sectors, 8, UINT32_MAX,
		   "what is remembered as one, a multiple of 8", .step = 8),
	ARG_END,
};

static const struct arg metadata_use[] = {
	ARG_NUMBER(struct bp_era_status, used_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks in use"),
	ARG_NUMBER(struct bp_era_status, total_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks there are"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_era_status, metadata_block_sectors, 0, UINT64_MAX,
		   "size of a metadata block"),
	ARG_SPLIT('/', metadata_use),
	ARG_NUMBER(struct bp_era_status, current_era, 0, UINT32_MAX,
		   "what is written now is remembered as of this era"),
	ARG_MAYBE(struct bp_era_status, held_root_mblock, 0, UINT64_MAX,
		  "where the metadata snapshot is, if one is held", .flags = ARG_DASH),
	ARG_END,
};

static const char *const states[] = { "Error", NULL };

static const struct target_message messages[] = {
	{ "checkpoint", "", "begin a new era if something was written in this one", 0, NULL },
	{ "take_metadata_snap", "", "hold a snapshot of the metadata; begins a new era", 0,
	  NULL },
	{ "drop_metadata_snap", "", "let go of it", 0, NULL },
	{ NULL },
};

/* Metadata in use by another era would be written by both. */
static void check(struct check *c, const void *params)
{
	const struct bp_era *era = params;

	check_not_live(c, "era", "metadata_dev", era->metadata_dev);
	check_distinct(c, "origin_dev", era->origin_dev, "metadata_dev", era->metadata_dev);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "era has three arguments", "METADATA ORIGIN BLOCK" },
	RULE_NO_MEMORY("Error allocating era structure"),
	RULE_NO_DEVICE("Error opening metadata device", "metadata_dev"),
	RULE_NO_DEVICE("Error opening data device", "origin_dev"),
	{ "Error parsing block size", "block_sectors", "a block must be a number of sectors",
	  "a multiple of 8" },
	{ "could not set max io len", "block_sectors", "the block is too large", "a smaller block" },
	{ "Invalid block size", "block_sectors", "a block must be whole 4096-byte blocks",
	  "a multiple of 8" },
	{ "Error reading metadata", "metadata_dev",
	  "the metadata can't be opened: they are damaged, of another block size, or not metadata",
	  "metadata that era_check finds nothing wrong with", .vague = true },
	RULE_NO_MEMORY("could not create workqueue for metadata object"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STOP("* metadata_* failed",
		"the metadata of era could not be changed",
		"era_check METADATA"),
	LOG_STOP("metadata_* failed",
		"the metadata of era could not be changed",
		"era_check METADATA"),
	LOG_STOP("* failed",
		"the metadata of era could not be read or changed",
		"era_check METADATA"),
	LOG_ACT("metadata snapshot already exists",
		"there is one metadata snapshot at most",
		"bedplate message NAME 0 drop_metadata_snap"),
	LOG_HARMLESS("no snap to drop",
		"there was no metadata snapshot"),
	LOG_ACT("unsupported message *",
		"the target has no such message",
		"bedplate targets era shows those it has"),
	LOG_ACT("incorrect number of message arguments",
		"a message has too many words",
		NULL),
	{ .text = "changing the data block size (from * to *) is not supported", .argument = "block_sectors",
	  .rule = "the metadata were made with another block size, and keep it",
	  .expected = "the first of the two numbers in the kernel's line",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "sb_check failed: magic *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of era",
	  .expected = "era's own metadata device, or one whose first 4 KiB are zeros, where nothing "
	  "on it is needed",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "sb_check failed: *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of era, or its "
	  "superblock is damaged",
	  .expected = "era_check on the metadata",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "Era metadata version * found, but only versions between * and * supported.", .argument = "metadata_dev",
	  .rule = "the metadata are of a version that this kernel does not know",
	  .expected = "another kernel",
	  .verdict = BP_VERDICT_ACT },
	LOG_STOP("couldn't *",
		"the metadata of era could not be read or changed",
		"era_check METADATA"),
	LOG_STOP("* error deleting * clone",
		"the metadata snapshot could not be given back whole: the metadata can't be changed",
		"era_check METADATA"),
	LOG_ACT("Invalid number of origin blocks *",
		"the origin has more blocks than era can count",
		"larger blocks"),
	LOG_ACT("dm_sm_get_nr_free returned *",
		"era's metadata could not be asked for the status",
		"era_check METADATA"),
	LOG_ACT("dm_pool_get_metadata_dev_size returned *",
		"era's metadata could not be asked for the status",
		"era_check METADATA"),
	LOG_STATE("Error", BP_VERDICT_STOP,
		"era does not know its own state: its metadata can't be read",
		"era_check METADATA"),
	{ NULL },
};
/* clang-format on */

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	(void)p;
	if (!now->values)
		condition_add(c, BP_EVENT_TARGET_ERROR, NULL, "the metadata can't be read");
}

static const struct brief brief[] = {
	{ "era", "current_era", NULL },
	{ "metadata", "used_metadata_blocks", "total_metadata_blocks" },
	{ NULL },
};

const struct bp_target target_era = {
	.name = "era",
	.summary = "remember which blocks were written since when",
	.module = "dm-era",
	.since = "3.15",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_era),
	.args = args,
	.status_size = sizeof(struct bp_era_status),
	.status = status,
	.brief = brief,
	.states = states,
	.conditions = conditions,
	.messages = messages,
	.maps = MAPS_WHOLE(struct bp_era, origin_dev),
	.check = check,
	.rules = rules,
	.log = log_lines,
};
