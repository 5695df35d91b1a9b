/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_repair: what was lost is said whole; 1 where anything was. */
#include "commands/repair_tool.h"

#include <bedplate/era_repair.h>

#include <inttypes.h>

struct args {
	struct repair_args all;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_REPAIR_HEAD,
	OPT_REPAIR_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC("written", OUT_BOOL, "false: a plan only"),
	DOC_MAYBE("metadata_snap", OUT_NUMBER, "block of the metadata snapshot that is left out"),
	COL_NUMBER(struct bp_era_repair_result, nr_blocks, 0, "blocks of the era device"),
	COL_NUMBER(struct bp_era_repair_result, current_era, 0, "the era that goes on"),
	COL_NUMBER(struct bp_era_repair_result, nr_writesets, 0, "writesets kept"),
	COL_NUMBER(struct bp_era_repair_result, nr_damages, 0, "parts that can't be kept"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.era_repair", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct repair {
	struct repair_tool base;
	struct bp_era_repair_result res;
};

/* A plan opens no output. */
static int carry_out(struct repair_tool *base)
{
	struct repair *re = (struct repair *)base;
	const struct bp_era_repair_opts how = {
		.size = sizeof(how),
		.damage = check_tool_damage,
		.progress = repair_tool_progress,
		.user = re,
	};
	struct bp_ctx *ctx = base->tool.cli->ctx;

	re->res.size = sizeof(re->res);
	if (base->planned)
		return bp_era_repair_plan(ctx, base->args->input, &how, &re->res);
	return bp_era_repair(ctx, base->args->input, base->args->output, &how, &re->res);
}

static struct check_verdict verdict_of(const struct repair_tool *base)
{
	const struct repair *re = (const struct repair *)base;

	return (struct check_verdict){ .nr_fatal = re->res.nr_damages };
}

/* Silent when all of it could be kept, as the reference tool is. */
static void print_text(const struct check_tool *tool)
{
	const struct repair *re = (const struct repair *)tool;
	const struct bp_era_repair_result *res = &re->res;
	struct cli *cli = tool->cli;

	check_tool_text(tool);
	if (!res->nr_damages && !re->base.planned && !cli->verbose)
		return;
	cli_note(cli, "%s: %u blocks, current era %u, %" PRIu64 " writesets",
		 re->base.planned ? "would write" : "written", res->nr_blocks, res->current_era,
		 res->nr_writesets);
	if (res->nr_damages)
		cli_note(cli,
			 "%" PRIu64 " parts can't be kept: what they concern counts as written",
			 res->nr_damages);
}

static int print_json(struct check_tool *tool, const struct check_verdict *verdict)
{
	const struct repair *re = (const struct repair *)tool;
	const struct bp_era_repair_result *res = &re->res;
	struct bp_json *json;
	int r = check_tool_json_start(tool, &schema, verdict, &json);

	if (r)
		return r;
	bp_json_bool(json, "written", !re->base.planned);
	if (res->snapshot)
		bp_json_uint(json, "metadata_snap", res->snapshot);
	out_members(json, columns, res);
	return check_tool_json_end(tool, verdict, json);
}

static const struct repair_tool_row row = {
	.carry_out = carry_out,
	.verdict = verdict_of,
	.ends = { print_text, print_json },
};

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct repair re = { 0 };

	return repair_tool_run(cli, &args->all, &row, &re.base);
}

const struct cmd cmd_era_repair = {
	.name = "era_repair",
	.group = "Metadata",
	.summary = "Write what can be kept of an era's damaged metadata anew.",
	.examples = "  era_repair -i damaged.img -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
