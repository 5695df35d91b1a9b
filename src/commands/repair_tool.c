/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 1 where anything that matters was lost, though all that could be kept was written. */
#include "commands/repair_tool.h"

int repair_tool_progress(void *user, uint64_t done, uint64_t total)
{
	struct check_tool *tool = user;

	return cli_progress(tool->cli, done, total);
}

/* What the repairs share: words, the choice between plan and output, and the exit status. */
int repair_tool_run(struct cli *cli, const struct repair_args *args,
		    const struct repair_tool_row *row, struct repair_tool *re)
{
	struct check_verdict verdict;
	int r;

	re->tool.cli = cli;
	re->tool.path = args->input;
	re->args = args;
	re->planned = args->plan || cli->dry_run;
	if (args->dummy && *args->dummy)
		return cli_usage(cli, "'%s': no operand is expected", args->dummy);
	if (!args->output && !re->planned)
		return cli_usage(cli, "--output not specified");
	r = row->carry_out(re);
	verdict = row->verdict(re);
	return check_tool_end(&re->tool, r, &verdict, &row->ends);
}
