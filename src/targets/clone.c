/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clone METADATA_DEV DEST_DEV SOURCE_DEV REGION [#FEATURES FEATURE... [#ARGS KEY VALUE...]].
 * Kernels print the words as they were given; messages change the status only.
 * Source: Linux, drivers/md/dm-clone-target.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include <inttypes.h>

#define REGIONS_MAX (UINT64_C(1) << 31)
#define HYDRATION(type)                                                                        \
	ARG_MAYBE(type, hydration_threshold_regions, 0, UINT32_MAX,                            \
		  "copy no more than so many at once", .word = "hydration_threshold",          \
		  .def = "1"),                                                                 \
		ARG_MAYBE(type, hydration_batch_size_regions, 0, UINT32_MAX,                   \
			  "copy so many in one go", .word = "hydration_batch_size",            \
			  .def = "1")

static const struct arg features[] = {
	ARG_FLAG(struct bp_clone, no_hydration, "copy nothing in the background"),
	ARG_FLAG(struct bp_clone, no_discard_passdown, "don't discard on the destination"),
	ARG_END,
};

static const struct arg core_args[] = {
	HYDRATION(struct bp_clone),
	ARG_END,
};

static const struct arg args[] = {
	ARG_DEV(struct bp_clone, metadata_dev, "holds which regions are there"),
	ARG_DEV(struct bp_clone, dest_dev, "the device that is filled"),
	ARG_DEV(struct bp_clone, source_dev, "what it is filled from", .flags = ARG_ONLY_READ),
	ARG_NUMBER(struct bp_clone, region_sectors, 8, 2097152, "what is copied at a time",
		   .flags = ARG_POWER_OF_2),
	ARG_OPTIONS(features, .max = 2, .flags = ARG_OPTIONAL | ARG_NOCASE | ARG_REPEAT),
	ARG_OPTIONS(core_args, .max = 4, .flags = ARG_OPTIONAL | ARG_NOCASE | ARG_REPEAT),
	ARG_END,
};

/* --- status --- */

static const struct arg metadata_use[] = {
	ARG_NUMBER(struct bp_clone_status, used_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks in use"),
	ARG_NUMBER(struct bp_clone_status, total_metadata_blocks, 0, UINT64_MAX,
		   "metadata blocks there are"),
	ARG_END,
};

static const struct arg hydrated[] = {
	ARG_NUMBER(struct bp_clone_status, hydrated_regions, 0, UINT64_MAX,
		   "regions that are there"),
	ARG_NUMBER(struct bp_clone_status, total_regions, 0, UINT64_MAX,
		   "regions of the device"),
	ARG_END,
};

static const struct arg status_features[] = {
	ARG_FLAG(struct bp_clone_status, no_hydration, "nothing is copied in the background"),
	ARG_FLAG(struct bp_clone_status, no_discard_passdown,
		 "given, or the destination knows no discards"),
	ARG_END,
};

static const struct arg status_core_args[] = {
	HYDRATION(struct bp_clone_status),
	ARG_END,
};

static const struct arg_word modes[] = {
	{ "rw", BP_CLONE_RW },
	{ "ro", BP_CLONE_RO },
	{ "Fail", BP_CLONE_FAIL },
	{ NULL },
};

static const struct arg status[] = {
	ARG_NUMBER(struct bp_clone_status, metadata_block_sectors, 0, UINT64_MAX,
		   "size of a metadata block"),
	ARG_SPLIT('/', metadata_use),
	ARG_NUMBER(struct bp_clone_status, region_sectors, 0, UINT64_MAX, "size of a region"),
	ARG_SPLIT('/', hydrated),
	ARG_NUMBER(struct bp_clone_status, hydrating_regions, 0, UINT64_MAX,
		   "regions being copied now"),
	ARG_OPTIONS(status_features),
	ARG_OPTIONS(status_core_args),
	ARG_CHOICE(struct bp_clone_status, mode, modes, "may the metadata change?",
		   .flags = ARG_OPTIONAL),
	ARG_END,
};

static const char *const states[] = { "Fail", "Error", NULL };

static const struct arg regions_args[] = {
	ARG_NUMBER(struct bp_clone_regions, regions, 0, UINT32_MAX, "how many",
		   .flags = ARG_PLUS),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "enable_hydration", "", "copy in the background", 0, NULL },
	{ "disable_hydration", "", "copy nothing in the background", 0, NULL },
	{ "hydration_threshold", "REGIONS", "copy no more than so many at once",
	  sizeof(struct bp_clone_regions), regions_args },
	{ "hydration_batch_size", "REGIONS", "copy so many in one go",
	  sizeof(struct bp_clone_regions), regions_args },
	{ NULL },
};

/* --- rules --- */

/*
 * Source: Linux, drivers/md/dm-clone-target.c, clone_ctr(). The length must fit both
 * devices.
 */
static void check(struct check *c, const void *params)
{
	const struct bp_clone *clone = params;

	if (clone->region_sectors &&
	    DIV_UP(c->length_sectors, clone->region_sectors) > REGIONS_MAX)
		check_refuse(c, "region_sectors", NULL,
			     "the device has more than %" PRIu64 " regions of that size",
			     REGIONS_MAX);
	check_block_multiple(c, "region_sectors", clone->region_sectors, clone->dest_dev);
	check_block_multiple(c, "region_sectors", clone->region_sectors, clone->source_dev);
	check_not_live(c, "clone", "metadata_dev", clone->metadata_dev);
	check_distinct(c, "source_dev", clone->source_dev, "dest_dev", clone->dest_dev);
	check_distinct(c, "dest_dev", clone->dest_dev, "metadata_dev", clone->metadata_dev);
	check_distinct(c, "source_dev", clone->source_dev, "metadata_dev", clone->metadata_dev);
	check_range(c, "dest_dev", clone->dest_dev, 0, c->length_sectors);
	check_range(c, "source_dev", clone->source_dev, 0, c->length_sectors);
}

/* The shorter one: neither may end within the clone. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_clone *clone = params;
	bp_sector dest, source;
	int r = length_of(query, clone->dest_dev, 0, &dest);

	if (r == 0)
		r = length_of(query, clone->source_dev, 0, &source);
	if (r < 0)
		return r;
	*ret = MIN(dest, source);
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_COUNT("Invalid number of feature arguments", "#features"),
	{ "Invalid feature argument", "#features", "there are two features",
	  "no_hydration, no_discard_passdown" },
	RULE_COUNT("Invalid number of core arguments", "#core_args"),
	{ "Number of core arguments must be even", "#core_args", "each option has a value",
	  "an even number" },
	{ "Invalid value for argument `hydration_threshold'", "hydration_threshold_regions",
	  "it must be a number of regions", "1 or more" },
	{ "Invalid value for argument `hydration_batch_size'", "hydration_batch_size_regions",
	  "it must be a number of regions", "1 or more" },
	{ "Invalid core argument", "#core_args", "there are two options",
	  "hydration_threshold N, hydration_batch_size N" },
	{ "Invalid region size", "region_sectors", "a region has 8 to 2097152 sectors",
	  "a power of two, 8 to 2097152" },
	{ "Region size is not a power of 2", "region_sectors", "a region must be a power of two",
	  "a power of two, 8 to 2097152" },
	{ "Region size is not a multiple of device logical block size", "region_sectors",
	  "a region must be whole logical blocks of source and destination", "a larger region" },
	{ "Too many regions. Consider increasing the region size", "region_sectors",
	  "there are more regions than the kernel can hold", "a larger region" },
	RULE_NO_DEVICE("Error opening metadata device", "metadata_dev"),
	RULE_NO_DEVICE("Error opening destination device", "dest_dev"),
	{ "Device size larger than destination device", "length",
	  "the segment must not be longer than the destination", "the destination's size at most" },
	RULE_NO_DEVICE("Error opening source device", "source_dev"),
	{ "Device size larger than source device", "length",
	  "the segment must not be longer than the source", "the source's size at most" },
	RULE_NO_MEMORY("Failed to allocate memory for table line"),
	{ "Invalid number of arguments", NULL, "clone has four arguments at least",
	  "METADATA DESTINATION SOURCE REGION" },
	RULE_NO_MEMORY("Failed to allocate clone structure"),
	{ "Failed to set max io len", "region_sectors", "the region is too large", "a smaller region" },
	{ "Failed to load metadata", "metadata_dev",
	  "the metadata can't be opened: they are damaged, of other sizes, or not metadata",
	  "its own metadata, or zeros in the first 4 KiB of a device on which nothing is needed" },
	{ "Unable to get write access to metadata, please check/repair metadata", "metadata_dev",
	  "the metadata must be checked before they may change", NULL },
	RULE_NO_MEMORY("Failed to allocate hydration hash table"),
	RULE_NO_MEMORY("Failed to allocate workqueue"),
	RULE_NO_MEMORY("Failed to create dm_clone_region_hydration memory pool"),
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_ACT("Switching to read-only mode",
		"the metadata of clone could not be changed: nothing more is copied",
		"look at the metadata device"),
	LOG_STOP("Switching to fail mode",
		"the metadata of clone can't be used: all I/O fails",
		"look at the metadata device"),
	LOG_HARMLESS("Switching to read-write mode",
		"clone works"),
	LOG_ACT("Aborting current metadata transaction",
		"a change of the metadata failed, and what was not committed is given up",
		"look at the metadata device"),
	LOG_STOP("Failed to abort metadata transaction",
		"the metadata could not be brought back to what was committed",
		"look at the metadata device"),
	LOG_ACT("Metadata operation * failed: error = *",
		"a change of the metadata failed: clone becomes read-only",
		"look at the metadata device"),
	LOG_ACT("hydration failed",
		"a region could not be copied: the source or the destination fails",
		"look at both devices"),
	{ .text = "Region and/or target size don't match the ones in metadata", .argument = "region_sectors",
	  .rule = "the metadata are of another clone",
	  .expected = "the region size and length it was made with",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Superblock check failed: magic *", .argument = "metadata_dev",
	  .rule = "the device begins with something else than the metadata of clone",
	  .expected = "clone's own metadata device, or one whose first 4 KiB are zeros, where nothing "
	  "on it is needed",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Superblock check failed: *", .argument = "metadata_dev",
	  .rule = "the superblock of the metadata is damaged",
	  .expected = "a new clone, from the source again",
	  .verdict = BP_VERDICT_STOP },
	LOG_ACT("Unsupported message *",
		"the target has no such message",
		"bedplate targets clone shows those it has"),
	LOG_HARMLESS("Destination device * Disabling discard passdown.",
		"the destination takes no discards, or not in such pieces"),
	LOG_HARMLESS("Metadata device * is larger than * sectors: excess space will not be used.",
		"the metadata need less"),
	LOG_HARMLESS("Reloading on-disk bitmap",
		"after an error, the state is read again from the metadata"),
	LOG_ACT("Failed to *",
		"the metadata of clone could not be read or changed",
		"look at the metadata device"),
	LOG_ACT("Clone metadata version * found, but only versions between * and * supported.",
		"the metadata are of a version that this kernel does not know",
		"another kernel"),
	LOG_STOP("dm_* failed",
		"the metadata of clone could not be read or changed",
		"look at the metadata device"),
	LOG_STOP("__copy_sm_root failed",
		"the metadata of clone could not be changed",
		"look at the metadata device"),
	LOG_ACT("Region * out of range *",
		"a fault of the kernel: a region behind the end was to be marked",
		"report it to those who made the kernel"),
	LOG_ACT("Invalid region range: *",
		"a fault of the kernel: regions behind the end were to be marked",
		"report it to those who made the kernel"),
	LOG_ACT("Invalid range (*) for discard (*)",
		"a discard reaches behind the end, and is passed over",
		"whoever sent it; the size of what lies on the device"),
	LOG_ACT("dm_clone_get_* returned *",
		"clone's metadata could not be asked for the status",
		"look at the metadata device"),
	LOG_STATE("Fail", BP_VERDICT_STOP,
		"clone has failed: all I/O fails",
		"look at the metadata device"),
	LOG_STATE("Error", BP_VERDICT_STOP,
		"clone does not know its own state: its metadata can't be read",
		"look at the metadata device"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "clone metadata", NULL };

/* Where everything is copied the source can go, but only after the table is replaced. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_clone_status *s = p;

	if (s->mode == BP_CLONE_FAIL)
		judge_say(j, BP_VERDICT_STOP, "look at the metadata device",
			  "clone has failed: all I/O fails");
	if (s->mode == BP_CLONE_RO)
		judge_say(j, BP_VERDICT_ACT, "look at the metadata device",
			  "clone is read-only: nothing more is copied");
	if (s->hydrated_regions == s->total_regions)
		judge_say(j, BP_VERDICT_HARMLESS,
			  "replace it by a linear table on the destination",
			  "everything is copied: the source is no longer needed");
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "clone works: %u %% are copied",
		  judge_percent(s->hydrated_regions, s->total_regions));
}

/* No values: the status is the word "Fail". */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_clone_status *s = now->values;

	(void)p;
	if (!s || s->mode == BP_CLONE_FAIL)
		condition_add(c, BP_EVENT_TARGET_ERROR, NULL, "the clone has failed");
	else if (s->mode == BP_CLONE_RO)
		condition_add(c, BP_EVENT_CLONE_READ_ONLY, NULL,
			      "the clone's metadata is read-only");
	if (s && s->total_regions && s->hydrated_regions == s->total_regions)
		condition_add(c, BP_EVENT_CLONE_DONE, NULL, "all of the source is copied");
}

static const struct brief brief[] = {
	{ NULL, "mode", NULL },
	{ "filled", "hydrated_regions", "total_regions" },
	{ "metadata", "used_metadata_blocks", "total_metadata_blocks" },
	{ NULL },
};

const struct bp_target target_clone = {
	.name = "clone",
	.summary = "fill a device from a read-only one while it is in use",
	.reprint = "the words it was loaded with are printed: what messages changed since is "
		   "not among them",
	.module = "dm-clone",
	.since = "5.4",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_clone),
	.args = args,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_clone_status),
	.status = status,
	.brief = brief,
	.states = states,
	.messages = messages,
	.check = check,
	.length = length,
	.rules = rules,
	.log_names = log_names,
	.log = BP_RESCUE ? NULL : log_lines,
	.judge = judge,
	.conditions = conditions,
};
