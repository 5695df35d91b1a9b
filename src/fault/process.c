/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes of a run: the program, below a first process of a namespace of its own, whose end takes
 * all others along, and which ends with the process that runs the scenario; commands that are
 * waited for; and the watchdog, which does the cleaning where a run is killed.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "fault/scenario.h"

#define SIGNALED   128
#define NOT_FOUND  127
#define CLEAN_MS   60000
#define BETWEEN_MS 300
#define GENTLE_MS  500 /* before I/O is made to fail: what is held back never ends by itself */
#define DONE       'd'

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? SIGNALED + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

static void default_signals(void)
{
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		signal(n, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become(const char *const *argv, int output)
{
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(NOT_FOUND);
}

/* Where the parent ends before its child has asked to be told, nobody tells. */
void process_end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(NOT_FOUND);
}

/* The same of a parent in another process namespace, which has no number here. */
static void end_with_outer(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (poll(&gone, 1, 0) != 0)
		_exit(NOT_FOUND);
}

/*
 * The first process: it waits for all, and ends with the program. What it would keep open is the run's: the
 * watchdog waits for the end of one.
 */
static _Noreturn void be_first(const char *const *argv, int output, int parent)
{
	pid_t child, ended;
	int status = 0;

	end_with_outer(parent);
	default_signals();
	setsid();
	/* In the run's own mount namespace: what it sees are its own processes. */
	(void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	child = fork();
	if (child == 0)
		become(argv, output);
	if (child < 0)
		_exit(NOT_FOUND);
	close_range(3, ~0u, 0);
	do {
		ended = wait(&status);
	} while (ended != child && (ended > 0 || errno == EINTR));
	_exit(status_of(status));
}

static dev_t device_of_proc(void)
{
	struct stat st;

	return stat("/proc", &st) < 0 ? 0 : st.st_dev;
}

/* A pid namespace: with its first process all that it started ends, daemons too. */
int program_start(struct bp_ctx *ctx, const char *const *argv, struct program *ret)
{
	int ends[2], parents_ns, self, r = 0;

	*ret = (struct program){ .pidfd = -1, .output = -1, .proc = device_of_proc() };
	if (pipe2(ends, O_CLOEXEC) < 0)
		return bp_fail(ctx, -errno, "pipe: %s", strerror(errno));
	/*
	 * Only the next child is in the new namespace; after it this process makes others as
	 * before.
	 */
	parents_ns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (parents_ns < 0 || self < 0 || unshare(CLONE_NEWPID) < 0)
		r = -errno;
	if (r == 0) {
		ret->pid = fork();
		if (ret->pid == 0)
			be_first(argv, ends[1], self);
		r = ret->pid < 0 ? -errno : 0;
	}
	close(ends[1]);
	if (parents_ns >= 0) {
		(void)!setns(parents_ns, CLONE_NEWPID);
		close(parents_ns);
	}
	closep(&self);
	if (r == 0)
		ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	if (r < 0) {
		close(ends[0]);
		return bp_fail(ctx, r, "the program can't be started: %s", strerror(-r));
	}
	ret->output = ends[0];
	return 0;
}

void program_kill(struct program *program)
{
	if (program->pid > 0)
		kill(program->pid, SIGKILL);
}

/*
 * 128 + signal, as shells have it. The program's /proc goes: in it there is no /proc/self for anybody else, and
 * what comes after the program (checks, whoever looks who holds a device) needs one.
 */
int program_wait(struct program *program)
{
	int status = 0;

	while (program->pid > 0 && waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (program->pid > 0 && program->proc && device_of_proc() != program->proc)
		(void)!umount2("/proc", MNT_DETACH);
	program->pid = 0;
	closep(&program->pidfd);
	program->pidfd = -1;
	return status_of(status);
}

/* Its output comes with the status; -errno where it could not be run. */
int run_command(const char *const *argv, struct strbuf *output)
{
	const pid_t self = getpid();
	char buf[4096];
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		process_end_with(self); /* nobody would wait for it */
		default_signals();
		become(argv, ends[1]);
	}
	close(ends[1]);
	while (pid > 0 &&
	       ((n = read(ends[0], buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0 && output)
			strbuf_add_len(output, buf, (size_t)n);
	close(ends[0]);
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status_of(status);
}

/* --- the watchdog --- */

/* What a run that was killed can leave. */
struct traces {
	const char *scope, *fault_state_dir;
	const struct bp_devno *target;
};

/* What a killed run leaves: faults first, then the scope. */
static void clean(const void *user)
{
	const struct traces *traces = user;
	const struct bp_fault_opts faults = {
		.size = sizeof(faults),
		.state_dir = traces->fault_state_dir,
	};
	const struct bp_scope_opts how = {
		.size = sizeof(how),
		.flags = BP_SCOPE_ERROR_TABLES,
		.timeout_ms = GENTLE_MS,
	};
	int64_t deadline = deadline_in(CLEAN_MS);
	struct bp_ctx *ctx;
	int r;

	if (bp_ctx_new(&ctx) < 0)
		return;
	/* First: what its processes wait for may be what a fault holds back. */
	while (traces->target->major &&
	       (r = bp_fault_heal(ctx, traces->target, 0, &faults, NULL)) < 0 && r != -ENXIO &&
	       deadline_left(deadline))
		clock_sleep_ms(BETWEEN_MS);
	do {
		r = bp_scope_gc(ctx, traces->scope, &how, NULL, NULL);
		if (r < 0 && r != -ENOENT)
			clock_sleep_ms(BETWEEN_MS);
	} while (r < 0 && r != -ENOENT && deadline_left(deadline));
	bp_fault_expire(ctx, &faults, NULL); /* forgets the devices that are gone */
	bp_ctx_free(ctx);
}

/*
 * Waits for its parent to say DONE or to end without a word. Signals that end a terminal's
 * programs don't end it.
 */
static _Noreturn void watch(int fd, watchdog_fn *remove, const void *user)
{
	int null = open("/dev/null", O_RDWR);
	char word = 0;

	setsid();
	prctl(PR_SET_NAME, "bedplate-watch");
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	while (read(fd, &word, 1) < 0 && errno == EINTR)
		;
	if (word != DONE)
		remove(user);
	_exit(0);
}

/* Forked twice, so that nobody has to wait for it. */
int watchdog_fork(struct bp_ctx *ctx, watchdog_fn *remove, const void *user,
		  struct watchdog *ret)
{
	int ends[2];
	pid_t pid;

	ret->fd = -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return bp_fail(ctx, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(ends[1]);
		if (fork() == 0)
			watch(ends[0], remove, user);
		_exit(0);
	}
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return bp_fail(ctx, -EAGAIN, "no process to clean up after a killed run");
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	ret->fd = ends[1];
	return 0;
}

int watchdog_start(struct bp_ctx *ctx, const char *scope, const struct bp_devno *target,
		   const char *fault_state_dir, struct watchdog *ret)
{
	const struct traces traces = { scope, fault_state_dir, target };

	return watchdog_fork(ctx, clean, &traces, ret);
}

/* It goes without doing anything. */
void watchdog_end(struct watchdog *watchdog)
{
	const char word = DONE;

	if (watchdog->fd < 0)
		return;
	(void)!write(watchdog->fd, &word, 1);
	close(watchdog->fd);
	watchdog->fd = -1;
}
