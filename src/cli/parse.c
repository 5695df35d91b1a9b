/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From the words of the command line to the args struct of a command, by its table of options. The
 * struct is whole or not given at all; whoever typed something else is told what and, where it can
 * be guessed, what was meant. What a value means is store.c's.
 */
#include "cli/internal.h"

#include "core/near.h"

/* Where the parser stands in the words of the command line. */
struct parser {
	struct cli *cli;
	const struct cmd *cmd;
	void *args;
	int argc, next;
	char **argv;
	bool only_operands;
	unsigned nr_operands; /* rows of operands that were filled */
	const char *operand;  /* the last one */
};

/* An option found: its row, whose struct it fills, and its value where = gave one. */
struct found {
	const struct cmd_opt *opt;
	void *args;
	const char *value;
	const char *spelled; /* as typed, for messages */
};

static bool is_spelled(const struct cmd_opt *opt, const char *name, size_t len)
{
	const char *own = is_operand(opt) ? opt->arg : opt->name;

	if (is_rule(opt) && opt->kind != OPT_KIND_SYNONYM)
		return false;
	return own && strlen(own) == len && memcmp(own, name, len) == 0;
}

const struct cmd_opt *opt_by_name(const struct cmd_opt *opts, const char *name, size_t len)
{
	for (const struct cmd_opt *opt = opts; opt->kind != OPT_KIND_END; opt++)
		if (is_spelled(opt, name, len))
			return opt->kind == OPT_KIND_SYNONYM
				       ? opt_by_name(opts, opt->names, strlen(opt->names))
				       : opt;
	return NULL;
}

static const struct cmd_opt *opt_by_letter(const struct cmd_opt *opts, char letter)
{
	for (const struct cmd_opt *opt = opts; opt->kind != OPT_KIND_END; opt++)
		if (is_option(opt) && opt->letter == letter)
			return opt;
	return NULL;
}

/* The one option that begins with @name; NULL where none or several do. */
static const struct cmd_opt *opt_by_beginning(const struct cmd_opt *opts, const char *name,
					      size_t len)
{
	const struct cmd_opt *found = NULL;

	for (const struct cmd_opt *opt = opts; opt->kind != OPT_KIND_END; opt++) {
		if (!is_option(opt) || !opt->name || strncmp(opt->name, name, len) != 0)
			continue;
		if (found)
			return NULL;
		found = opt;
	}
	return found;
}

static bool find_global(struct parser *p, const struct cmd_opt *opt, struct found *ret)
{
	if (!opt || (p->cmd && !global_applies(p->cmd, opt)))
		return false;
	ret->opt = opt;
	ret->args = p->cli;
	return true;
}

/* Hands out the option names of a command, for near_word(). */
static const char *next_option(void *user)
{
	const struct cmd_opt **opt = user;

	for (; (*opt)->kind != OPT_KIND_END; (*opt)++)
		if (is_option(*opt) && (*opt)->name && (*opt)->help)
			return (*opt)++->name;
	return NULL;
}

/* The option of the table that a name is near to, or NULL. */
static const char *near_option(const struct parser *p, const char *name)
{
	const struct cmd_opt *opts = p->cmd ? p->cmd->opts : global_opts;

	return near_word(name, next_option, &opts);
}

/* The verb may know options that are not in its table (targets' parameters). */
static int unknown_option(struct parser *p, const char *spelled, const char *name)
{
	_cleanup_(freep) char *hint = NULL;
	const char *near = name ? near_option(p, name) : NULL;
	int r = 0;

	if (!near && name && p->cmd && p->cmd->unknown)
		r = p->cmd->unknown(p->cli, p->args, name);
	if (r)
		return r;
	if (near && asprintf(&hint, "did you mean '--%s'?", near) < 0)
		hint = NULL;
	return cli_usage_hint(p->cli, hint, "unknown option '%s'", spelled);
}

/* An option beyond the table: the command says what it takes. */
static int parse_extra(struct parser *p, enum cmd_extra what, const char *name,
		       const char *value, const char *spelled)
{
	const struct cmd_opt *opt = p->cmd->opts;
	struct cli_list *list;

	if (what == CMD_EXTRA_EARLY && !near_option(p, name))
		return cli_usage(p->cli,
				 "unknown option '%s' here: options of a target follow "
				 "the target's name",
				 spelled);
	if (what == CMD_EXTRA_EARLY || what == CMD_EXTRA_UNKNOWN)
		return unknown_option(p, spelled, name);
	if (what == CMD_EXTRA_VALUE && !value) {
		if (p->next == p->argc)
			return cli_usage(p->cli, "option '%s' needs a value", spelled);
		value = p->argv[p->next++];
	}

	while (opt->kind != OPT_KIND_EXTRA)
		opt++;
	list = (struct cli_list *)((char *)p->args + opt->offset);
	list->words[list->count + CLI_EXTRA_NAME] = name;
	list->words[list->count + CLI_EXTRA_VALUE] = value;
	list->words[list->count + CLI_EXTRA_OPERAND] = p->operand;
	list->count += CLI_EXTRA_WORDS;
	return 0;
}

/* A value behind "=", or the next word. */
static int store(struct parser *p, struct found *found)
{
	if (!takes_value(found->opt) && found->opt->kind != OPT_KIND_OPTIONAL && found->value)
		return cli_usage(p->cli, "option '%s' takes no value", found->spelled);
	if (takes_value(found->opt) && !found->value) {
		if (p->next == p->argc)
			return cli_usage(p->cli, "option '%s' needs a value", found->spelled);
		found->value = p->argv[p->next++];
	}
	if (found->args == p->args)
		p->cli->given[found->opt - p->cmd->opts] = true;
	return opt_store(p->cli, found->opt, found->args, found->value, found->spelled);
}

/* --name or --name=value; @word is changed: its = becomes the end of the name. */
static int parse_long(struct parser *p, char *word)
{
	char *name = word + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	struct found found = { .args = p->args, .spelled = word };
	enum cmd_extra extra = CMD_EXTRA_UNKNOWN;

	if (equals) {
		*equals = '\0';
		found.value = equals + 1;
	}
	/* A command's option means the same wherever it stands. */
	if (p->cmd)
		found.opt = opt_by_name(p->cmd->opts, name, len);
	if (!found.opt && find_global(p, opt_by_name(global_opts, name, len), &found))
		return store(p, &found);
	if (!found.opt && p->cmd && p->cmd->extra)
		extra = p->cmd->extra(p->cli, p->args, name);
	if (extra == CMD_EXTRA_FLAG || extra == CMD_EXTRA_VALUE)
		return parse_extra(p, extra, name, found.value, word);
	if (!found.opt && p->cmd && (p->cmd->flags & CMD_ABBREVIATIONS))
		found.opt = opt_by_beginning(p->cmd->opts, name, len);
	if (!found.opt && p->cmd && p->cmd->extra)
		return parse_extra(p, extra, name, found.value, word);
	if (!found.opt)
		return unknown_option(p, word, name);
	return store(p, &found);
}

/* -abc: letters until one takes a value: the rest of the word, or the next word. */
static int parse_letters(struct parser *p, const char *word)
{
	int r;

	for (const char *c = word + 1; *c; c++) {
		char spelled[] = { '-', *c, '\0' };
		struct found found = { .args = p->args, .spelled = spelled };

		if (p->cmd)
			found.opt = opt_by_letter(p->cmd->opts, *c);
		if (!found.opt && !find_global(p, opt_by_letter(global_opts, *c), &found))
			return unknown_option(p, spelled, NULL);
		if (c[1] && (takes_value(found.opt) || found.opt->kind == OPT_KIND_OPTIONAL)) {
			bool skip_equals =
				c[1] == '=' && (found.opt->kind == OPT_KIND_OPTIONAL ||
						(p->cmd && (p->cmd->flags & CMD_DROP_IN)));

			found.value = c + 1 + skip_equals;
			return store(p, &found);
		}
		r = store(p, &found);
		if (r)
			return r;
	}
	return 0;
}

static const struct cmd_opt *rest_of(const struct cmd *cmd)
{
	for (const struct cmd_opt *opt = cmd->opts; opt->kind != OPT_KIND_END; opt++)
		if (opt->place == OPT_PLACE_REST)
			return opt;
	return NULL;
}

/*
 * The operand row that the next operand fills; NULL: there are too many. A list ends only by "--",
 * behind which another program's command line may stand.
 */
static const struct cmd_opt *next_operand(struct parser *p)
{
	const struct cmd_opt *rest = p->only_operands ? rest_of(p->cmd) : NULL;
	unsigned nr = 0;

	for (const struct cmd_opt *opt = p->cmd->opts; opt->kind != OPT_KIND_END; opt++) {
		if (!is_operand(opt))
			continue;
		if (opt->kind == OPT_KIND_LIST && rest && opt != rest)
			return rest;
		if (nr++ == p->nr_operands || opt->kind == OPT_KIND_LIST)
			return opt;
	}
	return NULL;
}

/* OPT_PLACE_REST takes all that follows, but what stands behind it in the table. */
static int parse_operand(struct parser *p, const char *word)
{
	const struct cmd_opt *opt = next_operand(p);

	/* lvm2 passes options that are not set as an empty word. */
	if (!opt && !*word && p->cmd->flags & CMD_DROP_IN)
		return 0;
	if (!opt && p->cmd->flags & CMD_SOURCES && !(p->cmd->flags & CMD_DROP_IN))
		return cli_usage_hint(p->cli,
				      "further disks or images of a pool are given with --pv",
				      "unexpected operand '%s'", word);
	if (!opt)
		return cli_usage(p->cli, "unexpected operand '%s'", word);
	p->nr_operands++;
	p->operand = word;
	if (opt->place == OPT_PLACE_REST)
		p->next--;
	while (opt->place == OPT_PLACE_REST && p->next < p->argc - 1) {
		int r = opt_store(p->cli, opt, p->args, p->argv[p->next++], opt->arg);

		if (r)
			return r;
	}
	if (opt->place == OPT_PLACE_REST)
		word = p->argv[p->next++];
	p->cli->given[opt - p->cmd->opts] = true;
	return opt_store(p->cli, opt, p->args, word, opt->arg);
}

/* "--" ends options; "-" alone is an operand, standard input. */
static int parse_word(struct parser *p)
{
	char *word = p->argv[p->next++];

	if (p->only_operands || word[0] != '-' || word[1] == '\0')
		return parse_operand(p, word);
	if (word[1] != '-')
		return parse_letters(p, word);
	if (word[2] != '\0')
		return parse_long(p, word);
	p->only_operands = true;
	return 0;
}

/* Options in front of the verb. Result: where the verb stands, or minus an exit status. */
int globals_parse(struct cli *cli, int argc, char **argv)
{
	struct parser p = { .cli = cli, .argc = argc, .argv = argv };
	int r;

	while (p.next < argc && argv[p.next][0] == '-' && argv[p.next][1]) {
		if (streq(argv[p.next], "--"))
			return p.next + 1;
		r = parse_word(&p);
		if (r)
			return -r;
	}
	return p.next;
}

static struct cli_list *list_of(const struct cmd_opt *opt, void *args)
{
	if (opt->kind != OPT_KIND_LIST && opt->kind != OPT_KIND_EXTRA)
		return NULL;
	return (struct cli_list *)((char *)args + opt->offset);
}

void args_free(const struct cmd *cmd, void *args)
{
	if (!args)
		return;
	for (const struct cmd_opt *opt = cmd->opts; opt->kind != OPT_KIND_END; opt++)
		if (list_of(opt, args))
			free(list_of(opt, args)->words);
	free(args);
}

/* A fresh args struct; each list has room for every word of the command line. */
static void *args_new(const struct cmd *cmd, int argc)
{
	void *args = calloc(1, cmd->args_size ? cmd->args_size : 1);
	bool whole = args != NULL;

	if (args && cmd->defaults)
		memcpy(args, cmd->defaults, cmd->args_size);
	for (const struct cmd_opt *opt = cmd->opts; args && opt->kind != OPT_KIND_END; opt++) {
		struct cli_list *list = list_of(opt, args);

		if (list) {
			list->words = calloc((size_t)argc * CLI_EXTRA_WORDS + 1,
					     sizeof(*list->words));
			whole = whole && list->words;
		}
	}
	if (!whole) {
		args_free(cmd, args);
		return NULL;
	}
	return args;
}

/* Rules between options are checked when all were read, but not for --help. */
int args_parse(struct cli *cli, int argc, char **argv, void **ret)
{
	struct parser p = { .cli = cli, .cmd = cli->cmd, .argc = argc, .argv = argv };
	size_t rows = 0;
	int r = 0;

	while (cli->cmd->opts[rows].kind != OPT_KIND_END)
		rows++;
	free(cli->given);
	cli->given = calloc(rows + 1, sizeof(*cli->given));
	p.args = args_new(cli->cmd, argc);
	if (!cli->given || !p.args) {
		args_free(cli->cmd, p.args);
		return cli_fail(cli, NULL, -ENOMEM);
	}

	while (!r && p.next < argc && !cli->version)
		r = parse_word(&p);
	if (!r && !cli->help && !cli->version)
		r = rules_check(cli);
	if (r) {
		args_free(cli->cmd, p.args);
		return r;
	}
	*ret = p.args;
	return 0;
}
