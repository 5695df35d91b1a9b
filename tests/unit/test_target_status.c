/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lines of every age, and messages. */
#include "context_test.h"
#include "targets/grammar/target.h"

#include <stdlib.h>
#include <string.h>

#include <bedplate/bedplate.h>

static void status_of_thin_pool(void **state)
{
	const struct bp_thin_pool_status *v;
	struct bp_status *st;
	char *text;

	(void)state;
	assert_ok(bp_status_parse(ctx, "thin-pool",
				  "5 115/1024 4/1600 32 out_of_data_space no_discard_passdown "
				  "error_if_no_space needs_check 256 ",
				  &st));
	v = st->values;
	assert_int_equal(v->transaction_id, 5);
	assert_int_equal(v->used_metadata_blocks, 115);
	assert_int_equal(v->total_metadata_blocks, 1024);
	assert_int_equal(v->used_data_dblocks, 4);
	assert_int_equal(v->total_data_dblocks, 1600);
	assert_true(v->held_root_mblock.is_set);
	assert_int_equal(v->held_root_mblock.value, 32);
	assert_int_equal(v->mode, BP_THIN_POOL_OUT_OF_DATA_SPACE);
	assert_int_equal(v->discard, BP_THIN_POOL_NO_PASSDOWN);
	assert_int_equal(v->no_space, BP_THIN_POOL_ERROR);
	assert_true(v->needs_check);
	assert_int_equal(v->metadata_low_water_mblocks.value, 256);
	assert_null(st->extra);
	assert_ok(bp_status_get(ctx, st, "total_data_dblocks", &text));
	assert_string_equal(text, "1600");
	free(text);
	assert_ok(bp_status_get(ctx, st, "needs_check", &text));
	assert_string_equal(text, "true");
	free(text);
	assert_err(bp_status_get(ctx, st, "nosuch", &text), ENOENT);
	bp_status_free(st);
}

/* Older kernels stop earlier, newer ones say more, failed pools say one word. */
static void status_of_other_kernels(void **state)
{
	const struct bp_thin_pool_status *v;
	struct bp_status *st;
	char *text;

	(void)state;
	assert_ok(bp_status_parse(ctx, "thin-pool", "0 1/2 3/4 - rw discard_passdown", &st));
	v = st->values;
	assert_non_null(v);
	assert_false(v->held_root_mblock.is_set);
	assert_int_equal(v->no_space, 0);
	assert_false(v->metadata_low_water_mblocks.is_set);
	assert_ok(bp_status_get(ctx, st, "no_space", &text));
	assert_null(text);
	bp_status_free(st);

	assert_ok(bp_status_parse(
		ctx, "thin-pool",
		"0 1/2 3/4 - rw discard_passdown queue_if_no_space - 9 new words", &st));
	assert_non_null(st->values);
	assert_string_equal(st->extra, "new words");
	bp_status_free(st);

	assert_ok(bp_status_parse(ctx, "thin-pool", " Fail ", &st));
	assert_string_equal(st->state, "Fail");
	assert_null(st->values);
	assert_ok(bp_status_get(ctx, st, "mode", &text));
	assert_null(text);
	assert_err(bp_status_get(ctx, st, "nosuch", &text), ENOENT);
	bp_status_free(st);

	assert_ok(bp_status_parse(ctx, "thin-pool", "0 1/2 3 -", &st));
	assert_null(st->values);
	assert_string_equal(st->problem, "argument 3 (total_data_dblocks): is missing");
	bp_status_free(st);
}

static void status_of_others(void **state)
{
	const struct bp_striped_status *striped;
	const struct bp_thin_status *v;
	struct bp_status *st;

	(void)state;
	assert_ok(bp_status_parse(ctx, "striped", "2 7:0 7:1 1 AD", &st));
	striped = st->values;
	assert_int_equal(striped->nr_devs, 2);
	assert_string_equal(striped->devs[1], "7:1");
	assert_string_equal(striped->health, "AD");
	bp_status_free(st);
	assert_ok(bp_status_parse(ctx, "thin", "4096 4095", &st));
	v = st->values;
	assert_int_equal(v->mapped_sectors, 4096);
	assert_int_equal(v->highest_mapped_sector.value, 4095);
	bp_status_free(st);
	assert_ok(bp_status_parse(ctx, "thin", "0 -", &st));
	v = st->values;
	assert_false(v->highest_mapped_sector.is_set);
	bp_status_free(st);
	assert_ok(bp_status_parse(ctx, "thin", "-", &st));
	assert_string_equal(st->state, "-");
	bp_status_free(st);
	assert_ok(bp_status_parse(ctx, "linear", "", &st));
	assert_null(st->values);
	assert_null(st->extra);
	assert_null(st->problem);
	bp_status_free(st);
	assert_ok(bp_status_parse(ctx, "nosuch", " a b ", &st));
	assert_string_equal(st->text, "a b");
	assert_null(st->values);
	bp_status_free(st);
}

static void messages(void **state)
{
	static const struct {
		const char *text, *why; /* why: NULL where the message is right */
	} cases[] = {
		{ "create_thin 0", NULL },
		{ "CREATE_SNAP 16777215 0", NULL },
		{ "delete 3", NULL },
		{ "set_transaction_id 0 18446744073709551615", NULL },
		{ "reserve_metadata_snap", NULL },
		{ "create_thin 16777216",
		  "create_thin: argument 1 (id): '16777216' is not 0 to 16777215" },
		{ "create_thin x", "create_thin: argument 1 (id): 'x' is not a number" },
		{ "create_thin", "create_thin: argument 1 (id): is missing" },
		{ "create_snap 1", "create_snap: argument 2 (origin_id): is missing" },
		{ "delete 1 2", "delete: argument 2: '2' is one word too many" },
		{ "release_metadata_snap x", "argument 1: 'x' is one word too many" },
		{ "bogus", "thin-pool takes no message 'bogus'" },
		{ "", "an empty message" },
	};
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r = bp_message_check(ctx, "thin-pool", cases[i].text, NULL);

		if (!cases[i].why != (r == 0))
			fail_msg("'%s': %d", cases[i].text, r);
		if (cases[i].why)
			assert_why(cases[i].why);
	}
	assert_ok(
		bp_message_format(ctx,
				  BP_MESSAGE_THIN_POOL_CREATE_SNAP(&(struct bp_thin_pool_snap){
					  .id = 2, .origin_id = 1 }),
				  &text));
	assert_string_equal(text, "create_snap 2 1");
	free(text);
	assert_err(bp_message_format(ctx,
				     BP_MESSAGE_THIN_POOL_DELETE(
					     &(struct bp_thin_pool_id){ .id = 1 << 24 }),
				     &text),
		   ERANGE);
	assert_err(bp_message_format(ctx, "linear", "x", NULL, 0, &text), ENOENT);
	assert_ok(bp_message_check(ctx, "nosuch", "any  a\\b", &text));
	assert_string_equal(text, "any a\\\\b");
	free(text);
}

/* clang-format off */
static const struct {
	const char *target, *text;
	const char *values; /* "name=value ..."; an empty value is one that is not there */
} statuses[] = {
	{ "striped", "3 7:0 7:1 7:2 1 AAD", "devs=7:0_7:1_7:2 health=AAD" },
	{ "thin", "4096 4095", "mapped_sectors=4096 highest_mapped_sector=4095" },
	{ "thin", "0 -", "mapped_sectors=0 highest_mapped_sector=" },
	{ "thin-pool", "0 111/1024 0/1600 - rw discard_passdown queue_if_no_space - 256 ",
	  "transaction_id=0 used_metadata_blocks=111 total_metadata_blocks=1024 used_data_dblocks=0 "
	  "total_data_dblocks=1600 held_root_mblock= mode=rw discard=discard_passdown "
	  "no_space=queue_if_no_space needs_check=false metadata_low_water_mblocks=256" },
	{ "thin-pool", "5 115/1024 32/32 32 out_of_data_space ignore_discard error_if_no_space needs_check 50",
	  "transaction_id=5 used_data_dblocks=32 held_root_mblock=32 mode=out_of_data_space "
	  "discard=ignore_discard no_space=error_if_no_space needs_check=true" },
};
/* clang-format on */

static void assert_value(const struct bp_status *status, char *pair)
{
	char *expected = strchr(pair, '='), *value = NULL;

	*expected++ = '\0';
	if (bp_status_get(ctx, status, pair, &value) != 0)
		fail_msg("%s: %s", pair, bp_errmsg(ctx));
	for (char *p = value; p && *p; p++)
		if (*p == ' ')
			*p = '_';
	if (!streq(expected, value ? value : ""))
		fail_msg("%s: %s is '%s', not '%s'", status->target, pair, value, expected);
	free(value);
}

static void status_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
		char *values = strdup(statuses[i].values), *rest = values;
		struct bp_status *status;

		assert_non_null(values);
		assert_ok(bp_status_parse(ctx, statuses[i].target, statuses[i].text, &status));
		if (!status->values)
			fail_msg("'%s': %s", statuses[i].text, status->problem);
		for (char *pair = strsep(&rest, " "); pair; pair = strsep(&rest, " "))
			assert_value(status, pair);
		bp_status_free(status);
		free(values);
	}
}

/* clang-format off */
static const struct {
	const char *target, *text, *summary;
} briefs[] = {
	{ "thin-pool", "0 111/1024 0/1600 - rw discard_passdown queue_if_no_space - 256 ",
	  "rw, data 0.00%, metadata 10.84%" },
	{ "thin-pool", "5 115/1024 32/32 32 out_of_data_space ignore_discard error_if_no_space needs_check 50",
	  "out_of_data_space, data 100.00%, metadata 11.23%, needs a check" },
	{ "thin", "4096 4095", "mapped 2MiB" },
	{ "striped", "3 7:0 7:1 7:2 1 AAD", "stripes AAD" },
	{ "snapshot", "16/200 16", "used 8.00%" },
	{ "thin", "Fail", "Fail" },
	{ "nosuch", "1 2 3", "1 2 3" },
};
/* clang-format on */

static void summaries_are_few_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(briefs); i++) {
		struct bp_status *status;
		char *text;

		assert_ok(bp_status_parse(ctx, briefs[i].target, briefs[i].text, &status));
		assert_ok(bp_status_summary(ctx, status, &text));
		assert_string_equal(text, briefs[i].summary);
		free(text);
		bp_status_free(status);
	}
}

/* The words of a summary are fields of the target, numbers where they must be. */
static void summaries_name_fields(void **state)
{
	struct bp_number number;

	(void)state;
	for (size_t i = 0; i < targets_count; i++) {
		const struct brief *part = targets[i]->brief;
		struct bp_status *status;
		char *text;

		/* A line that is not understood has no values, but names are known. */
		assert_ok(bp_status_parse(ctx, targets[i]->name, "?", &status));
		for (; part && part->field; part++) {
			if (bp_status_get(ctx, status, part->field, &text) != 0)
				fail_msg("%s: %s", targets[i]->name, bp_errmsg(ctx));
			free(text);
			if (part->of)
				assert_ok(bp_status_number(ctx, status, part->of, &number));
		}
		bp_status_free(status);
	}
}

static void numbers_are_values(void **state)
{
	struct bp_status *status;
	struct bp_number number;

	(void)state;
	assert_ok(bp_status_parse(ctx, "thin", "0 -", &status));
	assert_ok(bp_status_number(ctx, status, "mapped_sectors", &number));
	assert_true(number.is_set && number.value == 0);
	assert_ok(bp_status_number(ctx, status, "highest_mapped_sector", &number));
	assert_false(number.is_set);
	assert_err(bp_status_number(ctx, status, "nosuch", &number), ENOENT);
	bp_status_free(status);
	assert_ok(bp_status_parse(ctx, "pcache", "0 31 31 2 70 1182 0:2584 0:0 0:0", &status));
	assert_non_null(status->values);
	assert_ok(bp_status_number(ctx, status, "flags", &number));
	assert_int_equal(number.value, 0x1182);
	bp_status_free(status);
	assert_ok(bp_status_parse(ctx, "nosuch", "1 2", &status));
	assert_err(bp_status_number(ctx, status, "any", &number), ENOENT);
	assert_int_equal(bp_error_get(ctx)->code, BP_E_USAGE);
	bp_status_free(status);
	assert_ok(bp_status_parse(ctx, "thin", "Fail", &status));
	assert_ok(bp_status_number(ctx, status, "mapped_sectors", &number));
	assert_false(number.is_set);
	bp_status_free(status);
	assert_ok(bp_status_parse(ctx, "striped", "3 7:0 7:1 7:2 1 AAD", &status));
	assert_err(bp_status_number(ctx, status, "health", &number), EINVAL);
	bp_status_free(status);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_of_thin_pool),
		cmocka_unit_test(status_of_other_kernels),
		cmocka_unit_test(status_of_others),
		cmocka_unit_test(messages),
		cmocka_unit_test(status_values),
		cmocka_unit_test(summaries_are_few_words),
		cmocka_unit_test(summaries_name_fields),
		cmocka_unit_test(numbers_are_values),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
