/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/strbuf.h"
#include "core/number.h"

#include <stdio.h>

void strbuf_done(struct strbuf *s)
{
	free(s->text);
	*s = (struct strbuf){ 0 };
}

void strbuf_clear(struct strbuf *s)
{
	s->len = 0;
	if (s->text)
		s->text[0] = '\0';
}

/* Room for @more bytes and the NUL. */
static bool reserve(struct strbuf *s, size_t more)
{
	size_t want, size;
	char *p;

	if (s->error)
		return false;
	if (add_overflow(s->len, more, &want) || add_overflow(want, 1, &want)) {
		s->error = -ENOMEM;
		return false;
	}
	if (want <= s->size)
		return true;

	size = MAX(want, s->size + s->size / 2);
	size = MAX(size, (size_t)64);
	p = realloc(s->text, size);
	if (!p) {
		s->error = -ENOMEM;
		return false;
	}
	s->text = p;
	s->size = size;
	return true;
}

void strbuf_add_len(struct strbuf *s, const char *text, size_t len)
{
	if (!reserve(s, len))
		return;
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

void strbuf_add(struct strbuf *s, const char *text)
{
	strbuf_add_len(s, text, strlen(text));
}

void strbuf_add_char(struct strbuf *s, char c)
{
	strbuf_add_len(s, &c, 1);
}

void strbuf_add_uint(struct strbuf *s, uint64_t v)
{
	char digits[NUMBER_MAX_BYTES];
	size_t len = number_format(digits, v);

	strbuf_add_len(s, digits, len);
}

/*
 * Measured first, then written: a text may be of any length. A failure stays in the buffer,
 * so that a row of calls is asked once, at its end.
 */
void strbuf_addv(struct strbuf *s, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		s->error = -ENOMEM;
		return;
	}
	if (!reserve(s, (size_t)n))
		return;
	vsnprintf(s->text + s->len, (size_t)n + 1, fmt, args);
	s->len += (size_t)n;
}

void strbuf_addf(struct strbuf *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	strbuf_addv(s, fmt, args);
	va_end(args);
}

const char *strbuf_text(const struct strbuf *s)
{
	return s->text ? s->text : "";
}

int strbuf_take(struct strbuf *s, char **ret)
{
	reserve(s, 0);
	if (s->error) {
		strbuf_done(s);
		return -ENOMEM;
	}
	s->text[s->len] = '\0';
	*ret = s->text;
	*s = (struct strbuf){ 0 };
	return 0;
}
