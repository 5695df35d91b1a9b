/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new device: from a table, from typed options of targets, or whole stacks as concise text. What
 * would fail is told before anything is made; what fails later leaves nothing behind.
 */
#include "commands/common.h"
#include "commands/preflight.h"
#include "commands/typed.h"

#include <bedplate/stack.h>

#include <inttypes.h>

struct args {
	const char *name, *table, *table_file, *concise, *concise_file, *uuid;
	struct cli_list targets, options;
	bool notable, read_only, suspended, node_early, node_late, secure, no_check;
	uint64_t major, minor, uid, gid;
	const char *mode;
	struct cli_read_ahead read_ahead;
	unsigned udev;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERAND_OPTIONAL(name, "NAME", "name of the new device (not with --concise)"),
	OPT_OPERANDS(targets, "TARGET", "target of the table's only segment, or of the next one; its options follow it"),
	OPT_STRING(table, 0, "table", "LINES", "the table: START LENGTH TARGET ARGUMENT..., in 512-byte sectors; lines are parted by newlines"),
	OPT_STRING(table_file, 0, "table-file", "FILE", "read the table from a file; -: standard input"),
	OPT_STRING(concise, 0, "concise", "SPEC", "several devices: NAME,UUID,MINOR,FLAGS,TABLE[,TABLE...][;NAME...]; all of them or none; -: standard input"),
	OPT_STRING(concise_file, 0, "concise-file", "FILE", "read what --concise takes from a file; -: standard input"),
	OPT_FLAG(notable, 0, "notable", "a device without a table"),
	OPT_STRING(uuid, 'u', "uuid", "UUID", "its uuid, up to 128 bytes"),
	OPT_FLAG(read_only, 'r', "readonly", "refuse writes"),
	OPT_FLAG(suspended, 0, "suspended", "load the table but don't resume it"),
	OPT_FLAG(node_early, 0, "addnodeoncreate", "make the node even where there is no live table"),
	OPT_FLAG(node_late, 0, "addnodeonresume", "make the node with the live table: the default"),
	OPT_FLAG(secure, 0, "secure", "the table holds keys: wipe buffers after use"),
	OPT_READ_AHEAD(read_ahead),
	OPT_RANGE(major, 1, 4095, 'j', "major", "NUMBER", "major number it shall have"),
	OPT_RANGE(minor, 0, 1048575, 'm', "minor", "NUMBER", "minor number it shall have"),
	OPT_RANGE(uid, 0, UINT32_MAX, 'U', "uid", "NUMBER", "owner of the node"),
	OPT_RANGE(gid, 0, UINT32_MAX, 'G', "gid", "NUMBER", "group of the node"),
	OPT_STRING(mode, 'M', "mode", "OCTAL", "permissions of the node"),
	OPT_UDEV(udev),
	OPT_TIMEOUT(timeout_ms),
	OPT_FLAG(no_check, 0, "no-check", "don't look for what the kernel would refuse"),
	OPT_EXTRA(options),
	OPT_SYNONYM("read-ahead", "readahead"),
	OPT_SYNONYM("table_file", "table-file"),
	OPT_CONFLICT("addnodeoncreate", "addnodeonresume"),
	OPT_CONFLICT("TARGET", "table table-file concise concise-file notable"),
	OPT_CONFLICT("table", "table-file concise concise-file notable"),
	OPT_CONFLICT("table-file", "concise concise-file notable"),
	OPT_CONFLICT("concise", "concise-file notable uuid NAME minor major suspended"),
	OPT_CONFLICT("concise-file", "notable uuid NAME minor major suspended"),
	OPT_ANY("NAME concise concise-file"),
	OPT_ANY("TARGET table table-file concise concise-file notable"),
	OPT_REQUIRES("major", "minor"),
	OPT_END
};
/* clang-format on */

TYPED_HOOKS(extra, unknown, help)

/* Octal, as chmod has it. Given an owner alone, the mode is 0600. */
static int parse_mode(struct cli *cli, const struct args *args, struct bp_create_opts *create)
{
	size_t len = args->mode ? strlen(args->mode) : 0;

	create->uid = (uint32_t)args->uid;
	create->gid = (uint32_t)args->gid;
	create->mode = 0600;
	if (args->mode || cli_given(cli, "uid") || cli_given(cli, "gid"))
		create->flags |= BP_CREATE_MODE;
	if (!args->mode)
		return 0;
	if (len == 0 || len > 4 || strspn(args->mode, "01234567") != len)
		return cli_usage_hint(
			cli, "three octal digits, such as 660; a target's is --TARGET-mode",
			"--mode: '%s' is not a mode", args->mode);
	create->mode = (uint32_t)strtoul(args->mode, NULL, 8);
	return 0;
}

/* What belongs to the device; what belongs to its table is preflight's. */
static int make_opts(struct cli *cli, const struct args *args, struct bp_create_opts *ret)
{
	*ret = (struct bp_create_opts){
		.size = sizeof(*ret),
		.uuid = args->uuid,
		.major = (uint32_t)args->major,
		.minor = (uint32_t)args->minor,
		.udev = args->udev,
		.timeout_ms = args->timeout_ms,
		.read_ahead_sectors = args->read_ahead.sectors,
		.read_ahead_minimum = args->read_ahead.minimum,
	};
	ret->flags = (args->read_only ? BP_CREATE_READ_ONLY : 0) |
		     (args->secure ? BP_CREATE_SECURE : 0) |
		     (args->no_check ? BP_CREATE_UNCHECKED : 0) |
		     (args->suspended ? BP_CREATE_SUSPENDED : 0) |
		     (args->node_early ? BP_CREATE_NODE_EARLY : 0) |
		     (cli_given(cli, "minor") ? BP_CREATE_PERSISTENT : 0);
	return parse_mode(cli, args, ret);
}

/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct bp_device_info, name, OUT_DEFAULT, "name"),
	COL_TEXT(struct bp_device_info, path, OUT_DEFAULT, "its node"),
	COL_NUMBER(struct bp_device_info, major, OUT_DEFAULT, "major number"),
	COL_NUMBER(struct bp_device_info, minor, OUT_DEFAULT, "minor number"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.create", .columns = columns, .flags = OUT_ONE,
};
static const struct out_schema concise_schema = {
	.name = "bedplate.create.concise", .columns = columns,
	.help = "The devices of --concise, as they were created.",
};
/* clang-format on */

/* Text says nothing on success. */
static int print_created(struct cli *cli, const struct bp_device_info *info)
{
	struct out *out;
	int r;

	if (!cli->json)
		return EXIT_OK;
	r = out_open(cli, NULL, &schema, &out);
	if (r)
		return r;
	out_add(out, NULL, info);
	return out_print(out);
}

/* All devices of the stack, which are there now. */
static int print_stack(struct cli *cli, const struct bp_stack *stack)
{
	struct out *out;
	int r = EXIT_OK;

	if (!cli->json)
		return EXIT_OK;
	r = out_open(cli, NULL, &concise_schema, &out);
	if (r)
		return r;
	for (size_t i = 0; i < bp_stack_count(stack); i++) {
		struct bp_selector which = { .name = bp_stack_get(stack, i)->name };
		struct bp_device_info info;
		int failed = bp_device_info(cli->ctx, &which, &info);

		if (failed < 0)
			r = cli_fail(cli, which.name, failed);
		else
			out_add(out, NULL, &info);
	}
	return out_print(out) || r ? EXIT_FAILED : EXIT_OK;
}

static int make_table(struct cli *cli, const struct args *args, struct bp_table **ret)
{
	if (args->notable)
		return 0;
	if (args->targets.count)
		return typed_build(cli, &args->targets, &args->options, cli->dry_run, ret);
	return table_given(cli, args->table, args->table_file,
			   args->no_check ? BP_TABLE_KEEP : 0, ret);
}

static int look_ahead(struct bp_ctx *ctx, const struct args *args,
		      const struct bp_create_opts *create)
{
	int r = bp_plan_start(ctx);

	return r < 0 ? r : bp_device_create(ctx, args->name, NULL, create, NULL);
}

static void forget_plan(struct bp_ctx *ctx)
{
	struct bp_plan *plan;

	if (bp_plan_take(ctx, &plan) == 0)
		bp_plan_free(plan);
}

/*
 * What the library refuses by itself (names, uuids, numbers) a dry run refuses too. Tried in a context of its
 * own, which has nobody to warn: whether a kernel can be asked does not matter to what is printed.
 */
static int refuse_new(struct cli *cli, const struct args *args,
		      const struct bp_create_opts *create)
{
	struct bp_ctx *quiet;
	int r = bp_ctx_new(&quiet);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = look_ahead(quiet, args, create);
	forget_plan(quiet);
	bp_ctx_free(quiet);
	if (r != -EINVAL)
		return EXIT_OK;
	r = look_ahead(cli->ctx, args, create);
	r = r < 0 ? cli_fail(cli, args->name, r) : EXIT_OK;
	forget_plan(cli->ctx);
	return r;
}

/* Preflight looks at the devices below, and refuses before the kernel is asked. */
static int create_one(struct cli *cli, const struct args *args,
		      const struct bp_create_opts *create)
{
	_cleanup_(table_freep) struct bp_table *table = NULL;
	struct preflight preflight = { .read_only = args->read_only, .skip = args->no_check };
	struct bp_device_info info;
	char kernel_name[BP_NAME_SIZE];
	int r = bp_name_mangle(cli->ctx, args->name, kernel_name);

	if (r < 0)
		return cli_fail(cli, args->name, r);
	r = make_table(cli, args, &table);
	if (r)
		return r;
	if (cli->dry_run) {
		const struct planned planned = { args->name, args->uuid, args->read_only,
						 table };

		r = refuse_new(cli, args, create);
		return r ? r : preflight_print(cli, &planned, 1, args->no_check);
	}
	if (table)
		r = preflight_refuse(cli, args->name, table, &preflight);
	if (r)
		return r;
	r = bp_device_create(cli->ctx, args->name, table, create, &info);
	if (r < 0)
		return cli_fail(cli, args->name, r);
	return print_created(cli, &info);
}

/* The document of a dry run is that of one device alone, but has all of them. */
static int print_planned(struct cli *cli, const struct args *args, const struct bp_stack *stack)
{
	size_t count = bp_stack_count(stack);
	_cleanup_(freep) struct planned *devices = calloc(count + 1, sizeof(*devices));

	if (!devices)
		return cli_fail(cli, NULL, -ENOMEM);
	for (size_t i = 0; i < count; i++) {
		const struct bp_stack_device *device = bp_stack_get(stack, i);

		devices[i] =
			(struct planned){ device->name, device->uuid,
					  device->read_only || args->read_only, device->table };
	}
	return preflight_print(cli, devices, count, args->no_check);
}

/*
 * Whether there is an order in which they can be made is seen by looking ahead; its steps are the
 * text.
 */
static int plan_stack(struct cli *cli, const struct args *args, const struct bp_stack *stack,
		      const struct bp_create_opts *create)
{
	struct bp_plan *plan;
	int r = change_begin(cli);

	if (r)
		return r;
	r = bp_stack_apply(cli->ctx, stack, create);
	if (r < 0 || !cli->json)
		return change_done(cli, NULL, r, "created");
	r = bp_plan_take(cli->ctx, &plan);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	bp_plan_free(plan);
	return print_planned(cli, args, stack);
}

/* Several devices at once: what was made is undone where one fails. */
static int create_concise(struct cli *cli, const struct args *args,
			  const struct bp_create_opts *create)
{
	_cleanup_(freep) char *text = NULL;
	struct bp_stack *stack;
	int r = 0;

	if (args->concise_file || streq(args->concise, "-"))
		r = read_text(cli, args->concise_file ? args->concise_file : "-", &text);
	if (r)
		return r;
	r = bp_concise_parse(cli->ctx, text ? text : args->concise, &stack);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (cli->dry_run) {
		r = plan_stack(cli, args, stack, create);
	} else {
		r = bp_stack_apply(cli->ctx, stack, create);
		r = r < 0 ? cli_fail(cli, NULL, r) : print_stack(cli, stack);
	}
	bp_stack_free(stack);
	return r;
}

/* Both ways share the options. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_create_opts create;
	int r = make_opts(cli, args, &create);

	if (r)
		return r;
	return args->concise || args->concise_file ? create_concise(cli, args, &create)
						   : create_one(cli, args, &create);
}

const struct cmd cmd_create = {
	.name = "create",
	.group = "Devices",
	.summary =
		"Create a mapped device: create, load its table, resume; all of it or nothing.",
	.examples = "  bedplate create data linear --device /dev/sdb --size 1GiB\n"
		    "  bedplate create data --table '0 2048 linear /dev/sdb 0'\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema, &concise_schema, &preflight_schema, &plan_schema),
	.run = run,
	.extra = extra,
	.unknown = unknown,
	.help = help,
};
