/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A system call that must not hold its caller for ever. */
#ifndef DM_KERNEL_LIMIT_H
#define DM_KERNEL_LIMIT_H

#include <stdint.h>

/*
 * What to run, and what it works on. @work is owned by the call from here on: @release frees
 * it, once nobody uses it any more, which may be after limit_run() has returned.
 */
struct limit_job {
	int (*run)(void *work); /* 0 or -errno; system calls only; LIMIT_CANCELLABLE */
	void (*release)(void *work);
	void *work;
};

/*
 * For the functions that a cancelled thread leaves half-way: what a sanitizer noted of their
 * frames would stay behind and be taken for the next frames' own.
 */
#define LIMIT_CANCELLABLE __attribute__((no_sanitize("address")))

/*
 * The thread that such calls run in, NULL: not there yet. It is kept for the next call, and
 * goes by itself when none comes for a second: programs need not know of it.
 */
struct limit_worker;

/*
 * Run it in the worker and wait. 0 or what it returned, with @finished called on the work
 * before its release; -ETIMEDOUT: the limit was over, so the system call was interrupted; where
 * the kernel does not let itself be interrupted, the worker is left to it. -EAGAIN: no thread
 * to be had.
 */
int limit_run(struct limit_worker **worker, struct limit_job take_job, int64_t deadline,
	      void (*finished)(void *user, void *work), void *user);
/* End a worker; NULL is allowed. */
void limit_worker_free(struct limit_worker *worker);

#endif
