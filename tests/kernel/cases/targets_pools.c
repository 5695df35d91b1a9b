/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets with metadata that change as they go: thin-pool, thin, era, clone. */
#include "live.h"

#define LENGTH SCRATCH_SECTORS
#define BLOCK  128

static struct bp_thin_pool pool_of_scratch(void)
{
	return (struct bp_thin_pool){
		.metadata_dev = dev(1),
		.data_dev = dev_path(0),
		.data_block_sectors = BLOCK,
		.low_water_dblocks = 4,
	};
}

static const struct bp_thin_pool_status *pool_status(void)
{
	return live_status("pool");
}

static void pool(struct bp_thin_pool pool, enum bp_thin_pool_discard discard,
		 enum bp_thin_pool_no_space no_space)
{
	const struct bp_thin_pool_status *status;

	live_create("pool", "thin-pool", LENGTH, &pool);
	status = pool_status();
	CHECK(status->total_data_dblocks == LENGTH / BLOCK && status->used_data_dblocks == 0);
	CHECK(status->total_metadata_blocks == SCRATCH_SECTORS / 8);
	CHECK(!status->held_root_mblock.is_set && !status->needs_check);
	CHECK(status->mode == BP_THIN_POOL_RW && status->transaction_id == 0);
	if (status->discard != discard)
		FAIL("discard is %d", (int)status->discard);
	CHECK(status->no_space == no_space && status->metadata_low_water_mblocks.is_set);
	live_remove("pool");
}

static void pool_plain(void)
{
	pool(pool_of_scratch(), BP_THIN_POOL_PASSDOWN, BP_THIN_POOL_QUEUE);
}

static void pool_skip_zeroing(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	p.skip_block_zeroing = true;
	pool(p, BP_THIN_POOL_PASSDOWN, BP_THIN_POOL_QUEUE);
}

static void pool_ignore_discard(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	p.ignore_discard = true;
	pool(p, BP_THIN_POOL_IGNORE_DISCARD, BP_THIN_POOL_QUEUE);
}

static void pool_no_passdown(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	p.no_discard_passdown = true;
	pool(p, BP_THIN_POOL_NO_PASSDOWN, BP_THIN_POOL_QUEUE);
}

static void pool_error_if_no_space(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	p.error_if_no_space = true;
	pool(p, BP_THIN_POOL_PASSDOWN, BP_THIN_POOL_ERROR);
}

static void pool_several(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	p.skip_block_zeroing = p.ignore_discard = p.error_if_no_space = true;
	p.no_discard_passdown = true;
	pool(p, BP_THIN_POOL_IGNORE_DISCARD, BP_THIN_POOL_ERROR);
}

static void pool_read_only(void)
{
	struct bp_thin_pool p = pool_of_scratch();

	live_once("thin-pool", LENGTH, &p);
	p.read_only = true;
	live_create("pool", "thin-pool", LENGTH, &p);
	CHECK(pool_status()->mode == BP_THIN_POOL_RO);
	live_message_refused("pool", "create_thin", &(struct bp_thin_pool_id){ 0 }, EOPNOTSUPP);
	live_remove("pool");
}

/* Out of data space: an error at once, and the mode tells. */
static void pool_full(void)
{
	struct bp_thin_pool p = pool_of_scratch();
	struct bp_thin thin = { .id = 0 };

	p.error_if_no_space = true;
	live_create("pool", "thin-pool", 2 * BLOCK, &p);
	live_message("pool", "create_thin", &(struct bp_thin_pool_id){ 0 });
	thin.pool_dev = mapped_dev("pool");
	live_create("thin", "thin", LENGTH, &thin);
	OK(try_put(mapped_path("thin"), 0, "one"));
	OK(try_put(mapped_path("thin"), BLOCK, "two"));
	CHECK(try_put(mapped_path("thin"), 2 * BLOCK, "three") < 0);
	CHECK(pool_status()->mode == BP_THIN_POOL_OUT_OF_DATA_SPACE);
	live_remove("thin");
	live_remove("pool");
}

static void pool_messages(void)
{
	struct bp_thin_pool p = pool_of_scratch();
	const struct bp_thin_status *status;
	struct bp_thin thin = { .id = 0 };

	live_create("pool", "thin-pool", LENGTH, &p);
	live_message("pool", "create_thin", &(struct bp_thin_pool_id){ 0 });
	live_message_refused("pool", "create_thin", &(struct bp_thin_pool_id){ 0 }, EEXIST);
	thin.pool_dev = mapped_path("pool");
	live_create("thin", "thin", 4096, &thin);
	status = live_status("thin");
	CHECK(status->mapped_sectors == 0 && !status->highest_mapped_sector.is_set);
	put_sector(mapped_path("thin"), 3 * BLOCK, "kept");
	status = live_status("thin");
	CHECK(status->mapped_sectors == BLOCK);
	CHECK(status->highest_mapped_sector.is_set &&
	      status->highest_mapped_sector.value == 4 * BLOCK - 1);
	live_suspend("thin");
	live_message("pool", "create_snap", &(struct bp_thin_pool_snap){ 7, 0 });
	live_resume("thin");
	put_sector(mapped_path("thin"), 3 * BLOCK, "changed");
	thin.id = 7;
	live_create("snap", "thin", 4096, &thin);
	CHECK(strcmp(get_sector(mapped_path("snap"), 3 * BLOCK), "kept") == 0);
	CHECK(pool_status()->used_data_dblocks == 2);
	live_message("pool", "reserve_metadata_snap", NULL);
	CHECK(pool_status()->held_root_mblock.is_set);
	live_message_refused("pool", "reserve_metadata_snap", NULL, EBUSY);
	live_message("pool", "release_metadata_snap", NULL);
	CHECK(!pool_status()->held_root_mblock.is_set);
	live_message("pool", "set_transaction_id", &(struct bp_thin_pool_transaction){ 0, 9 });
	CHECK(pool_status()->transaction_id == 9);
	live_remove("snap");
	live_message("pool", "delete", &(struct bp_thin_pool_id){ 7 });
	live_remove("thin");
	live_remove("pool");
}

static void thin_external(void)
{
	struct bp_thin_pool p = pool_of_scratch();
	struct bp_thin thin = { .id = BP_THIN_ID_MAX, .external_origin_dev = dev(2) };

	put_sector(dev_path(2), 40, "outside");
	live_create("pool", "thin-pool", LENGTH, &p);
	live_message("pool", "create_thin", &(struct bp_thin_pool_id){ BP_THIN_ID_MAX });
	thin.pool_dev = mapped_path("pool");
	live_create("thin", "thin", 4096, &thin);
	CHECK(strcmp(get_sector(mapped_path("thin"), 40), "outside") == 0);
	live_remove("thin");
	live_remove("pool");
}

/* --- era --- */

static void era(void)
{
	const struct bp_era_status *status;
	uint32_t first;

	live_create("live", "era", LENGTH,
		    &(struct bp_era){ .metadata_dev = dev(1),
				      .origin_dev = dev_path(0),
				      .block_sectors = 64 });
	status = live_status("live");
	CHECK(status->metadata_block_sectors == 8 && !status->held_root_mblock.is_set);
	CHECK(status->total_metadata_blocks == SCRATCH_SECTORS / 8);
	first = status->current_era;
	put_sector(mapped_path("live"), 0, "written");
	live_message("live", "checkpoint", NULL);
	status = live_status("live");
	CHECK(status->current_era > first);
	live_message("live", "take_metadata_snap", NULL);
	status = live_status("live");
	CHECK(status->held_root_mblock.is_set);
	live_message("live", "drop_metadata_snap", NULL);
	status = live_status("live");
	CHECK(!status->held_root_mblock.is_set);
	live_remove("live");
}

/* --- clone --- */

static struct bp_clone clone_of_scratch(void)
{
	return (struct bp_clone){
		.metadata_dev = dev(2),
		.dest_dev = dev(0),
		.source_dev = dev_path(1),
		.region_sectors = 64,
	};
}

static const struct bp_clone_status *clone_status(void)
{
	return live_status("live");
}

static void clone_plain(void)
{
	struct bp_clone clone = clone_of_scratch();

	put_sector(dev_path(1), 1000, "source");
	live_create("live", "clone", LENGTH, &clone);
	CHECK(clone_status()->total_regions == LENGTH / 64);
	WAIT_UNTIL(clone_status()->hydrated_regions == LENGTH / 64);
	CHECK(clone_status()->mode == BP_CLONE_RW && !clone_status()->no_hydration);
	CHECK(strcmp(get_sector(dev_path(0), 1000), "source") == 0);
	live_remove("live");
}

static void clone_messages(void)
{
	struct bp_clone clone = clone_of_scratch();

	clone.no_hydration = clone.no_discard_passdown = true;
	clone.hydration_threshold_regions = (struct bp_number)BP_SET(2);
	clone.hydration_batch_size_regions = (struct bp_number)BP_SET(4);
	live_create("live", "clone", LENGTH, &clone);
	CHECK(clone_status()->no_hydration && clone_status()->no_discard_passdown);
	CHECK(clone_status()->hydration_threshold_regions.value == 2);
	CHECK(clone_status()->hydrated_regions == 0);
	live_message("live", "hydration_threshold", &(struct bp_clone_regions){ 64 });
	live_message("live", "hydration_batch_size", &(struct bp_clone_regions){ 16 });
	CHECK(clone_status()->hydration_threshold_regions.value == 64);
	CHECK(clone_status()->hydration_batch_size_regions.value == 16);
	live_message("live", "enable_hydration", NULL);
	CHECK(!clone_status()->no_hydration);
	live_message("live", "disable_hydration", NULL);
	live_message("live", "enable_hydration", NULL);
	WAIT_UNTIL(clone_status()->hydrated_regions == LENGTH / 64);
	live_remove("live");
}

static const struct live tests[] = {
	{ "thin-pool", pool_plain },
	{ "thin-pool: skip_block_zeroing", pool_skip_zeroing },
	{ "thin-pool: ignore_discard", pool_ignore_discard },
	{ "thin-pool: no_discard_passdown", pool_no_passdown },
	{ "thin-pool: error_if_no_space", pool_error_if_no_space },
	{ "thin-pool: several features", pool_several },
	{ "thin-pool: read_only", pool_read_only },
	{ "thin-pool: out of data space", pool_full },
	{ "thin-pool: all messages; thin, a snapshot", pool_messages },
	{ "thin: external origin", thin_external },
	{ "era: all messages", era },
	{ "clone", clone_plain },
	{ "clone: all features and messages", clone_messages },
};

static const struct live_reject rejects[] = {
	{ "0 32768 thin-pool @1 @0 100 0", 3, "Invalid block size" },
	{ "0 32768 thin-pool @1 250:99 128 0", 2, "Error getting data device" },
	{ "0 8 thin @0 0", 1, "Couldn't get pool mapped device", true },
	{ "0 8 thin @0 16777216", 2, "Invalid device id" },
	{ "0 32768 era @1 @0 7", 3, "Invalid block size" },
	{ "0 32768 clone @2 @0 @1 7", 4, "Invalid region size" },
};

LIVE_MAIN(tests, rejects)
