/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damages as text or JSON, for every tool that checks. The verdict is the library's numbers. */
#include "commands/check_tool.h"

#include <inttypes.h>

/* Damages beyond this are only counted, in text. Fatal ones are not hidden by others. */
#define TEXT_DAMAGES 100

/* Its text is the library's only during the call: it is copied. */
static void keep(struct check_tool *tool, const struct bp_damage *damage)
{
	char *what = strdup(damage->what);

	if (tool->nr_damages == tool->size) {
		size_t size = tool->size ? 2 * tool->size : 64;
		void *damages = realloc(tool->damages, size * sizeof(*tool->damages));

		tool->no_memory |= !damages;
		if (damages) {
			tool->damages = damages;
			tool->size = size;
		}
	}
	if (!what || tool->nr_damages == tool->size) {
		tool->no_memory = true;
		free(what);
		return;
	}
	tool->damages[tool->nr_damages] = *damage;
	tool->damages[tool->nr_damages++].what = what;
}

/* The first few of each harm for people, all of them for programs. */
void check_tool_damage(void *user, const struct bp_damage *damage)
{
	struct check_tool *tool = user;
	struct cli *cli = tool->cli;

	if (cli->json)
		keep(tool, damage);
	else if (tool->nr_told[damage->harm == BP_HARM_FATAL]++ < TEXT_DAMAGES)
		cli_note(cli, "%s%s", damage->harm == BP_HARM_REMARK ? "remark: " : "",
			 damage->what);
	else
		tool->nr_hidden++;
}

int check_tool_progress(void *user, const char *stage, bp_mblock done, bp_mblock total)
{
	struct check_tool *tool = user;

	if (tool->stage != stage)
		cli_progress_title(tool->cli, stage);
	tool->stage = stage;
	return cli_progress(tool->cli, done, total);
}

void check_tool_done(struct check_tool *tool)
{
	for (size_t i = 0; i < tool->nr_damages; i++)
		free((char *)(uintptr_t)tool->damages[i].what);
	free(tool->damages);
}

int check_tool_status(const struct check_tool *tool, const struct check_verdict *verdict)
{
	if (verdict->nr_fatal || (verdict->nr_nonfatal && !tool->ignore_non_fatal))
		return EXIT_FAILED;
	return EXIT_OK;
}

/* --- text --- */

void check_tool_text(const struct check_tool *tool)
{
	if (tool->nr_hidden)
		cli_note(tool->cli, "... and %" PRIu64 " more: --json has all",
			 tool->nr_hidden);
}

/* The reference's sentences. */
void check_tool_counts(struct cli *cli, const char *blocks, uint64_t leaked, uint64_t repaired,
		       uint64_t wrong)
{
	if (wrong)
		cli_note(cli, "%s space map: %" PRIu64 " %s blocks have bad reference counts",
			 blocks, wrong, blocks);
	if (leaked)
		cli_note(cli, "%" PRIu64 " %s blocks have leaked", leaked, blocks);
	if (repaired)
		cli_note(cli, "Repairing %s leaks: %" PRIu64 " blocks given back.", blocks,
			 repaired);
	else if (leaked)
		cli_note(cli, "%s space map contains leaks", blocks);
}

/* --- JSON --- */

enum { FATAL, NON_FATAL, REMARKS, CLEAN };
const char *const check_verdicts[] = {
	[FATAL] = "fatal",
	[NON_FATAL] = "non-fatal",
	[REMARKS] = "remarks",
	[CLEAN] = "clean",
	NULL,
};

/* clang-format off */
const struct out_column damage_members[] = {
	DOC("kind", OUT_TEXT, "what is wrong, in a word"),
	DOC("harm", OUT_TEXT, "fatal, non-fatal, remark"),
	DOC("place", OUT_TEXT, "in which structure"),
	DOC_MAYBE("only_in_metadata_snapshot", OUT_BOOL, "the live trees don't have it"),
	DOC_MAYBE("block", OUT_NUMBER, "metadata block"),
	DOC_MAYBE("parent_block", OUT_NUMBER, "the one that leads to it"),
	DOC_MAYBE("device", OUT_NUMBER, "id of the device concerned, or the first of them"),
	DOC_MAYBE("nr_devices", OUT_NUMBER, "how many devices are concerned"),
	DOC_MAYBE("begin", OUT_NUMBER, "first key concerned"),
	DOC_MAYBE("end", OUT_NUMBER, "key behind the last"),
	DOC_MAYBE("expected", OUT_NUMBER, "what it should be"),
	DOC_MAYBE("actual", OUT_NUMBER, "what it is"),
	DOC("message", OUT_TEXT, "all of it in a sentence"),
	OUT_COLUMNS_END
};
/* clang-format on */

static const char *word_of(const struct check_verdict *verdict)
{
	return check_verdicts[verdict->nr_fatal      ? FATAL
			      : verdict->nr_nonfatal ? NON_FATAL
			      : verdict->nr_remarks  ? REMARKS
						     : CLEAN];
}

/* What all checks tell first: of what, and the verdict. */
int check_tool_json_start(struct check_tool *tool, const struct out_schema *schema,
			  const struct check_verdict *verdict, struct bp_json **ret)
{
	int r = tool->no_memory ? -ENOMEM : cli_json_start(tool->cli, schema, ret);

	if (r < 0)
		return cli_fail(tool->cli, NULL, r);
	bp_json_object(*ret, "data");
	bp_json_string(*ret, "metadata", tool->path);
	bp_json_string(*ret, "verdict", word_of(verdict));
	return 0;
}

/* Damages last, as they can be many. */
int check_tool_json_end(struct check_tool *tool, const struct check_verdict *verdict,
			struct bp_json *json)
{
	int status;

	bp_json_array(json, "damages");
	for (size_t i = 0; i < tool->nr_damages; i++)
		bp_damage_json(json, NULL, &tool->damages[i]);
	bp_json_array_close(json);
	bp_json_object_close(json);
	status = cli_json_end(tool->cli, json);
	return status ? status : check_tool_status(tool, verdict);
}

/* --- the end --- */

/* Exit status: 0 clean, 1 damage or failure. */
int check_tool_end(struct check_tool *tool, int r, const struct check_verdict *verdict,
		   const struct check_tool_ends *ends)
{
	int status;

	if (r < 0) {
		status = cli_fail(tool->cli, tool->path, r);
	} else if (tool->cli->json) {
		status = ends->json(tool, verdict);
	} else {
		ends->text(tool);
		status = check_tool_status(tool, verdict);
	}
	check_tool_done(tool);
	return status;
}
