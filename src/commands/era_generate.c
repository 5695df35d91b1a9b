/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_generate_metadata: for tests of whatever reads metadata. */
#include "cli/out.h"

#include <bedplate/metadata_generate.h>

struct args {
	const char *output;
	bool format;
	uint64_t block_size, nr_blocks, current_era, nr_writesets;
};

/* clang-format off */
static const struct cmd_opt metadata_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_FLAG(format, 0, "format", "make metadata as the other options say"),
	OPT_RANGE(block_size, 8, UINT32_MAX, 0, "block-size", "SECTORS", "size of a block; default: 128"),
	OPT_RANGE(nr_blocks, 1, INT32_MAX, 0, "nr-blocks", "COUNT", "blocks of the origin; default: 10240"),
	OPT_RANGE(current_era, 0, UINT32_MAX, 0, "current-era", "ERA", "the last era that has begun; default: 0"),
	OPT_RANGE(nr_writesets, 0, UINT32_MAX, 0, "nr-writesets", "COUNT", "archived writesets, of the last eras; default: 0"),
	OPT_ANY("output"),
	OPT_ANY("format"),
	OPT_END
};
/* clang-format on */

static int run_metadata(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_era_generate_opts how = {
		.size = sizeof(how),
		.data_block_sectors = (uint32_t)args->block_size,
		.nr_blocks = (uint32_t)args->nr_blocks,
		.current_era = (uint32_t)args->current_era,
		.nr_writesets = (uint32_t)args->nr_writesets,
	};
	int r = bp_era_generate(cli->ctx, args->output, &how);

	return r < 0 ? cli_fail(cli, args->output, r) : EXIT_OK;
}

const struct cmd cmd_era_generate_metadata = {
	.name = "era_generate_metadata",
	.group = "Metadata",
	.summary = "Make an era's metadata for tests.",
	.examples = "  era_generate_metadata -o meta.img --format --nr-blocks 1000 "
		    "--current-era 5\n",
	.opts = metadata_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_metadata,
};
