/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Discards of what no volume maps, on the data device of a pool that is not active; drop-in for
 * thin_trim(8).
 */
#include "cli/out.h"

#include <bedplate/thin_trim.h>

#include <inttypes.h>

struct args {
	const char *metadata, *data, *io_engine;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(metadata, 0, "metadata-dev", "METADATA", "the pool's metadata device or file"),
	OPT_STRING(data, 0, "data-dev", "DATA", "the pool's data device, or a file in its place"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("metadata-dev"),
	OPT_ANY("data-dev"),
	OPT_END
};
/* clang-format on */

struct print {
	struct cli *cli;
	struct bp_json *json;
};

/* clang-format off */
static const struct out_column run_members[] = {
	DOC("data_begin", OUT_NUMBER, "first data block"),
	DOC("length", OUT_NUMBER, "how many blocks"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC_LIST("runs", run_members, "data blocks that are free"),
	COL_SIZE(struct bp_thin_trim_result, data_block_bytes, 0, "size of a data block"),
	COL_NUMBER(struct bp_thin_trim_result, nr_data_blocks, 0, "data blocks"),
	COL_NUMBER_AS("nr_free_blocks", struct bp_thin_trim_result, nr_free, 0, "of them, those that are free"),
	DOC("discarded", OUT_BOOL, "they were discarded; no: a dry run"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_trim", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

static void print_damage(void *user, const struct bp_damage *damage)
{
	const struct print *p = user;

	cli_warn(p->cli, "%s", damage->what);
}

/* Text only of a dry run. */
static int on_run(void *user, bp_dblock begin, bp_dblock length)
{
	const struct print *p = user;

	if (p->json) {
		bp_json_object(p->json, NULL);
		bp_json_uint(p->json, "data_begin", begin);
		bp_json_uint(p->json, "length", length);
		bp_json_object_close(p->json);
	} else if (p->cli->dry_run && !p->cli->quiet) {
		fprintf(p->cli->out, "would discard data %" PRIu64 "..%" PRIu64 "\n", begin,
			begin + length);
	}
	return 0;
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	const struct print *p = user;

	return cli_progress(p->cli, done, total);
}

/* "discarded" says whether it was one. */
static int end_json(const struct print *p, const struct bp_thin_trim_result *res)
{
	bp_json_array_close(p->json);
	out_members(p->json, columns, res);
	bp_json_bool(p->json, "discarded", !p->cli->dry_run);
	bp_json_object_close(p->json);
	return cli_json_end(p->cli, p->json);
}

static int run(struct cli *cli, const void *q)
{
	const struct args *args = q;
	struct print p = { .cli = cli };
	struct bp_thin_trim_result res = { .size = sizeof(res) };
	struct bp_thin_trim_opts opt = {
		.size = sizeof(opt),
		.flags = cli->dry_run ? BP_THIN_TRIM_DRY_RUN : 0,
		.damage = print_damage,
		.run = on_run,
		.progress = on_progress,
		.user = &p,
	};
	int r = cli->json ? cli_json_start(cli, &schema, &p.json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (p.json) {
		bp_json_object(p.json, "data");
		bp_json_array(p.json, "runs");
	}
	cli_progress_title(cli, "Checking and trimming");
	r = bp_thin_trim(cli->ctx, args->metadata, args->data, &opt, &res);
	if (r < 0)
		return p.json ? cli_json_fail(cli, p.json, NULL, r) : cli_fail(cli, NULL, r);
	if (p.json)
		return end_json(&p, &res);
	cli_note(cli, "%" PRIu64 " of %" PRIu64 " data blocks are free%s", res.nr_free,
		 res.nr_data_blocks, cli->dry_run ? "" : ", and were discarded");
	return EXIT_OK;
}

const struct cmd cmd_thin_trim = {
	.name = "thin_trim",
	.group = "Metadata",
	.summary = "Discard the free space of a thin pool that is not active.",
	.examples = "  thin_trim --metadata-dev tmeta.img --data-dev tdata.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
