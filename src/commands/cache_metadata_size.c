/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_metadata_size: from a number of blocks, or from two sizes. */
#include "cli/out.h"
#include "commands/size_unit.h"

#include <bedplate/cache_dump.h>

struct args {
	const char *block_size, *device_size, *unit, *numeric;
	uint64_t nr_blocks, hint_width;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(block_size, 0, "block-size", "SIZE", "size of a cache block: a multiple of 32k, at most 1g; bare: sectors"),
	OPT_STRING(device_size, 0, "device-size", "SIZE", "size of the fast device, bare: sectors"),
	OPT_NUMBER(nr_blocks, 0, "nr-blocks", "COUNT", "how many cache blocks there are, instead of the two sizes"),
	OPT_RANGE(hint_width, 0, 128, 0, "max-hint-width", "BYTES", "the largest hint a policy may have; default: 4"),
	OPT_STRING(unit, 'u', "unit", "UNIT", "unit of the result: b, s (the default), k, m, g, t, p, e, K, M ... or its name"),
	OPT_OPTIONAL(numeric, 'n', "numeric-only", "STYLE", "the number alone; with short or long: the unit right behind it"),
	OPT_CONFLICT("nr-blocks", "block-size device-size"),
	OPT_REQUIRES("block-size", "device-size"),
	OPT_REQUIRES("device-size", "block-size"),
	OPT_END
};
/* clang-format on */

static const struct args defaults = { .hint_width = 4 };

/* clang-format off */
static const struct out_column columns[] = {
	DOC("nr_cache_blocks", OUT_NUMBER, "blocks of the cache"),
	DOC("metadata_bytes", OUT_SIZE, "size of the metadata device"),
	DOC("metadata_blocks", OUT_NUMBER, "the same in blocks of 4096 bytes"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.cache_metadata_size", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

static int print_json(struct cli *cli, uint64_t nr_blocks, bp_bytes bytes)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "nr_cache_blocks", nr_blocks);
	bp_json_uint(json, "metadata_bytes", bytes);
	bp_json_uint(json, "metadata_blocks", bp_bytes_to_mblock(bytes));
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* Either the number itself or what it follows from. */
static int count_blocks(struct cli *cli, const struct args *args, uint64_t *ret)
{
	uint64_t device_bytes, block_bytes;
	int r, status;

	if (cli_given(cli, "nr-blocks")) {
		*ret = args->nr_blocks;
		return 0;
	}
	if (!args->device_size)
		return cli_usage(cli,
				 "Please specify either --device-size and --block-size, or "
				 "--nr-blocks.");
	status = size_unit_parse(cli, "device-size", args->device_size, &device_bytes);
	if (!status)
		status = size_unit_parse(cli, "block-size", args->block_size, &block_bytes);
	if (status)
		return status;
	r = bp_cache_blocks(cli->ctx, device_bytes, block_bytes, ret);
	return r < 0 ? size_unit_fail(cli, args->block_size, block_bytes, r) : 0;
}

/* Usage first, and its status: no file is touched here. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct size_unit *unit = size_unit_find(args->unit ? args->unit : "s");
	uint64_t nr_blocks;
	bp_bytes bytes;
	int r, status;

	if (!unit)
		return cli_usage(cli, "--unit: '%s' is not a unit", args->unit);
	status = count_blocks(cli, args, &nr_blocks);
	if (status)
		return status;
	r = bp_cache_metadata_size(cli->ctx, nr_blocks, (uint32_t)args->hint_width, &bytes);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	return cli->json ? print_json(cli, nr_blocks, bytes)
			 : size_unit_print(cli, bytes, unit, args->numeric);
}

const struct cmd cmd_cache_metadata_size = {
	.name = "cache_metadata_size",
	.group = "Metadata",
	.summary = "Estimate how much metadata a cache needs.",
	.examples = "  cache_metadata_size --block-size 64k --device-size 100g --unit m\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.defaults = &defaults,
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
