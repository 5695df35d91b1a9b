/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets that misbehave or watch: delay, flakey, dust, log-writes; and those few kernels have.
 */
#include "live.h"

#define LENGTH 8192

/* --- delay: 3, 6 and 9 arguments --- */

static void delay(const struct bp_delay_path *write, const struct bp_delay_path *flush)
{
	const struct bp_delay_status *status;
	const struct bp_delay *printed;

	live_create("live", "delay", LENGTH,
		    &(struct bp_delay){
			    .read = { dev(0), 64, 1 }, .write = write, .flush = flush });
	printed = live_params("live");
	CHECK(!printed->write == !write && !printed->flush == !flush);
	put_sector(mapped_path("live"), 1, "slow");
	CHECK(strcmp(get_sector(write ? dev_path(1) : dev_path(0), write ? 129 : 65), "slow") ==
	      0);
	status = live_status("live");
	CHECK(status->reads == 0 && status->writes == 0 && status->flushes == 0);
	live_remove("live");
}

static void delay_3(void)
{
	delay(NULL, NULL);
}

static void delay_6(void)
{
	delay(&(struct bp_delay_path){ dev_path(1), 128, 2 }, NULL);
}

static void delay_9(void)
{
	delay(&(struct bp_delay_path){ dev(1), 128, 2 },
	      &(struct bp_delay_path){ dev(2), 0, 60 });
}

/* --- flakey --- */

/* Always bad. */
static struct bp_flakey bad(void)
{
	return (struct bp_flakey){ .dev = dev(0), .offset_sectors = 8, .down_seconds = 600 };
}

static void flakey_none(void)
{
	struct bp_flakey f = bad();

	live_create("live", "flakey", LENGTH, &f);
	CHECK(try_get(mapped_path("live"), 0) == -EIO);
	CHECK(try_put(mapped_path("live"), 0, "x") == -EIO);
	live_remove("live");
	f.up_seconds = 600;
	f.down_seconds = 0;
	live_create("live", "flakey", LENGTH, &f);
	CHECK(try_get(mapped_path("live"), 0) == 0);
	live_remove("live");
}

static void flakey_error_reads(void)
{
	struct bp_flakey f = bad();

	need_release(0x0605);
	f.error_reads = true;
	live_create("live", "flakey", LENGTH, &f);
	CHECK(try_get(mapped_path("live"), 0) == -EIO);
	CHECK(try_put(mapped_path("live"), 0, "x") == 0);
	live_remove("live");
}

static void flakey_drop_writes(void)
{
	struct bp_flakey f = bad();

	f.drop_writes = true;
	live_create("live", "flakey", LENGTH, &f);
	put_sector(mapped_path("live"), 0, "dropped");
	CHECK(strcmp(get_sector(dev_path(0), 8), "") == 0);
	live_remove("live");
}

static void flakey_error_writes(void)
{
	struct bp_flakey f = bad();

	f.error_writes = true;
	live_create("live", "flakey", LENGTH, &f);
	CHECK(try_put(mapped_path("live"), 0, "x") == -EIO);
	CHECK(try_get(mapped_path("live"), 0) == 0);
	live_remove("live");
}

static void flakey_corrupt(void)
{
	const struct bp_flakey_corrupt corrupt[] = {
		{ .nth_byte = 2, .direction = BP_FLAKEY_READ, .value = 'X' },
		{ .nth_byte = 1, .direction = BP_FLAKEY_WRITE, .value = 255, .bio_flags = 32 },
	};
	struct bp_flakey f = bad();

	f.corrupt_bio_byte = &corrupt[0];
	live_create("live", "flakey", LENGTH, &f);
	put_sector(dev_path(0), 8, "abc");
	/* Linux 6.1 takes it, and corrupts nothing. */
	HAS(get_sector(mapped_path("live"), 0), live_release() < 0x0605 ? "abc" : "aXc");
	live_remove("live");
	f.corrupt_bio_byte = &corrupt[1];
	live_once("flakey", LENGTH, &f);
}

static void flakey_random(void)
{
	struct bp_flakey f = bad();

	need_release(0x0605);
	f.random_read_corrupt_ppb = (struct bp_number)BP_SET(500000000);
	f.random_write_corrupt_ppb = (struct bp_number)BP_SET(1);
	live_once("flakey", LENGTH, &f);
	f.random_read_corrupt_ppb.is_set = false;
	live_once("flakey", LENGTH, &f);
}

/* --- dust --- */

static void dust(void)
{
	const struct bp_dust_status *status;

	live_create("live", "dust", LENGTH,
		    &(struct bp_dust){ .dev = dev(0), .block_bytes = 4096 });
	live_message("live", "addbadblock", &(struct bp_dust_add){ .block = 5 });
	live_message("live", "addbadblock",
		     &(struct bp_dust_add){ .block = 6, .write_fails = BP_SET(1) });
	HAS(live_message("live", "countbadblocks", NULL), "2 badblock");
	HAS(live_message("live", "queryblock", &(struct bp_dust_block){ 5 }), "found");
	HAS(live_message("live", "listbadblocks", NULL), "6");
	status = live_status("live");
	CHECK(status->reads == BP_DUST_BYPASS && status->log == BP_DUST_VERBOSE);
	live_message("live", "enable", NULL);
	live_message("live", "quiet", NULL);
	status = live_status("live");
	CHECK(status->reads == BP_DUST_FAIL_READ_ON_BAD_BLOCK && status->log == BP_DUST_QUIET);
	CHECK(try_get(mapped_path("live"), 40) == -EIO);
	CHECK(try_put(mapped_path("live"), 40, "mended") == 0);
	CHECK(try_get(mapped_path("live"), 40) == 0);
	CHECK(try_put(mapped_path("live"), 48, "not yet") == -EIO);
	live_message("live", "removebadblock", &(struct bp_dust_block){ 6 });
	live_message("live", "disable", NULL);
	live_message("live", "clearbadblocks", NULL);
	live_remove("live");
}

/* --- log-writes --- */

static void log_writes(void)
{
	const struct bp_log_writes_status *status;
	uint64_t entries;

	live_create("live", "log-writes", LENGTH,
		    &(struct bp_log_writes){ .dev = dev(0), .log_dev = dev_path(1) });
	OK(try_put(mapped_path("live"), 0, "logged"));
	/* What is not flushed is not logged. */
	shell("sync /dev/mapper/live");
	WAIT_UNTIL((status = live_status("live"), status->entries > 0));
	CHECK(!status->logging_disabled);
	entries = status->entries;
	live_message("live", "mark", &(struct bp_log_writes_mark){ "here" });
	WAIT_UNTIL((status = live_status("live"), status->entries > entries));
	live_remove("live");
}

/* --- what the kernels here may not have --- */

static void ebs(void)
{
	live_once("ebs", LENGTH,
		  &(struct bp_ebs){ .dev = dev(0),
				    .emulated_sectors = 1,
				    .underlying_sectors = BP_SET(8) });
}

static void zoned(void)
{
	need_target("zoned");
	live_skip("needs a host-managed device, formatted by a tool that is not here");
}

static void pcache(void)
{
	need_target("pcache");
	live_skip("needs persistent memory");
}

static void inlinecrypt(void)
{
	need_target("inlinecrypt");
	live_skip("needs a device with inline encryption");
}

static const struct live tests[] = {
	{ "delay: 3 arguments", delay_3 },
	{ "delay: 6 arguments", delay_6 },
	{ "delay: 9 arguments", delay_9 },
	{ "flakey", flakey_none },
	{ "flakey: error_reads", flakey_error_reads },
	{ "flakey: drop_writes", flakey_drop_writes },
	{ "flakey: error_writes", flakey_error_writes },
	{ "flakey: corrupt_bio_byte", flakey_corrupt },
	{ "flakey: random_read_corrupt, random_write_corrupt", flakey_random },
	{ "dust: all messages", dust },
	{ "log-writes: mark", log_writes },
	{ "ebs", ebs },
	{ "zoned", zoned },
	{ "pcache", pcache },
	{ "inlinecrypt", inlinecrypt },
};

static const struct live_reject rejects[] = {
	{ "0 1024 delay 250:99 0 10", 1, "Device lookup failed" },
	{ "0 1024 delay @0 0 10 250:99 0 10", 4, "Device lookup failed" },
	{ "0 1024 flakey @0 0 0 0", 4, "Total (up + down) interval is zero" },
	{ "0 1024 flakey @0 0 1 1 5 corrupt_bio_byte 0 r 1 0", 7, "Invalid corrupt bio byte" },
	{ "0 1024 flakey @0 0 1 1 2 drop_writes error_writes", 7, "" },
	{ "0 1024 dust @0 0 100", 3, "Block size must be at least 512" },
	{ "0 1024 log-writes @0 250:99", 2, "Log device lookup failed" },
};

LIVE_MAIN(tests, rejects)
