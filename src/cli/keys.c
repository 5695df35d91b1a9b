/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys while a screen is shown. No library of screens: a terminal's mode, and who may have it when. */
#include "cli/keys.h"

#include "cli/util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <termios.h>
#include <unistd.h>

/* Handlers are told nothing but the signal: where the terminal is stands here. */
static int terminal = -1;
static struct termios before, taken;

/* What ends a program from its terminal, and what stops it. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/* In the background the terminal is another's: to change it would stop us. */
static bool foreground(void)
{
	return terminal >= 0 && tcgetpgrp(terminal) == getpgrp();
}

static bool take(void)
{
	return foreground() && tcsetattr(terminal, TCSANOW, &taken) == 0;
}

static void give_back(void)
{
	if (foreground())
		tcsetattr(terminal, TCSANOW, &before);
}

/* Then the signal does what it would have done. */
static void give_and_end(int nr)
{
	give_back();
	raise(nr);
}

static void give_and_stop(int nr);

static void nothing(int nr)
{
	(void)nr; /* that it came ends the waiting */
}

/* Only what would do its default: whoever ignores or takes a signal has a reason. */
static void handle(int nr, void (*handler)(int), int flags, bool on)
{
	struct sigaction ours = { .sa_handler = handler, .sa_flags = flags }, is;

	if (sigaction(nr, NULL, &is) < 0 || (is.sa_flags & SA_SIGINFO) ||
	    is.sa_handler != (on ? SIG_DFL : handler))
		return;
	if (!on)
		ours = (struct sigaction){ .sa_handler = SIG_DFL };
	sigaction(nr, &ours, NULL);
}

static void handle_all(bool on)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		handle(ends[i], give_and_end, (int)SA_RESETHAND | SA_RESTART, on);
	handle(SIGTSTP, give_and_stop, SA_RESTART, on);
	handle(SIGCONT, nothing, SA_RESTART, on);
	handle(SIGWINCH, nothing, SA_RESTART, on);
}

/* It stops in here, and goes on from here; keys_wait() takes the terminal again. */
static void give_and_stop(int nr)
{
	int error = errno;
	sigset_t this;

	give_back();
	handle(nr, give_and_stop, 0, false);
	sigemptyset(&this);
	sigaddset(&this, nr);
	raise(nr);
	sigprocmask(SIG_UNBLOCK, &this, NULL);
	handle(nr, give_and_stop, SA_RESTART, true);
	errno = error;
}

bool keys_take(int fd)
{
	if (tcgetattr(fd, &before) < 0 || tcgetpgrp(fd) < 0)
		return false;
	taken = before;
	taken.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	taken.c_cc[VMIN] = 1;
	taken.c_cc[VTIME] = 0;
	terminal = fd;
	handle_all(true);
	take();
	return true;
}

/* A terminal at its end gives no more keys, and must not be asked again and again. */
static int read_key(void)
{
	unsigned char key;
	ssize_t n = read(terminal, &key, 1);

	if (n == 1)
		return key ? key : KEYS_AGAIN;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return KEYS_AGAIN;
	keys_give();
	return KEYS_AGAIN;
}

int keys_wait(int64_t ms)
{
	struct pollfd fd = { .fd = take() ? terminal : -1, .events = POLLIN };
	int r;

	r = poll(&fd, 1, (int)MIN(MAX(ms, 0), INT32_MAX));
	if (r < 0)
		return errno == EINTR ? KEYS_AGAIN : KEYS_NONE;
	return r ? read_key() : KEYS_NONE;
}

void keys_give(void)
{
	give_back();
	handle_all(false);
	terminal = -1;
}
