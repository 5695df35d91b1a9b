/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Threads with a context each never meet: to be run with -Db_sanitize=thread too. */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <pthread.h>
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
	int *released;
};

LIMIT_CANCELLABLE static int run(void *arg)
{
	const struct work *work = arg;
	struct timespec t = {
		.tv_sec = work->pause_ms / 1000,
		.tv_nsec = work->pause_ms % 1000 * 1000000L,
	};

	/* As a system call that a signal ends. */
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	return work->result;
}

static void release(void *arg)
{
	struct work *work = arg;

	(*work->released)++;
	free(work);
}

static void finished(void *user, void *arg)
{
	(void)arg;
	(*(int *)user)++;
}

static int limited(struct limit_worker **worker, int pause_ms, int result, int64_t limit_ms,
		   int *ret_released, int *ret_finished)
{
	struct work *work = calloc(1, sizeof(*work));
	struct limit_job job = { .run = run, .release = release, .work = work };

	assert_non_null(work);
	*work = (struct work){ .pause_ms = pause_ms,
			       .result = result,
			       .released = ret_released };
	*ret_released = *ret_finished = 0;
	return limit_run(worker, job, deadline_in(limit_ms), finished, ret_finished);
}

static void limits(void **state)
{
	struct limit_worker *worker = NULL;
	int released, done, status __attribute__((unused));
	pid_t child __attribute__((unused));
	int64_t start;

	(void)state;
	assert_int_equal(limited(&worker, 0, 0, 5000, &released, &done), 0);
	assert_true(released == 1 && done == 1);
	assert_int_equal(limited(&worker, 1, -EINVAL, -1, &released, &done), -EINVAL);
	assert_true(released == 1 && done == 1);
	/* Over the limit: it comes back at once, and the work is gone. */
	start = clock_ms();
	assert_int_equal(limited(&worker, 60000, 0, 50, &released, &done), -ETIMEDOUT);
	assert_true(clock_ms() - start < 5000);
	assert_true(released == 1 && done == 0);
	/* After that there is a new one; and a child has one of its own. */
	assert_int_equal(limited(&worker, 1, 0, 5000, &released, &done), 0);
#ifndef __SANITIZE_THREAD__ /* which does not let a child start threads */
	child = fork();
	if (child == 0) {
		bool good = limited(&worker, 1, -7, 5000, &released, &done) == -7 && done == 1;

		limit_worker_free(worker);
		_exit(good ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
#endif
	/* Idle, it goes by itself; the next call does not mind. */
	clock_sleep_ms(1200);
	assert_int_equal(limited(&worker, 1, 0, 5000, &released, &done), 0);
	limit_worker_free(worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_contexts),
		cmocka_unit_test(remove_many),
		cmocka_unit_test(remove_one_fails),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
