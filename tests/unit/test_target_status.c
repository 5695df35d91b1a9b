/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lines of every age, and messages. */
#include "context_test.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_of_thin_pool),
		cmocka_unit_test(status_of_other_kernels),
		cmocka_unit_test(status_of_others),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
