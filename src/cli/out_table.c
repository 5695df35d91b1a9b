/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Aligned columns and trees, by libsmartcols, for people. */
#include <libsmartcols/libsmartcols.h>

#include "cli/internal.h"
#include "cli/out_data.h"

static int compare(struct libscols_cell *a, struct libscols_cell *b, void *user)
{
	(void)user;
	return out_compare(scols_cell_get_userdata(a), scols_cell_get_userdata(b));
}

/* Only the first tree column draws branches. */
static int add_columns(const struct out *out, struct libscols_table *table, bool tree)
{
	bool tree_done = false;

	for (unsigned i = 0; i < out->nr_shown; i++) {
		const struct out_column *column = &out->columns[out->shown[i]];
		bool right = column->kind == OUT_NUMBER || column->kind == OUT_SIZE ||
			     column->kind == OUT_PERCENT;
		bool draws = tree && !tree_done && (column->flags & OUT_TREE);
		char heading[64];
		struct libscols_column *col;

		tree_done = tree_done || draws;
		col = scols_table_new_column(
			table, out_heading(column, heading, sizeof(heading)), 0,
			(right ? SCOLS_FL_RIGHT : 0) | (draws ? SCOLS_FL_TREE : 0));
		if (!col)
			return -ENOMEM;
		if (scols_column_set_cmpfunc(col, compare, NULL) < 0)
			return -EINVAL;
	}
	return 0;
}

/* Texts come from outside: what moves a cursor is made visible. */
static int add_line(struct out *out, struct libscols_table *table, struct out_row *row)
{
	struct libscols_line *line;

	line = scols_table_new_line(table, row->parent ? row->parent->line : NULL);
	if (!line)
		return -ENOMEM;
	row->line = line;
	for (unsigned i = 0; i < out->nr_shown; i++) {
		char buf[BP_SIZE_TEXT];
		struct libscols_cell *cell = scols_line_get_cell(line, i);
		_cleanup_(freep) char *safe =
			cli_visible(out_field_text(out, row, out->shown[i], buf));

		if (!cell || !safe || scols_cell_set_data(cell, safe) < 0)
			return -ENOMEM;
		scols_cell_set_userdata(cell, row);
	}
	return 0;
}

/* Sorting comes after the tree is known, so that children stay with their parents. */
static int fill(struct out *out, struct libscols_table *table)
{
	bool tree = false;
	int r;

	for (struct out_row *row = out->first; row; row = row->next)
		tree = tree || row->parent;
	r = add_columns(out, table, tree);
	for (struct out_row *row = out->first; !r && row; row = row->next)
		r = add_line(out, table, row);
	if (r < 0)
		return r;
	if (out->sort_column >= 0)
		r = scols_sort_table(table, scols_table_get_column(table, 0));
	if (!r && tree && out->sort_column >= 0)
		r = scols_sort_table_by_tree(table);
	return r;
}

/* @nr_lines of @text, without the blanks that fill them up; the last may lack its newline. */
static void print_lines(FILE *to, const char *text, size_t nr_lines)
{
	for (; nr_lines; nr_lines--) {
		size_t len = strcspn(text, "\n"), used = len;

		while (used && text[used - 1] == ' ')
			used--;
		fprintf(to, "%.*s\n", (int)used, text);
		text += len + (text[len] == '\n');
	}
}

/* Printed to a string, as libscols would write to the terminal by its own rules. */
int out_table_print(struct out *out)
{
	struct libscols_table *table = scols_new_table();
	char *text = NULL;
	int r;

	if (!table)
		return -ENOMEM;
	scols_table_enable_noheadings(table, out->opts.no_headings);
	scols_table_enable_ascii(table, out->opts.ascii);
	/* Lines are never cut: whoever wants them shorter asks for fewer columns. */
	scols_table_enable_noencoding(table, 1); /* what we give it is safe */
	scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
	r = fill(out, table);
	if (!r)
		r = scols_print_table_to_string(table, &text);
	if (!r && text)
		print_lines(out->cli->out, text,
			    scols_table_get_nlines(table) + !out->opts.no_headings);
	free(text);
	scols_unref_table(table);
	return r;
}
