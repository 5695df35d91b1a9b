/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some ioctls of device-mapper wait without end (a thin volume whose pool is suspended, a
 * device below that does not answer). Most of these waits end on a signal. A library must not
 * install signal handlers, but the C library has one of its own: thread cancellation. So the
 * call runs in a thread that can be cancelled.
 */
#include "dm/limit.h"

#include "core/clock.h"
#include "core/util.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define STACK_BYTES (128 * 1024)
/* How long a cancelled thread may take to be gone, before it is left alone. */
#define GRACE_MS 100

struct run {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct limit_job job;
	int result;
	bool done, gone; /* the call came back; the thread will touch nothing any more */
	unsigned users;
};

static void run_unref(struct run *run)
{
	bool last;

	pthread_mutex_lock(&run->lock);
	last = --run->users == 0;
	pthread_mutex_unlock(&run->lock);
	if (!last)
		return;
	run->job.release(run->job.work);
	pthread_cond_destroy(&run->changed);
	pthread_mutex_destroy(&run->lock);
	free(run);
}

/* Ends the thread's part, cancelled or not. */
static void leave(void *arg)
{
	struct run *run = arg;

	pthread_mutex_lock(&run->lock);
	run->gone = true;
	pthread_cond_signal(&run->changed);
	pthread_mutex_unlock(&run->lock);
	run_unref(run);
}

static void *thread(void *arg)
{
	struct run *run = arg;
	int result, old;

	pthread_cleanup_push(leave, run);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	result = run->job.run(run->job.work);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
	pthread_mutex_lock(&run->lock);
	run->result = result;
	run->done = true;
	pthread_mutex_unlock(&run->lock);
	pthread_cleanup_pop(1);
	return NULL;
}

/* Wait for @flag until @deadline. Called with the lock held. */
static bool wait_for(struct run *run, const bool *flag, int64_t deadline)
{
	struct timespec at = { .tv_sec = deadline / 1000,
			       .tv_nsec = deadline % 1000 * 1000000 };

	while (!*flag) {
		if (deadline == DEADLINE_NEVER)
			pthread_cond_wait(&run->changed, &run->lock);
		else if (pthread_cond_timedwait(&run->changed, &run->lock, &at) == ETIMEDOUT)
			return *flag;
	}
	return true;
}

/* Start the thread with all signals blocked, so that the program's own are not taken by it. */
static int start(struct run *run, pthread_t *ret)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int cancel, r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* The state is inherited by nobody, but a new thread can be cancelled from its start.
	 */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	r = -pthread_create(ret, &attr, thread, run);
	pthread_setcancelstate(cancel, &cancel);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

static struct run *run_new(struct limit_job job)
{
	struct run *run = calloc(1, sizeof(*run));
	pthread_condattr_t attr;

	if (!run)
		return NULL;
	run->job = job;
	run->users = 2;
	pthread_mutex_init(&run->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&run->changed, &attr);
	pthread_condattr_destroy(&attr);
	return run;
}

int limit_run(struct limit_job take_job, int64_t deadline,
	      void (*finished)(void *user, void *work), void *user)
{
	struct run *run = run_new(take_job);
	bool gone, done;
	pthread_t id;
	int r;

	if (!run) {
		take_job.release(take_job.work);
		return -ENOMEM;
	}
	r = start(run, &id);
	if (r < 0) {
		run->users = 1;
		run_unref(run);
		return r == -EAGAIN ? r : -EAGAIN;
	}
	pthread_mutex_lock(&run->lock);
	gone = wait_for(run, &run->gone, deadline);
	if (!gone) {
		pthread_cancel(id);
		gone = wait_for(run, &run->gone, clock_ms() + GRACE_MS);
	}
	done = run->done;
	r = done ? run->result : -ETIMEDOUT;
	pthread_mutex_unlock(&run->lock);
	if (gone)
		pthread_join(id, NULL);
	else
		pthread_detach(id);
	if (done)
		finished(user, run->job.work);
	run_unref(run);
	return r;
}
