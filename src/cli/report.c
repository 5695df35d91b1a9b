/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is told beside the results: failures, usage errors, warnings, on stderr; under --json they
 * are kept for the one document (envelope.c).
 */
#include "cli/internal.h"

#include "core/hide.h"

#include <bedplate/bdev.h>

#include <stdarg.h>
#include <unistd.h>

static const char *verb(const struct cli *cli)
{
	return cli->cmd ? cli->cmd->name : cli->program;
}

#define RED    "31"
#define YELLOW "33"

/* Who speaks: "verb: ", coloured on terminals that want it (no-color.org). */
static void print_verb(struct cli *cli, const char *colour)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	int fd = fileno(cli->err);

	if (fd < 0 || !isatty(fd) || (no_color && *no_color) || !term || streq(term, "dumb"))
		fprintf(cli->err, "%s: ", verb(cli));
	else
		fprintf(cli->err, "\033[%sm%s:\033[0m ", colour, verb(cli));
}

/* One failure, as a person or a program is told it. */
struct failure {
	const char *subject, *message, *hint;
	const struct bp_error *error; /* the library's own; NULL: the program found it */
	const char *code;
	int errnum;
	bool usage;
};

/* A text that may have come from outside, in a form that can't act on a terminal. */
static void print_visible(FILE *to, const char *text)
{
	_cleanup_(freep) char *safe = cli_visible(text);

	fputs(safe ? safe : "", to);
}

/* A line that may have several: each continued under the first. */
static void print_lines(FILE *to, const char *label, const char *text)
{
	while (text && *text) {
		size_t len = strcspn(text, "\n");
		_cleanup_(freep) char *line = strndup(text, len);

		fprintf(to, "  %s: ", label);
		print_visible(to, line ? line : "");
		fputc('\n', to);
		text += len + (text[len] == '\n');
	}
}

/* Is @word in quotes at @text, with @end behind it? Then its length with all of that, else 0. */
static size_t quoted_len(const char *text, const char *word, const char *end)
{
	size_t len = strlen(word);

	if (text[0] != '\'' || strncmp(text + 1, word, len) != 0 ||
	    strncmp(text + 1 + len, end, strlen(end)) != 0)
		return 0;
	return 1 + len + strlen(end);
}

/*
 * The library says first what was being done and to what ("create 'data': ..."), as we do: once
 * is enough, where it means the same device. Return: the rest of the message.
 */
static const char *skip_known(const char *message, const struct failure *f)
{
	const struct bp_error *error = f->error;
	size_t verb = error && error->verb ? strlen(error->verb) : 0;
	const char *rest = message + verb, *name;

	if (!verb || strncmp(message, error->verb, verb) != 0)
		return message;
	if (strncmp(rest, ": ", 2) == 0)
		return rest + 2;
	if (*rest != ' ' || !error->device)
		return message;
	rest++;
	name = strrchr(f->subject, '/');
	/* A pool's message may be about the volume that is the subject, or about another. */
	if (streq(error->device, f->subject) || (name && streq(error->device, name + 1)))
		return rest + quoted_len(rest, error->device, "': ");
	return quoted_len(rest, error->device, "': ") ? rest : message;
}

/* Does the message begin with what it is about, "SUBJECT: ..." or "'SUBJECT': ..."? */
static bool names_subject(const struct failure *f)
{
	size_t len = strlen(f->subject);

	return (len && strncmp(f->message, f->subject, len) == 0 && f->message[len] == ':') ||
	       quoted_len(f->message, f->subject, "': ");
}

/* The subject stands in front once, also where the message begins with it. */
static void failure_text(struct cli *cli, const struct failure *f)
{
	bool named = f->subject && names_subject(f);

	cli_progress_end(cli);
	print_verb(cli, RED);
	if (f->subject && !named) {
		print_visible(cli->err, *f->subject ? f->subject : "''");
		fputs(": ", cli->err);
	}
	print_visible(cli->err, f->subject ? skip_known(f->message, f) : f->message);
	fputc('\n', cli->err);
	if (f->error) {
		print_lines(cli->err, "cause", f->error->cause);
		print_lines(cli->err, "kernel", f->error->kernel_log);
	}
	print_lines(cli->err, "hint", f->hint);
}

/* Under --json a failure belongs into the document that the command prints, or main at the end. */
static void failure_json(struct cli *cli, const struct failure *f)
{
	struct bp_json *json;

	if (bp_json_new(NULL, NULL, &json) < 0) {
		cli_lost(cli);
		return;
	}
	bp_json_flat(json);
	if (f->error) {
		bp_error_json(cli->ctx, json, NULL);
	} else {
		bp_json_object(json, NULL);
		bp_json_string(json, "code", f->code);
		bp_json_int(json, "errno", f->errnum);
		bp_json_string(json, "errno_name",
			       f->errnum ? strerrorname_np(f->errnum) : NULL);
		bp_json_string(json, "message", f->message);
		bp_json_string(json, "hint", f->hint);
		bp_json_object_close(json);
	}
	errors_add(cli, f->subject, bp_json_text(json, NULL));
	bp_json_free(json);
}

/* A line of a table that was pasted where a name belongs is not told with its keys. NULL: none. */
static char *without_keys(const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	if (copy)
		hide_pasted_keys(copy);
	return copy;
}

static void failure_report(struct cli *cli, const struct failure *given)
{
	_cleanup_(freep) char *subject = without_keys(given->subject),
			      *message = without_keys(given->message);
	struct failure shown = *given, *f = &shown;

	f->subject = subject;
	f->message = message ? message : "out of memory";
	cli->failed = true;
	if (cli->json) {
		failure_json(cli, f);
		return;
	}
	/* A drop-in tool's -q leaves nothing but the status; a wrong command line is told all
	 * the same. */
	if (cli->quiet && !f->usage && cli->cmd && (cli->cmd->flags & CMD_DROP_IN))
		return;
	failure_text(cli, f);
}

/*
 * What the library calls a wrong use of files was asked for on the command line. An output over an input is
 * one in every tool; of the rest verbs tell 64 only where they looked themselves.
 */
static bool is_usage(const struct cli *cli, const struct bp_error *error)
{
	bool output = error->argument_name && streq(error->argument_name, "output");

	return error->code == BP_E_USAGE &&
	       (output || (cli->cmd && (cli->cmd->flags & CMD_DROP_IN)));
}

/*
 * What the library said, if it said it about @r; else what the errno says. A closed pipe is
 * no news for anybody.
 */
int cli_fail(struct cli *cli, const char *subject, int r)
{
	struct failure f = { .subject = subject, .code = "BP_E_FAILED", .errnum = -r };
	const struct bp_error *error;

	if (r == -EPIPE)
		return EXIT_FAILED;
	/* Rooms without device-mapper can't say it themselves. */
	if (cli->ctx && r == -EBUSY)
		bp_holders_tell(cli->ctx);
	error = cli->ctx ? bp_error_get(cli->ctx) : NULL;
	if (error && error->errnum == -r && error->message) {
		f.error = error;
		f.message = error->message;
		f.hint = error->hint;
	} else {
		f.message = strerror(-r);
	}
	f.usage = f.error && is_usage(cli, f.error);
	failure_report(cli, &f);
	return f.usage ? EXIT_USAGE : EXIT_FAILED;
}

static _printf_(2, 0) int fail_own(struct cli *cli, const char *fmt, va_list args,
				   struct failure *f)
{
	_cleanup_(freep) char *message = NULL;

	if (vasprintf(&message, fmt, args) < 0)
		message = NULL;
	f->code = "BP_E_FAILED";
	f->message = message ? message : "out of memory";
	failure_report(cli, f);
	return EXIT_FAILED;
}

/* As cli_failf(), with the errno that programs read from the document. */
int cli_failr(struct cli *cli, int r, const char *subject, const char *hint, const char *fmt,
	      ...)
{
	struct failure f = { .subject = subject, .hint = hint, .errnum = -r };
	va_list args;

	va_start(args, fmt);
	fail_own(cli, fmt, args, &f);
	va_end(args);
	return EXIT_FAILED;
}

/* Where no errno fits. */
int cli_failf(struct cli *cli, const char *subject, const char *hint, const char *fmt, ...)
{
	struct failure f = { .subject = subject, .hint = hint, .errnum = EINVAL };
	va_list args;

	va_start(args, fmt);
	fail_own(cli, fmt, args, &f);
	va_end(args);
	return EXIT_FAILED;
}

/* A mistake may stand before --json: who wrote both wants JSON. */
static void json_wanted(struct cli *cli)
{
	for (int i = 1; i < cli->argc && !streq(cli->argv[i], "--"); i++)
		cli->json =
			cli->json || streq(cli->argv[i], "--json") || streq(cli->argv[i], "-J");
}

static _printf_(3, 0) int usage(struct cli *cli, const char *hint, const char *fmt,
				va_list args)
{
	struct failure f = { .code = "BP_E_USAGE", .errnum = EINVAL, .usage = true };
	_cleanup_(freep) char *message = NULL, *help = NULL;
	bool by_link = cli->cmd && streq(cli->program, cli->cmd->name);

	if (vasprintf(&message, fmt, args) < 0)
		message = NULL;
	/* A hint of its own says more than the general one. */
	if (!hint && asprintf(&help, "'%s%s%s --help' explains the usage", cli->program,
			      by_link || !cli->cmd ? "" : " ",
			      by_link || !cli->cmd ? "" : cli->cmd->name) < 0)
		help = NULL;
	f.message = message ? message : "out of memory";
	f.hint = hint ? hint : help;
	json_wanted(cli);
	failure_report(cli, &f);
	return EXIT_USAGE;
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	usage(cli, NULL, fmt, args);
	va_end(args);
	return EXIT_USAGE;
}

int cli_usage_hint(struct cli *cli, const char *hint, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	usage(cli, hint, fmt, args);
	va_end(args);
	return EXIT_USAGE;
}

/* To stderr at once, or into the document. */
void cli_warn(struct cli *cli, const char *fmt, ...)
{
	char *text = NULL, **more;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (!text) {
		cli_lost(cli);
		return;
	}
	if (!cli->quiet && !cli->json) {
		cli_progress_end(cli);
		print_verb(cli, YELLOW);
		print_visible(cli->err, text);
		fputc('\n', cli->err);
	}
	more = cli->json ? reallocarray(cli->warnings, cli->nr_warnings + 1, sizeof(*more))
			 : NULL;
	if (!more) {
		cli->lost = cli->lost || cli->json;
		free(text);
		return;
	}
	cli->warnings = more;
	cli->warnings[cli->nr_warnings++] = text;
}

/* For people alone: not with --quiet, not in a document. */
void cli_note(struct cli *cli, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list args;

	if (cli->quiet || cli->json)
		return;
	cli_progress_end(cli);
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (!text)
		cli_lost(cli);
	fflush(cli->out); /* where both go to one place, what it is about comes first */
	print_visible(cli->err, text ? text : "");
	fputc('\n', cli->err);
}

void cli_lost(struct cli *cli)
{
	cli->lost = true;
}

bool cli_text_end(FILE *f, char **text)
{
	bool bad = !f || ferror(f);

	if (f && fclose(f) != 0)
		bad = true;
	if (!bad && *text)
		return true;
	free(*text);
	*text = NULL;
	return false;
}

/* Asked once: it is a system call for each line otherwise. */
static bool out_is_terminal(struct cli *cli)
{
	int fd;

	if (cli->out_is == OUT_NOT_ASKED) {
		fd = fileno(cli->out);
		cli->out_is = fd >= 0 && isatty(fd) ? OUT_TERMINAL : OUT_OTHER;
	}
	return cli->out_is == OUT_TERMINAL;
}

/*
 * On a terminal what could move the cursor is made visible; in a file it stays as it is,
 * for programs.
 */
void cli_print(struct cli *cli, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL, *safe = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text && out_is_terminal(cli))
		safe = cli_visible_lines(text);
	if (!text || (out_is_terminal(cli) && !safe))
		cli_lost(cli);
	fputs(safe ? safe : text && !out_is_terminal(cli) ? text : "", cli->out);
}
