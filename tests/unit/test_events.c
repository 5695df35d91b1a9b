/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happens to devices: conditions of statuses, and a watch on the kernel in memory. */
#include "lib/fake_ctx.h"

#include "targets/grammar/condition.h"

#include <stdio.h>

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
	struct bp_watch *watch;
};

static const struct fake_disk disks[] = {
	{ "/dev/meta", 4 * MIB },
	{ "/dev/data", 64 * MIB },
	{ NULL, 0 },
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	fake_ctx(&w->ctx, &w->fake, disks);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_watch_close(w->watch);
	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

/* --- conditions: "kind about; kind about" --- */

static const struct {
	const char *target, *status, *conditions;
} rows[] = {
	{ "thin-pool", "0 10/1024 5/100 - rw discard_passdown queue_if_no_space - 256", "" },
	{ "thin-pool", "0 10/1024 90/100 - rw discard_passdown queue_if_no_space - 256",
	  "pool-low-water" },
	{ "thin-pool", "0 900/1024 5/100 - rw discard_passdown queue_if_no_space - 256",
	  "pool-metadata-low" },
	{ "thin-pool",
	  "0 10/1024 100/100 - out_of_data_space discard_passdown queue_if_no_space - 256",
	  "pool-low-water; pool-no-space" },
	{ "thin-pool", "0 1024/1024 5/100 - ro discard_passdown queue_if_no_space - 256",
	  "pool-metadata-low; pool-no-metadata; pool-read-only" },
	{ "thin-pool",
	  "0 10/1024 5/100 - ro discard_passdown queue_if_no_space needs_check 256",
	  "pool-needs-check; pool-read-only" },
	{ "thin-pool", "Fail", "pool-failed" },
	{ "thin", "128 127", "" },
	{ "thin", "Fail", "volume-failed" },
	{ "snapshot", "16/2048 16", "" },
	{ "snapshot", "Invalid", "snapshot-invalid" },
	{ "snapshot", "Overflow", "snapshot-overflow" },
	{ "snapshot-merge", "Merge failed", "snapshot-merge-failed" },
	{ "multipath", "2 0 0 0 2 1 A 0 1 0 8:16 A 0 E 0 1 0 8:32 F 3", "path-failed 8:32" },
	{ "multipath", "2 0 0 0 2 1 D 0 1 0 8:16 F 1 E 0 1 0 8:32 F 3",
	  "path-failed 8:16; path-failed 8:32; no-path" },
	{ "raid", "raid1 2 AA 2048/2048 idle 0 0 -", "" },
	{ "raid", "raid1 3 aD- 2048/2048 idle 0 0 -", "raid-degraded 1" },
	{ "raid", "raid1 2 AA 2048/2048 idle 8 0 -", "raid-mismatch" },
	{ "mirror", "2 8:0 8:16 4/4 1 AD 1 core", "raid-degraded 1" },
	{ "striped", "2 8:0 8:16 1 DA", "raid-degraded 0" },
	{ "vdo", "/dev/dm-0 normal - online online 100 1000", "" },
	{ "vdo", "/dev/dm-0 read-only - online online 100 1000", "vdo-read-only" },
	{ "vdo", "/dev/dm-0 recovering recovering online online 100 1000", "vdo-recovering" },
	{ "cache",
	  "8 20/1024 128 0/16 0 0 0 0 0 0 0 2 metadata2 writeback 2 migration_threshold 2048 "
	  "smq 0 rw -",
	  "cache-mode writeback smq" },
	{ "cache",
	  "8 20/1024 128 0/16 0 0 0 0 0 0 0 1 writethrough 2 migration_threshold 2048 cleaner "
	  "0 "
	  "ro needs_check",
	  "cache-mode writethrough cleaner; cache-needs-check; cache-read-only" },
	{ "cache", "Fail", "cache-failed" },
	{ "clone", "8 10/1024 8 64/128 0 0 0 rw", "" },
	{ "clone", "8 10/1024 8 128/128 0 0 0 ro", "clone-read-only; clone-done" },
	{ "clone", "Fail", "target-error" },
	{ "era", "Error", "target-error" },
	{ "writecache", "-5 100 50 0", "target-error" },
	{ "verity", "V", "" },
	{ "verity", "C", "corruption" },
	{ "integrity", "0 1000 -", "" },
	{ "integrity", "3 1000 -", "corruption" },
	{ "linear", "", "" },
	{ "verity", "what is this", "" },
	{ "no-such-target", "A", "" },
};

static void conditions(void **state)
{
	const struct bp_thin_pool pool = { .low_water_dblocks = 10 };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct conditions c = { 0 };
		char text[256] = "";

		assert_ok(conditions_of(w->ctx, rows[i].target, 0, rows[i].status,
					streq(rows[i].target, "thin-pool") ? &pool : NULL, &c));
		for (size_t k = 0; k < c.list.count; k++) {
			const struct condition *one = &c.list.items[k];
			size_t len = strlen(text);

			snprintf(text + len, sizeof(text) - len, "%s%s%s%s", k ? "; " : "",
				 bp_event_name(one->kind), *one->about ? " " : "", one->about);
			assert_true(*one->what && one->what[strlen(one->what) - 1] != '.');
		}
		assert_string_equal(text, rows[i].conditions);
		conditions_done(&c);
	}
}

static void names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < EVENT_KINDS; i++) {
		assert_non_null(bp_event_name((enum bp_event_kind)i));
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(bp_event_name((enum bp_event_kind)i),
						bp_event_name((enum bp_event_kind)k));
	}
	assert_null(bp_event_name((enum bp_event_kind)EVENT_KINDS));
}

/* --- watching --- */

static void begin(struct world *w, const struct bp_watch_opts *opts)
{
	assert_ok(bp_watch_open(w->ctx, opts, &w->watch));
}

/* The next event is this: "KIND NAME NR", with "-" in front where it ended. */
static void expect(struct world *w, const char *wanted)
{
	const struct bp_event *event;
	char text[160];

	assert_ok(bp_watch_next(w->watch, 20, &event));
	snprintf(text, sizeof(text), "%s%s %s %u", event->ended ? "-" : "",
		 bp_event_name(event->kind), event->device->name, event->device->event_nr);
	assert_string_equal(text, wanted);
}

static void nothing(struct world *w)
{
	const struct bp_event *event;

	assert_err(bp_watch_next(w->watch, 2, &event), ETIMEDOUT);
}

static void create(struct world *w, const char *name, const char *uuid)
{
	struct bp_create_opts opts = { .size = sizeof(opts), .uuid = uuid };
	struct bp_table *table;

	assert_ok(bp_table_parse(w->ctx, "0 8 zero\n", 0, &table));
	assert_ok(bp_device_create(w->ctx, name, table, &opts, NULL));
	bp_table_free(table);
}

static void remove_device(struct world *w, const char *name, uint32_t flags)
{
	struct bp_remove_opts opts = { .size = sizeof(opts), .flags = flags };
	struct bp_selector which = { .name = name };

	assert_ok(bp_device_remove(w->ctx, &which, &opts, NULL));
}

static void devices(void **state)
{
	struct world *w = *state;
	struct bp_selector b = { .name = "b" };
	const struct bp_event *event;

	create(w, "a", NULL);
	begin(w, NULL);
	nothing(w);
	create(w, "b", "U-b");
	fake_event(w->fake, "a");
	expect(w, "event a 1");
	expect(w, "created b 0");
	nothing(w);
	assert_ok(bp_device_rename(w->ctx, &b, "c", NULL));
	assert_ok(bp_watch_next(w->watch, 20, &event));
	assert_int_equal(event->kind, BP_EVENT_RENAMED);
	assert_string_equal(event->old_name, "b");
	assert_string_equal(event->device->name, "c");
	remove_device(w, "a", 0);
	expect(w, "removed a 1");
	/* The same name and number, another device. */
	fake_event(w->fake, "c");
	create(w, "a", NULL);
	remove_device(w, "c", 0);
	expect(w, "created a 0");
	expect(w, "removed c 0");
	nothing(w);
}

/* Events that come between two calls are all there at the next one. */
static void between_calls(void **state)
{
	struct world *w = *state;

	create(w, "a", NULL);
	create(w, "b", NULL);
	begin(w, NULL);
	fake_event(w->fake, "a");
	fake_event(w->fake, "b");
	fake_event(w->fake, "b");
	expect(w, "event a 1");
	expect(w, "event b 2");
	nothing(w);
}

static void deferred(void **state)
{
	struct bp_watch_opts opts = { .size = sizeof(opts), .interval_ms = 1 };
	struct world *w = *state;

	create(w, "a", NULL);
	fake_open(w->fake, "a", 1, BP_HOLDER_PROCESS);
	begin(w, &opts);
	remove_device(w, "a", BP_REMOVE_DEFERRED);
	nothing(w);
	fake_open(w->fake, "a", -1, BP_HOLDER_PROCESS);
	expect(w, "removed-deferred a 0");
}

static void pool(void **state)
{
	struct bp_watch_opts opts = { .size = sizeof(opts), .existing = true };
	struct world *w = *state;
	struct bp_pool *made;

	assert_ok(bp_pool_create(w->ctx, "pool", "/dev/meta", "/dev/data", NULL, &made));
	begin(w, &opts);
	nothing(w);
	fake_pool_mode(w->fake, "pool", "out_of_data_space");
	fake_event(w->fake, "pool");
	expect(w, "pool-no-space pool 1");
	nothing(w);
	/* It goes on: what is so already is not told again. */
	fake_event(w->fake, "pool");
	expect(w, "event pool 2");
	nothing(w);
	fake_pool_mode(w->fake, "pool", "rw");
	fake_event(w->fake, "pool");
	expect(w, "-pool-no-space pool 3");
	fake_pool_mode(w->fake, "pool", "Fail");
	fake_event(w->fake, "pool");
	expect(w, "pool-failed pool 4");
	nothing(w);
	/* States that are there already, when asked for. */
	bp_watch_close(w->watch);
	begin(w, NULL);
	nothing(w);
	bp_watch_close(w->watch);
	begin(w, &opts);
	expect(w, "pool-failed pool 4");
	nothing(w);
	bp_pool_close(made);
}

static void one_device(void **state)
{
	struct bp_selector which = { .name = "b" };
	struct bp_watch_opts opts = { .size = sizeof(opts), .which = &which };
	struct world *w = *state;

	assert_err(bp_watch_open(w->ctx, &opts, &w->watch), ENXIO);
	create(w, "a", NULL);
	create(w, "b", NULL);
	begin(w, &opts);
	fake_event(w->fake, "a");
	fake_event(w->fake, "b");
	expect(w, "event b 1");
	nothing(w);
	remove_device(w, "b", 0);
	expect(w, "removed b 1");
	create(w, "b", NULL);
	expect(w, "created b 0");
}

/* A request that fails is told; the watch loses nothing by it. */
static void failures(void **state)
{
	static const int kinds[] = { OP_ARM, OP_LIST, OP_STATUS };
	struct world *w = *state;
	const struct bp_event *event;

	create(w, "a", NULL);
	create(w, "b", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct bp_watch *none;

		fake_fail(w->fake, kinds[i], 1, EIO);
		assert_err(bp_watch_open(w->ctx, NULL, &none), EIO);
	}
	begin(w, NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		char wanted[32];

		fake_event(w->fake, "b");
		fake_fail(w->fake, kinds[i], kinds[i] == OP_STATUS ? 2 : 1, EIO);
		assert_err(bp_watch_next(w->watch, 20, &event), EIO);
		snprintf(wanted, sizeof(wanted), "event b %u", i + 1);
		expect(w, wanted);
		nothing(w);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(conditions), T(names), T(devices),    T(between_calls),
		T(deferred),   T(pool),  T(one_device), T(failures),
	};

	return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
