/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thin pools on the real kernel. */
#include "kernel.h"

#define SIZE 65536 /* sectors of each volume: 32 MiB */

static struct bp_ctx *ctx;

static struct bp_pool *fresh_pool(uint32_t flags)
{
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = flags };
	struct bp_pool *pool;

	OK(bp_pool_create(ctx, "pool", disk(0), disk(1), &opts, &pool));
	return pool;
}

/* Data of others, left on the data device, is not readable through a new volume. */
static void zeroes(struct bp_pool *pool)
{
	uint32_t id;

	OK(bp_pool_create_volume(pool, "one", SIZE, NULL, &id));
	put_sector("/dev/mapper/one", 0, "mine");
	for (unsigned i = 1; i < 128; i++)
		CHECK(strcmp(get_sector("/dev/mapper/one", i), "") == 0);
}

static void snapshot_is_still(struct bp_pool *pool)
{
	struct bp_selector one = { .name = "one" };
	uint32_t id;

	put_sector("/dev/mapper/one", 8, "before");
	OK(bp_pool_snapshot(pool, &one, "snap", NULL, &id));
	put_sector("/dev/mapper/one", 8, "after");
	CHECK(strcmp(get_sector("/dev/mapper/snap", 8), "before") == 0);
	CHECK(strcmp(get_sector("/dev/mapper/one", 8), "after") == 0);
	CHECK(strcmp(get_sector("/dev/mapper/snap", 0), "mine") == 0);
}

static void listed(struct bp_pool *pool)
{
	struct bp_pool_status status;
	struct bp_volume_list *list;

	OK(bp_pool_volumes(pool, &list));
	CHECK(bp_volume_list_count(list) == 2);
	CHECK(bp_volume_list_get(list, 0)->thin_id == 0);
	CHECK(bp_volume_list_get(list, 1)->thin_id == 1);
	CHECK(bp_volume_list_get(list, 0)->mapped_sectors == 128);
	CHECK(bp_volume_list_get(list, 0)->highest_mapped_sector == 127);
	bp_volume_list_free(list);
	OK(bp_pool_status(pool, BP_TABLE_FLUSH, &status));
	CHECK(status.mode == BP_POOL_MODE_WRITE && status.data_used_dblocks == 2);
	CHECK(!status.skip_zeroing && !status.needs_check);
}

/* Deactivated and the pool removed: data is still there. Deleted: it is not. */
static void data_stays(struct bp_pool **pool)
{
	OK(bp_pool_remove(*pool, NULL));
	bp_pool_close(*pool);
	HAS(shell("dmsetup ls"), "No devices found");
	ERR(bp_pool_create(ctx, "pool", disk(0), disk(1), NULL, NULL), EEXIST);
	CHECK(bp_error_get(ctx)->code == BP_E_METADATA_EXISTS);
	*pool = fresh_pool(BP_POOL_EXISTING);
	OK(bp_pool_activate(*pool, 0, "one", SIZE, NULL));
	CHECK(strcmp(get_sector("/dev/mapper/one", 8), "after") == 0);
	ERR(bp_pool_delete(*pool, 0, 0), EBUSY);
	OK(bp_pool_deactivate(*pool, 0, NULL));
	OK(bp_pool_delete(*pool, 0, 0));
	ERR(bp_pool_activate(*pool, 0, "one", SIZE, NULL), ENODATA);
	CHECK(bp_error_get(ctx)->code == BP_E_NO_THIN);
	HAS(bp_error_get(ctx)->kernel_log, "Couldn't open thin internal device");
}

/* A pool made with dmsetup is ours too, and the other way. */
static void with_dmsetup(struct bp_pool *pool)
{
	struct bp_volume_list *list;

	shell("dmsetup message pool 0 'create_thin 7'");
	shell("dmsetup create seven --table \"0 8 thin /dev/mapper/pool 7\"");
	OK(bp_pool_volumes(pool, &list));
	CHECK(bp_volume_list_count(list) == 1);
	CHECK(bp_volume_list_get(list, 0)->thin_id == 7);
	CHECK(strcmp(bp_volume_list_get(list, 0)->name, "seven") == 0);
	bp_volume_list_free(list);
	HAS(shell("dmsetup status pool"), " rw ");
	remove_named(ctx, "seven");
}

static void settings(struct bp_pool *pool)
{
	struct bp_pool_status status;
	bp_mblock root = 0;

	OK(bp_pool_set_transaction(pool, 0, 3, 0));
	ERR(bp_pool_set_transaction(pool, 0, 4, 0), EINVAL);
	HAS(bp_error_get(ctx)->cause, "transaction id is 3");
	OK(bp_pool_reserve_metadata_snap(pool, 0, &root));
	CHECK(root > 0);
	ERR(bp_pool_reserve_metadata_snap(pool, 0, &root), EBUSY);
	OK(bp_pool_release_metadata_snap(pool, 0));
	OK(bp_pool_set_no_space(pool, true, 0));
	OK(bp_pool_status(pool, 0, &status));
	CHECK(status.error_if_no_space && status.transaction_id == 3);
}

/* The pool is suspended: what would hang in the kernel is refused instead. */
static void guarded(struct bp_pool *pool)
{
	struct bp_selector self = { .name = "pool" }, vol = { .name = "vol" };

	OK(bp_pool_create_volume(pool, "vol", SIZE, NULL, NULL));
	OK(bp_device_suspend(ctx, &self, NULL));
	ERR(bp_device_suspend(ctx, &vol, NULL), EBUSY);
	CHECK(bp_error_get(ctx)->code == BP_E_POOL_STATE);
	OK(bp_device_resume(ctx, &self, NULL));
	OK(bp_device_suspend(ctx, &vol, NULL));
	OK(bp_device_resume(ctx, &vol, NULL));
}

/* Smaller at first, then all of the device. */
static void grows(void)
{
	struct bp_pool_opts opts = {
		.size = sizeof(opts),
		.flags = BP_POOL_WIPE,
		.size_sectors = 16384,
	};
	struct bp_pool_status before, after;
	struct bp_pool *pool;

	OK(bp_pool_create(ctx, "pool", disk(0), disk(1), &opts, &pool));
	OK(bp_pool_status(pool, 0, &before));
	CHECK(before.data_total_dblocks == 128);
	ERR(bp_pool_grow(pool, 8192, 0), EINVAL);
	OK(bp_pool_grow(pool, 0, 0));
	OK(bp_pool_status(pool, 0, &after));
	CHECK(after.data_total_dblocks > before.data_total_dblocks);
	OK(bp_pool_remove(pool, NULL));
	bp_pool_close(pool);
}

int main(void)
{
	struct bp_pool *pool;

	CHECK(bp_ctx_new(&ctx) == 0);
	wipe_start(disk(0), 16);
	for (unsigned i = 0; i < 256; i++)
		put_sector(disk(1), i, "left by others");
	pool = fresh_pool(0);
	zeroes(pool);
	snapshot_is_still(pool);
	listed(pool);
	data_stays(&pool);
	with_dmsetup(pool);
	settings(pool);
	guarded(pool);
	OK(bp_pool_remove(pool, NULL));
	bp_pool_close(pool);
	grows();
	CHECK(bp_warnings_count(ctx) == 0);
	bp_ctx_free(ctx);
	return 0;
}
