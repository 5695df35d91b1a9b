/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_restore: overwrites without asking, as the tool that it stands in for. */
#include "commands/text_out.h"

#include <bedplate/era_dump.h>

struct args {
	const char *input, *output, *dummy, *io_engine;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(input, 'i', "input", "FILE", "XML to read; - is standard input"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_OPERAND_OPTIONAL(dummy, "EMPTY", "an empty word is accepted"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output"),
	OPT_END
};
/* clang-format on */

/* The message names its own file, since two are in play: no subject is added. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_era_restore_opts opt = {
		.size = sizeof(opt),
		.progress = cli_progress,
		.user = cli,
	};
	const char *name;
	int fd, r, status;

	if (args->dummy && *args->dummy)
		return cli_usage(cli, "'%s': no operand is expected", args->dummy);
	status = text_in_open(cli, args->input, &fd, &name);
	if (status)
		return status;
	r = bp_era_restore(cli->ctx, fd, name, args->output, &opt);
	text_in_close(fd);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

const struct cmd cmd_era_restore = {
	.name = "era_restore",
	.group = "Metadata",
	.summary = "Make an era's metadata from the XML of a dump.",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
