/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <bedplate/json.h>

#include "core/strbuf.h"

#include <assert.h>

/* Output is handed on in pieces of at least this size. */
#define PIECE 16384u

/* Far more than any schema of ours nests. */
#define MAX_DEPTH 64u

struct bp_json {
	bp_write_fn write;
	void *user;
	struct strbuf out;
	int error;
	unsigned depth;
	bool in_object[MAX_DEPTH], any[MAX_DEPTH]; /* what is open; has it a member yet */
};

int bp_json_new(bp_write_fn write, void *user, struct bp_json **ret)
{
	struct bp_json *json = calloc(1, sizeof(*json));

	if (!json)
		return -ENOMEM;
	json->write = write;
	json->user = user;
	*ret = json;
	return 0;
}

void bp_json_free(struct bp_json *json)
{
	if (!json)
		return;
	strbuf_done(&json->out);
	free(json);
}

static void hand_on(struct bp_json *json)
{
	if (json->out.error && !json->error)
		json->error = json->out.error;
	if (!json->write || json->error)
		return;
	json->error = json->write(json->user, strbuf_text(&json->out), json->out.len);
	strbuf_clear(&json->out);
}

static void indent(struct bp_json *json)
{
	strbuf_add_char(&json->out, '\n');
	for (unsigned i = 0; i < json->depth; i++)
		strbuf_add(&json->out, "  ");
}

/*
 * Length of the UTF-8 sequence at @p, 0 where there is none. Source: RFC 3629 section 4: no
 * surrogates, no overlong forms, nothing above U+10FFFF.
 */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80                   ? 1
		   : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
		   : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
		   : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
						 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

static void add_escaped(struct strbuf *s, unsigned char c)
{
	static const char letters[] = "btn_fr"; /* \b is 8 ... \r is 13; 11 has none */

	if (c == '"' || c == '\\')
		strbuf_addf(s, "\\%c", c);
	else if (c >= 8 && c <= 13 && c != 11)
		strbuf_addf(s, "\\%c", letters[c - 8]);
	else
		strbuf_addf(s, "\\u%04x", c);
}

static void add_string(struct strbuf *s, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n;

	strbuf_add_char(s, '"');
	for (size_t i = 0; i < len; i += n) {
		n = utf8_len(p + i, len - i);
		if (n == 0) {
			strbuf_add(s, "\xef\xbf\xbd");
			n = 1;
		} else if (n == 1 &&
			   (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f)) {
			add_escaped(s, p[i]);
		} else {
			strbuf_add_len(s, text + i, n);
		}
	}
	strbuf_add_char(s, '"');
}

/* Comma, line, name: all that comes before a value. */
static void begin(struct bp_json *json, const char *key)
{
	if (json->depth) {
		assert(json->in_object[json->depth - 1] == (key != NULL));
		if (json->any[json->depth - 1])
			strbuf_add_char(&json->out, ',');
		json->any[json->depth - 1] = true;
		indent(json);
	}
	if (key) {
		add_string(&json->out, key, strlen(key));
		strbuf_add(&json->out, ": ");
	}
}

static void open_container(struct bp_json *json, const char *key, bool object)
{
	begin(json, key);
	assert(json->depth < MAX_DEPTH);
	strbuf_add_char(&json->out, object ? '{' : '[');
	json->in_object[json->depth] = object;
	json->any[json->depth++] = false;
}

static void close_container(struct bp_json *json, bool object)
{
	assert(json->depth && json->in_object[json->depth - 1] == object);
	if (json->any[--json->depth])
		indent(json);
	strbuf_add_char(&json->out, object ? '}' : ']');
	if (json->out.len >= PIECE)
		hand_on(json);
}

void bp_json_object(struct bp_json *json, const char *key)
{
	open_container(json, key, true);
}

void bp_json_object_close(struct bp_json *json)
{
	close_container(json, true);
}

void bp_json_array(struct bp_json *json, const char *key)
{
	open_container(json, key, false);
}

void bp_json_array_close(struct bp_json *json)
{
	close_container(json, false);
}

void bp_json_string_len(struct bp_json *json, const char *key, const char *value, size_t len)
{
	begin(json, key);
	add_string(&json->out, value, len);
}

void bp_json_string(struct bp_json *json, const char *key, const char *value)
{
	if (value)
		bp_json_string_len(json, key, value, strlen(value));
	else
		bp_json_null(json, key);
}

void bp_json_uint(struct bp_json *json, const char *key, uint64_t value)
{
	begin(json, key);
	strbuf_add_uint(&json->out, value);
}

void bp_json_int(struct bp_json *json, const char *key, int64_t value)
{
	begin(json, key);
	if (value < 0)
		strbuf_add_char(&json->out, '-');
	strbuf_add_uint(&json->out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void bp_json_bool(struct bp_json *json, const char *key, bool value)
{
	bp_json_raw(json, key, value ? "true" : "false");
}

void bp_json_null(struct bp_json *json, const char *key)
{
	bp_json_raw(json, key, "null");
}

void bp_json_raw(struct bp_json *json, const char *key, const char *value)
{
	begin(json, key);
	strbuf_add(&json->out, value);
}

int bp_json_end(struct bp_json *json)
{
	assert(json->depth == 0);
	strbuf_add_char(&json->out, '\n');
	hand_on(json);
	return json->error;
}

const char *bp_json_text(struct bp_json *json, size_t *ret_len)
{
	if (ret_len)
		*ret_len = json->out.len;
	return strbuf_text(&json->out);
}
