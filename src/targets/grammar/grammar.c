/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What reading, writing and the other walks over a grammar share. */
#include "targets/grammar/grammar.h"

#include <strings.h>

/* A pair within ARG_PAIRS. */
const struct arg arg_pair[] = {
	ARG_TEXT(struct bp_pair, key, "name of the option"),
	ARG_TEXT(struct bp_pair, value, "its value"),
	ARG_END,
};

/* Numbers in parameter structs have 8 to 64 bits: the member's size comes from the grammar. */
uint64_t arg_number_get(const struct arg *arg, const void *base)
{
	const void *p = arg_at_const(arg, base);

	switch (arg->size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)p;
	case 4:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

/* By the size of the struct's member; the caller has checked the range. */
void arg_number_set(const struct arg *arg, void *base, uint64_t value)
{
	void *p = arg_at(arg, base);

	switch (arg->size) {
	case 1:
		*(uint8_t *)p = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)p = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)p = (uint32_t)value;
		break;
	default:
		*(uint64_t *)p = value;
		break;
	}
}

/* By memcpy(), as the member's type isn't known here. */
const void *arg_pointer_get(const struct arg *arg, const void *base)
{
	const void *p;

	memcpy(&p, arg_at_const(arg, base), sizeof(p));
	return p;
}

void *arg_items(const struct arg *arg, const void *base)
{
	void *items;

	memcpy(&items, arg_at_const(arg, base), sizeof(items));
	return items;
}

void arg_pointer_set(const struct arg *arg, void *base, const void *value)
{
	memcpy(arg_at(arg, base), &value, sizeof(value));
}

/* The count may stand in the struct above: lists of a group's paths have their number once. */
size_t arg_list_count(const struct arg *arg, const void *base, const void *up)
{
	const char *owner = arg->up ? up : base;
	size_t nr;

	if (!owner)
		return 0;
	memcpy(&nr, owner + arg->nr_offset, sizeof(nr));
	return nr;
}

int arg_choice_get(const struct arg *arg, const void *base)
{
	int value;

	memcpy(&value, arg_at_const(arg, base), sizeof(value));
	return value;
}

const char *arg_choice_word(const struct arg *arg, int value)
{
	for (const struct arg_word *w = arg->words; value && w->word; w++)
		if (w->value == value)
			return w->word;
	return NULL;
}

/* A word marked prefix matches what begins so: "mode 3" has its number behind it. */
const struct arg_word *arg_choice_find(const struct arg *arg, const char *word, bool nocase)
{
	for (const struct arg_word *w = arg->words; w->word; w++) {
		size_t len = strlen(w->word) + !w->prefix;

		if (nocase ? strncasecmp(word, w->word, len) == 0
			   : strncmp(word, w->word, len) == 0)
			return w;
	}
	return NULL;
}

/* A choice that isn't made stands for the default. */
bool arg_when(const struct arg *arg, const void *base)
{
	int value = arg_choice_get(arg, base);

	return value == arg->value || (value == 0 && (arg->flags & ARG_DEFAULT));
}

/*
 * Says whether a member of a struct was given. A plain number of 0 counts as not given:
 * where 0 means something the grammar has KIND_MAYBE.
 */
bool arg_is_set(const struct arg *arg, const void *base)
{
	switch (arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
	case KIND_POINTER:
	case KIND_EACH:
	case KIND_WORDS:
	case KIND_PAIRS:
		return arg_pointer_get(arg, base) != NULL;
	case KIND_MAYBE:
		return ((const struct bp_number *)arg_at_const(arg, base))->is_set;
	case KIND_NUMBER:
		return arg_number_get(arg, base) != 0;
	case KIND_SIGNED:
		if (arg->flags & ARG_ALWAYS)
			return true;
		return arg_choice_get(arg, base) != 0;
	case KIND_CHOICE:
		return arg_choice_get(arg, base) != 0;
	case KIND_FLAG:
		return *(const bool *)arg_at_const(arg, base);
	case KIND_END:
	case KIND_LITERAL:
	case KIND_COUNT:
	case KIND_RECORD:
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
	case KIND_WHEN:
	case KINDS:
		break;
	}
	return true;
}

/* The unit is the end of a member's name: it is said nowhere else. */
const char *arg_unit(const struct arg *arg)
{
	static const struct {
		const char *end, *unit;
	} units[] = {
		{ "_sectors", "sectors" },
		{ "_sector", "sectors" },
		{ "_bytes", "bytes" },
		{ "_dblocks", "data blocks" },
		{ "_mblocks", "4096-byte blocks" },
		{ "_mblock", "4096-byte blocks" },
		{ "_metadata_blocks", "4096-byte blocks" },
		{ "_blocks", "blocks" },
		{ "_regions", "regions" },
		{ "_ms", "ms" },
		{ "_seconds", "s" },
		{ "_percent", "%" },
		{ "_kib_per_second", "KiB/s" },
		{ "_ppb", "parts of 1000000000" },
	};
	size_t len = arg->name ? strlen(arg->name) : 0;

	if (arg->kind != KIND_NUMBER && arg->kind != KIND_MAYBE)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t end = strlen(units[i].end);

		if (len >= end && streq(arg->name + len - end, units[i].end))
			return units[i].unit;
	}
	return NULL;
}

/* Behind the colon of a joined word, "name:value". */
const char *written_value(const struct written *word)
{
	const char *colon = strchr(word->text, ':');

	return word->arg && (word->arg->flags & ARG_JOINED) && colon ? colon + 1 : word->text;
}

/* It has no name of its own in paths: what is in it stands in what is around it. */
bool arg_is_transparent(const struct arg *arg)
{
	return arg->kind == KIND_GROUP || arg->kind == KIND_OPTIONS ||
	       arg->kind == KIND_SPLIT || arg->kind == KIND_WHEN;
}

/* Is this a member with a value of its own, and has it one? */
static bool has_value(const struct arg *arg, const void *base)
{
	switch (arg->kind) {
	case KIND_DEV:
	case KIND_TEXT:
	case KIND_NUMBER:
	case KIND_MAYBE:
	case KIND_CHOICE:
	case KIND_FLAG:
	case KIND_EACH:
	case KIND_WORDS:
	case KIND_PAIRS:
	case KIND_POINTER:
		return arg_is_set(arg, base);
	case KIND_SIGNED:
		return arg_choice_get(arg, base) != 0;
	case KIND_END:
	case KIND_LITERAL:
	case KIND_COUNT:
	case KIND_RECORD:
	case KIND_GROUP:
	case KIND_OPTIONS:
	case KIND_SPLIT:
	case KIND_WHEN:
	case KINDS:
		break;
	}
	return false;
}

static bool is_active(const struct arg *arg, const void *base)
{
	return arg->kind != KIND_WHEN || arg_when(arg, base);
}

/* Does the member have a place in the line as it is? */
static bool has_place(const struct arg *args, const void *base, const struct arg *member)
{
	for (const struct arg *arg = args; arg->kind != KIND_END; arg++) {
		if (!arg_is_transparent(arg)) {
			if (arg->kind == member->kind && arg->offset == member->offset)
				return true;
		} else if (is_active(arg, base) && has_place(arg->args, base, member)) {
			return true;
		}
	}
	return false;
}

/* args_stray() of a part. @when: the inactive case it is in, or NULL. */
static const struct arg *find_stray(const struct arg *all, const struct arg *part,
				    const void *base, const struct arg *when,
				    const struct arg **ret_when)
{
	for (const struct arg *arg = part; arg->kind != KIND_END; arg++) {
		const struct arg *found = NULL;

		if (arg_is_transparent(arg)) {
			found = find_stray(all, arg->args, base,
					   is_active(arg, base) ? when : arg, ret_when);
		} else if (when && has_value(arg, base) && !has_place(all, base, arg)) {
			*ret_when = when;
			return arg;
		}
		if (found)
			return found;
	}
	return NULL;
}

const struct arg *args_stray(const struct arg *args, const void *base,
			     const struct arg **ret_when)
{
	return find_stray(args, args, base, NULL, ret_when);
}

/* Options are written back in the order in which they came: kernels print them so. */
int arg_order_add(struct arg_order *order, const struct arg *arg, struct arena *arena)
{
	if (arg_order_has(order, arg))
		return 0;
	if (order->count == order->size) {
		size_t size = order->size ? order->size * 2 : 8;
		const struct arg **items = arena_array(arena, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		if (order->count)
			memcpy(items, order->items, order->count * sizeof(*items));
		order->items = items;
		order->size = size;
	}
	order->items[order->count++] = arg;
	return 0;
}

/* The rest keeps its order. */
void arg_order_remove(struct arg_order *order, const struct arg *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < order->count; i++)
		if (order->items[i] != arg)
			order->items[n++] = order->items[i];
	order->count = n;
}

bool arg_order_has(const struct arg_order *order, const struct arg *arg)
{
	for (size_t i = 0; order && i < order->count; i++)
		if (order->items[i] == arg)
			return true;
	return false;
}

size_t args_count(const struct arg *args)
{
	size_t n = 0;

	while (args[n].kind != KIND_END)
		n++;
	return n;
}
