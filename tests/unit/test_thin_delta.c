/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* thin_delta and thin_rmap against what random pools are known to map. */
#include "context_test.h"

#include <bedplate/thin_delta.h>

#include "thin_pool.h"

#include <stdio.h>

#define POOLS 40u

/* --- delta --- */

struct deltas {
	const uint32_t *left, *right;
	uint32_t flags;
	struct bp_thin_delta_run last;
	uint64_t told;         /* virtual blocks, once each */
	uint64_t nr_runs, end; /* of the last run */
};

static enum bp_thin_delta_kind kind_of(uint32_t left, uint32_t right)
{
	if (!left || !right)
		return left ? BP_THIN_DELTA_LEFT_ONLY : BP_THIN_DELTA_RIGHT_ONLY;
	return left == right ? BP_THIN_DELTA_SAME : BP_THIN_DELTA_DIFFERENT;
}

static void check_data(const struct deltas *d, const struct bp_thin_delta_run *run, uint64_t i)
{
	if (!(d->flags & BP_THIN_DELTA_DATA)) {
		assert_true(run->left_data_begin == BP_NONE);
		assert_true(run->right_data_begin == BP_NONE);
		return;
	}
	if (d->left[run->begin + i])
		assert_int_equal(run->left_data_begin + i + 1, d->left[run->begin + i]);
	else
		assert_true(run->left_data_begin == BP_NONE);
	if (d->right[run->begin + i])
		assert_int_equal(run->right_data_begin + i + 1, d->right[run->begin + i]);
	else
		assert_true(run->right_data_begin == BP_NONE);
}

static bool continues(const struct deltas *d, const struct bp_thin_delta_run *run)
{
	const struct bp_thin_delta_run *last = &d->last;

	if (d->nr_runs == 0 || last->kind != run->kind ||
	    last->begin + last->length != run->begin)
		return false;
	if (!(d->flags & BP_THIN_DELTA_DATA))
		return true;
	return (last->left_data_begin == BP_NONE ||
		last->left_data_begin + last->length == run->left_data_begin) &&
	       (last->right_data_begin == BP_NONE ||
		last->right_data_begin + last->length == run->right_data_begin);
}

static int on_delta(void *user, const struct bp_thin_delta_run *run)
{
	struct deltas *d = user;

	assert_true(run->length > 0 && run->begin >= d->end);
	assert_false(continues(d, run));
	for (uint64_t i = 0; i < run->length; i++) {
		uint32_t left = d->left[run->begin + i], right = d->right[run->begin + i];

		assert_true(left || right);
		assert_int_equal(kind_of(left, right), run->kind);
		check_data(d, run, i);
	}
	d->end = run->begin + run->length;
	d->told += run->length;
	d->nr_runs++;
	d->last = *run;
	return 0;
}

static void compare_pair(struct bp_thin_meta *meta, const struct thin_pool *pool, unsigned a,
			 unsigned b, uint32_t flags)
{
	const struct bp_thin_delta_opts opts = { .size = sizeof(opts), .flags = flags };
	const struct bp_thin_delta_side left = { .id = thin_pool_id(a) };
	const struct bp_thin_delta_side right = { .id = thin_pool_id(b) };
	struct deltas d = { .left = pool->map[a], .right = pool->map[b], .flags = flags };
	uint64_t expected = 0;

	assert_ok(bp_thin_delta(meta, &left, &right, &opts, on_delta, &d));
	for (uint32_t i = 0; i < POOL_BLOCKS; i++) {
		bool same = d.left[i] && d.left[i] == d.right[i];

		if (d.left[i] || d.right[i])
			expected += !(same && (flags & BP_THIN_DELTA_CHANGES));
	}
	assert_int_equal(d.told, expected);
}

static void delta_is_what_the_maps_say(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= thin_pool_trials(POOLS); seed++) {
		struct thin_pool pool;
		struct bp_thin_meta *meta;

		thin_pool_make(&pool, ctx, seed);
		meta = thin_pool_open(&pool, ctx);
		for (unsigned a = 0; a < pool.nr_devices; a++)
			for (unsigned b = 0; b < pool.nr_devices; b++)
				for (uint32_t flags = 0; flags < 4; flags++)
					compare_pair(meta, &pool, a, b, flags);
		bp_thin_close(meta);
		thin_pool_done(&pool);
	}
}

/* --- what it costs --- */

#define CLOSE_META   8192u
#define CLOSE_BLOCKS 300000u

/* A device of many single mappings, and a snapshot with one more at each of its ends. */
static void make_close_pair(uint8_t *data)
{
	char *xml = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&xml, &len);
	struct io *io;

	fprintf(to, "<superblock uuid=\"\" time=\"1\" transaction=\"1\" version=\"2\" "
		    "data_block_size=\"128\" nr_data_blocks=\"700000\">\n<def name=\"a\">\n");
	for (unsigned i = 0; i < CLOSE_BLOCKS; i++)
		fprintf(to,
			"<single_mapping origin_block=\"%u\" data_block=\"%u\" time=\"0\"/>\n",
			i + 1000, 2 * i);
	fprintf(to, "</def>\n");
	for (unsigned d = 0; d < 2; d++) {
		unsigned extra = d ? 2 * 200 : 0;

		fprintf(to,
			"<device dev_id=\"%u\" mapped_blocks=\"%u\" transaction=\"0\" "
			"creation_time=\"0\" snap_time=\"1\">\n",
			d, CLOSE_BLOCKS + extra);
		if (d)
			fprintf(to, "<range_mapping origin_begin=\"100\" data_begin=\"650000\" "
				    "length=\"200\" time=\"1\"/>\n");
		fprintf(to, "<ref name=\"a\"/>\n");
		if (d)
			fprintf(to,
				"<range_mapping origin_begin=\"900000\" data_begin=\"660000\" "
				"length=\"200\" time=\"1\"/>\n");
		fprintf(to, "</device>\n");
	}
	fprintf(to, "</superblock>\n");
	fclose(to);
	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(CLOSE_META), &io));
	assert_ok(thin_pool_restore(ctx, io, xml));
	io_close(io);
	free(xml);
}

static int count_blocks(void *user, const struct bp_thin_delta_run *run)
{
	((uint64_t *)user)[run->kind] += run->length;
	return 0;
}

static uint64_t blocks_read(uint8_t *data, uint32_t flags, uint64_t *kinds)
{
	static const struct io_fault_plan none = { 0 };
	const struct bp_thin_delta_side left = { .id = 0 }, right = { .id = 1 };
	const struct bp_thin_delta_opts opts = { .size = sizeof(opts), .flags = flags };
	struct bp_thin_meta *meta;
	struct io *io, *fault;
	uint64_t read;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(CLOSE_META), &io));
	assert_ok(io_fault_new(io, &none, &fault));
	assert_ok(thin_meta_open_io(ctx, fault, NULL, &meta));
	assert_ok(bp_thin_delta(meta, &left, &right, &opts, count_blocks, kinds));
	read = io_fault_counts_get(fault).blocks_read;
	bp_thin_close(meta);
	return read;
}

static void close_snapshots_cost_their_difference(void **state)
{
	uint8_t *data = io_buffer_new(CLOSE_META);
	uint64_t all[4] = { 0 }, changes[4] = { 0 }, read;

	(void)state;
	assert_non_null(data);
	memset(data, 0, CLOSE_META * (size_t)IO_BLOCK);
	make_close_pair(data);

	/* Each shared leaf once, and little beside. */
	read = blocks_read(data, 0, all);
	assert_int_equal(all[BP_THIN_DELTA_SAME], CLOSE_BLOCKS);
	assert_int_equal(all[BP_THIN_DELTA_RIGHT_ONLY], 400);
	assert_in_range(read, CLOSE_BLOCKS / 252, CLOSE_BLOCKS / 252 + 80);

	/* The inner nodes of both, and a few leaves. */
	read = blocks_read(data, BP_THIN_DELTA_CHANGES, changes);
	assert_int_equal(changes[BP_THIN_DELTA_SAME], 0);
	assert_int_equal(changes[BP_THIN_DELTA_RIGHT_ONLY], 400);
	assert_in_range(read, 1, 60);
	free(data);
}

/* --- rmap --- */

struct owners {
	const struct thin_pool *pool;
	const struct bp_thin_region *regions;
	size_t nr_regions;
	struct bp_thin_owner last;
	uint64_t told;
};

static bool is_wanted(const struct owners *o, uint64_t block)
{
	for (size_t i = 0; i < o->nr_regions; i++)
		if (block >= o->regions[i].begin && block < o->regions[i].end)
			return true;
	return false;
}

/* Runs are as long as they can be: what is before this one and behind it does not continue it. */
static void check_ends(const struct owners *o, const uint32_t *map,
		       const struct bp_thin_owner *owner)
{
	uint64_t end = owner->virtual_begin + owner->length;
	uint64_t data_end = owner->data_begin + owner->length;

	if (owner->virtual_begin && owner->data_begin && is_wanted(o, owner->data_begin - 1))
		assert_int_not_equal(map[owner->virtual_begin - 1], owner->data_begin);
	if (end < POOL_BLOCKS && is_wanted(o, data_end))
		assert_int_not_equal(map[end], data_end + 1);
}

static int on_owner(void *user, const struct bp_thin_owner *owner)
{
	struct owners *o = user;
	const uint32_t *map = o->pool->map[(owner->device - 1) / 3];

	assert_true(owner->length > 0);
	if (o->told) {
		assert_true(owner->data_begin >= o->last.data_begin);
		if (owner->data_begin == o->last.data_begin)
			assert_true(owner->device >= o->last.device);
	}
	for (uint64_t i = 0; i < owner->length; i++) {
		assert_int_equal(map[owner->virtual_begin + i], owner->data_begin + i + 1);
		assert_true(is_wanted(o, owner->data_begin + i));
	}
	check_ends(o, map, owner);
	o->told += owner->length;
	o->last = *owner;
	return 0;
}

static void look_up(struct bp_thin_meta *meta, const struct thin_pool *pool,
		    const struct bp_thin_region *regions, size_t nr)
{
	struct owners o = { .pool = pool, .regions = regions, .nr_regions = nr };
	uint64_t expected = 0;

	assert_ok(bp_thin_rmap(meta, regions, nr, NULL, on_owner, &o));
	for (unsigned d = 0; d < pool->nr_devices; d++)
		for (uint32_t i = 0; i < POOL_BLOCKS; i++)
			expected += pool->map[d][i] && is_wanted(&o, pool->map[d][i] - 1);
	assert_int_equal(o.told, expected);
}

static void rmap_tells_every_owner(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= thin_pool_trials(POOLS); seed++) {
		struct bp_thin_region regions[4] = { { 0, POOL_DATA_BLOCKS } };
		struct thin_pool pool;
		struct bp_thin_meta *meta;
		uint64_t rng = seed + 77;

		thin_pool_make(&pool, ctx, seed);
		meta = thin_pool_open(&pool, ctx);
		look_up(meta, &pool, regions, 1);
		for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
			regions[i].begin = thin_pool_pick(&rng, POOL_DATA_BLOCKS);
			regions[i].end = regions[i].begin + 1 + thin_pool_pick(&rng, 9000);
		}
		look_up(meta, &pool, regions, ARRAY_SIZE(regions));
		bp_thin_close(meta);
		thin_pool_done(&pool);
	}
}

/* --- when things go wrong --- */

static int stop(void *user, const void *what)
{
	(void)what;
	return *(int *)user;
}

static int stop_delta(void *user, const struct bp_thin_delta_run *run)
{
	return stop(user, run);
}

static int stop_rmap(void *user, const struct bp_thin_owner *owner)
{
	return stop(user, owner);
}

static int cancel(void *user, bp_mblock done, bp_mblock total)
{
	(void)user, (void)done, (void)total;
	return 1;
}

static void callers_are_heeded(void **state)
{
	const struct bp_thin_delta_opts opts = { .size = sizeof(opts), .progress = cancel };
	const struct bp_thin_rmap_opts rmap = { .size = sizeof(rmap), .progress = cancel };
	const struct bp_thin_region region = { 0, POOL_DATA_BLOCKS }, empty = { 5, 5 };
	struct bp_thin_delta_side left = { .id = 1 }, right = { .id = 99 };
	struct bp_thin_meta *meta;
	struct thin_pool pool;
	int word = 17;

	(void)state;
	thin_pool_make(&pool, ctx, 2);
	meta = thin_pool_open(&pool, ctx);
	assert_err(bp_thin_delta(meta, &left, &right, NULL, stop_delta, &word), ENODATA);
	assert_why("Unable to find mapping tree for snap2 (99)");
	right.root = POOL_META_BLOCKS;
	assert_err(bp_thin_delta(meta, &left, &right, NULL, stop_delta, &word), EINVAL);
	right = (struct bp_thin_delta_side){ .id = 1 };
	assert_int_equal(bp_thin_delta(meta, &left, &right, NULL, stop_delta, &word), 17);
	assert_err(bp_thin_delta(meta, &left, &right, &opts, stop_delta, &word), ECANCELED);
	assert_int_equal(bp_thin_rmap(meta, &region, 1, NULL, stop_rmap, &word), 17);
	assert_err(bp_thin_rmap(meta, &empty, 1, NULL, stop_rmap, &word), EINVAL);
	assert_err(bp_thin_rmap(meta, &region, 1, &rmap, stop_rmap, &word), ECANCELED);
	assert_ok(bp_thin_rmap(meta, NULL, 0, NULL, stop_rmap, &word));
	bp_thin_close(meta);
	thin_pool_done(&pool);
}

static int count_owners(void *user, const struct bp_thin_owner *owner)
{
	*(uint64_t *)user += owner->length;
	return 0;
}

/*
 * Fail the @nth read; true where there was one. A block that was read beside others and then not
 * needed may fail: the result must be whole all the same. @whole: blocks of each kind, and owned.
 */
static bool fail_read(const struct thin_pool *pool, uint64_t nth, const uint64_t *whole)
{
	const struct io_fault_plan plan = { IO_FAULT_READ_NTH, nth, -EIO };
	const struct bp_thin_region region = { 0, POOL_DATA_BLOCKS };
	const struct bp_thin_delta_side left = { .id = 1 }, right = { .id = 4 };
	uint64_t kinds[4] = { 0 }, owned = 0;
	struct bp_thin_meta *meta;
	struct io *io, *fault;
	bool hit;
	int r;

	assert_ok(io_memory_new(pool->data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(io_fault_new(io, &plan, &fault));
	r = thin_meta_open_io(ctx, fault, NULL, &meta);
	if (r < 0) {
		io_close(fault);
		return true;
	}
	r = bp_thin_delta(meta, &left, &right, NULL, count_blocks, kinds);
	hit = io_fault_counts_get(fault).blocks_read > nth;
	assert_true(r == 0 || (hit && r == -EIO));
	if (r == 0)
		assert_memory_equal(kinds, whole, sizeof(kinds));
	if (!hit) {
		r = bp_thin_rmap(meta, &region, 1, NULL, count_owners, &owned);
		hit = io_fault_counts_get(fault).blocks_read > nth;
		assert_true(hit || r == 0);
		assert_int_equal(owned, r < 0 ? 0 : whole[4]);
	}
	bp_thin_close(meta);
	return hit;
}

static void each_failing_read_is_told(void **state)
{
	const struct bp_thin_delta_side left = { .id = 1 }, right = { .id = 4 };
	struct bp_thin_meta *meta;
	struct thin_pool pool;
	uint64_t nth = 0, whole[5] = { 0 };

	(void)state;
	thin_pool_make(&pool, ctx, 3);
	assert_true(pool.nr_devices >= 2);
	meta = thin_pool_open(&pool, ctx);
	assert_ok(bp_thin_delta(meta, &left, &right, NULL, count_blocks, whole));
	bp_thin_close(meta);
	for (unsigned d = 0; d < pool.nr_devices; d++)
		for (uint32_t i = 0; i < POOL_BLOCKS; i++)
			whole[4] += pool.map[d][i] != 0;
	while (fail_read(&pool, nth, whole))
		nth++;
	assert_true(nth > 50);
	thin_pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delta_is_what_the_maps_say),
		cmocka_unit_test(close_snapshots_cost_their_difference),
		cmocka_unit_test(rmap_tells_every_owner),
		cmocka_unit_test(callers_are_heeded),
		cmocka_unit_test(each_failing_read_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
