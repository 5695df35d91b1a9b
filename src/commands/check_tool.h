/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tools that check metadata share: telling damages as they are found (text) or behind the
 * verdict (JSON), progress, the exit status. It does not know what is checked.
 *
 *	struct check_tool tool = { .cli = cli, .path = args->path };
 *
 *	opts.damage = check_tool_damage, opts.progress = check_tool_progress, opts.user = &tool;
 *	r = bp_..._check(...);
 *	status = check_tool_end(&tool, r, &verdict, &ends);
 *
 * The ends have the format's own lines behind check_tool_text(), and its own members between
 * check_tool_json_start() and _end().
 */
#ifndef COMMANDS_CHECK_TOOL_H
#define COMMANDS_CHECK_TOOL_H

#include "cli/out.h"

#include <bedplate/damage.h>

struct check_tool {
	struct cli *cli;
	const char *path;
	bool ignore_non_fatal;

	/* Inside. */
	uint64_t nr_told[2], nr_hidden; /* told: harmless ones, fatal ones */
	const char *stage;
	struct bp_damage *damages; /* with --json, all: they stand behind the verdict */
	size_t nr_damages, size;
	bool no_memory;
};

/* How many of each harm the library counted. */
struct check_verdict {
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
};

/* Callbacks for the library; @user is the struct check_tool. */
void check_tool_damage(void *user, const struct bp_damage *damage);
int check_tool_progress(void *user, const char *stage, bp_mblock done, bp_mblock total);
/* Free what was kept. */
void check_tool_done(struct check_tool *tool);

/* How a format shows a result; @tool is the first member of its own struct. */
struct check_tool_ends {
	void (*text)(const struct check_tool *tool);
	int (*json)(struct check_tool *tool, const struct check_verdict *verdict);
};
/*
 * The end of a tool: @r is what the library returned, @verdict its counts. The message of a
 * failure, or what was found; then all is freed. Return: the exit status.
 */
int check_tool_end(struct check_tool *tool, int r, const struct check_verdict *verdict,
		   const struct check_tool_ends *ends);

/* The exit status: 0, or 1 where damage counts. */
int check_tool_status(const struct check_tool *tool, const struct check_verdict *verdict);
/* Text: how many damages were not told. First of what follows them. */
void check_tool_text(const struct check_tool *tool);
/*
 * Text: wrong and leaked blocks of a space map, by @blocks: "data", "metadata". The phrases are
 * matched by programs.
 */
void check_tool_counts(struct cli *cli, const char *blocks, uint64_t leaked, uint64_t repaired,
		       uint64_t wrong);

/* The columns of its document: these, the format's own, and CHECK_TOOL_DAMAGES. */
#define CHECK_TOOL_HEAD                                                                        \
	DOC("metadata", OUT_TEXT, "the device or file"),                                       \
		DOC_WORD("verdict", check_verdicts, "the worst that was found")
#define CHECK_TOOL_DAMAGES DOC_LIST("damages", damage_members, "all that was found")
extern const char *const check_verdicts[];
extern const struct out_column damage_members[];

/*
 * JSON: the path and the verdict; the format's members come between these, the damages behind
 * them. Return: 0 or an exit status; check_tool_json_end() the one to end with.
 */
int check_tool_json_start(struct check_tool *tool, const struct out_schema *schema,
			  const struct check_verdict *verdict, struct bp_json **ret);
int check_tool_json_end(struct check_tool *tool, const struct check_verdict *verdict,
			struct bp_json *json);

#endif
