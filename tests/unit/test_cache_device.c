/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Active caches, on the kernel in memory: made, flushed, changed, taken away; each call failing in turn. */
#include "lib/fake_ctx.h"

#include <stdio.h>

struct world {
	struct bp_ctx *ctx;
	struct fake *fake;
};

static const struct bp_selector c = { .name = "c" };

static const struct fake_disk disks[] = {
	{ "/dev/slow", 256 * MIB },
	{ "/dev/fast", 64 * MIB },
	{ "/dev/meta", 4 * MIB },
	{ "/dev/tiny", 1024 },
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

static int make(struct world *w, const struct bp_cache_device_create_opts *opts)
{
	return bp_cache_device_create(w->ctx, "c", "/dev/slow", "/dev/fast", "/dev/meta", opts,
				      NULL);
}

/* A cache in writeback mode with 32 dirty blocks, which the cleaner needs one look for. */
static int setup_cache(void **state)
{
	struct bp_cache_device_create_opts opts = {
		.size = sizeof(opts),
		.io_mode = BP_CACHE_WRITEBACK,
	};
	struct world *w;

	setup(state);
	w = *state;
	fake_cache_dirty(w->fake, 32, 32);
	assert_ok(make(w, &opts));
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	bp_ctx_free(w->ctx);
	free(w);
	return 0;
}

static void assert_table(struct world *w, const char *wanted)
{
	struct bp_table *table;
	char *text;

	assert_ok(bp_device_table(w->ctx, &c, 0, &table));
	assert_ok(bp_table_format(w->ctx, table, &text));
	assert_string_equal(text, wanted);
	free(text);
	bp_table_free(table);
}

#define WRITEBACK "0 524288 cache 8:32 8:16 8:0 512 2 writeback metadata2 smq 0\n"
#define CLEANER   "0 524288 cache 8:32 8:16 8:0 512 2 writethrough metadata2 cleaner 0\n"

static void created(void **state)
{
	struct world *w = *state;
	struct bp_cache_device_info info = { .size = sizeof(info) };

	assert_ok(make(w, NULL));
	assert_table(w, "0 524288 cache 8:32 8:16 8:0 512 2 writethrough metadata2 smq 0\n");
	assert_ok(bp_cache_device_info(w->ctx, &c, &info));
	assert_string_equal(info.name, "c");
	assert_string_equal(info.policy, "smq");
	assert_int_equal(info.io_mode, BP_CACHE_WRITETHROUGH);
	assert_int_equal(info.origin.minor, 0);
	assert_int_equal(info.fast.minor, 16);
	assert_int_equal(info.metadata.minor, 32);
	assert_int_equal(info.used_dblocks, 40);
	assert_false(info.failed || info.read_only || info.needs_check);
}

/* clang-format off */
static const struct {
	const char *origin, *fast, *metadata;
	unsigned char fill;
	struct bp_cache_device_create_opts opts;
	int errnum;
	enum bp_error_code code;
	const char *why;
} refusals[] = {
	{ "/dev/slow", "/dev/slow", "/dev/meta", 0, { 0 }, EINVAL, BP_E_USAGE, "three" },
	{ "/dev/slow", "/dev/fast", "/dev/slow", 0, { 0 }, EINVAL, BP_E_USAGE, "three" },
	{ "/dev/slow", "/dev/fast", "/dev/fast", 0, { 0 }, EINVAL, BP_E_USAGE, "three" },
	{ "/dev/slow", "/dev/fast", "/dev/tiny", 0, { 0 }, EINVAL, BP_E_TOO_SMALL, "too small" },
	{ "/dev/slow", "/dev/fast", "/dev/meta", 7, { 0 }, EEXIST, BP_E_METADATA_EXISTS, "holds something" },
	{ "/dev/slow", "/dev/fast", "/dev/meta", 0, { .flags = BP_CACHE_DEVICE_EXISTING }, EINVAL, BP_E_NOT_METADATA, "it is blank" },
	{ "/dev/slow", "/dev/fast", "/dev/meta", 7, { .flags = BP_CACHE_DEVICE_WIPE, .policy = "best" }, EINVAL, BP_E_TABLE, "policy" },
	{ "/dev/slow", "/dev/fast", "/dev/meta", 0, { .block_sectors = 100 }, EINVAL, BP_E_TABLE, "block_sectors" },
	{ "/dev/none", "/dev/fast", "/dev/meta", 0, { 0 }, ENOENT, BP_E_NO_BLOCK_DEVICE, "/dev/none" },
};
/* clang-format on */

static void refused(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct bp_cache_device_create_opts opts = refusals[i].opts;

		opts.size = sizeof(opts);
		fake_fill_bdev(w->fake, "/dev/meta", refusals[i].fill);
		assert_err(bp_cache_device_create(w->ctx, "c", refusals[i].origin,
						  refusals[i].fast, refusals[i].metadata, &opts,
						  NULL),
			   refusals[i].errnum);
		assert_int_equal(bp_error_get(w->ctx)->code, refusals[i].code);
		if (!strstr(bp_error_get(w->ctx)->message, refusals[i].why))
			fail_msg("'%s' is not in '%s'", refusals[i].why,
				 bp_error_get(w->ctx)->message);
		assert_int_equal(fake_count(w->fake, OP_CREATE), 0);
		assert_int_equal(fake_count(w->fake, FAKE_BDEV_WRITE), 0);
	}
	/* Not a cache. */
	assert_err(bp_cache_device_flush(w->ctx, &c, NULL), ENXIO);
}

static int on_progress(void *user, uint64_t done, uint64_t total)
{
	char *text = user;

	snprintf(text + strlen(text), 64 - strlen(text), "%d/%d ", (int)done, (int)total);
	return 0;
}

static void flushed(void **state)
{
	char text[64] = "";
	struct bp_cache_device_change_opts opts = {
		.size = sizeof(opts),
		.progress = on_progress,
		.user = text,
	};
	struct world *w = *state;
	struct bp_cache_device_info info = { .size = sizeof(info) };

	fake_cache_dirty(w->fake, 32, 16);
	assert_ok(bp_cache_device_flush(w->ctx, &c, &opts));
	assert_string_equal(text, "0/32 16/32 32/32 ");
	assert_table(w, WRITEBACK);
	assert_ok(bp_cache_device_info(w->ctx, &c, &info));
	assert_int_equal(info.dirty_dblocks, 0);
}

static int stop(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

/* What ends too early leaves the cache as it was. */
static void not_flushed(void **state)
{
	struct bp_cache_device_change_opts late = { .size = sizeof(late), .timeout_ms = 1 };
	struct bp_cache_device_change_opts stopped = { .size = sizeof(stopped),
						       .progress = stop };
	struct world *w = *state;

	fake_cache_dirty(w->fake, 32, 0);
	assert_err(bp_cache_device_flush(w->ctx, &c, &late), ETIMEDOUT);
	assert_non_null(strstr(bp_error_get(w->ctx)->message, "32 blocks are still dirty"));
	assert_table(w, WRITEBACK);
	assert_err(bp_cache_device_uncache(w->ctx, &c, &stopped), ECANCELED);
	assert_table(w, WRITEBACK);
	assert_int_equal(fake_count(w->fake, FAKE_BDEV_WRITE), 0);
	assert_ok(bp_device_suspend(w->ctx, &c, NULL));
	assert_err(bp_cache_device_flush(w->ctx, &c, NULL), EBUSY);
	assert_int_equal(bp_warnings_count(w->ctx), 0);
}

static void changed(void **state)
{
	struct bp_cache_device_change_opts policy = { .size = sizeof(policy),
						      .policy = "cleaner" };
	struct bp_cache_device_change_opts pass = {
		.size = sizeof(pass),
		.io_mode = BP_CACHE_PASSTHROUGH,
		.migration_threshold_sectors = { .is_set = true, .value = 100 },
	};
	struct world *w = *state;
	struct bp_cache_device_info info = { .size = sizeof(info) };

	assert_ok(bp_cache_device_change(w->ctx, &c, &policy));
	assert_table(w, "0 524288 cache 8:32 8:16 8:0 512 2 writeback metadata2 cleaner 0\n");
	fake_cache_dirty(w->fake, 8, 8);
	assert_ok(bp_cache_device_change(w->ctx, &c, &pass));
	assert_table(w, "0 524288 cache 8:32 8:16 8:0 512 2 passthrough metadata2 cleaner 2 "
			"migration_threshold 100\n");
	assert_ok(bp_cache_device_info(w->ctx, &c, &info));
	assert_int_equal(info.dirty_dblocks, 0); /* it was flushed first */
}

static void uncached(void **state)
{
	struct bp_cache_device_change_opts keep = { .size = sizeof(keep),
						    .keep_metadata = true };
	struct world *w = *state;

	assert_ok(bp_cache_device_uncache(w->ctx, &c, NULL));
	assert_table(w, "0 524288 linear 8:0 0\n");
	assert_int_equal(fake_count(w->fake, FAKE_BDEV_WRITE), 1);
	assert_err(bp_cache_device_uncache(w->ctx, &c, NULL), EINVAL);
	assert_ok(bp_device_remove(w->ctx, &c, NULL, NULL));
	assert_ok(make(w, NULL));
	assert_ok(bp_cache_device_uncache(w->ctx, &c, &keep));
	assert_int_equal(fake_count(w->fake, FAKE_BDEV_WRITE), 1);
}

/* It is done when only the metadata could not be zeroed; that is told. */
static void metadata_stays(void **state)
{
	struct world *w = *state;

	fake_fail(w->fake, FAKE_BDEV_WRITE, 1, EIO);
	assert_ok(bp_cache_device_uncache(w->ctx, &c, NULL));
	assert_true(fake_failed(w->fake));
	assert_int_equal(bp_warnings_count(w->ctx), 1);
	assert_non_null(strstr(bp_warning_get(w->ctx, 0), "show old data"));
	assert_table(w, "0 524288 linear 8:0 0\n");
}

/* --- each call fails in turn --- */

static int do_create(struct world *w)
{
	struct bp_cache_device_create_opts opts = { .size = sizeof(opts),
						    .flags = BP_CACHE_DEVICE_WIPE };

	assert_ok(fake_add_bdev(w->fake, "/dev/meta2", 8, 64, 4 * MIB));
	assert_ok(fake_add_bdev(w->fake, "/dev/fast2", 8, 80, 4 * MIB));
	fake_fill_bdev(w->fake, "/dev/meta2", 9);
	return bp_cache_device_create(w->ctx, "d", "/dev/slow", "/dev/fast2", "/dev/meta2",
				      &opts, NULL);
}

static int do_flush(struct world *w)
{
	return bp_cache_device_flush(w->ctx, &c, NULL);
}

static int do_change(struct world *w)
{
	struct bp_cache_device_change_opts opts = {
		.size = sizeof(opts),
		.io_mode = BP_CACHE_PASSTHROUGH,
	};

	return bp_cache_device_change(w->ctx, &c, &opts);
}

static int do_uncache(struct world *w)
{
	return bp_cache_device_uncache(w->ctx, &c, NULL);
}

/* Did the @nth call fail? Then the table is as before, and nobody is left suspended. */
static bool fail_nth(int (*act)(struct world *w), unsigned nth)
{
	struct bp_device_info info;
	struct world *w;
	void *state;
	bool failed;
	int r;

	setup_cache(&state);
	w = state;
	fake_fail(w->fake, FAKE_ANY, nth, EIO);
	r = act(w);
	failed = fake_failed(w->fake);
	fake_fail(w->fake, FAKE_ANY, 0, 0);
	assert_true(r == 0 || failed);
	assert_ok(bp_device_info(w->ctx, &c, &info));
	assert_false(info.suspended || info.inactive_table);
	if (r != 0) {
		assert_int_equal(r, -EIO);
		assert_table(w, WRITEBACK);
	}
	teardown(&state);
	return failed;
}

static void each_call_fails(void **state)
{
	static int (*const actions[])(struct world * w) = { do_create, do_flush, do_change,
							    do_uncache };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		unsigned nth = 1;

		while (fail_nth(actions[i], nth))
			nth++;
		assert_true(nth > 5);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define C(name) cmocka_unit_test_setup_teardown(name, setup_cache, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(created),     C(flushed),
		C(not_flushed), C(changed),
		C(uncached),    C(metadata_stays),
		T(refused),     cmocka_unit_test(each_call_fails),
	};

	return cmocka_run_group_tests_name("cache_device", tests, NULL, NULL);
}
