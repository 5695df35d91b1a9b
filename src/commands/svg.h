/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of a picture as SVG, and texts in it. Names come from outside: whatever is in them, the
 * document stays well-formed and shows them. Writes to a stream; its errors are the stream's.
 */
#ifndef COMMANDS_SVG_H
#define COMMANDS_SVG_H

#include <stdio.h>

/* Begin a document of so many pixels; @title: what it is, for who does not see it. */
void svg_begin(FILE *f, size_t width, size_t height, const char *title);
void svg_end(FILE *f);
/* A text, its left end at (@x, @y). */
void svg_text(FILE *f, size_t x, size_t y, const char *text);
/* The same, in @width pixels at most: an ellipsis is the last of a longer one. */
void svg_text_cut(FILE *f, size_t x, size_t y, const char *text, size_t width);
/* The text alone, as the content of an element or the value of an attribute. */
void svg_escaped(FILE *f, const char *text);

#endif
