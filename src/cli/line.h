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

#include <endian.h>

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

/*
 * "BEGIN..END" that is printed again and again: its digits are made where it differs from the one
 * before. They are copied as they were stored, by eight bytes: a wider load would have to wait until
 * all of them have left the processor's store buffer.
 */
struct line_part {
	uint64_t begin, end; /* equal: none yet */
	struct line_digits {
		size_t len;
		uint64_t text[DIV_UP(NUMBER_MAX_BYTES, 8)]; /* digits as they follow */
	} first, second;
};

/* Most ranges are of one: their end is their begin with another last digit. */
static inline void line_part_set(struct line_part *part, uint64_t begin, uint64_t end)
{
	struct line_digits *first = &part->first, *second = &part->second;

	if (part->begin == begin && part->end == end)
		return;
	part->begin = begin;
	part->end = end;
	first->len = number_format_here((char *)first->text, begin);
	if (end - begin == 1 && first->len <= 8 && begin % 10 != 9) {
		second->len = first->len;
		second->text[0] = htole64(le64toh(first->text[0]) +
					  (UINT64_C(1) << (8 * (first->len - 1))));
	} else {
		second->len = number_format_here((char *)second->text, end);
	}
}

static inline char *line_digits_put(char *at, const struct line_digits *digits)
{
	memcpy(at, digits->text, 8);
	if (digits->len > 8)
		memcpy(at + 8, &digits->text[1], sizeof(digits->text) - 8);
	return at + digits->len;
}

/* To a place that has LINE_PART_BYTES; returns where it ends. */
#define LINE_PART_BYTES (2 * sizeof(((struct line_part *)0)->first.text) + 2)
static inline char *line_part_put(char *at, const struct line_part *part)
{
	at = line_digits_put(at, &part->first);
	memcpy(at, "..", 2);
	return line_digits_put(at + 2, &part->second);
}

void line_flush(struct line *line, FILE *out);

static inline void line_print(struct line *line, FILE *out)
{
	line->text[line->len++] = '\n';
	if (line->len > LINE_BUFFER - LINE_MAX_BYTES)
		line_flush(line, out);
}

#endif
