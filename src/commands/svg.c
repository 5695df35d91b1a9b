/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See svg.h. XML has no way at all to hold a control character: a replacement stands for it. */
#include "commands/svg.h"

#include "core/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS    "\xe2\x80\xa6"

#define MARGIN 8u

/* On white: black text on nothing can't be read where the viewer is dark. */
void svg_begin(FILE *f, size_t width, size_t height, const char *title)
{
	width += 2 * MARGIN;
	height += 2 * MARGIN;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
		"viewBox=\"-%u -%u %zu %zu\" font-family=\"sans-serif\" font-size=\"12\" "
		"role=\"img\">\n<title>",
		width, height, MARGIN, MARGIN, width, height);
	svg_escaped(f, title);
	fprintf(f,
		"</title>\n<rect x=\"-%u\" y=\"-%u\" width=\"%zu\" height=\"%zu\" "
		"fill=\"#fff\"/>\n",
		MARGIN, MARGIN, width, height);
}

void svg_end(FILE *f)
{
	fputs("</svg>\n", f);
}

/* Print the character at @text. Return: how many bytes it has. */
static size_t print_char(FILE *f, const char *text, size_t left)
{
	uint32_t c = 0;
	size_t n = utf8_decode(text, left, &c);

	/* U+FFFE and U+FFFF are UTF-8, but no XML. */
	if (n == 0 || utf8_acts(c) || c == 0xfffe || c == 0xffff)
		fputs(REPLACEMENT, f);
	else if (c < 0x80 && strchr("&<>\"'", (int)c))
		fprintf(f, "&#%u;", (unsigned)c);
	else
		fwrite(text, 1, n, f);
	return n ? n : 1;
}

void svg_escaped(FILE *f, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len;)
		i += print_char(f, text + i, len - i);
}

/*
 * Tenths of a pixel that a character takes, at 12 pixels, in the widest of the fonts that
 * "sans-serif" usually is: what fits by this fits everywhere.
 */
static unsigned width_of(uint32_t c)
{
	if (c >= 0x1100)
		return 125; /* two columns of a terminal, for most of them */
	if (c >= 0x80)
		return 95;
	if (strchr("MWmw@%", (int)c))
		return 122;
	if (strchr(" .,:;'|!/()[]-fijlrtI", (int)c))
		return 50;
	return c >= 'A' && c <= 'Z' ? 95 : 78;
}

/* Bytes of @text that fit @width tenths of a pixel. */
static size_t fitting(const char *text, size_t width)
{
	size_t len = strlen(text), used = 0, i = 0;

	while (i < len) {
		uint32_t c = 0xfffd;
		size_t n = MAX(utf8_decode(text + i, len - i, &c), 1u);

		used += width_of(c);
		if (used > width)
			break;
		i += n;
	}
	return i;
}

static void begin_text(FILE *f, size_t x, size_t y)
{
	fprintf(f, "<text x=\"%zu\" y=\"%zu\">", x, y);
}

void svg_text(FILE *f, size_t x, size_t y, const char *text)
{
	begin_text(f, x, y);
	svg_escaped(f, text);
	fputs("</text>\n", f);
}

/* By characters, not bytes, so that none is cut in two. */
void svg_text_cut(FILE *f, size_t x, size_t y, const char *text, size_t width)
{
	size_t len = strlen(text), end;

	if (fitting(text, width * 10) == len) {
		svg_text(f, x, y, text);
		return;
	}
	begin_text(f, x, y);
	end = fitting(text, width * 10 - MIN(width * 10, width_of(0x2026)));
	for (size_t i = 0; i < end;)
		i += print_char(f, text + i, len - i);
	fputs(ELLIPSIS "</text>\n", f);
}
