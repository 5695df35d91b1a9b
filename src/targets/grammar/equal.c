/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Comparing two structs by what they mean: as sets of named values. */
#include "core/context.h"
#include "targets/grammar/grammar.h"

#include <strings.h>

struct comparer {
	bool (*same_dev)(void *user, const char *a, const char *b);
	void *user;
};

/*
 * Words that say nothing: counts, literals, the word in front of a value, 0 for "choose", and the
 * dash in place of what is not given.
 */
static bool says_nothing(const struct written *w)
{
	return w->role == WRITTEN_COUNT || w->role == WRITTEN_LITERAL ||
	       (w->role == WRITTEN_OPTION && w->arg->kind != KIND_FLAG) ||
	       (w->arg->flags & ARG_NOT_COMPARED) ||
	       (w->arg->kind == KIND_NUMBER && (w->arg->flags & ARG_CHOSEN) &&
		streq(w->text, "0")) ||
	       ((w->arg->flags & ARG_DASH) && streq(w->text, "-"));
}

/* Of one name those first that come first: qsort() itself keeps no order. */
static int by_name(const void *a, const void *b)
{
	const struct written *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->place > y->place) - (x->place < y->place);
}

/*
 * What says nothing goes (counts, literals, a default that was spelled out), the rest is
 * sorted by name: the order of options does not matter to a kernel.
 */
static void keep_values(struct written_list *words)
{
	size_t n = 0;

	for (size_t i = 0; i < words->list.count; i++)
		if (!says_nothing(&words->list.items[i])) {
			words->list.items[n] = words->list.items[i];
			words->list.items[n].place = n;
			n++;
		}
	words->list.count = n;
	if (n)
		qsort(words->list.items, n, sizeof(*words->list.items), by_name);
}

/* Not all that may stand in place of hex digits is any: a keyring's key keeps its case. */
static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

/* Devices are equal by number where the caller can ask, hex digits in either case. */
static bool same_value(const struct comparer *c, const struct written *a,
		       const struct written *b)
{
	const char *x = written_value(a), *y = written_value(b);

	if (streq(x, y))
		return true;
	if ((a->arg->flags & ARG_NOCASE) || ((a->arg->flags & ARG_HEX) && is_hex(x)))
		return strcasecmp(x, y) == 0;
	return a->arg->kind == KIND_DEV && c->same_dev && c->same_dev(c->user, x, y);
}

/* May this value be missing on the other side? */
static bool may_be_missing(const struct written *w)
{
	if (w->arg->flags & ARG_CHOSEN)
		return true;
	return w->arg->def && streq(w->arg->def, written_value(w));
}

/* Both are sorted by name. */
static bool same_values(const struct comparer *c, const struct written_list *a,
			const struct written_list *b)
{
	const struct written *xs = a->list.items, *ys = b->list.items;
	size_t i = 0, k = 0;

	while (i < a->list.count && k < b->list.count) {
		const struct written *x = &xs[i], *y = &ys[k];
		int order = strcmp(x->name, y->name);

		if (order == 0 && !same_value(c, x, y))
			return false;
		if (order < 0 && !may_be_missing(x))
			return false;
		if (order > 0 && !may_be_missing(y))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
	while (i < a->list.count && may_be_missing(&xs[i]))
		i++;
	while (k < b->list.count && may_be_missing(&ys[k]))
		k++;
	return i == a->list.count && k == b->list.count;
}

/* Compared as written, not as structs: padding, order and pointers are no difference. */
int args_equal(struct bp_ctx *ctx, const struct arg *args, const void *a, const void *b,
	       bool (*same_dev)(void *user, const char *a, const char *b), void *user,
	       bool *ret)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	const struct comparer c = { same_dev, user };
	struct written_list x = { 0 }, y = { 0 };
	int r;

	r = args_write(ctx, args, a, NULL, 0, &arena, &x);
	if (r == 0)
		r = args_write(ctx, args, b, NULL, 0, &arena, &y);
	if (r == 0) {
		keep_values(&x);
		keep_values(&y);
		*ret = same_values(&c, &x, &y);
	}
	vec_done(&x.list);
	vec_done(&y.list);
	return r;
}
