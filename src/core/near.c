/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of many words was meant by one that is none of them: by letters only, not by sound. */
#include "core/near.h"

#include <ctype.h>

#define NEAR_MAX 40 /* longer words are compared by this much of them */

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* The row of @a's character @c, from that of the one before it. */
static void next_row(size_t *row, size_t i, char c, const char *b, size_t lb)
{
	size_t diagonal = row[0];

	row[0] = i;
	for (size_t j = 1; j <= lb; j++) {
		size_t above = row[j];

		row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (c != b[j - 1]));
		diagonal = above;
	}
}

/* How many letters must be put in, taken out or changed. Source: Wagner, Fischer (1974). */
static size_t distance(const char *a, const char *b)
{
	size_t row[NEAR_MAX + 1], la = strnlen(a, NEAR_MAX), lb = strnlen(b, NEAR_MAX);

	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++)
		next_row(row, i, a[i - 1], b, lb);
	return row[lb];
}

const char *near_word(const char *word, const char *(*next)(void *user), void *user)
{
	size_t best = (strlen(word) + 1) / 3 + 1; /* one slip in three letters */
	const char *found = NULL, *candidate;

	while ((candidate = next(user))) {
		size_t d = distance(word, candidate);

		if (d < best) {
			best = d;
			found = candidate;
		}
	}
	return found;
}

/* Whole words only: "raid1" is not said by "raid10". */
bool text_says(const char *text, const char *words)
{
	const size_t len = strlen(words);

	for (const char *at = text; (at = strstr(at, words)); at++)
		if ((at == text || !isalnum((unsigned char)at[-1])) &&
		    !isalnum((unsigned char)at[len]))
			return true;
	return false;
}
