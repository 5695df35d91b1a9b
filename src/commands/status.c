// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/common.h"

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
	OPT_STRING(only, 0, "target", "TARGET", "only segments with this target"),
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

enum { SEG_NAME, SEG_START, SEG_LENGTH, SEG_TARGET, SEG_TEXT, SEG_TYPED };
static const struct out_column columns[] = {
	[SEG_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name of the device" },
	[SEG_START] = { "start_sectors", OUT_NUMBER, OUT_DEFAULT, "where the segment begins" },
	[SEG_LENGTH] = { "length_sectors", OUT_NUMBER, OUT_DEFAULT, "how long it is" },
	[SEG_TARGET] = { "target", OUT_TEXT, OUT_DEFAULT, "its target" },
	[SEG_TEXT] = { "text", OUT_TEXT, OUT_DEFAULT,
		       "what the target says, as the kernel has it" },
	[SEG_TYPED] = { "status", OUT_JSON, 0, "the same, by fields" },
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

static int add_segment(struct cli *cli, struct out *out, const char *device,
		       const struct bp_status_line *line, const struct bp_status *status)
{
	struct typed typed = { cli, status };
	struct out_row *row = out_row(out, NULL);
	_cleanup_(freep) char *json = NULL;
	int r = status ? json_of(write_typed, &typed, &json) : 0;

	out_text(row, SEG_NAME, device);
	out_number(row, SEG_START, line->start_sectors);
	out_number(row, SEG_LENGTH, line->length_sectors);
	out_text(row, SEG_TARGET, line->target);
	out_text(row, SEG_TEXT, line->text);
	out_json(row, SEG_TYPED, json, line->text);
	return r;
}

static int add_line(struct cli *cli, const struct args *args, struct out *out,
		    const char *device, const struct bp_status_line *line, bool measure)
{
	struct bp_status *status = NULL;
	int r = 0;

	if (args->lines && !cli->json) {
		if (args->names.count != 1)
			fprintf(cli->out, "%s: ", device);
		fprintf(cli->out, "%" PRIu64 " %" PRIu64 " %s %s\n", line->start_sectors,
			line->length_sectors, line->target, line->text);
		return 0;
	}
	if (!measure)
		r = bp_status_parse(cli->ctx, line->target, line->text, &status);
	if (r >= 0 && args->explain)
		r = add_fields(cli, out, device, status);
	else if (r >= 0)
		r = add_segment(cli, out, device, line, status);
	bp_status_free(status);
	return r;
}

static int add_device(struct cli *cli, const struct args *args, struct out *out,
		      const struct bp_selector *which, bool measure)
{
	struct bp_device_status *status;
	int r = measure ? bp_device_measure(cli->ctx, which, &status)
			: bp_device_status(cli->ctx, which, args->flags, &status);

	if (r < 0)
		return cli_fail(cli, selector_text(which), r);
	for (size_t i = 0; r >= 0 && i < bp_device_status_count(status); i++) {
		const struct bp_status_line *line = bp_device_status_get(status, i);

		if (!args->only || streq(args->only, line->target))
			r = add_line(cli, args, out, bp_device_status_info(status)->name, line,
				     measure);
	}
	bp_device_status_free(status);
	return r < 0 ? cli_fail(cli, selector_text(which), r) : EXIT_OK;
}

static int run(struct cli *cli, const struct args *args, const char *schema, bool measure)
{
	_cleanup_(devices_donep) struct devices devices = { 0 };
	_cleanup_(out_freep) struct out *out = NULL;
	int worst = EXIT_OK;
	int r = out_new(cli, &args->out, schema, args->explain ? field_columns : columns, 0,
			&out);

	if (r || !out)
		return r;
	r = devices_init(cli, &args->names, &devices);
	if (r)
		return r;
	for (size_t i = 0; i < devices_count(&devices); i++) {
		struct bp_selector which = devices_get(&devices, i);

		r = add_device(cli, args, out, &which, measure);
		worst = r ? r : worst;
	}
	r = out_print(steal(out));
	return worst ? worst : r;
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
