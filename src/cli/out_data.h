/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of the output: rows as they were given, and the printer of tables. */
#ifndef CLI_OUT_DATA_H
#define CLI_OUT_DATA_H

#include "cli/out.h"

#define OUT_MAX_COLUMNS 64u

struct out_field {
	bool set, truth;
	uint64_t number;
	char *text, *json;
};

/* What a row's member holds, lent. */
struct out_value {
	bool set, truth;
	uint64_t number;
	const char *text, *json;
};

struct out_row {
	struct out *out;
	struct out_row *parent, *next; /* all rows in the order given */
	struct out_field *fields;      /* by column of the table */
	void *line;                    /* the table printer's own */
};

struct out {
	struct cli *cli;
	struct out_opts opts;
	const struct out_schema *schema;
	const struct out_column *columns;
	uint32_t flags;
	unsigned nr_columns;
	unsigned shown[OUT_MAX_COLUMNS], nr_shown; /* columns to print, in order */
	int sort_column;                           /* -1: as given */
	bool sort_down;
	struct out_row *first, *last;
	bool printed; /* out_printed() */
	bool no_memory;
};

/* The field as people read it; @buf, BP_SIZE_TEXT bytes, may be used. Never NULL. */
const char *out_field_text(const struct out *out, const struct out_row *row, unsigned column,
			   char *buf);
/* "SIZE" for "size_bytes". @buf: as long as the name. */
const char *out_heading(const struct out_column *column, char *buf, size_t size);
/* The value of @column's member in @from; not set where it is not known, or there is no member. */
void out_value_read(const struct out_column *column, const void *from, struct out_value *ret);
/* <0, 0, >0, by the kind of the sort column and its direction. */
int out_compare(const struct out_row *a, const struct out_row *b);

/* Print the rows as one document. Return: an exit status or a negative errno. */
int out_json_print(struct out *out);
/* "text", "number" ...: the type of a column's member in JSON, for lists of columns. */
const char *schema_type(const struct out_column *column);
extern const struct out_schema columns_schema;

/* Print aligned columns, a tree if rows have parents. Return: 0 or a negative errno. */
int out_table_print(struct out *out);

#endif
