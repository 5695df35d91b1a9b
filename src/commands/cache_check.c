/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_check: the check of a cache as a command; what is common to checks is check_tool.c. */
#include "commands/check_tool.h"

#include <bedplate/cache_check.h>

#include <inttypes.h>

struct args {
	const char *path, *io_engine;
	uint32_t flags;
	bool auto_repair, clear_flag, ignore_non_fatal;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_FLAG(auto_repair, 0, "auto-repair", "give leaked blocks back, put totals right and clear needs_check, if nothing else is wrong"),
	OPT_FLAG(clear_flag, 0, "clear-needs-check-flag", "clear needs_check if nothing fatal is found; leaks are repaired too"),
	OPT_FLAG(ignore_non_fatal, 0, "ignore-non-fatal-errors", "exit with 0 where only leaks and the like are found"),
	OPT_BIT(flags, BP_CACHE_CHECK_SKIP_MAPPINGS, 0, "skip-mappings", "leave out mappings and dirty states"),
	OPT_BIT(flags, BP_CACHE_CHECK_SKIP_HINTS, 0, "skip-hints", "leave out hints"),
	OPT_BIT(flags, BP_CACHE_CHECK_SKIP_DISCARDS, 0, "skip-discards", "leave out discards"),
	OPT_BIT(flags, BP_CACHE_CHECK_SUPER_ONLY, 0, "super-block-only", "check the superblock only"),
	OPT_BIT(flags, BP_CACHE_CHECK_STRICT, 0, "strict", "fail for everything that is not as it should be"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_CONFLICT("auto-repair", "super-block-only skip-mappings skip-hints skip-discards ignore-non-fatal-errors"),
	OPT_END
};
/* clang-format on */

struct check {
	struct check_tool tool;
	const struct args *args;
	struct bp_cache_check_result res;
};

/* Three calls, as repairs open for writing and checks don't. */
static int carry_out(struct check *check)
{
	const struct args *args = check->args;
	struct bp_cache_check_opts how = {
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
		return bp_cache_auto_repair(ctx, args->path, &how, &check->res);
	if (args->clear_flag)
		return bp_cache_clear_needs_check(ctx, args->path, &how, &check->res);
	return bp_cache_check(ctx, args->path, &how, &check->res);
}

static struct check_verdict verdict_of(const struct bp_cache_check_result *res)
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
	const struct bp_cache_check_result *res = &check->res;
	struct cli *cli = check->tool.cli;

	check_tool_text(tool);
	check_tool_counts(cli, "metadata", res->nr_metadata_leaked,
			  res->repaired_metadata_leaks, res->nr_metadata_wrong);
	if (res->nr_metadata_leaked > res->repaired_metadata_leaks && !res->nr_fatal)
		cli_note(cli, "perhaps you wanted to run with --auto-repair");
	if (res->repaired_accounting)
		cli_note(cli, "Put totals of the space map right.");
	if (res->cleared_needs_check)
		cli_note(cli, "Cleared needs_check flag");
	else if (res->superblock_ok && (res->superblock.flags & BP_CACHE_NEEDS_CHECK))
		cli_note(cli, "needs_check is set: until it is cleared "
			      "(--clear-needs-check-flag) the cache can't be used");
	if (cli->verbose && res->superblock_ok)
		cli_note(cli,
			 "%" PRIu64 " of %u cache blocks mapped, %" PRIu64
			 " stored as dirty; %s",
			 res->nr_mapped, res->superblock.nr_cache_blocks, res->nr_dirty,
			 res->superblock.flags & BP_CACHE_CLEAN
				 ? "shut down cleanly"
				 : "not shut down cleanly: all may be dirty");
}

/* --- JSON --- */

/* clang-format off */
static const struct out_column superblock_members[] = {
	COL_NUMBER_AS("version", struct bp_cache_check_result, superblock.version, 0, "of the format"),
	DOC("clean_shutdown", OUT_BOOL, "it was shut down cleanly"),
	DOC("needs_check", OUT_BOOL, "the kernel found damage: until it is cleared it can't be used"),
	COL_TEXT_AS("policy", struct bp_cache_check_result, superblock.policy, 0, "name of the policy"),
	COL_SIZE_AS("hint_bytes", struct bp_cache_check_result, superblock.hint_bytes, 0, "size of the policy's hint of a block"),
	DOC("data_block_bytes", OUT_SIZE, "size of a block of data"),
	COL_NUMBER_AS("nr_cache_blocks", struct bp_cache_check_result, superblock.nr_cache_blocks, 0, "blocks of the cache"),
	COL_NUMBER_AS("discard_block_sectors", struct bp_cache_check_result, superblock.discard_block_sectors, 0, "unit of discards"),
	COL_NUMBER_AS("nr_discard_blocks", struct bp_cache_check_result, superblock.nr_discard_blocks, 0, "how many of them"),
	COL_NUMBER_AS("nr_metadata_blocks", struct bp_cache_check_result, superblock.nr_metadata_blocks, 0, "metadata blocks"),
	COL_NUMBER_AS("nr_metadata_allocated", struct bp_cache_check_result, superblock.nr_metadata_allocated, 0, "of them, those in use"),
	COL_NUMBER(struct bp_cache_check_result, nr_metadata_free, 0, "as the kernel counts them"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC_OBJECT_MAYBE("superblock", superblock_members, "what it says"),
	COL_NUMBER(struct bp_cache_check_result, nr_fatal, 0, "damages that keep it from being used"),
	COL_NUMBER(struct bp_cache_check_result, nr_nonfatal, 0, "damages that don't"),
	COL_NUMBER(struct bp_cache_check_result, nr_remarks, 0, "what is of no consequence"),
	COL_NUMBER(struct bp_cache_check_result, nr_mapped, 0, "cache blocks that hold something"),
	COL_NUMBER(struct bp_cache_check_result, nr_dirty, 0, "of them, those stored as dirty"),
	COL_NUMBER(struct bp_cache_check_result, nr_lost, 0, "cache blocks whose mapping can't be read"),
	COL_NUMBER(struct bp_cache_check_result, nr_metadata_leaked, 0, "metadata blocks that nobody has, but count as used"),
	COL_NUMBER(struct bp_cache_check_result, nr_metadata_wrong, 0, "metadata blocks whose count is wrong"),
	COL_NUMBER(struct bp_cache_check_result, repaired_metadata_leaks, 0, "leaked metadata blocks that were given back"),
	COL_BOOL(struct bp_cache_check_result, repaired_accounting, 0, "totals of the space map were put right"),
	COL_BOOL(struct bp_cache_check_result, cleared_needs_check, 0, "the flag was cleared"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.cache_check", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* Sizes of the cache's blocks in bytes, its discards in sectors: as the format has them. */
static void superblock_json(struct bp_json *json, const struct bp_cache_check_result *res)
{
	const struct bp_cache_superblock *sb = &res->superblock;

	bp_json_object(json, "superblock");
	out_members(json, superblock_members, res);
	bp_json_bool(json, "clean_shutdown", sb->flags & BP_CACHE_CLEAN);
	bp_json_bool(json, "needs_check", sb->flags & BP_CACHE_NEEDS_CHECK);
	bp_json_uint(json, "data_block_bytes", bp_sector_to_bytes(sb->data_block_sectors));
	bp_json_object_close(json);
}

/* The same as the text tells, and every damage: nothing is left out after the first few. */
static int print_json(struct check_tool *tool, const struct check_verdict *verdict)
{
	const struct check *check = (const struct check *)tool;
	const struct bp_cache_check_result *res = &check->res;
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

const struct cmd cmd_cache_check = {
	.name = "cache_check",
	.group = "Metadata",
	.summary = "Check a cache's metadata.",
	.examples = "  cache_check /dev/vg/cache_meta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
