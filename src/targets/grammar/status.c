/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status lines: the second grammar of a target. */
#include "core/context.h"
#include "targets/grammar/secret.h"

#include <bedplate/json.h>

struct status {
	struct bp_status pub;         /* first: what is lent is this */
	struct arena arena;           /* owns everything the status points to */
	const struct bp_target *type; /* NULL: not known */
	void *values;
};

static const struct status *status_of(const struct bp_status *pub)
{
	return (const struct status *)pub;
}

void bp_status_free(struct bp_status *status)
{
	struct status *s = (struct status *)status;

	if (!s)
		return;
	arena_done(&s->arena);
	free(s);
}

static void status_freep(struct status **s)
{
	if (*s)
		bp_status_free(&(*s)->pub);
}

/* The state that the whole line is, or NULL. */
static const char *find_state(const struct bp_target *type, const char *text)
{
	for (const char *const *state = type->states; state && *state; state++)
		if (streq(*state, text))
			return *state;
	return NULL;
}

/* Words that the grammar left over, as text. */
static int keep_extra(struct status *s, const struct words *words, size_t used)
{
	struct strbuf extra = { 0 };

	if (used == words->count)
		return 0;
	for (size_t i = used; i < words->count; i++)
		word_add_text(&extra, words->items[i]);
	s->pub.extra =
		extra.error ? NULL : status_public(s->type, strbuf_text(&extra), &s->arena);
	strbuf_done(&extra);
	return s->pub.extra ? 0 : -ENOMEM;
}

/* Read the values; why that can't be done is kept in the status. */
static int read_values(struct bp_ctx *ctx, struct status *s, const struct words *words)
{
	struct error_state *saved = error_save(ctx);
	void *values = arena_alloc(&s->arena, s->type->status_size);
	size_t used = 0;
	int r = values ? args_read(ctx, s->type->status, words, &s->arena, values, NULL, &used)
		       : -ENOMEM;

	if (r == -EINVAL) {
		const char *why = ctx ? bp_error_get(ctx)->message : NULL;

		s->pub.problem =
			status_public(s->type, why ? why : "not understood", &s->arena);
		r = s->pub.problem ? 0 : -ENOMEM;
	} else if (r == 0) {
		s->pub.values = s->values = values;
		r = keep_extra(s, words, used);
	}
	error_restore(ctx, saved);
	return r;
}

/* @text without white space at its ends. */
static const char *trimmed(struct arena *arena, const char *text)
{
	size_t len;

	text += strspn(text, " \t\n");
	len = strlen(text);
	while (len && strchr(" \t\n", text[len - 1]))
		len--;
	return arena_strndup(arena, text, len);
}

/*
 * Never fails on what a kernel printed: what is not understood is .problem, and the text
 * stays. A table that was taken for a status keeps its keys to itself.
 */
int bp_status_parse(struct bp_ctx *ctx, const char *target, const char *text,
		    struct bp_status **ret)
{
	_cleanup_(status_freep) struct status *s = calloc(1, sizeof(*s));
	struct words words;
	const char *given;

	if (!s)
		return bp_fail_memory(ctx);
	s->type = bp_target_get(target);
	s->pub.target = arena_strdup(&s->arena, target);
	given = trimmed(&s->arena, text);
	s->pub.text = given ? status_public(s->type, given, &s->arena) : NULL;
	if (!s->pub.target || !s->pub.text ||
	    words_split(&s->arena, given, strlen(given), &words) < 0)
		return bp_fail_memory(ctx);
	if (s->type)
		s->pub.state = find_state(s->type, given);
	if (s->type && !s->pub.state) {
		int r = s->type->status ? read_values(ctx, s, &words)
					: keep_extra(s, &words, 0);

		if (r < 0)
			return bp_fail_memory(ctx);
	}
	*ret = &steal(s)->pub;
	return 0;
}

/* The name of a field that this line does not have. */
static int find_name(struct bp_ctx *ctx, const struct status *s, const char *name)
{
	struct place place;

	if (s->type && s->type->status)
		return args_find(ctx, s->type->status, NULL, name, NULL, &place);
	bp_fail(ctx, -ENOENT, "%s: no status field '%s'", s->pub.target, name);
	error_set_code(ctx, BP_E_USAGE);
	return -ENOENT;
}

/* A name that the target knows but this status does not have is NULL, not an error. */
int bp_status_get(struct bp_ctx *ctx, const struct bp_status *status, const char *name,
		  char **ret)
{
	const struct status *s = status_of(status);
	int r;

	if (s->values)
		return args_get(ctx, s->type->status, s->values, name, ret);
	r = find_name(ctx, s, name);
	if (r == 0)
		*ret = NULL;
	return r;
}

int bp_status_number(struct bp_ctx *ctx, const struct bp_status *status, const char *name,
		     struct bp_number *ret)
{
	const struct status *s = status_of(status);

	if (s->type && s->type->status)
		return args_number(ctx, s->type->status, s->values, name, ret);
	return find_name(ctx, s, name);
}

/*
 * Members of the status grammar under "values"; a word in place of values ("Fail") is
 * "state".
 */
int bp_status_json(struct bp_ctx *ctx, const struct bp_status *status, struct bp_json *json,
		   const char *key)
{
	const struct status *s = status_of(status);

	(void)ctx;
	bp_json_object(json, key);
	bp_json_string(json, "target", s->pub.target);
	bp_json_string(json, "text", s->pub.text);
	bp_json_string(json, "state", s->pub.state);
	if (s->values) {
		bp_json_object(json, "values");
		args_json(s->type->status, s->values, NULL, true, json);
		bp_json_object_close(json);
	} else {
		bp_json_null(json, "values");
	}
	if (s->pub.extra)
		bp_json_string(json, "extra", s->pub.extra);
	if (s->pub.problem)
		bp_json_string(json, "problem", s->pub.problem);
	bp_json_object_close(json);
	return 0;
}
