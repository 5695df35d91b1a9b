/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What metadata look like in numbers: tables of counts, run lengths, shares. Reads only, judges
 * nothing.
 */
#include "cli/out.h"

#include <bedplate/thin_stat.h>

#include <inttypes.h>

struct args {
	const char *path, *snap, *io_engine;
	unsigned op;
};

/* As enum bp_thin_stat_what. */
static const char *const ops[] = { "data_blocks", "metadata_blocks", "data_run_len", NULL };

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_CHOICE(op, ops, 0, "op", "WHAT", "what to count: data_blocks, metadata_blocks or data_run_len"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "with data_run_len: of the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("op"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column row_members[] = {
	DOC("value", OUT_NUMBER, "reference count, or length of a run"),
	DOC("times", OUT_NUMBER, "how often"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC_WORD("op", ops, "what was counted"),
	DOC_LIST("rows", row_members, "by value, ascending"),
	DOC("times", OUT_NUMBER, "all of them together"),
	DOC("sum", OUT_NUMBER, "of values, each as often as it is there"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_stat", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct table {
	struct bp_thin_stat_row *rows;
	size_t nr, size;
	uint64_t times, sum; /* of all rows; sum: of values */
};

/* Kept for the percentages, which need the sum. */
static int add_row(void *user, const struct bp_thin_stat_row *row)
{
	struct table *t = user;

	if (t->nr == t->size) {
		size_t size = t->size ? 2 * t->size : 64;
		void *rows = realloc(t->rows, size * sizeof(*t->rows));

		if (!rows)
			return -ENOMEM;
		t->rows = rows;
		t->size = size;
	}
	t->rows[t->nr++] = *row;
	t->times += row->times;
	t->sum += row->value * row->times;
	return 0;
}

static double percentage(const struct table *t, size_t i)
{
	return 100.0 * (double)t->rows[i].times / (double)t->times;
}

/* The reference's table, with its average. */
static int print_text(struct cli *cli, const struct args *args, const struct table *t)
{
	bool runs = args->op == BP_THIN_STAT_DATA_RUNS;

	fprintf(cli->out, "%s\ttimes\tpercentage\n", runs ? "run-length" : "ref-count");
	for (size_t i = 0; i < t->nr; i++)
		fprintf(cli->out, "%" PRIu64 "\t%" PRIu64 "\t%.4f\n", t->rows[i].value,
			t->rows[i].times, percentage(t, i));
	if (runs)
		fprintf(cli->out, "%" PRIu64 " blocks mapped in %" PRIu64 " runs\n", t->sum,
			t->times);
	else
		fprintf(cli->out, "%" PRIu64 " blocks allocated\n", t->times);
	if (t->times)
		fprintf(cli->out, "avg %s = %.2f\n", runs ? "run length" : "ref count",
			(double)t->sum / (double)t->times);
	return EXIT_OK;
}

/* Counts alone: shares are easily made of them. */
static int print_json(struct cli *cli, const struct args *args, const struct table *t)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, "op", ops[args->op]);
	bp_json_array(json, "rows");
	for (size_t i = 0; i < t->nr; i++) {
		bp_json_object(json, NULL);
		bp_json_uint(json, "value", t->rows[i].value);
		bp_json_uint(json, "times", t->rows[i].times);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
	bp_json_uint(json, "times", t->times);
	bp_json_uint(json, "sum", t->sum);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_thin_open_opts how = {
		.size = sizeof(how),
		.flags = args->snap ? BP_THIN_OPEN_SNAP : 0,
	};
	struct table t = { 0 };
	struct bp_thin_meta *meta;
	int status, r = bp_thin_open(cli->ctx, args->path, &how, &meta);

	if (r < 0)
		return cli_fail(cli, args->path, r);
	r = bp_thin_stat(meta, (enum bp_thin_stat_what)args->op, add_row, &t);
	bp_thin_close(meta);
	if (r < 0)
		status = cli_fail(cli, args->path, r);
	else
		status = cli->json ? print_json(cli, args, &t) : print_text(cli, args, &t);
	free(t.rows);
	return status;
}

const struct cmd cmd_thin_stat = {
	.name = "thin_stat",
	.group = "Metadata",
	.summary = "Print how often blocks of a thin pool are referenced.",
	.examples = "  thin_stat --op data_blocks tmeta.img\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
