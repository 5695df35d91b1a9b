/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raid TYPE #PARAMS CHUNK [OPTION...] #DEVS (META DATA)...
 * Source: Linux, drivers/md/dm-raid.c.
 */
#include "targets/grammar/rule.h"

#include <inttypes.h>
#include <stdio.h>

#define DEVS_MAX              253
#define JOURNAL_MIN_SECTORS   8192
#define RESHAPE_SPACE_SECTORS 32
#define REGIONS_MAX           (UINT64_C(1) << 21)

static const struct arg_word types[] = {
	{ "raid0", BP_RAID0 },
	{ "raid1", BP_RAID1 },
	{ "raid4", BP_RAID4 },
	{ "raid5_n", BP_RAID5_N },
	{ "raid5_ls", BP_RAID5_LS },
	{ "raid5_rs", BP_RAID5_RS },
	{ "raid5_la", BP_RAID5_LA },
	{ "raid5_ra", BP_RAID5_RA },
	{ "raid6_zr", BP_RAID6_ZR },
	{ "raid6_nr", BP_RAID6_NR },
	{ "raid6_nc", BP_RAID6_NC },
	{ "raid6_n_6", BP_RAID6_N_6 },
	{ "raid6_ls_6", BP_RAID6_LS_6 },
	{ "raid6_rs_6", BP_RAID6_RS_6 },
	{ "raid6_la_6", BP_RAID6_LA_6 },
	{ "raid6_ra_6", BP_RAID6_RA_6 },
	{ "raid10", BP_RAID10 },
	{ "raid10_near", BP_RAID10_NEAR },
	{ "raid10_far", BP_RAID10_FAR },
	{ "raid10_offset", BP_RAID10_OFFSET },
	{ NULL },
};

static const struct arg_word formats[] = {
	{ "near", BP_RAID10_FORMAT_NEAR },
	{ "offset", BP_RAID10_FORMAT_OFFSET },
	{ "far", BP_RAID10_FORMAT_FAR },
	{ NULL },
};

static const struct arg_word journal_modes[] = {
	{ "writethrough", BP_RAID_WRITETHROUGH },
	{ "writeback", BP_RAID_WRITEBACK },
	{ NULL },
};

/* In the kernel's order. */
static const struct arg options[] = {
	ARG_FLAG(struct bp_raid, sync, "copy all, whatever the metadata say"),
	ARG_FLAG(struct bp_raid, nosync, "the legs are alike already"),
	ARG_NUMBERS(struct bp_raid, rebuild, nr_rebuild, uint32_t, 0, DEVS_MAX - 1,
		    "a leg to write anew, from 0", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, daemon_sleep_ms, 0, INT32_MAX, "how long dirty bits are kept",
		  .word = "daemon_sleep", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, min_recovery_rate_kib_per_second, 0, INT32_MAX,
		  "recover at least as fast, whatever else goes on",
		  .word = "min_recovery_rate", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, max_recovery_rate_kib_per_second, 0, INT32_MAX,
		  "recover no faster", .word = "max_recovery_rate", .flags = ARG_PLUS),
	ARG_NUMBERS(struct bp_raid, write_mostly, nr_write_mostly, uint32_t, 0, DEVS_MAX - 1,
		    "a leg of raid1 to read from in need only, from 0", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, max_write_behind_sectors, 0, 32767,
		  "how much may be outstanding to write_mostly legs",
		  .word = "max_write_behind", .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, stripe_cache_entries, 0, INT32_MAX,
		  "how many stripes of raid4/5/6 are kept in memory", .word = "stripe_cache",
		  .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, region_sectors, 1, INT32_MAX,
		  "what the bitmap keeps one bit for: a power of two", .word = "region_size",
		  .flags = ARG_PLUS),
	ARG_MAYBE(struct bp_raid, raid10_copies, 2, DEVS_MAX, "copies of each block of raid10",
		  .def = "2", .flags = ARG_PLUS),
	ARG_CHOICE(struct bp_raid, raid10_format, formats, "where raid10 puts the copies",
		   .def = "near", .flags = ARG_NOCASE),
	ARG_FLAG(struct bp_raid, raid10_use_near_sets,
		 "copies of the far and offset formats stay in sets of legs that lie together"),
	ARG_SIGNED(struct bp_raid, delta_disks, DEVS_MAX,
		   "legs to add, or with '-' to take away"),
	ARG_MAYBE(struct bp_raid, data_offset_sectors, 0, INT32_MAX,
		  "free space at the start of each leg, for reshaping", .word = "data_offset",
		  .flags = ARG_PLUS),
	ARG_DEV(struct bp_raid, journal_dev, "journal of raid4/5/6"),
	ARG_CHOICE(struct bp_raid, journal_mode, journal_modes, "how the journal is used",
		   .def = "writethrough", .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg params_args[] = {
	ARG_NUMBER(struct bp_raid, chunk_sectors, 0, INT32_MAX,
		   "what lies on one leg before the next begins: a power of two; raid1: 0",
		   .flags = ARG_PLUS),
	ARG_OPTIONS_REST(options, .flags = ARG_NOCASE),
	ARG_END,
};

static const struct arg leg_args[] = {
	ARG_DEV(struct bp_raid_leg, metadata_dev, "superblock and bitmap; '-': none",
		.flags = ARG_DASH),
	ARG_DEV(struct bp_raid_leg, data_dev, "the data; '-': the leg is missing",
		.flags = ARG_DASH),
	ARG_END,
};

static const struct arg args[] = {
	ARG_CHOICE(struct bp_raid, type, types, "level and layout", .flags = ARG_NOCASE),
	ARG_GROUP(params, params_args),
	ARG_COUNT(struct bp_raid, nr_legs, 1, DEVS_MAX),
	ARG_EACH(struct bp_raid, legs, nr_legs, leg_args, "the devices"),
	ARG_END,
};

/* Where raid10_use_near_sets was given kernels count it, but print nothing for it. */
static const struct arg printed_params_args[] = {
	ARG_NUMBER(struct bp_raid, chunk_sectors, 0, INT32_MAX,
		   "what lies on one leg before the next begins"),
	ARG_OPTIONS_REST(options, .flags = ARG_NOCASE),
	ARG_FLAG(struct bp_raid, raid10_use_near_sets, "copies stay in sets of legs",
		 .flags = ARG_HIDDEN),
	ARG_END,
};

static const struct arg printed[] = {
	ARG_CHOICE(struct bp_raid, type, types, "level and layout", .flags = ARG_NOCASE),
	ARG_GROUP(params, printed_params_args, .flags = ARG_HIDDEN),
	ARG_COUNT(struct bp_raid, nr_legs, 1, DEVS_MAX),
	ARG_EACH(struct bp_raid, legs, nr_legs, leg_args, "the devices"),
	ARG_END,
};

/* --- status --- */

static const struct arg synced[] = {
	ARG_NUMBER(struct bp_raid_status, synced_sectors, 0, UINT64_MAX,
		   "how far the legs agree, or the action has come"),
	ARG_NUMBER(struct bp_raid_status, total_sectors, 0, UINT64_MAX,
		   "of the array, or with raid4/5/6 of one leg"),
	ARG_END,
};

static const struct arg_word actions[] = {
	{ "idle", BP_RAID_IDLE },       { "frozen", BP_RAID_FROZEN },
	{ "reshape", BP_RAID_RESHAPE }, { "resync", BP_RAID_RESYNC },
	{ "check", BP_RAID_CHECK },     { "repair", BP_RAID_REPAIR },
	{ "recover", BP_RAID_RECOVER }, { NULL },
};

static const struct arg_word journals[] = {
	{ "A", BP_RAID_JOURNAL_WRITETHROUGH },
	{ "a", BP_RAID_JOURNAL_WRITEBACK },
	{ "D", BP_RAID_JOURNAL_FAILED },
	{ NULL },
};

static const struct arg status[] = {
	ARG_CHOICE(struct bp_raid_status, type, types, "level and layout, as assembled"),
	ARG_NUMBER(struct bp_raid_status, nr_devs, 0, UINT32_MAX, "number of legs"),
	ARG_TEXT(struct bp_raid_status, health,
		 "a letter a leg: A in sync, a not in sync, D failed, - absent"),
	ARG_SPLIT('/', synced),
	ARG_CHOICE(struct bp_raid_status, action, actions, "what is going on",
		   .flags = ARG_OPTIONAL),
	ARG_MAYBE(struct bp_raid_status, mismatches, 0, UINT64_MAX,
		  "differences that the last check found", .flags = ARG_OPTIONAL),
	ARG_MAYBE(struct bp_raid_status, data_offset_sectors, 0, UINT64_MAX,
		  "where the data begin on each leg", .flags = ARG_OPTIONAL),
	ARG_CHOICE(struct bp_raid_status, journal, journals,
		   "A writethrough, a writeback, D failed, - none",
		   .flags = ARG_OPTIONAL | ARG_DASH),
	ARG_END,
};

static const struct target_message messages[] = {
	{ "idle", "", "stop what is going on; it begins again where that is needed", 0, NULL },
	{ "frozen", "", "stop what is going on and let nothing begin", 0, NULL },
	{ "resync", "", "copy all again", 0, NULL },
	{ "recover", "", "write a replaced leg anew", 0, NULL },
	{ "check", "", "read all legs and count what differs", 0, NULL },
	{ "repair", "", "read all legs and mend what differs", 0, NULL },
	{ NULL },
};

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

static bool is_raid10(enum bp_raid_type type)
{
	return type >= BP_RAID10 && type <= BP_RAID10_OFFSET;
}

/* Legs that may be lost: those that hold parity, or all copies but one. raid10: not told here.
 */
static size_t redundancy(const struct bp_raid *raid)
{
	if (raid->type == BP_RAID1)
		return raid->nr_legs - 1;
	if (is_raid6(raid->type))
		return 2;
	return raid->type == BP_RAID4 || is_raid5(raid->type) ? 1 : 0;
}

static uint64_t copies(const struct bp_raid *raid)
{
	return raid->raid10_copies.is_set ? raid->raid10_copies.value : 2;
}

/* --- rules --- */

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
		{ raid->raid10_copies.is_set, is_raid10(t), "raid10_copies", flags },
		{ raid->raid10_format, is_raid10(t), "raid10_format",
		  "'raid10_format' is an invalid parameter for this RAID type" },
		{ raid->raid10_use_near_sets, is_raid10(t), "raid10_use_near_sets", flags },
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

static void check_raid10(struct check *c, const struct bp_raid *raid)
{
	char right[32];

	if (!is_raid10(raid->type))
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

static void check_reshape(struct check *c, const struct bp_raid *raid)
{
	const uint64_t offset = raid->data_offset_sectors.value;
	const uint64_t page = bp_bytes_to_sector(check_page_bytes(c));

	if (offset && (offset < RESHAPE_SPACE_SECTORS || offset % page))
		check_rule(c, NULL, NULL, "Bogus data_offset value");
}

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
	if (is_raid10(raid->type)) {
		if (mul_overflow(length, copies(raid), &length))
			return false;
	} else {
		legs -= MIN(legs, redundancy(raid));
	}
	if (legs == 0 || length % legs)
		return false;
	*ret = length / legs;
	return true;
}

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

static void check_length(struct check *c, const struct bp_raid *raid)
{
	bp_sector sectors;

	if (raid->nr_legs <= redundancy(raid) && is_raid456(raid->type))
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
		absent += !leg->data_dev;
		without += !leg->metadata_dev;
	}
	/* Seen on 6.1 and 6.12; newer kernels were not tried. */
	if (raid->nr_legs && is_raid10(raid->type) && without == raid->nr_legs)
		check_found(c,
			    check_release(c, 0x060d) != BP_ANSWER_YES ? BP_SEVERITY_REFUSED
								      : BP_SEVERITY_WARNING,
			    "legs.0.metadata_dev", "a device in place of '-'",
			    "raid10 without metadata has no layout for the kernel to run");
	if (raid->nr_legs && absent == raid->nr_legs)
		check_rule(c, "legs.0.data_dev", NULL, "Invalid rdev size");
	else if (!is_raid10(raid->type) &&
		 (absent > redundancy(raid) ||
		  (raid->type != BP_RAID0 && without < raid->nr_legs &&
		   without > redundancy(raid))))
		check_rule(c, NULL, NULL, "Insufficient redundancy to activate array");
}

static void check(struct check *c, const void *params)
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

/* --- what kernels print --- */

/* It is printed in KiB, though it is given in sectors. */
static void from_printed(void *params)
{
	struct bp_raid *raid = params;

	raid->max_write_behind_sectors.value *= 2;
}

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* A copy in ascending order, as kernels print it. NULL: empty, or no memory. */
static const uint32_t *sorted(const uint32_t *list, size_t nr, struct arena *arena)
{
	uint32_t *copy = nr ? arena_copy(arena, list, nr * sizeof(*list)) : NULL;

	if (copy)
		qsort(copy, nr, sizeof(*copy), by_value);
	return copy;
}

static int canonical(void *params, struct arena *arena)
{
	struct bp_raid *raid = params;

	raid->rebuild = sorted(raid->rebuild, raid->nr_rebuild, arena);
	raid->write_mostly = sorted(raid->write_mostly, raid->nr_write_mostly, arena);
	if ((raid->nr_rebuild && !raid->rebuild) ||
	    (raid->nr_write_mostly && !raid->write_mostly))
		return -ENOMEM;
	if (raid->type == BP_RAID1)
		raid->chunk_sectors = 0;
	raid->max_write_behind_sectors.value &= ~UINT64_C(1);
	return 0;
}

static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_raid *raid = params;
	bp_sector least = BP_TABLE_SECTOR_MAX, sectors;
	bool any = false;

	for (size_t i = 0; i < raid->nr_legs; i++) {
		int r;

		if (!raid->legs[i].data_dev)
			continue;
		r = length_of(query, raid->legs[i].data_dev, 0, &sectors);
		if (r < 0)
			return r;
		least = MIN(least, sectors);
		any = true;
	}
	if (!any)
		return length_of(query, NULL, 0, ret);
	if (raid->type == BP_RAID1) {
		*ret = least;
		return 0;
	}
	if (raid->chunk_sectors)
		least -= least % raid->chunk_sectors;
	if (is_raid10(raid->type))
		*ret = least * raid->nr_legs / MAX(copies(raid), 1);
	else
		*ret = least * (raid->nr_legs - MIN(raid->nr_legs, redundancy(raid)));
	return 0;
}

const struct bp_target target_raid = {
	.name = "raid",
	.summary = "the kernel's RAID 0, 1, 4, 5, 6 and 10",
	.reprint = "max_write_behind is halved each time, raid10_use_near_sets is counted but "
		   "not printed, and a rebuild would begin again",
	.module = "dm-raid",
	.since = "2.6.38",
	.flags = BP_TARGET_FORMATS,
	.size = sizeof(struct bp_raid),
	.args = args,
	.printed = printed,
	.ignores_extra = true,
	.status_size = sizeof(struct bp_raid_status),
	.status = status,
	.messages = messages,
	.from_printed = from_printed,
	.canonical = canonical,
	.check = check,
	.length = length,
};
