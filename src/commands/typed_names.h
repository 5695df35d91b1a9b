/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files that make tables from options (typed.h): how an option is spelled. */
#ifndef COMMANDS_TYPED_NAMES_H
#define COMMANDS_TYPED_NAMES_H

#include "cli/cli.h"

#include <bedplate/table.h>

#define TYPED_NAME_MAX 64u

enum typed_unit { TYPED_NUMBER, TYPED_SIZE, TYPED_TIME };

/* How a word of the command line names an option of a target. */
struct typed_option {
	char name[TYPED_NAME_MAX]; /* for bp_segment_set() */
	enum bp_option_kind kind;
	enum typed_unit unit;
	uint64_t bytes_or_ms;
	char form[128]; /* of a record: its words' names */
};

/* An option of the segment itself, "size" or "start"? */
bool typed_is_range(const char *name);

/*
 * Which option is @name? The target's name may stand in front: "integrity-mode", where create
 * has a --mode. Return: 0, 1 where there is none, -ENOMEM.
 */
int typed_option(const struct bp_target *target, const char *name, struct typed_option *ret);

/* "offset", SIZE: an option as it is best typed. Return: the length of its name. */
size_t typed_best_name(const struct bp_target *target, const struct bp_option *option,
		       const char **ret_value);

/* Say that operand @index is no target, and what may have been meant. Return: EXIT_USAGE. */
int typed_no_target(struct cli *cli, const struct cli_list *targets, size_t index);

#endif
