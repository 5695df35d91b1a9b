/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON as it is written, in pieces of bounded size: well-formed and nested by construction, every
 * string escaped to valid UTF-8. The first error of the writer is kept, and told at the end.
 */
#include <bedplate/json.h>

#include "core/strbuf.h"
#include "core/utf8.h"

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
	bool flat;
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

void bp_json_flat(struct bp_json *json)
{
	json->flat = true;
}

static void indent(struct bp_json *json)
{
	if (json->flat)
		return;
	strbuf_add_char(&json->out, '\n');
	for (unsigned i = 0; i < json->depth; i++)
		strbuf_add(&json->out, "  ");
}

static void add_escaped(struct strbuf *s, uint32_t c)
{
	static const char letters[] = "btn_fr"; /* \b is 8 ... \r is 13; 11 has none */

	if (c == '"' || c == '\\')
		strbuf_addf(s, "\\%c", (int)c);
	else if (c >= 8 && c <= 13 && c != 11)
		strbuf_addf(s, "\\%c", letters[c - 8]);
	else if (c < 0x10000)
		strbuf_addf(s, "\\u%04x", c);
	else /* as UTF-16 has it */
		strbuf_addf(s, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
			    0xdc00 + (c & 0x3ff));
}

/* What would act on a terminal is escaped: people look at JSON too. */
static void add_string(struct strbuf *s, const char *text, size_t len)
{
	size_t n;

	strbuf_add_char(s, '"');
	for (size_t i = 0; i < len; i += n) {
		uint32_t c;

		n = utf8_decode(text + i, len - i, &c);
		if (n == 0) {
			strbuf_add(s, "\xef\xbf\xbd");
			n = 1;
		} else if (c == '"' || c == '\\' || utf8_acts(c)) {
			add_escaped(s, c);
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
			strbuf_add(&json->out, json->flat ? ", " : ",");
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

void bp_json_unwind(struct bp_json *json, unsigned depth)
{
	while (json->depth > depth)
		close_container(json, json->in_object[json->depth - 1]);
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
	return json->out.error ? NULL : strbuf_text(&json->out);
}
