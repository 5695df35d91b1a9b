/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thin pools on the kernel in memory. That each call fails in turn: test_dm_transaction. */
#include "lib/pool_world.h"

static void create(void **state)
{
	struct world *w = *state;
	struct bp_pool_status status;

	assert_ok(bp_pool_status(w->pool, 0, &status));
	assert_int_equal(status.mode, BP_POOL_MODE_WRITE);
	assert_int_equal(status.data_block_sectors, 128);
	assert_int_equal(status.data_total_dblocks, 1024);
	assert_int_equal(status.metadata_total_mblocks, 1024);
	assert_int_equal(status.metadata.major, 8);
	assert_int_equal(status.data.minor, 16);
	assert_int_equal(status.held_root_mblock, 0);
	/* New pools zero their blocks. */
	assert_false(status.skip_zeroing);
	assert_string_equal(bp_pool_device(w->pool)->name, "pool");
}

static const struct {
	const char *metadata, *data;
	unsigned char fill;
	uint32_t flags;
	int errnum;
	enum bp_error_code code;
	const char *why;
} refusals[] = {
	{ "/dev/meta", "/dev/meta", 0, 0, EINVAL, BP_E_USAGE, "one device can't hold both" },
	{ "/dev/meta", "/dev/data", 7, 0, EEXIST, BP_E_METADATA_EXISTS, "holds something" },
	{ "/dev/meta", "/dev/data", 7, BP_POOL_EXISTING, EINVAL, BP_E_NOT_METADATA,
	  "does not hold a pool's metadata" },
	{ "/dev/meta", "/dev/data", 0, BP_POOL_EXISTING, EINVAL, BP_E_NOT_METADATA,
	  "it is blank" },
	{ "/dev/none", "/dev/data", 0, 0, ENOENT, BP_E_NO_BLOCK_DEVICE, "'/dev/none'" },
};

static void refused(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct bp_pool_opts opts = { .size = sizeof(opts), .flags = refusals[i].flags };

		fake_fill_bdev(w->fake, "/dev/meta", refusals[i].fill);
		assert_err(bp_pool_create(w->ctx, "p", refusals[i].metadata, refusals[i].data,
					  &opts, NULL),
			   refusals[i].errnum);
		assert_int_equal(bp_error_get(w->ctx)->code, refusals[i].code);
		assert_non_null(strstr(bp_error_get(w->ctx)->message, refusals[i].why));
		assert_int_equal(fake_count(w->fake, OP_CREATE), 0);
		assert_int_equal(fake_count(w->fake, FAKE_BDEV_WRITE), 0);
	}
}

static void wiped_when_told(void **state)
{
	struct world *w = *state;
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = BP_POOL_WIPE };

	fake_fill_bdev(w->fake, "/dev/meta", 7);
	assert_ok(bp_pool_create(w->ctx, "p", "/dev/meta", "/dev/data", &opts, NULL));
}

/* A data device of another pool is refused: the kernel itself would not look. */
static void shared_devices(void **state)
{
	struct world *w = *state;

	assert_ok(fake_add_bdev(w->fake, "/dev/meta2", 8, 48, 4 * MIB));
	assert_err(bp_pool_create(w->ctx, "q", "/dev/meta2", "/dev/data", NULL, NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_IN_USE);
	assert_string_equal(bp_error_get(w->ctx)->cause, "used by pool 'pool'");
	assert_err(bp_pool_create(w->ctx, "q", "/dev/meta", "/dev/other", NULL, NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_IN_USE);
}

static void volumes(void **state)
{
	struct world *w = *state;
	struct bp_selector origin = { .name = "one" }, pool = { .name = "pool" };
	struct bp_volume_list *list;
	struct bp_pool *again;
	uint32_t one, two, snap;

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, &one));
	assert_ok(bp_pool_create_volume(w->pool, "two", 4096, NULL, &two));
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, &snap));
	assert_int_equal(one, 0);
	assert_int_equal(two, 1);
	assert_int_equal(snap, 2);
	/* Opened anew, the pool knows its volumes: from the kernel. */
	assert_ok(bp_pool_open(w->ctx, &pool, &again));
	assert_ok(bp_pool_volumes(again, &list));
	assert_int_equal(bp_volume_list_count(list), 3);
	assert_string_equal(bp_volume_list_get(list, 2)->name, "snap");
	assert_int_equal(bp_volume_list_get(list, 2)->thin_id, 2);
	assert_int_equal(bp_volume_list_get(list, 2)->size_sectors, 2048);
	assert_false(bp_volume_list_get(list, 0)->suspended);
	assert_null(bp_volume_list_get(list, 3));
	bp_volume_list_free(list);
	bp_pool_close(again);
	assert_err(bp_pool_delete(w->pool, one, 0), EBUSY);
	assert_string_equal(bp_error_get(w->ctx)->cause, "it is active as 'one'");
	/* To deactivate keeps the data; to delete does not. */
	assert_ok(bp_pool_deactivate(w->pool, one, NULL));
	assert_ok(bp_pool_activate(w->pool, one, "one again", 2048, NULL));
	assert_ok(bp_pool_deactivate(w->pool, one, NULL));
	assert_ok(bp_pool_delete(w->pool, one, 0));
	assert_err(bp_pool_activate(w->pool, one, "one", 2048, NULL), ENODATA);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_THIN);
	assert_err(bp_pool_delete(w->pool, one, 0), ENODATA);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_THIN);
}

static void suspended_pool(void **state)
{
	struct world *w = *state;
	struct bp_selector pool = { .name = "pool" }, one = { .name = "one" };

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_device_suspend(w->ctx, &pool, NULL));
	assert_err(bp_device_suspend(w->ctx, &one, NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_STATE);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "suspend 'one': its pool 'pool' is suspended");
	assert_err(bp_device_resume(w->ctx, &one, NULL), EBUSY);
	assert_err(bp_pool_snapshot(w->pool, &one, "s", NULL, NULL), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_STATE);
}

static void bad_modes(void **state)
{
	struct world *w = *state;
	struct bp_pool_status status;

	fake_pool_mode(w->fake, "pool", "ro");
	assert_err(bp_pool_create_volume(w->pool, "one", 8, NULL, NULL), EOPNOTSUPP);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_STATE);
	assert_ok(bp_pool_status(w->pool, 0, &status));
	assert_int_equal(status.mode, BP_POOL_MODE_READ_ONLY);
	fake_pool_mode(w->fake, "pool", "Fail");
	assert_ok(bp_pool_status(w->pool, 0, &status));
	assert_int_equal(status.mode, BP_POOL_MODE_FAIL);
	assert_err(bp_pool_grow(w->pool, 0, 0), EOPNOTSUPP);
}

static void grow(void **state)
{
	struct world *w = *state;
	struct bp_pool_status status;

	assert_ok(fake_resize_bdev(w->fake, "/dev/data", 128 * MIB));
	assert_err(bp_pool_grow(w->pool, 100, 0), EINVAL);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_TOO_SMALL);
	assert_err(bp_pool_grow(w->pool, 1 << 30, 0), EINVAL);
	assert_ok(bp_pool_grow(w->pool, 0, 0));
	assert_ok(bp_pool_status(w->pool, 0, &status));
	assert_int_equal(status.data_total_dblocks, 2048);
	assert_ok(bp_pool_set_no_space(w->pool, true, 0));
	assert_ok(bp_pool_set_low_water(w->pool, 77, 0));
	assert_ok(bp_pool_status(w->pool, 0, &status));
	assert_true(status.error_if_no_space);
	assert_int_equal(status.low_water_dblocks, 77);
	assert_int_equal(status.data_total_dblocks, 2048);
}

static void transactions(void **state)
{
	struct world *w = *state;
	bp_mblock root = 0;

	assert_ok(bp_pool_set_transaction(w->pool, 0, 5, 0));
	assert_err(bp_pool_set_transaction(w->pool, 0, 6, 0), EINVAL);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_STATE);
	assert_string_equal(bp_error_get(w->ctx)->cause, "its transaction id is 5");
	assert_err(bp_pool_release_metadata_snap(w->pool, 0), ENODATA);
	assert_ok(bp_pool_reserve_metadata_snap(w->pool, 0, &root));
	assert_int_equal(root, 32);
	assert_err(bp_pool_reserve_metadata_snap(w->pool, 0, &root), EBUSY);
	assert_ok(bp_pool_release_metadata_snap(w->pool, 0));
}

/* Removing a pool deletes nothing. */
static void remove_and_reopen(void **state)
{
	struct world *w = *state;
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = BP_POOL_EXISTING };

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "two", 2048, NULL, NULL));
	fake_open(w->fake, "two", 1, BP_HOLDER_MOUNT);
	assert_err(bp_pool_remove(w->pool, NULL), EBUSY);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "remove 'pool': volume 'two' is in use");
	assert_int_equal(fake_count(w->fake, OP_REMOVE), 0);
	fake_open(w->fake, "two", -1, BP_HOLDER_MOUNT);
	assert_ok(bp_pool_remove(w->pool, NULL));
	assert_state(w, "metadata of /dev/meta: transaction 0 root 0 volumes 0(0) 1(1)\n");
	bp_pool_close(w->pool);
	w->pool = NULL;
	assert_err(bp_pool_create(w->ctx, "p", "/dev/meta", "/dev/data", NULL, NULL), EEXIST);
	assert_string_equal(bp_error_get(w->ctx)->message,
			    "pool create: '/dev/meta': it holds a pool's metadata already");
	opts.data_block_sectors = 128;
	assert_ok(bp_pool_create(w->ctx, "p", "/dev/meta", "/dev/data", &opts, &w->pool));
	assert_ok(bp_pool_activate(w->pool, 1, "two", 2048, NULL));
}

static void external_origin(void **state)
{
	struct world *w = *state;
	struct bp_volume_opts opts = {
		.size = sizeof(opts),
		.external_origin = "/dev/other",
	};
	struct bp_selector origin = { .name = "ext" };
	struct bp_volume_list *list;

	assert_ok(bp_pool_create_volume(w->pool, "ext", 2048, &opts, NULL));
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL));
	assert_ok(bp_pool_volumes(w->pool, &list));
	assert_int_equal(bp_volume_list_count(list), 2);
	assert_int_equal(bp_volume_list_get(list, 0)->external_origin.minor, 32);
	assert_int_equal(bp_volume_list_get(list, 1)->external_origin.minor, 32);
	bp_volume_list_free(list);
}

/* A volume that goes while they are listed is none; what can't be asked is a failure. */
static void a_volume_that_goes_is_not_listed(void **state)
{
	struct world *w = *state;
	struct bp_volume_list *list;

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "two", 2048, NULL, NULL));
	fake_fail(w->fake, OP_STATUS, 2, ENXIO);
	assert_ok(bp_pool_volumes(w->pool, &list));
	assert_true(fake_failed(w->fake));
	assert_int_equal(bp_volume_list_count(list), 1);
	bp_volume_list_free(list);
	fake_fail(w->fake, OP_STATUS, 2, EIO);
	assert_err(bp_pool_volumes(w->pool, &list), EIO);
}

/* Of a failed pool's volumes only what they lie on is known: which pool's they are is known by that. */
static void volumes_of_a_failed_pool(void **state)
{
	struct world *w = *state;
	struct bp_volume_list *list;
	struct bp_pool *other;

	assert_ok(bp_pool_create(w->ctx, "other", "/dev/meta2", "/dev/other", NULL, &other));
	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(other, "two", 2048, NULL, NULL));
	fake_pool_mode(w->fake, "other", "Fail");
	assert_ok(bp_pool_volumes(w->pool, &list));
	assert_int_equal(bp_volume_list_count(list), 1);
	assert_string_equal(bp_volume_list_get(list, 0)->name, "one");
	assert_false(bp_volume_list_get(list, 0)->failed);
	bp_volume_list_free(list);
	assert_ok(bp_pool_volumes(other, &list));
	assert_int_equal(bp_volume_list_count(list), 1);
	assert_string_equal(bp_volume_list_get(list, 0)->name, "two");
	assert_int_equal(bp_volume_list_get(list, 0)->thin_id, BP_THIN_ID_ANY);
	assert_true(bp_volume_list_get(list, 0)->failed);
	bp_volume_list_free(list);
	fake_fail(w->fake, OP_DEPS, 1, ENXIO);
	assert_ok(bp_pool_volumes(other, &list));
	assert_int_equal(bp_volume_list_count(list), 0);
	bp_volume_list_free(list);
	fake_fail(w->fake, OP_DEPS, 1, EIO);
	assert_err(bp_pool_volumes(other, &list), EIO);
	bp_pool_close(other);
}

/* Volumes of a pool may lie on each other: the users go first, and come back last. */
static void remove_nested(void **state)
{
	struct world *w = *state;
	struct bp_volume_opts opts = { .size = sizeof(opts) };
	char *before, *after;

	assert_ok(bp_pool_create_volume(w->pool, "base", 2048, NULL, NULL));
	opts.external_origin = "/dev/mapper/base";
	assert_ok(bp_pool_create_volume(w->pool, "clone", 2048, &opts, NULL));
	opts.external_origin = "/dev/mapper/clone";
	assert_ok(bp_pool_create_volume(w->pool, "second", 2048, &opts, NULL));
	before = fake_dump(w->fake);
	/* The pool itself can't go: all of them are there again. */
	fake_fail(w->fake, OP_REMOVE, 4, EIO);
	assert_err(bp_pool_remove(w->pool, NULL), EIO);
	assert_int_equal(bp_warnings_count(w->ctx), 0);
	after = fake_dump(w->fake);
	assert_int_equal(strlen(after), strlen(before));
	assert_ok(bp_pool_remove(w->pool, NULL));
	free(before);
	free(after);
}

static void pools(void **state)
{
	struct world *w = *state;
	struct bp_device_list *list;

	assert_ok(bp_pool_list(w->ctx, &list));
	assert_int_equal(bp_device_list_count(list), 1);
	assert_string_equal(bp_device_list_get(list, 0)->name, "pool");
	assert_null(bp_device_list_get(list, 1));
	bp_device_list_free(list);
}

static void plan(void **state)
{
	struct world *w = *state;
	struct bp_selector origin = { .name = "one" };
	static const char *const verbs[] = { "suspend", "message", "resume",
					     "create",  "load",    "resume" };
	struct bp_plan *plan;
	char *before, *after;

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	before = fake_dump(w->fake);
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), ARRAY_SIZE(verbs));
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		assert_string_equal(bp_plan_get(plan, i)->verb, verbs[i]);
	assert_string_equal(bp_plan_get(plan, 1)->detail, "create_snap 1 0");
	assert_null(bp_plan_get(plan, ARRAY_SIZE(verbs)));
	bp_plan_free(plan);
	/* What the plan removes holds nothing any more. */
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(bp_pool_remove(w->pool, NULL));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 2);
	assert_string_equal(bp_plan_get(plan, 0)->device, "one");
	assert_string_equal(bp_plan_get(plan, 1)->device, "pool");
	bp_plan_free(plan);
	after = fake_dump(w->fake);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

/* A volume "one" that has been written to, and is not active any more. */
static struct world *written(void **state)
{
	struct world *w;

	setup_pool(state);
	w = *state;
	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	fake_written(w->fake, "one", 1024);
	assert_ok(bp_pool_deactivate(w->pool, 0, NULL));
	return w;
}

static bp_dblock used(struct world *w)
{
	struct bp_pool_status status;

	assert_ok(bp_pool_status(w->pool, 0, &status));
	return status.data_used_dblocks;
}

static void discarded(void **state)
{
	struct bp_plan *plan;
	struct world *w;

	w = written(state);
	assert_int_equal(used(w), 8);
	assert_ok(bp_plan_start(w->ctx));
	assert_ok(bp_pool_discard_volume(w->pool, 0, 0));
	assert_ok(bp_plan_take(w->ctx, &plan));
	assert_int_equal(bp_plan_count(plan), 1);
	assert_string_equal(bp_plan_get(plan, 0)->verb, "discard");
	bp_plan_free(plan);
	assert_int_equal(used(w), 8);
	assert_ok(bp_pool_discard_volume(w->pool, 0, 0));
	assert_int_equal(used(w), 0);
	assert_int_equal(fake_count(w->fake, FAKE_BDEV_DISCARD), 1);
	/* Nothing mapped: nothing to do. */
	assert_ok(bp_pool_discard_volume(w->pool, 0, 0));
	assert_int_equal(fake_count(w->fake, FAKE_BDEV_DISCARD), 1);
	assert_err(bp_pool_discard_volume(w->pool, 7, 0), ENODATA);
	assert_err(bp_pool_discard_volume(w->pool, 1 << 24, 0), EINVAL);
	assert_ok(bp_pool_activate(w->pool, 0, "one", 2048, NULL));
	assert_err(bp_pool_discard_volume(w->pool, 0, 0), EBUSY);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_BUSY);
	teardown(state);
}

/* It would do nothing: that is told before a device is made for it. */
static void a_pool_that_ignores_discards(void **state)
{
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = BP_POOL_IGNORE_DISCARD };
	struct world *w = *state;
	unsigned created;

	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", &opts, &w->pool));
	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_deactivate(w->pool, 0, NULL));
	created = fake_count(w->fake, OP_CREATE);
	assert_err(bp_pool_discard_volume(w->pool, 0, 0), EOPNOTSUPP);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_POOL_STATE);
	assert_int_equal(fake_count(w->fake, OP_CREATE), created);
}

/* Whichever call fails, the device that was made for it goes. */
static void a_discard_that_fails(void **state)
{
	bool failed = true;
	unsigned nth = 0;

	while (failed) {
		struct world *w = written(state);
		char *before = fake_dump(w->fake), *after;
		int r;

		fake_fail(w->fake, FAKE_ANY, ++nth, EIO);
		r = bp_pool_discard_volume(w->pool, 0, 0);
		failed = fake_failed(w->fake);
		fake_fail(w->fake, FAKE_ANY, 0, 0);
		assert_true(failed || r == 0);
		/* The node of a device that has gone may have stayed. */
		assert_ok(bp_device_mknodes(w->ctx, NULL));
		after = fake_dump(w->fake);
		assert_string_equal(after, before);
		free(before);
		free(after);
		teardown(state);
		assert_true(nth < 100);
	}
	assert_true(nth > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(create),
		T(refused),
		T(wiped_when_told),
		P(shared_devices),
		P(volumes),
		cmocka_unit_test(discarded),
		T(a_pool_that_ignores_discards),
		cmocka_unit_test(a_discard_that_fails),
		P(suspended_pool),
		P(bad_modes),
		P(grow),
		P(transactions),
		P(remove_and_reopen),
		P(external_origin),
		P(a_volume_that_goes_is_not_listed),
		P(volumes_of_a_failed_pool),
		P(remove_nested),
		P(pools),
		P(plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
