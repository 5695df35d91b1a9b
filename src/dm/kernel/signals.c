/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See signals.h. A library must not install handlers: it blocks, and looks what is pending. */
#include "dm/kernel/signals.h"

#include <pthread.h>

#include "core/util.h"

/* What a person or a service manager ends a program with. */
static const int stops[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
/* Of a fault in this very thread: blocking them would only make it end without a word. */
static const int faults[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };

/*
 * All but faults are blocked until the transaction is over. .stop are those that would have
 * ended us: they take it back.
 */
void signals_hold(struct signals *signals, const struct signals *inherit)
{
	sigset_t hold;

	sigfillset(&hold);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		sigdelset(&hold, faults[i]);
	pthread_sigmask(SIG_BLOCK, &hold, &signals->before);
	sigemptyset(&signals->stop);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		if (!sigismember(&signals->before, stops[i]))
			sigaddset(&signals->stop, stops[i]);
	if (inherit)
		signals->stop = inherit->stop;
}

void signals_release(const struct signals *signals)
{
	pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

int signals_waiting(const struct signals *signals)
{
	struct sigaction action;
	sigset_t pending;

	if (sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++)
		/* A blocked signal waits even where it will be ignored, as under nohup. */
		if (sigismember(&pending, stops[i]) && sigismember(&signals->stop, stops[i]) &&
		    sigaction(stops[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			return stops[i];
	return 0;
}
