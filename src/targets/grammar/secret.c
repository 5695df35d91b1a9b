/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is secret in a table or a message, and how it is hidden, for every way of printing.
 * Secrecy belongs to the parameter (ARG_SECRET, ARG_KEY_NAME), never to a target's name or to a
 * kind of output. References into the kernel's keyring are not secret.
 *
 * Where no parameter is known (a line that is not understood, a word in the wrong place, a
 * target that is not known) what looks like a key is taken for one: a long run of hex digits.
 */
#include "targets/grammar/secret.h"

#include "core/context.h"
#include "core/hide.h"

#include <strings.h>

/* Where nothing is known of the target: 128 bits; less would hide large numbers. */
#define UNKNOWN_DIGITS 32u

/* A reference into the keyring is no secret: the key itself is not in it. */
bool is_key_reference(const char *text)
{
	const char *type, *description;

	if (*text != ':')
		return false;
	type = text + 1 + strspn(text + 1, "0123456789");
	if (type == text + 1 || *type != ':')
		return false;
	type++;
	description = type + strspn(type, "abcdefghijklmnopqrstuvwxyz");
	return description > type && *description == ':' && description[1] != '\0';
}

static bool looks_like_key(const char *text)
{
	return is_key_run(text, strlen(text), KEY_DIGITS);
}

/*
 * A reference to a keyring is no secret; what should be a reference and looks like a key is
 * one.
 */
bool arg_hides(const struct arg *arg, const char *text)
{
	if (arg->flags & ARG_SECRET)
		return !is_key_reference(text);
	return (arg->flags & ARG_KEY_NAME) && looks_like_key(text);
}

/*
 * Is there a key in a value that is none, of a target that has keys? One can stand in the wrong
 * place, or behind what it belongs to. Paths of devices have digits of their own.
 */
static bool holds_key(const struct arg *arg, const char *text)
{
	if (arg->flags & (ARG_HEX | ARG_SECRET | ARG_KEY_NAME))
		return false;
	if (arg->kind == KIND_DEV)
		return looks_like_key(text);
	while (*text) {
		size_t run = alnum_run(text);

		if (is_key_run(text, run, KEY_DIGITS) && strspn(text, "0123456789") < run)
			return true;
		text += run + (text[run] != '\0');
	}
	return false;
}

bool part_hides(const struct arg *arg, const char *text)
{
	return arg_hides(arg, text) || holds_key(arg, text);
}

/* At any depth. */
bool args_have_secrets(const struct arg *args)
{
	for (; args && args->kind != KIND_END; args++)
		if ((args->flags & (ARG_SECRET | ARG_KEY_NAME)) ||
		    args_have_secrets(args->args))
			return true;
	return false;
}

/* --- in words --- */

void text_hide_keys(char *text)
{
	if (text)
		hide_key_runs(text, KEY_DIGITS, true);
}

/* In a target that isn't known any long row of hex digits may be a key. */
static char *hidden(const struct bp_target *target, const char *text, bool numbers,
		    struct arena *arena)
{
	char *copy = arena_strdup(arena, text);

	if (copy && !target)
		hide_key_runs(copy, UNKNOWN_DIGITS, numbers);
	else if (copy && target_has_secrets(target))
		hide_key_runs(copy, KEY_DIGITS, numbers);
	return copy;
}

const char *word_public(const struct bp_target *target, const char *word, struct arena *arena)
{
	return hidden(target, word, true, arena);
}

const char *log_public(const struct bp_target *target, const char *text, struct arena *arena)
{
	return hidden(target, text, false, arena);
}

/* A target without a status has no numbers to show: what is there is a table, or none of it. */
const char *status_public(const struct bp_target *target, const char *text, struct arena *arena)
{
	return hidden(target, text, target && !target->status_size, arena);
}

bool target_has_secrets(const struct bp_target *target)
{
	return target && args_have_secrets(target->args);
}

/* The value behind ':' of an option in one word: of a record, part by part. */
static void add_joined(struct strbuf *s, const struct arg *arg, const char *value)
{
	const struct arg *part = arg->kind == KIND_POINTER ? arg->args : arg;

	for (bool last = false; !last; part++) {
		size_t len;

		last = part == arg || part[1].kind == KIND_END || !strchr(value, ':');
		len = last ? strlen(value) : strcspn(value, ":");
		if (last && part_hides(part, value))
			strbuf_add_char(s, '-');
		else
			strbuf_add_len(s, value, len + !last);
		value += len + !last;
	}
}

/* KEY=VALUE keeps its key: only the value is hidden. */
static const char *written_public(const struct written *w, struct arena *arena)
{
	const char *value = written_value(w), *text;
	struct strbuf s = { 0 };

	strbuf_add_len(&s, w->text, (size_t)(value - w->text));
	add_joined(&s, w->arg, value);
	text = s.error ? NULL : arena_strdup(arena, strbuf_text(&s));
	strbuf_done(&s);
	return text;
}

/* Words of a target that isn't known are judged by their looks alone. */
const char *segment_word_public(const struct segment *s, const struct written *w,
				struct arena *arena)
{
	if (!w->arg)
		return word_public(s->type, w->text, arena);
	if (w->role != WRITTEN_VALUE || !target_has_secrets(s->type))
		return w->text;
	return written_public(w, arena);
}

/* --- in segments --- */

/* *ret NULL: there is nothing to hide, and the text itself may be shown. */
int segment_format_public(struct bp_ctx *ctx, const struct bp_segment *segment, char **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	const struct segment *s = segment_of(segment);
	struct written_list words = { 0 };
	struct strbuf text = { 0 };
	int r = 0;

	*ret = NULL;
	if (s->type && !target_has_secrets(s->type))
		return 0;
	r = segment_write(ctx, s, WRITE_HALF_MADE, &arena, &words);
	for (size_t i = 0; r == 0 && i < words.list.count; i++) {
		const char *word = segment_word_public(s, &words.list.items[i], &arena);

		if (word)
			word_add_ioctl(&text, word);
		else
			r = bp_fail_memory(ctx);
	}
	vec_done(&words.list);
	if (r == 0 && strbuf_take(&text, ret) < 0)
		r = bp_fail_memory(ctx);
	strbuf_done(&text);
	return r;
}

/* The text lies in the segment's arena, and is nobody else's. */
static int hide_text(void *user, const struct arg *arg, const char **text)
{
	(void)user;
	if (arg_hides(arg, *text))
		memset((char *)(uintptr_t)*text, '0', strlen(*text));
	else if (holds_key(arg, *text))
		hide_key_runs((char *)(uintptr_t)*text, KEY_DIGITS, true);
	return 0;
}

/* In place and for good: the secret is then nowhere in the table's texts. */
int segment_hide(struct bp_ctx *ctx, struct segment *s)
{
	if (s->params && !target_has_secrets(s->type))
		return 0;
	if (s->params)
		args_texts(s->type->args, s->params, NULL, hide_text, NULL);
	for (size_t i = 0; i < s->extra.count; i++)
		if (!s->type || target_has_secrets(s->type))
			hide_key_runs(s->extra.items[i], s->type ? KEY_DIGITS : UNKNOWN_DIGITS,
				      true);
	return segment_refresh(ctx, s);
}

/* --- in messages --- */

/* Hide what this message would have secret; false: it is none of this kind. */
static bool hide_in_message(const struct target_message *m, char *text)
{
	const size_t name = strcspn(text, " ");
	char *word = text + name;

	if (strlen(m->name) != name || strncasecmp(m->name, text, name) != 0 ||
	    !args_have_secrets(m->args))
		return false;
	/* Each word behind the one that says what to do. */
	word += strspn(word, " ");
	word += strcspn(word, " ");
	for (word += strspn(word, " "); *word; word += strspn(word, " ")) {
		const size_t len = strcspn(word, " ");

		if (!is_key_reference(word))
			memset(word, '0', len);
		word += len;
	}
	return true;
}

/*
 * Messages carry keys too ("key set ..."). The text comes without its target: any that
 * matches hides.
 */
char *message_public(const char *text)
{
	char *copy = strdup(text);

	for (size_t i = 0; copy && i < targets_count; i++)
		for (const struct target_message *m = targets[i]->messages; m && m->name; m++)
			if (hide_in_message(m, copy))
				return copy;
	return copy;
}

/* --- in tables --- */

int bp_table_hide_keys(struct bp_ctx *ctx, struct bp_table *table)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < table->segments.count; i++)
		r = segment_hide(ctx, table->segments.items[i]);
	return r;
}
