/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_check: the check of thin metadata as a command; what is common to checks is check_tool.c. */
#include "commands/active.h"
#include "commands/check_tool.h"

#include <bedplate/thin.h>

#include <inttypes.h>

struct args {
	const char *path, *io_engine;
	uint32_t flags;
	bool auto_repair, clear_flag, ignore_non_fatal;
	uint64_t mapping_root, details_root;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_FLAG(auto_repair, 0, "auto-repair", "give leaked blocks back, put totals right and clear needs_check, if nothing else is wrong"),
	OPT_FLAG(clear_flag, 0, "clear-needs-check-flag", "clear needs_check if nothing fatal is found; leaks are repaired too"),
	OPT_FLAG(ignore_non_fatal, 0, "ignore-non-fatal-errors", "exit with 0 where only leaks and the like are found"),
	OPT_BIT(flags, BP_THIN_CHECK_SNAP, 'm', "metadata-snap", "check the metadata snapshot of a pool, which may be active"),
	OPT_RANGE(mapping_root, 1, UINT64_MAX, 0, "override-mapping-root", "BLOCK", "use this root of the mapping tree"),
	OPT_RANGE(details_root, 1, UINT64_MAX, 0, "override-details-root", "BLOCK", "use this root of the device details tree"),
	OPT_BIT(flags, BP_THIN_CHECK_SKIP_MAPPINGS, 0, "skip-mappings", "check superblock and devices only"),
	OPT_BIT(flags, BP_THIN_CHECK_SUPER_ONLY, 0, "super-block-only", "check the superblock only"),
	OPT_BIT(flags, BP_THIN_CHECK_STRICT, 0, "strict", "fail for everything that is not as it should be"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_CONFLICT("auto-repair", "metadata-snap override-mapping-root override-details-root super-block-only skip-mappings ignore-non-fatal-errors"),
	OPT_CONFLICT("clear-needs-check-flag", "metadata-snap override-mapping-root override-details-root"),
	OPT_END
};
/* clang-format on */

struct check {
	struct check_tool tool;
	const struct args *args;
	struct bp_thin_check_result res;
};

/* Three calls, as repairs open for writing and checks don't. */
static int carry_out(struct check *check)
{
	const struct args *args = check->args;
	struct bp_thin_check_opts check_opts = {
		.size = sizeof(check_opts),
		.flags = args->flags,
		.mapping_root = args->mapping_root,
		.details_root = args->details_root,
		.damage = check_tool_damage,
		.progress = check_tool_progress,
		.user = &check->tool,
	};
	struct bp_ctx *ctx = check->tool.cli->ctx;

	/* Nothing would be told: then it needs no words either. */
	if (check->tool.cli->quiet && !check->tool.cli->json)
		check_opts.damage = NULL;

	check->res.size = sizeof(check->res);
	if (args->auto_repair)
		return bp_thin_auto_repair(ctx, args->path, &check_opts, &check->res);
	if (args->clear_flag)
		return bp_thin_clear_needs_check(ctx, args->path, &check_opts, &check->res);
	return bp_thin_check(ctx, args->path, &check_opts, &check->res);
}

static struct check_verdict verdict_of(const struct bp_thin_check_result *res)
{
	return (struct check_verdict){ res->nr_fatal, res->nr_nonfatal, res->nr_remarks };
}

/* --- text: the phrases are matched by programs --- */

static void print_more(struct cli *cli, const struct bp_thin_check_result *res)
{
	cli_note(cli, "devices: %" PRIu64 " (%" PRIu64 " more only in the metadata snap)",
		 res->nr_devices, res->nr_snap_devices);
	cli_note(cli,
		 "mapping trees: %" PRIu64 " nodes, %" PRIu64 " of them leaves, %" PRIu64
		 " mappings (shared nodes once)",
		 res->nr_nodes, res->nr_leaves, res->nr_mappings);
}

/*
 * Sentences and their order are the reference tool's, as scripts look for them. The last
 * two lines go to standard output.
 */
static void print_text(const struct check_tool *tool)
{
	const struct check *check = (const struct check *)tool;
	const struct bp_thin_check_result *res = &check->res;
	struct cli *cli = check->tool.cli;
	bool leaks = res->nr_data_leaked > res->repaired_data_leaks ||
		     res->nr_metadata_leaked > res->repaired_metadata_leaks;

	check_tool_text(tool);
	check_tool_counts(cli, "data", res->nr_data_leaked, res->repaired_data_leaks,
			  res->nr_data_wrong);
	check_tool_counts(cli, "metadata", res->nr_metadata_leaked,
			  res->repaired_metadata_leaks, res->nr_metadata_wrong);
	if (leaks && !res->nr_fatal)
		cli_note(cli, "perhaps you wanted to run with --auto-repair");
	if (res->repaired_accounting)
		cli_note(cli, "Put totals of the space maps right.");
	if (res->repaired_times)
		cli_note(cli, "Raised %" PRIu64 " times that were too low.",
			 res->repaired_times);
	if (res->cleared_needs_check)
		cli_note(cli, "Cleared needs_check flag");
	else if (res->superblock_ok && (res->superblock.flags & BP_THIN_NEEDS_CHECK))
		cli_note(cli, "needs_check is set: until it is cleared "
			      "(--clear-needs-check-flag) the pool can only be read");
	if (cli->verbose)
		print_more(cli, res);
	if (res->superblock_ok && !cli->quiet)
		fprintf(cli->out,
			"TRANSACTION_ID=%" PRIu64 "\nMETADATA_FREE_BLOCKS=%" PRIu64 "\n",
			res->superblock.transaction_id, res->nr_metadata_free);
}

/* --- JSON --- */

/* clang-format off */
static const struct out_column superblock_members[] = {
	COL_NUMBER_AS("transaction_id", struct bp_thin_check_result, superblock.transaction_id, 0, "the pool's transaction"),
	COL_NUMBER_AS("time", struct bp_thin_check_result, superblock.time, 0, "its clock, which counts snapshots"),
	COL_NUMBER_AS("version", struct bp_thin_check_result, superblock.version, 0, "of the format"),
	DOC("needs_check", OUT_BOOL, "the kernel found damage: until it is cleared the pool can only be read"),
	DOC("data_block_bytes", OUT_SIZE, "size of a data block"),
	COL_NUMBER_AS("nr_data_blocks", struct bp_thin_check_result, superblock.nr_data_blocks, 0, "data blocks"),
	COL_NUMBER_AS("nr_data_allocated", struct bp_thin_check_result, superblock.nr_data_allocated, 0, "of them, those in use"),
	COL_NUMBER_AS("nr_metadata_blocks", struct bp_thin_check_result, superblock.nr_metadata_blocks, 0, "metadata blocks"),
	COL_NUMBER_AS("nr_metadata_allocated", struct bp_thin_check_result, superblock.nr_metadata_allocated, 0, "of them, those in use"),
	COL_NUMBER(struct bp_thin_check_result, nr_metadata_free, 0, "as the kernel counts them"),
	DOC_MAYBE("metadata_snap", OUT_NUMBER, "block of the metadata snapshot"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC_OBJECT_MAYBE("superblock", superblock_members, "what it says"),
	COL_NUMBER(struct bp_thin_check_result, nr_fatal, 0, "damages that keep the pool from being used"),
	COL_NUMBER(struct bp_thin_check_result, nr_nonfatal, 0, "damages that don't"),
	COL_NUMBER(struct bp_thin_check_result, nr_remarks, 0, "what is of no consequence"),
	COL_NUMBER(struct bp_thin_check_result, nr_devices, 0, "devices"),
	COL_NUMBER(struct bp_thin_check_result, nr_snap_devices, 0, "more, only in the metadata snapshot"),
	COL_NUMBER(struct bp_thin_check_result, nr_mappings, 0, "mappings; those in shared nodes count once"),
	COL_NUMBER(struct bp_thin_check_result, nr_nodes, 0, "nodes of the mapping trees"),
	COL_NUMBER(struct bp_thin_check_result, nr_leaves, 0, "of them, leaves"),
	COL_NUMBER(struct bp_thin_check_result, nr_data_leaked, 0, "data blocks that nobody has, but count as used"),
	COL_NUMBER(struct bp_thin_check_result, nr_metadata_leaked, 0, "the same of metadata blocks"),
	COL_NUMBER(struct bp_thin_check_result, nr_data_wrong, 0, "data blocks whose count is wrong"),
	COL_NUMBER(struct bp_thin_check_result, nr_metadata_wrong, 0, "the same of metadata blocks"),
	COL_NUMBER(struct bp_thin_check_result, repaired_data_leaks, 0, "leaked data blocks that were given back"),
	COL_NUMBER(struct bp_thin_check_result, repaired_metadata_leaks, 0, "the same of metadata blocks"),
	COL_NUMBER(struct bp_thin_check_result, repaired_times, 0, "times that were too low and are raised"),
	COL_BOOL(struct bp_thin_check_result, repaired_accounting, 0, "totals of the space maps were put right"),
	COL_BOOL(struct bp_thin_check_result, cleared_needs_check, 0, "the flag was cleared"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_check", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* A metadata snapshot only where there is one: 0 is no block to name. */
static void superblock_json(struct bp_json *json, const struct bp_thin_check_result *res)
{
	const struct bp_thin_superblock *sb = &res->superblock;

	bp_json_object(json, "superblock");
	out_members(json, superblock_members, res);
	bp_json_bool(json, "needs_check", sb->flags & BP_THIN_NEEDS_CHECK);
	bp_json_uint(json, "data_block_bytes", bp_sector_to_bytes(sb->data_block_sectors));
	if (sb->metadata_snap)
		bp_json_uint(json, "metadata_snap", sb->metadata_snap);
	bp_json_object_close(json);
}

static int print_json(struct check_tool *tool, const struct check_verdict *verdict)
{
	const struct check *check = (const struct check *)tool;
	struct bp_json *json;
	int r = check_tool_json_start(tool, &schema, verdict, &json);

	if (r)
		return r;
	if (check->res.superblock_ok)
		superblock_json(json, &check->res);
	out_members(json, columns, &check->res);
	return check_tool_json_end(tool, verdict, json);
}

/* What would write to an active pool is refused by whoever opens it. */
static int use_active(struct cli *cli, struct args *args)
{
	struct active_pool active;
	const char *snap = NULL;
	int status;

	if (args->auto_repair || args->clear_flag)
		return 0;
	status = active_metadata(cli, &active, &args->path, &snap);
	if (snap)
		args->flags |= BP_THIN_CHECK_SNAP;
	return status;
}

static const struct check_tool_ends ends = { print_text, print_json };

/* A pool in use is checked through its metadata snapshot; a repair takes the path as it is. */
static int run(struct cli *cli, const void *p)
{
	struct args args = *(const struct args *)p;
	struct check check = {
		.tool = { .cli = cli, .ignore_non_fatal = args.ignore_non_fatal },
		.args = &args,
	};
	struct check_verdict verdict;
	int r, status = use_active(cli, &args);

	if (status)
		return status;
	check.tool.path = args.path;
	r = carry_out(&check);
	verdict = verdict_of(&check.res);
	return check_tool_end(&check.tool, r, &verdict, &ends);
}

const struct cmd cmd_thin_check = {
	.name = "thin_check",
	.group = "Metadata",
	.summary = "Check a thin pool's metadata.",
	.examples = "  thin_check /dev/vg/pool_tmeta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
