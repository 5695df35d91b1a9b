/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * flakey DEV OFFSET UP DOWN [#FEATURES FEATURE...]. The target's version says nothing about its
 * features: error_reads and the random ones came without a new number.
 * Source: Linux, drivers/md/dm-flakey.c.
 */
#include "targets/grammar/check.h"

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

	check_range(c, "dev", flakey->dev, flakey->offset_sectors, c->length_sectors);
	check_intervals(c, flakey);
	check_conflicts(c, flakey);
}

static int length(const struct length_query *query, const void *params, bp_sector *ret)
{
	const struct bp_flakey *flakey = params;

	return length_of(query, flakey->dev, flakey->offset_sectors, ret);
}

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
	.check = check,
	.length = length,
};
