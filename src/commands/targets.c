/* SPDX-License-Identifier: LGPL-2.1-or-later */
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

struct row {
	const char *name, *kernel, *module, *since, *summary;
	char version[40];
	bool known;
};
/* clang-format off */
static const struct out_column columns[] = {
	COL_TEXT(struct row, name, OUT_DEFAULT, "name"),
	COL_TEXT(struct row, kernel, OUT_DEFAULT, "version in the running kernel; none: not loaded"),
	COL_BOOL(struct row, known, OUT_DEFAULT, "the library knows its arguments and status"),
	COL_TEXT(struct row, module, 0, "the kernel's module"),
	COL_TEXT(struct row, since, 0, "release of Linux it came with"),
	COL_TEXT(struct row, summary, OUT_DEFAULT, "what it does"),
	OUT_COLUMNS_END
};
static const struct out_schema schema = { .name = "bedplate.targets", .columns = columns };
/* clang-format on */

/* What the kernel has; nothing where it can't be asked, which is told but no failure. */
struct kernel {
	struct bp_kernel_target_list *list; /* NULL: not asked */
	size_t count;
};

static void set_version(struct row *row, const struct bp_kernel_target *entry)
{
	snprintf(row->version, sizeof(row->version), "%u.%u.%u", entry->version[0],
		 entry->version[1], entry->version[2]);
	row->kernel = row->version;
}

/* Without --probe only loaded ones have a version: asking for one loads its module. */
static void add_known(struct cli *cli, const struct args *args, const struct kernel *kernel,
		      const struct bp_target *target, struct out *out)
{
	struct row row = {
		.name = bp_target_name(target),
		.module = bp_target_module(target),
		.since = bp_target_since(target),
		.summary = bp_target_summary(target),
		.known = true,
	};
	struct bp_kernel_target entry;
	bool found = false;

	for (size_t i = 0; i < kernel->count && !found; i++) {
		const struct bp_kernel_target *loaded =
			bp_kernel_target_list_get(kernel->list, i);

		found = streq(loaded->name, row.name);
		if (found)
			set_version(&row, loaded);
	}
	if (!found && args->probe && kernel->list &&
	    bp_kernel_target_version(cli->ctx, row.name, &entry) == 0)
		set_version(&row, &entry);
	out_add(out, NULL, &row);
}

/* What the library knows first, then what only the kernel does. */
static int run(struct cli *cli, const void *p)
{
	const struct args *args = p;
	const struct bp_target *target;
	struct kernel kernel = { 0 };
	struct out *out;
	size_t it = 0;
	int r = out_open(cli, &args->out, &schema, &out);

	if (r || !out)
		return r;
	r = bp_kernel_target_list(cli->ctx, &kernel.list);
	if (r < 0)
		cli_warn(cli, "the kernel was not asked: %s", bp_error_get(cli->ctx)->message);
	else
		kernel.count = bp_kernel_target_list_count(kernel.list);
	while (bp_target_next(&it, &target) == 0)
		add_known(cli, args, &kernel, target, out);
	for (size_t i = 0; i < kernel.count; i++) {
		const struct bp_kernel_target *loaded =
			bp_kernel_target_list_get(kernel.list, i);
		struct row row = { .name = loaded->name };

		if (bp_target_get(loaded->name))
			continue;
		set_version(&row, loaded);
		out_add(out, NULL, &row);
	}
	r = out_print(out);
	bp_kernel_target_list_free(kernel.list);
	return r;
}

const struct cmd cmd_targets = {
	.name = "targets",
	.group = "Devices",
	.summary = "List targets: those the library knows beside those the kernel has.",
	.examples = "  bedplate targets --probe\n",
	.opts = opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&schema),
	.run = run,
};
