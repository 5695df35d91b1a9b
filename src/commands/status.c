// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/common.h"
#include "commands/status_text.h"

#include <inttypes.h>

struct args {
	struct cli_list names;
	const char *only;
	uint32_t flags;
	bool explain, no_flush, lines;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt status_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_STRING(only, 0, "target", "TARGET", "only segments with this target, whose fields are columns then"),
	OPT_BIT(flags, BP_TABLE_INACTIVE, 0, "inactive", "of the table that is loaded, not the live one"),
	OPT_BIT(flags, BP_TABLE_FLUSH, 0, "flush", "let targets commit first, so that the numbers are of now"),
	OPT_FLAG(explain, 0, "explain", "a line for each field, with its name"),
	OPT_FLAG(lines, 0, "lines", "lines as the kernel has them: [NAME:] START LENGTH TARGET STATUS"),
	OPT_SYNONYM("target-type", "target"),
	OPT_FLAG(no_flush, 0, "noflush", NULL), /* the default here */
	OPT_OUTPUT(out),
	OPT_CONFLICT("explain", "lines"),
	OPT_END
};

static const struct cmd_opt measure_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_STRING(only, 0, "target", "TARGET", "only segments with this target"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

enum {
	SEG_NAME,
	SEG_START,
	SEG_LENGTH,
	SEG_TARGET,
	SEG_SUMMARY,
	SEG_TEXT,
	SEG_STATE,
	SEG_TYPED,
};
static const struct out_column columns[] = {
	[SEG_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name of the device" },
	[SEG_START] = { "start_sectors", OUT_NUMBER, OUT_DEFAULT, "where the segment begins" },
	[SEG_LENGTH] = { "length_sectors", OUT_NUMBER, OUT_DEFAULT, "how long it is" },
	[SEG_TARGET] = { "target", OUT_TEXT, OUT_DEFAULT, "its target" },
	[SEG_SUMMARY] = { "summary", OUT_TEXT, OUT_DEFAULT, "what matters of it" },
	[SEG_TEXT] = { "text", OUT_TEXT, 0, "what the target says, as the kernel has it" },
	[SEG_STATE] = { "state", OUT_TEXT, 0, "where that is one word, such as Fail" },
	[SEG_TYPED] = { "status", OUT_JSON, 0, "the same, by fields" },
	OUT_COLUMNS_END
};

enum { M_NAME, M_START, M_LENGTH, M_TARGET, M_TEXT };
static const struct out_column measure_columns[] = {
	[M_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name of the device" },
	[M_START] = { "start_sectors", OUT_NUMBER, OUT_DEFAULT, "where the segment begins" },
	[M_LENGTH] = { "length_sectors", OUT_NUMBER, OUT_DEFAULT, "how long it is" },
	[M_TARGET] = { "target", OUT_TEXT, OUT_DEFAULT, "its target" },
	[M_TEXT] = { "text", OUT_TEXT, OUT_DEFAULT, "what it tells, as the kernel has it" },
	OUT_COLUMNS_END
};

enum { FIELD_NAME, FIELD_TARGET, FIELD_FIELD, FIELD_VALUE, FIELD_UNIT, FIELD_HELP };
static const struct out_column field_columns[] = {
	[FIELD_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name of the device" },
	[FIELD_TARGET] = { "target", OUT_TEXT, OUT_DEFAULT, "target of the segment" },
	[FIELD_FIELD] = { "field", OUT_TEXT, OUT_DEFAULT, "name of the field" },
	[FIELD_VALUE] = { "value", OUT_TEXT, OUT_DEFAULT, "what it is" },
	[FIELD_UNIT] = { "unit", OUT_TEXT, OUT_DEFAULT, "in which unit" },
	[FIELD_HELP] = { "meaning", OUT_TEXT, OUT_DEFAULT, "what it tells" },
	OUT_COLUMNS_END
};

static void add_field(struct out *out, const char *device, const char *target,
		      const struct bp_option *field, const char *value)
{
	struct out_row *row = out_row(out, NULL);

	out_text(row, FIELD_NAME, device);
	out_text(row, FIELD_TARGET, target);
	out_text(row, FIELD_FIELD, field->name);
	out_text(row, FIELD_VALUE, value);
	out_text(row, FIELD_UNIT, field->unit);
	out_text(row, FIELD_HELP, field->help);
}

/* A row for each field of a segment's status. Return: 0 or -errno. */
static int add_fields(struct cli *cli, struct out *out, const char *device,
		      const struct bp_status *status)
{
	const struct bp_target *target = bp_target_get(status->target);
	struct bp_option whole = { .name = "text", .help = status->problem };
	struct bp_option_iter *iter;
	struct bp_option field;
	int r;

	if (!target || !status->values) {
		add_field(out, device, status->target, &whole,
			  status->state ? status->state : status->text);
		return 0;
	}
	r = bp_status_field_iter_new(target, &iter);
	if (r < 0)
		return r;
	while ((r = bp_option_next(iter, &field)) == 0) {
		_cleanup_(freep) char *value = NULL;

		r = bp_status_get(cli->ctx, status, field.name, &value);
		if (r < 0)
			break;
		add_field(out, device, status->target, &field, value);
	}
	bp_option_iter_free(iter);
	return r < 0 ? r : 0;
}

struct typed {
	struct cli *cli;
	const struct bp_status *status;
};

static int write_typed(const void *user, struct bp_json *json)
{
	const struct typed *typed = user;

	return bp_status_json(typed->cli->ctx, typed->status, json, NULL);
}

/* One run of the verb. */
struct report {
	struct cli *cli;
	const struct args *args;
	bool measure;
	struct out *out;
	struct out_column *fields; /* columns of --target; NULL: none of its own */
};

static void report_done(struct report *report)
{
	out_free(report->out);
	field_columns_free(report->fields, columns);
}

static int add_segment(struct report *p, const char *device, const struct bp_status_line *line,
		       const struct bp_status *status)
{
	struct typed typed = { p->cli, status };
	struct out_row *row = out_row(p->out, NULL);
	_cleanup_(freep) char *json = NULL, *summary = NULL;
	int r = json_of(write_typed, &typed, &json);

	if (r >= 0)
		r = status_summary(p->cli, status, &summary);
	if (r >= 0 && p->fields)
		r = field_columns_set(p->cli, p->fields, columns, status, row);
	out_text(row, SEG_NAME, device);
	out_number(row, SEG_START, line->start_sectors);
	out_number(row, SEG_LENGTH, line->length_sectors);
	out_text(row, SEG_TARGET, line->target);
	out_text(row, SEG_SUMMARY, summary);
	out_text(row, SEG_TEXT, line->text);
	out_text(row, SEG_STATE, status->state);
	out_json(row, SEG_TYPED, json, line->text);
	return r;
}

static void add_measure(struct out *out, const char *device, const struct bp_status_line *line)
{
	struct out_row *row = out_row(out, NULL);

	out_text(row, M_NAME, device);
	out_number(row, M_START, line->start_sectors);
	out_number(row, M_LENGTH, line->length_sectors);
	out_text(row, M_TARGET, line->target);
	out_text(row, M_TEXT, line->text);
}

static void print_line(const struct report *p, const char *device,
		       const struct bp_status_line *line)
{
	if (p->args->names.count != 1)
		fprintf(p->cli->out, "%s: ", device);
	fprintf(p->cli->out, "%" PRIu64 " %" PRIu64 " %s %s\n", line->start_sectors,
		line->length_sectors, line->target, line->text);
}

static int add_line(struct report *p, const char *device, const struct bp_status_line *line)
{
	struct bp_status *status;
	int r;

	if (p->args->lines && !p->cli->json) {
		print_line(p, device, line);
		return 0;
	}
	if (p->measure) {
		add_measure(p->out, device, line);
		return 0;
	}
	r = bp_status_parse(p->cli->ctx, line->target, line->text, &status);
	if (r < 0)
		return r;
	r = p->args->explain ? add_fields(p->cli, p->out, device, status)
			     : add_segment(p, device, line, status);
	bp_status_free(status);
	return r;
}

static int add_device(struct cli *cli, const struct bp_selector *which, void *user)
{
	struct report *p = user;
	struct bp_device_status *status;
	int r = p->measure ? bp_device_measure(cli->ctx, which, &status)
			   : bp_device_status(cli->ctx, which, p->args->flags, &status);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < bp_device_status_count(status); i++) {
		const struct bp_status_line *line = bp_device_status_get(status, i);

		if (!p->args->only || streq(p->args->only, line->target))
			r = add_line(p, bp_device_status_info(status)->name, line);
	}
	bp_device_status_free(status);
	return r;
}

/* Which columns there are. Programs get the fields in an object of their own, always. */
static int begin(struct report *p, const char *schema)
{
	const struct bp_target *target = p->args->only ? bp_target_get(p->args->only) : NULL;
	const struct out_column *which = p->measure         ? measure_columns
					 : p->args->explain ? field_columns
							    : columns;
	int r = 0;

	if (which == columns && target && (!p->cli->json || p->args->out.columns))
		r = field_columns_new(target, columns, 1u << SEG_NAME | 1u << SEG_STATE,
				      &p->fields);
	if (r < 0 && r != -ENOENT)
		return cli_fail(p->cli, NULL, r);
	return out_new(p->cli, &p->args->out, schema, p->fields ? p->fields : which, 0,
		       &p->out);
}

static int run(struct cli *cli, const struct args *args, const char *schema, bool measure)
{
	_cleanup_(report_done) struct report report = {
		.cli = cli,
		.args = args,
		.measure = measure,
	};
	int r = begin(&report, schema);

	if (r || !report.out)
		return r;
	return print_each(cli, &args->names, &report.out, add_device, &report);
}

static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return run(cli, args, args->explain ? "bedplate.status.fields" : "bedplate.status",
		   false);
}

static int run_measure(struct cli *cli, const void *p)
{
	return run(cli, p, "bedplate.measure", true);
}

const struct cmd cmd_status = {
	.name = "status",
	.group = "Devices",
	.summary = "Print what targets say of themselves.",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_status,
};

const struct cmd cmd_measure = {
	.name = "measure",
	.group = "Devices",
	.summary = "Print what targets tell to integrity measurement.",
	.opts = measure_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_measure,
};
