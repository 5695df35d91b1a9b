/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fast half of the reader. It knows one shape only: tags of the schema, attributes in the
 * order of its tables, double quotes, white space between tags. That is what every dump looks
 * like, and it can be compared and converted without looking at a byte twice. Whatever else
 * there is, right or wrong, is left for expat: so this code never reports an error in the text.
 */
#include "formats/xml/base64.h"
#include "formats/xml/reader.h"

/* Compare 8 bytes at a time. Both may be read up to READER_PAD past @len. */
static inline bool starts_with(const char *p, const char *word, size_t len)
{
	uint64_t a, b;

	if (len >= 8 && len <= 16) {
		memcpy(&a, p, 8);
		memcpy(&b, word, 8);
		if (a != b)
			return false;
		memcpy(&a, p + len - 8, 8);
		memcpy(&b, word + len - 8, 8);
		return a == b;
	}
	return memcmp(p, word, len) == 0;
}

/* Digits up to the closing quote; NULL where they are none, or too many for 64 bits. */
static inline const char *scan_number(const char *p, const struct xml_attr *attr, void *values)
{
	const char *start = p;
	uint64_t v = 0;

	while (*p >= '0' && *p <= '9')
		v = v * 10 + (uint64_t)(*p++ - '0');
	if (p == start || p - start > 19 || *p != '"' || v < attr->min || v > attr->max)
		return NULL;
	memcpy((char *)values + attr->offset, &v, sizeof(v));
	return p + 1;
}

/* Plain names only: what needs decoding is expat's. */
static const char *scan_string(const char *p, const struct xml_attr *attr, void *values)
{
	struct xml_text text = { .text = p };

	while (*p >= '%' && *p <= '~' && *p != '&' && *p != '<' && *p != '>')
		p++;
	if (*p != '"')
		return NULL;
	text.len = (size_t)(p - text.text);
	memcpy((char *)values + attr->offset, &text, sizeof(text));
	return p + 1;
}

static const char *scan_bool(const char *p, const struct xml_attr *attr, void *values)
{
	bool v = starts_with(p, "true\"", 5);

	if (!v && !starts_with(p, "false\"", 6))
		return NULL;
	memcpy((char *)values + attr->offset, &v, sizeof(v));
	return p + (v ? 5 : 6);
}

static const char *scan_word(const char *p, const struct xml_attr *attr, void *values)
{
	if (!base64_word_decode(p, (uint8_t *)values + attr->offset) || p[BASE64_WORD] != '"')
		return NULL;
	return p + BASE64_WORD + 1;
}

static const char *scan_value(const char *p, const struct xml_attr *attr, void *values)
{
	switch (attr->type) {
	case XML_NUMBER:
		return scan_number(p, attr, values);
	case XML_STRING:
		return scan_string(p, attr, values);
	case XML_BOOL:
		return scan_bool(p, attr, values);
	case XML_WORD:
		return scan_word(p, attr, values);
	}
	return NULL;
}

/* All attributes of @element; returns what follows the last, or NULL. */
static const char *scan_attrs(const char *p, const struct xml_element *element, void *values)
{
	for (size_t i = 0; i < element->nr_attrs; i++) {
		const struct xml_attr *attr = &element->attrs[i];

		if (starts_with(p, attr->lead, attr->lead_len)) {
			p = scan_value(p + attr->lead_len, attr, values);
			if (!p)
				return NULL;
			continue;
		}
		if (attr->presence == XML_REQUIRED || attr->type != XML_NUMBER)
			return NULL;
		memcpy((char *)values + attr->offset, &attr->fallback, sizeof(uint64_t));
	}
	return p;
}

static const char *skip_space(struct xml_reader *rd, const char *p)
{
	for (;; p++) {
		if (*p == '\n') {
			rd->line++;
			rd->line_at = rd->offset + (uint64_t)(p + 1 - rd->buf);
		} else if (*p != ' ' && *p != '\t' && *p != '\r') {
			return p;
		}
	}
}

/* </name> of the innermost open element; @p is behind "</". */
static const char *scan_close(const struct xml_reader *rd, const char *p)
{
	const struct xml_element *element;

	if (rd->depth == 0)
		return NULL;
	element = &rd->schema->elements[rd->open[rd->depth - 1]];
	if (memcmp(p, element->name, element->name_len) != 0 || p[element->name_len] != '>')
		return NULL;
	return p + element->name_len + 1;
}

/* The element whose "<name" @p begins with: @hint, mostly. -1: none that may stand here. */
static int scan_name(const struct xml_reader *rd, const char *p, unsigned hint)
{
	for (unsigned i = 0; i <= rd->schema->nr_elements; i++) {
		unsigned id = i == 0 ? hint : i - 1;
		const struct xml_element *element = &rd->schema->elements[id];
		char behind = p[element->name_len + 1];

		if (starts_with(p, element->tag, element->name_len + 1u) &&
		    (behind == ' ' || behind == '>' || behind == '/'))
			return reader_allows(rd, element) ? (int)id : -1;
	}
	return -1;
}

/*
 * One tag at @p, which is its '<'. Returns what follows it, or NULL where it is left alone; the
 * handlers' result goes to @ret_result.
 */
static const char *scan_tag(struct xml_reader *rd, const char *p, unsigned *hint,
			    int *ret_result)
{
	const struct xml_element *element;
	bool empty;
	int id;

	if (p[1] == '/') {
		p = scan_close(rd, p + 2);
		if (p)
			*ret_result = reader_close(rd);
		return p;
	}

	id = scan_name(rd, p, *hint);
	if (id < 0)
		return NULL;
	element = &rd->schema->elements[id];
	p = scan_attrs(p + 1 + element->name_len, element, rd->values);
	if (!p)
		return NULL;
	empty = *p == '/';
	p += empty;
	if (*p != '>')
		return NULL;

	*hint = (unsigned)id;
	*ret_result = reader_open(rd, (unsigned)id);
	if (*ret_result == 0 && empty)
		*ret_result = reader_close(rd);
	return p + 1;
}

int reader_scan(struct xml_reader *rd)
{
	unsigned hint = 0;

	for (;;) {
		const char *p, *next;
		int r = 0;

		/* A whole tag must lie in the buffer; a quarter of it holds thousands. */
		if (!rd->eof && rd->end - rd->pos < READER_BUFFER / 4) {
			r = reader_fill(rd);
			if (r < 0)
				return r;
		}

		p = skip_space(rd, rd->buf + rd->pos);
		rd->pos = (size_t)(p - rd->buf);
		if (*p != '<')
			return 0;
		next = scan_tag(rd, p, &hint, &r);
		if (!next)
			return 0;
		if (r != 0)
			return r;
		rd->pos = (size_t)(next - rd->buf);
	}
}
