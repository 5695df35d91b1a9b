/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines of words and numbers, of which there may be millions: put together by hand they take a
 * tenth of what fprintf() takes.
 *
 *	struct line line = { 0 };
 *
 *	line_text(&line, "data ");
 *	line_number(&line, begin);
 *	line_print(&line, cli->out);      with a newline; the next one begins
 *	line_flush(&line, cli->out);      before anything else is printed there, and at the end
 *
 * Lines are collected and printed together. What a line has beyond LINE_MAX_BYTES may be left
 * out: meant for lines of known length, not for text from outside.
 */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include "cli/util.h"
#include "core/number.h"

#define LINE_MAX_BYTES 256
#define LINE_BUFFER    16384 /* stays in the first cache, beside what the lines are made of */

struct line {
	size_t len;
	char text[LINE_BUFFER + 1]; /* a newline fits always */
};

/* Inline: the length of most texts is known when this is compiled. */
static inline void line_text(struct line *line, const char *text)
{
	size_t len = strlen(text);

	if (LINE_BUFFER - line->len < len)
		return;
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

/* A text of which there are several, to be chosen from: LINE_PIECE("..."), in a table. */
struct line_piece {
	char text[32];
	size_t len;
};
#define LINE_PIECE(t)                                                                          \
	{                                                                                      \
		(t), sizeof(t) - 1                                                             \
	}

static inline void line_piece(struct line *line, const struct line_piece *piece)
{
	if (LINE_BUFFER - line->len < sizeof(piece->text))
		return;
	memcpy(line->text + line->len, piece->text, sizeof(piece->text));
	line->len += piece->len;
}

static inline void line_number(struct line *line, uint64_t number)
{
	if (LINE_BUFFER - line->len >= NUMBER_MAX_BYTES)
		line->len += number_format(line->text + line->len, number);
}

/* "BEGIN..END". Most ranges are of one: their end is their begin with another last digit. */
static inline void line_range(struct line *line, uint64_t begin, uint64_t end)
{
	char *at = line->text + line->len, *to;
	size_t len;

	if (LINE_BUFFER - line->len < 2 * NUMBER_MAX_BYTES + 2)
		return;
	len = number_format(at, begin);
	to = at + len;
	*to++ = '.';
	*to++ = '.';
	if (end - begin == 1 && len <= 8 && at[len - 1] != '9') {
		memmove(to, at, 8);
		to[len - 1]++;
		line->len += 2 * len + 2;
	} else {
		line->len += len + 2 + number_format(to, end);
	}
}

void line_flush(struct line *line, FILE *out);

static inline void line_print(struct line *line, FILE *out)
{
	line->text[line->len++] = '\n';
	if (line->len > LINE_BUFFER - LINE_MAX_BYTES)
		line_flush(line, out);
}

#endif
