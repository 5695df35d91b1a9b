/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context_test.h"
#include "verdict.h"

#include <inttypes.h>
#include <stdio.h>

/* --- the images of tests/data --- */

static const char *const intact[] = {
	"thin-200k",  "thin-big",         "thin-empty", "thin-many",    "thin-mix-k7",
	"thin-msnap", "thin-needs-check", "thin-refs",  "thin-resized", "thin-small",
};

static void intact_images_are_clean(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(intact); i++) {
		image_load(&image, intact[i]);
		verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_STRICT);
		if (v.r || v.len)
			fail_msg("%s: %d, %s", intact[i], v.r, v.text);
		assert_int_equal(v.res.nr_fatal + v.res.nr_nonfatal + v.res.nr_remarks, 0);
		verdict_done(&v);
		image_done(&image);
	}
}

static const struct {
	const char *image;
	uint64_t fatal, nonfatal; /* UINT64_MAX: some */
	uint64_t data_leaked, metadata_leaked;
	const char *says[3];
} damaged[] = {
	{ "thin-sb-csum", 1, 0, 0, 0, { "fatal checksum bad checksum in superblock\n" } },
	{ "thin-sb-zero",
	  1,
	  0,
	  0,
	  0,
	  { "fatal checksum bad checksum in superblock (block 0" } },
	{ "thin-leaf-csum",
	  2,
	  0,
	  0,
	  0,
	  { "fatal checksum thin device 0: mapping tree block 148: bad checksum in btree node; "
	    "virtual blocks 0..125\n",
	    "Thin device 0 has errors and is missing 126 mappings, while expected 300\n" } },
	{ "thin-leaf-blocknr",
	  2,
	  0,
	  0,
	  0,
	  { "fatal misplaced thin device 0: mapping tree block 148: ",
	    "virtual blocks 0..125\n" } },
	{ "thin-leaf-key-order",
	  2,
	  0,
	  0,
	  0,
	  { "fatal key-order thin device 0: mapping tree block 148: keys out of order; virtual "
	    "blocks 0..125\n" } },
	{ "thin-data-leak",
	  0,
	  1,
	  3,
	  0,
	  { "non-fatal leak data space map: data blocks 5000..5002 leaked" } },
	{ "thin-meta-leak",
	  0,
	  1,
	  0,
	  1,
	  { "non-fatal leak metadata space map: metadata block 900 leaked" } },
	{ "thin-data-ref-high",
	  1,
	  0,
	  0,
	  0,
	  { "fatal count data space map: data block 20: wrong reference count, expected 1, "
	    "actual "
	    "2\n" } },
	{ "thin-data-ref-zero",
	  1,
	  1,
	  0,
	  0,
	  { "data block 20: wrong reference count, expected 1, actual 0\n",
	    "non-fatal none-free-before data space map: index entry 0 says none is free before "
	    "311, "
	    "but 20 of" } },
	{ "thin-orphan-subtree",
	  UINT64_MAX,
	  2,
	  1,
	  2,
	  { "data block 319 leaked", "metadata blocks 133..134 leaked",
	    "metadata block 23: wrong reference count, expected 4, actual 5\n" } },
	{ "thin-dev-missing",
	  1,
	  0,
	  0,
	  0,
	  { "fatal device-no-details Inconsistency between the details tree and the mapping "
	    "tree: "
	    "device 5 has mappings, but no details\n" } },
	{ "thin-truncated",
	  UINT64_MAX,
	  0,
	  0,
	  0,
	  { "covers 1024 blocks, but the device has only 150\n",
	    "device details tree: block 192: is past the end",
	    "mapping top-level: block 194: is past the end" } },
	{ "thin-mapped-count",
	  1,
	  0,
	  0,
	  0,
	  { "Thin device 4 has unexpected number of mappings, expected 301, actual 300\n" } },
	{ "thin-parent-key",
	  1,
	  0,
	  0,
	  0,
	  { "fatal key-range thin device 0: mapping tree block 171: keys outside of the "
	    "parent's "
	    "range for it in node 169: has keys 126..299; virtual blocks from 130 on\n" } },
	{ "thin-data-bitmap-csum",
	  1,
	  0,
	  0,
	  0,
	  { "fatal checksum data space map: bitmap block 195, index entry 0: bad checksum" } },
	{ "thin-snap-sb",
	  1,
	  0,
	  0,
	  0,
	  { "fatal checksum metadata snap: bad checksum in superblock (block 64)\n" } },
	{ "thin-overflow-missing",
	  1,
	  0,
	  0,
	  0,
	  { "fatal count-entry data space map: data block 5: its bitmap says 3 or more, the "
	    "reference count tree has no entry; 6 references\n" } },
	/* More leaks than anybody wants to read, and the index block is counted free. */
	{ "thin-leaks-hide",
	  1,
	  70,
	  0,
	  70,
	  { "fatal count metadata space map: metadata block 199: wrong reference count, "
	    "expected "
	    "1, "
	    "actual 0\n" } },
	{ "thin-data-oob",
	  2,
	  0,
	  0,
	  0,
	  { "fatal data-block thin device 0: mapping tree block 171: virtual block 129 is "
	    "mapped "
	    "to data block 20000 of 16384\n" } },
};

static void damage_is_found_and_named(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		image_load(&image, damaged[i].image);
		verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
		assert_ok(v.r);
		for (size_t k = 0; k < ARRAY_SIZE(damaged[i].says) && damaged[i].says[k]; k++)
			if (!strstr(v.text, damaged[i].says[k]))
				fail_msg("%s: not said: %s\nbut: %s", damaged[i].image,
					 damaged[i].says[k], v.text);
		if (damaged[i].fatal == UINT64_MAX)
			assert_true(v.res.nr_fatal > 1);
		else
			assert_int_equal(v.res.nr_fatal, damaged[i].fatal);
		assert_int_equal(v.res.nr_nonfatal, damaged[i].nonfatal);
		assert_int_equal(v.res.nr_data_leaked, damaged[i].data_leaked);
		assert_int_equal(v.res.nr_metadata_leaked, damaged[i].metadata_leaked);
		verdict_done(&v);
		image_done(&image);
	}
}

static void result_has_what_was_counted(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	image_load(&image, "thin-msnap");
	verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
	assert_true(v.res.superblock_ok);
	assert_int_equal(v.res.superblock.transaction_id, 5);
	assert_int_equal(v.res.superblock.nr_data_blocks, 8192);
	assert_int_equal(v.res.superblock.metadata_snap, 64);
	assert_int_equal(v.res.nr_metadata_free, 1024 - 26);
	assert_int_equal(v.res.nr_devices, 4);
	assert_int_equal(v.res.nr_snap_devices, 1); /* 3, deleted since */
	verdict_done(&v);

	/* The snapshot alone: its trees, no space maps. */
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SNAP);
	assert_ok(v.r);
	assert_int_equal(v.len, 0);
	assert_int_equal(v.res.nr_devices, 4);
	verdict_done(&v);
	image_done(&image);

	image_load(&image, "thin-refs");
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SNAP);
	assert_err(v.r, EINVAL);
	assert_string_equal(bp_errmsg(ctx), "no current metadata snap");
	verdict_done(&v);
	image_done(&image);
}

static void less_can_be_checked(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	image_load(&image, "thin-leaf-csum");
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SKIP_MAPPINGS);
	assert_int_equal(v.res.nr_fatal, 0);
	assert_int_equal(v.res.nr_devices, 6);
	verdict_done(&v);
	image.size = IO_BLOCK; /* enough for the superblock */
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SUPER_ONLY);
	assert_ok(v.r);
	assert_int_equal(v.len, 0);
	assert_int_equal(v.res.nr_metadata_free, 1000);
	verdict_done(&v);
	image_done(&image);

	image_load(&image, "thin-dev-missing");
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SKIP_MAPPINGS);
	assert_int_equal(v.res.nr_fatal, 1);
	verdict_done(&v);
	image_done(&image);

	/* What is wrong with the metadata snapshot alone is no matter then. */
	image_load(&image, "thin-snap-sb");
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SNAP);
	assert_int_equal(v.res.nr_fatal, 1);
	assert_false(v.res.superblock_ok);
	verdict_done(&v);
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_SKIP_MAPPINGS);
	assert_string_equal(v.text, "");
	verdict_done(&v);
	image_done(&image);
}

/* --- fields that are wrong in a valid block --- */

static const struct {
	const char *what;
	uint32_t at, bytes; /* in the superblock */
	uint64_t value;
	enum bp_harm harm; /* of the check that is not strict */
	const char *says;
} fields[] = {
	{ "magic", 32, 8, 1, BP_HARM_FATAL, "magic is 1, not 27022010" },
	{ "blocknr", 8, 8, 3, BP_HARM_FATAL, "its own block number is 3, not 0" },
	{ "incompat", 360, 4, 1, BP_HARM_FATAL, "incompat_flags is 1, not 0" },
	{ "compat_ro", 356, 4, 1, BP_HARM_FATAL, "compat_ro_flags is 1, not 0" },
	{ "version", 40, 4, 9, BP_HARM_REMARK, "version is 9, not 2" },
	{ "version", 40, 4, 0, BP_HARM_REMARK, "version is 0, not 2" },
	{ "metadata block size", 340, 4, 16, BP_HARM_REMARK,
	  "metadata_block_size is 16, not 8" },
	{ "data block size", 336, 4, 0, BP_HARM_FATAL,
	  "data_block_size (sectors) cannot be 0" },
	{ "data block size", 336, 4, 129, BP_HARM_FATAL, "cannot be 129" },
	{ "data nr_allocated", 64 + 8, 8, 5, BP_HARM_NONFATAL,
	  "non-fatal nr-allocated data space map: the superblock says 5 blocks are in use, the "
	  "bitmaps 326" },
	{ "metadata nr_allocated", 192 + 8, 8, 1023, BP_HARM_NONFATAL,
	  "metadata space map: the superblock says 1023 blocks are in use, the bitmaps 24" },
	{ "time", 44, 4, 3, BP_HARM_FATAL, "fatal mapping-time thin device " },
	{ "time", 44, 4, 3, BP_HARM_FATAL, "is above the pool's 3" },
	{ "time", 44, 4, 0xffffff, BP_HARM_REMARK,
	  "remark time-limit superblock: time is 16777215; " },
	{ "time", 44, 4, 0xff0000, BP_HARM_REMARK,
	  "remark time-limit superblock: time is 16711680; " },
	{ "time", 44, 4, 0x1000000, BP_HARM_FATAL,
	  "fatal time-limit superblock: time is 16777216, " },
	{ "time", 44, 4, UINT32_MAX, BP_HARM_FATAL, "fatal time-limit " },
	{ "data nr_blocks", 64, 8, UINT64_MAX, BP_HARM_FATAL,
	  "more than this metadata could count" },
	{ "data nr_blocks", 64, 8, 100, BP_HARM_FATAL, "of 100" },
	{ "metadata nr_blocks", 192, 8, 0, BP_HARM_FATAL, "nr_blocks cannot be 0" },
	{ "metadata nr_blocks", 192, 8, UINT64_MAX, BP_HARM_FATAL, "nr_blocks cannot be" },
	{ "metadata nr_blocks", 192, 8, 5000, BP_HARM_FATAL, "but the device has only 1024" },
	{ "data index root", 64 + 16, 8, 0, BP_HARM_FATAL, "index tree: block 0: is past" },
	{ "mapping root", 320, 8, 0, BP_HARM_FATAL, "mapping top-level: block 0: is past" },
	{ "details root", 328, 8, 1 << 20, BP_HARM_FATAL,
	  "device details tree: block 1048576" },
	{ "mapping root", 320, 8, 192, BP_HARM_FATAL, "value_size is not this tree's" },
	{ "held root", 56, 8, 200, BP_HARM_FATAL, "metadata snap: " },
	{ "held root", 56, 8, 200000, BP_HARM_FATAL, "metadata snap: block 200000 is past" },
};

static void wrong_fields_are_found(void **state)
{
	struct image good, bad;
	struct verdict v;

	(void)state;
	image_load(&good, "thin-refs");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		image_copy(&bad, &good);
		image_patch(&bad, 0, BLOCK_THIN_SUPERBLOCK, fields[i].at, fields[i].bytes,
			    fields[i].value);
		verdict_check(&v, ctx, &bad, CHECK_ONLY, 0);
		assert_ok(v.r);
		if (!strstr(v.text, fields[i].says))
			fail_msg("%s: not said: %s\nbut: %s", fields[i].what, fields[i].says,
				 v.text);
		if ((v.res.nr_fatal > 0) != (fields[i].harm == BP_HARM_FATAL) ||
		    (fields[i].harm == BP_HARM_NONFATAL && !v.res.nr_nonfatal))
			fail_msg("%s: harm is wrong: %s", fields[i].what, v.text);
		verdict_done(&v);
		verdict_check(&v, ctx, &bad, CHECK_ONLY, BP_THIN_CHECK_STRICT);
		assert_true(v.res.nr_fatal > 0 || fields[i].harm == BP_HARM_NONFATAL);
		assert_int_equal(v.res.nr_remarks, 0);
		verdict_done(&v);
		image_done(&bad);
	}
	image_done(&good);
}

/* The metadata snapshot's superblock, block 64 of thin-msnap: its own fields are looked at. */
static void the_snapshot_is_looked_at(void **state)
{
	static const struct {
		uint32_t at, bytes;
		uint64_t value;
		bool fatal;
		const char *says;
	} cases[] = {
		{ 64 + 16, 8, 5, false, "metadata snap: the roots of space maps are not zero" },
		{ 336, 4, 512, false,
		  "metadata snap: data_block_size (sectors) is 512, not 256" },
		{ 336, 4, 0, true, "metadata snap: data_block_size (sectors) cannot be 0" },
		{ 8, 8, 65, true, "metadata snap: its own block number is 65, not 64" },
		{ 320, 8, 5000, true, "mapping top-level: block 5000: is past" },
		{ 328, 8, 64, true, "device details tree: block 64: not a btree node" },
	};
	struct image good, bad;
	struct verdict v;

	(void)state;
	image_load(&good, "thin-msnap");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		image_copy(&bad, &good);
		image_patch(&bad, 64, BLOCK_THIN_SUPERBLOCK, cases[i].at, cases[i].bytes,
			    cases[i].value);
		verdict_check(&v, ctx, &bad, CHECK_ONLY, 0);
		assert_ok(v.r);
		if (!strstr(v.text, cases[i].says))
			fail_msg("not said: %s\nbut: %s", cases[i].says, v.text);
		assert_int_equal(v.res.nr_fatal > 0, cases[i].fatal);
		verdict_done(&v);
		image_done(&bad);
	}
	image_done(&good);
}

/* Index entries of thin-refs: metadata index block 199, data index leaf 198. */
static void index_entries_may_hide_blocks(void **state)
{
	struct image image;
	struct verdict v;

	(void)state;
	image_load(&image, "thin-refs");
	image_patch(&image, 199, BLOCK_INDEX, 16 + 8, 4, 17);
	verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
	assert_non_null(strstr(v.text,
			       "non-fatal nr-free metadata space map: index entry 0 says 17 "
			       "free, its bitmap (block "));
	assert_int_equal(v.res.nr_fatal, 0);
	verdict_done(&v);
	/* Too many: kernels look there in vain and go on. */
	image_patch(&image, 199, BLOCK_INDEX, 16 + 8, 4, 16320);
	verdict_check(&v, ctx, &image, CHECK_ONLY, 0);
	assert_non_null(strstr(v.text, "remark nr-free metadata space map: "));
	assert_int_equal(v.res.nr_fatal + v.res.nr_nonfatal, 0);
	verdict_done(&v);
	/* What old tools wrote: only the entries that exist. */
	image_patch(&image, 199, BLOCK_INDEX, 16 + 8, 4, 1000);
	verdict_check(&v, ctx, &image, CHECK_ONLY, BP_THIN_CHECK_STRICT);
	assert_string_equal(v.text, "");
	verdict_done(&v);
	image_done(&image);
}

/* --- faults --- */

static void unreadable_blocks_are_found(void **state)
{
	static const char *const names[] = { "thin-refs", "thin-msnap" };
	struct image image;
	struct verdict v;
	struct io *io;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		image_load(&image, names[i]);
		for (bp_mblock nr = 0; nr < 220; nr++) {
			struct io_fault_plan plan = { IO_FAULT_READ_BLOCK, nr, -EIO };

			assert_ok(io_fault_new(image_io(&image), &plan, &io));
			verdict_check_io(&v, ctx, io, CHECK_ONLY, 0, 2);
			if (!image_used(&image, nr))
				assert_true(v.r == 0 && v.len == 0);
			else
				assert_true(v.r == -EIO ||
					    (v.r == 0 && v.res.nr_fatal && v.io));
			io_close(io);
			verdict_done(&v);
		}
		image_done(&image);
	}
}

static void workers_agree(void **state)
{
	struct image image;
	struct verdict one, many;
	struct io *io;

	(void)state;
	image_load(&image, "thin-200k");
	image_patch(&image, 0, BLOCK_THIN_SUPERBLOCK, 44, 4, 0); /* time: every later mapping */
	io = image_io(&image);
	verdict_check_io(&one, ctx, io, CHECK_ONLY, 0, 1);
	assert_true(one.res.nr_fatal > 10);
	for (unsigned n = 2; n < 6; n++) {
		verdict_check_io(&many, ctx, io, CHECK_ONLY, 0, n);
		assert_string_equal(one.text, many.text);
		assert_memory_equal(&one.res, &many.res, sizeof(one.res));
		verdict_done(&many);
	}
	verdict_done(&one);
	io_close(io);
	image_done(&image);
}

static int cancel(void *user, const char *stage, bp_mblock done, bp_mblock total)
{
	(void)stage;
	return done > total || ++*(int *)user == 3;
}

static void checks_can_be_canceled(void **state)
{
	int times = 0;
	struct bp_thin_check_result res = { .size = sizeof(res) };
	struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		.progress = cancel,
		.user = &times,
	};
	struct image image;
	struct io *io;

	(void)state;
	image_load(&image, "thin-200k");
	io = image_io(&image);
	assert_err(thin_check_io(ctx, io, CHECK_ONLY, &opts, &res), ECANCELED);
	assert_int_equal(times, 3);
	opts.size = 3;
	assert_err(thin_check_io(ctx, io, CHECK_ONLY, &opts, &res), EINVAL);
	opts.size = sizeof(opts);
	res.size = 0;
	assert_err(thin_check_io(ctx, io, CHECK_ONLY, &opts, &res), EINVAL);
	io_close(io);
	image_done(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intact_images_are_clean),
		cmocka_unit_test(damage_is_found_and_named),
		cmocka_unit_test(result_has_what_was_counted),
		cmocka_unit_test(less_can_be_checked),
		cmocka_unit_test(wrong_fields_are_found),
		cmocka_unit_test(the_snapshot_is_looked_at),
		cmocka_unit_test(index_entries_may_hide_blocks),
		cmocka_unit_test(unreadable_blocks_are_found),
		cmocka_unit_test(workers_agree),
		cmocka_unit_test(checks_can_be_canceled),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
