/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/xml/read.h"
#include "core/number.h"
#include "formats/xml/base64.h"
#include "formats/xml/reader.h"
#include "io/begins.h"
#include "io/io.h"

#include <expat.h>
#include <inttypes.h>

/* The expat half. @result: why we stopped; its message is recorded, with the position. */
struct expat_side {
	struct xml_reader *rd;
	XML_Parser parser;
	unsigned primed;       /* start tags that only tell expat where we are */
	bool primed_end;       /* and the end tag of a document that is over */
	size_t prime_len;      /* bytes of them */
	uint64_t line, column; /* of the first byte after them; column from 0 */
	uint64_t into;         /* how far into a piece of text the trouble is */
	int result;
};

bool reader_allows(const struct xml_reader *rd, const struct xml_element *element)
{
	if (rd->depth == 0)
		return (element->parents & XML_OUTERMOST) && !rd->outermost_seen;
	return rd->depth < READER_DEPTH && (element->parents >> rd->open[rd->depth - 1] & 1);
}

int reader_open(struct xml_reader *rd, unsigned element, const void *values)
{
	rd->open[rd->depth++] = element;
	rd->outermost_seen = true;
	return rd->handler->open(rd->handler->user, element, values);
}

int reader_close(struct xml_reader *rd)
{
	return rd->handler->close(rd->handler->user, rd->open[--rd->depth]);
}

/* Put the position before the message that a handler recorded, unless a write is at fault. */
static int place(struct xml_reader *rd, int r, uint64_t line, uint64_t column)
{
	if (r < 0 && bp_error_get(rd->ctx)->code != BP_E_IO)
		error_prefix(rd->ctx, "%s: line %" PRIu64 ", column %" PRIu64, rd->source->name,
			     line, column);
	return r;
}

static _printf_(2, 0) int xml_failv(struct bp_ctx *ctx, const char *fmt, va_list args)
{
	bp_failv(ctx, -EINVAL, fmt, args);
	error_set_code(ctx, BP_E_XML);
	return -EINVAL;
}

/* Where expat is, counted in the real document. */
static int expat_place(struct expat_side *x, int r)
{
	uint64_t line = XML_GetCurrentLineNumber(x->parser);
	uint64_t column = XML_GetCurrentColumnNumber(x->parser) + x->into;

	if (line == 1)
		column = column >= x->prime_len ? column - x->prime_len + x->column : 0;
	return place(x->rd, r, line - 1 + x->line, column + 1);
}

/* Stop with @r, whose message is recorded. */
static void stop(struct expat_side *x, int r)
{
	x->result = expat_place(x, r);
	XML_StopParser(x->parser, XML_FALSE);
}

static void _printf_(2, 3) stop_fail(struct expat_side *x, const char *fmt, ...)
{
	va_list args;
	int r;

	va_start(args, fmt);
	r = xml_failv(x->rd->ctx, fmt, args);
	va_end(args);
	stop(x, r);
}

/* Bounds are the attribute's own, from the schema. */
static int read_number(struct bp_ctx *ctx, const struct xml_element *element,
		       const struct xml_attr *attr, const char *text, uint64_t *ret)
{
	uint64_t v;
	int r = number_parse(text, attr->max, &v);

	if (r == 0 && v >= attr->min) {
		*ret = v;
		return 0;
	}
	r = bp_fail(ctx, -EINVAL,
		    "attribute '%s' in tag '%s': '%.40s' is %s (%" PRIu64 " to %" PRIu64 ")",
		    attr->name, element->name, text,
		    r == -EINVAL ? "not a number" : "out of range", attr->min, attr->max);
	error_set_code(ctx, BP_E_XML);
	return r;
}

/* Typed by the schema; a handler gets a struct, never strings to parse. */
static int read_value(struct bp_ctx *ctx, const struct xml_element *element,
		      const struct xml_attr *attr, const char *text, void *values)
{
	char *to = (char *)values + attr->offset;
	struct xml_text string = { .text = text, .len = strlen(text) };
	uint64_t number = 0;
	bool flag = streq(text, "true");
	int r;

	switch (attr->type) {
	case XML_NUMBER:
		r = read_number(ctx, element, attr, text, &number);
		if (r < 0)
			return r;
		memcpy(to, &number, sizeof(number));
		return 0;
	case XML_STRING:
		memcpy(to, &string, sizeof(string));
		return 0;
	case XML_BOOL:
		if (!flag && !streq(text, "false")) {
			r = bp_fail(
				ctx, -EINVAL,
				"attribute '%s' in tag '%s': '%.40s' is not 'true' or 'false'",
				attr->name, element->name, text);
			error_set_code(ctx, BP_E_XML);
			return r;
		}
		memcpy(to, &flag, sizeof(flag));
		return 0;
	case XML_WORD:
		if (strlen(text) != BASE64_WORD || !base64_word_decode(text, (uint8_t *)to)) {
			r = bp_fail(ctx, -EINVAL,
				    "attribute '%s' in tag '%s': '%.40s' is not four bytes in "
				    "base64",
				    attr->name, element->name, text);
			error_set_code(ctx, BP_E_XML);
			return r;
		}
		return 0;
	}
	return -EINVAL;
}

static const struct xml_attr *find_attr(const struct xml_element *element, const char *name)
{
	for (size_t i = 0; i < element->nr_attrs; i++) {
		if (streq(element->attrs[i].name, name))
			return &element->attrs[i];
	}
	return NULL;
}

/* What was left out: its default, or an error. */
static bool read_absent(struct expat_side *x, const struct xml_element *element, uint32_t seen)
{
	for (size_t i = 0; i < element->nr_attrs; i++) {
		const struct xml_attr *attr = &element->attrs[i];

		if (seen >> i & 1)
			continue;
		if (attr->presence == XML_REQUIRED) {
			stop_fail(x, "missing attribute '%s' for tag '%s'", attr->name,
				  element->name);
			return false;
		}
		if (attr->type == XML_NUMBER)
			memcpy(x->rd->values + attr->offset, &attr->fallback, sizeof(uint64_t));
	}
	return true;
}

/* Unknown attributes are refused: a text of a newer version may mean something else. */
static bool read_attrs(struct expat_side *x, const struct xml_element *element,
		       const char **attrs)
{
	uint32_t seen = 0;

	memset(x->rd->values, 0, element->size);
	for (; *attrs; attrs += 2) {
		const struct xml_attr *attr = find_attr(element, attrs[0]);
		int r;

		if (!attr) {
			stop_fail(x, "unknown attribute '%.40s' in tag '%s'", attrs[0],
				  element->name);
			return false;
		}
		r = read_value(x->rd->ctx, element, attr, attrs[1], x->rd->values);
		if (r < 0) {
			stop(x, r);
			return false;
		}
		seen |= 1u << (attr - element->attrs);
	}
	return read_absent(x, element, seen);
}

static int find_element(const struct xml_schema *schema, const char *name)
{
	for (unsigned i = 0; i < schema->nr_elements; i++) {
		if (streq(schema->elements[i].name, name))
			return (int)i;
	}
	return -1;
}

/* What may stand where is the schema's: handlers rely on it. */
static void XMLCALL on_start(void *user, const char *name, const char **attrs)
{
	struct expat_side *x = user;
	struct xml_reader *rd = x->rd;
	int id, r;

	if (x->primed > 0) {
		x->primed--;
		return;
	}
	id = find_element(rd->schema, name);
	if (id < 0) {
		stop_fail(x, "unknown start tag '%.40s'", name);
		return;
	}
	if (!reader_allows(rd, &rd->schema->elements[id])) {
		if (rd->depth == 0)
			stop_fail(x, "'%s' can't be the outermost element", name);
		else
			stop_fail(x, "'%s' can't stand inside '%s'", name,
				  rd->schema->elements[rd->open[rd->depth - 1]].name);
		return;
	}
	if (!read_attrs(x, &rd->schema->elements[id], attrs))
		return;
	r = reader_open(rd, (unsigned)id, rd->values);
	if (r != 0)
		stop(x, r);
}

static void XMLCALL on_end(void *user, const char *name)
{
	struct expat_side *x = user;
	int r;

	(void)name; /* expat has matched it with its start tag */
	if (x->primed_end) {
		x->primed_end = false;
		return;
	}
	if (x->result != 0)
		return; /* of an empty element that stopped us: expat tells its end still */
	r = reader_close(x->rd);
	if (r != 0)
		stop(x, r);
}

static void XMLCALL on_text(void *user, const char *text, int len)
{
	struct expat_side *x = user;

	for (int i = 0; i < len; i++) {
		if (!strchr(" \t\r\n", text[i])) {
			x->into = (uint64_t)i; /* expat hands out newlines alone */
			stop_fail(x, "text where only tags can be: '%.*s'", MIN(len - i, 20),
				  text + i);
			return;
		}
	}
}

/* No dump has one, and entities that it defines could grow without bound. */
static void XMLCALL on_doctype(void *user, const char *name, const char *sysid,
			       const char *pubid, int internal)
{
	(void)name, (void)sysid, (void)pubid, (void)internal;
	stop_fail(user, "a document type declaration is not allowed");
}

/* Expat's own verdict; in our words where people meet it most. */
static int expat_failed(struct expat_side *x)
{
	enum XML_Error code = XML_GetErrorCode(x->parser);
	struct xml_reader *rd = x->rd;
	int r;

	if (x->result != 0)
		return x->result;
	if (code == XML_ERROR_NO_MEMORY)
		return bp_fail_memory(rd->ctx);

	if (code == XML_ERROR_NO_ELEMENTS && rd->depth > 0)
		r = bp_fail(rd->ctx, -EINVAL, "the text ends inside '%s': is it truncated?",
			    rd->schema->elements[rd->open[rd->depth - 1]].name);
	else if (code == XML_ERROR_NO_ELEMENTS && !rd->outermost_seen)
		r = bp_fail(rd->ctx, -EINVAL, "missing %s: the text has no element",
			    rd->schema->elements[0].name);
	else if (code == XML_ERROR_JUNK_AFTER_DOC_ELEMENT)
		r = bp_fail(rd->ctx, -EINVAL, "more text behind the end of '%s'",
			    rd->schema->elements[0].name);
	else
		r = bp_fail(rd->ctx, -EINVAL, "not well-formed XML: %s", XML_ErrorString(code));
	error_set_code(rd->ctx, BP_E_XML);
	return expat_place(x, r);
}

/* The whole document was there: comments and the like may follow it. */
static int prime_over(struct expat_side *x)
{
	static const char over[] = "<x/>";

	x->primed = 1;
	x->primed_end = true;
	x->prime_len = sizeof(over) - 1;
	return XML_Parse(x->parser, over, sizeof(over) - 1, 0) == XML_STATUS_OK
		       ? 0
		       : bp_fail_memory(x->rd->ctx);
}

/* Feed expat the start tags of the elements that the scanner left open. */
static int prime(struct expat_side *x)
{
	struct xml_reader *rd = x->rd;
	enum XML_Status status = XML_STATUS_OK;

	x->primed = rd->depth;
	x->line = rd->line;
	x->column = rd->offset + rd->pos - rd->line_at;
	if (rd->depth == 0 && rd->outermost_seen)
		return prime_over(x);
	for (unsigned i = 0; i < rd->depth && status == XML_STATUS_OK; i++) {
		const struct xml_element *element = &rd->schema->elements[rd->open[i]];

		if (XML_Parse(x->parser, "<", 1, 0) != XML_STATUS_OK ||
		    XML_Parse(x->parser, element->name, element->name_len, 0) != XML_STATUS_OK)
			status = XML_STATUS_ERROR;
		else
			status = XML_Parse(x->parser, ">", 1, 0);
		x->prime_len += element->name_len + 2u;
	}
	return status == XML_STATUS_OK ? 0 : bp_fail_memory(rd->ctx);
}

/* Of one tag, comment or the like: expat looks at all of it again with each piece. */
#define TOKEN_MAX (1u << 20)

static int refuse_token(struct expat_side *x)
{
	int r = bp_fail(x->rd->ctx, -EINVAL, "a tag or comment of more than %u bytes",
			TOKEN_MAX);

	error_set_code(x->rd->ctx, BP_E_XML);
	return expat_place(x, r);
}

/* TOKEN_MAX bounds one token, as expat would keep all of it in memory. */
static int feed(struct expat_side *x)
{
	struct xml_reader *rd = x->rd;
	uint64_t fed = x->prime_len;
	int r;

	for (;;) {
		bool last;

		if (rd->pos == rd->end && !rd->eof) {
			r = reader_fill(rd);
			if (r < 0)
				return r;
		}
		last = rd->eof;
		if (XML_Parse(x->parser, rd->buf + rd->pos, (int)(rd->end - rd->pos), last) !=
		    XML_STATUS_OK)
			return expat_failed(x);
		fed += rd->end - rd->pos;
		rd->pos = rd->end;
		if (!last && fed > (uint64_t)XML_GetCurrentByteIndex(x->parser) + TOKEN_MAX)
			return refuse_token(x);
		if (last)
			return 0;
	}
}

/*
 * Has the last word on everything that the scanner didn't know. Document types are refused:
 * entities can grow without bound.
 */
static int read_by_expat(struct xml_reader *rd)
{
	struct expat_side x = { .rd = rd };
	int r;

	rd->by_expat = true;
	x.parser = XML_ParserCreate(NULL);
	if (!x.parser)
		return bp_fail_memory(rd->ctx);
	XML_SetUserData(x.parser, &x);
	XML_SetElementHandler(x.parser, on_start, on_end);
	XML_SetCharacterDataHandler(x.parser, on_text);
	XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);

	r = prime(&x);
	if (r == 0)
		r = feed(&x);
	XML_ParserFree(x.parser);
	return r;
}

/* Metadata and archives have NULs at once, text has none: say so rather than "invalid token".
 */
static int refuse_binary(struct xml_reader *rd)
{
	const struct begins *is =
		rd->end >= IO_BLOCK ? begins_as_disk(rd->buf) : begins_as(rd->buf, rd->end);
	int r;

	if (is && rd->buf[0] == '<') /* a dump in XML */
		return 0;
	/* But for UTF-16, which begins with its mark. */
	if (!is && (!memchr(rd->buf, '\0', MIN(rd->end, (size_t)32)) ||
		    memcmp(rd->buf, "\xff\xfe", 2) == 0 || memcmp(rd->buf, "\xfe\xff", 2) == 0))
		return 0;
	r = bp_fail(rd->ctx, -EINVAL, "%s: not XML, but %s", rd->source->name,
		    is ? is->what : "binary data");
	error_set_code(rd->ctx, BP_E_XML);
	return r;
}

/* The scanner first, as it is much faster on texts that dumps have. */
static int read_document(struct xml_reader *rd)
{
	int r;

	r = reader_fill(rd);
	if (r < 0)
		return r;
	r = refuse_binary(rd);
	if (r < 0)
		return r;
	if (!rd->source->expat_only) {
		r = reader_scan(rd);
		if (r != 0)
			return place(rd, r, rd->line, rd->offset + rd->pos - rd->line_at + 1);
		if (rd->eof && rd->pos == rd->end && rd->depth == 0 && rd->outermost_seen)
			return 0;
	}
	return read_by_expat(rd);
}

static void reader_freep(struct xml_reader **rd)
{
	if (*rd)
		reader_done(*rd);
	free(*rd);
}

/* Memory: READER_PIECES, whatever the text's size. */
int xml_read(struct bp_ctx *ctx, const struct xml_schema *schema,
	     const struct xml_source *source, const struct xml_handler *handler)
{
	_cleanup_(reader_freep) struct xml_reader *rd = calloc(1, sizeof(*rd));

	if (!rd)
		return bp_fail_memory(ctx);
	rd->ctx = ctx;
	rd->schema = schema;
	rd->source = source;
	rd->handler = handler;
	rd->line = 1;
	if (reader_init(rd) < 0)
		return bp_fail_memory(ctx);
	return read_document(rd);
}
