/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes: which there are, and removing what dead ones left. scope_run.c opens them. */
#include "commands/common.h"

#include <bedplate/scope.h>

struct args {
	struct cli_list names;
	struct out_opts out;
	uint32_t flags;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt list_opts[] = {
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt gc_opts[] = {
	OPT_OPERANDS(names, "NAME", "only these scopes"),
	OPT_BIT(flags, BP_SCOPE_ERROR_TABLES, 0, "error-tables", "where devices stay in use, fail their I/O, and let the kernel remove them when they are let go"),
	OPT_BIT(flags, BP_SCOPE_UNOWNED, 0, "unowned", "also of scopes that the state directory doesn't know; another one may"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const char *const states[] = {
	[BP_SCOPE_LIVE] = "live",
	[BP_SCOPE_DEAD] = "dead",
	[BP_SCOPE_UNKNOWN] = "unknown",
	NULL,
};

struct row {
	const struct bp_scope_info *info;
	const char *name, *id, *state, *command, *done;
	int64_t pid;
	uint64_t devices, loops;
};
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name"),
	COL_WORD(struct row, state, states, OUT_DEFAULT, "live; dead: its owner has ended; unknown: only its devices are known"),
	COL_NUMBER(struct row, pid, OUT_DEFAULT, "the owner's process, when it was opened"),
	COL_TEXT(struct row, command, OUT_DEFAULT, "the owner's command"),
	COL_NUMBER(struct row, devices, OUT_DEFAULT, "how many mapped devices it has"),
	COL_NUMBER(struct row, loops, OUT_DEFAULT, "how many loop devices"),
	COL_TEXT(struct row, id, 0, "what its uuids say behind the name"),
	OUT_COLUMNS_END
};
static const struct out_schema list_schema = {
	.name = "bedplate.scope-list", .columns = columns, .none = "no scopes",
};
static const struct out_column gc_columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name"),
	COL_TEXT(struct row, id, OUT_DEFAULT, "what its uuids say behind the name"),
	COL_TEXT(struct row, done, OUT_DEFAULT, "removed; null where it failed"),
	OUT_COLUMNS_END
};
static const struct out_schema gc_schema = {
	.name = "bedplate.scope-gc", .columns = gc_columns,
};
/* clang-format on */

/* Of an unreadable record only the name is known. */
static void fill_row(const struct bp_scope_info *info, struct row *ret)
{
	bool known = info->state != BP_SCOPE_UNKNOWN;

	*ret = (struct row){
		.name = info->name,
		.id = info->id[0] ? info->id : NULL,
		.state = states[info->state],
		.pid = known && info->pid ? info->pid : -1,
		.command = known && info->command[0] ? info->command : NULL,
		.devices = info->nr_devices,
		.loops = info->nr_loops,
	};
}

/* All scopes of the machine: this one's and others'. */
static int run_list(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_scope_list *list;
	struct out *out;
	int r = out_open(cli, &args->out, &list_schema, &out);

	if (r || !out)
		return r;
	r = bp_scope_list(cli->ctx, NULL, &list);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, NULL, r);
	}
	for (size_t i = 0; i < bp_scope_list_count(list); i++) {
		struct row row;

		fill_row(bp_scope_list_get(list, i), &row);
		out_add(out, NULL, &row);
	}
	r = out_print(out);
	bp_scope_list_free(list);
	return r;
}

/* --- gc --- */

struct collection {
	struct cli *cli;
	struct out *out; /* NULL without --json */
	bool failed;
};

/* Told scope by scope; a failure doesn't end the collection. */
static void tell(void *user, const struct bp_scope_info *scope, int r)
{
	struct collection *c = user;
	struct row row;

	fill_row(scope, &row);
	row.done = r < 0 ? NULL : "removed";
	if (c->out)
		out_add(c->out, NULL, &row);
	if (r < 0) {
		cli_fail(c->cli, scope->name, r);
		c->failed = true;
	}
}

/* Without names all that are dead. */
static int collect(struct cli *cli, const struct args *args, struct collection *c)
{
	const struct bp_scope_opts opts = {
		.size = sizeof(opts),
		.flags = args->flags,
		.timeout_ms = args->timeout_ms,
	};
	int r = EXIT_OK;

	for (size_t i = 0; i < MAX(args->names.count, (size_t)1); i++) {
		const char *name = args->names.count ? args->names.words[i] : NULL;
		bool before = c->failed;
		int failed;

		c->failed = false;
		failed = bp_scope_gc(cli->ctx, name, &opts, tell, c);
		/* What is not of one scope was told of none. */
		if (failed < 0 && !c->failed)
			cli_fail(cli, name, failed);
		if (failed < 0)
			r = EXIT_FAILED;
		c->failed |= before;
	}
	return r;
}

/* A dry run takes the same way: the library plans instead of removing. */
static int run_gc(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct collection c = { .cli = cli };
	int r = change_begin(cli), done;

	if (r)
		return r;
	if (cli->dry_run) {
		r = collect(cli, args, &c);
		done = change_done(cli, NULL, 0, NULL);
		return r ? r : done;
	}
	r = cli->json ? out_open(cli, NULL, &gc_schema, &c.out) : EXIT_OK;
	if (r)
		return r;
	r = collect(cli, args, &c);
	return c.out && out_print(c.out) ? EXIT_FAILED : r;
}

const struct cmd cmd_scope_list = {
	.name = "scope list",
	.group = "Scopes and stacks",
	.summary = "List scopes: whose they are, and what they hold.",
	.examples = "  bedplate scope list\n",
	.opts = list_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&list_schema),
	.run = run_list,
};

const struct cmd cmd_scope_gc = {
	.name = "scope gc",
	.group = "Scopes and stacks",
	.summary = "Remove what scopes left whose owners have ended; nothing else.",
	.examples = "  bedplate scope gc test\n",
	.opts = gc_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&gc_schema, &plan_schema),
	.run = run_gc,
};
