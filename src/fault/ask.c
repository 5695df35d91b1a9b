/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems that may never answer: where a device holds I/O back, to ask where a file or a journal lies may wait
 * for what only healing lets go on, in a way that no signal ends; and who would heal it may be who asks. So a
 * process of its own asks first, and is left alone where it does not come back: it ends when the device is healed.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <bedplate/targets_test.h>

#include "core/clock.h"
#include "fault/fault.h"

#define ASK_MS 3000 /* and what is held back for longer is held back */

static bool is_long(const struct bp_delay_path *path)
{
	return path && path->delay_ms >= ASK_MS;
}

static bool holds(const struct bp_segment *segment)
{
	const struct bp_delay *delay = segment->params;

	return delay && streq(segment->target, "delay") &&
	       (is_long(&delay->read) || is_long(delay->write) || is_long(delay->flush));
}

int fault_device_holds(struct bp_ctx *ctx, const struct bp_devno *dev, bool *ret)
{
	const struct bp_selector which = { .major = dev->major, .minor = dev->minor };
	struct bp_table *table;
	int r = bp_device_table(ctx, &which, 0, &table);

	*ret = false;
	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_table_count(table); i++)
		*ret |= holds(bp_table_get(table, i));
	bp_table_free(table);
	return 0;
}

/* With a context of its own, and nothing open that anybody waits for the end of but @fd. */
static _Noreturn void ask(fault_ask_fn *question, const void *user, int fd)
{
	int null = open("/dev/null", O_RDWR);
	struct bp_ctx *ctx;

	setsid();
	prctl(PR_SET_NAME, "bedplate-ask");
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (fd > 3)
		close_range(3, (unsigned)fd - 1, 0);
	close_range((unsigned)fd + 1, ~0u, 0);
	if (bp_ctx_new(&ctx) == 0)
		question(ctx, user);
	_exit(0);
}

/* Forked twice: nobody has to wait for it. The pipe's end is its own. */
static int start(struct bp_ctx *ctx, fault_ask_fn *question, const void *user, int *ret_fd)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return bp_fail(ctx, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		if (fork() == 0)
			ask(question, user, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return bp_fail(ctx, -EAGAIN, "no process to ask a file system");
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ret_fd = ends[0];
	return 0;
}

int fault_ask_first(struct bp_ctx *ctx, const struct bp_devno *dev, const char *what,
		    fault_ask_fn *question, const void *user)
{
	const int64_t deadline = deadline_in(ASK_MS);
	struct pollfd end = { .fd = -1, .events = POLLIN };
	bool held;
	int r = fault_device_holds(ctx, dev, &held);

	if (r == 0 && held)
		r = start(ctx, question, user, &end.fd);
	if (r < 0 || !held)
		return r;
	while ((r = poll(&end, 1, deadline_left(deadline))) < 0 && errno == EINTR)
		;
	close(end.fd);
	if (r > 0)
		return 0;
	bp_fail(ctx, -EBUSY,
		"'%s': its file system does not answer while a fault holds the device's I/O "
		"back",
		what);
	error_set_code(ctx, BP_E_BUSY);
	error_set_hint(ctx, "put this fault in before that one, or heal that one first");
	return -EBUSY;
}
