/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shrinking random pools, cut off at each write: the old metadata always finds its data, and so
 * does the new, wherever it is whole.
 */
#include "context_test.h"

#include "core/strbuf.h"
#include "formats/thin/restore.h"
#include "formats/thin/shrink_meta.h"
#include "thin_pool.h"

#include <bedplate/thin_dump.h>

#include <stdio.h>
#include <unistd.h>

#define POOLS 25u

/* Data blocks as numbers: what is in each at first is its own number + 1. */
struct disk {
	uint32_t *now, *safe; /* as it is, and as it was at the last flush */
	uint64_t writes, fail_at;
	bool flushed;
};

static int copy(void *user, const struct bp_thin_move *move)
{
	struct disk *d = user;

	for (uint64_t i = 0; i < move->length; i++) {
		assert_true(move->from + i < POOL_DATA_BLOCKS && move->to < move->from);
		if (d->writes++ >= d->fail_at)
			return -EIO;
		d->now[move->to + i] = d->now[move->from + i];
	}
	return 0;
}

static int flush(void *user)
{
	struct disk *d = user;

	if (d->writes++ >= d->fail_at)
		return -EIO;
	memcpy(d->safe, d->now, POOL_DATA_BLOCKS * sizeof(*d->now));
	d->flushed = true;
	return 0;
}

static void disk_init(struct disk *d, uint64_t fail_at)
{
	*d = (struct disk){
		.now = calloc(POOL_DATA_BLOCKS, sizeof(*d->now)),
		.safe = calloc(POOL_DATA_BLOCKS, sizeof(*d->safe)),
		.fail_at = fail_at,
	};
	assert_true(d->now && d->safe);
	for (uint32_t i = 0; i < POOL_DATA_BLOCKS; i++)
		d->now[i] = d->safe[i] = i + 1;
}

static void disk_done(struct disk *d)
{
	free(d->now);
	free(d->safe);
}

/* --- metadata as text, and back --- */

static int keep(void *user, const char *text, size_t len)
{
	strbuf_add_len(user, text, len);
	return ((struct strbuf *)user)->error;
}

static int text_file(const struct thin_pool *pool)
{
	struct bp_thin_meta *meta = thin_pool_open(pool, ctx);
	struct strbuf text = { 0 };
	uint64_t damages;
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	assert_ok(bp_thin_dump(meta, NULL, keep, &text, &damages));
	bp_thin_close(meta);
	fd = dup(fileno(file));
	assert_int_equal(write(fd, text.text, text.len), text.len);
	fclose(file);
	strbuf_done(&text);
	return fd;
}

struct looking {
	const struct thin_pool *pool;
	unsigned device;
	const uint32_t *disk;
	uint64_t limit, seen;
};

static int look_at_run(void *user, const struct bp_thin_run *run)
{
	struct looking *l = user;

	for (uint64_t i = 0; i < run->length; i++) {
		assert_true(run->data_begin + i < l->limit);
		assert_int_equal(l->disk[run->data_begin + i],
				 l->pool->map[l->device][run->virtual_begin + i]);
		l->seen++;
	}
	return 0;
}

/* Every device reads what it read before. */
static void check_content(const struct thin_pool *pool, struct bp_thin_meta *meta,
			  const uint32_t *disk, uint64_t limit)
{
	struct looking l = { .pool = pool, .disk = disk, .limit = limit };

	for (l.device = 0; l.device < pool->nr_devices; l.device++) {
		uint64_t expected = 0;

		l.seen = 0;
		for (uint32_t i = 0; i < POOL_BLOCKS; i++)
			expected += pool->map[l.device][i] != 0;
		assert_ok(bp_thin_mappings(meta, thin_pool_id(l.device), 0, UINT64_MAX,
					   look_at_run, &l));
		assert_int_equal(l.seen, expected);
	}
}

static void check_old(const struct thin_pool *pool, const uint32_t *disk)
{
	struct bp_thin_meta *meta = thin_pool_open(pool, ctx);

	check_content(pool, meta, disk, POOL_DATA_BLOCKS);
	bp_thin_close(meta);
}

/* --- whole --- */

static uint64_t blocks_used(const struct thin_pool *pool)
{
	uint8_t *used = calloc(1, POOL_DATA_BLOCKS);
	uint64_t nr = 0;

	assert_non_null(used);
	for (unsigned d = 0; d < pool->nr_devices; d++)
		for (uint32_t i = 0; i < POOL_BLOCKS; i++)
			if (pool->map[d][i] && !used[pool->map[d][i] - 1]++)
				nr++;
	free(used);
	return nr;
}

static int restore_text(struct strbuf *text, uint8_t *data, const struct io_fault_plan *plan)
{
	struct io *io, *fault;
	int r;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(io_fault_new(io, plan, &fault));
	r = thin_pool_restore(ctx, fault, strbuf_text(text));
	io_close(fault);
	return r;
}

/* NULL: there is no metadata. */
static struct bp_thin_meta *open_new(uint8_t *data)
{
	struct bp_thin_meta *meta = NULL;
	struct io *io;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	if (thin_meta_open_io(ctx, io, NULL, &meta) < 0)
		io_close(io);
	return meta;
}

static void check_clean(uint8_t *data)
{
	struct bp_thin_check_result res = { .size = sizeof(res) };
	struct io *io;

	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(thin_check_io(ctx, io, CHECK_ONLY, NULL, &res));
	io_close(io);
	assert_int_equal(res.nr_fatal + res.nr_nonfatal + res.nr_remarks, 0);
}

/* From metadata to metadata; the n-th write may fail. */
static int shrink_meta(const struct thin_pool *pool, uint64_t nr, uint8_t *data,
		       const struct io_fault_plan *plan)
{
	struct shrink_meta s = { .name = "x" };
	struct bp_thin_meta *meta = thin_pool_open(pool, ctx);
	struct shrink_plan p;
	struct io *io;
	int r;

	memset(data, 0, POOL_META_BLOCKS * IO_BLOCK);
	assert_ok(io_memory_new(data, (size_t)bp_mblock_to_bytes(POOL_META_BLOCKS), &io));
	assert_ok(io_fault_new(io, plan, &io));
	assert_ok(shrink_plan_init(&p, ctx, nr));
	assert_ok(shrink_meta_read(&s, meta));
	assert_ok(shrink_meta_plan(&s, &p));
	r = shrink_meta_write(&s, &p, io);
	shrink_plan_done(&p);
	shrink_meta_done(&s);
	bp_thin_close(meta);
	io_close(io);
	return r;
}

/* It is what the text, restored, is. */
static void check_meta(const struct thin_pool *pool, uint64_t nr, const uint8_t *data)
{
	static const struct io_fault_plan none = { 0 };
	uint8_t *other = io_buffer_new(POOL_META_BLOCKS);

	assert_non_null(other);
	assert_ok(shrink_meta(pool, nr, other, &none));
	assert_memory_equal(other, data, POOL_META_BLOCKS * IO_BLOCK);
	free(other);
}

static void shrink_pool(const struct thin_pool *pool, int fd, uint64_t nr, uint8_t *data)
{
	static const struct io_fault_plan none = { 0 };
	const struct bp_thin_shrink_opts opts = { .size = sizeof(opts) };
	struct shrink_data on_disk = { copy, flush, NULL };
	struct strbuf text = { 0 };
	struct bp_thin_meta *meta;
	struct shrink_plan p;
	struct disk disk;

	memset(data, 0, POOL_META_BLOCKS * IO_BLOCK);
	disk_init(&disk, UINT64_MAX);
	on_disk.user = &disk;
	assert_ok(shrink_plan_make(&p, ctx, fd, "x", nr));
	assert_int_equal(p.nr_used, blocks_used(pool));
	assert_ok(shrink_plan_copy(&p, &on_disk, 7, &opts));
	assert_ok(shrink_plan_write(&p, keep, &text));
	shrink_plan_done(&p);
	check_old(pool, disk.now);
	assert_ok(restore_text(&text, data, &none));
	check_clean(data);
	meta = open_new(data);
	assert_non_null(meta);
	assert_int_equal(bp_thin_superblock_get(meta)->nr_data_blocks, nr);
	check_content(pool, meta, disk.safe, nr);
	bp_thin_close(meta);
	check_meta(pool, nr, data);
	strbuf_done(&text);
	disk_done(&disk);
}

static void devices_read_as_before(void **state)
{
	uint8_t *data = io_buffer_new(POOL_META_BLOCKS);

	(void)state;
	assert_non_null(data);
	for (uint64_t seed = 1; seed <= thin_pool_trials(POOLS); seed++) {
		struct shrink_plan p;
		struct thin_pool pool;
		uint64_t used;
		int fd;

		thin_pool_make(&pool, ctx, seed);
		fd = text_file(&pool);
		used = blocks_used(&pool);
		shrink_pool(&pool, fd, MAX(used, 1), data);
		shrink_pool(&pool, fd, used + (POOL_DATA_BLOCKS - used) / 2, data);
		shrink_pool(&pool, fd, POOL_DATA_BLOCKS + 17, data);
		if (used > 1) {
			assert_err(shrink_plan_make(&p, ctx, fd, "x", used - 1), ENOSPC);
			shrink_plan_done(&p);
			assert_why("Insufficient free space");
		}
		assert_err(shrink_plan_make(&p, ctx, fd, "x", 0), EINVAL);
		shrink_plan_done(&p);
		close(fd);
		thin_pool_done(&pool);
	}
	free(data);
}

/* --- cut off --- */

/*
 * Up to @fail_at writes of data go through, then @meta_at of metadata. Whatever was not flushed may
 * be there or not: both are looked at. Returns false where nothing was cut.
 */
static bool cut(const struct thin_pool *pool, const struct shrink_plan *p, struct strbuf *text,
		uint8_t *data, uint64_t fail_at, uint64_t meta_at)
{
	const struct bp_thin_shrink_opts opts = { .size = sizeof(opts) };
	const struct io_fault_plan plan = { IO_FAULT_WRITE_NTH, meta_at, -EIO };
	struct shrink_data on_disk = { copy, flush, NULL };
	struct bp_thin_meta *meta;
	struct disk disk;
	int r;

	disk_init(&disk, fail_at);
	on_disk.user = &disk;
	memset(data, 0, POOL_META_BLOCKS * IO_BLOCK);
	r = shrink_plan_copy(p, &on_disk, 3, &opts);
	if (r == 0)
		r = restore_text(text, data, &plan);
	check_old(pool, disk.now);
	check_old(pool, disk.safe);
	meta = open_new(data);
	assert_int_equal(meta != NULL, r == 0);
	if (meta) {
		check_content(pool, meta, disk.safe, p->nr_wanted);
		bp_thin_close(meta);
	}
	disk_done(&disk);
	return r < 0;
}

static void a_cut_leaves_a_whole_pool(void **state)
{
	uint8_t *data = io_buffer_new(POOL_META_BLOCKS);
	struct strbuf text = { 0 };
	struct thin_pool pool;
	struct shrink_plan p;
	uint64_t at;
	int fd;

	(void)state;
	assert_non_null(data);
	thin_pool_make(&pool, ctx, 11);
	fd = text_file(&pool);
	assert_ok(shrink_plan_make(&p, ctx, fd, "x", blocks_used(&pool) + 10));
	assert_ok(shrink_plan_write(&p, keep, &text));
	assert_true(p.nr_moved > 100);
	for (at = 0; at <= p.nr_moved; at += MAX(1, p.nr_moved / 60))
		assert_true(cut(&pool, &p, &text, data, at, UINT64_MAX));
	assert_true(cut(&pool, &p, &text, data, p.nr_moved, UINT64_MAX)); /* the flush */
	for (at = 0; cut(&pool, &p, &text, data, UINT64_MAX, at); at++)
		;
	assert_true(at > 20);
	shrink_plan_done(&p);
	strbuf_done(&text);
	close(fd);
	thin_pool_done(&pool);
	free(data);
}

/* The superblock is the last that is written: no part of new metadata is taken for it. */
static void cut_metadata_is_none(void **state)
{
	struct io_fault_plan plan = { IO_FAULT_WRITE_NTH, 0, -EIO };
	uint8_t *data = io_buffer_new(POOL_META_BLOCKS);
	struct thin_pool pool;

	(void)state;
	assert_non_null(data);
	thin_pool_make(&pool, ctx, 11);
	for (; shrink_meta(&pool, blocks_used(&pool) + 10, data, &plan) < 0; plan.at++)
		assert_null(open_new(data));
	assert_true(plan.at > 20);
	check_clean(data);
	thin_pool_done(&pool);
	free(data);
}

static int full(void *user, const char *text, size_t len)
{
	(void)user, (void)text, (void)len;
	return -ENOSPC;
}

static void failing_writes_are_told(void **state)
{
	struct thin_pool pool;
	struct shrink_plan p;
	int fd;

	(void)state;
	thin_pool_make(&pool, ctx, 11);
	fd = text_file(&pool);
	assert_ok(shrink_plan_make(&p, ctx, fd, "x", blocks_used(&pool)));
	assert_err(shrink_plan_write(&p, full, NULL), ENOSPC);
	shrink_plan_done(&p);
	close(fd);
	thin_pool_done(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_read_as_before),
		cmocka_unit_test(a_cut_leaves_a_whole_pool),
		cmocka_unit_test(cut_metadata_is_none),
		cmocka_unit_test(failing_writes_are_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
