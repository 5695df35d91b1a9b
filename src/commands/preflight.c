// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/preflight.h"

#include "commands/common.h"

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

/*
 * What could not be checked is only told to those who want to know; what the kernel will refuse
 * it will say itself, if it is asked: @up_to.
 */
static void warn_findings(struct cli *cli, const struct bp_findings *findings,
			  enum bp_severity up_to)
{
	for (size_t i = 0; i < bp_findings_count(findings); i++) {
		const struct bp_finding *f = bp_findings_get(findings, i);

		if (f->severity <= up_to && (f->severity > BP_SEVERITY_UNKNOWN || cli->verbose))
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
	warn_findings(cli, findings,
		      bp_findings_severity(findings) == BP_SEVERITY_CRASH
			      ? BP_SEVERITY_CRASH
			      : BP_SEVERITY_WARNING);
	r = EXIT_OK;
	/* The kernel has the last word; but not where the question might crash it. */
	if (bp_findings_severity(findings) == BP_SEVERITY_CRASH)
		r = cli_failf(cli, name, "--no-check hands it over all the same",
			      "kernels are known to crash on this table");
	bp_findings_free(findings);
	return r;
}

static int print_json(struct cli *cli, const char *name, const struct bp_table *table,
		      const struct bp_findings *findings)
{
	struct bp_json *json;
	int r = cli_json_begin(cli, "bedplate.create.plan", &json);

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
	fputs(text, cli->out);
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
