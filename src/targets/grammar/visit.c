/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a struct points to, found by its grammar: each text in turn, and a copy of all of it.
 * Cases of an ARG_WHEN are followed whether or not they apply: what is there is there.
 */
#include "targets/grammar/grammar.h"

/* Take what follows for each item of a list of structs. */
static int each_item(const struct arg *arg, void *base, const void *up, text_fn *fn, void *user)
{
	char *items = arg_items(arg, base);
	size_t nr = items ? arg_list_count(arg, base, up) : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++)
		r = args_texts(arg->args, items + i * arg->size, base, fn, user);
	return r;
}

/* NULL elements are there in lists that were half read. */
static int each_word(const struct arg *arg, void *base, const void *up, text_fn *fn, void *user)
{
	const char **items = arg_items(arg, base);
	size_t nr = items ? arg_list_count(arg, base, up) : 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++)
		if (items[i])
			r = fn(user, arg, &items[i]);
	return r;
}

static int one_text(const struct arg *arg, void *base, text_fn *fn, void *user)
{
	const char **text = arg_at(arg, base);

	return *text ? fn(user, arg, text) : 0;
}

/* By kind, as every walker of the grammar; KIND_COUNT and others have no text. */
static int in_arg(const struct arg *arg, void *base, const void *up, text_fn *fn, void *user)
{
	void *item;

	switch ((int)arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
		return one_text(arg, base, fn, user);
	case KIND_WORDS:
		return each_word(arg, base, up, fn, user);
	case KIND_EACH:
	case KIND_PAIRS:
		return each_item(arg, base, up, fn, user);
	case KIND_RECORD:
		return args_texts(arg->args, arg_at(arg, base), base, fn, user);
	case KIND_POINTER:
		item = arg_items(arg, base);
		return item ? args_texts(arg->args, item, base, fn, user) : 0;
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
	case KIND_WHEN:
		return args_texts(arg->args, base, up, fn, user);
	default:
		return 0;
	}
}

int args_texts(const struct arg *args, void *base, const void *up, text_fn *fn, void *user)
{
	int r = 0;

	for (; r == 0 && args->kind != KIND_END; args++)
		r = in_arg(args, base, up, fn, user);
	return r;
}

/* --- copying --- */

/* The pointer in the struct is replaced by one into the arena. */
static int copy_text(const struct arg *arg, void *base, struct arena *arena)
{
	const char *text = arg_pointer_get(arg, base);
	char *copy = text ? arena_strdup(arena, text) : NULL;

	if (text && !copy)
		return -ENOMEM;
	arg_pointer_set(arg, base, copy);
	return 0;
}

static int copy_words(char **words, size_t nr, struct arena *arena)
{
	for (size_t i = 0; i < nr; i++) {
		words[i] = words[i] ? arena_strdup(arena, words[i]) : NULL;
		if (!words[i])
			return -ENOMEM;
	}
	return 0;
}

/* The items, then what each of them points to. */
static int copy_list(const struct arg *arg, void *base, const void *up, struct arena *arena)
{
	const char *items = arg_pointer_get(arg, base);
	size_t nr = items ? arg_list_count(arg, base, up) : 0;
	char *copy = items ? arena_array(arena, nr, arg->size) : NULL;
	int r = 0;

	if (!items)
		return 0;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, items, nr * arg->size);
	arg_pointer_set(arg, base, copy);
	if (arg->kind == KIND_WORDS)
		return copy_words((char **)copy, nr, arena);
	for (size_t i = 0; r == 0 && i < nr; i++)
		r = args_own(arg->args, copy + i * arg->size, base, arena);
	return r;
}

/* As copy_list(), for one. */
static int copy_pointer(const struct arg *arg, void *base, struct arena *arena)
{
	const void *item = arg_pointer_get(arg, base);
	void *copy = item ? arena_copy(arena, item, arg->size) : NULL;

	if (!item)
		return 0;
	if (!copy)
		return -ENOMEM;
	arg_pointer_set(arg, base, copy);
	return args_own(arg->args, copy, base, arena);
}

/* A struct whose texts belong to somebody else gets its own of everything. */
static int own_arg(const struct arg *arg, void *base, const void *up, struct arena *arena)
{
	switch ((int)arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
		return copy_text(arg, base, arena);
	case KIND_WORDS:
	case KIND_EACH:
	case KIND_PAIRS:
		return copy_list(arg, base, up, arena);
	case KIND_RECORD:
		return args_own(arg->args, arg_at(arg, base), base, arena);
	case KIND_POINTER:
		return copy_pointer(arg, base, arena);
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
	case KIND_WHEN:
		return args_own(arg->args, base, up, arena);
	default:
		return 0;
	}
}

int args_own(const struct arg *args, void *base, const void *up, struct arena *arena)
{
	int r = 0;

	for (; r == 0 && args->kind != KIND_END; args++)
		r = own_arg(args, base, up, arena);
	return r;
}
