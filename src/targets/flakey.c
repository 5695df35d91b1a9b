/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flakey DEV OFFSET UP DOWN [#FEATURES FEATURE...]. The target's version says nothing about its
 * features: error_reads and the random ones came without a new number.
 * Source: Linux, drivers/md/dm-flakey.c.
 */
#include "targets/grammar/rule.h"

#include <inttypes.h>

/* 6.1 is known not to have them, 6.12 to have them; so long is a line of all features then. */
#define NEW_FEATURES  0x060c
#define WITHOUT_NEW   0x0601
#define FEATURE_WORDS 11
/* From here on conflicts with the random features, and repeated words, are refused. */
#define STRICT 0x0702

static const struct arg_word directions[] = {
	{ "r", BP_FLAKEY_READ },
	{ "w", BP_FLAKEY_WRITE },
	{ NULL },
};

static const struct arg corrupt[] = {
	ARG_NUMBER(struct bp_flakey_corrupt, nth_byte, 1, UINT32_MAX,
		   "which byte of the data, from 1"),
	ARG_CHOICE(struct bp_flakey_corrupt, direction, directions, "of reads or of writes"),
	ARG_NUMBER(struct bp_flakey_corrupt, value, 0, 255, "what the byte becomes"),
	ARG_NUMBER(struct bp_flakey_corrupt, bio_flags, 0, UINT32_MAX,
		   "only where all these flags are set; 0: always"),
	ARG_END,
};

/* In the order in which kernels print them. */
static const struct arg features[] = {
	ARG_FLAG(struct bp_flakey, error_reads, "reads fail", .since = NEW_FEATURES,
		 .absent = WITHOUT_NEW),
	ARG_FLAG(struct bp_flakey, drop_writes, "writes are lost without an error"),
	ARG_FLAG(struct bp_flakey, error_writes, "writes fail"),
	ARG_POINTER(struct bp_flakey, corrupt_bio_byte, corrupt,
		    "one byte of reads or writes is changed"),
	ARG_MAYBE(struct bp_flakey, random_read_corrupt_ppb, 0, 1000000000,
		  "so many reads are damaged", .word = "random_read_corrupt",
		  .since = NEW_FEATURES, .absent = WITHOUT_NEW, .def = "0"),
	ARG_MAYBE(struct bp_flakey, random_write_corrupt_ppb, 0, 1000000000,
		  "so many writes are damaged", .word = "random_write_corrupt",
		  .since = NEW_FEATURES, .absent = WITHOUT_NEW, .def = "0"),
	ARG_END,
};

static const struct arg args[] = {
	ARG_DEV(struct bp_flakey, dev, "the device mapped to"),
	ARG_NUMBER(struct bp_flakey, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_NUMBER(struct bp_flakey, up_seconds, 0, UINT32_MAX, "how long it works"),
	ARG_NUMBER(struct bp_flakey, down_seconds, 0, UINT32_MAX,
		   "how long it misbehaves then"),
	ARG_OPTIONS(features, .max = FEATURE_WORDS, .flags = ARG_OPTIONAL | ARG_NOCASE),
	ARG_END,
};

static bool corrupts(const struct bp_flakey *flakey, enum bp_flakey_direction direction)
{
	return flakey->corrupt_bio_byte && flakey->corrupt_bio_byte->direction == direction;
}

/* Without any feature all I/O fails, which newer kernels say with two features. */
static int canonical(void *params, struct arena *arena)
{
	struct bp_flakey *flakey = params;

	(void)arena;
	if (flakey->error_reads || flakey->drop_writes || flakey->error_writes ||
	    flakey->corrupt_bio_byte || flakey->random_read_corrupt_ppb.value ||
	    flakey->random_write_corrupt_ppb.value)
		return 0;
	flakey->error_reads = flakey->error_writes = true;
	return 0;
}

/* Their sum is a 32-bit number in the kernel. Source: drivers/md/dm-flakey.c, flakey_ctr(). */
static void check_intervals(struct check *c, const struct bp_flakey *flakey)
{
	uint64_t sum = (uint64_t)flakey->up_seconds + flakey->down_seconds;

	if (sum == 0)
		check_refuse(c, "down_seconds", "1 or more",
			     "up_seconds and down_seconds must not both be 0");
	else if (sum > UINT32_MAX)
		check_refuse(c, "down_seconds", NULL,
			     "up_seconds and down_seconds are %" PRIu64
			     " together, and may be %" PRIu32,
			     sum, UINT32_MAX);
}

/* A conflict that only newer kernels mind; before, both features are in effect or one is not.
 */
static void check_strict(struct check *c, const char *name, const char *other)
{
	enum bp_answer strict = check_release(c, STRICT);

	if (strict == BP_ANSWER_NO)
		return;
	check_found(c, strict == BP_ANSWER_YES ? BP_SEVERITY_REFUSED : BP_SEVERITY_WARNING,
		    name, NULL, "%s makes no sense with %s, and Linux 7.2 refuses it", name,
		    other);
}

/* Some kernels take what others refuse: check_strict() tells by release. */
static void check_conflicts(struct check *c, const struct bp_flakey *flakey)
{
	const bool drops = flakey->drop_writes, fails = flakey->error_writes;
	const char *writes = drops ? "drop_writes" : "error_writes";

	if (drops && fails)
		check_refuse(c, "error_writes", NULL,
			     "writes can't be dropped and fail: drop_writes is given too");
	if ((drops || fails) && corrupts(flakey, BP_FLAKEY_WRITE))
		check_refuse(c, "corrupt_bio_byte.direction", "r",
			     "no write can be changed while %s is given", writes);
	if ((drops || fails) && flakey->random_write_corrupt_ppb.value)
		check_strict(c, "random_write_corrupt_ppb", writes);
	if (flakey->error_reads && corrupts(flakey, BP_FLAKEY_READ))
		check_strict(c, "corrupt_bio_byte.direction", "error_reads");
	if (flakey->error_reads && flakey->random_read_corrupt_ppb.value)
		check_strict(c, "random_read_corrupt_ppb", "error_reads");
}

static void check(struct check *c, const void *params)
{
	const struct bp_flakey *flakey = params;

	check_intervals(c, flakey);
	check_conflicts(c, flakey);
}

/* clang-format off */
#define FLAKEY_TWICE(word) \
	{ "Feature " #word " duplicated", #word, "the word is given twice", "once" }

static const struct rule rules[] = {
	RULE_COUNT("Invalid number of feature args", "#features"),
	{ "Invalid corrupt bio byte", "corrupt_bio_byte.nth_byte", "the byte's number must be 1 or more",
	  "1 to 4294967295" },
	{ "Invalid corrupt value to write into bio byte (0-255)", "corrupt_bio_byte.value",
	  "the value must be a byte", "0 to 255" },
	{ "Invalid corrupt bio flags mask", "corrupt_bio_byte.bio_flags", "the mask must be a number",
	  "0 for all bios" },
	RULE_COUNT("Insufficient feature arguments", "#features"),
	FLAKEY_TWICE(drop_writes),
	{ "Feature drop_writes conflicts with feature error_writes", "drop_writes",
	  "drop_writes and error_writes exclude each other", "one of them" },
	FLAKEY_TWICE(error_writes),
	{ "Feature error_writes conflicts with feature drop_writes", "error_writes",
	  "drop_writes and error_writes exclude each other", "one of them" },
	{ "Feature corrupt_bio_byte requires parameters", "corrupt_bio_byte",
	  "corrupt_bio_byte has four values", "corrupt_bio_byte NTH r|w VALUE FLAGS" },
	{ "Invalid corrupt bio direction (r or w)", "corrupt_bio_byte.direction",
	  "the direction is of reads or writes", "r or w" },
	{ "Unrecognised flakey feature requested", "#features",
	  "the word is none of the features of this kernel",
	  "drop_writes, error_writes, error_reads, corrupt_bio_byte ..." },
	{ "drop_writes is incompatible with corrupt_bio_byte with the WRITE flag set", "drop_writes",
	  "writes can't be dropped and corrupted", "corrupt_bio_byte ... r ..., or no drop_writes" },
	{ "error_writes is incompatible with corrupt_bio_byte with the WRITE flag set", "error_writes",
	  "writes can't fail and be corrupted", "corrupt_bio_byte ... r ..., or no error_writes" },
	{ "Invalid up interval", "up_seconds", "it must be a number of seconds", "0 to 4294967295" },
	{ "Invalid down interval", "down_seconds", "it must be a number of seconds",
	  "0 to 4294967295" },
	{ "Invalid argument count", NULL, "flakey has four arguments at least",
	  "DEV OFFSET UP DOWN" },
	RULE_NO_MEMORY("Cannot allocate context"),
	RULE_SECTOR("Invalid device sector", "offset_sectors"),
	{ "Total (up + down) interval is zero", "up_seconds", "one of the intervals must not be 0",
	  "1 or more" },
	{ "Interval overflow", "up_seconds", "both intervals together are too long",
	  "4294967295 at most, together" },
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ "Invalid random corrupt argument", "random_read_corrupt_ppb",
	  "the probability is in parts of 1000000000", "0 to 1000000000" },
	FLAKEY_TWICE(error_reads),
	{ "Feature random_read_corrupt requires a parameter", "random_read_corrupt_ppb",
	  "random_read_corrupt has a value", "random_read_corrupt PROBABILITY" },
	{ "Feature random_write_corrupt requires a parameter", "random_write_corrupt_ppb",
	  "random_write_corrupt has a value", "random_write_corrupt PROBABILITY" },
	FLAKEY_TWICE(corrupt_bio_byte),
	{ "Feature corrupt_bio_byte requires 4 parameters", "corrupt_bio_byte",
	  "corrupt_bio_byte has four values", "corrupt_bio_byte NTH r|w VALUE FLAGS" },
	{ "Feature random_read_corrupt duplicated", "random_read_corrupt_ppb",
	  "the word is given twice", "once" },
	{ "Feature random_write_corrupt duplicated", "random_write_corrupt_ppb",
	  "the word is given twice", "once" },
	{ "drop_writes is incompatible with random_write_corrupt or corrupt_bio_byte with the WRITE "
	  "flag set", "drop_writes", "writes can't be dropped and corrupted", "one of them" },
	{ "error_writes is incompatible with random_write_corrupt or corrupt_bio_byte with the WRITE "
	  "flag set", "error_writes", "writes can't fail and be corrupted", "one of them" },
	{ "error_reads is incompatible with random_read_corrupt or corrupt_bio_byte with the READ "
	  "flag set", "error_reads", "reads can't fail and be corrupted", "one of them" },
	{ NULL },
};
/* clang-format on */

/* clang-format off */
static const struct rule log_lines[] = {
	LOG_HARMLESS("Corrupting data bio=*",
		"as the table asks, a byte of this I/O was changed"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_flakey = {
	.name = "flakey",
	.summary = "work for a while, misbehave for a while, in turns",
	.reprint = "Linux 6.12 prints error_reads and error_writes where nothing was asked "
		   "for, which 6.1 refuses",
	.module = "dm-flakey",
	.since = "2.6.39",
	.size = sizeof(struct bp_flakey),
	.args = args,
	.ignores_extra = true,
	.canonical = canonical,
	.maps = MAPS(struct bp_flakey, dev, offset_sectors),
	.check = check,
	.rules = rules,
	.log = BP_RESCUE ? NULL : log_lines,
};
