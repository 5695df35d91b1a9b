/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/turns.h"

#include <pthread.h>
#include <signal.h>

struct turns {
	turns_fn fn;
	void *user;
	unsigned nr_slots, may_threads, nr_threads;
	pthread_t threads[TURNS_THREADS_MAX];
	pthread_mutex_t lock; /* over the rest */
	pthread_cond_t changed;
	/* Slots so far: the n-th is slot n % nr_slots. */
	uint64_t asked, begun, taken;
	bool done[TURNS_SLOTS_MAX]; /* and not taken yet */
	bool held;                  /* the last one taken is with the caller */
	bool stop;
};

int turns_new(unsigned nr_slots, unsigned threads, turns_fn fn, void *user, struct turns **ret)
{
	struct turns *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->fn = fn;
	t->user = user;
	t->nr_slots = MIN(nr_slots, TURNS_SLOTS_MAX);
	t->may_threads = MIN(MAX(threads, 1u) - 1, MIN(t->nr_slots - 1, TURNS_THREADS_MAX));
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->changed, NULL);
	*ret = t;
	return 0;
}

/* Whoever is in the middle of a slot is waited for, as slots go. */
void turns_free(struct turns *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	for (unsigned i = 0; i < t->nr_threads; i++)
		pthread_join(t->threads[i], NULL);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Do the next slot that nobody has begun, if there is any; the lock is held, but for that. */
static bool do_next(struct turns *t)
{
	uint64_t n = t->begun;

	if (n == t->asked)
		return false;
	t->begun++;
	pthread_mutex_unlock(&t->lock);
	t->fn(t->user, (unsigned)(n % t->nr_slots));
	pthread_mutex_lock(&t->lock);
	t->done[n % t->nr_slots] = true;
	pthread_cond_broadcast(&t->changed);
	return true;
}

/* The lock is held but while do_next() does it. */
static void *work(void *arg)
{
	struct turns *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stop)
		if (!do_next(t))
			pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

/* Once. Fewer will do; signals are for the program's threads, not for ours. */
static void start(struct turns *t)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (t->nr_threads < t->may_threads &&
	       pthread_create(&t->threads[t->nr_threads], NULL, work, t) == 0)
		t->nr_threads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	t->may_threads = 0;
}

int turns_slot(const struct turns *t)
{
	if (t->asked - t->taken + t->held == t->nr_slots)
		return -1;
	return (int)(t->asked % t->nr_slots);
}

void turns_ask(struct turns *t)
{
	/* What is small is over sooner than a thread has begun. */
	if (t->may_threads > 0 && t->asked == 1)
		start(t);
	pthread_mutex_lock(&t->lock);
	t->asked++;
	/* Waking costs as much as little work does: not for each slot. */
	if (t->asked - t->begun >= t->nr_slots / 2)
		pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

int turns_take(struct turns *t)
{
	uint64_t n = t->taken;
	bool *done = &t->done[n % t->nr_slots];

	t->held = false;
	if (n == t->asked)
		return -1;
	pthread_mutex_lock(&t->lock);
	while (!*done) /* rather help than wait */
		if (!do_next(t))
			pthread_cond_wait(&t->changed, &t->lock);
	*done = false;
	pthread_mutex_unlock(&t->lock);
	t->taken++;
	t->held = true;
	return (int)(n % t->nr_slots);
}

void turns_give_back(struct turns *t)
{
	t->held = false;
}
