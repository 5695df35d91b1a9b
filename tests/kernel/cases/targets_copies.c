/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets that keep data twice: snapshots, mirrors, raid. */
#include "live.h"

#define LENGTH 16384

static void snapshot(enum bp_snapshot_store store, bool discards)
{
	const struct bp_snapshot_status *status;
	bp_sector before;

	if (discards)
		need_release(0x0502);
	put_sector(dev_path(0), 8, "before");
	live_create("live", "snapshot", LENGTH,
		    &(struct bp_snapshot){ .origin_dev = dev_path(0),
					   .cow_dev = dev(1),
					   .store = store,
					   .chunk_sectors = discards ? 512 : 16,
					   .discard_zeroes_cow = discards,
					   .discard_passdown_origin = discards });
	status = live_status("live");
	CHECK(status->total_sectors == SCRATCH_SECTORS);
	before = status->used_sectors;
	put_sector(mapped_path("live"), 16, "mine");
	CHECK(strcmp(get_sector(mapped_path("live"), 8), "before") == 0);
	CHECK(strcmp(get_sector(dev_path(0), 16), "") == 0);
	status = live_status("live");
	CHECK(status->used_sectors > before);
	CHECK((status->metadata_sectors == 0) == (store == BP_SNAPSHOT_TRANSIENT));
	live_remove("live");
}

static void snapshot_p(void)
{
	snapshot(BP_SNAPSHOT_PERSISTENT, false);
}

static void snapshot_po(void)
{
	snapshot(BP_SNAPSHOT_PERSISTENT_OVERFLOW, false);
}

static void snapshot_n(void)
{
	snapshot(BP_SNAPSHOT_TRANSIENT, false);
}

static void snapshot_discards(void)
{
	snapshot(BP_SNAPSHOT_PERSISTENT, true);
}

/* What overflows says so if it was told to, and is invalid else. */
static void overflow(enum bp_snapshot_store store, const char *state)
{
	struct bp_linear small = { .dev = dev(1) };

	live_create("cow", "linear", 64, &small);
	live_create("live", "snapshot", LENGTH,
		    &(struct bp_snapshot){ .origin_dev = dev(0),
					   .cow_dev = mapped_dev("cow"),
					   .store = store,
					   .chunk_sectors = 8 });
	for (unsigned i = 0; i < 8; i++)
		try_put(mapped_path("live"), i * 8, "fill");
	CHECK(strcmp(live_state("live"), state) == 0);
	CHECK(!live_status("live"));
	live_remove("live");
	live_remove("cow");
}

static void snapshot_invalid(void)
{
	overflow(BP_SNAPSHOT_PERSISTENT, "Invalid");
}

static void snapshot_overflow(void)
{
	overflow(BP_SNAPSHOT_PERSISTENT_OVERFLOW, "Overflow");
}

/* What is written to an origin is kept for its snapshot, and a merge brings it back. */
static void merge(void)
{
	const struct bp_snapshot snap = {
		.origin_dev = dev(0),
		.cow_dev = dev(1),
		.store = BP_SNAPSHOT_PERSISTENT,
		.chunk_sectors = 16,
	};
	const struct bp_snapshot_origin origin = { .dev = dev(0) };
	const struct bp_snapshot_status *status;

	live_create("origin", "snapshot-origin", LENGTH, &origin);
	put_sector(mapped_path("origin"), 0, "before");
	live_create("snap", "snapshot", LENGTH, &snap);
	put_sector(mapped_path("origin"), 0, "after");
	CHECK(strcmp(get_sector(mapped_path("snap"), 0), "before") == 0);
	live_remove("snap");
	live_reload("origin", "snapshot-merge", LENGTH, &snap);
	WAIT_UNTIL((status = live_status("origin"),
		    status->used_sectors == status->metadata_sectors));
	CHECK(strcmp(get_sector(mapped_path("origin"), 0), "before") == 0);
	live_reload("origin", "snapshot-origin", LENGTH, &origin);
	live_remove("origin");
}

/* --- mirror --- */

static void mirror(struct bp_mirror mirror, unsigned legs, enum bp_mirror_log_kind kind)
{
	const struct bp_mirror_leg leg[] = { { dev(0), 0 },
					     { dev_path(1), 64 },
					     { dev(2), 8 } };
	const struct bp_mirror_status *status;
	char health[4] = "AAA";

	health[legs] = '\0';
	mirror.legs = leg;
	mirror.nr_legs = legs;
	live_create("live", "mirror", LENGTH, &mirror);
	WAIT_UNTIL((status = live_status("live"),
		    status->synced_regions == status->total_regions));
	CHECK(status->total_regions == LENGTH / 1024 && status->nr_devs == legs);
	CHECK(strcmp(status->health, health) == 0 && status->log == kind);
	put_sector(mapped_path("live"), 7, "twice");
	CHECK(strcmp(get_sector(dev_path(0), 7), "twice") == 0);
	CHECK(strcmp(get_sector(dev_path(1), 71), "twice") == 0);
	live_remove("live");
}

static void mirror_core(void)
{
	put_sector(dev_path(0), 5000, "copied");
	mirror((struct bp_mirror){ .log = BP_MIRROR_CORE, .region_sectors = 1024 }, 2,
	       BP_MIRROR_LOG_CORE);
	CHECK(strcmp(get_sector(dev_path(1), 5064), "copied") == 0);
}

static void mirror_nosync(void)
{
	mirror((struct bp_mirror){ .log = BP_MIRROR_CORE,
				   .region_sectors = 1024,
				   .sync = BP_MIRROR_NOSYNC,
				   .handle_errors = true },
	       3, BP_MIRROR_LOG_CORE);
}

static void mirror_disk(void)
{
	mirror((struct bp_mirror){ .log = BP_MIRROR_DISK,
				   .log_dev = dev(3),
				   .region_sectors = 1024,
				   .sync = BP_MIRROR_SYNC,
				   .handle_errors = true,
				   .keep_log = true },
	       2, BP_MIRROR_LOG_DISK);
}

/* --- raid --- */

/* Legs with metadata: metadata on device n + 4, data on n. */
static void raid(struct bp_raid raid, unsigned nr_legs, bp_sector length)
{
	struct bp_raid_leg legs[4];
	const struct bp_raid_status *status;
	const enum bp_raid_type type = raid.type;

	for (unsigned i = 0; i < nr_legs; i++)
		legs[i] = (struct bp_raid_leg){ dev(i + 4), dev(i) };
	raid.legs = legs;
	raid.nr_legs = nr_legs;
	live_create("live", "raid", length, &raid);
	status = live_status("live");
	CHECK(status->type == type && status->nr_devs == nr_legs);
	CHECK(strlen(status->health) == nr_legs && status->total_sectors > 0);
	put_sector(mapped_path("live"), 100, "spread");
	CHECK(strcmp(get_sector(mapped_path("live"), 100), "spread") == 0);
}

static const struct bp_raid_status *raid_idle(void)
{
	const struct bp_raid_status *status;

	WAIT_UNTIL((status = live_status("live"), status->action == BP_RAID_IDLE));
	return status;
}

/* Linux 6.1 can crash where an array is removed while a resync begins. */
static void raid_remove(void)
{
	raid_idle();
	live_remove("live");
}

static void raid0(void)
{
	const struct bp_raid_leg legs[] = { { NULL, dev(0) }, { NULL, dev(1) } };

	live_once("raid", 2 * LENGTH,
		  &(struct bp_raid){
			  .type = BP_RAID0, .chunk_sectors = 128, .legs = legs, .nr_legs = 2 });
}

/*
 * Ask for an action where none is under way: again while it has not done what is wanted, as the
 * kernel drops a request that comes just as the work before it is wound up.
 */
static void raid_ask(const char *action)
{
	const struct bp_raid_status *status = live_status("live");

	if (status->action == BP_RAID_IDLE)
		live_message("live", action, NULL);
}

static bool raid_checked(void)
{
	const struct bp_raid_status *status = live_status("live");

	if (status->action == BP_RAID_IDLE && status->mismatches.value > 0)
		return true;
	raid_ask("check");
	return false;
}

static bool raid_repaired(void)
{
	if (strcmp(get_sector(dev_path(1), 4096), "") == 0)
		return true;
	raid_ask("repair");
	return false;
}

/* A message comes back before what it asked for has begun. */
static void raid1(void)
{
	const struct bp_raid_status *status;

	raid((struct bp_raid){ .type = BP_RAID1, .region_sectors = BP_SET(1024) }, 2, LENGTH);
	WAIT_UNTIL((status = live_status("live"),
		    status->action == BP_RAID_IDLE && status->synced_sectors == LENGTH));
	CHECK(strcmp(status->health, "AA") == 0);
	put_sector(dev_path(1), 4096, "differs");
	WAIT_UNTIL(raid_checked());
	WAIT_UNTIL(raid_repaired());
	raid_idle();
	live_message("live", "resync", NULL);
	raid_idle();
	live_message("live", "recover", NULL);
	raid_idle();
	if (live_release() < 0x060c) {
		live_message("live", "frozen", NULL);
		status = live_status("live");
		CHECK(status->action == BP_RAID_FROZEN);
		live_message("live", "idle", NULL);
	} else {
		/* Carried out all the same, and the freeze is dropped at once. */
		live_message_refused("live", "frozen", NULL, EINVAL);
		live_message_refused("live", "idle", NULL, EINVAL);
	}
	raid_remove();
}

static void raid1_options(void)
{
	const uint32_t mostly[] = { 1 };

	raid((struct bp_raid){ .type = BP_RAID1,
			       .nosync = true,
			       .daemon_sleep_ms = BP_SET(1000),
			       .min_recovery_rate_kib_per_second = BP_SET(500),
			       .max_recovery_rate_kib_per_second = BP_SET(5000),
			       .write_mostly = mostly,
			       .nr_write_mostly = 1,
			       .max_write_behind_sectors = BP_SET(512),
			       .region_sectors = BP_SET(1024) },
	     2, LENGTH);
	raid_remove();
}

static void raid_parity(enum bp_raid_type type, unsigned legs, unsigned data)
{
	raid((struct bp_raid){ .type = type,
			       .chunk_sectors = 128,
			       .region_sectors = BP_SET(1024),
			       .stripe_cache_entries = BP_SET(256) },
	     legs, (bp_sector)data * LENGTH);
	raid_remove();
}

static void raid4(void)
{
	raid_parity(BP_RAID4, 3, 2);
}

static void raid5(void)
{
	raid_parity(BP_RAID5_LS, 3, 2);
}

static void raid5_ra(void)
{
	raid_parity(BP_RAID5_RA, 3, 2);
}

static void raid6(void)
{
	raid_parity(BP_RAID6_ZR, 4, 2);
}

static void raid10(void)
{
	raid((struct bp_raid){ .type = BP_RAID10,
			       .chunk_sectors = 128,
			       .region_sectors = BP_SET(1024),
			       .raid10_copies = BP_SET(2),
			       .raid10_format = BP_RAID10_FORMAT_NEAR },
	     4, 2 * LENGTH);
	raid_remove();
}

static const struct live tests[] = {
	{ "snapshot: P", snapshot_p },
	{ "snapshot: PO", snapshot_po },
	{ "snapshot: N", snapshot_n },
	{ "snapshot: discard_zeroes_cow, discard_passdown_origin", snapshot_discards },
	{ "snapshot: P, too small", snapshot_invalid },
	{ "snapshot: PO, too small", snapshot_overflow },
	{ "snapshot-origin, snapshot-merge by a reload", merge },
	{ "mirror: core log", mirror_core },
	{ "mirror: core log, nosync, handle_errors, three legs", mirror_nosync },
	{ "mirror: disk log, sync, handle_errors, keep_log", mirror_disk },
	{ "raid: raid0", raid0 },
	{ "raid: raid1, all messages", raid1 },
	{ "raid: raid1, its options", raid1_options },
	{ "raid: raid4", raid4 },
	{ "raid: raid5_ls", raid5 },
	{ "raid: raid5_ra", raid5_ra },
	{ "raid: raid6_zr", raid6 },
	{ "raid: raid10", raid10 },
};

static const struct live_reject rejects[] = {
	{ "0 1024 snapshot @0 @1 P 15", 4, "Couldn't create exception store" },
	{ "0 1024 snapshot @0 @0 P 16", 2, "COW device cannot be the same as origin" },
	{ "0 1024 mirror core 1 1000 2 @0 0 @1 0", 3, "invalid region size" },
	{ "0 1024 mirror core 1 1024 1 @0 0", 4, "Invalid number of mirrors" },
	{ "0 16384 raid raid4 1 100 3 - @0 - @1 - @2", 3, "Chunk size must be a power of 2" },
};

LIVE_MAIN(tests, rejects)
