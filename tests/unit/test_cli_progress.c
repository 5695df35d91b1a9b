/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bars are drawn: on a terminal, while work goes on, whoever says when which phase it is. */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

const struct cmd *const commands[] = { NULL };

/* A terminal whose other end is read here. */
struct terminal {
	int ours;
	struct cli cli;
	char text[4096];
	size_t len;
};

static void terminal_init(struct terminal *t)
{
	int theirs;

	*t = (struct terminal){ 0 };
	assert_int_equal(openpty(&t->ours, &theirs, NULL, NULL, NULL), 0);
	assert_int_equal(fcntl(t->ours, F_SETFL, O_NONBLOCK), 0);
	t->cli.err = fdopen(theirs, "w");
	assert_non_null(t->cli.err);
}

static void terminal_done(struct terminal *t)
{
	free(t->cli.progress);
	fclose(t->cli.err);
	close(t->ours);
}

/* What has come to it, all of it. */
static const char *said(struct terminal *t)
{
	ssize_t n = read(t->ours, t->text + t->len, sizeof(t->text) - 1 - t->len);

	t->len += n > 0 ? (size_t)n : 0;
	t->text[t->len] = '\0';
	return t->text;
}

enum titles { NO_TITLE, ONCE, EACH_TIME };

/* Work of two phases, as a library reports it; until both were seen, or for ten seconds. */
static void work(struct terminal *t, enum titles titles, uint64_t total, const char *wanted)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	static const char *const phases[] = { "reading", "writing" };

	for (size_t phase = 0; phase < ARRAY_SIZE(phases); phase++) {
		t->len = 0;
		if (titles == ONCE)
			cli_progress_title(&t->cli, phases[phase]);
		for (unsigned i = 0; i < 5000 && !strstr(said(t), wanted); i++) {
			if (titles == EACH_TIME)
				cli_progress_title(&t->cli, phases[phase]);
			assert_int_equal(cli_progress(&t->cli, total / 2, total), 0);
			nanosleep(&moment, NULL);
		}
		assert_non_null(strstr(t->text, wanted));
		if (titles != NO_TITLE)
			assert_non_null(strstr(t->text, phases[phase]));
	}
}

static void bars_are_drawn(void **state)
{
	static const struct {
		enum titles titles;
		uint64_t total;
		const char *wanted;
	} rows[] = {
		{ NO_TITLE, 100, "]  50%" },
		{ ONCE, 100, "]  50%" },
		{ EACH_TIME, 100, "]  50%" },
		{ EACH_TIME, 0, "Progress: 0 s so far" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct terminal t;

		terminal_init(&t);
		work(&t, rows[i].titles, rows[i].total, rows[i].wanted);
		t.len = 0;
		cli_progress_end(&t.cli);
		assert_string_equal(said(&t), "\r\033[K");
		cli_progress_end(&t.cli); /* once is enough */
		t.len = 0;
		assert_string_equal(said(&t), "");
		terminal_done(&t);
	}
}

static void quiet_is_quiet(void **state)
{
	struct terminal t;

	(void)state;
	terminal_init(&t);
	t.cli.quiet = true;
	cli_progress_title(&t.cli, "reading");
	assert_int_equal(cli_progress(&t.cli, 1, 2), 0);
	assert_null(t.cli.progress);
	terminal_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_are_drawn),
		cmocka_unit_test(quiet_is_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
