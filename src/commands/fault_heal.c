/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Taking faults away, listing them, and the layers that they are put into. */
#include "commands/fault.h"

#include <inttypes.h>

struct args {
	const char *target, *name, *state_dir, *log;
	struct out_opts out;
	uint64_t id;
	bool all, overdue, forget;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt heal_opts[] = {
	OPT_OPERAND_OPTIONAL(target, "TARGET", TARGET_HELP),
	OPT_RANGE(id, 1, UINT64_MAX, 0, "id", "NUMBER", "this fault only, as fault status has it"),
	OPT_FLAG(all, 0, "all", "of all devices"),
	OPT_FLAG(overdue, 0, "overdue", "of all devices, what should have been healed by now"),
	OPT_FLAG(forget, 0, "forget", "leave the table and drop what is kept: others changed it"),
	OPT_ANY("TARGET all overdue"),
	OPT_CONFLICT("TARGET", "all overdue"),
	OPT_CONFLICT("all", "overdue id forget"),
	OPT_CONFLICT("overdue", "id forget"),
	OPT_CONFLICT("id", "forget"),
	OPT_FAULT,
	OPT_END
};
static const struct cmd_opt status_opts[] = {
	OPT_OPERAND_OPTIONAL(target, "TARGET", TARGET_HELP),
	OPT_STRING(state_dir, 0, "state", "DIR", "where devices' own tables are kept; default: /run/bedplate/fault"),
	OPT_OUTPUT(out),
	OPT_END
};
static const struct cmd_opt attach_opts[] = {
	OPT_OPERAND(target, "DEVICE", "a block device that nobody uses"),
	OPT_OPERAND_OPTIONAL(name, "NAME", "of the layer; default: fault- and the device's name"),
	OPT_TIMEOUT(timeout_ms),
	OPT_END
};
static const struct cmd_opt detach_opts[] = {
	OPT_OPERAND(target, "NAME", "the layer"),
	OPT_FAULT,
	OPT_END
};

struct row {
	const char *device, *kind, *io, *state;
	uint64_t id;
	int64_t since_ms;
	uint64_t left_ms, delay_ms;
	uint64_t start_sectors, length_sectors, affected_sectors, nr_ranges;
};
static const char *const states[] = {
	[BP_FAULT_ACTIVE] = "active", [BP_FAULT_OVERDUE] = "overdue", [BP_FAULT_LOST] = "lost",
	[BP_FAULT_UNFINISHED] = "unfinished", NULL,
};
/* Of states that want something done: what, up to the device's name. */
static const char *const advice[] = {
	[BP_FAULT_OVERDUE] = "its time is over, and nobody healed it: bedplate fault heal",
	[BP_FAULT_LOST] = "others gave it another table; see that it has the right one, then: bedplate fault heal --forget",
	[BP_FAULT_UNFINISHED] = "who changed its faults last was killed on the way, and perhaps its I/O waits: bedplate fault heal",
};
static const struct out_column columns[] = {
	COL_TEXT(struct row, device, OUT_DEFAULT, "name of the mapped device"),
	COL_NUMBER(struct row, id, OUT_DEFAULT, "number of the fault"),
	COL_TEXT(struct row, kind, OUT_DEFAULT, "what is wrong"),
	COL_TEXT(struct row, io, OUT_DEFAULT, "with which I/O: reads, writes, flushes"),
	COL_TEXT(struct row, state, OUT_DEFAULT, "active; overdue: its time is over; lost: others gave the device another table; unfinished: who changed it was killed"),
	COL_NUMBER(struct row, left_ms, OUT_DEFAULT, "until it is healed; unknown: when told"),
	COL_NUMBER(struct row, since_ms, 0, "when it was put in, in Unix time"),
	COL_NUMBER(struct row, delay_ms, 0, "of slow: how much longer I/O takes"),
	COL_NUMBER(struct row, start_sectors, OUT_DEFAULT, "where it begins"),
	COL_NUMBER(struct row, length_sectors, OUT_DEFAULT, "up to the last sector it is on"),
	COL_NUMBER(struct row, affected_sectors, 0, "how many of these it is on"),
	COL_NUMBER(struct row, nr_ranges, 0, "in how many pieces"),
	OUT_COLUMNS_END
};
static const struct out_schema status_schema = {
	.name = "bedplate.fault.status", .columns = columns, .none = "no faults",
};
static const struct out_column healed_columns[] = {
	DOC("healed", OUT_NUMBER, "how many faults there were"),
	OUT_COLUMNS_END
};
static const struct out_schema heal_schema = {
	.name = "bedplate.fault.heal", .columns = healed_columns, .flags = OUT_ONE,
};
/* clang-format on */

static struct bp_fault_opts fault_opts(const struct args *args)
{
	return (struct bp_fault_opts){
		.size = sizeof(struct bp_fault_opts),
		.state_dir = args->state_dir,
		.log = args->log,
		.timeout_ms = args->timeout_ms,
	};
}

/* --- heal --- */

/*
 * Each device once, whatever it has; one that can't be healed is told, and the rest goes on. In the end what is kept of those
 * that have nothing goes too. Return: an exit status, or -errno.
 */
static int heal_all(struct cli *cli, const struct bp_fault_opts *how, size_t *healed)
{
	struct bp_fault_list *list;
	struct bp_devno last = { 0 };
	int r = bp_fault_list(cli->ctx, NULL, how, &list), worst = EXIT_OK;

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_fault_list_count(list); i++) {
		const struct bp_fault_entry *e = bp_fault_list_get(list, i);
		struct bp_devno dev = { e->major, e->minor };
		size_t n = 0;
		int one;

		if (dev.major == last.major && dev.minor == last.minor)
			continue;
		last = dev;
		one = bp_fault_heal(cli->ctx, &dev, 0, how, &n);
		if (one < 0)
			worst = cli_fail(cli, e->device, one);
		*healed += n;
	}
	bp_fault_list_free(list);
	return worst ? worst : bp_fault_expire(cli->ctx, how, NULL);
}

/* One, all of a device, all of the machine, or what is overdue. Return: as heal_all(). */
static int heal(struct cli *cli, const struct args *args, size_t *healed)
{
	struct bp_fault_opts how = fault_opts(args);
	struct bp_devno dev;
	int r;

	if (args->overdue)
		return bp_fault_expire(cli->ctx, &how, healed);
	if (args->all)
		return heal_all(cli, &how, healed);
	r = bp_fault_find(cli->ctx, args->target, &dev);
	if (r < 0)
		return r;
	return args->forget ? bp_fault_forget(cli->ctx, &dev, &how)
			    : bp_fault_heal(cli->ctx, &dev, args->id, &how, healed);
}

/* A number that isn't there is a failure: a test would go on with the fault in place. */
static int run_heal(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_json *json;
	size_t healed = 0;
	int r = heal(cli, args, &healed), status;

	if (r < 0)
		return cli_fail(cli, args->target, r);
	status = r;
	if (args->id && !healed)
		return cli_failf(cli, args->target, "fault status lists those there are",
				 "no fault of number %" PRIu64, args->id);
	if (!cli->json)
		return status;
	r = cli_json_start(cli, &heal_schema, &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_uint(json, "healed", healed);
	bp_json_object_close(json);
	r = cli_json_end(cli, json);
	return status ? status : r;
}

/* --- status --- */

static const char *io_text(uint32_t io, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", io & BP_FAULT_READS ? ",reads" : "",
		 io & BP_FAULT_WRITES ? ",writes" : "",
		 io & BP_FAULT_FLUSHES ? ",flushes" : "");
	return *buf ? buf + 1 : buf;
}

/* Time left is unknown for faults that stay, and never negative. */
static void add_entry(struct out *out, const struct bp_fault_entry *e)
{
	char io[32];
	struct row row = {
		.device = e->device,
		.kind = bp_fault_kind_name(e->kind),
		.io = io_text(e->io, io, sizeof(io)),
		.state = states[e->state],
		.id = e->id,
		.since_ms = e->since_ms,
		.left_ms = e->left_ms == INT64_MAX ? OUT_UNKNOWN
			   : e->left_ms < 0        ? 0
						   : (uint64_t)e->left_ms,
		.delay_ms = e->kind == BP_FAULT_SLOW ? e->delay_ms : OUT_UNKNOWN,
		.start_sectors = e->start_sectors,
		.length_sectors = e->length_sectors,
		.affected_sectors = e->affected_sectors,
		.nr_ranges = e->nr_ranges,
	};

	out_add(out, NULL, &row);
}

/* Once a device and state. */
static void advise(struct cli *cli, const struct args *args, const struct bp_fault_list *list)
{
	const struct bp_fault_entry *last = NULL;

	for (size_t i = 0; i < bp_fault_list_count(list); i++) {
		const struct bp_fault_entry *e = bp_fault_list_get(list, i);
		const char *what =
			(unsigned)e->state < ARRAY_SIZE(advice) ? advice[e->state] : NULL;

		if (what &&
		    !(last && streq(last->device, e->device) && last->state == e->state))
			cli_warn(cli, "%s: %s %s%s%s", e->device, what, e->device,
				 args->state_dir ? " --state " : "",
				 args->state_dir ? args->state_dir : "");
		last = e;
	}
}

/* Of one device, or of all that there are records of. */
static int run_status(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_fault_opts how = fault_opts(args);
	struct bp_fault_list *list;
	struct bp_devno dev;
	struct out *out;
	int r = out_open(cli, &args->out, &status_schema, &out);

	if (r || !out)
		return r;
	r = args->target ? bp_fault_find(cli->ctx, args->target, &dev) : 0;
	if (r == 0)
		r = bp_fault_list(cli->ctx, args->target ? &dev : NULL, &how, &list);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, args->target, r);
	}
	for (size_t i = 0; i < bp_fault_list_count(list); i++)
		add_entry(out, bp_fault_list_get(list, i));
	advise(cli, args, list);
	bp_fault_list_free(list);
	return out_print(out);
}

/* --- layers --- */

/* The path of what is to be used instead is the whole output. */
static int run_attach(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_fault_opts how = fault_opts(args);
	struct bp_device_info info = { 0 };
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_fault_attach(cli->ctx, args->target, args->name, &how, &info);
	if (r == 0 && !cli->dry_run && !cli->json)
		cli_print(cli, "%s\n", info.path);
	return change_done(cli, r < 0 || cli->dry_run ? args->target : info.path, r,
			   "attached");
}

/* Refused by the library while it is in use. */
static int run_detach(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_fault_opts how = fault_opts(args);
	struct bp_devno dev;
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_fault_find(cli->ctx, args->target, &dev);
	if (r == 0)
		r = bp_fault_detach(cli->ctx, &dev, &how);
	return change_done(cli, args->target, r, "detached");
}

const struct cmd cmd_fault_heal = {
	.name = "fault heal",
	.group = "Faults",
	.summary = "Give devices their own tables back.",
	.examples = "  bedplate fault heal --all\n",
	.opts = heal_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&heal_schema),
	.run = run_heal,
};

const struct cmd cmd_fault_status = {
	.name = "fault status",
	.group = "Faults",
	.summary = "List the faults that there are.",
	.examples = "  bedplate fault status\n",
	.opts = status_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&status_schema),
	.run = run_status,
};

const struct cmd cmd_fault_attach = {
	.name = "fault attach",
	.group = "Faults",
	.summary = "Lay a device to put faults into over one that nobody uses.",
	.examples = "  bedplate fault attach /dev/sdb\n",
	.opts = attach_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.fault.attach"),
	.run = run_attach,
};

const struct cmd cmd_fault_detach = {
	.name = "fault detach",
	.group = "Faults",
	.summary = "Heal a layer that 'fault attach' has laid, and take it away.",
	.examples = "  bedplate fault detach fault-sdb\n",
	.opts = detach_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.fault.detach"),
	.run = run_detach,
};
