/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages: written from a struct, or checked as text, by the grammars of a target. */
#include "core/context.h"
#include "core/number.h"
#include "core/opts.h"
#include "targets/grammar/secret.h"

#include <inttypes.h>
#include <strings.h>

/* As the kernel, without regard to case. */
static const struct target_message *find_message(const struct bp_target *target,
						 const char *name)
{
	for (const struct target_message *m = target->messages; m && m->name; m++)
		if (strcasecmp(m->name, name) == 0)
			return m;
	return NULL;
}

/*
 * The hint lists what there is: messages are no part of the table, and nobody knows them by
 * heart.
 */
static int fail_unknown(struct bp_ctx *ctx, const struct bp_target *target, const char *name)
{
	struct strbuf s = { 0 };

	bp_fail(ctx, -ENOENT, "%s takes no message '%s'", target->name, name);
	error_set_code(ctx, BP_E_USAGE);
	for (const struct target_message *m = target->messages; m && m->name; m++)
		strbuf_addf(&s, "%s%s", s.len ? ", " : "", m->name);
	if (s.len)
		error_set_hint(ctx, "known: %s", strbuf_text(&s));
	strbuf_done(&s);
	return -ENOENT;
}

/* Values within their ranges? */
static int check_ranges(struct bp_ctx *ctx, const char *message,
			const struct written_list *words)
{
	for (size_t i = 0; i < words->list.count; i++) {
		const struct written *w = &words->list.items[i];
		uint64_t value;

		if (w->role != WRITTEN_VALUE ||
		    (w->arg->kind != KIND_NUMBER && w->arg->kind != KIND_MAYBE))
			continue;
		if (number_parse(w->text, UINT64_MAX, &value) == 0 && value >= w->arg->min &&
		    value <= w->arg->max)
			continue;
		bp_fail(ctx, -ERANGE,
			"%s: argument %zu (%s): '%s' is not %" PRIu64 " to %" PRIu64, message,
			i + 1, w->name, w->text, w->arg->min, w->arg->max);
		error_set_argument(ctx, (unsigned)i + 1, w->name, w->text);
		return -ERANGE;
	}
	return 0;
}

/*
 * Ranges are checked as in tables; the blanks and backslashes of a word are escaped for the
 * kernel.
 */
static int write_message(struct bp_ctx *ctx, const struct target_message *message,
			 const void *params, char **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct strbuf s = { 0 };
	int r = 0;

	if (message->args)
		r = args_write(ctx, message->args, params, NULL, 0, &arena, &words);
	if (r < 0)
		error_prefix(ctx, "%s", message->name);
	else
		r = check_ranges(ctx, message->name, &words);
	word_add_ioctl(&s, message->name);
	for (size_t i = 0; r == 0 && i < words.list.count; i++)
		word_add_ioctl(&s, words.list.items[i].text);
	vec_done(&words.list);
	if (r < 0) {
		strbuf_done(&s);
		return r;
	}
	return strbuf_take(&s, ret) < 0 ? bp_fail_memory(ctx) : 0;
}

/* Parameters may be of an older or newer header: opts_copy() sees to that. */
int bp_message_format(struct bp_ctx *ctx, const char *target, const char *message,
		      const void *params, size_t params_size, char **ret)
{
	const struct bp_target *t = bp_target_get(target);
	_cleanup_(arena_done) struct arena arena = { 0 };
	const struct target_message *m;
	void *copy = NULL;
	int r;

	if (!t) {
		bp_fail(ctx, -ENOENT, "unknown target '%s'", target);
		error_set_code(ctx, BP_E_UNKNOWN_TARGET);
		return -ENOENT;
	}
	m = find_message(t, message);
	if (!m)
		return fail_unknown(ctx, t, message);
	if (m->args && !params)
		return bp_fail(ctx, -EINVAL, "%s: its parameters are not given", message);
	if (m->args) {
		copy = arena_alloc(&arena, m->size);
		if (!copy)
			return bp_fail_memory(ctx);
		r = opts_copy(ctx, message, copy, m->size, params, params_size);
		if (r < 0)
			return r;
	}
	return write_message(ctx, m, copy, ret);
}

/* Words of a message as they are, escaped. */
static int write_words(struct bp_ctx *ctx, const struct words *words, char **ret)
{
	struct strbuf s = { 0 };

	for (size_t i = 0; i < words->count; i++)
		word_add_ioctl(&s, words->items[i]);
	return strbuf_take(&s, ret) < 0 ? bp_fail_memory(ctx) : 0;
}

/* The word may be a key that was cut in two: it is hidden like one. */
static int fail_too_many(struct bp_ctx *ctx, const struct target_message *m, size_t number,
			 char *word)
{
	if (args_have_secrets(m->args))
		text_hide_keys(word);
	return bp_fail(ctx, -EINVAL, "argument %zu: '%s' is one word too many", number, word);
}

/* Read the words behind a message's name, and write them again. */
static int read_message(struct bp_ctx *ctx, const struct target_message *m,
			const struct words *words, struct arena *arena, char **ret)
{
	const struct words args = { words->items + 1, words->count - 1 };
	void *params = arena_alloc(arena, m->size);
	size_t used = 0;
	int r = 0;

	if (!params)
		return bp_fail_memory(ctx);
	if (m->args)
		r = args_read(ctx, m->args, &args, arena, params, NULL, &used);
	if (r == 0 && used < args.count)
		r = fail_too_many(ctx, m, used + 1, args.items[used]);
	if (r < 0) {
		error_prefix(ctx, "%s", m->name);
		return r;
	}
	return write_message(ctx, m, params, ret);
}

/* A target that isn't known here takes any words: the kernel decides. */
int bp_message_check(struct bp_ctx *ctx, const char *target, const char *text, char **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	_cleanup_(freep) char *written = NULL;
	const struct bp_target *t = bp_target_get(target);
	const struct target_message *m;
	struct words words;
	int r;

	if (words_split(&arena, text, strlen(text), &words) < 0)
		return bp_fail_memory(ctx);
	if (words.count == 0)
		return bp_fail(ctx, -EINVAL, "an empty message");
	m = t ? find_message(t, words.items[0]) : NULL;
	if (m)
		r = read_message(ctx, m, &words, &arena, &written);
	else
		r = t ? fail_unknown(ctx, t, words.items[0])
		      : write_words(ctx, &words, &written);
	if (r == 0 && ret)
		*ret = steal(written);
	return r;
}

int bp_message_next(const struct bp_target *target, size_t *it, struct bp_message_info *ret)
{
	const struct target_message *m = target->messages ? target->messages + *it : NULL;

	if (!m || !m->name)
		return 1;
	*ret = (struct bp_message_info){ .name = m->name,
					 .form = m->form,
					 .summary = m->summary };
	(*it)++;
	return 0;
}
