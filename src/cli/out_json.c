/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows as JSON, every column of each, or those that were asked for. */
#include "cli/internal.h"
#include "cli/out_data.h"

#include <inttypes.h>

/* What isn't set is null. */
static void value_json(struct bp_json *json, const char *name, enum out_kind kind,
		       const struct out_value *v)
{
	char number[32];

	if (!v->set) {
		bp_json_null(json, name);
		return;
	}
	switch (kind) {
	case OUT_TEXT:
		bp_json_string(json, name, v->text);
		break;
	case OUT_JSON:
		bp_json_raw(json, name, v->json ? v->json : "null");
		break;
	case OUT_BOOL:
		bp_json_bool(json, name, v->truth);
		break;
	case OUT_PERCENT:
		snprintf(number, sizeof(number), "%" PRIu64 ".%02u", v->number / 100,
			 (unsigned)(v->number % 100));
		bp_json_raw(json, name, number);
		break;
	case OUT_NUMBER:
	case OUT_SIZE:
		bp_json_uint(json, name, v->number);
		break;
	}
}

static void field_json(const struct out *out, const struct out_row *row, unsigned column,
		       struct bp_json *json, const char *name)
{
	const struct out_field *f = &row->fields[column];

	value_json(json, name, out->columns[column].kind,
		   &(struct out_value){ f->set, f->truth, f->number, f->text, f->json });
}

void out_members(struct bp_json *json, const struct out_column *columns, const void *from)
{
	for (; columns->name; columns++) {
		struct out_value v;

		if (columns->store == OUT_STORE_NONE)
			continue;
		out_value_read(columns, from, &v);
		/* Damaged metadata may hold any number. */
		v.set = v.set || columns->store == OUT_STORE_U64;
		value_json(json, columns->name, columns->kind, &v);
	}
}

/* Children come in "children", by searching the list: trees are small. */
static void row_json(const struct out *out, const struct out_row *row, bool tree,
		     struct bp_json *json)
{
	if (out->flags & OUT_PLAIN) {
		field_json(out, row, 0, json, "data");
		return;
	}
	bp_json_object(json, out->flags & OUT_ONE ? "data" : NULL);
	/* Without -o programs get everything. */
	for (unsigned i = 0; i < (out->opts.columns ? out->nr_shown : out->nr_columns); i++) {
		unsigned column = out->opts.columns ? out->shown[i] : i;

		field_json(out, row, column, json, out->columns[column].name);
	}
	if (tree) {
		bp_json_array(json, "children");
		for (const struct out_row *child = out->first; child; child = child->next)
			if (child->parent == row)
				row_json(out, child, tree, json);
		bp_json_array_close(json);
	}
	bp_json_object_close(json);
}

/* Nothing at all where it failed: an empty list would look like an answer. */
static void no_rows_json(const struct out *out, struct bp_json *json)
{
	if (out->flags & (OUT_ONE | OUT_PLAIN) || out->cli->nr_errors) {
		bp_json_null(json, "data");
		return;
	}
	bp_json_array(json, "data");
	bp_json_array_close(json);
}

/* A list is [] without rows, so that programs can loop. */
int out_json_print(struct out *out)
{
	bool list = !(out->flags & (OUT_ONE | OUT_PLAIN)), tree = out->flags & OUT_NESTED;
	struct bp_json *json;
	int r = cli_json_start(out->cli, out->schema, &json);

	if (r < 0)
		return r;
	for (const struct out_row *row = out->first; row; row = row->next)
		tree = tree || row->parent;
	if (!out->first)
		no_rows_json(out, json);
	else if (list)
		bp_json_array(json, "data");
	for (const struct out_row *row = out->first; row; row = row->next)
		if (!row->parent)
			row_json(out, row, tree, json);
	if (out->first && list)
		bp_json_array_close(json);
	return cli_json_end(out->cli, json);
}
