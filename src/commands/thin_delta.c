/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The XML is that of thin-provisioning-tools, without a newline at its end. Nothing of it is
 * printed before both devices are found.
 */
#include "cli/line.h"
#include "cli/out.h"
#include "commands/active.h"

#include <bedplate/thin_delta.h>

#include <inttypes.h>
#include <unistd.h>

struct args {
	const char *path, *snap, *io_engine;
	uint64_t thin1, thin2, root1, root2;
	bool details, changes;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(path, "METADATA", "metadata device or file"),
	OPT_NUMBER(thin1, 0, "thin1", "ID", "the first device"),
	OPT_NUMBER(thin2, 0, "thin2", "ID", "the second device"),
	OPT_NUMBER(root1, 0, "root1", "BLOCK", "root of the first device's mapping tree, instead of its id"),
	OPT_NUMBER(root2, 0, "root2", "BLOCK", "root of the second device's mapping tree"),
	OPT_OPTIONAL(snap, 'm', "metadata-snap", "BLOCK", "compare in the metadata snapshot of a pool, which may be active; BLOCK is not looked at"),
	OPT_FLAG(details, 0, "verbose", "print the data blocks as well"),
	OPT_FLAG(changes, 0, "changes-only", "print nothing of what is the same: much faster where much is shared"),
	OPT_STRING(io_engine, 0, "io-engine", "ENGINE", NULL),
	OPT_SYNONYM("snap1", "thin1"),
	OPT_SYNONYM("snap2", "thin2"),
	OPT_CONFLICT("root1", "thin1"),
	OPT_CONFLICT("root2", "thin2"),
	OPT_END
};
/* clang-format on */

struct print {
	struct cli *cli;
	const struct args *args;
	const struct bp_thin_superblock *sb;
	struct bp_json *json;
	bool begun, open;             /* the first lines, and an element of --verbose */
	enum bp_thin_delta_kind kind; /* of that element */
	struct line line;
};

static const char *side_name(const struct cli *cli, const char *root, const char *id)
{
	return cli_given(cli, root) ? root : id;
}

/* --- XML --- */

static void print_side(const struct print *p, const char *name, const char *root_option,
		       uint64_t id, uint64_t root)
{
	bool by_root = cli_given(p->cli, root_option);

	fprintf(p->cli->out, " %s%s=\"%" PRIu64 "\"", name, by_root ? "_root" : "",
		by_root ? root : id);
}

/* The reference's head, with an empty uuid as there. */
static void begin_xml(struct print *p)
{
	FILE *out = p->cli->out;

	fprintf(out,
		"<superblock uuid=\"\" time=\"%" PRIu32 "\" transaction=\"%" PRIu64
		"\" data_block_size=\"%" PRIu32 "\" nr_data_blocks=\"%" PRIu64 "\">\n",
		p->sb->time, p->sb->transaction_id, p->sb->data_block_sectors,
		p->sb->nr_data_blocks);
	fprintf(out, "  <diff");
	print_side(p, "left", "root1", p->args->thin1, p->args->root1);
	print_side(p, "right", "root2", p->args->thin2, p->args->root2);
	fprintf(out, ">\n");
}

static void put_tag(struct print *p, const char *begin, enum bp_thin_delta_kind kind)
{
	line_text(&p->line, begin);
	line_text(&p->line, bp_thin_delta_kind_name(kind));
	line_text(&p->line, ">");
	line_print(&p->line, p->cli->out);
}

static void close_element(struct print *p)
{
	if (p->open)
		put_tag(p, "    </", p->kind);
	p->open = false;
}

/* Ranges of one kind lie in one element. */
static void print_range(struct print *p, const struct bp_thin_delta_run *run)
{
	struct line *line = &p->line;

	if (!p->open || p->kind != run->kind) {
		close_element(p);
		put_tag(p, "    <", run->kind);
		p->open = true;
		p->kind = run->kind;
	}
	line_text(line, "      <range begin=\"");
	line_number(line, run->begin);
	if (run->kind == BP_THIN_DELTA_DIFFERENT) {
		line_text(line, "\" left_data_begin=\"");
		line_number(line, run->left_data_begin);
		line_text(line, "\" right_data_begin=\"");
		line_number(line, run->right_data_begin);
	} else {
		line_text(line, "\" data_begin=\"");
		line_number(line, run->kind == BP_THIN_DELTA_RIGHT_ONLY ? run->right_data_begin
									: run->left_data_begin);
	}
	line_text(line, "\" length=\"");
	line_number(line, run->length);
	line_text(line, "\"/>");
	line_print(line, p->cli->out);
}

/* By hand and not by printf: there can be hundreds of millions of lines. */
static void print_simple(struct print *p, const struct bp_thin_delta_run *run)
{
	static const struct line_piece begin[] = {
		[BP_THIN_DELTA_SAME] = LINE_PIECE("    <same begin=\""),
		[BP_THIN_DELTA_LEFT_ONLY] = LINE_PIECE("    <left_only begin=\""),
		[BP_THIN_DELTA_RIGHT_ONLY] = LINE_PIECE("    <right_only begin=\""),
		[BP_THIN_DELTA_DIFFERENT] = LINE_PIECE("    <different begin=\""),
	};
	struct line *line = &p->line;

	line_piece(line, &begin[run->kind]);
	line_number(line, run->begin);
	line_text(line, "\" length=\"");
	line_number(line, run->length);
	line_text(line, "\"/>");
	line_print(line, p->cli->out);
}

static void print_xml(struct print *p, const struct bp_thin_delta_run *run)
{
	if (p->args->details)
		print_range(p, run);
	else
		print_simple(p, run);
}

static int end_xml(struct print *p)
{
	close_element(p);
	line_flush(&p->line, p->cli->out);
	fprintf(p->cli->out, "  </diff>\n</superblock>");
	return EXIT_OK;
}

/* --- JSON --- */

/* clang-format off */
static const struct out_column side_members[] = {
	DOC_MAYBE("dev_id", OUT_NUMBER, "id of the device"),
	DOC_MAYBE("root", OUT_NUMBER, "or the root of its tree, as it was named"),
	OUT_COLUMNS_END
};
static const struct out_column run_members[] = {
	DOC("kind", OUT_TEXT, "same, different, left_only or right_only"),
	COL_NUMBER(struct bp_thin_delta_run, begin, 0, "first block of the devices"),
	COL_NUMBER(struct bp_thin_delta_run, length, 0, "how many blocks"),
	DOC_MAYBE("left_data_begin", OUT_NUMBER, "data block of the left one's first"),
	DOC_MAYBE("right_data_begin", OUT_NUMBER, "data block of the right one's first"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("data_block_bytes", OUT_SIZE, "size of a data block"),
	DOC_OBJECT("left", side_members, "the one"),
	DOC_OBJECT("right", side_members, "the other"),
	DOC_LIST("runs", run_members, "what is the same and what differs, by ascending block"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.thin_delta", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

static void json_side(const struct print *p, const char *name, const char *root_option,
		      uint64_t id, uint64_t root)
{
	bool by_root = cli_given(p->cli, root_option);

	bp_json_object(p->json, name);
	bp_json_uint(p->json, by_root ? "root" : "dev_id", by_root ? root : id);
	bp_json_object_close(p->json);
}

/* Both sides are named as they were given. */
static int begin_json(struct print *p)
{
	int r = cli_json_start(p->cli, &schema, &p->json);

	if (r < 0)
		return r;
	bp_json_object(p->json, "data");
	bp_json_uint(p->json, "data_block_bytes",
		     bp_sector_to_bytes(p->sb->data_block_sectors));
	json_side(p, "left", "root1", p->args->thin1, p->args->root1);
	json_side(p, "right", "root2", p->args->thin2, p->args->root2);
	bp_json_array(p->json, "runs");
	return 0;
}

/* Where data lie only for the sides that have some. */
static void print_json(const struct print *p, const struct bp_thin_delta_run *run)
{
	bp_json_object(p->json, NULL);
	bp_json_string(p->json, "kind", bp_thin_delta_kind_name(run->kind));
	out_members(p->json, run_members, run);
	if (run->left_data_begin != BP_NONE)
		bp_json_uint(p->json, "left_data_begin", run->left_data_begin);
	if (run->right_data_begin != BP_NONE)
		bp_json_uint(p->json, "right_data_begin", run->right_data_begin);
	bp_json_object_close(p->json);
}

static int end_json(struct print *p)
{
	bp_json_array_close(p->json);
	bp_json_object_close(p->json);
	return cli_json_end(p->cli, p->json);
}

/* --- both --- */

static int begin(struct print *p)
{
	p->begun = true;
	if (p->cli->json)
		return begin_json(p);
	begin_xml(p);
	return 0;
}

static int on_run(void *user, const struct bp_thin_delta_run *run)
{
	struct print *p = user;
	int r = p->begun ? 0 : begin(p);

	if (r < 0)
		return r;
	if (p->cli->json)
		print_json(p, run);
	else
		print_xml(p, run);
	/* Nobody reads any more, or there is no room: no use to go on. */
	return ferror_unlocked(p->cli->out) ? -EPIPE : 0;
}

/* The head is printed even if nothing differs. */
static int compare(struct cli *cli, const struct args *args, struct bp_thin_meta *meta)
{
	struct print p = {
		.cli = cli,
		.args = args,
		.sb = bp_thin_superblock_get(meta),
	};
	const struct bp_thin_delta_side left = { .id = args->thin1, .root = args->root1 };
	const struct bp_thin_delta_side right = { .id = args->thin2, .root = args->root2 };
	struct bp_thin_delta_opts opt = {
		.size = sizeof(opt),
		.flags = (args->details || cli->json ? BP_THIN_DELTA_DATA : 0) |
			 (args->changes ? BP_THIN_DELTA_CHANGES : 0),
		/* Not among lines on the same terminal. */
		.progress = isatty(fileno(cli->out)) ? NULL : cli_progress,
		.progress_user = cli,
	};
	int r;

	cli_progress_title(cli, "Comparing");
	r = bp_thin_delta(meta, &left, &right, &opt, on_run, &p);
	if (r == 0 && !p.begun)
		r = begin(&p);
	line_flush(&p.line, cli->out);
	if (r < 0 && p.json)
		return cli_json_fail(cli, p.json, ferror(cli->out) ? NULL : args->path, r);
	if (r < 0)
		return cli_fail(cli, ferror(cli->out) ? NULL : args->path, r);
	return cli->json ? end_json(&p) : end_xml(&p);
}

/* Each side by device or by root, and not by block 0. */
static int check_sides(struct cli *cli, const struct args *args)
{
	static const char *const sides[][2] = { { "root1", "thin1" }, { "root2", "thin2" } };

	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		if (!cli_given(cli, side_name(cli, sides[i][0], sides[i][1])))
			return cli_usage(cli, "--%s or --%s not specified", sides[i][1],
					 sides[i][0]);
		if (cli_given(cli, sides[i][0]) && (i ? args->root2 : args->root1) == 0)
			return cli_usage(cli, "--%s: block 0 is the superblock", sides[i][0]);
	}
	return 0;
}

static int run(struct cli *cli, const void *p)
{
	struct args args = *(const struct args *)p;
	struct bp_thin_open_opts how = { .size = sizeof(how) };
	struct active_pool active;
	struct bp_thin_meta *meta;
	int r, status = check_sides(cli, &args);

	if (!status)
		status = active_metadata(cli, &active, &args.path, &args.snap);
	if (status)
		return status;
	how.flags = args.snap ? BP_THIN_OPEN_SNAP : 0;
	r = bp_thin_open(cli->ctx, args.path, &how, &meta);
	if (r < 0)
		return cli_fail(cli, args.path, r);
	status = compare(cli, &args, meta);
	bp_thin_close(meta);
	return status;
}

const struct cmd cmd_thin_delta = {
	.name = "thin_delta",
	.group = "Metadata",
	.summary = "Print how the mappings of two thin devices differ.",
	.examples = "  thin_delta --thin1 1 --thin2 2 -m /dev/mapper/vg-pool_tmeta\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_SOURCES | CMD_READS | CMD_DROP_IN | CMD_ABBREVIATIONS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
