/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of what a program writes to its disk: made, shown, and checked at every point of them. */
#include "commands/common.h"

#include <bedplate/crash.h>

#include <inttypes.h>

struct args {
	const char *record, *fs, *mount_point, *text, *device;
	const char *fsck, *verify, *work_dir, *image;
	struct cli_list command;
	uint64_t disk_bytes, atomic_bytes, seed, reorders, points, jobs, at;
	bool mount, from_start;
	struct out_opts out;
};

/* clang-format off */
#define RECORD_HELP "a record, or a log device of log-writes"

static const struct cmd_opt record_opts[] = {
	OPT_STRING(record, 'o', "output", "RECORD", "the record to make"),
	OPT_STRING(fs, 0, "fs", "NAME", "file system made on the disk before; default: ext4; none: the program gets the device"),
	OPT_SIZE(disk_bytes, 1, 0, "size", "SIZE", "of the disk; default: 64MiB"),
	OPT_STRING(mount_point, 0, "mount", "DIR", "where it is mounted; default: /run/bedplate-crash"),
	OPT_REST(command, "COMMAND", "the program and its arguments"),
	OPT_ANY("output"),
	OPT_END
};
static const struct cmd_opt mark_opts[] = {
	OPT_OPERAND(text, "WORD", "what is safe from here on"),
	OPT_STRING(device, 0, "device", "NAME", "the recording device; default: that of the environment"),
	OPT_END
};
static const struct cmd_opt show_opts[] = {
	OPT_OPERAND(record, "RECORD", RECORD_HELP),
	OPT_STRING(image, 0, "image", "FILE", "make the disk as it was instead, after --at entries or all"),
	OPT_NUMBER(at, 0, "at", "NUMBER", "so many entries"),
	OPT_OUTPUT(out),
	OPT_REQUIRES("at", "image"),
	OPT_END
};
static const struct cmd_opt check_opts[] = {
	OPT_OPERAND(record, "RECORD", RECORD_HELP),
	OPT_STRING(fsck, 0, "fsck", "COMMAND", "of the shell; the image's path is added to it"),
	OPT_STRING(verify, 0, "verify", "COMMAND", "of the shell; exit status 0: all that was promised is there"),
	OPT_FLAG(mount, 0, "mount", "mount the image for --verify, and unmount it before --fsck"),
	OPT_STRING(fs, 0, "fs", "NAME", "what to mount it as; default: the record's"),
	OPT_RANGE(reorders, 0, 64, 0, "reorder", "NUMBER", "before each flush, so many states in which writes that it would have made durable are lost or torn; default: 0"),
	OPT_SIZE(atomic_bytes, 1, 0, "atomic", "SIZE", "writes are torn at multiples of this only, bare: bytes; default: 512"),
	OPT_NUMBER(seed, 0, "seed", "NUMBER", "chooses which; default: 0"),
	OPT_NUMBER(points, 0, "points", "NUMBER", "try so many at most, evenly chosen; default: all"),
	OPT_RANGE(jobs, 1, 8, 'j', "jobs", "NUMBER", "so many at a time; default: one a processor"),
	OPT_FLAG(from_start, 0, "from-start", "also what was written before the program began"),
	OPT_STRING(work_dir, 0, "work-dir", "DIR", "where images are made and thrown away; default: TMPDIR"),
	OPT_ANY("fsck verify"),
	OPT_END
};

static const char *const kinds[] = {
	[BP_CRASH_WRITE] = "write",
	[BP_CRASH_DISCARD] = "discard",
	[BP_CRASH_FLUSH] = "flush",
	[BP_CRASH_MARK] = "mark",
};
static const char *const roles[] = {
	[BP_CRASH_NEAR] = "near",
	[BP_CRASH_LATE] = "late",
	[BP_CRASH_LOST] = "lost",
	[BP_CRASH_TORN] = "torn",
	[BP_CRASH_BROKE] = "broke",
};
static const char *const kind_words[] = { "write", "discard", "flush", "mark", NULL };

struct row {
	uint64_t entry, start_sectors, length_sectors;
	const char *kind, *flags, *mark;
};
static const struct out_column show_columns[] = {
	COL_NUMBER(struct row, entry, OUT_DEFAULT, "its number in the record, from 0"),
	COL_WORD(struct row, kind, kind_words, OUT_DEFAULT, "what it is"),
	COL_NUMBER(struct row, start_sectors, OUT_DEFAULT, "where on the disk"),
	COL_NUMBER(struct row, length_sectors, OUT_DEFAULT, "how much"),
	COL_TEXT(struct row, flags, OUT_DEFAULT, "flush: what was done before it is durable when this is done; fua: itself"),
	COL_TEXT(struct row, mark, OUT_DEFAULT, "a mark's text"),
	OUT_COLUMNS_END
};
static const struct out_schema show_schema = {
	.name = "bedplate.crash.show", .columns = show_columns, .none = "the record is empty",
};
static const struct out_column suspect_columns[] = {
	DOC("entry", OUT_NUMBER, "its number in the record, from 0"),
	DOC("role", OUT_TEXT, "late: it came after the point and is missing there; lost, torn: no flush had made it durable; broke: with it it is bad; near: next to the point"),
	DOC("kind", OUT_TEXT, "write, discard, flush or mark"),
	COL_NUMBER(struct bp_crash_entry, start_sectors, 0, "where on the disk"),
	COL_NUMBER(struct bp_crash_entry, length_sectors, 0, "how much"),
	DOC("kept_sectors", OUT_NUMBER, "of a torn one: so many of its first sectors are there"),
	COL_BOOL(struct bp_crash_entry, flush, 0, "what was done before it is durable when this is done"),
	COL_BOOL(struct bp_crash_entry, fua, 0, "it is itself"),
	COL_TEXT(struct bp_crash_entry, mark, 0, "a mark's text"),
	DOC("files", OUT_TEXT, "whose it is, where ext2 to ext4 tell"),
	OUT_COLUMNS_END
};
static const struct out_column check_columns[] = {
	COL_NUMBER(struct bp_crash_verdict, points, 0, "how many there are to try"),
	COL_NUMBER(struct bp_crash_verdict, tried, 0, "of these, up to the first bad one"),
	COL_BOOL(struct bp_crash_verdict, bad, 0, "one was"),
	COL_NUMBER(struct bp_crash_verdict, entries, 0, "of the record that had been done there"),
	COL_NUMBER(struct bp_crash_verdict, reorder, 0, "0: all in order; else the number of the state"),
	DOC("seed", OUT_NUMBER, "that chose"),
	COL_TEXT(struct bp_crash_verdict, mark, 0, "the last one before it"),
	COL_TEXT(struct bp_crash_verdict, what, 0, "mount, verify or fsck: what failed"),
	DOC("status", OUT_NUMBER, "its exit status"),
	COL_TEXT(struct bp_crash_verdict, output, 0, "what it printed"),
	DOC("why", OUT_TEXT, "what the writes to blame say, in words"),
	DOC_LIST("writes", suspect_columns, "to blame, and around it"),
	OUT_COLUMNS_END
};
static const struct out_schema check_schema = {
	.name = "bedplate.crash.check", .columns = check_columns, .flags = OUT_ONE,
};
static const struct out_column record_columns[] = {
	DOC("record", OUT_TEXT, "its file"),
	DOC("status", OUT_NUMBER, "the program's exit status"),
	DOC("entries", OUT_NUMBER, "how many were recorded"),
	DOC("bytes", OUT_NUMBER, "size of the record"),
	OUT_COLUMNS_END
};
static const struct out_schema record_schema = {
	.name = "bedplate.crash.record", .columns = record_columns, .flags = OUT_ONE,
};
static const struct out_schema mark_schema = { .name = "bedplate.crash.mark" };
/* clang-format on */

/* --- record, mark --- */

/* The program's lines are people's; a document is alone on standard output. */
static void put_output(void *user, const char *text, size_t len)
{
	struct cli *cli = user;
	FILE *f = cli->json ? stderr : cli->out;

	fwrite(text, 1, len, f);
	fflush(f);
}

static int record_json(struct cli *cli, const struct args *args,
		       const struct bp_crash_record_result *result)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &record_schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, "record", args->record);
	bp_json_int(json, "status", result->status);
	bp_json_uint(json, "entries", result->entries);
	bp_json_uint(json, "bytes", result->record_bytes);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/*
 * The program's own status decides as well: a record of a failed run is seldom what was
 * wanted.
 */
static int run_record(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_crash_record_result result = { .size = sizeof(result) };
	const struct bp_crash_record_opts how = {
		.size = sizeof(how),
		.argv = args->command.words,
		.disk_bytes = args->disk_bytes,
		.fs = args->fs,
		.mount = args->mount_point,
		.output = put_output,
		.user = cli,
	};
	int r;

	if (!args->command.count)
		return cli_usage(cli, "no COMMAND to run");
	r = bp_crash_record(cli->ctx, args->record, &how, &result);
	if (r < 0)
		return cli_fail(cli, args->record, r);
	r = EXIT_OK;
	if (cli->json)
		r = record_json(cli, args, &result);
	else
		cli_print(cli, "%" PRIu64 " entries recorded; the program's exit status: %d\n",
			  result.entries, result.status);
	return r ? r : result.status ? EXIT_FAILED : EXIT_OK;
}

static int run_mark(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r = bp_crash_mark(cli->ctx, args->device, args->text);

	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

/* --- show --- */

static void flags_text(const struct bp_crash_entry *e, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", e->flush ? "flush" : "", e->flush && e->fua ? "," : "",
		 e->fua ? "fua" : "");
}

/* Marks have no place on the disk. */
static int show_entry(struct out *out, const struct bp_crash *crash, uint64_t i)
{
	struct bp_crash_entry e;
	char flags[16];
	struct row row;
	int r = bp_crash_get(crash, i, &e);

	if (r < 0)
		return r;
	flags_text(&e, flags, sizeof(flags));
	row = (struct row){
		.entry = i,
		.start_sectors = e.kind == BP_CRASH_MARK ? OUT_UNKNOWN : e.start_sectors,
		.length_sectors = e.kind == BP_CRASH_MARK ? OUT_UNKNOWN : e.length_sectors,
		.kind = kinds[e.kind],
		.flags = *flags ? flags : NULL,
		.mark = *e.mark ? e.mark : NULL,
	};
	out_add(out, NULL, &row);
	return 0;
}

/* A row an entry; an entry that can't be read ends the list with its reason. */
static int show(struct cli *cli, const struct args *args, const struct bp_crash *crash)
{
	struct out *out;
	int r = out_open(cli, &args->out, &show_schema, &out);

	if (r || !out)
		return r;
	for (uint64_t i = 0; r == 0 && i < bp_crash_count(crash); i++)
		r = show_entry(out, crash, i);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, args->record, r);
	}
	return out_print(out);
}

static int make_image(struct cli *cli, const struct args *args, const struct bp_crash *crash)
{
	uint64_t at = cli_given(cli, "at") ? args->at : bp_crash_count(crash);
	int r = bp_crash_image(crash, at, args->image);

	return r < 0 ? cli_fail(cli, args->image, r) : EXIT_OK;
}

/* Either the list, or the image as it was at a point. */
static int run_show(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_crash *crash;
	int r = bp_crash_open(cli->ctx, args->record, &crash);

	if (r < 0)
		return cli_fail(cli, args->record, r);
	r = args->image ? make_image(cli, args, crash) : show(cli, args, crash);
	bp_crash_close(crash);
	return r;
}

/* --- check --- */

/* Flags that the kind already says are not said twice. */
static void print_suspect(struct cli *cli, const struct bp_crash *crash,
			  const struct bp_crash_suspect *s)
{
	struct bp_crash_entry e = { .mark = "" };
	char flags[16];

	if (bp_crash_get(crash, s->index, &e) < 0)
		return;
	e.flush &= e.kind != BP_CRASH_FLUSH; /* it is said once */
	flags_text(&e, flags, sizeof(flags));
	cli_print(cli, "  %-5s  %" PRIu64 " %s", s->role == BP_CRASH_NEAR ? "" : roles[s->role],
		  s->index, kinds[e.kind]);
	if (e.kind == BP_CRASH_MARK)
		cli_print(cli, " %s", e.mark);
	else if (e.kind != BP_CRASH_FLUSH)
		cli_print(cli, " sectors %" PRIu64 "+%" PRIu64, e.start_sectors,
			  e.length_sectors);
	if (s->role == BP_CRASH_TORN)
		cli_print(cli, " (%" PRIu64 " kept)", s->kept_sectors);
	cli_print(cli, "%s%s%s%s\n", *flags ? " " : "", flags, *s->files ? "  " : "", s->files);
}

/* What the role of the writes to blame says, in words; the first that there is. */
static const struct {
	enum bp_crash_role role;
	const char *what;
} reasons[] = {
	{ BP_CRASH_LATE, "came too late: is an fsync missing before this was told as done?" },
	{ BP_CRASH_TORN, "was written in part only: is it written over in place, without a log "
			 "or a checksum?" },
	{ BP_CRASH_LOST,
	  "was lost, and what came after it was kept: is an fsync missing between them?" },
	{ BP_CRASH_BROKE, "was written over: is what was there before needed still?" },
};

/* Each file once; the file system's own blocks are told where no file is to blame. */
static bool put_files(FILE *f, const struct bp_crash_result *result, enum bp_crash_role role)
{
	const char *last = "";
	bool found = false, any = false, own = false;

	for (size_t i = 0; i < bp_crash_result_count(result); i++) {
		const struct bp_crash_suspect *s = bp_crash_result_get(result, i);

		if (s->role != role)
			continue;
		found = true;
		own |= *s->files == '<';
		if (!*s->files || *s->files == '<' || strcmp(s->files, last) == 0)
			continue;
		fprintf(f, "%s%s", any ? ", " : "", s->files);
		last = s->files;
		any = true;
	}
	if (found && !any)
		fputs(own ? "what is in no file's own blocks (a name, a size, a directory)"
			  : "what is told above",
		      f);
	return found;
}

/* NULL: no memory; "": no write is to blame. free() it. */
static char *why(const struct bp_crash_result *result)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; f && i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (put_files(f, result, reasons[i].role)) {
			fprintf(f, " %s", reasons[i].what);
			break;
		}
	return cli_text_end(f, &text) ? text : NULL;
}

/* Enough to run that one state again: point, seed and number. */
static void print_verdict(struct cli *cli, const struct args *args,
			  const struct bp_crash *crash, const struct bp_crash_result *result)
{
	const struct bp_crash_verdict *v = bp_crash_result_verdict(result);
	_cleanup_(freep) char *reason = why(result);

	if (!reason)
		cli_lost(cli);
	if (!v->bad) {
		cli_print(cli, "good: %" PRIu64 " points tried\n", v->tried);
		return;
	}
	cli_print(cli, "bad: the power gone after %" PRIu64 " of %" PRIu64 " entries",
		  v->entries, bp_crash_count(crash));
	if (v->reorder)
		cli_print(cli, ", state %" PRIu32 " of seed %" PRIu64, v->reorder, args->seed);
	cli_print(cli, "%s%s: %s ended with %d\n", *v->mark ? ", after mark " : "", v->mark,
		  v->what, v->status);
	if (*v->output)
		cli_print(cli, "%s%s", v->output,
			  v->output[strlen(v->output) - 1] == '\n' ? "" : "\n");
	for (size_t i = 0; i < bp_crash_result_count(result); i++)
		print_suspect(cli, crash, bp_crash_result_get(result, i));
	if (reason && *reason)
		cli_print(cli, "why: %s\n", reason);
}

/* All fields always, so that readers need no cases. */
static void suspect_json(struct bp_json *json, const struct bp_crash *crash,
			 const struct bp_crash_suspect *s)
{
	struct bp_crash_entry e = { .kind = BP_CRASH_WRITE, .mark = "" };

	if (bp_crash_get(crash, s->index, &e) < 0)
		return;
	bp_json_object(json, NULL);
	bp_json_uint(json, "entry", s->index);
	bp_json_string(json, "role", roles[s->role]);
	bp_json_string(json, "kind", kinds[e.kind]);
	out_members(json, suspect_columns, &e);
	bp_json_uint(json, "kept_sectors", s->kept_sectors);
	bp_json_string(json, "files", s->files);
	bp_json_object_close(json);
}

/* The same for good and bad: "bad" decides. */
static int verdict_json(struct cli *cli, const struct args *args, const struct bp_crash *crash,
			const struct bp_crash_result *result)
{
	const struct bp_crash_verdict *v = bp_crash_result_verdict(result);
	_cleanup_(freep) char *reason = why(result);
	struct bp_json *json;
	int r = cli_json_start(cli, &check_schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	out_members(json, check_columns, v);
	bp_json_uint(json, "seed", args->seed);
	bp_json_int(json, "status", v->status);
	bp_json_string(json, "why", reason ? reason : "");
	bp_json_array(json, "writes");
	for (size_t i = 0; i < bp_crash_result_count(result); i++)
		suspect_json(json, crash, bp_crash_result_get(result, i));
	bp_json_array_close(json);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* A bad state found is exit status 1, like damage. */
static int check(struct cli *cli, const struct args *args, const struct bp_crash *crash)
{
	const struct bp_crash_check_opts how = {
		.size = sizeof(how),
		.fsck = args->fsck,
		.verify = args->verify,
		.mount = args->mount,
		.from_start = args->from_start,
		.fs = args->fs,
		.work_dir = args->work_dir,
		.seed = args->seed,
		.reorders = (uint32_t)args->reorders,
		.atomic_bytes = (uint32_t)MIN(args->atomic_bytes, UINT32_MAX),
		.jobs = (uint32_t)args->jobs,
		.points = args->points,
		.progress = cli_progress,
		.user = cli,
	};
	struct bp_crash_result *result;
	bool bad;
	int r;

	cli_progress_title(cli, "points");
	r = bp_crash_check(crash, &how, &result);
	cli_progress_end(cli);
	if (r < 0)
		return cli_fail(cli, args->record, r);
	bad = bp_crash_result_verdict(result)->bad;
	r = EXIT_OK;
	if (cli->json)
		r = verdict_json(cli, args, crash, result);
	else
		print_verdict(cli, args, crash, result);
	bp_crash_result_free(result);
	return r ? r : bad ? EXIT_FAILED : EXIT_OK;
}

static int run_check(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_crash *crash;
	int r = bp_crash_open(cli->ctx, args->record, &crash);

	if (r < 0)
		return cli_fail(cli, args->record, r);
	r = check(cli, args, crash);
	bp_crash_close(crash);
	return r;
}

const struct cmd cmd_crash_record = {
	.name = "crash record",
	.group = "Faults",
	.summary = "Record all that a program writes to its disk.",
	.examples = "  bedplate crash record -o db.record --fs ext4 -- ./fill-db\n",
	.opts = record_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&record_schema),
	.run = run_record,
};

const struct cmd cmd_crash_mark = {
	.name = "crash mark",
	.group = "Faults",
	.summary = "From a recorded program: what was promised so far must be safe.",
	.examples = "  bedplate crash mark 'order 17'\n",
	.opts = mark_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&mark_schema),
	.run = run_mark,
};

const struct cmd cmd_crash_check = {
	.name = "crash check",
	.group = "Faults",
	.summary = "Try each point of a record at which the power can have gone.",
	.examples = "  bedplate crash check db.record --mount --fsck 'e2fsck -fn' --verify "
		    "./check-db\n",
	.opts = check_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&check_schema),
	.run = run_check,
};

const struct cmd cmd_crash_show = {
	.name = "crash show",
	.group = "Faults",
	.summary = "List what a record holds, or make the disk as it was.",
	.examples = "  bedplate crash show db.record --image disk.img --at 100\n",
	.opts = show_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&show_schema),
	.run = run_show,
};
