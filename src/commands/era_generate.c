/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_generate_metadata and era_generate_damage: for tests of whatever reads metadata. */
#include "commands/spoil.h"

#include <bedplate/metadata_generate.h>

struct args {
	const char *output;
	bool format, leaks;
	uint64_t block_size, nr_blocks, current_era, nr_writesets;
	uint64_t nr_damaged, expected, actual, block, seed;
	unsigned what, how;
};

/* As enum bp_era_spoil_what. */
static const char *const what_words[] = {
	"block",    "superblock", "writeset-root", "writeset",        "current-writeset",
	"era-root", "eras",       "metadata-snap", "metadata-bitmap", "metadata-index",
	"any",      NULL
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

static const struct cmd_opt damage_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to change"),
	OPT_CHOICE(what, what_words, 0, "what", "WHAT", "which blocks to damage: see era_generate_damage(8)"),
	OPT_CHOICE(how, spoil_how_words, 0, "how", "HOW", "zero (default), flip, noise, checksum or number"),
	OPT_NUMBER(block, 0, "block", "BLOCK", "with --what block: which one"),
	OPT_NUMBER(seed, 0, "seed", "N", "seed of all that is random"),
	OPT_FLAG(leaks, 0, "create-metadata-leaks", "give metadata blocks another reference count"),
	OPT_RANGE(nr_damaged, 1, UINT64_MAX, 0, "nr-blocks", "COUNT", "how many"),
	OPT_RANGE(expected, 0, 2, 0, "expected", "COUNT", "blocks that have this count"),
	OPT_RANGE(actual, 0, 2, 0, "actual", "COUNT", "what it becomes"),
	OPT_ANY("output"),
	OPT_ANY("what create-metadata-leaks"),
	OPT_CONFLICT("what", "create-metadata-leaks"),
	OPT_REQUIRES("create-metadata-leaks", "nr-blocks expected actual"),
	OPT_REQUIRES("block", "what"),
	OPT_REQUIRES("how", "what"),
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

static const struct out_schema damage_schema = {
	.name = "bedplate.era_generate_damage",
	.columns = spoil_columns,
};

static int spoil(struct cli *cli, const void *p, void (*spoiled)(void *user, bp_mblock block),
		 void *user)
{
	const struct args *args = p;
	const struct bp_metadata_spoil_opts opt = {
		.size = sizeof(opt),
		.what = args->what,
		.how = (enum bp_spoil_how)args->how,
		.block = args->block,
		.nr_blocks = args->nr_damaged,
		.seed = args->seed,
		.spoiled = spoiled,
		.user = user,
	};

	return bp_era_spoil(cli->ctx, args->output, &opt);
}

static int run_damage(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (cli_given(cli, "what")) {
		if ((args->what == BP_ERA_SPOIL_BLOCK) != cli_given(cli, "block"))
			return cli_usage(cli, "--what block and --block go together");
		return spoil_print(cli, &damage_schema, args->output, spoil, args);
	}
	r = bp_era_leak(cli->ctx, args->output, args->nr_damaged, (unsigned)args->expected,
			(unsigned)args->actual);
	return r < 0 ? cli_fail(cli, args->output, r) : spoil_print_none(cli, &damage_schema);
}

const struct cmd cmd_era_generate_metadata = {
	.name = "era_generate_metadata",
	.group = "Metadata",
	.summary = "Make an era's metadata for tests.",
	.opts = metadata_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_metadata,
};

const struct cmd cmd_era_generate_damage = {
	.name = "era_generate_damage",
	.group = "Metadata",
	.summary = "Make an era's metadata wrong on purpose.",
	.opts = damage_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&damage_schema),
	.run = run_damage,
};
