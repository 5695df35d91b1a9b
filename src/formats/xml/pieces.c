/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text in pieces, which the calling thread takes in order. Threads scan them ahead, and read them
 * where that can be done at any place: then a piece stays in the cache of one processor. What is
 * read one after the other is read by the calling thread. Handlers are called by that one only.
 */
#include "core/cpus.h"
#include "formats/xml/reader.h"

/* What is before the first '>' of @len bytes, and that; 0: there is none. */
static size_t behind_tag(const char *p, size_t len)
{
	const char *end = memchr(p, '>', len);

	return end ? (size_t)(end + 1 - p) : 0;
}

/*
 * The piece has the bytes from behind a tag near its place to behind one near the place of the
 * next, which looks at the same bytes for its beginning.
 */
static void read_at(const struct xml_source *source, struct reader_piece *piece)
{
	const size_t want = READER_BUFFER + READER_REST;
	char *buf = piece->room + READER_LEFT;
	size_t got = 0, begin = 0, end;
	ssize_t n;

	do {
		n = source->read_at(source->user, buf + got, want - got,
				    piece->nr * READER_BUFFER + got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0 && got < want);
	if (piece->nr > 0)
		begin = behind_tag(buf, MIN(got, (size_t)READER_REST));
	piece->last = n == 0 && got <= READER_BUFFER;
	end = got <= READER_BUFFER
		      ? got
		      : READER_BUFFER + behind_tag(buf + READER_BUFFER, got - READER_BUFFER);
	piece->text = buf + begin;
	piece->len = end - begin;
	piece->came = n < 0 ? n : (ssize_t)piece->len;
	memset(buf + end, 0, READER_PAD);
}

static void make_piece(void *user, unsigned slot)
{
	struct xml_reader *rd = user;
	struct reader_piece *piece = &rd->pieces[slot];

	if (rd->source->read_at)
		read_at(rd->source, piece);
	piece->nr_runs = 0;
	if (piece->scan && piece->came >= 0)
		reader_scan_ahead(rd->schema, piece);
}

int reader_init(struct xml_reader *rd)
{
	return turns_new(READER_PIECES, rd->source->expat_only ? 1 : cpus_available(),
			 make_piece, rd, &rd->turns);
}

void reader_done(struct xml_reader *rd)
{
	turns_free(rd->turns);
	for (size_t i = 0; i < READER_PIECES; i++) {
		free(rd->pieces[i].room);
		free(rd->pieces[i].values);
	}
}

/* Small texts are many: room is made when it is used first. */
static int piece_init(struct xml_reader *rd, struct reader_piece *piece)
{
	if (!piece->room)
		piece->room = malloc(READER_LEFT + READER_BUFFER + READER_REST + READER_PAD);
	if (!piece->values)
		piece->values = malloc(READER_VALUES);
	piece->scan = !rd->by_expat && !rd->source->expat_only;
	piece->nr = rd->nr_asked++;
	piece->came = 0;
	return piece->room && piece->values ? 0 : bp_fail_memory(rd->ctx);
}

/* Keep what is behind the last tag for the next piece, unless that is much. */
static size_t cut(struct xml_reader *rd, const char *text, size_t len)
{
	size_t from = len - MIN(len, (size_t)READER_REST);
	const char *end = rd->all_read ? NULL : memrchr(text + from, '>', len - from);

	if (!end)
		return len;
	rd->rest_len = (size_t)(text + len - (end + 1));
	memcpy(rd->rest, end + 1, rd->rest_len);
	return len - rd->rest_len;
}

/* Zeros behind the end let the scanner look ahead without asking. */
static int read_next(struct xml_reader *rd, struct reader_piece *piece)
{
	char *text = piece->room + READER_LEFT;
	size_t len = rd->rest_len;

	memcpy(text, rd->rest, len);
	rd->rest_len = 0;
	while (len < READER_BUFFER && !rd->all_read) {
		ssize_t n = rd->source->read(rd->source->user, text + len, READER_BUFFER - len);

		if (n < 0)
			return (int)n;
		rd->all_read = n == 0;
		len += (size_t)n;
	}
	piece->text = text;
	piece->len = cut(rd, text, len);
	piece->last = rd->all_read;
	memset(text + piece->len, 0, READER_PAD);
	return 0;
}

/* As many pieces as there is room for. */
static int ask(struct xml_reader *rd)
{
	int slot, r = 0;

	while (r == 0 && !rd->all_read && (slot = turns_slot(rd->turns)) >= 0) {
		struct reader_piece *piece = &rd->pieces[slot];

		r = piece_init(rd, piece);
		if (r == 0 && !rd->source->read_at)
			r = read_next(rd, piece);
		if (r == 0)
			turns_ask(rd->turns);
	}
	return r;
}

/* What is not used yet moves before the new piece; it lies in the old one still. */
static void go_to(struct xml_reader *rd, const struct reader_piece *piece)
{
	size_t left = rd->end - rd->pos;
	char *buf = piece->text - left;

	if (left > 0)
		memcpy(buf, rd->buf + rd->pos, left);
	rd->piece = piece;
	rd->next_run = 0;
	rd->offset += rd->pos;
	rd->buf = buf;
	rd->pos = 0;
	rd->end = left + piece->len;
	rd->eof = piece->last;
	rd->all_read |= piece->last;
}

int reader_fill(struct xml_reader *rd)
{
	const struct reader_piece *piece;
	int r = ask(rd), slot;

	if (r < 0)
		return r;
	slot = turns_take(rd->turns);
	if (slot < 0) {
		rd->eof = true;
		return 0;
	}
	piece = &rd->pieces[slot];
	if (rd->source->read_at)
		r = rd->source->came(rd->source->user, piece->came);
	if (r == 0)
		go_to(rd, piece);
	return r;
}
