/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices away: those named, or all that nobody uses. Users go before what they use; what is in use
 * stays and is told, unless its removal is put off or forced. Data below is never touched.
 */
#include "commands/common.h"

struct args {
	struct cli_list names;
	uint32_t flags;
	int64_t timeout_ms;
	bool yes, cancel;
};

/* clang-format off */
#define OPT_REMOVE \
	OPT_BIT(flags, BP_REMOVE_RETRY, 0, "retry", "while it is in use, try again until the timeout"), \
	OPT_BIT(flags, BP_REMOVE_DEFERRED, 0, "deferred", "if it is in use, let the kernel remove it when its last user is gone"), \
	OPT_BIT(flags, BP_REMOVE_FORCE, 'f', "force", "fail the I/O of its users; refused where it could not go even then"), \
	OPT_TIMEOUT(timeout_ms)

static const struct cmd_opt opts[] = {
	OPT_OPERANDS_NEEDED(names, "NAME", DEVICE_HELP),
	OPT_REMOVE,
	OPT_FLAG(cancel, 0, "cancel", "take a deferred removal back"),
	OPT_CONFLICT("cancel", "retry deferred force"),
	OPT_END
};

static const struct cmd_opt all_opts[] = {
	OPT_YES(yes),
	OPT_REMOVE,
	OPT_END
};
/* clang-format on */

static struct bp_remove_opts remove_opts(const struct args *args)
{
	return (struct bp_remove_opts){
		.size = sizeof(struct bp_remove_opts),
		.flags = args->flags,
		.timeout_ms = args->timeout_ms,
	};
}

static int keep_one(struct cli *cli, const void *args, const struct bp_selector *which,
		    const char **ret_done)
{
	(void)args;
	*ret_done = "kept";
	return bp_device_cancel_remove(cli->ctx, which);
}

/* Deferred is a success of its own kind: the caller must not reuse the name yet. */
static void tell(void *user, size_t index, int r, enum bp_removed removed)
{
	const struct changes *changes = user;
	bool deferred = removed == BP_REMOVED_DEFERRED;

	changes_add(user, index, r, deferred ? "deferred" : "removed");
	if (r == 0 && deferred)
		cli_note(changes->cli, "%s: in use: it goes when its last user is gone",
			 changes->names->words[index]);
}

/* All at once: the library orders them, users before what they use. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_remove_opts how = remove_opts(args);
	_cleanup_(freep) struct bp_selector *which = NULL;
	struct changes changes;
	int r;

	if (args->cancel)
		return change_each(cli, &args->names, args, keep_one);
	which = calloc(args->names.count, sizeof(*which));
	if (!which)
		return cli_fail(cli, NULL, -ENOMEM);
	for (size_t i = 0; i < args->names.count; i++)
		which[i] = device_named(args->names.words[i]);
	r = changes_begin(cli, &args->names, &changes);
	if (r)
		return r;
	r = bp_device_remove_many(cli->ctx, which, args->names.count, &how, tell, &changes);
	/* What could not even begin was told of no device. */
	if (r < 0 && !changes.worst)
		changes.worst = cli_fail(cli, NULL, r);
	return changes_end(&changes);
}

/* Also disks of others: hence --yes. What is in use makes it exit status 1. */
static int run_all(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct bp_remove_opts how = remove_opts(args);
	char done[64];
	size_t left = 0;
	int r;

	if (!args->yes && !cli->dry_run)
		return cli_usage_hint(cli,
				      "--yes does it; -n shows what would go. Disks of others, "
				      "such as LVM's, are among them",
				      "removes every mapped device of this machine");
	r = change_begin(cli);
	if (r)
		return r;
	r = bp_device_remove_all(cli->ctx, &how, &left);
	snprintf(done, sizeof(done), "removed, %zu left", left);
	r = change_done(cli, NULL, r, done);
	if (!r && left && !cli->dry_run)
		cli_note(cli, "remove-all: %zu in use, left as they were", left);
	return r ? r : left && !cli->dry_run ? EXIT_FAILED : EXIT_OK;
}

const struct cmd cmd_remove = {
	.name = "remove",
	.group = "Devices",
	.summary = "Remove mapped devices and their nodes. What lies below keeps its data.",
	.examples = "  bedplate remove --retry data\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGES("bedplate.remove"),
	.run = run,
};

const struct cmd cmd_remove_all = {
	.name = "remove-all",
	.aliases = "remove_all",
	.group = "Devices",
	.summary = "Remove every mapped device that nobody uses.",
	.examples = "  bedplate remove-all -n\n",
	.opts = all_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_DRY_RUN,
	.schemas = SCHEMA_CHANGE("bedplate.remove-all"),
	.run = run_all,
};
