/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables: as the kernel has them, explained, as one line, or looked at before they are loaded. */
#include "commands/common.h"
#include "commands/preflight.h"
#include "commands/typed.h"

#include <bedplate/stack.h>

#include <inttypes.h>

struct args {
	struct cli_list names, targets, options;
	const char *text, *file, *only, *kernel, *for_device;
	uint32_t flags;
	bool explain, concise, minor, read_only, offline, printed, keep_missing;
};

/* clang-format off */
static const struct cmd_opt table_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP "; with --explain: or lines as they were printed, -: standard input"),
	OPT_BIT(flags, BP_TABLE_INACTIVE, 0, "inactive", "the table that is loaded, not the live one"),
	OPT_BIT(flags, BP_TABLE_SHOW_KEYS, 0, "showkeys", "print keys of encryption as they are, not as zeros"),
	OPT_FLAG(explain, 0, "explain", "say what each word of the table means"),
	OPT_FLAG(concise, 0, "concise", "one line that 'create --concise' takes, what lies below first"),
	OPT_FLAG(minor, 0, "with-minor", "with --concise: minor numbers too"),
	OPT_STRING(only, 0, "target", "TARGET", "only segments with this target"),
	OPT_STRING(text, 0, "table", "LINES", "with --explain: this table, of no device"),
	OPT_STRING(file, 0, "table-file", "FILE", "with --explain: the table in this file; -: standard input"),
	OPT_CONFLICT("concise", "explain inactive target table table-file"),
	OPT_CONFLICT("NAME", "table table-file"),
	OPT_CONFLICT("table", "table-file"),
	OPT_REQUIRES("table", "explain"),
	OPT_REQUIRES("table-file", "explain"),
	OPT_REQUIRES("with-minor", "concise"),
	OPT_END
};

static const struct cmd_opt check_opts[] = {
	OPT_OPERANDS(targets, "TARGET", "target of the table's only segment, or of the next one; its options follow it. Or lines as they were printed; -: standard input"),
	OPT_STRING(text, 0, "table", "LINES", "the table: START LENGTH TARGET ARGUMENT..., in 512-byte sectors"),
	OPT_STRING(file, 0, "table-file", "FILE", "read the table from a file; -: standard input"),
	OPT_STRING(for_device, 0, "for", "NAME", "the existing device that the table is for"),
	OPT_FLAG(read_only, 'r', "readonly", "it will be loaded read-only"),
	OPT_FLAG(printed, 0, "printed", "a kernel printed the table: tell what loading that would lose"),
	OPT_FLAG(offline, 0, "offline", "look at no device and ask no kernel"),
	OPT_STRING(kernel, 0, "kernel", "RELEASE", "the kernel it is for, such as 6.12; default: this one"),
	OPT_EXTRA(options),
	OPT_CONFLICT("TARGET", "table table-file"),
	OPT_CONFLICT("table", "table-file"),
	OPT_CONFLICT("for", "offline"),
	OPT_CONFLICT("printed", "TARGET"),
	OPT_ANY("TARGET table table-file"),
	OPT_END
};
/* clang-format on */

struct word_row {
	uint64_t segment, argument;
	const char *word, *name, *unit, *meaning;
};
/* clang-format off */
static const struct out_column word_columns[] = {
	COL_NUMBER(struct word_row, segment, OUT_DEFAULT, "number of the segment"),
	COL_NUMBER(struct word_row, argument, OUT_DEFAULT, "number of the argument"),
	COL_TEXT(struct word_row, word, OUT_DEFAULT, "as it stands in the table"),
	COL_TEXT(struct word_row, name, OUT_DEFAULT, "name of the parameter"),
	COL_TEXT(struct word_row, unit, OUT_DEFAULT, "unit of the number"),
	COL_TEXT(struct word_row, meaning, OUT_DEFAULT, "what it does"),
	OUT_COLUMNS_END
};
static const struct out_schema explain_schema = {
	.name = "bedplate.table.explain", .columns = word_columns,
	.help = "What each word of a table means, by --explain.",
};
static const struct out_column table_columns[] = {
	DOC("device", OUT_TEXT, "the device as it was named"),
	DOC_LIST("segments", segment_members, "its table"),
	OUT_COLUMNS_END
};
static const struct out_schema table_schema = {
	.name = "bedplate.table", .columns = table_columns, .none = "no devices",
};
static const struct out_column concise_columns[] = {
	DOC("spec", OUT_TEXT, "what 'create --concise' takes"),
	OUT_COLUMNS_END
};
static const struct out_schema concise_schema = {
	.name = "bedplate.table.concise", .columns = concise_columns, .flags = OUT_PLAIN,
	.help = "Devices in one line, by --concise.",
};
/* clang-format on */

static void add_range(struct out *out, size_t segment, bp_sector sectors, const char *name,
		      const char *meaning)
{
	char word[24];

	snprintf(word, sizeof(word), "%" PRIu64, sectors);
	out_add(out, NULL,
		&(struct word_row){ segment, OUT_UNKNOWN, word, name, "sectors", meaning });
}

/* The words every segment begins with. */
static void add_head(struct out *out, const struct bp_table *table, size_t segment)
{
	const struct bp_segment *s = bp_table_get(table, segment);
	const struct bp_target *target = bp_target_get(s->target);

	add_range(out, segment, s->start_sectors, "start",
		  "where in the mapped device it begins");
	add_range(out, segment, s->length_sectors, "length", "how long it is");
	out_add(out, NULL,
		&(struct word_row){ segment, OUT_UNKNOWN, s->target, "target", NULL,
				    target ? bp_target_summary(target)
					   : "a target this library doesn't know" });
}

struct explain {
	struct out *out;
	const struct bp_table *table;
	bool show_keys;
	size_t next; /* segment whose head comes next */
};

/* Segments without words have a line of their own too. */
static int explain_word(void *user, const struct bp_word *word)
{
	struct explain *e = user;

	while (e->next <= word->segment)
		add_head(e->out, e->table, e->next++);
	out_add(e->out, NULL,
		&(struct word_row){ word->segment, word->number,
				    e->show_keys ? word->text : word->public_text, word->name,
				    word->unit, word->meaning });
	return 0;
}

/* Keys are shown only if asked for. */
static int explain(struct cli *cli, const struct args *args, const struct bp_table *table,
		   const char *subject, struct out *out)
{
	struct explain e = {
		.out = out,
		.table = table,
		.show_keys = args->flags & BP_TABLE_SHOW_KEYS,
	};
	int r = bp_table_explain(cli->ctx, table, explain_word, &e);

	if (r < 0)
		return cli_fail(cli, subject, r);
	while (e.next < bp_table_count(table))
		add_head(out, table, e.next++);
	return EXIT_OK;
}

/* The first segment that is not understood, or NULL. */
static const struct bp_segment *find_problem(const struct bp_table *table, size_t *ret_index)
{
	for (size_t i = 0; i < bp_table_count(table); i++) {
		*ret_index = i;
		if (bp_table_get(table, i)->problem)
			return bp_table_get(table, i);
	}
	return NULL;
}

/* A table as somebody wrote it, or as a kernel printed it: in which form it can be understood. */
static int parse_either(struct cli *cli, const char *text, struct bp_table **ret)
{
	_cleanup_(table_freep) struct bp_table *table = NULL, *printed = NULL;
	size_t at;
	int r = bp_table_parse(cli->ctx, text, BP_TABLE_KEEP, &table);

	if (r >= 0 && find_problem(table, &at))
		r = bp_table_parse(cli->ctx, text, BP_TABLE_PRINTED, &printed);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	*ret = printed && !find_problem(printed, &at) ? steal(printed) : steal(table);
	return EXIT_OK;
}

/* What is wrong with it is told behind the words up to there. */
static int explain_text(struct cli *cli, const struct args *args)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	_cleanup_(out_freep) struct out *out = NULL;
	_cleanup_(freep) char *text = NULL;
	const struct bp_segment *bad;
	size_t at = 0;
	int r = pasted_text(cli, &args->names, args->text, args->file, &text);

	if (!r)
		r = parse_either(cli, text, &table);
	if (!r)
		r = out_open(cli, NULL, &explain_schema, &out);
	if (!r)
		r = explain(cli, args, table, NULL, out);
	if (r)
		return r;
	bad = find_problem(table, &at);
	if (bad && cli->json)
		cli_failf(cli, NULL, NULL, "segment %zu (%s): %s", at, bad->target,
			  bad->problem);
	r = out_print(steal(out));
	if (bad && !cli->json)
		cli_failf(cli, NULL, NULL, "segment %zu (%s): %s", at, bad->target,
			  bad->problem);
	return bad ? EXIT_FAILED : r;
}

/* One device at a time: words of several would not be told apart. */
static int explain_devices(struct cli *cli, const struct args *args,
			   const struct devices *devices)
{
	_cleanup_(out_freep) struct out *out = NULL;
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct bp_selector which;
	int r;

	if (devices_count(devices) != 1)
		return cli_usage(cli, "--explain takes one NAME, or --table");
	which = devices_get(devices, 0);
	r = bp_device_table(cli->ctx, &which, args->flags, &table);
	if (r < 0)
		return cli_fail(cli, selector_text(&which), r);
	r = out_open(cli, NULL, &explain_schema, &out);
	if (!r)
		r = explain(cli, args, table, selector_text(&which), out);
	return r ? r : out_print(steal(out));
}

/* The form that create --concise takes. */
static int print_concise(struct cli *cli, const struct args *args)
{
	_cleanup_(freep) struct bp_selector *which =
		calloc(args->names.count + 1, sizeof(*which));
	_cleanup_(freep) char *text = NULL;
	struct bp_stack *stack = NULL;
	struct bp_json *json;
	int r = which ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < args->names.count; i++)
		which[i] = device_named(args->names.words[i]);
	if (!r)
		r = bp_stack_read(
			cli->ctx, args->names.count ? which : NULL, args->names.count,
			(args->minor ? BP_STACK_WITH_MINOR : 0) |
				(args->flags & BP_TABLE_SHOW_KEYS ? BP_STACK_SHOW_KEYS : 0),
			&stack);
	if (!r)
		r = bp_concise_format(cli->ctx, stack, &text);
	bp_stack_free(stack);
	if (r >= 0 && cli->json)
		r = cli_json_start(cli, &concise_schema, &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (cli->json) {
		bp_json_string(json, "data", text);
		return cli_json_end(cli, json);
	}
	cli_print(cli, "%s\n", text);
	return EXIT_OK;
}

static bool has_target(const struct bp_table *table, const char *only)
{
	if (!only)
		return true;
	for (size_t i = 0; i < bp_table_count(table); i++)
		if (streq(bp_table_get(table, i)->target, only))
			return true;
	return false;
}

static void print_line(struct cli *cli, const char *name, const struct bp_segment *s)
{
	cli_print(cli, "%s%s%" PRIu64 " %" PRIu64 " %s%s%s\n", name ? name : "",
		  name ? ": " : "", s->start_sectors, s->length_sectors, s->target,
		  s->args[0] ? " " : "", s->args);
}

/* Lines as the kernel has them, behind the device's name where several are printed. */
static void print_lines(struct cli *cli, const struct args *args, const char *name,
			const struct bp_table *table, bool named)
{
	if (named && bp_table_count(table) == 0)
		cli_print(cli, "%s:\n", name);
	for (size_t i = 0; i < bp_table_count(table); i++) {
		const struct bp_segment *s = bp_table_get(table, i);

		if (!args->only || streq(s->target, args->only))
			print_line(cli, named ? name : NULL, s);
	}
}

/* A device without the target that was asked for is left out. */
static int print_one(struct cli *cli, const struct args *args, const struct devices *devices,
		     size_t index, struct bp_json *json)
{
	struct bp_selector asked = devices_get(devices, index), *which = &asked;
	_cleanup_(table_freep) struct bp_table *table = NULL;
	int r = bp_device_table(cli->ctx, which, args->flags, &table);

	if (devices_went(devices, r))
		return EXIT_OK;
	if (r < 0)
		return cli_fail(cli, selector_text(which), r);
	if (!has_target(table, args->only))
		return EXIT_OK;
	if (!json) {
		print_lines(cli, args, selector_text(which), table, args->names.count != 1);
		return EXIT_OK;
	}
	bp_json_object(json, NULL);
	bp_json_string(json, "device", selector_text(which));
	r = bp_table_json(cli->ctx, table, args->flags & BP_TABLE_SHOW_KEYS, json, "segments");
	bp_json_object_close(json);
	return r < 0 ? cli_fail(cli, selector_text(which), r) : EXIT_OK;
}

/* Failures are told and remembered; the document stays whole. */
static int print_tables(struct cli *cli, const struct args *args, const struct devices *devices)
{
	struct bp_json *json = NULL;
	int r, worst = EXIT_OK;

	r = cli->json ? cli_json_start(cli, &table_schema, &json) : 0;
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (json)
		bp_json_array(json, "data");
	for (size_t i = 0; i < devices_count(devices); i++) {
		r = print_one(cli, args, devices, i, json);
		worst = r ? r : worst;
	}
	if (!json)
		return worst;
	bp_json_array_close(json);
	r = cli_json_end(cli, json);
	return worst ? worst : r;
}

/* Pasted text needs no kernel. */
static int run_table(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(devices_donep) struct devices devices = { 0 };
	int r;

	if (args->text || args->file || (args->explain && is_pasted(&args->names)))
		return explain_text(cli, args);
	if (args->only && (r = target_exists(cli, args->only)))
		return r;
	if (args->concise)
		return print_concise(cli, args);
	r = devices_init(cli, &args->names, &devices);
	if (r)
		return r;
	return args->explain ? explain_devices(cli, args, &devices)
			     : print_tables(cli, args, &devices);
}

TYPED_HOOKS(extra, unknown, help)

struct found_row {
	const char *device, *severity, *argument, *value, *rule, *expected;
	int64_t segment;
};
/* clang-format off */
static const struct out_column found_columns[] = {
	COL_TEXT(struct found_row, device, 0, "the device in front of the line, where there is one"),
	COL_WORD(struct found_row, severity, severity_words, OUT_DEFAULT, "what follows from it"),
	COL_NUMBER(struct found_row, segment, OUT_DEFAULT, "number of the segment"),
	COL_TEXT(struct found_row, argument, OUT_DEFAULT, "name of the argument, or its number"),
	COL_TEXT(struct found_row, value, OUT_DEFAULT, "what it is"),
	COL_TEXT(struct found_row, rule, OUT_DEFAULT, "the rule it breaks"),
	COL_TEXT(struct found_row, expected, OUT_DEFAULT, "what would be right"),
	OUT_COLUMNS_END
};
static const struct out_schema found_schema = {
	.name = "bedplate.check-table", .columns = found_columns, .none = "nothing found",
};
/* clang-format on */

#define FOUND_OF_SEVERAL "device,severity,segment,argument,value,rule,expected"

/* An argument has a name, or else its number. */
static void add_finding(struct out *out, const char *device, const struct bp_finding *f)
{
	struct found_row row = {
		.device = device,
		.severity = severity_words[f->severity],
		.segment = f->segment,
		.argument = f->argument_name,
		.value = f->value,
		.rule = f->rule ? f->rule : f->message,
		.expected = f->expected,
	};
	char number[16];

	snprintf(number, sizeof(number), "%u", f->argument);
	if (!row.argument && f->argument)
		row.argument = number;
	out_add(out, NULL, &row);
}

/* One run of check-table, of one table or of several devices'. */
struct checking {
	struct cli *cli;
	const struct args *args;
	const struct preflight *how;
	struct out *out;
	enum bp_severity worst;
};

/* The worst finding of all decides the exit status. */
static int check_one(struct checking *c, const char *device, const struct bp_table *table)
{
	struct bp_findings *findings;
	int r = preflight_check(c->cli, table, c->how, &findings);

	if (r < 0)
		return cli_fail(c->cli, device, r);
	for (size_t i = 0; i < bp_findings_count(findings); i++)
		add_finding(c->out, device, bp_findings_get(findings, i));
	if (bp_findings_severity(findings) > c->worst)
		c->worst = bp_findings_severity(findings);
	bp_findings_free(findings);
	return EXIT_OK;
}

/* The lines of one device: up to the first that has another's name in front. */
static size_t device_lines(const char *text, struct pasted *ret)
{
	const char *at = text;
	struct pasted next;

	*ret = (struct pasted){ 0 };
	while (*at) {
		size_t len = strcspn(at, "\n");

		if (pasted_line(at, &next) && next.name) {
			if (ret->name && (next.name_len != ret->name_len ||
					  memcmp(next.name, ret->name, next.name_len) != 0))
				break;
			*ret = next;
		}
		at += len + (at[len] == '\n');
	}
	return (size_t)(at - text);
}

/* Lines as dmsetup prints them may be of several devices. */
static int check_lines(struct checking *c, const char *text)
{
	struct pasted first;
	int r = EXIT_OK;

	do {
		_cleanup_(table_freep) struct bp_table *table = NULL;
		_cleanup_(freep) char *lines = NULL, *name = NULL;
		size_t len = device_lines(text, &first);

		lines = strndup(text, len);
		name = first.name ? strndup(first.name, first.name_len) : NULL;
		text += len;
		if (!lines || (first.name && !name))
			return cli_fail(c->cli, NULL, -ENOMEM);
		r = bp_table_parse(c->cli->ctx, lines, c->args->printed ? BP_TABLE_PRINTED : 0,
				   &table);
		r = r < 0 ? cli_fail(c->cli, name, r) : check_one(c, name, table);
	} while (!r && *text);
	return r;
}

/* By words, a file, or typed options; several devices get a column for their name. */
static int check_given(struct checking *c)
{
	const struct args *args = c->args;
	_cleanup_(table_freep) struct bp_table *table = NULL;
	_cleanup_(freep) char *text = NULL;
	struct out_opts several = { .columns = FOUND_OF_SEVERAL };
	bool built = args->targets.count && !is_pasted(&args->targets);
	struct pasted first;
	int r = built ? typed_build(c->cli, &args->targets, &args->options, true, &table)
		      : pasted_text(c->cli, &args->targets, args->text, args->file, &text);

	if (!r)
		r = out_open(c->cli, text && text[device_lines(text, &first)] ? &several : NULL,
			     &found_schema, &c->out);
	if (r)
		return r;
	return built ? check_one(c, NULL, table) : check_lines(c, text);
}

/* The patch level doesn't matter to any rule. */
static int parse_release(struct cli *cli, const char *text, uint32_t *ret)
{
	unsigned major, minor;
	int end = 0;

	if (!text)
		return 0;
	if (sscanf(text, "%3u.%3u%n", &major, &minor, &end) != 2 || major > 255 ||
	    minor > 255 || (text[end] && text[end] != '.' && text[end] != '-'))
		return cli_usage_hint(cli, "such as 6.12", "--kernel: '%s' is not a release",
				      text);
	*ret = major << 8 | minor;
	return 0;
}

/* Warnings alone are exit status 0. */
static int run_check(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(table_freep) struct bp_table *live = NULL;
	struct preflight how = { .read_only = args->read_only,
				 .offline = args->offline,
				 .printed = args->printed };
	struct checking c = { .cli = cli, .args = args, .how = &how };
	int r = parse_release(cli, args->kernel, &how.kernel_release);

	if (!r && args->for_device)
		r = preflight_device(cli, args->for_device, &how, &live);
	if (r)
		return r;
	r = check_given(&c);
	if (r) {
		out_free(c.out);
		return r;
	}
	r = out_print(c.out);
	return !r && c.worst >= BP_SEVERITY_REFUSED ? EXIT_FAILED : r;
}

const struct cmd cmd_table = {
	.name = "table",
	.group = "Devices",
	.summary = "Print tables; --explain tells what each word means.",
	.examples = "  bedplate table --explain data\n",
	.opts = table_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&table_schema, &explain_schema, &concise_schema),
	.run = run_table,
};

const struct cmd cmd_check_table = {
	.name = "check-table",
	.aliases = "check_table",
	.group = "Devices",
	.summary =
		"Find what the kernel would refuse in a table, without asking it to load it.",
	.examples = "  bedplate check-table --table '0 8 linear /dev/sdb -1'\n",
	.opts = check_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&found_schema),
	.run = run_check,
	.extra = extra,
	.unknown = unknown,
	.help = help,
};
