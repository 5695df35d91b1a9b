/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing: a struct into words, each with where it comes from. */
#include "core/context.h"
#include "targets/grammar/grammar.h"

#include <inttypes.h>
#include <stdio.h>

struct writer {
	struct bp_ctx *ctx;
	struct arena *arena;
	struct written_list *out;
	const struct arg_order *order; /* of options, or NULL */
	uint32_t flags;
	struct strbuf path; /* names of the structs around: "legs.1." */
	/*
	 * Words at the end that are only written if something follows them: counts of empty
	 * groups, and holes, which are optional values that are not given.
	 */
	size_t loose;
	const char *hole; /* full name of the first of those that is a hole */
};

static int write_args(struct writer *w, const struct arg *args, const void *base,
		      const void *up);
static int write_arg(struct writer *w, const struct arg *arg, const void *base, const void *up);

/* --- words and errors --- */

static _printf_(3, 4) int fail(struct writer *w, const char *name, const char *fmt, ...)
{
	unsigned number = (unsigned)w->out->list.count + 1;
	struct strbuf full = { 0 }, text = { 0 };
	va_list args;

	strbuf_addf(&full, "%s%s", strbuf_text(&w->path), name ? name : "");
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	bp_fail(w->ctx, -EINVAL, "argument %u (%s): %s", number, strbuf_text(&full),
		strbuf_text(&text));
	error_set_code(w->ctx, BP_E_TABLE);
	error_set_argument(w->ctx, number, strbuf_text(&full), NULL);
	strbuf_done(&full);
	strbuf_done(&text);
	return -EINVAL;
}

/* Something comes behind a hole. */
static int fail_hole(struct writer *w, const char *hole)
{
	unsigned number = (unsigned)w->out->list.count + 1;

	bp_fail(w->ctx, -EINVAL, "argument %u (%s): must be given, as something behind it is",
		number, hole);
	error_set_code(w->ctx, BP_E_TABLE);
	error_set_argument(w->ctx, number, hole, NULL);
	return -EINVAL;
}

/* Full name of a member of the struct being written. Owned by the arena. */
static const char *full_name(struct writer *w, const char *name)
{
	char *full;
	size_t len;

	if (!w->path.len || !name)
		return name;
	len = w->path.len + strlen(name);
	full = arena_alloc(w->arena, len + 1);
	if (full)
		snprintf(full, len + 1, "%s%s", w->path.text, name);
	return full;
}

/* Add a word without regard to what is loose before it. */
static int put_loose(struct writer *w, const struct arg *arg, enum written_role role,
		     const char *name, const char *text)
{
	struct written word = { .role = role, .arg = arg, .text = text };

	word.name = full_name(w, name);
	if (!text || (name && !word.name) || vec_add(&w->out->list, &word) < 0)
		return bp_fail_memory(w->ctx);
	return 0;
}

/* Add a word behind everything, which makes what was loose firm; there must be no hole in it.
 */
static int put(struct writer *w, const struct arg *arg, enum written_role role,
	       const char *name, const char *text)
{
	if (w->hole && !(w->flags & WRITE_HALF_MADE))
		return fail_hole(w, w->hole);
	w->loose = 0;
	w->hole = NULL;
	return put_loose(w, arg, role, name, text);
}

static int put_value(struct writer *w, const struct arg *arg, const char *text)
{
	return put(w, arg, WRITTEN_VALUE, arg->name, text);
}

/* Text that came from outside. */
static int put_text(struct writer *w, const struct arg *arg, const char *text)
{
	if (!word_valid(text) && !(w->flags & WRITE_ANY_TEXT))
		return fail(w, arg->name, "'%s' can't be a word of a table", text);
	if (arg->valid && !arg->valid(text))
		return fail(w, arg->name, "'%s' is not right: %s", text, arg->help);
	return put_value(w, arg, arena_strdup(w->arena, text));
}

static const char *number_text(struct writer *w, uint64_t value, bool hex)
{
	char text[24];

	snprintf(text, sizeof(text), hex ? "%" PRIx64 : "%" PRIu64, value);
	return arena_strdup(w->arena, text);
}

/* A value that is not there: '-', a hole at the end, or a mistake. */
static int put_missing(struct writer *w, const struct arg *arg)
{
	const bool optional = arg->flags & ARG_OPTIONAL;

	if ((arg->flags & ARG_DASH) && !(optional && w->hole))
		return put_value(w, arg, "-");
	if (optional) {
		if (!w->hole)
			w->hole = full_name(w, arg->name);
		if (!w->hole)
			return bp_fail_memory(w->ctx);
		return 0;
	}
	if (w->flags & WRITE_HALF_MADE)
		return 0;
	return fail(w, arg->name, "is not given");
}

/* The path names where in nested structs we are, for messages. The result undoes it. */
static size_t path_enter(struct writer *w, const char *name, size_t index, bool indexed)
{
	size_t len = w->path.len;

	if (indexed)
		strbuf_addf(&w->path, "%s.%zu.", name, index);
	else
		strbuf_addf(&w->path, "%s.", name);
	return len;
}

static void path_leave(struct writer *w, size_t len)
{
	w->path.len = len;
	if (w->path.text)
		w->path.text[len] = '\0';
}

/* --- values of one word --- */

static int write_text(struct writer *w, const struct arg *arg, const void *base, const void *up)
{
	const char *text = arg_pointer_get(arg, base);

	(void)up;
	if (!text)
		return put_missing(w, arg);
	return put_text(w, arg, text);
}

static int write_number(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	(void)up;
	return put_value(
		w, arg, number_text(w, arg_number_get(arg, base), arg->flags & ARG_HEX_NUMBER));
}

static int write_maybe(struct writer *w, const struct arg *arg, const void *base,
		       const void *up)
{
	const struct bp_number *number = arg_at_const(arg, base);

	(void)up;
	if (!number->is_set)
		return put_missing(w, arg);
	return put_value(w, arg, number_text(w, number->value, arg->flags & ARG_HEX_NUMBER));
}

static int write_signed(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	char text[16];

	(void)up;
	snprintf(text, sizeof(text), "%d", arg_choice_get(arg, base));
	return put_value(w, arg, arena_strdup(w->arena, text));
}

/*
 * A value without a word is a fault of the caller's struct, unless it is what "missing"
 * means.
 */
static int write_choice(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	int value = arg_choice_get(arg, base);
	const char *word = arg_choice_word(arg, value);

	(void)up;
	if (value == 0 && (arg->flags & ARG_DEFAULT))
		word = arg->def;
	if (word)
		return put_value(w, arg, word);
	if (value != arg->value)
		return fail(w, arg->name, "%d is no value of it", value);
	return arg->flags & ARG_PEEK ? 0 : put_missing(w, arg);
}

static int write_flag(struct writer *w, const struct arg *arg, const void *base, const void *up)
{
	(void)up;
	if (!arg_is_set(arg, base))
		return arg->flags & ARG_PEEK ? 0 : put_missing(w, arg);
	return put(w, arg, WRITTEN_OPTION, arg->name, arg_word(arg));
}

static int write_literal(struct writer *w, const struct arg *arg, const void *base,
			 const void *up)
{
	(void)base, (void)up;
	return put(w, arg, WRITTEN_LITERAL, NULL, arg->word);
}

/* --- lists --- */

static int write_count(struct writer *w, const struct arg *arg, const void *base,
		       const void *up)
{
	size_t nr;

	(void)up;
	memcpy(&nr, arg_at_const(arg, base), sizeof(nr));
	return put(w, arg, WRITTEN_COUNT, arg->name, number_text(w, nr, false));
}

/* Strings have no struct around them. */
static int write_element(struct writer *w, const struct arg *arg, const char *item,
			 size_t index, const void *base)
{
	size_t len = path_enter(w, arg->name, index, true);
	const char *word;
	int e;

	if (arg->kind == KIND_WORDS) {
		memcpy(&word, item, sizeof(word));
		path_leave(w, len);
		return word ? put_text(w, arg, word) : fail(w, arg->name, "is not given");
	}
	e = write_args(w, arg->args, item, base);
	path_leave(w, len);
	return e;
}

/* A count without a list is a fault, but in what was half read. */
static int write_list(struct writer *w, const struct arg *arg, const void *base, const void *up)
{
	const char *items = arg_pointer_get(arg, base);
	size_t nr = arg_list_count(arg, base, up);

	if (nr && !items)
		return w->flags & WRITE_HALF_MADE ? 0 : fail(w, arg->name, "is not given");
	for (size_t i = 0; i < nr; i++) {
		int e = write_element(w, arg, items + i * arg->size, i, base);

		if (e < 0)
			return e;
	}
	return 0;
}

/* --- structure --- */

static int write_struct(struct writer *w, const struct arg *arg, const void *item,
			const void *base)
{
	size_t len = path_enter(w, arg->name, 0, false);
	int e = write_args(w, arg->args, item, base);

	path_leave(w, len);
	return e;
}

static int write_record(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	(void)up;
	return write_struct(w, arg, arg_at_const(arg, base), base);
}

static int write_pointer(struct writer *w, const struct arg *arg, const void *base,
			 const void *up)
{
	const void *item = arg_pointer_get(arg, base);

	(void)up;
	return item ? write_struct(w, arg, item, base) : put_missing(w, arg);
}

/* Write @args and put their words together as one, parted by @by. */
static int write_parts(struct writer *w, const struct arg *args, char by, const void *base,
		       const void *up, const char *front, char **ret)
{
	struct written_list parts = { 0 };
	struct writer inner = *w;
	struct strbuf s = { 0 };
	int e;

	inner.out = &parts;
	inner.loose = 0;
	inner.hole = NULL;
	e = write_args(&inner, args, base, up);
	w->path = inner.path;
	if (e == 0) {
		strbuf_add(&s, front);
		for (size_t i = 0; i < parts.list.count; i++) {
			if (i)
				strbuf_add_char(&s, by);
			strbuf_add(&s, parts.list.items[i].text);
		}
		*ret = s.error ? NULL : arena_strdup(w->arena, strbuf_text(&s));
	}
	strbuf_done(&s);
	vec_done(&parts.list);
	return e;
}

static int write_split(struct writer *w, const struct arg *arg, const void *base,
		       const void *up)
{
	char *text;
	int e = write_parts(w, arg->args, arg->separator, base, up, "", &text);

	if (e < 0)
		return e;
	return put(w, arg, WRITTEN_VALUE, arg->args->name, text);
}

/* The same choice that decided when it was read. */
static int write_when(struct writer *w, const struct arg *arg, const void *base, const void *up)
{
	if (!arg_when(arg, base))
		return 0;
	return write_args(w, arg->args, base, up);
}

/* "#features". Owned by the arena. */
static const char *group_name(struct writer *w, const struct arg *arg)
{
	size_t len = strlen(arg->name);
	char *name = arena_alloc(w->arena, len + 2);

	if (name) {
		name[0] = '#';
		memcpy(name + 1, arg->name, len);
	}
	return name;
}

/* The group that began at word @at is complete: nothing of it follows what is loose in it. */
static size_t close_group(struct writer *w, size_t at)
{
	bool any = w->out->list.count - w->loose > at;

	if (any) {
		w->out->list.count -= w->loose;
		w->loose = 0;
	} else {
		w->loose -= w->out->list.count - at - 1;
		w->out->list.count = at + 1;
	}
	return w->out->list.count - at - 1;
}

/* Write a count, by @write so many words, and see to it that the count is right. */
static int
write_counted(struct writer *w, const struct arg *arg, const void *base, const void *up,
	      int (*write)(struct writer *, const struct arg *, const void *, const void *))
{
	const char *hole = w->hole;
	size_t at = w->out->list.count, nr;
	const char *text = group_name(w, arg);
	int e;

	e = text ? put_loose(w, arg, WRITTEN_COUNT, text, "0") : bp_fail_memory(w->ctx);
	if (e < 0)
		return e;
	w->loose++;
	e = write(w, arg, base, up);
	if (e < 0)
		return e;
	nr = close_group(w, at);
	if (nr == 0 && (arg->flags & ARG_OPTIONAL) && !(arg->flags & ARG_ALWAYS)) {
		w->hole = hole;
		return 0;
	}
	if (nr == 0 && hole && !(w->flags & WRITE_HALF_MADE))
		return fail_hole(w, hole);
	w->loose = 0;
	w->hole = NULL;
	text = number_text(w, nr, false);
	if (!text)
		return bp_fail_memory(w->ctx);
	w->out->list.items[at].text = text;
	return 0;
}

static int write_group_words(struct writer *w, const struct arg *arg, const void *base,
			     const void *up)
{
	return write_args(w, arg->args, base, up);
}

static int write_group(struct writer *w, const struct arg *arg, const void *base,
		       const void *up)
{
	return write_counted(w, arg, base, up, write_group_words);
}

/* --- options --- */

/* The word of the option and its value in one. */
static int write_joined(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	struct arg alone[] = { *arg, ARG_END };
	const bool record = arg->kind == KIND_POINTER;
	char front[64], *text = NULL;
	int e;

	alone->flags &= ~(uint32_t)(ARG_JOINED | ARG_OPTIONAL);
	snprintf(front, sizeof(front), "%s:", arg_word(arg));
	e = write_parts(w, record ? arg->args : alone, ':',
			record ? arg_pointer_get(arg, base) : base, record ? base : up, front,
			&text);
	return e < 0 ? e : put_value(w, arg, text);
}

/* An option with a value of its own words; a list is one option an element. */
static int write_valued(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	const bool list = arg->kind == KIND_EACH || arg->kind == KIND_WORDS;
	size_t nr = list ? arg_list_count(arg, base, up) : 1;
	const char *items = list ? arg_pointer_get(arg, base) : NULL;

	for (size_t i = 0; i < nr; i++) {
		int e = put(w, arg, WRITTEN_OPTION, arg->name, arg_word(arg));

		if (e == 0)
			e = list ? write_element(w, arg, items + i * arg->size, i, base)
				 : write_arg(w, arg, base, up);
		if (e < 0)
			return e;
	}
	return 0;
}

/* One option, if there is anything to say of it. */
static int write_option(struct writer *w, const struct arg *arg, const void *base,
			const void *up)
{
	if (!arg_is_set(arg, base))
		return 0;
	if (arg->flags & ARG_JOINED)
		return write_joined(w, arg, base, up);
	if (arg->kind == KIND_FLAG || arg->kind == KIND_PAIRS || (arg->flags & ARG_BARE))
		return write_arg(w, arg, base, up);
	return write_valued(w, arg, base, up);
}

/* Those whose order is known, then the others. */
static int write_options_words(struct writer *w, const struct arg *options, const void *base,
			       const void *up)
{
	const struct arg *end = options->args + args_count(options->args);
	int e = 0;

	for (size_t i = 0; e == 0 && w->order && i < w->order->count; i++) {
		const struct arg *arg = w->order->items[i];

		if (arg >= options->args && arg < end)
			e = write_option(w, arg, base, up);
	}
	for (const struct arg *arg = options->args; e == 0 && arg < end; arg++)
		if (!arg_order_has(w->order, arg))
			e = write_option(w, arg, base, up);
	return e;
}

static int write_options(struct writer *w, const struct arg *options, const void *base,
			 const void *up)
{
	if (options->uncounted)
		return write_options_words(w, options, base, up);
	return write_counted(w, options, base, up, write_options_words);
}

/* --- the walk --- */

typedef int (*write_fn)(struct writer *w, const struct arg *arg, const void *base,
			const void *up);

static const write_fn writers[KINDS] = {
	[KIND_DEV] = write_text,      [KIND_TEXT] = write_text,
	[KIND_NUMBER] = write_number, [KIND_MAYBE] = write_maybe,
	[KIND_SIGNED] = write_signed, [KIND_CHOICE] = write_choice,
	[KIND_FLAG] = write_flag,     [KIND_LITERAL] = write_literal,
	[KIND_COUNT] = write_count,   [KIND_EACH] = write_list,
	[KIND_WORDS] = write_list,    [KIND_PAIRS] = write_list,
	[KIND_RECORD] = write_record, [KIND_POINTER] = write_pointer,
	[KIND_GROUP] = write_group,   [KIND_OPTIONS] = write_options,
	[KIND_SPLIT] = write_split,   [KIND_WHEN] = write_when,
};

static int write_arg(struct writer *w, const struct arg *arg, const void *base, const void *up)
{
	return writers[arg->kind](w, arg, base, up);
}

/* In the grammar's order, which is the line's. */
static int write_args(struct writer *w, const struct arg *args, const void *base,
		      const void *up)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		int e = write_arg(w, arg, base, up);

		if (e < 0)
			return e;
	}
	return 0;
}

/* Nothing follows: what is loose goes away. */
static void drop_loose(struct writer *w)
{
	w->out->list.count -= w->loose;
	w->loose = 0;
	w->hole = NULL;
}

/* Words at the end that say nothing are dropped, unless more follows (WRITE_FOLLOWED). */
int args_write(struct bp_ctx *ctx, const struct arg *args, const void *base,
	       const struct arg_order *order, uint32_t flags, struct arena *arena,
	       struct written_list *ret)
{
	struct writer w = {
		.ctx = ctx,
		.arena = arena,
		.out = ret,
		.order = order,
		.flags = flags,
	};
	int e = write_args(&w, args, base, NULL);

	if (e == 0 && !(flags & WRITE_FOLLOWED))
		drop_loose(&w);
	if (e == 0 && w.path.error)
		e = bp_fail_memory(ctx);
	strbuf_done(&w.path);
	return e;
}

/* One member alone, for those who ask for it by name. */
int arg_write_value(struct bp_ctx *ctx, const struct arg *arg, const void *base, const void *up,
		    struct arena *arena, struct written_list *ret)
{
	struct writer w = {
		.ctx = ctx,
		.arena = arena,
		.out = ret,
		.flags = WRITE_HALF_MADE | WRITE_ANY_TEXT,
	};
	int e = write_arg(&w, arg, base, up);

	if (e == 0)
		drop_loose(&w);
	strbuf_done(&w.path);
	return e;
}
