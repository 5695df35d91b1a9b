/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large metadata should be, from sizes alone: no device is looked at. Drop-in for
 * thin_metadata_size(8).
 */
#include "commands/size_unit.h"

#include "cli/out.h"

#include <bedplate/thin_ls.h>

struct args {
	const char *block_size, *pool_size, *unit, *numeric;
	uint64_t max_thins;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(block_size, 'b', "block-size", "SIZE", "data block size: a multiple of 64k, at most 1g; bare: sectors"),
	OPT_STRING(pool_size, 's', "pool-size", "SIZE", "size of the data device, bare: sectors"),
	OPT_NUMBER(max_thins, 'm', "max-thins", "COUNT", "how many devices and snapshots there will be"),
	OPT_STRING(unit, 'u', "unit", "UNIT", "unit of the result: b, s (the default), k, m, g, t, p, e, K, M ... or its name"),
	OPT_OPTIONAL(numeric, 'n', "numeric-only", "STYLE", "the number alone; with short or long: the unit right behind it"),
	OPT_ANY("block-size"),
	OPT_ANY("pool-size"),
	OPT_ANY("max-thins"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column columns[] = {
	DOC("metadata_bytes", OUT_SIZE, "size of the metadata device"),
	DOC("metadata_blocks", OUT_NUMBER, "the same in blocks of 4096 bytes"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_metadata_size", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

static int print_json(struct cli *cli, bp_bytes bytes)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "metadata_bytes", bytes);
	bp_json_uint(json, "metadata_blocks", bp_bytes_to_mblock(bytes));
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* An estimate: no file is touched. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct size_unit *unit = size_unit_find(args->unit ? args->unit : "s");
	uint64_t block_bytes, pool_bytes;
	bp_bytes bytes;
	int r, status;

	if (!unit)
		return cli_usage(cli, "--unit: '%s' is not a unit", args->unit);
	status = size_unit_parse(cli, "block-size", args->block_size, &block_bytes);
	if (!status)
		status = size_unit_parse(cli, "pool-size", args->pool_size, &pool_bytes);
	if (status)
		return status;
	r = bp_thin_metadata_size(cli->ctx, block_bytes, pool_bytes, args->max_thins, &bytes);
	if (r < 0)
		return size_unit_fail(cli, args->block_size, block_bytes, r);
	return cli->json ? print_json(cli, bytes)
			 : size_unit_print(cli, bytes, unit, args->numeric);
}

const struct cmd cmd_thin_metadata_size = {
	.name = "thin_metadata_size",
	.group = "Metadata",
	.summary = "Estimate how much metadata a thin pool needs.",
	.examples = "  thin_metadata_size -b 64k -s 1t -m 1000 -u m\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
