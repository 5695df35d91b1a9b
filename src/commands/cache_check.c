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
	DOC("version", OUT_NUMBER, "of the format"),
	DOC("clean_shutdown", OUT_BOOL, "it was shut down cleanly"),
	DOC("needs_check", OUT_BOOL, "the kernel found damage: until it is cleared it can't be used"),
	DOC("policy", OUT_TEXT, "name of the policy"),
	DOC("hint_bytes", OUT_SIZE, "size of the policy's hint of a block"),
	DOC("data_block_bytes", OUT_SIZE, "size of a block of data"),
	DOC("nr_cache_blocks", OUT_NUMBER, "blocks of the cache"),
	DOC("discard_block_sectors", OUT_NUMBER, "unit of discards"),
	DOC("nr_discard_blocks", OUT_NUMBER, "how many of them"),
	DOC("nr_metadata_blocks", OUT_NUMBER, "metadata blocks"),
	DOC("nr_metadata_allocated", OUT_NUMBER, "of them, those in use"),
	DOC("nr_metadata_free", OUT_NUMBER, "as the kernel counts them"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC_OBJECT_MAYBE("superblock", superblock_members, "what it says"),
	DOC("nr_fatal", OUT_NUMBER, "damages that keep it from being used"),
	DOC("nr_nonfatal", OUT_NUMBER, "damages that don't"),
	DOC("nr_remarks", OUT_NUMBER, "what is of no consequence"),
	DOC("nr_mapped", OUT_NUMBER, "cache blocks that hold something"),
	DOC("nr_dirty", OUT_NUMBER, "of them, those stored as dirty"),
	DOC("nr_lost", OUT_NUMBER, "cache blocks whose mapping can't be read"),
	DOC("nr_metadata_leaked", OUT_NUMBER, "metadata blocks that nobody has, but count as used"),
	DOC("nr_metadata_wrong", OUT_NUMBER, "metadata blocks whose count is wrong"),
	DOC("repaired_metadata_leaks", OUT_NUMBER, "leaked metadata blocks that were given back"),
	DOC("repaired_accounting", OUT_BOOL, "totals of the space map were put right"),
	DOC("cleared_needs_check", OUT_BOOL, "the flag was cleared"),
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
	bp_json_uint(json, "version", sb->version);
	bp_json_bool(json, "clean_shutdown", sb->flags & BP_CACHE_CLEAN);
	bp_json_bool(json, "needs_check", sb->flags & BP_CACHE_NEEDS_CHECK);
	bp_json_string(json, "policy", sb->policy);
	bp_json_uint(json, "hint_bytes", sb->hint_bytes);
	bp_json_uint(json, "data_block_bytes", bp_sector_to_bytes(sb->data_block_sectors));
	bp_json_uint(json, "nr_cache_blocks", sb->nr_cache_blocks);
	bp_json_uint(json, "discard_block_sectors", sb->discard_block_sectors);
	bp_json_uint(json, "nr_discard_blocks", sb->nr_discard_blocks);
	bp_json_uint(json, "nr_metadata_blocks", sb->nr_metadata_blocks);
	bp_json_uint(json, "nr_metadata_allocated", sb->nr_metadata_allocated);
	bp_json_uint(json, "nr_metadata_free", res->nr_metadata_free);
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
	bp_json_uint(json, "nr_fatal", res->nr_fatal);
	bp_json_uint(json, "nr_nonfatal", res->nr_nonfatal);
	bp_json_uint(json, "nr_remarks", res->nr_remarks);
	bp_json_uint(json, "nr_mapped", res->nr_mapped);
	bp_json_uint(json, "nr_dirty", res->nr_dirty);
	bp_json_uint(json, "nr_lost", res->nr_lost);
	bp_json_uint(json, "nr_metadata_leaked", res->nr_metadata_leaked);
	bp_json_uint(json, "nr_metadata_wrong", res->nr_metadata_wrong);
	bp_json_uint(json, "repaired_metadata_leaks", res->repaired_metadata_leaks);
	bp_json_bool(json, "repaired_accounting", res->repaired_accounting);
	bp_json_bool(json, "cleared_needs_check", res->cleared_needs_check);
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
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
