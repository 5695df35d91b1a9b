/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/*
 * What a command is made of. A whole tool, src/commands/example.c, plus the row
 * 'example': 'example+' in src/commands/meson.build (+: a link of that name, as it is a drop-in tool):
 *
 *	#include "cli/cli.h"
 *
 *	#include <bedplate/thin.h>
 *
 *	struct args {                     the macros below want this very name
 *		const char *path;
 *		uint32_t flags;
 *		uint64_t block_bytes;
 *	};
 *
 *	static const struct cmd_opt opts[] = {        fence it from clang-format
 *		OPT_OPERAND(path, "METADATA", "metadata device or file"),
 *		OPT_BIT(flags, BP_THIN_CHECK_SUPER_ONLY, 0, "super-block-only", "the superblock alone"),
 *		OPT_SIZE(block_bytes, 512, 'b', "block-size", "SIZE", "block size, bare: sectors"),
 *		OPT_SYNONYM("super-only", "super-block-only"),
 *		OPT_CONFLICT("super-block-only", "block-size"),
 *		OPT_END
 *	};
 *
 *	static int run(struct cli *cli, const void *p)
 *	{
 *		const struct args *args = p;
 *		const struct bp_thin_check_opts how = { .size = sizeof(how), .flags = args->flags };
 *		struct bp_thin_check_result res = { .size = sizeof(res) };
 *		int r = bp_thin_check(cli->ctx, args->path, &how, &res);
 *
 *		if (r < 0)
 *			return cli_fail(cli, args->path, r);
 *		return res.nr_fatal ? EXIT_FAILED : EXIT_OK;
 *	}
 *
 *	const struct cmd cmd_example = {
 *		.name = "example",        with a blank: a verb of a group, "pool create"
 *		.group = "Metadata",
 *		.summary = "Check an example.",
 *		.opts = opts,
 *		.args_size = sizeof(struct args),
 *		.flags = CMD_DROP_IN,     stands in for a known tool, see below
 *		.run = run,
 *	};
 *
 * Help, usage errors, completions and the check of the man page come from the table.
 */
/* clang-format on */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/util.h"

#include <bedplate/context.h>
#include <bedplate/json.h>
#include <bedplate/units.h>

/* Never 2: LVM reads that as "tool missing". */
enum {
	EXIT_OK = 0,     /* done, and clean */
	EXIT_FAILED = 1, /* failed, or damage found */
	EXIT_USAGE = 64, /* the command line is wrong; nothing was done */
};

/* The interface of thin-provisioning-tools that the drop-in tools keep to; LVM parses it. */
#define CLI_DROP_IN_LEVEL "1.3.3"

/* Words given to an option that may be repeated, or to the last operands. */
struct cli_list {
	const char **words;
	size_t count;
};

/* "auto", "none", "1M", "+1M". All zero: as the kernel has it. */
struct cli_read_ahead {
	uint32_t sectors; /* or an enum bp_read_ahead */
	bool minimum;     /* at least so much */
};

/* What an option beyond the table leaves: its name, its value or NULL, the operand before it.
 */
enum { CLI_EXTRA_NAME, CLI_EXTRA_VALUE, CLI_EXTRA_OPERAND, CLI_EXTRA_WORDS };

enum cmd_opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,     /* bool */
	OPT_KIND_BIT,      /* uint32_t, or'ed */
	OPT_KIND_COUNT,    /* unsigned, one more each time */
	OPT_KIND_STRING,   /* const char * */
	OPT_KIND_OPTIONAL, /* const char *; "" where given without a value */
	OPT_KIND_NUMBER,   /* uint64_t */
	OPT_KIND_SIZE,     /* uint64_t, bytes */
	OPT_KIND_SECTORS, /* uint64_t, sectors of 512 bytes; a size that is not whole is refused */
	OPT_KIND_READ_AHEAD, /* struct cli_read_ahead */
	OPT_KIND_TIME,       /* int64_t, milliseconds; -1: without limit */
	OPT_KIND_CHOICE,     /* unsigned: index into choices */
	OPT_KIND_LIST,       /* struct cli_list */
	OPT_KIND_EXTRA,      /* struct cli_list of CLI_EXTRA_WORDS each, see there */
	OPT_KIND_SYNONYM,    /* another spelling: @names is the option it stands for */
	OPT_KIND_CONFLICT,   /* @name excludes each of @names */
	OPT_KIND_REQUIRES,   /* @name needs all of @names */
	OPT_KIND_ANY,        /* one of @names must be there */
};

enum cmd_opt_place {
	OPT_PLACE_OPTION,
	OPT_PLACE_OPERAND,          /* must be there */
	OPT_PLACE_OPERAND_OPTIONAL, /* may be there */
	OPT_PLACE_REST,             /* all words from here on, options or not */
};

/* One row: an option, an operand or a rule. Filled by the macros below. */
struct cmd_opt {
	enum cmd_opt_kind kind;
	enum cmd_opt_place place;
	char letter;      /* 0: none */
	const char *name; /* long name; NULL: operand, or a letter only */
	const char *arg;  /* what the value is called; an operand's own name */
	const char *help; /* NULL: accepted but not shown */
	size_t offset;    /* of the member in the args */
	uint64_t min,
		max; /* number: its range; bit: min; sizes: min is bytes a unit, max is 0: none */
	const char *const *choices; /* words, NULL at the end */
	const char *names;          /* blank-separated; operands by their capital names */
};

/* The offset of @member in struct args; refuses to compile where its type is not @type. */
#define OPT_AT(type, member)                                                                   \
	(offsetof(struct args, member) + 0 * sizeof((type *)0 == &((struct args *)0)->member))

/* clang-format off */
#define OPT_FLAG(m, s, l, h) \
	{ .kind = OPT_KIND_FLAG, .letter = s, .name = l, .help = h, .offset = OPT_AT(bool, m) }
#define OPT_BIT(m, bit, s, l, h) \
	{ .kind = OPT_KIND_BIT, .letter = s, .name = l, .help = h, .min = bit, .offset = OPT_AT(uint32_t, m) }
#define OPT_COUNT(m, s, l, h) \
	{ .kind = OPT_KIND_COUNT, .letter = s, .name = l, .help = h, .offset = OPT_AT(unsigned, m) }
#define OPT_STRING(m, s, l, a, h) \
	{ .kind = OPT_KIND_STRING, .letter = s, .name = l, .arg = a, .help = h, .offset = OPT_AT(const char *, m) }
/* --name or --name=VALUE, -x or -xVALUE or -x=VALUE; never takes the next word. */
#define OPT_OPTIONAL(m, s, l, a, h) \
	{ .kind = OPT_KIND_OPTIONAL, .letter = s, .name = l, .arg = a, .help = h, .offset = OPT_AT(const char *, m) }
#define OPT_NUMBER(m, s, l, a, h) OPT_RANGE(m, 0, UINT64_MAX, s, l, a, h)
#define OPT_RANGE(m, lo, hi, s, l, a, h) \
	{ .kind = OPT_KIND_NUMBER, .letter = s, .name = l, .arg = a, .help = h, .min = lo, .max = hi, .offset = OPT_AT(uint64_t, m) }
/* A bare number counts @unit bytes; @unit 0: it is refused, but for 0. */
#define OPT_SIZE(m, unit, s, l, a, h) \
	{ .kind = OPT_KIND_SIZE, .letter = s, .name = l, .arg = a, .help = h, .min = unit, .offset = OPT_AT(uint64_t, m) }
/* The same, told in sectors: what is no whole number of them, or more than @most, is refused. */
#define OPT_SECTORS(m, unit, most, s, l, a, h) \
	{ .kind = OPT_KIND_SECTORS, .letter = s, .name = l, .arg = a, .help = h, .min = unit, .max = most, .offset = OPT_AT(uint64_t, m) }
#define OPT_OPERAND_SECTORS_OPTIONAL(m, unit, most, a, h) \
	{ .kind = OPT_KIND_SECTORS, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a, .help = h, .min = unit, .max = most, .offset = OPT_AT(uint64_t, m) }
#define OPT_READ_AHEAD(m) \
	{ .kind = OPT_KIND_READ_AHEAD, .name = "readahead", .arg = "SIZE", .help = "auto, none, a size (bare: sectors), or +SIZE: at least that", \
	  .min = BP_SECTOR_BYTES, .max = UINT32_MAX - 1, .offset = OPT_AT(struct cli_read_ahead, m) }
/* "500ms", "30s", "5min", "none"; a bare number counts seconds. */
#define OPT_TIME(m, s, l, a, h) \
	{ .kind = OPT_KIND_TIME, .letter = s, .name = l, .arg = a, .help = h, .offset = OPT_AT(int64_t, m) }
#define OPT_CHOICE(m, list, s, l, a, h) \
	{ .kind = OPT_KIND_CHOICE, .letter = s, .name = l, .arg = a, .help = h, .choices = list, .offset = OPT_AT(unsigned, m) }
#define OPT_LIST(m, s, l, a, h) \
	{ .kind = OPT_KIND_LIST, .letter = s, .name = l, .arg = a, .help = h, .offset = OPT_AT(struct cli_list, m) }

#define OPT_OPERAND(m, a, h) \
	{ .kind = OPT_KIND_STRING, .place = OPT_PLACE_OPERAND, .arg = a, .help = h, .offset = OPT_AT(const char *, m) }
#define OPT_OPERAND_OPTIONAL(m, a, h) \
	{ .kind = OPT_KIND_STRING, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a, .help = h, .offset = OPT_AT(const char *, m) }
#define OPT_OPERAND_NUMBER(m, lo, hi, a, h) \
	{ .kind = OPT_KIND_NUMBER, .place = OPT_PLACE_OPERAND, .arg = a, .help = h, .min = lo, .max = hi, .offset = OPT_AT(uint64_t, m) }
#define OPT_OPERAND_NUMBER_OPTIONAL(m, lo, hi, a, h) \
	{ .kind = OPT_KIND_NUMBER, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a, .help = h, .min = lo, .max = hi, .offset = OPT_AT(uint64_t, m) }
#define OPT_OPERAND_SIZE_OPTIONAL(m, unit, a, h) \
	{ .kind = OPT_KIND_SIZE, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a, .help = h, .min = unit, .offset = OPT_AT(uint64_t, m) }
/* Any number of operands, or at least one; options may stand between them. */
#define OPT_OPERANDS(m, a, h) \
	{ .kind = OPT_KIND_LIST, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a, .help = h, .offset = OPT_AT(struct cli_list, m) }
#define OPT_OPERANDS_NEEDED(m, a, h) \
	{ .kind = OPT_KIND_LIST, .place = OPT_PLACE_OPERAND, .arg = a, .help = h, .offset = OPT_AT(struct cli_list, m) }
/* The rest of the line, untouched: another program's command line. */
#define OPT_REST(m, a, h) \
	{ .kind = OPT_KIND_LIST, .place = OPT_PLACE_REST, .arg = a, .help = h, .offset = OPT_AT(struct cli_list, m) }
/* Where the options go that cmd.extra knows. */
#define OPT_EXTRA(m) \
	{ .kind = OPT_KIND_EXTRA, .offset = OPT_AT(struct cli_list, m) }

#define OPT_SYNONYM(l, of)    { .kind = OPT_KIND_SYNONYM, .name = l, .names = of }
#define OPT_CONFLICT(l, list) { .kind = OPT_KIND_CONFLICT, .name = l, .names = list }
#define OPT_REQUIRES(l, list) { .kind = OPT_KIND_REQUIRES, .name = l, .names = list }
#define OPT_ANY(list)         { .kind = OPT_KIND_ANY, .names = list }
#define OPT_END               { .kind = OPT_KIND_END }

/* Same option, same meaning in every tool. */
#define OPT_YES(m) OPT_FLAG(m, 'y', "yes", "do it without asking back")
/* clang-format on */

enum cmd_flags {
	CMD_READS = 1,         /* changes nothing: -n is accepted, and makes no difference */
	CMD_DRY_RUN = 2,       /* heeds cli->dry_run; commands with neither refuse -n */
	CMD_DROP_IN = 4,       /* stands in for a known tool: its -V, -q silences errors too */
	CMD_ABBREVIATIONS = 8, /* unambiguous beginnings of long options are accepted */
	CMD_HIDDEN = 16,       /* works, but is not listed */
	CMD_SOURCES = 32, /* where it reads metadata, names of pools on disks will do too */
};

/* What an option that is not in the table takes, as the command says. */
enum cmd_extra {
	CMD_EXTRA_UNKNOWN, /* there is no such option */
	CMD_EXTRA_EARLY,   /* it depends on an operand that was not given yet */
	CMD_EXTRA_FLAG,    /* no value, but one may be given with = */
	CMD_EXTRA_VALUE,
};

struct cli;
struct out_schema;

/* A command. Members that are zero are not needed. */
struct cmd {
	const char *name;    /* "create"; "pool create" is a verb of the group "pool" */
	const char *aliases; /* other names, blank-separated; none of groups */
	const char *group;   /* heading in the list of commands */
	const char *summary; /* one sentence */
	const char *detail;  /* more for --help, lines ended by newlines */
	/* For --help: command lines, each after two blanks and ended by a newline. */
	const char *examples;
	const char *exits; /* what its exit status means, where that is its own */
	const struct cmd_opt *opts;
	size_t args_size;
	const void *defaults; /* a struct args to start from */
	uint32_t flags;
	/* The documents it prints, see out.h; the first is that of its failures. */
	const struct out_schema *const *schemas;
	const char *level; /* of a drop-in: the version it says, not CLI_DROP_IN_LEVEL */

	/* Return: an exit status. */
	int (*run)(struct cli *cli, const void *args);

	/*
	 * For options beyond the table (OPT_EXTRA): a target's own, for example. It is not
	 * asked for what is a row or a common option: see cli_has_option().
	 */
	enum cmd_extra (*extra)(struct cli *cli, const void *args, const char *name);
	/* What is wrong with one that it doesn't know. Return: EXIT_USAGE, or 0: nothing told. */
	int (*unknown)(struct cli *cli, const void *args, const char *name);
	/*
	 * For the command line of another program, instead of @run: gets the words as they are (the
	 * first is how it was called) and finds its options in the table itself; none of the common
	 * ones applies.
	 */
	int (*raw)(struct cli *cli, int argc, char **argv);
	/* More help, by what was given before --help. */
	void (*help)(struct cli *cli, const void *args);
};

/* NULL at the end; made by src/commands/meson.build. */
extern const struct cmd *const commands[];

/* What a running command has. */
struct cli {
	struct bp_ctx *ctx;
	const struct cmd *cmd;
	const char *program; /* how it was called: "bedplate", "thin_check" ... */
	FILE *out, *err;     /* results go to out, the rest to err */
	bool json, dry_run, quiet;
	struct cli_list pvs; /* CMD_SOURCES: --pv, --lvm-backup */
	const char *lvm_backup;
	unsigned verbose;

	/* Inside of src/cli. */
	bool help, version, schemas, json_begun, failed, lost;
	int argc;
	char **argv;
	bool *given; /* by row of the table */
	char **warnings;
	size_t nr_warnings;
	struct cli_error {
		char *subject, *json;
	} * errors; /* failures, for the document of --json */
	size_t nr_errors;
	struct cli_progress *progress;
	enum {
		OUT_NOT_ASKED,
		OUT_TERMINAL,
		OUT_OTHER
	} out_is; /* asked once, not for each line */
};

/* Was this option (long name) or operand (capital name) given? */
bool cli_given(const struct cli *cli, const char *name);

/* Has the command an option of this long name, a row of its own or a common one? */
bool cli_has_option(const struct cli *cli, const char *name);

/*
 * Report a failed call of the library and return EXIT_FAILED: "verb: subject: what: why" and
 * what else the context knows of it; the error object under --json.
 * @subject: what it was about, a device or path; NULL where the message says so.
 * @r: what the call returned. -EPIPE is silent: the reader has seen enough.
 */
int cli_fail(struct cli *cli, const char *subject, int r);

/*
 * The same for failures the command itself found, with a hint or NULL: cli_failr() where an errno
 * is the reason (@r, negative), the other where it is a judgement of its own.
 */
int cli_failr(struct cli *cli, int r, const char *subject, const char *hint, const char *fmt,
	      ...) _printf_(5, 6);
int cli_failf(struct cli *cli, const char *subject, const char *hint, const char *fmt, ...)
	_printf_(4, 5);

/* A mistake in the command line that the table can't express. Return: EXIT_USAGE. */
int cli_usage(struct cli *cli, const char *fmt, ...) _printf_(2, 3);
int cli_usage_hint(struct cli *cli, const char *hint, const char *fmt, ...) _printf_(3, 4);

/*
 * Something the user should know though the command goes on: damage, a deferred removal.
 * "verb: text" on stderr, nothing with -q; also a member of "warnings" under --json.
 */
void cli_warn(struct cli *cli, const char *fmt, ...) _printf_(2, 3);

/* One line for people on stderr: nothing with -q or --json. */
void cli_note(struct cli *cli, const char *fmt, ...) _printf_(2, 3);

/* Results as text that may hold names from outside: on a terminal they can do no harm. */
void cli_print(struct cli *cli, const char *fmt, ...) _printf_(2, 3);

/*
 * For lack of memory something is missing in what was printed: told at the end, where the program
 * can't end with 0 then.
 */
void cli_lost(struct cli *cli);

/*
 * The end of a text in memory (open_memstream(); @f may be NULL, where that failed): false where
 * memory ran out, and *@text is NULL. fclose() alone does not know: glibc's says 0 where the last
 * piece found no room.
 */
bool cli_text_end(FILE *f, char **text);

/* A copy in which what would act on a terminal is \xHH. NULL: no memory. */
char *cli_visible(const char *text);

/* Text from outside as one word of a line that can be pasted into a shell. NULL: no memory. free() it. */
char *cli_word(const char *text);

/*
 * JSON results: between these two the command writes the member "data". What failed and the
 * warnings follow. cli_json_end() returns an exit status, and frees @json; of a stream, whose
 * documents are lines with members of their own, cli_json_line() does.
 */
int cli_json_start(struct cli *cli, const struct out_schema *schema, struct bp_json **ret);
int cli_json_end(struct cli *cli, struct bp_json *json);
int cli_json_line(struct cli *cli, struct bp_json *json);
/* Where the work failed with data half written: the failure follows it. As cli_fail(), and ends. */
int cli_json_fail(struct cli *cli, struct bp_json *json, const char *subject, int r);

/*
 * Progress of long work: a bar on a terminal, a line every 5 s elsewhere, nothing with -q.
 * @user: the struct cli. To be given to the library as a progress callback. Return: 0.
 */
int cli_progress(void *user, uint64_t done, uint64_t total);
/* What is being done now; copied. */
void cli_progress_title(struct cli *cli, const char *title);
/* Clear the bar; done by main, and before anything else is printed to stderr. */
void cli_progress_end(struct cli *cli);

/* One line of a help: what is typed, and its explanation, broken at 80 columns. */
void cli_explain(FILE *to, const char *left, const char *help);

/* The same, told in sectors: what is no whole number of them, or more than @most, is refused. */
#define OPT_SECTORS(m, unit, most, s, l, a, h)                                                 \
	{                                                                                      \
		.kind = OPT_KIND_SECTORS, .letter = s, .name = l, .arg = a, .help = h,         \
		.min = unit, .max = most, .offset = OPT_AT(uint64_t, m)                        \
	}
#define OPT_OPERAND_SECTORS_OPTIONAL(m, unit, most, a, h)                                      \
	{                                                                                      \
		.kind = OPT_KIND_SECTORS, .place = OPT_PLACE_OPERAND_OPTIONAL, .arg = a,       \
		.help = h, .min = unit, .max = most, .offset = OPT_AT(uint64_t, m)             \
	}
#define OPT_READ_AHEAD(m)                                                                      \
	{                                                                                      \
		.kind = OPT_KIND_READ_AHEAD, .name = "readahead", .arg = "SIZE",               \
		.help = "auto, none, a size (bare: sectors), or +SIZE: at least that",         \
		.min = BP_SECTOR_BYTES, .max = UINT32_MAX - 1,                                 \
		.offset = OPT_AT(struct cli_read_ahead, m)                                     \
	}
/*
 * "10MB" is 10^7 bytes, which is seldom meant: a hint of the unit that is. @text: a size of @bytes.
 * Return: to be freed, or NULL.
 */
char *cli_binary_hint(const char *text, bp_bytes bytes);

/* "500ms", "30s", "5min"; a bare number counts @unit_ms each. Return: 0, -EINVAL, -ERANGE. */
int cli_time_parse(const char *text, uint64_t unit_ms, uint64_t *ret_ms);

/* The locale's characters, which nothing needs before it prints what came from outside. */
void cli_locale(void);

/*
 * What is around a command, for a program that has only one: 0, or the exit status to end with;
 * and the end, whatever the beginning said, with its status. Return: the program's.
 */
int cli_begin(struct cli *cli, int argc, char **argv);
int cli_end(struct cli *cli, int r);
/* The whole program, for main() and the tests: find the command, parse, run, finish. */
int cli_main(struct cli *cli, int argc, char **argv);

#endif
