/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes, names, and the cookies by which programs wait for udev. */
#include "commands/common.h"

#include <bedplate/udev.h>

#include <inttypes.h>

struct args {
	struct cli_list names;
	const char *name, *subsystem, *uuid;
	bool create, probe;
	uint64_t complete, release, flags;
	int64_t destroy_ms, timeout_ms;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt mknodes_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all, and nodes of devices that are gone go too): " DEVICE_HELP),
	OPT_END
};

static const struct cmd_opt cookies_opts[] = {
	OPT_FLAG(create, 0, "create", "make a cookie and print its number"),
	OPT_RANGE(complete, 0, UINT32_MAX, 0, "complete", "COOKIE", "say that one operation of it is done"),
	OPT_RANGE(release, 0, UINT32_MAX, 0, "release", "COOKIE", "wait until all operations are done, then destroy it"),
	OPT_TIME(destroy_ms, 0, "destroy-older", "TIME", "destroy those that nobody touched for so long"),
	OPT_RANGE(flags, 0, UINT32_MAX, 0, "flags", "COOKIE", "print what the flags in its number mean"),
	OPT_FLAG(probe, 0, "probe", "tell whether udev would answer"),
	OPT_TIMEOUT(timeout_ms),
	OPT_OUTPUT(out),
	OPT_CONFLICT("create", "complete release destroy-older flags probe"),
	OPT_CONFLICT("complete", "release destroy-older flags probe"),
	OPT_CONFLICT("release", "destroy-older flags probe"),
	OPT_CONFLICT("destroy-older", "flags probe"),
	OPT_CONFLICT("flags", "probe"),
	OPT_END
};

static const struct cmd_opt split_opts[] = {
	OPT_OPERAND(name, "NAME", "the name; no device needs to be there"),
	OPT_OPERAND_OPTIONAL(subsystem, "SUBSYSTEM", "whose it is: LVM, CRYPT, mpath, part; default: by --uuid"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "the device's uuid"),
	OPT_END
};
/* clang-format on */

static int mknodes_one(struct cli *cli, const void *p, const struct bp_selector *which,
		       const char **ret_done)
{
	(void)p;
	*ret_done = "made";
	return bp_device_mknodes(cli->ctx, which);
}

/* Without names all nodes, and those of devices that are gone. */
static int run_mknodes(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (args->names.count)
		return change_each(cli, &args->names, args, mknodes_one);
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_device_mknodes(cli->ctx, NULL);
	return change_done(cli, NULL, r, "made");
}

/* clang-format off */
struct cookie_row {
	char cookie[16];
	int32_t semid;
	uint64_t count;
	int64_t age_s;
};
static const struct out_column cookie_columns[] = {
	COL_TEXT(struct cookie_row, cookie, OUT_DEFAULT, "its number"),
	COL_NUMBER(struct cookie_row, semid, OUT_DEFAULT, "its semaphore set"),
	COL_NUMBER(struct cookie_row, count, OUT_DEFAULT, "operations not answered yet"),
	COL_NUMBER(struct cookie_row, age_s, OUT_DEFAULT, "seconds since it was touched"),
	OUT_COLUMNS_END
};
static const struct out_schema cookies_schema = {
	.name = "bedplate.cookies", .columns = cookie_columns, .none = "no cookies",
};

/* What the options of cookies answer: the member of the one that was given. */
struct answer {
	const char *cookie, *flags, *udev;
	uint64_t destroyed;
};
static const struct out_column answer_columns[] = {
	COL_TEXT(struct answer, cookie, OUT_DEFAULT, "--create: its number"),
	COL_NUMBER(struct answer, destroyed, OUT_DEFAULT, "--destroy-older: how many"),
	COL_TEXT(struct answer, flags, OUT_DEFAULT, "--flags: what they mean"),
	COL_TEXT(struct answer, udev, OUT_DEFAULT, "--probe: 'runs', or why not"),
	OUT_COLUMNS_END
};
static const struct out_schema answer_schema = {
	.name = "bedplate.cookies.answer", .columns = answer_columns, .flags = OUT_ONE,
	.help = "What --create, --destroy-older, --flags and --probe answer.",
};
/* clang-format on */

static const char *cookie_text(char *buf, uint32_t value)
{
	sprintf(buf, "0x%08" PRIx32, value);
	return buf;
}

/* Ages that the clock made negative are 0. */
static int list_cookies(struct cli *cli, const struct args *args)
{
	struct bp_cookie_list *cookies;
	struct out *out;
	int r = out_open(cli, &args->out, &cookies_schema, &out);

	if (r || !out)
		return r;
	r = bp_cookie_list(cli->ctx, &cookies);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, NULL, r);
	}
	for (size_t i = 0; i < bp_cookie_list_count(cookies); i++) {
		const struct bp_cookie *cookie = bp_cookie_list_get(cookies, i);
		struct cookie_row row = {
			.semid = cookie->semid,
			.count = cookie->count,
			.age_s = cookie->age_s > 0 ? cookie->age_s : 0,
		};

		cookie_text(row.cookie, cookie->value);
		out_add(out, NULL, &row);
	}
	bp_cookie_list_free(cookies);
	return out_print(out);
}

/* One answer: the words alone for people, the document for programs. */
static int print_answer(struct cli *cli, const struct answer *answer, const char *text)
{
	struct out *out;
	int r;

	if (!cli->json) {
		fprintf(cli->out, "%s\n", text);
		return EXIT_OK;
	}
	r = out_open(cli, NULL, &answer_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, answer);
	return out_print(out);
}

/* The number alone, for use by a script. */
static int create_cookie(struct cli *cli)
{
	char text[16];
	uint32_t value;
	int r = bp_cookie_create(cli->ctx, &value);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	cookie_text(text, value);
	return print_answer(cli, &(struct answer){ .cookie = text, .destroyed = OUT_UNKNOWN },
			    text);
}

static int destroy_cookies(struct cli *cli, const struct args *args)
{
	char text[32];
	size_t count = 0;
	int r = bp_cookie_destroy_old(cli->ctx, args->destroy_ms / 1000, &count);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	snprintf(text, sizeof(text), "%zu", count);
	return print_answer(cli, &(struct answer){ .destroyed = count }, text);
}

static int print_flags(struct cli *cli, const struct args *args)
{
	_cleanup_(freep) char *text = NULL;
	int r = bp_udev_flags_text(cli->ctx, (uint32_t)args->flags, &text);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	return print_answer(cli, &(struct answer){ .flags = text, .destroyed = OUT_UNKNOWN },
			    text);
}

static int probe(struct cli *cli)
{
	struct bp_udev_state state;
	int r = bp_udev_probe(cli->ctx, &state);
	const char *text;

	if (r < 0)
		return cli_fail(cli, NULL, r);
	text = state.runs ? "runs" : state.why;
	return print_answer(cli, &(struct answer){ .udev = text, .destroyed = OUT_UNKNOWN },
			    text);
}

/* One thing a call; without any the list. */
static int run_cookies(struct cli *cli, const void *p)
{
	const struct args *args = p;
	bool complete = cli_given(cli, "complete"), release = cli_given(cli, "release");
	int r;

	if (args->create)
		return create_cookie(cli);
	if (args->probe)
		return probe(cli);
	if (cli_given(cli, "destroy-older"))
		return destroy_cookies(cli, args);
	if (cli_given(cli, "flags"))
		return print_flags(cli, args);
	if (!complete && !release)
		return list_cookies(cli, args);
	r = complete ? bp_cookie_complete(cli->ctx, (uint32_t)args->complete)
		     : bp_cookie_release(cli->ctx, (uint32_t)args->release, args->timeout_ms);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}

/* clang-format off */
static const struct out_column split_columns[] = {
	COL_TEXT(struct bp_name_parts, subsystem, OUT_DEFAULT, "who made the name"),
	COL_TEXT(struct bp_name_parts, vg, OUT_DEFAULT, "LVM's volume group"),
	COL_TEXT(struct bp_name_parts, lv, OUT_DEFAULT, "logical volume, or the name itself"),
	COL_TEXT(struct bp_name_parts, layer, OUT_DEFAULT, "LVM's layer"),
	OUT_COLUMNS_END
};
static const struct out_schema split_schema = {
	.name = "bedplate.splitname", .columns = split_columns, .flags = OUT_ONE,
};
/* clang-format on */

static int run_split(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_name_parts parts;
	struct out *out;
	int r = bp_name_split(cli->ctx, args->name, args->subsystem, args->uuid, &parts);

	if (r < 0)
		return cli_fail(cli, args->name, r);
	r = out_open(cli, NULL, &split_schema, &out);
	if (r)
		return r;
	out_add(out, NULL, &parts);
	return out_print(out);
}

const struct cmd cmd_mknodes = {
	.name = "mknodes",
	.group = "Devices",
	.summary = "Make the nodes that devices lack.",
	.examples = "  bedplate mknodes data\n",
	.opts = mknodes_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.mknodes"),
	.run = run_mknodes,
};

const struct cmd cmd_cookies = {
	.name = "cookies",
	.aliases = "udevcookies",
	.group = "Devices",
	.summary = "List the cookies by which programs wait for udev; make, complete, destroy "
		   "them.",
	.examples = "  bedplate cookies --destroy-older 5min\n",
	.opts = cookies_opts,
	.args_size = sizeof(struct args),
	.schemas = SCHEMAS(&cookies_schema, &answer_schema),
	.run = run_cookies,
};

const struct cmd cmd_splitname = {
	.name = "splitname",
	.group = "Devices",
	.summary = "Take a name apart: volume group, logical volume, layer.",
	.examples = "  bedplate splitname vg0-home--old\n",
	.opts = split_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&split_schema),
	.run = run_split,
};
