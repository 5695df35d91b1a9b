/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whoever changes a device's faults, killed after each request of it: what is listed then is what is so, and one heal
 * gives the device its own table again, running; also where that heal is killed at any point first.
 */
#include "fake_ctx.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <bedplate/fault.h>

#include "fake/fake.h"
#include "fault/fault.h"
#include "temp.h"

#define OWN "0 2048 linear 8:0 100\n"

/* How a process ended: what it was to be killed in was over before. */
#define OVER 3

static const struct fake_disk disks[] = { { "/dev/sda", MIB << 10 }, { NULL, 0 } };

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_devno dev;
	struct bp_fault_opts opts;
};

/* In a process of its own cmocka's assertions would go on with the next test. */
#define CHECK(cond) check(w, cond, #cond, __LINE__)
static void check(const struct world *w, bool so, const char *what, int line)
{
	if (so)
		return;
	fprintf(stderr, "line %d: %s; the last error: %s\n", line, what, bp_errmsg(w->ctx));
	_exit(1);
}

static int set(struct world *w, enum bp_fault_kind kind, bp_sector start, uint64_t *ret_id)
{
	const struct bp_fault_range range = { start, 8 };
	const struct bp_fault fault = {
		.size = sizeof(fault), .kind = kind, .ranges = &range, .nr_ranges = 1
	};

	return bp_fault_set(w->ctx, &w->dev, &fault, &w->opts, ret_id);
}

/* --- what is killed --- */

static void nothing_before(struct world *w)
{
	(void)w;
}

static void one_before(struct world *w)
{
	CHECK(set(w, BP_FAULT_SLOW, 0, NULL) == 0);
}

static void two_before(struct world *w)
{
	one_before(w);
	CHECK(set(w, BP_FAULT_ERROR, 100, NULL) == 0);
}

static int put_in(struct world *w)
{
	return set(w, BP_FAULT_DROP, 200, NULL);
}

static int heal_first(struct world *w)
{
	return bp_fault_heal(w->ctx, &w->dev, 1, &w->opts, NULL);
}

static int heal_all(struct world *w)
{
	return bp_fault_heal(w->ctx, &w->dev, 0, &w->opts, NULL);
}

static const struct change {
	void (*before)(struct world *w);
	int (*run)(struct world *w);
} changes[] = {
	{ nothing_before, put_in }, { one_before, put_in },   { two_before, put_in },
	{ one_before, heal_all },   { two_before, heal_all }, { two_before, heal_first },
};

static sigjmp_buf dead;

/* Not one of those that a change holds back. */
static void die(int number)
{
	(void)number;
	siglongjmp(dead, 1);
}

/*
 * As another process finds it: the kernel is what it was, nobody holds a lock. false: @run came to its end before its
 * request number @nth.
 */
static bool killed(struct world *w, int (*run)(struct world *w), unsigned nth)
{
	signal(SIGTRAP, die);
	if (!sigsetjmp(dead, 1)) {
		fake_signal(w->fake, nth, SIGTRAP);
		CHECK(run(w) == 0);
		fake_signal(w->fake, 0, 0);
		return false;
	}
	pthread_mutex_unlock(&w->fake->lock);
	close_range(3, ~0u, 0);
	CHECK(bp_ctx_new(&w->ctx) == 0);
	CHECK(fake_share(w->ctx, w->fake) == 0);
	return true;
}

/* --- what is there then --- */

static bool has_table(struct world *w, const char *text)
{
	struct bp_selector which = { .name = "x" };
	struct bp_table *t;
	char *got;
	bool is;

	CHECK(bp_device_table(w->ctx, &which, 0, &t) == 0);
	CHECK(bp_table_format(w->ctx, t, &got) == 0);
	is = strcmp(got, text) == 0;
	free(got);
	bp_table_free(t);
	return is;
}

static struct bp_device_info info(struct world *w)
{
	struct bp_selector which = { .name = "x" };
	struct bp_device_info i;

	CHECK(bp_device_info(w->ctx, &which, &i) == 0);
	return i;
}

/* What was half done is said to be; where nothing is said, nothing is to be done. */
static void check_list(struct world *w)
{
	struct bp_device_info i = info(w);
	struct bp_fault_list *list;

	CHECK(bp_fault_list(w->ctx, NULL, &w->opts, &list) == 0);
	CHECK(bp_fault_list_count(list) || has_table(w, OWN));
	CHECK(bp_fault_list_count(list) || (!i.suspended && !i.inactive_table));
	for (size_t n = 0; n < bp_fault_list_count(list); n++) {
		enum bp_fault_state state = bp_fault_list_get(list, n)->state;

		CHECK(state == BP_FAULT_ACTIVE || state == BP_FAULT_UNFINISHED);
		CHECK(state == BP_FAULT_UNFINISHED || (!i.suspended && !i.inactive_table));
		CHECK(state == BP_FAULT_UNFINISHED || !has_table(w, OWN));
	}
	bp_fault_list_free(list);
}

static void check_well(struct world *w)
{
	struct bp_device_info i = info(w);
	struct bp_fault_list *list;

	CHECK(has_table(w, OWN));
	CHECK(!i.suspended && !i.inactive_table);
	CHECK(bp_fault_list(w->ctx, NULL, &w->opts, &list) == 0);
	CHECK(bp_fault_list_count(list) == 0);
	bp_fault_list_free(list);
}

static void make_device(struct world *w)
{
	struct bp_device_info made;
	struct bp_table *t;

	CHECK(bp_table_parse(w->ctx, OWN, 0, &t) == 0);
	CHECK(bp_device_create(w->ctx, "x", t, NULL, &made) == 0);
	w->dev = (struct bp_devno){ made.major, made.minor };
	bp_table_free(t);
}

/* @again: where the heal afterwards is killed; 0: it is not. @more: a fault is put in first, by who comes next. */
static _Noreturn void live(struct world *w, const struct change *c, unsigned nth,
			   unsigned again, bool more)
{
	char path[128];
	bool over;

	make_device(w);
	fault_state_path(w->opts.state_dir, w->dev.major, w->dev.minor, path, sizeof(path));
	c->before(w);
	over = !killed(w, c->run, nth);
	check_list(w);
	if (more)
		CHECK(put_in(w) == 0);
	if (again && !killed(w, heal_all, again))
		over = true;
	check_list(w);
	CHECK(heal_all(w) == 0);
	check_well(w);
	CHECK(access(path, F_OK) < 0);
	_exit(over ? OVER : 0);
}

/* In a process and a directory of its own. */
static bool one(const struct change *c, unsigned nth, unsigned again, bool more)
{
	char dir[] = "/tmp/bedplate-killed.XXXXXX";
	struct world w;
	int status;
	pid_t pid;

	temp_dir(dir);
	fake_ctx(&w.ctx, &w.fake, disks);
	w.opts = (struct bp_fault_opts){
		.size = sizeof(w.opts),
		.state_dir = dir,
		/* the number of the machine's own root may be the fake device's */
		.flags = BP_FAULT_NO_KEEPER | BP_FAULT_SYSTEM,
	};
	pid = fork();
	if (pid == 0)
		live(&w, c, nth, again, more);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	bp_ctx_free(w.ctx);
	temp_remove(dir);
	if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != OVER))
		fail_msg("change %td, killed after request %u, then after %u: status %x",
			 c - changes, nth, again, (unsigned)status);
	return WEXITSTATUS(status) == 0;
}

static void killed_at_each_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		unsigned nth = 1;

		while (one(&changes[i], nth, 0, false) && one(&changes[i], nth, 0, true))
			assert_true(++nth < 100);
		assert_true(nth > 4);
	}
}

static void killed_again_while_it_is_healed(void **state)
{
	(void)state;
	for (unsigned nth = 1; nth < 100 && one(&changes[1], nth, 0, false); nth++)
		for (unsigned again = 1; one(&changes[1], nth, again, false); again++)
			assert_true(again < 100);
	for (unsigned nth = 1; nth < 100 && one(&changes[5], nth, 0, false); nth++)
		for (unsigned again = 1; one(&changes[5], nth, again, false); again++)
			assert_true(again < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_each_request),
		cmocka_unit_test(killed_again_while_it_is_healed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
