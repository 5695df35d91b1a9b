/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tools that repair by building anew share: their options, when they only plan, and the
 * end of it. It does not know what is repaired.
 *
 *	struct args { struct repair_args all; ... };	OPT_REPAIR_...: in the table of options
 *	struct repair { struct repair_tool base; ... };	the library's callbacks get it as @user
 */
#ifndef COMMANDS_REPAIR_TOOL_H
#define COMMANDS_REPAIR_TOOL_H

#include "commands/check_tool.h"

struct repair_args {
	const char *input, *output, *dummy, *io_engine;
	bool plan;
};

/* clang-format off */
/* The first rows, and the last, where struct args begins with member all. */
#define OPT_REPAIR_HEAD \
	OPT_STRING(all.input, 'i', "input", "METADATA", "damaged metadata device or file; only read"), \
	OPT_STRING(all.output, 'o', "output", "METADATA", "metadata device or file to overwrite"), \
	OPT_FLAG(all.plan, 0, "plan", "say what would be kept and lost, and write nothing")
#define OPT_REPAIR_END \
	OPT_OPERAND_OPTIONAL(all.dummy, "EMPTY", "an empty word, as old versions of LVM give it"), \
	OPT_STRING(all.io_engine, 0, "io-engine", "ENGINE", NULL), \
	OPT_ANY("input"), \
	OPT_CONFLICT("plan", "output"), \
	OPT_END
/* clang-format on */

struct repair_tool {
	struct check_tool tool;
	const struct repair_args *args;
	bool planned; /* nothing is written */
};

struct repair_tool_row {
	/* Calls the library. 0 or -errno. */
	int (*carry_out)(struct repair_tool *re);
	/* Where anything that matters is lost, it has fatal ones. */
	struct check_verdict (*verdict)(const struct repair_tool *re);
	struct check_tool_ends ends;
};

/* For the library's options. */
int repair_tool_progress(void *user, uint64_t done, uint64_t total);
/* From the command line, for which @args and @re are, to the exit status. */
int repair_tool_run(struct cli *cli, const struct repair_args *args,
		    const struct repair_tool_row *row, struct repair_tool *re);

#endif
