/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stacks from files: make them as described, say what that would change, take them away. */
#include "commands/common.h"

#include <bedplate/stackfile.h>

struct args {
	const char *file;
	uint32_t flags;
	unsigned udev;
	int64_t timeout_ms;
};

/* clang-format off */
#define OPT_FILE OPT_OPERAND(file, "FILE", "the description; -: standard input")

static const struct cmd_opt apply_opts[] = {
	OPT_FILE,
	OPT_BIT(flags, BP_STACKFILE_NO_LOCKFS, 0, "nolockfs", "don't freeze file systems where tables change"),
	OPT_BIT(flags, BP_STACKFILE_NO_FLUSH, 0, "noflush", "don't wait for I/O in devices whose tables change"),
	OPT_UDEV(udev),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const struct cmd_opt diff_opts[] = {
	OPT_FILE,
	OPT_END
};

static const struct cmd_opt down_opts[] = {
	OPT_FILE,
	OPT_BIT(flags, BP_STACKFILE_DELETE_FILES, 0, "delete-files", "the files of loop devices as well, with what they hold"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};

static const char *const kinds[] = {
	[BP_STACK_MAKE_FILE] = "make-file",
	[BP_STACK_GROW_FILE] = "grow-file",
	[BP_STACK_ATTACH] = "attach",
	[BP_STACK_CREATE] = "create",
	[BP_STACK_RELOAD] = "reload",
	[BP_STACK_RESUME] = "resume",
	[BP_STACK_REMOVE] = "remove",
	[BP_STACK_DETACH] = "detach",
	[BP_STACK_DELETE_FILE] = "delete-file",
	NULL,
};

struct row {
	const char *change, *name, *before, *after;
};
static const struct out_column columns[] = {
	COL_WORD(struct row, change, kinds, OUT_DEFAULT, "what is done: files of loop devices are made, grow, are attached, let go, deleted; mapped devices are created, get another table, are resumed, removed"),
	COL_TEXT(struct row, name, OUT_DEFAULT, "to which device, as the file names it"),
	COL_TEXT(struct row, before, OUT_DEFAULT, "the table that is live, or the file; null: none"),
	COL_TEXT(struct row, after, OUT_DEFAULT, "the table, or the file, that is to be; null: none"),
	OUT_COLUMNS_END
};
static const struct out_schema apply_schema = { .name = "bedplate.apply", .columns = columns, .help = "What was done, in its order." };
static const struct out_schema diff_schema = { .name = "bedplate.diff", .columns = columns, .help = "What would have to be done, in its order." };
static const struct out_schema down_schema = { .name = "bedplate.down", .columns = columns, .help = "What was done, in its order." };
/* clang-format on */

static void stackfile_freep(struct bp_stackfile **file)
{
	bp_stackfile_free(*file);
}

static void changes_freep(struct bp_stack_changes **changes)
{
	bp_stack_changes_free(*changes);
}

/* The file's name goes into every message. */
static int read_file(struct cli *cli, const char *path, struct bp_stackfile **ret)
{
	_cleanup_(freep) char *text = NULL;
	int r = read_text(cli, path, &text);

	if (r)
		return r;
	r = bp_stackfile_parse(cli->ctx, text, ret);
	return r < 0 ? cli_fail(cli, path, r) : EXIT_OK;
}

/* Lines of a table, each behind a sign. */
static void print_lines(struct cli *cli, char sign, const char *text)
{
	while (*text) {
		int len = (int)strcspn(text, "\n");

		cli_print(cli, "  %c %.*s\n", sign, len, text);
		text += len + (text[len] == '\n');
	}
}

static void print_change(struct cli *cli, const struct bp_stack_change *change)
{
	cli_print(cli, "%s %s\n", kinds[change->kind], change->name);
	if (change->kind != BP_STACK_RESUME) {
		print_lines(cli, '-', change->before);
		print_lines(cli, '+', change->after);
	}
}

static struct row row_of(const struct bp_stack_change *change)
{
	return (struct row){
		.change = kinds[change->kind],
		.name = change->name,
		.before = change->before[0] ? change->before : NULL,
		.after = change->after[0] ? change->after : NULL,
	};
}

/* Changes in the order they were made. */
static int print_json(struct cli *cli, const struct out_schema *schema,
		      const struct bp_stack_changes *changes)
{
	struct out *out;
	int r = out_open(cli, NULL, schema, &out);

	for (size_t i = 0; !r && i < bp_stack_changes_count(changes); i++) {
		const struct row row = row_of(bp_stack_changes_get(changes, i));

		out_add(out, NULL, &row);
	}
	return r ? r : out_print(out);
}

typedef int (*stack_fn)(struct bp_ctx *ctx, const struct bp_stackfile *file,
			const struct bp_stackfile_opts *opts, struct bp_stack_changes **ret);

/* apply and remove share all but the call. */
static int change(struct cli *cli, const struct args *args, const struct out_schema *schema,
		  stack_fn fn)
{
	_cleanup_(stackfile_freep) struct bp_stackfile *file = NULL;
	_cleanup_(changes_freep) struct bp_stack_changes *changes = NULL;
	const struct bp_stackfile_opts opts = {
		.size = sizeof(opts),
		.flags = args->flags,
		.udev = args->udev,
		.timeout_ms = args->timeout_ms,
	};
	int r = read_file(cli, args->file, &file);

	if (!r)
		r = change_begin(cli);
	if (r)
		return r;
	r = fn(cli->ctx, file, &opts, &changes);
	if (r < 0 || cli->dry_run)
		return change_done(cli, args->file, r, NULL);
	return cli->json ? print_json(cli, schema, changes) : EXIT_OK;
}

static int run_apply(struct cli *cli, const void *p)
{
	return change(cli, p, &apply_schema, bp_stackfile_apply);
}

static int run_down(struct cli *cli, const void *p)
{
	return change(cli, p, &down_schema, bp_stackfile_down);
}

/* Any difference is exit status 1, as diff has it. */
static int run_diff(struct cli *cli, const void *p)
{
	_cleanup_(stackfile_freep) struct bp_stackfile *file = NULL;
	_cleanup_(changes_freep) struct bp_stack_changes *changes = NULL;
	const struct args *args = p;
	int r = read_file(cli, args->file, &file);

	if (r)
		return r;
	r = bp_stackfile_diff(cli->ctx, file, &changes);
	if (r < 0)
		return cli_fail(cli, args->file, r);
	if (cli->json)
		r = print_json(cli, &diff_schema, changes);
	for (size_t i = 0; !cli->json && i < bp_stack_changes_count(changes); i++)
		print_change(cli, bp_stack_changes_get(changes, i));
	return r ? r : bp_stack_changes_count(changes) ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_apply = {
	.name = "apply",
	.group = "Scopes and stacks",
	.summary = "Make a stack of devices as a file describes it; all of it or nothing.",
	.examples = "  bedplate apply -n db.stack\n",
	.opts = apply_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&apply_schema, &plan_schema),
	.run = run_apply,
};

const struct cmd cmd_diff = {
	.name = "diff",
	.group = "Scopes and stacks",
	.summary = "Say what 'apply' would change.",
	.examples = "  bedplate diff db.stack\n",
	.exits = "0 all is as described, 1 something differs, or it failed",
	.opts = diff_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&diff_schema),
	.run = run_diff,
};

const struct cmd cmd_down = {
	.name = "down",
	.group = "Scopes and stacks",
	.summary = "Remove all devices of a stack; what loop files hold stays.",
	.examples = "  bedplate down db.stack\n",
	.opts = down_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&down_schema, &plan_schema),
	.run = run_down,
};
