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

static int restore(struct cli *cli, const void *p, int fd, const char *name)
{
	const struct args *args = p;
	const struct bp_era_restore_opts opt = {
		.size = sizeof(opt),
		.progress = cli_progress,
		.user = cli,
	};

	return bp_era_restore(cli->ctx, fd, name, args->output, &opt);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;

	if (args->dummy && *args->dummy)
		return cli_usage(cli, "'%s': no operand is expected", args->dummy);
	return text_in(cli, args->input, restore, args);
}

const struct cmd cmd_era_restore = {
	.name = "era_restore",
	.group = "Metadata",
	.summary = "Make an era's metadata from the XML of a dump.",
	.examples = "  era_restore -i era.xml -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
