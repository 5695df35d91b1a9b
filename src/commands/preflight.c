// SPDX-License-Identifier: LGPL-2.1-or-later
#include "commands/preflight.h"

#include <bedplate/bdev.h>
#include <bedplate/device.h>

#include <sys/utsname.h>
#include <unistd.h>

static int lookup(void *user, const char *dev, struct bp_bdev *ret)
{
	struct cli *cli = user;

	return bp_bdev_get(cli->ctx, dev, ret);
}

/* Held so that a table can't have it: mounted or swapped to. Mapped devices may share. */
static enum bp_answer busy(void *user, const struct bp_bdev *bdev)
{
	struct cli *cli = user;
	struct bp_holder *holders = NULL;
	size_t count = 0;
	enum bp_answer answer = BP_ANSWER_NO;

	if (bp_bdev_holders(cli->ctx, bdev->major, bdev->minor, &holders, &count) < 0)
		return BP_ANSWER_UNKNOWN;
	for (size_t i = 0; i < count; i++)
		if (holders[i].kind == BP_HOLDER_MOUNT || holders[i].kind == BP_HOLDER_SWAP ||
		    holders[i].kind == BP_HOLDER_RAID)
			answer = BP_ANSWER_YES;
	free(holders);
	return answer;
}

static enum bp_answer has_target(void *user, const char *target, uint32_t version[3])
{
	struct cli *cli = user;
	struct bp_target_entry entry;
	int r = bp_target_version(cli->ctx, target, &entry);

	if (r < 0)
		return r == -EINVAL && bp_error_get(cli->ctx)->code == BP_E_UNKNOWN_TARGET
			       ? BP_ANSWER_NO
			       : BP_ANSWER_UNKNOWN;
	memcpy(version, entry.version, sizeof(entry.version));
	return BP_ANSWER_YES;
}

static uint32_t running_release(void)
{
	struct utsname name;
	unsigned major, minor;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return (major & 0xff) << 8 | (minor & 0xff);
}

int preflight_check(struct cli *cli, const struct bp_table *table, const struct preflight *how,
		    struct bp_findings **ret)
{
	struct bp_table_check_opts check = {
		.size = sizeof(check),
		.user = cli,
		.kernel_release = how->kernel_release,
		.read_only = how->read_only,
		.device = how->device,
		.live = how->live,
	};

	if (!how->offline) {
		check.lookup = lookup;
		check.busy = busy;
		check.has_target = has_target;
		check.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
		if (!check.kernel_release)
			check.kernel_release = running_release();
	}
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
			cli_warn(cli, "%s%s%s", f->message, f->expected ? "; expected: " : "",
				 f->expected ? f->expected : "");
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
	char *text;
	int r = bp_table_format(cli->ctx, table, &text);

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
