/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See child.h. */
#include "commands/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#define EXIT_NOT_RUN     126
#define EXIT_NOT_FOUND   127
#define EXIT_SIGNAL_BASE 128
#define TICK_NS          500000000

/* From here on they are waited for, so that none comes between fork() and the wait. */
void child_signals_hold(struct child_signals *ret)
{
	sigemptyset(&ret->held);
	sigaddset(&ret->held, SIGCHLD);
	sigaddset(&ret->held, SIGHUP);
	sigaddset(&ret->held, SIGINT);
	sigaddset(&ret->held, SIGQUIT);
	sigaddset(&ret->held, SIGTERM);
	sigprocmask(SIG_BLOCK, &ret->held, &ret->before);
}

void child_signals_release(const struct child_signals *signals)
{
	sigprocmask(SIG_SETMASK, &signals->before, NULL);
}

/* --- the command's side --- */

static _Noreturn void become(struct cli *cli, const char **argv, pid_t parent,
			     const sigset_t *mask)
{
	/* A killed owner takes it along; what it has started itself can make no more devices. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_SCOPE);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (cli->json) /* standard output has the document */
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN);
}

/* --- ours --- */

/* Until the child ends; what others tell us by kill(1) is told to it. */
static int wait_for(pid_t child, const sigset_t *signals, void (*tick)(void *user), void *user)
{
	const struct timespec pause = { .tv_nsec = TICK_NS };

	for (;;) {
		siginfo_t info;
		int status, got = tick ? sigtimedwait(signals, &info, &pause)
				       : sigwaitinfo(signals, &info);

		if (got < 0 && errno == EAGAIN && tick)
			tick(user);
		if (got < 0)
			continue;
		if (got != SIGCHLD) {
			/* Those of the terminal reach all its processes without us. */
			if (info.si_code <= 0)
				kill(child, got);
			continue;
		}
		if (waitpid(child, &status, WNOHANG) != child)
			continue;
		return WIFSIGNALED(status) ? EXIT_SIGNAL_BASE + WTERMSIG(status)
					   : WEXITSTATUS(status);
	}
}

/* fflush(NULL) first: a buffer would be written twice otherwise. */
int child_run(struct cli *cli, const char **argv, const struct child_signals *signals,
	      void (*tick)(void *user), void *user)
{
	pid_t parent = getpid(), child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		become(cli, argv, parent, &signals->before);
	if (child < 0) {
		cli_failf(cli, argv[0], NULL, "no process for it: %s", strerror(errno));
		return EXIT_SCOPE;
	}
	return wait_for(child, &signals->held, tick, user);
}
