/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_repair: what was lost is said whole; 1 where anything was. */
#include "commands/check_tool.h"

#include <bedplate/era_repair.h>

#include <inttypes.h>

struct args {
	const char *input, *output, *dummy, *io_engine;
	bool plan;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(input, 'i', "input", "METADATA", "damaged metadata device or file; only read"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device or file to overwrite"),
	OPT_FLAG(plan, 0, "plan", "say what would be kept and lost, and write nothing"),
	OPT_OPERAND_OPTIONAL(dummy, "EMPTY", "an empty word is accepted"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_CONFLICT("plan", "output"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC("written", OUT_BOOL, "false: a plan only"),
	DOC_MAYBE("metadata_snap", OUT_NUMBER, "block of the metadata snapshot that is left out"),
	DOC("nr_blocks", OUT_NUMBER, "blocks of the era device"),
	DOC("current_era", OUT_NUMBER, "the era that goes on"),
	DOC("nr_writesets", OUT_NUMBER, "writesets kept"),
	DOC("nr_damages", OUT_NUMBER, "parts that can't be kept"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.era_repair", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct repair {
	struct check_tool tool;
	const struct args *args;
	struct bp_era_repair_result res;
	bool planned;
};

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	struct check_tool *tool = user;

	return cli_progress(tool->cli, done, total);
}

static int carry_out(struct repair *re)
{
	const struct bp_era_repair_opts how = {
		.size = sizeof(how),
		.damage = check_tool_damage,
		.progress = on_progress,
		.user = re,
	};
	struct bp_ctx *ctx = re->tool.cli->ctx;

	re->res.size = sizeof(re->res);
	re->planned = re->args->plan || re->tool.cli->dry_run;
	if (re->planned)
		return bp_era_repair_plan(ctx, re->args->input, &how, &re->res);
	return bp_era_repair(ctx, re->args->input, re->args->output, &how, &re->res);
}

static void print_text(const struct repair *re)
{
	const struct bp_era_repair_result *res = &re->res;
	struct cli *cli = re->tool.cli;

	check_tool_text(&re->tool);
	if (!res->nr_damages && !re->planned && !cli->verbose)
		return;
	cli_note(cli, "%s: %u blocks, current era %u, %" PRIu64 " writesets",
		 re->planned ? "would write" : "written", res->nr_blocks, res->current_era,
		 res->nr_writesets);
	if (res->nr_damages)
		cli_note(cli,
			 "%" PRIu64 " parts can't be kept: what they concern counts as written",
			 res->nr_damages);
}

static int print_json(struct repair *re, const struct check_verdict *verdict)
{
	const struct bp_era_repair_result *res = &re->res;
	struct bp_json *json;
	int r = check_tool_json_start(&re->tool, &schema, verdict, &json);

	if (r)
		return r;
	bp_json_bool(json, "written", !re->planned);
	if (res->snapshot)
		bp_json_uint(json, "metadata_snap", res->snapshot);
	bp_json_uint(json, "nr_blocks", res->nr_blocks);
	bp_json_uint(json, "current_era", res->current_era);
	bp_json_uint(json, "nr_writesets", res->nr_writesets);
	bp_json_uint(json, "nr_damages", res->nr_damages);
	return check_tool_json_end(&re->tool, verdict, json);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct repair re = { .tool = { .cli = cli, .path = args->input }, .args = args };
	struct check_verdict verdict;
	int r, status;

	if (args->dummy && *args->dummy)
		return cli_usage(cli, "'%s': no operand is expected", args->dummy);
	if (!args->output && !args->plan && !cli->dry_run)
		return cli_usage(cli, "--output not specified");
	r = carry_out(&re);
	verdict = (struct check_verdict){ .nr_fatal = re.res.nr_damages };
	if (r < 0) {
		status = cli_fail(cli, args->input, r);
	} else if (cli->json) {
		status = print_json(&re, &verdict);
	} else {
		print_text(&re);
		status = check_tool_status(&re.tool, &verdict);
	}
	check_tool_done(&re.tool);
	return status;
}

const struct cmd cmd_era_repair = {
	.name = "era_repair",
	.group = "Metadata",
	.summary = "Write what can be kept of an era's damaged metadata anew.",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
