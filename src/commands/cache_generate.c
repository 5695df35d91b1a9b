/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_generate_metadata: for tests of whatever reads metadata. */
#include "cli/out.h"

#include <bedplate/metadata_generate.h>

struct args {
	const char *output, *needs_check, *clean;
	bool format;
	uint64_t block_size, hotspot, nr_cache_blocks, nr_origin_blocks, dirty, resident,
		version;
	uint64_t superblock_version;
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

/* All words are read before the first field is written. */
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

const struct cmd cmd_cache_generate_metadata = {
	.name = "cache_generate_metadata",
	.group = "Metadata",
	.summary = "Make a cache's metadata for tests, or change flags of it.",
	.examples = "  cache_generate_metadata -o meta.img --format --percent-dirty 10\n",
	.opts = metadata_opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_metadata,
};
