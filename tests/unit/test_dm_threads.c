/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads with a context each never meet: to be run with -Db_sanitize=thread too. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "core/clock.h"
#include "dm/kernel/limit.h"
#include "fake/ops_fake.h"

#define DEVICES 100

struct job {
	struct bp_ctx *ctx;
	const char *prefix;
	int bad; /* calls that did not go as they should */
};

static void one_device(struct job *job, int i)
{
	struct bp_table *table = NULL, *read = NULL;
	char name[32];
	struct bp_selector which = { .name = name };

	snprintf(name, sizeof(name), "%s %d", job->prefix, i);
	job->bad += bp_table_parse(job->ctx, "0 8 zero\n", 0, &table) != 0;
	job->bad += bp_device_create(job->ctx, name, table, NULL, NULL) != 0;
	job->bad += bp_device_table(job->ctx, &which, 0, &read) != 0;
	bp_table_free(read);
	bp_table_free(table);
	/* A failure with its kernel lines, at the same time as the other's. */
	table = NULL;
	job->bad += bp_table_parse(job->ctx, "0 8 nosuch\n", 0, &table) != 0;
	job->bad += bp_device_create(job->ctx, "bad", table, NULL, NULL) == 0;
	bp_table_free(table);
	if (i % 2)
		job->bad += bp_device_remove(job->ctx, &which, NULL, NULL) != 0;
}

static void *work(void *arg)
{
	struct job *job = arg;

	for (int i = 0; i < DEVICES; i++)
		one_device(job, i);
	return NULL;
}

/* Both work on one kernel, each through a context of its own. */
static void two_contexts(void **state)
{
	struct job jobs[2] = { { .prefix = "one" }, { .prefix = "two" } };
	struct bp_device_list *list;
	pthread_t threads[2];
	struct fake *fake;

	(void)state;
	assert_ok(bp_ctx_new(&jobs[0].ctx));
	assert_ok(bp_ctx_new(&jobs[1].ctx));
	assert_ok(fake_new(jobs[0].ctx, &fake));
	assert_ok(fake_share(jobs[1].ctx, fake));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(jobs[0].bad + jobs[1].bad, 0);
	assert_ok(bp_device_list(jobs[0].ctx, &list));
	assert_int_equal(bp_device_list_count(list), DEVICES);
	bp_device_list_free(list);
	bp_ctx_free(jobs[0].ctx);
	bp_ctx_free(jobs[1].ctx);
}

/* --- many at once --- */

#define MANY 64

struct told {
	struct bp_ctx *ctx;
	size_t next;
	char text[2048];
};

static void tell(void *user, size_t index, int r, enum bp_removed removed)
{
	struct told *told = user;
	size_t len = strlen(told->text);

	assert_int_equal(index, told->next++);
	assert_int_equal(removed, BP_REMOVED);
	if (r < 0)
		snprintf(told->text + len, sizeof(told->text) - len, "%zu: %s\n", index,
			 bp_error_get(told->ctx)->message);
}

static void make(struct bp_ctx *ctx, const char *name, const char *text)
{
	struct bp_table *table;

	assert_ok(bp_table_parse(ctx, text, 0, &table));
	assert_ok(bp_device_create(ctx, name, table, NULL, NULL));
	bp_table_free(table);
}

/* Even numbers lie below, odd ones on the one before; lower ones are named first. */
static void make_many(struct bp_ctx *ctx, char (*names)[32], struct bp_selector *which)
{
	for (size_t i = 0; i < MANY; i++) {
		char text[64] = "0 8 zero\n";

		snprintf(names[i], sizeof(names[i]), "dev%zu", i);
		if (i % 2)
			snprintf(text, sizeof(text), "0 8 linear /dev/mapper/dev%zu 0\n",
				 i - 1);
		make(ctx, names[i], text);
		which[i] = (struct bp_selector){ .name = names[i] };
	}
}

static void remove_many(void **state)
{
	struct bp_selector which[MANY + 1] = { 0 };
	char names[MANY][32];
	struct bp_device_list *list;
	struct told told = { 0 };
	struct fake *fake;
	struct bp_ctx *ctx;
	size_t left;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(fake_new(ctx, &fake));
	told.ctx = ctx;
	make_many(ctx, names, which);
	assert_ok(bp_device_remove_many(ctx, which, MANY, NULL, tell, &told));
	assert_int_equal(told.next, MANY);
	assert_string_equal(told.text, "");

	/* One is in use, so that its lower one can't go either; one is not there. */
	make_many(ctx, names, which);
	which[MANY].name = "none";
	fake_open(fake, "dev7", 1, BP_HOLDER_MOUNT);
	told.next = 0;
	assert_err(bp_device_remove_many(ctx, which, MANY + 1, NULL, tell, &told), EBUSY);
	assert_string_equal(told.text, "6: remove 'dev6': it is in use\n"
				       "7: remove 'dev7': it is in use\n"
				       "64: info 'none': no such mapped device\n");
	assert_string_equal(bp_error_get(ctx)->device, "dev6");
	assert_int_equal(bp_error_get(ctx)->code, BP_E_BUSY);
	assert_non_null(strstr(bp_error_get(ctx)->cause, "dev7"));
	assert_ok(bp_device_list(ctx, &list));
	assert_int_equal(bp_device_list_count(list), 2);
	bp_device_list_free(list);

	/* All: what is used is not even tried. */
	assert_ok(bp_device_remove_all(ctx, NULL, &left));
	assert_int_equal(left, 2);
	fake_open(fake, "dev7", -1, BP_HOLDER_MOUNT);
	assert_ok(bp_device_remove_all(ctx, NULL, &left));
	assert_int_equal(left, 0);
	assert_ok(bp_device_remove_many(ctx, which, 0, NULL, NULL, NULL));
	bp_ctx_free(ctx);
}

/* The kernel fails one of them, whichever comes then: the others go. */
static void remove_one_fails(void **state)
{
	struct bp_selector which[MANY];
	char names[MANY][32];
	struct bp_device_list *list;
	struct fake *fake;
	struct bp_ctx *ctx;

	(void)state;
	assert_ok(bp_ctx_new(&ctx));
	assert_ok(fake_new(ctx, &fake));
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "dev%zu", i);
		make(ctx, names[i], "0 8 zero\n");
		which[i] = (struct bp_selector){ .name = names[i] };
	}
	fake_fail(fake, OP_REMOVE, 9, EIO);
	assert_err(bp_device_remove_many(ctx, which, MANY, NULL, NULL, NULL), EIO);
	assert_ok(bp_device_list(ctx, &list));
	assert_int_equal(bp_device_list_count(list), 1);
	assert_string_equal(bp_device_list_get(list, 0)->name, bp_error_get(ctx)->device);
	bp_device_list_free(list);
	bp_ctx_free(ctx);
}

/* --- calls with a limit --- */

struct work {
	int pause_ms, result;
	bool stubborn; /* does not end on a signal */
	bool done;
};

/* As a system call that a signal ends, or does not. */
static int run(int fd, void *shared)
{
	struct work *work = shared;
	struct timespec t = {
		.tv_sec = work->pause_ms / 1000,
		.tv_nsec = work->pause_ms % 1000 * 1000000L,
	};
	int r;

	(void)fd;
	do
		r = clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t);
	while (r == EINTR && work->stubborn);
	if (r)
		return -r;
	work->done = true;
	return work->result;
}

static int limited(struct limit_helper **helper, struct work work, int64_t limit_ms,
		   const struct signals *stop, bool *ret_done, bool *ret_left)
{
	void *shared;
	int r;

	assert_ok(limit_prepare(helper, sizeof(work), &shared));
	memcpy(shared, &work, sizeof(work));
	*ret_left = false;
	r = limit_run(*helper, run, -1, deadline_in(limit_ms), stop, ret_left);
	*ret_done = ((struct work *)shared)->done;
	return r;
}

static void limits(void **state)
{
	const struct work quick = { .pause_ms = 1, .result = -7 };
	struct limit_helper *helper = NULL;
	bool done, left;
	int64_t start;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(limited(&helper, (struct work){ 0 }, 5000, NULL, &done, &left), 0);
	assert_int_equal(limited(&helper, quick, -1, NULL, &done, &left), -7);
	assert_true(done && !left);
	/* Over the limit: it comes back at once, and the work has not been done. */
	start = clock_ms();
	assert_int_equal(
		limited(&helper, (struct work){ .pause_ms = 60000 }, 50, NULL, &done, &left),
		-ETIMEDOUT);
	assert_true(clock_ms() - start < 5000 && !done && !left);
	/* After that it takes the next order; and a child has one of its own. */
	assert_int_equal(limited(&helper, quick, 5000, NULL, &done, &left), -7);
	child = fork();
	if (child == 0) {
		int r = limited(&helper, quick, 5000, NULL, &done, &left);

		limit_free(helper);
		_exit(r == -7 && done ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* Idle, it goes by itself; the next call does not mind. */
	clock_sleep_ms(1200);
	assert_int_equal(limited(&helper, quick, 5000, NULL, &done, &left), -7);
	limit_free(helper);
}

/* One that can't be interrupted is left, and its real end can be had. */
static void left_alone(void **state)
{
	const struct work work = { .pause_ms = 600, .stubborn = true };
	struct limit_helper *helper = NULL;
	bool done, left;
	int64_t start = clock_ms();

	(void)state;
	assert_int_equal(limited(&helper, work, 20, NULL, &done, &left), -ETIMEDOUT);
	assert_true(clock_ms() - start < 600 && !done && left);
	assert_int_equal(limit_finish(helper), 0);
	limit_free(helper);
}

static void see_end(void *user)
{
	struct limit_helper **helper = user;

	_exit(limit_finish(*helper) == 0 ? 0 : 1);
}

/* A copy of the process sees the end of the call, and holds nothing of ours open. */
static void followed(void **state)
{
	const struct work work = { .pause_ms = 300, .stubborn = true };
	struct limit_helper *helper = NULL;
	bool done, left;
	int ends[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(limited(&helper, work, 20, NULL, &done, &left), -ETIMEDOUT);
	assert_true(left);
	assert_int_equal(pipe(ends), 0);
	pid = limit_follow(helper, see_end, &helper);
	assert_true(pid > 0);
	close(ends[1]);
	assert_int_equal(read(ends[0], &c, 1), 0);
	close(ends[0]);
	for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
		clock_sleep_ms(10);
	assert_int_equal(kill(pid, 0), -1);
}

static volatile sig_atomic_t caught;

static void take_signal(int number)
{
	caught = number;
}

/* A signal ends the wait, and arrives once it is let go. */
static void stopped(void **state)
{
	struct sigaction action = { .sa_handler = take_signal }, before;
	struct limit_helper *helper = NULL;
	struct signals signals;
	bool done, left;

	(void)state;
	sigaction(SIGTERM, &action, &before);
	signals_hold(&signals, NULL);
	assert_int_equal(
		limited(&helper, (struct work){ .pause_ms = 1 }, 5000, &signals, &done, &left),
		0);
	kill(getpid(), SIGTERM);
	assert_int_equal(limited(&helper, (struct work){ .pause_ms = 60000 }, 50000, &signals,
				 &done, &left),
			 -EINTR);
	assert_true(!done && !left && !caught);
	signals_release(&signals);
	assert_int_equal(caught, SIGTERM);
	/* One that the program ignores is none. */
	action.sa_handler = SIG_IGN;
	sigaction(SIGTERM, &action, NULL);
	signals_hold(&signals, NULL);
	kill(getpid(), SIGTERM);
	assert_int_equal(signals_waiting(&signals), 0);
	signals_release(&signals);
	sigaction(SIGTERM, &before, NULL);
	limit_free(helper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_contexts),     cmocka_unit_test(remove_many),
		cmocka_unit_test(remove_one_fails), cmocka_unit_test(limits),
		cmocka_unit_test(left_alone),       cmocka_unit_test(followed),
		cmocka_unit_test(stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
