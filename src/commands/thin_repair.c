/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * New metadata of what can be had of damaged ones; drop-in for thin_repair(8). The input is only
 * read; --plan says beforehand what would be kept and lost.
 */
#include "commands/thin_plan.h"

#include <inttypes.h>

struct args {
	const char *word, *input, *output, *io_engine;
	uint64_t data_block_sectors, nr_data_blocks, transaction_id;
	uint64_t mapping_root, details_root;
	bool plan;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND_OPTIONAL(word, "WORD", NULL), /* older LVM gives an empty one */
	OPT_STRING(input, 'i', "input", "METADATA", "damaged metadata device or file"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_FLAG(plan, 0, "plan", "only say what can be had and what is lost; nothing is written"),
	OPT_RANGE(data_block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "data block size, whatever was found"),
	OPT_RANGE(nr_data_blocks, 1, UINT64_MAX, 0, "nr-data-blocks", "BLOCKS", "number of data blocks, whatever was found"),
	OPT_NUMBER(transaction_id, 0, "transaction-id", "ID", "transaction id, whatever was found"),
	OPT_RANGE(mapping_root, 1, UINT64_MAX, 0, "mapping-root", "BLOCK", "begin with this root of the mapping tree"),
	OPT_RANGE(details_root, 1, UINT64_MAX, 0, "details-root", "BLOCK", "begin with this root of the device details tree"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output plan"),
	OPT_CONFLICT("plan", "output"),
	OPT_END
};
/* clang-format on */

/* The report comes after the writing, so that it never speaks of what failed. */
static int write_output(struct cli *cli, const struct args *args, struct bp_thin_plan *plan)
{
	int r, status;

	r = bp_thin_plan_write(plan, args->output);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (!cli->json)
		return thin_plan_report(cli, plan);
	status = thin_plan_print(cli, args->input, plan);
	return status;
}

/* The same plan for --plan and for the repair: what is shown is what is done. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_thin_repair_opts opt = {
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_data_blocks = args->nr_data_blocks,
		.transaction_id = args->transaction_id,
		.mapping_root = args->mapping_root,
		.details_root = args->details_root,
	};
	struct bp_thin_plan *plan;
	int r, status;

	if (args->word && *args->word)
		return cli_usage(cli, "unexpected operand '%s'", args->word);
	if (cli_given(cli, "transaction-id"))
		opt.flags |= BP_THIN_REPAIR_TRANSACTION;
	r = thin_plan_make(cli, args->input, &opt, &plan);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (cli->verbose && !args->plan && !cli->json)
		thin_plan_print(cli, args->input, plan);
	if (args->plan)
		status = thin_plan_print(cli, args->input, plan);
	else
		status = write_output(cli, args, plan);
	bp_thin_plan_free(plan);
	return status;
}

const struct cmd cmd_thin_repair = {
	.name = "thin_repair",
	.group = "Metadata",
	.summary = "Make new metadata of all that can be had of a damaged thin pool's.",
	.examples = "  thin_repair -i damaged.img -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&thin_plan_schema),
	.run = run,
};
