/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clang-format off */
/*
 * Results as rows, given once, printed as a table, a tree, raw lines, or JSON. What a row has is
 * told once too: a column names the member of the row's struct, and that is its heading, its
 * name in JSON and its line in "bedplate --schemas".
 *
 *	struct row {
 *		const char *name;
 *		uint64_t size_bytes;        a unit stands in the name
 *	};
 *	static const struct out_column columns[] = {
 *		COL_TEXT(struct row, name, OUT_DEFAULT | OUT_TREE, "name of the device"),
 *		COL_SIZE(struct row, size_bytes, OUT_DEFAULT, "size"),
 *		OUT_COLUMNS_END
 *	};
 *	static const struct out_schema schema = {
 *		.name = "bedplate.ls", .columns = columns, .none = "no devices",
 *	};
 *	...
 *	r = out_open(cli, &args->out, &schema, &out);
 *	if (r || !out)
 *		return r;
 *	out_add(out, NULL, &(struct row){ "vg-root", 4096 });      copied
 *	return out_print(out);
 *
 * with OPT_OUTPUT(out) in the option table, struct out_opts out in the args, and
 * .schemas = SCHEMAS(&schema) in the command. What is not known is blank in text and null in
 * JSON: a NULL text, OUT_UNKNOWN as a number, -1 as a signed one.
 *
 * A document that is no list of rows (cli_json_start()) is declared by the same columns. Those that
 * name a member are written by out_members(); what has to be worked out or left out is written by
 * hand, and declared by DOC(), DOC_OBJECT(), DOC_LIST(). tests/lib/check-json compares what is
 * printed with that.
 */
/* clang-format on */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "cli/cli.h"

#include <stddef.h>

enum out_kind {
	OUT_TEXT,
	OUT_NUMBER,
	OUT_SIZE,    /* bytes: with a unit for people, the number with -b and in JSON */
	OUT_PERCENT, /* hundredths of a percent: "12.34%", in JSON 12.34 */
	OUT_BOOL,    /* "yes", "no" */
	OUT_JSON,    /* JSON text, and what people are shown in its place */
};

enum out_column_flags {
	OUT_DEFAULT = 1,  /* shown without -o */
	OUT_TREE = 2,     /* children are drawn in this column */
	OUT_MANY = 4,     /* OUT_JSON: a list of what @members describe, not one of it */
	OUT_OPTIONAL = 8, /* of a document: not there where it does not apply */
};

/* How the row's member holds the value; the macros below find it out. */
enum out_store {
	OUT_STORE_NONE, /* there is no member: set by hand, or only declared */
	OUT_STORE_POINTER,
	OUT_STORE_ARRAY, /* char[]: always known */
	OUT_STORE_U64,
	OUT_STORE_U32,
	OUT_STORE_I64,
	OUT_STORE_I32,
	OUT_STORE_BOOL,
	OUT_STORE_MAYBE, /* int8_t: -1 is unknown */
	OUT_STORE_JSON,
};

#define OUT_UNKNOWN UINT64_MAX

/* A member that is JSON: made by json_of(), owned by the row's maker; and what people see. */
struct out_json {
	const char *json, *text;
};

/* A column. In text its heading is the name in capitals, without "_bytes";
 * "_percent" becomes "%". */
struct out_column {
	const char *name; /* the member in JSON, with its unit: "size_bytes" */
	enum out_kind kind;
	uint32_t flags;
	const char *help;
	enum out_store store;
	size_t offset;                    /* of the member in the row */
	const char *const *words;         /* OUT_TEXT: all it may be, NULL at the end */
	const struct out_column *members; /* OUT_JSON: what it has; NULL: see its help */
};
#define OUT_COLUMNS_END                                                                        \
	{                                                                                      \
		NULL, OUT_TEXT, 0, NULL                                                        \
	}

/* clang-format off */
#define OUT_TEXT_STORE_(type, m) \
	_Generic(&((type *)0)->m, const char **: OUT_STORE_POINTER, char **: OUT_STORE_POINTER, default: OUT_STORE_ARRAY)
#define OUT_NUMBER_STORE_(type, m) \
	_Generic(&((type *)0)->m, uint64_t *: OUT_STORE_U64, uint32_t *: OUT_STORE_U32, \
		 int64_t *: OUT_STORE_I64, int32_t *: OUT_STORE_I32)
#define OUT_BOOL_STORE_(type, m) \
	_Generic(&((type *)0)->m, bool *: OUT_STORE_BOOL, int8_t *: OUT_STORE_MAYBE)
#define COL_(type, n, m, k, f, h, s) \
	.name = n, .kind = k, .flags = f, .help = h, .store = s, .offset = offsetof(type, m)

/* A member by its own name; *_AS: by another, such as that of a struct inside the row. */
#define COL_TEXT(type, m, f, h)             COL_TEXT_AS(#m, type, m, f, h)
#define COL_NUMBER(type, m, f, h)           COL_NUMBER_AS(#m, type, m, f, h)
#define COL_SIZE(type, m, f, h)             COL_SIZE_AS(#m, type, m, f, h)
#define COL_PERCENT(type, m, f, h)          COL_PERCENT_AS(#m, type, m, f, h)
#define COL_BOOL(type, m, f, h)             COL_BOOL_AS(#m, type, m, f, h)
#define COL_TEXT_AS(n, type, m, f, h)       { COL_(type, n, m, OUT_TEXT, f, h, OUT_TEXT_STORE_(type, m)) }
#define COL_NUMBER_AS(n, type, m, f, h)     { COL_(type, n, m, OUT_NUMBER, f, h, OUT_NUMBER_STORE_(type, m)) }
#define COL_SIZE_AS(n, type, m, f, h)       { COL_(type, n, m, OUT_SIZE, f, h, OUT_NUMBER_STORE_(type, m)) }
#define COL_PERCENT_AS(n, type, m, f, h)    { COL_(type, n, m, OUT_PERCENT, f, h, OUT_NUMBER_STORE_(type, m)) }
#define COL_BOOL_AS(n, type, m, f, h)       { COL_(type, n, m, OUT_BOOL, f, h, OUT_BOOL_STORE_(type, m)) }
/* A text that is one of @list, a NULL-terminated array of words. */
#define COL_WORD(type, m, list, f, h)       { COL_(type, #m, m, OUT_TEXT, f, h, OUT_TEXT_STORE_(type, m)), .words = list }
/* A struct out_json; @has: columns of what is in it, or NULL. */
#define COL_JSON(type, m, has, f, h) \
	{ COL_(type, #m, m, OUT_JSON, f, h, _Generic(&((type *)0)->m, struct out_json *: OUT_STORE_JSON)), .members = has }

/* Of a document: what is written by hand. */
#define DOC(n, k, h)                        { .name = n, .kind = k, .help = h }
#define DOC_WORD(n, list, h)                { .name = n, .kind = OUT_TEXT, .help = h, .words = list }
#define DOC_MAYBE(n, k, h)                  { .name = n, .kind = k, .flags = OUT_OPTIONAL, .help = h }
#define DOC_OBJECT(n, has, h)               { .name = n, .kind = OUT_JSON, .help = h, .members = has }
#define DOC_OBJECT_MAYBE(n, has, h)          { .name = n, .kind = OUT_JSON, .flags = OUT_OPTIONAL, .help = h, .members = has }
#define DOC_LIST(n, has, h)                 { .name = n, .kind = OUT_JSON, .flags = OUT_MANY, .help = h, .members = has }
#define DOC_LIST_MAYBE(n, has, h)           { .name = n, .kind = OUT_JSON, .flags = OUT_MANY | OUT_OPTIONAL, .help = h, .members = has }
/* clang-format on */

/* What the user says about the output. */
struct out_opts {
	const char *columns; /* "name,size", "+uuid" adds to the default */
	const char *sort;    /* "size", "-size" turns round */
	const char *separator;
	bool no_headings, bytes, raw, tree, list_columns;
	bool pairs; /* a line of variables a row: OPT_PAIRS */
	bool ascii; /* draw trees of "|-" and "`-" in every locale */
};

/* clang-format off */
#define OPT_OUTPUT(m) OPT_COLUMNS(m, 'o', "output")
/* For those that write a file by -o. */
#define OPT_COLUMNS(m, s, l) \
	OPT_STRING(m.columns, s, l, "COLUMNS", "columns to print, by commas; +COLUMN adds one"), \
	OPT_FLAG(m.no_headings, 0, "noheadings", "no line of headings"), \
	OPT_STRING(m.sort, 0, "sort", "COLUMN", "sort by a column; -COLUMN: the other way round"), \
	OPT_FLAG(m.bytes, 'b', "bytes", "sizes as exact numbers"), \
	OPT_FLAG(m.raw, 'r', "raw", "fields parted by one blank, blanks in them as \\x20"), \
	OPT_STRING(m.separator, 0, "separator", "TEXT", "with --raw: this between the fields"), \
	OPT_FLAG(m.list_columns, 0, "list-columns", "print which columns there are"), \
	OPT_REQUIRES("separator", "raw")
/* For those whose rows scripts take apart. */
#define OPT_PAIRS(m) \
	OPT_FLAG(m.pairs, 'P', "pairs", "for shells: a line a row, of DM_NAME='VALUE', by the names of --list-columns"), \
	OPT_SYNONYM("nameprefixes", "pairs"), \
	OPT_CONFLICT("pairs", "raw noheadings")
/* clang-format on */

enum out_flags {
	OUT_RECORD = 1,  /* people get a line a field, unless they ask for columns */
	OUT_ONE = 2,     /* one thing: JSON is an object, not an array of one */
	OUT_PLAIN = 4,   /* JSON is the value of the first column alone */
	OUT_STREAM = 8,  /* a document a line, its members beside "schema" */
	OUT_NESTED = 16, /* rows may have "children", rows like themselves */
};

/* One kind of document, of one version: the same name never has two shapes. */
struct out_schema {
	const char *name; /* "bedplate.ls" */
	const char *help; /* what it is, for the list of schemas; NULL: the verb's summary */
	const struct out_column *columns; /* NULL: data is null */
	uint32_t flags;                   /* enum out_flags */
	const char *none;                 /* what people are told where there are no rows */
};
#define SCHEMAS(...)                                                                           \
	(const struct out_schema *const[])                                                     \
	{                                                                                      \
		__VA_ARGS__, NULL                                                              \
	}

struct out;
struct out_row;

/*
 * Begin. @opts may be NULL. Return: 0, or an exit status where nothing else is to be done:
 * a column that is not there, or the list of them was wanted (EXIT_OK too: *@ret is NULL).
 */
int out_open(struct cli *cli, const struct out_opts *opts, const struct out_schema *schema,
	     struct out **ret);
/* The same with columns of its own, the schema's first; they outlive @ret. */
int out_open_columns(struct cli *cli, const struct out_opts *opts,
		     const struct out_schema *schema, const struct out_column *columns,
		     struct out **ret);
/* The same with flags of its own, such as OUT_RECORD for one that was named. */
void out_set_flags(struct out *out, uint32_t flags);

/* Is the column (by its name in JSON) to be printed? For what is costly to find out. */
bool out_shows(const struct out *out, const char *name);

/*
 * Add a row, as a child of @parent or at the top: all columns with a member are read from @from,
 * which is copied. NULL without memory, which out_print() tells.
 */
struct out_row *out_add(struct out *out, struct out_row *parent, const void *from);

/* Add an empty row. NULL without memory; the setters accept it. */
struct out_row *out_row(struct out *out, struct out_row *parent);

/* Set a field by the number of its column; texts are copied, NULL leaves it unset. */
void out_text(struct out_row *row, unsigned column, const char *text);
void out_textf(struct out_row *row, unsigned column, const char *fmt, ...) _printf_(3, 4);
void out_number(struct out_row *row, unsigned column, uint64_t number);
void out_bool(struct out_row *row, unsigned column, bool value);
void out_json(struct out_row *row, unsigned column, const char *json, const char *text);

/*
 * Write the members of a document's object that lie in @from, of the type that @columns name. Other
 * columns, and the object's own begin and end, are the caller's. Numbers are written as they are:
 * OUT_UNKNOWN is one of them.
 */
void out_members(struct bp_json *json, const struct out_column *columns, const void *from);

/* The caller has printed something itself: it is not said that there is nothing. */
void out_printed(struct out *out);

/* Print all, free @out. Return: an exit status. */
int out_print(struct out *out);
/* Free without printing. NULL is allowed. */
void out_free(struct out *out);

static inline void out_freep(struct out **out)
{
	out_free(*out);
}

#endif
