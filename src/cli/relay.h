/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Formatting beside what finds out what is to be formatted: things are collected, and each batch is
 * handed to a thread that works on it while the next one is filled. Where there are few, or no
 * thread can be had, all is done by the caller. Their order stays.
 *
 *	struct relay relay;
 *
 *	relay_init(&relay, sizeof(struct thing), format, user);
 *	*(struct thing *)relay_add(&relay) = thing;
 *	relay_end(&relay);             all of them were formatted
 *
 * What @take writes to nobody else may use between these.
 */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include "cli/util.h"

#include <pthread.h>

#define RELAY_BATCH 2048u /* things: fits the second cache, twice */

struct relay {
	void (*take)(void *user, const void *things, size_t count);
	void *user;
	size_t size;
	char *batches[2];
	unsigned filling;
	size_t count; /* in that one */
	pthread_t thread;
	bool runs, tried;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t change;
	size_t handed; /* things of the other batch that the thread has not taken; 0: it is free */
	bool ended;
};

/* 0 or -ENOMEM. */
int relay_init(struct relay *r, size_t size,
	       void (*take)(void *user, const void *things, size_t count), void *user);
/* Once, also after -ENOMEM. */
void relay_end(struct relay *r);
void relay_hand_over(struct relay *r);

/* The place for the next thing, to be filled before the next call. */
static inline void *relay_add(struct relay *r)
{
	if (r->count == RELAY_BATCH)
		relay_hand_over(r);
	return r->batches[r->filling] + r->size * r->count++;
}

#endif
