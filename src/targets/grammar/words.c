/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "targets/grammar/words.h"

/* White space. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

/*
 * Read one word at @text into @out (room for as many bytes), and return how many bytes of the
 * text it took. Backslashes count only in front of a blank: two of them are one, a single one
 * makes the blank part of the word.
 */
static size_t read_word(const char *text, size_t len, char *out, size_t *ret_len)
{
	size_t i = 0, n = 0;

	while (i < len && !is_blank(text[i])) {
		size_t run = 0;

		while (i + run < len && text[i + run] == '\\')
			run++;
		if (run == 0) {
			out[n++] = text[i++];
			continue;
		}
		i += run;
		if (i < len && is_blank(text[i])) {
			for (size_t k = 0; k < run / 2; k++)
				out[n++] = '\\';
			if (run % 2)
				out[n++] = text[i++];
		} else {
			for (size_t k = 0; k < run; k++)
				out[n++] = '\\';
		}
	}
	*ret_len = n;
	return i;
}

/* How many words there are at most: one more than there are blanks behind something else. */
static size_t words_at_most(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 1; i < len; i++)
		n += is_blank(text[i]) && !is_blank(text[i - 1]);
	return n;
}

/*
 * A backslash takes the next byte as it is, as the kernel's dm_split_args() reads it.
 * Nothing else is special: there are no quotes.
 */
int words_split(struct arena *arena, const char *text, size_t len, struct words *ret)
{
	struct words words = { 0 };
	char *out;

	words.items = arena_array(arena, words_at_most(text, len), sizeof(*words.items));
	/* One byte a character of the text and a NUL each word fit twice the length. */
	out = arena_array(arena, len + 1, 2);
	if (!words.items || !out)
		return -ENOMEM;

	for (size_t i = 0; i < len;) {
		size_t n;

		if (is_blank(text[i])) {
			i++;
			continue;
		}
		i += read_word(text + i, len - i, out, &n);
		words.items[words.count++] = out;
		out += n + 1;
	}
	*ret = words;
	return 0;
}

bool word_valid(const char *word)
{
	return *word && !strchr(word, '\n');
}

/* An odd number of them escapes what follows. */
static size_t backslashes_at_end(const struct strbuf *s)
{
	size_t n = 0;

	while (n < s->len && s->text[s->len - 1 - n] == '\\')
		n++;
	return n;
}

/* A blank follows what is there: its backslashes at the end must not take it along. */
static void double_backslashes(struct strbuf *s)
{
	for (size_t n = backslashes_at_end(s); n; n--)
		strbuf_add_char(s, '\\');
}

/* For people: backslashes only where a blank, or the end, would be misread. */
void word_add_text(struct strbuf *s, const char *word)
{
	if (s->len) {
		double_backslashes(s);
		strbuf_add_char(s, ' ');
	}
	for (const char *p = word; *p; p++) {
		if (is_blank(*p)) {
			double_backslashes(s);
			strbuf_add_char(s, '\\');
		}
		strbuf_add_char(s, *p);
	}
}

/*
 * For dm_split_args(), which takes the byte 0xa0 for a blank too (isspace() of the kernel
 * is Latin-1).
 */
void word_add_ioctl(struct strbuf *s, const char *word)
{
	if (s->len)
		strbuf_add_char(s, ' ');
	for (const char *p = word; *p; p++) {
		if (*p == '\\' || is_blank(*p) || (unsigned char)*p == 0xa0)
			strbuf_add_char(s, '\\');
		strbuf_add_char(s, *p);
	}
}
