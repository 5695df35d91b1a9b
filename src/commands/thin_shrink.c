/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool made smaller: data moved below the new end, and metadata that say so. The old metadata
 * stay as they are, so that until they are swapped nothing is lost.
 */
#include "cli/out.h"

#include <bedplate/thin_shrink.h>

#include <inttypes.h>

struct args {
	const char *input, *output, *data, *io_engine;
	uint64_t nr_blocks;
	uint32_t flags;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(input, 'i', "input", "FILE", "XML of the metadata; with --binary a metadata device or file"),
	OPT_STRING(output, 'o', "output", "FILE", "where to write the new metadata, in the same form"),
	OPT_STRING(data, 0, "data", "DATA", "the pool's data device, or a file in its place"),
	OPT_RANGE(nr_blocks, 1, UINT64_MAX, 0, "nr-blocks", "BLOCKS", "data blocks that the pool shall have"),
	OPT_BIT(flags, BP_THIN_SHRINK_NO_COPY, 0, "no-copy", "write metadata only: the data is moved otherwise"),
	OPT_BIT(flags, BP_THIN_SHRINK_BINARY, 0, "binary", "input and output are metadata, not XML"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output"),
	OPT_ANY("nr-blocks"),
	OPT_ANY("data no-copy"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column move_members[] = {
	COL_NUMBER(struct bp_thin_move, from, 0, "first block of the run"),
	COL_NUMBER(struct bp_thin_move, to, 0, "where it goes"),
	COL_NUMBER(struct bp_thin_move, length, 0, "blocks"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC_LIST("moves", move_members, "runs of data blocks, in the order they are moved"),
	COL_SIZE(struct bp_thin_shrink_result, data_block_bytes, 0, "size of a data block"),
	COL_NUMBER(struct bp_thin_shrink_result, old_nr_data_blocks, 0, "data blocks there were"),
	COL_NUMBER(struct bp_thin_shrink_result, new_nr_data_blocks, 0, "data blocks there will be"),
	COL_NUMBER_AS("nr_used_blocks", struct bp_thin_shrink_result, nr_used, 0, "data blocks in use"),
	COL_NUMBER_AS("nr_moved_blocks", struct bp_thin_shrink_result, nr_moved, 0, "of them moved"),
	DOC("done", OUT_BOOL, "false: a dry run"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_shrink", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct print {
	struct cli *cli;
	struct bp_json *json;
};

/* Text only of a dry run: a real one may move millions of runs. */
static int on_move(void *user, const struct bp_thin_move *move)
{
	const struct print *p = user;

	if (p->json) {
		bp_json_object(p->json, NULL);
		out_members(p->json, move_members, move);
		bp_json_object_close(p->json);
	} else if (p->cli->dry_run && !p->cli->quiet) {
		fprintf(p->cli->out,
			"would move data %" PRIu64 "..%" PRIu64 " to %" PRIu64 "..%" PRIu64
			"\n",
			move->from, move->from + move->length, move->to,
			move->to + move->length);
	}
	return 0;
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	const struct print *p = user;

	return cli_progress(p->cli, done, total);
}

/* Sums behind the moves, as they are known then. */
static int end_json(const struct print *p, const struct bp_thin_shrink_result *res)
{
	bp_json_array_close(p->json);
	out_members(p->json, columns, res);
	bp_json_bool(p->json, "done", !p->cli->dry_run);
	bp_json_object_close(p->json);
	return cli_json_end(p->cli, p->json);
}

/* The library does the order of writes; nothing is decided here. */
static int run(struct cli *cli, const void *q)
{
	const struct args *args = q;
	struct print p = { .cli = cli };
	struct bp_thin_shrink_result res = { .size = sizeof(res) };
	struct bp_thin_shrink_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags | (cli->dry_run ? BP_THIN_SHRINK_DRY_RUN : 0),
		.move = on_move,
		.progress = on_progress,
		.user = &p,
	};
	int r = cli->json ? cli_json_start(cli, &schema, &p.json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (p.json) {
		bp_json_object(p.json, "data");
		bp_json_array(p.json, "moves");
	}
	cli_progress_title(cli, "Moving data");
	r = bp_thin_shrink(cli->ctx, args->input, args->output, args->data, args->nr_blocks,
			   &opt, &res);
	if (r < 0 && p.json)
		return cli_json_fail(cli, p.json, NULL, r);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (p.json)
		return end_json(&p, &res);
	if (cli->dry_run || cli->verbose)
		cli_note(cli,
			 "%" PRIu64 " of %" PRIu64 " data blocks are in use, %" PRIu64
			 " of them %s",
			 res.nr_used, res.old_nr_data_blocks, res.nr_moved,
			 cli->dry_run ? "would be moved" : "were moved");
	return EXIT_OK;
}

const struct cmd cmd_thin_shrink = {
	.name = "thin_shrink",
	.group = "Metadata",
	.summary = "Move the data of a thin pool together, so that it can be made smaller.",
	.examples = "  thin_shrink --binary -i tmeta.img -o new.img --data tdata.img "
		    "--nr-blocks 8000\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
