/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* cache_writeback: 0 only where every block is on the origin and the metadata says so. */
#include "cli/out.h"

#include <bedplate/cache_writeback.h>

#include <inttypes.h>

struct args {
	const char *metadata, *origin, *fast, *io_engine;
	uint64_t origin_offset, fast_offset, buffer_meg, retries;
	bool list, keep;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_STRING(metadata, 0, "metadata-device", "FILE", "metadata device of the cache"),
	OPT_STRING(origin, 0, "origin-device", "FILE", "slow device, which blocks are written to"),
	OPT_STRING(fast, 0, "fast-device", "FILE", "fast device, which blocks are read from"),
	OPT_NUMBER(origin_offset, 0, "origin-device-offset", "SECTORS", "where block 0 lies on the origin; default: 0"),
	OPT_NUMBER(fast_offset, 0, "fast-device-offset", "SECTORS", "where block 0 lies on the fast device; default: 0"),
	OPT_RANGE(buffer_meg, 1, 1u << 20, 0, "buffer-size-meg", "MB", "memory for data; default: 64"),
	OPT_RANGE(retries, 0, 1000, 0, "retry-count", "COUNT", "try blocks that fail so many more times; default: 0"),
	OPT_FLAG(list, 0, "list-failed-blocks", "print the blocks that failed"),
	OPT_FLAG(keep, 0, "no-metadata-update", "leave the metadata as it is: blocks stay dirty"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("metadata-device"),
	OPT_ANY("origin-device"),
	OPT_ANY("fast-device"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column failed_members[] = {
	COL_NUMBER(struct bp_cache_writeback_failed, cache_block, 0, "of the fast device"),
	COL_NUMBER(struct bp_cache_writeback_failed, origin_block, 0, "of the origin"),
	COL_BOOL(struct bp_cache_writeback_failed, writing, 0, "false: it could not be read"),
	DOC("error", OUT_TEXT, "why"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	COL_NUMBER(struct bp_cache_writeback_result, nr_blocks, 0, "blocks to be copied"),
	COL_NUMBER(struct bp_cache_writeback_result, nr_copied, 0, "of them copied"),
	COL_NUMBER(struct bp_cache_writeback_result, nr_read_errors, 0, "that could not be read"),
	COL_NUMBER(struct bp_cache_writeback_result, nr_write_errors, 0, "that could not be written"),
	COL_NUMBER(struct bp_cache_writeback_result, nr_damages, 0, "damages of the metadata"),
	COL_BOOL(struct bp_cache_writeback_result, metadata_updated, 0, "blocks copied are clean in the metadata now"),
	DOC_LIST("failed", failed_members, "blocks that could not be copied"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.cache_writeback", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct tool {
	struct cli *cli;
	const struct args *args;
	struct bp_cache_writeback_result res;
	struct bp_cache_writeback_failed *failed; /* with --json */
	size_t nr_failed;
	bool no_memory;
};

/* JSON comes in one piece at the end, so the list is kept for it. */
static void keep_failed(struct tool *tool, const struct bp_cache_writeback_failed *failed)
{
	void *list = tool->no_memory ? NULL
				     : realloc(tool->failed,
					       (tool->nr_failed + 1) * sizeof(*tool->failed));

	if (!list) {
		tool->no_memory = true;
		return;
	}
	tool->failed = list;
	tool->failed[tool->nr_failed++] = *failed;
}

static void on_failed(void *user, const struct bp_cache_writeback_failed *failed)
{
	struct tool *tool = user;

	if (tool->cli->json)
		keep_failed(tool, failed);
	else if (tool->args->list && !tool->cli->quiet)
		fprintf(tool->cli->out,
			"cache block %u, origin block %" PRIu64 ": cannot %s: %s\n",
			failed->cache_block, failed->origin_block,
			failed->writing ? "write" : "read", strerror(-failed->error));
}

static void on_damage(void *user, const struct bp_damage *damage)
{
	struct tool *tool = user;

	cli_warn(tool->cli, "%s", damage->what);
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	struct tool *tool = user;

	return cli_progress(tool->cli, done, total);
}

/* The buffer comes in MiB, as in the reference's option. */
static int carry_out(struct tool *tool)
{
	const struct args *args = tool->args;
	const struct bp_cache_writeback_opts how = {
		.size = sizeof(how),
		.flags = (args->keep ? BP_CACHE_WRITEBACK_KEEP_METADATA : 0u) |
			 (tool->cli->dry_run ? BP_CACHE_WRITEBACK_DRY_RUN : 0u),
		.origin_offset_sectors = args->origin_offset,
		.fast_offset_sectors = args->fast_offset,
		.buffer_bytes = args->buffer_meg << 20,
		.retries = (unsigned)args->retries,
		.failed = on_failed,
		.damage = on_damage,
		.progress = on_progress,
		.user = tool,
	};

	tool->res.size = sizeof(tool->res);
	cli_progress_title(tool->cli, "Copying cache blocks");
	return bp_cache_writeback(tool->cli->ctx, args->metadata, args->fast, args->origin,
				  &how, &tool->res);
}

/* The first line is as programs know it. */
static void print_text(const struct tool *tool)
{
	const struct bp_cache_writeback_result *res = &tool->res;
	struct cli *cli = tool->cli;
	uint64_t left = res->nr_blocks - res->nr_copied;

	if (cli->dry_run) {
		if (!cli->quiet)
			fprintf(cli->out, "%" PRIu64 " blocks would be copied\n",
				res->nr_blocks);
		return;
	}
	if (!cli->quiet)
		fprintf(cli->out, "%" PRIu64 "/%" PRIu64 " blocks successfully copied\n",
			res->nr_copied, res->nr_blocks);
	if (left)
		cli_note(cli,
			 "read errors %" PRIu64 ", write errors %" PRIu64 ": %" PRIu64
			 " blocks were not copied",
			 res->nr_read_errors, res->nr_write_errors, left);
	if (!res->metadata_updated && !tool->args->keep)
		cli_note(cli, "the metadata is as it was: all blocks are dirty still");
}

static bool is_whole(const struct bp_cache_writeback_result *res)
{
	return res->nr_copied == res->nr_blocks && !res->nr_damages;
}

static void failed_block_json(struct bp_json *json,
			      const struct bp_cache_writeback_failed *failed)
{
	bp_json_object(json, NULL);
	out_members(json, failed_members, failed);
	bp_json_string(json, "error", strerror(-failed->error));
	bp_json_object_close(json);
}

static void failed_json(struct bp_json *json, const struct tool *tool)
{
	bp_json_array(json, "failed");
	for (size_t i = 0; i < tool->nr_failed; i++)
		failed_block_json(json, &tool->failed[i]);
	bp_json_array_close(json);
}

/* A list cut for want of memory would lie: it is refused instead. */
static int print_json(const struct tool *tool)
{
	const struct bp_cache_writeback_result *res = &tool->res;
	struct bp_json *json;
	int r = tool->no_memory ? -ENOMEM : 0;

	if (r == 0)
		r = cli_json_start(tool->cli, &schema, &json);
	if (r < 0)
		return cli_fail(tool->cli, NULL, r);
	bp_json_object(json, "data");
	out_members(json, columns, res);
	failed_json(json, tool);
	bp_json_object_close(json);
	return cli_json_end(tool->cli, json);
}

/* Blocks that could not be copied are a failure, even if all others were. */
static int run(struct cli *cli, const void *p)
{
	struct tool tool = { .cli = cli, .args = p };
	int r = carry_out(&tool), status = EXIT_OK;

	if (r < 0)
		status = cli_fail(cli, tool.args->metadata, r);
	else if (cli->json)
		status = print_json(&tool);
	else
		print_text(&tool);
	free(tool.failed);
	if (status || cli->dry_run)
		return status;
	return is_whole(&tool.res) ? EXIT_OK : EXIT_FAILED;
}

const struct cmd cmd_cache_writeback = {
	.name = "cache_writeback",
	.group = "Metadata",
	.summary = "Copy the dirty blocks of a cache to its origin.",
	.examples = "  cache_writeback --metadata-device /dev/vg/meta --origin-device "
		    "/dev/vg/slow --fast-device /dev/vg/fast\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
