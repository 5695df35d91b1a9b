/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pre-flight as the verbs use it: what is known of the device, what is told, what is refused. */
#include "commands/preflight.h"

#include "commands/common.h"

/* clang-format off */
const struct out_column segment_members[] = {
	DOC("start_sectors", OUT_NUMBER, "where the segment begins"),
	DOC("length_sectors", OUT_NUMBER, "how long it is"),
	DOC("target", OUT_TEXT, "its target"),
	DOC_OBJECT("params", NULL, "its parameters by name, as 'create NAME TARGET --help' lists them; null: not understood"),
	DOC("args", OUT_TEXT, "the words behind the target; secrets are hidden"),
	DOC_MAYBE("extra", OUT_TEXT, "words that this library doesn't know"),
	DOC_MAYBE("problem", OUT_TEXT, "why it was not understood"),
	OUT_COLUMNS_END
};
const char *const severity_words[] = {
	[BP_SEVERITY_UNKNOWN] = "unknown",
	[BP_SEVERITY_WARNING] = "warning",
	[BP_SEVERITY_REFUSED] = "refused",
	[BP_SEVERITY_CRASH] = "crash",
	NULL,
};
static const struct out_column finding_members[] = {
	DOC_WORD("severity", severity_words, "what follows from it"),
	DOC_MAYBE("segment", OUT_NUMBER, "number of the segment"),
	DOC_MAYBE("target", OUT_TEXT, "its target"),
	DOC_MAYBE("argument", OUT_NUMBER, "number of the argument"),
	DOC_MAYBE("argument_name", OUT_TEXT, "its name"),
	DOC_MAYBE("value", OUT_TEXT, "what it is"),
	DOC("rule", OUT_TEXT, "the rule it breaks"),
	DOC_MAYBE("expected", OUT_TEXT, "what would be right"),
	DOC("message", OUT_TEXT, "all of it in a sentence"),
	OUT_COLUMNS_END
};
static const struct out_column plan_columns[] = {
	DOC("name", OUT_TEXT, "name of the device"),
	DOC_LIST("segments", segment_members, "its table; null: none"),
	DOC_LIST("findings", finding_members, "what pre-flight found; null: it did not look"),
	OUT_COLUMNS_END
};
const struct out_schema preflight_schema = {
	.name = "bedplate.create.plan", .columns = plan_columns, .flags = OUT_ONE,
	.help = "What 'create --dry-run' would make.",
};
/* clang-format on */

int preflight_device(struct cli *cli, const char *name, struct preflight *how,
		     struct bp_table **ret_live)
{
	struct bp_selector which = device_named(name);
	struct bp_device_info info;
	int r = bp_device_info(cli->ctx, &which, &info);

	if (r >= 0)
		r = bp_device_table(cli->ctx, &which, 0, ret_live);
	if (r < 0)
		return cli_fail(cli, name, r);
	snprintf(how->device, sizeof(how->device), "%u:%u", info.major, info.minor);
	how->live = bp_table_count(*ret_live) ? *ret_live : NULL;
	return EXIT_OK;
}

int preflight_check(struct cli *cli, const struct bp_table *table, const struct preflight *how,
		    struct bp_findings **ret)
{
	struct bp_table_check_opts check = { .size = sizeof(check) };

	if (!how->offline)
		bp_device_check_opts(cli->ctx, &check);
	if (how->kernel_release)
		check.kernel_release = how->kernel_release;
	check.read_only = how->read_only;
	check.printed = how->printed;
	check.device = how->device[0] ? how->device : NULL;
	check.live = how->live;
	return bp_table_check(cli->ctx, table, &check, ret);
}

/* How many findings with this one's rule stand in front of it, and how many there are. */
static size_t like_it(const struct bp_findings *findings, size_t index, size_t *ret_all)
{
	const char *rule = bp_findings_get(findings, index)->rule;
	size_t before = 0;

	*ret_all = 0;
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		if (!streq(bp_findings_get(findings, i)->rule, rule))
			continue;
		before += i < index;
		(*ret_all)++;
	}
	return before;
}

/*
 * What could not be checked is only told to those who want to know; of equal remarks, one for
 * each device, the first. Those graver than @up_to are told otherwise.
 */
static void warn_findings(struct cli *cli, const struct bp_findings *findings,
			  enum bp_severity up_to)
{
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);
		size_t all;

		if (f->severity > up_to ||
		    (f->severity == BP_SEVERITY_UNKNOWN && !cli->verbose) ||
		    like_it(findings, i, &all))
			continue;
		if (all > 1)
			cli_warn(cli, "%s (and %zu more like it)", f->message, all - 1);
		else
			cli_warn(cli, "%s", f->message);
	}
}

int preflight_refuse(struct cli *cli, const char *name, const struct bp_table *table,
		     const struct preflight *how)
{
	struct bp_findings *findings;
	int r;

	if (how->skip)
		return EXIT_OK;
	r = preflight_check(cli, table, how, &findings);
	if (r < 0)
		return cli_fail(cli, name, r);
	warn_findings(cli, findings, BP_SEVERITY_WARNING);
	r = bp_findings_fail(cli->ctx, findings);
	bp_findings_free(findings);
	if (r >= 0)
		return EXIT_OK;
	r = cli_fail(cli, name, r);
	cli_note(cli, "  hint: --no-check asks the kernel all the same");
	return r;
}

static int print_json(struct cli *cli, const char *name, const struct bp_table *table,
		      const struct bp_findings *findings)
{
	struct bp_json *json;
	int r = cli_json_start(cli, &preflight_schema, &json);

	if (r < 0)
		return cli_fail(cli, name, r);
	bp_json_object(json, "data");
	bp_json_string(json, "name", name);
	/* null: there is no table; it was not looked at. */
	if (table)
		r = bp_table_json(cli->ctx, table, false, json, "segments");
	else
		bp_json_null(json, "segments");
	if (findings && r >= 0)
		r = bp_findings_json(findings, json, "findings");
	else
		bp_json_null(json, "findings");
	bp_json_object_close(json);
	r = r < 0 ? cli_fail(cli, name, r) : EXIT_OK;
	return cli_json_end(cli, json) ? EXIT_FAILED : r;
}

static int print_text(struct cli *cli, const char *name, const struct bp_table *table,
		      const struct bp_findings *findings)
{
	_cleanup_(table_freep) struct bp_table *shown = NULL;
	char *text;
	int r = bp_table_copy(cli->ctx, table, &shown);

	if (r >= 0)
		r = bp_table_hide_keys(cli->ctx, shown);
	if (r >= 0)
		r = bp_table_format(cli->ctx, shown, &text);
	if (r < 0)
		return cli_fail(cli, name, r);
	cli_print(cli, "%s", text);
	free(text);
	if (findings)
		warn_findings(cli, findings, BP_SEVERITY_CRASH);
	return EXIT_OK;
}

int preflight_print(struct cli *cli, const char *name, const struct bp_table *table,
		    const struct preflight *how)
{
	struct bp_findings *findings = NULL;
	int r = table && !how->skip ? preflight_check(cli, table, how, &findings) : 0;

	if (r < 0)
		return cli_fail(cli, name, r);
	if (cli->json)
		r = print_json(cli, name, table, findings);
	else if (table)
		r = print_text(cli, name, table, findings);
	if (!r && findings && bp_findings_severity(findings) >= BP_SEVERITY_REFUSED)
		r = EXIT_FAILED;
	bp_findings_free(findings);
	return r;
}
