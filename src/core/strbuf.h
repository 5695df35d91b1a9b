/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing string. A failed allocation is remembered and turns every later call into nothing,
 * so that one look at the end is enough.
 */
#ifndef CORE_STRBUF_H
#define CORE_STRBUF_H

#include "core/util.h"

#include <stdarg.h>

struct strbuf {
	char *text; /* NUL-terminated once anything was added, else NULL */
	size_t len, size;
	int error; /* 0 or -ENOMEM */
};

void strbuf_done(struct strbuf *s);
void strbuf_clear(struct strbuf *s);
void strbuf_add(struct strbuf *s, const char *text);
void strbuf_add_len(struct strbuf *s, const char *text, size_t len);
void strbuf_add_char(struct strbuf *s, char c);
void strbuf_add_uint(struct strbuf *s, uint64_t v);
void strbuf_addf(struct strbuf *s, const char *fmt, ...) _printf_(2, 3);
void strbuf_addv(struct strbuf *s, const char *fmt, va_list args) _printf_(2, 0);
/* The text so far; "" when empty. Lent. */
const char *strbuf_text(const struct strbuf *s);
/* Hand the text out: 0 and the caller frees it, or -ENOMEM. The buffer is empty afterwards. */
int strbuf_take(struct strbuf *s, char **ret);

#endif
