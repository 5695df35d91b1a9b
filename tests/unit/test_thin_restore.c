/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Restoring a pool: what is refused, what is corrected, and what is too small. */
#include "thin_area.h"

#include "formats/thin/disk.h"

#include <inttypes.h>

/* --- what must be refused --- */

static const struct {
	const char *xml;
	int error;
	const char *why;
} refused[] = {
	{ SB DEV("1", "2") SINGLE("5", "1") SINGLE("5", "2") END, EINVAL,
	  "x: line 4, column 1: keys out of order: virtual block 5 comes after 5" },
	{ SB DEV("1", "4") RANGE("5", "1", "3") SINGLE("7", "9") END, EINVAL,
	  "x: line 4, column 1: keys out of order: virtual block 7 comes after 7" },
	{ SB DEV("1", "1") SINGLE("5", "1000") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1000 of 1000" },
	{ SB DEV("1", "9") RANGE("5", "995", "6") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1000 of 1000" },
	{ SB DEV("1", "9") RANGE("18446744073709551615", "5", "2") END, EINVAL,
	  "x: line 3, column 1: virtual block 18446744073709551615: 2 blocks from there go "
	  "beyond 64 bits" },
	{ SB_OF("0") DEV("1", "1") SINGLE("5", "1") END, EINVAL,
	  "x: line 3, column 1: block out of bounds: data block 1 of 0; hint: the dump of a "
	  "metadata snapshot may lack the number: give --nr-data-blocks" },
	/* What has no room in 24 bits. */
	{ "<superblock uuid=\"\" time=\"16777216\" transaction=\"5\" data_block_size=\"128\" "
	  "nr_data_blocks=\"10\"/>",
	  EINVAL,
	  "x: line 1, column 1: attribute 'time' in tag 'superblock': '16777216' is out of "
	  "range (0 "
	  "to 16777215)" },
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"16777216\" "
	     "snap_time=\"0\"/>",
	  EINVAL,
	  "x: line 2, column 1: attribute 'creation_time' in tag 'device': '16777216' is out "
	  "of "
	  "range (0 to 16777215)" },
	{ SB "<device dev_id=\"16777216\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"1\" "
	     "snap_time=\"0\"/>",
	  EINVAL,
	  "x: line 2, column 1: attribute 'dev_id' in tag 'device': '16777216' is out of "
	  "range (0 to 16777215)" },
	{ SB DEV("1", "0") "</device>" DEV("1", "0") END, EINVAL,
	  "x: line 3, column 10: a second device 1" },
	{ SB "<def name=\"a\"/>\n<def name=\"a\"/>" DEV("1", "0") END, EINVAL,
	  "x: line 3, column 1: a second def named 'a'" },
	{ SB DEV("1", "0") "<ref name=\"9\"/>" END, EINVAL,
	  "x: line 3, column 1: Couldn't find sub tree '9': no def of that name comes before" },
	{ SB "<def name=\"9\">" SINGLE("3", "1") "</def>" DEV("1", "2")
		  SINGLE("3", "2") "<ref name=\"9\"/>" END,
	  EINVAL, "x: line 5, column 1: keys out of order: virtual block 3 comes after 3" },
	{ "<superblock uuid=\"\" time=\"3\" transaction=\"5\" data_block_size=\"200\" "
	  "nr_data_blocks=\"10\"/>",
	  EINVAL,
	  "x: line 1, column 1: invalid data block size: 200 sectors are not a multiple of 128 "
	  "from 128 to 2097152" },
	{ SB_OF("400000000000") DEV("1", "0") END, ENOSPC,
	  "x: line 1, column 1: out of metadata space: to count 400000000000 data blocks takes "
	  "24656279 metadata blocks, the output has 2048" },
	{ SB DEV("1", "0"), EINVAL,
	  "x: line 3, column 1: the text ends inside 'device': is it truncated?" },
};

/* What is written in place of what the text says, and the warning. */
static const struct {
	const char *xml, *warning;
	uint32_t time; /* the clock */
	struct bp_thin_device device;
} corrected[] = {
	{ SB DEV("1", "2") SINGLE("5", "1") END,
	  "device 1: mapped_blocks is 2, but 1 blocks are mapped: the latter is written",
	  3,
	  { .mapped_dblocks = 1 } },
	/* The clock follows mappings and snapshots, not what a device says of its making. */
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" creation_time=\"1\" "
	     "snap_time=\"77\"/></superblock>",
	  "the superblock's time 3 is below a time in it: 77 is written",
	  77,
	  { .creation_time = 1, .snapshotted_time = 77 } },
	{ SB "<device dev_id=\"1\" mapped_blocks=\"0\" transaction=\"0\" "
	     "creation_time=\"16777215\" snap_time=\"2\"/></superblock>",
	  NULL,
	  3,
	  { .creation_time = 16777215, .snapshotted_time = 2 } },
	/* Shared blocks must be older than the device's snapshotted time. */
	{ SB "<def name=\"a\"><single_mapping origin_block=\"1\" data_block=\"1\" "
	     "time=\"2\"/></def>" DEV("1", "1") "<ref name=\"a\"/>" END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 3 } },
	/* Shared by number: between devices, and within one. */
	{ SB DEV("1", "2") AT("5", "1", "2")
		  AT("6", "2", "3") "</device>" DEV_SNAP("2", "1", "3") AT("5", "1", "2") END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 3 } },
	{ SB DEV("1", "2") AT("5", "1", "0") AT("6", "1", "1") END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 2 is written",
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 2 } },
	/* What is older, or nobody else's, asks for nothing; nor does a def that nobody uses. */
	{ SB DEV_SNAP("1", "2", "3") AT("5", "1", "2")
		  AT("6", "2", "3") "</device>" DEV_SNAP("2", "1", "3") AT("5", "1", "2") END,
	  NULL,
	  3,
	  { .mapped_dblocks = 2, .snapshotted_time = 3 } },
	{ SB "<def name=\"a\">" AT("5", "1", "2") "</def>" DEV("1", "1") AT("5", "1", "2") END,
	  NULL,
	  3,
	  { .mapped_dblocks = 1 } },
	/* Times of a def are its own: not those of another, nor of a device before it. */
	{ SB "<def name=\"a\">" AT("5", "1", "3") "</def><def name=\"b\">" AT(
		  "6", "2", "1") "</def>" DEV_SNAP("1", "1", "2") "<ref name=\"b\"/>" END,
	  NULL,
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 2 } },
	{ SB DEV_SNAP("2", "1", "3") AT("5", "1", "3") "</device><def name=\"b\">" AT(
		  "6", "2", "1") "</def>" DEV_SNAP("1", "1", "2") "<ref name=\"b\"/>" END,
	  NULL,
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 2 } },
	/* A def is shared with who has the block by number. */
	{ SB "<def name=\"a\">" AT("5", "1", "2") "</def>" DEV("1", "1")
		  AT("5", "1", "2") "</device>" DEV_SNAP("2", "1", "3") "<ref name=\"a\"/>" END,
	  "device 1: snap_time 0 is not above the times of blocks that it shares: 3 is written",
	  3,
	  { .mapped_dblocks = 1, .snapshotted_time = 3 } },
	{ "<superblock uuid=\"\" time=\"16711680\" transaction=\"5\" data_block_size=\"128\" "
	  "nr_data_blocks=\"10\">" DEV("1", "0") END,
	  "the superblock's time is 16711680; each snapshot adds one, and above 16777215 "
	  "kernels "
	  "spoil mappings: restore with lower times",
	  16711680,
	  { .id = 1 } },
};

static void correct(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(corrected); i++) {
		const struct bp_thin_device *wanted = &corrected[i].device;
		struct bp_thin_device device;
		struct bp_thin_meta *meta;
		struct area area;

		area_init(&area);
		assert_ok(restore(&area, corrected[i].xml));
		assert_int_equal(bp_warnings_count(area.ctx), corrected[i].warning != NULL);
		if (corrected[i].warning)
			assert_string_equal(bp_warning_get(area.ctx, 0), corrected[i].warning);
		meta = open_area(&area);
		assert_int_equal(bp_thin_superblock_get(meta)->time, corrected[i].time);
		assert_ok(bp_thin_device_find(meta, 1, &device));
		assert_int_equal(device.mapped_dblocks, wanted->mapped_dblocks);
		assert_int_equal(device.creation_time, wanted->creation_time);
		assert_int_equal(device.snapshotted_time, wanted->snapshotted_time);
		bp_thin_close(meta);
		area_done(&area);
	}
}

/* What fails says why, and leaves no superblock. */
static void refuse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct area area;

		area_init(&area);
		assert_err(restore(&area, refused[i].xml), refused[i].error);
		assert_string_equal(bp_errmsg(area.ctx), refused[i].why);
		assert_true(is_zero(area.data));
		area_done(&area);
	}
}

/* More than the output holds: at every size the result is complete, or an error and nothing. */
static void too_small(void **state)
{
	struct strbuf xml = { 0 };
	bool fitted = false;

	(void)state;
	strbuf_add(&xml, SB_OF("100000") DEV("1", "100000") RANGE("0", "0", "100000") END);
	for (bp_mblock nr = 1; nr < 450; nr += nr < 20 ? 1 : 7) {
		struct area area;
		struct io *io;
		int r;

		area_init(&area);
		io = area_io(&area, nr);
		r = restore_on(&area, io, xml.text);
		io_close(io);
		if (r < 0) {
			assert_int_equal(r, -ENOSPC);
			assert_int_equal(bp_error_get(area.ctx)->code, BP_E_NO_SPACE);
			assert_true(is_zero(area.data));
			assert_false(fitted);
		} else {
			fitted = true;
			check_clean(&area);
		}
		area_done(&area);
	}
	assert_true(fitted);
	strbuf_done(&xml);
}

/* A clock below a time in the metadata would let the kernel overwrite shared blocks. */
static void clock_is_raised(void **state)
{
	struct area area;
	struct bp_thin_meta *meta;

	(void)state;
	area_init(&area);
	assert_ok(restore(&area, SB DEV("1", "1") "<single_mapping origin_block=\"0\" "
						  "data_block=\"0\" time=\"12\"/>" END));
	assert_int_equal(bp_warnings_count(area.ctx), 1);
	assert_string_equal(bp_warning_get(area.ctx, 0),
			    "the superblock's time 3 is below a time in it: 12 is written");
	meta = open_area(&area);
	assert_int_equal(bp_thin_superblock_get(meta)->time, 12);
	bp_thin_close(meta);
	check_clean(&area);
	area_done(&area);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(correct),
		cmocka_unit_test(refuse),
		cmocka_unit_test(too_small),
		cmocka_unit_test(clock_is_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
