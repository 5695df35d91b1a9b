/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens together or not at all, on the kernel in memory: every verb, disturbed at each of its
 * requests by a failure, by a signal, by a request that outlives its limit, and by failures of the undo
 * behind it.
 * Afterwards all is as before, or as if nothing had disturbed it.
 */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "dm_verbs.h"

static volatile sig_atomic_t arrived;

static void take_signal(int number)
{
	arrived = number;
}

/* --- the disturbances --- */

struct disturbance {
	bool fails;       /* with EIO */
	int number;       /* a signal; 0: none */
	bool linger;      /* a request outlives its limit */
	bool carried_out; /* and succeeds after all */
};

static void arrange(struct world *w, const struct disturbance *d, unsigned nth)
{
	if (d->fails)
		fake_fail(w->fake, FAKE_ANY, nth, EIO);
	if (d->number)
		fake_signal(w->fake, nth, d->number);
	if (d->linger)
		fake_linger(w->fake, nth, d->carried_out);
}

/* The state after the verb alone. */
static char *undisturbed(size_t verb)
{
	struct world *w = world_new();
	char *after;

	assert_int_equal(verbs[verb].act(w), verbs[verb].r);
	after = fake_dump(w->fake);
	world_free(w);
	return after;
}

/* The order of devices is the fake's own affair: lines are compared as a set. */
static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted(const char *text)
{
	char *copy = strdup(text), *lines[256], *ret, *save = NULL;
	size_t count = 0;

	assert_non_null(copy);
	/* What belongs to a device stands indented behind it: one line of the set. */
	for (char *s = copy; (s = strchr(s, '\n')); s++)
		if (s[1] == ' ')
			*s = '\t';
	for (char *s = strtok_r(copy, "\n", &save); s; s = strtok_r(NULL, "\n", &save)) {
		assert_true(count < ARRAY_SIZE(lines));
		lines[count++] = s;
	}
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	ret = calloc(1, strlen(text) + 2);
	assert_non_null(ret);
	for (size_t i = 0; i < count; i++) {
		strcat(ret, lines[i]);
		strcat(ret, "\n");
	}
	free(copy);
	return ret;
}

static bool same(const char *a, const char *b)
{
	char *x = sorted(a), *y = sorted(b);
	bool ret = strcmp(x, y) == 0;

	free(x);
	free(y);
	return ret;
}

static void assert_same(const char *verb, const struct disturbance *d, unsigned nth,
			const char *got, const char *want)
{
	char *g = sorted(got), *s = sorted(want);

	if (strcmp(g, s) != 0)
		print_error("%s, failure %d, signal %d, linger %d %d, request %u:\n", verb,
			    d->fails, d->number, d->linger, d->carried_out, nth);
	assert_string_equal(g, s);
	free(g);
	free(s);
}

/* Returns whether there still was an nth request to disturb. */
static bool disturb(size_t verb, const struct disturbance *d, unsigned nth, const char *done)
{
	struct world *w = world_new();
	char *before, *after;
	bool disturbed, told;
	int r;

	arrived = 0;
	before = fake_dump(w->fake);
	arrange(w, d, nth);
	r = verbs[verb].act(w);
	disturbed = d->fails ? fake_failed(w->fake) : fake_disturbed(w->fake);
	fake_fail(w->fake, 0, 0, 0);
	fake_signal(w->fake, 0, 0);
	fake_linger(w->fake, 0, false);
	after = fake_dump(w->fake);
	/* A node in /dev that stays, and an undo that fails, are no failure of the verb but warned of. */
	told = d->fails && r == verbs[verb].r && bp_warnings_count(w->ctx) > 0;
	if (!told && !(r == -ETIMEDOUT && verbs[verb].final && same(after, done)))
		assert_same(verbs[verb].name, d, nth, after, r == 0 ? done : before);
	/* A signal that was held back has arrived by now, and is what it failed of. */
	if (disturbed && d->number)
		assert_int_equal(arrived, d->number);
	if (r < 0 && r != verbs[verb].r)
		assert_int_equal(r, d->fails ? -EIO : d->number ? -EINTR : -ETIMEDOUT);
	if (r < 0)
		assert_int_equal(bp_error_get(w->ctx)->errnum, -r);
	if (!verbs[verb].final && !told)
		assert_int_equal(bp_warnings_count(w->ctx), 0);
	free(before);
	free(after);
	world_free(w);
	return disturbed;
}

static void disturb_all(const struct disturbance *d, unsigned least)
{
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		char *done = undisturbed(i);
		unsigned nth = 1;

		while (disturb(i, d, nth, done))
			nth++;
		assert_true(nth > least);
		free(done);
	}
}

static void each_request_fails(void **state)
{
	struct disturbance d = { .fails = true };

	(void)state;
	disturb_all(&d, 1);
}

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

static void catch_signals(bool on)
{
	static struct sigaction before[ARRAY_SIZE(numbers)];
	struct sigaction action = { .sa_handler = take_signal };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], on ? &action : &before[i], on ? &before[i] : NULL);
}

static void signals_after_each_request(void **state)
{
	(void)state;
	catch_signals(true);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct disturbance d = { .number = numbers[i] };

		disturb_all(&d, 1);
	}
	catch_signals(false);
}

/* "No answer" is not "did not happen": the end is awaited, and what came of it is taken back. */
static void requests_outlive_their_limit(void **state)
{
	struct disturbance done = { .linger = true, .carried_out = true };
	struct disturbance not_done = { .linger = true };

	(void)state;
	disturb_all(&done, 1);
	disturb_all(&not_done, 1);
}

/* The undo behind a failure is followed to its end as well. */
static void undo_outlives_its_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		for (unsigned fail = 1; fail < 8; fail++)
			for (unsigned linger = 1; linger < 8; linger++) {
				struct disturbance d = { .linger = true, .carried_out = true };
				struct world *w = world_new();
				char *before = fake_dump(w->fake), *after;
				bool failed;
				int r;

				fake_fail(w->fake, OP_RESUME, fail, EIO);
				fake_linger(w->fake, linger, linger % 2);
				r = verbs[i].act(w);
				failed = fake_failed(w->fake);
				fake_fail(w->fake, 0, 0, 0);
				fake_linger(w->fake, 0, false);
				after = fake_dump(w->fake);
				/* It may fail as well: then that is told. */
				if (r < 0 && bp_warnings_count(w->ctx) == 0 && !verbs[i].final)
					assert_same(verbs[i].name, &d, fail * 100 + linger,
						    after, before);
				free(before);
				free(after);
				world_free(w);
				if (!failed)
					break;
			}
}

/* --- all at once, at random --- */

/* What comes in one trial: a signal, a request over its limit, a failure, or any of them. */
struct trial {
	size_t verb;
	int number, kind;
	unsigned signal_in, linger_in, fail_in;
	bool carried_out;
};

static uint64_t seed;

static unsigned below(unsigned limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((seed >> 33) % limit);
}

static struct trial draw_trial(void)
{
	static const int kinds[] = { OP_CREATE, OP_REMOVE, OP_RENAME,  OP_SUSPEND, OP_RESUME,
				     OP_LOAD,   OP_CLEAR,  OP_MESSAGE, FAKE_NODE,  OP_TABLE };
	struct trial t = { .verb = below(ARRAY_SIZE(verbs)) };

	t.number = numbers[below(ARRAY_SIZE(numbers))];
	t.kind = kinds[below(ARRAY_SIZE(kinds))];
	t.signal_in = below(2) ? 1 + below(16) : 0;
	t.linger_in = below(2) ? 1 + below(8) : 0;
	t.fail_in = below(2) ? 1 + below(4) : 0;
	t.carried_out = below(2);
	return t;
}

static void print_trial(const struct trial *t, int r)
{
	print_error(
		"%s: signal %d after request %u, %u lingers (%s), %u of kind %d fails: %d\n",
		verbs[t->verb].name, t->number, t->signal_in, t->linger_in,
		t->carried_out ? "done" : "not done", t->fail_in, t->kind, r);
}

/* As before, or done; where neither could be had, that was told. */
static bool trial_holds(struct world *w, const struct trial *t, int r, const char *before,
			const char *done)
{
	char *after = fake_dump(w->fake);
	bool told = bp_warnings_count(w->ctx) > 0;
	bool ret = told || same(after, r == 0 || r == verbs[t->verb].r ? done : before) ||
		   (verbs[t->verb].final && same(after, done));

	free(after);
	return ret;
}

static void one_trial(void)
{
	struct trial t = draw_trial();
	char *done = undisturbed(t.verb);
	struct world *w = world_new();
	char *before = fake_dump(w->fake);
	int r;

	arrived = 0;
	fake_signal(w->fake, t.signal_in, t.number);
	fake_linger(w->fake, t.linger_in, t.carried_out);
	fake_fail(w->fake, t.kind, t.fail_in, EIO);
	r = verbs[t.verb].act(w);
	fake_signal(w->fake, 0, 0);
	fake_linger(w->fake, 0, false);
	fake_fail(w->fake, 0, 0, 0);
	if (!trial_holds(w, &t, r, before, done)) {
		char *after = fake_dump(w->fake);

		print_trial(&t, r);
		assert_string_equal(after, r == 0 ? done : before);
	}
	free(before);
	free(done);
	world_free(w);
}

/* BEDPLATE_TRIALS=1000 and BEDPLATE_SEED make more and others of it. */
static void random_trials(void **state)
{
	const char *trials = getenv("BEDPLATE_TRIALS"), *other = getenv("BEDPLATE_SEED");
	unsigned nr = trials ? (unsigned)atoi(trials) : 300;

	(void)state;
	seed = other ? strtoull(other, NULL, 10) : 1;
	print_message("# %u trials, seed %" PRIu64 "\n", nr, seed);
	catch_signals(true);
	for (unsigned i = 0; i < nr; i++)
		one_trial();
	catch_signals(false);
}

/* Who follows is named; where there is nothing to take back nobody does. */
static void told(void **state)
{
	struct world *w = world_new();
	struct bp_selector old = { .name = "old" };

	(void)state;
	fake_linger(w->fake, 1, true);
	assert_err(bp_device_suspend(w->ctx, &old, NULL), ETIMEDOUT);
	assert_string_equal(bp_error_get(w->ctx)->cause,
			    "the kernel can't be interrupted in it: process 4711 waits for its "
			    "end, and takes back what comes of it");
	assert_int_equal(bp_error_get(w->ctx)->code, BP_E_TIMEOUT);
	fake_linger(w->fake, 1, true);
	assert_err(bp_device_message(w->ctx, &old, 0, "@stats_list", 1000, NULL), ETIMEDOUT);
	assert_string_equal(bp_error_get(w->ctx)->cause,
			    "the kernel can't be interrupted in it, and goes on");
	world_free(w);
}

/* --- the suspended window --- */

struct window {
	bool open;
	unsigned requests, widest;
};

static void watch(void *user, const char *room, const char *text)
{
	struct window *window = user;

	(void)room;
	if (strncmp(text, "suspend ", 8) == 0) {
		window->open = true;
		window->requests = 0;
	} else if (strncmp(text, "resume ", 7) == 0) {
		window->open = false;
	} else if (window->open) {
		window->requests++;
	}
	if (window->requests > window->widest)
		window->widest = window->requests;
}

/* Between suspend and resume is the message, and nothing else: also where ids are taken. */
static void window_is_small(void **state)
{
	struct bp_selector origin = { .name = "one" }, three = { .name = "three" };
	struct window window = { 0 };
	struct world *w = world_new();
	uint32_t id;

	(void)state;
	assert_ok(bp_pool_create_volume(w->pool, "three", 2048, NULL, NULL));
	assert_ok(bp_device_remove(w->ctx, &three, NULL, NULL));
	bp_ctx_set_log(w->ctx, watch, &window);
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, &id));
	assert_int_equal(id, 3);
	assert_int_equal(window.widest, 1);
	window = (struct window){ 0 };
	assert_ok(do_reload(w));
	assert_int_equal(window.widest, 0);
	assert_ok(do_grow(w));
	assert_int_equal(window.widest, 0);
	world_free(w);
}

/* An origin that somebody suspended stays so, and that is told. */
static void held_origin(void **state)
{
	struct bp_selector origin = { .name = "one" };
	struct world *w = world_new();
	struct bp_device_info info;

	(void)state;
	assert_ok(bp_device_suspend(w->ctx, &origin, NULL));
	assert_ok(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL));
	assert_ok(bp_device_info(w->ctx, &origin, &info));
	assert_true(info.suspended);
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "'one' is suspended already"));
	world_free(w);
}

/* An undo that is left, and ends well after all, finds nothing more to do. */
static void undo_runs_twice(void **state)
{
	struct world *w = world_new();
	char *before = fake_dump(w->fake), *after;

	(void)state;
	fake_fail(w->fake, FAKE_NODE, 2, EIO);
	fake_linger(w->fake, 2, true);
	assert_err(do_rename(w), EIO);
	assert_true(fake_failed(w->fake) && fake_disturbed(w->fake));
	assert_int_equal(bp_warnings_count(w->ctx), 0);
	after = fake_dump(w->fake);
	assert_true(same(before, after));
	free(before);
	free(after);
	world_free(w);
}

/* What can't be undone is told, by name. */
static void undo_fails(void **state)
{
	struct bp_selector origin = { .name = "one" };
	struct world *w = world_new();
	struct bp_device_info info;

	(void)state;
	fake_fail(w->fake, OP_MESSAGE, 1, EIO);
	assert_err(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL), EIO);
	assert_ok(bp_device_info(w->ctx, &origin, &info));
	assert_false(info.suspended);
	fake_fail_from(w->fake, OP_RESUME, EIO);
	assert_err(bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL), EIO);
	assert_true(bp_warnings_count(w->ctx) >= 1);
	assert_string_equal(bp_warning_get(w->ctx, 0),
			    "'one' is still suspended: Input/output error");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_fails),
		cmocka_unit_test(signals_after_each_request),
		cmocka_unit_test(requests_outlive_their_limit),
		cmocka_unit_test(undo_outlives_its_limit),
		cmocka_unit_test(random_trials),
		cmocka_unit_test(told),
		cmocka_unit_test(window_is_small),
		cmocka_unit_test(held_origin),
		cmocka_unit_test(undo_runs_twice),
		cmocka_unit_test(undo_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
