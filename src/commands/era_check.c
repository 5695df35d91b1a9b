/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_check: the check of an era as a command; what is common to checks is check_tool.c. */
#include "commands/check_tool.h"

#include <bedplate/era_check.h>

#include <inttypes.h>

struct args {
	const char *path, *io_engine;
	uint32_t flags;
	bool auto_repair, ignore_non_fatal;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_FLAG(auto_repair, 0, "auto-repair", "give leaked blocks back, put totals right, if nothing else is wrong"),
	OPT_FLAG(ignore_non_fatal, 0, "ignore-non-fatal-errors", "exit with 0 where only leaks and the like are found"),
	OPT_BIT(flags, BP_ERA_CHECK_SUPER_ONLY, 0, "super-block-only", "check the superblock only"),
	OPT_BIT(flags, BP_ERA_CHECK_STRICT, 0, "strict", "fail for everything that is not as it should be"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_CONFLICT("auto-repair", "super-block-only ignore-non-fatal-errors"),
	OPT_END
};
/* clang-format on */

struct check {
	struct check_tool tool;
	const struct args *args;
	struct bp_era_check_result res;
};

/* Two calls, as a repair opens for writing and a check doesn't. */
static int carry_out(struct check *check)
{
	const struct args *args = check->args;
	struct bp_era_check_opts how = {
		.size = sizeof(how),
		.flags = args->flags,
		.damage = check_tool_damage,
		.progress = check_tool_progress,
		.user = &check->tool,
	};
	struct bp_ctx *ctx = check->tool.cli->ctx;

	/* Nothing would be told: then it needs no words either. */
	if (check->tool.cli->quiet && !check->tool.cli->json)
		how.damage = NULL;
	check->res.size = sizeof(check->res);
	if (args->auto_repair)
		return bp_era_auto_repair(ctx, args->path, &how, &check->res);
	return bp_era_check(ctx, args->path, &how, &check->res);
}

static struct check_verdict verdict_of(const struct bp_era_check_result *res)
{
	return (struct check_verdict){ res->nr_fatal, res->nr_nonfatal, res->nr_remarks };
}

/*
 * Sentences and their order are the reference tool's where it has them: scripts look for
 * them.
 */
static void print_text(const struct check_tool *tool)
{
	const struct check *check = (const struct check *)tool;
	const struct bp_era_check_result *res = &check->res;
	struct cli *cli = check->tool.cli;

	check_tool_text(tool);
	check_tool_counts(cli, "metadata", res->nr_metadata_leaked,
			  res->repaired_metadata_leaks, res->nr_metadata_wrong);
	if (res->nr_metadata_leaked > res->repaired_metadata_leaks && !res->nr_fatal)
		cli_note(cli, "perhaps you wanted to run with --auto-repair");
	if (res->repaired_accounting)
		cli_note(cli, "Put totals of the space map right.");
	if (cli->verbose && res->superblock_ok)
		cli_note(cli, "current era %u, %" PRIu64 " archived writesets%s",
			 res->superblock.current_era, res->nr_writesets,
			 res->superblock.current_root ? " and the current one" : "");
}

/* --- JSON --- */

/* clang-format off */
static const struct out_column superblock_members[] = {
	COL_NUMBER_AS("version", struct bp_era_check_result, superblock.version, 0, "of the format"),
	DOC("data_block_bytes", OUT_SIZE, "size of a block of data"),
	COL_NUMBER_AS("nr_blocks", struct bp_era_check_result, superblock.nr_blocks, 0, "blocks that are watched"),
	COL_NUMBER_AS("current_era", struct bp_era_check_result, superblock.current_era, 0, "the era it is in"),
	DOC("current_writeset", OUT_BOOL, "the current era has a set of blocks"),
	DOC_MAYBE("metadata_snap", OUT_NUMBER, "block of the metadata snapshot"),
	COL_NUMBER_AS("nr_metadata_blocks", struct bp_era_check_result, superblock.nr_metadata_blocks, 0, "metadata blocks"),
	COL_NUMBER_AS("nr_metadata_allocated", struct bp_era_check_result, superblock.nr_metadata_allocated, 0, "of them, those in use"),
	COL_NUMBER(struct bp_era_check_result, nr_metadata_free, 0, "as the kernel counts them"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC_OBJECT_MAYBE("superblock", superblock_members, "what it says"),
	COL_NUMBER(struct bp_era_check_result, nr_fatal, 0, "damages that keep it from being used"),
	COL_NUMBER(struct bp_era_check_result, nr_nonfatal, 0, "damages that don't"),
	COL_NUMBER(struct bp_era_check_result, nr_remarks, 0, "what is of no consequence"),
	COL_NUMBER(struct bp_era_check_result, nr_writesets, 0, "sets of blocks not yet digested"),
	COL_NUMBER(struct bp_era_check_result, nr_metadata_leaked, 0, "metadata blocks that nobody has, but count as used"),
	COL_NUMBER(struct bp_era_check_result, nr_metadata_wrong, 0, "metadata blocks whose count is wrong"),
	COL_NUMBER(struct bp_era_check_result, repaired_metadata_leaks, 0, "leaked metadata blocks that were given back"),
	COL_BOOL(struct bp_era_check_result, repaired_accounting, 0, "totals of the space map were put right"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.era_check", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* A metadata snapshot only where there is one: 0 is no block to name. */
static void superblock_json(struct bp_json *json, const struct bp_era_check_result *res)
{
	const struct bp_era_superblock *sb = &res->superblock;

	bp_json_object(json, "superblock");
	out_members(json, superblock_members, res);
	bp_json_uint(json, "data_block_bytes", bp_sector_to_bytes(sb->data_block_sectors));
	bp_json_bool(json, "current_writeset", sb->current_root != 0);
	if (sb->metadata_snap)
		bp_json_uint(json, "metadata_snap", sb->metadata_snap);
	bp_json_object_close(json);
}

/* The same as the text tells, and every damage: nothing is left out after the first few. */
static int print_json(struct check_tool *tool, const struct check_verdict *verdict)
{
	const struct check *check = (const struct check *)tool;
	const struct bp_era_check_result *res = &check->res;
	struct bp_json *json;
	int r = check_tool_json_start(tool, &schema, verdict, &json);

	if (r)
		return r;
	if (res->superblock_ok)
		superblock_json(json, res);
	out_members(json, columns, res);
	return check_tool_json_end(tool, verdict, json);
}

static const struct check_tool_ends ends = { print_text, print_json };

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct check check = {
		.tool = { .cli = cli,
			  .path = args->path,
			  .ignore_non_fatal = args->ignore_non_fatal },
		.args = args,
	};
	int r = carry_out(&check);
	struct check_verdict verdict = verdict_of(&check.res);

	return check_tool_end(&check.tool, r, &verdict, &ends);
}

const struct cmd cmd_era_check = {
	.name = "era_check",
	.group = "Metadata",
	.summary = "Check an era's metadata.",
	.examples = "  era_check /dev/vg/era_meta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
