/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What targets say of themselves: a line a segment, or a row a field. */
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
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP "; or lines as they were printed, -: standard input"),
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

struct seg_row {
	const char *name, *target, *summary, *text, *state;
	uint64_t start_sectors, length_sectors;
	struct out_json status;
};
struct field_row {
	const char *name, *target, *field, *value, *unit, *meaning;
};
/* clang-format off */
static const struct out_column status_members[] = {
	DOC("target", OUT_TEXT, "its target"),
	DOC("text", OUT_TEXT, "as the kernel has it"),
	DOC("state", OUT_TEXT, "where that is one word, such as Fail"),
	DOC_OBJECT("values", NULL, "its fields, as 'status --explain' and docs/targets list them; null: none"),
	DOC_MAYBE("extra", OUT_TEXT, "words that this library doesn't know"),
	DOC_MAYBE("problem", OUT_TEXT, "why it was not understood"),
	OUT_COLUMNS_END
};
/* Name and state come first: they stand in front of the fields of --target. */
static const struct out_column columns[] = {
	COL_TEXT(struct seg_row, name, OUT_DEFAULT, "name of the device"),
	COL_NUMBER(struct seg_row, start_sectors, OUT_DEFAULT, "where the segment begins"),
	COL_NUMBER(struct seg_row, length_sectors, OUT_DEFAULT, "how long it is"),
	COL_TEXT(struct seg_row, target, OUT_DEFAULT, "its target"),
	COL_TEXT(struct seg_row, summary, OUT_DEFAULT, "what matters of it"),
	COL_TEXT(struct seg_row, text, 0, "what the target says, as the kernel has it"),
	COL_TEXT(struct seg_row, state, 0, "where that is one word, such as Fail"),
	COL_JSON(struct seg_row, status, status_members, 0, "the same, by fields"),
	OUT_COLUMNS_END
};
#define FIELD_DEFAULTS "name state" /* what stands in front of the fields of --target */

static const struct out_column measure_columns[] = {
	COL_TEXT(struct seg_row, name, OUT_DEFAULT, "name of the device"),
	COL_NUMBER(struct seg_row, start_sectors, OUT_DEFAULT, "where the segment begins"),
	COL_NUMBER(struct seg_row, length_sectors, OUT_DEFAULT, "how long it is"),
	COL_TEXT(struct seg_row, target, OUT_DEFAULT, "its target"),
	COL_TEXT(struct seg_row, text, OUT_DEFAULT, "what it tells, as the kernel has it"),
	OUT_COLUMNS_END
};
static const struct out_column field_columns[] = {
	COL_TEXT(struct field_row, name, OUT_DEFAULT, "name of the device"),
	COL_TEXT(struct field_row, target, OUT_DEFAULT, "target of the segment"),
	COL_TEXT(struct field_row, field, OUT_DEFAULT, "name of the field"),
	COL_TEXT(struct field_row, value, OUT_DEFAULT, "what it is"),
	COL_TEXT(struct field_row, unit, OUT_DEFAULT, "in which unit"),
	COL_TEXT(struct field_row, meaning, OUT_DEFAULT, "what it tells"),
	OUT_COLUMNS_END
};
static const struct out_schema status_schema = {
	.name = "bedplate.status", .columns = columns, .none = "no devices with a table",
};
static const struct out_schema fields_schema = {
	.name = "bedplate.status.fields", .columns = field_columns, .none = "no devices with a table",
	.help = "A row for each field, by --explain.",
};
static const struct out_schema measure_schema = {
	.name = "bedplate.measure", .columns = measure_columns, .none = "nothing is measured",
};
/* clang-format on */

static void add_field(struct out *out, const char *device, const char *target,
		      const struct bp_option *field, const char *value)
{
	out_add(out, NULL,
		&(struct field_row){ device, target, field->name, value, field->unit,
				     field->help });
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

/* Lent strings: the row lives shorter than the line. */
static struct seg_row segment_row(const char *device, const struct bp_status_line *line)
{
	return (struct seg_row){
		.name = device,
		.start_sectors = line->start_sectors,
		.length_sectors = line->length_sectors,
		.target = line->target,
		.text = line->text,
	};
}

/* Typed, as one object of JSON and one sentence for people. */
static int add_segment(struct report *p, const char *device, const struct bp_status_line *line,
		       const struct bp_status *status)
{
	struct typed typed = { p->cli, status };
	struct seg_row row = segment_row(device, line);
	_cleanup_(freep) char *json = NULL, *summary = NULL;
	struct out_row *added;
	int r = json_of(write_typed, &typed, &json);

	if (r >= 0)
		r = bp_status_summary(p->cli->ctx, status, &summary);
	row.summary = summary;
	row.state = status->state;
	row.status = (struct out_json){ json, line->text };
	added = out_add(p->out, NULL, &row);
	if (r >= 0 && p->fields)
		r = field_columns_set(p->cli, p->fields, columns, status, added);
	return r;
}

static void print_line(const struct report *p, const char *device,
		       const struct bp_status_line *line)
{
	bool named = p->args->names.count != 1;

	cli_print(p->cli, "%s%s%" PRIu64 " %" PRIu64 " %s %s\n", named ? device : "",
		  named ? ": " : "", line->start_sectors, line->length_sectors, line->target,
		  line->text);
}

/* The kernel's own line where that was asked for, or parsed. */
static int add_line(struct report *p, const char *device, const struct bp_status_line *line)
{
	struct bp_status *status;
	int r;

	if (p->args->lines && !p->cli->json) {
		print_line(p, device, line);
		out_printed(p->out);
		return 0;
	}
	if (p->measure) {
		struct seg_row row = segment_row(device, line);

		out_add(p->out, NULL, &row);
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

/* Only segments of one target where --target says so. */
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
static int begin(struct report *p, const struct out_schema *schema)
{
	const struct bp_target *target = p->args->only ? bp_target_get(p->args->only) : NULL;
	int r = p->args->only ? target_exists(p->cli, p->args->only) : 0;

	if (r)
		return r;
	if (schema == &status_schema && target && (!p->cli->json || p->args->out.columns))
		r = field_columns_new(target, columns, FIELD_DEFAULTS, &p->fields);
	if (r < 0 && r != -ENOENT)
		return cli_fail(p->cli, NULL, r);
	return out_open_columns(p->cli, &p->args->out, schema,
				p->fields ? p->fields : schema->columns, &p->out);
}

/* A table that was taken for a status keeps its keys to itself: the text is shown as the library has it. */
static int add_public(struct report *p, const char *name, struct bp_status_line *line)
{
	struct bp_status *status;
	int r = bp_status_parse(p->cli->ctx, line->target, line->text, &status);

	if (r < 0)
		return r;
	line->text = status->text;
	r = add_line(p, name, line);
	bp_status_free(status);
	return r;
}

/* One line as a kernel or a program printed it. Return: 0 or -errno; 1: not such a line. */
static int add_pasted(struct report *p, const char *text)
{
	_cleanup_(freep) char *target = NULL, *status = NULL, *name = NULL;
	struct bp_status_line line = { 0 };
	struct pasted pasted;

	if (!pasted_line(text, &pasted))
		return 1;
	name = strndup(pasted.name ? pasted.name : "", pasted.name_len);
	if (!name || sscanf(pasted.line, "%" SCNu64 " %" SCNu64 " %ms%m[^\n]",
			    &line.start_sectors, &line.length_sectors, &target, &status) < 3)
		return -ENOMEM;
	line.target = target;
	line.text = status ? status + strspn(status, " ") : "";
	return add_public(p, name, &line);
}

/* No device is asked: programs get what others were told. */
static int print_pasted(struct cli *cli, const struct args *args, struct report *p)
{
	_cleanup_(freep) char *text = NULL;
	int r = pasted_text(cli, &args->names, NULL, NULL, &text);
	char *save = NULL;

	if (r)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		r = add_pasted(p, line);
		if (r == 1)
			r = cli_failf(cli, line, NULL, "no [NAME:] START LENGTH TARGET STATUS");
		else if (r < 0)
			r = cli_fail(cli, NULL, r);
		if (r)
			return r;
	}
	return out_print(steal(p->out));
}

/* Words that are a pasted line are explained without a device. */
static int run(struct cli *cli, const struct args *args, const struct out_schema *schema)
{
	_cleanup_(report_done) struct report report = {
		.cli = cli,
		.args = args,
		.measure = schema == &measure_schema,
	};
	int r = begin(&report, schema);

	if (r || !report.out)
		return r;
	if (schema != &measure_schema && is_pasted(&args->names))
		return print_pasted(cli, args, &report);
	return print_each(cli, &args->names, &report.out, add_device, &report);
}

static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return run(cli, args, args->explain ? &fields_schema : &status_schema);
}

static int run_measure(struct cli *cli, const void *p)
{
	return run(cli, p, &measure_schema);
}

const struct cmd cmd_status = {
	.name = "status",
	.group = "Devices",
	.summary = "Print what targets say of themselves.",
	.examples = "  bedplate status --target thin-pool --json\n",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&status_schema, &fields_schema),
	.run = run_status,
};

const struct cmd cmd_measure = {
	.name = "measure",
	.group = "Devices",
	.summary = "Print what targets tell to integrity measurement.",
	.examples = "  bedplate measure data\n",
	.opts = measure_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&measure_schema),
	.run = run_measure,
};
