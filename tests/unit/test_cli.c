/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's own machinery, with a few made-up commands: what is parsed, said, printed. */
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/out.h"

struct args {
	bool flag;
	uint32_t bits;
	const char *text, *maybe, *name, *other;
	uint64_t number, size, sectors;
	struct cli_read_ahead ahead;
	int64_t time_ms;
	unsigned choice, count;
	struct cli_list list, rest, extra;
	struct out_opts out;
};

static const char *const colours[] = { "red", "green", NULL };

/* clang-format off */
static const struct cmd_opt all_opts[] = {
	OPT_OPERAND(name, "NAME", "a name"),
	OPT_OPERAND_OPTIONAL(other, "OTHER", "another"),
	OPT_FLAG(flag, 'f', "flag", "a flag"),
	OPT_BIT(bits, 4, 'x', "bit", "a bit"),
	OPT_COUNT(count, 'c', "count", "counts"),
	OPT_STRING(text, 't', "text", "TEXT", "a text"),
	OPT_OPTIONAL(maybe, 'm', "maybe", "TEXT", "a text or none"),
	OPT_RANGE(number, 2, 9, 0, "number", "N", "two to nine"),
	OPT_SIZE(size, 512, 's', "size", "SIZE", "a size"),
	OPT_SECTORS(sectors, 512, 1 << 20, 0, "sectors", "SIZE", "sectors"),
	OPT_READ_AHEAD(ahead),
	OPT_TIME(time_ms, 0, "time", "TIME", "a time"),
	OPT_CHOICE(choice, colours, 0, "colour", "COLOUR", "a colour"),
	OPT_LIST(list, 'l', "list", "WORD", "several"),
	OPT_STRING(text, 0, "hidden", "TEXT", NULL),
	OPT_SYNONYM("old-text", "text"),
	OPT_CONFLICT("flag", "bit OTHER"),
	OPT_REQUIRES("number", "size"),
	OPT_END
};

static const struct cmd_opt rest_opts[] = {
	OPT_OPERAND(name, "NAME", "a name"),
	OPT_FLAG(flag, 'f', "flag", "a flag"),
	OPT_REST(rest, "COMMAND", "what to run"),
	OPT_ANY("COMMAND flag"),
	OPT_END
};

static const struct cmd_opt drop_opts[] = {
	OPT_STRING(text, 'n', "format", "TEXT", "takes the letter of --dry-run"),
	OPT_FLAG(flag, 0, "flagrant", "a flag"),
	OPT_OPERAND_OPTIONAL(other, "DUMMY", NULL),
	OPT_EXTRA(extra),
	OPT_END
};

static const struct cmd_opt out_opts[] = { OPT_OUTPUT(out), OPT_END };
static const struct cmd_opt fail_opts[] = {
	OPT_FLAG(flag, 'f', "flag", "a row"),
	OPT_OPERANDS(list, "NAME", "what fails"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

static int run_all(struct cli *cli, const void *p)
{
	const struct args *a = p;

	fprintf(cli->out, "name=%s", a->name);
	if (a->other)
		fprintf(cli->out, " other=%s", a->other);
	if (a->flag)
		fprintf(cli->out, " flag");
	if (a->bits)
		fprintf(cli->out, " bits=%u", a->bits);
	if (a->count)
		fprintf(cli->out, " count=%u", a->count);
	if (a->text)
		fprintf(cli->out, " text=%s", a->text);
	if (a->maybe)
		fprintf(cli->out, " maybe=[%s]", a->maybe);
	if (cli_given(cli, "number"))
		fprintf(cli->out, " number=%" PRIu64, a->number);
	if (cli_given(cli, "size"))
		fprintf(cli->out, " size=%" PRIu64, a->size);
	if (cli_given(cli, "sectors"))
		fprintf(cli->out, " sectors=%" PRIu64, a->sectors);
	if (cli_given(cli, "readahead"))
		fprintf(cli->out, " ahead=%s%u", a->ahead.minimum ? "+" : "", a->ahead.sectors);
	if (cli_given(cli, "time"))
		fprintf(cli->out, " time=%" PRId64, a->time_ms);
	if (cli_given(cli, "colour"))
		fprintf(cli->out, " colour=%u", a->choice);
	for (size_t i = 0; i < a->list.count; i++)
		fprintf(cli->out, " list=%s", a->list.words[i]);
	if (cli->dry_run)
		fprintf(cli->out, " dry");
	fprintf(cli->out, "\n");
	return EXIT_OK;
}

static int run_rest(struct cli *cli, const void *p)
{
	const struct args *a = p;

	fprintf(cli->out, "name=%s%s", a->name, a->flag ? " flag" : "");
	for (size_t i = 0; i < a->rest.count; i++)
		fprintf(cli->out, " [%s]", a->rest.words[i]);
	fprintf(cli->out, "\n");
	cli_warn(cli, "careful");
	return EXIT_OK;
}

static int run_drop(struct cli *cli, const void *p)
{
	const struct args *a = p;

	fprintf(cli->out, "text=%s", a->text ? a->text : "");
	for (size_t i = 0; i < a->extra.count; i++)
		fprintf(cli->out, " [%s]", a->extra.words[i] ? a->extra.words[i] : "-");
	fprintf(cli->out, "\n");
	return cli_failf(cli, "meta", "try again", "no good");
}

static enum cmd_extra drop_extra(struct cli *cli, const void *p, const char *name)
{
	const struct args *a = p;

	(void)cli;
	if (!a->other)
		return CMD_EXTRA_EARLY;
	return streq(name, "own")                             ? CMD_EXTRA_VALUE
	       : streq(name, "on") || streq(name, "flagrant") ? CMD_EXTRA_FLAG
							      : CMD_EXTRA_UNKNOWN;
}

static const char *const odds[] = { "odd", "even", NULL };

struct row {
	const char *name;
	char label[8];
	uint64_t size_bytes;
	uint32_t parts;
	int32_t opens;
	uint64_t used_percent;
	bool ok;
	int8_t maybe;
	const char *odd;
	struct out_json data;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT | OUT_TREE, "name"),
	COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "size"),
	COL_BOOL(struct row, ok, 0, "fine"),
	COL_JSON(struct row, data, NULL, 0, "data"),
	COL_TEXT_AS("label_text", struct row, label, 0, "label"),
	COL_NUMBER(struct row, parts, 0, "parts"),
	COL_NUMBER(struct row, opens, 0, "opens"),
	COL_PERCENT(struct row, used_percent, 0, "used"),
	COL_BOOL(struct row, maybe, 0, "perhaps"),
	COL_WORD(struct row, odd, odds, 0, "oddness"),
	OUT_COLUMNS_END
};
static const struct out_schema out_schema = {
	.name = "test.out", .columns = columns, .none = "nothing",
};
/* clang-format on */

static int run_out(struct cli *cli, const void *p)
{
	const struct args *a = p;
	struct out *out;
	int r = out_open(cli, &a->out, &out_schema, &out);

	if (r || !out)
		return r;
	out_add(out, NULL,
		&(struct row){ .name = "b b",
			       .label = "l",
			       .size_bytes = 4096,
			       .parts = 3,
			       .opens = -1,
			       .used_percent = 1205,
			       .ok = true,
			       .maybe = -1,
			       .odd = "odd",
			       .data = { "[1]", "one" } });
	out_add(out, NULL, &(struct row){ .name = "a", .size_bytes = 1 << 20, .maybe = 1 });
	out_add(out, NULL, &(struct row){ .name = "c", .size_bytes = OUT_UNKNOWN });
	return out_print(out);
}

/* Fails before there are rows, or after the first. */
static int run_fail(struct cli *cli, const void *p)
{
	const struct args *a = p;
	struct out *out;
	int r = out_open(cli, &a->out, &out_schema, &out);

	if (r || !out)
		return r;
	if (a->flag)
		out_add(out, NULL, &(struct row){ .name = "a" });
	for (size_t i = 0; i < a->list.count; i++)
		cli_failf(cli, a->list.words[i], NULL, "is not there");
	return out_print(out) || a->list.count ? EXIT_FAILED : EXIT_OK;
}

static int run_tree(struct cli *cli, const void *p)
{
	const struct args *a = p;
	struct out *out;
	struct out_row *top;
	int r = out_open(cli, &a->out, &out_schema, &out);

	if (r || !out)
		return r;
	top = out_add(out, NULL, &(struct row){ .name = "z\\ \033" });
	out_add(out, top, &(struct row){ .name = "y" });
	out_add(out, top, &(struct row){ .name = "x" });
	return out_print(out);
}

static const struct cmd cmd_all = {
	.name = "all",
	.aliases = "every each",
	.group = "Tests",
	.summary = "Take everything.",
	.opts = all_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.run = run_all,
};
static const struct cmd cmd_rest = {
	.name = "group rest",
	.group = "Tests",
	.summary = "Take the rest.",
	.opts = rest_opts,
	.args_size = sizeof(struct args),
	.run = run_rest,
};
static const struct cmd cmd_drop = {
	.name = "drop_in",
	.group = "Tests",
	.summary = "Stand in.",
	.opts = drop_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DROP_IN | CMD_ABBREVIATIONS,
	.run = run_drop,
	.extra = drop_extra,
};
static const struct cmd cmd_out = {
	.name = "out",
	.group = "Tests",
	.summary = "Print rows.",
	.opts = out_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&out_schema),
	.run = run_out,
};
static const struct cmd cmd_tree = {
	.name = "tree",
	.group = "Tests",
	.summary = "Print rows below rows.",
	.opts = out_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_tree,
};
static const struct cmd cmd_fail = {
	.name = "fail",
	.group = "Tests",
	.summary = "Fail.",
	.opts = fail_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&out_schema),
	.run = run_fail,
};
const struct cmd *const commands[] = { &cmd_all,  &cmd_rest, &cmd_drop, &cmd_out,
				       &cmd_tree, &cmd_fail, NULL };

/* What a command line does: its exit status, its output, its first line of complaint. */
struct result {
	int status;
	char *out, *err;
};

#define MAX_WORDS 16

/* Run a command line, words parted by blanks. */
static struct result run_line(const char *line)
{
	struct cli cli = { 0 };
	struct result result = { 0 };
	char *copy = strdup(line), *save = NULL, *argv[MAX_WORDS + 1];
	size_t out_len, err_len;
	int argc = 0;

	assert_non_null(copy);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < MAX_WORDS);
		argv[argc++] = word;
	}
	argv[argc] = NULL;
	cli.out = open_memstream(&result.out, &out_len);
	cli.err = open_memstream(&result.err, &err_len);
	result.status = cli_main(&cli, argc, argv);
	fclose(cli.out);
	fclose(cli.err);
	free(copy);
	return result;
}

static void result_done(struct result *result)
{
	free(result->out);
	free(result->err);
}

static const struct {
	const char *line;
	int status;
	const char *out, *err; /* err: how it begins */
} lines[] = {
	/* Options in every spelling. */
	{ "bedplate all n", 0, "name=n\n", "" },
	{ "bedplate each n -f", 0, "name=n flag\n", "" },
	{ "bedplate all -xcc n o", 0, "name=n other=o bits=4 count=2\n", "" },
	{ "bedplate all n --text=a=b", 0, "name=n text=a=b\n", "" },
	{ "bedplate all n --text a", 0, "name=n text=a\n", "" },
	{ "bedplate all n -ta", 0, "name=n text=a\n", "" },
	{ "bedplate all n -t=a", 0, "name=n text==a\n", "" },
	{ "bedplate all n -ct a", 0, "name=n count=1 text=a\n", "" },
	{ "bedplate all n --text=", 0, "name=n text=\n", "" },
	{ "bedplate all n --old-text a", 0, "name=n text=a\n", "" },
	{ "bedplate all n --hidden a", 0, "name=n text=a\n", "" },
	{ "bedplate all n --maybe", 0, "name=n maybe=[]\n", "" },
	{ "bedplate all --maybe n", 0, "name=n maybe=[]\n", "" },
	{ "bedplate all n --maybe=5", 0, "name=n maybe=[5]\n", "" },
	{ "bedplate all n -m5 -m=6", 0, "name=n maybe=[6]\n", "" },
	{ "bedplate all n -la -l b --list=c", 0, "name=n list=a list=b list=c\n", "" },
	{ "bedplate all -- -f -x", 0, "name=-f other=-x\n", "" },
	{ "bedplate all -", 0, "name=-\n", "" },
	/* Values. */
	{ "bedplate all n --size 0x", 64, "", "all: --size: " },
	{ "bedplate all n --size 8", 0, "name=n size=4096\n", "" },
	{ "bedplate all n -s1K --number 0x9", 0, "name=n number=9 size=1024\n", "" },
	{ "bedplate all n -s0 --number 10", 64, "",
	  "all: --number: '10' is out of range: 2 to 9\n" },
	{ "bedplate all n -s0 --number -1", 64, "", "all: --number: '-1' is not a number\n" },
	{ "bedplate all n -s0 --number 99999999999999999999", 64, "",
	  "all: --number: '99999999999999999999' is out of range: 2 to 9\n" },
	{ "bedplate all n --sectors 8", 0, "name=n sectors=8\n", "" },
	{ "bedplate all n --sectors 512M", 0, "name=n sectors=1048576\n", "" },
	{ "bedplate all n --sectors 513M", 64, "",
	  "all: --sectors: '513M' is too large: at most 1048576 sectors\n" },
	{ "bedplate all n --sectors 100B", 64, "",
	  "all: --sectors: '100B' is no whole number of 512-byte sectors\n" },
	{ "bedplate all n --sectors 10MB", 64, "",
	  "all: --sectors: '10MB' is no whole number of 512-byte sectors\n"
	  "  hint: 10MB is 10000000 bytes; 10MiB counts by 1024\n" },
	{ "bedplate all n --readahead auto", 0, "name=n ahead=0\n", "" },
	{ "bedplate all n --readahead none", 0, "name=n ahead=4294967295\n", "" },
	{ "bedplate all n --readahead 0", 0, "name=n ahead=4294967295\n", "" },
	{ "bedplate all n --readahead +1M", 0, "name=n ahead=+2048\n", "" },
	{ "bedplate all n --readahead 2T", 64, "",
	  "all: --readahead: '2T' is too large: at most 4294967294 sectors\n" },
	{ "bedplate all n --readahead 3T", 64, "", "all: --readahead: '3T' is too large" },
	{ "bedplate all n --readahead 100B", 64, "",
	  "all: --readahead: '100B' is no whole number of 512-byte sectors\n" },
	{ "bedplate all n --time 2", 0, "name=n time=2000\n", "" },
	{ "bedplate all n --time 7ms", 0, "name=n time=7\n", "" },
	{ "bedplate all n --time 1min", 0, "name=n time=60000\n", "" },
	{ "bedplate all n --time 0", 0, "name=n time=1\n", "" },
	{ "bedplate all n --time none", 0, "name=n time=-1\n", "" },
	{ "bedplate all n --time 5h", 64, "", "all: --time: '5h' is not a time\n" },
	{ "bedplate all n --time s", 64, "", "all: --time: 's' is not a time\n" },
	{ "bedplate all n --colour green", 0, "name=n colour=1\n", "" },
	{ "bedplate all n --colour blue", 64, "",
	  "all: --colour: 'blue' is not a choice\n  hint: one of: red, green\n" },
	/* Mistakes. */
	{ "bedplate all", 64, "", "all: operand NAME is missing\n" },
	{ "bedplate all a b c", 64, "", "all: unexpected operand 'c'\n" },
	{ "bedplate all n --txt x", 64, "",
	  "all: unknown option '--txt'\n  hint: did you mean '--text'?\n" },
	{ "bedplate all n --fla", 64, "", "all: unknown option '--fla'\n" },
	{ "bedplate all n -z", 64, "", "all: unknown option '-z'\n" },
	{ "bedplate all n --flag=1", 64, "", "all: option '--flag' takes no value\n" },
	{ "bedplate all n --text", 64, "", "all: option '--text' needs a value\n" },
	{ "bedplate all n -t", 64, "", "all: option '-t' needs a value\n" },
	{ "bedplate all n -fx", 64, "", "all: --flag and --bit exclude each other\n" },
	{ "bedplate all n o -f", 64, "", "all: --flag and OTHER exclude each other\n" },
	{ "bedplate all n --number 5", 64, "", "all: --number needs --size\n" },
	{ "bedplate al", 64, "", "bedplate: unknown verb 'al'\n  hint: did you mean 'all'?\n" },
	{ "bedplate group reset", 64, "", "bedplate: unknown verb 'group reset'\n" },
	{ "bedplate", 64, "", "Usage: bedplate [OPTION]... VERB ...\n" },
	{ "bedplate group", 64, "", "Usage: bedplate [OPTION]... group VERB ...\n" },
	/* Global options, before and after the verb. */
	{ "bedplate -n all n", 0, "name=n dry\n", "" },
	{ "bedplate all n --dry-run", 0, "name=n dry\n", "" },
	{ "bedplate group rest -n n c", 64, "", "group rest: unknown option '-n'\n" },
	{ "bedplate -n group rest n c", 64, "", "group rest: has no dry run\n" },
	{ "bedplate -V", 0, "bedplate 0.1.0\n", "" },
	{ "bedplate all -V", 0, "bedplate 0.1.0\n", "" },
	/* The rest of the line. */
	{ "bedplate group rest n -f ls -l", 0, "name=n flag [ls] [-l]\n",
	  "group rest: careful\n" },
	{ "bedplate -q group rest n ls -f -- -x", 0, "name=n [ls] [-f] [--] [-x]\n", "" },
	{ "bedplate group rest n", 64, "", "group rest: COMMAND or --flag not specified\n" },
	{ "bedplate group rest n -- -l", 0, "name=n [-l]\n", "group rest: careful\n" },
	/* Drop-in conduct. */
	{ "/usr/sbin/drop_in -n=x", 1, "text=x\n",
	  "drop_in: meta: no good\n  hint: try again\n" },
	{ "drop_in --form x", 1, "text=x\n", "drop_in: meta: no good\n" },
	{ "drop_in --f x", 64, "", "drop_in: unknown option '--f' here" },
	{ "drop_in d --f x", 64, "", "drop_in: unknown option '--f'\n" },
	{ "drop_in -q", 1, "text=\n", "" },
	{ "drop_in -q --nonsense", 64, "", "drop_in: unknown option '--nonsense'" },
	{ "drop_in -V", 0, "1.3.3\n", "" },
	{ "pdata_tools drop_in -q", 1, "text=\n", "" },
	{ "bedplate --quiet drop_in", 1, "text=\n", "" },
	/* Options beyond the table. */
	{ "drop_in -q d --own 5 --on", 1, "text= [own] [5] [d] [on] [-] [d]\n", "" },
	{ "drop_in -q d --own=5 --on=0", 1, "text= [own] [5] [d] [on] [0] [d]\n", "" },
	{ "drop_in -q --flagrant d --flagrant", 1, "text=\n", "" },
	{ "drop_in d --own", 64, "", "drop_in: option '--own' needs a value\n" },
	{ "drop_in d --none", 64, "", "drop_in: unknown option '--none'\n" },
	{ "drop_in --own 5 d", 64, "", "drop_in: unknown option '--own' here: " },
	/* Rows and fields. */
	{ "bedplate out", 0, "NAME SIZE\nb b  4KiB\na    1MiB\nc\n", "" },
	{ "bedplate out --noheadings -b -o size", 0, "   4096\n1048576\n\n", "" },
	{ "bedplate out --sort -size_bytes -o NAME", 0, "NAME\na\nb b\nc\n", "" },
	{ "bedplate out --sort size -o name --noheadings", 0, "c\nb b\na\n", "" },
	{ "bedplate out -r -o +ok", 0, "NAME SIZE OK\nb\\x20b 4KiB yes\na 1MiB no\nc  no\n",
	  "" },
	{ "bedplate out -r --separator , --noheadings --sort name", 0, "a,1MiB\nb b,4KiB\nc,\n",
	  "" },
	{ "bedplate out --separator ,", 64, "", "out: --separator needs --raw\n" },
	{ "bedplate out -o nme", 64, "", "out: no column 'nme'\n" },
	{ "bedplate out --sort nme", 64, "", "out: no column 'nme'\n" },
	{ "bedplate out -o data,ok", 0, "DATA OK\none  yes\n     no\n     no\n", "" },
	{ "bedplate tree --noheadings -o name", 0, "z\\ \\x1b\n|-y\n`-x\n", "" },
	{ "bedplate tree --noheadings -o name --sort name", 0, "z\\ \\x1b\n|-x\n`-y\n", "" },
	{ "bedplate out --list-columns", 0,
	  "NAME                 name\nSIZE                 size\n"
	  "OK                   fine\nDATA                 data\n"
	  "LABEL-TEXT           label\nPARTS                parts\n"
	  "OPENS                opens\nUSED%                used\n"
	  "MAYBE                perhaps\nODD                  oddness\n",
	  "" },
	{ "bedplate out -r --noheadings -o label_text,parts,opens,used%,maybe,odd --sort name",
	  0, " 0 0 0.00% yes \nl 3  12.05%  odd\n 0 0 0.00% no \n", "" },
	{ "bedplate fail", 0, "", "fail: nothing\n" },
	{ "bedplate fail x", 1, "", "fail: x: is not there\n" },
	{ "bedplate fail \033\xc2\x9bx", 1, "", "fail: \\x1b\\xc2\\x9bx: is not there\n" },
};

static void command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct result result = run_line(lines[i].line);
		bool same = result.status == lines[i].status &&
			    streq(result.out, lines[i].out) &&
			    strncmp(result.err, lines[i].err, strlen(lines[i].err)) == 0 &&
			    (lines[i].err[0] || !result.err[0]);

		if (!same)
			print_error("%s\nstatus %d, expected %d\nout:\n%s\nerr:\n%s\n",
				    lines[i].line, result.status, lines[i].status, result.out,
				    result.err);
		assert_true(same);
		result_done(&result);
	}
}

static const struct {
	const char *line;
	int status;
	const char *has[6]; /* pieces of the document, in order */
} documents[] = {
	{ "bedplate -J out",
	  0,
	  { "\"schema\": \"test.out\"", "\"version\": 1", "\"data\": [", "\"name\": \"b b\"",
	    "\"size_bytes\": 4096", "\"ok\": true" } },
	{ "bedplate out --json",
	  0,
	  { "\"data\": [1]", "\"name\": \"c\"", "\"size_bytes\": null", "\"warnings\": []" } },
	{ "bedplate -J out -o name",
	  0,
	  { "\"name\": \"b b\"\n    }", "\"name\": \"a\"\n    }" } },
	/* What fails is told in the document. */
	{ "bedplate -J drop_in",
	  1,
	  { "\"schema\": \"bedplate.drop_in\"", "\"data\": null", "\"verb\": \"drop_in\"",
	    "\"subject\": \"meta\"", "\"message\": \"no good\"", "\"hint\": \"try again\"" } },
	{ "bedplate -J all", 64, { "\"code\": \"BP_E_USAGE\"", "operand NAME is missing" } },
	{ "bedplate all --txt --json",
	  64,
	  { "\"schema\": \"bedplate.all\"", "\"data\": null", "\"errno_name\": \"EINVAL\"",
	    "unknown option '--txt'" } },
	{ "bedplate -J al", 64, { "\"schema\": \"bedplate.error\"", "unknown verb 'al'" } },
	{ "bedplate -J fail x",
	  1,
	  { "\"schema\": \"test.out\"", "\"data\": null", "\"subject\": \"x\"",
	    "\"error\": {\"code\": \"BP_E_FAILED\"", "\"warnings\": []" } },
	{ "bedplate -J fail -f x y",
	  1,
	  { "\"data\": [", "\"name\": \"a\"", "\"subject\": \"x\"", "\"errors\": [",
	    "\"subject\": \"x\"", "\"subject\": \"y\"" } },
	{ "bedplate -J fail", 0, { "\"data\": []" } },
	{ "bedplate -J out -o nme", 64, { "\"data\": null", "no column 'nme'" } },
	{ "bedplate -J out --list-columns",
	  0,
	  { "\"schema\": \"bedplate.columns\"", "\"name\": \"size_bytes\"",
	    "\"heading\": \"SIZE\"", "\"type\": \"number\"", "\"default\": true" } },
	{ "bedplate --schemas -J",
	  0,
	  { "\"schema\": \"bedplate.schemas\"", "\"name\": \"test.out\"",
	    "\"verbs\": [\n        \"out\",\n        \"fail\"", "\"unit\": \"bytes\"",
	    "\"odd\"", "\"name\": \"bedplate.schemas\"" } },
	{ "bedplate --dump-commands",
	  0,
	  { "\"name\": \"all\"", "\"letter\": \"f\"", "\"kind\": \"choice\"", "\"red\"",
	    "\"hidden\": true", "\"name\": \"group rest\"" } },
};

static void json_documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct result result = run_line(documents[i].line);
		const char *at = result.out;

		assert_string_equal(result.err, "");
		assert_int_equal(result.status, documents[i].status);
		for (size_t j = 0; j < ARRAY_SIZE(documents[i].has) && documents[i].has[j];
		     j++) {
			at = strstr(at, documents[i].has[j]);
			if (!at)
				print_error("%s: no %s\n", documents[i].line,
					    documents[i].has[j]);
			assert_non_null(at);
		}
		result_done(&result);
	}
}

/* Verbs that answer nothing give a document all the same, with what they warned of. */
static void json_without_data(void **state)
{
	struct result result = run_line("bedplate -J group rest n c");

	(void)state;
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "\"schema\": \"bedplate.group.rest\""));
	assert_non_null(strstr(result.out, "\"data\": null"));
	assert_non_null(strstr(result.out, "\"careful\""));
	assert_string_equal(result.err, "");
	result_done(&result);
}

/* Output that can't be written is a failure; that nobody wants any more is not complained of.
 */
static void lost_output(void **state)
{
	char name[] = "bedplate", verb[] = "all", operand[] = "n";
	char *argv[] = { name, verb, operand, NULL };
	struct cli cli = { 0 };
	char *err = NULL;
	size_t len;
	int fds[2];

	(void)state;
	cli.out = fopen("/dev/full", "w");
	cli.err = open_memstream(&err, &len);
	assert_int_equal(cli_main(&cli, 3, argv), 1);
	fclose(cli.out);
	fclose(cli.err);
	assert_string_equal(err, "all: standard output: No space left on device\n");
	free(err);

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	cli = (struct cli){ .out = fdopen(fds[1], "w"), .err = open_memstream(&err, &len) };
	assert_int_equal(cli_main(&cli, 3, argv), 1);
	fclose(cli.out);
	fclose(cli.err);
	assert_string_equal(err, "");
	free(err);
}

/* Help names every option that is not hidden, and rules and synonyms are none. */
static void help(void **state)
{
	struct result result = run_line("bedplate all --help");

	(void)state;
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out, "Usage: bedplate all [OPTION]... NAME [OTHER]\n"));
	assert_non_null(strstr(result.out, "  -m, --maybe[=TEXT]          a text or none\n"));
	assert_non_null(strstr(result.out, "      --number=N              two to nine\n"));
	assert_non_null(strstr(result.out, "  -n, --dry-run"));
	assert_null(strstr(result.out, "hidden"));
	assert_null(strstr(result.out, "old-text"));
	result_done(&result);

	result = run_line("bedplate help group rest");
	assert_int_equal(result.status, 0);
	assert_non_null(strstr(result.out,
			       "Usage: bedplate group rest [OPTION]... NAME [COMMAND...]\n"));
	assert_null(strstr(result.out, "--dry-run"));
	result_done(&result);
}

/* Every way in which a member can lie in a struct, and a column that has none. */
static void members_of_a_document(void **state)
{
	struct odd {
		const char *text, *none;
		char word[8];
		uint64_t size_bytes, damaged;
		uint32_t small;
		int64_t later;
		bool yes;
		int8_t maybe;
		struct out_json json;
	};
	static const struct out_column members[] = {
		COL_TEXT(struct odd, text, 0, "lent"),
		COL_TEXT(struct odd, none, 0, "not there"),
		COL_TEXT_AS("another", struct odd, word, 0, "inside"),
		DOC("by_hand", OUT_NUMBER, "the caller's"),
		COL_SIZE(struct odd, size_bytes, 0, "bytes"),
		COL_NUMBER(struct odd, damaged, 0, "as it was read"),
		COL_NUMBER(struct odd, small, 0, "32 bits"),
		COL_NUMBER(struct odd, later, 0, "not known yet"),
		COL_PERCENT_AS("used_percent", struct odd, size_bytes, 0, "hundredths"),
		COL_BOOL(struct odd, yes, 0, "is so"),
		COL_BOOL(struct odd, maybe, 0, "nobody knows"),
		COL_JSON(struct odd, json, NULL, 0, "ready-made"),
		OUT_COLUMNS_END
	};
	const struct odd odd = { "a", NULL, "word", 4096, UINT64_MAX,
				 3,   -1,   true,   -1,   { "[1]", "one" } };
	struct bp_json *json;

	(void)state;
	assert_int_equal(bp_json_new(NULL, NULL, &json), 0);
	bp_json_flat(json);
	bp_json_object(json, NULL);
	out_members(json, members, &odd);
	bp_json_object_close(json);
	assert_int_equal(bp_json_end(json), 0);
	assert_string_equal(bp_json_text(json, NULL),
			    "{\"text\": \"a\", \"none\": null, \"another\": \"word\", "
			    "\"size_bytes\": 4096, \"damaged\": 18446744073709551615, "
			    "\"small\": 3, \"later\": null, \"used_percent\": 40.96, "
			    "\"yes\": true, \"maybe\": null, \"json\": [1]}\n");
	bp_json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines),     cmocka_unit_test(json_documents),
		cmocka_unit_test(json_without_data), cmocka_unit_test(members_of_a_document),
		cmocka_unit_test(lost_output),       cmocka_unit_test(help),
	};

	setenv("LC_ALL", "C", 1); /* trees are drawn as the locale can */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
