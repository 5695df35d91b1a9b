/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thin volume that was deleted: what is left of it, its bytes, or new metadata that has it again.
 * The pool is only read.
 */
#include "cli/out.h"
#include "commands/active.h"
#include "commands/common.h"
#include "commands/source_opts.h"

#include <bedplate/history.h>
#include <bedplate/undelete.h>

#include <inttypes.h>

struct args {
	const char *pool, *volume, *output, *file, *data;
	uint64_t root, transaction, block_sectors;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(pool, "POOL", "vg/pool, metadata device or file, image of a disk"),
	OPT_OPERAND_OPTIONAL(volume, "VOLUME", "number of the volume, or the name it had; none: list all that are left"),
	OPT_STRING(output, 'o', "output", "METADATA", "write new metadata that has the volume: a new file, or a device that holds nothing"),
	OPT_STRING(file, 0, "export", "FILE", "write the volume's bytes; zeros, and a list, for what can't be had"),
	OPT_STRING(data, 0, "data", "FILE", "device or file with the pool's data, where POOL is metadata by itself"),
	OPT_RANGE(root, 1, UINT64_MAX, 0, "root", "BLOCK", "take it from the state with this root of mapping trees (see history)"),
	OPT_NUMBER(transaction, 0, "transaction", "ID", "take it from a state of this transaction"),
	OPT_RANGE(block_sectors, 1, UINT32_MAX, 0, "data-block-size", "SECTORS", "data block size, where the superblock is lost and LVM does not tell"),
	OPT_REQUIRES("output", "VOLUME"),
	OPT_REQUIRES("export", "VOLUME"),
	OPT_REQUIRES("root", "VOLUME"),
	OPT_REQUIRES("transaction", "VOLUME"),
	OPT_END
};
/* clang-format on */

/* --- which there are --- */

struct list_row {
	uint64_t id;
	const char *name;
	uint64_t size_bytes, mapped_blocks, transaction_id, mapping_root;
};

static const struct out_column list_columns[] = {
	COL_NUMBER(struct list_row, id, OUT_DEFAULT, "its number"),
	COL_TEXT(struct list_row, name, OUT_DEFAULT, "the name LVM had for it"),
	COL_SIZE(struct list_row, size_bytes, OUT_DEFAULT, "its size in LVM"),
	COL_NUMBER(struct list_row, mapped_blocks, OUT_DEFAULT, "data blocks it had mapped"),
	COL_NUMBER(struct list_row, transaction_id, OUT_DEFAULT, "when it was made"),
	COL_NUMBER(struct list_row, mapping_root, OUT_DEFAULT,
		   "of the newest state that has it"),
	OUT_COLUMNS_END
};
static const struct out_schema list_schema = {
	.name = "bedplate.undelete.list",
	.help = "volumes that were deleted and are still in older states of the metadata",
	.columns = list_columns,
	.none = "no deleted volume is left in the metadata",
};

struct listing {
	struct out *out;
	char *first; /* what to call the first one; NULL: there is none, or no memory */
};

/* Its name where it has one, and that is no option: numbers are used again. */
static char *called(const char *name, uint64_t id)
{
	char *text;

	if (name && *name != '-')
		return strdup(name);
	return asprintf(&text, "%" PRIu64, id) < 0 ? NULL : text;
}

/* A size that no record of LVM tells is unknown. */
static int add_volume(void *user, const struct bp_removed_volume *volume)
{
	struct listing *l = user;
	const struct list_row row = {
		.id = volume->id,
		.name = volume->name,
		.size_bytes = volume->size_bytes ? volume->size_bytes : OUT_UNKNOWN,
		.mapped_blocks = volume->mapped_dblocks,
		.transaction_id = volume->transaction_id,
		.mapping_root = volume->mapping_root,
	};

	if (!l->first)
		l->first = called(volume->name, volume->id);
	out_add(l->out, NULL, &row);
	return 0;
}

/* What gets the bytes of one, as a line to paste. */
static void print_next(struct cli *cli, const struct args *args, const char *volume)
{
	char *line = NULL;
	size_t len;
	FILE *f;

	if (cli->json)
		return;
	f = open_memstream(&line, &len);
	if (!f) {
		cli_lost(cli);
		return;
	}
	print_command(f, cli, "undelete", args->pool);
	if (args->data) {
		fputs(" --data", f);
		print_word(f, cli, args->data);
	}
	if (args->block_sectors)
		fprintf(f, " --data-block-size %" PRIu64, args->block_sectors);
	print_word(f, cli, volume);
	fputs(" --export FILE", f);
	if (cli_text_end(f, &line))
		cli_note(cli, "next: %s", line);
	else
		cli_lost(cli);
	free(line);
}

static int list(struct cli *cli, const struct args *args, struct bp_source *source)
{
	struct listing l = { 0 };
	int r = out_open(cli, NULL, &list_schema, &l.out);

	if (r || !l.out)
		return r;
	r = bp_removed_volumes(source, add_volume, &l);
	if (r < 0) {
		out_free(l.out);
		r = cli_fail(cli, args->pool, r);
	} else {
		r = out_print(l.out);
		if (l.first)
			print_next(cli, args, l.first);
	}
	free(l.first);
	return r;
}

/* --- one of them --- */

struct row {
	uint64_t id;
	const char *name;
	uint64_t size_bytes, mapping_root, details_root;
	bool counted;
	uint64_t transaction_id, mapped_blocks, found_blocks, lost_blocks, reused_blocks,
		shared_blocks, survival_percent;
	bool doubtful;
	struct out_json missing;
	uint64_t new_id;
	const char *output, *file, *sha256, *next;
};

static const struct out_column missing_columns[] = {
	DOC("begin_block", OUT_NUMBER, "the first virtual block"),
	DOC("length_blocks", OUT_NUMBER, "how many"),
	DOC("reused", OUT_BOOL, "others have it now; else its metadata can't be read"),
	DOC("holder", OUT_NUMBER, "the volume that has the first block now, or null"),
	OUT_COLUMNS_END
};

static const struct out_column columns[] = {
	COL_NUMBER(struct row, id, OUT_DEFAULT, "its number"),
	COL_TEXT(struct row, name, OUT_DEFAULT, "the name LVM had for it"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT,
		 "LVM's, or else up to its last mapped block"),
	COL_NUMBER(struct row, transaction_id, OUT_DEFAULT, "when it was made"),
	COL_NUMBER(struct row, mapping_root, OUT_DEFAULT, "of the state it is taken from"),
	COL_NUMBER(struct row, details_root, 0, "of the same state"),
	COL_BOOL(struct row, counted, OUT_DEFAULT, "a space map is left that proves the state"),
	COL_NUMBER(struct row, mapped_blocks, OUT_DEFAULT, "data blocks it had"),
	COL_NUMBER(struct row, found_blocks, 0, "of those, whose mappings can be read"),
	COL_NUMBER(struct row, lost_blocks, OUT_DEFAULT, "mappings that can't be read"),
	COL_NUMBER(struct row, reused_blocks, OUT_DEFAULT,
		   "given to other volumes since: overwritten"),
	COL_NUMBER(struct row, shared_blocks, OUT_DEFAULT,
		   "rightly shared with present volumes: certain"),
	COL_PERCENT(struct row, survival_percent, OUT_DEFAULT,
		    "of its blocks, what no present volume took"),
	COL_BOOL(struct row, doubtful, OUT_DEFAULT,
		 "its tree is sound but not of the size that it should have"),
	COL_JSON(struct row, missing, missing_columns, OUT_MANY,
		 "virtual blocks that can't be had"),
	COL_NUMBER(struct row, new_id, OUT_DEFAULT, "the number it gets"),
	COL_TEXT(struct row, output, 0, "the new metadata that was written and checked"),
	COL_TEXT(struct row, file, 0, "the file that has its bytes"),
	COL_TEXT(struct row, sha256, 0, "their digest"),
	COL_TEXT(struct row, next, 0, "what to do next, a command a line"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.undelete",
	.help = "what is left of a deleted volume",
	.columns = columns,
	.flags = OUT_ONE | OUT_RECORD,
};

struct undelete {
	struct cli *cli;
	const struct args *args;
	struct bp_source *source;
	struct bp_undelete *volume;
	struct bp_undelete_result result;
	struct bp_export_result exported;
};

/* holder is null where the metadata can't be read: nobody is known to have the block. */
static int json_range(void *user, const struct bp_undelete_range *range)
{
	struct bp_json *json = user;

	bp_json_object(json, NULL);
	bp_json_uint(json, "begin_block", range->begin);
	bp_json_uint(json, "length_blocks", range->length);
	bp_json_bool(json, "reused", range->reused);
	if (range->reused)
		bp_json_uint(json, "holder", range->holder);
	else
		bp_json_null(json, "holder");
	bp_json_object_close(json);
	return 0;
}

static int json_missing(const void *user, struct bp_json *json)
{
	const struct undelete *u = user;

	bp_json_array(json, NULL);
	bp_undelete_missing(u->volume, json_range, json);
	bp_json_array_close(json);
	return 0;
}

/* Gone for good, or only not readable: two different things to do next. */
static int warn_range(void *user, const struct bp_undelete_range *range)
{
	const struct undelete *u = user;

	if (range->reused)
		cli_warn(u->cli,
			 "blocks %" PRIu64 " to %" PRIu64 " are gone: volume %" PRIu64
			 " has them now",
			 range->begin, range->begin + range->length - 1, range->holder);
	else
		cli_warn(u->cli,
			 "blocks %" PRIu64 " to %" PRIu64 ": their metadata can't be read",
			 range->begin, range->begin + range->length - 1);
	return 0;
}

/* What the figure does not prove. */
static void warn_limits(const struct undelete *u)
{
	cli_note(u->cli, "survival counts what no present volume has. It can't tell whether a "
			 "freed block was given to a volume that is gone as well, or was "
			 "discarded on the disk: look at what comes out.");
	if (u->result.doubtful)
		cli_warn(u->cli, "the tree has not as many mappings as its details say: it may "
				 "be that of another volume");
}

/* --- writing --- */

/* Missing blocks are left out as holes, and were warned of one by one. */
static int export_bytes(struct undelete *u)
{
	const struct bp_export_opts export = {
		.size = sizeof(export),
		.flags = BP_EXPORT_SKIP_BAD | BP_EXPORT_SHA256,
		.progress = cli_progress,
		.user = u->cli,
	};
	struct bp_image *image;
	int r = bp_undelete_image(u->volume, &image);

	if (r < 0)
		return r;
	u->exported.size = sizeof(u->exported);
	cli_progress_title(u->cli, "exporting");
	r = bp_export(image, u->args->file, &export, &u->exported);
	cli_progress_end(u->cli);
	bp_image_close(image);
	return r;
}

static int add_line(void *user, const char *line)
{
	return fprintf(user, "%s\n", line) < 0 ? -ENOMEM : 0;
}

/* The lines that put it in place, the last one that makes a device of it. */
static char *next_steps(const struct undelete *u)
{
	char *text = NULL;
	size_t len;
	FILE *f;
	int r;

	if (!u->args->output || u->cli->dry_run)
		return NULL;
	f = open_memstream(&text, &len);
	r = f ? bp_undelete_steps(u->volume, u->args->output, add_line, f) : -ENOMEM;
	if (!cli_text_end(f, &text) || r == -ENOMEM)
		cli_lost(u->cli);
	if (text && len)
		text[len - 1] = '\0'; /* the last newline */
	return text;
}

/* Metadata first: the export doesn't depend on it. */
static int write_all(struct undelete *u)
{
	int r = 0;

	if (u->cli->dry_run)
		return 0;
	if (u->args->output)
		r = bp_undelete_write(u->volume, u->args->output);
	if (r == 0 && u->args->file)
		r = export_bytes(u);
	return r;
}

/* Exit status 1 if anything is missing, or can't be told from another volume's. */
static int print(struct undelete *u)
{
	const struct bp_undelete_result *res = &u->result;
	bool written = !u->cli->dry_run;
	_cleanup_(freep) char *missing = NULL;
	_cleanup_(freep) char *next = next_steps(u);
	struct row row = {
		.id = res->device.id,
		.name = res->name,
		.size_bytes = res->size_bytes,
		.mapping_root = res->mapping_root,
		.details_root = res->details_root,
		.counted = res->counted,
		.transaction_id = res->device.transaction_id,
		.mapped_blocks = res->device.mapped_dblocks,
		.found_blocks = res->found_dblocks,
		.lost_blocks = res->lost_dblocks,
		.reused_blocks = res->reused_dblocks,
		.shared_blocks = res->shared_dblocks,
		.survival_percent = res->survival_percent,
		.doubtful = res->doubtful,
		.new_id = res->free_id,
		.output = written ? u->args->output : NULL,
		.file = written ? u->args->file : NULL,
		.sha256 = written && u->args->file ? u->exported.sha256 : NULL,
		.next = next,
	};
	struct out *out;
	int r = json_of(json_missing, u, &missing);

	if (r < 0)
		return cli_fail(u->cli, u->args->pool, r);
	row.missing = (struct out_json){ missing, NULL };
	r = out_open(u->cli, NULL, &schema, &out);
	if (r || !out)
		return r;
	out_add(out, NULL, &row);
	r = out_print(out);
	if (row.output && !u->cli->json)
		cli_print(u->cli, "%s was written, and checks clean\n", row.output);
	if (row.file && !streq(row.file, "-") && !u->cli->json)
		cli_print(u->cli, "%s has its bytes, sha256 %s\n", row.file, row.sha256);
	if (next && !u->cli->json)
		cli_print(u->cli, "next, as root:\n%s\n", next);
	if (!u->args->output && !u->args->file)
		print_next(u->cli, u->args, u->args->volume);
	return r == EXIT_OK && (res->lost_dblocks || res->reused_dblocks || res->doubtful)
		       ? EXIT_FAILED
		       : r;
}

/* The report comes after the writing, so that it never speaks of what failed. */
static int one(struct cli *cli, const struct args *args, struct bp_source *source)
{
	const struct bp_undelete_opts how = {
		.size = sizeof(how),
		.flags = cli_given(cli, "transaction") ? BP_UNDELETE_TRANSACTION : 0,
		.mapping_root = args->root,
		.transaction_id = args->transaction,
	};
	struct undelete u = { .cli = cli, .args = args, .source = source };
	int r = bp_undelete_new(source, args->volume, &how, &u.volume);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	u.result.size = sizeof(u.result);
	bp_undelete_get(u.volume, &u.result);
	r = write_all(&u);
	if (r < 0) {
		r = cli_fail(cli, NULL, r);
	} else {
		bp_undelete_missing(u.volume, warn_range, &u);
		warn_limits(&u);
		r = print(&u);
	}
	bp_undelete_free(u.volume);
	return r;
}

/* Standard output has the report: no export goes there. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_source_opts o = source_opts(cli);
	const char *pool = args->pool;
	struct active_pool active;
	struct bp_source *source;
	int r;

	if (args->file && streq(args->file, "-"))
		return cli_usage(cli, "--export needs a file: standard output has the report");
	o.data_path = args->data;
	o.data_block_sectors = (uint32_t)args->block_sectors;
	r = active_source(cli, &active, &pool, &o);
	if (r)
		return r;
	r = bp_source_open(cli->ctx, pool, &o, &source);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = args->volume ? one(cli, args, source) : list(cli, args, source);
	bp_source_close(source);
	return r;
}

const struct cmd cmd_undelete = {
	.name = "undelete",
	.group = "Rescue",
	.summary =
		"Get back a thin volume that was deleted: see what is left, its bytes, or new "
		"metadata.",
	.examples = "  bedplate undelete vg/pool home --pv disk.img --export home.img\n",
	.detail = "The pool is only read. Without --output and --export nothing is written.\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema, &list_schema),
	.run = run,
};
