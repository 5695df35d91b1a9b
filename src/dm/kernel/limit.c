/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some ioctls of device-mapper wait without end (a thin volume whose pool is suspended, a
 * device below that does not answer). Most of these waits end on a signal. A library must not
 * install signal handlers, but the C library has one of its own: thread cancellation. So the
 * call runs in a thread that can be cancelled.
 */
#include "dm/kernel/limit.h"

#include "core/clock.h"
#include "core/util.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define STACK_BYTES (128 * 1024)
/* How long a cancelled thread may take to be gone, before it is left alone. */
#define GRACE_MS 100
/* How long it waits for the next call: a program that needs to be alone soon is. */
#define IDLE_MS 1000

/* All but @pid under @lock. Freed by the last of its two users, thread and caller. */
struct limit_worker {
	pthread_mutex_t lock;
	pthread_cond_t called, answered;
	pthread_t id;
	pid_t pid; /* of the process it was started in: a child has no copy of the thread */
	struct limit_job job;
	int result;
	bool busy; /* a job is there, or running */
	bool quit; /* the caller wants no more of it */
	bool gone; /* the thread touches nothing any more */
	unsigned users;
};

static void worker_unref(struct limit_worker *w)
{
	bool last;

	pthread_mutex_lock(&w->lock);
	last = --w->users == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	if (w->job.work)
		w->job.release(w->job.work);
	pthread_cond_destroy(&w->called);
	pthread_cond_destroy(&w->answered);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* Ends the thread's part, cancelled or not. */
static void leave(void *arg)
{
	struct limit_worker *w = arg;

	pthread_mutex_lock(&w->lock);
	w->gone = true;
	pthread_cond_signal(&w->answered);
	pthread_mutex_unlock(&w->lock);
	worker_unref(w);
}

/* Wait for @flag until @deadline: what it is then. Called with the lock held. */
static bool wait_for(struct limit_worker *w, pthread_cond_t *cond, const bool *flag,
		     bool wanted, int64_t deadline)
{
	struct timespec at = { .tv_sec = deadline / 1000,
			       .tv_nsec = deadline % 1000 * 1000000 };

	while (*flag != wanted && !w->quit && !w->gone) {
		if (deadline == DEADLINE_NEVER)
			pthread_cond_wait(cond, &w->lock);
		else if (pthread_cond_timedwait(cond, &w->lock, &at) == ETIMEDOUT)
			break;
	}
	return *flag == wanted;
}

/* Run the job that is there. It can be cancelled in the system call, and nowhere else. */
LIMIT_CANCELLABLE static void run_job(struct limit_worker *w)
{
	struct limit_job job = w->job;
	int result, old;

	pthread_mutex_unlock(&w->lock);
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	result = job.run(job.work);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old);
	pthread_mutex_lock(&w->lock);
	w->result = result;
	w->busy = false;
	pthread_cond_signal(&w->answered);
}

LIMIT_CANCELLABLE static void *thread(void *arg)
{
	struct limit_worker *w = arg;
	int old;

	/* Not while it waits: it would leave with the lock held. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_cleanup_push(leave, w);
	pthread_mutex_lock(&w->lock);
	while (wait_for(w, &w->called, &w->busy, true, clock_ms() + IDLE_MS))
		run_job(w);
	/* From here on no job may be given to it. */
	w->gone = true;
	pthread_mutex_unlock(&w->lock);
	pthread_cleanup_pop(1);
	return NULL;
}

/* Start it with all signals blocked, so that the program's own are not taken by it. */
static int start(struct limit_worker *w)
{
	sigset_t all, old;
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&w->id, &attr, thread, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r ? -EAGAIN : 0;
}

static int worker_new(struct limit_worker **ret)
{
	struct limit_worker *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;
	int r;

	if (!w)
		return -ENOMEM;
	w->users = 2;
	w->pid = getpid();
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->called, &attr);
	pthread_cond_init(&w->answered, &attr);
	pthread_condattr_destroy(&attr);
	r = start(w);
	if (r < 0) {
		w->users = 1;
		worker_unref(w);
		return r;
	}
	*ret = w;
	return 0;
}

/* Interrupt it: it is gone then, or left to a call that nothing interrupts. Called locked. */
static void interrupt(struct limit_worker *w)
{
	bool gone;

	pthread_cancel(w->id);
	gone = wait_for(w, &w->answered, &w->gone, true, clock_ms() + GRACE_MS);
	w->quit = true;
	pthread_cond_signal(&w->called);
	pthread_mutex_unlock(&w->lock);
	if (gone)
		pthread_join(w->id, NULL);
	else
		pthread_detach(w->id);
	worker_unref(w);
}

void limit_worker_free(struct limit_worker *w)
{
	if (!w)
		return;
	/* In a child of the process it was started in there is only this memory. */
	if (w->pid != getpid()) {
		free(w);
		return;
	}
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->called);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->id, NULL);
	worker_unref(w);
}

/* A worker that waits for a job, locked. */
static int worker_ready(struct limit_worker **worker)
{
	struct limit_worker *w = *worker;
	int r;

	if (w && w->pid == getpid()) {
		pthread_mutex_lock(&w->lock);
		if (!w->gone)
			return 0;
		pthread_mutex_unlock(&w->lock);
	}
	limit_worker_free(w);
	*worker = NULL;
	r = worker_new(worker);
	if (r == 0)
		pthread_mutex_lock(&(*worker)->lock);
	return r;
}

int limit_run(struct limit_worker **worker, struct limit_job take_job, int64_t deadline,
	      void (*finished)(void *user, void *work), void *user)
{
	struct limit_worker *w;
	int r = worker_ready(worker);

	if (r < 0) {
		take_job.release(take_job.work);
		return r;
	}
	w = *worker;
	w->job = take_job;
	w->busy = true;
	pthread_cond_signal(&w->called);
	if (!wait_for(w, &w->answered, &w->busy, false, deadline)) {
		interrupt(w);
		*worker = NULL;
		return -ETIMEDOUT;
	}
	r = w->result;
	w->job.work = NULL;
	pthread_mutex_unlock(&w->lock);
	finished(user, take_job.work);
	take_job.release(take_job.work);
	return r;
}
