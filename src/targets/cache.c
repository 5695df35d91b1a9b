/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cache METADATA_DEV CACHE_DEV ORIGIN_DEV BLOCK #FEATURES FEATURE... POLICY #ARGS KEY VALUE...
 * Kernels print the words as they were given; a policy's real name is in the status.
 * Source: Linux, drivers/md/dm-cache-target.c, dm-cache-policy-smq.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include "core/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define POLICY_WORDS 1024
#define MIGRATION_THRESHOLD(type)                                                              \
	ARG_MAYBE(type, migration_threshold_sectors, 0, UINT64_MAX,                            \
		  "copy no more than so much at once", .word = "migration_threshold",          \
		  .def = "2048", .flags = ARG_NOCASE)

static const struct arg_word modes[] = {
	{ "writeback", BP_CACHE_WRITEBACK },
	{ "writethrough", BP_CACHE_WRITETHROUGH },
	{ "passthrough", BP_CACHE_PASSTHROUGH },
	{ NULL },
};

static const struct arg features[] = {
	ARG_CHOICE(struct bp_cache, io_mode, modes, "when writes reach the origin",
		   .flags = ARG_BARE, .def = "writeback"),
	ARG_FLAG(struct bp_cache, metadata2, "keep dirty bits apart in new metadata",
		 .flags = ARG_REPEAT),
	ARG_FLAG(struct bp_cache, no_discard_passdown, "don't discard on the origin",
		 .flags = ARG_REPEAT),
	ARG_END,
};

static const struct arg policy_args[] = {
	MIGRATION_THRESHOLD(struct bp_cache),
	ARG_PAIRS(struct bp_cache, policy_args, nr_policy_args, "the policy's own settings"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_DEV(struct bp_cache, metadata_dev, "holds what is where"),
	ARG_DEV(struct bp_cache, cache_dev, "the fast device"),
	ARG_DEV(struct bp_cache, origin_dev, "the slow device"),
	ARG_NUMBER(struct bp_cache, block_sectors, 64, 2097152,
		   "what is cached at a time, a multiple of 64", .step = 64, .flags = ARG_PLUS,
		   .usual = "512"),
	ARG_OPTIONS(features, .max = 3, .flags = ARG_NOCASE),
	ARG_TEXT(struct bp_cache, policy, "what decides on blocks: smq, mq, cleaner, default",
		 .usual = "default"),
	ARG_OPTIONS(policy_args, .max = POLICY_WORDS, .flags = ARG_REPEAT),
	ARG_END,
};

/* --- status --- */

static const struct arg metadata_use[] = {
	ARG_NUMBER(struct bp_cache_status, used_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks in use"),
	ARG_NUMBER(struct bp_cache_status, total_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks there are"),
	ARG_END,
};

static const struct arg cache_use[] = {
	ARG_NUMBER(struct bp_cache_status, used_dblocks, 0, UINT64_MAX, "blocks in use"),
	ARG_NUMBER(struct bp_cache_status, total_dblocks, 0, UINT64_MAX, "blocks there are"),
	ARG_END,
};

static const struct arg status_features[] = {
	ARG_FLAG(struct bp_cache_status, metadata2, "as given; the format may be another"),
	ARG_CHOICE(struct bp_cache_status, io_mode, modes, "when writes reach the origin",
		   .flags = ARG_BARE),
	ARG_FLAG(struct bp_cache_status, no_discard_passdown,
		 "given, or the origin knows no discards"),
	ARG_END,
};

static const struct arg core_args[] = {
	MIGRATION_THRESHOLD(struct bp_cache_status),
	ARG_PAIRS(struct bp_cache_status, core_args, nr_core_args, "settings of newer kernels"),
	ARG_END,
};

static const struct arg status_policy_args[] = {
	ARG_PAIRS(struct bp_cache_status, policy_args, nr_policy_args,
		  "the policy's own settings"),
	ARG_END,
};

static const struct arg_word accesses[] = {
	{ "rw", BP_CACHE_RW },
	{ "ro", BP_CACHE_RO },
	{ NULL },
};

#define COUNTER(member, text) ARG_NUMBER(struct bp_cache_status, member, 0, UINT64_MAX, text)
static const struct arg status[] = {
	COUNTER(metadata_block_sectors, "size of a metadata block"),
	ARG_SPLIT('/', metadata_use),
	COUNTER(block_sectors, "size of a block"),
	ARG_SPLIT('/', cache_use),
	COUNTER(read_hits, "reads that the cache had"),
	COUNTER(read_misses, "reads that it had not"),
	COUNTER(write_hits, "writes to blocks in the cache"),
	COUNTER(write_misses, "writes to other blocks"),
	COUNTER(demotions, "blocks that left the cache since activation"),
	COUNTER(promotions, "blocks that came into it"),
	COUNTER(dirty_dblocks, "blocks that the origin has not yet"),
	ARG_OPTIONS(status_features),
	ARG_OPTIONS(core_args),
	ARG_TEXT(struct bp_cache_status, policy, "what decides on blocks"),
	ARG_OPTIONS(status_policy_args),
	ARG_CHOICE(struct bp_cache_status, access, accesses, "may the metadata change?",
		   .flags = ARG_OPTIONAL),
	ARG_FLAG(struct bp_cache_status, needs_check,
		 "the metadata must be checked before it may change",
		 .flags = ARG_DASH | ARG_OPTIONAL),
	ARG_END,
};

static const char *const states[] = { "Fail", "Error", NULL };

/* --- messages --- */

static const struct arg threshold_args[] = {
	ARG_NUMBER(struct bp_cache_threshold, migration_threshold_sectors, 0, UINT64_MAX,
		   "copy no more than so much at once", .flags = ARG_PLUS),
	ARG_END,
};

static const struct arg range_parts[] = {
	ARG_NUMBER(struct bp_cache_range, begin_dblock, 0, UINT32_MAX, "the first block"),
	ARG_MAYBE(struct bp_cache_range, end_dblock, 0, UINT32_MAX, "the one behind the last",
		  .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg range[] = { ARG_SPLIT('-', range_parts), ARG_END };

static const struct arg invalidate_args[] = {
	ARG_EACH(struct bp_cache_invalidate, ranges, nr_ranges, range, "blocks of the cache",
		 .flags = ARG_REST),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "migration_threshold", "SECTORS", "copy no more than so much at once",
	  sizeof(struct bp_cache_threshold), threshold_args },
	{ "invalidate_cblocks", "BLOCK|BEGIN-END...",
	  "drop blocks from the cache, in passthrough mode; END is not part of a range",
	  sizeof(struct bp_cache_invalidate), invalidate_args },
	{ NULL },
};

/* --- rules --- */

/* "default" is smq. */
static int canonical(void *params, struct arena *arena)
{
	struct bp_cache *cache = params;

	(void)arena;
	if (cache->policy && streq(cache->policy, "default"))
		cache->policy = "smq";
	return 0;
}

/* What the mq policy once had; now it takes and ignores them. */
static const char *const mq_args[] = {
	"random_threshold",        "sequential_threshold",     "discard_promote_adjustment",
	"read_promote_adjustment", "write_promote_adjustment",
};

/* As the kernel, without regard to case. */
static bool is_mq_arg(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(mq_args); i++)
		if (strcasecmp(mq_args[i], key) == 0)
			return true;
	return false;
}

/*
 * smq and cleaner know none, mq is an alias for smq since Linux 4.6 and ignores its old
 * ones with a warning.
 */
static void check_policy_arg(struct check *c, const struct bp_cache *cache, size_t i)
{
	const struct bp_pair *pair = &cache->policy_args[i];
	/* All policies know this one, which a caller may have put among the pairs. */
	const bool threshold = strcasecmp(pair->key, "migration_threshold") == 0;
	char name[48];
	uint64_t value;

	if (!threshold && (!streq(cache->policy, "mq") || !is_mq_arg(pair->key))) {
		snprintf(name, sizeof(name), "policy_args.%zu.key", i);
		check_refuse(c, name, "migration_threshold", "the policy %s knows no '%s'",
			     cache->policy, pair->key);
		return;
	}
	snprintf(name, sizeof(name), "policy_args.%zu.value", i);
	if (number_parse(pair->value, UINT64_MAX, &value) < 0)
		check_refuse(c, name, NULL, "not a number");
	else if (!threshold)
		check_found(c, BP_SEVERITY_WARNING, name, NULL,
			    "the policy takes and ignores '%s'", pair->key);
}

/*
 * The policies of the kernel's own tree. One that comes as a module of its own is refused
 * here all the same.
 */
static void check_policy(struct check *c, const struct bp_cache *cache)
{
	static const char *const policies[] = { "smq", "default", "mq", "cleaner" };
	size_t i = 0;

	if (!cache->policy)
		return;
	while (i < ARRAY_SIZE(policies) && !streq(policies[i], cache->policy))
		i++;
	if (i == ARRAY_SIZE(policies)) {
		check_refuse(c, "policy", "smq, default, mq or cleaner", "no such policy");
		return;
	}
	for (i = 0; i < cache->nr_policy_args; i++)
		check_policy_arg(c, cache, i);
}

/*
 * Source of the rules: Linux, drivers/md/dm-cache-target.c, parse_cache_args() and
 * cache_create().
 */
static void check(struct check *c, const void *params)
{
	const struct bp_cache *cache = params;
	struct bp_bdev bdev;

	check_policy(c, cache);
	check_distinct(c, "cache_dev", cache->cache_dev, "metadata_dev", cache->metadata_dev);
	check_distinct(c, "origin_dev", cache->origin_dev, "metadata_dev", cache->metadata_dev);
	check_distinct(c, "origin_dev", cache->origin_dev, "cache_dev", cache->cache_dev);
	if (check_bdev(c, cache->cache_dev, &bdev) &&
	    cache->block_sectors > bp_bytes_to_sector(bdev.size_bytes))
		check_refuse(c, "block_sectors", NULL,
			     "a block is larger than the cache device, %" PRIu64 " sectors",
			     bp_bytes_to_sector(bdev.size_bytes));
	check_not_live(c, "cache", "metadata_dev", cache->metadata_dev);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Insufficient args", NULL, "the table has too few arguments",
	  "METADATA CACHE ORIGIN BLOCK #FEATURES [FEATURE...] POLICY #POLICY_ARGS [...]" },
	RULE_NO_DEVICE("Error opening metadata device", "metadata_dev"),
	RULE_NO_DEVICE("Error opening cache device", "cache_dev"),
	RULE_NO_DEVICE("Error opening origin device", "origin_dev"),
	{ "Device size larger than cached device", "length",
	  "the segment must not be longer than the origin", "the origin's size at most" },
	{ "Invalid data block size", "block_sectors", "blocks are 64 to 2097152 sectors, in steps of 64",
	  "a multiple of 64" },
	{ "Data block size is larger than the cache device", "block_sectors",
	  "the cache device must hold a block", "a smaller block" },
	RULE_COUNT("Invalid number of cache feature arguments", "#features"),
	{ "Unrecognised cache feature requested", "#features", "the word is none of the features",
	  "writeback, writethrough, passthrough, metadata2 or no_discard_passdown" },
	{ "Duplicate cache io_mode features requested", "io_mode", "the modes exclude each other",
	  "writeback, writethrough or passthrough" },
	RULE_COUNT("Invalid number of policy arguments", "#policy_args"),
	{ "Error creating cache's policy", "policy", "this kernel has no such policy",
	  "smq, cleaner or default" },
	{ "Error setting cache policy's config values", "policy_args",
	  "the policy does not know an option, or its value is out of range",
	  "migration_threshold and a number" },
	{ "Error creating metadata object", "metadata_dev",
	  "the metadata can't be opened: they are damaged, of another kind, or not metadata",
	  "metadata that cache_check finds nothing wrong with", .vague = true },
	{ "Unable to get write access to metadata, please check/repair metadata.", "metadata_dev",
	  "the metadata must be checked before they may change", "cache_check, or cache_repair" },
	RULE_NO_MEMORY("could not allocate dirty bitset"),
	RULE_NO_MEMORY("could not allocate discard bitset"),
	RULE_NO_MEMORY("could not allocate bitset for invalid blocks"),
	RULE_NO_MEMORY("could not create kcopyd client"),
	RULE_NO_MEMORY("could not create workqueue for metadata object"),
	RULE_NO_MEMORY("could not create bio prison"),
	RULE_NO_MEMORY("Error creating cache's migration mempool"),
	RULE_NO_MEMORY("Error allocating memory for cache"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
#define LOG_NEXT \
	"deactivate the cache; then cache_check METADATA, and cache_repair into another " \
	"device where that finds damage"

/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_ACT("switching cache to read-only mode",
		"the cache's metadata could not be changed: it caches nothing new, and dirty "
		"blocks stay in it",
		LOG_NEXT),
	LOG_STOP("switching cache to fail mode",
		"the cache's metadata can't be used: all I/O fails. With writeback, the newest "
		"data are in the cache only",
		LOG_NEXT),
	LOG_HARMLESS("switching cache to write mode",
		"the cache works"),
	LOG_ACT("aborting current metadata transaction",
		"a change of the metadata failed, and what was not committed is given up",
		LOG_NEXT),
	LOG_ACT("metadata operation * failed: error = *",
		"a change of the cache's metadata failed: it becomes read-only",
		LOG_NEXT),
	LOG_STOP("failed to abort metadata transaction",
		"the cache's metadata could not be brought back to what was committed",
		LOG_NEXT),
	LOG_STOP("failed to set 'needs_check' flag in metadata",
		"the metadata device does not take writes",
		"look at the metadata device"),
	LOG_ACT("unable to read needs_check flag, setting failure mode.",
		"the metadata can't be read",
		"look at the metadata device; then cache_check METADATA"),
	LOG_ACT("unable to switch cache to write mode until repaired.",
		"the metadata must be checked first",
		"deactivate the cache; then cache_check --clear-needs-check-flag METADATA"),
	LOG_ACT("unable to service cache target messages in READ_ONLY or FAIL mode",
		"the cache takes no changes: it is read-only or has failed",
		"bedplate status NAME"),
	LOG_ACT("unable to shrink cache; cache block * is dirty",
		"the cache device can't become smaller while dirty blocks lie there",
		"policy cleaner until nothing is dirty"),
	LOG_ACT("unable to shrink cache due to dirty blocks",
		"the cache device can't become smaller while dirty blocks lie there",
		"policy cleaner until nothing is dirty"),
	LOG_ACT("unable to shrink origin; cache block * is dirty",
		"the origin can't become smaller while dirty blocks of its end are cached",
		"policy cleaner until nothing is dirty"),
	LOG_ACT("cannot enter passthrough mode unless all blocks are clean",
		"passthrough needs a cache without dirty blocks",
		"policy cleaner until nothing is dirty"),
	LOG_ACT("cache has to be in passthrough mode for invalidation",
		"blocks can be given up in passthrough mode only",
		"reload with passthrough"),
	LOG_STOP("could not load cache mappings",
		"the cache's metadata are damaged",
		LOG_NEXT),
	LOG_STOP("could not load origin discards",
		"the cache's metadata are damaged",
		LOG_NEXT),
	LOG_ACT("could not write *",
		"the cache's metadata could not be written",
		LOG_NEXT),
	LOG_ACT("could not resize *",
		"the cache's metadata could not be made larger",
		LOG_NEXT),
	LOG_ACT("unable to extend cache due to missing cache table reload",
		"the cache device has grown, and the table does not know",
		"reload the table"),
	LOG_ACT("unable to resume cache due to missing proper cache table reload",
		"the cache device's size has changed, and the table does not know",
		"reload the table"),
	LOG_ACT("unable to resume a failed-loaded cache, please check metadata.",
		"the metadata could not be read at the first resume",
		"cache_check METADATA, then load the table again"),
	LOG_ACT("invalidation failed; couldn't update on disk metadata",
		"a block could not be given up",
		LOG_NEXT),
	LOG_ACT("migration failed; *",
		"a block could not be moved into or out of the cache",
		LOG_NEXT),
	LOG_HARMLESS("You have created a cache device with a lot of individual cache blocks *",
		"so many blocks cost much memory: larger blocks would do with less"),
	LOG_HARMLESS("Metadata device * is larger than * sectors: excess space will not be used.",
		"metadata can't use more than about 16 GiB"),
	LOG_HARMLESS("Origin device * Disabling discard passdown.",
		"the origin takes no discards, or not in such pieces"),
	{ .text = "sb_check failed: magic *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of a cache",
	  .expected = "the cache's own metadata device, or one whose first 4 KiB are zeros, where "
	  "nothing on it is needed",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "sb_check failed: *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of a cache, or "
	  "its superblock is damaged",
	  .expected = "cache_check on the metadata, and cache_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "changing the data block size (from * to *) is not supported", .argument = "block_sectors",
	  .rule = "the cache was made with another block size, and keeps it",
	  .expected = "the first of the two numbers in the kernel's line",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "data_block_size (*) different from that in metadata (*)", .argument = "block_sectors",
	  .rule = "the cache was made with another block size, and keeps it",
	  .expected = "the second of the two numbers in the kernel's line",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Cache metadata version * found, but only versions between * and * supported.", .argument = "metadata_dev",
	  .rule = "the metadata are of a version that this kernel does not know",
	  .expected = "another kernel",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "could not access metadata* due to unsupported optional features *", .argument = "metadata_dev",
	  .rule = "the metadata have features that this kernel does not know",
	  .expected = "a newer kernel",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "couldn't read superblock", .argument = "metadata_dev",
	  .rule = "the cache's superblock can't be read",
	  .expected = "cache_check on the metadata",
	  .verdict = BP_VERDICT_ACT, .vague = true },
	{ .text = "tm_open_with_sm failed", .argument = "metadata_dev",
	  .rule = "the space map of the metadata is damaged",
	  .expected = "cache_check on the metadata, and cache_repair into another device",
	  .verdict = BP_VERDICT_STOP },
	{ .text = "unknown policy type", .argument = "policy",
	  .rule = "this kernel has no such policy",
	  .expected = "smq, cleaner or default",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Odd number of policy arguments given *", .argument = "policy_args",
	  .rule = "each option of a policy has a value",
	  .expected = "pairs of name and value",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "bad config value for *", .argument = "policy_args",
	  .rule = "a policy's option has a value it does not take",
	  .verdict = BP_VERDICT_ACT },
	LOG_ACT("switching cache to unknown mode",
		"a fault of the kernel",
		"report it to those who made the kernel"),
	LOG_ACT("failed to query metadata flags",
		"the metadata can't be read",
		"look at the metadata device; then cache_check METADATA"),
	LOG_ACT("unable to resume into passthrough mode after unclean shutdown",
		"the cache was not shut down in order, so blocks may be dirty that are not marked so: passthrough would lose them",
		"first with writethrough or writeback, policy cleaner until nothing is dirty; then passthrough"),
	LOG_ACT("invalid cblock range *",
		"the words of invalidate_cblocks are no ranges",
		"BEGIN or BEGIN-END: numbers of cache blocks, END not included"),
	LOG_ACT("invalid cblock range: *",
		"a range of blocks ends before it begins",
		"BEGIN-END, END not included and greater"),
	LOG_ACT("begin cblock out of range: *",
		"a range begins behind the end of the cache",
		"bedplate status NAME shows how many blocks there are"),
	LOG_ACT("end cblock out of range: *",
		"a range ends behind the end of the cache",
		"bedplate status NAME shows how many blocks there are"),
	LOG_ACT("policy_invalidate_mapping failed",
		"a block could not be given up: the policy does not have it",
		NULL),
	LOG_ACT("policy_background_work failed",
		"the policy could not be asked for work: nothing is promoted or written back until it can",
		"free memory; watch it with bedplate status NAME"),
	LOG_ACT("policy_lookup*",
		"the policy could not say where a block is: that I/O fails",
		"free memory; watch it with bedplate status NAME"),
	LOG_ACT("policy_emit_config_values returned *",
		"the policy's settings could not be asked for the status",
		NULL),
	LOG_ACT("dm_cache_get_* returned *",
		"the cache's metadata could not be asked for the status",
		"cache_check METADATA, when the cache is not active"),
	LOG_ACT("internal error: unknown io mode: *",
		"a fault of the kernel",
		"report it to those who made the kernel"),
	LOG_ACT("tm_create_with_sm failed",
		"new metadata could not be made: the device is too small, or fails",
		"a larger metadata device"),
	LOG_ACT("couldn't read lock superblock",
		"the cache's superblock can't be read",
		"look at the metadata device; then cache_check METADATA"),
	LOG_STOP("* dm_bitset_cursor_* for dirty failed",
		"the list of dirty blocks can't be read",
		"cache_check METADATA; cache_repair into another device"),
	LOG_STOP("dm_bitset_cursor_* for dirty failed",
		"the list of dirty blocks can't be read",
		"cache_check METADATA; cache_repair into another device"),
	LOG_STOP("dm_array_cursor_* for mapping failed",
		"the mappings can't be read",
		"cache_check METADATA; cache_repair into another device"),
	LOG_STOP("dirty bitset is wrong size",
		"the list of dirty blocks has another length than the cache: the metadata are damaged",
		"cache_check METADATA; cache_repair into another device"),
	LOG_ACT("* cache block * is dirty",
		"the cache was to become smaller, or to enter passthrough, and a block is dirty",
		"policy cleaner until nothing is dirty"),
	LOG_STOP("block_clean_combined_dirty failed",
		"the list of dirty blocks can't be read",
		"cache_check METADATA; cache_repair into another device"),
	LOG_STOP("policy couldn't load cache block *",
		"the metadata could not be taken over by the policy: a block is mapped twice, or there is no memory",
		"cache_check METADATA"),
	LOG_ACT("hint size must be 0 or 4 but * supplied.",
		"a fault of the kernel: a policy with hints of a size that is not kept",
		"report it to those who made the kernel"),
	LOG_ACT("couldn't get module *",
		"the policy's module could not be loaded",
		"smq, or a kernel with that module"),
	LOG_HARMLESS("tunable '*' no longer has any effect, mq policy is now an alias for smq",
		"a setting of an older policy is passed over"),
	LOG_ACT("couldn't initialize entry space",
		"the kernel has no memory for it",
		"free memory, and try again; larger blocks need less"),
	LOG_ACT("couldn't create background_tracker",
		"the kernel has no memory for it",
		"free memory, and try again"),
	LOG_STATE("Fail", BP_VERDICT_STOP,
		"the cache has failed: all I/O fails. With writeback, the newest data are in "
		"the cache only",
		LOG_NEXT),
	LOG_STATE("Error", BP_VERDICT_STOP,
		"the cache does not know its own state: its metadata can't be read",
		LOG_NEXT),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "cache",
					 "cache metadata",
					 "cache-policy",
					 "cache-policy-smq",
					 "cache-policy-mq",
					 "dm-background-tracker",
					 NULL };

/* Said in order of gravity: of one verdict the first that is said stays. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_cache_status *s = p;
	const unsigned meta = judge_percent(s->used_metadata_blocks, s->total_metadata_blocks);

	if (s->needs_check)
		judge_say(j, BP_VERDICT_ACT,
			  "deactivate the cache; then cache_check --clear-needs-check-flag "
			  "METADATA",
			  "the cache is read-only, because a change of its metadata failed and "
			  "they "
			  "must be checked");
	if (s->access == BP_CACHE_RO)
		judge_say(j, BP_VERDICT_ACT, "the kernel's log says why",
			  "the cache is read-only: it caches nothing new, and dirty blocks "
			  "stay in it");
	if (meta >= 90)
		judge_say(j, BP_VERDICT_ACT, "make the metadata device larger",
			  "%u %% of the metadata are used", meta);
	judge_say(j, BP_VERDICT_HARMLESS, NULL,
		  "the cache works: %u %% of its blocks are used, %" PRIu64 " are dirty",
		  judge_percent(s->used_dblocks, s->total_dblocks), s->dirty_dblocks);
}

static const char *const mode_words[] = {
	[BP_CACHE_WRITEBACK] = "writeback",
	[BP_CACHE_WRITETHROUGH] = "writethrough",
	[BP_CACHE_PASSTHROUGH] = "passthrough",
};

static void conditions_mode(struct conditions *c, const struct bp_cache_status *s)
{
	const char *mode = mode_words[s->io_mode];
	char about[64];

	snprintf(about, sizeof(about), "%s %s", mode, s->policy);
	condition_add(c, BP_EVENT_CACHE_MODE, about, "the cache is in %s mode with policy %s",
		      mode, s->policy);
}

/* "Fail" has no values: nothing else can be said of such a cache. */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_cache_status *s = now->values;

	(void)p;
	if (!s) {
		condition_add(c, BP_EVENT_CACHE_FAILED, NULL,
			      "the cache has failed: nothing works");
		return;
	}
	if (s->io_mode && s->policy)
		conditions_mode(c, s);
	if (s->needs_check)
		condition_add(c, BP_EVENT_CACHE_NEEDS_CHECK, NULL,
			      "the cache's metadata must be checked");
	if (s->access == BP_CACHE_RO)
		condition_add(c, BP_EVENT_CACHE_READ_ONLY, NULL,
			      "the cache is read-only: it caches nothing new");
}

static const struct brief brief[] = {
	{ NULL, "access", NULL },
	{ "used", "used_dblocks", "total_dblocks" },
	{ "dirty blocks", "dirty_dblocks", NULL },
	{ "metadata", "used_metadata_blocks", "total_metadata_blocks" },
	{ "needs a check", "needs_check", NULL },
	{ NULL },
};

const struct bp_target target_cache = {
	.name = "cache",
	.summary = "keep what is used most on a fast device",
	.reprint = "the words it was loaded with are printed: what messages changed since is "
		   "not among them",
	.module = "dm-cache",
	.since = "3.9",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_cache),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_cache_status),
	.status = status,
	.brief = brief,
	.states = states,
	.messages = messages,
	.canonical = canonical,
	.maps = MAPS_WHOLE(struct bp_cache, origin_dev),
	.check = check,
	.rules = rules,
	.log_names = log_names,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
