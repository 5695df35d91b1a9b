// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the library knows beside what the kernel has. */
#include "commands/common.h"

struct args {
	bool probe;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt opts[] = {
	OPT_FLAG(probe, 0, "probe", "let the kernel load the modules it has"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

enum { T_NAME, T_VERSION, T_KNOWN, T_MODULE, T_SINCE, T_SUMMARY };
static const struct out_column columns[] = {
	[T_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name" },
	[T_VERSION] = { "kernel", OUT_TEXT, OUT_DEFAULT,
			"version in the running kernel; none: not loaded" },
	[T_KNOWN] = { "known", OUT_BOOL, OUT_DEFAULT,
		      "the library knows its arguments and status" },
	[T_MODULE] = { "module", OUT_TEXT, 0, "the kernel's module" },
	[T_SINCE] = { "since", OUT_TEXT, 0, "release of Linux it came with" },
	[T_SUMMARY] = { "summary", OUT_TEXT, OUT_DEFAULT, "what it does" },
	OUT_COLUMNS_END
};

/* What the kernel has; nothing where it can't be asked, which is told but no failure. */
struct kernel {
	struct bp_target_entry *entries;
	size_t count;
	bool asked;
};

static void set_version(struct out_row *row, const struct bp_target_entry *entry)
{
	out_textf(row, T_VERSION, "%u.%u.%u", entry->version[0], entry->version[1],
		  entry->version[2]);
}

static void add_known(struct cli *cli, const struct args *args, const struct kernel *kernel,
		      const struct bp_target *target, struct out *out)
{
	struct out_row *row = out_row(out, NULL);
	const char *name = bp_target_name(target);
	struct bp_target_entry entry;

	out_text(row, T_NAME, name);
	out_bool(row, T_KNOWN, true);
	out_text(row, T_MODULE, bp_target_module(target));
	out_text(row, T_SINCE, bp_target_since(target));
	out_text(row, T_SUMMARY, bp_target_summary(target));
	for (size_t i = 0; i < kernel->count; i++) {
		if (streq(kernel->entries[i].name, name)) {
			set_version(row, &kernel->entries[i]);
			return;
		}
	}
	if (args->probe && kernel->asked && bp_target_version(cli->ctx, name, &entry) == 0)
		set_version(row, &entry);
}

static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_target *target;
	struct kernel kernel = { 0 };
	struct out *out;
	size_t it = 0;
	int r = out_new(cli, &args->out, "bedplate.targets", columns, 0, &out);

	if (r || !out)
		return r;
	r = bp_target_list(cli->ctx, &kernel.entries, &kernel.count);
	kernel.asked = r >= 0;
	if (r < 0)
		cli_warn(cli, "the kernel was not asked: %s", bp_error_get(cli->ctx)->message);
	while (bp_target_next(&it, &target) == 0)
		add_known(cli, args, &kernel, target, out);
	for (size_t i = 0; i < kernel.count; i++) {
		struct out_row *row;

		if (bp_target_get(kernel.entries[i].name))
			continue;
		row = out_row(out, NULL);
		out_text(row, T_NAME, kernel.entries[i].name);
		out_bool(row, T_KNOWN, false);
		set_version(row, &kernel.entries[i]);
	}
	free(kernel.entries);
	return out_print(out);
}

const struct cmd cmd_targets = {
	.name = "targets",
	.group = "Devices",
	.summary = "List targets: those the library knows beside those the kernel has.",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run,
};
