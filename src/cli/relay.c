/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See relay.h. One batch is being filled and one formatted: whoever is ready first waits. */
#include "cli/relay.h"

int relay_init(struct relay *r, size_t size,
	       void (*take)(void *user, const void *things, size_t count), void *user)
{
	*r = (struct relay){ .take = take, .user = user, .size = size };
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->change, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(r->batches); i++) {
		r->batches[i] = calloc(RELAY_BATCH, size);
		if (!r->batches[i])
			return -ENOMEM;
	}
	return 0;
}

static void *work(void *user)
{
	struct relay *r = user;
	unsigned batch = 0; /* that filled first is handed over first */

	pthread_mutex_lock(&r->lock);
	for (;;) {
		size_t count;

		while (!r->handed && !r->ended)
			pthread_cond_wait(&r->change, &r->lock);
		count = r->handed;
		if (!count)
			break;
		pthread_mutex_unlock(&r->lock);
		r->take(r->user, r->batches[batch], count);
		batch ^= 1;
		pthread_mutex_lock(&r->lock);
		r->handed = 0;
		pthread_cond_signal(&r->change);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

void relay_hand_over(struct relay *r)
{
	if (!r->tried)
		r->runs = pthread_create(&r->thread, NULL, work, r) == 0;
	r->tried = true;
	if (r->runs) {
		pthread_mutex_lock(&r->lock);
		while (r->handed)
			pthread_cond_wait(&r->change, &r->lock);
		r->handed = r->count;
		pthread_cond_signal(&r->change);
		pthread_mutex_unlock(&r->lock);
		r->filling ^= 1;
	} else {
		r->take(r->user, r->batches[r->filling], r->count);
	}
	r->count = 0;
}

static void join(struct relay *r)
{
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	pthread_cond_signal(&r->change);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
}

void relay_end(struct relay *r)
{
	if (r->runs)
		join(r);
	if (r->count)
		r->take(r->user, r->batches[r->filling], r->count);
	for (size_t i = 0; i < ARRAY_SIZE(r->batches); i++)
		free(r->batches[i]);
	pthread_cond_destroy(&r->change);
	pthread_mutex_destroy(&r->lock);
}
