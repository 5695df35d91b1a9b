/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every kind of argument, in grammars made up for it: what is read, written, refused, found. */
#include "context_test.h"
#include "generate.h"

#include <bedplate/bedplate.h>

#include "core/context.h"
#include "targets/grammar/target.h"

/* --- grammars --- */

enum shape { SHAPE_ROUND = 1, SHAPE_SQUARE = 2 };

struct plain {
	const char *dev, *text, *dashed, *last;
	uint8_t small;
	uint16_t hex;
	struct bp_number maybe, trailing;
	int32_t offset;
	enum shape shape;
	bool flag;
};

static const struct arg_word shapes[] = {
	{ "round", SHAPE_ROUND },
	{ "Square", SHAPE_SQUARE },
	{ "box", SHAPE_SQUARE, true },
	{ NULL },
};

static const struct arg plain[] = {
	ARG_DEV(struct plain, dev, "a device"),
	ARG_TEXT(struct plain, text, "a text", .flags = ARG_HEX),
	ARG_TEXT(struct plain, dashed, "a text or none", .flags = ARG_DASH),
	ARG_NUMBER(struct plain, small, 1, 200, "a byte", .flags = ARG_PLUS),
	ARG_NUMBER(struct plain, hex, 0, 65535, "a number in hex", .flags = ARG_HEX_NUMBER),
	ARG_LITERAL("of"),
	ARG_MAYBE(struct plain, maybe, 0, 10, "a number or none", .flags = ARG_DASH),
	ARG_SIGNED(struct plain, offset, 100, "a number with a sign"),
	ARG_CHOICE(struct plain, shape, shapes, "round or square", .flags = ARG_NOCASE),
	ARG_FLAG(struct plain, flag, "set or not", .flags = ARG_DASH),
	ARG_MAYBE(struct plain, trailing, 0, 10, "may be missing",
		  .flags = ARG_OPTIONAL | ARG_CHOSEN),
	ARG_TEXT(struct plain, last, "may be missing too", .flags = ARG_OPTIONAL),
	ARG_END,
};

struct leg {
	const char *dev;
	const char *const *args;
};

struct lists {
	const struct leg *legs;
	size_t nr_legs, nr_leg_args;
	const char *const *words;
	size_t nr_words;
	const struct bp_pair *pairs;
	size_t nr_pairs;
};

static const struct arg leg_args[] = {
	ARG_DEV(struct leg, dev, "a device"),
	ARG_WORDS_UP(struct leg, args, struct lists, nr_leg_args, "as many for each"),
	ARG_END,
};

static const struct arg words_group[] = {
	ARG_WORDS(struct lists, words, nr_words, "words", .flags = ARG_REST),
	ARG_END,
};

static const struct arg lists[] = {
	ARG_COUNT(struct lists, nr_legs, 1, 5),
	ARG_COUNT(struct lists, nr_leg_args, 0, 2),
	ARG_EACH(struct lists, legs, nr_legs, leg_args, "legs"),
	ARG_GROUP(words, words_group, .max = 3),
	ARG_PAIRS(struct lists, pairs, nr_pairs, "pairs", .flags = ARG_REST),
	ARG_END,
};

struct corrupt {
	uint32_t nth;
	enum shape how;
};

struct tag {
	uint32_t bytes;
	const char *mode;
};

struct options {
	bool fast, slow;
	enum shape shape, mode;
	struct bp_number retries, sectors;
	const char *dev;
	const struct corrupt *corrupt;
	const struct tag *tag;
	const uint32_t *rebuild;
	size_t nr_rebuild;
	const struct bp_pair *others;
	size_t nr_others;
	struct bp_number core;
};

static const struct arg corrupt_args[] = {
	ARG_NUMBER(struct corrupt, nth, 1, UINT32_MAX, "which"),
	ARG_CHOICE(struct corrupt, how, shapes, "how"),
	ARG_END,
};

static const struct arg tag_args[] = {
	ARG_NUMBER(struct tag, bytes, 1, 480, "how large"),
	ARG_TEXT(struct tag, mode, "the rest", .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg features[] = {
	ARG_FLAG(struct options, fast, "go fast"),
	ARG_FLAG(struct options, slow, "go slow", .word = "slowly"),
	ARG_CHOICE(struct options, shape, shapes, "bare words", .flags = ARG_BARE),
	ARG_CHOICE(struct options, mode, shapes, "word and value"),
	ARG_MAYBE(struct options, retries, 0, 50, "how often", .def = "3"),
	ARG_DEV(struct options, dev, "joined device", .flags = ARG_JOINED),
	ARG_MAYBE(struct options, sectors, 1, 8, "joined number", .flags = ARG_JOINED),
	ARG_POINTER(struct options, corrupt, corrupt_args, "several values"),
	ARG_POINTER(struct options, tag, tag_args, "several in one word", .flags = ARG_JOINED),
	ARG_NUMBERS(struct options, rebuild, nr_rebuild, uint32_t, 0, 252, "again and again"),
	ARG_END,
};

static const struct arg core[] = {
	ARG_MAYBE(struct options, core, 0, 9, "of the second group"),
	ARG_PAIRS(struct options, others, nr_others, "all others"),
	ARG_END,
};

static const struct arg options[] = {
	ARG_OPTIONS(features, .flags = ARG_OPTIONAL | ARG_NOCASE),
	ARG_OPTIONS(core, .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg options_rest[] = {
	ARG_OPTIONS_REST(core),
	ARG_END,
};

struct way {
	const char *dev;
	uint32_t ms;
};

struct parts {
	enum shape kind;
	struct way read;
	const struct way *write, *exact;
	uint64_t used, total;
	const char *log;
	struct bp_number region;
	const char *sync;
};

static const struct arg way_args[] = {
	ARG_DEV(struct way, dev, "device"),
	ARG_NUMBER(struct way, ms, 0, UINT32_MAX, "delay"),
	ARG_END,
};

static const struct arg round_args[] = {
	ARG_MAYBE(struct parts, region, 1, 8, "region"),
	ARG_TEXT(struct parts, sync, "sync", .flags = ARG_OPTIONAL),
	ARG_END,
};

static const struct arg square_args[] = {
	ARG_TEXT(struct parts, log, "log"),
	ARG_MAYBE(struct parts, region, 1, 8, "region"),
	ARG_END,
};

static const struct arg log_args[] = {
	ARG_WHEN(struct parts, kind, SHAPE_ROUND, round_args),
	ARG_WHEN(struct parts, kind, SHAPE_SQUARE, square_args),
	ARG_END,
};

static const struct arg use[] = {
	ARG_NUMBER(struct parts, used, 0, UINT64_MAX, "used"),
	ARG_NUMBER(struct parts, total, 0, UINT64_MAX, "total"),
	ARG_END,
};

static const struct arg parts[] = {
	ARG_CHOICE(struct parts, kind, shapes, "kind of log", .flags = ARG_PEEK),
	ARG_GROUP(log_args, log_args),
	ARG_SPLIT('/', use),
	ARG_RECORD(struct parts, read, way_args),
	ARG_POINTER(struct parts, write, way_args, "may be missing", .flags = ARG_OPTIONAL),
	ARG_POINTER(struct parts, exact, way_args, "two words or none",
		    .flags = ARG_OPTIONAL | ARG_EXACT),
	ARG_END,
};

struct versioned {
	enum shape version;
	struct bp_number steps, power;
};

static const struct arg_word wordy[] = {
	{ "round", SHAPE_ROUND },
	{ "ro", 0, true },
	{ NULL },
};

static const struct arg round_only[] = {
	ARG_MAYBE(struct versioned, steps, 0, 100, "of round ones", .step = 5),
	ARG_END,
};

static const struct arg square_only[] = {
	ARG_MAYBE(struct versioned, power, 0, 100, "of square ones", .flags = ARG_POWER_OF_2),
	ARG_END,
};

static const struct arg versioned[] = {
	ARG_CHOICE(struct versioned, version, wordy, "square ones have no word",
		   .value = SHAPE_SQUARE, .def = "round", .flags = ARG_PEEK | ARG_DEFAULT),
	ARG_WHEN(struct versioned, version, SHAPE_ROUND, round_only, .flags = ARG_DEFAULT),
	ARG_WHEN(struct versioned, version, SHAPE_SQUARE, square_only),
	ARG_END,
};

struct repeated {
	bool fast;
	struct bp_number often;
};

static const struct arg repeated_options[] = {
	ARG_FLAG(struct repeated, fast, "go fast"),
	ARG_MAYBE(struct repeated, often, 0, 9, "how often"),
	ARG_END,
};

static const struct arg repeated[] = {
	ARG_OPTIONS(repeated_options, .max = 3, .flags = ARG_OPTIONAL | ARG_REPEAT),
	ARG_END,
};

static const struct grammar {
	const char *name;
	const struct arg *args;
	size_t size;
} grammars[] = {
	{ "plain", plain, sizeof(struct plain) },
	{ "lists", lists, sizeof(struct lists) },
	{ "options", options, sizeof(struct options) },
	{ "options_rest", options_rest, sizeof(struct options) },
	{ "parts", parts, sizeof(struct parts) },
	{ "versioned", versioned, sizeof(struct versioned) },
	{ "repeated", repeated, sizeof(struct repeated) },
};

/* clang-format off */
static const struct {
	const char *grammar, *text;
	const char *why;    /* NULL: right */
	const char *result; /* NULL: as it went in */
} cases[] = {
	{ "plain", "8:0 text dashed 200 ffff of 5 -7 round flag 3 last" },
	{ "plain", "8:0 text - +7 A of - +7 SQUARE - 3", NULL, "8:0 text - 7 a of - 7 Square - 3" },
	{ "plain", "8:0 text - 1 0 of - 0 boxing -", NULL, "8:0 text - 1 0 of - 0 Square -" },
	{ "plain", "8:0 text - 256 0 of - 0 round -", "argument 4 (small): '256' is too large: at most 255" },
	{ "plain", "8:0 text - 1 10000 of - 0 round -", "argument 5 (hex): '10000' is too large" },
	{ "plain", "8:0 text - 1 g of - 0 round -", "argument 5 (hex): 'g' is not a number" },
	{ "plain", "8:0 text - 1 0 off - 0 round -", "argument 6: 'off' is not 'of'" },
	{ "plain", "8:0 text - 1 0 of - x round -", "argument 8 (offset): 'x' is not a number" },
	{ "plain", "8:0 text - 1 0 of - -- round -", "argument 8 (offset): '--' is not a number" },
	{ "plain", "8:0 text - 1 0 of - 2147483648 round -", "argument 8 (offset): '2147483648' is not a number" },
	{ "plain", "8:0 text - 1 0 of - 0 oval -", "argument 9 (shape): 'oval' is none of its words" },
	{ "plain", "8:0 text - 1 0 of - 0 rounded -", "argument 9 (shape): 'rounded' is none of its words" },
	{ "plain", "8:0 text - 1 0 of - 0 round x", "argument 10 (flag): 'x' is not 'flag'" },
	{ "plain", "8:0 text - 1 0", "argument 6 (of): is missing" },
	{ "lists", "1 0 8:0 0" },
	{ "lists", "2 2 8:0 a b 8:1 c d 3 x y z k v l w" },
	{ "lists", "2 2 8:0 a b 8:1 c", "argument 8 (legs.1.args): is missing" },
	{ "lists", "9 0 8:0 0", "argument 1 (nr_legs): '9' announces more than the 3 words that follow" },
	{ "lists", "1 0 8:0 1 x k", "argument 7 (pairs.0.value): is missing" },
	{ "options", "" },
	{ "options", "0", NULL, "" },
	{ "options", "0 0", NULL, "" },
	{ "options", "0 2 core 5" },
	{ "options", "3 slowly FAST Round", NULL, "3 fast slowly round" },
	{ "options", "2 fast fast", "argument 3 (fast): 'fast' is given twice" },
	{ "options", "2 round square", "argument 3 (shape): 'round' and 'square' exclude each other" },
	{ "options", "2 mode round" },
	{ "options", "1 mode", "argument 3 (mode): is missing" },
	{ "options", "2 mode oval", "argument 3 (mode): 'oval' is none of its words" },
	{ "options", "3 retries 5 dev:/dev/a:b" },
	{ "options", "1 sectors:8" },
	{ "options", "1 sectors:", "argument 2 (sectors): '' is not a number" },
	{ "options", "1 sectors", "argument 2: unknown feature 'sectors'" },
	{ "options", "1 sectors:x", "argument 2 (sectors): 'x' is not a number" },
	{ "options", "3 corrupt 7 round" },
	{ "options", "2 corrupt 7", "argument 4 (corrupt.how): is missing" },
	{ "options", "2 tag:28:hmac(sha256):abc fast", NULL, "2 fast tag:28:hmac(sha256):abc" },
	{ "options", "1 tag:28" },
	{ "options", "1 tag:x:y", "argument 2 (tag.bytes): 'x' is not a number" },
	{ "options", "4 rebuild 7 rebuild 2" },
	{ "options", "1 faster", "argument 2: unknown feature 'faster'" },
	{ "options", "0 4 a b core 1", NULL, "0 4 core 1 a b" },
	{ "options", "0 1 a", "argument 4 (others.0.value): is missing" },
	{ "options", "0 2 core 1 2", NULL, "0 2 core 1" },
	{ "options_rest", "" },
	{ "options_rest", "x y core 3", NULL, "core 3 x y" },
	{ "options_rest", "x", "argument 2 (others.0.value): is missing" },
	{ "parts", "round 1 8 12/1024 8:0 5" },
	{ "parts", "round 2 8 nosync 12/1024 8:0 5 8:1 6" },
	{ "parts", "Square 2 log 8 0/0 8:0 5 8:1 6 8:2 7" },
	{ "parts", "0 0/0 8:0 5" },
	{ "parts", "round 2 8 nosync x 12/1024", "argument 5 (used): 'x' is not a number" },
	{ "parts", "round 3 8 nosync x 12/1024 8:0 5", "argument 5 (log_args): 'x' is one word too many" },
	{ "parts", "Square 1 log 12/1024 8:0 5", "argument 4 (region): is missing" },
	{ "parts", "round 1 8 12 8:0 5", "argument 4 (total): is missing" },
	{ "parts", "round 1 8 12/13/14 8:0 5", "argument 4 (total): '13/14' is not a number" },
	{ "parts", "round 1 8 1/2 8:0", "argument 6 (read.ms): is missing" },
	{ "parts", "round 1 8 1/2 8:0 5 8:1", "argument 8 (write.ms): is missing" },
	{ "versioned", "round 5" },
	{ "versioned", "8" },
	{ "versioned", "rope 8", "argument 1 (version): 'rope' is none of its words" },
	{ "versioned", "rop 8", "argument 1 (version): 'rop' is none of its words" },
	{ "repeated", "3 fast often 1" },
	{ "repeated", "2 fast fast", NULL, "1 fast" },
	{ "repeated", "4 often 1 often 2",
	  "argument 4 (often): 'often' is given again, and the target takes 3 words at most" },
};
/* clang-format on */

static const struct grammar *grammar_get(const char *name)
{
	size_t i = 0;

	while (!streq(grammars[i].name, name))
		assert_true(++i < ARRAY_SIZE(grammars));
	return &grammars[i];
}

static int read_text(const struct arg *args, size_t size, const char *text, struct arena *arena,
		     void **ret)
{
	struct words words;
	size_t used;

	assert_ok(words_split(arena, text, strlen(text), &words));
	*ret = arena_alloc(arena, size);
	return args_read(ctx, args, &words, arena, *ret, NULL, &used);
}

/* The struct as text; the caller frees it. */
static char *write_text(const struct arg *args, const void *base, struct arena *arena)
{
	struct written_list words = { 0 };
	struct strbuf s = { 0 };
	char *text;

	if (args_write(ctx, args, base, NULL, 0, arena, &words) != 0)
		fail_msg("%s", bp_errmsg(ctx));
	for (size_t i = 0; i < words.list.count; i++) {
		assert_non_null(words.list.items[i].arg);
		assert_true(words.list.items[i].name ||
			    words.list.items[i].role == WRITTEN_LITERAL);
		word_add_text(&s, words.list.items[i].text);
	}
	vec_done(&words.list);
	assert_ok(strbuf_take(&s, &text));
	return text;
}

static void every_kind_is_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct grammar *g = grammar_get(cases[i].grammar);
		struct arena arena = { 0 };
		void *base;
		char *text;
		int r = read_text(g->args, g->size, cases[i].text, &arena, &base);

		if (cases[i].why) {
			const char *message = bp_error_get(ctx)->message;

			if (r != -EINVAL || !strstr(message, cases[i].why))
				fail_msg("%s '%s': %d, '%s', not '%s'", g->name, cases[i].text,
					 r, r ? message : "", cases[i].why);
		} else {
			if (r != 0)
				fail_msg("%s '%s': %s", g->name, cases[i].text, bp_errmsg(ctx));
			text = write_text(g->args, base, &arena);
			assert_string_equal(text,
					    cases[i].result ? cases[i].result : cases[i].text);
			free(text);
		}
		arena_done(&arena);
	}
}

/* What is not given is written as its default, with what belongs to that. */
static void defaults_are_written(void **state)
{
	const struct versioned unset = { .steps = BP_SET(10) };
	struct arena arena = { 0 };
	char *text = write_text(versioned, &unset, &arena);

	(void)state;
	assert_string_equal(text, "round 10");
	free(text);
	arena_done(&arena);
}

/* parse(format(x)) = x, and format(parse(format(x))) is the same text, for any line. */
static void assert_round_trip(const char *name, const struct arg *args, size_t size,
			      uint64_t seed)
{
	char *line = generate_line(args, seed), *text, *again;
	struct arena arena = { 0 };
	void *a, *b;
	bool equal;

	if (read_text(args, size, line, &arena, &a) != 0)
		fail_msg("%s, seed %" PRIu64 ": '%s': %s", name, seed, line, bp_errmsg(ctx));
	text = write_text(args, a, &arena);
	if (read_text(args, size, text, &arena, &b) != 0)
		fail_msg("%s, seed %" PRIu64 ": '%s', '%s': %s", name, seed, line, text,
			 bp_errmsg(ctx));
	again = write_text(args, b, &arena);
	assert_string_equal(text, again);
	assert_ok(args_equal(ctx, args, a, b, NULL, NULL, &equal));
	if (!equal)
		fail_msg("%s, seed %" PRIu64 ": '%s' is not '%s'", name, seed, line, text);
	free(line);
	free(text);
	free(again);
	arena_done(&arena);
}

static void generated_lines_round_trip(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++)
		for (size_t i = 0; i < ARRAY_SIZE(grammars); i++)
			assert_round_trip(grammars[i].name, grammars[i].args, grammars[i].size,
					  seed);
}

static void generated_targets_round_trip(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++)
		for (size_t i = 0; i < targets_count; i++) {
			assert_round_trip(targets[i]->name, targets[i]->args, targets[i]->size,
					  seed);
			if (targets[i]->status)
				assert_round_trip(targets[i]->name, targets[i]->status,
						  targets[i]->status_size, seed);
		}
}

/* Cut a line anywhere: it is refused or understood, and never worse. */
static void cut_lines_do_no_harm(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++)
		for (size_t i = 0; i < ARRAY_SIZE(grammars); i++) {
			char *line = generate_line(grammars[i].args, seed);

			for (size_t len = strlen(line); len-- > 0;) {
				struct arena arena = { 0 };
				void *base;
				int r;

				line[len] = '\0';
				r = read_text(grammars[i].args, grammars[i].size, line, &arena,
					      &base);
				assert_true(r == 0 || r == -EINVAL);
				arena_done(&arena);
			}
			free(line);
		}
}

/* clang-format off */
static const struct {
	const char *grammar, *a, *b;
	bool equal;
} pairs[] = {
	{ "plain", "8:0 abCD - 1 0 of - 0 round -", "8:0 ABcd - 1 0 of - 0 ROUND -", true },
	{ "plain", "8:0 a - 1 0 of - 0 round -", "8:0 b - 1 0 of - 0 round -", false },
	{ "plain", "8:0 a - 1 0 of - 0 round -", "8:0 a x 1 0 of - 0 round -", false },
	{ "plain", "8:0 a - 1 0 of - 0 round -", "8:0 a - 1 0 of - 0 round - 7", true },
	{ "plain", "8:0 a - 1 0 of - 0 round - 6", "8:0 a - 1 0 of - 0 round - 7", false },
	{ "plain", "8:0 a - 1 0 of - 0 round -", "8:0 a - 1 0 of - 0 round flag", false },
	{ "options", "2 retries 3", "0", true },
	{ "options", "2 retries 4", "0", false },
	{ "options", "2 fast slowly", "2 slowly fast", true },
	{ "options", "2 rebuild 1", "2 rebuild 2", false },
	{ "options", "1 tag:28:x", "1 tag:28:y", false },
	{ "parts", "round 1 8 1/2 8:0 5", "round 1 8 1/3 8:0 5", false },
	{ "parts", "round 1 8 1/2 8:0 5", "round 1 8 1/2 8:0 5 8:1 5", false },
};
/* clang-format on */

static void meaning_is_compared(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const struct grammar *g = grammar_get(pairs[i].grammar);
		struct arena arena = { 0 };
		void *a, *b;
		bool ab, ba;

		assert_ok(read_text(g->args, g->size, pairs[i].a, &arena, &a));
		assert_ok(read_text(g->args, g->size, pairs[i].b, &arena, &b));
		assert_ok(args_equal(ctx, g->args, a, b, NULL, NULL, &ab));
		assert_ok(args_equal(ctx, g->args, b, a, NULL, NULL, &ba));
		if (ab != pairs[i].equal || ba != pairs[i].equal)
			fail_msg("'%s', '%s': %d %d", pairs[i].a, pairs[i].b, ab, ba);
		arena_done(&arena);
	}
}

/* A value behind one that is not given has no place in a line. */
static void holes_are_refused(void **state)
{
	struct plain p = { .dev = "8:0", .text = "a", .shape = SHAPE_ROUND, .last = "x" };
	struct written_list words = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_err(args_write(ctx, plain, &p, NULL, 0, &arena, &words), EINVAL);
	assert_string_equal(bp_error_get(ctx)->message,
			    "argument 11 (trailing): must be given, as something behind it is");
	vec_done(&words.list);
	words = (struct written_list){ 0 };
	assert_ok(args_write(ctx, plain, &p, NULL, WRITE_HALF_MADE, &arena, &words));
	vec_done(&words.list);
	words = (struct written_list){ 0 };
	p.shape = 7;
	assert_err(args_write(ctx, plain, &p, NULL, 0, &arena, &words), EINVAL);
	assert_non_null(strstr(bp_error_get(ctx)->message, "(shape): 7 is no value of it"));
	vec_done(&words.list);
	arena_done(&arena);
}

/* Set @name to @value in @base, and compare the line. */
static void assert_set(const struct arg *args, void *base, const char *name, const char *value,
		       const char *expected, struct arena *arena)
{
	struct words words;
	struct place place;
	char *text, *got;

	assert_ok(words_split(arena, value, strlen(value), &words));
	if (args_find(ctx, args, base, name, arena, &place) != 0)
		fail_msg("%s: %s", name, bp_errmsg(ctx));
	if (arg_read_value(ctx, place.arg, &words, false, arena, place.base, place.up) != 0)
		fail_msg("%s: %s", name, bp_errmsg(ctx));
	text = write_text(args, base, arena);
	assert_string_equal(text, expected);
	free(text);
	assert_ok(args_get(ctx, args, base, name, &got));
	assert_non_null(got);
	free(got);
}

static void every_kind_has_a_name(void **state)
{
	struct arena arena = { 0 };
	void *o, *p, *l;

	(void)state;
	assert_ok(read_text(options, sizeof(struct options), "", &arena, &o));
	assert_set(options, o, "slow", "true", "1 slowly", &arena);
	assert_set(options, o, "shape", "round", "2 slowly round", &arena);
	assert_set(options, o, "slow", "off", "1 round", &arena);
	assert_set(options, o, "sectors", "8", "2 round sectors:8", &arena);
	assert_set(options, o, "dev", "8:0", "3 round dev:8:0 sectors:8", &arena);
	assert_set(options, o, "tag.bytes", "16", "4 round dev:8:0 sectors:8 tag:16", &arena);
	assert_set(options, o, "tag", "12 x", "4 round dev:8:0 sectors:8 tag:12:x", &arena);
	assert_ok(read_text(options, sizeof(struct options), "", &arena, &o));
	assert_set(options, o, "corrupt", "7 round", "3 corrupt 7 round", &arena);
	assert_set(options, o, "corrupt.nth", "9", "3 corrupt 9 round", &arena);
	assert_set(options, o, "rebuild", "1 2 3",
		   "9 corrupt 9 round rebuild 1 rebuild 2 rebuild 3", &arena);
	assert_set(options, o, "rebuild", "4", "5 corrupt 9 round rebuild 4", &arena);
	assert_ok(read_text(options, sizeof(struct options), "", &arena, &o));
	assert_set(options, o, "core", "4", "0 2 core 4", &arena);
	assert_set(options, o, "others", "a b c d", "0 6 core 4 a b c d", &arena);
	assert_set(options, o, "others.1.value", "e", "0 6 core 4 a b c e", &arena);

	assert_ok(read_text(parts, sizeof(struct parts), "round 1 8 1/2 8:0 5", &arena, &p));
	assert_set(parts, p, "total", "3", "round 1 8 1/3 8:0 5", &arena);
	assert_set(parts, p, "read.ms", "6", "round 1 8 1/3 8:0 6", &arena);
	assert_set(parts, p, "write", "8:1 0", "round 1 8 1/3 8:0 6 8:1 0", &arena);
	assert_set(parts, p, "sync", "no", "round 2 8 no 1/3 8:0 6 8:1 0", &arena);

	assert_ok(read_text(lists, sizeof(struct lists), "1 1 8:0 a 0", &arena, &l));
	assert_set(lists, l, "words", "x y", "1 1 8:0 a 2 x y", &arena);
	assert_set(lists, l, "legs.0.args", "b", "1 1 8:0 b 2 x y", &arena);
	arena_done(&arena);
}

static void options_are_listed_once(void **state)
{
	static const char *const expected[] = { "kind",      "region",    "sync",     "log",
						"used",      "total",     "read.dev", "read.ms",
						"write",     "write.dev", "write.ms", "exact",
						"exact.dev", "exact.ms" };
	struct option_list list = { 0 };
	struct arena arena = { 0 };

	(void)state;
	assert_ok(args_options(parts, &arena, &list));
	assert_int_equal(list.list.count, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_string_equal(list.list.items[i].name, expected[i]);
	assert_string_equal(list.list.items[8].form, "DEV MS");
	vec_done(&list.list);
	arena_done(&arena);
}

static void json_has_every_kind(void **state)
{
	static const struct {
		const char *grammar, *text, *json;
	} texts[] = {
		{ "plain", "8:0 a - 1 f of 5 -7 round flag",
		  "{\n  \"dev\": \"8:0\",\n  \"text\": \"a\",\n  \"small\": 1,\n  \"hex\": "
		  "15,\n"
		  "  \"maybe\": 5,\n  \"offset\": -7,\n  \"shape\": \"round\",\n"
		  "  \"flag\": true\n}\n" },
		{ "lists", "1 1 8:0 a 1 x k v",
		  "{\n  \"legs\": [\n    {\n      \"dev\": \"8:0\",\n      \"args\": [\n"
		  "        \"a\"\n      ]\n    }\n  ],\n  \"words\": [\n    \"x\"\n  ],\n"
		  "  \"pairs\": [\n    {\n      \"key\": \"k\",\n      \"value\": \"v\"\n    "
		  "}\n"
		  "  ]\n}\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct grammar *g = grammar_get(texts[i].grammar);
		struct arena arena = { 0 };
		struct bp_json *json;
		void *base;

		assert_ok(read_text(g->args, g->size, texts[i].text, &arena, &base));
		assert_ok(bp_json_new(NULL, NULL, &json));
		bp_json_object(json, NULL);
		args_json(g->args, base, NULL, false, json);
		bp_json_object_close(json);
		assert_ok(bp_json_end(json));
		assert_string_equal(bp_json_text(json, NULL), texts[i].json);
		bp_json_free(json);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_read_and_written),
		cmocka_unit_test(defaults_are_written),
		cmocka_unit_test(generated_lines_round_trip),
		cmocka_unit_test(generated_targets_round_trip),
		cmocka_unit_test(cut_lines_do_no_harm),
		cmocka_unit_test(meaning_is_compared),
		cmocka_unit_test(holes_are_refused),
		cmocka_unit_test(every_kind_has_a_name),
		cmocka_unit_test(options_are_listed_once),
		cmocka_unit_test(json_has_every_kind),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
