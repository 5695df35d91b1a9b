/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading: words into a struct, as a grammar says. */
#include "core/context.h"
#include "targets/grammar/reader.h"

#include <stdio.h>

/* --- structure --- */

static int read_struct(struct reader *r, const struct arg *arg, void *item, const void *base)
{
	size_t len = reader_enter(r, arg->name, 0, false);
	int e = reader_args(r, arg->args, item, base);

	reader_leave(r, len);
	return e;
}

static int read_record(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	(void)up;
	return read_struct(r, arg, arg_at(arg, base), base);
}

/* ARG_EXACT: there only if exactly its words are left; a struct that is not there is NULL. */
static int read_pointer(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	void *item;
	int e;

	(void)up;
	if ((arg->flags & ARG_EXACT) && reader_left(r) != args_count(arg->args))
		return 0;
	item = arena_alloc(r->arena, arg->size);
	if (!item)
		return bp_fail_memory(r->ctx);
	e = read_struct(r, arg, item, base);
	if (e < 0)
		return e;
	arg_pointer_set(arg, base, item);
	return 0;
}

/* Read @word's parts, cut at @by; the last of @args takes the rest. */
int reader_parts(struct reader *r, const struct arg *args, char by, const char *word,
		 void *base, const void *up)
{
	struct reader parts = *r;
	size_t most = args_count(args), n = 0;
	char *text = arena_strdup(r->arena, word);
	char **words = arena_array(r->arena, most, sizeof(*words));
	int e;

	if (!text || !words)
		return bp_fail_memory(r->ctx);
	while (text && n < most) {
		char *next = n + 1 < most ? strchr(text, by) : NULL;

		if (next)
			*next++ = '\0';
		words[n++] = text;
		text = next;
	}
	parts.words = words;
	parts.pos = 0;
	parts.end = n;
	parts.outer = r->outer ? r->outer : r->pos;
	e = reader_args(&parts, args, base, up);
	r->path = parts.path;
	return e;
}

static int read_split(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	int e = reader_next(r, arg->args->name, &word);

	if (e < 0)
		return e;
	return reader_parts(r, arg->args, arg->separator, word, base, up);
}

static int read_when(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	if (!arg_when(arg, base))
		return 0;
	return reader_args(r, arg->args, base, up);
}

/* Read a counted span by @read; all of it must be used up. */
int reader_counted(struct reader *r, const struct arg *arg, void *base, const void *up,
		   read_fn *read)
{
	size_t end = r->end, nr;
	char name[64];
	int e;

	snprintf(name, sizeof(name), "#%s", arg->name);
	e = reader_nr(r, arg, name, &nr);
	if (e < 0)
		return e;
	if ((arg->flags & ARG_HIDDEN) && nr-- == 0)
		return reader_fail(r, r->pos - 1, name, "'0' is too few");
	r->end = r->pos + nr;
	e = read(r, arg, base, up);
	if (e < 0)
		return e;
	if (r->pos < r->end)
		return reader_fail(r, r->pos, arg->name, "'%s' is one word too many",
				   r->words[r->pos]);
	r->end = end;
	return 0;
}

static int read_group_words(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	return reader_args(r, arg->args, base, up);
}

static int read_group(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	return reader_counted(r, arg, base, up, read_group_words);
}

/* --- the walk --- */

static read_fn *const readers[KINDS] = {
	[KIND_DEV] = reader_text,      [KIND_TEXT] = reader_text,
	[KIND_NUMBER] = reader_number, [KIND_MAYBE] = reader_maybe,
	[KIND_SIGNED] = reader_signed, [KIND_CHOICE] = reader_choice,
	[KIND_FLAG] = reader_flag,     [KIND_LITERAL] = reader_literal,
	[KIND_COUNT] = reader_count,   [KIND_EACH] = reader_list,
	[KIND_WORDS] = reader_list,    [KIND_PAIRS] = reader_list,
	[KIND_RECORD] = read_record,   [KIND_POINTER] = read_pointer,
	[KIND_GROUP] = read_group,     [KIND_OPTIONS] = reader_options,
	[KIND_SPLIT] = read_split,     [KIND_WHEN] = read_when,
};

/* At the end of the line an optional argument is simply not there. */
int reader_arg(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	if (r->pos == r->end && (arg->flags & ARG_OPTIONAL))
		return 0;
	return readers[arg->kind](r, arg, base, up);
}

/* In the order of the grammar: each consumes its words. The first failure ends it. */
int reader_args(struct reader *r, const struct arg *args, void *base, const void *up)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		int e = reader_arg(r, arg, base, up);

		if (e < 0)
			return e;
	}
	return 0;
}

/* @ret_used: words behind it are the caller's, who keeps or refuses them. */
int args_read(struct bp_ctx *ctx, const struct arg *args, const struct words *words,
	      struct arena *arena, void *base, struct arg_order *order, size_t *ret_used)
{
	struct reader r = {
		.ctx = ctx,
		.arena = arena,
		.words = words->items,
		.end = words->count,
		.args = args,
		.order = order,
	};
	int e = reader_args(&r, args, base, NULL);

	strbuf_done(&r.path);
	if (e < 0)
		return e;
	*ret_used = r.pos;
	return 0;
}

/* Flags by name take a truth value. */
static int read_truth(struct reader *r, const struct arg *arg, void *base)
{
	static const struct arg_word words[] = {
		{ "true", 1 }, { "on", 1 }, { "yes", 1 }, { "1", 1 }, { "false", 2 },
		{ "off", 2 },  { "no", 2 }, { "0", 2 },   { NULL },
	};
	const struct arg truth = { .name = arg->name, .words = words };
	int value = 0, e;
	bool flag;

	e = reader_choice(r, &truth, &value, NULL);
	if (e < 0)
		return e;
	flag = value == 1;
	memcpy(arg_at(arg, base), &flag, sizeof(flag));
	return 0;
}

/*
 * One member given by name: its words are all there are, so that no count has to stand
 * before them.
 */
int arg_read_value(struct bp_ctx *ctx, const struct arg *arg, const struct words *words,
		   bool append, struct arena *arena, void *base, const void *up)
{
	struct arg rest = *arg; /* a list of its own is all the words; no count comes first */
	const struct arg alone[] = { *arg, ARG_END };
	struct reader r = {
		.ctx = ctx,
		.arena = arena,
		.words = words->items,
		.end = words->count,
		.args = alone,
	};
	int e;

	rest.flags &= ~(uint32_t)(ARG_JOINED | ARG_EXACT);
	if (!arg->up)
		rest.flags |= ARG_REST;
	if (append && arg_is_list(arg))
		e = reader_append(&r, arg, base);
	else if (arg->kind == KIND_FLAG)
		e = read_truth(&r, arg, base);
	else
		e = readers[arg->kind](&r, &rest, base, up);
	if (e == 0 && r.pos < r.end)
		e = reader_fail(&r, r.pos, arg->name, "'%s' is one word too many",
				words->items[r.pos]);
	strbuf_done(&r.path);
	return e;
}
