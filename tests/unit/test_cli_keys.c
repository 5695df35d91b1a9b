/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys come one by one, and however the program ends or stops, its terminal is as it was. */
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"
#include "cli/keys.h"

const struct cmd *const commands[] = { NULL };

/* A program that has a terminal of its own and tells each key in [], until 'q'. */
static _Noreturn void show_keys(void)
{
	char text[] = "[?]";
	int key = 0;

	alarm(30);
	if (!keys_take(STDIN_FILENO))
		exit(1);
	while (key != 'q') {
		key = keys_wait(10000);
		text[1] = key > 0 ? (char)key : '!';
		if (write(STDOUT_FILENO, text, 3) != 3)
			exit(2);
	}
	keys_give();
	exit(0);
}

/* A shell of one job: where that is stopped the terminal is the shell's until a line comes. */
static _Noreturn void run_job(void)
{
	pid_t job;
	char line[16];
	int status = 0;

	signal(SIGTTOU, SIG_IGN);
	job = fork();
	if (job == 0) {
		if (setpgid(0, 0) < 0 || tcsetpgrp(STDIN_FILENO, getpid()) < 0)
			exit(3);
		signal(SIGTTOU, SIG_DFL);
		show_keys();
	}
	while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
		if (tcsetpgrp(STDIN_FILENO, getpid()) < 0 ||
		    write(STDOUT_FILENO, "$", 1) != 1 ||
		    read(STDIN_FILENO, line, sizeof(line)) <= 0 ||
		    tcsetpgrp(STDIN_FILENO, job) < 0 || kill(job, SIGCONT) < 0)
			exit(4);
	}
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 5);
}

struct program {
	int fd;
	pid_t pid;
};

static tcflag_t modes(const struct program *p)
{
	struct termios now;

	assert_int_equal(tcgetattr(p->fd, &now), 0);
	return now.c_lflag & (ICANON | ECHO);
}

static void expect_modes(const struct program *p, tcflag_t wanted)
{
	for (unsigned i = 0; i < 1000 && modes(p) != wanted; i++)
		usleep(10000);
	assert_int_equal(modes(p), wanted);
}

static void start(struct program *p, void (*program)(void))
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT };

	p->pid = forkpty(&p->fd, NULL, NULL, NULL);
	if (p->pid == 0) {
		/* Who was started by nohup, or in the background of a script, ignores some. */
		for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
			signal(signals[i], SIG_DFL);
		program();
	}
	assert_true(p->pid > 0);
	expect_modes(p, 0);
}

/* Nothing but @wanted has come. */
static void expect_text(const struct program *p, const char *wanted)
{
	char text[64] = { 0 };
	size_t len = 0;

	while (len < strlen(wanted)) {
		ssize_t n = read(p->fd, text + len, sizeof(text) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_string_equal(text, wanted);
}

static void type(const struct program *p, const char *keys)
{
	assert_int_equal(write(p->fd, keys, strlen(keys)), strlen(keys));
}

static int end(const struct program *p)
{
	int status;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	close(p->fd);
	return status;
}

static void keys_come_at_once(void **state)
{
	struct program p;

	(void)state;
	start(&p, show_keys);
	type(&p, "s");
	expect_text(&p, "[s]");
	type(&p, "rq");
	expect_text(&p, "[r][q]");
	expect_modes(&p, ICANON | ECHO);
	assert_int_equal(end(&p), 0);
}

/* By the terminal's keys where it has one for it. */
static void ends_give_back(void **state)
{
	static const int ends[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct program p;
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		start(&p, show_keys);
		if (ends[i] == SIGINT)
			type(&p, "\003");
		else
			assert_int_equal(kill(p.pid, ends[i]), 0);
		expect_modes(&p, ICANON | ECHO);
		status = end(&p);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), ends[i]);
	}
}

/* ^Z gives the terminal to the shell as it was; "fg" takes it again, and the screen is to be shown again. */
static void stopping_gives_back(void **state)
{
	struct program p;

	(void)state;
	start(&p, run_job);
	for (unsigned i = 0; i < 2; i++) {
		type(&p, "\032");
		expect_text(&p, "$");
		assert_int_equal(modes(&p), ICANON | ECHO);
		type(&p, "\n");
		expect_text(&p, "\r\n[!]");
		expect_modes(&p, 0);
	}
	type(&p, "q");
	expect_text(&p, "[q]");
	expect_modes(&p, ICANON | ECHO);
	assert_int_equal(end(&p), 0);
}

/* Stopped without its knowledge it takes the terminal again all the same. */
static void going_on_takes_again(void **state)
{
	struct termios other;
	struct program p;
	int status;

	(void)state;
	start(&p, show_keys);
	assert_int_equal(kill(p.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(p.pid, &status, WUNTRACED), p.pid);
	assert_int_equal(tcgetattr(p.fd, &other), 0);
	other.c_lflag |= ICANON | ECHO;
	assert_int_equal(tcsetattr(p.fd, TCSANOW, &other), 0);
	assert_int_equal(kill(p.pid, SIGCONT), 0);
	expect_text(&p, "[!]");
	expect_modes(&p, 0);
	type(&p, "q");
	expect_text(&p, "[q]");
	assert_int_equal(end(&p), 0);
}

/* What is no terminal has none, and waiting is waiting. */
static void no_terminal_no_keys(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_false(keys_take(fds[0]));
	assert_int_equal(write(fds[1], "q", 1), 1);
	assert_int_equal(keys_wait(1), KEYS_NONE);
	keys_give();
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_at_once),   cmocka_unit_test(ends_give_back),
		cmocka_unit_test(stopping_gives_back), cmocka_unit_test(going_on_takes_again),
		cmocka_unit_test(no_terminal_no_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
