/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What looks at a pool without activating it, with each read failing in turn: it fails and says why,
 * or what it shows is right. Read as an active pool is, through its metadata snapshot, since there
 * the metadata is an io that a test can put in.
 */
#include "context_test.h"

#include <bedplate/history.h>
#include <bedplate/rescue.h>
#include <bedplate/thin_cells.h>
#include <bedplate/undelete.h>

#include "image.h"
#include "rescue/source.h"

#include <stdio.h>

struct world {
	struct image image;
	char *path;
	struct io_fault_plan plan;
	struct bp_source *source;
	uint64_t reads;  /* of the last call */
	bp_dblock whole; /* blocks that all volumes have where nothing fails */
	bp_dblock seen;
};

static void world_open(struct world *w)
{
	struct bp_source_opts opts = { .size = sizeof(opts), .snap_path = w->path };

	assert_ok(bp_source_open(ctx, w->path, &opts, &w->source));
	assert_non_null(w->source->snap);
	assert_ok(io_fault_new(image_io(&w->image), &w->plan, &w->source->snap_io));
	w->seen = 0;
}

static void world_close(struct world *w)
{
	w->reads = io_fault_counts_get(w->source->snap_io).blocks_read;
	bp_source_close(w->source);
}

/* --- what looks --- */

static int look_rescue(struct world *w)
{
	struct bp_rescue *rescue;
	int r = bp_rescue(w->source, &rescue);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_rescue_volumes_count(rescue); i++) {
		const struct bp_rescue_volume *v = bp_rescue_volume_get(rescue, i);

		if (v->verdict == BP_THIN_DOUBTFUL)
			continue; /* said to be perhaps another's */
		assert_true(v->mapped_dblocks == BP_NONE ||
			    v->intact_dblocks <= v->mapped_dblocks);
		w->seen += v->intact_dblocks;
	}
	bp_rescue_free(rescue);
	return 0;
}

static int count_device(void *user, const struct bp_thin_device *device)
{
	((struct world *)user)->seen += device->mapped_dblocks;
	return 0;
}

/* Of older states only their end is of interest; of the newest it is known. */
static int look_history(struct world *w)
{
	struct bp_history *history;
	int r = bp_history(w->source, &history);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < bp_history_count(history); i++)
		if (bp_history_get(history, i)->current)
			r = bp_history_devices(history, i, count_device, w);
	bp_history_free(history);
	return r;
}

static int try_removed(void *user, const struct bp_removed_volume *volume)
{
	struct world *w = user;
	struct bp_undelete_result res = { .size = sizeof(res) };
	struct bp_undelete *undelete;
	char id[24];
	int r;

	snprintf(id, sizeof(id), "%llu", (unsigned long long)volume->id);
	r = bp_undelete_new(w->source, id, NULL, &undelete);
	if (r < 0)
		return 0; /* not the same volume any more: it is told */
	bp_undelete_get(undelete, &res);
	assert_true(res.reused_dblocks + res.shared_dblocks <= 2 * res.found_dblocks);
	assert_true(res.survival_percent <= 10000);
	bp_undelete_free(undelete);
	return 0;
}

static int look_removed(struct world *w)
{
	return bp_removed_volumes(w->source, try_removed, w);
}

static int look_volumes(struct world *w)
{
	struct bp_source_volumes *volumes;
	int r = bp_source_volumes(w->source, &volumes);

	if (r < 0)
		return r;
	for (size_t i = 0; i < bp_source_volumes_count(volumes); i++)
		w->seen += bp_source_volumes_get(volumes, i)->mapped_dblocks;
	bp_source_volumes_free(volumes);
	return 0;
}

static int look_freed(struct world *w)
{
	struct bp_thin_open_opts how = { .size = sizeof(how), .workers = 1 };
	struct bp_thin_meta *meta;
	uint64_t ids[] = { 1 };
	bp_dblock freed;
	int r = bp_source_thin_open(w->source, &how, &meta);

	if (r < 0)
		return r;
	r = bp_thin_freed(meta, ids, ARRAY_SIZE(ids), &freed);
	bp_thin_close(meta);
	return r == -ENODATA ? 0 : r;
}

static int cell_seen(void *user, const struct bp_thin_cell *cell)
{
	((struct world *)user)->seen += cell->exclusive_dblocks + cell->shared_dblocks;
	return 0;
}

static int look_map(struct world *w)
{
	const struct bp_thin_cells_opts cells = { .size = sizeof(cells), .nr_cells = 64 };
	struct bp_thin_open_opts how = { .size = sizeof(how), .workers = 1 };
	struct bp_thin_meta *meta;
	int r = bp_source_thin_open(w->source, &how, &meta);

	if (r < 0)
		return r;
	r = bp_thin_cells(meta, &cells, cell_seen, w);
	bp_thin_close(meta);
	return r;
}

static const struct {
	const char *name;
	int (*look)(struct world *w);
	bool counts; /* what is seen is all that is mapped, or less and told */
} looks[] = {
	{ "rescue", look_rescue, true },     { "history", look_history, false },
	{ "undelete", look_removed, false }, { "volumes", look_volumes, false },
	{ "du", look_freed, false },         { "map", look_map, true },
};

/* --- each failing in turn --- */

static void fail_each(struct world *w, size_t i)
{
	uint64_t reads, step;

	w->plan = (struct io_fault_plan){ IO_FAULT_NONE, 0, -EIO };
	world_open(w);
	assert_ok(looks[i].look(w));
	w->whole = w->seen;
	world_close(w);
	reads = w->reads;
	assert_true(reads > 0);
	/* Of many, the first ones and some; BEDPLATE_TEST_READS=all: each. */
	step = reads <= 100 || getenv("BEDPLATE_TEST_READS") ? 1 : 1 + reads / 30;
	for (uint64_t at = 0; at < reads; at += at < 8 ? 1 : step) {
		int r;

		w->plan = (struct io_fault_plan){ IO_FAULT_READ_NTH, at, -EIO };
		world_open(w);
		r = looks[i].look(w);
		if (r > 0 || (r < 0 && !strlen(bp_errmsg(ctx))))
			fail_msg("%s: read %u of %u failed: %d", looks[i].name, (unsigned)at,
				 (unsigned)reads, r);
		if (r == 0 && looks[i].counts && w->seen > w->whole)
			fail_msg("%s: read %u of %u failed: %llu blocks of %llu", looks[i].name,
				 (unsigned)at, (unsigned)reads, (unsigned long long)w->seen,
				 (unsigned long long)w->whole);
		world_close(w);
	}
	print_message("# %s: %u reads\n", looks[i].name, (unsigned)reads);
}

static void each_read_failing(void **state)
{
	struct world w = { 0 };

	(void)state;
	image_load(&w.image, "thin-msnap");
	w.path = image_file(&w.image);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
		fail_each(&w, i);
	image_unlink(w.path);
	image_done(&w.image);
}

/* What is read is the state of the snapshot, whatever was written since. */
static void the_snapshot_stands_for_the_pool(void **state)
{
	struct world w = { 0 };

	(void)state;
	image_load(&w.image, "thin-msnap");
	w.path = image_file(&w.image);
	world_open(&w);
	assert_ok(look_rescue(&w));
	assert_int_equal(w.seen, 600 + 50 + 10 + 600);
	w.seen = 0;
	assert_ok(look_volumes(&w));
	assert_int_equal(w.seen, 600 + 50 + 10 + 600);
	world_close(&w);
	image_unlink(w.path);
	image_done(&w.image);
}

/* --- an area of which a small part was ever used --- */

struct sparse {
	struct io io;
	struct io *inner;
	uint64_t *beyond; /* blocks of the hole that were read */
};

static int sparse_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct sparse *s = (struct sparse *)(void *)io;
	int r = 0;

	for (size_t i = 0; r == 0 && i < nr; i++) {
		bp_mblock used = s->inner->nr_blocks;
		struct io_run part = runs[i];

		part.count = part.first < used ? (size_t)MIN(part.count, used - part.first) : 0;
		memset((uint8_t *)part.buf + part.count * IO_BLOCK, 0,
		       (runs[i].count - part.count) * IO_BLOCK);
		__atomic_add_fetch(s->beyond, runs[i].count - part.count, __ATOMIC_RELAXED);
		if (part.count)
			r = s->inner->ops->read(s->inner, &part, 1);
	}
	return r;
}

static int sparse_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			    bp_mblock *ret_end)
{
	bp_mblock used = ((struct sparse *)(void *)io)->inner->nr_blocks;

	*ret_begin = from < used ? from : io->nr_blocks;
	*ret_end = from < used ? used : io->nr_blocks;
	return 0;
}

static void sparse_close(struct io *io)
{
	io_close(((struct sparse *)(void *)io)->inner);
	free(io);
}

static const struct io_ops sparse_ops = {
	.name = "sparse",
	.read = sparse_read,
	.data_next = sparse_data_next,
	.close = sparse_close,
};

static struct io *sparse_new(struct image *image, uint64_t *beyond)
{
	struct sparse *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->inner = image_io(image);
	s->io = *s->inner;
	s->io.ops = &sparse_ops;
	s->io.nr_blocks = bp_bytes_to_mblock(UINT64_C(1) << 30);
	s->beyond = beyond;
	return &s->io;
}

/* Once to find all nodes, and again the trees of older states: never the area. */
static void a_large_area_is_read_where_it_is_used(void **state)
{
	struct bp_source_opts opts = { .size = sizeof(opts) };
	struct world w = { 0 };

	(void)state;
	image_load(&w.image, "thin-msnap");
	w.path = image_file(&w.image);
	opts.snap_path = w.path;
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		bp_mblock used = bp_bytes_to_mblock(w.image.size);
		uint64_t beyond = 0;

		assert_ok(bp_source_open(ctx, w.path, &opts, &w.source));
		w.plan = (struct io_fault_plan){ IO_FAULT_NONE, 0, -EIO };
		assert_ok(io_fault_new(sparse_new(&w.image, &beyond), &w.plan,
				       &w.source->snap_io));
		assert_ok(looks[i].look(&w));
		world_close(&w);
		print_message("# %s: %u blocks of %u were read, %u of the hole\n",
			      looks[i].name, (unsigned)w.reads, (unsigned)used,
			      (unsigned)beyond);
		assert_int_equal(beyond, 0);
		assert_true(w.reads <= 4 * used);
	}
	image_unlink(w.path);
	image_done(&w.image);
}

/* Holes of a file are holes of what lies on it, where its file system tells of them. */
static void holes_are_seen_through_a_map(void **state)
{
	char path[] = "/tmp/bp-holes-XXXXXX";
	int fd = mkstemp(path);
	bp_mblock begin, end, at = 0, nr = 0;
	struct raw_image *image;
	struct map *map;
	struct io *io;
	bool told;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "x", 1, 9 << 20), 1);
	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	told = lseek(fd, 0, SEEK_DATA) > 0;
	close(fd);
	assert_ok(raw_image_open(ctx, path, &image));
	/* As a partition that begins at an odd sector. */
	assert_ok(map_image_new(image, 512, (UINT64_C(64) << 20) - 4096, &map));
	assert_ok(map_io_new(map, NULL, &io));
	while (at < io->nr_blocks) {
		assert_ok(io_data_next(io, at, &begin, &end));
		assert_true(begin >= at && end >= begin && end <= io->nr_blocks);
		nr += end - begin;
		if (told && begin < io->nr_blocks)
			assert_true(begin <= (9 << 20) / IO_BLOCK &&
				    end >= ((9 << 20) - 512) / IO_BLOCK);
		at = end;
	}
	assert_true(nr > 0);
	if (told)
		assert_true(nr < io->nr_blocks / 2);
	else
		assert_int_equal(nr, io->nr_blocks);
	io_close(io);
	raw_image_close(image);
	unlink(path);
}

/* Somebody has released it meanwhile. */
static void no_snapshot_is_told(void **state)
{
	struct world w = { 0 };

	(void)state;
	image_load(&w.image, "thin-small");
	w.path = image_file(&w.image);
	world_open(&w);
	assert_err(look_rescue(&w), EINVAL);
	assert_why("no metadata snapshot");
	world_close(&w);
	image_unlink(w.path);
	image_done(&w.image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_snapshot_stands_for_the_pool),
		cmocka_unit_test(no_snapshot_is_told),
		cmocka_unit_test(each_read_failing),
		cmocka_unit_test(a_large_area_is_read_where_it_is_used),
		cmocka_unit_test(holes_are_seen_through_a_map),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
