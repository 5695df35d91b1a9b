/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In which order the devices of a stack have to be made: whom their tables mean lies below.
 * Promised: the time grows with the words of the tables, not with the square of the devices.
 */
#include <bedplate/stack.h>

#include "dm/device/device.h"

#include <stdio.h>
#include <string.h>

/* A word by which a table can mean a member of the stack, whose number is @member. */
struct word {
	char text[BP_NODE_SIZE];
	size_t member;
};

struct edge {
	size_t above, below;
};

struct order {
	const struct bp_stack *stack;
	VEC(struct word) words; /* sorted */
	VEC(struct edge) edges; /* by rising @above */
	bool *placed;
};

static void order_done(struct order *o)
{
	vec_done(&o->words);
	vec_done(&o->edges);
	free(o->placed);
}

/* Its node as libdevmapper mangles it, as it is, and its number where that is given. */
static int add_words(struct order *o, const struct dm *dm, uint32_t major, size_t member)
{
	const struct bp_stack_device *device = bp_stack_get(o->stack, member);
	struct word word = { .member = member };
	char mangled[BP_NAME_SIZE];
	int r;

	if (name_encode(device->name, mangled, sizeof(mangled)) < 0)
		return 0;
	dm_node_path(dm, mangled, word.text);
	r = vec_add(&o->words, &word);
	if (r == 0 && !streq(mangled, device->name)) {
		dm_node_path(dm, device->name, word.text);
		r = vec_add(&o->words, &word);
	}
	if (r == 0 && device->use_minor) {
		snprintf(word.text, sizeof(word.text), "%u:%u", major, device->minor);
		r = vec_add(&o->words, &word);
	}
	return r;
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

/* As strcmp() of a whole word and @len bytes of a line. */
static int compare_part(const struct word *word, const char *text, size_t len)
{
	int diff = strncmp(word->text, text, len);

	return diff || len >= sizeof(word->text) ? diff : word->text[len] != '\0';
}

static size_t first_word(const struct order *o, const char *text, size_t len)
{
	return vec_bisect(&o->words, item, compare_part(item, text, len) < 0);
}

/* A word of a table that names a member is an edge; names of two members may begin alike. */
static int add_edges(struct order *o, size_t above, const char *text, size_t len)
{
	int r = 0;

	for (size_t i = first_word(o, text, len); r == 0 && i < o->words.count; i++) {
		const struct edge edge = { above, o->words.items[i].member };

		if (compare_part(&o->words.items[i], text, len) != 0)
			break;
		r = vec_add(&o->edges, &edge);
	}
	return r;
}

/* Words as the kernel will read them: any of them may be a device. */
static int read_words(struct order *o, size_t above, const char *at)
{
	int r = 0;

	while (r == 0 && *at) {
		size_t len = strcspn(at, " ");

		if (len)
			r = add_edges(o, above, at, len);
		at += len + (at[len] != '\0');
	}
	return r;
}

static int read_table(struct order *o, size_t above)
{
	const struct bp_table *table = bp_stack_get(o->stack, above)->table;
	int r = 0;

	for (size_t i = 0; table && r == 0 && i < bp_table_count(table); i++)
		r = read_words(o, above, bp_table_get(table, i)->args);
	return r;
}

/* Again and again those that have all below them placed, by number. Returns how many it got to. */
static size_t place(struct order *o, size_t *ret)
{
	size_t count = bp_stack_count(o->stack), done = 0, before;

	do {
		size_t edge = 0;

		before = done;
		for (size_t i = 0; i < count; i++) {
			bool ready = !o->placed[i];

			for (; edge < o->edges.count && o->edges.items[edge].above == i; edge++)
				ready &= o->placed[o->edges.items[edge].below];
			if (ready) {
				o->placed[i] = true;
				ret[done++] = i;
			}
		}
	} while (done > before);
	return done;
}

/* Sorted words, so that each lookup is a search: stacks have thousands of members. */
static int read_all(struct order *o, struct dm *dm)
{
	size_t count = bp_stack_count(o->stack);
	uint32_t major = 0;
	int r = 0;

	dm->ops->major(dm->self, &major);
	o->placed = calloc(count + 1, sizeof(*o->placed));
	if (!o->placed)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_words(o, dm, major, i);
	if (o->words.count)
		qsort(o->words.items, o->words.count, sizeof(*o->words.items), compare_words);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_table(o, i);
	return r;
}

/* -ELOOP names one device of the circle. */
int stack_order(struct bp_ctx *ctx, struct dm *dm, const struct bp_stack *stack, size_t *ret)
{
	_cleanup_(order_done) struct order o = { .stack = stack };
	size_t i = 0;

	if (read_all(&o, dm) < 0)
		return bp_fail_memory(ctx);
	if (place(&o, ret) == bp_stack_count(stack))
		return 0;
	while (o.placed[i])
		i++;
	return bp_fail(ctx, -ELOOP, "'%s' lies, by other devices, on itself",
		       bp_stack_get(stack, i)->name);
}
