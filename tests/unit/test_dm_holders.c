/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who uses a device: the words for each kind of user, and errors that get them afterwards. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include "core/context.h"
#include "fake/ops_fake.h"

static const struct {
	enum bp_holder_kind kind;
	const char *text;
} kinds[] = {
	{ BP_HOLDER_MAPPED, "mapped device 'somebody'" },
	{ BP_HOLDER_RAID, "RAID array somebody" },
	{ BP_HOLDER_LOOP, "loop device somebody" },
	{ BP_HOLDER_OTHER, "block device somebody" },
	{ BP_HOLDER_MOUNT, "the mount on somebody" },
	{ BP_HOLDER_SWAP, "swap on somebody" },
	{ BP_HOLDER_PROCESS, "process somebody (77)" },
	{ BP_HOLDER_FILE, "a file that process somebody has open" },
	{ BP_HOLDER_SWAP_FILE, "swap on the file somebody" },
	{ BP_HOLDER_BCACHE, "bcache device somebody" },
	{ BP_HOLDER_LOOP_FILE, "loop device somebody, for a file on it" },
	{ BP_HOLDER_ABOVE, "mapped device 'somebody' further up, which is suspended" },
};

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_device_info d;
};

static void make(struct bp_ctx *ctx, const char *name, const char *text,
		 struct bp_device_info *ret)
{
	struct bp_table *table;

	assert_ok(bp_table_parse(ctx, text, 0, &table));
	assert_ok(bp_device_create(ctx, name, table, NULL, ret));
	bp_table_free(table);
}

static void world_init(struct world *w)
{
	unsetenv("DM_DEV_DIR");
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	make(w->ctx, "d", "0 8 zero\n", &w->d);
}

static void assert_only(const struct world *w, enum bp_holder_kind kind, const char *text)
{
	struct bp_holders *holders;

	assert_ok(bp_holders_find(w->ctx, w->d.major, w->d.minor, &holders));
	assert_int_equal(bp_holders_count(holders), 1);
	assert_int_equal(bp_holders_get(holders, 0)->kind, kind);
	assert_string_equal(bp_holders_text(holders, 0), text);
	assert_null(bp_holders_get(holders, 1));
	assert_null(bp_holders_text(holders, 1));
	bp_holders_free(holders);
}

static void each_kind_has_words(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		fake_open(w.fake, "d", 1, kinds[i].kind);
		assert_only(&w, kinds[i].kind, kinds[i].text);
		fake_open(w.fake, "d", -1, kinds[i].kind);
	}
	bp_ctx_free(w.ctx);
}

static void a_suspended_user_is_told(void **state)
{
	struct bp_selector up = { .name = "up" };
	struct bp_device_info info;
	struct world w;

	(void)state;
	world_init(&w);
	make(w.ctx, "up", "0 8 linear /dev/mapper/d 0\n", &info);
	assert_only(&w, BP_HOLDER_MAPPED, "mapped device 'up'");
	assert_ok(bp_device_suspend(w.ctx, &up, NULL));
	assert_only(&w, BP_HOLDER_MAPPED, "mapped device 'up', which is suspended");
	bp_ctx_free(w.ctx);
}

/* What a room without device-mapper has failed with gets its cause; what has one keeps it. */
static void errors_get_their_cause(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	fake_open(w.fake, "d", 1, BP_HOLDER_MOUNT);
	bp_fail(w.ctx, -EBUSY, "cannot open it");
	error_set_device(w.ctx, "/dev/mapper/d");
	bp_holders_tell(w.ctx);
	assert_string_equal(bp_error_get(w.ctx)->cause, "used by the mount on somebody");
	error_set_cause(w.ctx, "known");
	bp_holders_tell(w.ctx);
	assert_string_equal(bp_error_get(w.ctx)->cause, "known");
	bp_fail(w.ctx, -EIO, "cannot read it");
	error_set_device(w.ctx, "/dev/mapper/d");
	bp_holders_tell(w.ctx);
	assert_null(bp_error_get(w.ctx)->cause);
	bp_fail(w.ctx, -EBUSY, "cannot open it");
	bp_holders_tell(w.ctx);
	error_set_device(w.ctx, "/dev/nobody");
	bp_holders_tell(w.ctx);
	assert_null(bp_error_get(w.ctx)->cause);
	bp_ctx_free(w.ctx);
}

/* A table that is refused as a device below is busy: which one, and whose. */
static void a_refused_table_says_who(void **state)
{
	struct bp_table *table;
	struct world w;

	(void)state;
	world_init(&w);
	fake_open(w.fake, "d", 1, BP_HOLDER_PROCESS);
	assert_ok(bp_table_parse(w.ctx, "0 8 linear /dev/mapper/d 0\n", 0, &table));
	fake_fail(w.fake, OP_LOAD, 1, EBUSY);
	assert_int_equal(bp_device_create(w.ctx, "up", table, NULL, NULL), -EBUSY);
	assert_string_equal(bp_error_get(w.ctx)->cause,
			    "'/dev/mapper/d' is used by process somebody (77)");
	bp_table_free(table);
	bp_ctx_free(w.ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_has_words),
		cmocka_unit_test(a_suspended_user_is_told),
		cmocka_unit_test(errors_get_their_cause),
		cmocka_unit_test(a_refused_table_says_who),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
