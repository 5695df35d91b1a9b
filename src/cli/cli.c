/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program around a command: find it, parse, run, and see that the output got out. */
#include "cli/internal.h"

#include "core/near.h"

#include <bedplate/source.h>

/* The globals fill struct cli itself. */
#define args cli
/* clang-format off */
const struct cmd_opt global_opts[] = {
	OPT_FLAG(json, 'J', "json", "print JSON"),
	OPT_FLAG(dry_run, 'n', "dry-run", "say what would be done, do nothing"),
	OPT_LIST(pvs, 0, "pv", "FILE", "look for the pool on this disk, partition or image; may be repeated"),
	OPT_STRING(lvm_backup, 0, "lvm-backup", "FILE", "take LVM's metadata from this backup or archive file"),
	OPT_FLAG(quiet, 'q', "quiet", "no progress, no warnings"),
	OPT_COUNT(verbose, 'v', "verbose", "say more; twice: what the library does"),
	OPT_FLAG(help, 'h', "help", "print this help"),
	OPT_FLAG(version, 'V', "version", "print the version"),
	OPT_END
};
/* clang-format on */
#undef args

/*
 * Common options are in the help of those verbs only that know what to do with them; a
 * verb's own option of the same name wins.
 */
bool global_applies(const struct cmd *cmd, const struct cmd_opt *opt)
{
	if (cmd->raw || opt_by_name(cmd->opts, opt->name, strlen(opt->name)))
		return false;
	if (opt->letter == 'n')
		return cmd->flags & (CMD_READS | CMD_DRY_RUN);
	if (streq(opt->name, "pv") || streq(opt->name, "lvm-backup"))
		return cmd->flags & CMD_SOURCES;
	return true;
}

bool cli_has_option(const struct cli *cli, const char *name)
{
	size_t len = strlen(name);

	return opt_by_name(cli->cmd->opts, name, len) || opt_by_name(global_opts, name, len);
}

static const struct cmd *find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (streq(commands[i]->name, name) ||
		    word_in_list(commands[i]->aliases, name, strlen(name)))
			return commands[i];
	return NULL;
}

static bool is_group(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; commands[i]; i++)
		if (strncmp(commands[i]->name, name, len) == 0 && commands[i]->name[len] == ' ')
			return true;
	return false;
}

static const char *next_command(void *user)
{
	const struct cmd *const **cmd = user;

	while (**cmd && ((**cmd)->flags & CMD_HIDDEN))
		(*cmd)++;
	return **cmd ? (*(*cmd)++)->name : NULL;
}

/* A verb of a group that was called without it ("snapshot"), or NULL. */
static const char *of_a_group(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		const char *blank = strchr(commands[i]->name, ' ');

		if (blank && streq(blank + 1, name) && !(commands[i]->flags & CMD_HIDDEN))
			return commands[i]->name;
	}
	return NULL;
}

/* How much of @name is a group ("fault", of "fault nonsense"): 0, where there is none of that name. */
static int group_length(const char *name)
{
	size_t len = strcspn(name, " ");

	for (size_t i = 0; name[len] && commands[i]; i++)
		if (strncmp(commands[i]->name, name, len + 1) == 0)
			return (int)len;
	return 0;
}

/* A hint where one is near: most of these are typing errors. */
static int unknown_verb(struct cli *cli, const char *name)
{
	const struct cmd *const *walk = commands;
	const char *near = of_a_group(name);
	_cleanup_(freep) char *hint = NULL;
	int group = group_length(name), r = 0;

	if (!near)
		near = near_word(name, next_command, &walk);
	if (near)
		r = asprintf(&hint, "did you mean '%s'?", near);
	else if (group)
		r = asprintf(&hint, "'%s %.*s' lists its verbs", cli->program, group, name);
	if (r < 0)
		hint = NULL;
	return cli_usage_hint(cli, hint, "unknown verb '%s'", name);
}

static int print_version(struct cli *cli)
{
	if (cli->cmd && (cli->cmd->flags & CMD_DROP_IN))
		fprintf(cli->out, "%s\n",
			cli->cmd->level ? cli->cmd->level : CLI_DROP_IN_LEVEL);
	else
		fprintf(cli->out, "bedplate %s\n", bp_version());
	return EXIT_OK;
}

static void debug_line(void *user, const char *room, const char *line)
{
	struct cli *cli = user;

	cli_progress_end(cli);
	fprintf(cli->err, "%s: %s\n", room, line);
}

/* From here on names of pools are taken wherever the library reads metadata. */
static int use_sources(struct cli *cli)
{
	const struct bp_source_opts opts = {
		.size = sizeof(opts),
		.pvs = cli->pvs.words,
		.nr_pvs = cli->pvs.count,
		.text_path = cli->lvm_backup,
	};
	int r = cli->cmd->flags & CMD_SOURCES ? bp_ctx_use_sources(cli->ctx, &opts) : 0;

	return r < 0 ? cli_fail(cli, NULL, r) : 0;
}

/*
 * Verbs that speak as another program does get their words unread, under the name by which
 * they were called.
 */
static int run_raw(struct cli *cli, int argc, char **argv)
{
	char **words;
	int r;

	if (cli->help) {
		help_command(cli, NULL);
		return EXIT_OK;
	}
	if (cli->json || cli->dry_run)
		return cli_usage(cli, "has no --json and no --dry-run: it speaks as another "
				      "program does");
	words = calloc((size_t)argc + 2, sizeof(*words));
	if (!words)
		return cli_fail(cli, NULL, -ENOMEM);
	words[0] = streq(cli->program, cli->cmd->name) ? cli->argv[0]
						       : (char *)(uintptr_t)cli->cmd->name;
	memcpy(words + 1, argv, (size_t)argc * sizeof(*words));
	cli->quiet = true; /* no words of ours among theirs */
	r = cli->cmd->raw(cli, argc + 1, words);
	free(words);
	return r;
}

/*
 * Parsed, then help or version, then run: -h beside a wrong operand explains rather than
 * complains.
 */
static int run_command(struct cli *cli, int argc, char **argv)
{
	void *parsed = NULL;
	int r;

	if (cli->cmd->raw)
		return run_raw(cli, argc, argv);
	r = args_parse(cli, argc, argv, &parsed);

	if (r)
		return r;
	if (cli->version) {
		r = print_version(cli);
	} else if (cli->help) {
		help_command(cli, parsed);
	} else if (cli->dry_run && !(cli->cmd->flags & (CMD_READS | CMD_DRY_RUN)) &&
		   !opt_by_name(cli->cmd->opts, "dry-run", 7)) {
		r = cli_usage(cli, "has no dry run");
	} else {
		if (cli->verbose > 1)
			bp_ctx_set_log(cli->ctx, debug_line, cli);
		if (!cli->quiet && !cli->json)
			bp_ctx_set_progress(cli->ctx, cli_progress, cli);
		r = use_sources(cli);
		r = r ? r : cli->cmd->run(cli, parsed);
		cli_progress_end(cli);
		if (r < 0) /* what no one below has told */
			r = cli_fail(cli, NULL, r);
	}
	args_free(cli->cmd, parsed);
	return r;
}

/* "pool" alone, "pool --help", or "pool" and the name of one of its verbs. */
static int run_group(struct cli *cli, const char *group, int argc, char **argv)
{
	char name[64];
	int n = globals_parse(cli, argc, argv);

	if (n < 0)
		return -n;
	if (n < argc && !cli->help) {
		snprintf(name, sizeof(name), "%s %s", group, argv[n]);
		cli->cmd = find(name);
		if (!cli->cmd)
			return unknown_verb(cli, name);
		return run_command(cli, argc - n - 1, argv + n + 1);
	}
	help_list(cli, group, cli->help ? cli->out : cli->err);
	return cli->help ? EXIT_OK : EXIT_USAGE;
}

/* "help", "help VERB", "help pool create". */
static int run_help(struct cli *cli, int argc, char **argv)
{
	cli->help = true;
	if (argc == 0) {
		help_list(cli, NULL, cli->out);
		return EXIT_OK;
	}
	if (argc > 1 && is_group(argv[0])) {
		cli->help = false;
		char help[] = "--help", *words[] = { argv[1], help };

		return run_group(cli, argv[0], 2, words);
	}
	if (is_group(argv[0]))
		return run_group(cli, argv[0], 0, NULL);
	cli->cmd = find(argv[0]);
	return cli->cmd ? run_command(cli, 0, NULL) : unknown_verb(cli, argv[0]);
}

/* "--schemas", with --json before or behind it: an option of the program, not of its verbs. */
static bool wants_schemas(struct cli *cli, int argc, char **argv)
{
	bool wants = false, json = false;

	for (int i = 1; i < argc; i++) {
		bool is_json = streq(argv[i], "--json") || streq(argv[i], "-J");

		if (!is_json && !streq(argv[i], "--schemas"))
			return false;
		json = json || is_json;
		wants = wants || !is_json;
	}
	cli->json = json && wants;
	return wants;
}

/* By the name the program has (a link: thin_check), else by its first words. */
static int dispatch(struct cli *cli, int argc, char **argv)
{
	int n;

	cli->cmd = find(cli->program);
	if (cli->cmd)
		return run_command(cli, argc - 1, argv + 1);
	if (argc > 1 && streq(argv[1], "--dump-commands"))
		return dump_commands(cli);
	if (wants_schemas(cli, argc, argv))
		return schemas_print(cli);

	n = globals_parse(cli, argc - 1, argv + 1);
	if (n < 0)
		return -n;
	argc -= n + 1;
	argv += n + 1;
	if (argc == 0 && cli->version)
		return print_version(cli);
	if (argc == 0) {
		help_list(cli, NULL, cli->help ? cli->out : cli->err);
		return cli->help ? EXIT_OK : EXIT_USAGE;
	}
	if (streq(argv[0], "help"))
		return run_help(cli, argc - 1, argv + 1);
	cli->cmd = find(argv[0]);
	if (cli->cmd)
		return run_command(cli, argc - 1, argv + 1);
	if (is_group(argv[0]))
		return run_group(cli, argv[0], argc - 1, argv + 1);
	return unknown_verb(cli, argv[0]);
}

int cli_main(struct cli *cli, int argc, char **argv)
{
	int r = cli_begin(cli, argc, argv);

	return cli_end(cli, r ? r : dispatch(cli, argc, argv));
}
