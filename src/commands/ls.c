/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which devices there are, and on what they lie. */
#include "commands/common.h"
#include "commands/text_out.h"
#include "commands/tree_picture.h"

#include <bedplate/bdev.h>

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

struct args {
	struct cli_list names;
	const char *only;
	const char *exec, *svg;
	bool tree, above;
	uint32_t flags;
	struct out_opts out;
};

/* clang-format off */
static const struct cmd_opt ls_opts[] = {
	OPT_FLAG(tree, 0, "tree", "draw what lies on what"),
	OPT_FLAG(above, 0, "above", "with --tree: what is used first, its users below it"),
	OPT_STRING(only, 0, "target", "TARGET", "only devices with this target in their table"),
	OPT_STRING(exec, 0, "exec", "COMMAND", "instead of listing them, run this for each, one after the other: words parted by blanks, no shell; the device's node is the last"),
	OPT_STRING(svg, 0, "svg", "FILE", "with --tree: write it as SVG, each device once; -: to standard output"),
	OPT_FLAG(out.ascii, 0, "ascii", "with --tree: draw it without characters beyond ASCII"),
	OPT_OUTPUT(out),
	OPT_PAIRS(out),
	OPT_CONFLICT("tree", "target exec pairs"),
	OPT_REQUIRES("above", "tree"),
	OPT_REQUIRES("svg", "tree"),
	OPT_REQUIRES("ascii", "tree"),
	OPT_END
};

static const struct cmd_opt tree_opts[] = {
	OPT_FLAG(above, 0, "above", "what is used first, its users below it"),
	OPT_STRING(svg, 0, "svg", "FILE", "write it as SVG, each device once; -: to standard output"),
	OPT_FLAG(out.ascii, 0, "ascii", "draw it without characters beyond ASCII"),
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

struct ls_row {
	struct bp_device_entry entry;
	char device[DEVNO_TEXT];
	struct device_about about;
};
struct tree_row {
	const char *name, *uuid;
	char device[DEVNO_TEXT];
	const char *path;
	struct device_about about;
	int64_t open_count;                      /* -1: not known */
	int8_t suspended, read_only, live_table; /* -1 */
	bool mapped, cycle, repeated;
};
struct deps_row {
	const char *name;
	char device[DEVNO_TEXT];
	const char *path;
};
/* clang-format off */
static const struct out_column ls_columns[] = {
	COL_TEXT_AS("name", struct ls_row, entry.name, OUT_DEFAULT, "name"),
	COL_SIZE_AS("size_bytes", struct ls_row, about.size_bytes, OUT_DEFAULT, SIZE_HELP),
	COL_TEXT_AS("targets", struct ls_row, about.targets, OUT_DEFAULT, TARGETS_HELP),
	COL_TEXT(struct ls_row, device, OUT_DEFAULT, "MAJOR:MINOR"),
	COL_TEXT_AS("path", struct ls_row, about.path, OUT_DEFAULT, "its node"),
	COL_TEXT_AS("uuid", struct ls_row, entry.uuid, 0, "uuid"),
	COL_NUMBER_AS("event_nr", struct ls_row, entry.event_nr, 0, "number of the last event"),
	COL_TEXT_AS("kernel_name", struct ls_row, entry.kernel_name, 0, "name as the kernel holds it"),
	OUT_COLUMNS_END
};
static const struct out_column tree_columns[] = {
	COL_TEXT(struct tree_row, name, OUT_DEFAULT | OUT_TREE, "name"),
	COL_SIZE_AS("size_bytes", struct tree_row, about.size_bytes, OUT_DEFAULT, "its size"),
	COL_TEXT_AS("targets", struct tree_row, about.targets, OUT_DEFAULT, TARGETS_HELP),
	COL_TEXT(struct tree_row, device, OUT_DEFAULT, "MAJOR:MINOR"),
	COL_TEXT(struct tree_row, path, OUT_DEFAULT, "its node"),
	COL_TEXT(struct tree_row, uuid, 0, "uuid"),
	COL_NUMBER(struct tree_row, open_count, 0, "how many hold a mapped device open"),
	COL_BOOL(struct tree_row, suspended, 0, "it is suspended"),
	COL_BOOL(struct tree_row, read_only, 0, "it refuses writes"),
	COL_BOOL(struct tree_row, live_table, 0, "it has a live table"),
	COL_BOOL(struct tree_row, mapped, 0, "it is a mapped device"),
	COL_BOOL(struct tree_row, cycle, 0, "it lies, by others, on itself"),
	COL_BOOL(struct tree_row, repeated, 0, "what belongs below it is drawn where it first stands"),
	OUT_COLUMNS_END
};
static const struct out_column deps_columns[] = {
	COL_TEXT(struct deps_row, name, OUT_DEFAULT, "name of the device"),
	COL_TEXT(struct deps_row, device, OUT_DEFAULT, "MAJOR:MINOR of one that it uses"),
	COL_TEXT(struct deps_row, path, OUT_DEFAULT, "node of that"),
	OUT_COLUMNS_END
};
static const struct out_schema ls_schema = {
	.name = "bedplate.ls", .columns = ls_columns, .none = "no devices",
};
static const struct out_schema tree_schema = {
	.name = "bedplate.tree", .columns = tree_columns, .none = "no devices", .flags = OUT_NESTED,
	.help = "What lies on what.",
};
static const struct out_schema deps_schema = {
	.name = "bedplate.deps", .columns = deps_columns, .none = "no devices below any",
};
/* clang-format on */

/* The node of a device, which lies in @bdev, or NULL. */
static const char *node_of(struct cli *cli, const char *device, struct bp_bdev *bdev)
{
	return bp_bdev_get(cli->ctx, device, bdev) == 0 && bdev->path[0] ? bdev->path : NULL;
}

/*
 * A tree drawn row by row. A device that several use stands below each of them, but what is
 * below it only where it stands first: stacks that part and meet again would else be drawn
 * twice as often with every level.
 */
struct drawing {
	struct cli *cli;
	struct out *out;
	const struct bp_tree *tree;
	bool above;
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

static bool shows_state(const struct out *out)
{
	return out_shows(out, "open_count") || out_shows(out, "suspended") ||
	       out_shows(out, "read_only") || out_shows(out, "live_table");
}

/* -1 is unknown: not a mapped device, or not asked for. */
static void tree_state(struct drawing *d, const struct bp_tree_node *node, struct tree_row *row)
{
	struct bp_selector which = { .major = node->major, .minor = node->minor };
	struct bp_device_info info;
	int r;

	row->open_count = -1;
	row->suspended = row->read_only = row->live_table = -1;
	if (!node->mapped || !shows_state(d->out))
		return;
	r = bp_device_info(d->cli->ctx, &which, &info);
	device_unknown(d->cli, node->major, node->minor, r);
	if (r < 0)
		return;
	row->open_count = info.open_count;
	row->suspended = info.suspended;
	row->read_only = info.read_only;
	row->live_table = info.live_table;
}

/* Size, targets and node: of a mapped device or of one that others lie on. */
static void tree_about(struct cli *cli, const struct bp_tree_node *node, struct tree_row *row,
		       struct bp_bdev *bdev)
{
	if (node->mapped) {
		device_about(cli, node->major, node->minor, &row->about);
		row->path = row->about.path;
		return;
	}
	row->path = node_of(cli, row->device, bdev);
	if (row->path)
		row->about.size_bytes = bdev->size_bytes;
}

/*
 * A device below two others is drawn twice, its own lower part once; a circle ends where it
 * closes.
 */
static void draw(struct drawing *d, size_t index, struct out_row *parent)
{
	const struct bp_tree_node *node = bp_tree_get(d->tree, index);
	const size_t *next = d->above ? node->above : node->below;
	size_t count = d->above ? node->nr_above : node->nr_below;
	struct tree_row row = { .about.size_bytes = OUT_UNKNOWN,
				.uuid = node->uuid[0] ? node->uuid : NULL,
				.mapped = node->mapped,
				.cycle = node->in_cycle,
				.repeated = d->drawn[index] && count > 0 };
	char name[sizeof(node->name) + 32];
	struct out_row *drawn;
	struct bp_bdev bdev;

	/* Programs get the name alone; they have the other members for the rest. */
	snprintf(name, sizeof(name), "%s%s", node->name,
		 d->cli->json ? "" : remark(d, index, row.repeated));
	row.name = name;
	devno_text(row.device, node->major, node->minor);
	tree_about(d->cli, node, &row, &bdev);
	tree_state(d, node, &row);
	drawn = out_add(d->out, parent, &row);
	if (row.repeated || !drawn)
		return;
	d->drawn[index] = true;
	d->open[index] = true;
	for (size_t i = 0; i < count; i++)
		draw(d, next[i], drawn);
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

/* --- as SVG --- */

struct boxes {
	struct cli *cli;
	const struct bp_tree *tree;
	struct tree_box *boxes; /* by node */
};

/* Name; what it is and its size; number and node. */
static int fill_lines(struct cli *cli, const struct bp_tree_node *node, char **lines)
{
	struct tree_row row = { .about.size_bytes = OUT_UNKNOWN };
	char size[BP_SIZE_TEXT] = "";
	struct bp_bdev bdev;

	devno_text(row.device, node->major, node->minor);
	tree_about(cli, node, &row, &bdev);
	if (row.about.size_bytes != OUT_UNKNOWN)
		bp_size_format(row.about.size_bytes, size);
	lines[0] = strdup(node->name);
	if (asprintf(&lines[1], "%s%s%s", row.about.targets, row.about.targets[0] ? " " : "",
		     size) < 0)
		lines[1] = NULL;
	if (asprintf(&lines[2], "%s %s", row.device, row.path ? row.path : "") < 0)
		lines[2] = NULL;
	return lines[0] && lines[1] && lines[2] ? 0 : -ENOMEM;
}

/* What the picture needs of a device; where it stands is tree_svg's. */
static int fill_box(const struct boxes *b, size_t index, bool above)
{
	const struct bp_tree_node *node = bp_tree_get(b->tree, index);
	struct tree_box *box = &b->boxes[index];

	box->mapped = node->mapped;
	box->in_cycle = node->in_cycle;
	box->next = above ? node->above : node->below;
	box->nr_next = above ? node->nr_above : node->nr_below;
	return fill_lines(b->cli, node, box->lines);
}

static int print_svg(FILE *f, const void *args)
{
	const struct boxes *b = args;

	return tree_print_svg(f, b->boxes, bp_tree_count(b->tree)) < 0 ? -ENOMEM : 0;
}

/* Return: an exit status. */
static int write_svg(struct boxes *b, const struct args *args)
{
	const struct text_out to = {
		.cli = b->cli,
		.output = streq(args->svg, "-") ? NULL : args->svg,
		.print = print_svg,
		.args = b,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < bp_tree_count(b->tree); i++)
		r = fill_box(b, i, args->above);
	return r < 0 ? cli_fail(b->cli, NULL, r) : text_out(&to);
}

/* Lines of boxes are ours to free, whatever became of the picture. */
static int draw_svg(struct cli *cli, const struct args *args)
{
	struct boxes b = { .cli = cli };
	struct bp_tree *tree;
	int r = bp_tree_read(cli->ctx, &tree);

	if (r < 0)
		return cli_fail(cli, NULL, r);
	b.tree = tree;
	b.boxes = calloc(bp_tree_count(tree) + 1, sizeof(*b.boxes));
	r = b.boxes ? write_svg(&b, args) : cli_fail(cli, NULL, -ENOMEM);
	for (size_t i = 0; b.boxes && i < bp_tree_count(tree); i++)
		for (size_t j = 0; j < TREE_LINES; j++)
			free(b.boxes[i].lines[j]);
	free(b.boxes);
	bp_tree_free(tree);
	return r;
}

/* Return: an exit status. */
static int print_tree(struct cli *cli, const struct args *args)
{
	_cleanup_(out_freep) struct out *out = NULL;
	struct drawing d = { .cli = cli, .above = args->above };
	struct bp_tree *tree;
	int r;

	if (args->svg)
		return draw_svg(cli, args);
	r = out_open(cli, &args->out, &tree_schema, &out);
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

static void add_ls(struct cli *cli, struct out *out, const struct bp_device_entry *entry)
{
	struct ls_row row = { .entry = *entry, .about.size_bytes = OUT_UNKNOWN };

	devno_text(row.device, entry->major, entry->minor);
	if (out_shows(out, "size_bytes") || out_shows(out, "targets") || out_shows(out, "path"))
		device_about(cli, entry->major, entry->minor, &row.about);
	out_add(out, NULL, &row);
}

/* --- a command for each --- */

#define MAX_WORDS 64

/* The words of @text, which is cut up. Return: how many, or -1: too many. */
static int split_words(char *text, char **words)
{
	char *rest = NULL;
	int n = 0;

	for (char *w = strtok_r(text, " \t\n", &rest); w; w = strtok_r(NULL, " \t\n", &rest)) {
		if (n == MAX_WORDS)
			return -1;
		words[n++] = w;
	}
	return n;
}

/* Return: 0 or an exit status. */
static int run_words(struct cli *cli, char **argv, const char *name)
{
	int status, r;
	pid_t pid;

	fflush(NULL);
	r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (r)
		return cli_failf(cli, argv[0], NULL, "cannot start: %s", strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cli_failf(cli, argv[0], NULL, "%s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EXIT_OK;
	if (WIFSIGNALED(status))
		return cli_failf(cli, name, NULL, "%s: killed by signal %d", argv[0],
				 WTERMSIG(status));
	return cli_failf(cli, name, NULL, "%s: ended with %d", argv[0], WEXITSTATUS(status));
}

/* One that fails is told, and the next has its turn. Return: 0 or an exit status. */
static int exec_for(struct cli *cli, const char *command, const struct bp_device_entry *entry)
{
	_cleanup_(freep) char *text = strdup(command);
	char *words[MAX_WORDS + 2] = { NULL };
	struct device_about about;
	int n = text ? split_words(text, words) : 0;

	if (n <= 0)
		return cli_usage(cli, "--exec: '%s' is no command", command);
	device_about(cli, entry->major, entry->minor, &about);
	if (!about.path[0])
		return EXIT_OK; /* gone meanwhile */
	words[n] = about.path;
	if (!cli->dry_run)
		return run_words(cli, words, entry->name);
	cli_print(cli, "would run %s %s\n", command, about.path);
	return EXIT_OK;
}

/* A command that can't be started ends it: it could not for the others either. */
static int print_list(struct cli *cli, const struct args *args, struct out *out,
		      const struct bp_device_list *list)
{
	int worst = EXIT_OK;

	for (size_t i = 0; i < bp_device_list_count(list); i++) {
		const struct bp_device_entry *entry = bp_device_list_get(list, i);
		int r = args->only ? has_target(cli, entry->name, args->only) : 1;

		/* One that went meanwhile is not there. */
		if (r < 0 && r != -ENXIO)
			return cli_fail(cli, entry->name, r);
		if (r > 0 && args->exec) {
			r = exec_for(cli, args->exec, entry);
			worst = worst ? worst : r;
		} else if (r > 0) {
			add_ls(cli, out, entry);
		}
		if (worst == EXIT_USAGE)
			break;
	}
	return worst;
}

/* Words are checked before the kernel is asked. */
static int run_ls(struct cli *cli, const void *p)
{
	const struct args *args = p;
	_cleanup_(out_freep) struct out *out = NULL;
	struct bp_device_list *list;
	int r;

	if (args->tree)
		return print_tree(cli, args);
	if (args->only && (r = target_exists(cli, args->only)))
		return r;
	if (args->exec && cli->json)
		return cli_usage(cli, "--exec prints what its commands print: not with --json");
	r = out_open(cli, &args->out, &ls_schema, &out);
	if (r || !out)
		return r;
	r = bp_device_list(cli->ctx, &list);
	if (r < 0)
		return cli_fail(cli, NULL, r);
	r = print_list(cli, args, out, list);
	bp_device_list_free(list);
	return r || args->exec ? r : out_print(steal(out));
}

static int run_tree(struct cli *cli, const void *p)
{
	return print_tree(cli, p);
}

struct deps {
	uint32_t flags;
	struct out *out;
};

/* A row a device below. */
static int add_deps(struct cli *cli, const struct bp_selector *which, void *user)
{
	const struct deps *deps = user;
	struct bp_device_deps *found;
	int r = bp_device_deps(cli->ctx, which, deps->flags, &found);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_device_deps_count(found); i++) {
		const struct bp_devno *dev = bp_device_deps_get(found, i);
		struct deps_row row = { .name = selector_text(which) };
		struct bp_bdev bdev;

		devno_text(row.device, dev->major, dev->minor);
		row.path = node_of(cli, row.device, &bdev);
		out_add(deps->out, NULL, &row);
	}
	bp_device_deps_free(found);
	return 0;
}

static int run_deps(struct cli *cli, const void *p)
{
	const struct args *args = p;
	struct deps deps = { .flags = args->flags };
	int r = out_open(cli, &args->out, &deps_schema, &deps.out);

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
	.examples = "  bedplate ls --tree --svg stack.svg\n",
	.opts = ls_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&ls_schema, &tree_schema),
	.run = run_ls,
};

const struct cmd cmd_tree = {
	.name = "tree",
	.group = "Devices",
	.summary = "Draw which devices lie on which; as ls --tree.",
	.examples = "  bedplate tree --above\n",
	.opts = tree_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&tree_schema),
	.run = run_tree,
};

const struct cmd cmd_deps = {
	.name = "deps",
	.group = "Devices",
	.summary = "List the devices that devices use.",
	.examples = "  bedplate deps data\n",
	.opts = deps_opts,
	.args_size = sizeof(struct args),
	.flags = CMD_READS,
	.schemas = SCHEMAS(&deps_schema),
	.run = run_deps,
};
