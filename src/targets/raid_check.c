/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raid, continued: what its levels can do, what pre-flight finds, and what kernels say of it.
 * Source: Linux, drivers/md/dm-raid.c.
 */
#include "targets/raid.h"

#include <inttypes.h>
#include <stdio.h>

#define JOURNAL_MIN_SECTORS   8192
#define RESHAPE_SPACE_SECTORS 32
#define REGIONS_MAX           (UINT64_C(1) << 21)

/* --- levels --- */

static bool is_raid5(enum bp_raid_type type)
{
	return type >= BP_RAID5_N && type <= BP_RAID5_RA;
}

static bool is_raid6(enum bp_raid_type type)
{
	return type >= BP_RAID6_ZR && type <= BP_RAID6_RA_6;
}

static bool is_raid456(enum bp_raid_type type)
{
	return type >= BP_RAID4 && type <= BP_RAID6_RA_6;
}

bool raid_is_10(enum bp_raid_type type)
{
	return type >= BP_RAID10 && type <= BP_RAID10_OFFSET;
}

/* Legs that may be lost: those that hold parity, or all copies but one. raid10: not told here.
 */
size_t raid_redundancy(const struct bp_raid *raid)
{
	if (raid->type == BP_RAID1)
		return raid->nr_legs - 1;
	if (is_raid6(raid->type))
		return 2;
	return raid->type == BP_RAID4 || is_raid5(raid->type) ? 1 : 0;
}

uint64_t raid_copies(const struct bp_raid *raid)
{
	return raid->raid10_copies.is_set ? raid->raid10_copies.value : 2;
}

/* --- rules --- */

/* 0 is allowed for raid1 alone; 8 sectors are a page. */
static void check_chunk(struct check *c, const struct bp_raid *raid)
{
	if (raid->type == BP_RAID1) {
		if (raid->chunk_sectors)
			check_found(c, BP_SEVERITY_WARNING, "chunk_sectors", "0",
				    "raid1 has no chunks: the kernel ignores it");
		return;
	}
	if (raid->chunk_sectors && !is_power_of_two(raid->chunk_sectors))
		check_rule(c, NULL, NULL, "Chunk size must be a power of 2");
	else if (raid->chunk_sectors < 8)
		check_rule(c, NULL, NULL, "Chunk size value is too small");
}

/* Options that only some levels have. */
static void check_levels(struct check *c, const struct bp_raid *raid)
{
	static const char flags[] = "Invalid flags combination";
	const enum bp_raid_type t = raid->type;
	const struct {
		bool given, allowed;
		const char *name, *text;
	} rules[] = {
		{ raid->sync, t != BP_RAID0, "sync", flags },
		{ raid->nosync, t != BP_RAID0 && !is_raid6(t), "nosync", flags },
		{ raid->nr_rebuild, t != BP_RAID0, "rebuild", flags },
		{ raid->daemon_sleep_ms.is_set, t != BP_RAID0, "daemon_sleep_ms", flags },
		{ raid->min_recovery_rate_kib_per_second.is_set, t != BP_RAID0,
		  "min_recovery_rate_kib_per_second", flags },
		{ raid->max_recovery_rate_kib_per_second.is_set, t != BP_RAID0,
		  "max_recovery_rate_kib_per_second", flags },
		{ raid->nr_write_mostly, t == BP_RAID1, "write_mostly",
		  "write_mostly option is only valid for RAID1" },
		{ raid->max_write_behind_sectors.is_set, t == BP_RAID1,
		  "max_write_behind_sectors",
		  "max_write_behind option is only valid for RAID1" },
		{ raid->stripe_cache_entries.is_set, is_raid456(t), "stripe_cache_entries",
		  "Inappropriate argument: stripe_cache" },
		{ raid->region_sectors.is_set, t != BP_RAID0, "region_sectors", flags },
		{ raid->raid10_copies.is_set, raid_is_10(t), "raid10_copies", flags },
		{ raid->raid10_format, raid_is_10(t), "raid10_format",
		  "'raid10_format' is an invalid parameter for this RAID type" },
		{ raid->raid10_use_near_sets, raid_is_10(t), "raid10_use_near_sets", flags },
		{ raid->delta_disks, t != BP_RAID0, "delta_disks", flags },
		{ raid->journal_dev, is_raid456(t), "journal_dev",
		  "'journal_dev' is an invalid parameter for this RAID type" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].given && !rules[i].allowed)
			check_rule(c, rules[i].name, NULL, rules[i].text);
}

/* Each index names a leg, and none twice. */
static void check_indices(struct check *c, const struct bp_raid *raid, const char *list,
			  const uint32_t *indices, size_t nr, const char *text,
			  const char *text_twice)
{
	char name[48], right[32];

	snprintf(right, sizeof(right), "0 to %zu", raid->nr_legs ? raid->nr_legs - 1 : 0);
	for (size_t i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "%s.%zu.value", list, i);
		if (indices[i] >= raid->nr_legs) {
			check_rule(c, name, right, text);
			continue;
		}
		for (size_t k = 0; text_twice && k < i; k++)
			if (indices[k] == indices[i])
				check_rule(c, name, NULL, text_twice);
	}
}

/* In the order of parse_raid_params(), drivers/md/dm-raid.c. */
static void check_sync(struct check *c, const struct bp_raid *raid)
{
	if (raid->sync && raid->nosync)
		check_rule(c, NULL, NULL, "sync and nosync are mutually exclusive");
	if ((raid->sync || raid->nosync) && raid->nr_rebuild)
		check_rule(c, "rebuild.0.value", NULL,
			   "sync/nosync and rebuild are mutually exclusive");
	check_indices(c, raid, "rebuild", raid->rebuild, raid->nr_rebuild,
		      "Invalid rebuild index given", "rebuild for this index already given");
	check_indices(c, raid, "write_mostly", raid->write_mostly, raid->nr_write_mostly,
		      "Invalid write_mostly index given", NULL);
	if (raid->nr_legs && raid->nr_write_mostly >= raid->nr_legs)
		check_rule(c, "write_mostly.0.value", NULL,
			   "Can't set all raid1 devices to write_mostly");
	if (raid->max_recovery_rate_kib_per_second.is_set &&
	    raid->max_recovery_rate_kib_per_second.value <
		    raid->min_recovery_rate_kib_per_second.value)
		check_rule(c, NULL, NULL, "Bogus recovery rates");
}

/*
 * The bitmap has 2^21 regions at most: a large array wants large ones. Source:
 * validate_region_size().
 */
static void check_region(struct check *c, const struct bp_raid *raid)
{
	const uint64_t region = raid->region_sectors.value;
	char right[48];

	if (!raid->region_sectors.is_set || raid->type == BP_RAID0)
		return;
	if (region > c->length_sectors) {
		check_rule(c, NULL, NULL, "Supplied region size is too large");
	} else if (region < c->length_sectors / REGIONS_MAX) {
		snprintf(right, sizeof(right), "%" PRIu64 " or more",
			 c->length_sectors / REGIONS_MAX);
		check_rule(c, NULL, right, "Supplied region size is too small");
	} else if (!is_power_of_two(region)) {
		check_rule(c, NULL, NULL, "Region size is not a power of 2");
	} else if (raid->type != BP_RAID1 && region < raid->chunk_sectors) {
		check_rule(c, NULL, NULL, "Region size is smaller than the chunk size");
	}
}

/* Copies, format and near sets exclude each other. Source: raid10_format_to_md_layout(). */
static void check_raid10(struct check *c, const struct bp_raid *raid)
{
	char right[32];

	if (!raid_is_10(raid->type))
		return;
	snprintf(right, sizeof(right), "2 to %zu", raid->nr_legs);
	if (raid->raid10_copies.is_set && raid->raid10_copies.value > raid->nr_legs)
		check_rule(c, NULL, right, "Bad value for 'raid10_copies'");
	if (raid->raid10_use_near_sets &&
	    (!raid->raid10_format || raid->raid10_format == BP_RAID10_FORMAT_NEAR))
		check_rule(c, NULL, NULL,
			   "RAID10 format 'near' and 'raid10_use_near_sets' are incompatible");
	if ((raid->type == BP_RAID10_FAR || raid->type == BP_RAID10_OFFSET) &&
	    !raid->raid10_format)
		check_found(c, BP_SEVERITY_WARNING, "type", "raid10 with raid10_format",
			    "this word alone does not choose the layout: without raid10_format "
			    "it is near");
}

/* Room for the kernel's copy while it reshapes, in whole pages. */
static void check_reshape(struct check *c, const struct bp_raid *raid)
{
	const uint64_t offset = raid->data_offset_sectors.value;
	const uint64_t page = bp_bytes_to_sector(check_page_bytes(c));

	if (offset && (offset < RESHAPE_SPACE_SECTORS || offset % page))
		check_rule(c, NULL, NULL, "Bogus data_offset value");
}

/* The journal's device is only for raid4, 5 and 6. */
static void check_journal(struct check *c, const struct bp_raid *raid)
{
	struct bp_bdev bdev;

	if (raid->journal_mode && !raid->journal_dev)
		check_rule(c, NULL, NULL,
			   "raid4/5/6 'journal_mode' is invalid without 'journal_dev'");
	if (raid->journal_dev && check_bdev(c, raid->journal_dev, &bdev) &&
	    bp_bytes_to_sector(bdev.size_bytes) < JOURNAL_MIN_SECTORS)
		check_rule(c, NULL, NULL, "No space for raid4/5/6 journal");
}

/*
 * Sectors that each leg holds of an array of @length; false where that is no whole number, or
 * there are too few legs.
 */
static bool leg_length(const struct bp_raid *raid, bp_sector length, bp_sector *ret)
{
	uint64_t legs = raid->nr_legs;

	if (raid->type == BP_RAID1) {
		*ret = length;
		return true;
	}
	if (raid_is_10(raid->type)) {
		if (mul_overflow(length, raid_copies(raid), &length))
			return false;
	} else {
		legs -= MIN(legs, raid_redundancy(raid));
	}
	if (legs == 0 || length % legs)
		return false;
	*ret = length / legs;
	return true;
}

/* What one leg has to hold follows from the length and the level. */
static void check_leg_sizes(struct check *c, const struct bp_raid *raid, bp_sector sectors)
{
	for (size_t i = 0; i < raid->nr_legs; i++) {
		struct bp_bdev bdev;
		char name[48], right[48];

		if (!check_bdev(c, raid->legs[i].data_dev, &bdev) ||
		    bp_bytes_to_sector(bdev.size_bytes) >= sectors)
			continue;
		snprintf(name, sizeof(name), "legs.%zu.data_dev", i);
		snprintf(right, sizeof(right), "%" PRIu64 " sectors or more", sectors);
		check_rule(c, name, right, "Component device(s) too small");
	}
}

/* While the array grows or shrinks (delta_disks) its length is not what the legs give. */
static void check_length(struct check *c, const struct bp_raid *raid)
{
	bp_sector sectors;

	if (raid->nr_legs <= raid_redundancy(raid) && is_raid456(raid->type))
		check_rule(c, "nr_legs", NULL, "Insufficient number of devices");
	else if (!leg_length(raid, c->length_sectors, &sectors))
		check_rule(c, "length", NULL,
			   "Target length not divisible by number of data devices");
	else if (!raid->delta_disks)
		check_leg_sizes(c, raid, sectors);
}

/*
 * Legs may be missing, as many as there is redundancy for. One without metadata in an array
 * that has some counts as missing, and so does one to be rebuilt.
 */
static void check_legs(struct check *c, const struct bp_raid *raid)
{
	size_t absent = 0, without = 0;
	char name[48];

	for (size_t i = 0; i < raid->nr_legs; i++) {
		const struct bp_raid_leg *leg = &raid->legs[i];

		if (leg->metadata_dev && !leg->data_dev) {
			snprintf(name, sizeof(name), "legs.%zu.data_dev", i);
			check_rule(c, name, NULL,
				   "No data device supplied with metadata device");
		}
		snprintf(name, sizeof(name), "legs.%zu.metadata_dev", i);
		check_alone(c, name, leg->metadata_dev);
		snprintf(name, sizeof(name), "legs.%zu.data_dev", i);
		check_alone(c, name, leg->data_dev);
		absent += !leg->data_dev;
		without += !leg->metadata_dev;
	}
	/* Seen on 6.1 and 6.12; newer kernels were not tried. */
	if (raid->nr_legs && raid_is_10(raid->type) && without == raid->nr_legs)
		check_found(c,
			    check_release(c, 0x060d) != BP_ANSWER_YES ? BP_SEVERITY_REFUSED
								      : BP_SEVERITY_WARNING,
			    "legs.0.metadata_dev", "a device in place of '-'",
			    "raid10 without metadata has no layout for the kernel to run");
	if (raid->nr_legs && absent == raid->nr_legs)
		check_rule(c, "legs.0.data_dev", NULL, "Invalid rdev size");
	else if (!raid_is_10(raid->type) &&
		 (absent > raid_redundancy(raid) ||
		  (raid->type != BP_RAID0 && without < raid->nr_legs &&
		   without > raid_redundancy(raid))))
		check_rule(c, NULL, NULL, "Insufficient redundancy to activate array");
}

/* Each has the kernel's text, so that what is told here and there is the same. */
void raid_check(struct check *c, const void *params)
{
	const struct bp_raid *raid = params;

	check_chunk(c, raid);
	check_levels(c, raid);
	check_sync(c, raid);
	check_region(c, raid);
	check_raid10(c, raid);
	check_reshape(c, raid);
	check_journal(c, raid);
	check_length(c, raid);
	check_legs(c, raid);
}

/* clang-format off */
const struct rule raid_rules[] = {
	{ "Invalid flags combination", "type", "this level does not have one of the options given",
	  "only options that the level has" },
	{ "Insufficient number of devices", "nr_legs", "the level needs more legs than it has parity",
	  "more legs" },
	RULE_NO_MEMORY("Cannot allocate raid context"),
	RULE_NO_MEMORY("Cannot initialize raid context"),
	RULE_NO_DEVICE("RAID metadata device lookup failure", "legs.metadata_dev"),
	RULE_NO_MEMORY("Failed to allocate superblock page"),
	{ "Drive designated for rebuild not specified", "rebuild",
	  "a leg to rebuild must have its devices", "the leg's devices in place of '-'" },
	{ "No data device supplied with metadata device", "legs.data_dev",
	  "a leg with metadata must have data", "'- -' where the leg is missing" },
	RULE_NO_DEVICE("RAID device lookup failure", "legs.data_dev"),
	{ "Unable to rebuild drive while array is not in-sync", "rebuild",
	  "an array that is not in sync can't rebuild a leg", "wait until it is in sync" },
	{ "Supplied region size is too large", "region_sectors",
	  "a region must not be longer than the segment", "a smaller region" },
	{ "Supplied region size is too small", "region_sectors",
	  "there can be no more than 2097152 regions", "a larger region" },
	{ "Region size is not a power of 2", "region_sectors", "a region must be a power of two",
	  "a power of two" },
	{ "Region size is smaller than the chunk size", "region_sectors",
	  "a region must not be smaller than a chunk", "chunk_sectors or more" },
	{ "Bad numerical argument given for chunk_size", "chunk_sectors",
	  "the chunk must be a number of 512-byte sectors", "a power of two, 8 or more" },
	{ "Chunk size must be a power of 2", "chunk_sectors", "a chunk must be a power of two",
	  "a power of two, 8 or more" },
	{ "Chunk size value is too small", "chunk_sectors", "a chunk has 8 sectors or more",
	  "a power of two, 8 or more" },
	{ "Not enough raid parameters given", "#params", "there are fewer words than announced",
	  "the number of words that follow, chunk included" },
	{ "Only one 'nosync' argument allowed", "nosync", "nosync is given twice", "once" },
	{ "Only one 'sync' argument allowed", "sync", "sync is given twice", "once" },
	{ "Only one 'raid10_use_new_sets' argument allowed", "raid10_use_near_sets",
	  "raid10_use_near_sets is given twice", "once" },
	{ "Wrong number of raid parameters given", "#params",
	  "the last option has no value", "a value behind each option that takes one" },
	{ "Only one 'raid10_format' argument pair allowed", "raid10_format",
	  "raid10_format is given twice", "once" },
	{ "'raid10_format' is an invalid parameter for this RAID type", "raid10_format",
	  "only raid10 has a format", "none" },
	{ "Invalid 'raid10_format' value given", "raid10_format", "there are three formats",
	  "near, offset or far" },
	{ "Only one raid4/5/6 set journaling device allowed", "journal_dev",
	  "journal_dev is given twice", "once" },
	{ "'journal_dev' is an invalid parameter for this RAID type", "journal_dev",
	  "only raid4, raid5 and raid6 have a journal", "none" },
	RULE_NO_DEVICE("raid4/5/6 journal device lookup failure", "journal_dev"),
	{ "No space for raid4/5/6 journal", "journal_dev", "a journal has 8192 sectors or more",
	  "a larger device" },
	{ "raid4/5/6 'journal_mode' is invalid without 'journal_dev'", "journal_mode",
	  "journal_mode comes behind journal_dev only", "journal_dev DEV journal_mode MODE" },
	{ "Only one raid4/5/6 'journal_mode' argument allowed", "journal_mode",
	  "journal_mode is given twice", "once" },
	{ "Invalid 'journal_mode' argument", "journal_mode", "there are two modes",
	  "writethrough or writeback" },
	{ "Bad numerical argument given in raid params", "#params",
	  "the value of an option must be a number", "decimal digits" },
	{ "Invalid rebuild index given", "rebuild", "there is no leg of this number", NULL },
	{ "rebuild for this index already given", "rebuild", "the leg is named twice", "once" },
	{ "write_mostly option is only valid for RAID1", "write_mostly",
	  "only raid1 has write_mostly", "none" },
	{ "Invalid write_mostly index given", "write_mostly", "there is no leg of this number",
	  NULL },
	{ "max_write_behind option is only valid for RAID1", "max_write_behind_sectors",
	  "only raid1 has max_write_behind", "none" },
	{ "Only one max_write_behind argument pair allowed", "max_write_behind_sectors",
	  "max_write_behind is given twice", "once" },
	{ "Max write-behind limit out of range", "max_write_behind_sectors",
	  "half the value must not exceed 16383", "0 to 32767" },
	{ "Only one daemon_sleep argument pair allowed", "daemon_sleep_ms",
	  "daemon_sleep is given twice", "once" },
	{ "daemon sleep period out of range", "daemon_sleep_ms", "the time is too long",
	  "0 to 2147483647" },
	{ "Only one data_offset argument pair allowed", "data_offset_sectors",
	  "data_offset is given twice", "once" },
	{ "Bogus data_offset value", "data_offset_sectors",
	  "the free space must be 0, or at least 32 sectors and whole pages",
	  "0, or a multiple of 8, 32 or more" },
	{ "Only one delta_disks argument pair allowed", "delta_disks", "delta_disks is given twice",
	  "once" },
	{ "Too many delta_disk requested", "delta_disks", "an array has 253 legs at most",
	  "fewer legs" },
	{ "Only one stripe_cache argument pair allowed", "stripe_cache_entries",
	  "stripe_cache is given twice", "once" },
	{ "Inappropriate argument: stripe_cache", "stripe_cache_entries",
	  "only raid4, raid5 and raid6 have a stripe cache", "none" },
	{ "Bogus stripe cache entries value", "stripe_cache_entries", "the number is too large",
	  "0 to 2147483647" },
	{ "Only one min_recovery_rate argument pair allowed", "min_recovery_rate_kib_per_second",
	  "min_recovery_rate is given twice", "once" },
	{ "min_recovery_rate out of range", "min_recovery_rate_kib_per_second",
	  "the rate is too large", "0 to 2147483647" },
	{ "Only one max_recovery_rate argument pair allowed", "max_recovery_rate_kib_per_second",
	  "max_recovery_rate is given twice", "once" },
	{ "max_recovery_rate out of range", "max_recovery_rate_kib_per_second",
	  "the rate is too large", "0 to 2147483647" },
	{ "Only one region_size argument pair allowed", "region_sectors", "region_size is given twice",
	  "once" },
	{ "Only one raid10_copies argument pair allowed", "raid10_copies",
	  "raid10_copies is given twice", "once" },
	{ "Bad value for 'raid10_copies'", "raid10_copies",
	  "there are two copies or more, and no more than legs", NULL },
	{ "Unable to parse RAID parameter", "#params", "the word is none of the options",
	  "an option of raid" },
	{ "sync and nosync are mutually exclusive", "nosync", "sync and nosync exclude each other",
	  "one of them" },
	{ "sync/nosync and rebuild are mutually exclusive", "rebuild",
	  "sync or nosync, and rebuild exclude each other", "one of them" },
	{ "Can't set all raid1 devices to write_mostly", "write_mostly",
	  "one leg at least must be read from", "fewer legs" },
	{ "Bogus recovery rates", "max_recovery_rate_kib_per_second",
	  "the highest rate must not be lower than the lowest", "min_recovery_rate or more" },
	{ "Not enough devices to satisfy specification", "nr_legs",
	  "raid10 needs as many legs as copies", "more legs" },
	{ "Error getting raid10 format", "raid10_format", "legs, copies and format don't fit",
	  "other copies or another format" },
	{ "Failed to recognize new raid10 layout", "raid10_format",
	  "legs, copies and format don't fit", "other copies or another format" },
	{ "RAID10 format 'near' and 'raid10_use_near_sets' are incompatible", "raid10_use_near_sets",
	  "only the formats far and offset have near sets", "raid10_format far or offset" },
	{ "Inappropriate raid level; cannot change stripe_cache size", "stripe_cache_entries",
	  "only raid4, raid5 and raid6 have a stripe cache", "none" },
	{ "Cannot change stripe_cache size on inactive RAID set", "stripe_cache_entries",
	  "the array is not active", "resume it first" },
	{ "Failed to set raid4/5/6 stripe cache size", "stripe_cache_entries",
	  "the kernel could not set the stripe cache", "a smaller one" },
	{ "Component device(s) too small", "legs.data_dev",
	  "each leg must hold its share of the array", "larger devices, or a shorter segment" },
	{ "Bogus raid10 data copies or delta disks", "raid10_copies",
	  "raid10 has two copies or more, and no legs can be taken away", "2 or more" },
	{ "Target length not divisible by number of data devices", NULL,
	  "the length must be the same number of sectors on each data leg",
	  "a length that the data legs divide" },
	{ "Can't takeover degraded raid set", "type", "a degraded array can't change its level",
	  "rebuild it first" },
	{ "Can't takeover reshaping raid set", "type",
	  "an array can't change its level while it is reshaped", "wait for the reshape" },
	{ "takeover not possible", "type", "this level can't become that one", "another level" },
	{ "Reshape not supported", "type", "this array can't be reshaped so", NULL },
	{ "Can't reshape degraded raid set", "delta_disks", "a degraded array can't be reshaped",
	  "rebuild it first" },
	{ "Convert request on recovering raid set prohibited", "type",
	  "an array can't be converted while it recovers", "wait for the recovery" },
	{ "raid set already reshaping!", "delta_disks", "the array is being reshaped already",
	  "wait for the reshape" },
	{ "Reshaping only supported for raid1/4/5/6/10", "type", "raid0 can't be reshaped",
	  "another level first" },
	{ "Cannot change raid10 near set to odd # of devices!", "nr_legs",
	  "with format near the legs can't become odd in number", "an even number of legs" },
	{ "Cannot change device positions in raid set", "legs",
	  "each leg must stay at its place in the list", "the old order" },
	{ "Unable to assemble array: Unknown flag(s) in compatible feature flags", "legs.metadata_dev",
	  "the metadata are of a newer kernel", "a newer kernel" },
	{ "Unable to assemble array: No incompatible feature flags supported yet",
	  "legs.metadata_dev", "the metadata are of a newer kernel", "a newer kernel" },
	{ "Unable to assemble array: Invalid superblocks", "legs.metadata_dev",
	  "the metadata of the legs don't agree",
	  "metadata devices of this array, or ones whose first 4 KiB are zero" },
	{ "Insufficient redundancy to activate array", "legs",
	  "too many legs are missing, without metadata or to be rebuilt", "more legs" },
	{ "Can't reshape raid10 mirror groups", "raid10_format",
	  "raid10 can't be reshaped in this format", NULL },
	{ "Called with bogus raid type", "type", "there is no such level", "a level of raid" },
	RULE_COUNT("Cannot understand number of raid parameters", "#params"),
	RULE_COUNT("Cannot understand number of raid devices parameters", "nr_legs"),
	{ "No arguments", "type", "raid needs arguments",
	  "TYPE #PARAMS CHUNK [OPTION...] #DEVS (META DATA)..." },
	{ "Unrecognised raid_type", "type", "the word is none of the levels; raid5 and raid6 alone "
	  "are none either", "raid0, raid1, raid4, raid5_ls, raid6_zr, raid10 ..." },
	{ "Invalid number of supplied raid devices", "nr_legs", "an array has 1 to 253 legs",
	  "1 to 253" },
	{ "Invalid rdev size", "legs.data_dev", "one leg at least must have a data device",
	  "devices in place of '-'" },
	{ "'nosync' not allowed for new raid6 set", "nosync",
	  "the parity of a new raid6 must be written", "no nosync" },
	{ "Can't resize a reshaping raid set", NULL,
	  "an array can't change its size while it is reshaped", "wait for the reshape" },
	{ "Can't takeover a reshaping raid set", "type",
	  "an array can't change its level while it is reshaped", "wait for the reshape" },
	{ "Can't takeover a journaled raid4/5/6 set", "journal_dev",
	  "an array with a journal can't change its level", "take the journal away first" },
	{ "Can't reshape a journaled raid4/5/6 set", "journal_dev",
	  "an array with a journal can't be reshaped", "take the journal away first" },
	{ "Failed to run raid array", NULL, "the kernel's md could not start the array: its own "
	  "lines say why", NULL },
	{ "Failed to start raid array", NULL, "the kernel's md could not start the array: its own "
	  "lines say why", NULL },
	{ "Failed to set raid4/5/6 journal mode", "journal_mode",
	  "the kernel could not set the journal's mode", NULL },
	{ "Reshape check failed", "delta_disks", "this array can't be reshaped so", NULL },
	{ "pers->check_reshape() failed", "delta_disks", "this array can't be reshaped so", NULL },
	{ "pers->start_reshape() failed", "delta_disks", "the reshape could not begin", NULL },
	{ NULL },
};
/* clang-format on */
