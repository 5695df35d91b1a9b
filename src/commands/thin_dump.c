/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_dump: which devices and values; where the text goes is text_out.c's. */
#include "commands/active.h"
#include "commands/text_out.h"
#include "commands/thin_plan.h"

#include <bedplate/thin_dump.h>

struct args {
	const char *path, *output, *snap, *io_engine;
	unsigned format;
	struct cli_list ids;
	uint32_t flags;
	uint64_t data_block_sectors, nr_data_blocks, transaction_id;
	uint64_t mapping_root, details_root;
	bool repair, plan;
};

static const char *const formats[] = { "xml", "human_readable", NULL };

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_CHOICE(format, formats, 'f', "format", "FORMAT", "xml (the default) or human_readable"),
	OPT_STRING(output, 'o', "output", "FILE", "write there instead of to standard output"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "dump the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_LIST(ids, 0, "dev-id", "ID", "only this device; may be given again"),
	OPT_BIT(flags, BP_THIN_DUMP_SKIP_MAPPINGS, 0, "skip-mappings", "devices without their mappings"),
	OPT_RANGE(data_block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "write this data block size, not the superblock's"),
	OPT_RANGE(nr_data_blocks, 1, UINT64_MAX, 0, "nr-data-blocks", "BLOCKS", "write this number of data blocks"),
	OPT_NUMBER(transaction_id, 0, "transaction-id", "ID", "write this transaction id"),
	OPT_FLAG(repair, 'r', "repair", "dump all that can be had of damaged metadata"),
	OPT_FLAG(plan, 0, "plan", "with --repair: only say what can be had and what is lost"),
	OPT_RANGE(mapping_root, 1, UINT64_MAX, 0, "mapping-root", "BLOCK", "with --repair: begin with this root of the mapping tree"),
	OPT_RANGE(details_root, 1, UINT64_MAX, 0, "details-root", "BLOCK", "with --repair: begin with this root of the device details tree"),
	OPT_CONFLICT("repair", "metadata-snap"),
	OPT_REQUIRES("plan", "repair"),
	OPT_REQUIRES("mapping-root", "repair"),
	OPT_REQUIRES("details-root", "repair"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_END
};
/* clang-format on */

/* What a run makes of its arguments. */
struct dump {
	const struct args *args;
	const uint64_t *ids;
	struct cli *cli;
	struct bp_thin_plan *plan; /* dump what it has; NULL: the metadata */
	uint64_t nr_values;        /* damages that are no missing parts */
};

static void on_damage(void *user, const struct bp_damage *damage)
{
	struct dump *dump = user;

	dump->nr_values += damage->kind == BP_DAMAGE_DATA_BLOCK ||
			   damage->kind == BP_DAMAGE_SUPERBLOCK ||
			   damage->kind == BP_DAMAGE_DEVICE_FIELD;
	text_out_damage(dump->cli, damage);
}

static int on_progress(void *user, bp_mblock done, bp_mblock total)
{
	const struct dump *dump = user;

	return cli_progress(dump->cli, done, total);
}

/* Numbers only, before anything is opened. */
static int read_ids(struct cli *cli, const struct args *args, uint64_t *ids)
{
	for (size_t i = 0; i < args->ids.count; i++) {
		const char *word = args->ids.words[i];
		char *end;

		errno = 0;
		ids[i] = strtoull(word, &end, 10);
		if (*word < '0' || *word > '9' || *end || errno)
			return cli_usage(cli, "--dev-id: '%s' is not a number", word);
	}
	return 0;
}

/*
 * Called by text_out(), which decides where the text goes and what an incomplete one is
 * worth.
 */
static int make(struct cli *cli, const void *p, bp_write_fn write, void *user,
		uint64_t *ret_damages)
{
	struct dump *dump = *(struct dump *const *)p;
	const struct args *args = dump->args;
	struct bp_thin_open_opts how = {
		.size = sizeof(how),
		.flags = args->snap ? BP_THIN_OPEN_SNAP : 0,
	};
	struct bp_thin_dump_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags,
		.ids = dump->ids,
		.nr_ids = args->ids.count,
		/* A plan has these already. */
		.data_block_sectors = dump->plan ? 0 : (uint32_t)args->data_block_sectors,
		.nr_data_blocks = dump->plan ? 0 : args->nr_data_blocks,
		.transaction_id = args->transaction_id,
		.damage = on_damage,
		.progress = args->output ? on_progress : NULL, /* not into the text */
		.callback_user = dump,
	};
	struct bp_thin_meta *meta;
	int r;

	if (args->format == 1)
		opt.flags |= BP_THIN_DUMP_HUMAN;
	if (cli_given(cli, "transaction-id"))
		opt.flags |= BP_THIN_DUMP_TRANSACTION;
	if (dump->plan)
		return bp_thin_dump(bp_thin_plan_meta(dump->plan), &opt, write, user,
				    ret_damages);
	r = bp_thin_open(cli->ctx, args->path, &how, &meta);
	if (r < 0)
		return r;
	r = bp_thin_dump(meta, &opt, write, user, ret_damages);
	bp_thin_close(meta);
	return r;
}

/* The plan is made first: what it can't find has no text. */
static int dump_repaired(const struct text_out *to, struct dump *dump)
{
	const struct args *args = dump->args;
	struct bp_thin_repair_opts opt = {
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_data_blocks = args->nr_data_blocks,
		.mapping_root = args->mapping_root,
		.details_root = args->details_root,
	};
	int r = thin_plan_make(dump->cli, args->path, &opt, &dump->plan), status;

	if (r < 0)
		return cli_fail(dump->cli, NULL, r);
	status = args->plan ? thin_plan_print(dump->cli, args->path, dump->plan) : text_out(to);
	if (status == EXIT_OK && !args->plan)
		status = thin_plan_report(dump->cli, dump->plan);
	bp_thin_plan_free(dump->plan);
	return status;
}

static int run(struct cli *cli, const void *p)
{
	struct args args = *(const struct args *)p;
	_cleanup_(freep) uint64_t *ids = calloc(args.ids.count + 1, sizeof(*ids));
	struct dump dump = { .args = &args, .ids = ids, .cli = cli }, *lent = &dump;
	struct text_out to = {
		.cli = cli,
		.output = args.output,
		.checker = "thin_check",
		.make = make,
		.args = &lent,
		.nr_values = &dump.nr_values,
	};
	struct active_pool active;
	int status;

	if (!ids)
		return cli_fail(cli, NULL, -ENOMEM);
	status = read_ids(cli, &args, ids);
	if (status)
		return status;
	if (cli->json && !args.output && !args.plan)
		return cli_usage(cli, "--json: the text itself is no JSON, give --output FILE");
	/* What is damaged is looked at when nothing changes it. */
	status = args.repair ? 0 : active_metadata(cli, &active, &args.path, &args.snap);
	if (status)
		return status;
	to.input = args.path;
	return args.repair ? dump_repaired(&to, &dump) : text_out(&to);
}

static const struct out_schema schema = {
	.name = "bedplate.thin_dump",
	.help = "Only that it is done: the text goes to --output.",
};

const struct cmd cmd_thin_dump = {
	.name = "thin_dump",
	.group = "Metadata",
	.summary = "Write a thin pool's metadata as text.",
	.examples = "  thin_dump /dev/vg/pool_tmeta -o pool.xml\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema, &thin_plan_schema),
	.run = run,
};
