/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows and their fields: which columns are wanted, and what was given for them. */
#include "cli/out_data.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <strings.h>
#include <wchar.h>
#include <wctype.h>

/*
 * "size_bytes" is SIZE in a table, as the unit is printed with the value; "used_percent" is
 * USED%.
 */
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

static bool is_called(const char *own, const char *name, size_t len)
{
	return strlen(own) == len && strncasecmp(own, name, len) == 0;
}

/* By its name in JSON or its heading, in any case. Return: its number or -1. */
static int find_column(const struct out *out, const char *name, size_t len)
{
	for (unsigned i = 0; i < out->nr_columns; i++) {
		const struct out_column *column = &out->columns[i];
		char heading[64];

		out_heading(column, heading, sizeof(heading));
		if (is_called(heading, name, len) || is_called(column->name, name, len))
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

/* "+name" adds to the default ones; "all" is all. */
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

/* "-name" goes down. */
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

/* clang-format off */
static const struct out_column column_columns[] = {
	COL_TEXT(struct out_column, name, OUT_DEFAULT, "name of the column, and of the member in JSON"),
	DOC("heading", OUT_TEXT, "what stands above it in text"),
	DOC("type", OUT_TEXT, "type in JSON, as --schemas has it"),
	DOC("default", OUT_BOOL, "shown without --output"),
	COL_TEXT(struct out_column, help, 0, "what it tells"),
	OUT_COLUMNS_END
};
/* clang-format on */
const struct out_schema columns_schema = {
	.name = "bedplate.columns",
	.help = "The columns of a verb, by --list-columns.",
	.columns = column_columns,
};

/* The same rows as the document's schema. */
static int list_columns_json(const struct out *out)
{
	struct bp_json *json;
	int r = cli_json_start(out->cli, &columns_schema, &json);

	if (r < 0)
		return cli_fail(out->cli, NULL, r);
	bp_json_array(json, "data");
	for (unsigned i = 0; i < out->nr_columns; i++) {
		const struct out_column *column = &out->columns[i];
		char heading[64];

		bp_json_object(json, NULL);
		bp_json_string(json, "name", column->name);
		bp_json_string(json, "heading", out_heading(column, heading, sizeof(heading)));
		bp_json_string(json, "type", schema_type(column));
		bp_json_bool(json, "default", column->flags & OUT_DEFAULT);
		bp_json_string(json, "help", column->help);
		bp_json_object_close(json);
	}
	bp_json_array_close(json);
	return cli_json_end(out->cli, json);
}

/* The verb does no work for it. */
static int list_columns(const struct out *out)
{
	if (out->cli->json)
		return list_columns_json(out);
	for (unsigned i = 0; i < out->nr_columns; i++) {
		char heading[64];

		fprintf(out->cli->out, "%-20s %s\n",
			out_heading(&out->columns[i], heading, sizeof(heading)),
			out->columns[i].help);
	}
	return EXIT_OK;
}

/* *ret NULL with 0: the columns were listed, and that was all. */
int out_open_columns(struct cli *cli, const struct out_opts *opts,
		     const struct out_schema *schema, const struct out_column *columns,
		     struct out **ret)
{
	_cleanup_(out_freep) struct out *out = calloc(1, sizeof(*out));
	int r;

	*ret = NULL;
	if (!out)
		return cli_fail(cli, NULL, -ENOMEM);
	out->cli = cli;
	out->schema = schema;
	out->columns = columns;
	out->flags = schema->flags;
	if (opts)
		out->opts = *opts;
	/* Programs calculate with them. */
	out->opts.bytes |= out->opts.pairs;
	while (columns[out->nr_columns].name && out->nr_columns < OUT_MAX_COLUMNS)
		out->nr_columns++;
	if (out->opts.list_columns)
		return list_columns(out);
	r = choose_columns(out);
	if (!r)
		r = choose_sort(out);
	if (!r)
		*ret = steal(out);
	return r;
}

int out_open(struct cli *cli, const struct out_opts *opts, const struct out_schema *schema,
	     struct out **ret)
{
	return out_open_columns(cli, opts, schema, schema->columns, ret);
}

void out_set_flags(struct out *out, uint32_t flags)
{
	out->flags = flags;
}

/* For fields that cost something to find out: under --json all are shown. */
bool out_shows(const struct out *out, const char *name)
{
	int column = find_column(out, name, strlen(name));

	if (out->cli->json && !out->opts.columns)
		return true;
	for (unsigned i = 0; i < out->nr_shown; i++)
		if ((int)out->shown[i] == column)
			return true;
	return column >= 0 && column == out->sort_column;
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

/* Rows are kept until out_print(): widths, sorting and trees need all of them. */
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

/*
 * Without memory the whole output fails at its end: a lost field would look like an empty
 * one.
 */
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

void out_printed(struct out *out)
{
	out->printed = true;
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

/* A number as it lies in the row. Return: whether it is known. */
static bool stored_number(enum out_store store, const void *member, uint64_t *ret)
{
	int64_t number;

	switch (store) {
	case OUT_STORE_U64:
		*ret = *(const uint64_t *)member;
		return *ret != OUT_UNKNOWN;
	case OUT_STORE_U32:
		*ret = *(const uint32_t *)member;
		return true;
	case OUT_STORE_I64:
	case OUT_STORE_I32:
		number = store == OUT_STORE_I64 ? *(const int64_t *)member
						: *(const int32_t *)member;
		*ret = (uint64_t)number;
		return number >= 0;
	case OUT_STORE_NONE:
	case OUT_STORE_POINTER:
	case OUT_STORE_ARRAY:
	case OUT_STORE_BOOL:
	case OUT_STORE_MAYBE:
	case OUT_STORE_JSON:
		break;
	}
	return false;
}

/* By how the member is stored; "unset" values are not set. */
void out_value_read(const struct out_column *column, const void *from, struct out_value *ret)
{
	const void *member = (const char *)from + column->offset;
	const struct out_json *json = member;

	*ret = (struct out_value){ 0 };
	switch (column->store) {
	case OUT_STORE_NONE:
		return;
	case OUT_STORE_POINTER:
		ret->text = *(const char *const *)member;
		ret->set = ret->text;
		return;
	case OUT_STORE_ARRAY:
		ret->text = member;
		ret->set = true;
		return;
	case OUT_STORE_BOOL:
		ret->truth = *(const bool *)member;
		ret->set = true;
		return;
	case OUT_STORE_MAYBE:
		ret->set = *(const int8_t *)member >= 0;
		ret->truth = *(const int8_t *)member > 0;
		return;
	case OUT_STORE_JSON:
		ret->json = json->json;
		ret->text = json->text;
		ret->set = json->json;
		return;
	case OUT_STORE_U64:
	case OUT_STORE_U32:
	case OUT_STORE_I64:
	case OUT_STORE_I32:
		ret->set = stored_number(column->store, member, &ret->number);
		return;
	}
}

/* Copied. */
static void add_field(struct out_row *row, unsigned i, const struct out_column *column,
		      const void *from)
{
	struct out_value v;

	out_value_read(column, from, &v);
	if (!v.set)
		return;
	switch (column->kind) {
	case OUT_TEXT:
		out_text(row, i, v.text);
		break;
	case OUT_BOOL:
		out_bool(row, i, v.truth);
		break;
	case OUT_JSON:
		out_json(row, i, v.json, v.text);
		break;
	case OUT_NUMBER:
	case OUT_SIZE:
	case OUT_PERCENT:
		out_number(row, i, v.number);
		break;
	}
}

struct out_row *out_add(struct out *out, struct out_row *parent, const void *from)
{
	struct out_row *row = out_row(out, parent);

	for (unsigned i = 0; row && i < out->nr_columns; i++)
		add_field(row, i, &out->columns[i], from);
	return row;
}
