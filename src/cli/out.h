/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Results as rows and fields, given once, printed as a table, a tree, raw lines, or JSON.
 *
 *	enum { NAME, SIZE };
 *	static const struct out_column columns[] = {
 *		[NAME] = { "name", OUT_TEXT, OUT_DEFAULT | OUT_TREE, "name of the device" },
 *		[SIZE] = { "size_bytes", OUT_SIZE, OUT_DEFAULT, "size" },
 *		OUT_COLUMNS_END
 *	};
 *	...
 *	r = out_new(cli, &args->out, "bedplate.ls", columns, 0, &out);
 *	if (r || !out)
 *		return r;
 *	row = out_row(out, NULL);
 *	out_text(row, NAME, "vg-root");
 *	out_number(row, SIZE, 4096);
 *	return out_print(out);
 *
 * with OPT_OUTPUT(out) in the option table and struct out_opts out in the args. A field that
 * is not set is blank in text and null in JSON.
 */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "cli/cli.h"

enum out_kind {
	OUT_TEXT,
	OUT_NUMBER,
	OUT_SIZE,    /* bytes: with a unit for people, the number with -b and in JSON */
	OUT_PERCENT, /* hundredths of a percent: "12.34%", in JSON 12.34 */
	OUT_BOOL,    /* "yes", "no" */
	OUT_JSON,    /* JSON text, and what people are shown in its place */
};

enum out_column_flags {
	OUT_DEFAULT = 1, /* shown without -o */
	OUT_TREE = 2,    /* children are drawn in this column */
};

/* A column. In text its heading is the name in capitals, without "_bytes";
 * "_percent" becomes "%". */
struct out_column {
	const char *name; /* the member in JSON, with its unit: "size_bytes" */
	enum out_kind kind;
	uint32_t flags;
	const char *help;
};
#define OUT_COLUMNS_END                                                                        \
	{                                                                                      \
		NULL, OUT_TEXT, 0, NULL                                                        \
	}

/* What the user says about the output. */
struct out_opts {
	const char *columns; /* "name,size", "+uuid" adds to the default */
	const char *sort;    /* "size", "-size" turns round */
	const char *separator;
	bool no_headings, bytes, raw, tree, list_columns;
};

/* clang-format off */
#define OPT_OUTPUT(m) \
	OPT_STRING(m.columns, 'o', "output", "COLUMNS", "columns to print, by commas; +COLUMN adds one"), \
	OPT_FLAG(m.no_headings, 0, "noheadings", "no line of headings"), \
	OPT_STRING(m.sort, 0, "sort", "COLUMN", "sort by a column; -COLUMN: the other way round"), \
	OPT_FLAG(m.bytes, 'b', "bytes", "sizes as exact numbers"), \
	OPT_FLAG(m.raw, 'r', "raw", "fields parted by one blank, blanks in them as \\x20"), \
	OPT_STRING(m.separator, 0, "separator", "TEXT", "with --raw: this between the fields"), \
	OPT_FLAG(m.list_columns, 0, "list-columns", "print which columns there are"), \
	OPT_REQUIRES("separator", "raw")
/* clang-format on */

enum out_flags {
	OUT_RECORD = 1, /* people get a line a field, unless they ask for columns */
	OUT_ONE = 2,    /* one thing: JSON is an object, not an array of one */
};

struct out;
struct out_row;

/*
 * Begin. @opts may be NULL. Return: 0, or an exit status where nothing else is to be done:
 * a column that is not there, or the list of them was wanted (EXIT_OK too: *@ret is NULL).
 */
int out_new(struct cli *cli, const struct out_opts *opts, const char *schema,
	    const struct out_column *columns, uint32_t flags, struct out **ret);

/* Add a row, as a child of @parent or at the top. NULL without memory; setters accept it. */
struct out_row *out_row(struct out *out, struct out_row *parent);

/* Set a field; texts are copied, NULL leaves it unset. */
void out_text(struct out_row *row, unsigned column, const char *text);
void out_textf(struct out_row *row, unsigned column, const char *fmt, ...) _printf_(3, 4);
void out_number(struct out_row *row, unsigned column, uint64_t number);
void out_bool(struct out_row *row, unsigned column, bool value);
void out_json(struct out_row *row, unsigned column, const char *json, const char *text);

/* Print all, free @out. Return: an exit status. */
int out_print(struct out *out);
/* Free without printing. NULL is allowed. */
void out_free(struct out *out);

static inline void out_freep(struct out **out)
{
	out_free(*out);
}

#endif
