/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables looked at: compared, explained, as JSON. */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/secret.h"

#include <inttypes.h>
#include <stdio.h>

/* --- comparing --- */

struct same_dev {
	bp_lookup_fn lookup;
	void *user;
	bool is_live; /* the first table is a kernel's, the second what that may have been given */
};

/* Do two words name one device? */
static bool same_dev(void *user, const char *a, const char *b)
{
	const struct same_dev *same = user;
	struct bp_bdev x = { 0 }, y = { 0 };

	return same->lookup(same->user, a, &x) == 0 && same->lookup(same->user, b, &y) == 0 &&
	       x.major == y.major && x.minor == y.minor;
}

/* Spelling counts: "0x8" and "8" are two. */
static bool same_words(const struct words *a, const struct words *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!streq(a->items[i], b->items[i]))
			return false;
	return true;
}

/* The params in the form that equal ones share; owned by the arena. */
static void *canonical(const struct segment *s, struct arena *arena)
{
	void *params = arena_copy(arena, s->params, s->type->size);

	if (params && s->type->canonical && s->type->canonical(params, arena) < 0)
		return NULL;
	return params;
}

/* In canonical form: kernels print some parameters in another way than they were given. */
static int segments_equal(struct bp_ctx *ctx, const struct segment *a, const struct segment *b,
			  struct same_dev *same, bool *ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	void *x, *y;

	*ret = false;
	if (a->pub.start_sectors != b->pub.start_sectors ||
	    a->pub.length_sectors != b->pub.length_sectors ||
	    !streq(a->pub.target, b->pub.target))
		return 0;
	if (!a->params || !b->params) {
		*ret = !a->params && !b->params && same_words(&a->extra, &b->extra);
		return 0;
	}
	x = canonical(a, &arena);
	y = canonical(b, &arena);
	if (!x || !y)
		return bp_fail_memory(ctx);
	if (same->is_live && a->type->settle)
		a->type->settle(x, y);
	return args_equal(ctx, a->type->args, x, y, same->lookup ? same_dev : NULL, same, ret);
}

static int tables_equal(struct bp_ctx *ctx, const struct bp_table *a, const struct bp_table *b,
			struct same_dev *same, bool *ret)
{
	bool equal = a->segments.count == b->segments.count;
	int r;

	for (size_t i = 0; equal && i < a->segments.count; i++) {
		r = segments_equal(ctx, a->segments.items[i], b->segments.items[i], same,
				   &equal);
		if (r < 0)
			return r;
	}
	*ret = equal;
	return 0;
}

/* Equal: a kernel would do the same with both. Segments that could be joined are not. */
int bp_table_equal(struct bp_ctx *ctx, const struct bp_table *a, const struct bp_table *b,
		   bp_lookup_fn lookup, void *user, bool *ret)
{
	struct same_dev same = { .lookup = lookup, .user = user };

	return tables_equal(ctx, a, b, &same, ret);
}

int bp_table_is_loaded(struct bp_ctx *ctx, const struct bp_table *live,
		       const struct bp_table *table, bp_lookup_fn lookup, void *user, bool *ret)
{
	struct same_dev same = { .lookup = lookup, .user = user, .is_live = true };

	return tables_equal(ctx, live, table, &same, ret);
}

/* --- explaining --- */

/* What a word that is no value does. */
static const char *meaning_of(const struct written *w, char *buf, size_t size)
{
	if (!w->arg)
		return NULL;
	if (w->role == WRITTEN_LITERAL)
		return "always this word";
	if (w->role != WRITTEN_COUNT)
		return w->arg->help;
	if (w->arg->kind == KIND_COUNT)
		snprintf(buf, size, "how many %s there are",
			 w->arg->name + (strncmp(w->arg->name, "nr_", 3) == 0 ? 3 : 0));
	else
		snprintf(buf, size, "how many words of %s follow", w->arg->name);
	return buf;
}

/* How far a line that is not understood was: its words up to the fault, half a struct. */
struct half {
	struct arena arena;
	struct written_list words;
	unsigned fault;         /* number of the argument; 0: none of its words */
	const char *fault_name; /* or NULL */
};

/* For a line with a fault: what comes before it is explained, and where it is said. */
static int half_read(struct bp_ctx *ctx, const struct segment *s, struct half *half)
{
	void *params = arena_alloc(&half->arena, s->type->size);
	struct error_state *saved = error_save(ctx);
	struct arg_order order = { 0 };
	size_t used;
	int r = -ENOMEM;

	if (params)
		r = args_read(ctx, s->type->args, &s->extra, &half->arena, params, &order,
			      &used);
	if (r == -EINVAL && ctx) {
		const struct bp_error *e = bp_error_get(ctx);

		half->fault = e->argument;
		if (e->argument_name)
			half->fault_name = arena_strdup(&half->arena, e->argument_name);
		r = args_write(ctx, s->type->args, params, &order, WRITE_HALF_MADE,
			       &half->arena, &half->words);
	}
	error_restore(ctx, saved);
	return r == -ENOMEM ? bp_fail_memory(ctx) : 0;
}

/* The word @i as it was read, where that is certain. A count is computed, not kept. */
static const struct written *half_word(const struct half *half, const struct segment *s,
				       size_t i)
{
	const struct written *w;
	uint64_t count;

	if (i + 1 >= half->fault || i >= half->words.list.count)
		return NULL;
	w = &half->words.list.items[i];
	if (streq(w->text, s->extra.items[i]))
		return w;
	return w->role == WRITTEN_COUNT &&
			       number_parse(s->extra.items[i], UINT64_MAX, &count) == 0
		       ? w
		       : NULL;
}

/* The words up to the fault by their names, then what is wrong, then the rest as it is. */
static int explain_raw(struct bp_ctx *ctx, const struct segment *s, size_t index,
		       int (*fn)(void *user, const struct bp_word *word), void *user)
{
	struct half half = { 0 };
	const struct written *w = NULL;
	char buf[96];
	int r = s->type ? half_read(ctx, s, &half) : 0;

	for (size_t i = 0; r == 0 && i < s->extra.count; i++) {
		const bool fault = i + 1 == half.fault;
		struct bp_word word = {
			.segment = index,
			.target = s->pub.target,
			.number = (unsigned)i + 1,
			.text = s->extra.items[i],
			.name = fault ? half.fault_name : NULL,
			.meaning = fault ? s->pub.problem : NULL,
			.public_text = word_public(s->type, s->extra.items[i], &half.arena),
		};

		if (i == 0 || w)
			w = half_word(&half, s, i);
		if (w) {
			word.name = w->name;
			word.meaning = meaning_of(w, buf, sizeof(buf));
			word.unit =
				w->arg && w->role == WRITTEN_VALUE ? arg_unit(w->arg) : NULL;
		}
		r = word.public_text ? fn(user, &word) : bp_fail_memory(ctx);
	}
	vec_done(&half.words.list);
	arena_done(&half.arena);
	return r;
}

/*
 * One call a word, with its number as the kernel counts them; secrets only in .text, never
 * in .public_text.
 */
static int explain_segment(struct bp_ctx *ctx, const struct segment *s, size_t index,
			   int (*fn)(void *user, const struct bp_word *word), void *user)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	char buf[96];
	int r = segment_write(ctx, s, WRITE_HALF_MADE, &arena, &words);

	for (size_t i = 0; r == 0 && i < words.list.count; i++) {
		const struct written *w = &words.list.items[i];
		const struct bp_word word = {
			.segment = index,
			.target = s->pub.target,
			.number = (unsigned)i + 1,
			.text = w->text,
			.name = w->name,
			.meaning = meaning_of(w, buf, sizeof(buf)),
			.unit = w->arg && w->role == WRITTEN_VALUE ? arg_unit(w->arg) : NULL,
			.public_text = segment_word_public(s, w, &arena),
		};

		r = word.public_text ? fn(user, &word) : bp_fail_memory(ctx);
	}
	vec_done(&words.list);
	return r;
}

/* Ends with the first result that isn't 0. */
int bp_table_explain(struct bp_ctx *ctx, const struct bp_table *table,
		     int (*word)(void *user, const struct bp_word *word), void *user)
{
	for (size_t i = 0; i < table->segments.count; i++) {
		const struct segment *s = table->segments.items[i];
		int r = s->params ? explain_segment(ctx, s, i, word, user)
				  : explain_raw(ctx, s, i, word, user);

		if (r != 0)
			return r;
	}
	return 0;
}

/* --- JSON --- */

/* The arguments as text, "-" in place of secrets. */
static int json_args_text(struct bp_ctx *ctx, const struct segment *s, bool show_secrets,
			  struct bp_json *json)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct strbuf text = { 0 };
	int r = segment_write(ctx, s, WRITE_HALF_MADE, &arena, &words);

	for (size_t i = 0; r == 0 && i < words.list.count; i++) {
		const struct written *w = &words.list.items[i];
		const char *word = show_secrets ? w->text : segment_word_public(s, w, &arena);

		if (!word)
			r = bp_fail_memory(ctx);
		else
			word_add_text(&text, word);
	}
	if (r == 0 && text.error)
		r = bp_fail_memory(ctx);
	if (r == 0)
		bp_json_string(json, "args", strbuf_text(&text));
	strbuf_done(&text);
	vec_done(&words.list);
	return r;
}

/* params null: the target is not known, or its words were not understood; "args" has them. */
static int segment_json(struct bp_ctx *ctx, const struct segment *s, bool show_secrets,
			struct bp_json *json)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	int r;

	bp_json_object(json, NULL);
	bp_json_uint(json, "start_sectors", s->pub.start_sectors);
	bp_json_uint(json, "length_sectors", s->pub.length_sectors);
	bp_json_string(json, "target", s->pub.target);
	if (s->params) {
		bp_json_object(json, "params");
		args_json(s->type->args, s->params, NULL,
			  show_secrets || !target_has_secrets(s->type), json);
		bp_json_object_close(json);
	} else {
		bp_json_null(json, "params");
	}
	r = json_args_text(ctx, s, show_secrets, json);
	if (s->pub.extra)
		bp_json_string(json, "extra",
			       show_secrets ? s->pub.extra
					    : word_public(s->type, s->pub.extra, &arena));
	if (s->pub.problem)
		bp_json_string(json, "problem", s->pub.problem);
	bp_json_object_close(json);
	return r;
}

/* Members have the names of the public structs. */
int bp_table_json(struct bp_ctx *ctx, const struct bp_table *table, bool show_secrets,
		  struct bp_json *json, const char *key)
{
	int r = 0;

	bp_json_array(json, key);
	for (size_t i = 0; r == 0 && i < table->segments.count; i++)
		r = segment_json(ctx, table->segments.items[i], show_secrets, json);
	bp_json_array_close(json);
	return r;
}
