/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams of many wanted blocks. Workers take turns at a shared cursor; each reads
 * its batch into its own buffer and hands the blocks over while they are hot in its cache.
 */
#include "io/io.h"

#include <pthread.h>
#include <signal.h>

/* A run is joined over gaps of this size: reading them costs less than another call. */
#define GAP_BLOCKS  8
#define RUN_BLOCKS  64
#define MAX_WORKERS 64

struct stream {
	struct io *io;
	const struct bits *wanted;
	io_block_fn fn;
	void *user;
	pthread_mutex_t lock; /* over the rest */
	bp_mblock cursor;     /* wanted blocks below were taken */
	size_t index;         /* how many that were */
	int result;           /* 0, or what ended it: the lowest worker's word counts */
	unsigned result_worker;
};

struct worker {
	struct stream *stream;
	unsigned id;
	pthread_t thread;
	uint8_t *buf;
	struct io_run *runs;
	size_t nr_runs;
	size_t index; /* of the first wanted block in the batch */
	int r;
};

unsigned io_workers(const struct io *io, unsigned wanted_workers, uint64_t nr_wanted)
{
	uint64_t n = wanted_workers ? wanted_workers : io->workers;

	n = MIN(n, DIV_UP(nr_wanted, RUN_BLOCKS));
	return (unsigned)MIN(MAX(n, 1), MAX_WORKERS);
}

/* The next run of wanted blocks; false at the end. */
static bool take_run(struct stream *s, struct io_run *run)
{
	bp_mblock last, next;

	run->first = last = bits_next(s->wanted, s->cursor);
	if (last == s->wanted->count)
		return false;
	s->index++;
	for (;;) {
		next = bits_next(s->wanted, last + 1);
		if (next == s->wanted->count || next - last > GAP_BLOCKS ||
		    next - run->first >= RUN_BLOCKS ||
		    (run->first < s->io->nr_blocks && next >= s->io->nr_blocks))
			break;
		s->index++;
		last = next;
	}
	s->cursor = last + 1;
	run->count = (size_t)(last + 1 - run->first);
	return true;
}

/* Fill the worker's batch; a run past the end is one alone. */
static bool take_batch(struct worker *w)
{
	struct stream *s = w->stream;
	size_t used = 0;

	pthread_mutex_lock(&s->lock);
	w->index = s->index;
	w->nr_runs = 0;
	while (s->result == 0 && w->nr_runs < s->io->batch_runs &&
	       take_run(s, &w->runs[w->nr_runs])) {
		w->runs[w->nr_runs].buf = w->buf + used * IO_BLOCK;
		used += w->runs[w->nr_runs].count;
		w->nr_runs++;
		if (w->runs[w->nr_runs - 1].first >= s->io->nr_blocks)
			break;
	}
	pthread_mutex_unlock(&s->lock);
	return w->nr_runs > 0;
}

/* Of several failures the first worker's wins, so that a run ends alike each time. */
static void stop(struct worker *w, int r)
{
	struct stream *s = w->stream;

	pthread_mutex_lock(&s->lock);
	if (s->result == 0 || w->id < s->result_worker) {
		s->result = r;
		s->result_worker = w->id;
	}
	pthread_mutex_unlock(&s->lock);
}

/* Hand over the wanted blocks of one run. @failed: the batch was; find out which blocks. */
static int hand_over(struct worker *w, const struct io_run *run, bool failed)
{
	struct stream *s = w->stream;
	int r, error = 0;

	for (size_t i = 0; i < run->count; i++) {
		uint8_t *data = (uint8_t *)run->buf + i * IO_BLOCK;
		bp_mblock block = run->first + i;

		if (!bits_test(s->wanted, block))
			continue;
		if (failed)
			error = io_read(s->io, block, 1, data);
		r = s->fn(s->user, w->id, w->index++, block, error ? NULL : data, error);
		if (r)
			return r;
	}
	return 0;
}

/*
 * A batch that fails is handed over as failed, block by block: one bad block must not hide
 * its neighbours.
 */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct stream *s = w->stream;
	int r = 0;

	while (r == 0 && take_batch(w)) {
		bool failed = w->runs[w->nr_runs - 1].first >= s->io->nr_blocks ||
			      s->io->ops->read(s->io, w->runs, w->nr_runs) < 0;

		for (size_t i = 0; r == 0 && i < w->nr_runs; i++)
			r = hand_over(w, &w->runs[i], failed);
	}
	if (r)
		stop(w, r);
	return NULL;
}

static int worker_init(struct worker *w, struct stream *s, unsigned id, uint64_t nr_wanted)
{
	/* Small streams are many: they do with small buffers. */
	uint64_t most = MIN(s->io->batch_runs * RUN_BLOCKS, nr_wanted * GAP_BLOCKS);

	w->stream = s;
	w->id = id;
	w->buf = io_buffer_new((size_t)most);
	w->runs = calloc(s->io->batch_runs, sizeof(*w->runs));
	return w->buf && w->runs ? 0 : -ENOMEM;
}

/* Start workers 1 .. @nr - 1; signals are for the program's threads, not for ours. */
static unsigned start(struct worker *workers, unsigned nr)
{
	sigset_t all, old;
	unsigned i;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (i = 1; i < nr; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			break; /* fewer will do */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return i;
}

/*
 * The calling thread is worker 0: with one processor no thread is started. Threads that
 * can't be started are done without.
 */
int io_stream(struct io *io, const struct bits *wanted, unsigned workers, io_block_fn fn,
	      void *user)
{
	struct stream s = { .io = io, .wanted = wanted, .fn = fn, .user = user };
	uint64_t nr_wanted = bits_weight(wanted);
	unsigned nr = io_workers(io, workers, nr_wanted), started;
	_cleanup_(freep) struct worker *w = calloc(nr, sizeof(*w));
	int r = w ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < nr; i++)
		r = worker_init(&w[i], &s, i, nr_wanted);
	if (r == 0) {
		pthread_mutex_init(&s.lock, NULL);
		started = start(w, nr);
		work(&w[0]);
		for (unsigned i = 1; i < started; i++)
			pthread_join(w[i].thread, NULL);
		pthread_mutex_destroy(&s.lock);
		r = s.result;
	}
	for (unsigned i = 0; w && i < nr; i++) {
		free(w[i].buf);
		free(w[i].runs);
	}
	return r;
}
