/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_restore: overwrites without asking, as the tool that it stands in for. */
#include "commands/text_out.h"

#include <bedplate/cache_dump.h>

struct args {
	const char *input, *output, *dummy, *io_engine;
	uint64_t version;
	uint32_t flags;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(input, 'i', "input", "FILE", "XML to read; - is standard input"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_RANGE(version, 1, 2, 0, "metadata-version", "VERSION", "version of the metadata: 1 or 2 (the default)"),
	OPT_SYNONYM("debug-override-metadata-version", "metadata-version"),
	OPT_BIT(flags, BP_CACHE_RESTORE_UNCLEAN, 0, "omit-clean-shutdown", "as after a crash: all mapped blocks will be taken as dirty"),
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
	const struct bp_cache_restore_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags,
		.version = (uint32_t)args->version,
		.progress = cli_progress,
		.user = cli,
	};

	return bp_cache_restore(cli->ctx, fd, name, args->output, &opt);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;

	if (args->dummy && *args->dummy)
		return cli_usage(cli, "'%s': no operand is expected", args->dummy);
	return text_in(cli, args->input, restore, args);
}

const struct cmd cmd_cache_restore = {
	.name = "cache_restore",
	.group = "Metadata",
	.summary = "Make a cache's metadata from the XML of a dump.",
	.examples = "  cache_restore -i cache.xml -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
