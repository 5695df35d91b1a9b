/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words of a table line: cutting text into them, and writing them as text. */
#ifndef TARGETS_WORDS_H
#define TARGETS_WORDS_H

#include "core/arena.h"
#include "core/strbuf.h"

struct words {
	char **items;
	size_t count;
};

/*
 * Cut text as <bedplate/table.h> defines the text form; here a newline is a blank as well. The
 * words are owned by the arena. 0 or -ENOMEM.
 */
int words_split(struct arena *arena, const char *text, size_t len, struct words *ret);

/* Can this be a word of a table? Not "", and not with a line break. */
bool word_valid(const char *word);

/* Add @word and, unless it is the first thing in @s, a blank before it. In the text form ... */
void word_add_text(struct strbuf *s, const char *word);
/* ... and escaped for the ioctl, where every backslash and 0xA0 needs it as well. */
void word_add_ioctl(struct strbuf *s, const char *word);

#endif
