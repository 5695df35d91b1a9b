/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* era_invalidate: which blocks were written since an era, as XML or JSON. */
#include "cli/out.h"
#include "commands/text_out.h"

#include <bedplate/era_dump.h>

struct args {
	const char *path, *output, *snap, *io_engine;
	uint64_t since;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_RANGE(since, 0, UINT32_MAX, 0, "written-since", "ERA", "list the blocks that may have been written in this era or later"),
	OPT_OPTIONAL(snap, 'm', "metadata-snapshot", "BLOCK", "read the metadata snapshot of a target that may be active; BLOCK is not looked at"),
	OPT_STRING(output, 'o', "output", "FILE", "write there instead of to standard output"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_SYNONYM("metadata-snap", "metadata-snapshot"),
	OPT_ANY("written-since"),
	OPT_END
};
/* clang-format on */

static int open_meta(struct cli *cli, const struct args *args, struct bp_era_meta **ret)
{
	const struct bp_era_open_opts how = {
		.size = sizeof(how),
		.flags = args->snap ? BP_ERA_OPEN_SNAP : 0,
	};

	return bp_era_open(cli->ctx, args->path, &how, ret);
}

/* The text form, as the reference tool writes it. */
static int make(struct cli *cli, const void *p, bp_write_fn write, void *user,
		uint64_t *ret_damages)
{
	const struct args *args = p;
	struct bp_era_meta *meta;
	int r = open_meta(cli, args, &meta);

	if (r < 0)
		return r;
	r = bp_era_blocks_text(meta, (uint32_t)args->since, text_out_damage, cli, write, user,
			       ret_damages);
	bp_era_close(meta);
	return r;
}

/* --- JSON --- */

struct listing {
	struct cli *cli;
	struct bp_json *json;
	uint64_t nr_damages, nr_blocks;
};

static int on_run(void *user, uint32_t begin, uint32_t end)
{
	struct listing *l = user;

	bp_json_object(l->json, NULL);
	bp_json_uint(l->json, "begin", begin);
	bp_json_uint(l->json, "end", end);
	bp_json_object_close(l->json);
	l->nr_blocks += end - begin;
	return 0;
}

static int on_damage(void *user, const struct bp_damage *damage)
{
	struct listing *l = user;

	l->nr_damages++;
	cli_warn(l->cli, "%s", damage->what);
	return 0;
}

/* clang-format off */
static const struct out_column run_members[] = {
	DOC("begin", OUT_NUMBER, "first block"),
	DOC("end", OUT_NUMBER, "block behind the last"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("written_since", OUT_NUMBER, "the era that was asked for"),
	DOC("current_era", OUT_NUMBER, "the metadata's"),
	DOC_LIST("runs", run_members, "blocks written in that era or later"),
	DOC("nr_blocks", OUT_NUMBER, "how many they are"),
	DOC("exact", OUT_BOOL, "nothing was taken for written because it can't be read"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.era_invalidate", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* Runs are written as they come; whether they are exact is known only behind them. */
static int print_json(struct cli *cli, const struct args *args)
{
	struct listing l = { .cli = cli };
	struct bp_era_meta *meta;
	int r = open_meta(cli, args, &meta), status;

	if (r < 0)
		return cli_fail(cli, args->path, r);
	r = cli_json_start(cli, &schema, &l.json);
	if (r < 0) {
		bp_era_close(meta);
		return cli_fail(cli, NULL, r);
	}
	bp_json_object(l.json, "data");
	bp_json_uint(l.json, "written_since", args->since);
	bp_json_uint(l.json, "current_era", bp_era_superblock_get(meta)->current_era);
	bp_json_array(l.json, "runs");
	r = bp_era_written_since(meta, (uint32_t)args->since, on_run, on_damage, &l);
	bp_era_close(meta);
	if (r < 0)
		return cli_json_fail(cli, l.json, args->path, r);
	bp_json_array_close(l.json);
	bp_json_uint(l.json, "nr_blocks", l.nr_blocks);
	bp_json_bool(l.json, "exact", !l.nr_damages);
	bp_json_object_close(l.json);
	status = cli_json_end(cli, l.json);
	return status || !l.nr_damages ? status : EXIT_FAILED;
}

/*
 * Damage makes the list longer, never shorter: what can't be read counts as written. Hence
 * .whole.
 */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct text_out to = {
		.cli = cli,
		.input = args->path,
		.output = args->output,
		.checker = "era_check",
		.whole = true,
		.make = make,
		.args = args,
	};

	return cli->json && !args->output ? print_json(cli, args) : text_out(&to);
}

const struct cmd cmd_era_invalidate = {
	.name = "era_invalidate",
	.group = "Metadata",
	.summary = "List the blocks that were written since an era.",
	.examples = "  era_invalidate --written-since 4 /dev/vg/era_meta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
