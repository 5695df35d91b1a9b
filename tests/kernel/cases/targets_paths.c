/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* multipath. */
#include "live.h"

#define LENGTH 16384

static const struct bp_multipath_status *multipath_status(void)
{
	return live_status("live");
}

static const char *const once[] = { "1" };

static void two_groups(struct bp_multipath params)
{
	const struct bp_multipath_path first[] = { { dev(0), once }, { dev_path(1), once } };
	const struct bp_multipath_path second[] = { { dev(2), once } };
	const struct bp_multipath_group groups[] = {
		{ .selector = "round-robin", .paths = first, .nr_paths = 2, .nr_path_args = 1 },
		{ .selector = "round-robin",
		  .paths = second,
		  .nr_paths = 1,
		  .nr_path_args = 1 },
	};
	const struct bp_multipath_status *status;

	params.groups = groups;
	params.nr_groups = 2;
	params.first_group = 1;
	live_create("live", "multipath", LENGTH, &params);
	put_sector(mapped_path("live"), 0, "some path");
	status = multipath_status();
	CHECK(status->nr_groups == 2 && status->groups[0].nr_paths == 2);
	CHECK(status->groups[0].state == BP_MULTIPATH_GROUP_ACTIVE);
	CHECK(status->groups[1].paths[0].state == BP_MULTIPATH_PATH_ACTIVE);
}

static void messages(void)
{
	two_groups((struct bp_multipath){ .queue_mode = 0 });
	live_message("live", "fail_path", &(struct bp_multipath_message_path){ dev(0) });
	CHECK(multipath_status()->groups[0].paths[0].state == BP_MULTIPATH_PATH_FAILED);
	CHECK(multipath_status()->groups[0].paths[0].fail_count == 1);
	live_message("live", "reinstate_path", &(struct bp_multipath_message_path){ dev(0) });
	CHECK(multipath_status()->groups[0].paths[0].state == BP_MULTIPATH_PATH_ACTIVE);
	live_message("live", "switch_group", &(struct bp_multipath_message_group){ 2 });
	put_sector(mapped_path("live"), 8, "second group");
	CHECK(multipath_status()->groups[1].state == BP_MULTIPATH_GROUP_ACTIVE);
	live_message("live", "disable_group", &(struct bp_multipath_message_group){ 1 });
	CHECK(multipath_status()->groups[0].state == BP_MULTIPATH_GROUP_DISABLED);
	live_message("live", "enable_group", &(struct bp_multipath_message_group){ 1 });
	live_message("live", "queue_if_no_path", NULL);
	CHECK(((const struct bp_multipath *)live_params("live"))->queue_if_no_path);
	live_message("live", "fail_if_no_path", NULL);
	CHECK(!((const struct bp_multipath *)live_params("live"))->queue_if_no_path);
	live_message_refused("live", "switch_group", &(struct bp_multipath_message_group){ 9 },
			     EINVAL);
	live_remove("live");
}

static void features(void)
{
	two_groups((struct bp_multipath){ .queue_if_no_path = true,
					  .pg_init_retries = BP_SET(5),
					  .pg_init_delay_ms = BP_SET(100),
					  .retain_attached_hw_handler = true,
					  .queue_mode = BP_MULTIPATH_BIO });
	live_remove("live");
}

static void bio(void)
{
	two_groups((struct bp_multipath){ .queue_mode = BP_MULTIPATH_BIO });
	live_remove("live");
}

static void selector(const char *name, const char *const *args, size_t nr_args)
{
	const struct bp_multipath_path paths[] = { { dev(0), args }, { dev(1), args } };
	const struct bp_multipath_group group = {
		.selector = name, .paths = paths, .nr_paths = 2, .nr_path_args = nr_args
	};

	live_once("multipath", LENGTH,
		  &(struct bp_multipath){ .groups = &group, .nr_groups = 1, .first_group = 1 });
}

static void selectors(void)
{
	static const char *const throughput[] = { "1", "4" };

	selector("queue-length", once, 1);
	selector("service-time", throughput, 2);
	selector("service-time", NULL, 0);
}

static void no_groups(void)
{
	live_once("multipath", LENGTH, &(struct bp_multipath){ .nr_groups = 0 });
}

static const struct live tests[] = {
	{ "multipath: all messages", messages },
	{ "multipath: all features", features },
	{ "multipath: queue_mode bio", bio },
	{ "multipath: queue-length, service-time", selectors },
	{ "multipath: no groups", no_groups },
};

static const struct live_reject rejects[] = {
	{ "0 1024 multipath 0 0 1 1 nosuch 0 1 1 @0 1", 5, "unknown path selector type" },
	{ "0 1024 multipath 0 0 1 1 round-robin 0 1 1 250:99 1", 9, "error getting device" },
	{ "0 1024 multipath 2 pg_init_retries 51 0 1 1 round-robin 0 1 1 @0 1", 3,
	  "pg_init_retries must be between 1 and 50" },
};

LIVE_MAIN(tests, rejects)
