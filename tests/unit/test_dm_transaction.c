/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens together or not at all, on the kernel in memory: every verb, disturbed at each of its
 * requests by a signal, by a request that outlives its limit, and by failures of the undo behind it.
 * Afterwards all is as before, or as if nothing had disturbed it.
 */
#include "unit.h"

#include <bedplate/bedplate.h>

#include <signal.h>
#include <stdio.h>

#include "core/context.h"
#include "fake/ops_fake.h"

#define MIB ((bp_bytes)1 << 20)

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_pool *pool;
};

static volatile sig_atomic_t arrived;

static void take_signal(int number)
{
	arrived = number;
}

static void make(struct world *w, const char *name, const char *text)
{
	struct bp_table *table;

	assert_ok(bp_table_parse(w->ctx, text, 0, &table));
	assert_ok(bp_device_create(w->ctx, name, table, NULL, NULL));
	bp_table_free(table);
}

/* Devices of all kinds: live, with an inactive table as well, held by somebody; a pool. */
static struct world *world_new(void)
{
	struct bp_selector held = { .name = "held" }, loaded = { .name = "loaded" };
	struct world *w = calloc(1, sizeof(*w));
	struct bp_table *table;

	assert_non_null(w);
	unsetenv("DM_DEV_DIR");
	assert_ok(bp_ctx_new(&w->ctx));
	assert_ok(fake_new(w->ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/meta", 8, 0, 4 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/data", 8, 16, 64 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/meta2", 8, 32, 4 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/other", 8, 48, 64 * MIB));
	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &w->pool));
	assert_ok(bp_pool_create_volume(w->pool, "one", 2048, NULL, NULL));
	assert_ok(bp_pool_create_volume(w->pool, "two", 2048, NULL, NULL));
	make(w, "old", "0 8 linear /dev/other 0\n8 8 zero\n");
	make(w, "loaded", "0 8 zero\n");
	assert_ok(bp_table_parse(w->ctx, "0 4 zero\n", 0, &table));
	assert_ok(bp_device_load(w->ctx, &loaded, table, NULL));
	bp_table_free(table);
	make(w, "held", "0 8 zero\n");
	assert_ok(bp_device_suspend(w->ctx, &held, NULL));
	return w;
}

static void world_free(struct world *w)
{
	bp_pool_close(w->pool);
	bp_ctx_free(w->ctx);
	free(w);
}

/* --- the verbs --- */

static int do_create(struct world *w)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = "u" };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 8 linear /dev/other 0\n8 8 zero\n", 0, &table));
	r = bp_device_create(w->ctx, "new", table, &opts, NULL);
	bp_table_free(table);
	return r;
}

static int reload_device(struct world *w, const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 16 linear /dev/other 0\n", 0, &table));
	r = bp_device_reload(w->ctx, &which, table, NULL);
	bp_table_free(table);
	return r;
}

static int do_reload(struct world *w)
{
	return reload_device(w, "old");
}

static int do_reload_loaded(struct world *w)
{
	return reload_device(w, "loaded");
}

static int do_reload_held(struct world *w)
{
	return reload_device(w, "held");
}

static int load_device(struct world *w, const char *name)
{
	struct bp_selector which = { .name = name };
	struct bp_table *table;
	int r;

	assert_ok(bp_table_parse(w->ctx, "0 16 linear /dev/other 0\n", 0, &table));
	r = bp_device_load(w->ctx, &which, table, NULL);
	bp_table_free(table);
	return r;
}

static int do_load(struct world *w)
{
	return load_device(w, "old");
}

static int do_load_loaded(struct world *w)
{
	return load_device(w, "loaded");
}

static int do_load_held(struct world *w)
{
	return load_device(w, "held");
}

static int do_clear(struct world *w)
{
	struct bp_selector which = { .name = "loaded" };

	return bp_device_clear(w->ctx, &which, NULL);
}

static int do_resume(struct world *w)
{
	struct bp_selector which = { .name = "held" };

	return bp_device_resume(w->ctx, &which, NULL);
}

static int do_suspend(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_suspend(w->ctx, &which, NULL);
}

static int do_wipe(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_wipe_table(w->ctx, &which, NULL);
}

static int do_rename(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_rename(w->ctx, &which, "renamed", NULL);
}

static int do_volume(struct world *w)
{
	return bp_pool_create_volume(w->pool, "three", 2048, NULL, NULL);
}

static int do_inactive(struct world *w)
{
	struct bp_volume_opts opts = { .size = sizeof(opts), .inactive = true };

	return bp_pool_create_volume(w->pool, NULL, 0, &opts, NULL);
}

static int do_snapshot(struct world *w)
{
	struct bp_selector origin = { .name = "one" };

	return bp_pool_snapshot(w->pool, &origin, "snap", NULL, NULL);
}

static int do_snapshot_group(struct world *w)
{
	static const struct bp_selector origins[] = { { .name = "one" }, { .name = "two" } };
	static const char *const names[] = { "snap1", "snap2" };

	return bp_pool_snapshot_group(w->pool, origins, names, 2, NULL, NULL);
}

static int do_pool(struct world *w)
{
	struct bp_pool_opts opts = { .size = sizeof(opts), .flags = BP_POOL_WIPE };

	fake_fill_bdev(w->fake, "/dev/meta2", 9);
	return bp_pool_create(w->ctx, "second", "/dev/meta2", "/dev/other", &opts, NULL);
}

static int do_grow(struct world *w)
{
	fake_resize_bdev(w->fake, "/dev/data", 128 * MIB);
	return bp_pool_grow(w->pool, 0, 0);
}

static int do_pool_remove(struct world *w)
{
	return bp_pool_remove(w->pool, NULL);
}

static int do_remove(struct world *w)
{
	struct bp_selector which = { .name = "old" };

	return bp_device_remove(w->ctx, &which, NULL, NULL);
}

/* A user that does not let go: what force has done is taken back. */
static int do_force(struct world *w)
{
	struct bp_selector which = { .name = "old" };
	struct bp_remove_opts opts = {
		.size = sizeof(opts),
		.flags = BP_REMOVE_FORCE | BP_REMOVE_RETRY,
		.timeout_ms = 30,
	};
	int r;

	fake_open(w->fake, "old", 1, BP_HOLDER_PROCESS);
	r = bp_device_remove(w->ctx, &which, &opts, NULL);
	fake_open(w->fake, "old", -1, BP_HOLDER_PROCESS);
	return r;
}

static int do_stack(struct world *w)
{
	static const char spec[] = "top,,,rw,0 8 linear /dev/mapper/below 0;"
				   "below,,,rw,0 8 linear /dev/other 0;beside,,,rw,0 8 zero";
	struct bp_stack *stack;
	int r;

	assert_ok(bp_concise_parse(w->ctx, spec, &stack));
	r = bp_stack_apply(w->ctx, stack, NULL);
	bp_stack_free(stack);
	return r;
}

static const struct {
	const char *name;
	int (*act)(struct world *w);
	int r;      /* undisturbed */
	bool final; /* its last step may not be taken back: it ends late, but as a whole */
} verbs[] = {
	{ "create", do_create, 0 },
	{ "reload", do_reload, 0 },
	{ "reload over an inactive table", do_reload_loaded, 0 },
	{ "reload of a suspended device", do_reload_held, 0 },
	{ "load", do_load, 0 },
	{ "load over an inactive table", do_load_loaded, 0 },
	{ "load of a suspended device", do_load_held, 0 },
	{ "clear", do_clear, 0, true },
	{ "resume", do_resume, 0, true },
	{ "suspend", do_suspend, 0 },
	{ "wipe-table", do_wipe, 0 },
	{ "rename", do_rename, 0 },
	{ "pool thin", do_volume, 0 },
	{ "pool thin, inactive", do_inactive, 0 },
	{ "pool snapshot", do_snapshot, 0 },
	{ "pool snapshot-group", do_snapshot_group, 0 },
	{ "pool create", do_pool, 0 },
	{ "pool grow", do_grow, 0, true },
	{ "pool remove", do_pool_remove, 0, true },
	{ "remove --force", do_force, -EBUSY },
	{ "stack", do_stack, 0 },
	{ "remove", do_remove, 0, true },
};

/* --- the disturbances --- */

struct disturbance {
	int number;       /* a signal; 0: none */
	bool linger;      /* a request outlives its limit */
	bool carried_out; /* and succeeds after all */
};

static void arrange(struct world *w, const struct disturbance *d, unsigned nth)
{
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
		print_error("%s, signal %d, linger %d %d, request %u:\n", verb, d->number,
			    d->linger, d->carried_out, nth);
	assert_string_equal(g, s);
	free(g);
	free(s);
}

/* Returns whether there still was an nth request to disturb. */
static bool disturb(size_t verb, const struct disturbance *d, unsigned nth, const char *done)
{
	struct world *w = world_new();
	char *before, *after;
	bool disturbed;
	int r;

	arrived = 0;
	before = fake_dump(w->fake);
	arrange(w, d, nth);
	r = verbs[verb].act(w);
	disturbed = fake_disturbed(w->fake);
	fake_signal(w->fake, 0, 0);
	fake_linger(w->fake, 0, false);
	after = fake_dump(w->fake);
	if (!(r == -ETIMEDOUT && verbs[verb].final && same(after, done)))
		assert_same(verbs[verb].name, d, nth, after, r == 0 ? done : before);
	/* A signal that was held back has arrived by now, and is what it failed of. */
	if (disturbed && d->number)
		assert_int_equal(arrived, d->number);
	if (r < 0 && r != verbs[verb].r)
		assert_int_equal(r, d->number ? -EINTR : -ETIMEDOUT);
	if (r < 0)
		assert_int_equal(bp_error_get(w->ctx)->errnum, -r);
	if (!verbs[verb].final)
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

static void signals_after_each_request(void **state)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = take_signal }, before[ARRAY_SIZE(numbers)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &action, &before[i]);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct disturbance d = { .number = numbers[i] };

		disturb_all(&d, 1);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &before[i], NULL);
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
		cmocka_unit_test(signals_after_each_request),
		cmocka_unit_test(requests_outlive_their_limit),
		cmocka_unit_test(undo_outlives_its_limit),
		cmocka_unit_test(told),
		cmocka_unit_test(window_is_small),
		cmocka_unit_test(held_origin),
		cmocka_unit_test(undo_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
