/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person is shown of the tables; and which word they may have meant. */
#include "cli/internal.h"

/* One row: "-l, --long=VALUE" in one shape for all. */
static void print_option(FILE *to, const struct cmd_opt *opt)
{
	char left[128];
	char letter[] = { '-', opt->letter, '\0' };
	const char *sep = opt->kind == OPT_KIND_OPTIONAL ? "[=" : opt->name ? "=" : " ";

	snprintf(left, sizeof(left), "%s%s%s%s%s%s%s", opt->letter ? letter : "  ",
		 opt->letter && opt->name ? ", " : "  ", opt->name ? "--" : "",
		 opt->name ? opt->name : "", opt->arg ? sep : "", opt->arg ? opt->arg : "",
		 opt->kind == OPT_KIND_OPTIONAL ? "]" : "");
	cli_explain(to, left, opt->help);
}

/* What may be left out is in brackets. */
static void print_operand_usage(FILE *to, const struct cmd_opt *opt)
{
	const char *more = opt->kind == OPT_KIND_LIST ? "..." : "";

	if (!opt->help)
		return;
	if (opt->place == OPT_PLACE_OPERAND)
		fprintf(to, " %s%s", opt->arg, more);
	else
		fprintf(to, " [%s%s]", opt->arg, more);
}

/* As it was called: through a link the verb is the program. */
static void print_usage(struct cli *cli)
{
	bool by_link = !strchr(cli->cmd->name, ' ') && streq(cli->program, cli->cmd->name);

	fprintf(cli->out, "Usage: %s%s%s [OPTION]...", by_link ? "" : cli->program,
		by_link ? "" : " ", cli->cmd->name);
	for (const struct cmd_opt *opt = cli->cmd->opts; opt->kind != OPT_KIND_END; opt++)
		if (is_operand(opt))
			print_operand_usage(cli->out, opt);
	fprintf(cli->out, "\n%s\n", cli->cmd->summary);
	if (cli->cmd->detail)
		fprintf(cli->out, "\n%s", cli->cmd->detail);
	if (cli->cmd->examples)
		fprintf(cli->out, "\nFor example:\n%s", cli->cmd->examples);
}

static void print_operands(struct cli *cli)
{
	bool any = false;

	for (const struct cmd_opt *opt = cli->cmd->opts; opt->kind != OPT_KIND_END; opt++) {
		if (!is_operand(opt) || !opt->help)
			continue;
		fprintf(cli->out, any ? "" : "\n");
		any = true;
		cli_explain(cli->out, opt->arg, opt->help);
	}
}

/* Options without a help text work, but are not told: spellings that older scripts have. */
void help_command(struct cli *cli, const void *args)
{
	bool any = false;

	print_usage(cli);
	print_operands(cli);
	for (const struct cmd_opt *opt = cli->cmd->opts; opt->kind != OPT_KIND_END; opt++) {
		if (!is_option(opt) || !opt->help)
			continue;
		fprintf(cli->out, any ? "" : "\nOptions:\n");
		any = true;
		print_option(cli->out, opt);
	}
	if (cli->cmd->help)
		cli->cmd->help(cli, args);
	if (!cli->cmd->raw)
		fprintf(cli->out, "\nCommon options:\n");
	for (const struct cmd_opt *opt = global_opts; opt->kind != OPT_KIND_END; opt++)
		if (opt->help && global_applies(cli->cmd, opt))
			print_option(cli->out, opt);
	fprintf(cli->out, "\nExit status: %s%s.\n",
		cli->cmd->exits ? cli->cmd->exits
				: "0 done and clean, 1 failed or damage found",
		cli->cmd->raw ? "" : ", 64 wrong usage");
}

/* Is @cmd a verb of @group ("pool"), or, with a NULL group, to be listed at all? */
static bool listed(const struct cmd *cmd, const char *group)
{
	size_t len = group ? strlen(group) : 0;

	if (cmd->flags & CMD_HIDDEN)
		return false;
	return !group || (strncmp(cmd->name, group, len) == 0 && cmd->name[len] == ' ');
}

/* The commands of one heading, which is the one of commands[@first]. */
static void print_heading(const char *group, size_t first, FILE *to)
{
	const char *heading = commands[first]->group;

	fprintf(to, "\n%s:\n", heading);
	for (size_t i = first; commands[i]; i++)
		if (listed(commands[i], group) && streq(commands[i]->group, heading))
			cli_explain(to, commands[i]->name, commands[i]->summary);
}

/* Is a common option one of a command that is listed? */
static bool any_heeds(const char *group, const struct cmd_opt *opt)
{
	for (size_t i = 0; commands[i]; i++)
		if (listed(commands[i], group) && global_applies(commands[i], opt))
			return true;
	return false;
}

/* By group, in the order of the first of each. */
void help_list(struct cli *cli, const char *group, FILE *to)
{
	fprintf(to, "Usage: %s [OPTION]... %s%sVERB ...\n", cli->program, group ? group : "",
		group ? " " : "");
	if (!group)
		fprintf(to,
			"Describe, create, watch, check and rescue device-mapper stacks.\n");
	for (size_t i = 0; commands[i]; i++) {
		bool seen = false;

		for (size_t j = 0; j < i; j++)
			seen = seen || (listed(commands[j], group) &&
					streq(commands[i]->group, commands[j]->group));
		if (!seen && listed(commands[i], group))
			print_heading(group, i, to);
	}
	fprintf(to, "\nOptions, before or after the verb:\n");
	for (const struct cmd_opt *opt = global_opts; opt->kind != OPT_KIND_END; opt++)
		if (opt->help && any_heeds(group, opt))
			print_option(to, opt);
	fprintf(to, "\n'%s %s%sVERB --help' explains a verb.\n", cli->program,
		group ? group : "", group ? " " : "");
}
