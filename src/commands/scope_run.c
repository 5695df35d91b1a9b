/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command in a scope: what it makes is removed when it has ended, whatever ended it. Signals that
 * ask us to end go to the command, and we stay to clean up.
 */
#include "commands/child.h"

#include <bedplate/scope.h>

struct args {
	const char *name;
	struct cli_list loops, command;
	uint32_t flags;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND(name, "NAME", "the scope's name: up to 32 letters, digits, '.', '_', '-'"),
	OPT_LIST(loops, 'l', "loop", "SIZE", "a loop device on a new sparse file, named by BEDPLATE_LOOP0 and so on; again for more"),
	OPT_BIT(flags, BP_SCOPE_ERROR_TABLES, 0, "error-tables", "where devices stay in use at the end, fail their I/O, and let the kernel remove them when they are let go"),
	OPT_TIME(timeout_ms, 0, "timeout", "TIME", "how long what is in use at the end is tried again: 500ms, 30s (the default), none"),
	OPT_REST(command, "COMMAND", "what to run, with its arguments"),
	OPT_END
};

static const struct out_column columns[] = {
	DOC("exit_status", OUT_NUMBER, "the command's"),
	DOC("removed", OUT_BOOL, "nothing is left of the scope"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.scope-run", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

/* Names go to the command by its environment, counted from 0. */
static int add_loops(struct cli *cli, const struct args *args, struct bp_scope *scope)
{
	char name[48], count[24];

	for (size_t i = 0; i < args->loops.count; i++) {
		struct bp_bdev bdev;
		bp_bytes size;
		int r = bp_size_parse(cli->ctx, args->loops.words[i], 1, 0, &size);

		if (r == 0)
			r = bp_scope_loop(scope, size, &bdev);
		if (r < 0)
			return cli_fail(cli, "--loop", r);
		snprintf(name, sizeof(name), "BEDPLATE_LOOP%zu", i);
		setenv(name, bdev.path, 1);
	}
	snprintf(count, sizeof(count), "%zu", args->loops.count);
	setenv("BEDPLATE_LOOPS", count, 1);
	setenv(BP_SCOPE_ENV, bp_scope_token(scope), 1);
	return EXIT_OK;
}

static int print(struct cli *cli, int status, bool removed)
{
	struct bp_json *json;
	int r = cli->json ? cli_json_start(cli, &schema, &json) : 0;

	if (!cli->json)
		return EXIT_OK;
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_int(json, "exit_status", status);
	bp_json_bool(json, "removed", removed);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

/* The scope ends whatever became of the command, and a failure of that is told too. */
static int run_in(struct cli *cli, const struct args *args, struct bp_scope *scope,
		  const char **argv)
{
	struct child_signals signals;
	int status, r;

	child_signals_hold(&signals);
	status = add_loops(cli, args, scope) ? EXIT_SCOPE
					     : child_run(cli, argv, &signals, NULL, NULL);
	r = bp_scope_end(scope, args->flags, args->timeout_ms);
	if (r < 0)
		cli_fail(cli, args->name, r);
	if (print(cli, status, r == 0) && !status)
		status = EXIT_FAILED;
	child_signals_release(&signals);
	return r < 0 && !status ? EXIT_FAILED : status;
}

/* EXIT_SCOPE: the command never ran, so its status can't be meant. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_scope_opts scope_opts = {
		.size = sizeof(scope_opts),
		.flags = args->flags,
		.timeout_ms = args->timeout_ms,
		.command = args->command.count ? args->command.words[0] : NULL,
	};
	_cleanup_(freep) const char **argv = NULL;
	struct bp_scope *scope;
	int r;

	if (args->command.count == 0)
		return cli_usage(cli, "COMMAND is missing");
	argv = calloc(args->command.count + 1, sizeof(*argv));
	if (!argv)
		return cli_fail(cli, NULL, -ENOMEM);
	memcpy(argv, args->command.words, args->command.count * sizeof(*argv));
	r = bp_scope_open(cli->ctx, args->name, &scope_opts, &scope);
	if (r < 0) {
		cli_fail(cli, args->name, r);
		return EXIT_SCOPE;
	}
	r = run_in(cli, args, scope, argv);
	bp_scope_close(scope);
	return r;
}

const struct cmd cmd_scope_run = {
	.name = "scope run",
	.group = "Scopes and stacks",
	.summary = "Run a command; the devices it makes are removed when it has ended.",
	.examples = "  bedplate scope run test --loop 1G -- sh -c \\\n"
		    "    'bedplate create d linear --device $BEDPLATE_LOOP0 && ./test.sh'\n",
	.exits = "that of the command, or 1 where it was 0 and something could not be removed; "
		 "125 the scope itself failed",
	.opts = opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&schema),
	.run = run,
};
