/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the real kernel refuses: nothing is left behind, and the error says where and why. */
#include "kernel.h"

static struct bp_ctx *ctx;

static const struct {
	const char *table; /* @0, @1: disks */
	enum bp_error_code code;
	int segment;
	unsigned argument;
	const char *log, *name; /* name: of the argument, or NULL */
} tables[] = {
	{ "0 8 linear @0 99999999999\n", BP_E_TOO_SMALL, 0, 1, "too small for target", "dev" },
	{ "0 8 zero\n8 8 linear 250:9 0\n", BP_E_TABLE, 1, 1, "Device lookup failed", "dev" },
	{ "0 8 nosuch 1\n", BP_E_UNKNOWN_TARGET, 0, 0, "unknown target type", NULL },
	{ "0 8 zero\n9 8 zero\n", BP_E_TABLE, 1, 0, "Gap in table", "start" },
	{ "0 9 striped 2 8 @0 0 @1 0\n", BP_E_TABLE, 0, 0, "not divisible", "length" },
	{ "0 8 zero\n8 8 striped 0 8\n", BP_E_TABLE, 1, 1, "Invalid stripe count", "nr_legs" },
	{ "0 2048 thin-pool @0 @1 100 0\n", BP_E_TABLE, 0, 3, "Invalid block size",
	  "data_block_sectors" },
	{ "0 2048 cache @0 @1 @0 128 0 nosuch 0\n", BP_E_TABLE, 0, 6, "cache", "policy" },
	{ "0 2048 flakey @0 0 1 1 2 drop_writes error_writes\n", BP_E_TABLE, 0, 7,
	  "Feature error_writes conflicts", "error_writes" },
};

static void refused_tables(void)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct bp_error *e;
		char text[256];

		with_disks(tables[i].table, text, sizeof(text));
		CHECK(create_from(ctx, "bad", text, NULL) < 0);
		e = bp_error_get(ctx);
		printf("%s\n", bp_errmsg(ctx));
		CHECK(e->code == tables[i].code);
		CHECK(e->segment == tables[i].segment);
		CHECK(e->argument == tables[i].argument);
		if (tables[i].name)
			HAS(e->argument_name, tables[i].name);
		CHECK(!e->argument_name == !tables[i].name);
		CHECK(e->cause);
		HAS(e->kernel_log, tables[i].log);
		HAS(shell("dmsetup ls"), "No devices found");
		CHECK(access("/dev/mapper/bad", F_OK) < 0);
	}
}

/* A reload that the kernel refuses leaves the live table and its data path alone. */
static void refused_reload(void)
{
	struct bp_selector x = { .name = "x" };
	struct bp_table *bad = table_of(ctx, "0 8 linear 250:9 0\n");
	struct bp_device_info info;

	OK(create_from(ctx, "x", "0 8 zero\n", NULL));
	ERR(bp_device_reload(ctx, &x, bad, NULL), ENXIO);
	OK(bp_device_info(ctx, &x, &info));
	CHECK(!info.suspended && !info.inactive_table);
	CHECK(strcmp(get_sector(info.path, 0), "") == 0);
	remove_named(ctx, "x");
	bp_table_free(bad);
}

static void taken(void)
{
	struct bp_selector y = { .name = "y" };

	OK(create_from(ctx, "x", "0 8 zero\n", NULL));
	OK(create_from(ctx, "y", "0 8 zero\n", NULL));
	ERR(create_from(ctx, "x", "0 8 zero\n", NULL), EBUSY);
	CHECK(bp_error_get(ctx)->code == BP_E_EXISTS);
	ERR(bp_device_rename(ctx, &y, "x", NULL), EBUSY);
	HAS(bp_error_get(ctx)->kernel_log, "already exists");
	remove_named(ctx, "y");
	remove_named(ctx, "x");
}

/* Who holds a device is said: a mapped device, a process, a mount. */
static void busy(void)
{
	struct bp_selector low = { .name = "low" };
	struct bp_remove_opts opts = { .size = sizeof(opts), .flags = BP_REMOVE_FORCE };
	enum bp_removed removed;
	char text[128];
	int fd;

	snprintf(text, sizeof(text), "0 65536 linear %s 0\n", disk(0));
	OK(create_from(ctx, "low", text, NULL));
	OK(create_from(ctx, "upper one", "0 8 linear /dev/mapper/low 0\n", NULL));
	ERR(bp_device_remove(ctx, &low, NULL, NULL), EBUSY);
	HAS(bp_error_get(ctx)->cause, "mapped device 'upper");
	ERR(bp_device_remove(ctx, &low, &opts, NULL), EBUSY);
	HAS(shell("dmsetup table low"), "linear");
	remove_named(ctx, "upper one");

	fd = open("/dev/mapper/low", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	ERR(bp_device_remove(ctx, &low, NULL, NULL), EBUSY);
	HAS(bp_error_get(ctx)->cause, "process case_dm_refusal");
	opts.flags = BP_REMOVE_DEFERRED;
	OK(bp_device_remove(ctx, &low, &opts, &removed));
	CHECK(removed == BP_REMOVED_DEFERRED && access("/dev/mapper/low", F_OK) == 0);
	OK(bp_device_cancel_remove(ctx, &low));
	close(fd);

	shell("mkfs.ext4 -q -F /dev/mapper/low 2>&1; mkdir -p m; mount /dev/mapper/low m");
	ERR(bp_device_remove(ctx, &low, NULL, NULL), EBUSY);
	HAS(bp_error_get(ctx)->cause, "the mount on ");
	shell("umount m");
	remove_named(ctx, "low");
}

/* I/O that never ends holds a suspend back: the limit ends the wait, and nothing is suspended. */
static void stuck(void)
{
	struct bp_selector low = { .name = "low" }, up = { .name = "up" };
	struct bp_change_opts opts = { .size = sizeof(opts), .timeout_ms = 500 };
	struct bp_change_opts quick = { .size = sizeof(quick), .flags = BP_CHANGE_NO_LOCKFS };
	struct bp_device_info info;
	char text[128];
	pid_t reader;
	int status;

	snprintf(text, sizeof(text), "0 8 linear %s 0\n", disk(0));
	OK(create_from(ctx, "low", text, NULL));
	OK(create_from(ctx, "up", "0 8 linear /dev/mapper/low 0\n", NULL));
	OK(bp_device_suspend(ctx, &low, &quick));
	reader = fork();
	if (reader == 0) {
		get_sector("/dev/mapper/up", 0);
		_exit(0);
	}
	usleep(300000);
	ERR(bp_device_suspend(ctx, &up, &opts), ETIMEDOUT);
	CHECK(bp_error_get(ctx)->code == BP_E_TIMEOUT);
	OK(bp_device_info(ctx, &up, &info));
	CHECK(!info.suspended);
	OK(bp_device_resume(ctx, &low, NULL));
	CHECK(waitpid(reader, &status, 0) == reader && status == 0);
	OK(bp_device_suspend(ctx, &up, &opts));
	OK(bp_device_resume(ctx, &up, NULL));
	remove_named(ctx, "up");
	remove_named(ctx, "low");
}

/* A stack whose last device is refused leaves none of the others. */
static void half_a_stack(void)
{
	struct bp_stack *stack;

	OK(bp_concise_parse(ctx,
			    "b,,,rw,0 8 linear /dev/mapper/a 0;a,,,rw,0 8 zero;"
			    "c,,,rw,0 8 linear /dev/mapper/b 4",
			    &stack));
	CHECK(bp_stack_apply(ctx, stack, NULL) < 0);
	HAS(bp_error_get(ctx)->kernel_log, "too small");
	HAS(shell("dmsetup ls"), "No devices found");
	bp_stack_free(stack);
}

int main(void)
{
	CHECK(bp_ctx_new(&ctx) == 0);
	refused_tables();
	refused_reload();
	taken();
	busy();
	half_a_stack();
	stuck();
	CHECK(bp_warnings_count(ctx) == 0);
	bp_ctx_free(ctx);
	return 0;
}
