/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading: words into a struct, as a grammar says. */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct reader {
	struct bp_ctx *ctx;
	struct arena *arena;
	char *const *words;
	size_t pos, end;         /* the next word, and the end of the span that is being read */
	size_t outer;            /* 0, or the number of the word whose parts these are */
	bool nocase;             /* option words of this span match ignoring case */
	struct strbuf path;      /* names of the structs around: "legs.1." */
	struct arg_order *order; /* takes the options as they come, or NULL */
};

static int read_args(struct reader *r, const struct arg *args, void *base, const void *up);
static int read_arg(struct reader *r, const struct arg *arg, void *base, const void *up);

/* --- words and errors --- */

static size_t words_left(const struct reader *r)
{
	return r->end - r->pos;
}

/* Fail at word @pos, which is to be @name; a text follows "argument 2 (legs.0.dev): ". */
_printf_(4, 5) static int fail(struct reader *r, size_t pos, const char *name, const char *fmt,
			       ...)
{
	unsigned number = (unsigned)(r->outer ? r->outer : pos + 1);
	struct strbuf full = { 0 }, text = { 0 };
	va_list args;
	int e = -EINVAL;

	strbuf_addf(&full, "%s%s", strbuf_text(&r->path), name ? name : "");
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	if (full.error || text.error) {
		e = bp_fail_memory(r->ctx);
	} else {
		bp_fail(r->ctx, e, full.len ? "argument %u (%s): %s" : "argument %u%s: %s",
			number, strbuf_text(&full), strbuf_text(&text));
		error_set_code(r->ctx, BP_E_TABLE);
		error_set_argument(r->ctx, number, full.len ? full.text : NULL,
				   pos < r->end ? r->words[pos] : NULL);
	}
	strbuf_done(&full);
	strbuf_done(&text);
	return e;
}

/* Take the next word, which is to be @name. */
static int next_word(struct reader *r, const char *name, const char **ret)
{
	if (r->pos == r->end)
		return fail(r, r->pos, name, "is missing");
	*ret = r->words[r->pos++];
	return 0;
}

/* Enter "name." or "name.INDEX."; leave by setting path.len back with path_leave(). */
static size_t path_enter(struct reader *r, const char *name, size_t index, bool indexed)
{
	size_t len = r->path.len;

	if (indexed)
		strbuf_addf(&r->path, "%s.%zu.", name, index);
	else
		strbuf_addf(&r->path, "%s.", name);
	return len;
}

static void path_leave(struct reader *r, size_t len)
{
	r->path.len = len;
	if (r->path.text)
		r->path.text[len] = '\0';
}

/* --- values of one word --- */

static int read_text(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word, *copy = NULL;
	int e = next_word(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	if (arg->valid && !arg->valid(word))
		return fail(r, r->pos - 1, arg->name, "'%s' is not right: %s", word, arg->help);
	if (!((arg->flags & ARG_DASH) && streq(word, "-"))) {
		copy = arena_strdup(r->arena, word);
		if (!copy)
			return bp_fail_memory(r->ctx);
	}
	arg_pointer_set(arg, base, copy);
	return 0;
}

/* Hexadecimal digits without a prefix. */
static int parse_hex(const char *word, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	for (const char *p = word; *p; p++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = memchr(digits, *p | 0x20, 16);

		if (!digit || (*p < '0'))
			return -EINVAL;
		if (value >> 60)
			return -ERANGE;
		value = value << 4 | (uint64_t)(digit - digits);
	}
	if (!*word)
		return -EINVAL;
	if (value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

/* A number that fits @size bytes. */
static int parse_number(struct reader *r, const struct arg *arg, const char *word, size_t size,
			uint64_t *ret)
{
	uint64_t max = size < 8 ? (UINT64_C(1) << size * 8) - 1 : UINT64_MAX;
	const char *digits = word;
	int e;

	if ((arg->flags & ARG_PLUS) && *digits == '+')
		digits++;
	e = arg->flags & ARG_HEX_NUMBER ? parse_hex(word, max, ret)
					: number_parse(digits, max, ret);
	if (e == -ERANGE) {
		e = fail(r, r->pos - 1, arg->name, "'%s' is too large: at most %" PRIu64, word,
			 max);
		if (!(arg->flags & ARG_PLUS))
			error_set_hint(r->ctx,
				       "some kernels would take it, cut down to %zu bits",
				       size * 8);
		return e;
	}
	if (e < 0)
		return fail(r, r->pos - 1, arg->name, "'%s' is not a number", word);
	return 0;
}

static int read_number(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	uint64_t value;
	int e = next_word(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	e = parse_number(r, arg, word, arg->size, &value);
	if (e < 0)
		return e;
	arg_number_set(arg, base, value);
	return 0;
}

static int read_maybe(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	struct bp_number number = { 0 };
	const char *word;
	int e = next_word(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	if (!((arg->flags & ARG_DASH) && streq(word, "-"))) {
		e = parse_number(r, arg, word, sizeof(number.value), &number.value);
		if (e < 0)
			return e;
		number.is_set = true;
	}
	memcpy(arg_at(arg, base), &number, sizeof(number));
	return 0;
}

static int read_signed(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	uint64_t value;
	int32_t result;
	bool minus;
	int e = next_word(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	minus = *word == '-';
	if (number_parse(word + (minus || *word == '+'), INT32_MAX, &value) < 0)
		return fail(r, r->pos - 1, arg->name, "'%s' is not a number", word);
	result = minus ? -(int32_t)value : (int32_t)value;
	memcpy(arg_at(arg, base), &result, sizeof(result));
	return 0;
}

/* The hint of a word that is none of those known. */
static void hint_words(struct reader *r, const struct arg *arg)
{
	struct strbuf s = { 0 };

	for (const struct arg_word *w = arg->words; w->word; w++)
		if (w->value)
			strbuf_addf(&s, "%s%s", s.len ? ", " : "", w->word);
	error_set_hint(r->ctx, "known: %s", strbuf_text(&s));
	strbuf_done(&s);
}

/* Is the next word none of the choice's? */
static bool is_passed_by(const struct reader *r, const struct arg *arg)
{
	return r->pos == r->end ||
	       !arg_choice_find(arg, r->words[r->pos], r->nocase || (arg->flags & ARG_NOCASE));
}

static int read_choice(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const struct arg_word *found;
	const char *word;
	int value = arg->value, e;

	(void)up;
	if (!(arg->flags & ARG_PEEK) || !is_passed_by(r, arg)) {
		e = next_word(r, arg->name, &word);
		if (e < 0)
			return e;
		found = arg_choice_find(arg, word, r->nocase || (arg->flags & ARG_NOCASE));
		value = found ? found->value : 0;
		if (!value && !((arg->flags & ARG_DASH) && streq(word, "-"))) {
			e = fail(r, r->pos - 1, arg->name, "'%s' is none of its words", word);
			hint_words(r, arg);
			return e;
		}
	}
	memcpy(arg_at(arg, base), &value, sizeof(value));
	return 0;
}

/* A flag that has a place of its own: its word, or '-', or the line ends. */
static int read_flag(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	bool is_set;
	int e;

	(void)up;
	if ((arg->flags & ARG_PEEK) &&
	    (r->pos == r->end || !streq(r->words[r->pos], arg_word(arg))))
		return 0;
	e = next_word(r, arg->name, &word);
	if (e < 0)
		return e;
	is_set = streq(word, arg_word(arg));
	if (!is_set && !((arg->flags & ARG_DASH) && streq(word, "-")))
		return fail(r, r->pos - 1, arg->name, "'%s' is not '%s'", word, arg_word(arg));
	memcpy(arg_at(arg, base), &is_set, sizeof(is_set));
	return 0;
}

static int read_literal(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	int e = next_word(r, arg->word, &word);

	(void)base, (void)up;
	if (e < 0)
		return e;
	if (!streq(word, arg->word))
		return fail(r, r->pos - 1, NULL, "'%s' is not '%s'", word, arg->word);
	return 0;
}

/* --- lists --- */

/* A count and what it may be: no more than there are words. */
static int read_nr(struct reader *r, const struct arg *arg, const char *name, size_t *ret)
{
	struct arg plain = { .flags = arg->flags & ARG_PLUS, .name = name };
	const char *word;
	uint64_t nr;
	int e = next_word(r, name, &word);

	if (e < 0)
		return e;
	e = parse_number(r, &plain, word, sizeof(uint32_t), &nr);
	if (e < 0)
		return e;
	if (nr > words_left(r))
		return fail(r, r->pos - 1, name,
			    "'%s' announces more than the %zu words that follow", word,
			    words_left(r));
	*ret = (size_t)nr;
	return 0;
}

static int read_count(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	size_t nr;
	int e = read_nr(r, arg, arg->name, &nr);

	(void)up;
	if (e < 0)
		return e;
	memcpy(arg_at(arg, base), &nr, sizeof(nr));
	return 0;
}

/* A list under way: grows by doubling where its length is not known. */
struct growing {
	char *items;
	size_t count, size;
};

/* Room for one more element, at @list->items + count * size. */
static int grow(struct reader *r, const struct arg *arg, struct growing *list)
{
	size_t size = list->size ? list->size * 2 : 4;
	char *items;

	if (list->count < list->size)
		return 0;
	items = arena_array(r->arena, size, arg->size);
	if (!items)
		return bp_fail_memory(r->ctx);
	if (list->count)
		memcpy(items, list->items, list->count * arg->size);
	list->items = items;
	list->size = size;
	return 0;
}

/* One element: a struct by its own grammar, or a word. */
static int read_element(struct reader *r, const struct arg *arg, struct growing *list,
			const void *base)
{
	const char *word;
	size_t len;
	int e = grow(r, arg, list);
	char *item = list->items + list->count * arg->size;

	if (e < 0)
		return e;
	if (arg->kind == KIND_WORDS) {
		e = next_word(r, arg->name, &word);
		if (e < 0)
			return e;
		if (arg->valid && !arg->valid(word))
			return fail(r, r->pos - 1, arg->name, "'%s' is not right: %s", word,
				    arg->help);
		word = arena_strdup(r->arena, word);
		if (!word)
			return bp_fail_memory(r->ctx);
		memcpy(item, &word, sizeof(word));
	} else {
		len = path_enter(r, arg->name, list->count, true);
		e = read_args(r, arg->args, item, base);
		path_leave(r, len);
		if (e < 0)
			return e;
	}
	list->count++;
	return 0;
}

static void list_set(const struct arg *arg, void *base, const struct growing *list)
{
	arg_pointer_set(arg, base, list->count ? list->items : NULL);
	if (!arg->up)
		memcpy((char *)base + arg->nr_offset, &list->count, sizeof(list->count));
}

/* Elements until the span ends; each takes a word at least, or this would not end. */
static int read_rest(struct reader *r, const struct arg *arg, void *base, struct growing *list)
{
	while (r->pos < r->end) {
		size_t before = r->pos;
		int e = read_element(r, arg, list, base);

		if (e < 0)
			return e;
		if (r->pos == before)
			return fail(r, r->pos, arg->name, "'%s' is not part of it",
				    r->words[r->pos]);
	}
	list_set(arg, base, list);
	return 0;
}

static int read_list(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	struct growing list = { 0 };
	size_t nr;

	if (arg->flags & ARG_REST)
		return read_rest(r, arg, base, &list);
	nr = arg_list_count(arg, base, up);
	while (list.count < nr) {
		int e = read_element(r, arg, &list, base);

		if (e < 0)
			return e;
	}
	list_set(arg, base, &list);
	return 0;
}

/* One more for a list that has some already, none of which is changed. */
static int append_element(struct reader *r, const struct arg *arg, void *base)
{
	struct growing list = { .count = arg_list_count(arg, base, NULL) };
	const char *old = arg_pointer_get(arg, base);
	int e;

	list.size = list.count + 1;
	list.items = arena_array(r->arena, list.size, arg->size);
	if (!list.items)
		return bp_fail_memory(r->ctx);
	if (list.count)
		memcpy(list.items, old, list.count * arg->size);
	e = read_element(r, arg, &list, base);
	if (e < 0)
		return e;
	list_set(arg, base, &list);
	return 0;
}

/* --- structure --- */

static int read_struct(struct reader *r, const struct arg *arg, void *item, const void *base)
{
	size_t len = path_enter(r, arg->name, 0, false);
	int e = read_args(r, arg->args, item, base);

	path_leave(r, len);
	return e;
}

static int read_record(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	(void)up;
	return read_struct(r, arg, arg_at(arg, base), base);
}

static int read_pointer(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	void *item;
	int e;

	(void)up;
	if ((arg->flags & ARG_EXACT) && words_left(r) != args_count(arg->args))
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
static int read_parts(struct reader *r, const struct arg *args, char by, const char *word,
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
	e = read_args(&parts, args, base, up);
	r->path = parts.path;
	return e;
}

static int read_split(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	int e = next_word(r, arg->args->name, &word);

	if (e < 0)
		return e;
	return read_parts(r, arg->args, arg->separator, word, base, up);
}

static int read_when(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	if (!arg_when(arg, base))
		return 0;
	return read_args(r, arg->args, base, up);
}

/* Read a counted span by @read; all of it must be used up. */
static int read_counted(struct reader *r, const struct arg *arg, void *base, const void *up,
			int (*read)(struct reader *, const struct arg *, void *, const void *))
{
	size_t end = r->end, nr;
	char name[64];
	int e;

	snprintf(name, sizeof(name), "#%s", arg->name);
	e = read_nr(r, arg, name, &nr);
	if (e < 0)
		return e;
	r->end = r->pos + nr;
	e = read(r, arg, base, up);
	if (e < 0)
		return e;
	if (r->pos < r->end)
		return fail(r, r->pos, arg->name, "'%s' is one word too many",
			    r->words[r->pos]);
	r->end = end;
	return 0;
}

static int read_group_words(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	return read_args(r, arg->args, base, up);
}

static int read_group(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	return read_counted(r, arg, base, up, read_group_words);
}

/* --- options --- */

/* Is @word how this option begins? */
static bool option_matches(const struct reader *r, const struct arg *arg, const char *word)
{
	bool nocase = r->nocase || (arg->flags & ARG_NOCASE);
	size_t len;

	if (arg->kind == KIND_PAIRS)
		return true;
	if (arg->kind == KIND_CHOICE && (arg->flags & ARG_BARE))
		return arg_choice_find(arg, word, nocase) != NULL;
	len = strlen(arg_word(arg));
	if (nocase ? strncasecmp(word, arg_word(arg), len) : strncmp(word, arg_word(arg), len))
		return false;
	return word[len] == (arg->flags & ARG_JOINED ? ':' : '\0');
}

static bool is_list(const struct arg *arg)
{
	return arg->kind == KIND_EACH || arg->kind == KIND_WORDS || arg->kind == KIND_PAIRS;
}

/* The value of an option that is joined to its word. */
static int read_joined(struct reader *r, const struct arg *arg, void *base)
{
	const char *value = strchr(r->words[r->pos++], ':') + 1;
	struct arg alone[] = { *arg, ARG_END };
	size_t len;
	void *item;
	int e;

	/* A single value: the whole rest is its one part. */
	if (arg->kind != KIND_POINTER) {
		alone->flags &= ~(uint32_t)ARG_JOINED;
		return read_parts(r, alone, '\0', value, base, NULL);
	}
	item = arena_alloc(r->arena, arg->size);
	if (!item)
		return bp_fail_memory(r->ctx);
	len = path_enter(r, arg->name, 0, false);
	e = read_parts(r, arg->args, ':', value, item, base);
	path_leave(r, len);
	if (e < 0)
		return e;
	arg_pointer_set(arg, base, item);
	return 0;
}

static int read_option(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const bool yes = true;

	if (arg->kind == KIND_PAIRS)
		return append_element(r, arg, base);
	if (arg->flags & ARG_JOINED)
		return read_joined(r, arg, base);
	if (arg->flags & ARG_BARE)
		return read_choice(r, arg, base, up);
	r->pos++;
	if (arg->kind == KIND_FLAG) {
		memcpy(arg_at(arg, base), &yes, sizeof(yes));
		return 0;
	}
	return is_list(arg) ? append_element(r, arg, base) : read_arg(r, arg, base, up);
}

/* "feature" of "features", for messages. */
static int fail_unknown(struct reader *r, const struct arg *options)
{
	int len = (int)strlen(options->name), e;
	struct strbuf s = { 0 };

	if (len && options->name[len - 1] == 's')
		len--;
	e = fail(r, r->pos, NULL, "unknown %.*s '%s'", len, options->name, r->words[r->pos]);
	for (const struct arg *arg = options->args; arg->kind != KIND_END; arg++) {
		if (arg->flags & ARG_BARE) {
			for (const struct arg_word *w = arg->words; w->word; w++)
				strbuf_addf(&s, "%s%s", s.len ? ", " : "", w->word);
		} else if (arg->kind != KIND_PAIRS) {
			strbuf_addf(&s, "%s%s%s", s.len ? ", " : "", arg_word(arg),
				    arg->flags & ARG_JOINED ? ":" : "");
		}
	}
	error_set_hint(r->ctx, "known: %s", strbuf_text(&s));
	strbuf_done(&s);
	return e;
}

/* One option too many: the same again, or another word of one choice. */
static int fail_twice(struct reader *r, const struct arg *arg, const void *base)
{
	const char *word = r->words[r->pos], *before = NULL;

	if (arg->flags & ARG_BARE)
		before = arg_choice_word(arg, arg_choice_get(arg, base));
	if (before && strcasecmp(before, word) != 0)
		return fail(r, r->pos, arg->name, "'%s' and '%s' exclude each other", before,
			    word);
	return fail(r, r->pos, arg->name, "'%s' is given twice", word);
}

static int read_options_words(struct reader *r, const struct arg *options, void *base,
			      const void *up)
{
	const size_t words = words_left(r);
	uint64_t given = 0; /* a bit an option; no grammar has more than 64 */

	while (r->pos < r->end) {
		const struct arg *arg = options->args;
		uint64_t bit;
		int e;

		while (arg->kind != KIND_END && !option_matches(r, arg, r->words[r->pos]))
			arg++;
		if (arg->kind == KIND_END)
			return fail_unknown(r, options);
		bit = UINT64_C(1) << (arg - options->args);
		if ((given & bit) && !is_list(arg) &&
		    !((options->flags | arg->flags) & ARG_REPEAT))
			return fail_twice(r, arg, base);
		/* Only here can it be seen: what is given twice is written once. */
		if ((given & bit) && options->max && words > options->max)
			return fail(r, r->pos, arg->name,
				    "'%s' is given again, and the target takes %" PRIu64
				    " words at most",
				    r->words[r->pos], options->max);
		given |= bit;
		if (r->order && arg_order_add(r->order, arg, r->arena) < 0)
			return bp_fail_memory(r->ctx);
		e = read_option(r, arg, base, up);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_options(struct reader *r, const struct arg *options, void *base, const void *up)
{
	bool nocase = r->nocase;
	int e;

	r->nocase = options->flags & ARG_NOCASE;
	e = options->uncounted ? read_options_words(r, options, base, up)
			       : read_counted(r, options, base, up, read_options_words);
	r->nocase = nocase;
	return e;
}

/* --- the walk --- */

typedef int (*read_fn)(struct reader *r, const struct arg *arg, void *base, const void *up);

static const read_fn readers[KINDS] = {
	[KIND_DEV] = read_text,      [KIND_TEXT] = read_text,
	[KIND_NUMBER] = read_number, [KIND_MAYBE] = read_maybe,
	[KIND_SIGNED] = read_signed, [KIND_CHOICE] = read_choice,
	[KIND_FLAG] = read_flag,     [KIND_LITERAL] = read_literal,
	[KIND_COUNT] = read_count,   [KIND_EACH] = read_list,
	[KIND_WORDS] = read_list,    [KIND_PAIRS] = read_list,
	[KIND_RECORD] = read_record, [KIND_POINTER] = read_pointer,
	[KIND_GROUP] = read_group,   [KIND_OPTIONS] = read_options,
	[KIND_SPLIT] = read_split,   [KIND_WHEN] = read_when,
};

static int read_arg(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	if (r->pos == r->end && (arg->flags & ARG_OPTIONAL))
		return 0;
	return readers[arg->kind](r, arg, base, up);
}

static int read_args(struct reader *r, const struct arg *args, void *base, const void *up)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		int e = read_arg(r, arg, base, up);

		if (e < 0)
			return e;
	}
	return 0;
}

int args_read(struct bp_ctx *ctx, const struct arg *args, const struct words *words,
	      struct arena *arena, void *base, struct arg_order *order, size_t *ret_used)
{
	struct reader r = {
		.ctx = ctx,
		.arena = arena,
		.words = words->items,
		.end = words->count,
		.order = order,
	};
	int e = read_args(&r, args, base, NULL);

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

	e = read_choice(r, &truth, &value, NULL);
	if (e < 0)
		return e;
	flag = value == 1;
	memcpy(arg_at(arg, base), &flag, sizeof(flag));
	return 0;
}

int arg_read_value(struct bp_ctx *ctx, const struct arg *arg, const struct words *words,
		   bool append, struct arena *arena, void *base, const void *up)
{
	struct arg rest = *arg; /* a list of its own is all the words; no count comes first */
	struct reader r = {
		.ctx = ctx,
		.arena = arena,
		.words = words->items,
		.end = words->count,
	};
	int e;

	rest.flags &= ~(uint32_t)(ARG_JOINED | ARG_EXACT);
	if (!arg->up)
		rest.flags |= ARG_REST;
	if (append && is_list(arg))
		e = append_element(&r, arg, base);
	else if (arg->kind == KIND_FLAG)
		e = read_truth(&r, arg, base);
	else
		e = readers[arg->kind](&r, &rest, base, up);
	if (e == 0 && r.pos < r.end)
		e = fail(&r, r.pos, arg->name, "'%s' is one word too many",
			 words->items[r.pos]);
	strbuf_done(&r.path);
	return e;
}
