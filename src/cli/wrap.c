/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A word and what it means, in two columns: what all helps are made of. It knows no table. */
#include "cli/internal.h"

#define HELP_COLUMN 30 /* where the explanation of an option begins */
#define HELP_WIDTH  80

/* One word behind a blank, or on a new line where it does not fit; returns the new column. */
static size_t put_word(FILE *to, const char *word, size_t len, size_t at, size_t indent)
{
	if (at + 1 + len > HELP_WIDTH && at > indent) {
		fprintf(to, "\n%*s", (int)indent, "");
		at = indent;
	} else if (at > indent) {
		fputc(' ', to);
		at++;
	}
	fprintf(to, "%.*s", (int)len, word);
	return at + len;
}

/* Print @text from column @at on, continued at @indent, broken between words. */
static void wrap(FILE *to, const char *text, size_t at, size_t indent)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		at = put_word(to, text, len, at, indent);
		text += len + strspn(text + len, " ");
	}
	fputc('\n', to);
}

/* A left side that is too wide gets a line of its own. */
void cli_explain(FILE *to, const char *left, const char *help)
{
	int n = fprintf(to, "  %s", left);

	if (n + 2 > HELP_COLUMN) {
		fputc('\n', to);
		n = 0;
	}
	fprintf(to, "%*s", HELP_COLUMN - n, "");
	wrap(to, help, HELP_COLUMN, HELP_COLUMN);
}
