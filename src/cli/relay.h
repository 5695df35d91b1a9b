/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Formatting beside what finds out what is to be formatted: things are collected, and each batch
 * becomes a text in any thread, while the next are filled. Texts are written by the caller's thread,
 * in the order of the things. Where these are few no thread is started.
 *
 *	struct relay relay;
 *
 *	relay_init(&relay, &how);
 *	*(struct thing *)relay_add(&relay) = thing;
 *	relay_end(&relay);             all of them were written
 */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include "cli/util.h"
#include "core/turns.h"

#define RELAY_BATCH   2048u /* things */
#define RELAY_BATCHES 8u
#define RELAY_APART   128u /* bytes between what several threads write to */

struct relay_how {
	size_t thing_size, state_size;
	size_t max_bytes; /* of a thing's text, which may be written over */
	/*
	 * Write a thing's text to @at, say where it ends. @state is a batch's, zero at first: what is
	 * worth keeping from thing to thing.
	 */
	char *(*format)(void *state, const void *thing, char *at);
	int (*write)(void *user, const char *text, size_t len);
	void *user;
};

struct relay {
	struct relay_how how;
	struct turns *turns;
	struct relay_batch {
		char *things; /* room for RELAY_BATCH; NULL: not used yet */
		char *text, *state;
		size_t count, len;
		char apart[RELAY_APART];
	} batches[RELAY_BATCHES];
	struct relay_batch *filling;
	int error; /* 0, or what write() or memory said first: nothing is written after it */
};

/* 0 or -ENOMEM. */
int relay_init(struct relay *r, const struct relay_how *how);
/* Once, also after -ENOMEM. Returns the first error. */
int relay_end(struct relay *r);
/* What is filled is formatted; the next is empty. 0 or the first error. */
int relay_hand_over(struct relay *r);

/*
 * The place for the next thing, to be filled before the next call. NULL where nothing more is
 * wanted: see relay.error.
 */
static inline void *relay_add(struct relay *r)
{
	struct relay_batch *b = r->filling;

	if (!b || b->count == RELAY_BATCH) {
		if (relay_hand_over(r) < 0)
			return NULL;
		b = r->filling;
	}
	return b->things + r->how.thing_size * b->count++;
}

#endif
