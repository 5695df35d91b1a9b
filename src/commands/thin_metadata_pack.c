/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_metadata_pack and thin_metadata_unpack, which have all but the direction in common. */
#include "cli/out.h"

#include <bedplate/thin_pack.h>

#include <inttypes.h>
#include <unistd.h>

struct args {
	const char *input, *output, *io_engine;
	bool force;
	uint32_t flags;
};

/* clang-format off */
static const struct cmd_opt pack_opts[] = {
	OPT_STRING(input, 'i', "input", "METADATA", "metadata device or file"),
	OPT_STRING(output, 'o', "output", "FILE", "the packed file to write"),
	OPT_FLAG(force, 'f', "force", "overwrite metadata or a pack without asking back"),
	OPT_BIT(flags, BP_THIN_PACK_DAMAGED, 0, "keep-damaged", "pack damaged blocks as well, as they are"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output"),
	OPT_END
};

static const struct cmd_opt unpack_opts[] = {
	OPT_STRING(input, 'i', "input", "FILE", "the packed file"),
	OPT_STRING(output, 'o', "output", "METADATA", "metadata device to overwrite, or file to make"),
	OPT_FLAG(force, 'f', "force", "overwrite metadata or a pack without asking back"),
	OPT_BIT(flags, BP_THIN_UNPACK_ZERO, 0, "zero", "zero the blocks of a device that are not in the pack; of a file they always are"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_ANY("input"),
	OPT_ANY("output"),
	OPT_END
};
/* clang-format on */

typedef int (*job_fn)(struct bp_ctx *ctx, const char *path, const char *output,
		      const struct bp_thin_pack_opts *opts, struct bp_thin_pack_result *ret);

/* Anything but y or Y is a no; so is the end of the input. */
static bool ask(struct cli *cli)
{
	int c;

	fprintf(cli->err, "The destination appears to already contain metadata, are you sure? "
			  "[y/n]: ");
	fflush(cli->err);
	c = getchar();
	if (c == EOF || c == '\n')
		fputc('\n', cli->err);
	return c == 'y' || c == 'Y';
}

/* clang-format off */
static const struct out_column columns[] = {
	DOC("nr_blocks", OUT_NUMBER, "blocks of the metadata"),
	DOC("nr_packed", OUT_NUMBER, "of them, those in the pack"),
	DOC("nr_damaged", OUT_NUMBER, "of them, those whose checksum is wrong"),
	DOC("pack_bytes", OUT_SIZE, "size of the pack"),
	OUT_COLUMNS_END
};
static const struct out_schema pack_schema = {
	.name = "bedplate.thin_metadata_pack", .columns = columns, .flags = OUT_ONE,
};
static const struct out_schema unpack_schema = {
	.name = "bedplate.thin_metadata_unpack", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

static int print_json(struct cli *cli, const struct bp_thin_pack_result *res)
{
	struct bp_json *json;
	int r = cli_json_start(cli, cli->cmd->schemas[0], &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "nr_blocks", res->nr_blocks);
	bp_json_uint(json, "nr_packed", res->nr_packed);
	bp_json_uint(json, "nr_damaged", res->nr_damaged);
	bp_json_uint(json, "pack_bytes", res->pack_bytes);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* What is left out is said: a packed copy must not pass for whole. */
static void tell(struct cli *cli, const struct args *args,
		 const struct bp_thin_pack_result *res)
{
	bool kept = args->flags & BP_THIN_PACK_DAMAGED;

	if (res->nr_damaged > 0 && !kept)
		cli_warn(cli,
			 "%" PRIu64 " %s neither zero nor valid metadata and not packed; "
			 "--keep-damaged packs them",
			 res->nr_damaged, res->nr_damaged == 1 ? "block is" : "blocks are");
	if (cli->verbose)
		cli_note(cli, "%" PRIu64 " of %" PRIu64 " blocks, %" PRIu64 " bytes packed",
			 res->nr_packed, res->nr_blocks, res->pack_bytes);
}

/* Over a file that is metadata it asks once; no answer is a no. */
static int run_job(struct cli *cli, const struct args *args, job_fn job, const char *title)
{
	struct bp_thin_pack_result res = { .size = sizeof(res) };
	struct bp_thin_pack_opts opt = {
		.size = sizeof(opt),
		.flags = args->flags | (args->force ? BP_THIN_PACK_FORCE : 0),
		.progress = cli_progress,
		.progress_user = cli,
	};
	int r;

	cli_progress_title(cli, title);
	r = job(cli->ctx, args->input, args->output, &opt, &res);
	if (r == -EEXIST && !cli->json &&
	    bp_error_get(cli->ctx)->code == BP_E_METADATA_EXISTS) {
		if (!ask(cli))
			return cli_failr(cli, -EEXIST, NULL, NULL,
					 "Output file not overwritten");
		opt.flags |= BP_THIN_PACK_FORCE;
		r = job(cli->ctx, args->input, args->output, &opt, &res);
	}
	if (r < 0)
		return cli_fail(cli, NULL, r);
	tell(cli, args, &res);
	return cli->json ? print_json(cli, &res) : EXIT_OK;
}

static int run_pack(struct cli *cli, const void *p)
{
	return run_job(cli, p, bp_thin_pack, "Packing");
}

static int run_unpack(struct cli *cli, const void *p)
{
	return run_job(cli, p, bp_thin_unpack, "Unpacking");
}

const struct cmd cmd_thin_metadata_pack = {
	.name = "thin_metadata_pack",
	.group = "Metadata",
	.summary = "Make a compressed file of the metadata of a pool.",
	.examples = "  thin_metadata_pack -i tmeta.img -o pool.pack\n",
	.opts = pack_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&pack_schema),
	.run = run_pack,
};

const struct cmd cmd_thin_metadata_unpack = {
	.name = "thin_metadata_unpack",
	.group = "Metadata",
	.summary = "Unpack what thin_metadata_pack has made.",
	.examples = "  thin_metadata_unpack -i pool.pack -o tmeta.img\n",
	.opts = unpack_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&unpack_schema),
	.run = run_unpack,
};
