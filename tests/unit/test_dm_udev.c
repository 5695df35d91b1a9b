/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Waiting for udev, which answers for the kernel in memory, or does not; cookies that callers have themselves. */
#include "dm_world.h"

#include <bedplate/udev.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "dm/device/nodes.h"

static const struct bp_selector x = { .name = "x" };

static int setup_udev(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	fake_udev(w->fake, NULL);
	return 0;
}

static size_t cookies(struct world *w)
{
	struct bp_cookie_list *list;
	size_t count;

	assert_ok(bp_cookie_list(w->ctx, &list));
	count = bp_cookie_list_count(list);
	assert_null(bp_cookie_list_get(list, count));
	bp_cookie_list_free(list);
	return count;
}

static bool exists(uint32_t cookie)
{
	return semget((key_t)cookie, 1, 0) >= 0;
}

/* Made, renamed and removed, each waited for. */
static void answered(void **state)
{
	struct world *w = *state;
	struct bp_selector y = { .name = "y" };
	struct bp_udev_state udev;

	assert_ok(bp_udev_probe(w->ctx, &udev));
	assert_true(udev.runs);
	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_ok(bp_device_rename(w->ctx, &x, "y", NULL));
	assert_ok(bp_device_remove(w->ctx, &y, NULL, NULL));
	/* Its rules make no nodes here: that is seen, done and said, for each name. */
	assert_int_equal(bp_warnings_count(w->ctx), 2);
	assert_non_null(
		strstr(bp_warning_get(w->ctx, 0), "udev did not make the node; made it"));
	assert_non_null(strstr(bp_warning_get(w->ctx, 1), "/y': udev did not make"));
}

/* Given up at the limit, told once, and not waited for again. */
static void not_answered(void **state)
{
	const struct bp_create_opts opts = { .size = sizeof(opts), .timeout_ms = 50 };
	struct world *w = *state;
	struct bp_udev_state udev;
	struct bp_table *t = table(w, "0 8 zero\n");

	fake_udev_silent(w->fake, true);
	assert_ok(bp_device_create(w->ctx, "x", t, &opts, NULL));
	bp_table_free(t);
	assert_true(bp_warnings_count(w->ctx) > 0);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "udev did not answer"));
	assert_ok(bp_udev_probe(w->ctx, &udev));
	assert_false(udev.runs);
	assert_string_equal(udev.why, "it did not answer before");
	bp_warnings_clear(w->ctx);
	assert_ok(bp_device_remove(w->ctx, &x, NULL, NULL));
	assert_int_equal(bp_warnings_count(w->ctx), 0);
}

/* Several changes on one cookie, waited for together. */
static void joined(void **state)
{
	struct bp_udev_opts opts = { .size = sizeof(opts) };
	struct world *w = *state;
	uint32_t cookie;
	char *before;

	assert_ok(bp_cookie_create(w->ctx, &cookie));
	opts.cookie = cookie;
	assert_ok(bp_udev_use(w->ctx, &opts));
	assert_ok(create(w, "x", "0 8 zero\n"));
	assert_true(exists(cookie));
	fake_fail(w->fake, OP_RENAME, 1, EIO);
	assert_true(bp_device_rename(w->ctx, &x, "y", NULL) < 0);
	assert_ok(bp_device_remove(w->ctx, &x, NULL, NULL));
	assert_ok(bp_cookie_release(w->ctx, cookie, 1000));
	assert_false(exists(cookie));
	/* It is gone: what was begun is taken back all the same. */
	before = fake_dump(w->fake);
	assert_err(create(w, "x", "0 8 zero\n"), ENOENT);
	assert_non_null(strstr(bp_errmsg(w->ctx), "no such cookie"));
	assert_state(w, before);
	free(before);
	opts = (struct bp_udev_opts){ .size = sizeof(opts), .no_wait = true };
	assert_ok(bp_udev_use(w->ctx, &opts));
	fake_udev_silent(w->fake, true);
	assert_ok(create(w, "x", "0 8 zero\n"));
}

static void by_hand(void **state)
{
	struct world *w = *state;
	size_t before = cookies(w), destroyed;
	uint32_t cookie;

	assert_ok(bp_cookie_create(w->ctx, &cookie));
	assert_int_equal(cookies(w), before + 1);
	assert_err(bp_cookie_complete(w->ctx, 0x12345678), EINVAL);
	assert_ok(bp_cookie_complete(w->ctx, cookie));
	assert_err(bp_cookie_complete(w->ctx, cookie), EAGAIN);
	assert_non_null(strstr(bp_errmsg(w->ctx), "nothing of it is left"));
	assert_err(bp_cookie_release(w->ctx, cookie, 10), EAGAIN);
	assert_false(exists(cookie)); /* destroyed all the same */
	assert_err(bp_cookie_release(w->ctx, cookie, 10), ENOENT);
	assert_ok(bp_cookie_create(w->ctx, &cookie));
	semctl(semget((key_t)cookie, 1, 0), 0, SETVAL, 2);
	assert_err(bp_cookie_release(w->ctx, cookie, 10), ETIMEDOUT);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_UDEV);
	/* Only old ones, which this is not. */
	assert_ok(bp_cookie_create(w->ctx, &cookie));
	assert_ok(bp_cookie_destroy_old(w->ctx, 1000000, &destroyed));
	assert_true(exists(cookie));
	semctl(semget((key_t)cookie, 1, 0), 0, IPC_RMID);
}

static void flags_in_words(void **state)
{
	struct world *w = *state;
	char *text;

	assert_ok(bp_udev_flags_text(w->ctx, 0x0d4d1234, &text));
	assert_string_equal(text,
			    "DISABLE_DM_RULES DISABLE_DISK_RULES DISABLE_OTHER_RULES "
			    "PRIMARY_SOURCE SUBSYSTEM_FLAG0 SUBSYSTEM_FLAG2 SUBSYSTEM_FLAG3");
	free(text);
	assert_ok(bp_udev_flags_text(w->ctx, 0x00800000, &text));
	assert_string_equal(text, "FLAG7");
	free(text);
}

#define U(f) cmocka_unit_test_setup_teardown(f, setup_udev, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		U(answered), U(not_answered), U(joined), U(by_hand), U(flags_in_words),
	};
	int set = semget(IPC_PRIVATE, 1, 0600);

	if (set < 0) {
		print_message("1..0 # SKIP there are no semaphores here\n");
		return 0;
	}
	semctl(set, 0, IPC_RMID);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
