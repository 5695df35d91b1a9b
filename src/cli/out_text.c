/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows as text: sorted, as raw lines or as a record; aligned columns are out_table.c's. */
#include "cli/internal.h"
#include "cli/out_data.h"

#include <ctype.h>
#include <inttypes.h>

/* @buf is the caller's; the result may be it, or the row's own text. */
const char *out_field_text(const struct out *out, const struct out_row *row, unsigned column,
			   char *buf)
{
	const struct out_field *f = &row->fields[column];

	if (!f->set)
		return "";
	switch (out->columns[column].kind) {
	case OUT_TEXT:
	case OUT_JSON:
		return f->text ? f->text : "";
	case OUT_BOOL:
		return f->truth ? "yes" : "no";
	case OUT_SIZE:
		if (!out->opts.bytes)
			return bp_size_format(f->number, buf);
		break;
	case OUT_PERCENT:
		snprintf(buf, BP_SIZE_TEXT, "%" PRIu64 ".%02u%%", f->number / 100,
			 (unsigned)(f->number % 100));
		return buf;
	case OUT_NUMBER:
		break;
	}
	snprintf(buf, BP_SIZE_TEXT, "%" PRIu64, f->number);
	return buf;
}

/* Unset before set; a comparison of rows that are equal keeps their order. */
int out_compare(const struct out_row *a, const struct out_row *b)
{
	const struct out *out = a->out;
	unsigned column = (unsigned)out->sort_column;
	const struct out_field *fa = &a->fields[column], *fb = &b->fields[column];
	int r;

	if (fa->set != fb->set)
		r = fa->set ? 1 : -1;
	else if (fa->text && fb->text)
		r = strcmp(fa->text, fb->text);
	else if (fa->number != fb->number)
		r = fa->number < fb->number ? -1 : 1;
	else
		r = (int)fa->truth - (int)fb->truth;
	return out->sort_down ? -r : r;
}

/* In front of the first row that comes after it: rows that compare equal keep their order. */
static void insert_row(struct out_row **at, struct out_row *row)
{
	while (*at && out_compare(*at, row) <= 0)
		at = &(*at)->next;
	row->next = *at;
	*at = row;
}

/* Put the rows into order by insertion: equal rows stay as given, and lists are short. */
static void sort_rows(struct out *out)
{
	struct out_row *sorted = NULL, *next;

	for (struct out_row *row = out->first; row; row = next) {
		next = row->next;
		insert_row(&sorted, row);
	}
	out->first = sorted;
	for (out->last = sorted; out->last && out->last->next;)
		out->last = out->last->next;
}

/* What would be taken for a separator, or hurt a terminal, as \xHH. */
static void print_raw_text(struct cli *cli, const char *text, const char *separator)
{
	_cleanup_(freep) char *safe = cli_visible_raw(text, separator);

	if (!safe)
		cli_lost(cli);
	fputs(safe ? safe : "", cli->out);
}

/* One line a row, separated; headings too, unless told otherwise. */
static void print_raw(const struct out *out)
{
	const char *separator = out->opts.separator ? out->opts.separator : " ";
	FILE *to = out->cli->out;
	char buf[64];

	for (unsigned i = 0; !out->opts.no_headings && i < out->nr_shown; i++)
		fprintf(to, "%s%s", i ? separator : "",
			out_heading(&out->columns[out->shown[i]], buf, sizeof(buf)));
	if (!out->opts.no_headings)
		fputc('\n', to);
	for (const struct out_row *row = out->first; row; row = row->next) {
		for (unsigned i = 0; i < out->nr_shown; i++) {
			fputs(i ? separator : "", to);
			print_raw_text(out->cli, out_field_text(out, row, out->shown[i], buf),
				       separator);
		}
		fputc('\n', to);
	}
}

/* DM_OPEN_COUNT for "open_count": a name that a shell takes. */
static void print_variable(FILE *to, const char *name)
{
	fputs("DM_", to);
	for (; *name; name++)
		fputc(isalnum((unsigned char)*name) ? toupper((unsigned char)*name) : '_', to);
}

/* Between quotes a shell takes everything as it is; what would hurt a terminal is \xHH. */
static void print_quoted(struct cli *cli, const char *text)
{
	_cleanup_(freep) char *safe = cli_visible(text);
	FILE *to = cli->out;

	if (!safe)
		cli_lost(cli);
	fputc('\'', to);
	for (const char *c = safe ? safe : ""; *c; c++)
		if (*c == '\'')
			fputs("'\\''", to);
		else
			fputc(*c, to);
	fputc('\'', to);
}

/* NAME="value", for a shell's eval: names are made variables, values quoted for it. */
static void print_pairs(const struct out *out)
{
	FILE *to = out->cli->out;
	char buf[BP_SIZE_TEXT];

	for (const struct out_row *row = out->first; row; row = row->next)
		for (unsigned i = 0; i < out->nr_shown; i++) {
			unsigned column = out->shown[i];

			fputs(i ? " " : "", to);
			print_variable(to, out->columns[column].name);
			fputc('=', to);
			print_quoted(out->cli, out_field_text(out, row, column, buf));
			fputs(i + 1 < out->nr_shown ? "" : "\n", to);
		}
}

/* "Size: 4KiB", one line a field, in a column. */
static void print_record(const struct out *out)
{
	size_t width = 0;
	char heading[64], buf[BP_SIZE_TEXT];

	for (unsigned i = 0; i < out->nr_shown; i++) {
		size_t len = strlen(
			out_heading(&out->columns[out->shown[i]], heading, sizeof(heading)));

		width = len > width ? len : width;
	}
	for (const struct out_row *row = out->first; row; row = row->next) {
		for (unsigned i = 0; i < out->nr_shown; i++) {
			unsigned column = out->shown[i];
			const char *text = out_field_text(out, row, column, buf);
			_cleanup_(freep) char *safe = cli_visible(text);

			if (!safe)
				cli_lost(out->cli);
			if (!*text)
				continue;
			out_heading(&out->columns[column], heading, sizeof(heading));
			for (char *c = heading + 1; *c; c++)
				*c = *c == '-' ? ' ' : (char)tolower((unsigned char)*c);
			fprintf(out->cli->out, "%s:%*s %s\n", heading,
				(int)(width - strlen(heading)), "", safe ? safe : "");
		}
		if (row->next)
			fputc('\n', out->cli->out);
	}
}

/* The note that there is nothing goes to stderr. */
static int print_text(struct out *out)
{
	struct cli *cli = out->cli;

	if (!out->first && !out->printed && out->schema->none && !cli->failed)
		cli_note(cli, "%s: %s", cli->cmd->name, out->schema->none);
	if (out->opts.pairs)
		print_pairs(out);
	else if (out->opts.raw)
		print_raw(out);
	else if ((out->flags & OUT_RECORD) && !out->opts.columns)
		print_record(out);
	else if (out->first)
		return out_table_print(out);
	return 0;
}

/* Frees @out in any case. */
int out_print(struct out *out)
{
	struct cli *cli = out->cli;
	int r = out->no_memory ? -ENOMEM : 0;

	if (!r && out->sort_column >= 0 && (cli->json || out->opts.raw || out->opts.pairs))
		sort_rows(out);
	if (!r)
		r = cli->json ? out_json_print(out) : print_text(out);
	out_free(out);
	return r < 0 ? cli_fail(cli, NULL, r) : r;
}
