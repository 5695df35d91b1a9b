/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the scanner and the expat side of the reader share. Nobody else includes this. */
#ifndef XML_READER_H
#define XML_READER_H

#include "formats/xml/read.h"

/* Text is read in pieces of this size; a tag longer than that is left to expat. */
#define READER_BUFFER (256u * 1024)
/* NULs behind the text: they end every loop of the scanner, and tags may be compared past it.
 */
#define READER_PAD 64u
/* Deeper than any schema. */
#define READER_DEPTH 8u

struct xml_reader {
	struct bp_ctx *ctx;
	const struct xml_schema *schema;
	const struct xml_source *source;
	const struct xml_handler *handler;

	char *buf;       /* READER_BUFFER + READER_PAD bytes */
	size_t pos, end; /* what of it is not yet used */
	bool eof;

	uint64_t line;    /* of @pos, from 1 */
	uint64_t offset;  /* of buf[0] in the document */
	uint64_t line_at; /* offset of the first byte of @line */

	unsigned open[READER_DEPTH], depth; /* the elements we are in */
	bool outermost_seen;
	_Alignas(16) unsigned char values[XML_VALUES_MAX];
};

/* Read more behind what is left. 0 or the source's error. */
int reader_fill(struct xml_reader *rd);
/* May @element stand here? */
bool reader_allows(const struct xml_reader *rd, const struct xml_element *element);
/* Enter or leave an element: 0 or the handler's result, its message not yet with a line. */
int reader_open(struct xml_reader *rd, unsigned element);
int reader_close(struct xml_reader *rd);

/*
 * Take from the buffer all that has the shape of a dump, up to the first tag that has not (or
 * the end). 0, or the result of a handler or of the source.
 */
int reader_scan(struct xml_reader *rd);

#endif
