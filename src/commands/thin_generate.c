/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test material: thin_generate_metadata and thin_generate_damage. */
#include "commands/spoil.h"

#include <bedplate/thin_generate.h>

struct args {
	const char *output, *needs_check;
	bool format;
	uint64_t block_size, nr_data_blocks, devices, snapshots, mappings, run_length, changed;
	uint64_t seed;
	bool leaks, override;
	uint64_t nr_blocks, expected, actual, mapping_root, details_root, metadata_snap, block;
	unsigned what, how;
};

static const struct args defaults = { .block_size = 128, .nr_data_blocks = 10240 };

/* As enum bp_spoil_what. */
static const char *const what_words[] = { "block",          "superblock", "mapping-root",
					  "details-root",   "leaf",       "inner",
					  "data-bitmap",    "data-index", "metadata-bitmap",
					  "metadata-index", "any",        NULL };

/* clang-format off */
static const struct cmd_opt generate_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file; it must exist"),
	OPT_FLAG(format, 0, "format", "write the metadata of a new pool"),
	OPT_OPTIONAL(needs_check, 0, "set-needs-check", "BOOL", "set the flag in metadata that is there; false clears it"),
	OPT_RANGE(block_size, 1, UINT32_MAX, 0, "block-size", "SECTORS", "size of a data block; default: 128"),
	OPT_RANGE(nr_data_blocks, 1, UINT64_MAX, 0, "nr-data-blocks", "BLOCKS", "data blocks; default: 10240, or what is needed"),
	OPT_RANGE(devices, 0, 16777216, 0, "devices", "N", "thin devices with data of their own"),
	OPT_RANGE(snapshots, 0, 16777215, 0, "snapshots", "N", "snapshots of each of them"),
	OPT_NUMBER(mappings, 0, "mappings", "N", "mappings of each device"),
	OPT_RANGE(run_length, 1, UINT32_MAX, 0, "run-length", "N", "mappings that continue each other; default: 1"),
	OPT_RANGE(changed, 0, 1000, 0, "changed", "PERMILLE", "how much of a snapshot is not shared, in thousandths"),
	OPT_NUMBER(seed, 0, "seed", "N", "seed of all that is random"),
	OPT_ANY("output"),
	OPT_ANY("format set-needs-check"),
	OPT_CONFLICT("set-needs-check", "format devices snapshots mappings run-length changed seed"),
	OPT_END
};

static const struct cmd_opt damage_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to damage"),
	SPOIL_ROWS(what_words, "thin_generate_damage(8)"),
	OPT_FLAG(leaks, 0, "create-metadata-leaks", "set wrong reference counts of metadata blocks"),
	OPT_NUMBER(nr_blocks, 0, "nr-blocks", "N", "of how many blocks"),
	OPT_RANGE(expected, 0, 2, 0, "expected", "COUNT", "of blocks that have this count ..."),
	OPT_RANGE(actual, 0, 2, 0, "actual", "COUNT", "... which becomes this one"),
	OPT_FLAG(override, 0, "override", "write pointers into the superblock"),
	OPT_NUMBER(mapping_root, 0, "mapping-root", "BLOCK", "root of the mapping tree"),
	OPT_NUMBER(details_root, 0, "details-root", "BLOCK", "root of the details tree"),
	OPT_NUMBER(metadata_snap, 0, "metadata-snap", "BLOCK", "the metadata snapshot"),
	OPT_ANY("output"),
	OPT_ANY("what create-metadata-leaks override"),
	OPT_CONFLICT("what", "create-metadata-leaks override"),
	OPT_CONFLICT("create-metadata-leaks", "override"),
	SPOIL_RULES,
	OPT_END
};
/* clang-format on */

static const struct out_schema schema = {
	.name = "bedplate.thin_generate_damage",
	.columns = spoil_columns,
};

/* Either a new pool or one flag in an old one. */
static int run_generate(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_thin_generate_opts opt = {
		.size = sizeof(opt),
		.data_block_sectors = (uint32_t)args->block_size,
		.nr_data_blocks = args->nr_data_blocks,
		.nr_devices = (uint32_t)args->devices,
		.nr_snapshots = (uint32_t)args->snapshots,
		.nr_mappings = args->mappings,
		.run_length = (uint32_t)args->run_length,
		.changed_permille = (uint32_t)args->changed,
		.seed = args->seed,
	};
	bool value = !args->needs_check || !streq(args->needs_check, "false");
	int r;

	if (args->needs_check && *args->needs_check && value &&
	    !streq(args->needs_check, "true"))
		return cli_usage(cli, "--set-needs-check: '%s' is not true or false",
				 args->needs_check);
	r = args->format ? bp_thin_generate(cli->ctx, args->output, &opt)
			 : bp_thin_set_needs_check(cli->ctx, args->output, value);
	return r < 0 ? cli_fail(cli, args->output, r) : EXIT_OK;
}

static int spoil(struct cli *cli, const void *p, void (*spoiled)(void *user, bp_mblock block),
		 void *user)
{
	const struct args *args = p;
	const struct bp_spoil_opts opt = {
		.size = sizeof(opt),
		.what = (enum bp_spoil_what)args->what,
		SPOIL_OPTS(args),
	};

	return bp_thin_spoil(cli->ctx, args->output, &opt);
}

static uint64_t given_or_none(const struct cli *cli, const char *name, uint64_t value)
{
	return cli_given(cli, name) ? value : BP_NONE;
}

/* One of three: spoiled blocks, wrong counts, other roots. */
static int run_damage(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (cli_given(cli, "what")) {
		if ((args->what == BP_SPOIL_BLOCK) != cli_given(cli, "block"))
			return cli_usage(cli, "--what block and --block go together");
		return spoil_print(cli, &schema, args->output, spoil, args);
	}
	if (args->leaks)
		r = bp_thin_leak(cli->ctx, args->output, args->nr_blocks,
				 (unsigned)args->expected, (unsigned)args->actual);
	else
		r = bp_thin_override(cli->ctx, args->output,
				     given_or_none(cli, "mapping-root", args->mapping_root),
				     given_or_none(cli, "details-root", args->details_root),
				     given_or_none(cli, "metadata-snap", args->metadata_snap));
	if (r < 0)
		return cli_fail(cli, args->output, r);
	return spoil_print_none(cli, &schema);
}

const struct cmd cmd_thin_generate_metadata = {
	.name = "thin_generate_metadata",
	.group = "Test material",
	.summary = "Make metadata of a thin pool of a chosen shape.",
	.examples =
		"  thin_generate_metadata -o meta.img --format --devices 2 --mappings 1000\n",
	.opts = generate_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_generate,
};

const struct cmd cmd_thin_generate_damage = {
	.name = "thin_generate_damage",
	.group = "Test material",
	.summary = "Damage a thin pool's metadata in a chosen way.",
	.examples = "  thin_generate_damage -o meta.img --what leaf --how checksum --seed 3\n",
	.opts = damage_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run_damage,
};
