/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the scanner and the expat side of the reader share. Nobody else includes this. */
#ifndef XML_READER_H
#define XML_READER_H

#include "core/turns.h"
#include "formats/xml/read.h"

/* Text is read in pieces of this size; a tag longer than a quarter of that is left to expat. */
#define READER_BUFFER (256u * 1024)
/* Room before a piece for what is left of the one before. */
#define READER_LEFT (READER_BUFFER / 4)
/* Pieces in the making: one is used, others are read and scanned ahead. */
#define READER_PIECES 6u
/* Pieces end behind a tag where there is one so near to the end. */
#define READER_REST 4096u
/* NULs behind the text: they end every loop of the scanner, and tags may be compared past it.
 */
#define READER_PAD 64u
/* Deeper than any schema. */
#define READER_DEPTH 8u

/*
 * Tags in a row that are elements of the schema without anything in them: what any scanner would
 * make of them, wherever they may stand. Offsets are of the piece's text.
 */
struct reader_run {
	size_t begin, end; /* from the first's '<' to behind the last */
	size_t nr, values; /* how many, and where their values begin */
	uint64_t lines;    /* newlines between them */
	size_t line_at;    /* behind the last of these */
};

/* A run is worth its record; and values for the shortest lines that dumps have. */
#define READER_RUNS      256u
#define READER_VALUES    (256u * 1024)
#define READER_VALUE_MAX (sizeof(uint64_t) + XML_VALUES_MAX)

struct reader_piece {
	char *room; /* READER_LEFT + READER_BUFFER + READER_REST + READER_PAD bytes */
	char *text; /* there, READER_LEFT bytes or more from the front */
	size_t len;
	bool last;
	uint64_t nr;  /* of all pieces */
	ssize_t came; /* bytes, or why there are none: source->came() is to know it */
	bool scan;    /* ahead, that is */
	struct reader_run runs[READER_RUNS];
	size_t nr_runs;
	unsigned char *values; /* each an element's number and its struct */
};

/* What an element takes of a piece's values. */
static inline size_t reader_value_size(const struct xml_element *element)
{
	return sizeof(uint64_t) + (element->size + 7) / 8 * 8;
}

struct xml_reader {
	struct bp_ctx *ctx;
	const struct xml_schema *schema;
	const struct xml_source *source;
	const struct xml_handler *handler;

	struct turns *turns;
	struct reader_piece pieces[READER_PIECES];
	char rest[READER_REST]; /* read already, of the piece that is read next */
	size_t rest_len;
	bool all_read;
	uint64_t nr_asked;
	bool by_expat; /* scanning ahead is in vain */

	const struct reader_piece *piece; /* at hand */
	size_t next_run;                  /* runs before it are used or lie before @pos */
	char *buf;                        /* what is left of earlier ones, then the piece */
	size_t pos, end;                  /* what of it is not yet used */
	bool eof;

	uint64_t line;    /* of @pos, from 1 */
	uint64_t offset;  /* of buf[0] in the document */
	uint64_t line_at; /* offset of the first byte of @line */

	unsigned open[READER_DEPTH], depth; /* the elements we are in */
	bool outermost_seen;
	_Alignas(16) unsigned char values[XML_VALUES_MAX];
};

/* 0 or -ENOMEM. */
int reader_init(struct xml_reader *rd);
void reader_done(struct xml_reader *rd);
/* The next piece, behind what is left: READER_LEFT at most. 0 or the source's error. */
int reader_fill(struct xml_reader *rd);
/* May @element stand here? */
bool reader_allows(const struct xml_reader *rd, const struct xml_element *element);
/* Enter or leave an element: 0 or the handler's result, its message not yet with a line. */
int reader_open(struct xml_reader *rd, unsigned element, const void *values);
int reader_close(struct xml_reader *rd);

/*
 * Take from the buffer all that has the shape of a dump, up to the first tag that has not (or
 * the end). 0, or the result of a handler or of the source.
 */
int reader_scan(struct xml_reader *rd);
/* Find the runs of a piece; in any thread. */
void reader_scan_ahead(const struct xml_schema *schema, struct reader_piece *piece);

#endif
