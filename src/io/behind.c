/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/behind.h"

#include <pthread.h>
#include <signal.h>

#define NR_BUFFERS 4u

struct io_behind {
	struct io *io;
	uint8_t *buffers;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* over the rest */
	pthread_cond_t changed;
	/* Pieces so far; the n-th lies in buffer n % NR_BUFFERS. */
	uint64_t given, written;
	struct piece {
		bp_mblock first;
		size_t count;
	} pieces[NR_BUFFERS];
	bool stop;
	int error; /* 0, or the first */
	bp_mblock failed;
};

static uint8_t *buffer(struct io_behind *b, uint64_t n)
{
	return b->buffers + n % NR_BUFFERS * IO_BEHIND_BLOCKS * IO_BLOCK;
}

/*
 * The buffers are the caller's to fill, in turn; only what was given by io_behind_write()
 * is the thread's.
 */
int io_behind_new(struct io *io, struct io_behind **ret)
{
	struct io_behind *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->io = io;
	b->buffers = io_buffer_new(NR_BUFFERS * IO_BEHIND_BLOCKS);
	if (!b->buffers) {
		free(b);
		return -ENOMEM;
	}
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	*ret = b;
	return 0;
}

/*
 * What was given and not written yet is dropped: whoever wants it calls io_behind_wait()
 * before.
 */
void io_behind_free(struct io_behind *b)
{
	if (!b)
		return;
	if (b->running) {
		pthread_mutex_lock(&b->lock);
		b->stop = true;
		pthread_cond_broadcast(&b->changed);
		pthread_mutex_unlock(&b->lock);
		pthread_join(b->thread, NULL);
	}
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b->buffers);
	free(b);
}

uint8_t *io_behind_buffer(struct io_behind *b)
{
	return buffer(b, b->given);
}

/* Write piece @n; the lock is held, but for the writing. */
static void write_piece(struct io_behind *b, uint64_t n)
{
	struct piece piece = b->pieces[n % NR_BUFFERS];
	int r = b->error;

	if (r == 0) {
		pthread_mutex_unlock(&b->lock);
		r = io_write(b->io, piece.first, piece.count, buffer(b, n));
		pthread_mutex_lock(&b->lock);
		if (r < 0) {
			b->error = r;
			b->failed = piece.first;
		}
	}
	b->written++;
	pthread_cond_broadcast(&b->changed);
}

/* Pieces are written in the order in which they were given, one at a time. */
static void *work(void *arg)
{
	struct io_behind *b = arg;

	pthread_mutex_lock(&b->lock);
	while (!b->stop) {
		if (b->written < b->given)
			write_piece(b, b->written);
		else
			pthread_cond_wait(&b->changed, &b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

/* Signals are for the program's threads, not for ours. */
static void start(struct io_behind *b)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	b->running = pthread_create(&b->thread, NULL, work, b) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int io_behind_write(struct io_behind *b, bp_mblock first, size_t count)
{
	int r;

	/* What is small is over sooner than a thread has begun. */
	if (!b->running && count == IO_BEHIND_BLOCKS)
		start(b);
	pthread_mutex_lock(&b->lock);
	b->pieces[b->given % NR_BUFFERS] = (struct piece){ first, count };
	b->given++;
	if (b->running)
		pthread_cond_broadcast(&b->changed);
	else
		write_piece(b, b->written);
	while (b->given - b->written == NR_BUFFERS)
		pthread_cond_wait(&b->changed, &b->lock);
	r = b->error;
	pthread_mutex_unlock(&b->lock);
	return r;
}

/* All that was given is with the kernel, not on the disk: that is io_flush(). */
int io_behind_wait(struct io_behind *b)
{
	int r;

	pthread_mutex_lock(&b->lock);
	while (b->written < b->given)
		pthread_cond_wait(&b->changed, &b->lock);
	r = b->error;
	pthread_mutex_unlock(&b->lock);
	return r;
}

bp_mblock io_behind_failed(const struct io_behind *b)
{
	return b->failed;
}
