/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/relay.h"

#include "core/cpus.h"

/* In any thread. */
static void format(void *user, unsigned slot)
{
	struct relay *r = user;
	struct relay_batch *b = &r->batches[slot];
	char *at = b->text;

	for (size_t i = 0; i < b->count; i++)
		at = r->how.format(b->state, b->things + i * r->how.thing_size, at);
	b->len = (size_t)(at - b->text);
}

int relay_init(struct relay *r, const struct relay_how *how)
{
	*r = (struct relay){ .how = *how };
	return turns_new(RELAY_BATCHES, cpus_available(), format, r, &r->turns);
}

/* Few things need one batch only. */
static int begin(struct relay *r, unsigned slot)
{
	struct relay_batch *b = &r->batches[slot];

	if (!b->things) {
		b->things = malloc(RELAY_BATCH * r->how.thing_size);
		b->text = malloc(RELAY_BATCH * r->how.max_bytes);
		b->state = calloc(1, r->how.state_size + RELAY_APART);
	}
	if (!b->things || !b->text || !b->state)
		return -ENOMEM;
	b->count = 0;
	r->filling = b;
	return 0;
}

/* The oldest text; false: there is none. */
static bool write_next(struct relay *r)
{
	int slot = turns_take(r->turns);

	if (slot < 0)
		return false;
	if (!r->error)
		r->error =
			r->how.write(r->how.user, r->batches[slot].text, r->batches[slot].len);
	turns_give_back(r->turns);
	return true;
}

int relay_hand_over(struct relay *r)
{
	if (r->filling)
		turns_ask(r->turns);
	r->filling = NULL;
	if (turns_slot(r->turns) < 0)
		write_next(r);
	if (!r->error)
		r->error = begin(r, (unsigned)turns_slot(r->turns));
	return r->error;
}

int relay_end(struct relay *r)
{
	if (r->filling)
		turns_ask(r->turns);
	while (r->turns && write_next(r))
		;
	turns_free(r->turns);
	for (size_t i = 0; i < RELAY_BATCHES; i++) {
		free(r->batches[i].things);
		free(r->batches[i].text);
		free(r->batches[i].state);
	}
	return r->error;
}
