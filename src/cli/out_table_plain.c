/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Aligned columns and trees without libsmartcols, for programs that have to be one file (-Dstatic).
 * The same text comes out; only characters that take two columns of a terminal are taken for one.
 */
#include "cli/internal.h"
#include "cli/out_data.h"

#include <langinfo.h>

/* A row in its place in the tree, with its texts by shown column. */
struct node {
	struct out_row *row;
	struct node **children;
	size_t nr_children;
	char *texts[OUT_MAX_COLUMNS];
};

struct plain {
	struct out *out;
	struct node *nodes;
	size_t nr_nodes;
	struct node top; /* parent of what has none */
	int tree_column; /* place among the shown; -1: no tree */
	size_t widths[OUT_MAX_COLUMNS];
	bool utf8;
};

/* Characters of @text: bytes that don't continue one, where the locale is such. */
static size_t width(const struct plain *plain, const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += !plain->utf8 || ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static bool is_right(const struct out_column *column)
{
	return column->kind == OUT_NUMBER || column->kind == OUT_SIZE ||
	       column->kind == OUT_PERCENT;
}

static const struct out_column *column_at(const struct plain *plain, unsigned i)
{
	return &plain->out->columns[plain->out->shown[i]];
}

static int add_child(struct node *parent, struct node *child)
{
	size_t n = parent->nr_children;

	/* Room is doubled whenever the number is a power of two. */
	if ((n & (n - 1)) == 0) {
		void *more = realloc(parent->children, (n ? 2 * n : 1) * sizeof(struct node *));

		if (!more)
			return -ENOMEM;
		parent->children = more;
	}
	parent->children[parent->nr_children++] = child;
	return 0;
}

/* Rows come in any order, parents before their children. */
static int fill(struct plain *plain)
{
	struct node *node = plain->nodes;

	for (struct out_row *row = plain->out->first; row; row = row->next, node++) {
		node->row = row;
		row->line = node;
		for (unsigned i = 0; i < plain->out->nr_shown; i++) {
			char buf[BP_SIZE_TEXT];

			node->texts[i] = cli_visible(
				out_field_text(plain->out, row, plain->out->shown[i], buf));
			if (!node->texts[i])
				return -ENOMEM;
		}
		if (add_child(row->parent ? row->parent->line : &plain->top, node) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct node *const *one = a, *const *two = b;
	int order = out_compare((*one)->row, (*two)->row);

	/* Nodes lie in the order in which rows were given. */
	return order ? order : (*one > *two) - (*one < *two);
}

static void sort(struct node *parent)
{
	if (parent->nr_children)
		qsort(parent->children, parent->nr_children, sizeof(struct node *), compare);
	for (size_t i = 0; i < parent->nr_children; i++)
		sort(parent->children[i]);
}

static void widen(struct plain *plain, unsigned i, size_t to)
{
	if (plain->widths[i] < to)
		plain->widths[i] = to;
}

/* Each level below the first takes two columns of the tree's. */
static void measure(struct plain *plain, const struct node *parent, size_t indent)
{
	for (size_t n = 0; n < parent->nr_children; n++) {
		const struct node *node = parent->children[n];

		for (unsigned i = 0; i < plain->out->nr_shown; i++)
			widen(plain, i,
			      width(plain, node->texts[i]) +
				      ((int)i == plain->tree_column ? indent : 0));
		measure(plain, node, indent + 2);
	}
}

/* One line; @lead, @indent columns wide, is in front of the tree column's text. */
static void print_line(const struct plain *plain, char *const *texts, const char *lead,
		       size_t indent)
{
	FILE *to = plain->out->cli->out;
	size_t blanks = 0; /* not printed before something follows them */

	for (unsigned i = 0; i < plain->out->nr_shown; i++) {
		bool drawn = (int)i == plain->tree_column;
		size_t used = width(plain, texts[i]) + (drawn ? indent : 0);
		size_t rest = plain->widths[i] - used;
		bool right = is_right(column_at(plain, i));

		size_t len = strlen(texts[i]), all = len;

		while (len && texts[i][len - 1] == ' ')
			len--;
		blanks += (i > 0) + (right ? rest : 0);
		if (len || (drawn && *lead)) {
			fprintf(to, "%*s%s%.*s", (int)blanks, "", drawn ? lead : "", (int)len,
				texts[i]);
			blanks = 0;
		}
		blanks += all - len + (right ? 0 : rest);
	}
	fputc('\n', to);
}

/* Recursion as deep as the tree: stacks of devices, a few levels. */
static int print_tree(const struct plain *plain, const struct node *parent, const char *lead,
		      size_t indent)
{
	for (size_t n = 0; n < parent->nr_children; n++) {
		const struct node *node = parent->children[n];
		bool last = n + 1 == parent->nr_children, top = parent == &plain->top;
		const char *own = top ? "" : last ? "└─" : "├─", *below = last ? "  " : "│ ";
		_cleanup_(freep) char *line = NULL, *deeper = NULL;

		if (!plain->utf8 || plain->out->opts.ascii) {
			own = top ? "" : last ? "`-" : "|-";
			below = last ? "  " : "| ";
		}
		if (asprintf(&line, "%s%s", lead, own) < 0 ||
		    asprintf(&deeper, "%s%s", lead, top ? "" : below) < 0)
			return -ENOMEM;
		print_line(plain, node->texts, line, indent);
		if (print_tree(plain, node, deeper, indent + 2) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* As a row without a tree in front. */
static void print_headings(const struct plain *plain)
{
	char headings[OUT_MAX_COLUMNS][64], *texts[OUT_MAX_COLUMNS];
	struct plain flat = *plain;

	for (unsigned i = 0; i < plain->out->nr_shown; i++) {
		out_heading(column_at(plain, i), headings[i], sizeof(headings[i]));
		texts[i] = headings[i];
	}
	flat.tree_column = -1;
	print_line(&flat, texts, "", 0);
}

/* The first column that may draw the tree does, where rows have parents. */
static int find_tree_column(const struct plain *plain)
{
	bool tree = false;

	for (const struct out_row *row = plain->out->first; row; row = row->next)
		tree = tree || row->parent;
	for (unsigned i = 0; tree && i < plain->out->nr_shown; i++)
		if (column_at(plain, i)->flags & OUT_TREE)
			return (int)i;
	return -1;
}

static void release(struct plain *plain)
{
	for (size_t n = 0; n < plain->nr_nodes; n++) {
		for (unsigned i = 0; i < plain->out->nr_shown; i++)
			free(plain->nodes[n].texts[i]);
		free(plain->nodes[n].children);
	}
	free(plain->top.children);
	free(plain->nodes);
}

/* What libsmartcols does, for builds without it: a unit test compares both. */
int out_table_print(struct out *out)
{
	struct plain plain = { .out = out };
	int r;

	cli_locale();
	plain.utf8 = streq(nl_langinfo(CODESET), "UTF-8");
	for (struct out_row *row = out->first; row; row = row->next)
		plain.nr_nodes++;
	plain.nodes = calloc(plain.nr_nodes + 1, sizeof(*plain.nodes));
	if (!plain.nodes)
		return -ENOMEM;
	plain.tree_column = find_tree_column(&plain);
	r = fill(&plain);
	if (r == 0) {
		if (out->sort_column >= 0)
			sort(&plain.top);
		measure(&plain, &plain.top, 0);
		/* Headings have their room even where they are not printed. */
		for (unsigned i = 0; i < out->nr_shown; i++) {
			char buf[64];

			widen(&plain, i,
			      width(&plain,
				    out_heading(column_at(&plain, i), buf, sizeof(buf))));
		}
		if (!out->opts.no_headings)
			print_headings(&plain);
		r = print_tree(&plain, &plain.top, "", 0);
	}
	release(&plain);
	return r;
}
