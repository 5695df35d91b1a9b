/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_repair: what was kept and lost is said whole; 1 where anything that matters was lost. */
#include "commands/repair_tool.h"

#include <bedplate/cache_repair.h>

#include <inttypes.h>

struct args {
	struct repair_args all;
	const char *policy;
	uint64_t data_block_sectors, nr_cache_blocks, mapping_root, version;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_REPAIR_HEAD,
	OPT_RANGE(data_block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "size of a cache block, where the superblock is lost"),
	OPT_RANGE(nr_cache_blocks, 1, UINT32_MAX, 0, "nr-cache-blocks", "BLOCKS", "how many there are, where the superblock is lost"),
	OPT_STRING(policy, 0, "policy", "NAME", "policy, where the superblock is lost; default: smq"),
	OPT_RANGE(mapping_root, 1, UINT64_MAX, 0, "mapping-root", "BLOCK", "use this root of the mappings"),
	OPT_RANGE(version, 1, 2, 0, "metadata-version", "VERSION", "version to write: 1 or 2; default: as it was"),
	OPT_REPAIR_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column root_members[] = {
	COL_NUMBER(struct bp_cache_root, block, 0, "where it lies"),
	COL_NUMBER(struct bp_cache_root, nr_cache_blocks, 0, "cache blocks it has"),
	COL_NUMBER(struct bp_cache_root, nr_mapped, 0, "of them mapped"),
	COL_NUMBER(struct bp_cache_root, nr_lost, 0, "of them that can't be read"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	CHECK_TOOL_HEAD,
	DOC("written", OUT_BOOL, "false: a plan only"),
	COL_BOOL(struct bp_cache_repair_result, superblock_ok, 0, "the superblock could be used"),
	COL_BOOL(struct bp_cache_repair_result, clean_shutdown, 0, "the cache was shut down cleanly"),
	COL_NUMBER(struct bp_cache_repair_result, mapping_root, 0, "root of the mappings taken"),
	COL_NUMBER(struct bp_cache_repair_result, nr_cache_blocks, 0, "blocks of the cache"),
	COL_NUMBER(struct bp_cache_repair_result, nr_kept, 0, "mappings kept"),
	COL_NUMBER(struct bp_cache_repair_result, nr_dirty, 0, "of them, to be taken as dirty"),
	COL_NUMBER(struct bp_cache_repair_result, nr_lost, 0, "cache blocks whose mapping is lost"),
	COL_NUMBER(struct bp_cache_repair_result, nr_dropped, 0, "mappings left out as they can't be"),
	COL_NUMBER(struct bp_cache_repair_result, nr_unknown, 0, "mappings whose state is lost, dirty now"),
	COL_BOOL(struct bp_cache_repair_result, hints_lost, 0, "hints were lost in part"),
	COL_BOOL(struct bp_cache_repair_result, discards_lost, 0, "discards were lost"),
	DOC_LIST("roots", root_members, "roots of mappings that were found"),
	CHECK_TOOL_DAMAGES,
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.cache_repair", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct repair {
	struct repair_tool base;
	const struct args *args;
	struct bp_cache_repair_result res;
	/* What --json shows of roots. */
	struct bp_cache_root *roots;
	size_t nr_roots;
};

/*
 * Candidates are told while they are found: whoever must choose by --mapping-root sees them
 * all.
 */
static void on_root(void *user, const struct bp_cache_root *root)
{
	struct check_tool *tool = user;
	struct repair *re = user;
	void *roots = realloc(re->roots, (re->nr_roots + 1) * sizeof(*re->roots));

	if (!roots) {
		tool->no_memory = true;
		return;
	}
	re->roots = roots;
	re->roots[re->nr_roots++] = *root;
	cli_note(tool->cli,
		 "mappings may lie at block %" PRIu64 ": %" PRIu64 " cache blocks, %" PRIu64
		 " mapped, %" PRIu64 " can't be read",
		 root->block, root->nr_cache_blocks, root->nr_mapped, root->nr_lost);
}

/* A plan opens no output. */
static int carry_out(struct repair_tool *base)
{
	struct repair *re = (struct repair *)base;
	const struct args *args = re->args;
	const struct bp_cache_repair_opts how = {
		.size = sizeof(how),
		.mapping_root = args->mapping_root,
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_cache_blocks = (uint32_t)args->nr_cache_blocks,
		.version = (uint32_t)args->version,
		.policy = args->policy,
		.damage = check_tool_damage,
		.root = on_root,
		.progress = repair_tool_progress,
		.user = re,
	};
	struct bp_ctx *ctx = base->tool.cli->ctx;

	re->res.size = sizeof(re->res);
	if (base->planned)
		return bp_cache_repair_plan(ctx, args->all.input, &how, &re->res);
	return bp_cache_repair(ctx, args->all.input, args->all.output, &how, &re->res);
}

/* Mappings and what is dirty are data; hints and discards are not. */
static bool is_whole(const struct bp_cache_repair_result *res)
{
	return res->superblock_ok && !res->nr_lost && !res->nr_dropped && !res->nr_unknown;
}

static struct check_verdict verdict_of(const struct repair_tool *base)
{
	const struct repair *re = (const struct repair *)base;

	return (struct check_verdict){ .nr_fatal = !is_whole(&re->res) };
}

/* Silent when all of it could be kept, as the reference tool is. */
static void print_text(const struct check_tool *tool)
{
	const struct repair *re = (const struct repair *)tool;
	const struct bp_cache_repair_result *res = &re->res;
	struct cli *cli = tool->cli;
	bool lost = !is_whole(res) || res->hints_lost || res->discards_lost;

	check_tool_text(tool);
	if (!lost && !re->base.planned && !cli->verbose)
		return;
	cli_note(cli,
		 "%s %" PRIu64 " mappings of %" PRIu64 " cache blocks, %" PRIu64
		 " to be taken as dirty",
		 re->base.planned ? "would keep" : "kept", res->nr_kept, res->nr_cache_blocks,
		 res->nr_dirty);
	if (res->nr_lost)
		cli_note(cli, "lost: %" PRIu64 " cache blocks whose mapping can't be read",
			 res->nr_lost);
	if (res->nr_dropped)
		cli_note(cli, "left out: %" PRIu64 " mappings that can't be", res->nr_dropped);
	if (res->nr_unknown)
		cli_note(cli, "%" PRIu64 " mappings became dirty, as their state can't be read",
			 res->nr_unknown);
	if (res->hints_lost)
		cli_note(cli, "hints were lost in part: the policy learns them anew");
	if (res->discards_lost)
		cli_note(cli, "discards were lost: no data is");
	if (!res->clean_shutdown)
		cli_note(cli, "not known to be shut down cleanly: the kernel will take all "
			      "mappings as dirty");
}

/* --- JSON --- */

/* All candidates, so that a program can choose one by --mapping-root. */
static void roots_json(struct bp_json *json, const struct repair *re)
{
	bp_json_array(json, "roots");
	for (size_t i = 0; i < re->nr_roots; i++) {
		const struct bp_cache_root *root = &re->roots[i];

		bp_json_object(json, NULL);
		out_members(json, root_members, root);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
}

/* "written" says whether it was a plan. */
static int print_json(struct check_tool *tool, const struct check_verdict *verdict)
{
	const struct repair *re = (const struct repair *)tool;
	const struct bp_cache_repair_result *res = &re->res;
	struct bp_json *json;
	int r = check_tool_json_start(tool, &schema, verdict, &json);

	if (r)
		return r;
	bp_json_bool(json, "written", !re->base.planned);
	out_members(json, columns, res);
	roots_json(json, re);
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
	struct repair re = { .args = args };
	int status = repair_tool_run(cli, &args->all, &row, &re.base);

	free(re.roots);
	return status;
}

const struct cmd cmd_cache_repair = {
	.name = "cache_repair",
	.group = "Metadata",
	.summary = "Write what can be kept of a cache's damaged metadata anew.",
	.examples = "  cache_repair -i damaged.img -o new.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
