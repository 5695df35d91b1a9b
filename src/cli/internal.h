/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the files of src/cli; commands don't need it. */
#ifndef CLI_INTERNAL_H
#define CLI_INTERNAL_H

#include "cli/cli.h"

/* Options every command has, unless its own table uses the letter or the name. */
extern const struct cmd_opt global_opts[];
/* Has @cmd the row @opt of global_opts? */
bool global_applies(const struct cmd *cmd, const struct cmd_opt *opt);

static inline bool is_rule(const struct cmd_opt *opt)
{
	return opt->kind >= OPT_KIND_EXTRA;
}

static inline bool is_option(const struct cmd_opt *opt)
{
	return !is_rule(opt) && opt->place == OPT_PLACE_OPTION;
}

static inline bool is_operand(const struct cmd_opt *opt)
{
	return !is_rule(opt) && opt->place != OPT_PLACE_OPTION;
}

static inline bool takes_value(const struct cmd_opt *opt)
{
	return opt->kind >= OPT_KIND_STRING && opt->kind != OPT_KIND_OPTIONAL;
}

/* The row with this long name, this letter, or this operand name; NULL: none. */
const struct cmd_opt *opt_by_name(const struct cmd_opt *opts, const char *name, size_t len);

/*
 * Fill a new args struct from @argv (operands and options only) and check the rules.
 * Return: 0 and *@ret, to be freed with args_free(), or an exit status other than 0.
 */
int args_parse(struct cli *cli, int argc, char **argv, void **ret);
void args_free(const struct cmd *cmd, void *args);
/* Parse the global options in front of the verb. Return: how many words, or -EXIT_USAGE. */
int globals_parse(struct cli *cli, int argc, char **argv);
/* Only the rules of a table: conflicts, what is missing. Return: 0 or EXIT_USAGE. */
int rules_check(struct cli *cli);

/* Read @text into the member of @args that @opt describes. Return: 0 or EXIT_USAGE. */
int opt_store(struct cli *cli, const struct cmd_opt *opt, void *args, const char *text,
	      const char *spelled);

void help_command(struct cli *cli, const void *args);
void help_list(struct cli *cli, const char *group, FILE *to);

/* The command and option tables as JSON: what completions and the man check are made of. */
int dump_commands(struct cli *cli);

void warnings_free(struct cli *cli);
void errors_free(struct cli *cli);
/* Keep a failure for the document; both texts are copied. */
void errors_add(struct cli *cli, const char *subject, const char *json);
/* The name of a verb's document; a verb without schemas, or none: made in @buf. */
const char *schema_of(const struct cmd *cmd, char *buf, size_t size);
/* A document without data. Return: an exit status. */
int envelope_empty(struct cli *cli);

int schemas_print(struct cli *cli);

/* As cli_visible(), but lines stay lines; or with backslashes and separators made visible too. */
char *cli_visible_lines(const char *text);
char *cli_visible_raw(const char *text, const char *separator);

#endif
