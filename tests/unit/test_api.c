/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What holds for every function of the library: what frees takes NULL, and options are read as the
 * headers promise: a size that is not set is refused, and so is a member that this version does not
 * know, before anything is opened.
 */
#include "context_test.h"
#include "unit.h"

#include <bedplate/bedplate.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "fake/ops_fake.h"

/* --- freeing --- */

/* Does the name end so? */
static bool ends(const char *name, const char *end)
{
	size_t len = strlen(name), tail = strlen(end);

	return len > tail && streq(name + len - tail, end);
}

/* Those that end a part of a document need one. */
static bool frees(const char *name)
{
	return (ends(name, "_free") || ends(name, "_close")) && !ends(name, "_array_close") &&
	       !ends(name, "_object_close");
}

/* The library as programs see it lies beside the tests. */
static void *library(void)
{
	char path[PATH_MAX] = "";
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 32);

	assert_true(len > 0);
	path[len] = '\0';
	strcpy(strrchr(path, '/'), "/../../src/libbedplate.so");
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static void freeing_nothing(void **state)
{
	FILE *map = fopen(TEST_DATA "/../../src/libbedplate.map", "re");
	void *lib = library();
	size_t called = 0;
	char line[128];

	(void)state;
	assert_non_null(map);
	if (!lib) {
		fclose(map);
		skip(); /* only the tests were built */
	}
	while (fgets(line, sizeof(line), map)) {
		char *name = line + strspn(line, "\t ");
		void (*call)(void *) = NULL;
		void *symbol;

		name[strcspn(name, ";\n")] = '\0';
		symbol = frees(name) ? dlsym(lib, name) : NULL;
		memcpy(&call, &symbol, sizeof(call));
		if (!call)
			continue;
		call(NULL);
		called++;
	}
	fclose(map);
	dlclose(lib);
	assert_true(called > 30);
}

/* --- options --- */

/* A call with options whose size is @size, all else zero but a word behind them. */
union opts {
	size_t size;
	uint64_t words[128];
};

struct world {
	struct fake *fake;
	struct bp_table *table;
};

#define NOWHERE    "/nowhere/at/all"
#define OPTS(type) ((const struct type *)(const void *)opts)
#define WITH(type) static int with_##type(const union opts *opts, const struct world *w)

WITH(bp_table_check_opts)
{
	struct bp_findings *findings = NULL;
	int r = bp_table_check(ctx, w->table, OPTS(bp_table_check_opts), &findings);

	bp_findings_free(findings);
	return r;
}

WITH(bp_create_opts)
{
	return bp_device_create(ctx, "new", w->table, OPTS(bp_create_opts), NULL);
}

WITH(bp_change_opts)
{
	struct bp_selector which = { .name = "there" };

	(void)w;
	return bp_device_suspend(ctx, &which, OPTS(bp_change_opts));
}

WITH(bp_remove_opts)
{
	struct bp_selector which = { .name = "there" };

	(void)w;
	return bp_device_remove(ctx, &which, OPTS(bp_remove_opts), NULL);
}

WITH(bp_pool_opts)
{
	struct bp_pool *pool = NULL;
	int r = bp_pool_create(ctx, "pool", "/dev/meta", "/dev/data", OPTS(bp_pool_opts),
			       &pool);

	(void)w;
	bp_pool_close(pool);
	return r;
}

WITH(bp_thin_open_opts)
{
	struct bp_thin_meta *meta = NULL;

	(void)w;
	return bp_thin_open(ctx, NOWHERE, OPTS(bp_thin_open_opts), &meta);
}

WITH(bp_cache_open_opts)
{
	struct bp_cache_meta *meta = NULL;

	(void)w;
	return bp_cache_open(ctx, NOWHERE, OPTS(bp_cache_open_opts), &meta);
}

WITH(bp_era_open_opts)
{
	struct bp_era_meta *meta = NULL;

	(void)w;
	return bp_era_open(ctx, NOWHERE, OPTS(bp_era_open_opts), &meta);
}

/* Calls that take paths: none is there, and none is looked at before the options. */
#define BY_PATH(type, call)                                                                    \
	WITH(type)                                                                             \
	{                                                                                      \
		(void)w;                                                                       \
		return call;                                                                   \
	}
/* One struct for two calls. */
static int alike(int one, int other)
{
	assert_int_equal(one, other);
	return one;
}

#define RESULT(type) (&(struct type){ .size = sizeof(struct type) })

BY_PATH(bp_thin_generate_opts, bp_thin_generate(ctx, NOWHERE, OPTS(bp_thin_generate_opts)))
BY_PATH(bp_spoil_opts, alike(bp_thin_spoil(ctx, NOWHERE, OPTS(bp_spoil_opts)),
			     bp_cache_spoil(ctx, NOWHERE, OPTS(bp_spoil_opts))))
BY_PATH(bp_cache_generate_opts, bp_cache_generate(ctx, NOWHERE, OPTS(bp_cache_generate_opts)))
BY_PATH(bp_era_generate_opts, bp_era_generate(ctx, NOWHERE, OPTS(bp_era_generate_opts)))
BY_PATH(bp_thin_check_opts,
	bp_thin_check(ctx, NOWHERE, OPTS(bp_thin_check_opts), RESULT(bp_thin_check_result)))
BY_PATH(bp_cache_check_opts,
	bp_cache_check(ctx, NOWHERE, OPTS(bp_cache_check_opts), RESULT(bp_cache_check_result)))
BY_PATH(bp_era_check_opts,
	bp_era_check(ctx, NOWHERE, OPTS(bp_era_check_opts), RESULT(bp_era_check_result)))
BY_PATH(bp_thin_trim_opts, bp_thin_trim(ctx, NOWHERE, NOWHERE, OPTS(bp_thin_trim_opts),
					RESULT(bp_thin_trim_result)))
BY_PATH(bp_thin_pack_opts, bp_thin_pack(ctx, NOWHERE, NOWHERE, OPTS(bp_thin_pack_opts),
					RESULT(bp_thin_pack_result)))
BY_PATH(bp_vdo_check_opts,
	bp_vdo_check(ctx, NOWHERE, OPTS(bp_vdo_check_opts), RESULT(bp_vdo_check_result)))
BY_PATH(bp_cache_repair_opts, bp_cache_repair(ctx, NOWHERE, NOWHERE, OPTS(bp_cache_repair_opts),
					      RESULT(bp_cache_repair_result)))
BY_PATH(bp_era_repair_opts, bp_era_repair(ctx, NOWHERE, NOWHERE, OPTS(bp_era_repair_opts),
					  RESULT(bp_era_repair_result)))
BY_PATH(bp_cache_writeback_opts,
	bp_cache_writeback(ctx, NOWHERE, NOWHERE, NOWHERE, OPTS(bp_cache_writeback_opts),
			   RESULT(bp_cache_writeback_result)))
BY_PATH(bp_thin_shrink_opts,
	bp_thin_shrink(ctx, NOWHERE, NOWHERE, NULL, 1, OPTS(bp_thin_shrink_opts),
		       RESULT(bp_thin_shrink_result)))
BY_PATH(bp_thin_restore_opts,
	bp_thin_restore(ctx, -1, "none", NOWHERE, OPTS(bp_thin_restore_opts)))
BY_PATH(bp_cache_restore_opts,
	bp_cache_restore(ctx, -1, "none", NOWHERE, OPTS(bp_cache_restore_opts)))
BY_PATH(bp_era_restore_opts,
	bp_era_restore(ctx, -1, "none", NOWHERE, OPTS(bp_era_restore_opts)))

WITH(bp_thin_repair_opts)
{
	struct bp_thin_plan *plan = NULL;

	(void)w;
	return bp_thin_plan(ctx, NOWHERE, OPTS(bp_thin_repair_opts), &plan);
}

WITH(bp_output_opts)
{
	struct bp_output *output = NULL;
	int r = bp_output_new(ctx, "made", OPTS(bp_output_opts), &output);

	(void)w;
	bp_output_free(output);
	return r;
}

#define ROW(type)                                                                              \
	{                                                                                      \
#type, sizeof(struct type), with_##type                                        \
	}
static const struct {
	const char *name;
	size_t size;
	int (*call)(const union opts *opts, const struct world *w);
} calls[] = {
	ROW(bp_table_check_opts),  ROW(bp_create_opts),         ROW(bp_change_opts),
	ROW(bp_remove_opts),       ROW(bp_pool_opts),           ROW(bp_thin_open_opts),
	ROW(bp_cache_open_opts),   ROW(bp_era_open_opts),       ROW(bp_thin_generate_opts),
	ROW(bp_spoil_opts),        ROW(bp_cache_generate_opts), ROW(bp_era_generate_opts),
	ROW(bp_thin_check_opts),   ROW(bp_cache_check_opts),    ROW(bp_era_check_opts),
	ROW(bp_thin_trim_opts),    ROW(bp_thin_pack_opts),      ROW(bp_vdo_check_opts),
	ROW(bp_cache_repair_opts), ROW(bp_era_repair_opts),     ROW(bp_cache_writeback_opts),
	ROW(bp_thin_shrink_opts),  ROW(bp_thin_restore_opts),   ROW(bp_cache_restore_opts),
	ROW(bp_era_restore_opts),  ROW(bp_thin_repair_opts),    ROW(bp_output_opts),
};

static void world_make(struct world *w)
{
	assert_ok(fake_new(ctx, &w->fake));
	assert_ok(fake_add_bdev(w->fake, "/dev/meta", 8, 0, 4 << 20));
	assert_ok(fake_add_bdev(w->fake, "/dev/data", 8, 16, 64 << 20));
	assert_ok(bp_table_parse(ctx, "0 8 zero\n", 0, &w->table));
	assert_ok(bp_device_create(ctx, "there", w->table, NULL, NULL));
}

static void options_that_are_not_known(void **state)
{
	struct world w = { 0 };

	(void)state;
	world_make(&w);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		union opts opts = { .size = calls[i].size + sizeof(uint64_t) };
		int r;

		assert_true(opts.size <= sizeof(opts));
		memset((char *)&opts + calls[i].size, 1, sizeof(uint64_t));
		r = calls[i].call(&opts, &w);
		if (r != -E2BIG)
			fail_msg("%s with an unknown member: %d", calls[i].name, r);
		opts = (union opts){ .size = 0 };
		r = calls[i].call(&opts, &w);
		if (r != -EINVAL)
			fail_msg("%s without its size: %d", calls[i].name, r);
		opts = (union opts){ .size = calls[i].size + sizeof(uint64_t) };
		r = calls[i].call(&opts, &w);
		if (r == -E2BIG)
			fail_msg("%s of a newer program: %d", calls[i].name, r);
	}
	bp_table_free(w.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freeing_nothing),
		cmocka_unit_test_setup_teardown(options_that_are_not_known, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
