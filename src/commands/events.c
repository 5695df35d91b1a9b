/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to devices, line by line as it happens; and a command for it. */
#include "commands/common.h"

#include <bedplate/events.h>

#include "core/near.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define EVENT_KINDS (BP_EVENT_CORRUPTION + 1)

struct args {
	const char *name;
	struct cli_list on, command;
	uint64_t count; /* of events to print; UINT64_MAX: no end */
	int64_t timeout_ms, interval_ms;
	bool existing;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND_OPTIONAL(name, "NAME", "one device only: " DEVICE_HELP),
	OPT_REST(command, "COMMAND", "run this for each event, without a shell; see bedplate(8) for its environment"),
	OPT_LIST(on, 0, "on", "EVENT", "only events of this kind; may be given several times"),
	OPT_FLAG(existing, 0, "existing", "tell states that are there already, too"),
	OPT_TIME(timeout_ms, 0, "timeout", "TIME", "end after this long; without it, only --count ends it"),
	OPT_NUMBER(count, 0, "count", "NUMBER", "end after so many events"),
	OPT_TIME(interval_ms, 0, "interval", "TIME", "look this often for what raises no event; default 2s, none: never"),
	OPT_END
};

/* By enum bp_event_kind. */
static const char *const event_words[] = {
	"created", "removed", "removed-deferred", "renamed", "event", "pool-low-water",
	"pool-metadata-low", "pool-no-space", "pool-no-metadata", "pool-needs-check",
	"pool-read-only", "pool-failed", "volume-failed", "snapshot-overflow",
	"snapshot-invalid", "snapshot-merge-failed", "path-failed", "no-path",
	"raid-degraded", "raid-mismatch", "vdo-read-only", "vdo-recovering",
	"cache-read-only", "cache-needs-check", "cache-failed", "cache-mode",
	"clone-read-only", "clone-done", "target-error", "corruption", NULL,
};
_Static_assert(sizeof(event_words) / sizeof(*event_words) == EVENT_KINDS + 1, "all kinds");
static const struct out_column columns[] = {
	DOC_WORD("event", event_words, "what happened"),
	COL_BOOL(struct bp_event, ended, 0, "a state that is over"),
	DOC("name", OUT_TEXT, "name of the device"),
	COL_TEXT(struct bp_event, old_name, 0, "its name before, where it was renamed"),
	DOC("uuid", OUT_TEXT, "its uuid"),
	DOC("major", OUT_NUMBER, "major number"),
	DOC("minor", OUT_NUMBER, "minor number"),
	DOC("event_nr", OUT_NUMBER, "number of its last event"),
	COL_TEXT(struct bp_event, target, 0, "target of the segment"),
	DOC("start_sectors", OUT_NUMBER, "where the segment begins; null of the device"),
	COL_TEXT(struct bp_event, about, 0, "which path, leg or mode"),
	COL_TEXT(struct bp_event, what, 0, "what that means"),
	OUT_COLUMNS_END
};
/* clang-format on */
static const struct out_schema schema = {
	.name = "bedplate.event",
	.columns = columns,
	.flags = OUT_STREAM,
};

struct events {
	struct cli *cli;
	const struct args *args;
	bool on[EVENT_KINDS]; /* which are wanted */
	uint64_t seen;
	unsigned failed; /* commands */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static const char *next_word(void *user)
{
	unsigned *at = user;

	return bp_event_name((enum bp_event_kind)(*at)++);
}

/* Return: 0 or an exit status. */
static int kinds_given(struct events *e)
{
	const struct cli_list *on = &e->args->on;

	for (unsigned k = 0; k < EVENT_KINDS; k++)
		e->on[k] = on->count == 0;
	for (size_t i = 0; i < on->count; i++) {
		unsigned k = 0, at = 0;

		while (k < EVENT_KINDS && !streq(event_words[k], on->words[i]))
			k++;
		if (k == EVENT_KINDS) {
			const char *near = near_word(on->words[i], next_word, &at);

			return near ? cli_usage(e->cli,
						"--on: no event '%s'; did you mean '%s'?",
						on->words[i], near)
				    : cli_usage(e->cli, "--on: no event '%s'", on->words[i]);
		}
		e->on[k] = true;
	}
	return 0;
}

/* --- printing: at once, as readers wait for it --- */

/* A document a line, so that a reader needs no end of the stream. */
static void print_json(struct cli *cli, const struct bp_event *event)
{
	struct bp_json *json;

	if (cli_json_start(cli, &schema, &json) != 0) {
		cli_lost(cli);
		return;
	}
	bp_json_string(json, "event", bp_event_name(event->kind));
	out_members(json, columns, event);
	bp_json_string(json, "name", event->device->name);
	bp_json_string(json, "uuid", event->device->uuid);
	bp_json_uint(json, "major", event->device->major);
	bp_json_uint(json, "minor", event->device->minor);
	bp_json_uint(json, "event_nr", event->device->event_nr);
	if (event->target)
		bp_json_uint(json, "start_sectors", event->start_sectors);
	else
		bp_json_null(json, "start_sectors");
	cli_json_line(cli, json);
}

/* Words in a fixed order, with the name as the kernel has it. */
static void print_event(struct cli *cli, const struct bp_event *event)
{
	if (cli->json) {
		print_json(cli, event);
		return;
	}
	cli_print(cli, "%s %s %" PRIu32, bp_event_name(event->kind), event->device->kernel_name,
		  event->device->event_nr);
	if (event->old_name)
		cli_print(cli, " was %s", event->old_name);
	if (event->what)
		cli_print(cli, " %s%s", event->ended ? "no longer: " : "", event->what);
	fputc('\n', cli->out);
}

/* --- running --- */

static int set(const char *name, const char *value)
{
	return setenv(name, value ? value : "", 1);
}

static int set_number(const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return setenv(name, text, 1);
}

/* In the child. Does not return. */
static void become(const struct events *e, const struct bp_event *event)
{
	char **argv = calloc(e->args->command.count + 1, sizeof(*argv));

	if (!argv || set("BEDPLATE_EVENT", bp_event_name(event->kind)) < 0 ||
	    set("BEDPLATE_EVENT_ENDED", event->ended ? "1" : "0") < 0 ||
	    set("BEDPLATE_EVENT_DEVICE", event->device->name) < 0 ||
	    set("BEDPLATE_EVENT_OLD_NAME", event->old_name) < 0 ||
	    set("BEDPLATE_EVENT_UUID", event->device->uuid) < 0 ||
	    set_number("BEDPLATE_EVENT_MAJOR", event->device->major) < 0 ||
	    set_number("BEDPLATE_EVENT_MINOR", event->device->minor) < 0 ||
	    set_number("BEDPLATE_EVENT_NR", event->device->event_nr) < 0 ||
	    set("BEDPLATE_EVENT_TARGET", event->target) < 0 ||
	    set("BEDPLATE_EVENT_ABOUT", event->about) < 0 ||
	    set("BEDPLATE_EVENT_WHAT", event->what) < 0)
		_exit(126);
	argv[0] = (char *)(uintptr_t)e->args->command.words[0];
	for (size_t i = 1; i < e->args->command.count; i++)
		argv[i] = (char *)(uintptr_t)e->args->command.words[i];
	if (argv[0]) /* the option table sees to that */
		execvp(argv[0], argv);
	fprintf(stderr, "events: %s: %s\n", e->args->command.words[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * One at a time: what happens meanwhile is found by the next look. One that fails is told, and the
 * next event has its turn.
 */
static int run_command(struct events *e, const struct bp_event *event)
{
	const char *word = e->args->command.words[0];
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(e, event);
	if (pid < 0)
		return cli_failf(e->cli, word, NULL, "cannot start: %s", strerror(errno));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cli_failf(e->cli, word, NULL, "%s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	e->failed++;
	if (WIFSIGNALED(status))
		cli_warn(e->cli, "%s: killed by signal %d", word, WTERMSIG(status));
	else
		cli_warn(e->cli, "%s: ended with %d", word, WEXITSTATUS(status));
	return 0;
}

/* --- the whole --- */

/* Flushed event by event: a pipe's reader must see it now. */
static int handle(struct events *e, const struct bp_event *event)
{
	if (!e->on[event->kind])
		return 0;
	e->seen++;
	if (e->args->command.count)
		return run_command(e, event);
	print_event(e->cli, event);
	fflush(e->cli->out);
	return 0;
}

/* Return: an exit status. */
static int follow(struct events *e, struct bp_watch *watch)
{
	int64_t limit = e->args->timeout_ms, end = limit > 0 ? now_ms() + limit : INT64_MAX;
	const struct bp_event *event;
	int r = 0;

	while (r == 0 && e->seen < e->args->count && !ferror(e->cli->out)) {
		/* At the end one more look, so that nothing that came before it is missed. */
		int64_t left = limit > 0 ? end - now_ms() : -1;

		r = bp_watch_next(watch, limit > 0 && left <= 0 ? 1 : left, &event);
		if (r == -ETIMEDOUT && end <= now_ms())
			break;
		if (r == -ETIMEDOUT) {
			r = 0;
			continue;
		}
		if (r < 0)
			return cli_fail(e->cli, e->args->name, r);
		r = handle(e, event);
	}
	return r == -ETIMEDOUT || r == 0 ? (e->failed ? EXIT_FAILED : EXIT_OK) : r;
}

/* One device is followed also where it is made anew. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct events e = { .cli = cli, .args = args };
	struct bp_selector which = { 0 };
	struct bp_watch_opts how = {
		.size = sizeof(how),
		.existing = args->existing,
		.interval_ms = args->interval_ms,
	};
	struct bp_watch *watch;
	int r = kinds_given(&e);

	if (r)
		return r;
	if (args->name) {
		which = device_named(args->name);
		how.which = &which;
	}
	r = bp_watch_open(cli->ctx, &how, &watch);
	if (r < 0)
		return cli_fail(cli, args->name, r);
	r = follow(&e, watch);
	bp_watch_close(watch);
	return r;
}

static const struct args no_end = { .count = UINT64_MAX, .interval_ms = 2000 };

const struct cmd cmd_events = {
	.name = "events",
	.group = "Devices",
	.summary = "Print a line for whatever happens to devices, or run a command for it.",
	.examples = "  bedplate events --on pool-low-water -- ./grow-pool\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.defaults = &no_end,
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
