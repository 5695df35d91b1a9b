/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How devices lie on one another, in the order in which libdevmapper finds them: what a program
 * has seen once it sees again. Devices in a circle hang below nobody, and so are not shown.
 */
#include "commands/dmsetup/dmsetup.h"

#include <bedplate/bdev.h>

#include "core/vec.h"

#include <langinfo.h>
#include <sys/ioctl.h>

/* Node 0 is the root: above what nobody uses, below what uses nothing. */
struct dev_tree {
	VEC(struct dev_node) nodes;
	struct bp_device_list *list;
};

static int link_nodes(struct dev_tree *t, size_t above, size_t below)
{
	for (size_t i = 0; i < t->nodes.items[above].below.count; i++)
		if (t->nodes.items[above].below.items[i] == below)
			return 0;
	if (vec_add(&t->nodes.items[above].below, &below) < 0)
		return -ENOMEM;
	return vec_add(&t->nodes.items[below].above, &above);
}

static void drop(struct numbers *list, size_t number)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] != number)
			continue;
		memmove(&list->items[i], &list->items[i + 1],
			(list->count - i - 1) * sizeof(list->items[0]));
		list->count--;
		return;
	}
}

static size_t find(const struct dev_tree *t, uint32_t major, uint32_t minor)
{
	for (size_t i = 1; i < t->nodes.count; i++)
		if (t->nodes.items[i].major == major && t->nodes.items[i].minor == minor)
			return i;
	return 0;
}

static int new_node(struct front *f, uint32_t major, uint32_t minor, size_t *ret)
{
	struct dev_tree *t = f->tree;
	struct dev_node node = { .major = major, .minor = minor };

	for (size_t i = 0; i < bp_device_list_count(t->list); i++) {
		const struct bp_device_entry *e = bp_device_list_get(t->list, i);

		if (e->major != major || e->minor != minor)
			continue;
		node.mapped = true;
		snprintf(node.name, sizeof(node.name), "%s",
			 f->mangling == MANGLE_NONE ? e->kernel_name : e->name);
	}
	*ret = t->nodes.count;
	return vec_add(&t->nodes, &node);
}

static int add(struct front *f, size_t above, uint32_t major, uint32_t minor);

/* What a device uses: below it, one after the other. */
static int add_deps(struct front *f, size_t number, uint32_t major, uint32_t minor)
{
	_cleanup_(deps_freep) struct bp_device_deps *deps = NULL;
	const struct bp_selector which = { .major = major, .minor = minor };
	size_t count;
	int r = 0;

	if (f->tree->nodes.items[number].mapped)
		r = bp_device_deps(f->ctx, &which, f->args.inactive ? BP_TABLE_INACTIVE : 0,
				   &deps);
	count = deps ? bp_device_deps_count(deps) : 0;
	if (r == 0 && count == 0)
		r = link_nodes(f->tree, number, 0);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct bp_devno *dev = bp_device_deps_get(deps, i);

		r = add(f, number, dev->major, dev->minor);
	}
	return r;
}

/*
 * Its depth is that of the stack of devices, which the kernel bounds.
 * NOLINTNEXTLINE(misc-no-recursion)
 */
static int add(struct front *f, size_t above, uint32_t major, uint32_t minor)
{
	struct dev_tree *t = f->tree;
	size_t number = find(t, major, minor);
	bool is_new = !number;
	int r = 0;

	if (is_new)
		r = new_node(f, major, minor, &number);
	if (r < 0)
		return r;
	if (above) {
		drop(&t->nodes.items[0].below, number);
		drop(&t->nodes.items[number].above, 0);
		r = link_nodes(t, above, number);
	} else if (t->nodes.items[number].above.count == 0) {
		r = link_nodes(t, 0, number);
	}
	return r == 0 && is_new ? add_deps(f, number, major, minor) : r;
}

int tree_read(struct front *f)
{
	struct dev_node root = { .name = "" };
	int r;

	if (f->tree)
		return 0;
	f->tree = calloc(1, sizeof(*f->tree));
	if (!f->tree)
		return say(f, "no memory");
	r = bp_device_list(f->ctx, &f->tree->list);
	if (r < 0)
		return refused(f, "names", " ", r);
	r = vec_add(&f->tree->nodes, &root);
	for (size_t i = 0; r == 0 && i < bp_device_list_count(f->tree->list); i++) {
		const struct bp_device_entry *e = bp_device_list_get(f->tree->list, i);

		r = add(f, 0, e->major, e->minor);
		if (r == -ENXIO) /* removed meanwhile */
			r = 0;
	}
	return r < 0 ? refused(f, "deps", " ", r) : 0;
}

const struct dev_node *tree_node(const struct front *f, size_t number)
{
	return &f->tree->nodes.items[number];
}

const struct dev_node *tree_find(const struct front *f, uint32_t major, uint32_t minor)
{
	size_t number = find(f->tree, major, minor);

	return number ? tree_node(f, number) : NULL;
}

void tree_free(struct dev_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < tree->nodes.count; i++) {
		vec_done(&tree->nodes.items[i].below);
		vec_done(&tree->nodes.items[i].above);
	}
	vec_done(&tree->nodes);
	bp_device_list_free(tree->list);
	free(tree);
}

/* --- drawing --- */

enum { MAX_DEPTH = 100 }; /* deeper ones are cut off, as there */

struct symbols {
	const char *empty, *branch, *vertical, *last, *single, *first;
};

static const struct symbols ascii = { "  ", "|-", "| ", "`-", "---", "-+-" };
static const struct symbols utf = { "  ", "├─", "│ ", "└─", "───", "─┬─" };
/* Into the alternate character set of a VT100, and back. */
static const struct symbols vt100 = { "  ",
				      "\033(0\017tq\033(B",
				      "\033(0\017x\033(B ",
				      "\033(0\017mq\033(B",
				      "\033(0\017qqq\033(B",
				      "\033(0\017qwq\033(B" };

struct drawing {
	struct front *f;
	const struct symbols *symbols;
	bool device, block_name, active, open, rw, uuid, compact, inverted, whole;
	struct strbuf line;
	size_t room; /* characters in a line */
	size_t width[MAX_DEPTH];
	bool more[MAX_DEPTH];
};

static const struct {
	const char *word;
	size_t offset;
	bool value;
} words[] = {
	{ "device", offsetof(struct drawing, device), true },
	{ "blkdevname", offsetof(struct drawing, block_name), true },
	{ "nodevice", offsetof(struct drawing, device), false },
	{ "active", offsetof(struct drawing, active), true },
	{ "open", offsetof(struct drawing, open), true },
	{ "uuid", offsetof(struct drawing, uuid), true },
	{ "rw", offsetof(struct drawing, rw), true },
	{ "inverted", offsetof(struct drawing, inverted), true },
	{ "compact", offsetof(struct drawing, compact), true },
	{ "notrunc", offsetof(struct drawing, whole), true },
};

static const struct {
	const char *word;
	const struct symbols *symbols;
} symbol_words[] = { { "utf", &utf }, { "vt100", &vt100 }, { "ascii", &ascii } };

/* The beginning of a word is enough. */
static bool take_word(struct drawing *d, const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strncmp(words[i].word, word, len) == 0) {
			memcpy((char *)d + words[i].offset, &words[i].value, sizeof(bool));
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(symbol_words); i++)
		if (strncmp(symbol_words[i].word, word, len) == 0) {
			d->symbols = symbol_words[i].symbols;
			return true;
		}
	return false;
}

static int read_options(struct front *f, const char *options, struct drawing *d)
{
	struct winsize size = { 0 };

	cli_locale();
	/* One thread only. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	d->symbols = streq(nl_langinfo(CODESET), "UTF-8") ? &utf : &ascii;
	d->device = true;
	d->room = 80;
	for (const char *s = options; s && *s;) {
		size_t len = strcspn(s, ",");

		if (!take_word(d, s, len))
			return say(f, "Tree options not recognised: %s.", s);
		s += len + (s[len] == ',');
	}
	if (d->symbols != &vt100 && ioctl(fileno(f->out), TIOCGWINSZ, &size) == 0 &&
	    size.ws_col > 3)
		d->room = size.ws_col - 3u;
	d->compact = d->compact && !(d->active || d->rw || d->open || d->uuid);
	return 0;
}

int tree_options_check(struct front *f, const char *options)
{
	struct drawing d = { .f = f };

	return read_options(f, options, &d);
}

/* Characters of the line; only the first byte of each counts. */
static size_t columns(const struct drawing *d)
{
	const char *text = strbuf_text(&d->line);
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* One that is too long ends in dots. */
static void end_line(struct drawing *d)
{
	if (!d->whole && columns(d) > d->room) {
		_cleanup_(freep) char *cut = NULL;
		const char *text = strbuf_text(&d->line), *end = text;

		for (size_t n = 0; *end; end++)
			if ((*end & 0xc0) != 0x80 && ++n == d->room)
				break;
		cut = strndup(text, (size_t)(end - text));
		strbuf_clear(&d->line);
		strbuf_addf(&d->line, "%s...", cut ? cut : "");
		d->line.error = cut ? d->line.error : -ENOMEM;
	}
	strbuf_add_char(&d->line, '\n');
	put_all(d->f, &d->line);
	strbuf_clear(&d->line);
}

static void add_prefix(struct drawing *d, size_t depth)
{
	for (size_t i = 0; i < depth; i++) {
		bool last = i == depth - 1;

		strbuf_addf(&d->line, "%*s", (int)d->width[i] + 1, "");
		if (last)
			strbuf_add(&d->line,
				   d->more[depth] ? d->symbols->branch : d->symbols->last);
		else
			strbuf_add(&d->line,
				   d->more[i + 1] ? d->symbols->vertical : d->symbols->empty);
	}
}

static void add_attributes(struct drawing *d, const struct dev_node *node)
{
	const struct bp_selector which = { .major = node->major, .minor = node->minor };
	struct bp_device_info info;
	const char *sep = " [";

	if (!node->mapped || !(d->active || d->rw || d->open || d->uuid) ||
	    bp_device_info(d->f->ctx, &which, &info) < 0)
		return;
	if (d->active)
		strbuf_addf(&d->line, "%s%s", sep, info.suspended ? "SUSPENDED" : "ACTIVE");
	sep = d->active ? ", " : sep;
	if (d->rw)
		strbuf_addf(&d->line, "%s%s", sep, info.read_only ? "RO" : "RW");
	sep = d->rw ? ", " : sep;
	if (d->open)
		strbuf_addf(&d->line, "%s%d", sep, info.open_count);
	sep = d->open ? ", " : sep;
	if (d->uuid)
		strbuf_addf(&d->line, "%s%s", sep, info.uuid);
	strbuf_add_char(&d->line, ']');
}

static void draw_node(struct drawing *d, const struct dev_node *node, size_t depth, bool last,
		      bool has_children)
{
	bool begins = d->line.len == 0;
	char block[BP_BDEV_NAME_SIZE];
	size_t from;

	if (depth + 2 > MAX_DEPTH || (!node->name[0] && !d->device && !d->block_name))
		return;
	d->more[depth] = !last;
	d->width[depth] = 0;
	if (!d->compact || begins)
		add_prefix(d, depth);
	from = columns(d);
	if (d->compact && !begins)
		strbuf_add(&d->line, d->more[depth] ? d->symbols->first : d->symbols->single);
	strbuf_add(&d->line, node->name);
	if (d->block_name && bp_bdev_name(d->f->ctx, node->major, node->minor, block) == 0)
		strbuf_addf(&d->line, " <%s>", block);
	if (d->device)
		strbuf_addf(&d->line, " (%u:%u)", node->major, node->minor);
	add_attributes(d, node);
	if (d->compact)
		d->width[depth] = columns(d) - from;
	if (!d->compact || !has_children)
		end_line(d);
}

static const struct numbers *children(const struct drawing *d, const struct dev_node *node)
{
	return d->inverted ? &node->above : &node->below;
}

/* The root is nobody's child. */
static bool has_children(const struct drawing *d, const struct dev_node *node)
{
	const struct numbers *list = children(d, node);

	return list->count > 1 || (list->count == 1 && list->items[0] != 0);
}

/* No deeper than MAX_DEPTH. NOLINTNEXTLINE(misc-no-recursion) */
static void draw_below(struct drawing *d, const struct dev_node *node, size_t depth)
{
	const struct numbers *list = children(d, node);

	for (size_t i = 0; i < list->count; i++) {
		const struct dev_node *child = tree_node(d->f, list->items[i]);
		bool more;

		if (list->items[i] == 0)
			continue;
		more = has_children(d, child);
		draw_node(d, child, depth, i + 1 == list->count, more);
		if (more && depth + 2 < MAX_DEPTH)
			draw_below(d, child, depth + 1);
	}
}

int tree_show(struct front *f)
{
	struct drawing d = { .f = f };
	int r = tree_read(f);

	if (r == 0)
		r = read_options(f, f->args.options, &d);
	if (r == 0 && bp_device_list_count(f->tree->list) == 0)
		fputs("No devices found\n", f->out);
	if (r == 0)
		draw_below(&d, tree_node(f, 0), 0);
	/* In a compact line of which the last is not shown, nothing has ended it: there neither. */
	if (r == 0 && d.line.len)
		put_all(f, &d.line);
	strbuf_done(&d.line);
	return r;
}
