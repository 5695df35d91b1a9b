// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which devices there are, and on what they lie. */
#include "commands/common.h"

#include <bedplate/bdev.h>

struct args {
	struct cli_list names;
	const char *only;
	bool tree, above;
	uint32_t flags;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt ls_opts[] = {
	OPT_FLAG(tree, 0, "tree", "draw what lies on what"),
	OPT_FLAG(above, 0, "above", "with --tree: what is used first, its users below it"),
	OPT_STRING(only, 0, "target", "TARGET", "only devices with this target in their table"),
	OPT_OUTPUT(out),
	OPT_CONFLICT("tree", "target"),
	OPT_REQUIRES("above", "tree"),
	OPT_END
};

static const struct cmd_opt tree_opts[] = {
	OPT_FLAG(above, 0, "above", "what is used first, its users below it"),
	OPT_OUTPUT(out),
	OPT_END
};

static const struct cmd_opt deps_opts[] = {
	OPT_OPERANDS(names, "NAME", "devices (without: all): " DEVICE_HELP),
	OPT_BIT(flags, BP_TABLE_INACTIVE, 0, "inactive", "of the table that is loaded, not the live one"),
	OPT_OUTPUT(out),
	OPT_END
};
/* clang-format on */

enum { LS_NAME, LS_DEVICE, LS_UUID, LS_EVENT, LS_KERNEL_NAME };
static const struct out_column ls_columns[] = {
	[LS_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name" },
	[LS_DEVICE] = { "device", OUT_TEXT, OUT_DEFAULT, "MAJOR:MINOR" },
	[LS_UUID] = { "uuid", OUT_TEXT, 0, "uuid" },
	[LS_EVENT] = { "event_nr", OUT_NUMBER, 0, "number of the last event" },
	[LS_KERNEL_NAME] = { "kernel_name", OUT_TEXT, 0, "name as the kernel holds it" },
	OUT_COLUMNS_END
};

enum { TREE_NAME, TREE_DEVICE, TREE_UUID, TREE_MAPPED, TREE_CYCLE, TREE_REPEATED };
static const struct out_column tree_columns[] = {
	[TREE_NAME] = { "name", OUT_TEXT, OUT_DEFAULT | OUT_TREE, "name" },
	[TREE_DEVICE] = { "device", OUT_TEXT, OUT_DEFAULT, "MAJOR:MINOR" },
	[TREE_UUID] = { "uuid", OUT_TEXT, 0, "uuid" },
	[TREE_MAPPED] = { "mapped", OUT_BOOL, 0, "it is a mapped device" },
	[TREE_CYCLE] = { "cycle", OUT_BOOL, 0, "it lies, by others, on itself" },
	[TREE_REPEATED] = { "repeated", OUT_BOOL, 0,
			    "what belongs below it is drawn where it first stands" },
	OUT_COLUMNS_END
};

enum { DEPS_NAME, DEPS_DEVICE, DEPS_PATH };
static const struct out_column deps_columns[] = {
	[DEPS_NAME] = { "name", OUT_TEXT, OUT_DEFAULT, "name of the device" },
	[DEPS_DEVICE] = { "device", OUT_TEXT, OUT_DEFAULT, "MAJOR:MINOR of one that it uses" },
	[DEPS_PATH] = { "path", OUT_TEXT, OUT_DEFAULT, "node of that" },
	OUT_COLUMNS_END
};

/*
 * A tree drawn row by row. A device that several use stands below each of them, but what is
 * below it only where it stands first: stacks that part and meet again would else be drawn
 * twice as often with every level.
 */
struct drawing {
	struct out *out;
	const struct bp_tree *tree;
	bool above, out_json;
	bool *open, *drawn; /* by node: on the way down to here; drawn at all */
};

static const char *remark(const struct drawing *d, size_t index, bool repeated)
{
	if (d->open[index])
		return " (again: a cycle)";
	if (repeated)
		return " (see above)";
	return bp_tree_get(d->tree, index)->in_cycle ? " (in a cycle)" : "";
}

static void draw(struct drawing *d, size_t index, struct out_row *parent)
{
	const struct bp_tree_node *node = bp_tree_get(d->tree, index);
	struct out_row *row = out_row(d->out, parent);
	const size_t *next = d->above ? node->above : node->below;
	size_t count = d->above ? node->nr_above : node->nr_below;
	bool repeated = d->drawn[index] && count > 0;

	/* Programs get the name alone; they have the other members for the rest. */
	out_textf(row, TREE_NAME, "%s%s", node->name,
		  d->out_json ? "" : remark(d, index, repeated));
	out_textf(row, TREE_DEVICE, "%u:%u", node->major, node->minor);
	out_text(row, TREE_UUID, node->uuid);
	out_bool(row, TREE_MAPPED, node->mapped);
	out_bool(row, TREE_CYCLE, node->in_cycle);
	out_bool(row, TREE_REPEATED, repeated);
	if (repeated || !row)
		return;
	d->drawn[index] = true;
	d->open[index] = true;
	for (size_t i = 0; i < count; i++)
		draw(d, next[i], row);
	d->open[index] = false;
}

static void draw_all(struct drawing *d)
{
	size_t count = bp_tree_count(d->tree);

	for (size_t i = 0; i < count; i++) {
		const struct bp_tree_node *node = bp_tree_get(d->tree, i);

		if ((d->above ? node->nr_below : node->nr_above) == 0)
			draw(d, i, NULL);
	}
	/* What lies in a circle has no top of its own. */
	for (size_t i = 0; i < count; i++)
		if (!d->drawn[i])
			draw(d, i, NULL);
}

static int print_tree(struct cli *cli, const struct args *args)
{
	_cleanup_(out_freep) struct out *out = NULL;
	struct drawing d = { .above = args->above, .out_json = cli->json };
	struct bp_tree *tree;
	int r = out_new(cli, &args->out, "bedplate.tree", tree_columns, 0, &out);

	if (r || !out)
		return r;
	r = bp_tree_read(cli->ctx, &tree);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	d.out = out;
	d.tree = tree;
	d.open = calloc(bp_tree_count(tree) + 1, sizeof(*d.open));
	d.drawn = calloc(bp_tree_count(tree) + 1, sizeof(*d.drawn));
	if (d.open && d.drawn)
		draw_all(&d);
	else
		r = -ENOMEM;
	free(d.open);
	free(d.drawn);
	if (!r && bp_tree_count(tree) == 0)
		cli_note(cli, "%s: no devices", cli->cmd->name);
	bp_tree_free(tree);
	return r < 0 ? cli_fail(cli, NULL, r) : out_print(steal(out));
}

/* Has the live table of a device a segment of this target? Return: 1, 0 or -errno. */
static int has_target(struct cli *cli, const char *name, const char *target)
{
	struct bp_selector which = { .name = name };
	struct bp_table *table;
	int r = bp_device_table(cli->ctx, &which, 0, &table);
	bool found = false;

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_table_count(table); i++)
		found = found || streq(bp_table_get(table, i)->target, target);
	bp_table_free(table);
	return found;
}

static int print_list(struct cli *cli, const struct args *args, struct out *out,
		      const struct bp_device_list *list)
{
	for (size_t i = 0; i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(list, i);
		int r = args->only ? has_target(cli, entry->name, args->only) : 1;
		struct out_row *row;

		/* One that went meanwhile is not there. */
		if (r < 0 && r != -ENXIO)
			return cli_fail(cli, entry->name, r);
		if (r <= 0)
			continue;
		row = out_row(out, NULL);
		out_text(row, LS_NAME, entry->name);
		out_textf(row, LS_DEVICE, "%u:%u", entry->major, entry->minor);
		out_text(row, LS_UUID, entry->uuid);
		out_number(row, LS_EVENT, entry->event_nr);
		out_text(row, LS_KERNEL_NAME, entry->kernel_name);
	}
	return EXIT_OK;
}

static int run_ls(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	struct bp_device_list *list;
	int r;

	if (args->tree)
		return print_tree(cli, args);
	r = out_new(cli, &args->out, "bedplate.ls", ls_columns, 0, &out);
	if (r || !out)
		return r;
	r = bp_device_list(cli->ctx, &list);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	if (bp_device_list_count(list) == 0)
		cli_note(cli, "ls: no devices");
	r = print_list(cli, args, out, list);
	bp_device_list_free(list);
	return r ? r : out_print(steal(out));
}

static int run_tree(struct cli *cli, const void *p)
{
	return print_tree(cli, p);
}

struct deps {
	uint32_t flags;
	struct out *out;
};

static int add_deps(struct cli *cli, const struct bp_selector *which, void *user)
{
	const struct deps *deps = user;
	_cleanup_(freep) struct bp_devno *devs = NULL;
	size_t count = 0;
	int r = bp_device_deps(cli->ctx, which, deps->flags, &devs, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		struct out_row *row = out_row(deps->out, NULL);
		struct bp_bdev bdev;
		char number[32];

		snprintf(number, sizeof(number), "%u:%u", devs[i].major, devs[i].minor);
		out_text(row, DEPS_NAME, selector_text(which));
		out_text(row, DEPS_DEVICE, number);
		if (bp_bdev_get(cli->ctx, number, &bdev) == 0 && bdev.path[0])
			out_text(row, DEPS_PATH, bdev.path);
	}
	return r;
}

static int run_deps(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct deps deps = { .flags = args->flags };
	int r = out_new(cli, &args->out, "bedplate.deps", deps_columns, 0, &deps.out);

	if (r || !deps.out)
		return r;
	r = print_each(cli, &args->names, &deps.out, add_deps, &deps);
	out_free(deps.out);
	return r;
}

const struct cmd cmd_ls = {
	.name = "ls",
	.group = "Devices",
	.summary = "List mapped devices.",
	.opts = ls_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_ls,
};

const struct cmd cmd_tree = {
	.name = "tree",
	.group = "Devices",
	.summary = "Draw which devices lie on which; as ls --tree.",
	.opts = tree_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_tree,
};

const struct cmd cmd_deps = {
	.name = "deps",
	.group = "Devices",
	.summary = "List the devices that devices use.",
	.opts = deps_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.run = run_deps,
};
