/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading options: in any order, told apart by their first word. */
#include "core/context.h"
#include "targets/grammar/reader.h"

#include <inttypes.h>
#include <strings.h>

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
	if ((nocase ? strncasecmp : strncmp)(word, arg_word(arg), len) != 0)
		return false;
	return word[len] == (arg->flags & ARG_JOINED ? ':' : '\0');
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
		return reader_parts(r, alone, '\0', value, base, NULL);
	}
	item = arena_alloc(r->arena, arg->size);
	if (!item)
		return bp_fail_memory(r->ctx);
	len = reader_enter(r, arg->name, 0, false);
	e = reader_parts(r, arg->args, ':', value, item, base);
	reader_leave(r, len);
	if (e < 0)
		return e;
	arg_pointer_set(arg, base, item);
	return 0;
}

/*
 * By the form of the option: a pair, KEY=VALUE, a bare word, or a name with its value
 * behind it.
 */
static int read_option(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const bool yes = true;

	if (arg->kind == KIND_PAIRS)
		return reader_append(r, arg, base);
	if (arg->flags & ARG_JOINED)
		return read_joined(r, arg, base);
	if (arg->flags & ARG_BARE)
		return reader_choice(r, arg, base, up);
	r->pos++;
	if (arg->kind == KIND_FLAG) {
		memcpy(arg_at(arg, base), &yes, sizeof(yes));
		return 0;
	}
	return arg_is_list(arg) ? reader_append(r, arg, base) : reader_arg(r, arg, base, up);
}

/* "feature" of "features", for messages. */
static int fail_unknown(struct reader *r, const struct arg *options)
{
	int len = (int)strlen(options->name), e;
	struct strbuf s = { 0 };

	if (len && options->name[len - 1] == 's')
		len--;
	e = reader_fail(r, r->pos, NULL, "unknown %.*s '%s'", len, options->name,
			r->words[r->pos]);
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
		return reader_fail(r, r->pos, arg->name, "'%s' and '%s' exclude each other",
				   before, word);
	return reader_fail(r, r->pos, arg->name, "'%s' is given twice", word);
}

/*
 * Options come in any order. One that is given twice is a fault, unless kernels take the
 * last: ARG_REPEAT.
 */
static int read_options_words(struct reader *r, const struct arg *options, void *base,
			      const void *up)
{
	const size_t words = reader_left(r);
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
		if ((given & bit) && !arg_is_list(arg) &&
		    !((options->flags | arg->flags) & ARG_REPEAT))
			return fail_twice(r, arg, base);
		/* Only here can it be seen: what is given twice is written once. */
		if ((given & bit) && options->max && words > options->max)
			return reader_fail(r, r->pos, arg->name,
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

/* Most targets count the words of their options first, a few take all that is left. */
int reader_options(struct reader *r, const struct arg *options, void *base, const void *up)
{
	bool nocase = r->nocase;
	int e;

	r->nocase = options->flags & ARG_NOCASE;
	e = options->uncounted ? read_options_words(r, options, base, up)
			       : reader_counted(r, options, base, up, read_options_words);
	r->nocase = nocase;
	return e;
}
