/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be changed of a device beside its table: name, uuid, geometry. */
#include "commands/common.h"

struct args {
	const char *name, *new_name, *uuid;
	uint64_t cylinders, heads, sectors, start;
	unsigned udev;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt rename_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND_OPTIONAL(new_name, "NEW-NAME", "its name from now on"),
	OPT_STRING(uuid, 0, "setuuid", "UUID", "give it a uuid instead, as set-uuid does"),
	OPT_UDEV(udev),
	OPT_TIMEOUT(timeout_ms),
	OPT_CONFLICT("setuuid", "NEW-NAME"),
	OPT_ANY("NEW-NAME setuuid"),
	OPT_END
};

static const struct cmd_opt uuid_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND(uuid, "UUID", "up to 128 bytes; for the life of the device"),
	OPT_END
};

static const struct cmd_opt geometry_opts[] = {
	OPT_OPERAND(name, "NAME", DEVICE_HELP),
	OPT_OPERAND_NUMBER(cylinders, 0, 65535, "CYLINDERS", "up to 65535"),
	OPT_OPERAND_NUMBER(heads, 0, 255, "HEADS", "up to 255"),
	OPT_OPERAND_NUMBER(sectors, 0, 255, "SECTORS", "a track, up to 255"),
	OPT_OPERAND_NUMBER(start, 0, UINT64_MAX, "START", "in sectors, up to the product of the three"),
	OPT_END
};
/* clang-format on */

/* A UUID can be set only where there is none; the kernel says so. */
static int run_uuid(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_selector which = device_named(args->name);
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_device_set_uuid(cli->ctx, &which, args->uuid);
	return change_done(cli, args->name, r, "set");
}

/* The same verb for both, as the kernel's ioctl has it. */
static int run_rename(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_selector which = device_named(args->name);
	struct bp_change_opts how = {
		.size = sizeof(how),
		.udev = args->udev,
		.timeout_ms = args->timeout_ms,
	};
	int r;

	if (args->uuid)
		return run_uuid(cli, p);
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_device_rename(cli->ctx, &which, args->new_name, &how);
	return change_done(cli, args->name, r, "renamed");
}

/* Sectors, heads and cylinders are only told to old programs; nothing here uses them. */
static int run_geometry(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_selector which = device_named(args->name);
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_device_set_geometry(cli->ctx, &which, args->cylinders, args->heads,
				   args->sectors, args->start);
	return change_done(cli, args->name, r, "set");
}

const struct cmd cmd_rename = {
	.name = "rename",
	.group = "Devices",
	.summary = "Give a device another name.",
	.examples = "  bedplate rename data archive\n",
	.opts = rename_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.rename"),
	.run = run_rename,
};

const struct cmd cmd_set_uuid = {
	.name = "set-uuid",
	.aliases = "setuuid",
	.group = "Devices",
	.summary = "Give a device that has none its uuid.",
	.examples = "  bedplate set-uuid data my-data-1\n",
	.opts = uuid_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.set-uuid"),
	.run = run_uuid,
};

const struct cmd cmd_setgeometry = {
	.name = "setgeometry",
	.group = "Devices",
	.summary = "Set what a device tells programs that ask for cylinders and heads.",
	.examples = "  bedplate setgeometry data 128 16 63 0\n",
	.opts = geometry_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.setgeometry"),
	.run = run_geometry,
};
