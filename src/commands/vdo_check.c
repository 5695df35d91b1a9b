/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking a vdo volume; what is common to checks is check_tool.c. */
#include "commands/check_tool.h"
#include "commands/vdo.h"

#include <inttypes.h>

struct args {
	const char *path;
	bool shared;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "DEVICE", "device or file that holds the volume"),
	OPT_FLAG(shared, 0, "shared", "it may be in use; then what is found proves nothing"),
	OPT_END
};

static const char *const verdicts[] = { "clean", "remarks", "non-fatal", "fatal", NULL };
static const struct out_column columns[] = {
	DOC("metadata", OUT_TEXT, "the device or file"),
	DOC_WORD("verdict", verdicts, "the worst that was found"),
	COL_NUMBER(struct bp_vdo_check_result, nr_fatal, 0, "damages that lose data"),
	COL_NUMBER(struct bp_vdo_check_result, nr_nonfatal, 0, "damages that waste space"),
	COL_NUMBER(struct bp_vdo_check_result, nr_remarks, 0, "what is odd and does no harm"),
	COL_BOOL(struct bp_vdo_check_result, volume_ok, 0, "geometry and super block are sound; else the rest is null"),
	DOC("state", OUT_TEXT, "the volume's"),
	COL_BOOL(struct bp_vdo_check_result, counts_final, 0, "in this state counts and block map must agree"),
	DOC("logical_mblocks", OUT_NUMBER, "blocks it shows"),
	DOC("nr_mappings", OUT_NUMBER, "of them, mapped"),
	DOC("nr_zero", OUT_NUMBER, "of them, to zeros"),
	DOC("nr_compressed", OUT_NUMBER, "of them, to a part of a compressed block"),
	DOC("nr_map_pages", OUT_NUMBER, "pages of the block map in slabs"),
	DOC("nr_data_mblocks", OUT_NUMBER, "blocks with data"),
	DOC("nr_compressed_mblocks", OUT_NUMBER, "of them, compressed"),
	DOC("nr_leaked", OUT_NUMBER, "blocks counted that nothing refers to"),
	DOC("nr_wrong", OUT_NUMBER, "blocks with another wrong count"),
	DOC_LIST("damages", NULL, "what was found"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const struct out_schema schema = {
	.name = "bedplate.vdo.check",
	.columns = columns,
	.flags = OUT_ONE,
};

/* Counts only of a volume that could be read. */
static void print_text(const struct check_tool *tool, const struct bp_vdo_check_result *res)
{
	struct cli *cli = tool->cli;

	check_tool_text(tool);
	if (!res->volume_ok || cli->quiet)
		return;
	fprintf(cli->out, "state: %s%s\n", bp_vdo_state_name(res->volume.state),
		res->counts_final ? "" : " (journals were not replayed: counts may differ)");
	fprintf(cli->out,
		"logical blocks: %" PRIu64 " mapped (%" PRIu64 " to zeros, %" PRIu64
		" compressed) of %" PRIu64 "\n",
		res->nr_mappings, res->nr_zero, res->nr_compressed,
		res->volume.logical_mblocks);
	fprintf(cli->out,
		"physical blocks: %" PRIu64 " with data (%" PRIu64 " compressed), %" PRIu64
		" of the block map\n",
		res->nr_data_mblocks, res->nr_compressed_mblocks, res->nr_map_pages);
	if (res->nr_leaked || res->nr_wrong)
		fprintf(cli->out,
			"reference counts: %" PRIu64 " blocks leaked, %" PRIu64 " wrong\n",
			res->nr_leaked, res->nr_wrong);
}

/* A number, or null where the volume could not be looked at. */
static void number(struct bp_json *json, const char *key, bool known, uint64_t value)
{
	if (known)
		bp_json_uint(json, key, value);
	else
		bp_json_null(json, key);
}

/* null where the volume can't be read: 0 would be a count. */
static void result_json(struct bp_json *json, const struct bp_vdo_check_result *res)
{
	bool ok = res->volume_ok;

	out_members(json, columns, res);
	bp_json_string(json, "state", ok ? bp_vdo_state_name(res->volume.state) : NULL);
	number(json, "logical_mblocks", ok, res->volume.logical_mblocks);
	number(json, "nr_mappings", ok, res->nr_mappings);
	number(json, "nr_zero", ok, res->nr_zero);
	number(json, "nr_compressed", ok, res->nr_compressed);
	number(json, "nr_map_pages", ok, res->nr_map_pages);
	number(json, "nr_data_mblocks", ok, res->nr_data_mblocks);
	number(json, "nr_compressed_mblocks", ok, res->nr_compressed_mblocks);
	number(json, "nr_leaked", ok, res->nr_leaked);
	number(json, "nr_wrong", ok, res->nr_wrong);
}

/* Verdict first, damages last, as of every check. */
static int print_json(struct check_tool *tool, const struct bp_vdo_check_result *res,
		      const struct check_verdict *verdict)
{
	struct bp_json *json;
	int r = check_tool_json_start(tool, &schema, verdict, &json);

	if (r)
		return r;
	result_json(json, res);
	return check_tool_json_end(tool, verdict, json);
}

/* Exit status 1 for damage, as of every check. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct check_tool tool = { .cli = cli, .path = args->path };
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	struct bp_vdo_check_opts how = {
		.size = sizeof(how),
		.flags = args->shared ? BP_VDO_OPEN_SHARED : 0,
		.damage = check_tool_damage,
		.progress = check_tool_progress,
		.user = &tool,
	};
	struct check_verdict verdict;
	int r = bp_vdo_check(cli->ctx, args->path, &how, &res), status;

	verdict = (struct check_verdict){ res.nr_fatal, res.nr_nonfatal, res.nr_remarks };
	if (r < 0) {
		status = cli_fail(cli, args->path, r);
	} else if (cli->json) {
		status = print_json(&tool, &res, &verdict);
	} else {
		print_text(&tool, &res);
		status = check_tool_status(&tool, &verdict);
	}
	check_tool_done(&tool);
	return status;
}

const struct cmd cmd_vdo_check = {
	.name = "vdo check",
	.group = VDO_GROUP,
	.summary = "Check a vdo volume that is not active.",
	.examples = "  bedplate vdo check /dev/sdb\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
