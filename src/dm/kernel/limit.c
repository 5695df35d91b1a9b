/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some ioctls of device-mapper wait without end: a device below that does not answer, a file
 * system with gigabytes to write before it can be frozen. Some of these waits end on a signal,
 * others on nothing; a thread in one of them keeps its whole process from ending. A library must
 * not install signal handlers, a process of its own may.
 */
#include "dm/kernel/limit.h"

#include "core/clock.h"
#include "core/util.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long an interrupted call may take to be over, before it is left alone. */
#define GRACE_MS 100
/* How often it is interrupted meanwhile: one that had not begun yet does not notice. */
#define POKE_MS 10
/* How soon a signal is seen. */
#define LOOK_MS 20
/* How long the helper waits for the next call: its copy of our memory is not to grow old. */
#define IDLE_MS 1000
/* Bytes both see, at least. What is not used takes no memory. */
#define SHARED_BYTES ((size_t)1 << 20)

/* Descriptors of the helper. */
enum { HELPER_SOCKET = 3, HELPER_FD, HELPER_FDS };

struct area {
	pid_t helper, follower;
	int result;
	_Alignas(64) char data[];
};

struct limit_helper {
	int socket; /* -1: it does not run */
	pid_t owner;
	struct area *area;
	size_t bytes; /* of the area */
	limit_fn run;
};

/* --- processes of our own --- */

/*
 * A process that is nobody's child, called @name: 1 in it, 0 in the caller, or -errno. @ret_pid
 * lies in memory that both see. It belongs to no terminal, and no signal of ours reaches it.
 */
static int detach(pid_t *ret_pid, const char *name)
{
	sigset_t all, before;
	pid_t middle;

	*ret_pid = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	middle = fork();
	if (middle == 0) {
		pid_t pid;

		setsid();
		prctl(PR_SET_NAME, name); /* both: whoever looks after the caller sees it */
		pid = fork();
		if (pid == 0)
			return 1;
		*ret_pid = pid;
		_exit(0);
	}
	while (middle > 0 && waitpid(middle, NULL, 0) < 0 && errno == EINTR)
		;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return *ret_pid > 0 ? 0 : -EAGAIN;
}

static void close_from(int first)
{
	if (close_range((unsigned)first, ~0U, 0) == 0)
		return;
	for (int fd = first; fd < 1024; fd++)
		close(fd);
}

/* Only these two stay open, as the numbers above; whoever waits for our output waits no more. */
static void keep_only(int socket, int fd)
{
	int high = fcntl(socket, F_DUPFD, 64), other = fd < 0 ? -1 : fcntl(fd, F_DUPFD, 64);
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; null >= 0 && i <= STDERR_FILENO; i++)
		dup2(null, i);
	dup2(high, HELPER_SOCKET);
	if (other >= 0)
		dup2(other, HELPER_FD);
	close_from(other >= 0 ? HELPER_FDS : HELPER_FD);
}

/* --- the helper's side --- */

static void poked(int number)
{
	(void)number;
}

/* SIGUSR1 interrupts, and does nothing else. */
static void be_interruptible(void)
{
	struct sigaction action = { .sa_handler = poked }; /* no SA_RESTART: it interrupts */
	sigset_t set;

	sigaction(SIGUSR1, &action, NULL);
	sigfillset(&set);
	sigdelset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* The next order; false where none comes any more. */
static bool next_order(limit_fn *ret)
{
	struct pollfd p = { .fd = HELPER_SOCKET, .events = POLLIN };
	ssize_t n;
	int r;

	do
		r = poll(&p, 1, IDLE_MS);
	while (r < 0 && errno == EINTR);
	/* From here on the other side is told; what it had sent before is still done. */
	if (r == 0)
		shutdown(HELPER_SOCKET, SHUT_RD);
	do
		n = recv(HELPER_SOCKET, ret, sizeof(*ret), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*ret);
}

/*
 * The helper's loop: an order, the request in shared memory, a byte back. It ends with its
 * socket.
 */
static _Noreturn void help(struct area *area)
{
	limit_fn run;

	be_interruptible();
	while (next_order(&run)) {
		area->result = run(HELPER_FD, area->data);
		if (send(HELPER_SOCKET, "", 1, MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

/* --- the caller's side --- */

static void stop_helper(struct limit_helper *h)
{
	if (h->socket >= 0 && h->owner == getpid())
		close(h->socket);
	h->socket = -1;
}

void limit_free(struct limit_helper *h)
{
	if (!h)
		return;
	stop_helper(h);
	munmap(h->area, h->bytes);
	free(h);
}

/*
 * Memory that both processes see: the request and its answer lie there, so that nothing is
 * copied.
 */
static int helper_new(size_t bytes, struct limit_helper **ret)
{
	struct limit_helper *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->socket = -1;
	h->bytes = bytes;
	h->area = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (h->area == MAP_FAILED) {
		free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

/*
 * Made anew for a larger request, and in a child of its owner: after a fork the memory is
 * another's.
 */
int limit_prepare(struct limit_helper **helper, size_t size, void **ret_shared)
{
	size_t bytes = SHARED_BYTES;
	int r = 0;

	while (bytes < size + sizeof(struct area))
		bytes *= 2;
	/* A child of the process that made it can't share it. */
	if (*helper && ((*helper)->bytes < bytes || (*helper)->owner != getpid())) {
		limit_free(*helper);
		*helper = NULL;
	}
	if (!*helper) {
		r = helper_new(bytes, helper);
		if (r == 0)
			(*helper)->owner = getpid();
	}
	if (r == 0)
		*ret_shared = (*helper)->area->data;
	return r;
}

/* Detached: it isn't a child that the caller's wait() could find. */
static int start(struct limit_helper *h, int fd)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	r = detach(&h->area->helper, "bedplate-helper");
	if (r > 0) {
		keep_only(pair[1], fd);
		help(h->area);
	}
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	h->socket = pair[0];
	return 0;
}

/* Give it an order; start it where it is not there, or has just gone. */
static int order(struct limit_helper *h, limit_fn run, int fd)
{
	int r = 0;

	h->area->result = -EIO; /* it was killed */
	for (int i = 0; i < 2; i++) {
		if (h->socket < 0)
			r = start(h, fd);
		if (r < 0)
			return r;
		if (send(h->socket, &run, sizeof(run), MSG_NOSIGNAL) == sizeof(run))
			return 0;
		stop_helper(h);
	}
	return -EAGAIN;
}

/* 0: it has answered, or is no more; -ETIMEDOUT; -EINTR: a signal of @stop has come. */
static int await(struct limit_helper *h, int64_t deadline, const struct signals *stop)
{
	struct pollfd p = { .fd = h->socket, .events = POLLIN };
	char byte;
	int r;

	for (;;) {
		int left = deadline_left(deadline);

		r = poll(&p, 1, stop && (left < 0 || left > LOOK_MS) ? LOOK_MS : left);
		if (r > 0)
			break;
		if (stop && signals_waiting(stop))
			return -EINTR;
		if (r == 0 && deadline_left(deadline) == 0)
			return -ETIMEDOUT;
	}
	if (recv(h->socket, &byte, 1, 0) != 1)
		stop_helper(h);
	return 0;
}

/*
 * Past the deadline or on a signal the helper is poked for GRACE_MS; a request that doesn't
 * end by that is left behind, with *ret_left.
 */
int limit_run(struct limit_helper *h, limit_fn run, int fd, int64_t deadline,
	      const struct signals *stop, bool *ret_left)
{
	int64_t grace;
	int why, r = order(h, run, fd);

	if (r < 0)
		return r;
	why = await(h, deadline, stop);
	if (why == 0)
		return h->area->result;
	grace = deadline_in(GRACE_MS);
	do {
		kill(h->area->helper, SIGUSR1);
		if (await(h, deadline_in(POKE_MS), NULL) == 0)
			return h->area->result == -EINTR ? why : h->area->result;
	} while (deadline_left(grace));
	*ret_left = true;
	return why;
}

int limit_finish(struct limit_helper *h)
{
	await(h, DEADLINE_NEVER, NULL);
	return h->area->result;
}

/*
 * Where the kernel can't be interrupted another process waits for the end and takes back
 * what came of it: the caller goes on.
 */
pid_t limit_follow(struct limit_helper *h, void (*run)(void *user), void *user)
{
	pid_t pid;
	int r = detach(&h->area->follower, "bedplate-undo");

	if (r < 0)
		return r;
	if (r > 0) {
		keep_only(h->socket, -1);
		h->socket = HELPER_SOCKET;
		h->owner = getpid();
		run(user);
		_exit(0);
	}
	pid = h->area->follower;
	limit_free(h);
	return pid;
}
