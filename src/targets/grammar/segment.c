/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One line of a table: from words or a struct, to words, and its parameters by name. */
#include "targets/grammar/secret.h"

#include "core/context.h"
#include "core/opts.h"

/*
 * Names as long as the kernel's struct dm_target_spec has room for. A target that is not
 * known is no fault: its arguments stay words.
 */
int segment_new(struct bp_ctx *ctx, bp_sector start, bp_sector length, const char *target,
		struct segment **ret)
{
	_cleanup_(segment_freep) struct segment *s = NULL;

	if (!*target || strpbrk(target, " \t\v\f\r\n\\") ||
	    strlen(target) > BP_TARGET_NAME_MAX) {
		bp_fail(ctx, -EINVAL,
			"'%s' can't be a target: names have 1 to %d bytes and no blanks",
			target, BP_TARGET_NAME_MAX);
		error_set_code(ctx, BP_E_TABLE);
		return -EINVAL;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return bp_fail_memory(ctx);
	s->pub.target = arena_strdup(&s->arena, target);
	if (!s->pub.target)
		return bp_fail_memory(ctx);
	s->pub.start_sectors = start;
	s->pub.length_sectors = length;
	s->pub.args = "";
	s->type = bp_target_get(target);
	*ret = steal(s);
	return 0;
}

void segment_free(struct segment *s)
{
	if (!s)
		return;
	arena_done(&s->arena);
	free(s->args);
	free(s);
}

void segment_freep(struct segment **s)
{
	segment_free(*s);
}

/* --- words --- */

/* Of a target that isn't known: the words as they came. */
static int write_raw(struct bp_ctx *ctx, const struct words *words, struct written_list *ret)
{
	for (size_t i = 0; i < words->count; i++) {
		struct written word = { .role = WRITTEN_VALUE, .text = words->items[i] };

		if (vec_add(&ret->list, &word) < 0)
			return bp_fail_memory(ctx);
	}
	return 0;
}

/* Typed words first, and behind them what the grammar didn't know. */
int segment_write(struct bp_ctx *ctx, const struct segment *s, uint32_t flags,
		  struct arena *arena, struct written_list *ret)
{
	int r = 0;

	if (s->params)
		r = args_write(ctx, s->type->args, s->params, &s->order,
			       flags | (s->extra.count ? WRITE_FOLLOWED : 0), arena, ret);
	return r < 0 ? r : write_raw(ctx, &s->extra, ret);
}

/* Put texts of words in place of the public ones. */
static int take_texts(struct bp_ctx *ctx, struct segment *s, struct strbuf *args,
		      struct strbuf *extra)
{
	char *text = NULL;

	if (args->error || extra->error)
		return bp_fail_memory(ctx);
	/* Lent until the next change: the segment's own arena would only grow. */
	if (args->len && strbuf_take(args, &text) < 0)
		return bp_fail_memory(ctx);
	s->pub.extra = extra->len ? arena_strdup(&s->arena, extra->text) : NULL;
	free(s->args);
	s->args = text;
	s->pub.args = text ? text : "";
	return extra->len && !s->pub.extra ? bp_fail_memory(ctx) : 0;
}

/*
 * The texts of a segment (args, extra) follow from its parameters: made anew after each
 * change, so that they can't differ.
 */
int segment_refresh(struct bp_ctx *ctx, struct segment *s)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct strbuf all = { 0 }, extra = { 0 };
	int r;

	r = segment_write(ctx, s, WRITE_HALF_MADE, &arena, &words);
	for (size_t i = 0; r == 0 && i < words.list.count; i++)
		word_add_text(&all, words.list.items[i].text);
	for (size_t i = 0; s->params && i < s->extra.count; i++)
		word_add_text(&extra, s->extra.items[i]);
	if (r == 0)
		r = take_texts(ctx, s, &all, &extra);
	s->pub.params = s->params;
	s->pub.params_size = s->params ? s->type->size : 0;
	strbuf_done(&all);
	strbuf_done(&extra);
	vec_done(&words.list);
	return r;
}

/* --- reading --- */

/* Read @words by one grammar; what is left is kept if the kernel does not mind it. */
static int read_by(struct bp_ctx *ctx, struct segment *s, const struct arg *args,
		   const struct words *words)
{
	void *params = arena_alloc(&s->arena, s->type->size);
	size_t used;
	int r;

	if (!params)
		return bp_fail_memory(ctx);
	s->order = (struct arg_order){ 0 };
	r = args_read(ctx, args, words, &s->arena, params, &s->order, &used);
	if (r < 0)
		return r;
	if (used < words->count && !s->type->ignores_extra) {
		const char *word = word_public(s->type, words->items[used], &s->arena);

		if (!word)
			return bp_fail_memory(ctx);
		r = bp_fail(ctx, -EINVAL, "argument %zu: '%s' is one word too many", used + 1,
			    word);
		error_set_code(ctx, BP_E_TABLE);
		error_set_argument(ctx, (unsigned)used + 1, NULL, word);
		return r;
	}
	s->params = params;
	s->extra.items = words->items + used;
	s->extra.count = words->count - used;
	return 0;
}

/* The same, but what is not understood is kept raw: never fails but for memory. */
static int read_or_keep(struct bp_ctx *ctx, struct segment *s, const struct words *words,
			bool printed)
{
	struct error_state *saved = error_save(ctx);
	int r = read_by(ctx, s, s->type->args, words);

	if (r == -EINVAL && printed && s->type->printed)
		r = read_by(ctx, s, s->type->printed, words);
	if (r == 0 && printed && s->type->from_printed)
		s->type->from_printed(s->params);
	if (r == -EINVAL) {
		const char *why = ctx ? bp_error_get(ctx)->message : NULL;

		s->extra = *words;
		s->pub.problem = arena_strdup(&s->arena, why ? why : "not understood");
		r = s->pub.problem ? 0 : -ENOMEM;
	}
	error_restore(ctx, saved);
	return r < 0 ? bp_fail_memory(ctx) : 0;
}

/* A copy of the words in the segment's own arena. */
static int own_words(struct bp_ctx *ctx, struct segment *s, const struct words *words,
		     struct words *ret)
{
	struct words own = { .count = words->count };

	own.items = arena_array(&s->arena, words->count, sizeof(*own.items));
	for (size_t i = 0; own.items && i < words->count; i++) {
		own.items[i] = arena_strdup(&s->arena, words->items[i]);
		if (!own.items[i])
			own.items = NULL;
	}
	if (!own.items)
		return bp_fail_memory(ctx);
	*ret = own;
	return 0;
}

/*
 * Three ways: not known here; lenient, for what a kernel printed; strict, for what a user
 * wrote.
 */
int segment_take(struct bp_ctx *ctx, struct segment *s, const struct words *words,
		 uint32_t flags)
{
	int r = 0;

	if (!s->type)
		s->extra = *words;
	else if (flags & (BP_TABLE_PRINTED | BP_TABLE_KEEP))
		r = read_or_keep(ctx, s, words, flags & BP_TABLE_PRINTED);
	else
		r = read_by(ctx, s, s->type->args, words);
	return r < 0 ? r : segment_refresh(ctx, s);
}

int segment_read(struct bp_ctx *ctx, struct segment *s, const struct words *words,
		 uint32_t flags)
{
	struct words own;
	int r = own_words(ctx, s, words, &own);

	return r < 0 ? r : segment_take(ctx, s, &own, flags);
}

/* The choice that cases of @when depend on, in a grammar. */
static const struct arg *choice_of(const struct arg *args, const struct arg *when)
{
	const struct arg *found = NULL;

	for (const struct arg *arg = args; !found && arg->kind != KIND_END; arg++)
		if (arg->kind == KIND_CHOICE && arg->offset == when->offset)
			found = arg;
		else if (arg_is_transparent(arg))
			found = choice_of(arg->args, when);
	return found;
}

/* A value that would not be in the line must not get lost in silence. */
static int refuse_stray(struct bp_ctx *ctx, const struct arg *args, const void *params)
{
	const struct arg *when = NULL, *choice;
	const struct arg *stray = args_stray(args, params, &when);
	const char *now, *needed;

	if (!stray)
		return 0;
	choice = choice_of(args, when);
	if (!choice)
		return bp_fail(ctx, -EINVAL, "'%s' is given, but has no place here",
			       stray->name);
	now = arg_choice_word(choice, arg_choice_get(choice, params));
	needed = arg_choice_word(choice, when->value);
	bp_fail(ctx, -EINVAL, "'%s' is given, but '%s' is %s%s", stray->name, choice->name,
		now ? now : "another", now ? "" : " one");
	error_set_code(ctx, BP_E_TABLE);
	error_set_argument(ctx, 0, stray->name, NULL);
	if (needed)
		error_set_hint(ctx, "it belongs to '%s' %s: leave it out, or choose that",
			       choice->name, needed);
	return -EINVAL;
}

/*
 * Written once to find faults: what can't be written is refused before it is in the table.
 * Then all texts are copied: the caller's struct may go.
 */
int segment_copy(struct bp_ctx *ctx, struct segment *s, const void *params, size_t size)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list written = { 0 };
	void *copy = arena_alloc(&s->arena, s->type->size);
	int r;

	if (!copy)
		return bp_fail_memory(ctx);
	if (params) {
		r = opts_copy(ctx, s->type->name, copy, s->type->size, params, size);
		if (r == 0)
			r = refuse_stray(ctx, s->type->args, copy);
		if (r == 0)
			r = args_write(ctx, s->type->args, copy, NULL, 0, &arena, &written);
		vec_done(&written.list);
		if (r < 0)
			return r;
		if (args_own(s->type->args, copy, NULL, &s->arena) < 0)
			return bp_fail_memory(ctx);
	}
	s->params = copy;
	return segment_refresh(ctx, s);
}

/* Of optional words, so that a copy is written in the order it was read. */
static int dup_order(struct segment *copy, const struct segment *s)
{
	for (size_t i = 0; i < s->order.count; i++)
		if (arg_order_add(&copy->order, s->order.items[i], &copy->arena) < 0)
			return -ENOMEM;
	return 0;
}

/* A copy that keeps order and problem: formatted it gives the same line. */
int segment_dup(struct bp_ctx *ctx, const struct segment *s, struct segment **ret)
{
	_cleanup_(segment_freep) struct segment *copy = NULL;
	int r = segment_new(ctx, s->pub.start_sectors, s->pub.length_sectors, s->pub.target,
			    &copy);

	if (r == 0)
		r = own_words(ctx, copy, &s->extra, &copy->extra);
	if (r < 0)
		return r;
	if (s->params) {
		copy->params = arena_copy(&copy->arena, s->params, s->type->size);
		if (!copy->params || dup_order(copy, s) < 0 ||
		    args_own(s->type->args, copy->params, NULL, &copy->arena) < 0)
			return bp_fail_memory(ctx);
	}
	if (s->pub.problem) {
		copy->pub.problem = arena_strdup(&copy->arena, s->pub.problem);
		if (!copy->pub.problem)
			return bp_fail_memory(ctx);
	}
	r = segment_refresh(ctx, copy);
	if (r == 0)
		*ret = steal(copy);
	return r;
}

/* --- other names for devices --- */

struct map_devs {
	struct arena *arena;
	dev_fn *fn;
	void *user;
};

/* Only devices: the function decides, and gives the new name. */
static int map_word(const struct map_devs *m, const char **word)
{
	char name[TABLE_DEV_SIZE];
	char *copy;

	if (!m->fn(m->user, *word, name))
		return 0;
	copy = arena_strdup(m->arena, name);
	if (!copy)
		return -ENOMEM;
	*word = copy;
	return 0;
}

static int map_text(void *user, const struct arg *arg, const char **text)
{
	return arg->kind == KIND_DEV || arg->kind == KIND_WORDS ? map_word(user, text) : 0;
}

/* In a target that is not known each word may be a device: all are offered. */
static int map_segment(struct segment *s, dev_fn *fn, void *user)
{
	struct map_devs m = { &s->arena, fn, user };
	int r = 0;

	if (s->params)
		return args_texts(s->type->args, s->params, NULL, map_text, &m);
	for (size_t i = 0; r == 0 && i < s->extra.count; i++) {
		const char *word = s->extra.items[i];

		r = map_word(&m, &word);
		s->extra.items[i] = (char *)(uintptr_t)word;
	}
	return r;
}

/*
 * Segments that share a device are changed one by one; a failure leaves a table that is
 * half changed, which the caller drops.
 */
int table_map_devs(struct bp_ctx *ctx, struct bp_table *table, dev_fn *fn, void *user)
{
	for (size_t i = 0; i < table->segments.count; i++) {
		struct segment *s = table->segments.items[i];
		int r = map_segment(s, fn, user);

		if (r < 0)
			return bp_fail_memory(ctx);
		r = segment_refresh(ctx, s);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- by name --- */

/* Take away a value that need not be there. */
static int clear_value(struct bp_ctx *ctx, const struct place *place)
{
	const struct arg *arg = place->arg;
	const size_t none = 0;

	switch ((int)arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
	case KIND_POINTER:
		arg_pointer_set(arg, place->base, NULL);
		return 0;
	case KIND_MAYBE:
	case KIND_SIGNED:
	case KIND_CHOICE:
	case KIND_FLAG:
		memset(arg_at(arg, place->base), 0, arg->size);
		return 0;
	case KIND_EACH:
	case KIND_WORDS:
	case KIND_PAIRS:
		arg_pointer_set(arg, place->base, NULL);
		if (!arg->up)
			memcpy((char *)place->base + arg->nr_offset, &none, sizeof(none));
		return 0;
	default:
		return bp_fail(ctx, -EINVAL, "%s: must have a value", arg->name);
	}
}

/* A raw segment has no names. */
static int fail_raw(struct bp_ctx *ctx, const struct segment *s)
{
	bp_fail(ctx, -ENOENT, "%s: its parameters are not known by name", s->pub.target);
	error_set_code(ctx, BP_E_UNKNOWN_TARGET);
	if (s->pub.problem)
		error_set_cause(ctx, "%s", s->pub.problem);
	return -ENOENT;
}

/*
 * All or nothing: tried on a copy, which takes the old one's place only when it could be
 * written.
 */
static int change(struct bp_ctx *ctx, struct bp_segment *segment, const char *name,
		  const char *value, bool append)
{
	struct segment *s = (struct segment *)segment;
	void *old = s->params, *copy;
	struct place place;
	struct words words;
	int r;

	if (!s->params)
		return fail_raw(ctx, s);
	copy = arena_copy(&s->arena, s->params, s->type->size);
	if (!copy || words_split(&s->arena, value, strlen(value), &words) < 0)
		return bp_fail_memory(ctx);
	r = args_find(ctx, s->type->args, copy, name, &s->arena, &place);
	if (r < 0)
		return r;
	if (words.count == 0 && !append)
		r = clear_value(ctx, &place);
	else
		r = arg_read_value(ctx, place.arg, &words, append, &s->arena, place.base,
				   place.up);
	if (r < 0)
		return r;
	if (!arg_is_set(place.arg, place.base))
		arg_order_remove(&s->order, place.arg);
	else if (arg_order_add(&s->order, place.arg, &s->arena) < 0)
		return bp_fail_memory(ctx);
	s->params = copy;
	r = segment_refresh(ctx, s);
	if (r < 0)
		s->pub.params = s->params = old;
	return r;
}

int bp_segment_set(struct bp_ctx *ctx, struct bp_segment *segment, const char *name,
		   const char *value)
{
	return change(ctx, segment, name, value, false);
}

int bp_segment_add(struct bp_ctx *ctx, struct bp_segment *segment, const char *name,
		   const char *value)
{
	return change(ctx, segment, name, value, true);
}

int bp_segment_get(struct bp_ctx *ctx, const struct bp_segment *segment, const char *name,
		   char **ret)
{
	const struct segment *s = segment_of(segment);

	if (!s->params)
		return fail_raw(ctx, s);
	return args_get(ctx, s->type->args, s->params, name, ret);
}

/* As the ioctl wants it: with escapes, without start, length and target. */
int bp_segment_format_args(struct bp_ctx *ctx, const struct bp_segment *segment, char **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct strbuf s = { 0 };
	int r = segment_write(ctx, segment_of(segment), 0, &arena, &words);

	for (size_t i = 0; r == 0 && i < words.list.count; i++)
		word_add_ioctl(&s, words.list.items[i].text);
	vec_done(&words.list);
	if (r == 0)
		r = strbuf_take(&s, ret) < 0 ? bp_fail_memory(ctx) : 0;
	else
		strbuf_done(&s);
	return r;
}
