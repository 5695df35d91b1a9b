/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables and targets: reading, writing, by name, explaining, comparing. */
#include "context_test.h"

#include <stdio.h>

#include <bedplate/bedplate.h>

#include "targets/grammar/target.h"

static struct bp_table *parse(const char *text)
{
	struct bp_table *table = NULL;

	if (bp_table_parse(ctx, text, 0, &table) != 0)
		fail_msg("'%s': %s", text, bp_errmsg(ctx));
	return table;
}

static void assert_format(const struct bp_table *table, const char *expected)
{
	char *text = NULL;

	if (bp_table_format(ctx, table, &text) != 0)
		fail_msg("%s", bp_errmsg(ctx));
	assert_string_equal(text, expected);
	free(text);
}

/* clang-format off */
static const struct {
	const char *text;
	const char *why;    /* NULL where the line is right */
	const char *result; /* NULL: comes out as it went in */
} lines[] = {
	{ "0 8 linear 8:16 2048" },
	{ "0 8 linear /dev/mapper/a\\x20b 0" },
	{ "0 8 linear   8:16\t 0007  ", NULL, "0 8 linear 8:16 7" },
	{ "0 8 linear my\\ disk 0" },
	{ "0 8 linear ends\\\\ 0" },
	{ "0 8 linear #hash 0" },
	{ "0 8 linear 8:16", "segment 0 (linear): argument 2 (offset_sectors): is missing" },
	{ "0 8 linear", "argument 1 (dev): is missing" },
	{ "0 8 linear 8:16 -1", "argument 2 (offset_sectors): '-1' is not a number" },
	{ "0 8 linear 8:16 +8", "argument 2 (offset_sectors): '+8' is not a number" },
	{ "0 8 linear 8:16 0x8", "argument 2 (offset_sectors): '0x8' is not a number" },
	{ "0 8 linear 8:16 8k", "argument 2 (offset_sectors): '8k' is not a number" },
	{ "0 8 linear 8:16 18446744073709551616", "argument 2 (offset_sectors): '18446744073709551616' is too large" },
	{ "0 8 linear 8:16 0 more", "argument 3: 'more' is one word too many" },
	{ "0 8", "segment 0: '0 8' is no START LENGTH TARGET" },
	{ "x 8 linear 8:16 0", "segment 0: start: 'x' is not a number" },
	{ "0 -8 linear 8:16 0", "segment 0: length: '-8' is not a number" },
	{ "0 8 averyveryverylongname 8:0 0", "'averyveryverylongname' can't be a target" },
	{ "0 8 a\\ b 8:0 0", "'a b' can't be a target" },
	{ "0 8 nosuchtarget  any   words", NULL, "0 8 nosuchtarget any words" },
	{ "0 8 zero" },
	{ "0 8 zero 8:16", "argument 1: '8:16' is one word too many" },
	{ "0 8 error" },
	{ "0 8 error 8:16 16" },
	{ "0 8 error junk" },
	{ "0 8 error 1 2 3" },
	{ "0 8 error 8:16 x", "argument 2 (limits.offset_sectors): 'x' is not a number" },
	{ "0 256 striped 2 64 8:0 0 8:16 7" },
	{ "0 256 striped +1 +64 8:0 0", NULL, "0 256 striped 1 64 8:0 0" },
	{ "0 256 striped 2", "argument 1 (nr_legs): '2' announces more than the 0 words that follow" },
	{ "0 256 striped two 64 8:0 0", "argument 1 (nr_legs): 'two' is not a number" },
	{ "0 256 striped 2 64 8:0 0", "argument 5 (legs.1.dev): is missing" },
	{ "0 256 striped 2 64 8:0 0 8:16", "argument 6 (legs.1.offset_sectors): is missing" },
	{ "0 256 striped 2 64 8:0 0 8:16 x", "argument 6 (legs.1.offset_sectors): 'x' is not a number" },
	{ "0 256 striped 1 64 8:0 0 8:16 0", "argument 5: '8:16' is one word too many" },
	{ "0 8 thin 253:0 7" },
	{ "0 8 thin 253:0 7 8:16" },
	{ "0 8 thin 253:0", "argument 2 (id): is missing" },
	{ "0 8 thin 253:0 4294967296", "argument 2 (id): '4294967296' is too large: at most 4294967295" },
	{ "0 8 thin 253:0 7 8:16 x", "argument 4: 'x' is one word too many" },
	{ "0 8 thin-pool 8:0 8:16 128 0", NULL, "0 8 thin-pool 8:0 8:16 128 0 0" },
	{ "0 8 thin-pool 8:0 8:16 +128 +0 0", NULL, "0 8 thin-pool 8:0 8:16 128 0 0" },
	{ "0 8 thin-pool 8:0 8:16 128 0 2 error_if_no_space SKIP_block_zeroing", NULL,
	  "0 8 thin-pool 8:0 8:16 128 0 2 error_if_no_space skip_block_zeroing" },
	{ "0 8 thin-pool 8:0 8:16 128 0 2 read_only read_only", NULL,
	  "0 8 thin-pool 8:0 8:16 128 0 1 read_only" },
	{ "0 8 thin-pool 8:0 8:16 128 0 0 junk words" },
	{ "0 8 thin-pool 8:0 8:16 128 0 1 fast", "argument 6: unknown feature 'fast'" },
	{ "0 8 thin-pool 8:0 8:16 128 0 2 read_only",
	  "argument 5 (#features): '2' announces more than the 1 words that follow" },
	{ "0 8 thin-pool 8:0 8:16 128 0 x", "argument 5 (#features): 'x' is not a number" },
	{ "0 8 thin-pool 8:0 8:16 x 0", "argument 3 (data_block_sectors): 'x' is not a number" },
};
/* clang-format on */

/* What is right comes out again; what is wrong says why. */
static void parse_and_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct bp_table *table = NULL;
		char expected[256];
		int r = bp_table_parse(ctx, lines[i].text, 0, &table);

		if (lines[i].why) {
			assert_int_equal(r, -EINVAL);
			assert_null(table);
			assert_why(lines[i].why);
			assert_int_equal(bp_error_get(ctx)->code, BP_E_TABLE);
			continue;
		}
		if (r != 0)
			fail_msg("'%s': %s", lines[i].text, bp_errmsg(ctx));
		snprintf(expected, sizeof(expected), "%s\n",
			 lines[i].result ? lines[i].result : lines[i].text);
		assert_format(table, expected);
		bp_table_free(table);
	}
}

/* The error object says where, for programs. */
static void errors_have_positions(void **state)
{
	const struct bp_error *e;
	struct bp_table *table = NULL;

	(void)state;
	assert_err(bp_table_parse(ctx, "0 8 zero\n8 8 linear 8:0 12x\n", 0, &table), EINVAL);
	e = bp_error_get(ctx);
	assert_int_equal(e->segment, 1);
	assert_string_equal(e->target, "linear");
	assert_int_equal(e->argument, 2);
	assert_string_equal(e->argument_name, "offset_sectors");
	assert_string_equal(e->value, "12x");
	assert_string_equal(
		e->message,
		"segment 1 (linear): argument 2 (offset_sectors): '12x' is not a number");

	assert_err(bp_table_parse(ctx, "0 8 thin-pool 8:0 8:16 128 0 1 fast", 0, &table),
		   EINVAL);
	assert_string_equal(bp_error_get(ctx)->hint,
			    "known: skip_block_zeroing, ignore_discard, no_discard_passdown, "
			    "read_only, error_if_no_space");
}

static void several_lines(void **state)
{
	struct bp_table *table = parse("# three segments\n"
				       "\n"
				       "0 1024 linear /dev/sda 0\n"
				       "  # another comment\n"
				       "1024 2048 linear /dev/sdb 512\n"
				       "3072 8 zero");

	(void)state;
	assert_int_equal(bp_table_count(table), 3);
	assert_int_equal(bp_table_length(table), 3080);
	assert_string_equal(bp_table_get(table, 1)->args, "/dev/sdb 512");
	assert_string_equal(bp_table_get(table, 2)->args, "");
	assert_null(bp_table_get(table, 3));
	assert_format(table, "0 1024 linear /dev/sda 0\n"
			     "1024 2048 linear /dev/sdb 512\n"
			     "3072 8 zero\n");
	bp_table_free(table);
}

static void nothing_is_an_empty_table(void **state)
{
	struct bp_table *table = parse("");

	(void)state;
	assert_int_equal(bp_table_count(table), 0);
	assert_int_equal(bp_table_length(table), 0);
	assert_format(table, "");
	bp_table_free(table);
}

static void typed_in_and_out(void **state)
{
	const struct bp_bdev sdb = { .major = 8, .minor = 16 };
	struct bp_table *table;
	const struct bp_thin_pool *pool;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_ok(bp_table_append(ctx, table, 16,
				  BP_PARAMS_LINEAR(&(struct bp_linear){
					  .dev = BP_DEV(&sdb), .offset_sectors = 7 })));
	assert_ok(bp_table_append(ctx, table, 8, "zero", NULL, 0));
	assert_ok(bp_table_add(
		ctx, table, 24, 128,
		BP_PARAMS_THIN_POOL(&(struct bp_thin_pool){ .metadata_dev = "/dev/m",
							    .data_dev = "/dev/d",
							    .data_block_sectors = 128,
							    .read_only = true })));
	assert_format(table, "0 16 linear 8:16 7\n16 8 zero\n"
			     "24 128 thin-pool /dev/m /dev/d 128 0 1 read_only\n");
	pool = bp_table_get(table, 2)->params;
	assert_string_equal(pool->data_dev, "/dev/d");
	assert_true(pool->read_only);
	assert_false(pool->skip_block_zeroing);
	bp_table_free(table);
}

static void what_is_not_given_is_named(void **state)
{
	struct bp_table *table;
	char *text;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_err(bp_table_append(ctx, table, 8, BP_PARAMS_LINEAR(&(struct bp_linear){ 0 })),
		   EINVAL);
	assert_why("segment 0 (linear): argument 1 (dev): is not given");
	assert_err(bp_table_append(ctx, table, 8,
				   BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "" })),
		   EINVAL);
	assert_why("'' can't be a word of a table");
	assert_err(bp_table_append(ctx, table, 8,
				   BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "a\nb" })),
		   EINVAL);
	assert_err(bp_table_append(ctx, table, 8, "nosuch", NULL, 0), ENOENT);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_UNKNOWN_TARGET);
	assert_int_equal(bp_table_count(table), 0);

	assert_ok(bp_table_append(ctx, table, 8, "linear", NULL, 0));
	assert_string_equal(bp_table_get(table, 0)->args, "0");
	assert_err(bp_table_format(ctx, table, &text), EINVAL);
	assert_why("segment 0 (linear): argument 1 (dev): is not given");
	bp_table_free(table);
}

static void raw_segments(void **state)
{
	struct bp_table *table;
	char *text;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_ok(bp_table_add_raw(ctx, table, 0, 8, "nosuch", " a\\ b  c "));
	assert_null(bp_table_get(table, 0)->params);
	assert_null(bp_table_get(table, 0)->problem);
	assert_string_equal(bp_table_get(table, 0)->args, "a\\ b c");
	assert_ok(bp_table_add_raw(ctx, table, 8, 8, "linear", "8:0 0"));
	assert_non_null(bp_table_get(table, 1)->params);
	assert_err(bp_table_add_raw(ctx, table, 16, 8, "linear", "8:0"), EINVAL);
	assert_err(bp_table_add_raw(ctx, table, 16, 8, "nosuch", "a\nb"), EINVAL);
	assert_err(bp_segment_get(ctx, bp_table_get(table, 0), "dev", &text), ENOENT);
	assert_why("nosuch: its parameters are not known by name");
	bp_table_free(table);
}

/* What a kernel printed is kept even where it can't be a table. */
static void printed_by_a_kernel(void **state)
{
	struct bp_table *table;
	const struct bp_segment *s;

	(void)state;
	assert_err(bp_table_parse(ctx, "0 8 thin Fail", 0, &table), EINVAL);
	assert_ok(bp_table_parse(ctx, "0 8 thin Fail\n8 8 linear 8:0 0\n", BP_TABLE_PRINTED,
				 &table));
	s = bp_table_get(table, 0);
	assert_null(s->params);
	assert_string_equal(s->args, "Fail");
	assert_string_equal(s->problem, "argument 2 (id): is missing");
	assert_non_null(bp_table_get(table, 1)->params);
	assert_format(table, "0 8 thin Fail\n8 8 linear 8:0 0\n");
	bp_table_free(table);
}

/* Each word must reach the target as it is, past the kernel's escapes. */
static void ioctl_form_escapes(void **state)
{
	static const struct {
		const char *text, *args;
	} cases[] = {
		{ "0 8 linear 8:0 0", "8:0 0" },
		{ "0 8 linear /dev/mapper/a\\x20b 0", "/dev/mapper/a\\\\x20b 0" },
		{ "0 8 linear my\\ disk 0", "my\\ disk 0" },
		{ "0 8 linear voil\xc3\xa0 0", "voil\xc3\\\xa0 0" },
		{ "0 8 nosuch a\\b", "a\\\\b" },
		{ "0 8 zero", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bp_table *table = parse(cases[i].text);
		char *args;

		assert_ok(bp_segment_format_args(ctx, bp_table_get(table, 0), &args));
		assert_string_equal(args, cases[i].args);
		free(args);
		bp_table_free(table);
	}
}

/* Words with blanks and backslashes in any combination survive text form. */
static void awkward_words_round_trip(void **state)
{
	static const char *const words[] = { "a b",   " a",      "a ",     "\\",
					     "\\\\",  "a\\",     "\\ ",    " \\",
					     "a\\ b", "a\\\\ b", "   ",    "\\ \\",
					     "\\x20", "\ta",     "a\r\vb", "\x01" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		struct bp_table *table, *again;
		const struct bp_thin *thin;
		char *text;

		assert_ok(bp_table_new(ctx, &table));
		assert_ok(bp_table_append(
			ctx, table, 8,
			BP_PARAMS_THIN(&(struct bp_thin){ .pool_dev = words[i],
							  .external_origin_dev = words[i] })));
		assert_ok(bp_table_format(ctx, table, &text));
		again = parse(text);
		thin = bp_table_get(again, 0)->params;
		assert_string_equal(thin->pool_dev, words[i]);
		assert_string_equal(thin->external_origin_dev, words[i]);
		free(text);
		bp_table_free(table);
		bp_table_free(again);
	}
}

static void assert_get(const struct bp_segment *s, const char *name, const char *expected)
{
	char *value = NULL;

	assert_ok(bp_segment_get(ctx, s, name, &value));
	if (expected)
		assert_string_equal(value, expected);
	else
		assert_null(value);
	free(value);
}

static void by_name(void **state)
{
	struct bp_table *table = parse("0 8 thin-pool 8:0 8:16 128 0");
	struct bp_segment *s = bp_table_get(table, 0);
	char *value;

	(void)state;
	assert_ok(bp_segment_set(ctx, s, "low_water_dblocks", "100"));
	assert_ok(bp_segment_set(ctx, s, "read_only", "true"));
	assert_ok(bp_segment_set(ctx, s, "error_if_no_space", "on"));
	assert_ok(bp_segment_set(ctx, s, "error_if_no_space", "off"));
	assert_ok(bp_segment_set(ctx, s, "data_dev", "/dev/new"));
	assert_string_equal(s->args, "8:0 /dev/new 128 100 1 read_only");
	assert_ok(bp_segment_set(ctx, s, "skip_block_zeroing", "true"));
	assert_string_equal(s->args, "8:0 /dev/new 128 100 2 read_only skip_block_zeroing");
	assert_ok(bp_segment_set(ctx, s, "skip_block_zeroing", ""));
	assert_get(s, "low_water_dblocks", "100");
	assert_get(s, "read_only", "true");
	assert_get(s, "ignore_discard", "false");
	assert_get(s, "data_dev", "/dev/new");

	assert_err(bp_segment_set(ctx, s, "low_water_dblocks", "x"), EINVAL);
	assert_why("argument 1 (low_water_dblocks): 'x' is not a number");
	assert_err(bp_segment_set(ctx, s, "low_water_dblocks", "1 2"), EINVAL);
	assert_why("'2' is one word too many");
	assert_err(bp_segment_set(ctx, s, "low_water_dblocks", ""), EINVAL);
	assert_why("low_water_dblocks: must have a value");
	assert_err(bp_segment_set(ctx, s, "read_only", "maybe"), EINVAL);
	assert_err(bp_segment_set(ctx, s, "fast", "true"), ENOENT);
	assert_why("no parameter 'fast'");
	assert_non_null(strstr(bp_error_get(ctx)->hint, "low_water_dblocks"));
	assert_err(bp_segment_get(ctx, s, "data_dev.x", &value), ENOENT);
	assert_string_equal(s->args, "8:0 /dev/new 128 100 1 read_only");
	bp_table_free(table);
}

static void optional_structs_by_name(void **state)
{
	struct bp_table *table = parse("0 8 error");
	struct bp_segment *s = bp_table_get(table, 0);

	(void)state;
	assert_get(s, "limits.dev", NULL);
	assert_ok(bp_segment_set(ctx, s, "limits.dev", "8:0"));
	assert_string_equal(s->args, "8:0 0");
	assert_ok(bp_segment_set(ctx, s, "limits", "8:16 7"));
	assert_string_equal(s->args, "8:16 7");
	assert_get(s, "limits", "8:16 7");
	assert_err(bp_segment_set(ctx, s, "limits", "8:16"), EINVAL);
	assert_string_equal(s->args, "8:16 7");
	assert_ok(bp_segment_set(ctx, s, "limits", ""));
	assert_string_equal(s->args, "");
	bp_table_free(table);
}

static void lists_by_name(void **state)
{
	struct bp_table *table = parse("0 256 striped 1 64 8:0 0");
	struct bp_segment *s = bp_table_get(table, 0);
	const struct bp_striped *before = s->params;
	char *value;

	(void)state;
	assert_ok(bp_segment_add(ctx, s, "legs", "8:16 7"));
	assert_ok(bp_segment_set(ctx, s, "legs.2.dev", "8:32"));
	assert_ok(bp_segment_set(ctx, s, "legs.0.offset_sectors", "5"));
	assert_string_equal(s->args, "3 64 8:0 5 8:16 7 8:32 0");
	assert_get(s, "legs.1.dev", "8:16");
	assert_err(bp_segment_get(ctx, s, "legs.1", &value), ENOENT);
	assert_get(s, "legs", "8:0 5 8:16 7 8:32 0");
	assert_get(s, "legs.3.dev", NULL);
	assert_int_equal(before->legs[0].offset_sectors, 0);

	assert_err(bp_segment_set(ctx, s, "legs.4.dev", "8:48"), EINVAL);
	assert_why("legs.4.dev: legs has 3 elements, the next one is 3");
	assert_err(bp_segment_set(ctx, s, "legs.x.dev", "8:48"), ENOENT);
	assert_err(bp_segment_add(ctx, s, "legs", "8:48"), EINVAL);
	assert_why("argument 2 (legs.3.offset_sectors): is missing");
	assert_string_equal(s->args, "3 64 8:0 5 8:16 7 8:32 0");
	assert_ok(bp_segment_set(ctx, s, "legs", "9:0 1 9:1 2"));
	assert_string_equal(s->args, "2 64 9:0 1 9:1 2");
	bp_table_free(table);
}

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	(void)user;
	if (streq(dev, "/dev/sda") || streq(dev, "8:0"))
		*ret = (struct bp_bdev){ .major = 8, .minor = 0, .size_bytes = 1 << 20 };
	else if (streq(dev, "/dev/sdb") || streq(dev, "8:16"))
		*ret = (struct bp_bdev){ .major = 8, .minor = 16, .size_bytes = 1 << 30 };
	else
		return -ENOENT;
	return 0;
}

static void equal(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "0 8 linear 8:0 1", "0 8 linear 8:0 01", true },
		{ "0 8 linear 8:0 1", "0 8 linear /dev/sda 1", true },
		{ "0 8 linear 8:0 1", "0 8 linear /dev/sdb 1", false },
		{ "0 8 linear 8:0 1", "0 8 linear /dev/none 1", false },
		{ "0 8 linear 8:0 1", "0 8 linear 8:0 2", false },
		{ "0 8 linear 8:0 1", "0 9 linear 8:0 1", false },
		{ "0 8 linear 8:0 1", "8 8 linear 8:0 1", false },
		{ "0 8 linear 8:0 1", "0 8 linear 8:0 1\n8 8 zero", false },
		{ "0 8 linear 8:0 1", "0 8 zero", false },
		{ "0 8 error", "0 8 error 8:0 1", true },
		{ "0 8 thin 8:0 1", "0 8 thin 8:0 1 8:16", false },
		{ "0 8 thin-pool 8:0 8:16 128 0", "0 8 thin-pool 8:0 8:16 128 0 0 junk", true },
		{ "0 8 thin-pool 8:0 8:16 128 0 2 read_only ignore_discard",
		  "0 8 thin-pool 8:0 8:16 128 0 2 IGNORE_DISCARD read_only", true },
		{ "0 8 thin-pool 8:0 8:16 128 0 1 read_only",
		  "0 8 thin-pool 8:0 8:16 128 0 1 ignore_discard", false },
		{ "0 8 nosuch a  b", "0 8 nosuch a b", true },
		{ "0 8 nosuch a b", "0 8 nosuch a c", false },
		{ "0 8 nosuch a b", "0 8 nosuch a", false },
		{ "", "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bp_table *a = parse(cases[i].a), *b = parse(cases[i].b);
		bool ab, ba;

		assert_ok(bp_table_equal(ctx, a, b, lookup, NULL, &ab));
		assert_ok(bp_table_equal(ctx, b, a, lookup, NULL, &ba));
		if (ab != cases[i].equal || ba != cases[i].equal)
			fail_msg("'%s' and '%s': %d %d", cases[i].a, cases[i].b, ab, ba);
		bp_table_free(a);
		bp_table_free(b);
	}
}

static int print_word(void *user, const struct bp_word *word)
{
	char *text = user;
	size_t len = strlen(text);

	snprintf(text + len, 1024 - len, "%u %s %s [%s] %s\n", word->number, word->text,
		 word->name ? word->name : "-", word->unit ? word->unit : "",
		 word->meaning ? word->meaning : "-");
	return 0;
}

static void explained(void **state)
{
	struct bp_table *table =
		parse("0 8 thin-pool 8:0 8:16 128 9 1 read_only more\n8 8 nosuch x");
	char text[1024] = "";

	(void)state;
	assert_ok(bp_table_explain(ctx, table, print_word, text));
	assert_string_equal(
		text,
		"1 8:0 metadata_dev [] holds the mappings\n"
		"2 8:16 data_dev [] holds the data\n"
		"3 128 data_block_sectors [sectors] what is allocated and shared at a time, "
		"a multiple of 128\n"
		"4 9 low_water_dblocks [data blocks] raise an event when fewer are free; 0: "
		"never\n"
		"5 1 #features [] how many words of features follow\n"
		"6 read_only read_only [] don't change the metadata\n"
		"7 more - [] -\n"
		"1 x - [] -\n");
	bp_table_free(table);
}

static void json(void **state)
{
	struct bp_table *table = parse("0 8 thin 8:0 7\n8 8 nosuch x");
	struct bp_json *j;

	(void)state;
	assert_ok(bp_json_new(NULL, NULL, &j));
	assert_ok(bp_table_json(ctx, table, false, j, NULL));
	assert_ok(bp_json_end(j));
	assert_string_equal(bp_json_text(j, NULL), "[\n"
						   "  {\n"
						   "    \"start_sectors\": 0,\n"
						   "    \"length_sectors\": 8,\n"
						   "    \"target\": \"thin\",\n"
						   "    \"params\": {\n"
						   "      \"pool_dev\": \"8:0\",\n"
						   "      \"id\": 7\n"
						   "    },\n"
						   "    \"args\": \"8:0 7\"\n"
						   "  },\n"
						   "  {\n"
						   "    \"start_sectors\": 8,\n"
						   "    \"length_sectors\": 8,\n"
						   "    \"target\": \"nosuch\",\n"
						   "    \"params\": null,\n"
						   "    \"args\": \"x\"\n"
						   "  }\n"
						   "]\n");
	bp_json_free(j);
	bp_table_free(table);
}

static void lengths(void **state)
{
	static const struct bp_striped_leg legs[] = { { "8:0", 100 }, { "8:16", 0 } };
	static const struct bp_thin_pool pool = { .metadata_dev = "8:0", .data_dev = "8:16" };
	bp_sector length;

	(void)state;
	assert_ok(bp_target_length(ctx, BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "8:0" }),
				   lookup, NULL, &length));
	assert_int_equal(length, 2048);
	assert_ok(bp_target_length(
		ctx,
		BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "8:0", .offset_sectors = 2047 }),
		lookup, NULL, &length));
	assert_int_equal(length, 1);
	assert_err(bp_target_length(ctx,
				    BP_PARAMS_LINEAR(&(struct bp_linear){
					    .dev = "8:0", .offset_sectors = 2048 }),
				    lookup, NULL, &length),
		   ERANGE);
	assert_why("8:0: offset 2048 is at or behind its end, 2048 sectors");
	assert_ok(bp_target_length(
		ctx,
		BP_PARAMS_STRIPED(&(struct bp_striped){
			.chunk_sectors = 64, .legs = legs, .nr_legs = ARRAY_SIZE(legs) }),
		lookup, NULL, &length));
	assert_int_equal(length, 3840);
	assert_err(bp_target_length(ctx,
				    BP_PARAMS_STRIPED(&(struct bp_striped){
					    .chunk_sectors = 4096,
					    .legs = legs,
					    .nr_legs = ARRAY_SIZE(legs) }),
				    lookup, NULL, &length),
		   ERANGE);
	assert_why("no leg holds a chunk");
	assert_err(bp_target_length(ctx, BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = NULL }),
				    lookup, NULL, &length),
		   EINVAL);
	assert_why("no device given");
	assert_ok(bp_target_length(ctx, BP_PARAMS_THIN_POOL(&pool), lookup, NULL, &length));
	assert_int_equal(length, 1 << 21);
	assert_err(bp_target_length(ctx, "zero", NULL, 0, lookup, NULL, &length), ENODATA);
	assert_err(bp_target_length(ctx, "nosuch", NULL, 0, lookup, NULL, &length), ENOENT);
	assert_err(bp_target_length(ctx,
				    BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = "/dev/none" }),
				    lookup, NULL, &length),
		   ENOENT);
}

/* Every target says what it is, and every option and field what it does. */
static void targets_are_described(void **state)
{
	const struct bp_target *target;
	const char *last = "";
	size_t it = 0;

	(void)state;
	while (bp_target_next(&it, &target) == 0) {
		struct bp_message_info message;
		struct bp_option_iter *iter;
		struct bp_option option;
		size_t m = 0;

		assert_true(strcmp(last, bp_target_name(target)) < 0);
		last = bp_target_name(target);
		assert_ptr_equal(bp_target_get(last), target);
		assert_non_null(bp_target_summary(target));
		assert_non_null(bp_target_module(target));
		assert_non_null(bp_target_since(target));
		assert_true(target->size > 0);
		assert_int_equal(!target->status, !target->status_size);
		for (int status = 0; status < 2; status++) {
			assert_ok(status ? bp_status_field_iter_new(target, &iter)
					 : bp_option_iter_new(target, &iter));
			while (bp_option_next(iter, &option) == 0)
				if (!option.help || !*option.help)
					fail_msg("%s: %s has no help", last, option.name);
			bp_option_iter_free(iter);
		}
		while (bp_message_next(target, &m, &message) == 0)
			assert_true(message.form && message.summary);
	}
	assert_null(bp_target_get("nosuch"));
}

static void options_of_a_target(void **state)
{
	struct bp_option_iter *iter;
	struct bp_option option;

	(void)state;
	assert_ok(bp_option_iter_new(bp_target_get("thin-pool"), &iter));
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_string_equal(option.name, "metadata_dev");
	assert_int_equal(option.kind, BP_OPTION_DEVICE);
	assert_true(option.required);
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_string_equal(option.name, "data_block_sectors");
	assert_string_equal(option.unit, "sectors");
	assert_int_equal(option.min, 128);
	assert_int_equal(option.max, 2097152);
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_string_equal(option.name, "skip_block_zeroing");
	assert_int_equal(option.kind, BP_OPTION_FLAG);
	assert_false(option.required);
	bp_option_iter_free(iter);

	assert_ok(bp_option_iter_new(bp_target_get("error"), &iter));
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_string_equal(option.name, "limits");
	assert_int_equal(option.kind, BP_OPTION_RECORD);
	assert_string_equal(option.form, "DEV OFFSET_SECTORS");
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_string_equal(option.name, "limits.dev");
	assert_false(option.required);
	assert_int_equal(bp_option_next(iter, &option), 0);
	assert_int_equal(bp_option_next(iter, &option), 1);
	bp_option_iter_free(iter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_and_format),
		cmocka_unit_test(errors_have_positions),
		cmocka_unit_test(several_lines),
		cmocka_unit_test(nothing_is_an_empty_table),
		cmocka_unit_test(typed_in_and_out),
		cmocka_unit_test(what_is_not_given_is_named),
		cmocka_unit_test(raw_segments),
		cmocka_unit_test(printed_by_a_kernel),
		cmocka_unit_test(ioctl_form_escapes),
		cmocka_unit_test(awkward_words_round_trip),
		cmocka_unit_test(by_name),
		cmocka_unit_test(optional_structs_by_name),
		cmocka_unit_test(lists_by_name),
		cmocka_unit_test(equal),
		cmocka_unit_test(explained),
		cmocka_unit_test(json),
		cmocka_unit_test(lengths),
		cmocka_unit_test(targets_are_described),
		cmocka_unit_test(options_of_a_target),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
