/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "commands/status_text.h"

#include "commands/common.h"

#include <inttypes.h>

static size_t count_columns(const struct out_column *columns)
{
	size_t count = 0;

	while (columns[count].name)
		count++;
	return count;
}

void field_columns_free(struct out_column *columns, const struct out_column *base)
{
	if (!columns)
		return;
	for (size_t i = count_columns(base); columns[i].name; i++)
		free((char *)(uintptr_t)columns[i].name);
	free(columns);
}

/* Names are copied: columns outlive the iterator that lends them. */
static int add_column(struct out_column **columns, size_t count, const struct bp_option *field)
{
	struct out_column *more = realloc(*columns, (count + 2) * sizeof(*more));
	enum out_kind kind = field->kind == BP_OPTION_NUMBER ? OUT_NUMBER
			     : field->kind == BP_OPTION_FLAG ? OUT_BOOL
							     : OUT_TEXT;

	if (!more)
		return -ENOMEM;
	*columns = more;
	more[count] =
		(struct out_column){ strdup(field->name), kind, OUT_DEFAULT, field->help };
	more[count + 1] = (struct out_column)OUT_COLUMNS_END;
	return more[count].name ? 0 : -ENOMEM;
}

/* Lists and records have no column: they don't fit a cell. */
int field_columns_new(const struct bp_target *target, const struct out_column *base,
		      const char *defaults, struct out_column **ret)
{
	size_t count = count_columns(base), nr_base = count;
	struct out_column *columns = calloc(count + 1, sizeof(*columns));
	struct bp_option_iter *iter;
	struct bp_option field;
	int r = columns ? bp_status_field_iter_new(target, &iter) : -ENOMEM;

	if (r < 0) {
		free(columns);
		return r;
	}
	memcpy(columns, base, (count + 1) * sizeof(*columns));
	for (size_t i = 0; i < count; i++)
		columns[i].flags =
			word_in_list(defaults, columns[i].name, strlen(columns[i].name))
				? OUT_DEFAULT
				: 0;
	while (r == 0 && (r = bp_option_next(iter, &field)) == 0)
		if (field.kind != BP_OPTION_WORDS && field.kind != BP_OPTION_RECORD &&
		    field.kind != BP_OPTION_RECORDS)
			r = add_column(&columns, count++, &field);
	bp_option_iter_free(iter);
	if (r >= 0 && count == nr_base)
		r = -ENOENT;
	if (r < 0)
		field_columns_free(columns, base);
	else
		*ret = columns;
	return r < 0 ? r : 0;
}

/* A field that isn't in this status stays empty. */
int field_columns_set(struct cli *cli, const struct out_column *columns,
		      const struct out_column *base, const struct bp_status *status,
		      struct out_row *row)
{
	int r = 0;

	for (unsigned i = (unsigned)count_columns(base); r >= 0 && columns[i].name; i++) {
		_cleanup_(freep) char *value = NULL;
		struct bp_number number;

		if (!status->values)
			return 0;
		if (columns[i].kind == OUT_NUMBER) {
			r = bp_status_number(cli->ctx, status, columns[i].name, &number);
			if (r == 0 && number.is_set)
				out_number(row, i, number.value);
			continue;
		}
		r = bp_status_get(cli->ctx, status, columns[i].name, &value);
		if (r < 0 || !value)
			continue;
		if (columns[i].kind == OUT_BOOL)
			out_bool(row, i, streq(value, "true"));
		else
			out_text(row, i, value);
	}
	return r < 0 ? r : 0;
}
