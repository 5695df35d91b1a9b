/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See owner_sets.h: each set is another one and a device, so that most of what they hold is shared. */
#include "formats/thin/owner_sets.h"

static int add_set(struct owner_sets *s, const struct owner_set *set)
{
	if (s->list.count >= INT32_MAX) /* users have a bit of their own */
		return -ENOMEM;
	s->most = MAX(s->most, set->count);
	return vec_add(&s->list, set);
}

int owner_sets_init(struct owner_sets *s, size_t nr_devices)
{
	const struct owner_set empty = { 0 };
	int r = add_set(s, &empty);

	for (size_t i = 0; r == 0 && i < nr_devices; i++) {
		const struct owner_set one = { .device = (uint32_t)i, .count = 1 };

		r = add_set(s, &one);
	}
	return r;
}

void owner_sets_done(struct owner_sets *s)
{
	vec_done(&s->list);
	free(s->devices);
	s->devices = NULL;
}

/* Leaves that lie beside each other are had by the same devices: what the last one became is kept. */
int owner_sets_add(struct owner_sets *s, uint32_t *set, uint32_t device)
{
	const struct owner_set *old = &s->list.items[*set];
	const struct owner_set new = {
		.before = *set,
		.device = device,
		.count = old->count + 1,
	};
	int r = 0;

	if (*set == OWNER_SET_EMPTY) {
		*set = owner_set_of(device);
		return 0;
	}
	if (!old->next || old->next_device != device) {
		r = add_set(s, &new);
		if (r < 0)
			return r;
		s->list.items[*set].next = (uint32_t)s->list.count - 1;
		s->list.items[*set].next_device = device;
	}
	*set = s->list.items[*set].next;
	return 0;
}

int owner_sets_ready(struct owner_sets *s)
{
	s->devices = calloc((size_t)s->most + 1, sizeof(*s->devices));
	s->listed = OWNER_SET_EMPTY;
	return s->devices ? 0 : -ENOMEM;
}

const uint32_t *owner_sets_list(struct owner_sets *s, uint32_t set, uint32_t *ret_count)
{
	const struct owner_set *of = &s->list.items[set];

	*ret_count = of->count;
	if (s->listed == set)
		return s->devices;
	s->listed = set;
	for (uint32_t i = of->count; i > 0; i--) {
		s->devices[i - 1] = of->device;
		of = &s->list.items[of->before];
	}
	return s->devices;
}
