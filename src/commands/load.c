/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A table beside the live one, checked first as for "create". Nothing of the live one changes. */
#include "commands/common.h"
#include "commands/preflight.h"
#include "commands/typed.h"

struct args {
	const char *name, *table, *table_file;
	struct cli_list targets, options;
	uint32_t flags;
	unsigned udev;
	int64_t timeout_ms;
	bool no_check;
};

/* clang-format off */
#define OPT_LOAD \
	OPT_OPERAND(name, "NAME", DEVICE_HELP), \
	OPT_OPERANDS(targets, "TARGET", "target of the table's only segment, or of the next one; its options follow it"), \
	OPT_STRING(table, 0, "table", "LINES", "the table: START LENGTH TARGET ARGUMENT..., in 512-byte sectors"), \
	OPT_STRING(table_file, 0, "table-file", "FILE", "read the table from a file; -: standard input"), \
	OPT_BIT(flags, BP_CHANGE_READ_ONLY, 'r', "readonly", "refuse writes"), \
	OPT_BIT(flags, BP_CHANGE_SECURE, 0, "secure", "the table holds keys: wipe buffers after use"), \
	OPT_UDEV(udev), \
	OPT_TIMEOUT(timeout_ms), \
	OPT_FLAG(no_check, 0, "no-check", "don't look for what the kernel would refuse"), \
	OPT_EXTRA(options), \
	OPT_CONFLICT("TARGET", "table table-file"), \
	OPT_CONFLICT("table", "table-file"), \
	OPT_ANY("TARGET table table-file")

static const struct cmd_opt load_opts[] = { OPT_LOAD, OPT_END };
static const struct cmd_opt reload_opts[] = {
	OPT_LOAD,
	OPT_BIT(flags, BP_CHANGE_UNLESS_SAME, 0, "unless-same", "do nothing where the live table means the same"),
	OPT_BIT(flags, BP_CHANGE_NO_LOCKFS, 0, "nolockfs", "don't freeze the file system"),
	OPT_BIT(flags, BP_CHANGE_NO_FLUSH, 0, "noflush", "don't wait for I/O in the device"),
	OPT_END
};
/* clang-format on */

TYPED_HOOKS(extra, unknown, help)

typedef int (*load_fn)(struct bp_ctx *ctx, const struct bp_selector *which,
		       const struct bp_table *table, const struct bp_change_opts *opts);

/* Pre-flight against the device as it is: its own number and its live table. */
static int check(struct cli *cli, const struct args *args, const struct bp_table *table)
{
	_cleanup_(table_freep) struct bp_table *live = NULL;
	struct preflight how = { .read_only = args->flags & BP_CHANGE_READ_ONLY };
	int r = preflight_device(cli, args->name, &how, &live);

	return r ? r : preflight_refuse(cli, args->name, table, &how);
}

/*
 * What load and reload share. The table is checked against the devices below before the
 * kernel has it.
 */
static int load(struct cli *cli, const struct args *args, load_fn fn, const char *done)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_selector which = device_named(args->name);
	struct bp_change_opts how = {
		.size = sizeof(how),
		.flags = args->flags | (args->no_check ? BP_CHANGE_UNCHECKED : 0),
		.udev = args->udev,
		.timeout_ms = args->timeout_ms,
	};
	int r;

	if (args->targets.count)
		r = typed_build(cli, &args->targets, &args->options, false, &table);
	else
		r = table_given(cli, args->table, args->table_file,
				args->no_check ? BP_TABLE_KEEP : 0, &table);
	if (!r && !args->no_check)
		r = check(cli, args, table);
	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	r = fn(cli->ctx, &which, table, &how);
	return change_done(cli, args->name, r, done);
}

static int run_load(struct cli *cli, const void *p)
{
	return load(cli, p, bp_device_load, "loaded");
}

static int run_reload(struct cli *cli, const void *p)
{
	return load(cli, p, bp_device_reload, "reloaded");
}

const struct cmd cmd_load = {
	.name = "load",
	.group = "Devices",
	.summary = "Load a table beside the live one; resume makes it live.",
	.examples = "  bedplate load data --table '0 2048 linear /dev/sdc 0'\n",
	.opts = load_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.load"),
	.run = run_load,
	.extra = extra,
	.unknown = unknown,
	.help = help,
};

const struct cmd cmd_reload = {
	.name = "reload",
	.group = "Devices",
	.summary =
		"Replace the live table: load, suspend, resume; on failure the old one stays.",
	.examples = "  bedplate reload data --table '0 2048 linear /dev/sdc 0'\n",
	.opts = reload_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.reload"),
	.run = run_reload,
	.extra = extra,
	.unknown = unknown,
	.help = help,
};
