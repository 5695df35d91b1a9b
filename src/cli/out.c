// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rows and fields, and every way to print them but aligned columns. */
#include "cli/out_data.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

const char *out_heading(const struct out_column *column, char *buf, size_t size)
{
	static const char unit[] = "_bytes", share[] = "_percent";
	size_t len = strlen(column->name), tail = sizeof(unit) - 1;
	size_t share_tail = sizeof(share) - 1;

	if (len > tail && streq(column->name + len - tail, unit))
		len -= tail;
	if (column->kind == OUT_PERCENT && len > share_tail &&
	    streq(column->name + len - share_tail, share))
		len -= share_tail - 1; /* the blank in front of it becomes "%" */
	if (len >= size)
		len = size - 1;
	for (size_t i = 0; i < len; i++) {
		char c = column->name[i];

		buf[i] = c == '_' ? '-' : (char)toupper((unsigned char)c);
	}
	if (column->kind == OUT_PERCENT && len)
		buf[len - 1] = '%';
	buf[len] = '\0';
	return buf;
}

/* By its name in JSON or its heading, in any case. Return: its number or -1. */
static int find_column(const struct out *out, const char *name, size_t len)
{
	for (unsigned i = 0; i < out->nr_columns; i++) {
		char heading[64];

		out_heading(&out->columns[i], heading, sizeof(heading));
		if ((strlen(heading) == len && strncasecmp(heading, name, len) == 0) ||
		    (strlen(out->columns[i].name) == len &&
		     strncasecmp(out->columns[i].name, name, len) == 0))
			return (int)i;
	}
	return -1;
}

static int no_column(const struct out *out, const char *name, size_t len)
{
	return cli_usage_hint(out->cli, "--list-columns prints which there are",
			      "no column '%.*s'", (int)len, name);
}

static void show(struct out *out, unsigned column)
{
	for (unsigned i = 0; i < out->nr_shown; i++)
		if (out->shown[i] == column)
			return;
	out->shown[out->nr_shown++] = column;
}

static int choose_columns(struct out *out)
{
	const char *p = out->opts.columns;

	if (!p || p[0] == '+')
		for (unsigned i = 0; i < out->nr_columns; i++)
			if (out->columns[i].flags & OUT_DEFAULT)
				show(out, i);
	for (p = p && p[0] == '+' ? p + 1 : p; p && *p;) {
		size_t len = strcspn(p, ",");
		int column = find_column(out, p, len);

		if (column < 0 && !(len == 3 && strncasecmp(p, "all", 3) == 0))
			return no_column(out, p, len);
		if (column >= 0)
			show(out, (unsigned)column);
		for (unsigned i = 0; column < 0 && i < out->nr_columns; i++)
			show(out, i);
		p += len + (p[len] == ',');
	}
	return 0;
}

static int choose_sort(struct out *out)
{
	const char *name = out->opts.sort;

	out->sort_column = -1;
	if (!name)
		return 0;
	out->sort_down = name[0] == '-';
	name += name[0] == '-' || name[0] == '+';
	out->sort_column = find_column(out, name, strlen(name));
	return out->sort_column < 0 ? no_column(out, name, strlen(name)) : 0;
}

static void list_columns(const struct out *out)
{
	for (unsigned i = 0; i < out->nr_columns; i++) {
		char heading[64];

		fprintf(out->cli->out, "%-20s %s\n",
			out_heading(&out->columns[i], heading, sizeof(heading)),
			out->columns[i].help);
	}
}

int out_new(struct cli *cli, const struct out_opts *opts, const char *schema,
	    const struct out_column *columns, uint32_t flags, struct out **ret)
{
	struct out *out = calloc(1, sizeof(*out));
	int r;

	*ret = NULL;
	if (!out)
		return cli_fail(cli, NULL, -ENOMEM);
	out->cli = cli;
	out->schema = schema;
	out->columns = columns;
	out->flags = flags;
	if (opts)
		out->opts = *opts;
	while (columns[out->nr_columns].name && out->nr_columns < OUT_MAX_COLUMNS)
		out->nr_columns++;
	if (out->opts.list_columns) {
		list_columns(out);
		out_free(out);
		return EXIT_OK;
	}
	r = choose_columns(out);
	if (!r)
		r = choose_sort(out);
	if (r) {
		out_free(out);
		return r;
	}
	*ret = out;
	return 0;
}

static void row_free(struct out_row *row)
{
	for (unsigned i = 0; row->fields && i < row->out->nr_columns; i++) {
		free(row->fields[i].text);
		free(row->fields[i].json);
	}
	free(row->fields);
	free(row);
}

void out_free(struct out *out)
{
	struct out_row *next;

	if (!out)
		return;
	for (struct out_row *row = out->first; row; row = next) {
		next = row->next;
		row_free(row);
	}
	free(out);
}

struct out_row *out_row(struct out *out, struct out_row *parent)
{
	struct out_row *row = calloc(1, sizeof(*row));

	if (row)
		row->fields = calloc(out->nr_columns, sizeof(*row->fields));
	if (!row || !row->fields) {
		free(row);
		out->no_memory = true;
		return NULL;
	}
	row->out = out;
	row->parent = parent;
	if (out->last)
		out->last->next = row;
	else
		out->first = row;
	out->last = row;
	return row;
}

/* The field to be set, emptied; NULL where the row could not be made. */
static struct out_field *field(struct out_row *row, unsigned column)
{
	struct out_field *f = row ? &row->fields[column] : NULL;

	if (!f)
		return NULL;
	free(f->text);
	free(f->json);
	*f = (struct out_field){ .set = true };
	return f;
}

static char *copy(struct out_row *row, const char *text)
{
	char *dup = strdup(text);

	if (!dup)
		row->out->no_memory = true;
	return dup;
}

void out_text(struct out_row *row, unsigned column, const char *text)
{
	struct out_field *f = text ? field(row, column) : NULL;

	if (f)
		f->text = copy(row, text);
}

void out_textf(struct out_row *row, unsigned column, const char *fmt, ...)
{
	struct out_field *f = field(row, column);
	va_list args;

	if (!f)
		return;
	va_start(args, fmt);
	if (vasprintf(&f->text, fmt, args) < 0) {
		f->text = NULL;
		row->out->no_memory = true;
	}
	va_end(args);
}

void out_number(struct out_row *row, unsigned column, uint64_t number)
{
	struct out_field *f = field(row, column);

	if (f)
		f->number = number;
}

void out_bool(struct out_row *row, unsigned column, bool value)
{
	struct out_field *f = field(row, column);

	if (f)
		f->truth = value;
}

void out_json(struct out_row *row, unsigned column, const char *json, const char *text)
{
	struct out_field *f = json ? field(row, column) : NULL;

	if (!f)
		return;
	f->json = copy(row, json);
	f->text = copy(row, text ? text : "");
}

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

char *out_safe(const char *text)
{
	char *copy = malloc(strlen(text) * 4 + 1), *to = copy;
	size_t left = strlen(text), len;

	for (; copy && left; text += len, left -= len) {
		wchar_t wide;

		len = mbrtowc(&wide, text, left, &(mbstate_t){ 0 });
		if (len == 0 || len > left || !iswprint((wint_t)wide)) {
			len = 1;
			to += sprintf(to, "\\x%02x", (unsigned char)*text);
		} else {
			memcpy(to, text, len);
			to += len;
		}
	}
	if (copy)
		*to = '\0';
	return copy;
}

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

/* Put the rows into order by insertion: equal rows stay as given, and lists are short. */
static void sort_rows(struct out *out)
{
	struct out_row *sorted = NULL, *next;

	for (struct out_row *row = out->first; row; row = next) {
		struct out_row **at = &sorted;

		next = row->next;
		while (*at && out_compare(*at, row) <= 0)
			at = &(*at)->next;
		row->next = *at;
		*at = row;
	}
	out->first = sorted;
	for (out->last = sorted; out->last && out->last->next;)
		out->last = out->last->next;
}

static void field_json(const struct out *out, const struct out_row *row, unsigned column,
		       struct bp_json *json)
{
	const struct out_field *f = &row->fields[column];
	const char *name = out->columns[column].name;
	char number[32];

	if (!f->set) {
		bp_json_null(json, name);
		return;
	}
	switch (out->columns[column].kind) {
	case OUT_TEXT:
		bp_json_string(json, name, f->text);
		break;
	case OUT_JSON:
		bp_json_raw(json, name, f->json ? f->json : "null");
		break;
	case OUT_BOOL:
		bp_json_bool(json, name, f->truth);
		break;
	case OUT_PERCENT:
		snprintf(number, sizeof(number), "%" PRIu64 ".%02u", f->number / 100,
			 (unsigned)(f->number % 100));
		bp_json_raw(json, name, number);
		break;
	case OUT_NUMBER:
	case OUT_SIZE:
		bp_json_uint(json, name, f->number);
		break;
	}
}

static void row_json(const struct out *out, const struct out_row *row, bool tree,
		     struct bp_json *json)
{
	bp_json_object(json, out->flags & OUT_ONE ? "data" : NULL);
	/* Without -o programs get everything. */
	for (unsigned i = 0; i < (out->opts.columns ? out->nr_shown : out->nr_columns); i++)
		field_json(out, row, out->opts.columns ? out->shown[i] : i, json);
	if (tree) {
		bp_json_array(json, "children");
		for (const struct out_row *child = out->first; child; child = child->next)
			if (child->parent == row)
				row_json(out, child, tree, json);
		bp_json_array_close(json);
	}
	bp_json_object_close(json);
}

static int print_json(struct out *out)
{
	struct bp_json *json;
	bool tree = false;
	int r = cli_json_begin(out->cli, out->schema, &json);

	if (r < 0)
		return cli_fail(out->cli, NULL, r);
	for (const struct out_row *row = out->first; row; row = row->next)
		tree = tree || row->parent;
	if (!(out->flags & OUT_ONE))
		bp_json_array(json, "data");
	else if (!out->first)
		bp_json_null(json, "data");
	for (const struct out_row *row = out->first; row; row = row->next)
		if (!row->parent)
			row_json(out, row, tree, json);
	if (!(out->flags & OUT_ONE))
		bp_json_array_close(json);
	return cli_json_end(out->cli, json);
}

/* What would be taken for a separator, or hurt a terminal, as \xHH. */
static void print_raw_text(FILE *to, const char *text, const char *separator)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f || c == '\\' || strchr(separator, c))
			fprintf(to, "\\x%02x", c);
		else
			fputc(c, to);
	}
}

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
			print_raw_text(to, out_field_text(out, row, out->shown[i], buf),
				       separator);
		}
		fputc('\n', to);
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
			_cleanup_(freep) char *safe = out_safe(text);

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

int out_print(struct out *out)
{
	struct cli *cli = out->cli;
	int r = 0;

	if (out->no_memory)
		r = -ENOMEM;
	if (!r && out->sort_column >= 0 && (cli->json || out->opts.raw))
		sort_rows(out);
	if (!r && cli->json) {
		r = print_json(out);
		out_free(out);
		return r;
	}
	if (!r && out->opts.raw)
		print_raw(out);
	else if (!r && (out->flags & OUT_RECORD) && !out->opts.columns)
		print_record(out);
	else if (!r && out->first)
		r = out_table_print(out);
	out_free(out);
	return r < 0 ? cli_fail(cli, NULL, r) : EXIT_OK;
}
