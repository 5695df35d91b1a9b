/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets with a fast device in front of a slow one: cache, writecache. */
#include "live.h"

#define LENGTH SCRATCH_SECTORS
#define BLOCK  64

static const struct bp_cache_status *cache_status(void)
{
	return live_status("live");
}

static struct bp_cache cache_of_scratch(void)
{
	return (struct bp_cache){
		.metadata_dev = dev(2),
		.cache_dev = dev(1),
		.origin_dev = dev_path(0),
		.block_sectors = BLOCK,
		.policy = "smq",
	};
}

/* Messages work, data goes through, and the status says what was asked for. */
static void cache(struct bp_cache cache, const char *policy)
{
	const enum bp_cache_mode mode = cache.io_mode ? cache.io_mode : BP_CACHE_WRITEBACK;
	const struct bp_cache_status *status;

	live_create("live", "cache", LENGTH, &cache);
	put_sector(mapped_path("live"), 9, "data");
	CHECK(strcmp(get_sector(mapped_path("live"), 9), "data") == 0);
	status = cache_status();
	CHECK(status->io_mode == mode && status->metadata2 == cache.metadata2);
	CHECK(status->no_discard_passdown == cache.no_discard_passdown);
	CHECK(status->block_sectors == BLOCK && status->access == BP_CACHE_RW);
	CHECK(status->total_dblocks == LENGTH / BLOCK && !status->needs_check);
	if (strcmp(status->policy, policy) != 0)
		FAIL("policy %s", status->policy);
	live_message("live", "migration_threshold", &(struct bp_cache_threshold){ 4096 });
	CHECK(cache_status()->migration_threshold_sectors.value == 4096);
}

static void cache_plain(void)
{
	cache(cache_of_scratch(), "smq");
	live_message_refused("live", "invalidate_cblocks",
			     &(struct bp_cache_invalidate){
				     .ranges = &(struct bp_cache_range){ .begin_dblock = 0 },
				     .nr_ranges = 1 },
			     EPERM);
	live_remove("live");
}

static void cache_writeback(void)
{
	struct bp_cache c = cache_of_scratch();

	c.io_mode = BP_CACHE_WRITEBACK;
	c.metadata2 = true;
	c.policy = "default";
	cache(c, "smq");
	live_remove("live");
}

static void cache_writethrough(void)
{
	struct bp_cache c = cache_of_scratch();

	c.io_mode = BP_CACHE_WRITETHROUGH;
	c.no_discard_passdown = true;
	c.migration_threshold_sectors = (struct bp_number)BP_SET(1024);
	live_create("live", "cache", LENGTH, &c);
	CHECK(cache_status()->migration_threshold_sectors.value == 1024);
	live_remove("live");
	cache(c, "smq");
	CHECK(strcmp(get_sector(dev_path(0), 9), "data") == 0);
	live_remove("live");
}

static void cache_passthrough(void)
{
	const struct bp_cache_range ranges[] = {
		{ .begin_dblock = 3 }, { .begin_dblock = 8, .end_dblock = BP_SET(12) }
	};
	struct bp_cache c = cache_of_scratch();

	c.io_mode = BP_CACHE_PASSTHROUGH;
	c.metadata2 = c.no_discard_passdown = true;
	cache(c, "smq");
	CHECK(strcmp(get_sector(dev_path(0), 9), "data") == 0);
	live_message("live", "invalidate_cblocks",
		     &(struct bp_cache_invalidate){ .ranges = ranges, .nr_ranges = 2 });
	live_remove("live");
}

static void cache_cleaner(void)
{
	struct bp_cache c = cache_of_scratch();

	c.policy = "cleaner";
	cache(c, "cleaner");
	live_remove("live");
}

/* smq by its old name takes what mq had, and ignores it. */
static void cache_mq(void)
{
	const struct bp_pair pairs[] = { { "random_threshold", "4" },
					 { "sequential_threshold", "512" } };
	struct bp_cache c = cache_of_scratch();

	c.policy = "mq";
	c.policy_args = pairs;
	c.nr_policy_args = 2;
	cache(c, "mq");
	CHECK(cache_status()->nr_policy_args == 5);
	live_remove("live");
}

/* --- writecache --- */

static const struct bp_writecache_status *writecache_status(void)
{
	return live_status("live");
}

static struct bp_writecache writecache_of_scratch(void)
{
	return (struct bp_writecache){
		.kind = BP_WRITECACHE_SSD,
		.origin_dev = dev(0),
		.cache_dev = dev_path(1),
		.block_bytes = 4096,
	};
}

static void writecache_plain(void)
{
	struct bp_writecache w = writecache_of_scratch();
	const struct bp_writecache_status *status;

	live_create("live", "writecache", LENGTH, &w);
	status = writecache_status();
	CHECK(status->error == 0 && status->total_blocks > 0);
	CHECK(status->free_blocks == status->total_blocks);
	OK(try_put(mapped_path("live"), 8, "cached"));
	status = writecache_status();
	CHECK(status->free_blocks < status->total_blocks);
	if (status->counters)
		CHECK(status->counters->writes > 0);
	live_message("live", "flush", NULL);
	WAIT_UNTIL((status = writecache_status(), status->free_blocks == status->total_blocks));
	CHECK(strcmp(get_sector(dev_path(0), 8), "cached") == 0);
	if (live_release() >= 0x0610 || status->counters) {
		live_message("live", "clear_stats", NULL);
		status = writecache_status();
		CHECK(status->counters && status->counters->writes == 0);
	}
	live_message("live", "flush_on_suspend", NULL);
	live_message("live", "cleaner", NULL);
	live_remove("live");
}

static void writecache_options(void)
{
	struct bp_writecache w = writecache_of_scratch();

	w.high_watermark_percent = (struct bp_number)BP_SET(60);
	w.low_watermark_percent = (struct bp_number)BP_SET(40);
	w.writeback_jobs = (struct bp_number)BP_SET(8);
	w.autocommit_blocks = (struct bp_number)BP_SET(128);
	w.autocommit_time_ms = (struct bp_number)BP_SET(500);
	live_once("writecache", LENGTH, &w);
}

static void writecache_more(void)
{
	struct bp_writecache w = writecache_of_scratch();

	w.start_sector = (struct bp_number)BP_SET(128);
	w.max_age_ms = (struct bp_number)BP_SET(10000);
	w.cleaner = true;
	w.metadata_only = true;
	w.pause_writeback_ms = (struct bp_number)BP_SET(100);
	live_once("writecache", LENGTH, &w);
}

static const struct live tests[] = {
	{ "cache", cache_plain },
	{ "cache: writeback, metadata2, default", cache_writeback },
	{ "cache: writethrough, no_discard_passdown, migration_threshold", cache_writethrough },
	{ "cache: passthrough, metadata2, no_discard_passdown, invalidate_cblocks",
	  cache_passthrough },
	{ "cache: cleaner", cache_cleaner },
	{ "cache: mq with its settings", cache_mq },
	{ "writecache: all messages", writecache_plain },
	{ "writecache: watermarks, jobs, autocommit", writecache_options },
	{ "writecache: start_sector, max_age, cleaner, metadata_only, pause_writeback",
	  writecache_more },
};

static const struct live_reject rejects[] = {
	{ "0 32768 cache @2 @1 @0 100 0 smq 0", 4, "Invalid data block size" },
	{ "0 32768 cache @2 @1 250:99 64 0 smq 0", 3, "Error opening origin device" },
	{ "0 32768 cache @2 @1 @0 64 0 nosuch 0", 6, "Error creating cache's policy" },
	/* Seen on 6.1 and 6.12; on 7.2 the core looks before the target does. */
	{ "0 65536 cache @2 @1 @0 64 0 smq 0", 3, "Device size larger than cached device",
	  .to = 0x060c },
	{ "0 65536 cache @2 @1 @0 64 0 smq 0", 3, "too small for target", .since = 0x0702 },
	{ "0 32768 writecache s @0 @1 1000 0", 4, "Invalid block size" },
	{ "0 32768 writecache s @0 @1 4096 2 high_watermark 101", 7, "Invalid" },
};

LIVE_MAIN(tests, rejects)
