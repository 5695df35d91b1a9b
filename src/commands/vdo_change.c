/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changing an active vdo volume: growing it, and its switches. */
#include "commands/common.h"
#include "commands/vdo.h"

#include <bedplate/vdo_device.h>

struct args {
	const char *name;
	uint64_t logical, physical;
	bool all;
	unsigned on;
	int64_t timeout_ms;
};

static const char *const on_off[] = { "off", "on", NULL };

/* clang-format off */
static const struct cmd_opt grow_opts[] = {
	OPT_OPERAND(name, "DEVICE", "the volume: " DEVICE_HELP),
	OPT_SIZE(logical, 0, 0, "logical-size", "SIZE", "what it shall show, up to 4PiB"),
	OPT_SIZE(physical, 0, 0, "physical-size", "SIZE", "what it shall have of its device"),
	OPT_FLAG(all, 0, "all", "all of its device, which was enlarged"),
	OPT_TIMEOUT(timeout_ms),
	OPT_ANY("logical-size physical-size all"),
	OPT_CONFLICT("all", "physical-size"),
	OPT_END
};

static const struct cmd_opt switch_opts[] = {
	OPT_OPERAND(name, "DEVICE", "the volume: " DEVICE_HELP),
	OPT_CHOICE(on, on_off, 0, "set", "SWITCH", "on or off"),
	OPT_TIMEOUT(timeout_ms),
	OPT_ANY("set"),
	OPT_END
};
/* clang-format on */

/*
 * With what lies on the device the kernel's rules can be checked exactly. Where it can't be read
 * the library's own checks must do.
 */
static int check_storage(struct cli *cli, const struct args *args,
			 const struct bp_selector *which)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	const struct bp_segment *segment;
	struct bp_vdo_image *image;
	struct bp_bdev bdev;
	const char *dev;
	int r = bp_device_table(cli->ctx, which, 0, &table);

	if (r < 0)
		return cli_fail(cli, args->name, r);
	segment = bp_table_get(table, 0);
	if (bp_table_count(table) != 1 || !streq(segment->target, "vdo") || !segment->params)
		return cli_failf(cli, args->name, NULL, "it is not a vdo");
	dev = ((const struct bp_vdo *)segment->params)->storage_dev;
	if (bp_bdev_get(cli->ctx, dev, &bdev) < 0 ||
	    bp_vdo_open(cli->ctx, bdev.path, BP_VDO_OPEN_SHARED, &image) < 0)
		return EXIT_OK;
	r = bp_vdo_grow_check(cli->ctx, bp_vdo_volume_get(image), args->logical,
			      args->all ? bdev.size_bytes : args->physical);
	bp_vdo_close(image);
	return r < 0 ? cli_fail(cli, args->name, r) : EXIT_OK;
}

/* What is below must have grown before. */
static int run_grow(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_selector which = device_named(args->name);
	int r = check_storage(cli, args, &which);

	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	r = bp_vdo_grow(cli->ctx, &which, args->logical,
			args->all ? UINT64_MAX : args->physical, args->timeout_ms);
	return change_done(cli, args->name, r, "grown");
}

/* Two verbs that differ in one message to the kernel. */
static int run_switch(struct cli *cli, const struct args *args,
		      int (*set)(struct bp_ctx *ctx, const struct bp_selector *which, bool on,
				 int64_t timeout_ms))
{
	struct bp_selector which = device_named(args->name);
	int r = change_begin(cli);

	if (r)
		return r;
	r = set(cli->ctx, &which, args->on == 1, args->timeout_ms);
	return change_done(cli, args->name, r, args->on == 1 ? "switched on" : "switched off");
}

static int run_compression(struct cli *cli, const void *args)
{
	return run_switch(cli, args, bp_vdo_set_compression);
}

static int run_deduplication(struct cli *cli, const void *args)
{
	return run_switch(cli, args, bp_vdo_set_deduplication);
}

const struct cmd cmd_vdo_grow = {
	.name = "vdo grow",
	.group = VDO_GROUP,
	.summary = "Make an active vdo volume larger, in what it shows or has.",
	.examples = "  bedplate vdo grow archive --all\n",
	.opts = grow_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.vdo.grow"),
	.run = run_grow,
};

const struct cmd cmd_vdo_compression = {
	.name = "vdo compression",
	.group = VDO_GROUP,
	.summary = "Switch compression of new blocks on or off.",
	.examples = "  bedplate vdo compression archive --set on\n",
	.opts = switch_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.vdo.compression"),
	.run = run_compression,
};

const struct cmd cmd_vdo_deduplication = {
	.name = "vdo deduplication",
	.group = VDO_GROUP,
	.summary = "Switch the search for duplicates of new blocks on or off.",
	.examples = "  bedplate vdo deduplication archive --set off\n",
	.opts = switch_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.vdo.deduplication"),
	.run = run_deduplication,
};
