/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thin pools on the kernel in memory. That each call fails in turn: test_dm_transaction. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include "fake/ops_fake.h"

#define MIB ((bp_bytes)1 << 20)

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_pool *pool;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	unsetenv("DM_DEV_DIR");
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/meta", 8, 0, 4 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/data", 8, 16, 64 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/other", 8, 32, 64 * MIB));
	*state = w;
	return 0;
}

static int setup_pool(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &w->pool));
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_pool_close(w->pool);
	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static void assert_state(struct world *w, const char *expected)
{
	char *got = fake_dump(w->fake);

	assert_string_equal(got, expected);
	free(got);
}

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

static void ids(void **state)
{
	struct world *w = *state;
	struct bp_volume_opts opts = { .size = sizeof(opts),
				       .use_thin_id = true,
				       .thin_id = 7 };
	uint32_t id;

	assert_ok(bp_pool_create_volume(w->pool, "seven", 8, &opts, &id));
	assert_int_equal(id, 7);
	assert_err(bp_pool_create_volume(w->pool, "again", 8, &opts, &id), EEXIST);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_EXISTS);
	opts.thin_id = BP_THIN_ID_MAX + 1;
	assert_err(bp_pool_create_volume(w->pool, "far", 8, &opts, &id), EINVAL);
	/* Ids that are taken, but not active, are stepped over. */
	opts = (struct bp_volume_opts){ .size = sizeof(opts), .inactive = true };
	opts.use_thin_id = true;
	for (uint32_t i = 8; i < 12; i++) {
		opts.thin_id = i;
		assert_ok(bp_pool_create_volume(w->pool, NULL, 0, &opts, &id));
	}
	assert_ok(bp_pool_create_volume(w->pool, "next", 8, NULL, &id));
	assert_int_equal(id, 12);
	assert_int_equal(bp_warnings_count(w->ctx), 0);
}

static bp_mblock held_root(struct world *w)
{
	struct bp_pool_status status;

	assert_ok(bp_pool_status(w->pool, 0, &status));
	return status.held_root_mblock;
}

static void take(struct world *w, uint32_t id)
{
	struct bp_volume_opts opts = {
		.size = sizeof(opts),
		.inactive = true,
		.use_thin_id = true,
		.thin_id = id,
	};

	assert_ok(bp_pool_create_volume(w->pool, NULL, 0, &opts, NULL));
}

/* No message that creates is sent in vain: each costs a line of the kernel's log. */
static void ids_by_the_metadata(void **state)
{
	struct world *w = *state;
	unsigned messages;
	uint32_t id;

	take(w, 1000);
	messages = fake_count(w->fake, OP_MESSAGE);
	assert_ok(bp_pool_create_volume(w->pool, "next", 8, NULL, &id));
	assert_int_equal(id, 1001);
	assert_int_equal(fake_count(w->fake, OP_MESSAGE) - messages, 3);
	assert_int_equal(held_root(w), 0);
	/* At the end of all numbers the first gap is taken. */
	take(w, 0);
	take(w, BP_THIN_ID_MAX);
	assert_ok(bp_pool_create_volume(w->pool, "gap", 8, NULL, &id));
	assert_int_equal(id, 1);
	assert_int_equal(bp_warnings_count(w->ctx), 0);
}

/* Somebody else's snapshot is read, and stays. */
static void ids_by_a_foreign_snapshot(void **state)
{
	struct world *w = *state;
	bp_mblock root;
	uint32_t id;

	take(w, 40);
	assert_ok(bp_pool_reserve_metadata_snap(w->pool, 0, &root));
	assert_ok(bp_pool_create_volume(w->pool, "next", 8, NULL, &id));
	assert_int_equal(id, 41);
	assert_int_equal(held_root(w), root);
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "perhaps another program's"));
}

/* What can't be read is told, and ids are found by trying. */
static void ids_without_the_metadata(void **state)
{
	struct world *w = *state;
	uint32_t id;

	take(w, 0);
	fake_fail(w->fake, FAKE_THIN_DEVICES, 1, EIO);
	assert_ok(bp_pool_create_volume(w->pool, "next", 8, NULL, &id));
	assert_true(id > 0 && id < 256);
	assert_int_equal(held_root(w), 0);
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "can't be read"));
}

static void snapshots(void **state)
{
	struct world *w = *state;
	struct bp_selector origin = { .name = "one" };
	struct bp_volume_opts by_id = {
		.size = sizeof(by_id),
		.origin_by_id = true,
		.size_sectors = 8,
	};
	unsigned suspends, resumes;
	uint32_t id;

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	suspends = fake_count(w->fake, OP_SUSPEND);
	resumes = fake_count(w->fake, OP_RESUME);
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL));
	assert_int_equal(fake_count(w->fake, OP_SUSPEND) - suspends, 1);
	assert_int_equal(fake_count(w->fake, OP_RESUME) - resumes, 2); /* origin, snapshot */
	/* An origin that is suspended stays so. */
	assert_ok(bp_device_suspend(w->ctx, &origin, NULL));
	suspends = fake_count(w->fake, OP_SUSPEND);
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap2", NULL, NULL));
	assert_int_equal(fake_count(w->fake, OP_SUSPEND), suspends);
	assert_ok(bp_device_resume(w->ctx, &origin, NULL));
	/* By id, inactive; and of one that is not there. */
	assert_ok(bp_pool_deactivate(w->pool, 0, NULL));
	assert_ok(bp_pool_snapshot(w->pool, NULL, "snap3", &by_id, &id));
	by_id.origin_thin_id = 99;
	assert_err(bp_pool_snapshot(w->pool, NULL, "snap4", &by_id, &id), ENODATA);
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_NO_THIN);
	/* Not a volume of this pool. */
	origin.name = "pool";
	assert_err(bp_pool_snapshot(w->pool, &origin, "snap5", NULL, &id), EINVAL);
}

/* Several at one instant: all are suspended before the first message, each once. */
static void snapshot_groups(void **state)
{
	static const struct bp_selector origins[] = { { .name = "one" }, { .name = "two" } };
	static const struct bp_selector twice[] = { { .name = "one" }, { .name = "one" } };
	static const struct bp_selector foreign[] = { { .name = "one" }, { .name = "pool" } };
	static const char *const names[] = { "s1", "s2" }, *const same[] = { "s", "s" },
				 *const taken[] = { "s3", "one" };
	struct bp_volume_opts opts = { .size = sizeof(opts), .use_thin_id = true };
	struct world *w = *state;
	unsigned suspends;
	uint32_t ids[2];
	struct bp_volume_list *list;
	char *before;

	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "two", 1024, NULL, NULL));
	/* The next id, and the one behind it, are taken. */
	opts.thin_id = 3;
	opts.inactive = true;
	assert_ok(bp_pool_create_volume(w->pool, NULL, 0, &opts, NULL));
	suspends = fake_count(w->fake, OP_SUSPEND);
	assert_ok(bp_pool_snapshot_group(w->pool, origins, names, 2, NULL, ids));
	assert_true(ids[0] > 3 && ids[1] == ids[0] + 1);
	assert_true(fake_count(w->fake, OP_SUSPEND) - suspends >= 2);
	assert_ok(bp_pool_volumes(w->pool, &list));
	assert_int_equal(bp_volume_list_count(list), 4);
	for (size_t i = 0; i < 4; i++)
		assert_false(bp_volume_list_get(list, i)->suspended);
	assert_int_equal(bp_volume_list_get(list, 2)->size_sectors, 2048);
	assert_int_equal(bp_volume_list_get(list, 3)->size_sectors, 1024);
	bp_volume_list_free(list);
	before = fake_dump(w->fake);
	assert_err(bp_pool_snapshot_group(w->pool, twice, names, 2, NULL, ids), EINVAL);
	assert_err(bp_pool_snapshot_group(w->pool, origins, same, 2, NULL, ids), EINVAL);
	assert_err(bp_pool_snapshot_group(w->pool, foreign, names, 2, NULL, ids), EINVAL);
	assert_err(bp_pool_snapshot_group(w->pool, origins, names, 0, NULL, ids), EINVAL);
	assert_err(bp_pool_snapshot_group(w->pool, origins, names, 2, &opts, ids), EINVAL);
	assert_err(bp_pool_snapshot_group(w->pool, origins, taken, 2, NULL, ids), EBUSY);
	assert_state(w, before);
	free(before);
}

static void assert_difference(const struct bp_pool_difference_list *list, size_t index,
			      enum bp_pool_difference_kind kind, uint32_t id, const char *name)
{
	const struct bp_pool_difference *d = bp_pool_differences_get(list, index);

	assert_non_null(d);
	assert_int_equal(d->kind, kind);
	assert_int_equal(d->thin_id, id);
	if (name)
		assert_string_equal(d->name, name);
	else
		assert_null(d->name);
}

/* Active: a 0, b 1, b again 1; held: 2, 3, 4. */
static struct world *world_to_reconcile(void **state)
{
	struct world *w = *state;

	assert_ok(bp_pool_create_volume(w->pool, "a", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "b", 2048, NULL, NULL));
	assert_ok(bp_pool_activate(w->pool, 1, "b again", 2048, NULL));
	for (uint32_t id = 2; id < 5; id++)
		take(w, id);
	return w;
}

static const struct bp_pool_wanted wanted[] = {
	{ .name = "a", .thin_id = 0 },
	{ .name = "b", .thin_id = BP_THIN_ID_ANY },
	{ .name = "c", .thin_id = 2, .size_sectors = 64 },
	{ .name = "d", .thin_id = 77 },
};

static void reconciled(void **state)
{
	struct world *w = world_to_reconcile(state);
	struct bp_pool_reconcile_opts opts = { .size = sizeof(opts) };
	struct bp_pool_difference_list *list;
	struct bp_volume_list *volumes;
	char *before = fake_dump(w->fake);

	assert_ok(bp_pool_reconcile(w->pool, wanted, ARRAY_SIZE(wanted), &opts, &list));
	assert_int_equal(bp_pool_differences_count(list), 7);
	assert_difference(list, 0, BP_POOL_AS_WANTED, 0, "a");
	assert_difference(list, 1, BP_POOL_AS_WANTED, 1, "b");
	assert_difference(list, 2, BP_POOL_INACTIVE, 2, "c");
	assert_difference(list, 3, BP_POOL_MISSING, 77, "d");
	assert_difference(list, 4, BP_POOL_UNWANTED_ACTIVE, 1, "b again");
	assert_difference(list, 5, BP_POOL_UNWANTED, 3, NULL);
	assert_difference(list, 6, BP_POOL_UNWANTED, 4, NULL);
	assert_null(bp_pool_differences_get(list, 7));
	assert_false(bp_pool_differences_get(list, 4)->done);
	bp_pool_differences_free(list);
	assert_state(w, before);
	free(before);
	opts.flags = BP_POOL_RECONCILE_ACTIVATE | BP_POOL_RECONCILE_DEACTIVATE |
		     BP_POOL_RECONCILE_DELETE;
	assert_ok(bp_pool_reconcile(w->pool, wanted, ARRAY_SIZE(wanted), &opts, &list));
	for (size_t i = 0; i < bp_pool_differences_count(list); i++)
		assert_int_equal(bp_pool_differences_get(list, i)->done, i == 2 || i > 3);
	bp_pool_differences_free(list);
	assert_ok(bp_pool_volumes(w->pool, &volumes));
	assert_int_equal(bp_volume_list_count(volumes), 3);
	assert_string_equal(bp_volume_list_get(volumes, 2)->name, "c");
	bp_volume_list_free(volumes);
	assert_err(bp_pool_delete(w->pool, 3, 0), ENODATA);
	assert_err(bp_pool_delete(w->pool, 4, 0), ENODATA);
}

/* What could delete the wrong one, or can't be done, is refused before anything is. */
static void reconcile_refuses(void **state)
{
	static const struct bp_pool_wanted twice[] = { { .name = "a" }, { .name = "a" } },
					   lost = { .name = "lost", .thin_id = BP_THIN_ID_ANY },
					   no_size = { .name = "e", .thin_id = 3 };
	struct world *w = world_to_reconcile(state);
	struct bp_pool_reconcile_opts opts = {
		.size = sizeof(opts),
		.flags = BP_POOL_RECONCILE_DELETE,
	};
	struct bp_pool_difference_list *list;
	char *before = fake_dump(w->fake);

	assert_err(bp_pool_reconcile(w->pool, twice, 2, &opts, &list), EINVAL);
	assert_err(bp_pool_reconcile(w->pool, &lost, 1, &opts, &list), EINVAL);
	assert_non_null(strstr(bp_error_get(w->ctx)->message, "may be one of those"));
	opts.flags = BP_POOL_RECONCILE_ACTIVATE | BP_POOL_RECONCILE_DEACTIVATE;
	assert_err(bp_pool_reconcile(w->pool, &no_size, 1, &opts, &list), EINVAL);
	opts.flags = BP_POOL_RECONCILE_DELETE;
	fake_fail(w->fake, FAKE_THIN_DEVICES, 1, EIO);
	assert_err(bp_pool_reconcile(w->pool, NULL, 0, &opts, &list), EIO);
	assert_state(w, before);
	free(before);
	/* Nothing is deleted by what somebody else reserved, who knows when. */
	assert_ok(bp_pool_reserve_metadata_snap(w->pool, 0, NULL));
	before = fake_dump(w->fake);
	assert_err(bp_pool_reconcile(w->pool, NULL, 0, &opts, &list), EBUSY);
	assert_state(w, before);
	free(before);
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define P(f) cmocka_unit_test_setup_teardown(f, setup_pool, teardown)

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
		P(ids),
		P(ids_by_the_metadata),
		P(ids_by_a_foreign_snapshot),
		P(ids_without_the_metadata),
		P(snapshots),
		P(snapshot_groups),
		P(reconciled),
		P(reconcile_refuses),
		P(suspended_pool),
		P(bad_modes),
		P(grow),
		P(transactions),
		P(remove_and_reopen),
		P(external_origin),
		P(remove_nested),
		P(pools),
		P(plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
