/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_restore: the XML may be a pipe; metadata is overwritten by the library, which guards it. */
#include "commands/text_out.h"

#include <bedplate/thin_dump.h>

struct args {
	const char *input, *output, *io_engine;
	uint64_t data_block_sectors, nr_data_blocks, transaction_id;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(input, 'i', "input", "FILE", "XML to read; - is standard input"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_RANGE(data_block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "data block size, instead of the XML's"),
	OPT_RANGE(nr_data_blocks, 1, UINT64_MAX, 0, "nr-data-blocks", "BLOCKS", "number of data blocks, instead of the XML's"),
	OPT_NUMBER(transaction_id, 0, "transaction-id", "ID", "transaction id, instead of the XML's"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output"),
	OPT_END
};
/* clang-format on */

static int restore(struct cli *cli, const void *p, int fd, const char *name)
{
	const struct args *args = p;
	struct bp_thin_restore_opts opt = {
		.size = sizeof(opt),
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_data_blocks = args->nr_data_blocks,
		.transaction_id = args->transaction_id,
		.progress = cli_progress,
		.user = cli,
	};

	if (cli_given(cli, "transaction-id"))
		opt.flags |= BP_THIN_RESTORE_TRANSACTION;
	return bp_thin_restore(cli->ctx, fd, name, args->output, &opt);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;

	return text_in(cli, args->input, restore, args);
}

const struct cmd cmd_thin_restore = {
	.name = "thin_restore",
	.group = "Metadata",
	.summary = "Make a thin pool's metadata from the XML of a dump.",
	.examples = "  thin_restore -i pool.xml -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
