/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mirror: the kernel's first RAID-1.
 * Source: Linux, drivers/md/dm-raid1.c, dm-log.c, dm-log-userspace-base.c.
 */
#include "targets/grammar/condition.h"
#include "targets/grammar/judge.h"
#include "targets/grammar/rule.h"

#include <inttypes.h>
#include <stdio.h>

static const struct arg_word logs[] = {
	{ "core", BP_MIRROR_CORE },
	{ "disk", BP_MIRROR_DISK },
	{ "userspace", BP_MIRROR_USERSPACE },
	{ NULL },
};

static const struct arg_word syncs[] = {
	{ "sync", BP_MIRROR_SYNC },
	{ "nosync", BP_MIRROR_NOSYNC },
	{ NULL },
};

static const struct arg core_args[] = {
	ARG_NUMBER(struct bp_mirror, region_sectors, 2, UINT32_MAX,
		   "what the log keeps one bit for: a power of two"),
	ARG_CHOICE(struct bp_mirror, sync, syncs, "copy all, or nothing, at the start",
		   .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg disk_args[] = {
	ARG_DEV(struct bp_mirror, log_dev, "where the log is kept"),
	ARG_NUMBER(struct bp_mirror, region_sectors, 2, UINT32_MAX,
		   "what the log keeps one bit for: a power of two"),
	ARG_CHOICE(struct bp_mirror, sync, syncs, "copy all, or nothing, at the start",
		   .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg userspace_args[] = {
	ARG_TEXT(struct bp_mirror, uuid, "the log's name for its daemon"),
	ARG_FLAG(struct bp_mirror, integrated_flush, "marks travel with the flush that follows",
		 .flags = ARG_PEEK),
	ARG_WORDS(struct bp_mirror, userspace_args, nr_userspace_args,
		  "the daemon's own: kind of log, region size ...", .flags = ARG_REST),
	ARG_END,
};

static const struct arg log_args[] = {
	ARG_WHEN(struct bp_mirror, log, BP_MIRROR_CORE, core_args),
	ARG_WHEN(struct bp_mirror, log, BP_MIRROR_DISK, disk_args),
	ARG_WHEN(struct bp_mirror, log, BP_MIRROR_USERSPACE, userspace_args),
	ARG_END,
};

static const struct arg leg_args[] = {
	ARG_DEV(struct bp_mirror_leg, dev, "device of the leg"),
	ARG_NUMBER(struct bp_mirror_leg, offset_sectors, 0, UINT64_MAX,
		   "where it begins there"),
	ARG_END,
};

static const struct arg features[] = {
	ARG_FLAG(struct bp_mirror, handle_errors,
		 "a failed leg is left out, and userspace is told"),
	ARG_FLAG(struct bp_mirror, keep_log,
		 "go on after a failed write, and keep the log; needs handle_errors"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_CHOICE(struct bp_mirror, log, logs, "where dirty regions are noted"),
	ARG_GROUP(log_args, log_args),
	ARG_COUNT(struct bp_mirror, nr_legs, 2, 9),
	ARG_EACH(struct bp_mirror, legs, nr_legs, leg_args, "the copies"),
	ARG_OPTIONS(features, .flags = ARG_OPTIONAL),
	ARG_END,
};

/* --- status --- */

static const struct arg synced[] = {
	ARG_NUMBER(struct bp_mirror_status, synced_regions, 0, UINT64_MAX,
		   "regions that are alike on all legs"),
	ARG_NUMBER(struct bp_mirror_status, total_regions, 0, UINT64_MAX, "all regions"),
	ARG_END,
};

static const struct arg_word log_kinds[] = {
	{ "core", BP_MIRROR_LOG_CORE },
	{ "disk", BP_MIRROR_LOG_DISK },
	{ "clustered-core", BP_MIRROR_LOG_CLUSTERED_CORE },
	{ "clustered-disk", BP_MIRROR_LOG_CLUSTERED_DISK },
	{ NULL },
};

static const struct arg_word log_states[] = {
	{ "A", BP_MIRROR_LOG_ALIVE },
	{ "D", BP_MIRROR_LOG_FAILED },
	{ "F", BP_MIRROR_LOG_FLUSH_FAILED },
	{ NULL },
};

static const struct arg_word contacts[] = {
	{ "userspace", BP_MIRROR_LOG_LOST },
	{ NULL },
};

static const struct arg disk_status[] = {
	ARG_DEV(struct bp_mirror_status, log_dev, "the log's device"),
	ARG_CHOICE(struct bp_mirror_status, log_state, log_states,
		   "A: alive, D: failed, F: a flush failed"),
	ARG_END,
};

static const struct arg other_status[] = {
	ARG_WORDS(struct bp_mirror_status, log_words, nr_log_words,
		  "what the log's daemon says", .flags = ARG_REST),
	ARG_END,
};

static const struct arg log_status[] = {
	ARG_CHOICE(struct bp_mirror_status, log, log_kinds, "kind of the log",
		   .flags = ARG_PEEK),
	ARG_WHEN(struct bp_mirror_status, log, BP_MIRROR_LOG_DISK, disk_status),
	ARG_WHEN(struct bp_mirror_status, log, BP_MIRROR_LOG_CLUSTERED_DISK, disk_status),
	ARG_WHEN(struct bp_mirror_status, log, 0, other_status),
	ARG_END,
};

static const struct arg log_there[] = {
	ARG_GROUP(log_status, log_status),
	ARG_END,
};

static const struct arg log_lost[] = {
	ARG_LITERAL("1"),
	ARG_LITERAL("COM_FAILURE"),
	ARG_END,
};

static const struct arg status[] = {
	ARG_COUNT(struct bp_mirror_status, nr_devs, 0, UINT32_MAX),
	ARG_WORDS(struct bp_mirror_status, devs, nr_devs, "devices of the legs"),
	ARG_SPLIT('/', synced),
	ARG_LITERAL("1"),
	ARG_TEXT(struct bp_mirror_status, health,
		 "a letter a leg: A alive, D write, S sync, R read, F flush error, U unknown"),
	ARG_CHOICE(struct bp_mirror_status, contact, contacts,
		   "given where the log's daemon does not answer", .flags = ARG_PEEK),
	ARG_WHEN(struct bp_mirror_status, contact, 0, log_there),
	ARG_WHEN(struct bp_mirror_status, contact, BP_MIRROR_LOG_LOST, log_lost),
	ARG_END,
};

/* --- rules --- */

/*
 * One bit a region in memory, counted in 32 bits. Source: drivers/md/dm-log.c,
 * create_log_context().
 */
static void check_region(struct check *c, const struct bp_mirror *mirror)
{
	const bp_sector region = mirror->region_sectors;

	if (region > c->length_sectors || !is_power_of_two(region))
		check_rule(c, "region_sectors", NULL, "invalid region size");
	else if (DIV_UP(c->length_sectors, region) > UINT32_MAX)
		check_rule(c, "region_sectors", "a larger region",
			   "region count exceeds limit");
}

/*
 * A header of 1 KiB, then a bit a region in units of 32 bits, rounded up to whole logical
 * blocks.
 */
static void check_log_size(struct check *c, const struct bp_mirror *mirror)
{
	uint64_t regions, bytes, block;
	struct bp_bdev bdev;
	char right[48];

	if (!mirror->region_sectors || !check_bdev(c, mirror->log_dev, &bdev))
		return;
	regions = DIV_UP(c->length_sectors, mirror->region_sectors);
	block = MAX(bdev.logical_block_bytes, 512);
	bytes = 1024 + DIV_UP(regions, 32) * 4;
	bytes = DIV_UP(bytes, block) * block;
	if (bdev.size_bytes >= bytes)
		return;
	snprintf(right, sizeof(right), "%" PRIu64 " bytes or more", bytes);
	check_rule(c, "log_dev", right, "log device");
}

/* The userspace log checks its arguments in a daemon: not here. */
static void check_log(struct check *c, const struct bp_mirror *mirror)
{
	if (mirror->log != BP_MIRROR_USERSPACE)
		check_region(c, mirror);
	if (mirror->log == BP_MIRROR_DISK)
		check_log_size(c, mirror);
	if (mirror->log == BP_MIRROR_USERSPACE)
		check_found(c, BP_SEVERITY_UNKNOWN, "log", NULL,
			    "whether the log's daemon runs was not checked");
	if (mirror->log == BP_MIRROR_USERSPACE &&
	    mirror->nr_userspace_args + mirror->integrated_flush < 2)
		check_rule(c, "userspace_args", NULL,
			   "Too few arguments to userspace dirty log");
}

/* Without handle_errors a leg that fails is not noticed. Source: drivers/md/dm-raid1.c. */
static void check(struct check *c, const void *params)
{
	const struct bp_mirror *mirror = params;
	char name[48];

	check_log(c, mirror);
	for (size_t i = 0; i < mirror->nr_legs; i++) {
		snprintf(name, sizeof(name), "legs.%zu.dev", i);
		check_alone(c, name, mirror->legs[i].dev);
		if (mirror->log == BP_MIRROR_DISK)
			check_distinct(c, name, mirror->legs[i].dev, "log_dev",
				       mirror->log_dev);
		check_range(c, name, mirror->legs[i].dev, mirror->legs[i].offset_sectors,
			    c->length_sectors);
	}
	if (mirror->keep_log && !mirror->handle_errors)
		check_rule(c, "keep_log", NULL,
			   "keep_log feature requires the handle_errors feature");
	if (mirror->handle_errors && !mirror->keep_log)
		check_found(
			c, BP_SEVERITY_WARNING, "handle_errors", "handle_errors keep_log",
			"a write that fails on one leg is held until the device is suspended");
}

/* The shortest leg. */
static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_mirror *mirror = params;
	bp_sector least = BP_TABLE_SECTOR_MAX, sectors;

	for (size_t i = 0; i < mirror->nr_legs; i++) {
		int r = length_of(query, mirror->legs[i].dev, mirror->legs[i].offset_sectors,
				  &sectors);

		if (r < 0)
			return r;
		least = MIN(least, sectors);
	}
	*ret = least;
	return 0;
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_NO_MEMORY("Cannot allocate mirror context"),
	RULE_NO_MEMORY("Error creating dm_io client"),
	RULE_NO_MEMORY("Error creating dirty region hash"),
	RULE_SECTOR("Invalid offset", "legs.offset_sectors"),
	RULE_NO_DEVICE("Device lookup failure", "legs.dev"),
	RULE_COUNT("Insufficient mirror log arguments", "#log_args"),
	RULE_COUNT("Invalid mirror log argument count", "#log_args"),
	{ "Error creating mirror dirty log", "log",
	  "the log must be core, disk or userspace, and its arguments right",
	  "core REGION [sync|nosync], or disk DEV REGION [sync|nosync]" },
	RULE_COUNT("Invalid number of features", "#features"),
	RULE_COUNT("Not enough arguments to support feature count", "#features"),
	{ "Unrecognised feature requested", "#features", "there are two features",
	  "handle_errors, or handle_errors and keep_log" },
	{ "keep_log feature requires the handle_errors feature", "keep_log",
	  "keep_log goes with handle_errors only", "handle_errors keep_log" },
	{ "Invalid number of mirrors", "nr_legs", "a mirror has 2 to 9 legs", "2 to 9" },
	{ "Too few mirror arguments", "legs", "each leg is a device and an offset",
	  "as many pairs of device and offset as were announced" },
	{ "Too many mirror arguments", "#features", "nothing may follow the features",
	  "a count that is the number of features" },
	/* Lines of the log itself, in front of "Error creating mirror dirty log". */
	{ "invalid region size", "region_sectors",
	  "a region must be a power of two, 2 or more, and no longer than the segment", NULL },
	{ "region count exceeds limit", "region_sectors",
	  "there can be no more than 4294967295 regions", "a larger region" },
	{ "unrecognised sync argument to dirty region log", "sync",
	  "the word must be sync or nosync", "sync or nosync" },
	{ "wrong number of arguments to dirty region log", "#log_args",
	  "a core log has one or two arguments", "REGION [sync|nosync]" },
	{ "wrong number of arguments to disk dirty region log", "#log_args",
	  "a disk log has two or three arguments", "DEV REGION [sync|nosync]" },
	{ "log device", "log_dev",
	  "the log's device must hold 1 KiB and a bit for each region", "a larger device or regions" },
	{ "Module for logging type", "log", "this kernel has no such log", "core or disk" },
	{ "Too few arguments to userspace dirty log", "userspace_args",
	  "a userspace log has three arguments or more", "UUID KIND REGION ..." },
	{ "Userspace log server not found", "log", "no daemon answers for userspace logs",
	  "start the log's daemon first" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
/* What kernels say while it is in use, and its states. */
static const struct rule log_lines[] = {
	LOG_STOP("All replicated volumes dead, failing I/O",
		"no leg works: all I/O fails",
		"find the failed devices; change nothing on them"),
	LOG_STOP("All sides of mirror have failed.",
		"no leg works: all I/O fails",
		"find the failed devices; change nothing on them"),
	LOG_ACT("Mirror read failed from *. Trying alternative device.",
		"a leg can't be read; another one answers",
		"look at the device; then reload the table without it"),
	LOG_STOP("Mirror read failed.",
		"a sector can't be read from any leg",
		"restore what lies there, from a copy"),
	LOG_ACT("Primary mirror (*) failed while out-of-sync: Reads may fail.",
		"the leg that had everything has failed before the others were in sync",
		"find the failed device; change nothing on it"),
	LOG_STOP("Read failure on mirror device *.  Failing I/O.",
		"a sector can't be read from any leg",
		"restore what lies there, from a copy"),
	LOG_ACT("Read failure on mirror device *. Trying alternative device.",
		"a leg can't be read; another one answers",
		"look at the device; then reload the table without it"),
	LOG_ACT("Unable to read primary mirror during recovery",
		"the first leg can't be read while the others are made",
		"look at the device"),
	LOG_ACT("Write error during recovery (error = *)",
		"a leg can't be written while it is made",
		"look at the devices"),
	LOG_ACT("log * failed",
		"the log of regions can't be used",
		NULL),
	LOG_ACT("* Failed to * header on dirty region log device",
		"the log's device can't be read or written",
		"look at the log's device"),
	{ .text = "incompatible disk log version", .argument = "log_dev",
	  .rule = "the log is of another version",
	  .expected = "another log device",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "log device * too small: need * bytes", .argument = "log_dev",
	  .rule = "the log's device is too small",
	  .expected = "a larger one",
	  .verdict = BP_VERDICT_ACT },
	{ .text = "region count exceeds limit of *", .argument = "region_sectors",
	  .rule = "there are too many regions",
	  .expected = "larger regions",
	  .verdict = BP_VERDICT_ACT },
	LOG_ACT("* Userspace log server not found*",
		"the log is kept by a program (cmirrord) that does not run",
		"start cmirrord"),
	LOG_ACT("[*] Request timed out: [*] - retrying",
		"the program that keeps the log (cmirrord) does not answer",
		"look at cmirrord"),
	LOG_HARMLESS("Attempting to contact userspace log server...",
		"the log is kept by a program, and that is being looked for"),
	LOG_HARMLESS("Reconnected to userspace log server... *",
		"the program that keeps the log answers again"),
	LOG_ACT("Userspace log server failed to create log",
		"the program that keeps the log (cmirrord) refused it",
		"its own log says why"),
	LOG_ACT("Error trying to resume userspace log: *",
		"the program that keeps the log (cmirrord) could not go on",
		"its own log says why"),
	LOG_ACT("Failed to get region size of dirty log",
		"the program that keeps the log (cmirrord) does not know the region size",
		"look at cmirrord"),
	LOG_ACT("DM_ULOG_CTR device return string not properly terminated",
		"the program that keeps the log (cmirrord) answered wrongly",
		"a newer cmirrord"),
	LOG_ACT("Failed to register * with device-mapper",
		"the log's device could not be opened",
		"look at the log's device"),
	LOG_ACT("UUID argument too long.",
		"the name of a userspace log has 128 letters at most",
		"a shorter one"),
	LOG_ACT("* space to receive package *",
		"the answer of the program that keeps the log (cmirrord) is too long",
		"a newer cmirrord"),
	LOG_ACT("Incomplete message received *",
		"the answer of the program that keeps the log (cmirrord) was cut",
		"look at cmirrord"),
	LOG_ACT("Size of tfr exceeds preallocated size",
		"a message to the program that keeps the log is too long",
		"fewer, or shorter, words in the table"),
	LOG_ACT("Unable to send log request * to userspace: *",
		"the program that keeps the log (cmirrord) can't be reached: I/O waits",
		"start cmirrord"),
	LOG_ACT("Unable to initialize userspace log communications",
		"the kernel can't speak to programs that keep logs",
		"a kernel with CONFIG_CONNECTOR"),
	LOG_ACT("couldn't start dmlogd",
		"the kernel has no memory for it",
		"free memory, and try again"),
	{ NULL },
};
/* clang-format on */

static const char *const log_names[] = { "raid1", "dirty region log", "dm-log-userspace",
					 "region hash", NULL };

static size_t count_dead(const char *health)
{
	size_t dead = 0;

	for (; health && *health; health++)
		dead += *health != 'A';
	return dead;
}

/* Letters of the health: A alive, D dead, S out of sync, R read errors. */
static void judge(struct judge *j, const void *p)
{
	const struct bp_mirror_status *s = p;
	size_t dead = count_dead(s->health);

	if (dead)
		judge_say(j, BP_VERDICT_ACT,
			  "look at the device; then reload the table without it",
			  "%zu %s had errors", dead, dead == 1 ? "leg has" : "legs have");
	judge_say(j, BP_VERDICT_HARMLESS, NULL, "all legs work");
}

static void conditions(struct conditions *c, const struct bp_status *now, const void *p)
{
	const struct bp_mirror_status *s = now->values;

	(void)p;
	if (s)
		conditions_of_legs(c, s->health, "A");
}

static const struct brief brief[] = {
	{ "legs", "health", NULL },
	{ "in sync", "synced_regions", "total_regions" },
	{ NULL },
};

const struct bp_target target_mirror = {
	.name = "mirror",
	.summary = "several copies of the same data, with a log of what is being written",
	.module = "dm-mirror",
	.since = "2.6.0",
	.size = sizeof(struct bp_mirror),
	.args = args,
	.status_size = sizeof(struct bp_mirror_status),
	.status = status,
	.brief = brief,
	.check = check,
	.length = length,
	.rules = rules,
	.log_names = log_names,
	.log = log_lines,
	.judge = judge,
	.conditions = conditions,
};
