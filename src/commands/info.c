/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How devices are: one as a record, several as a list. Asks the kernel, changes nothing. */
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
	OPT_PAIRS(out),
	OPT_END
};
/* clang-format on */

enum { ACTIVE, ACTIVE_GOING, SUSPENDED, SUSPENDED_GOING, INTERNALLY, NO_TABLE };
static const char *const states[] = {
	[ACTIVE] = "active",
	[ACTIVE_GOING] = "active, to be removed",
	[SUSPENDED] = "suspended",
	[SUSPENDED_GOING] = "suspended, to be removed",
	[INTERNALLY] = "internally suspended",
	[NO_TABLE] = "no table",
	NULL,
};

struct row {
	struct bp_device_info info;
	char device[DEVNO_TEXT];
	const char *state;
	struct device_about about;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT_AS("name", struct row, info.name, OUT_DEFAULT, "name"),
	COL_TEXT_AS("kernel_name", struct row, info.kernel_name, 0, "name as the kernel holds it"),
	COL_TEXT_AS("uuid", struct row, info.uuid, OUT_DEFAULT, "uuid"),
	COL_TEXT_AS("path", struct row, info.path, OUT_DEFAULT, "its node"),
	COL_TEXT(struct row, device, OUT_DEFAULT, "MAJOR:MINOR"),
	COL_NUMBER_AS("major", struct row, info.major, 0, "major number"),
	COL_NUMBER_AS("minor", struct row, info.minor, 0, "minor number"),
	COL_WORD(struct row, state, states, OUT_DEFAULT, "how it is"),
	COL_SIZE_AS("size_bytes", struct row, about.size_bytes, OUT_DEFAULT, SIZE_HELP),
	COL_TEXT_AS("targets", struct row, about.targets, OUT_DEFAULT, TARGETS_HELP),
	COL_NUMBER_AS("segments", struct row, info.nr_segments, OUT_DEFAULT, "segments of the live table"),
	COL_NUMBER_AS("open_count", struct row, info.open_count, OUT_DEFAULT, "how many hold it open"),
	COL_NUMBER_AS("event_nr", struct row, info.event_nr, OUT_DEFAULT, "number of the last event"),
	COL_BOOL_AS("suspended", struct row, info.suspended, 0, "suspended"),
	COL_BOOL_AS("internally_suspended", struct row, info.internally_suspended, 0, "held quiet by another target"),
	COL_BOOL_AS("read_only", struct row, info.read_only, OUT_DEFAULT, "refuses writes"),
	COL_BOOL_AS("live_table", struct row, info.live_table, 0, "has a live table"),
	COL_BOOL_AS("inactive_table", struct row, info.inactive_table, OUT_DEFAULT, "has a table to be resumed"),
	COL_BOOL_AS("deferred_remove", struct row, info.deferred_remove, OUT_DEFAULT, "goes when its last user goes"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.info", .columns = columns, .none = "no devices",
};
/* clang-format on */

/* A suspended device may be on its way out at the same time: both are said. */
static const char *state(const struct bp_device_info *info)
{
	if (info->suspended)
		return states[info->deferred_remove ? SUSPENDED_GOING : SUSPENDED];
	if (info->internally_suspended)
		return states[INTERNALLY];
	if (!info->live_table)
		return states[NO_TABLE];
	return states[info->deferred_remove ? ACTIVE_GOING : ACTIVE];
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
	else if (info->inactive_table)
		cli_note(
			cli,
			"  hint: a table is loaded and not live: 'bedplate resume %s' makes it "
			"live, 'bedplate clear %s' drops it",
			info->name, info->name);
}

struct report {
	struct out *out;
	bool one; /* asked about one device, by a person */
};

/* Size and targets need another call to the kernel: only where they are shown. */
static int add(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct report *report = user;
	struct row row = { .about.size_bytes = OUT_UNKNOWN };
	int r = bp_device_info(cli->ctx, which, &row.info);

	if (r < 0)
		return r;
	devno_text(row.device, row.info.major, row.info.minor);
	row.state = state(&row.info);
	if (out_shows(report->out, "size_bytes") || out_shows(report->out, "targets"))
		device_about(cli, row.info.major, row.info.minor, &row.about);
	out_add(report->out, NULL, &row);
	if (report->one)
		advise(cli, &row.info);
	return 0;
}

/* One device alone is a record, line by line, with advice below it. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	bool record = args->names.count == 1 && !args->columns;
	struct report report = { 0 };
	int r = out_open(cli, &args->out, &schema, &report.out);

	if (r || !report.out)
		return r;
	if (record)
		out_set_flags(report.out, OUT_RECORD);
	report.one = record && !cli->json;
	r = print_each(cli, &args->names, &report.out, add, &report);
	out_free(report.out);
	return r;
}

const struct cmd cmd_info = {
	.name = "info",
	.group = "Devices",
	.summary = "Print the state of devices.",
	.examples = "  bedplate info -r --noheadings -o name,open-count\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
