/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raid TYPE #PARAMS CHUNK [OPTION...] #DEVS (META DATA)...
 * Source: Linux, drivers/md/dm-raid.c.
 */
#include "targets/raid.h"
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"

#include <inttypes.h>
#include <stdio.h>

#define DEVS_MAX 253

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

/*
 * What kernels print in another form than it was given: indices sorted, no chunk for raid1,
 * write-behind in whole pairs of sectors. The same table then compares equal.
 */
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

/* Stripes that are short md makes more of by itself (R5_ALLOC_MORE); never fewer than were asked for. */
static void settle(void *live, const void *table)
{
	struct bp_raid *raid = live;
	const struct bp_raid *loaded = table;

	if (raid->stripe_cache_entries.is_set && loaded->stripe_cache_entries.is_set)
		raid->stripe_cache_entries.value = MIN(raid->stripe_cache_entries.value,
						       loaded->stripe_cache_entries.value);
}

/*
 * Data legs times the shortest of them, whole chunks; raid10 divides by its copies. Legs
 * without a device are not asked.
 */
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
	if (raid_is_10(raid->type))
		*ret = least * raid->nr_legs / MAX(raid_copies(raid), 1);
	else
		*ret = least * (raid->nr_legs - MIN(raid->nr_legs, raid_redundancy(raid)));
	return 0;
}

/* clang-format off */
#define LOG_NEXT \
	"look at the device; then replace it and load a table with 'rebuild N' (with " \
	"LVM: lvconvert --repair VG/LV)"

/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	{ .text = "Failed to read superblock of device at position *", .argument = "legs.meta_dev",
	  .rule = "the metadata of a leg can't be read: the device fails, or is too small. The "
	  "leg is left out",
	  .expected = "look at the device of that leg",
	  .verdict = BP_VERDICT_ACT },
	LOG_HARMLESS("Device * specified for rebuild; clearing superblock",
		"as the table asks, this leg is made again from the others"),
	LOG_HARMLESS("Superblocks created for new raid set",
		"a new array was made: its legs had no metadata"),
	{ .text = "New device injected into existing raid set without *", .argument = "rebuild",
	  .rule = "a leg is new, and the table does not say so",
	  .expected = "rebuild INDEX in the table",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "new device* provided without 'rebuild'", .argument = "rebuild",
	  .rule = "a leg is new, and the table does not say so",
	  .expected = "rebuild INDEX in the table",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "* 'rebuild' devices cannot be injected into a raid set with * other first-time "
	  "devices", .argument = "rebuild",
	  .rule = "some legs are new and others are to be rebuilt: which hold the data can't be "
	  "told",
	  .expected = "the legs in their old order, with 'rebuild' for the new ones only",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "'rebuild' specified while raid set is being reshaped *", .argument = "rebuild",
	  .rule = "a leg can't be rebuilt while the array is reshaped",
	  .expected = "wait for the reshape",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "'rebuild' specified while raid set is not in-sync *", .argument = "rebuild",
	  .rule = "a leg can't be rebuilt before the array is in sync",
	  .expected = "wait for the sync",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Reshape requested but raid set is still reshaping", .argument = "delta_disks",
	  .rule = "one reshape at a time",
	  .expected = "wait for the other",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Takeover raid sets *", .argument = "type",
	  .rule = "this kernel can't change the array's level so",
	  .expected = "a kernel that can, or the level it had",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "Reshaping raid sets not yet supported by metadata*", .argument = "type",
	  .rule = "the array's metadata are too old for that",
	  .expected = "the layout it had",
	  .verdict = BP_VERDICT_ACT },
	LOG_ACT("Failed to load bitmap",
		"the array's bitmap can't be read",
		"look at the devices of the legs"),
	LOG_ACT("Failed to resize bitmap",
		"the array's bitmap could not be made larger",
		NULL),
	LOG_ACT("Unable to parse RAID parameter: *",
		"the word is none of the parameters",
		"bedplate targets raid shows those there are"),
	{ .text = "Supplied region_size (* sectors) below minimum (*)", .argument = "region_sectors",
	  .rule = "the regions are too small: there would be too many",
	  .expected = "the minimum in the kernel's line",
	  .verdict = BP_VERDICT_ACT },
	LOG_HARMLESS("Choosing default region size of *",
		"the kernel chose the size of regions"),
	LOG_HARMLESS("Loading target version *",
		"the target was loaded"),
	LOG_HARMLESS("raid456 discard support disabled *",
		"discards are not passed on, as it is not certain that the devices return zeros "
		"after one"),
	LOG_HARMLESS("Set dm-raid.devices_handle_discard_safely=Y to override.",
		"how to pass discards on all the same"),
	LOG_HARMLESS("Discovered old metadata format; upgrading to extended metadata format",
		"the metadata are brought to a newer form"),
	LOG_HARMLESS("* stripe cache entries",
		"how large the cache of stripes is"),
	LOG_HARMLESS("Adjusting requested * stripe cache entries to *",
		"how large the cache of stripes is"),
	LOG_HARMLESS("raid device #* now at position #*",
		"a leg stands at another place than before"),
	LOG_ACT("Faulty * device #* has readable super block.  Attempting to revive it.",
		"a leg that had failed can be read again, and is taken back",
		"watch it with bedplate status NAME"),
	LOG_ACT("Failed to check/start reshape, continuing without change",
		"the array could not be reshaped, and stays as it is",
		NULL),
	LOG_STOP("not enough operational devices (*/* failed)",
		"more legs are missing than the level can do without: the array can't start, "
		"and trying with 'rebuild' would destroy it",
		"find the missing devices; change nothing on the others"),
	LOG_STOP("not enough operational mirrors.",
		"too many legs are missing: the array can't start",
		"find the missing devices; change nothing on the others"),
	LOG_STOP("Cannot continue operation (*/* failed).",
		"more legs have failed than the level can do without: all I/O fails",
		"find the failed devices; change nothing on the others"),
	LOG_STOP("cannot start dirty degraded array.",
		"a leg is missing, and the parity of the others may be stale since a crash: "
		"data may be wrong",
		"bring the missing device back; with what is there: copy the data off first"),
	LOG_STOP("starting dirty degraded array - data corruption possible.",
		"a leg is missing, and the parity of the others may be stale since a crash: "
		"data may be wrong",
		"check what lies on it, against a copy"),
	LOG_ACT("Disk failure on *, disabling device.",
		"a leg has failed and is no longer used",
		LOG_NEXT),
	LOG_ACT("Operation continuing on * devices.",
		"the array works with fewer legs: one more failure may end it",
		LOG_NEXT),
	LOG_ACT("* Failing raid device",
		"a leg has failed and is no longer used",
		LOG_NEXT),
	LOG_ACT("* Raid device exceeded read_error threshold *",
		"a leg has too many read errors",
		LOG_NEXT),
	LOG_ACT("Too many read errors, failing device *",
		"a leg has too many read errors and is no longer used",
		LOG_NEXT),
	LOG_ACT("* read_errors > * stripes",
		"a leg has too many read errors",
		LOG_NEXT),
	LOG_ACT("read error NOT corrected!! *",
		"a sector could be neither read nor written again",
		"look at that device"),
	LOG_ACT("read error not correctable *",
		"a sector can't be read, and no other leg has it",
		"look at that device; restore what lies there"),
	LOG_STOP("* unrecoverable I/O read error for block *",
		"a block can't be read from any leg",
		"restore what lies there, from a copy"),
	LOG_HARMLESS("read error corrected *",
		"a sector that could not be read was written again from the other legs"),
	LOG_HARMLESS("* rescheduling sector *",
		"a sector could not be read and is read from another leg"),
	LOG_HARMLESS("* redirecting sector * to *",
		"a sector is read from another leg"),
	LOG_HARMLESS("not clean -- starting background reconstruction",
		"the array was not shut down in order: parity or copies are made again in the "
		"background"),
	LOG_HARMLESS("device * operational as raid disk *",
		"a leg is in use"),
	LOG_HARMLESS("raid level * active with * out of * devices*",
		"the array is active: with fewer devices than it has, it is degraded"),
	LOG_HARMLESS("active with * out of * *",
		"the array is active: with fewer devices than it has, it is degraded"),
	LOG_ACT("journal disk is missing, force array readonly",
		"the journal's device is missing: the array is read-only",
		"bring the journal back"),
	LOG_STOP("failed to run raid set.",
		"the array can't start: the lines in front say why",
		NULL),
	LOG_ACT("insufficient working devices for recovery.",
		"too few legs work for a recovery",
		"bring the missing devices back"),
	LOG_ACT("* called with more than one flag!",
		"a fault of the kernel",
		"report it to those who made the kernel"),
	LOG_ACT("Ignoring invalid layout change with delta_disks=*",
		"a change of layout that goes with a change of the number of legs is passed over",
		"first one change, then the other"),
	LOG_HARMLESS("*current * vs new *",
		"what the array is, and what the table asks for"),
	LOG_HARMLESS("*Old layout: * copies",
		"what the array is, and what the table asks for"),
	LOG_HARMLESS("*New layout: * copies",
		"what the array is, and what the table asks for"),
	LOG_HARMLESS("Ignoring chunk size parameter for RAID 1",
		"copies have no chunks: the word is passed over"),
	LOG_ACT("superblock size of a logical block is no longer valid",
		"a leg's metadata device has larger logical blocks than the kernel can keep its superblock in",
		"another device for that leg's metadata"),
	LOG_ACT("Bogus raid10 data copies < 2!",
		"an array of raid10 has two copies or more",
		"raid10_copies 2"),
	{ NULL },
};
/* clang-format on */

/*
 * Letters: A in sync, a not yet, D dead. Syncing legs count for nothing when another one
 * dies.
 */
static void judge(struct judge *j, const void *p)
{
	const struct bp_raid_status *s = p;
	size_t dead = 0, syncing = 0;

	for (const char *h = s->health ? s->health : ""; *h; h++) {
		dead += *h == 'D';
		syncing += *h == 'a';
	}
	if (dead)
		judge_say(
			j, BP_VERDICT_ACT,
			"look at the device; then replace it and load a table with 'rebuild N' "
			"(with LVM: lvconvert --repair VG/LV)",
			"%zu %s failed: one more failure may end the array", dead,
			dead == 1 ? "leg has" : "legs have");
	if (syncing)
		judge_say(j, BP_VERDICT_HARMLESS, NULL,
			  "%zu %s not in sync yet: until then the array is less safe", syncing,
			  syncing == 1 ? "leg is" : "legs are");
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "all legs work and are in sync");
}

/* "-" is a leg that was never given: no event. */
static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_raid_status *s = now->values;

	(void)p;
	if (!s)
		return;
	conditions_of_legs(c, s->health, "Aa-");
	if (s->mismatches.is_set && s->mismatches.value)
		condition_add(c, BP_EVENT_RAID_MISMATCH, NULL,
			      "the last check found %" PRIu64 " sectors that differ",
			      s->mismatches.value);
}

static const struct brief brief[] = {
	{ NULL, "type", NULL },
	{ NULL, "action", NULL },
	{ "devices", "health", NULL },
	{ "in sync", "synced_sectors", "total_sectors" },
	{ "mismatches", "mismatches", NULL },
	{ NULL },
};

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
	.brief = brief,
	.messages = messages,
	.from_printed = from_printed,
	.canonical = canonical,
	.settle = settle,
	.check = raid_check,
	.length = length,
	.rules = raid_rules,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
