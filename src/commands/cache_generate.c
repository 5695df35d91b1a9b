/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_generate_metadata and cache_generate_damage: for tests of whatever reads metadata. */
#include "commands/spoil.h"

#include <bedplate/metadata_generate.h>

struct args {
	const char *output, *needs_check, *clean;
	bool format, leaks;
	uint64_t block_size, hotspot, nr_cache_blocks, nr_origin_blocks, dirty, resident,
		version;
	uint64_t superblock_version, nr_blocks, expected, actual, block, seed;
	unsigned what, how;
};

/* As enum bp_cache_spoil_what. */
static const char *const what_words[] = {
	"block",        "superblock", "mapping-root",    "mappings",
	"hint-root",    "hints",      "dirty-root",      "dirty",
	"discard-root", "discards",   "metadata-bitmap", "metadata-index",
	"any",          NULL
};

/* clang-format off */
static const struct cmd_opt metadata_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite, or to change"),
	OPT_FLAG(format, 0, "format", "make metadata as the other options say"),
	OPT_RANGE(block_size, 64, 2097152, 0, "cache-block-size", "SECTORS", "size of a cache block; default: 128"),
	OPT_RANGE(nr_cache_blocks, 1, UINT32_MAX, 0, "nr-cache-blocks", "COUNT", "default: 10240"),
	OPT_RANGE(nr_origin_blocks, 1, UINT64_MAX, 0, "nr-origin-blocks", "COUNT", "default: 1048576"),
	OPT_RANGE(resident, 0, 100, 0, "percent-resident", "PERCENT", "of cache blocks, are mapped; default: 80"),
	OPT_RANGE(dirty, 0, 100, 0, "percent-dirty", "PERCENT", "of mapped blocks, are dirty; default: 50"),
	OPT_RANGE(hotspot, 1, UINT32_MAX, 0, "hotspot-size", "COUNT", "blocks of the origin that follow each other; default: 1"),
	OPT_RANGE(version, 1, 2, 0, "metadata-version", "VERSION", "1 or 2, the default"),
	OPT_RANGE(superblock_version, 0, UINT32_MAX, 0, "set-superblock-version", "VERSION", "change what the superblock says of its version"),
	OPT_OPTIONAL(needs_check, 0, "set-needs-check", "BOOL", "set needs_check; =false clears it"),
	OPT_OPTIONAL(clean, 0, "set-clean-shutdown", "BOOL", "say that the shutdown was clean; =false: that it was not"),
	OPT_ANY("output"),
	OPT_ANY("format set-superblock-version set-needs-check set-clean-shutdown"),
	OPT_CONFLICT("format", "set-superblock-version set-needs-check set-clean-shutdown"),
	OPT_END
};

static const struct cmd_opt damage_opts[] = {
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to change"),
	OPT_CHOICE(what, what_words, 0, "what", "WHAT", "which blocks to damage: see cache_generate_damage(8)"),
	OPT_CHOICE(how, spoil_how_words, 0, "how", "HOW", "zero (default), flip, noise, checksum or number"),
	OPT_NUMBER(block, 0, "block", "BLOCK", "with --what block: which one"),
	OPT_NUMBER(seed, 0, "seed", "N", "seed of all that is random"),
	OPT_FLAG(leaks, 0, "create-metadata-leaks", "give metadata blocks another reference count"),
	OPT_RANGE(nr_blocks, 1, UINT64_MAX, 0, "nr-blocks", "COUNT", "how many"),
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

static const struct args defaults = { .dirty = 50, .resident = 80 };

static int parse_bool(struct cli *cli, const char *option, const char *text, bool *ret)
{
	*ret = !*text || streq(text, "true");
	if (*ret || streq(text, "false"))
		return 0;
	return cli_usage(cli, "--%s: '%s' is not true or false", option, text);
}

static int set(struct cli *cli, const struct args *args, enum bp_cache_set what, uint32_t value)
{
	int r = bp_cache_set(cli->ctx, args->output, what, value);

	return r < 0 ? cli_fail(cli, args->output, r) : 0;
}

static int set_fields(struct cli *cli, const struct args *args)
{
	bool needs_check = false, clean = false;
	int status = 0;

	if (args->needs_check)
		status = parse_bool(cli, "set-needs-check", args->needs_check, &needs_check);
	if (!status && args->clean)
		status = parse_bool(cli, "set-clean-shutdown", args->clean, &clean);
	if (!status && args->needs_check)
		status = set(cli, args, BP_CACHE_SET_NEEDS_CHECK, needs_check);
	if (!status && args->clean)
		status = set(cli, args, BP_CACHE_SET_CLEAN, clean);
	if (!status && cli_given(cli, "set-superblock-version"))
		status = set(cli, args, BP_CACHE_SET_VERSION,
			     (uint32_t)args->superblock_version);
	return status;
}

static int run_metadata(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_cache_generate_opts how = {
		.size = sizeof(how),
		.version = (uint32_t)args->version,
		.data_block_sectors = (uint32_t)args->block_size,
		.nr_cache_blocks = (uint32_t)args->nr_cache_blocks,
		.nr_origin_blocks = args->nr_origin_blocks,
		.percent_resident = (unsigned)args->resident,
		.percent_dirty = (unsigned)args->dirty,
		.hotspot_blocks = args->hotspot,
	};
	int r;

	if (!args->format)
		return set_fields(cli, args);
	r = bp_cache_generate(cli->ctx, args->output, &how);
	return r < 0 ? cli_fail(cli, args->output, r) : EXIT_OK;
}

static const struct out_schema damage_schema = {
	.name = "bedplate.cache_generate_damage",
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
		.nr_blocks = args->nr_blocks,
		.seed = args->seed,
		.spoiled = spoiled,
		.user = user,
	};

	return bp_cache_spoil(cli->ctx, args->output, &opt);
}

static int run_damage(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (cli_given(cli, "what")) {
		if ((args->what == BP_CACHE_SPOIL_BLOCK) != cli_given(cli, "block"))
			return cli_usage(cli, "--what block and --block go together");
		return spoil_print(cli, &damage_schema, args->output, spoil, args);
	}
	r = bp_cache_leak(cli->ctx, args->output, args->nr_blocks, (unsigned)args->expected,
			  (unsigned)args->actual);
	return r < 0 ? cli_fail(cli, args->output, r) : spoil_print_none(cli, &damage_schema);
}

const struct cmd cmd_cache_generate_metadata = {
	.name = "cache_generate_metadata",
	.group = "Metadata",
	.summary = "Make a cache's metadata for tests, or change flags of it.",
	.opts = metadata_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_metadata,
};

const struct cmd cmd_cache_generate_damage = {
	.name = "cache_generate_damage",
	.group = "Metadata",
	.summary = "Make a cache's metadata wrong on purpose.",
	.opts = damage_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&damage_schema),
	.run = run_damage,
};
