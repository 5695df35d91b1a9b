/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context_test.h"
#include "formats/thin/meta.h"
#include "image.h"

#include <sys/resource.h>

#include <bedplate/cache_meta.h>
#include <bedplate/era_meta.h>
#include <bedplate/thin_ls.h>
#include <bedplate/thin_repair.h>
#include <bedplate/vdo.h>

struct listed {
	uint64_t devices, mapped, runs, blocks, next;
	struct bp_thin_meta *meta;
};

static int on_run(void *user, const struct bp_thin_run *run)
{
	struct listed *l = user;

	assert_true(run->virtual_begin >= l->next && run->length > 0);
	l->next = run->virtual_begin + run->length;
	l->runs++;
	l->blocks += run->length;
	return 0;
}

static int on_device(void *user, const struct bp_thin_device *device)
{
	struct listed *l = user;
	struct bp_thin_device found;

	assert_ok(bp_thin_device_find(l->meta, device->id, &found));
	assert_memory_equal(&found, device, sizeof(found));
	l->devices++;
	l->mapped += device->mapped_dblocks;
	l->next = 0;
	return bp_thin_mappings(l->meta, device->id, 0, UINT64_MAX, on_run, l);
}

static const struct {
	const char *image;
	uint64_t devices, mapped;
} lists[] = {
	{ "thin-empty", 0, 0 },    { "thin-small", 7, 1223 },   { "thin-refs", 6, 1800 },
	{ "thin-many", 320, 156 }, { "thin-200k", 3, 300000 },  { "thin-big", 1, 340 },
	{ "thin-msnap", 4, 1343 }, { "thin-resized", 2, 3600 }, { "thin-mix-k7", 4, 6450 },
};

static void devices_and_mappings_are_listed(void **state)
{
	struct image image;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		struct listed l = { 0 };
		char *path;

		image_load(&image, lists[i].image);
		path = image_file(&image);
		assert_ok(bp_thin_open(ctx, path, NULL, &l.meta));
		assert_ok(bp_thin_devices(l.meta, on_device, &l));
		assert_int_equal(l.devices, lists[i].devices);
		assert_int_equal(l.mapped, lists[i].mapped);
		assert_int_equal(l.blocks, lists[i].mapped);
		bp_thin_close(l.meta);
		image_unlink(path);
		image_done(&image);
	}
}

static int keep_run(void *user, const struct bp_thin_run *run)
{
	*(struct bp_thin_run *)user = *run;
	return 17;
}

static void mappings_are_looked_up(void **state)
{
	struct bp_thin_open_opts snap = { .size = sizeof(snap), .flags = BP_THIN_OPEN_SNAP };
	struct bp_thin_meta *meta;
	struct bp_thin_run run = { 0 };
	struct bp_thin_device device;
	struct image image;
	bp_dblock block;
	uint32_t time;
	struct io *io;

	(void)state;
	image_load(&image, "thin-200k");
	assert_ok(thin_meta_open_io(ctx, image_io(&image), NULL, &meta));
	assert_int_equal(bp_thin_superblock_get(meta)->nr_data_blocks, 400000);
	/* Runs are cut at the range asked for. */
	assert_int_equal(bp_thin_mappings(meta, 2, 16, 200, keep_run, &run), 17);
	assert_int_equal(run.virtual_begin, 20);
	assert_int_equal(run.length, 1);
	assert_ok(bp_thin_lookup(meta, 2, 20, &block, &time));
	assert_int_equal(block, 110001);
	assert_int_equal(block, run.data_begin);
	assert_int_equal(bp_thin_mappings(meta, 1, 50000, 50007, keep_run, &run), 17);
	assert_int_equal(run.virtual_begin, 50000);
	assert_ok(bp_thin_mappings(meta, 2, 21, 37, keep_run, &run));
	assert_err(bp_thin_lookup(meta, 2, 18, &block, &time), ENODATA);
	assert_string_equal(bp_errmsg(ctx), "device 2: block 18 is not mapped");
	assert_err(bp_thin_lookup(meta, 3, 18, &block, &time), ENODATA);
	assert_string_equal(bp_errmsg(ctx), "device 3 is not in the pool");
	assert_int_equal(bp_error_get(ctx)->code, BP_E_NO_THIN);
	bp_thin_close(meta);
	image_done(&image);

	/* Device 3 is only in the metadata snapshot; the size comes from the live superblock.
	 */
	image_load(&image, "thin-msnap");
	assert_ok(thin_meta_open_io(ctx, image_io(&image), &snap, &meta));
	assert_ok(bp_thin_device_find(meta, 3, &device));
	assert_int_equal(bp_thin_superblock_get(meta)->nr_data_blocks, 8192);
	bp_thin_close(meta);
	image_done(&image);

	image_load(&image, "thin-leaf-csum");
	assert_ok(thin_meta_open_io(ctx, image_io(&image), NULL, &meta));
	assert_err(bp_thin_lookup(meta, 0, 5, &block, &time), EBADMSG);
	assert_ok(bp_thin_lookup(meta, 0, 200, &block, &time));
	assert_err(bp_thin_mappings(meta, 0, 0, UINT64_MAX, keep_run, &run), EBADMSG);
	bp_thin_close(meta);
	io = image_io(&image);
	assert_err(thin_meta_open_io(ctx, io, &snap, &meta), EINVAL);
	io_close(io);
	image_done(&image);
}

static void bad_superblocks_do_not_open(void **state)
{
	static const struct {
		uint32_t at, value;
		enum block_kind kind;
		int r;
		const char *message;
	} cases[] = {
		{ 32, 1, BLOCK_THIN_SUPERBLOCK, -EUCLEAN,
		  "bad magic in superblock: 1, not 27022010" },
		{ 8, 7, BLOCK_THIN_SUPERBLOCK, -EUCLEAN,
		  "superblock in block 0 says that it is block 7" },
		{ 360, 2, BLOCK_THIN_SUPERBLOCK, -ENOTSUP,
		  "superblock has incompatible features: 0x2" },
		{ 40, 2, BLOCK_CACHE_SUPERBLOCK, -EUCLEAN,
		  "block 0 is a cache superblock, not a thin superblock" },
		{ 0, 2, BLOCK_UNKNOWN, -EBADMSG, "bad checksum in superblock" },
	};
	struct bp_thin_meta *meta;
	struct image image;
	struct io *io;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_load(&image, "thin-small");
		memcpy(image.data + cases[i].at, &cases[i].value, 4);
		if (cases[i].kind)
			image_seal(&image, 0, cases[i].kind);
		io = image_io(&image);
		assert_int_equal(thin_meta_open_io(ctx, io, NULL, &meta), cases[i].r);
		assert_string_equal(bp_errmsg(ctx), cases[i].message);
		io_close(io);
		image_done(&image);
	}
}

/* --- what a header claims --- */

struct usages {
	struct bp_thin_usage items[8];
	size_t count;
};

static int keep_usage(void *user, const struct bp_thin_usage *usage)
{
	struct usages *u = user;

	assert_true(u->count < ARRAY_SIZE(u->items));
	u->items[u->count++] = *usage;
	return 0;
}

static void list(const struct image *image, struct usages *ret)
{
	struct bp_thin_meta *meta;

	ret->count = 0;
	assert_ok(thin_meta_open_io(ctx, image_io(image), NULL, &meta));
	assert_ok(bp_thin_ls(meta, BP_THIN_LS_SHARING | BP_THIN_LS_HIGHEST, keep_usage, ret));
	bp_thin_close(meta);
}

static long resident_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* Sizes of space maps that are not so change nothing of what is read, nor what that takes. */
static void claims_are_not_believed(void **state)
{
	static const struct {
		uint32_t
			at; /* in the superblock: nr_blocks of the data or metadata space map */
		uint64_t value;
	} claims[] = {
		{ 192, 3 },
		{ 192, UINT64_C(1) << 40 },
		{ 64, UINT64_C(1) << 40 },
		{ 64, UINT64_MAX },
	};
	struct image good, bad;
	struct usages is, should;
	long before;

	(void)state;
	image_load(&good, "thin-refs");
	list(&good, &should);
	assert_int_equal(should.count, 6);
	before = resident_kib();
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		image_copy(&bad, &good);
		image_patch(&bad, 0, BLOCK_THIN_SUPERBLOCK, claims[i].at, 8, claims[i].value);
		list(&bad, &is);
		assert_int_equal(is.count, should.count);
		for (size_t n = 0; n < is.count; n++) {
			const struct bp_thin_usage *a = &is.items[n], *b = &should.items[n];

			assert_int_equal(a->device.id, b->device.id);
			assert_int_equal(a->exclusive_dblocks, b->exclusive_dblocks);
			assert_int_equal(a->shared_dblocks, b->shared_dblocks);
			assert_int_equal(a->highest_dblock, b->highest_dblock);
		}
		image_done(&bad);
	}
	/* 2^40 blocks, a bit each, are 128 GiB. */
	assert_true(resident_kib() - before < 256 * 1024);
	image_done(&good);
}

/* --- what does not open --- */

static int open_thin(const char *path)
{
	struct bp_thin_meta *meta;

	return bp_thin_open(ctx, path, NULL, &meta);
}

static int open_cache(const char *path)
{
	struct bp_cache_meta *meta;

	return bp_cache_open(ctx, path, NULL, &meta);
}

static int open_era(const char *path)
{
	struct bp_era_meta *meta;

	return bp_era_open(ctx, path, NULL, &meta);
}

static int open_plan(const char *path)
{
	const struct bp_thin_repair_opts opts = { .size = sizeof(opts) };
	struct bp_thin_plan *plan;

	return bp_thin_plan(ctx, path, &opts, &plan);
}

static int open_vdo(const char *path)
{
	struct bp_vdo_image *image;

	return bp_vdo_open(ctx, path, 0, &image);
}

/* Whose superblock it was is told, whatever is opened. */
static void what_does_not_open_is_named(void **state)
{
	static int (*const opens[])(const char *path) = { open_thin, open_cache, open_era,
							  open_plan, open_vdo };
	struct image image;
	char *path;

	(void)state;
	image_new(&image, 64 * IO_BLOCK);
	path = image_file(&image);
	image_done(&image);
	for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
		assert_true(opens[i](path) < 0);
		assert_non_null(bp_error_get(ctx)->device);
		assert_string_equal(bp_error_get(ctx)->device, path);
	}
	image_unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_and_mappings_are_listed),
		cmocka_unit_test(mappings_are_looked_up),
		cmocka_unit_test(bad_superblocks_do_not_open),
		cmocka_unit_test(claims_are_not_believed),
		cmocka_unit_test(what_does_not_open_is_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
