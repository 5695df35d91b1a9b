/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-flight: each rule finds what breaks it, says so, and is silent otherwise. */
#include "context_test.h"

#include <stdio.h>

#include <bedplate/bedplate.h>

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	(void)user;
	*ret = (struct bp_bdev){ .size_bytes = 1 << 20, .logical_block_bytes = 512 };
	if (sscanf(dev, "%u:%u", &ret->major, &ret->minor) == 2) {
		ret->logical_block_bytes = ret->major == 259 ? 4096 : 512;
		return ret->major == 99 ? -ENXIO : 0;
	}
	if (streq(dev, "/dev/sda")) {
		ret->major = 8;
		return 0;
	}
	if (streq(dev, "/dev/secret"))
		return -EACCES;
	return streq(dev, "/dev/null") ? -ENOTBLK : -ENOENT;
}

static enum bp_answer busy(void *user, const struct bp_bdev *bdev)
{
	(void)user;
	return bdev->major == 66   ? BP_ANSWER_YES
	       : bdev->major == 67 ? BP_ANSWER_UNKNOWN
				   : BP_ANSWER_NO;
}

static enum bp_answer has_target(void *user, const char *target, uint32_t version[3])
{
	(void)user;
	version[0] = 1;
	return streq(target, "nosuch") || streq(target, "liner") || streq(target, "striped")
		       ? BP_ANSWER_NO
		       : BP_ANSWER_YES;
}

static enum bp_answer lies_on(void *user, const struct bp_bdev *bdev, const char *device)
{
	(void)user;
	assert_string_equal(device, "253:9");
	return bdev->major == 253 && bdev->minor == 8 ? BP_ANSWER_YES : BP_ANSWER_NO;
}

enum how { PLAIN = 0, READ_ONLY = 1, KERNEL = 2, SELF = 4 };

/* clang-format off */
static const struct {
	const char *text;
	enum how how;
	enum bp_severity severity;
	const char *finding; /* the message; NULL: nothing is found */
} cases[] = {
	{ "0 8 linear 8:0 0" },
	{ "", PLAIN, BP_SEVERITY_REFUSED, "the table is empty (right: START LENGTH TARGET ...)" },
	{ "8 8 linear 8:0 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): start: the first segment must begin at 0, not 8" },
	{ "0 8 zero\n16 8 zero", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 1 (zero): start: a gap: the segment begins at 16, behind the end of the one before (right: 8)" },
	{ "0 8 zero\n4 8 zero", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 1 (zero): start: an overlap: the segment begins at 4, before the end of the one before (right: 8)" },
	{ "0 0 zero", PLAIN, BP_SEVERITY_REFUSED, "segment 0 (zero): length: the segment is empty (right: 1 or more)" },
	{ "0 18014398509481983 zero" },
	{ "0 18014398509481984 zero", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (zero): length: too large: a device ends at sector 18014398509481983 at most" },
	{ "0 18446744073709551615 zero", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (zero): length: too large: a device ends at sector 18014398509481983 at most" },
	{ "0 8 linear /dev/none 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '/dev/none': no such device" },
	{ "0 8 linear 99:0 0", PLAIN, BP_SEVERITY_REFUSED, "segment 0 (linear): argument 1 (dev): '99:0': no such device" },
	{ "0 8 linear /dev/null 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '/dev/null': not a block device" },
	{ "0 8 linear /dev/secret 0", PLAIN, BP_SEVERITY_UNKNOWN,
	  "segment 0 (linear): argument 1 (dev): '/dev/secret': the device could not be looked at: Permission denied" },
	{ "0 8 linear 66:0 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '66:0': the device is held by someone else" },
	{ "0 8 linear 67:0 0", PLAIN, BP_SEVERITY_UNKNOWN,
	  "segment 0 (linear): argument 1 (dev): '67:0': it can't be told whether someone has the device for himself alone" },
	{ "0 8 linear 253:9 0", SELF, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '253:9': a device can't lie on itself" },
	{ "0 8 linear 253:8 0", SELF, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '253:8': a circle: the device lies on the one that the table is for, and I/O to it would never end" },
	{ "0 8 linear 253:7 0", SELF },
	{ "0 2048 linear 8:0 0" },
	{ "0 2049 linear 8:0 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '8:0': the device is too small: 2049 sectors from 0 are used, it has 2048" },
	{ "0 8 linear 8:0 2048", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '8:0': the device is too small: 8 sectors from 2048 are used, it has 2048" },
	{ "0 8 linear 8:0 18446744073709551615", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '8:0': the device is too small: 8 sectors from 18446744073709551615 are used, it has 2048" },
	{ "0 8 linear 259:0 4", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '259:0': the offset, 4 sectors, must be a multiple of the device's logical block, 8 sectors" },
	{ "0 4 linear 259:0 8", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (linear): argument 1 (dev): '259:0': the length, 4 sectors, must be a multiple of the device's logical block, 8 sectors" },
	{ "0 8 liner x", PLAIN, BP_SEVERITY_UNKNOWN,
	  "segment 0 (liner): the target 'liner' is not known here; did you mean 'linear'?" },
	{ "0 8 nosuch x", PLAIN, BP_SEVERITY_UNKNOWN, "segment 0 (nosuch): the target 'nosuch' is not known here" },
	{ "0 8 liner 8:0 0", KERNEL, BP_SEVERITY_REFUSED,
	  "segment 0 (liner): this kernel has no target 'liner'; did you mean 'linear'?" },
	{ "0 8 crypt 00112233445566778899aabbccddeeff aes-xts-plain64 0 8:0 0", KERNEL, BP_SEVERITY_REFUSED,
	  "segment 0 (crypt): argument 1 (cipher): '-': key and cipher are swapped: the cipher comes first (right: CIPHER KEY IV_OFFSET DEV OFFSET)" },
	{ "0 8 crypt :64:logon:a-b aes-xts-plain64 0 8:0 0", KERNEL, BP_SEVERITY_REFUSED,
	  "segment 0 (crypt): argument 1 (cipher): ':64:logon:a-b': key and cipher are swapped: the cipher comes first (right: CIPHER KEY IV_OFFSET DEV OFFSET)" },
	{ "0 8 nosuch x", KERNEL, BP_SEVERITY_REFUSED, "segment 0 (nosuch): this kernel has no target 'nosuch'" },
	{ "0 8 other x", KERNEL, BP_SEVERITY_UNKNOWN,
	  "segment 0 (other): the target is not known here: its arguments were not checked" },
	{ "0 64 striped 1 64 8:0 0", KERNEL, BP_SEVERITY_REFUSED,
	  "segment 0 (striped): this kernel has no target 'striped': module dm-mod" },
	{ "0 128 striped 2 64 8:0 0 8:16 0" },
	{ "0 129 striped 2 64 8:0 0 8:16 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (striped): length: must be a multiple of 2 legs of 64 sectors" },
	{ "0 128 striped 0 64", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (striped): argument 1 (nr_legs): '0': out of range (right: 1 to 4294967295)" },
	{ "0 128 striped 2 0 8:0 0 8:16 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (striped): argument 2 (chunk_sectors): '0': out of range, in sectors (right: 1 to 4294967295)" },
	{ "0 4096 striped 2 64 8:0 0 8:16 64", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (striped): argument 5 (legs.1.dev): '8:16': the device is too small: 2048 sectors from 64 are used, it has 2048" },
	{ "0 2048 raid raid5_ls 3 64 delta_disks -254 3 - 8:0 - 8:16 - 8:32", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (raid): argument 5 (delta_disks): '-254': out of range (right: -253 to 253)" },
	{ "0 128 thin 253:0 16777215" },
	{ "0 128 thin 253:0 16777216", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin): argument 2 (id): '16777216': out of range (right: 0 to 16777215)" },
	{ "0 128 thin 253:0 1 253:0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin): argument 3 (external_origin_dev): '253:0': it is the pool itself (right: another device)" },
	{ "0 128 thin-pool 8:0 8:16 128 0" },
	{ "0 128 thin-pool 8:0 8:16 64 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin-pool): argument 3 (data_block_sectors): '64': out of range, in sectors (right: 128 to 2097152)" },
	{ "0 256 thin-pool 8:0 8:16 192 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin-pool): argument 3 (data_block_sectors): '192': blocks come in steps of 128 sectors (64 KiB) (right: a multiple of 128)" },
	{ "0 64 thin-pool 8:0 8:16 128 0", PLAIN, BP_SEVERITY_WARNING,
	  "segment 0 (thin-pool): length: shorter than a block: the pool will have no data blocks" },
	{ "0 128 thin-pool 8:0 8:0 128 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin-pool): argument 2 (data_dev): '8:0': it is the metadata device as well (right: another device)" },
	{ "0 128 thin-pool 8:0 /dev/sda 128 0", PLAIN, BP_SEVERITY_WARNING,
	  "segment 0 (thin-pool): argument 2 (data_dev): '/dev/sda': it is the metadata device as well, which the kernel does not see (right: another device)" },
	{ "0 128 thin-pool 8:0 8:16 128 0 5 skip_block_zeroing ignore_discard no_discard_passdown read_only error_if_no_space",
	  PLAIN, BP_SEVERITY_REFUSED,
	  "segment 0 (thin-pool): argument 5 (#features): '5': more words than the target takes (right: 0 to 4)" },
	{ "0 128 thin-pool 8:0 8:16 128 0 0 junk", PLAIN, BP_SEVERITY_WARNING,
	  "segment 0 (thin-pool): the kernel ignores 'junk' and all behind it" },
	{ "0 128 thin-pool 8:0 8:16 128 0", READ_ONLY, BP_SEVERITY_REFUSED,
	  "segment 0 (thin-pool): a table of thin-pool can't be read-only" },
	{ "0 8 zero\n8 128 thin-pool 8:0 8:16 128 0", PLAIN, BP_SEVERITY_REFUSED,
	  "segment 1 (thin-pool): thin-pool must be the only segment of its table" },
};
/* clang-format on */

static struct bp_findings *check(const char *text, enum how how, const struct bp_table *live)
{
	struct bp_table_check_opts opts = {
		.size = sizeof(opts),
		.lookup = lookup,
		.busy = busy,
		.has_target = how & KERNEL ? has_target : NULL,
		.kernel_release = 0x060c,
		.read_only = how & READ_ONLY,
		.device = how & SELF ? "253:9" : NULL,
		.live = live,
		.lies_on = lies_on,
	};
	struct bp_findings *findings;
	struct bp_table *table;

	if (bp_table_parse(ctx, text, 0, &table) != 0)
		fail_msg("'%s': %s", text, bp_errmsg(ctx));
	assert_ok(bp_table_check(ctx, table, &opts, &findings));
	bp_table_free(table);
	return findings;
}

static void every_rule_speaks_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bp_findings *findings = check(cases[i].text, cases[i].how, NULL);
		const struct bp_finding *f = bp_findings_get(findings, 0);

		if (!f != !cases[i].finding)
			fail_msg("'%s': '%s'", cases[i].text,
				 f ? f->message : "nothing is found");
		if (f) {
			if (!streq(f->message, cases[i].finding))
				fail_msg("'%s': '%s', not '%s'", cases[i].text, f->message,
					 cases[i].finding);
			assert_int_equal(f->severity, cases[i].severity);
			assert_int_equal(bp_findings_severity(findings), cases[i].severity);
			if (bp_findings_count(findings) != 1)
				fail_msg("'%s': '%s' too", cases[i].text,
					 bp_findings_get(findings, 1)->message);
		}
		bp_findings_free(findings);
	}
}

/* Every broken rule is found, not only the first. */
static void findings_come_together(void **state)
{
	struct bp_findings *findings =
		check("0 0 linear 99:0 0\n8 8 striped 2 0 8:0 0 8:16 0", 0, NULL);
	const struct bp_finding *f;

	(void)state;
	assert_int_equal(bp_findings_count(findings), 4);
	f = bp_findings_get(findings, 2);
	assert_int_equal(f->segment, 0);
	assert_string_equal(f->target, "linear");
	assert_int_equal(f->argument, 1);
	assert_string_equal(f->argument_name, "dev");
	assert_string_equal(f->value, "99:0");
	assert_string_equal(f->rule, "no such device");
	assert_null(f->expected);
	assert_null(bp_findings_get(findings, 4));
	bp_findings_free(findings);
}

/* Without devices to look at, each device is said to be unknown. */
static void what_is_unknown_is_said(void **state)
{
	struct bp_findings *findings;
	struct bp_table *table;

	(void)state;
	assert_ok(bp_table_parse(ctx, "0 8 thin-pool 8:0 8:16 128 0", 0, &table));
	assert_ok(bp_table_check(ctx, table, NULL, &findings));
	assert_int_equal(bp_findings_count(findings), 3);
	assert_int_equal(bp_findings_get(findings, 0)->severity, BP_SEVERITY_UNKNOWN);
	assert_string_equal(
		bp_findings_get(findings, 1)->message,
		"segment 0 (thin-pool): argument 2 (data_dev): '8:16': the device was "
		"not looked at");
	bp_findings_free(findings);
	bp_table_free(table);
}

static void a_half_made_table_is_found_out(void **state)
{
	struct bp_findings *findings;
	struct bp_table *table;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_ok(bp_table_append(ctx, table, 8, "linear", NULL, 0));
	assert_ok(bp_table_check(ctx, table, NULL, &findings));
	assert_int_equal(bp_findings_count(findings), 1);
	assert_string_equal(bp_findings_get(findings, 0)->message,
			    "segment 0 (linear): dev: argument 1 (dev): is not given");
	bp_findings_free(findings);
	bp_table_free(table);
}

static void a_pool_stays_a_pool(void **state)
{
	struct bp_findings *findings;
	struct bp_table *live;

	(void)state;
	assert_ok(bp_table_parse(ctx, "0 128 thin-pool 8:0 8:16 128 0", 0, &live));
	findings = check("0 128 linear 8:0 0", 0, live);
	assert_int_equal(bp_findings_count(findings), 1);
	assert_string_equal(
		bp_findings_get(findings, 0)->message,
		"segment 0 (linear): the live device is a thin-pool and can't become "
		"anything else");
	bp_findings_free(findings);
	findings = check("0 128 thin-pool 8:0 8:16 128 7", 0, live);
	assert_int_equal(bp_findings_count(findings), 0);
	bp_findings_free(findings);
	bp_table_free(live);
}

static void findings_are_json(void **state)
{
	struct bp_findings *findings = check("0 8 linear 99:0 0", 0, NULL);
	struct bp_json *json;

	(void)state;
	assert_ok(bp_json_new(NULL, NULL, &json));
	bp_findings_json(findings, json, NULL);
	assert_ok(bp_json_end(json));
	assert_string_equal(
		bp_json_text(json, NULL),
		"[\n  {\n    \"severity\": \"refused\",\n    \"segment\": 0,\n"
		"    \"target\": \"linear\",\n    \"argument\": 1,\n"
		"    \"argument_name\": \"dev\",\n    \"value\": \"99:0\",\n"
		"    \"rule\": \"no such device\",\n"
		"    \"message\": \"segment 0 (linear): argument 1 (dev): '99:0': no such "
		"device\"\n  }\n]\n");
	bp_json_free(json);
	bp_findings_free(findings);
}

/* The caller's last error is not the check's business. */
static void an_older_error_survives(void **state)
{
	struct bp_table *table = NULL;
	struct bp_findings *findings;

	(void)state;
	findings = check("0 8 linear 99:0 0", 0, NULL);
	bp_findings_free(findings);
	assert_err(bp_table_parse(ctx, "x", 0, &table), EINVAL);
	assert_ok(bp_table_new(ctx, &table));
	assert_ok(bp_table_append(ctx, table, 8, "linear", NULL, 0));
	assert_ok(bp_table_check(ctx, table, NULL, &findings));
	assert_non_null(strstr(bp_errmsg(ctx), "'x' is no START LENGTH TARGET"));
	bp_findings_free(findings);
	bp_table_free(table);
}

/* What is live decides what may replace it. */
static void replacements(void **state)
{
	/* clang-format off */
	static const struct {
		const char *live, *next;
		const char *finding; /* NULL: none */
	} replaced[] = {
		{ "0 1280 thin-pool 8:0 8:16 128 0", "0 1408 thin-pool 8:0 8:16 128 9" },
		{ "0 1280 thin-pool 8:0 8:16 128 0", "0 1280 thin-pool 8:32 8:16 128 0",
		  "segment 0 (thin-pool): argument 1 (metadata_dev): '8:32': a live pool keeps its metadata device (right: the same metadata device)" },
		{ "0 1280 thin-pool 8:0 8:16 128 0", "0 1280 thin-pool 8:0 8:16 128 0 1 ignore_discard",
		  "segment 0 (thin-pool): argument 6 (ignore_discard): 'ignore_discard': a live pool can't stop taking discards (right: no ignore_discard, or a new device)" },
		{ "0 1280 thin-pool 8:0 8:16 128 0", "0 1152 thin-pool 8:0 8:16 128 0",
		  "segment 0 (thin-pool): length: a live pool can't shrink (right: as long as it is, or longer)" },
		{ "0 8 linear 8:0 0", "0 8 multipath 2 queue_mode bio 0 1 1 round-robin 0 1 1 8:0 1" },
		{ "0 8 linear 8:0 0", "0 8 multipath 0 0 1 1 round-robin 0 1 1 8:0 1",
		  "segment 0 (multipath): a live device keeps its way of passing on I/O, by requests or by bios (right: the same queue_mode, or a new device)" },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replaced); i++) {
		struct bp_findings *findings;
		const char *found = NULL;
		struct bp_table *live;

		assert_ok(bp_table_parse(ctx, replaced[i].live, 0, &live));
		findings = check(replaced[i].next, PLAIN, live);
		for (size_t f = 0; f < bp_findings_count(findings); f++)
			if (bp_findings_get(findings, f)->severity == BP_SEVERITY_REFUSED)
				found = bp_findings_get(findings, f)->message;
		if (replaced[i].finding ? !found || !streq(found, replaced[i].finding)
					: found != NULL)
			fail_msg("'%s': %s", replaced[i].next, found ? found : "nothing found");
		bp_findings_free(findings);
		bp_table_free(live);
	}
}

/* Printed tables are told of what they lost; others, and targets that lose nothing, are not. */
static void printed_tables_are_marked(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "0 8 error", "the device that lends its limits is never printed" },
		{ "0 8 thin Fail", "prints Fail in place of its arguments" },
		{ "0 8 zero", NULL },
	};
	struct bp_table_check_opts opts = { .size = sizeof(opts), .kernel_release = 0x060c };

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const char *says = rows[i / 2].says;
		struct bp_findings *findings;
		struct bp_table *table;
		bool said = false;

		opts.printed = i % 2;
		assert_ok(bp_table_parse(ctx, rows[i / 2].line, BP_TABLE_PRINTED, &table));
		assert_ok(bp_table_check(ctx, table, &opts, &findings));
		for (size_t k = 0; k < bp_findings_count(findings); k++)
			said |= says && strstr(bp_findings_get(findings, k)->rule, says);
		assert_int_equal(said, says && opts.printed);
		bp_findings_free(findings);
		bp_table_free(table);
	}
}

/* --- what more is looked at: keys, devices used twice, what runs where --- */

/* 60:0 refuses writes; 253:1 is a pool; 8:48 begins with zeros, and is a cache's metadata. */
static int lookup_more(void *user, const char *dev, struct bp_bdev *ret)
{
	int r = lookup(user, dev, ret);

	ret->read_only = ret->major == 60;
	return r;
}

static enum bp_answer runs(void *user, const struct bp_bdev *bdev, const char *target)
{
	(void)user;
	assert_string_equal(target, "thin-pool");
	return bdev->major == 253 && bdev->minor == 1 ? BP_ANSWER_YES : BP_ANSWER_NO;
}

static enum bp_answer used_as(void *user, const struct bp_bdev *bdev, const char *target,
			      const char *argument, const char *except)
{
	(void)user;
	assert_true(streq(argument, "metadata_dev") ||
		    (streq(argument, "cache_dev") && streq(target, "writecache")));
	assert_null(except);
	return bdev->major == 8 && bdev->minor == 48 ? BP_ANSWER_YES : BP_ANSWER_NO;
}

static enum bp_answer is_blank(void *user, const struct bp_bdev *bdev)
{
	(void)user;
	return bdev->minor == 48 ? BP_ANSWER_YES : BP_ANSWER_NO;
}

#define INTEGRITY "0 1000 integrity 8:0 0 32 J "
static const struct {
	const char *text;
	enum bp_severity severity;
	const char *argument,
		*says; /* says: a part of the rule, or of what is right; NULL: nothing */
} more[] = {
	{ INTEGRITY "1 internal_hash:hmac(sha256)", BP_SEVERITY_REFUSED, "internal_hash",
	  "HEXKEY" },
	{ INTEGRITY "1 internal_hash:hmac(sha256):0011" },
	{ INTEGRITY "1 internal_hash:cmac(aes)", BP_SEVERITY_REFUSED, "internal_hash",
	  "HEXKEY" },
	{ INTEGRITY "1 internal_hash:sha256" },
	{ INTEGRITY "1 internal_hash:sha256:aabb", BP_SEVERITY_REFUSED, "internal_hash",
	  "no key" },
	{ INTEGRITY "1 internal_hash:crc32c:aa", BP_SEVERITY_REFUSED, "internal_hash",
	  "four bytes" },
	{ INTEGRITY "1 internal_hash:crc32c:aabbccdd" },
	{ INTEGRITY "1 internal_hash:xxhash64:aabb", BP_SEVERITY_REFUSED, "internal_hash",
	  "eight" },
	{ INTEGRITY "1 internal_hash:blake2b-256:aabb" },
	{ INTEGRITY "2 internal_hash:sha256 journal_mac:hmac(sha256)", BP_SEVERITY_REFUSED,
	  "journal_mac", "HEXKEY" },
	{ INTEGRITY "2 internal_hash:sha256 journal_mac:sha256:aa", BP_SEVERITY_REFUSED,
	  "journal_mac", "hmac" },
	{ INTEGRITY "2 internal_hash:sha256 journal_mac:hmac(sha256):aa" },
	{ INTEGRITY "2 internal_hash:sha256 journal_crypt:cbc(aes)", BP_SEVERITY_REFUSED,
	  "journal_crypt", "HEXKEY" },
	{ INTEGRITY "2 internal_hash:sha256 journal_crypt:cbc(aes):aa", BP_SEVERITY_REFUSED,
	  "journal_crypt", "16, 24 or 32 bytes" },
	{ INTEGRITY
	  "2 internal_hash:sha256 journal_crypt:cbc(aes):00112233445566778899aabbccddeeff" },
	{ INTEGRITY
	  "2 internal_hash:sha256 journal_crypt:xts(aes):00112233445566778899aabbccddeeff",
	  BP_SEVERITY_REFUSED, "journal_crypt", "twice" },
	{ "0 64 raid raid1 3 0 region_size 64 2 8:0 8:16 8:32 8:64" },
	{ "0 64 raid raid1 3 0 region_size 64 2 8:0 8:16 8:32 8:16", BP_SEVERITY_WARNING,
	  "legs.1.data_dev", "it is legs.0.data_dev as well" },
	{ "0 64 raid raid1 3 0 region_size 64 2 8:0 8:16 8:0 8:64", BP_SEVERITY_WARNING,
	  "legs.1.metadata_dev", "it is legs.0.metadata_dev as well" },
	{ "0 64 mirror core 1 64 2 8:16 0 8:16 1024", BP_SEVERITY_WARNING, "legs.1.dev",
	  "it is legs.0.dev as well" },
	{ "0 64 striped 2 8 8:16 0 8:16 8", BP_SEVERITY_WARNING, "legs.1.dev",
	  "legs.0.dev uses the same sectors" },
	{ "0 64 striped 2 8 8:16 0 8:16 32" },
	{ "0 8 linear 8:16 0\n8 8 linear 8:16 8" },
	{ "0 8 linear 8:16 0\n8 8 linear 8:16 7", BP_SEVERITY_WARNING, "dev",
	  "segment 0 uses the same sectors" },
	{ "0 8 linear 8:0 0\n8 8 linear /dev/sda 4", BP_SEVERITY_WARNING, "dev",
	  "segment 0 uses the same sectors" },
	{ "0 8 delay 8:16 0 1 8:16 0 2" },
	{ "0 8 multipath 0 0 1 1 round-robin 0 2 1 8:16 1 8:32 1" },
	{ "0 8 multipath 0 0 1 1 round-robin 0 2 1 8:16 1 8:32 1000", BP_SEVERITY_WARNING,
	  "groups.0.paths.1.args", "repeat count" },
	{ "0 8 multipath 0 0 1 1 round-robin 0 2 1 8:16 1 8:16 1", BP_SEVERITY_WARNING,
	  "groups.0.paths.1.dev", "uses the same sectors" },
	{ "0 8 thin 253:1 1" },
	{ "0 8 thin 253:2 1", BP_SEVERITY_REFUSED, "pool_dev", "no active thin pool" },
	{ "0 8 linear 60:0 0", BP_SEVERITY_WARNING, "dev", "writes will fail" },
	{ "0 8 thin 253:1 1 60:0" },
	{ "0 128 thin-pool 8:48 8:16 128 0" },
	{ "0 128 thin-pool 8:48 8:16 128 0 1 read_only", BP_SEVERITY_REFUSED, "metadata_dev",
	  "makes no metadata" },
	{ "0 128 thin-pool 8:32 8:16 128 0 1 read_only" },
	{ "0 128 cache 8:32 8:16 8:64 64 0 smq 0" },
	{ "0 128 cache 8:48 8:16 8:64 64 0 smq 0", BP_SEVERITY_WARNING, "metadata_dev",
	  "another live cache" },
	{ "0 128 era 8:48 8:16 128", BP_SEVERITY_WARNING, "metadata_dev", "another live era" },
	{ "0 128 clone 8:48 8:16 8:64 64", BP_SEVERITY_WARNING, "metadata_dev",
	  "another live clone" },
	{ "0 128 writecache s 8:16 8:48 4096 0", BP_SEVERITY_WARNING, "cache_dev",
	  "another live writecache" },
	{ "0 64 mirror disk 2 8:16 64 2 8:0 0 8:16 1024", BP_SEVERITY_WARNING, "legs.1.dev",
	  "it is log_dev as well" },
	{ "0 64 mirror disk 2 8:16 64 2 8:0 0 8:32 0" },
	{ INTEGRITY "2 internal_hash:sha256 meta_device:8:0", BP_SEVERITY_WARNING, "meta_dev",
	  "it is dev as well" },
	{ INTEGRITY "2 internal_hash:sha256 journal_mac:cmac(aes):aabb", BP_SEVERITY_REFUSED,
	  "journal_mac", "16, 24 or 32 bytes" },
	{ INTEGRITY "1 internal_hash:cmac(aes):00112233445566778899aabbccddeeff" },
	{ "0 8 mirror core 1 8 2 8:16 0 259:0 0", BP_SEVERITY_WARNING, NULL,
	  "512 and 4096 bytes" },
};

/* The first finding that is not only "unknown". */
static const struct bp_finding *first_known(const struct bp_findings *findings)
{
	const struct bp_finding *f = NULL;

	for (size_t i = 0; (f = bp_findings_get(findings, i)); i++)
		if (f->severity > BP_SEVERITY_UNKNOWN)
			break;
	return f;
}

static void assert_more(const char *text, const struct bp_finding *f, size_t i)
{
	if (!more[i].says) {
		if (f)
			fail_msg("'%s': %s", text, f->message);
		return;
	}
	if (!f || f->severity != more[i].severity || !strstr(f->message, more[i].says))
		fail_msg("'%s': %s", text, f ? f->message : "nothing found");
	if (more[i].argument)
		assert_string_equal(f->argument_name, more[i].argument);
	else
		assert_null(f->argument_name);
}

static void more_rules(void **state)
{
	struct bp_table_check_opts opts = {
		.size = sizeof(opts),
		.lookup = lookup_more,
		.kernel_release = 0x060c,
		.runs = runs,
		.used_as = used_as,
		.is_blank = is_blank,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		struct bp_findings *findings;
		struct bp_table *table;

		assert_ok(bp_table_parse(ctx, more[i].text, 0, &table));
		assert_ok(bp_table_check(ctx, table, &opts, &findings));
		assert_more(more[i].text, first_known(findings), i);
		bp_findings_free(findings);
		bp_table_free(table);
	}
}

/* A device that gets shorter loses what lies behind; one that does not is not told of. */
static void shorter_tables(void **state)
{
	struct bp_findings *findings;
	struct bp_table *live;

	(void)state;
	assert_ok(bp_table_parse(ctx, "0 8 zero\n8 8 error", 0, &live));
	findings = check("0 15 zero", PLAIN, live);
	assert_int_equal(bp_findings_severity(findings), BP_SEVERITY_WARNING);
	assert_non_null(strstr(bp_findings_get(findings, 0)->rule, "15 sectors instead of 16"));
	bp_findings_free(findings);
	findings = check("0 16 zero", PLAIN, live);
	assert_int_equal(bp_findings_count(findings), 0);
	bp_findings_free(findings);
	bp_table_free(live);
}

/* The gravest finding as an error: what, where, and why. */
static void findings_fail(void **state)
{
	struct bp_findings *findings = check("0 8 linear 8:0 2048", PLAIN, NULL);
	const struct bp_error *e;

	(void)state;
	assert_err(bp_findings_fail(ctx, findings), EINVAL);
	e = bp_error_get(ctx);
	assert_int_equal(e->code, BP_E_TABLE);
	assert_int_equal(e->segment, 0);
	assert_string_equal(e->argument_name, "dev");
	assert_non_null(strstr(bp_errmsg(ctx), "too small"));
	bp_findings_free(findings);
	findings = check("0 64 thin-pool 8:0 8:16 128 0", PLAIN, NULL);
	assert_int_equal(bp_findings_severity(findings), BP_SEVERITY_WARNING);
	assert_ok(bp_findings_fail(ctx, findings));
	bp_findings_free(findings);
}

/* Words of newer kernels are kept where asked for, and the names of printed devices passed over. */
static void words_that_are_kept(void **state)
{
	static const char *const lines[] = {
		"0 2048 crypt aes-xts-plain64 0011 0 8:0 0 1 future_option",
		"0 2048 flakey 8:0 0 1 1 1 new_feature",
		"0 2048 zero extra",
	};
	struct bp_table *table;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		assert_err(bp_table_parse(ctx, lines[i], 0, &table), EINVAL);
		assert_ok(bp_table_parse(ctx, lines[i], BP_TABLE_KEEP, &table));
		assert_non_null(bp_table_get(table, 0)->problem);
		assert_ok(bp_table_format(ctx, table, &text));
		assert_memory_equal(text, lines[i], strlen(lines[i]));
		free(text);
		bp_table_free(table);
	}
	assert_ok(
		bp_table_parse(ctx, "my-dev: 0 8 linear 8:0 1\nmy-dev: 8 8 zero\n", 0, &table));
	assert_int_equal(bp_table_count(table), 2);
	assert_non_null(bp_table_get(table, 0)->params);
	bp_table_free(table);
	assert_err(bp_table_parse(ctx, "my-dev:", 0, &table), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_speaks_once),
		cmocka_unit_test(findings_come_together),
		cmocka_unit_test(what_is_unknown_is_said),
		cmocka_unit_test(a_half_made_table_is_found_out),
		cmocka_unit_test(a_pool_stays_a_pool),
		cmocka_unit_test(replacements),
		cmocka_unit_test(findings_are_json),
		cmocka_unit_test(an_older_error_survives),
		cmocka_unit_test(printed_tables_are_marked),
		cmocka_unit_test(more_rules),
		cmocka_unit_test(shorter_tables),
		cmocka_unit_test(findings_fail),
		cmocka_unit_test(words_that_are_kept),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
