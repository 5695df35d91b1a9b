/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading values of one word, and the errors of all reading. */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/reader.h"
#include "targets/grammar/secret.h"

#include <inttypes.h>

size_t reader_left(const struct reader *r)
{
	return r->end - r->pos;
}

/* Fail at word @pos, which is to be @name; a text follows "argument 2 (legs.0.dev): ". */
int reader_fail(struct reader *r, size_t pos, const char *name, const char *fmt, ...)
{
	unsigned number = (unsigned)(r->outer ? r->outer : pos + 1);
	const bool secretive = args_have_secrets(r->args);
	struct strbuf full = { 0 }, text = { 0 }, value = { 0 };
	va_list args;
	int e = -EINVAL;

	strbuf_addf(&full, "%s%s", strbuf_text(&r->path), name ? name : "");
	va_start(args, fmt);
	strbuf_addv(&text, fmt, args);
	va_end(args);
	strbuf_add(&value, pos < r->end ? r->words[pos] : "");
	if (full.error || text.error || value.error) {
		e = bp_fail_memory(r->ctx);
	} else {
		if (secretive) {
			text_hide_keys(text.text);
			text_hide_keys(value.text);
		}
		bp_fail(r->ctx, e, full.len ? "argument %u (%s): %s" : "argument %u%s: %s",
			number, strbuf_text(&full), strbuf_text(&text));
		error_set_code(r->ctx, BP_E_TABLE);
		error_set_argument(r->ctx, number, full.len ? full.text : NULL,
				   pos < r->end ? strbuf_text(&value) : NULL);
	}
	strbuf_done(&value);
	strbuf_done(&full);
	strbuf_done(&text);
	return e;
}

/* Take the next word, which is to be @name. */
int reader_next(struct reader *r, const char *name, const char **ret)
{
	if (r->pos == r->end)
		return reader_fail(r, r->pos, name, "is missing");
	*ret = r->words[r->pos++];
	return 0;
}

/* Enter "name." or "name.INDEX."; leave by setting path.len back with reader_leave(). */
size_t reader_enter(struct reader *r, const char *name, size_t index, bool indexed)
{
	size_t len = r->path.len;

	if (indexed)
		strbuf_addf(&r->path, "%s.%zu.", name, index);
	else
		strbuf_addf(&r->path, "%s.", name);
	return len;
}

void reader_leave(struct reader *r, size_t len)
{
	r->path.len = len;
	if (r->path.text)
		r->path.text[len] = '\0';
}

/* --- values of one word --- */

/* "-" is "none" where the grammar says so (ARG_DASH), a text otherwise. */
int reader_text(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word, *copy = NULL;
	int e = reader_next(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	if (arg->valid && !arg->valid(word))
		return reader_fail(r, r->pos - 1, arg->name, "'%s' is not right: %s", word,
				   arg->help);
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
int reader_parse_number(struct reader *r, const struct arg *arg, const char *word, size_t size,
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
		e = reader_fail(r, r->pos - 1, arg->name, "'%s' is too large: at most %" PRIu64,
				word, max);
		if (!(arg->flags & ARG_PLUS))
			error_set_hint(r->ctx,
				       "some kernels would take it, cut down to %zu bits",
				       size * 8);
		return e;
	}
	if (e < 0)
		return reader_fail(r, r->pos - 1, arg->name, "'%s' is not a number", word);
	return 0;
}

/* The width is the member's: what does not fit is out of range, not cut. */
int reader_number(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	uint64_t value;
	int e = reader_next(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	e = reader_parse_number(r, arg, word, arg->size, &value);
	if (e < 0)
		return e;
	arg_number_set(arg, base, value);
	return 0;
}

/* Tells 0 from "not given". */
int reader_maybe(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	struct bp_number number = { 0 };
	const char *word;
	int e = reader_next(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	if (!((arg->flags & ARG_DASH) && streq(word, "-"))) {
		e = reader_parse_number(r, arg, word, sizeof(number.value), &number.value);
		if (e < 0)
			return e;
		number.is_set = true;
	}
	memcpy(arg_at(arg, base), &number, sizeof(number));
	return 0;
}

/*
 * For the few arguments that kernels read with %d. INT32_MIN can't be said; no target wants
 * it.
 */
int reader_signed(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word = "";
	uint64_t value;
	int32_t result;
	bool minus;
	int e = reader_next(r, arg->name, &word);

	(void)up;
	if (e < 0)
		return e;
	minus = *word == '-';
	if (number_parse(word + (minus || *word == '+'), INT32_MAX, &value) < 0)
		return reader_fail(r, r->pos - 1, arg->name, "'%s' is not a number", word);
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

/* ARG_PEEK: a word that may be missing, known by what comes next. Value 0 is "not given". */
int reader_choice(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const struct arg_word *found;
	const char *word;
	int value = arg->value, e;

	(void)up;
	if (!(arg->flags & ARG_PEEK) || !is_passed_by(r, arg)) {
		e = reader_next(r, arg->name, &word);
		if (e < 0)
			return e;
		found = arg_choice_find(arg, word, r->nocase || (arg->flags & ARG_NOCASE));
		value = found ? found->value : 0;
		if (!value && !((arg->flags & ARG_DASH) && streq(word, "-"))) {
			e = reader_fail(r, r->pos - 1, arg->name, "'%s' is none of its words",
					word);
			hint_words(r, arg);
			return e;
		}
	}
	memcpy(arg_at(arg, base), &value, sizeof(value));
	return 0;
}

/* A flag that has a place of its own: its word, or '-', or the line ends. */
int reader_flag(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	bool is_set;
	int e;

	(void)up;
	if (arg->flags & ARG_HIDDEN) {
		is_set = true;
		memcpy(arg_at(arg, base), &is_set, sizeof(is_set));
		return 0;
	}
	if ((arg->flags & ARG_PEEK) &&
	    (r->pos == r->end || !streq(r->words[r->pos], arg_word(arg))))
		return 0;
	e = reader_next(r, arg->name, &word);
	if (e < 0)
		return e;
	is_set = streq(word, arg_word(arg));
	if (!is_set && !((arg->flags & ARG_DASH) && streq(word, "-")))
		return reader_fail(r, r->pos - 1, arg->name, "'%s' is not '%s'", word,
				   arg_word(arg));
	memcpy(arg_at(arg, base), &is_set, sizeof(is_set));
	return 0;
}

/* A word that must stand there and says nothing. */
int reader_literal(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	const char *word;
	int e = reader_next(r, arg->word, &word);

	(void)base, (void)up;
	if (e < 0)
		return e;
	if (!streq(word, arg->word))
		return reader_fail(r, r->pos - 1, NULL, "'%s' is not '%s'", word, arg->word);
	return 0;
}
