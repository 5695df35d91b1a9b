/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <bedplate/thin_dump.h>

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

struct args {
	const char *path, *output, *snap, *io_engine;
	unsigned format;
	struct cli_list ids;
	uint32_t flags;
	uint64_t data_block_sectors, nr_data_blocks, transaction_id;
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
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_END
};
/* clang-format on */

/* Pieces are large: stdio would only copy them. */
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

/* Opening the output would empty what is to be read. */
static bool is_input(const struct args *args)
{
	struct stat in, out;

	return stat(args->path, &in) == 0 && stat(args->output, &out) == 0 &&
	       in.st_dev == out.st_dev && in.st_ino == out.st_ino;
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

static int dump(struct cli *cli, const struct args *args, int fd, const uint64_t *ids)
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
	uint64_t damages = 0;
	int r;

	if (args->format == 1)
		opt.flags |= BP_THIN_DUMP_HUMAN;
	if (cli_given(cli, "transaction-id"))
		opt.flags |= BP_THIN_DUMP_TRANSACTION;
	r = bp_thin_open(cli->ctx, args->path, &how, &meta);
	if (r < 0)
		return cli_fail(cli, args->path, r);
	r = bp_thin_dump(meta, &opt, write_text, &fd, &damages);
	bp_thin_close(meta);
	if (r < 0)
		return cli_fail(cli, r == -EPIPE ? NULL : args->path, r);
	if (damages)
		return cli_failf(
			cli, args->path,
			"thin_check tells more; what is missing is marked in the dump, "
			"which has no end on purpose",
			"%" PRIu64 " %s of the metadata can't be read", damages,
			damages == 1 ? "part" : "parts");
	return EXIT_OK;
}

static int dump_to_file(struct cli *cli, const struct args *args, const uint64_t *ids)
{
	int fd, status;

	if (is_input(args))
		return cli_usage(cli, "%s: output and input are the same", args->output);
	fd = open(args->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return cli_failf(cli, args->output, NULL, "cannot open for writing: %s",
				 strerror(errno));
	status = dump(cli, args, fd, ids);
	if (close(fd) != 0 && status == EXIT_OK)
		status =
			cli_failf(cli, args->output, NULL, "cannot write: %s", strerror(errno));
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
	if (args->output)
		return dump_to_file(cli, args, ids);
	if (cli->json)
		return cli_usage(cli, "--json: the dump itself is no JSON, give --output FILE");
	fflush(cli->out);
	return dump(cli, args, fileno(cli->out), ids);
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
