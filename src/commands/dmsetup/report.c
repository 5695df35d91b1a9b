/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reports in columns: rows are collected, sorted, and printed with columns as wide as their widest
 * value; or with a separator, prefixes and quotes, or a line a field.
 */
#include "commands/dmsetup/report.h"

#include "core/vec.h"

#include <ctype.h>

struct column {
	const struct field *field;
	bool hidden; /* a sort key only */
	size_t width;
};

struct sort_key {
	size_t column;
	bool falling;
};

struct row {
	char **cells; /* one a column */
};

struct report {
	struct front *f;
	VEC(struct column) columns;
	VEC(struct sort_key) keys;
	VEC(struct row) rows;
	struct selection *selection;
	bool parts[PART_SPECIAL + 1];
	bool aligned, headings, headings_done, show_all;
	const char *separator;
};

/* --- what is shown --- */

/* Notes which questions a report has to ask. */
static int add_column(struct report *report, const struct field *field, bool hidden)
{
	struct column column = {
		.field = field,
		.hidden = hidden,
		.width = MAX(field->width, strlen(field->heading)),
	};

	report->parts[field->part] = true;
	report->show_all |= field->part == PART_SPECIAL;
	if (vec_add(&report->columns, &column) == 0)
		return 0;
	cli_lost(report->f->cli);
	return -1;
}

/* @part: -1 is all of them; "selected" is not among them. */
static int add_all(struct report *report, int part)
{
	int r = 0;

	for (const struct field *field = dmsetup_fields; r == 0 && field->id; field++)
		if (field->part != PART_SPECIAL && (part >= 0 || field->part != PART_STATS) &&
		    (part < 0 || field->part == (enum field_part)part))
			r = add_column(report, field, false);
	return r;
}

/* 0, 1 (help) or -1. */
static int add_field(struct report *report, const char *name, size_t len)
{
	const struct field *field = field_find(name, len);
	int part = field_part_all(name, len);

	if ((len == 4 && strncmp(name, "help", 4) == 0) || (len == 1 && *name == '?')) {
		fields_list(report->f, false);
		return 1;
	}
	if (field)
		return add_column(report, field, false);
	if (part >= 0 || (len == 3 && strncmp(name, "all", 3) == 0))
		return add_all(report, part);
	fields_list(report->f, false);
	return say(report->f, "Unrecognised field: %.*s", (int)len, name);
}

/* Empty words between commas are passed over. */
static int add_fields(struct report *report, const char *names)
{
	int r = 0;

	while (r == 0 && *names) {
		size_t len = strcspn(names, ",");

		if (len)
			r = add_field(report, names, len);
		names += len + (names[len] == ',');
	}
	return r;
}

/* Sorting by a field that isn't shown adds a hidden column. */
static int add_key(struct report *report, const char *name, size_t len)
{
	struct sort_key key = { .falling = *name == '-' };
	const struct field *field;

	if (*name == '-' || *name == '+') {
		name++;
		len--;
	}
	field = field_find(name, len);
	if (!field) {
		fields_list(report->f, false);
		return say(report->f, "dm_report: Unrecognised field: %.*s", (int)len, name);
	}
	while (key.column < report->columns.count &&
	       report->columns.items[key.column].field != field)
		key.column++;
	if (key.column == report->columns.count && add_column(report, field, true) < 0)
		return -1;
	if (vec_add(&report->keys, &key) == 0)
		return 0;
	cli_lost(report->f->cli);
	return -1;
}

static int add_keys(struct report *report, const char *names)
{
	int r = 0;

	while (r == 0 && names && *names) {
		size_t len = strcspn(names, ",");

		r = add_key(report, names, len);
		names += len + (names[len] == ',');
	}
	return r;
}

/* "+" adds to the usual ones. */
static int choose_fields(struct report *report, bool of_names)
{
	const char *usual = of_names ? "vg_name,lv_name,lv_layer"
			    : report->f->stats
				    ? "stats_name,group_id,region_id,obj_type,region_start,"
				      "region_len,area_count,area_len,program_id"
				    : "name,major,minor,attr,open,segments,events,uuid";
	const char *options = report->f->args.options;
	int r = 0;

	if (!options || *options == '+')
		r = add_fields(report, usual);
	if (r == 0 && options)
		r = add_fields(report, options + (*options == '+'));
	if (r == 0)
		r = add_keys(report, report->f->args.sort);
	return r;
}

/* 1: help was asked for and printed. */
int report_begin(struct front *f, bool of_names)
{
	struct report *report = calloc(1, sizeof(*report));
	int r;

	f->report = report;
	if (!report)
		return say(f, "no memory");
	report->f = f;
	report->separator = f->args.separator    ? f->args.separator
			    : f->args.noheadings ? ":"
						 : " ";
	report->headings = !f->args.noheadings;
	report->aligned = !f->args.noheadings && !f->args.separator && !f->args.nameprefixes;
	/* Of a verb that only selects by it, -o and -O may mean something else. */
	r = f->as_info ? 0 : choose_fields(report, of_names);
	if (r == 0 && f->args.select && !of_names)
		r = selection_parse(f, f->args.select, &report->selection);
	for (int i = 0; r == 0 && i <= PART_SPECIAL; i++)
		report->parts[i] |= selection_needs(report->selection, (enum field_part)i);
	if (r == 0 && report->parts[PART_TREE])
		r = tree_read(f);
	return r;
}

static void row_done(const struct report *report, struct row *row)
{
	for (size_t i = 0; row->cells && i < report->columns.count; i++)
		free(row->cells[i]);
	free(row->cells);
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->rows.count; i++)
		row_done(report, &report->rows.items[i]);
	vec_done(&report->rows);
	vec_done(&report->columns);
	vec_done(&report->keys);
	selection_free(report->selection);
	free(report);
}

/* --- rows --- */

/* Every cell is text before it is sorted: widths are known then. */
static int fill_row(struct report *report, const struct subject *s, struct row *row)
{
	row->cells = calloc(report->columns.count + 1, sizeof(*row->cells));
	if (!row->cells)
		return say(report->f, "no memory");
	for (size_t i = 0; i < report->columns.count; i++) {
		struct column *column = &report->columns.items[i];
		struct strbuf text = { 0 };

		if (column->field->get(s, &text) < 0) {
			strbuf_done(&text);
			return say(report->f,
				   "_do_report_object: report function failed for field %s",
				   column->field->id);
		}
		column->width = MAX(column->width, text.len);
		if (strbuf_take(&text, &row->cells[i]) < 0)
			return say(report->f, "no memory");
	}
	return 0;
}

/* Whether each line goes out when it is known: not where they are to be sorted, or turned, first. */
static bool at_once(const struct report *report)
{
	return report->f->args.unbuffered && !report->f->args.rows && !report->f->args.sort;
}

static int add_row(struct report *report, const struct subject *s)
{
	struct row row = { 0 };

	if (fill_row(report, s, &row) < 0 || vec_add(&report->rows, &row) < 0) {
		row_done(report, &row);
		return -1;
	}
	if (at_once(report))
		report_end(report->f);
	return 0;
}

/* The parts of a name are LVM's only; who made it stands in front of the uuid's first hyphen. */
static void split(struct front *f, const char *name, const char *subsystem, size_t len,
		  struct bp_name_parts *ret)
{
	*ret = (struct bp_name_parts){ 0 };
	if (len == 3 && strncmp(subsystem, "LVM", 3) == 0)
		bp_name_split(f->ctx, name, "LVM", NULL, ret);
	snprintf(ret->subsystem, sizeof(ret->subsystem), "%.*s", (int)len, subsystem);
}

/* Asks for what the fields need; @subject->deps is to be freed. 0 or -1. */
static int gather(struct front *f, const struct bp_device_info *info, struct subject *ret,
		  struct bp_device_deps **ret_deps)
{
	const struct bp_selector which = { .major = info->major, .minor = info->minor };
	const bool *parts = f->report->parts;
	const char *hyphen = strchr(info->uuid, '-');

	*ret = (struct subject){ .f = f, .info = info, .selected = true };
	if (parts[PART_NAME])
		split(f, info->name, info->uuid, hyphen ? (size_t)(hyphen - info->uuid) : 0,
		      &ret->parts);
	if (parts[PART_TREE])
		ret->node = tree_find(f, info->major, info->minor);
	if (!parts[PART_DEPS])
		return 0;
	if (bp_device_deps(f->ctx, &which, f->args.inactive ? BP_TABLE_INACTIVE : 0, ret_deps) <
	    0)
		return say(f, "Cannot get deps for %u:%u.", info->major, info->minor);
	ret->deps = *ret_deps;
	ret->nr_deps = bp_device_deps_count(*ret_deps);
	return 0;
}

static int add_selected(struct front *f, struct subject *s)
{
	const struct report *report = f->report;
	int r = 0;

	if (report->selection) {
		r = selection_matches(report->selection, s);
		s->selected = r > 0;
	}
	if (r < 0 || (!s->selected && !report->show_all))
		return r < 0 ? -1 : 0;
	return add_row(f->report, s);
}

/* What the selection needs is asked before it is tried. Of statistics there are as many rows as there are objects. */
int report_add_device(struct front *f, const struct bp_device_info *info)
{
	_cleanup_(deps_freep) struct bp_device_deps *deps = NULL;
	struct subject s;

	if (gather(f, info, &s, &deps) < 0)
		return -1;
	return f->report->parts[PART_STATS] ? stats_walk(f, &s, add_selected)
					    : add_selected(f, &s);
}

int report_selects(struct front *f, const struct bp_device_info *info)
{
	_cleanup_(deps_freep) struct bp_device_deps *deps = NULL;
	struct subject s;

	if (gather(f, info, &s, &deps) < 0)
		return -1;
	return selection_matches(f->report->selection, &s);
}

static void escape_backslashes(const char *name, char *ret, size_t size)
{
	size_t n = 0;

	for (; *name && n + sizeof("\\x5c") <= size; name++)
		n += (size_t)snprintf(ret + n, size - n, *name == '\\' ? "\\x5c" : "%c", *name);
	ret[n] = '\0';
}

/* No device: splitname only takes a name apart. */
int report_add_name(struct front *f, const char *name, const char *subsystem)
{
	char escaped[BP_NAME_SIZE];
	struct bp_device_info info = { 0 };
	struct subject s = { .f = f, .info = &info, .selected = true };

	snprintf(info.name, sizeof(info.name), "%s", name);
	snprintf(info.kernel_name, sizeof(info.kernel_name), "%s", name);
	/* A word is no name of the kernel's: what looks mangled in it is meant so. */
	escape_backslashes(name, escaped, sizeof(escaped));
	split(f, escaped, subsystem, strlen(subsystem), &s.parts);
	return add_row(f->report, &s);
}

int verb_splitname(struct front *f, int argc, char **argv)
{
	return report_add_name(f, argv[0], argc == 2 ? argv[1] : "LVM");
}

/* --- order --- */

/* Numbers as numbers, whatever their text. */
static int compare_cells(const struct field *field, const char *a, const char *b)
{
	long long x, y;

	if (!field->number)
		return strcmp(a, b);
	x = strtoll(a, NULL, 10);
	y = strtoll(b, NULL, 10);
	return (x > y) - (x < y);
}

/* By each key in turn; qsort isn't stable, so equal rows may change places. */
static int compare_rows(const void *a, const void *b, void *user)
{
	const struct row *x = a, *y = b;
	const struct report *report = user;

	for (size_t i = 0; i < report->keys.count; i++) {
		const struct sort_key *key = &report->keys.items[i];
		int r = compare_cells(report->columns.items[key->column].field,
				      x->cells[key->column], y->cells[key->column]);

		if (r)
			return key->falling ? -r : r;
	}
	return 0;
}

/* --- printing --- */

static void add_aligned(const struct column *column, const char *text, struct strbuf *ret)
{
	strbuf_addf(ret, column->field->number ? "%*s" : "%-*s", (int)column->width, text);
}

/* --nameprefixes: text for a shell to evaluate. */
static void add_cell(const struct report *report, const struct column *column, const char *text,
		     struct strbuf *ret)
{
	const char *quote = report->f->args.unquoted ? "" : "'";

	if (report->f->args.nameprefixes) {
		strbuf_add(ret, "DM_");
		for (const char *c = column->field->id; *c; c++)
			strbuf_add_char(ret, (char)toupper((unsigned char)*c));
		strbuf_addf(ret, "=%s%s%s", quote, text, quote);
	} else if (report->aligned && !report->f->args.rows) {
		add_aligned(column, text, ret);
	} else {
		strbuf_add(ret, text);
	}
}

/* @row: NULL: the headings. */
static void add_row_text(const struct report *report, const struct row *row, struct strbuf *ret)
{
	bool first = true;

	for (size_t i = 0; i < report->columns.count; i++) {
		const struct column *column = &report->columns.items[i];

		if (column->hidden)
			continue;
		strbuf_add(ret, first ? "" : report->separator);
		first = false;
		if (row)
			add_cell(report, column, row->cells[i], ret);
		else if (report->aligned)
			strbuf_addf(ret, "%-*s", (int)column->width, column->field->heading);
		else
			strbuf_add(ret, column->field->heading);
	}
	strbuf_add_char(ret, '\n');
}

/* A line for each field, its value of each row. */
static void add_fields_as_rows(const struct report *report, struct strbuf *ret)
{
	for (size_t i = 0; i < report->columns.count; i++) {
		const struct column *column = &report->columns.items[i];
		bool first = true;

		if (column->hidden)
			continue;
		if (report->headings) {
			strbuf_add(ret, column->field->heading);
			first = false;
		}
		for (size_t k = 0; k < report->rows.count; k++) {
			strbuf_add(ret, first ? "" : report->separator);
			first = false;
			add_cell(report, column, report->rows.items[k].cells[i], ret);
		}
		strbuf_add_char(ret, '\n');
	}
}

static void add_rows(struct report *report, struct strbuf *ret)
{
	if (report->headings && !report->headings_done)
		add_row_text(report, NULL, ret);
	report->headings_done = at_once(report);
	for (size_t i = 0; i < report->rows.count; i++)
		add_row_text(report, &report->rows.items[i], ret);
}

/* Rows are dropped, so that the next round begins anew. */
void report_end(struct front *f)
{
	struct report *report = f->report;
	struct strbuf text = { 0 };

	if (report->rows.count == 0)
		return;
	if (report->keys.count && report->rows.count > 1)
		qsort_r(report->rows.items, report->rows.count, sizeof(report->rows.items[0]),
			compare_rows, report);
	if (f->args.rows)
		add_fields_as_rows(report, &text);
	else
		add_rows(report, &text);
	put_all(f, &text);
	strbuf_done(&text);
	for (size_t i = 0; i < report->rows.count; i++)
		row_done(report, &report->rows.items[i]);
	report->rows.count = 0;
}
