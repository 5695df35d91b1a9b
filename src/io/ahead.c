/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/ahead.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

struct io_ahead {
	struct io *io;
	io_verify_fn verify;
	const void *user;
	uint8_t *buffers;
	bool may_thread, running;
	pthread_t thread;
	pthread_mutex_t lock; /* over the rest */
	pthread_cond_t changed;
	/* Batches so far: the n-th is batches[n % IO_AHEAD_BATCHES]. */
	uint64_t asked, begun, taken;
	bool done[IO_AHEAD_BATCHES]; /* was read, and not taken yet */
	bool held;                   /* the last one taken is with the caller */
	bool stop;
	struct io_batch batches[IO_AHEAD_BATCHES];
};

static struct io_batch *batch_of(struct io_ahead *a, uint64_t n)
{
	return &a->batches[n % IO_AHEAD_BATCHES];
}

/* The thread is started by the second batch: what fits one is read sooner than that. */
int io_ahead_new(struct io *io, unsigned threads, io_verify_fn verify, const void *user,
		 struct io_ahead **ret)
{
	struct io_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->buffers = io_buffer_new(IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS);
	if (!a->buffers) {
		free(a);
		return -ENOMEM;
	}
	a->io = io;
	a->verify = verify;
	a->user = user;
	a->may_thread = threads > 1;
	for (size_t i = 0; i < IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS; i++)
		a->batches[i / IO_AHEAD_BLOCKS].requests[i % IO_AHEAD_BLOCKS].buf =
			a->buffers + i * IO_BLOCK;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	*ret = a;
	return 0;
}

/* The reader may be in the middle of a batch: it is waited for, as its buffers go. */
void io_ahead_free(struct io_ahead *a)
{
	if (!a)
		return;
	if (a->running) {
		pthread_mutex_lock(&a->lock);
		a->stop = true;
		pthread_cond_broadcast(&a->changed);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
	}
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a->buffers);
	free(a);
}

/* Read the next batch that nobody has begun, if there is any; the lock is held, but for that. */
static bool read_next(struct io_ahead *a)
{
	uint64_t n = a->begun;
	struct io_batch *batch = batch_of(a, n);

	if (n == a->asked)
		return false;
	a->begun++;
	pthread_mutex_unlock(&a->lock);
	batch->error = io_read_many(a->io, batch->requests, batch->nr);
	if (batch->error == 0)
		a->verify(a->user, batch);
	pthread_mutex_lock(&a->lock);
	a->done[n % IO_AHEAD_BATCHES] = true;
	pthread_cond_broadcast(&a->changed);
	return true;
}

/* The lock is held but while read_next() reads. */
static void *work(void *arg)
{
	struct io_ahead *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->stop)
		if (!read_next(a))
			pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

/* Signals are for the program's threads, not for ours. */
static void start(struct io_ahead *a)
{
	sigset_t all, old;

	(void)madvise(a->buffers, (size_t)IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS * IO_BLOCK,
		      MADV_POPULATE_WRITE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	a->running = pthread_create(&a->thread, NULL, work, a) == 0;
	a->may_thread = a->running; /* tried once */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct io_batch *io_ahead_batch(struct io_ahead *a)
{
	struct io_batch *batch = batch_of(a, a->asked);

	if (a->asked - a->taken + a->held == IO_AHEAD_BATCHES)
		return NULL;
	batch->nr = 0;
	return batch;
}

void io_ahead_ask(struct io_ahead *a)
{
	/* What is small is over sooner than a thread has begun. */
	if (!a->running && a->may_thread && a->asked == 1)
		start(a);
	pthread_mutex_lock(&a->lock);
	a->asked++;
	/* Waking costs as much as a batch does: not for each of them. */
	if (a->asked - a->begun >= IO_AHEAD_BATCHES / 2)
		pthread_cond_broadcast(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

struct io_batch *io_ahead_take(struct io_ahead *a)
{
	uint64_t n = a->taken;
	bool *done = &a->done[n % IO_AHEAD_BATCHES];

	a->held = false;
	if (n == a->asked)
		return NULL;
	pthread_mutex_lock(&a->lock);
	while (!*done) /* rather help than wait */
		if (!read_next(a))
			pthread_cond_wait(&a->changed, &a->lock);
	*done = false;
	pthread_mutex_unlock(&a->lock);
	a->taken++;
	a->held = true;
	return batch_of(a, n);
}
