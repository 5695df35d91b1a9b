/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked wrongly, or of the wrong device, and what targets answer that is odd: each is told for what it is, and
 * nothing is asked of the kernel that it would only refuse.
 */
#include "dm_world.h"

#include <bedplate/thin.h>

#include <stdio.h>

#include "temp.h"

static const struct bp_selector z = { .name = "z" }, bare = { .name = "bare" };

static int setup_odd(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	assert_ok(create(w, "z", "0 8 zero\n"));
	assert_ok(create(w, "bare", NULL));
	return 0;
}

static void assert_told(struct world *w, int r, int errnum, const char *why)
{
	assert_err(r, errnum);
	if (!strstr(bp_errmsg(w->ctx), why))
		fail_msg("'%s' is not in '%s'", why, bp_errmsg(w->ctx));
}

/* --- asked wrongly --- */

static void names_and_numbers(void **state)
{
	struct world *w = *state;
	struct bp_kernel_target target;
	char name[BP_NAME_SIZE], mangled[200];

	memset(mangled, 'x', sizeof(mangled));
	mangled[sizeof(mangled) - 1] = '\0';
	assert_told(w, bp_name_unmangle(w->ctx, "", name), EINVAL, "it is empty");
	assert_told(w, bp_name_unmangle(w->ctx, mangled, name), EINVAL, "too long");
	assert_told(w, bp_kernel_target_version(w->ctx, "", &target), EINVAL, "1 to");
	assert_told(w, bp_kernel_target_version(w->ctx, mangled, &target), EINVAL, "1 to");
	assert_told(w, bp_device_set_uuid(w->ctx, &z, ""), EINVAL, "uuid: it is empty");
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NAME);
}

static void tables_that_are_none(void **state)
{
	struct world *w = *state;
	unsigned loads = fake_count(w->fake, OP_LOAD);
	struct bp_table *empty;

	assert_ok(bp_table_new(w->ctx, &empty));
	assert_told(w, bp_device_load(w->ctx, &z, empty, NULL), EINVAL, "the table is empty");
	bp_table_free(empty);
	assert_told(w, bp_device_load_lines(w->ctx, &z, NULL, 0, NULL), EINVAL,
		    "the table is empty");
	assert_told(w, bp_device_wipe_table(w->ctx, &bare, NULL), EINVAL, "no live table");
	assert_int_equal(fake_count(w->fake, OP_LOAD), loads);
}

/* Known to crash kernels: refused here, unless it is asked for without a check. */
static void a_table_that_crashes(void **state)
{
	struct world *w = *state;

	assert_told(w,
		    create(w, "crash",
			   "0 2048 snapshot /dev/sda /dev/sdb P 8 1 discard_zeroes_cow\n"),
		    EINVAL, "kernels are known to crash on this table");
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_TABLE);
	assert_non_null(strstr(bp_error_get(w->ctx)->hint, "divides by zero"));
}

static void inactive_tables(void **state)
{
	struct world *w = *state;
	struct bp_device_status *lines;
	struct bp_device_deps *deps;
	struct bp_table *t = table(w, "0 8 linear /dev/sda 0\n");

	assert_ok(bp_device_load(w->ctx, &bare, t, NULL));
	bp_table_free(t);
	assert_ok(bp_device_deps(w->ctx, &bare, BP_TABLE_INACTIVE, &deps));
	assert_int_equal(bp_device_deps_count(deps), 1);
	bp_device_deps_free(deps);
	assert_ok(bp_device_status(w->ctx, &bare, BP_TABLE_INACTIVE, &lines));
	assert_int_equal(bp_device_status_count(lines), 1);
	bp_device_status_free(lines);
	assert_ok(bp_device_table_lines(w->ctx, &bare, BP_TABLE_INACTIVE, &lines));
	assert_string_equal(bp_device_status_get(lines, 0)->text, "8:0 0");
	bp_device_status_free(lines);
}

/* As printed, but for the key. */
static void lines_hide_keys(void **state)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f";
	struct world *w = *state;
	const struct bp_selector c = { .name = "c" };
	struct bp_device_status *lines;
	char text[128];

	snprintf(text, sizeof(text), "0 8 crypt aes-cbc-plain %s 0 8:0 0\n", key);
	assert_ok(create(w, "c", text));
	assert_ok(bp_device_table_lines(w->ctx, &c, 0, &lines));
	assert_null(strstr(bp_device_status_get(lines, 0)->text, key));
	assert_non_null(strstr(bp_device_status_get(lines, 0)->text, "aes-cbc-plain"));
	bp_device_status_free(lines);
	assert_ok(bp_device_table_lines(w->ctx, &c, BP_TABLE_SHOW_KEYS, &lines));
	assert_non_null(strstr(bp_device_status_get(lines, 0)->text, key));
	bp_device_status_free(lines);
}

/* The kernel in memory has no descriptor for events: that is told. */
static void events_of_another_kernel(void **state)
{
	struct world *w = *state;
	int fd;

	assert_told(w, bp_event_fd(w->ctx, &fd), ENOTSUP,
		    "can't open device-mapper for events");
	assert_ok(bp_event_arm(w->ctx));
	fake_absent(w->fake, EACCES);
	bp_ctx_free(w->ctx);
	assert_ok(bp_ctx_new(&w->ctx));
}

static void two_plans_at_once(void **state)
{
	struct world *w = *state;

	assert_ok(bp_plan_start(w->ctx));
	assert_told(w, bp_plan_start(w->ctx), EINVAL, "looks ahead already");
}

/* --- of the wrong device --- */

static void no_cache(void **state)
{
	struct world *w = *state;
	struct bp_cache_device_info info = { .size = sizeof(info) };
	struct bp_cache_device_info none = { 0 };

	assert_told(w, bp_cache_device_info(w->ctx, &z, &info), EINVAL, "it is not a cache");
	assert_ok(create(w, "c", "0 2048 cache 8:0 8:16 8:0 128 1 writeback smq 0\n"));
	assert_told(w,
		    bp_cache_device_info(w->ctx, &(struct bp_selector){ .name = "c" }, &none),
		    EINVAL, "size is not set");
	fake_says(w->fake, "c", "no status of it");
	assert_told(w,
		    bp_cache_device_info(w->ctx, &(struct bp_selector){ .name = "c" }, &info),
		    EPROTO, "");
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_KERNEL);
}

static void no_pool(void **state)
{
	struct world *w = *state;
	struct bp_pool_status status;
	struct bp_pool *pool;

	assert_err(bp_pool_open(w->ctx, &z, &pool), EINVAL);
	assert_ok(bp_pool_create(w->ctx, "p", "/dev/sda", "/dev/sdb", NULL, &pool));
	fake_says(w->fake, "p", "no status of it");
	assert_told(w, bp_pool_status(pool, 0, &status), EPROTO, "");
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_KERNEL);
	bp_pool_close(pool);
}

/* Ids go up to 2^24 - 1; a volume has a name and a size. */
static void no_volume(void **state)
{
	struct world *w = *state;
	const struct bp_pool_wanted large[] = { { "a", 16777216, 8 } },
				    nameless[] = { { NULL, 1, 8 } };
	struct bp_pool_difference_list *list;
	struct bp_pool *pool;

	assert_ok(bp_pool_create(w->ctx, "p", "/dev/sda", "/dev/sdb", NULL, &pool));
	assert_told(w, bp_pool_delete(pool, 16777216, 0), EINVAL, "16777215");
	assert_told(w, bp_pool_activate(pool, 16777216, "v", 8, NULL), EINVAL, "16777215");
	assert_told(w, bp_pool_reconcile(pool, large, 1, NULL, &list), EINVAL,
		    "ids go up to 16777215");
	assert_err(bp_pool_reconcile(pool, nameless, 1, NULL, &list), EINVAL);
	assert_told(w, bp_pool_create_volume(pool, "v", 0, NULL, NULL), EINVAL, "no size");
	assert_told(w, bp_pool_create_volume(pool, NULL, 8, NULL, NULL), EINVAL,
		    "no name for the volume");
	assert_told(w, bp_pool_snapshot(pool, NULL, "s", NULL, NULL), EINVAL, "no origin");
	bp_pool_close(pool);
}

/* --- answers in numbers --- */

struct text {
	char text[16384];
	size_t len;
};

static int take(void *user, const char *text, size_t len)
{
	struct text *t = user;

	assert_true(t->len + len < sizeof(t->text));
	memcpy(t->text + t->len, text, len);
	t->len += len;
	t->text[t->len] = '\0';
	return 0;
}

static const struct {
	const char *table, *status, *line;
} numbers[] = {
	{ "0 8 raid raid1 1 0 2 - 7:0 - 7:1", "raid1 3 AaD 2048/2048 idle 0 0 -",
	  "bedplate_raid_legs{device=\"n\",segment=\"0\",health=\"D\"} 1\n" },
	{ "0 8 raid raid1 1 0 2 - 7:0 - 7:1", "raid1 3 AAD 2048/2048 idle 0 0 -",
	  "bedplate_raid_legs{device=\"n\",segment=\"0\",health=\"A\"} 2\n" },
	{ "0 8 multipath 0 0 1 1 round-robin 0 1 1 8:16 1",
	  "2 0 0 0 2 1 A 0 1 0 8:16 A 0 E 0 1 0 8:32 F 3",
	  "bedplate_multipath_paths{device=\"n\",segment=\"0\",state=\"failed\"} 1\n" },
	{ "0 8 multipath 0 0 1 1 round-robin 0 1 1 8:16 1",
	  "2 0 0 0 2 1 A 0 1 0 8:16 A 0 E 0 1 0 8:32 F 3",
	  "bedplate_multipath_paths{device=\"n\",segment=\"0\",state=\"active\"} 1\n" },
	{ "0 8 cache 8:0 8:16 8:0 128 1 writeback smq 0", "Fail",
	  "bedplate_device_segment_state{device=\"n\",segment=\"0\",state=\"Fail\"} 1\n" },
};

static void odd_numbers(void **state)
{
	struct world *w = *state;
	const char *names[] = { "n" };
	const struct bp_metrics_opts opts = { .size = sizeof(opts),
					      .names = names,
					      .nr_names = 1 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct bp_selector n = { .name = "n" };
		struct text t = { "", 0 };

		assert_ok(create(w, "n", numbers[i].table));
		fake_says(w->fake, "n", numbers[i].status);
		assert_ok(bp_metrics(w->ctx, &opts, take, &t));
		if (!strstr(t.text, numbers[i].line))
			fail_msg("missing: %s\n%s", numbers[i].line, t.text);
		assert_ok(bp_device_remove(w->ctx, &n, NULL, NULL));
	}
}

/* --- scopes --- */

static const char *dir_of_scopes(void)
{
	static char dir[32];

	strcpy(dir, "/tmp/bedplate-odd.XXXXXX");
	temp_dir(dir);
	setenv("BEDPLATE_STATE_DIR", dir, 1);
	return dir;
}

/* By name, whichever came first. */
static void scopes_in_order(void **state)
{
	struct world *w = *state;
	const char *dir = dir_of_scopes();
	static const char *const names[] = { "c", "a", "b" };
	struct bp_scope *scopes[ARRAY_SIZE(names)];
	struct bp_ctx *ctx[ARRAY_SIZE(names)];
	struct bp_scope_list *list;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ok(bp_ctx_new(&ctx[i]));
		assert_ok(fake_share(ctx[i], w->fake));
		assert_ok(bp_scope_open(ctx[i], names[i], NULL, &scopes[i]));
	}
	assert_ok(bp_scope_list(w->ctx, NULL, &list));
	assert_int_equal(bp_scope_list_count(list), 3);
	assert_string_equal(bp_scope_list_get(list, 0)->name, "a");
	assert_string_equal(bp_scope_list_get(list, 2)->name, "c");
	bp_scope_list_free(list);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_ok(bp_scope_end(scopes[i], 0, 0));
		bp_scope_close(scopes[i]);
		bp_ctx_free(ctx[i]);
	}
	temp_remove(dir);
}

static void loops_of_no_size(void **state)
{
	struct world *w = *state;
	const char *dir = dir_of_scopes();
	struct bp_scope *scope;
	struct bp_bdev bdev;

	assert_ok(bp_scope_open(w->ctx, "s", NULL, &scope));
	assert_told(w, bp_scope_loop(scope, 0, &bdev), EINVAL, "not a size for a loop device");
	assert_ok(bp_scope_end(scope, 0, 0));
	assert_told(w, bp_scope_loop(scope, 4096, &bdev), ESTALE, "it has ended");
	bp_scope_close(scope);
	temp_remove(dir);
}

#define O(f) cmocka_unit_test_setup_teardown(f, setup_odd, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		O(names_and_numbers),
		O(tables_that_are_none),
		O(a_table_that_crashes),
		O(inactive_tables),
		O(lines_hide_keys),
		O(events_of_another_kernel),
		O(two_plans_at_once),
		O(no_cache),
		O(no_pool),
		O(no_volume),
		O(odd_numbers),
		O(scopes_in_order),
		O(loops_of_no_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
