/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arguments by name: finding one, and listing all there are. */
#include "core/context.h"
#include "core/number.h"
#include "targets/grammar/grammar.h"

#include <assert.h>
#include <ctype.h>

struct finder {
	struct bp_ctx *ctx;
	struct arena *arena; /* NULL: nothing is to be changed */
	const char *full;    /* the name as it was asked for, for messages */
	struct place *ret;
};

static int find(struct finder *f, const struct arg *args, void *base, const void *up,
		const char *name);

/* Begins @name with this argument's own name? Then *@ret is what is behind the '.', or NULL. */
static bool name_begins(const struct arg *arg, const char *name, const char **ret)
{
	size_t len;

	if (!arg->name || arg->kind == KIND_COUNT || arg_is_transparent(arg))
		return false;
	len = strlen(arg->name);
	if (strncmp(name, arg->name, len) != 0 || (name[len] != '\0' && name[len] != '.'))
		return false;
	*ret = name[len] ? name + len + 1 : NULL;
	return true;
}

/* What an ARG_POINTER points to, a copy of it where it may be changed. */
static int enter_pointer(struct finder *f, const struct arg *arg, void *base, void **ret)
{
	const void *old = base ? arg_pointer_get(arg, base) : NULL;
	void *item;

	if (!f->arena) {
		memcpy(ret, &old, sizeof(old));
		return 0;
	}
	item = old ? arena_copy(f->arena, old, arg->size) : arena_alloc(f->arena, arg->size);
	if (!item)
		return bp_fail_memory(f->ctx);
	arg_pointer_set(arg, base, item);
	*ret = item;
	return 0;
}

/* Element @index of a list; in a copy of it where it may be changed, or one more behind it. */
static int enter_list(struct finder *f, const struct arg *arg, void *base, size_t index,
		      void **ret)
{
	size_t nr = base ? arg_list_count(arg, base, NULL) : 0;
	const char *old = base ? arg_pointer_get(arg, base) : NULL;
	char *items;

	*ret = NULL;
	if (!f->arena) {
		if (index < nr) {
			old += index * arg->size;
			memcpy(ret, &old, sizeof(old));
		}
		return 0;
	}
	assert(base); /* with an arena nothing on the way is missing */
	if (index > nr)
		return bp_fail(f->ctx, -EINVAL, "%s: %s has %zu elements, the next one is %zu",
			       f->full, arg->name, nr, nr);
	items = arena_array(f->arena, nr + 1, arg->size);
	if (!items)
		return bp_fail_memory(f->ctx);
	if (old)
		memcpy(items, old, nr * arg->size);
	nr += index == nr;
	arg_pointer_set(arg, base, items);
	memcpy((char *)base + arg->nr_offset, &nr, sizeof(nr));
	*ret = items + index * arg->size;
	return 0;
}

/* "1.dev" within a list. */
static int find_in_list(struct finder *f, const struct arg *arg, void *base, const char *name)
{
	const char *dot = strchr(name, '.');
	uint64_t index;
	void *item;
	int r;

	if (!dot || number_parse_len(name, (size_t)(dot - name), UINT32_MAX, &index) < 0)
		return -ENOENT;
	r = enter_list(f, arg, base, (size_t)index, &item);
	return r < 0 ? r : find(f, arg->args, item, base, dot + 1);
}

/* The rest of a name behind @arg's own. */
static int find_inside(struct finder *f, const struct arg *arg, void *base, const char *name)
{
	void *item;
	int r;

	switch ((int)arg->kind) {
	case KIND_RECORD:
		return find(f, arg->args, base ? arg_at(arg, base) : NULL, base, name);
	case KIND_POINTER:
		r = enter_pointer(f, arg, base, &item);
		return r < 0 ? r : find(f, arg->args, item, base, name);
	case KIND_EACH:
	case KIND_PAIRS:
		return find_in_list(f, arg, base, name);
	default:
		return -ENOENT;
	}
}

/*
 * Names are paths, "groups.0.paths.1.dev". Groups of the grammar that have no name are
 * looked through.
 */
static int find(struct finder *f, const struct arg *args, void *base, const void *up,
		const char *name)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		const char *rest;
		int r = -ENOENT;

		if (arg_is_transparent(arg))
			r = find(f, arg->args, base, up, name);
		else if (name_begins(arg, name, &rest) && rest)
			r = find_inside(f, arg, base, rest);
		else if (name_begins(arg, name, &rest)) {
			*f->ret = (struct place){ .arg = arg, .base = base, .up = up };
			r = 0;
		}
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* All names, for the hint of an unknown one. */
static void hint_names(struct bp_ctx *ctx, const struct arg *args)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct option_list options = { 0 };
	struct strbuf s = { 0 };

	if (args_options(args, &arena, &options) == 0)
		for (size_t i = 0; i < options.list.count; i++)
			strbuf_addf(&s, "%s%s", i ? ", " : "", options.list.items[i].name);
	if (s.len)
		error_set_hint(ctx, "known: %s", strbuf_text(&s));
	strbuf_done(&s);
	vec_done(&options.list);
}

/* place.base NULL: the name is right, but what it lies in was not given. */
int args_find(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
	      struct arena *arena, struct place *ret)
{
	struct finder f = { .ctx = ctx, .arena = arena, .full = name, .ret = ret };
	int r = find(&f, args, base, NULL, name);

	if (r == -ENOENT) {
		bp_fail(ctx, r, "no parameter '%s'", name);
		error_set_code(ctx, BP_E_USAGE);
		hint_names(ctx, args);
	}
	return r;
}

/* Words as text. */
static int join(struct bp_ctx *ctx, const struct written_list *words, char **ret)
{
	struct strbuf s = { 0 };

	for (size_t i = 0; i < words->list.count; i++)
		word_add_text(&s, words->list.items[i].text);
	return strbuf_take(&s, ret) < 0 ? bp_fail_memory(ctx) : 0;
}

/* *ret NULL: known, but not set. A flag has a value always. */
int args_get(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
	     char **ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct written_list words = { 0 };
	struct place place;
	int r = args_find(ctx, args, base, name, NULL, &place);

	if (r < 0)
		return r;
	if (place.base && place.arg->kind == KIND_FLAG) {
		*ret = strdup(arg_is_set(place.arg, place.base) ? "true" : "false");
		return *ret ? 0 : bp_fail_memory(ctx);
	}
	if (!place.base ||
	    (place.arg->kind != KIND_NUMBER && !arg_is_set(place.arg, place.base))) {
		*ret = NULL;
		return 0;
	}
	r = arg_write_value(ctx, place.arg, place.base, place.up, &arena, &words);
	if (r == 0)
		r = join(ctx, &words, ret);
	vec_done(&words.list);
	return r;
}

/* For those who want the number and not its text: no unit is applied. */
int args_number(struct bp_ctx *ctx, const struct arg *args, void *base, const char *name,
		struct bp_number *ret)
{
	struct place place;
	int r = args_find(ctx, args, base, name, NULL, &place);

	if (r < 0)
		return r;
	*ret = (struct bp_number){ 0 };
	if (place.arg->kind != KIND_NUMBER && place.arg->kind != KIND_MAYBE)
		return bp_fail(ctx, -EINVAL, "'%s' is no number", name);
	if (place.base && place.arg->kind == KIND_NUMBER)
		*ret = (struct bp_number)BP_SET(arg_number_get(place.arg, place.base));
	else if (place.base)
		*ret = *(const struct bp_number *)arg_at_const(place.arg, place.base);
	return 0;
}

/* --- listing --- */

/* "DEV OFFSET [PATH...]", as a usage line shows it. */
const char *args_form(const struct arg *args, struct arena *arena)
{
	struct strbuf s = { 0 };
	char *text;

	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		const bool maybe = arg->flags & ARG_OPTIONAL;

		if (s.len)
			strbuf_add_char(&s, ' ');
		if (maybe)
			strbuf_add_char(&s, '[');
		for (const char *p = arg->name ? arg->name : arg_word(arg); p && *p; p++)
			strbuf_add_char(&s, (char)toupper((unsigned char)*p));
		if (arg->kind == KIND_EACH || arg->kind == KIND_WORDS)
			strbuf_add(&s, "...");
		if (maybe)
			strbuf_add_char(&s, ']');
	}
	text = s.error ? NULL : arena_strdup(arena, strbuf_text(&s));
	strbuf_done(&s);
	return text;
}

static const enum bp_option_kind option_kinds[KINDS] = {
	[KIND_DEV] = BP_OPTION_DEVICE,     [KIND_TEXT] = BP_OPTION_TEXT,
	[KIND_NUMBER] = BP_OPTION_NUMBER,  [KIND_MAYBE] = BP_OPTION_NUMBER,
	[KIND_SIGNED] = BP_OPTION_SIGNED,  [KIND_CHOICE] = BP_OPTION_CHOICE,
	[KIND_FLAG] = BP_OPTION_FLAG,      [KIND_WORDS] = BP_OPTION_WORDS,
	[KIND_EACH] = BP_OPTION_RECORDS,   [KIND_PAIRS] = BP_OPTION_RECORDS,
	[KIND_POINTER] = BP_OPTION_RECORD, [KIND_RECORD] = BP_OPTION_RECORD,
};

static enum bp_option_kind option_kind(const struct arg *arg)
{
	return option_kinds[arg->kind];
}

/* A choice's words, each value's first one. */
static const char *const *choice_list(const struct arg *arg, struct arena *arena)
{
	size_t n = 0;
	const char **list;

	while (arg->words[n].word)
		n++;
	list = arena_array(arena, n + 1, sizeof(*list));
	if (!list)
		return NULL;
	n = 0;
	for (const struct arg_word *w = arg->words; w->word; w++)
		if (w->value && streq(arg_choice_word(arg, w->value), w->word))
			list[n++] = w->word;
	return list;
}

struct lister {
	struct arena *arena;
	struct option_list *out;
	struct strbuf path;
	bool optional; /* what is listed now can be missing */
};

static int list_args(struct lister *l, const struct arg *args);

/* Offsets begin at 0, if nobody says otherwise. */
static const char *usual_value(const struct arg *arg)
{
	static const char offset[] = "offset_sectors";
	const size_t len = strlen(arg->name), end = strlen(offset);

	if (!arg->usual && len >= end && streq(arg->name + len - end, offset))
		return "0";
	return arg->usual;
}

/*
 * One row of help: made from the grammar, so that it can't say anything else than the
 * parser does.
 */
static int list_one(struct lister *l, const struct arg *arg)
{
	struct bp_option option = {
		.kind = option_kind(arg),
		.required =
			!l->optional && !(arg->flags & (ARG_OPTIONAL | ARG_DASH | ARG_PEEK)),
		.unit = arg_unit(arg),
		.min = arg->min,
		.max = arg->max,
		.default_value = arg->def,
		.help = arg->help,
		.usual_value = usual_value(arg),
	};
	size_t len = l->path.len;

	strbuf_add(&l->path, arg->name);
	option.name = arena_strdup(l->arena, strbuf_text(&l->path));
	l->path.len = len;
	if (arg->args)
		option.form = args_form(arg->args, l->arena);
	if (arg->words)
		option.choices = choice_list(arg, l->arena);
	if (l->path.error || !option.name || (arg->args && !option.form) ||
	    (arg->words && !option.choices))
		return -ENOMEM;
	return vec_add(&l->out->list, &option);
}

/* The members of a struct within the struct, each by its own name. */
static int list_record(struct lister *l, const struct arg *arg)
{
	size_t len = l->path.len;
	bool optional = l->optional;
	int r;

	l->optional |= arg->kind == KIND_POINTER;
	strbuf_addf(&l->path, "%s.", arg->name);
	r = list_args(l, arg->args);
	l->path.len = len;
	if (l->path.text)
		l->path.text[len] = '\0';
	l->optional = optional;
	return r;
}

/* What lies in an optional group is optional, whatever it says itself. */
static int list_transparent(struct lister *l, const struct arg *arg)
{
	bool optional = l->optional;
	int r;

	l->optional |= arg->kind == KIND_OPTIONS ||
		       (arg->kind == KIND_WHEN && !(arg->flags & ARG_DEFAULT)) ||
		       (arg->flags & ARG_OPTIONAL);
	r = list_args(l, arg->args);
	l->optional = optional;
	return r;
}

/* Members that several cases share are listed once. */
static bool is_listed(const struct lister *l, const struct arg *arg)
{
	for (size_t i = 0; i < l->out->list.count; i++) {
		const char *name = l->out->list.items[i].name;

		if (strncmp(name, strbuf_text(&l->path), l->path.len) == 0 &&
		    streq(name + l->path.len, arg->name))
			return true;
	}
	return false;
}

/*
 * Counts and literals are no options: they follow from the rest. A name that two branches
 * share is listed once.
 */
static int list_args(struct lister *l, const struct arg *args)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		int r = 0;

		if (arg_is_transparent(arg)) {
			r = list_transparent(l, arg);
		} else if (arg->kind != KIND_COUNT && arg->kind != KIND_LITERAL) {
			if (arg->kind != KIND_RECORD && !is_listed(l, arg))
				r = list_one(l, arg);
			if (r == 0 && (arg->kind == KIND_RECORD || arg->kind == KIND_POINTER))
				r = list_record(l, arg);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int args_options(const struct arg *args, struct arena *arena, struct option_list *ret)
{
	struct lister l = { .arena = arena, .out = ret };
	int r = list_args(&l, args);

	strbuf_done(&l.path);
	return r;
}
