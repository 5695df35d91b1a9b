/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verbs that change the state of existing devices and need no table. */
#include "commands/common.h"

struct args {
	struct cli_list names;
	uint32_t flags;
	unsigned udev;
	struct cli_read_ahead read_ahead;
	int64_t timeout_ms;
	bool force, node_later;
};

/* clang-format off */
#define OPT_CHANGE \
	OPT_OPERANDS_NEEDED(names, "NAME", DEVICE_HELP), \
	OPT_TIMEOUT(timeout_ms)
#define OPT_SUSPEND \
	OPT_BIT(flags, BP_CHANGE_NO_LOCKFS, 0, "nolockfs", "don't freeze the file system"), \
	OPT_BIT(flags, BP_CHANGE_NO_FLUSH, 0, "noflush", "don't wait for I/O in the device"), \
	OPT_SYNONYM("no-lockfs", "nolockfs"), \
	OPT_SYNONYM("no-flush", "noflush")

static const struct cmd_opt suspend_opts[] = { OPT_CHANGE, OPT_SUSPEND, OPT_END };
static const struct cmd_opt resume_opts[] = {
	OPT_CHANGE,
	OPT_SUSPEND,
	OPT_READ_AHEAD(read_ahead),
	OPT_BIT(flags, BP_CHANGE_NO_NODE, 0, "addnodeoncreate", "leave the node as it is, there or not: create has made it"),
	OPT_FLAG(node_later, 0, "addnodeonresume", "make the node now, where it is missing: the default"),
	OPT_UDEV(udev),
	OPT_CONFLICT("addnodeoncreate", "addnodeonresume"),
	OPT_END
};
static const struct cmd_opt wipe_opts[] = {
	OPT_CHANGE,
	OPT_FLAG(force, 'f', "force", "both of these: for devices whose I/O may never end"),
	OPT_SUSPEND,
	OPT_END
};
static const struct cmd_opt plain_opts[] = { OPT_CHANGE, OPT_END };
/* clang-format on */

/* What all verbs of this file take. */
static struct bp_change_opts change_opts(const struct args *args)
{
	return (struct bp_change_opts){
		.size = sizeof(struct bp_change_opts),
		.flags = args->flags,
		.udev = args->udev,
		.read_ahead_sectors = args->read_ahead.sectors,
		.read_ahead_minimum = args->read_ahead.minimum,
		.timeout_ms = args->timeout_ms,
	};
}

static int suspend_one(struct cli *cli, const void *p, const struct bp_selector *which,
		       const char **ret_done)
{
	struct bp_change_opts how = change_opts(p);

	*ret_done = "suspended";
	return bp_device_suspend(cli->ctx, which, &how);
}

static int resume_one(struct cli *cli, const void *p, const struct bp_selector *which,
		      const char **ret_done)
{
	struct bp_change_opts how = change_opts(p);
	struct bp_device_info info;
	int r = bp_device_resume(cli->ctx, which, &how);

	*ret_done = "resumed";
	if (r < 0 || cli->dry_run || bp_device_info(cli->ctx, which, &info) < 0)
		return r;
	/* The kernel has no objection, and it does nothing. */
	if (!info.live_table)
		cli_warn(cli, "'%s' has no table: load one, or remove it", info.name);
	return 0;
}

static int clear_one(struct cli *cli, const void *p, const struct bp_selector *which,
		     const char **ret_done)
{
	struct bp_change_opts how = change_opts(p);

	*ret_done = "cleared";
	return bp_device_clear(cli->ctx, which, &how);
}

/* --force: I/O that hangs would never be flushed, and a freeze would wait for it. */
static int wipe_one(struct cli *cli, const void *p, const struct bp_selector *which,
		    const char **ret_done)
{
	const struct args *args = p;
	struct bp_change_opts how = change_opts(args);

	if (args->force)
		how.flags |= BP_CHANGE_NO_LOCKFS | BP_CHANGE_NO_FLUSH;
	*ret_done = "wiped";
	return bp_device_wipe_table(cli->ctx, which, &how);
}

static int mangle_one(struct cli *cli, const void *p, const struct bp_selector *which,
		      const char **ret_done)
{
	(void)p;
	*ret_done = "mangled";
	return bp_device_mangle(cli->ctx, which);
}

static int run_suspend(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return change_each(cli, &args->names, args, suspend_one);
}

static int run_resume(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return change_each(cli, &args->names, args, resume_one);
}

static int run_clear(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return change_each(cli, &args->names, args, clear_one);
}

static int run_wipe(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return change_each(cli, &args->names, args, wipe_one);
}

static int run_mangle(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return change_each(cli, &args->names, args, mangle_one);
}

const struct cmd cmd_suspend = {
	.name = "suspend",
	.group = "Devices",
	.summary = "Let I/O run out and hold new I/O back.",
	.examples = "  bedplate suspend --noflush data\n",
	.opts = suspend_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.suspend"),
	.run = run_suspend,
};

const struct cmd cmd_resume = {
	.name = "resume",
	.group = "Devices",
	.summary = "Make a loaded table live and let I/O go on.",
	.examples = "  bedplate resume data\n",
	.opts = resume_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.resume"),
	.run = run_resume,
};

const struct cmd cmd_clear = {
	.name = "clear",
	.group = "Devices",
	.summary = "Drop the table that is loaded but not live.",
	.examples = "  bedplate clear data\n",
	.opts = plain_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.clear"),
	.run = run_clear,
};

const struct cmd cmd_wipe_table = {
	.name = "wipe-table",
	.aliases = "wipe_table",
	.group = "Devices",
	.summary = "Replace the live table by one that answers all I/O with errors.",
	.examples = "  bedplate wipe-table data\n",
	.opts = wipe_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.wipe-table"),
	.run = run_wipe,
};

const struct cmd cmd_mangle = {
	.name = "mangle",
	.group = "Devices",
	.summary = "Rename devices whose names udev could not use.",
	.examples = "  bedplate mangle 'a b'\n",
	.opts = plain_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.mangle"),
	.run = run_mangle,
};
