/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/owned.h"

#define DIGIT_BITS 8u
#define DIGITS     (1u << DIGIT_BITS)
#define FEW        32u /* for which counting digits takes longer than moving them one by one */

int owned_init(struct owned_list *l, uint64_t highest)
{
	*l = (struct owned_list){ .places = calloc(OWNED_PARTS, sizeof(*l->places)) };
	while (highest >> l->shift >= OWNED_PARTS)
		l->shift++;
	return l->places ? 0 : -ENOMEM;
}

void owned_done(struct owned_list *l)
{
	free(l->items);
	free(l->spare);
	free(l->places);
	*l = (struct owned_list){ 0 };
}

/* From how many there are to where each part begins. */
int owned_counted(struct owned_list *l)
{
	size_t all = 0, most = 0;

	for (size_t i = 0; i < OWNED_PARTS; i++) {
		size_t count = l->places[i];

		most = MAX(most, count);
		l->places[i] = all;
		all += count;
	}
	if (all > SIZE_MAX / 2 / sizeof(*l->items))
		return -ENOMEM;
	l->items = malloc((all + 1) * sizeof(*l->items));
	l->spare = malloc((most + 1) * sizeof(*l->spare));
	return l->items && l->spare ? 0 : -ENOMEM;
}

static bool is_sorted(const struct owned *items, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (items[i - 1].data_begin > items[i].data_begin)
			return false;
	return true;
}

static void sort_few(struct owned *items, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct owned o = items[i];
		size_t at = i;

		for (; at > 0 && items[at - 1].data_begin > o.data_begin; at--)
			items[at] = items[at - 1];
		items[at] = o;
	}
}

static unsigned digit(const struct owned *o, unsigned shift)
{
	return o->data_begin >> shift & (DIGITS - 1);
}

/* Move all of @from to @to by one digit, keeping the order of equal ones. */
static void sort_digit(const struct owned *from, struct owned *to, size_t count, unsigned shift)
{
	size_t places[DIGITS] = { 0 }, place = 0;

	for (size_t i = 0; i < count; i++)
		places[digit(&from[i], shift)]++;
	for (unsigned d = 0; d < DIGITS; d++) {
		size_t here = places[d];

		places[d] = place;
		place += here;
	}
	for (size_t i = 0; i < count; i++)
		to[places[digit(&from[i], shift)]++] = from[i];
}

const struct owned *owned_part(struct owned_list *l, size_t part, size_t *ret_count)
{
	/* Each was moved on to its end as it was filled. */
	size_t begin = part ? l->places[part - 1] : 0, count = l->places[part] - begin;
	struct owned *from = l->items + begin, *to = l->spare;

	*ret_count = count;
	if (count <= 1 || is_sorted(from, count))
		return from;
	if (count <= FEW) {
		sort_few(from, count);
		return from;
	}
	for (unsigned shift = 0; shift < l->shift; shift += DIGIT_BITS) {
		struct owned *other = from;

		sort_digit(from, to, count, shift);
		from = to;
		to = other;
	}
	return from;
}
