/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program by a scenario, and what came of it: as text, JSON or JUnit's XML. */
#include "commands/fault.h"
#include "commands/junit.h"
#include "commands/text_out.h"

#include <bedplate/scenario.h>
#include <inttypes.h>

struct args {
	const char *file, *state_dir, *junit, *socket, *name;
	struct cli_list command;
	uint64_t seed, repeat;
	bool check_only;
};

struct event {
	uint64_t seed;
	enum bp_scenario_event_kind kind;
	unsigned line;
	int64_t at_ms;
	char *what, *detail;
	bool passed;
};

/* clang-format off */
static const struct cmd_opt run_opts[] = {
	OPT_OPERAND(file, "FILE", "the scenario; -: standard input"),
	OPT_REST(command, "COMMAND", "the program and its arguments"),
	OPT_NUMBER(seed, 0, "seed", "NUMBER", "chooses what is left to chance; default: the file's"),
	OPT_RANGE(repeat, 1, 1000000, 0, "repeat", "NUMBER", "so many runs, each with the next seed; ends with the first that fails; default: 1"),
	OPT_FLAG(check_only, 0, "check", "read the scenario and run nothing"),
	OPT_STRING(junit, 0, "junit", "FILE", "write what was checked as JUnit's XML"),
	OPT_STRING(state_dir, 0, "state", "DIR", "where devices' own tables are kept; default: /run/bedplate/fault"),
	OPT_CONFLICT("check", "repeat junit"),
	OPT_END
};
static const struct cmd_opt tell_opts[] = {
	OPT_OPERAND(name, "NAME", "as in 'on NAME'"),
	OPT_STRING(socket, 0, "socket", "PATH", "of the run; default: that of the environment"),
	OPT_END
};

static const struct out_column event_columns[] = {
	COL_NUMBER(struct event, seed, 0, "of the run"),
	DOC("kind", OUT_TEXT, "did: an action; check: something that has to hold"),
	COL_NUMBER(struct event, line, 0, "of the scenario; 0: of none"),
	DOC("at_ms", OUT_NUMBER, "since the program was started"),
	COL_TEXT(struct event, what, 0, "the action, or what was looked at"),
	COL_BOOL(struct event, passed, 0, "whether it was so"),
	COL_TEXT(struct event, detail, 0, "what was seen"),
	OUT_COLUMNS_END
};
static const struct out_column run_columns[] = {
	DOC("runs", OUT_NUMBER, "how many were begun"),
	DOC("seed", OUT_NUMBER, "of the last run"),
	DOC("status", OUT_NUMBER, "the program's exit status there; -1: the scenario stopped it"),
	DOC("checks", OUT_NUMBER, "in all runs"),
	DOC("failed", OUT_NUMBER, "of these"),
	DOC_LIST("events", event_columns, "in their order"),
	OUT_COLUMNS_END
};
static const struct out_schema run_schema = {
	.name = "bedplate.fault.run", .columns = run_columns, .flags = OUT_ONE,
};
/* clang-format on */

struct report {
	struct cli *cli;
	uint64_t seed;
	struct event *events;
	size_t count, room;
	bool lost; /* no memory for one */
	bool open; /* the program's last line has no end yet */
};

static void report_done(struct report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->events[i].what);
		free(report->events[i].detail);
	}
	free(report->events);
}

/* The program's lines are people's; a document is alone on standard output. */
static void put_output(void *user, const char *text, size_t len)
{
	struct report *report = user;

	if (len)
		report->open = text[len - 1] != '\n';
	fwrite(text, 1, len, report->cli->json ? stderr : report->cli->out);
	fflush(report->cli->json ? stderr : report->cli->out);
}

static void print_event(struct report *report, const struct bp_scenario_event *e)
{
	struct cli *cli = report->cli;

	if (cli->json)
		return;
	cli_print(cli, "%s%6" PRId64 ".%03d  %s%s%s%s\n", report->open ? "\n" : "",
		  e->at_ms / 1000, (int)(e->at_ms % 1000),
		  e->kind == BP_SCENARIO_DID ? ""
		  : e->passed                ? "ok: "
					     : "FAILED: ",
		  e->what, *e->detail ? ": " : "", e->detail);
	report->open = false;
	fflush(cli->out); /* it is read as it happens */
}

/*
 * Told at once, and kept for JUnit and JSON; for want of memory the run goes on and says so
 * at its end.
 */
static void keep_event(void *user, const struct bp_scenario_event *e)
{
	struct report *report = user;
	struct event event = {
		.seed = report->seed,
		.kind = e->kind,
		.line = e->line,
		.at_ms = e->at_ms,
		.what = strdup(e->what),
		.detail = strdup(e->detail),
		.passed = e->passed,
	};

	print_event(report, e);
	if (report->count == report->room) {
		size_t room = report->room ? report->room * 2 : 64;
		struct event *more = realloc(report->events, room * sizeof(*more));

		if (more) {
			report->events = more;
			report->room = room;
		}
	}
	if (report->count == report->room || !event.what || !event.detail) {
		free(event.what);
		free(event.detail);
		report->lost = true;
		return;
	}
	report->events[report->count++] = event;
}

/* --- documents --- */

/* The seed is in the name: it is what is needed to run it again. */
static void put_case(FILE *f, const struct args *args, const struct event *e)
{
	_cleanup_(freep) char *name = NULL;

	if (asprintf(&name, "%s (line %u, seed %" PRIu64 ")", e->what, e->line, e->seed) < 0)
		name = NULL;
	junit_case(f, &(struct junit_case){
			      .class_name = args->file,
			      .name = name ? name : e->what,
			      .ms = e->at_ms,
			      .failure = e->passed    ? NULL
					 : *e->detail ? e->detail
						      : "it is not so",
		      });
}

/* Only checks are cases; what was done is no result. */
static int write_junit(struct cli *cli, const struct args *args, const struct report *report,
		       const struct bp_scenario_result *sum)
{
	const char *const inputs[] = { args->file, NULL };
	struct junit junit;
	int r = junit_begin(cli, "bedplate fault run", sum->checks, sum->failed, &junit);

	if (r)
		return r;
	for (size_t i = 0; i < report->count; i++)
		if (report->events[i].kind == BP_SCENARIO_CHECK)
			put_case(junit.f, args, &report->events[i]);
	return junit_end(cli, &junit, args->junit, inputs);
}

/*
 * Sums over all runs, and the last run's seed, which is that of the failure if there was
 * one.
 */
static int print_json(struct cli *cli, const struct report *report, uint64_t runs,
		      const struct bp_scenario_result *sum)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &run_schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "runs", runs);
	bp_json_uint(json, "seed", sum->seed);
	bp_json_int(json, "status", sum->status);
	bp_json_uint(json, "checks", sum->checks);
	bp_json_uint(json, "failed", sum->failed);
	bp_json_array(json, "events");
	for (size_t i = 0; i < report->count; i++) {
		const struct event *e = &report->events[i];

		bp_json_object(json, NULL);
		out_members(json, event_columns, e);
		bp_json_string(json, "kind", e->kind == BP_SCENARIO_DID ? "did" : "check");
		bp_json_int(json, "at_ms", e->at_ms);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* --- runs --- */

/* The seed is printed first: a run that hangs can be told too. */
static int run_one(struct cli *cli, const struct args *args, const struct bp_scenario *scenario,
		   struct report *report, struct bp_scenario_result *ret)
{
	struct bp_scenario_opts how = {
		.size = sizeof(how),
		.argv = args->command.words,
		.use_seed = true,
		.seed = report->seed,
		.fault_state_dir = args->state_dir,
		.event = keep_event,
		.output = put_output,
		.user = report,
	};

	ret->size = sizeof(*ret);
	if (!cli->json)
		cli_print(cli, "seed %" PRIu64 "\n", report->seed);
	fflush(cli->out);
	return bp_scenario_run(cli->ctx, scenario, &how, ret);
}

/* Seeds count up from the first; the first run that fails is the last. */
static int run_all(struct cli *cli, const struct args *args, const struct bp_scenario *scenario)
{
	struct bp_scenario_result sum = { .size = sizeof(sum) };
	uint64_t first = cli_given(cli, "seed") ? args->seed : bp_scenario_seed(scenario);
	uint64_t runs = 0, wanted = args->repeat ? args->repeat : 1;
	struct report report = { .cli = cli };
	int r = 0, bad = EXIT_OK;

	while (r == 0 && runs < wanted && !sum.failed) {
		struct bp_scenario_result one = { 0 };

		report.seed = first + runs++;
		r = run_one(cli, args, scenario, &report, &one);
		sum.seed = report.seed;
		sum.status = one.status;
		sum.checks += one.checks;
		sum.failed += one.failed;
	}
	if (r == 0 && report.lost)
		r = -ENOMEM;
	if (r < 0)
		bad = cli_fail(cli, args->file, r);
	if (!bad && args->junit)
		bad = write_junit(cli, args, &report, &sum);
	if (!bad && cli->json)
		bad = print_json(cli, &report, runs, &sum);
	else if (!bad)
		cli_print(cli, "%u checks, %u failed; seed %" PRIu64 "\n", sum.checks,
			  sum.failed, sum.seed);
	report_done(&report);
	return bad ? bad : sum.failed ? EXIT_FAILED : EXIT_OK;
}

/* The whole scenario is parsed before the first fault is put in. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) char *text = NULL;
	struct bp_scenario *scenario;
	int r = read_text(cli, args->file, &text);

	if (r)
		return r;
	r = bp_scenario_parse(cli->ctx, text, &scenario);
	if (r < 0)
		return cli_fail(cli, args->file, r);
	if (!args->check_only && !args->command.count)
		r = cli_usage(cli, "no COMMAND to run");
	else if (args->junit) /* told before the run, not after it */
		r = text_put(cli, args->junit, (const char *const[]){ args->file, NULL }, NULL);
	if (r == EXIT_OK && !args->check_only)
		r = run_all(cli, args, scenario);
	bp_scenario_free(scenario);
	return r;
}

static int run_tell(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r = bp_scenario_tell(cli->ctx, args->socket, args->name);

	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

const struct cmd cmd_fault_run = {
	.name = "fault run",
	.group = "Faults",
	.summary = "Run a program on a disk that fails as a scenario says.",
	.examples = "  bedplate fault run disk-full.fault -- ./test.sh\n",
	.opts = run_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&run_schema),
	.run = run,
};

static const struct out_schema tell_schema = { .name = "bedplate.fault.tell" };

const struct cmd cmd_fault_tell = {
	.name = "fault tell",
	.group = "Faults",
	.summary = "Tell a running scenario a name, from a test.",
	.examples = "  bedplate fault tell loaded\n",
	.opts = tell_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&tell_schema),
	.run = run_tell,
};
