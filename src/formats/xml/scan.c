/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The fast half of the reader. It knows one shape only: tags of the schema, attributes in the
 * order of its tables, double quotes, white space between tags. That is what every dump looks
 * like, and it can be compared and converted without looking at a byte twice. Whatever else
 * there is, right or wrong, is left for expat: so this code never reports an error in the text.
 */
#include "core/endian.h"
#include "formats/xml/base64.h"
#include "formats/xml/reader.h"

static inline uint64_t eight_bytes(const char *p)
{
	le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_get(v);
}

/* Compare 8 bytes at a time. Both may be read up to READER_PAD past @len. */
static inline bool starts_with(const char *p, const char *word, size_t len)
{
	uint64_t differ = eight_bytes(p) ^ eight_bytes(word);

	if (len < 8)
		return differ << 8 * (8 - len) == 0;
	if (len > 16)
		return memcmp(p, word, len) == 0;
	return differ == 0 && eight_bytes(p + len - 8) == eight_bytes(word + len - 8);
}

/*
 * Up to eight digits at @p, all at once; returns how many. A byte is none where it, or what it is
 * above '0', has more than four bits, or that and six have. The first digit is the lowest byte:
 * pairs are put together, then pairs of these, then both halves.
 */
static inline unsigned scan_digits(const char *p, uint64_t *ret)
{
	uint64_t v = eight_bytes(p) ^ UINT64_C(0x3030303030303030);
	uint64_t none = (v | (v + UINT64_C(0x0606060606060606))) & UINT64_C(0xf0f0f0f0f0f0f0f0);
	unsigned nr = none ? (unsigned)__builtin_ctzll(none) / 8 : 8;

	if (nr == 0)
		return 0;
	v <<= 8 * (8 - nr);
	v = (v * 10 + (v >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	v = (v * 100 + (v >> 16)) & UINT64_C(0x0000ffff0000ffff);
	*ret = (v * 10000 + (v >> 32)) & UINT32_MAX;
	return nr;
}

/* Digits up to the closing quote; NULL where they are none, or too many for 64 bits. */
static inline const char *scan_number(const char *p, const struct xml_attr *attr, void *values)
{
	const char *start = p;
	uint64_t v = 0;

	p += scan_digits(p, &v);
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
	bool v = memcmp(p, "true\"", 5) == 0;

	if (!v && memcmp(p, "false\"", 6) != 0)
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

/* Newlines passed, and what is behind the last one. */
struct lines {
	uint64_t nr;
	const char *at;
};

static inline const char *skip_space(const char *p, struct lines *lines)
{
	for (;; p++) {
		if (*p == '\n') {
			lines->nr++;
			lines->at = p + 1;
		} else if (*p != ' ' && *p != '\t' && *p != '\r') {
			return p;
		}
	}
}

/* All before @p is used. */
static void pass(struct xml_reader *rd, const char *p, const struct lines *lines)
{
	if (lines->nr) {
		rd->line += lines->nr;
		rd->line_at = rd->offset + (uint64_t)(lines->at - rd->buf);
	}
	rd->pos = (size_t)(p - rd->buf);
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

/* The element whose "<name" @p begins with: @hint, mostly. -1: none. */
static inline int scan_name(const struct xml_schema *schema, const char *p, unsigned hint)
{
	for (unsigned i = 0; i <= schema->nr_elements; i++) {
		unsigned id = i == 0 ? hint : i - 1;
		const struct xml_element *element = &schema->elements[id];
		char behind = p[element->name_len + 1];

		if (starts_with(p, element->tag, element->name_len + 1u) &&
		    (behind == ' ' || behind == '>' || behind == '/'))
			return (int)id;
	}
	return -1;
}

/* --- ahead --- */

/* An element with nothing in it; what follows it, or NULL. */
static inline const char *scan_empty(const struct xml_schema *schema, const char *p,
				     unsigned *hint, unsigned char *values)
{
	int id = *p == '<' ? scan_name(schema, p, *hint) : -1;
	const struct xml_element *element;
	uint64_t number;

	if (id < 0)
		return NULL;
	element = &schema->elements[id];
	p = scan_attrs(p + 1 + element->name_len, element, values + sizeof(number));
	if (!p || p[0] != '/' || p[1] != '>')
		return NULL;
	*hint = (unsigned)id;
	number = (uint64_t)id;
	memcpy(values, &number, sizeof(number));
	return p + 2;
}

/* The run at @p, if there is one; returns where it ends, at the '<' of another thing mostly. */
static const char *scan_run(const struct xml_schema *schema, struct reader_piece *piece,
			    const char *p, size_t *values)
{
	const char *text = piece->text, *end = p;
	struct reader_run run = { .begin = (size_t)(p - text), .values = *values };
	struct lines lines = { 0 }, passed = { 0 };
	unsigned hint = 0;

	while (*values + READER_VALUE_MAX <= READER_VALUES) {
		const char *next = scan_empty(schema, p, &hint, piece->values + *values);

		if (!next)
			break;
		run.nr++;
		*values += reader_value_size(&schema->elements[hint]);
		passed = lines;
		end = next;
		p = skip_space(next, &lines);
	}
	if (run.nr > 0) {
		run.end = (size_t)(end - text);
		run.lines = passed.nr;
		run.line_at = passed.nr ? (size_t)(passed.at - text) : 0;
		piece->runs[piece->nr_runs++] = run;
	}
	return p;
}

/* After what is no run it is tried again on the next line. */
void reader_scan_ahead(const struct xml_schema *schema, struct reader_piece *piece)
{
	const char *p = piece->text, *end = p + piece->len;
	struct lines lines = { 0 };
	size_t values = 0;

	while (p && p < end && piece->nr_runs < READER_RUNS &&
	       values + READER_VALUE_MAX <= READER_VALUES) {
		p = skip_space(p, &lines);
		p = scan_run(schema, piece, p, &values);
		p = memchr(p, '\n', (size_t)(end - p));
	}
}

/* --- what was scanned ahead --- */

/* Where the @i-th tag of a run begins; lines up to there count. */
static void stand_at(struct xml_reader *rd, const struct reader_run *run, size_t i)
{
	const char *p = rd->piece->text + run->begin;
	struct lines lines = { 0 };

	for (; i > 0; i--)
		p = skip_space(strchr(p, '>') + 1, &lines);
	pass(rd, p, &lines);
}

/* The run is valid XML of the schema; only whether its elements may stand here is open. */
static int use_run(struct xml_reader *rd, const struct reader_run *run)
{
	const unsigned char *values = rd->piece->values + run->values;
	const char *text = rd->piece->text;
	struct lines lines = { run->lines, text + run->line_at };
	uint64_t id, allowed = UINT64_MAX;

	for (size_t i = 0; i < run->nr; i++) {
		const struct xml_element *element;
		int r;

		memcpy(&id, values, sizeof(id));
		element = &rd->schema->elements[id];
		if (id != allowed && !reader_allows(rd, element)) {
			stand_at(rd, run, i);
			return 0;
		}
		allowed = rd->depth > 0 ? id : UINT64_MAX; /* one outermost element only */
		r = reader_open(rd, (unsigned)id, values + sizeof(id));
		if (r == 0)
			r = reader_close(rd);
		if (r != 0) {
			stand_at(rd, run, i);
			return r;
		}
		values += reader_value_size(element);
	}
	pass(rd, text + run->end, &lines);
	return 0;
}

/* The run that begins at @p, or NULL. */
static const struct reader_run *run_at(struct xml_reader *rd, const char *p)
{
	const struct reader_piece *piece = rd->piece;
	size_t at;

	if (p < piece->text) /* what was left of an earlier piece */
		return NULL;
	at = (size_t)(p - piece->text);
	while (rd->next_run < piece->nr_runs && piece->runs[rd->next_run].begin < at)
		rd->next_run++;
	if (rd->next_run == piece->nr_runs || piece->runs[rd->next_run].begin != at)
		return NULL;
	return &piece->runs[rd->next_run++];
}

/* --- one after the other --- */

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

	id = scan_name(rd->schema, p, *hint);
	if (id < 0 || !reader_allows(rd, &rd->schema->elements[id]))
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
	*ret_result = reader_open(rd, (unsigned)id, rd->values);
	if (*ret_result == 0 && empty)
		*ret_result = reader_close(rd);
	return p + 1;
}

/* What is at @p; *@ret_known: something that is known was. */
static int scan_next(struct xml_reader *rd, const char *p, unsigned *hint, bool *ret_known)
{
	const struct reader_run *run = run_at(rd, p);
	struct lines none = { 0 };
	int r = 0;

	*ret_known = true;
	if (run)
		return use_run(rd, run);
	p = scan_tag(rd, p, hint, &r);
	*ret_known = p;
	if (p && r == 0)
		pass(rd, p, &none);
	return r;
}

int reader_scan(struct xml_reader *rd)
{
	unsigned hint = 0;

	for (;;) {
		struct lines lines = { 0 };
		const char *p = skip_space(rd->buf + rd->pos, &lines);
		bool known;
		int r;

		pass(rd, p, &lines);
		known = *p == '<';
		r = known ? scan_next(rd, p, &hint, &known) : 0;
		if (r != 0)
			return r;
		/* A whole tag must lie in the buffer; a quarter of it holds thousands. */
		if (!known && (rd->eof || rd->end - rd->pos >= READER_LEFT))
			return 0;
		if (!known)
			r = reader_fill(rd);
		if (r < 0)
			return r;
	}
}
