/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lines made from a grammar: any line it allows may come out, in random order of options. Every
 * new target gets the round-trip property for nothing this way.
 */
#ifndef LIB_GENERATE_H
#define LIB_GENERATE_H

#include "unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "targets/grammar/grammar.h"

struct generator {
	uint64_t state;     /* of the random numbers: same seed, same lines */
	struct strbuf text; /* the line so far, words parted by blanks */
	int choices[8];     /* values that choices were given, by offset: for ARG_WHEN */
	size_t choice_offsets[8];
	size_t nr_choices;
	size_t counts[8]; /* lengths announced by ARG_COUNT, by offset */
	size_t count_offsets[8];
	size_t nr_counts;
	const struct generator *up; /* of the enclosing struct */
};

static void generate_args(struct generator *g, const struct arg *args);

/* xorshift64*: below @limit. */
static inline uint64_t generate_number(struct generator *g, uint64_t limit)
{
	g->state ^= g->state >> 12;
	g->state ^= g->state << 25;
	g->state ^= g->state >> 27;
	return limit ? (g->state * UINT64_C(2685821657736338717)) % limit : 0;
}

static inline void generate_word(struct generator *g, const char *word)
{
	if (g->text.len && g->text.text[g->text.len - 1] != '\1')
		strbuf_add_char(&g->text, ' ');
	strbuf_add(&g->text, word);
}

/* A number of the argument's width: small, in its range, or the largest there is. */
static inline void generate_digits(struct generator *g, const struct arg *arg)
{
	unsigned bytes = arg->kind == KIND_MAYBE ? 8 : (unsigned)arg->size;
	uint64_t most = bytes < 8 ? (UINT64_C(1) << bytes * 8) - 1 : UINT64_MAX, value;
	char text[40];

	switch (generate_number(g, 4)) {
	case 0:
		value = generate_number(g, 10);
		break;
	case 1:
		value = most;
		break;
	default:
		value = arg->min + generate_number(g, arg->max - arg->min);
		break;
	}
	value = MIN(value, most);
	snprintf(text, sizeof(text), arg->flags & ARG_HEX_NUMBER ? "%" PRIx64 : "%" PRIu64,
		 value);
	generate_word(g, text);
}

static inline void generate_text(struct generator *g, const struct arg *arg)
{
	static const char *const devs[] = { "8:16",     "/dev/sda",  "/dev/mapper/a\\x20b",
					    "253:1000", "my\\ disk", "\xc3\xa0" };
	static const char *const texts[] = { "abc",      "a",    "aes-xts-plain64",
					     "0123abCD", "(x)",  "#",
					     "\\x",      "x=y,z" };

	if (arg->kind == KIND_DEV)
		generate_word(g, devs[generate_number(g, ARRAY_SIZE(devs))]);
	else
		generate_word(g, texts[generate_number(g, ARRAY_SIZE(texts))]);
}

static inline void generate_chosen(struct generator *g, const struct arg *arg, int value)
{
	if (g->nr_choices < ARRAY_SIZE(g->choices)) {
		g->choices[g->nr_choices] = value;
		g->choice_offsets[g->nr_choices++] = arg->offset;
	}
}

static inline void generate_choice(struct generator *g, const struct arg *arg)
{
	const struct arg_word *w = arg->words;
	size_t n = 0;

	while (w[n].word && w[n].value) /* words known to be wrong come last */
		n++;
	w += generate_number(g, n);
	generate_word(g, w->word);
	generate_chosen(g, arg, w->value);
}

static inline int chosen(const struct generator *g, size_t offset)
{
	for (size_t i = 0; i < g->nr_choices; i++)
		if (g->choice_offsets[i] == offset)
			return g->choices[i];
	return 0;
}

static inline void generate_count(struct generator *g, const struct arg *arg)
{
	size_t nr = (size_t)MIN(arg->min + generate_number(g, 4), MAX(arg->max, arg->min));
	char text[24];

	snprintf(text, sizeof(text), "%zu", nr);
	generate_word(g, text);
	assert_true(g->nr_counts < ARRAY_SIZE(g->counts));
	g->counts[g->nr_counts] = nr;
	g->count_offsets[g->nr_counts++] = arg->offset;
}

static inline size_t counted(const struct generator *g, size_t offset)
{
	for (size_t i = 0; g && i < g->nr_counts; i++)
		if (g->count_offsets[i] == offset)
			return g->counts[i];
	return 0;
}

/* A struct of its own: its choices and counts are not ours. */
static inline void generate_struct(struct generator *g, const struct arg *args)
{
	struct generator inner = { .state = g->state, .text = g->text, .up = g };

	generate_args(&inner, args);
	g->state = inner.state;
	g->text = inner.text;
}

static inline void generate_element(struct generator *g, const struct arg *arg)
{
	if (arg->kind == KIND_WORDS)
		generate_text(g, arg);
	else
		generate_struct(g, arg->args);
}

static inline void generate_list(struct generator *g, const struct arg *arg)
{
	size_t nr = arg->flags & ARG_REST ? (size_t)generate_number(g, 4)
					  : counted(arg->up ? g->up : g, arg->nr_offset);

	while (nr--)
		generate_element(g, arg);
}

/* Words of @fill, made apart, behind their number. */
static inline void generate_counted(struct generator *g, const struct arg *arg,
				    void (*fill)(struct generator *, const struct arg *))
{
	struct strbuf outer = g->text;
	size_t words = 0;
	char text[24];

	g->text = (struct strbuf){ 0 };
	fill(g, arg);
	for (size_t i = 0; i < g->text.len; i++)
		words += g->text.text[i] == ' ' && (i == 0 || g->text.text[i - 1] != '\\');
	words += g->text.len != 0;
	snprintf(text, sizeof(text), "%zu", words);
	if (outer.len)
		strbuf_add_char(&outer, ' ');
	strbuf_add(&outer, text);
	if (g->text.len) {
		strbuf_add_char(&outer, ' ');
		strbuf_add(&outer, g->text.text);
	}
	strbuf_done(&g->text);
	g->text = outer;
}

static inline void generate_group(struct generator *g, const struct arg *arg)
{
	generate_args(g, arg->args);
}

static void generate_arg(struct generator *g, const struct arg *arg);

/* Parts of one word; what parts and blanks would be taken for is left out. */
static inline void generate_parts(struct generator *g, const char *front, char by,
				  const struct arg *args)
{
	strbuf_add(&g->text, g->text.len ? " " : "");
	strbuf_add(&g->text, front);
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		struct generator part = { .state = g->state };

		if (arg != args && (arg->flags & ARG_OPTIONAL) && generate_number(&part, 2)) {
			g->state = part.state;
			break;
		}
		generate_arg(&part, arg);
		for (char *p = part.text.text; p && *p; p++)
			if (*p == ' ' || *p == '\\' || (*p == by && arg[1].kind != KIND_END))
				*p = '_';
		if (arg != args)
			strbuf_add_char(&g->text, by);
		strbuf_add(&g->text, strbuf_text(&part.text));
		strbuf_done(&part.text);
		g->state = part.state;
	}
}

static inline void generate_option(struct generator *g, const struct arg *arg)
{
	char front[64];

	if (arg->kind == KIND_PAIRS) {
		generate_word(g, "unknown_key");
		generate_word(g, "value");
	} else if (arg->kind == KIND_FLAG) {
		generate_word(g, arg_word(arg));
	} else if (arg->flags & ARG_BARE) {
		generate_choice(g, arg);
	} else if (arg->flags & ARG_JOINED) {
		struct arg alone[] = { *arg, ARG_END };

		alone->flags &= ~(uint32_t)(ARG_JOINED | ARG_OPTIONAL);
		snprintf(front, sizeof(front), "%s:", arg_word(arg));
		generate_parts(g, front, ':', arg->kind == KIND_POINTER ? arg->args : alone);
	} else {
		generate_word(g, arg_word(arg));
		if (arg->kind == KIND_EACH || arg->kind == KIND_WORDS)
			generate_element(g, arg);
		else
			generate_arg(g, arg);
	}
}

/* Some of the options, each at most once, from any one on. */
static inline void generate_options(struct generator *g, const struct arg *options)
{
	size_t n = args_count(options->args), first = (size_t)generate_number(g, n);

	for (size_t i = 0; i < n; i++)
		if (generate_number(g, 3) == 0)
			generate_option(g, &options->args[(first + i) % n]);
}

/* What holds no other arguments: one word. Returns whether @arg is that. */
static inline bool generate_simple(struct generator *g, const struct arg *arg)
{
	static const struct arg_word truths[] = {
		{ "1", 1 }, { "-1", 2 }, { "253", 3 }, { NULL }
	};
	struct arg truth = { .kind = KIND_CHOICE, .words = truths, .offset = SIZE_MAX };

	if (arg->kind == KIND_DEV || arg->kind == KIND_TEXT)
		generate_text(g, arg);
	else if (arg->kind == KIND_NUMBER || arg->kind == KIND_MAYBE)
		generate_digits(g, arg);
	else if (arg->kind == KIND_SIGNED)
		generate_choice(g, &truth);
	else if (arg->kind == KIND_FLAG || arg->kind == KIND_LITERAL)
		generate_word(g, arg_word(arg));
	else
		return false;
	return true;
}

static void generate_arg(struct generator *g, const struct arg *arg)
{
	if ((arg->flags & ARG_DASH) && generate_number(g, 3) == 0) {
		generate_word(g, "-");
		return;
	}
	if (generate_simple(g, arg))
		return;
	switch (arg->kind) {
	case KIND_CHOICE:
		if (!(arg->flags & ARG_PEEK) || generate_number(g, 2))
			generate_choice(g, arg);
		else
			generate_chosen(g, arg, arg->value);
		break;
	case KIND_COUNT:
		generate_count(g, arg);
		break;
	case KIND_EACH:
	case KIND_WORDS:
	case KIND_PAIRS:
		generate_list(g, arg);
		break;
	case KIND_RECORD:
	case KIND_POINTER:
		generate_struct(g, arg->args);
		break;
	case KIND_GROUP:
		generate_counted(g, arg, generate_group);
		break;
	case KIND_OPTIONS:
		if (arg->uncounted)
			generate_options(g, arg);
		else
			generate_counted(g, arg, generate_options);
		break;
	case KIND_SPLIT:
		generate_parts(g, "", arg->separator, arg->args);
		break;
	case KIND_WHEN:
		if (chosen(g, arg->offset) == arg->value)
			generate_args(g, arg->args);
		break;
	case KIND_DEV:
	case KIND_TEXT:
	case KIND_NUMBER:
	case KIND_MAYBE:
	case KIND_SIGNED:
	case KIND_FLAG:
	case KIND_LITERAL:
	case KIND_END:
	case KINDS:
		break;
	}
}

/* In order; the line may end where the rest is optional. */
static void generate_args(struct generator *g, const struct arg *args)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		if ((arg->flags & ARG_OPTIONAL) && generate_number(g, 2))
			return;
		generate_arg(g, arg);
	}
}

/* A line of @args. Freed by the caller. */
static inline char *generate_line(const struct arg *args, uint64_t seed)
{
	struct generator g = { .state = seed * 2 + 1 };
	char *text;

	for (int i = 0; i < 8; i++)
		generate_number(&g, 1);
	generate_args(&g, args);
	assert_ok(strbuf_take(&g.text, &text));
	return text;
}

#endif
