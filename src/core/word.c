/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Promises that a line which is printed for a person can be pasted, whatever names are in it, and that
 * it shows as it is. Does not know which words a program takes for options.
 */
#include "core/word.h"
#include "core/utf8.h"

static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789/._+-:,@%";

/* Can every character be seen, and does none act? Then quotes are enough. */
static bool is_shown(const char *text)
{
	size_t left = strlen(text), len;
	uint32_t c;

	for (; left; text += len, left -= len) {
		len = utf8_decode(text, left, &c);
		if (!len || utf8_acts(c))
			return false;
	}
	return true;
}

static void add_quoted(struct strbuf *s, const char *text)
{
	strbuf_add_char(s, '\'');
	for (; *text; text++)
		if (*text == '\'')
			strbuf_add(s, "'\\''");
		else
			strbuf_add_char(s, *text);
	strbuf_add_char(s, '\'');
}

/* Three digits each, so that a digit behind one is not taken for its own. */
static void add_escaped(struct strbuf *s, const char *text)
{
	strbuf_add(s, "$'");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c > '~' || c == '\'' || c == '\\')
			strbuf_addf(s, "\\%03o", c);
		else
			strbuf_add_char(s, *text);
	}
	strbuf_add_char(s, '\'');
}

void word_add(struct strbuf *s, const char *text)
{
	if (!is_shown(text))
		add_escaped(s, text);
	else if (*text && text[strspn(text, bare)] == '\0')
		strbuf_add(s, text);
	else
		add_quoted(s, text);
}

void word_add_path(struct strbuf *s, const char *path)
{
	if (*path == '-')
		strbuf_add(s, "./");
	word_add(s, path);
}
