/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/xml/write.h"
#include "core/number.h"
#include "formats/xml/base64.h"

#include <assert.h>

_Static_assert(XML_LINE_MAX >= 8 + XML_LEAD_MAX + 8 * (XML_LEAD_MAX + 21) + 3,
	       "a line of eight numbers");

/* Large enough that a write's cost disappears, small enough to stay in the L2 cache. */
#define BUFFER_SIZE (256u * 1024)

int xml_writer_init(struct xml_writer *w, bp_write_fn write, void *user)
{
	char *buf = malloc(BUFFER_SIZE);

	if (!buf)
		return -ENOMEM;
	*w = (struct xml_writer){
		.buf = buf, .size = BUFFER_SIZE, .write = write, .user = user
	};
	return 0;
}

void xml_writer_done(struct xml_writer *w)
{
	free(w->buf);
	w->buf = NULL;
}

int xml_writer_flush(struct xml_writer *w)
{
	if (!w->error && w->len > 0)
		w->error = w->write(w->user, w->buf, w->len);
	w->len = 0;
	return w->error;
}

static void grow(struct xml_writer *w)
{
	char *buf = w->error ? NULL : realloc(w->buf, 2 * w->size);

	if (buf) {
		w->buf = buf;
		w->size *= 2;
		return;
	}
	w->error = -ENOMEM;
	w->len = 0;
}

static __attribute__((noinline)) void make_room(struct xml_writer *w)
{
	if (w->write)
		xml_writer_flush(w);
	else
		grow(w);
}

/* A place with XML_LINE_MAX free bytes behind it. */
static inline char *room(struct xml_writer *w)
{
	if (w->len + XML_LINE_MAX > w->size)
		make_room(w);
	return w->buf + w->len;
}

void xml_write_text(struct xml_writer *w, const char *text, size_t len)
{
	while (len > 0) {
		size_t n = MIN(len, (size_t)XML_LINE_MAX);
		char *to = room(w);

		memcpy(to, text, n);
		w->len += n;
		text += n;
		len -= n;
	}
}

void xml_write_number(struct xml_writer *w, uint64_t v)
{
	w->len += number_format(room(w), v);
}

static char *indent(char *to, unsigned depth)
{
	memset(to, ' ', 8);
	return to + MIN(2 * depth, 8u);
}

static const struct {
	char c;
	const char *entity;
} escapes[] = {
	{ '&', "&amp;" },  { '<', "&lt;" },    { '>', "&gt;" },
	{ '"', "&quot;" }, { '\'', "&apos;" },
};

static void put_escaped(struct xml_writer *w, const struct xml_text *text)
{
	for (size_t i = 0; i < text->len; i++) {
		const char *out = text->text + i;
		size_t len = 1;

		for (size_t e = 0; e < ARRAY_SIZE(escapes); e++) {
			if (escapes[e].c == *out) {
				out = escapes[e].entity;
				len = strlen(out);
				break;
			}
		}
		xml_write_text(w, out, len);
	}
}

static void put_string(struct xml_writer *w, const struct xml_attr *attr, const void *value)
{
	struct xml_text text;

	memcpy(&text, value, sizeof(text));
	xml_write_text(w, attr->lead, attr->lead_len);
	put_escaped(w, &text);
	xml_write_text(w, "\"", 1);
}

static char *put_number(char *at, const struct xml_attr *attr, const void *value)
{
	uint64_t number;

	memcpy(&number, value, sizeof(number));
	if (attr->presence == XML_OPTIONAL && number == attr->fallback)
		return at;
	memcpy(at, attr->lead, XML_LEAD_MAX);
	at += attr->lead_len;
	at += number_format(at, number);
	*at++ = '"';
	return at;
}

static char *put_bool(char *at, const struct xml_attr *attr, const void *value)
{
	bool flag;

	memcpy(&flag, value, sizeof(flag));
	memcpy(at, attr->lead, XML_LEAD_MAX);
	at += attr->lead_len;
	memcpy(at, flag ? "true\"" : "false\"", 6);
	return at + (flag ? 5 : 6);
}

static char *put_word(char *at, const struct xml_attr *attr, const void *value)
{
	memcpy(at, attr->lead, XML_LEAD_MAX);
	at += attr->lead_len;
	base64_word_encode(at, value);
	at[BASE64_WORD] = '"';
	return at + BASE64_WORD + 1;
}

/* Numbers go straight to the buffer: room() before a line is enough for all it can have. */
void xml_write_element(struct xml_writer *w, unsigned depth, const struct xml_element *element,
		       const void *values)
{
	char *at = indent(room(w), depth);

	memcpy(at, element->tag, XML_LEAD_MAX);
	at += element->name_len + 1;
	for (size_t i = 0; i < element->nr_attrs; i++) {
		const struct xml_attr *attr = &element->attrs[i];
		const char *value = (const char *)values + attr->offset;

		if (attr->type == XML_NUMBER) {
			at = put_number(at, attr, value);
		} else if (attr->type == XML_BOOL) {
			at = put_bool(at, attr, value);
		} else if (attr->type == XML_WORD) {
			at = put_word(at, attr, value);
		} else {
			w->len = (size_t)(at - w->buf);
			put_string(w, attr, value);
			at = room(w);
		}
	}
	if (element->empty)
		*at++ = '/';
	*at++ = '>';
	*at++ = '\n';
	w->len = (size_t)(at - w->buf);
}

void xml_write_close(struct xml_writer *w, unsigned depth, const struct xml_element *element,
		     bool newline)
{
	char *at = indent(room(w), depth);

	*at++ = '<';
	*at++ = '/';
	memcpy(at, element->name, element->name_len);
	at += element->name_len;
	*at++ = '>';
	if (newline)
		*at++ = '\n';
	w->len = (size_t)(at - w->buf);
}

static void line_add(struct xml_line *line, unsigned at, const char *text, size_t len)
{
	assert(line->len[at] + len <= XML_LINE_TEXT);
	memcpy(line->text[at] + line->len[at], text, len);
	line->len[at] = (uint8_t)(line->len[at] + len);
}

void xml_line_init(struct xml_line *line, unsigned depth, const struct xml_element *element)
{
	*line = (struct xml_line){ .nr = (uint8_t)element->nr_attrs };
	assert(element->nr_attrs > 0 && element->nr_attrs <= XML_LINE_NUMBERS);
	line_add(line, 0, "        ", 2 * depth);
	line_add(line, 0, element->tag, element->name_len + 1u);
	for (unsigned i = 0; i < line->nr; i++) {
		const struct xml_attr *attr = &element->attrs[i];

		assert(attr->type == XML_NUMBER && attr->presence != XML_OPTIONAL &&
		       attr->offset == i * sizeof(uint64_t));
		if (i > 0)
			line_add(line, i, "\"", 1);
		line_add(line, i, attr->lead, attr->lead_len);
	}
	line_add(line, line->nr, "\"/>\n", 4);
	assert(element->empty);
}

/* Pieces are copied whole, of a size that compilers know: what is too much is written over. */
void xml_write_line(struct xml_writer *w, const struct xml_line *line, const uint64_t *numbers)
{
	char *at = room(w);

	for (unsigned i = 0; i < line->nr; i++) {
		memcpy(at, line->text[i], XML_LINE_TEXT);
		at += line->len[i];
		at += number_format_here(at, numbers[i]);
	}
	memcpy(at, line->text[line->nr], 4);
	w->len = (size_t)(at + 4 - w->buf);
}
