// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/common.h"

struct args {
	struct cli_list names;
	bool columns;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_FLAG(columns, 'c', "columns", "columns also for one device"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

enum {
	I_NAME,
	I_KERNEL_NAME,
	I_UUID,
	I_PATH,
	I_DEVICE,
	I_MAJOR,
	I_MINOR,
	I_STATE,
	I_SIZE,
	I_SEGMENTS,
	I_OPEN,
	I_EVENT,
	I_SUSPENDED,
	I_INTERNAL,
	I_READ_ONLY,
	I_LIVE,
	I_INACTIVE,
	I_DEFERRED,
};
static const struct out_column columns[] = {
	[I_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name" },
	[I_KERNEL_NAME] = { "kernel_name", OUT_TEXT, 0, "name as the kernel holds it" },
	[I_UUID] = { "uuid", OUT_TEXT, OUT_DEFAULT, "uuid" },
	[I_PATH] = { "path", OUT_TEXT, 0, "its node" },
	[I_DEVICE] = { "device", OUT_TEXT, OUT_DEFAULT, "MAJOR:MINOR" },
	[I_MAJOR] = { "major", OUT_NUMBER, 0, "major number" },
	[I_MINOR] = { "minor", OUT_NUMBER, 0, "minor number" },
	[I_STATE] = { "state", OUT_TEXT, OUT_DEFAULT,
		      "active, suspended, internally suspended, no table; to be removed" },
	[I_SIZE] = { "size_bytes", OUT_SIZE, 0, "size of the live table" },
	[I_SEGMENTS] = { "segments", OUT_NUMBER, OUT_DEFAULT, "segments of the live table" },
	[I_OPEN] = { "open_count", OUT_NUMBER, OUT_DEFAULT, "how many hold it open" },
	[I_EVENT] = { "event_nr", OUT_NUMBER, OUT_DEFAULT, "number of the last event" },
	[I_SUSPENDED] = { "suspended", OUT_BOOL, 0, "suspended" },
	[I_INTERNAL] = { "internally_suspended", OUT_BOOL, 0, "held quiet by another target" },
	[I_READ_ONLY] = { "read_only", OUT_BOOL, OUT_DEFAULT, "refuses writes" },
	[I_LIVE] = { "live_table", OUT_BOOL, 0, "has a live table" },
	[I_INACTIVE] = { "inactive_table", OUT_BOOL, OUT_DEFAULT, "has a table to be resumed" },
	[I_DEFERRED] = { "deferred_remove", OUT_BOOL, 0, "goes when its last user goes" },
	OUT_COLUMNS_END
};

static const char *state(const struct bp_device_info *info)
{
	if (info->suspended)
		return info->deferred_remove ? "suspended, to be removed" : "suspended";
	if (info->internally_suspended)
		return "internally suspended";
	if (!info->live_table)
		return "no table";
	return info->deferred_remove ? "active, to be removed" : "active";
}

/* What to do about a device that a program may have left half-way. */
static void advise(struct cli *cli, const struct bp_device_info *info)
{
	if (info->suspended && info->inactive_table)
		cli_note(cli,
			 "  hint: its I/O waits: 'bedplate resume %s' makes the loaded table "
			 "live; "
			 "after 'bedplate clear' it keeps the one it has",
			 info->name);
	else if (info->suspended)
		cli_note(cli, "  hint: its I/O waits: 'bedplate resume %s' lets it go on",
			 info->name);
	else if (info->internally_suspended)
		cli_note(cli,
			 "  hint: another target holds it: a pool or raid that is suspended "
			 "itself");
	else if (!info->live_table && !info->inactive_table)
		cli_note(cli,
			 "  hint: it has no table, as left by a create that was killed: "
			 "'bedplate "
			 "remove %s', or load a table and resume it",
			 info->name);
}

/* The size is not in the kernel's answer: only looked for by those who see it. */
static void add_size(struct cli *cli, struct out_row *row, const struct bp_device_info *info)
{
	struct bp_selector which = { .major = info->major, .minor = info->minor };
	struct bp_table *table;

	if (bp_device_table(cli->ctx, &which, 0, &table) < 0)
		return;
	out_number(row, I_SIZE, bp_sector_to_bytes(bp_table_length(table)));
	bp_table_free(table);
}

struct report {
	const struct args *args;
	struct out *out;
	bool one; /* asked about one device, by a person */
};

static void add_row(struct cli *cli, const struct report *report,
		    const struct bp_device_info *info)
{
	struct out_row *row = out_row(report->out, NULL);

	out_text(row, I_NAME, info->name);
	out_text(row, I_KERNEL_NAME, info->kernel_name);
	out_text(row, I_UUID, info->uuid);
	out_text(row, I_PATH, info->path);
	out_textf(row, I_DEVICE, "%u:%u", info->major, info->minor);
	out_number(row, I_MAJOR, info->major);
	out_number(row, I_MINOR, info->minor);
	out_text(row, I_STATE, state(info));
	if (report->args->out.columns || report->args->out.sort)
		add_size(cli, row, info);
	out_number(row, I_SEGMENTS, info->nr_segments);
	out_number(row, I_OPEN, info->open_count > 0 ? (uint64_t)info->open_count : 0);
	out_number(row, I_EVENT, info->event_nr);
	out_bool(row, I_SUSPENDED, info->suspended);
	out_bool(row, I_INTERNAL, info->internally_suspended);
	out_bool(row, I_READ_ONLY, info->read_only);
	out_bool(row, I_LIVE, info->live_table);
	out_bool(row, I_INACTIVE, info->inactive_table);
	out_bool(row, I_DEFERRED, info->deferred_remove);
}

static int add(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct bp_device_info info;
	const struct report *report = user;
	int r = bp_device_info(cli->ctx, which, &info);

	if (r == 0)
		add_row(cli, report, &info);
	if (r == 0 && report->one)
		advise(cli, &info);
	return r;
}

static int run(struct cli *cli, const void *p)
{
	struct report report = { .args = p };
	const struct cli_list *names = &report.args->names;
	bool record = names->count == 1 && !report.args->columns;
	int r = out_new(cli, &report.args->out, "bedplate.info", columns,
			record ? OUT_RECORD : 0, &report.out);

	if (r || !report.out)
		return r;
	report.one = record && !cli->json;
	r = print_each(cli, names, &report.out, add, &report);
	out_free(report.out);
	return r;
}

const struct cmd cmd_info = {
	.name = "info",
	.group = "Devices",
	.summary = "Print the state of devices.",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run,
};
