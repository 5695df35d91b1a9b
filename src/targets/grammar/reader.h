/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading from the inside: words on their way into a struct, for read*.c only. */
#ifndef TARGETS_GRAMMAR_READER_H
#define TARGETS_GRAMMAR_READER_H

#include "targets/grammar/grammar.h"

struct reader {
	struct bp_ctx *ctx;
	struct arena *arena;
	char *const *words;
	size_t pos, end;    /* the next word, and the end of the span that is being read */
	size_t outer;       /* 0, or the number of the word whose parts these are */
	bool nocase;        /* option words of this span match ignoring case */
	struct strbuf path; /* names of the structs around: "legs.1." */
	const struct arg
		*args; /* the whole grammar: where it has secrets, errors hide such words */
	struct arg_order *order; /* takes the options as they come, or NULL */
};

/* --- words and errors: read_word.c --- */

size_t reader_left(const struct reader *r);
/* Fail at word @pos, which is to be @name; a text follows "argument 2 (legs.0.dev): ". */
int reader_fail(struct reader *r, size_t pos, const char *name, const char *fmt, ...)
	_printf_(4, 5);
/* Take the next word, which is to be @name. */
int reader_next(struct reader *r, const char *name, const char **ret);
/* Enter "name." or "name.INDEX."; what is returned is for reader_leave(). */
size_t reader_enter(struct reader *r, const char *name, size_t index, bool indexed);
void reader_leave(struct reader *r, size_t len);
/* A number that fits @size bytes. */
int reader_parse_number(struct reader *r, const struct arg *arg, const char *word, size_t size,
			uint64_t *ret);

/* Read one argument of a kind into @base; @up is the enclosing struct. */
typedef int read_fn(struct reader *r, const struct arg *arg, void *base, const void *up);

read_fn reader_text, reader_number, reader_maybe, reader_signed, reader_choice, reader_flag,
	reader_literal;

/* --- lists: read_list.c --- */

read_fn reader_count, reader_list;
/* A count, and what it may be: no more than there are words. */
int reader_nr(struct reader *r, const struct arg *arg, const char *name, size_t *ret);
/* One more for a list that has some already, none of which is changed. */
int reader_append(struct reader *r, const struct arg *arg, void *base);
bool arg_is_list(const struct arg *arg);

/* --- options: read_option.c --- */

read_fn reader_options;

/* --- structure and the walk: read.c --- */

read_fn reader_arg;
int reader_args(struct reader *r, const struct arg *args, void *base, const void *up);
/* Read @word's parts, cut at @by; the last of @args takes the rest. */
int reader_parts(struct reader *r, const struct arg *args, char by, const char *word,
		 void *base, const void *up);
/* Read a counted span by @read; all of it must be used up. */
int reader_counted(struct reader *r, const struct arg *arg, void *base, const void *up,
		   read_fn *read);

#endif
