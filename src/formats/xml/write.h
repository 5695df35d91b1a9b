/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing dumps: one tag a line, two blanks a level, attributes in the order of the tables. The
 * text is collected in one large buffer and handed on when that is full, or kept there where
 * nobody takes it. The first error is
 * kept and turns every later call into nothing, so that one look at the end is enough.
 */
#ifndef XML_WRITE_H
#define XML_WRITE_H

#include <bedplate/json.h>

#include "formats/xml/xml.h"

struct xml_writer {
	char *buf;
	size_t len, size;
	bp_write_fn write; /* NULL: the buffer grows */
	void *user;
	int error; /* 0, or what @write or memory said first */
};

/* Free room that xml_writer_room() promises: more than any line without strings takes. */
#define XML_LINE_MAX 512

/*
 * What stands around the numbers of an element that has nothing else, written always: a table once,
 * for the elements that a dump is full of.
 */
#define XML_LINE_NUMBERS 4u
#define XML_LINE_TEXT    48u
struct xml_line {
	uint8_t nr; /* numbers */
	uint8_t len[XML_LINE_NUMBERS + 1];
	char text[XML_LINE_NUMBERS + 1][XML_LINE_TEXT];
};

void xml_line_init(struct xml_line *line, unsigned depth, const struct xml_element *element);

/* 0 or -ENOMEM. */
int xml_writer_init(struct xml_writer *w, bp_write_fn write, void *user);
void xml_writer_done(struct xml_writer *w);
/* Hand on what is in the buffer. 0 or the first error since xml_writer_init(). */
int xml_writer_flush(struct xml_writer *w);

/* A line that opens @element, or is all of it where it is an empty one. @depth: levels. */
void xml_write_element(struct xml_writer *w, unsigned depth, const struct xml_element *element,
		       const void *values);
/* The same by a line made before; @numbers are the element's struct. */
void xml_write_line(struct xml_writer *w, const struct xml_line *line, const uint64_t *numbers);
void xml_write_close(struct xml_writer *w, unsigned depth, const struct xml_element *element,
		     bool newline);
/* Raw text. */
void xml_write_text(struct xml_writer *w, const char *text, size_t len);
void xml_write_number(struct xml_writer *w, uint64_t v);

#endif
