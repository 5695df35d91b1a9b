/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every verb on the real kernel, with dmsetup as the second witness. */
#include "kernel.h"

static struct bp_ctx *ctx;

/* A table of two segments moves data as mapped, to and fro. */
static void two_segments(void)
{
	struct bp_selector which = { .name = "two" };
	struct bp_device_info info;
	struct bp_table *table;
	char text[256], *back;

	snprintf(text, sizeof(text), "0 8 linear %s 100\n8 8 linear %s 200\n", disk(0),
		 disk(1));
	OK(create_from(ctx, "two", text, &info));
	CHECK(strcmp(info.path, "/dev/mapper/two") == 0);
	put_sector(info.path, 9, "second segment");
	CHECK(strcmp(get_sector(disk(1), 201), "second segment") == 0);
	put_sector(disk(0), 103, "first segment");
	CHECK(strcmp(get_sector(info.path, 3), "first segment") == 0);
	/* What dmsetup reads is what we read. */
	OK(bp_device_table(ctx, &which, 0, &table));
	OK(bp_table_format(ctx, table, &back));
	CHECK(strcmp(shell("dmsetup table two"), back) == 0);
	free(back);
	bp_table_free(table);
	remove_named(ctx, "two");
	CHECK(access("/dev/mapper/two", F_OK) < 0);
}

static void odd_names(void)
{
	static const char *const names[] = { "a b", "\xc3\xa4\xc3\xb6", "x\\y", "semi;colon" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct bp_selector which = { .name = names[i] };
		struct bp_device_info info;
		struct stat st;
		char command[256];

		OK(create_from(ctx, names[i], "0 8 zero\n", &info));
		CHECK(strcmp(info.name, names[i]) == 0);
		CHECK(stat(info.path, &st) == 0 && S_ISBLK(st.st_mode));
		snprintf(command, sizeof(command), "dmsetup info -c --noheadings -o name '%s'",
			 names[i]);
		HAS(shell(command), names[i]);
		OK(bp_device_remove(ctx, &which, NULL, NULL));
	}
	/* And the other way. */
	shell("dmsetup create 'from dmsetup' --table '0 8 zero'");
	remove_named(ctx, "from dmsetup");
}

/* A table of each target here: theirs read by us, ours by them. */
static void both_ways(void)
{
	static const char *const tables[] = {
		"0 8 linear @0 8",
		"0 64 striped 2 16 @0 0 @1 64",
		"0 8 zero",
		"0 8 error",
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct bp_selector theirs = { .name = "theirs" };
		char text[256], command[512], *ours, *printed;
		struct bp_table *table;

		with_disks(tables[i], text, sizeof(text));
		snprintf(command, sizeof(command), "dmsetup create theirs --table '%s'", text);
		shell(command);
		OK(bp_device_table(ctx, &theirs, 0, &table));
		OK(bp_device_create(ctx, "ours", table, NULL, NULL));
		OK(bp_table_format(ctx, table, &ours));
		printed = strdup(shell("dmsetup table theirs"));
		CHECK(printed && strcmp(shell("dmsetup table ours"), printed) == 0);
		free(printed);
		free(ours);
		bp_table_free(table);
		remove_named(ctx, "ours");
		remove_named(ctx, "theirs");
	}
}

static void verbs(void)
{
	struct bp_selector x = { .name = "x" }, y = { .name = "y" },
			   by_uuid = { .uuid = "u 1" };
	struct bp_create_opts opts = { .size = sizeof(opts), .read_ahead_sectors = 512 };
	struct bp_table *zero = table_of(ctx, "0 16 zero\n"), *table;
	struct bp_device_status *status;
	struct bp_device_info info;
	struct bp_device_list *list;
	uint32_t read_ahead;
	struct bp_device_deps *deps;
	char text[128], *reply;

	snprintf(text, sizeof(text), "0 8 linear %s 0\n", disk(0));
	table = table_of(ctx, text);
	OK(bp_device_create(ctx, "x", table, &opts, &info));
	OK(bp_device_get_read_ahead(ctx, &x, &read_ahead));
	CHECK(read_ahead == 512);
	OK(bp_device_set_uuid(ctx, &x, "u 1"));
	ERR(bp_device_set_uuid(ctx, &x, "u 2"), EINVAL);
	HAS(bp_error_get(ctx)->kernel_log, "already set to");
	OK(bp_device_deps(ctx, &by_uuid, 0, &deps));
	CHECK(bp_device_deps_count(deps) == 1);
	bp_device_deps_free(deps);
	OK(bp_device_load(ctx, &x, zero, NULL));
	OK(bp_device_info(ctx, &x, &info));
	CHECK(info.inactive_table && info.live_table);
	OK(bp_device_clear(ctx, &x, NULL));
	OK(bp_device_suspend(ctx, &x, NULL));
	OK(bp_device_info(ctx, &x, &info));
	CHECK(info.suspended && !info.inactive_table);
	OK(bp_device_resume(ctx, &x, NULL));
	OK(bp_device_reload(ctx, &x, zero, NULL));
	OK(bp_device_status(ctx, &x, 0, &status));
	CHECK(bp_device_status_get(status, 0)->length_sectors == 16);
	CHECK(strcmp(bp_device_status_get(status, 0)->target, "zero") == 0);
	bp_device_status_free(status);
	OK(bp_device_message(ctx, &x, 0, "@stats_create - /1", 0, &reply));
	free(reply);
	OK(bp_device_message(ctx, &x, 0, "@stats_list", 0, &reply));
	HAS(reply, "0: 0+16");
	free(reply);
	OK(bp_device_set_geometry(ctx, &x, 1, 2, 4, 0));
	OK(bp_device_rename(ctx, &x, "y", NULL));
	CHECK(access("/dev/mapper/x", F_OK) < 0 && access("/dev/mapper/y", F_OK) == 0);
	OK(bp_device_wipe_table(ctx, &y, NULL));
	HAS(shell("dmsetup table y"), "0 16 error");
	unlink("/dev/mapper/y");
	OK(bp_device_mknodes(ctx, NULL));
	CHECK(access("/dev/mapper/y", F_OK) == 0);
	OK(bp_device_list(ctx, &list));
	CHECK(bp_device_list_count(list) == 1);
	CHECK(strcmp(bp_device_list_get(list, 0)->uuid, "u 1") == 0);
	bp_device_list_free(list);
	remove_named(ctx, "y");
	ERR(bp_device_info(ctx, &y, &info), ENXIO);
	bp_table_free(zero);
	bp_table_free(table);
}

static void versions(void)
{
	struct bp_kernel_target_list *targets;
	struct bp_kernel_target one;
	struct bp_dm_version version;

	OK(bp_dm_version(ctx, &version));
	CHECK(version.major == 4);
	OK(bp_kernel_target_list(ctx, &targets));
	CHECK(bp_kernel_target_list_count(targets) >= 3);
	bp_kernel_target_list_free(targets);
	/* Loads its module. */
	OK(bp_kernel_target_version(ctx, "delay", &one));
	CHECK(one.version[0] == 1);
	ERR(bp_kernel_target_version(ctx, "nosuch", &one), EINVAL);
	CHECK(bp_error_get(ctx)->code == BP_E_UNKNOWN_TARGET);
}

static void events(void)
{
	struct bp_selector x = { .name = "x" };
	struct bp_device_info info;

	OK(create_from(ctx, "x", "0 8 zero\n", &info));
	ERR(bp_device_wait(ctx, &x, info.event_nr, 200, &info), ETIMEDOUT);
	ERR(bp_device_wait(ctx, &(struct bp_selector){ .name = "nobody" }, 0, 200, &info),
	    ENXIO);
	remove_named(ctx, "x");
}

int main(void)
{
	CHECK(bp_ctx_new(&ctx) == 0);
	two_segments();
	odd_names();
	both_ways();
	verbs();
	versions();
	events();
	CHECK(bp_warnings_count(ctx) == 0);
	bp_ctx_free(ctx);
	return 0;
}
