// SPDX-License-Identifier: LGPL-2.1-or-later
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

static int run_mknodes(struct cli *cli, const void *p)
{
	const struct args *args = p;
	int r;

	if (args->names.count)
		return change_each(cli, &args->names, args, "bedplate.mknodes", mknodes_one);
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_device_mknodes(cli->ctx, NULL);
	return change_end(cli, "bedplate.mknodes", NULL, r, "made");
}

enum { C_VALUE, C_SEMID, C_COUNT, C_AGE };
static const struct out_column cookie_columns[] = {
	[C_VALUE] = { "cookie", OUT_TEXT, OUT_DEFAULT, "its number" },
	[C_SEMID] = { "semid", OUT_NUMBER, OUT_DEFAULT, "its semaphore set" },
	[C_COUNT] = { "count", OUT_NUMBER, OUT_DEFAULT, "operations not answered yet" },
	[C_AGE] = { "age_s", OUT_NUMBER, OUT_DEFAULT, "seconds since it was touched" },
	OUT_COLUMNS_END
};

static int list_cookies(struct cli *cli, const struct args *args)
{
	_cleanup_(freep) struct bp_cookie *cookies = NULL;
	struct out *out;
	size_t count = 0;
	int r = out_new(cli, &args->out, "bedplate.cookies", cookie_columns, 0, &out);

	if (r || !out)
		return r;
	r = bp_cookie_list(cli->ctx, &cookies, &count);
	if (r < 0) {
		out_free(out);
		return cli_fail(cli, NULL, r);
	}
	for (size_t i = 0; i < count; i++) {
		struct out_row *row = out_row(out, NULL);

		out_textf(row, C_VALUE, "0x%08" PRIx32, cookies[i].value);
		out_number(row, C_SEMID, (uint64_t)cookies[i].semid);
		out_number(row, C_COUNT, cookies[i].count);
		out_number(row, C_AGE, cookies[i].age_s > 0 ? (uint64_t)cookies[i].age_s : 0);
	}
	return out_print(out);
}

/* One answer in words: the same under --json as a string. */
static int print_answer(struct cli *cli, const char *name, const char *text)
{
	struct bp_json *json;
	int r;

	if (!cli->json) {
		fprintf(cli->out, "%s\n", text);
		return EXIT_OK;
	}
	r = cli_json_begin(cli, "bedplate.cookies", &json);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_string(json, name, text);
	bp_json_object_close(json);
	return cli_json_end(cli, json);
}

static int create_cookie(struct cli *cli)
{
	char text[32];
	uint32_t value;
	int r = bp_cookie_create(cli->ctx, &value);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	snprintf(text, sizeof(text), "0x%08" PRIx32, value);
	return print_answer(cli, "cookie", text);
}

static int destroy_cookies(struct cli *cli, const struct args *args)
{
	char text[32];
	size_t count = 0;
	int r = bp_cookie_destroy_old(cli->ctx, args->destroy_ms / 1000, &count);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	snprintf(text, sizeof(text), "%zu", count);
	return print_answer(cli, "destroyed", text);
}

static int print_flags(struct cli *cli, const struct args *args)
{
	_cleanup_(freep) char *text = NULL;
	int r = bp_udev_flags_text(cli->ctx, (uint32_t)args->flags, &text);

	return r < 0 ? cli_fail(cli, NULL, r) : print_answer(cli, "flags", text);
}

static int probe(struct cli *cli)
{
	struct bp_udev_state state;
	int r = bp_udev_probe(cli->ctx, &state);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	return print_answer(cli, "udev", state.runs ? "runs" : state.why);
}

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

enum { S_SUBSYSTEM, S_VG, S_LV, S_LAYER };
static const struct out_column split_columns[] = {
	[S_SUBSYSTEM] = { "subsystem", OUT_TEXT, OUT_DEFAULT, "who made the name" },
	[S_VG] = { "vg", OUT_TEXT, OUT_DEFAULT, "LVM's volume group" },
	[S_LV] = { "lv", OUT_TEXT, OUT_DEFAULT, "logical volume, or the name itself" },
	[S_LAYER] = { "layer", OUT_TEXT, OUT_DEFAULT, "LVM's layer" },
	OUT_COLUMNS_END
};

static int run_split(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_name_parts parts;
	struct out *out;
	struct out_row *row;
	int r = bp_name_split(cli->ctx, args->name, args->subsystem, args->uuid, &parts);

	if (r < 0)
		return cli_fail(cli, args->name, r);
	r = out_new(cli, NULL, "bedplate.splitname", split_columns, OUT_ONE, &out);
	if (r)
		return r;
	row = out_row(out, NULL);
	out_text(row, S_SUBSYSTEM, parts.subsystem);
	out_text(row, S_VG, parts.vg);
	out_text(row, S_LV, parts.lv);
	out_text(row, S_LAYER, parts.layer);
	return out_print(out);
}

const struct cmd cmd_mknodes = {
	.name = "mknodes",
	.group = "Devices",
	.summary = "Make the nodes that devices lack.",
	.opts = mknodes_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.run = run_mknodes,
};

const struct cmd cmd_cookies = {
	.name = "cookies",
	.aliases = "udevcookies",
	.group = "Devices",
	.summary = "List the cookies by which programs wait for udev; make, complete, destroy "
		   "them.",
	.opts = cookies_opts,
	.args_size = sizeof(struct args),
	.run = run_cookies,
};

const struct cmd cmd_splitname = {
	.name = "splitname",
	.group = "Devices",
	.summary = "Take a name apart: volume group, logical volume, layer.",
	.opts = split_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_split,
};
