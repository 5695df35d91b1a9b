/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A system call that must not hold its caller for ever. It runs in a process of its own, which can
 * be interrupted, left alone where the kernel does not let itself be interrupted, and asked later
 * how it ended; it outlives the caller if it must. Promised: the caller is back soon after the
 * limit, and what is said to have failed has failed. Signals are held back by the caller.
 */
#ifndef DM_KERNEL_LIMIT_H
#define DM_KERNEL_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dm/kernel/signals.h"

/*
 * The process that such calls run in; NULL: not there yet. It is kept for the next call, and goes
 * by itself when none comes for a second: programs need not know of it.
 */
struct limit_helper;

/* What to run there, on memory that both see: 0 or -errno. System calls only. */
typedef int (*limit_fn)(int fd, void *shared);

/* That memory, at least @size bytes; what it held may be lost. 0 or -ENOMEM. */
int limit_prepare(struct limit_helper **helper, size_t size, void **ret_shared);

/*
 * Run it and wait: what it returned; -ETIMEDOUT or -EINTR (a signal that @stop has, NULL: none)
 * where it was interrupted and did nothing. @ret_left: it could not be interrupted and runs on:
 * then limit_finish() or limit_follow() come next. -EAGAIN: no process to be had.
 */
int limit_run(struct limit_helper *helper, limit_fn run, int fd, int64_t deadline,
	      const struct signals *stop, bool *ret_left);

/* Wait without limit for a call that was left: what it returned. */
int limit_finish(struct limit_helper *helper);

/*
 * Have @run(@user) run in one more process, a copy of this one in which only the helper's call
 * can be asked for (no descriptor is left open), and which ends with it. Returns its pid, with the
 * helper given over to it; or -errno.
 */
pid_t limit_follow(struct limit_helper *helper, void (*run)(void *user), void *user);

/* NULL is allowed. A call that was left is left for good. */
void limit_free(struct limit_helper *helper);

#endif
