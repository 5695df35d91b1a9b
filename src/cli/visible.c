/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Names and paths come from outside: what would act on a terminal, or the locale can't show, is
 * printed as \xHH, byte by byte. Everything that goes to stderr or into columns passes here.
 */
#include "cli/internal.h"

#include "core/strbuf.h"
#include "core/utf8.h"
#include "core/word.h"

#include <locale.h>
#include <wchar.h>
#include <wctype.h>

/* Four files are opened and mapped for it: not by those who print nothing that needs it. */
void cli_locale(void)
{
	static bool known;

	/* Who has set one before us, keeps it. */
	if (!known && streq(setlocale(LC_CTYPE, NULL), "C"))
		setlocale(LC_CTYPE, "");
	known = true;
}

/* How many bytes at @text can be shown as they are; 0: the first can't. */
static size_t shown_len(const char *text, size_t left)
{
	wchar_t wide;
	uint32_t c;
	size_t len = mbrtowc(&wide, text, left, &(mbstate_t){ 0 });

	if (len == 0 || len > left || !iswprint((wint_t)wide))
		return 0;
	return utf8_decode(text, left, &c) == len && utf8_acts(c) ? 0 : len;
}

/* @keep: bytes that stay although they act; @escape: those that don't stay. */
static char *visible(const char *text, const char *keep, const char *escape)
{
	struct strbuf s = { 0 };
	size_t left = strlen(text), len;
	char *ret;

	cli_locale();
	for (; left; text += len, left -= len) {
		len = shown_len(text, left);
		if (strchr(keep, *text))
			len = 1;
		else if (strchr(escape, *text))
			len = 0;
		if (len)
			strbuf_add_len(&s, text, len);
		else
			strbuf_addf(&s, "\\x%02x", (unsigned char)*text);
		len += len == 0;
	}
	return strbuf_take(&s, &ret) < 0 ? NULL : ret;
}

char *cli_visible(const char *text)
{
	return visible(text, "", "");
}

char *cli_visible_lines(const char *text)
{
	return visible(text, "\n\t", "");
}

char *cli_visible_raw(const char *text, const char *separator)
{
	_cleanup_(freep) char *escape = NULL;

	if (asprintf(&escape, "\\%s", separator) < 0)
		return NULL;
	return visible(text, "", escape);
}

char *cli_word(const char *text)
{
	struct strbuf s = { 0 };
	char *ret;

	word_add(&s, text);
	return strbuf_take(&s, &ret) < 0 ? NULL : ret;
}
