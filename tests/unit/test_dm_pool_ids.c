/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ids of volumes in a pool: which a new one gets, snapshots and groups of them, and where the
 * kernel's devices and the metadata differ.
 */
#include "lib/pool_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(ids),
		P(ids_by_the_metadata),
		P(ids_by_a_foreign_snapshot),
		P(ids_without_the_metadata),
		P(snapshots),
		P(snapshot_groups),
		P(reconciled),
		P(reconcile_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
