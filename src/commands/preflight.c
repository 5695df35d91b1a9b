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
	DOC("uuid", OUT_TEXT, "its uuid, or nothing"),
	DOC("read_only", OUT_BOOL, "it would refuse writes"),
	DOC_LIST("segments", segment_members, "its table; null: none"),
	DOC_LIST("findings", finding_members, "what pre-flight found; null: it did not look"),
	OUT_COLUMNS_END
};
const struct out_schema preflight_schema = {
	.name = "bedplate.create.plan", .columns = plan_columns,
	.help = "The devices that 'create --dry-run' would make, in the order in which they were given.",
};
/* clang-format on */

/* What is live now is part of the check: some targets can't be replaced by others. */
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

/* Offline nothing of this machine is asked, so that tables for another one can be checked. */
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

static bool is_shown(const struct cli *cli, const struct bp_finding *f, enum bp_severity up_to)
{
	return f->severity <= up_to && (f->severity != BP_SEVERITY_UNKNOWN || cli->verbose);
}

static void warn_finding(struct cli *cli, const struct bp_finding *f, size_t all)
{
	if (all > 1)
		cli_warn(cli, "%s (and %zu more like it)", f->message, all - 1);
	else
		cli_warn(cli, "%s", f->message);
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

		if (is_shown(cli, f, up_to) && !like_it(findings, i, &all))
			warn_finding(cli, f, all);
	}
}

/* Warnings are told and passed; only what the kernel would refuse, or worse, stops it. */
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

static int print_device(struct cli *cli, const struct planned *device,
			const struct bp_findings *findings, struct bp_json *json)
{
	int r = 0;

	bp_json_object(json, NULL);
	bp_json_string(json, "name", device->name);
	bp_json_string(json, "uuid", device->uuid ? device->uuid : "");
	bp_json_bool(json, "read_only", device->read_only);
	/* null: there is no table; it was not looked at. */
	if (device->table)
		r = bp_table_json(cli->ctx, device->table, false, json, "segments");
	else
		bp_json_null(json, "segments");
	if (findings && r >= 0)
		r = bp_findings_json(findings, json, "findings");
	else
		bp_json_null(json, "findings");
	bp_json_object_close(json);
	return r < 0 ? cli_fail(cli, device->name, r) : EXIT_OK;
}

/* Keys are hidden here too: the plan may be copied into a report. */
static int print_text(struct cli *cli, const struct planned *device,
		      const struct bp_findings *findings)
{
	_cleanup_(table_freep) struct bp_table *shown = NULL;
	char *text;
	int r;

	if (!device->table)
		return EXIT_OK;
	r = bp_table_copy(cli->ctx, device->table, &shown);
	if (r >= 0)
		r = bp_table_hide_keys(cli->ctx, shown);
	if (r >= 0)
		r = bp_table_format(cli->ctx, shown, &text);
	if (r < 0)
		return cli_fail(cli, device->name, r);
	cli_print(cli, "%s", text);
	free(text);
	if (findings)
		warn_findings(cli, findings, BP_SEVERITY_CRASH);
	return EXIT_OK;
}

/* --- devices that are going to be made together --- */

/* What lies on one of them can't be looked up yet; all else is asked as for one alone. */
struct group {
	struct bp_table_check_opts asks;
	const struct planned *devices;
	size_t count;
};

static int lookup_outside(void *user, const char *dev, struct bp_bdev *ret)
{
	const struct group *group = user;
	const char *slash = strrchr(dev, '/');

	for (size_t i = 0; slash && i < group->count; i++)
		if (streq(slash + 1, group->devices[i].name))
			return -ENODATA; /* neither there nor missing: unknown */
	return group->asks.lookup(group->asks.user, dev, ret);
}

static enum bp_answer busy_outside(void *user, const struct bp_bdev *bdev)
{
	const struct group *group = user;

	return group->asks.busy(group->asks.user, bdev);
}

static enum bp_answer has_target(void *user, const char *target, uint32_t version[3])
{
	const struct group *group = user;

	return group->asks.has_target(group->asks.user, target, version);
}

/* Devices of the same plan exist for each other, though the kernel has none of them yet. */
static int check_in_group(struct cli *cli, const struct planned *devices, size_t count,
			  size_t index, struct bp_findings **ret)
{
	struct group group = { { .size = sizeof(group.asks) }, devices, count };
	struct bp_table_check_opts check = { .size = sizeof(check), .user = &group };

	bp_device_check_opts(cli->ctx, &group.asks);
	check.read_only = devices[index].read_only;
	check.lookup = group.asks.lookup ? lookup_outside : NULL;
	check.busy = group.asks.busy ? busy_outside : NULL;
	check.has_target = group.asks.has_target ? has_target : NULL;
	check.kernel_release = group.asks.kernel_release;
	check.page_bytes = group.asks.page_bytes;
	return bp_table_check(cli->ctx, devices[index].table, &check, ret);
}

static int check_planned(struct cli *cli, const struct planned *devices, size_t count,
			 size_t index, struct bp_findings **ret)
{
	const struct preflight alone = { .read_only = devices[index].read_only };

	return count == 1 ? preflight_check(cli, devices[index].table, &alone, ret)
			  : check_in_group(cli, devices, count, index, ret);
}

/* One device, and what was found in it. @json: NULL: as text. */
static int print_planned(struct cli *cli, const struct planned *devices, size_t count,
			 size_t index, bool skip, struct bp_json *json)
{
	const struct planned *device = &devices[index];
	struct bp_findings *findings = NULL;
	int r = 0;

	if (device->table && !skip)
		r = check_planned(cli, devices, count, index, &findings);
	if (r < 0)
		return cli_fail(cli, device->name, r);
	r = json ? print_device(cli, device, findings, json)
		 : print_text(cli, device, findings);
	if (!r && findings && bp_findings_severity(findings) >= BP_SEVERITY_REFUSED)
		r = EXIT_FAILED;
	bp_findings_free(findings);
	return r;
}

/* All are checked, also behind one that can't be. */
int preflight_print(struct cli *cli, const struct planned *devices, size_t count, bool skip)
{
	struct bp_json *json = NULL;
	int r = cli->json ? cli_json_start(cli, &preflight_schema, &json) : 0;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (json)
		bp_json_array(json, "data");
	for (size_t i = 0; i < count; i++) {
		int one = print_planned(cli, devices, count, i, skip, json);

		/* A worse one is not forgotten over those behind it. */
		r = one ? one : r;
	}
	if (!json)
		return r;
	bp_json_array_close(json);
	return cli_json_end(cli, json) ? EXIT_FAILED : r;
}
