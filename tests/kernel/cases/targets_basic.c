/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Targets that map: linear, striped, unstriped, switch, zero, error. */
#include "live.h"

static void linear(void)
{
	live_create("live", "linear", 8192,
		    &(struct bp_linear){ .dev = dev(0), .offset_sectors = 2048 });
	put_sector(mapped_path("live"), 1, "moved");
	CHECK(strcmp(get_sector(dev_path(0), 2049), "moved") == 0);
	live_reload("live", "linear", 4096, &(struct bp_linear){ .dev = dev_path(1) });
	live_remove("live");
}

static void striped(void)
{
	const struct bp_striped_leg legs[] = { { dev(0), 0 },
					       { dev_path(1), 64 },
					       { dev(2), 128 } };
	const struct bp_striped_status *status;

	live_create("live", "striped", 3 * 4096,
		    &(struct bp_striped){ .chunk_sectors = 16, .legs = legs, .nr_legs = 3 });
	put_sector(mapped_path("live"), 16, "second leg");
	CHECK(strcmp(get_sector(dev_path(1), 64), "second leg") == 0);
	status = live_status("live");
	CHECK(status->nr_devs == 3 && strcmp(status->devs[2], dev(2)) == 0);
	CHECK(strcmp(status->health, "AAA") == 0);
	live_remove("live");
}

/* Chunks need not be powers of two, and one leg is enough. */
static void striped_odd(void)
{
	const struct bp_striped_leg legs[] = { { dev(0), 0 }, { dev(1), 0 } };

	live_once("striped", 240,
		  &(struct bp_striped){ .chunk_sectors = 24, .legs = legs, .nr_legs = 2 });
	live_once("striped", 240,
		  &(struct bp_striped){ .chunk_sectors = 24, .legs = legs, .nr_legs = 1 });
}

static void unstriped(void)
{
	live_create("live", "unstriped", 8192,
		    &(struct bp_unstriped){
			    .nr_stripes = 2, .chunk_sectors = 16, .stripe = 1, .dev = dev(0) });
	put_sector(mapped_path("live"), 16, "third chunk's neighbour");
	CHECK(strcmp(get_sector(dev_path(0), 48), "third chunk's neighbour") == 0);
	live_remove("live");
}

static void switched(void)
{
	const struct bp_switch_path paths[] = { { dev(0), 0 },
						{ dev(1), 0 },
						{ dev(2), 1024 } };
	const char *const items[] = { "0:1", ":2", "2:0", ":1", "R2,3c" };
	const char *const beyond[] = { "40:0" };

	live_create("live", "switch", 4096,
		    &(struct bp_switch){ .region_sectors = 64, .paths = paths, .nr_paths = 3 });
	live_message("live", "set_region_mappings",
		     &(struct bp_switch_mappings){ .items = items, .nr_items = 5 });
	put_sector(mapped_path("live"), 0, "region 0");
	put_sector(mapped_path("live"), 64, "region 1");
	put_sector(mapped_path("live"), 63 * 64, "region 63");
	CHECK(strcmp(get_sector(dev_path(1), 0), "region 0") == 0);
	CHECK(strcmp(get_sector(dev_path(2), 1024 + 64), "region 1") == 0);
	CHECK(strcmp(get_sector(dev_path(1), 63 * 64), "region 63") == 0);
	live_message_refused("live", "set_region_mappings",
			     &(struct bp_switch_mappings){ .items = beyond, .nr_items = 1 },
			     EINVAL);
	live_remove("live");
}

static void zero(void)
{
	live_create("live", "zero", 4096, NULL);
	put_sector(mapped_path("live"), 3, "gone");
	CHECK(strcmp(get_sector(mapped_path("live"), 3), "") == 0);
	live_remove("live");
}

static void error(void)
{
	live_create("live", "error", 4096, NULL);
	CHECK(try_get(mapped_path("live"), 0) == -EIO);
	CHECK(try_put(mapped_path("live"), 0, "x") == -EIO);
	live_remove("live");
}

static void error_limits(void)
{
	const struct bp_error_limits limits = { .dev = dev(0), .offset_sectors = 8 };

	live_once("error", 4096, &(struct bp_error_target){ .limits = &limits });
}

/* Several targets in one table. */
static void mixed(void)
{
	struct bp_selector which = { .name = "live" };
	struct bp_device_status *status;
	struct bp_table *table, *printed;
	bool equal;

	OK(bp_table_new(ctx, &table));
	OK(bp_table_append(ctx, table, 16,
			   BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = dev(0) })));
	OK(bp_table_append(ctx, table, 8, "zero", NULL, 0));
	OK(bp_table_append(ctx, table, 8, "error", NULL, 0));
	OK(bp_table_append(
		ctx, table, 16,
		BP_PARAMS_LINEAR(&(struct bp_linear){ .dev = dev(1), .offset_sectors = 24 })));
	OK(bp_device_create(ctx, "live", table, NULL, NULL));
	OK(bp_device_table(ctx, &which, 0, &printed));
	OK(bp_table_equal(ctx, table, printed, NULL, NULL, &equal));
	CHECK(equal && bp_table_length(printed) == 48);
	OK(bp_device_status(ctx, &which, 0, &status));
	CHECK(bp_device_status_count(status) == 4);
	CHECK(bp_device_status_get(status, 3)->start_sectors == 32);
	bp_device_status_free(status);
	CHECK(try_get(mapped_path("live"), 24) == -EIO);
	bp_table_free(printed);
	bp_table_free(table);
	live_remove("live");
}

static const struct live tests[] = {
	{ "linear", linear },
	{ "striped", striped },
	{ "striped: odd chunks, one leg", striped_odd },
	{ "unstriped", unstriped },
	{ "switch: set_region_mappings", switched },
	{ "zero", zero },
	{ "error", error },
	{ "error: limits of a device", error_limits },
	{ "linear, zero and error in one table", mixed },
};

static const struct live_reject rejects[] = {
	{ "0 8 linear 250:99 0", 1, "linear: Device lookup failed" },
	{ "0 32769 linear @0 0", 1, "too small for target" },
	{ "0 1024 striped 2 0 @0 0 @1 0", 2, "Invalid chunk_size" },
	{ "0 1000 striped 3 16 @0 0 @1 0 @2 0", 0, "Target length not divisible by" },
	{ "0 1024 striped 2 16 @0 0 250:99 0", 5, "Couldn't parse stripe destination" },
	{ "0 1024 unstriped 2 16 3 @0 0", 3, "Please provide stripe between" },
	{ "0 1024 switch 2 0 0 @0 0 @1 0", 2, "Invalid region size" },
	{ "0 8 zero\n9 8 zero", 0, "Gap in table" },
};

LIVE_MAIN(tests, rejects)
