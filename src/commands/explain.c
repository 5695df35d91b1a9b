/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pasted lines explained: each in what it means, how grave it is, and what comes next. Looks at
 * no device and asks no kernel.
 */
#include "commands/common.h"

#include <bedplate/explain.h>

struct args {
	struct cli_list lines;
	const char *file;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS(lines, "LINE", "lines of a log, a status or a table; without: standard input"),
	OPT_STRING(file, 0, "file", "FILE", "read the lines from a file; -: standard input"),
	OPT_CONFLICT("LINE", "file"),
	OPT_END
};
/* clang-format on */

/* clang-format off */
static const struct out_column columns[] = {
	DOC("line", OUT_NUMBER, "the first that says it, from 1"),
	DOC("count", OUT_NUMBER, "how many say it"),
	DOC("kind", OUT_TEXT, "log, status, table or code"),
	DOC("text", OUT_TEXT, "what was explained"),
	DOC("device", OUT_TEXT, "the device it is about; null: not told"),
	DOC("target", OUT_TEXT, "its target; null: not told"),
	DOC("verdict", OUT_TEXT, "unknown, harmless, act or stop"),
	DOC("meaning", OUT_TEXT, "what it means"),
	DOC("next", OUT_TEXT, "the command that comes next, or what would be right; null: nothing"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.explain", .columns = columns,
};
/* clang-format on */

/* All operands, a line each. */
static char *join(const struct cli_list *lines)
{
	size_t size = 1, len = 0;
	char *text;

	for (size_t i = 0; i < lines->count; i++)
		size += strlen(lines->words[i]) + 1;
	text = malloc(size);
	for (size_t i = 0; text && i < lines->count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s\n", lines->words[i]);
	if (text)
		text[len] = '\0';
	return text;
}

static int text_given(struct cli *cli, const struct args *args, char **ret)
{
	if (!args->lines.count)
		return read_log(cli, args->file ? args->file : "-", ret);
	*ret = join(&args->lines);
	return *ret ? EXIT_OK : cli_fail(cli, NULL, -ENOMEM);
}

/* Of somebody else's log: nothing that a terminal would obey. */
static void put(struct cli *cli, const char *text)
{
	_cleanup_(freep) char *visible = cli_visible(text);

	if (!visible)
		cli_lost(cli);
	fputs(visible ? visible : "", cli->out);
}

/* What was read, what it means, what to do: always in this order. */
static void print(struct cli *cli, const struct bp_advice *a)
{
	if (a->device && a->kind != BP_ADVICE_LOG) {
		put(cli, a->device);
		fputs(": ", cli->out);
	}
	put(cli, a->text);
	if (a->count > 1)
		fprintf(cli->out, "  (%zu times)", a->count);
	fprintf(cli->out, "\n  %s: ", bp_verdict_name(a->verdict));
	put(cli, a->meaning);
	if (a->next) {
		fputs("\n  next: ", cli->out);
		put(cli, a->next);
	}
	fputc('\n', cli->out);
}

static int print_json(struct cli *cli, const struct bp_advices *advices)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &schema, &json);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_advices_json(advices, json, "data");
	return cli_json_end(cli, json);
}

static int fail_unknown(struct cli *cli)
{
	return cli_failf(cli, NULL,
			 "it takes lines of the kernel's log with \"device-mapper: \" in them, "
			 "lines of status and of tables",
			 "no line that is known");
}

/* A line that nobody knows is exit status 1, so that scripts can tell. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(freep) char *text = NULL;
	struct bp_advices *advices;
	bool known = false;
	int r = text_given(cli, args, &text), failed = EXIT_OK;

	if (r)
		return r;
	r = bp_explain(cli->ctx, text, &advices);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	for (size_t i = 0; i < bp_advices_count(advices); i++)
		known |= bp_advices_get(advices, i)->verdict != BP_VERDICT_UNKNOWN;
	/* A document has to say it too, so it is known before. */
	if (!known && cli->json)
		failed = fail_unknown(cli);
	r = cli->json ? print_json(cli, advices) : EXIT_OK;
	for (size_t i = 0; !cli->json && i < bp_advices_count(advices); i++)
		print(cli, bp_advices_get(advices, i));
	if (!known && !cli->json)
		failed = fail_unknown(cli);
	bp_advices_free(advices);
	return failed ?: r;
}

const struct cmd cmd_explain = {
	.name = "explain",
	.group = "Devices",
	.summary = "Say what lines of a log, a status or a table mean, and what comes next.",
	.examples = "  dmesg | bedplate explain\n"
		    "  bedplate explain '0 8 snapshot Invalid'\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
