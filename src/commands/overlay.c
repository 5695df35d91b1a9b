/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command on writable copies of devices. They are gone when it has ended, with what it wrote:
 * unless that was asked for twice, and it succeeded, the devices are as they were.
 */
#include "commands/child.h"

#include <bedplate/overlay.h>

#include <unistd.h>

#define WARN_PERCENT 80

struct args {
	struct cli_list devices, command;
	uint64_t room_bytes;
	bool merge, yes;
	uint32_t flags;
	int64_t timeout_ms;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_OPERANDS_NEEDED(devices, "DEVICE", "a block device that nobody uses"),
	OPT_SIZE(room_bytes, 1, 's', "size", "SIZE", "how much can be written to each, at most; default: all of it"),
	OPT_FLAG(merge, 0, "merge", "write what was written into the devices, if the command succeeds; needs --yes as well"),
	OPT_YES(yes),
	OPT_BIT(flags, BP_SCOPE_ERROR_TABLES, 0, "error-tables", "where copies stay in use at the end, fail their I/O, and let the kernel remove them when they are let go"),
	OPT_TIME(timeout_ms, 0, "timeout", "TIME", "how long what is in use at the end is tried again: 500ms, 30s (the default), none"),
	OPT_REST(command, "COMMAND", "what to run, behind --; default: a shell"),
	OPT_REQUIRES("merge", "yes"),
	OPT_END
};

static const struct out_column copy_columns[] = {
	DOC("device", OUT_TEXT, "what it was a copy of"),
	DOC("overlay", OUT_TEXT, "the copy's path"),
	DOC("size_bytes", OUT_NUMBER, "its size"),
	DOC("used_bytes", OUT_NUMBER, "taken by what was written to it; 0 where it was lost"),
	DOC("left_bytes", OUT_NUMBER, "how much more there was room for"),
	DOC("invalid", OUT_BOOL, "it was full, or its file failed, and it was lost"),
	DOC("merged", OUT_BOOL, "what was written is in the device"),
	OUT_COLUMNS_END
};
static const struct out_column columns[] = {
	DOC("exit_status", OUT_NUMBER, "the command's"),
	DOC("removed", OUT_BOOL, "nothing is left of the copies"),
	DOC_LIST("overlays", copy_columns, "as they were when the command had ended"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = {
	.name = "bedplate.overlay", .columns = columns, .flags = OUT_ONE,
};
/* clang-format on */

struct copy {
	struct bp_overlay *overlay;
	struct bp_overlay_usage usage;
	bool warned, lost, merged; /* lost: and that was told */
};

struct run {
	struct cli *cli;
	const struct args *args;
	struct bp_scope *scope;
	struct copy *copies;
	size_t count;
};

static const char *device_of(const struct run *run, size_t i)
{
	return run->args->devices.words[i];
}

/* --- making and watching --- */

/* Names of copies go to the command by its environment. */
static int make_copies(struct run *run)
{
	const struct bp_overlay_opts how = {
		.size = sizeof(how),
		.room_bytes = run->args->room_bytes,
	};
	char name[48], count[24];

	for (; run->count < run->args->devices.count; run->count++) {
		struct copy *copy = &run->copies[run->count];
		int r = bp_overlay_open(run->scope, device_of(run, run->count), &how,
					&copy->overlay);

		if (r < 0)
			return cli_fail(run->cli, device_of(run, run->count), r);
		snprintf(name, sizeof(name), "BEDPLATE_OVERLAY%zu", run->count);
		setenv(name, bp_overlay_device(copy->overlay)->path, 1);
	}
	snprintf(count, sizeof(count), "%zu", run->count);
	setenv("BEDPLATE_OVERLAYS", count, 1);
	setenv(BP_SCOPE_ENV, bp_scope_token(run->scope), 1);
	return EXIT_OK;
}

/* What can't be asked is told at the end, where it fails again. */
static void look_at(struct run *run, size_t i)
{
	struct copy *copy = &run->copies[i];
	struct bp_overlay_usage now = { .size = sizeof(now) };
	bp_bytes all;

	if (bp_overlay_usage(copy->overlay, &now) < 0)
		return;
	copy->usage = now;
	if (now.invalid && !copy->lost)
		cli_warn(run->cli, "%s: the copy is lost: it was full, or its file failed",
			 device_of(run, i));
	copy->lost |= now.invalid;
	all = now.used_bytes + now.left_bytes;
	if (now.invalid || copy->warned || all < 100 ||
	    now.used_bytes < all / 100 * WARN_PERCENT)
		return;
	copy->warned = true;
	cli_warn(run->cli, "%s: the copy's file is %d %% full", device_of(run, i),
		 (int)(now.used_bytes / (all / 100)));
}

static void look(void *user)
{
	struct run *run = user;

	for (size_t i = 0; i < run->count; i++)
		look_at(run, i);
}

/* --- the end --- */

/* One that can't be merged keeps its copy, and the others are merged all the same. */
static int merge(struct run *run)
{
	struct cli *cli = run->cli;
	int worst = EXIT_OK;

	for (size_t i = 0; i < run->count; i++) {
		const char *kept = NULL;
		int r;

		cli_progress_title(cli, device_of(run, i));
		r = bp_overlay_merge(run->copies[i].overlay, cli_progress, cli, &kept);
		cli_progress_end(cli);
		run->copies[i].merged = r == 0;
		if (r < 0)
			worst = cli_fail(cli, device_of(run, i), r);
		if (kept)
			cli_warn(cli, "%s: what is not merged yet is in %s", device_of(run, i),
				 kept);
	}
	return worst;
}

static const char *fate_of(const struct copy *copy)
{
	return copy->merged ? "written, merged"
	       : copy->lost ? "written, lost"
			    : "written, thrown away";
}

/* What became of each copy. */
static void tell(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct copy *copy = &run->copies[i];
		char size[BP_SIZE_TEXT];

		cli_note(run->cli, "%s: %s %s", device_of(run, i),
			 bp_size_format(copy->usage.used_bytes, size), fate_of(copy));
	}
}

/* The command's own status is told beside ours. */
static int print_json(const struct run *run, int status, bool removed)
{
	struct bp_json *json;
	int r = cli_json_start(run->cli, &schema, &json);

	if (r < 0)
		return cli_fail(run->cli, NULL, r);
	bp_json_object(json, "data");
	bp_json_int(json, "exit_status", status);
	bp_json_bool(json, "removed", removed);
	bp_json_array(json, "overlays");
	for (size_t i = 0; i < run->count; i++) {
		const struct copy *copy = &run->copies[i];

		bp_json_object(json, NULL);
		bp_json_string(json, "device", device_of(run, i));
		bp_json_string(json, "overlay", bp_overlay_device(copy->overlay)->path);
		bp_json_uint(json, "size_bytes", bp_overlay_origin(copy->overlay)->size_bytes);
		bp_json_uint(json, "used_bytes", copy->usage.used_bytes);
		bp_json_uint(json, "left_bytes", copy->usage.left_bytes);
		bp_json_bool(json, "invalid", copy->lost);
		bp_json_bool(json, "merged", copy->merged);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
	bp_json_object_close(json);
	return cli_json_end(run->cli, json);
}

static int report(const struct run *run, int status, bool removed)
{
	if (run->cli->json)
		return print_json(run, status, removed);
	tell(run);
	return EXIT_OK;
}

/* Merged only after the command succeeded; the scope ends in every case. */
static int run_on_copies(struct run *run, const char **argv)
{
	struct child_signals signals;
	int status, failed = EXIT_OK, r;

	child_signals_hold(&signals);
	status = make_copies(run) ? EXIT_SCOPE : child_run(run->cli, argv, &signals, look, run);
	look(run);
	if (run->args->merge && !status)
		failed = merge(run);
	r = bp_scope_end(run->scope, run->args->flags, run->args->timeout_ms);
	if (r < 0)
		failed = cli_fail(run->cli, NULL, r);
	if (report(run, status, r == 0))
		failed = EXIT_FAILED;
	child_signals_release(&signals);
	return status ? status : failed;
}

/* The number of the process makes the name unique among those that run. */
static int run_in_scope(struct run *run, const char **argv)
{
	const struct bp_scope_opts how = {
		.size = sizeof(how),
		.timeout_ms = run->args->timeout_ms,
		.command = argv[0],
	};
	char name[BP_SCOPE_NAME_SIZE];
	int r;

	snprintf(name, sizeof(name), "overlay-%d", (int)getpid());
	run->copies = calloc(run->args->devices.count, sizeof(*run->copies));
	if (!run->copies)
		return cli_fail(run->cli, NULL, -ENOMEM);
	r = bp_scope_open(run->cli->ctx, name, &how, &run->scope);
	if (r < 0) {
		cli_fail(run->cli, NULL, r);
		r = EXIT_SCOPE;
	} else {
		r = run_on_copies(run, argv);
	}
	for (size_t i = 0; i < run->count; i++)
		bp_overlay_close(run->copies[i].overlay);
	free(run->copies);
	bp_scope_close(run->scope);
	return r;
}

/* --- what would be done --- */

/* Devices are looked up, so that a plan that can't work isn't printed as one that can. */
static int plan(struct cli *cli, const struct args *args)
{
	struct out *out;
	int r = out_open(cli, NULL, &plan_schema, &out), worst = EXIT_OK;

	for (size_t i = 0; !r && i < args->devices.count; i++) {
		const char *device = args->devices.words[i];
		struct bp_plan_step step = { "overlay", device, args->merge ? "merge" : "" };
		struct bp_bdev bdev;
		int found = bp_bdev_get(cli->ctx, device, &bdev);

		if (found < 0)
			worst = cli_fail(cli, device, found);
		else if (cli->json)
			out_add(out, NULL, &step);
		else
			cli_print(cli, "would overlay %s%s\n", device,
				  args->merge ? ", and merge what is written" : "");
	}
	r = r ? r : out_print(out);
	return worst ? worst : r;
}

/* Without a command a shell. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct run run = { .cli = cli, .args = args };
	_cleanup_(freep) const char **argv = NULL;
	const char *shell = getenv("SHELL");

	if (cli->dry_run)
		return plan(cli, args);
	argv = calloc(args->command.count + 2, sizeof(*argv));
	if (!argv)
		return cli_fail(cli, NULL, -ENOMEM);
	argv[0] = shell && *shell ? shell : "/bin/sh";
	memcpy(argv, args->command.words, args->command.count * sizeof(*argv));
	return run_in_scope(&run, argv);
}

const struct cmd cmd_overlay = {
	.name = "overlay",
	.group = "Scopes and stacks",
	.summary =
		"Run a command on writable copies of devices; what it writes is thrown away.",
	.examples = "  bedplate overlay /dev/sdb /dev/sdc -- sh -c \\\n"
		    "    'fsck.ext4 -fy $BEDPLATE_OVERLAY0'\n",
	.exits = "that of the command, or 1 where it was 0 and a merge or the removal failed; "
		 "125 "
		 "the copies could not be made",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMAS(&schema, &plan_schema),
	.run = run,
};
