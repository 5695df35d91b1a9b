/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who heals a fault when its time is over: a process without parent, terminal or open files, in a
 * session of its own, so that nothing which ends the caller ends it too, but for what ends all (a
 * container, a machine). Told to go (SIGTERM, SIGINT, SIGHUP) it heals at once. It is there before
 * the fault is, and finds out by itself where the caller has died in between.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "core/clock.h"
#include "fault/fault.h"

#define TRIES       20
#define BETWEEN_MS  500
#define WAIT_MAX_MS 3600000
#define MS_A_SECOND 1000
#define NS_A_MS     1000000
#define GO          'g'
#define DIR_MAX     4096

/* What the process works on: copies, since nothing of the caller's context is touched. */
struct job {
	struct bp_devno dev;
	uint64_t id;
	int64_t since_ms, for_ms, until_ms;
	char dir[DIR_MAX], log[DIR_MAX];
	struct bp_fault_opts opts;
};

/*
 * It lives on when its parent's terminal goes; nothing else is kept open, so that no pipe
 * waits for it.
 */
static void detach_self(int keep)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_NAME, "bedplate-heal");
	if (chdir("/") < 0 || null < 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range((unsigned)MAX(keep + 1, 3), ~0u, 0);
}

/* Signals are waited for, not handled: ended by one it heals at once. */
static void hold_signals(sigset_t *set)
{
	sigset_t none;

	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigprocmask(SIG_BLOCK, set, NULL);
}

static int64_t left_ms(const struct job *job)
{
	return MAX(job->until_ms - fault_clock_ms(), (int64_t)0);
}

/* false: there is no fault. A caller that died has closed its end and said nothing. */
static bool wait_for_word(int fd)
{
	char word = GO;

	while (read(fd, &word, 1) < 0 && errno == EINTR)
		;
	close(fd);
	return word == GO;
}

/* Until the time is over, or a signal tells to go. The clock may go on while nothing runs. */
static void wait_until(const struct job *job, const sigset_t *set)
{
	int64_t left;

	while ((left = left_ms(job)) > 0) {
		int64_t ms = MIN(left, (int64_t)WAIT_MAX_MS);
		struct timespec t = { .tv_sec = (time_t)(ms / MS_A_SECOND),
				      .tv_nsec = (long)(ms % MS_A_SECOND * NS_A_MS) };

		if (sigtimedwait(set, NULL, &t) > 0)
			return;
	}
}

/* With a context of its own: the parent's is another process's. */
static int heal(const struct job *job)
{
	struct bp_ctx *ctx;
	int r = bp_ctx_new(&ctx);

	if (r < 0)
		return r;
	r = fault_heal_one(ctx, &job->dev, job->id, job->since_ms, &job->opts, NULL);
	bp_ctx_free(ctx);
	return r;
}

static void keep(struct job *job, int fd)
{
	sigset_t set;

	detach_self(fd);
	hold_signals(&set);
	job->opts.state_dir = job->dir;
	job->opts.log = *job->log ? job->log : NULL;
	if (!wait_for_word(fd))
		return;
	/* From here: what it took to put the fault in is none of its time. */
	job->until_ms = fault_clock_ms() + job->for_ms;
	wait_until(job, &set);
	for (int i = 0; i < TRIES && heal(job) < 0; i++)
		clock_sleep_ms(BETWEEN_MS);
}

/* It stands in the root directory, so that it holds no other. */
static int absolute(const char *path, char *ret)
{
	_cleanup_(freep) char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);
	int n = here ? snprintf(ret, DIR_MAX, "%s%s%s", here, *here ? "/" : "", path) : 0;

	return !here ? -errno : n >= DIR_MAX ? -ENAMETOOLONG : 0;
}

/* Paths are made absolute, as it changes its directory. */
static int job_init(struct job *job, const struct bp_devno *dev,
		    const struct fault_record *record, int64_t for_ms,
		    const struct bp_fault_opts *opts)
{
	int r;

	*job = (struct job){
		.dev = *dev,
		.id = record->id,
		.since_ms = record->since_ms,
		.for_ms = for_ms,
		.opts = *opts,
	};
	r = absolute(opts->state_dir, job->dir);
	return r < 0 || !opts->log ? r : absolute(opts->log, job->log);
}

/*
 * Forked twice: it is init's child, and nobody's zombie. The pipe tells it when the fault
 * is set, or that it never was.
 */
int fault_keeper_start(struct bp_ctx *ctx, const struct bp_devno *dev,
		       const struct fault_record *record, int64_t for_ms,
		       const struct bp_fault_opts *opts, struct fault_keeper *ret)
{
	struct job job;
	int ends[2];
	pid_t pid;
	int r = job_init(&job, dev, record, for_ms, opts);

	ret->fd = -1;
	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0)
		return bp_fail(ctx, r, "no process to heal it later: %s", strerror(-r));
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		if (fork() == 0)
			keep(&job, ends[0]);
		_exit(0);
	}
	close(ends[0]);
	if (pid < 0) {
		r = -errno;
		close(ends[1]);
		return bp_fail(ctx, r, "no process to heal it later: %s", strerror(-r));
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	ret->fd = ends[1];
	return 0;
}

void fault_keeper_release(struct fault_keeper *keeper, bool go)
{
	const char word = go ? GO : 'n';

	if (keeper->fd < 0)
		return;
	/* Where it can't be told it takes the end of the pipe for the same as GO. */
	(void)!write(keeper->fd, &word, 1);
	close(keeper->fd);
	keeper->fd = -1;
}
