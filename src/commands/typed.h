/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables from options, as "linear --device /dev/sdb --size 1GiB": the options of every target
 * come from the library's grammar.
 */
#ifndef COMMANDS_TYPED_H
#define COMMANDS_TYPED_H

#include "cli/cli.h"

#include <bedplate/table.h>

/*
 * @targets: operands, each the target of one segment; options that follow one are its own.
 * For cmd.extra: is there an option @name of the last target so far?
 */
enum cmd_extra typed_extra(const struct cli_list *targets, const char *name);

/*
 * @options: as OPT_EXTRA gathers them.
 * @keep_missing: a device that isn't there stays as it was typed.
 * @ret: free it with bp_table_free(). Return: 0 or an exit status.
 */
int typed_build(struct cli *cli, const struct cli_list *targets, const struct cli_list *options,
		bool keep_missing, struct bp_table **ret);

/* Help on the options of the last target; without targets, which there are. */
void typed_help(struct cli *cli, const struct cli_list *targets);

/* For cmd.unknown: what is wrong with option @name here. Return: EXIT_USAGE, or 0: not told. */
int typed_unknown(struct cli *cli, const struct cli_list *targets, const char *name);

/* All as members of a struct cmd, where its struct args has the operands as @targets. */
#define TYPED_HOOKS(extra, unknown, help)                                                      \
	static enum cmd_extra extra(struct cli *cli, const void *args, const char *name)       \
	{                                                                                      \
		(void)cli;                                                                     \
		return typed_extra(&((const struct args *)args)->targets, name);               \
	}                                                                                      \
                                                                                               \
	static int unknown(struct cli *cli, const void *args, const char *name)                \
	{                                                                                      \
		return typed_unknown(cli, &((const struct args *)args)->targets, name);        \
	}                                                                                      \
                                                                                               \
	static void help(struct cli *cli, const void *args)                                    \
	{                                                                                      \
		typed_help(cli, &((const struct args *)args)->targets);                        \
	}

#endif
