/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/thin_plan.h"

#include <bedplate/output.h>
#include <bedplate/thin_dump.h>

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

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

/* Standard output; pieces are large, stdio would only copy them. */
static int write_text(void *user, const char *text, size_t len)
{
	int fd = *(int *)user;

	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static void print_damage(void *user, const struct bp_damage *damage)
{
	cli_warn(user, "%s", damage->what);
}

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

/* What takes the text: standard output, or a file. */
struct sink {
	bp_write_fn write;
	void *user;
	struct bp_output *output; /* NULL: standard output */
};

/* @plan: dump what it has; NULL: the metadata. @ret_damages: parts that could not be read. */
static int dump(struct cli *cli, const struct args *args, struct bp_thin_plan *plan,
		const struct sink *to, const uint64_t *ids, uint64_t *ret_damages)
{
	struct bp_thin_open_opts how = {
		.size = sizeof(how),
		.flags = args->snap ? BP_THIN_OPEN_SNAP : 0,
	};
	struct bp_thin_dump_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags,
		.ids = ids,
		.nr_ids = args->ids.count,
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_data_blocks = args->nr_data_blocks,
		.transaction_id = args->transaction_id,
		.damage = print_damage,
		.callback_user = cli,
	};
	struct bp_thin_meta *meta;
	int r;

	if (plan) {
		/* These are the plan's already. */
		opt.data_block_sectors = 0;
		opt.nr_data_blocks = 0;
	}
	if (args->format == 1)
		opt.flags |= BP_THIN_DUMP_HUMAN;
	if (cli_given(cli, "transaction-id"))
		opt.flags |= BP_THIN_DUMP_TRANSACTION;
	if (plan) {
		meta = bp_thin_plan_meta(plan);
		r = bp_thin_dump(meta, &opt, to->write, to->user, ret_damages);
		return to->output ? bp_output_error(to->output, r) : r;
	}
	r = bp_thin_open(cli->ctx, args->path, &how, &meta);
	if (r < 0)
		return r;
	r = bp_thin_dump(meta, &opt, to->write, to->user, ret_damages);
	bp_thin_close(meta);
	return to->output ? bp_output_error(to->output, r) : r;
}

static int report_damage(struct cli *cli, const struct args *args, uint64_t damages,
			 const char *where)
{
	_cleanup_(freep) char *hint = NULL;

	if (asprintf(&hint,
		     "thin_check tells more; what is missing is marked in %s, which has no "
		     "end on purpose",
		     where) < 0)
		hint = NULL;
	return cli_failf(cli, args->path, hint, "%" PRIu64 " %s of the metadata can't be read",
			 damages, damages == 1 ? "part" : "parts");
}

static int dump_to_stdout(struct cli *cli, const struct args *args, struct bp_thin_plan *plan,
			  const uint64_t *ids)
{
	int fd = fileno(cli->out), r;
	const struct sink to = { .write = write_text, .user = &fd };
	uint64_t damages = 0;

	fflush(cli->out);
	r = dump(cli, args, plan, &to, ids, &damages);
	if (r < 0)
		return cli_fail(cli, r == -EPIPE ? NULL : args->path, r);
	return damages ? report_damage(cli, args, damages, "the dump") : EXIT_OK;
}

static void output_freep(struct bp_output **output)
{
	bp_output_free(*output);
}

static int dump_to_file(struct cli *cli, const struct args *args, struct bp_thin_plan *plan,
			const uint64_t *ids)
{
	const char *inputs[] = { args->path, NULL }, *where;
	struct bp_output_opts how = { .size = sizeof(how), .inputs = inputs };
	_cleanup_(output_freep) struct bp_output *output = NULL;
	uint64_t damages = 0;
	struct sink to;
	int r;

	r = bp_output_new(cli->ctx, args->output, &how, &output);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	to = (struct sink){ .write = bp_output_write, .user = output, .output = output };
	r = dump(cli, args, plan, &to, ids, &damages);
	if (r < 0)
		return cli_fail(cli, args->path, r);
	if (damages) {
		r = bp_output_commit_partial(output, &where);
		return r < 0 ? cli_fail(cli, NULL, r)
			     : report_damage(cli, args, damages, where);
	}
	r = bp_output_commit(output);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

static int dump_repaired(struct cli *cli, const struct args *args, const uint64_t *ids)
{
	struct bp_thin_repair_opts opt = {
		.data_block_sectors = (uint32_t)args->data_block_sectors,
		.nr_data_blocks = args->nr_data_blocks,
		.mapping_root = args->mapping_root,
		.details_root = args->details_root,
	};
	struct bp_thin_plan *plan;
	int r = thin_plan_make(cli, args->path, &opt, &plan), status;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (args->plan)
		status = thin_plan_print(cli, args->path, plan);
	else
		status = args->output ? dump_to_file(cli, args, plan, ids)
				      : dump_to_stdout(cli, args, plan, ids);
	if (status == EXIT_OK && !args->plan)
		status = thin_plan_report(cli, plan);
	bp_thin_plan_free(plan);
	return status;
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) uint64_t *ids = calloc(args->ids.count + 1, sizeof(*ids));
	int status;

	if (!ids)
		return cli_fail(cli, NULL, -ENOMEM);
	status = read_ids(cli, args, ids);
	if (status)
		return status;
	if (cli->json && !args->output && !args->plan)
		return cli_usage(cli, "--json: the dump itself is no JSON, give --output FILE");
	if (args->repair)
		return dump_repaired(cli, args, ids);
	return args->output ? dump_to_file(cli, args, NULL, ids)
			    : dump_to_stdout(cli, args, NULL, ids);
}

const struct cmd cmd_thin_dump = {
	.name = "thin_dump",
	.group = "Metadata",
	.summary = "Write a thin pool's metadata as text.",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run,
};
