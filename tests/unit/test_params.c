/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Typed parameters of targets and messages: each has its macro, with the name and the size that the
 * library knows; structs of older and newer callers are taken or refused.
 */
#include "context_test.h"
#include "params.h"

#include <bedplate/bedplate.h>

struct row {
	const char *target;
	const void *params;
	size_t size;
};

struct message_row {
	const char *target, *message;
	const void *params;
	size_t size;
};

#define NONE(type) ((const struct type *)NULL)

/* clang-format off */
static const struct row rows[] = {
	{ BP_PARAMS_CACHE(NONE(bp_cache)) },
	{ BP_PARAMS_CLONE(NONE(bp_clone)) },
	{ BP_PARAMS_CRYPT(NONE(bp_crypt)) },
	{ BP_PARAMS_DELAY(NONE(bp_delay)) },
	{ BP_PARAMS_DUST(NONE(bp_dust)) },
	{ BP_PARAMS_EBS(NONE(bp_ebs)) },
	{ BP_PARAMS_ERA(NONE(bp_era)) },
	{ BP_PARAMS_ERROR(NONE(bp_error_target)) },
	{ BP_PARAMS_FLAKEY(NONE(bp_flakey)) },
	{ BP_PARAMS_INLINECRYPT(NONE(bp_inlinecrypt)) },
	{ BP_PARAMS_INTEGRITY(NONE(bp_integrity)) },
	{ BP_PARAMS_LINEAR(NONE(bp_linear)) },
	{ BP_PARAMS_LOG_WRITES(NONE(bp_log_writes)) },
	{ BP_PARAMS_MIRROR(NONE(bp_mirror)) },
	{ BP_PARAMS_MULTIPATH(NONE(bp_multipath)) },
	{ BP_PARAMS_PCACHE(NONE(bp_pcache)) },
	{ BP_PARAMS_RAID(NONE(bp_raid)) },
	{ BP_PARAMS_SNAPSHOT(NONE(bp_snapshot)) },
	{ BP_PARAMS_SNAPSHOT_MERGE(NONE(bp_snapshot)) },
	{ BP_PARAMS_SNAPSHOT_ORIGIN(NONE(bp_snapshot_origin)) },
	{ BP_PARAMS_STRIPED(NONE(bp_striped)) },
	{ BP_PARAMS_SWITCH(NONE(bp_switch)) },
	{ BP_PARAMS_THIN(NONE(bp_thin)) },
	{ BP_PARAMS_THIN_POOL(NONE(bp_thin_pool)) },
	{ BP_PARAMS_UNSTRIPED(NONE(bp_unstriped)) },
	{ BP_PARAMS_VDO(NONE(bp_vdo)) },
	{ BP_PARAMS_VERITY(NONE(bp_verity)) },
	{ BP_PARAMS_WRITECACHE(NONE(bp_writecache)) },
	{ BP_PARAMS_ZERO(NONE(bp_zero)) },
	{ BP_PARAMS_ZONED(NONE(bp_zoned)) },
};

static const struct message_row messages[] = {
	{ BP_MESSAGE_CACHE_MIGRATION_THRESHOLD(NONE(bp_cache_threshold)) },
	{ BP_MESSAGE_CACHE_INVALIDATE_CBLOCKS(NONE(bp_cache_invalidate)) },
	{ BP_MESSAGE_CLONE_HYDRATION_THRESHOLD(NONE(bp_clone_regions)) },
	{ BP_MESSAGE_CLONE_HYDRATION_BATCH_SIZE(NONE(bp_clone_regions)) },
	{ BP_MESSAGE_CRYPT_KEY(NONE(bp_crypt_key)) },
	{ BP_MESSAGE_DUST_ADDBADBLOCK(NONE(bp_dust_add)) },
	{ BP_MESSAGE_DUST_REMOVEBADBLOCK(NONE(bp_dust_block)) },
	{ BP_MESSAGE_DUST_QUERYBLOCK(NONE(bp_dust_block)) },
	{ BP_MESSAGE_LOG_WRITES_MARK(NONE(bp_log_writes_mark)) },
	{ BP_MESSAGE_MULTIPATH_FAIL_PATH(NONE(bp_multipath_message_path)) },
	{ BP_MESSAGE_MULTIPATH_REINSTATE_PATH(NONE(bp_multipath_message_path)) },
	{ BP_MESSAGE_MULTIPATH_DISABLE_GROUP(NONE(bp_multipath_message_group)) },
	{ BP_MESSAGE_MULTIPATH_ENABLE_GROUP(NONE(bp_multipath_message_group)) },
	{ BP_MESSAGE_MULTIPATH_SWITCH_GROUP(NONE(bp_multipath_message_group)) },
	{ BP_MESSAGE_PCACHE_GC_PERCENT(NONE(bp_pcache_gc)) },
	{ BP_MESSAGE_SWITCH_SET_REGION_MAPPINGS(NONE(bp_switch_mappings)) },
	{ BP_MESSAGE_THIN_POOL_CREATE_THIN(NONE(bp_thin_pool_id)) },
	{ BP_MESSAGE_THIN_POOL_CREATE_SNAP(NONE(bp_thin_pool_snap)) },
	{ BP_MESSAGE_THIN_POOL_DELETE(NONE(bp_thin_pool_id)) },
	{ BP_MESSAGE_THIN_POOL_SET_TRANSACTION_ID(NONE(bp_thin_pool_transaction)) },
	{ BP_MESSAGE_VDO_COMPRESSION(NONE(bp_vdo_compress)) },
	{ BP_MESSAGE_VDO_DUMP(NONE(bp_vdo_dump)) },
};
/* clang-format on */

static bool has_row(const char *target)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].target, target)) {
			assert_int_equal(rows[i].size, params_size(target));
			return true;
		}
	return false;
}

static bool has_message(const char *target, const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (streq(messages[i].target, target) && streq(messages[i].message, message)) {
			assert_int_equal(messages[i].size, message_size(target, message));
			return true;
		}
	return false;
}

static size_t messages_of(const struct bp_target *target)
{
	size_t found = 0;

	for (const struct target_message *m = target->messages; m && m->name; m++) {
		if (!m->size)
			continue;
		if (!has_message(target->name, m->name))
			fail_msg("no BP_MESSAGE macro for %s %s", target->name, m->name);
		found++;
	}
	return found;
}

static void each_has_a_macro(void **state)
{
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < targets_count; i++) {
		if (!has_row(targets[i]->name))
			fail_msg("no BP_PARAMS macro for %s", targets[i]->name);
		found += messages_of(targets[i]);
	}
	assert_int_equal(targets_count, ARRAY_SIZE(rows));
	assert_int_equal(found, ARRAY_SIZE(messages));
}

/* What a caller built against other headers has. */
struct older {
	const char *pool_dev;
};
struct newer {
	struct bp_thin known;
	uint64_t more;
};

static const char *thin_args(struct bp_table *table, const void *params, size_t size)
{
	assert_ok(bp_table_append(ctx, table, 8, "thin", params, size));
	return bp_table_get(table, bp_table_count(table) - 1)->args;
}

static void structs_may_grow(void **state)
{
	struct older older = { "253:0" };
	struct newer newer = { .known = { .pool_dev = "253:0", .id = 7 } };
	struct bp_table *table;

	(void)state;
	assert_ok(bp_table_new(ctx, &table));
	assert_string_equal(thin_args(table, &older, sizeof(older)), "253:0 0");
	assert_string_equal(thin_args(table, &newer, sizeof(newer)), "253:0 7");
	assert_int_equal(bp_table_get(table, 0)->params_size, sizeof(struct bp_thin));
	newer.more = 1;
	assert_err(bp_table_append(ctx, table, 8, "thin", &newer, sizeof(newer)), E2BIG);
	assert_why("segment 2 (thin): thin: a member that this version does not know is set");
	assert_err(bp_table_append(ctx, table, 8, "thin", &newer, 0), EINVAL);
	assert_int_equal(bp_table_count(table), 2);
	bp_table_free(table);
}

static void messages_may_grow(void **state)
{
	struct {
		struct bp_thin_pool_snap known;
		uint64_t more;
	} newer = { .known = { 2, 1 } };
	char *text;

	(void)state;
	assert_ok(bp_message_format(ctx, "thin-pool", "create_snap", &newer, sizeof(newer),
				    &text));
	assert_string_equal(text, "create_snap 2 1");
	free(text);
	newer.more = 1;
	assert_err(bp_message_format(ctx, "thin-pool", "create_snap", &newer, sizeof(newer),
				     &text),
		   E2BIG);
	assert_err(bp_message_format(ctx, "thin-pool", "create_snap", &newer, 0, &text),
		   EINVAL);
}

static int lookup(void *user, const char *word, struct bp_bdev *ret)
{
	(void)user;
	(void)word;
	*ret = (struct bp_bdev){ .size_bytes = 4096, .logical_block_bytes = 512 };
	return 0;
}

static void lengths_take_what_is_known(void **state)
{
	struct older older = { "8:0" }; /* begins as struct bp_linear does */
	bp_sector length;

	(void)state;
	assert_ok(
		bp_target_length(ctx, "linear", &older, sizeof(older), lookup, NULL, &length));
	assert_int_equal(length, 8);
	assert_err(bp_target_length(ctx, "linear", &older, 0, lookup, NULL, &length), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_a_macro),
		cmocka_unit_test(structs_may_grow),
		cmocka_unit_test(messages_may_grow),
		cmocka_unit_test(lengths_take_what_is_known),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
