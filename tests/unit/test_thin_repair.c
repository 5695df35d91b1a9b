/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context_test.h"
#include "verdict.h"

/* Both kinds of leaks, wrong totals, and the flag. */
static void load_to_repair(struct image *image)
{
	struct image meta;

	image_load(image, "thin-data-leak");
	image_load(&meta, "thin-meta-leak");
	for (bp_mblock nr = 0; nr < image->size / IO_BLOCK; nr++) {
		enum block_kind kind = block_kind_of(image_block(&meta, nr));

		/* The metadata space map: index, bitmap. Its root comes with the superblock. */
		if (nr && image_used(&meta, nr) &&
		    memcmp(image_block(&meta, nr), image_block(image, nr), IO_BLOCK) &&
		    (kind == BLOCK_INDEX || (kind == BLOCK_BITMAP && !image_used(image, 900))))
			memcpy(image_block(image, nr), image_block(&meta, nr), IO_BLOCK);
	}
	image_done(&meta);
	image_patch(image, 0, BLOCK_THIN_SUPERBLOCK, 4, 4, 1);
}

static void leaks_are_repaired(void **state)
{
	static const char *const names[] = { "thin-data-leak", "thin-meta-leak" };
	struct image image;
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&image, names[i]);
		verdict_check(&v, ctx, &image, CHECK_AUTO_REPAIR, 0);
		assert_ok(v.r);
		assert_int_equal(v.res.nr_fatal + v.res.nr_nonfatal + v.res.nr_remarks, 0);
		assert_int_equal(v.res.repaired_data_leaks, i == 0 ? 3 : 0);
		assert_int_equal(v.res.repaired_metadata_leaks, i == 0 ? 0 : 1);
		assert_false(v.res.cleared_needs_check);
		verdict_done(&v);
		assert_clean(ctx, &image);
		image_done(&image);
	}
}

static void totals_are_repaired(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	image_load(&image, "thin-refs");
	image_patch(&image, 0, BLOCK_THIN_SUPERBLOCK, 64 + 8, 8, 5);
	image_patch(&image, 199, BLOCK_INDEX, 16 + 8, 4, 17);
	image_patch(&image, 199, BLOCK_INDEX, 16 + 12, 4, 16000);
	verdict_check(&v, ctx, &image, CHECK_AUTO_REPAIR, BP_THIN_CHECK_STRICT);
	assert_ok(v.r);
	assert_true(v.res.repaired_accounting);
	assert_int_equal(v.res.nr_fatal + v.res.nr_nonfatal + v.res.nr_remarks, 0);
	verdict_done(&v);
	assert_clean(ctx, &image);
	image_done(&image);
}

/* Counts behind the last block: kernels don't look there, until the map grows over them. */
static void counts_past_the_end_are_cleared(void **state)
{
	const struct sm_index_disk *index;
	struct sm_bitmap_disk *bitmap;
	struct image image;
	struct verdict v;
	bp_mblock at;

	(void)state;
	image_load(&image, "thin-refs");
	index = image_block(&image, 199);
	at = le64_get(index->entries[0].blocknr);
	bitmap = image_block(&image, at);
	assert_true(image.size / IO_BLOCK < 2000);
	bitmap->words[2000 / 32] = le64_make(UINT64_C(1) << 2 * (2000 % 32));
	image_seal(&image, at, BLOCK_BITMAP);
	verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
	assert_ok(v.r);
	assert_int_equal(v.res.nr_nonfatal, 1);
	assert_non_null(strstr(v.text, "1 counts for blocks past the end"));
	verdict_done(&v);
	verdict_check(&v, ctx, &image, CHECK_AUTO_REPAIR, 0);
	assert_ok(v.r);
	assert_true(v.res.repaired_accounting);
	assert_int_equal(v.res.nr_fatal + v.res.nr_nonfatal + v.res.nr_remarks, 0);
	verdict_done(&v);
	assert_clean(ctx, &image);
	image_done(&image);
}

/* Images of tests/data in which something fatal is found. */
static const char *const fatal[] = {
	"thin-sb-csum",       "thin-sb-zero",          "thin-leaf-csum",
	"thin-leaf-blocknr",  "thin-leaf-key-order",   "thin-data-ref-high",
	"thin-data-ref-zero", "thin-orphan-subtree",   "thin-dev-missing",
	"thin-truncated",     "thin-mapped-count",     "thin-parent-key",
	"thin-snap-sb",       "thin-data-bitmap-csum", "thin-overflow-missing",
	"thin-data-oob",      "thin-leaks-hide",
};

static void nothing_is_written_beside_damage(void **state)
{
	struct image image, before;
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++) {
		image_load(&image, fatal[i]);
		if (!streq(fatal[i], "thin-sb-csum") && !streq(fatal[i], "thin-sb-zero"))
			image_patch(&image, 0, BLOCK_THIN_SUPERBLOCK, 4, 4, 1);
		image_copy(&before, &image);
		for (int mode = CHECK_AUTO_REPAIR; mode <= CHECK_CLEAR; mode++) {
			verdict_check(&v, ctx, &image, (enum check_mode)mode, 0);
			assert_ok(v.r);
			assert_true(v.res.nr_fatal > 0);
			assert_false(v.res.cleared_needs_check);
			assert_memory_equal(image.data, before.data, image.size);
			verdict_done(&v);
		}
		image_done(&image);
		image_done(&before);
	}
}

static void needs_check_is_cleared(void **state)
{
	static const uint32_t flags[] = { 0, BP_THIN_CHECK_SKIP_MAPPINGS,
					  BP_THIN_CHECK_SUPER_ONLY };
	struct image good, image;
	struct verdict v;

	(void)state;
	image_load(&good, "thin-needs-check");
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		image_copy(&image, &good);
		verdict_check(&v, ctx, &image, CHECK_CLEAR, flags[i]);
		assert_ok(v.r);
		assert_true(v.res.cleared_needs_check);
		assert_int_equal(v.res.superblock.flags, 1); /* as it was */
		verdict_done(&v);
		verdict_check(&v, ctx, &image, CHECK_CLEAR, flags[i]);
		assert_false(v.res.cleared_needs_check);
		assert_int_equal(v.res.superblock.flags, 0);
		verdict_done(&v);
		assert_clean(ctx, &image);
		image_done(&image);
	}
	verdict_check(&v, ctx, &good, CHECK_AUTO_REPAIR, BP_THIN_CHECK_SKIP_MAPPINGS);
	assert_err(v.r, EINVAL);
	verdict_done(&v);
	verdict_check(&v, ctx, &good, CHECK_CLEAR, BP_THIN_CHECK_SNAP);
	assert_err(v.r, EINVAL);
	verdict_done(&v);
	image_done(&good);
}

/* Whichever write or flush fails, and all after it: an error, nothing worse than before. */
static void repair_may_stop_anywhere(void **state)
{
	static const enum io_fault_what faults[] = { IO_FAULT_WRITE_NTH, IO_FAULT_FLUSH_NTH };
	struct image good, image;
	struct io_fault_counts counts;
	struct verdict v;
	struct io *io;

	(void)state;
	load_to_repair(&good);
	image_copy(&image, &good);
	assert_ok(io_fault_new(image_io(&image), &(struct io_fault_plan){ 0 }, &io));
	verdict_check_io(&v, ctx, io, CHECK_AUTO_REPAIR, 0, 1);
	assert_ok(v.r);
	assert_true(v.res.cleared_needs_check);
	counts = io_fault_counts_get(io);
	assert_true(counts.blocks_written >= 3 && counts.flushes >= 3);
	io_close(io);
	verdict_done(&v);
	assert_clean(ctx, &image);
	image_done(&image);

	for (size_t w = 0; w < ARRAY_SIZE(faults); w++)
		for (uint64_t at = 0; at < (w ? counts.flushes : counts.blocks_written); at++) {
			struct io_fault_plan plan = { faults[w], at, -EIO };

			image_copy(&image, &good);
			assert_ok(io_fault_new(image_io(&image), &plan, &io));
			verdict_check_io(&v, ctx, io, CHECK_AUTO_REPAIR, 0, 1);
			assert_err(v.r, EIO);
			io_close(io);
			verdict_done(&v);

			verdict_check(&v, ctx, &image, CHECK_AUTO_REPAIR, 0);
			assert_ok(v.r);
			assert_int_equal(v.res.nr_fatal, 0);
			verdict_done(&v);
			assert_clean(ctx, &image);
			image_done(&image);
		}
	image_done(&good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaks_are_repaired),
		cmocka_unit_test(totals_are_repaired),
		cmocka_unit_test(counts_past_the_end_are_cleared),
		cmocka_unit_test(nothing_is_written_beside_damage),
		cmocka_unit_test(needs_check_is_cleared),
		cmocka_unit_test(repair_may_stop_anywhere),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
