/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tab-separated test data, and the captured lines of tests/data/targets.tsv. */
#ifndef LIB_TSV_H
#define LIB_TSV_H

#include "unit.h"

#include <stdio.h>

/* One row: its fields lie in @line, cut in place. */
struct tsv_row {
	char *line;
	char *fields[8];
	size_t nr_fields;
};

struct tsv {
	struct tsv_row *rows;
	size_t nr_rows;
};

/* "\n" and "\\" are a line break and a backslash. */
static inline void tsv_unescape(char *text)
{
	char *out = text;

	for (char *in = text; *in; in++) {
		if (in[0] == '\\' && (in[1] == 'n' || in[1] == '\\'))
			*out++ = *++in == 'n' ? '\n' : '\\';
		else
			*out++ = *in;
	}
	*out = '\0';
}

/* Read tests/data/@name, without its heading. */
static inline struct tsv tsv_read(const char *name)
{
	char path[4096], *line = NULL;
	struct tsv tsv = { 0 };
	size_t size = 0;
	ssize_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
	f = fopen(path, "r");
	if (!f)
		fail_msg("%s: cannot open", path);
	while ((len = getline(&line, &size, f)) > 0) {
		struct tsv_row row = { .line = line };
		char *rest = line;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		while (rest && row.nr_fields < ARRAY_SIZE(row.fields))
			row.fields[row.nr_fields++] = strsep(&rest, "\t");
		tsv.rows = reallocarray(tsv.rows, tsv.nr_rows + 1, sizeof(row));
		assert_non_null(tsv.rows);
		tsv.rows[tsv.nr_rows++] = row;
		line = NULL;
		size = 0;
	}
	free(line);
	fclose(f);
	assert_true(tsv.nr_rows > 1);
	free(tsv.rows[0].line);
	memmove(tsv.rows, tsv.rows + 1, --tsv.nr_rows * sizeof(*tsv.rows));
	return tsv;
}

static inline void tsv_free(struct tsv *tsv)
{
	for (size_t i = 0; i < tsv->nr_rows; i++)
		free(tsv->rows[i].line);
	free(tsv->rows);
}

#endif
