/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Promises that a key which was pasted into the wrong place is not told in a message. Does not know targets: where a
 * parameter is known to be secret, src/targets/grammar/secret.c hides it whatever it looks like.
 */
#include "core/hide.h"

#include <ctype.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX    DIGITS "abcdefABCDEF"
#define BLANKS " \t"

size_t alnum_run(const char *text)
{
	size_t run = 0;

	while (isalnum((unsigned char)text[run]))
		run++;
	return run;
}

bool is_key_run(const char *text, size_t run, size_t at_least)
{
	return run >= at_least && strspn(text, HEX) >= run;
}

/* In the first @len letters of @text. */
static void hide_runs(char *text, size_t len, size_t at_least, bool numbers)
{
	for (char *end = text + len; text < end;) {
		size_t run = alnum_run(text);

		if (is_key_run(text, run, at_least) && (numbers || strspn(text, DIGITS) < run))
			memset(text, '0', run);
		text += run + (text[run] != '\0');
	}
}

void hide_key_runs(char *text, size_t at_least, bool numbers)
{
	hide_runs(text, strlen(text), at_least, numbers);
}

/* The number of letters of a number at @text with the blanks behind it; 0: there is none. */
static size_t number_and_blanks(const char *text)
{
	size_t digits = strspn(text, DIGITS), blanks = strspn(text + digits, BLANKS);

	return digits && blanks ? digits + blanks : 0;
}

/* MAJOR:MINOR OFFSET, at @text. */
static bool is_device_and_number(const char *text)
{
	size_t major = strspn(text, DIGITS);
	size_t minor = text[major] == ':' ? number_and_blanks(text + major + 1) : 0;

	return minor && isdigit((unsigned char)text[major + 1 + minor]);
}

/* START LENGTH TARGET, at @text. */
static bool is_segment(const char *text)
{
	size_t start = number_and_blanks(text);
	size_t length = start ? number_and_blanks(text + start) : 0;

	return length && isalpha((unsigned char)text[start + length]);
}

/* Names of devices and files are not like that. */
static bool quotes_table(const char *text)
{
	if (strcasestr(text, "key set "))
		return true;
	while (*(text += strcspn(text, DIGITS))) {
		if (is_segment(text) || is_device_and_number(text))
			return true;
		text += strspn(text, DIGITS);
	}
	return false;
}

void hide_pasted_keys(char *text)
{
	if (!quotes_table(text))
		return;
	while (*text) {
		size_t len = strcspn(text, BLANKS);

		if (*text != '/')
			hide_runs(text, len, KEY_DIGITS, true);
		text += len + strspn(text + len, BLANKS);
	}
}
