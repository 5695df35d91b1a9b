/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Holding signals back while something must not be left half done. Promised: none but SIGKILL,
 * SIGSTOP and those of a fault reaches the calling thread between hold and release. Not promised:
 * what other threads of the program do with a signal that is sent to all of it.
 */
#ifndef DM_KERNEL_SIGNALS_H
#define DM_KERNEL_SIGNALS_H

#include <signal.h>

struct signals {
	sigset_t before; /* the thread's mask, to be put back */
	sigset_t
		stop; /* those that ask us to end: the program took them before, now they wait */
};

/* @inherit: whose wishes to end count, for a thread that has all blocked; NULL: the caller's. */
void signals_hold(struct signals *signals, const struct signals *inherit);
/* Those that came meanwhile arrive before this returns. */
void signals_release(const struct signals *signals);
/* One that asks us to end and has come; 0: none. */
int signals_waiting(const struct signals *signals);

#endif
