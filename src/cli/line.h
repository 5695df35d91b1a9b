/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of words and numbers, of which there may be millions: put together by hand they take a
 * third of what fprintf() takes.
 *
 *	struct line line = { 0 };
 *
 *	line_text(&line, "data ");
 *	line_number(&line, begin);
 *	line_print(&line, cli->out);      with a newline; the line is empty again
 *
 * What a line has beyond LINE_MAX_BYTES is left out: meant for lines of known length, not for
 * text from outside.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli/util.h"

#define LINE_MAX_BYTES 256

struct line {
	size_t len;
	char text[LINE_MAX_BYTES + 1]; /* a newline fits always */
};

/* Inline: the length of most texts is known when this is compiled. */
static inline void line_text(struct line *line, const char *text)
{
	size_t len = MIN(strlen(text), LINE_MAX_BYTES - line->len);

	memcpy(line->text + line->len, text, len);
	line->len += len;
}

void line_number(struct line *line, uint64_t number);
void line_print(struct line *line, FILE *out);

#endif
