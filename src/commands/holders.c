/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who keeps a block device in use: what the errors of other verbs say of it, as a list. */
#include "commands/common.h"

#include <bedplate/bdev.h>

struct args {
	const char *device;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(device, "DEVICE", "a block device: a path, MAJOR:MINOR, or the name of a mapped device"),
	OPT_OUTPUT(out),
	OPT_END
};

static const char *const kinds[] = {
	[BP_HOLDER_MAPPED] = "mapped",
	[BP_HOLDER_RAID] = "raid",
	[BP_HOLDER_LOOP] = "loop",
	[BP_HOLDER_OTHER] = "block",
	[BP_HOLDER_MOUNT] = "mount",
	[BP_HOLDER_SWAP] = "swap",
	[BP_HOLDER_PROCESS] = "process",
	[BP_HOLDER_FILE] = "file",
	[BP_HOLDER_SWAP_FILE] = "swap-file",
	[BP_HOLDER_BCACHE] = "bcache",
	[BP_HOLDER_LOOP_FILE] = "loop-file",
	[BP_HOLDER_ABOVE] = "above",
	NULL,
};

struct row {
	const char *kind, *name, *what, *user, *command, *partition;
	int64_t pid;
	uint64_t uid, major, minor;
	bool suspended;
};
static const struct out_column columns[] = {
	COL_WORD(struct row, kind, kinds, OUT_DEFAULT, "mapped, raid, bcache, loop, block: a device on it; above: a suspended mapped device further up; mount, swap; process: it has the device open; file: it has a file open where nothing is mounted any more; swap-file, loop-file: alike"),
	COL_TEXT(struct row, name, OUT_DEFAULT, "name of the device or process, or where it is mounted"),
	COL_NUMBER(struct row, pid, OUT_DEFAULT, "the process; of a mount in another namespace: a process in that"),
	COL_TEXT(struct row, user, OUT_DEFAULT, "the process's user"),
	COL_TEXT(struct row, command, OUT_DEFAULT, "the process's command line"),
	COL_BOOL(struct row, suspended, 0, "it is a mapped device, and suspended"),
	COL_TEXT(struct row, partition, 0, "the partition that is held, where the device itself is not"),
	COL_NUMBER(struct row, uid, 0, "number of the process's user"),
	COL_NUMBER(struct row, major, 0, "major number of a device on it"),
	COL_NUMBER(struct row, minor, 0, "minor number of a device on it"),
	COL_TEXT(struct row, what, 0, "all of it in words"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.holders", .columns = columns, .none = "nobody uses it, as far as can be seen from here",
};
/* clang-format on */

/* What a kind of holder doesn't have is left empty. */
static void add(struct out *out, const struct bp_holders *holders, size_t i)
{
	const struct bp_holder *h = bp_holders_get(holders, i);

	out_add(out, NULL,
		&(struct row){
			.kind = kinds[h->kind],
			.name = h->name,
			.what = bp_holders_text(holders, i),
			.user = h->user[0] ? h->user : NULL,
			.command = h->command[0] ? h->command : NULL,
			.partition = h->partition[0] ? h->partition : NULL,
			.pid = h->pid ? h->pid : -1,
			.uid = h->uid == BP_NO_UID ? OUT_UNKNOWN : h->uid,
			.major = h->major ? h->major : OUT_UNKNOWN,
			.minor = h->major ? h->minor : OUT_UNKNOWN,
			.suspended = h->suspended,
		});
}

/* A name without a slash is a mapped device's; all else may be any block device. */
static int find(struct cli *cli, const char *device, struct bp_holders **ret)
{
	struct bp_selector which = device_named(device);
	struct bp_device_info info;
	struct bp_bdev bdev;
	int r;

	if (which.name) {
		r = bp_device_info(cli->ctx, &which, &info);
		return r < 0 ? r : bp_holders_find(cli->ctx, info.major, info.minor, ret);
	}
	r = bp_bdev_get(cli->ctx, device, &bdev);
	return r < 0 ? r : bp_holders_find(cli->ctx, bdev.major, bdev.minor, ret);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	struct bp_holders *holders;
	int r = out_open(cli, &args->out, &schema, &out);

	if (r || !out)
		return r;
	r = find(cli, args->device, &holders);
	if (r < 0)
		return cli_fail(cli, args->device, r);
	for (size_t i = 0; i < bp_holders_count(holders); i++)
		add(out, holders, i);
	bp_holders_free(holders);
	return out_print(steal(out));
}

const struct cmd cmd_holders = {
	.name = "holders",
	.group = "Devices",
	.summary = "Who uses a block device: devices on it, mounts anywhere, swap, processes.",
	.examples = "  bedplate holders /dev/sdb\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
