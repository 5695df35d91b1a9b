/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is free, against what random pools are known to map; and files that are trimmed. */
#include "context_test.h"

#include <bedplate/thin_trim.h>

#include "formats/thin/free.h"
#include "image.h"
#include "thin_pool.h"

#define POOLS 30u

struct seen {
	uint8_t *free;
	uint64_t end, nr; /* of the last run; blocks */
};

static int on_run(void *user, bp_dblock begin, bp_dblock length)
{
	struct seen *s = user;

	assert_true(length > 0 && begin + length <= POOL_DATA_BLOCKS);
	assert_true(s->nr == 0 || begin > s->end); /* runs are as long as they can be */
	memset(s->free + begin, 1, (size_t)length);
	s->end = begin + length;
	s->nr += length;
	return 0;
}

static int read_free(const struct thin_pool *pool, const struct io_fault_plan *plan,
		     struct seen *seen, uint64_t *ret_read)
{
	struct thin_sb sb;
	struct meta meta = { .ctx = ctx };
	struct io *io;
	int r;

	assert_ok(io_memory_new(pool->data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(io_fault_new(io, plan, &meta.io));
	meta.nr_blocks = POOL_META_BLOCKS;
	memset(seen->free, 0, POOL_DATA_BLOCKS);
	seen->nr = seen->end = 0;
	r = thin_sb_read(&meta, 0, &sb);
	if (r == 0)
		r = thin_free_runs(&meta, THIN_MAP_DATA, &sb.data_sm, on_run, seen);
	*ret_read = io_fault_counts_get(meta.io).blocks_read;
	io_close(meta.io);
	return r;
}

static void free_is_what_nobody_maps(void **state)
{
	static const struct io_fault_plan none = { 0 };
	struct seen seen = { .free = calloc(1, POOL_DATA_BLOCKS) };
	uint8_t *used = calloc(1, POOL_DATA_BLOCKS);
	uint64_t read;

	(void)state;
	assert_true(seen.free && used);
	for (uint64_t seed = 1; seed <= thin_pool_trials(POOLS); seed++) {
		struct thin_pool pool;

		thin_pool_make(&pool, ctx, seed);
		memset(used, 0, POOL_DATA_BLOCKS);
		for (unsigned d = 0; d < pool.nr_devices; d++)
			for (uint32_t i = 0; i < POOL_BLOCKS; i++)
				if (pool.map[d][i])
					used[pool.map[d][i] - 1] = 1;
		assert_ok(read_free(&pool, &none, &seen, &read));
		for (uint32_t b = 0; b < POOL_DATA_BLOCKS; b++)
			assert_int_equal(seen.free[b], !used[b]);
		thin_pool_done(&pool);
	}
	free(seen.free);
	free(used);
}

static void failing_reads_are_told(void **state)
{
	static const struct io_fault_plan none = { 0 };
	struct io_fault_plan plan = { .what = IO_FAULT_READ_NTH, .error = -EIO };
	struct seen seen = { .free = calloc(1, POOL_DATA_BLOCKS) };
	struct thin_pool pool;
	uint64_t read, whole, told = 0;

	(void)state;
	assert_non_null(seen.free);
	thin_pool_make(&pool, ctx, 5);
	assert_ok(read_free(&pool, &none, &seen, &read));
	whole = seen.nr;
	for (plan.at = 0;; plan.at++) {
		int r = read_free(&pool, &plan, &seen, &read);

		if (read <= plan.at) {
			assert_ok(r);
			break;
		}
		/* The tree of counts above 2 does not matter here. */
		if (r == 0)
			assert_int_equal(seen.nr, whole);
		else
			told++;
	}
	assert_true(told > 4);
	thin_pool_done(&pool);
	free(seen.free);
}

static int cancel(void *user, uint64_t done, uint64_t total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

static int stop(void *user, bp_dblock begin, bp_dblock length)
{
	(void)user, (void)begin, (void)length;
	return 17;
}

static void callers_are_heeded(void **state)
{
	struct bp_thin_trim_opts opts = { .size = sizeof(opts) };
	struct bp_thin_trim_result res = { .size = sizeof(res) };
	struct image meta, data;
	char *meta_path, *data_path;

	(void)state;
	image_load(&meta, "thin-small");
	image_new(&data, 16384 * (size_t)65536);
	meta_path = image_file(&meta);
	data_path = image_file(&data);
	opts.run = stop;
	assert_int_equal(bp_thin_trim(ctx, meta_path, data_path, &opts, &res), 17);
	assert_int_equal(res.nr_free, 0);
	opts.run = NULL;
	opts.progress = cancel;
	assert_err(bp_thin_trim(ctx, meta_path, data_path, &opts, &res), ECANCELED);
	opts.progress = NULL;
	assert_ok(bp_thin_trim(ctx, meta_path, data_path, &opts, &res));
	assert_int_equal(res.nr_free, 15915);
	assert_int_equal(res.nr_runs, 2);
	assert_int_equal(res.check.nr_fatal, 0);
	image_unlink(meta_path);
	image_unlink(data_path);
	image_done(&meta);
	image_done(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_is_what_nobody_maps),
		cmocka_unit_test(failing_reads_are_told),
		cmocka_unit_test(callers_are_heeded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
