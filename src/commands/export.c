/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume's bytes, or where they lie, from disks on which nothing is active. What is read is never
 * written to.
 */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/source_opts.h"

#include <bedplate/export.h>
#include <bedplate/history.h>

#include <inttypes.h>

struct args {
	const char *pool, *volume, *output, *data, *base;
	uint64_t root, transaction, block_sectors;
	bool map, skip_bad, sha256, resume;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, vg, vg/lv, a metadata device or file, a PV or the image of a disk"),
	OPT_OPERAND_OPTIONAL(volume, "VOLUME", "name of a volume, or number of a thin one; none: the one that POOL names"),
	OPT_STRING(output, 'o', "to", "FILE", "write the bytes to this file or device; - is standard output"),
	OPT_FLAG(map, 0, "map", "print which ranges lie where instead"),
	OPT_STRING(data, 0, "data", "FILE", "device or file with the pool's data, where POOL is metadata by itself"),
	OPT_NUMBER(root, 0, "root", "BLOCK", "read the volume below this root of mapping trees (see history)"),
	OPT_NUMBER(transaction, 0, "transaction", "ID", "read the volume as the newest state of this transaction has it (see history)"),
	OPT_RANGE(block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "data block size, where the superblock is lost and LVM does not tell"),
	OPT_STRING(base, 0, "base", "VOLUME", "only what lies elsewhere than in this volume; the rest stays a hole"),
	OPT_FLAG(skip_bad, 0, "skip-bad", "go on where something can't be read: zeros there, and a list of them"),
	OPT_FLAG(sha256, 0, "sha256", "print the digest of the volume"),
	OPT_FLAG(resume, 0, "resume", "go on where an interrupted export to the same file was"),
	OPT_COLUMNS(out, 0, "columns"),
	OPT_SYNONYM("output", "to"),
	OPT_CONFLICT("map", "to"),
	OPT_CONFLICT("root", "transaction"),
	OPT_CONFLICT("resume", "map"),
	OPT_REQUIRES("base", "to"),
	OPT_END
};
/* clang-format on */

/* --- where it lies --- */

struct range_row {
	uint64_t offset_bytes, length_bytes;
	const char *kind, *file;
	uint64_t file_offset_bytes;
	const char *why;
};

static const char *const kinds[] = { "zero", "data", "missing", NULL }; /* enum bp_image_kind */

static const struct out_column map_columns[] = {
	COL_NUMBER(struct range_row, offset_bytes, OUT_DEFAULT,
		   "where it begins in the volume"),
	COL_NUMBER(struct range_row, length_bytes, OUT_DEFAULT, "how long it is"),
	COL_WORD(struct range_row, kind, kinds, OUT_DEFAULT,
		 "zero: never written; data; missing: can't be read"),
	COL_TEXT(struct range_row, file, OUT_DEFAULT, "the image or device that has it"),
	COL_NUMBER(struct range_row, file_offset_bytes, OUT_DEFAULT, "where it begins there"),
	COL_TEXT(struct range_row, why, 0, "why it is missing"),
	OUT_COLUMNS_END
};
static const struct out_schema map_schema = {
	.name = "bedplate.export.map",
	.help = "which ranges of a volume lie where",
	.columns = map_columns,
};

/* Ranges in order and without holes: where a file has none of it, there is no offset. */
static int add_range(void *user, const struct bp_image_range *range)
{
	struct out *out = user;

	out_add(out, NULL,
		&(struct range_row){
			.offset_bytes = range->offset,
			.length_bytes = range->length,
			.kind = kinds[range->kind],
			.file = range->file,
			.file_offset_bytes = range->file ? range->file_offset : OUT_UNKNOWN,
			.why = range->why,
		});
	return 0;
}

/* Of what is not, or may not be, the whole volume a script has to learn. */
static int status_of(const struct bp_image *image, bp_bytes missing)
{
	return missing || bp_image_is_doubtful(image) ? EXIT_FAILED : EXIT_OK;
}

/* The map alone: no data is read. */
static int print_map(struct cli *cli, const struct args *args, struct bp_image *image)
{
	struct out *out;
	int r = out_open(cli, &args->out, &map_schema, &out);

	if (r || !out)
		return r;
	r = bp_image_map(image, add_range, out);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, args->pool, r);
	}
	r = out_print(out);
	return r == EXIT_OK ? status_of(image, 0) : r;
}

/* --- the bytes --- */

struct export_row {
	const char *output;
	uint64_t size_bytes, data_bytes, missing_bytes;
	bool doubtful;
	const char *sha256;
};

static const struct out_column export_columns[] = {
	COL_TEXT(struct export_row, output, OUT_DEFAULT, "what was written"),
	COL_SIZE(struct export_row, size_bytes, OUT_DEFAULT, "size of the volume"),
	COL_SIZE(struct export_row, data_bytes, OUT_DEFAULT,
		 "read and written; the rest are holes"),
	COL_SIZE(struct export_row, missing_bytes, OUT_DEFAULT,
		 "could not be read: zeros there"),
	COL_BOOL(struct export_row, doubtful, 0,
		 "it may be an older state, or another volume's; a warning says why"),
	COL_TEXT(struct export_row, sha256, OUT_DEFAULT, "digest of the volume"),
	OUT_COLUMNS_END
};
static const struct out_schema export_schema = {
	.name = "bedplate.export",
	.help = "a volume that was written out",
	.columns = export_columns,
	.flags = OUT_ONE | OUT_RECORD,
};

static void tell_bad(void *user, const struct bp_image_range *range)
{
	cli_warn(user, "bytes %" PRIu64 " to %" PRIu64 " are missing: %s", range->offset,
		 range->offset + range->length - 1, range->why);
}

/* Bytes that are missing are exit status 1, also where --skip-bad asked for that. */
static int print_result(struct cli *cli, const struct args *args, const struct bp_image *image,
			const struct bp_export_result *result)
{
	const struct export_row row = {
		.output = args->output,
		.size_bytes = result->bytes,
		.data_bytes = result->data_bytes,
		.missing_bytes = result->missing_bytes,
		.doubtful = bp_image_is_doubtful(image),
		.sha256 = args->sha256 ? result->sha256 : NULL,
	};
	struct out *out;
	int r;

	/* Standard output has the volume. */
	if (streq(args->output, "-")) {
		if (args->sha256)
			cli_note(cli, "sha256 %s", result->sha256);
		return status_of(image, result->missing_bytes);
	}
	r = out_open(cli, &args->out, &export_schema, &out);
	if (r || !out)
		return r;
	out_add(out, NULL, &row);
	r = out_print(out);
	return r == EXIT_OK ? status_of(image, result->missing_bytes) : r;
}

/* What can't be read ends it, unless --skip-bad. */
static int write_out(struct cli *cli, const struct args *args, struct bp_image *image,
		     struct bp_image *base)
{
	const struct bp_export_opts export = {
		.size = sizeof(export),
		.flags = (args->skip_bad ? BP_EXPORT_SKIP_BAD : 0u) |
			 (args->resume ? BP_EXPORT_RESUME : 0u) |
			 (args->sha256 ? BP_EXPORT_SHA256 : 0u),
		.base = base,
		.bad = tell_bad,
		.progress = cli_progress,
		.user = cli,
	};
	struct bp_export_result result = { .size = sizeof(result) };
	int r;

	cli_progress_title(cli, "exporting");
	r = bp_export(image, args->output, &export, &result);
	cli_progress_end(cli);
	return r < 0 ? cli_fail(cli, args->pool, r) : print_result(cli, args, image, &result);
}

/* The root of the newest state of a transaction. Return: an exit status. */
static int find_root(struct cli *cli, const struct args *args, struct bp_source *source,
		     uint64_t *ret)
{
	struct bp_history *history;
	int r = bp_history(source, &history);

	if (r < 0)
		return cli_fail(cli, args->pool, r);
	*ret = 0;
	for (size_t i = 0; !*ret && i < bp_history_count(history); i++)
		if (bp_history_get(history, i)->transaction_id == args->transaction)
			*ret = bp_history_get(history, i)->mapping_root;
	bp_history_free(history);
	if (*ret)
		return EXIT_OK;
	return cli_failf(cli, args->pool, "'history' lists those that are left",
			 "no state of transaction %" PRIu64 " is left", args->transaction);
}

/* The base is of the same state as the volume. */
static int with_source(struct cli *cli, const struct args *args, struct bp_source *source)
{
	struct bp_image *image = NULL, *base = NULL;
	uint64_t root = args->root;
	int r = cli_given(cli, "transaction") ? find_root(cli, args, source, &root) : 0;

	if (r)
		return r;
	r = bp_image_open(source, args->volume, root, &image);
	if (r == 0 && args->base)
		r = bp_image_open(source, args->base, root, &base);
	if (r < 0)
		r = cli_fail(cli, NULL, r);
	else if (args->map)
		r = print_map(cli, args, image);
	else
		r = write_out(cli, args, image, base);
	bp_image_close(base);
	bp_image_close(image);
	return r;
}

/* What contradicts itself is refused before the pool is opened. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_source_opts o = source_opts(cli);
	const char *pool = args->pool;
	struct active_pool active;
	struct bp_source *source;
	int r;

	if (!args->map && !args->output)
		return cli_usage_hint(cli, "--map prints where it lies",
				      "where to? --to FILE is missing");
	if (args->output && streq(args->output, "-") && cli->json)
		return cli_usage(cli, "--json and --to - would both write to standard output");
	if ((args->root || cli_given(cli, "transaction")) && !args->volume)
		return cli_usage(cli,
				 "an older state needs the number or name of a volume of it");
	o.data_path = args->data;
	o.data_block_sectors = (uint32_t)args->block_sectors;
	r = active_source(cli, &active, &pool, &o);
	if (r)
		return r;
	if (*active.metadata && args->output)
		cli_warn(cli,
			 "the pool is active: what is written to the volume meanwhile may be "
			 "in it or not; a snapshot of it keeps still");
	r = bp_source_open(cli->ctx, pool, &o, &source);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = with_source(cli, args, source);
	bp_source_close(source);
	return r;
}

const struct cmd cmd_export = {
	.name = "export",
	.group = "Rescue",
	.summary = "Write a volume's bytes to a file without activating anything.",
	.examples = "  bedplate export vg/pool home --pv disk.img --to home.img --sha256\n",
	.detail = "Reads pools and volumes of LVM from disks, images of disks, or bare "
		  "metadata and "
		  "data.\nWithout --to the volume itself must be asked for by --map.\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES,
	.schemas = SCHEMAS(&export_schema, &map_schema),
	.run = run,
};
