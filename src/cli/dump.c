/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables for other programs: completions and the check of the man pages read this. */
#include "cli/internal.h"
#include "cli/out.h"

static const char *const kind_names[] = {
	[OPT_KIND_FLAG] = "flag",         [OPT_KIND_BIT] = "flag",
	[OPT_KIND_COUNT] = "count",       [OPT_KIND_STRING] = "string",
	[OPT_KIND_OPTIONAL] = "optional", [OPT_KIND_NUMBER] = "number",
	[OPT_KIND_SIZE] = "size",         [OPT_KIND_TIME] = "time",
	[OPT_KIND_SECTORS] = "size",      [OPT_KIND_READ_AHEAD] = "string",
	[OPT_KIND_CHOICE] = "choice",     [OPT_KIND_LIST] = "list",
};

static const char *kind_name(const struct cmd_opt *opt)
{
	return kind_names[opt->kind];
}

static void dump_choices(const struct cmd_opt *opt, struct bp_json *json)
{
	if (opt->kind != OPT_KIND_CHOICE)
		return;
	bp_json_array(json, "choices");
	for (size_t i = 0; opt->choices[i]; i++)
		bp_json_string(json, NULL, opt->choices[i]);
	bp_json_array_close(json);
}

/* A synopsis for completions and checks: made of the same rows as the parser. */
static void dump_option(const struct cmd_opt *opt, struct bp_json *json)
{
	char letter[] = { opt->letter, '\0' };

	bp_json_object(json, NULL);
	if (is_option(opt)) {
		bp_json_string(json, "letter", opt->letter ? letter : NULL);
		bp_json_string(json, "name", opt->name);
		bp_json_bool(json, "takes_value", takes_value(opt));
	} else {
		bp_json_bool(json, "needed", opt->place == OPT_PLACE_OPERAND);
		bp_json_bool(json, "rest", opt->place == OPT_PLACE_REST);
	}
	bp_json_string(json, "kind", kind_name(opt));
	bp_json_string(json, "value", opt->arg);
	bp_json_string(json, "help", opt->help);
	bp_json_bool(json, "hidden", !opt->help);
	dump_choices(opt, json);
	bp_json_object_close(json);
}

static void dump_rows(const char *key, const struct cmd_opt *opts, const struct cmd *only,
		      bool (*wanted)(const struct cmd_opt *opt), struct bp_json *json)
{
	bp_json_array(json, key);
	for (const struct cmd_opt *opt = opts; opt->kind != OPT_KIND_END; opt++)
		if (wanted(opt) && (!only || global_applies(only, opt)))
			dump_option(opt, json);
	bp_json_array_close(json);
}

/* Hidden commands too: whoever reads it decides. */
static void dump_command(const struct cmd *cmd, struct bp_json *json)
{
	bp_json_object(json, NULL);
	bp_json_string(json, "name", cmd->name);
	bp_json_string(json, "aliases", cmd->aliases);
	bp_json_string(json, "group", cmd->group);
	bp_json_string(json, "summary", cmd->summary);
	bp_json_bool(json, "drop_in", cmd->flags & CMD_DROP_IN);
	bp_json_bool(json, "hidden", cmd->flags & CMD_HIDDEN);
	dump_rows("options", cmd->opts, NULL, is_option, json);
	dump_rows("operands", cmd->opts, NULL, is_operand, json);
	dump_rows("common", global_opts, cmd, is_option, json);
	bp_json_object_close(json);
}

/* For our own scripts: not among the schemas. */
static const struct out_schema schema = { .name = "bedplate.commands" };

/* Not in any help: tools of the tree call it. */
int dump_commands(struct cli *cli)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_array(json, "data");
	for (size_t i = 0; commands[i]; i++)
		dump_command(commands[i], json);
	bp_json_array_close(json);
	return cli_json_end(cli, json);
}
