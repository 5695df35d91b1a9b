/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading lists: as long as a count says, or to the end of their span. */
#include "core/context.h"
#include "targets/grammar/reader.h"

bool arg_is_list(const struct arg *arg)
{
	return arg->kind == KIND_EACH || arg->kind == KIND_WORDS || arg->kind == KIND_PAIRS;
}

/* A count and what it may be: no more than there are words. */
int reader_nr(struct reader *r, const struct arg *arg, const char *name, size_t *ret)
{
	struct arg plain = { .flags = arg->flags & ARG_PLUS, .name = name };
	const char *word;
	uint64_t nr;
	int e = reader_next(r, name, &word);

	if (e < 0)
		return e;
	e = reader_parse_number(r, &plain, word, sizeof(uint32_t), &nr);
	if (e < 0)
		return e;
	if (nr > reader_left(r))
		return reader_fail(r, r->pos - 1, name,
				   "'%s' announces more than the %zu words that follow", word,
				   reader_left(r));
	*ret = (size_t)nr;
	return 0;
}

/* A count is kept where the list's struct has it, before the list itself is read. */
int reader_count(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	size_t nr;
	int e = reader_nr(r, arg, arg->name, &nr);

	(void)up;
	if (e < 0)
		return e;
	memcpy(arg_at(arg, base), &nr, sizeof(nr));
	return 0;
}

/* A list under way: grows by doubling where its length is not known. */
struct growing {
	char *items;
	size_t count, size;
};

/* Room for one more element, at @list->items + count * size. */
static int grow(struct reader *r, const struct arg *arg, struct growing *list)
{
	size_t size = list->size ? list->size * 2 : 4;
	char *items;

	if (list->count < list->size)
		return 0;
	items = arena_array(r->arena, size, arg->size);
	if (!items)
		return bp_fail_memory(r->ctx);
	if (list->count)
		memcpy(items, list->items, list->count * arg->size);
	list->items = items;
	list->size = size;
	return 0;
}

/* One element: a struct by its own grammar, or a word. */
static int read_element(struct reader *r, const struct arg *arg, struct growing *list,
			const void *base)
{
	const char *word;
	size_t len;
	int e = grow(r, arg, list);
	char *item = list->items + list->count * arg->size;

	if (e < 0)
		return e;
	if (arg->kind == KIND_WORDS) {
		e = reader_next(r, arg->name, &word);
		if (e < 0)
			return e;
		if (arg->valid && !arg->valid(word))
			return reader_fail(r, r->pos - 1, arg->name, "'%s' is not right: %s",
					   word, arg->help);
		word = arena_strdup(r->arena, word);
		if (!word)
			return bp_fail_memory(r->ctx);
		memcpy(item, &word, sizeof(word));
	} else {
		len = reader_enter(r, arg->name, list->count, true);
		e = reader_args(r, arg->args, item, base);
		reader_leave(r, len);
		if (e < 0)
			return e;
	}
	list->count++;
	return 0;
}

/* NULL for none, so that an empty list has one form only. */
static void list_set(const struct arg *arg, void *base, const struct growing *list)
{
	arg_pointer_set(arg, base, list->count ? list->items : NULL);
	if (!arg->up)
		memcpy((char *)base + arg->nr_offset, &list->count, sizeof(list->count));
}

/*
 * An element could not be read: those before it and what there is of itself stay in the struct, for
 * whoever wants to know how far reading came. Room for @nr, as the count says. Returns @e.
 */
static int list_keep(struct reader *r, const struct arg *arg, void *base, struct growing *list,
		     size_t nr, int e)
{
	size_t read = list->count;
	char *items;

	if (e != -EINVAL || list->size == 0)
		return e;
	list->count = MAX(nr, read + 1);
	items = arena_array(r->arena, list->count, arg->size);
	if (!items)
		return bp_fail_memory(r->ctx);
	memcpy(items, list->items, (read + 1) * arg->size);
	list->items = items;
	list_set(arg, base, list);
	return e;
}

/* Elements until the span ends; each takes a word at least, or this would not end. */
static int read_rest(struct reader *r, const struct arg *arg, void *base, struct growing *list)
{
	while (r->pos < r->end) {
		size_t before = r->pos;
		int e = read_element(r, arg, list, base);

		if (e < 0)
			return arg->kind == KIND_WORDS ? e
						       : list_keep(r, arg, base, list, 0, e);
		if (r->pos == before)
			return reader_fail(r, r->pos, arg->name, "'%s' is not part of it",
					   r->words[r->pos]);
	}
	list_set(arg, base, list);
	return 0;
}

/* Elements that were read before a fault are kept, for messages that show how far it went. */
int reader_list(struct reader *r, const struct arg *arg, void *base, const void *up)
{
	struct growing list = { 0 };
	size_t nr;

	if (arg->flags & ARG_REST)
		return read_rest(r, arg, base, &list);
	nr = arg_list_count(arg, base, up);
	while (list.count < nr) {
		int e = read_element(r, arg, &list, base);

		if (e < 0)
			return arg->kind == KIND_WORDS ? e
						       : list_keep(r, arg, base, &list, nr, e);
	}
	list_set(arg, base, &list);
	return 0;
}

/* One more for a list that has some already, none of which is changed. */
int reader_append(struct reader *r, const struct arg *arg, void *base)
{
	struct growing list = { .count = arg_list_count(arg, base, NULL) };
	const char *old = arg_pointer_get(arg, base);
	int e;

	list.size = list.count + 1;
	list.items = arena_array(r->arena, list.size, arg->size);
	if (!list.items)
		return bp_fail_memory(r->ctx);
	if (list.count)
		memcpy(list.items, old, list.count * arg->size);
	e = read_element(r, arg, &list, base);
	if (e < 0)
		return e;
	list_set(arg, base, &list);
	return 0;
}
