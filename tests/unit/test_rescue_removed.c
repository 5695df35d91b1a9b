/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is left of a removed volume: runs of which all is known, and gaps with who has them now. */
#include "thin_area.h"

#include "formats/thin/meta.h"
#include "rescue/removed.h"

#define DEVICE                                                                                 \
	"<device dev_id=\"7\" mapped_blocks=\"6\" transaction=\"0\" creation_time=\"0\" "      \
	"snap_time=\"2\">\n"

/* A run ends where data, place or time do not go on: new metadata gets each with its own time. */
static void runs_are_of_one_time(void **state)
{
	static const char xml[] = SB DEVICE AT("0", "10", "1") AT("1", "11", "1")
		AT("2", "12", "2") AT("3", "20", "2") AT("4", "21", "2") AT("6", "22", "2") END;
	static const struct removed_run want[] = {
		{ .begin = 0, .data = 10, .length = 2, .time = 1 },
		{ .begin = 2, .data = 12, .length = 1, .time = 2 },
		{ .begin = 3, .data = 20, .length = 2, .time = 2 },
		{ .begin = 6, .data = 22, .length = 1, .time = 2 },
	};
	struct bp_thin_device device = { 0 };
	struct removed removed = { 0 };
	struct bp_thin_meta *meta;
	struct area area;

	(void)state;
	area_init(&area);
	assert_ok(restore(&area, xml));
	meta = open_area(&area);
	assert_ok(bp_thin_device_find(meta, 7, &device));
	/* Block 22 is past the end of the data device. */
	assert_ok(removed_read(&meta->meta, &device, 22, &removed));
	assert_int_equal(removed.found, 5);
	assert_int_equal(removed.runs.count, 3);
	for (size_t i = 0; i < removed.runs.count; i++) {
		assert_int_equal(removed.runs.items[i].begin, want[i].begin);
		assert_int_equal(removed.runs.items[i].data, want[i].data);
		assert_int_equal(removed.runs.items[i].length, want[i].length);
		assert_int_equal(removed.runs.items[i].time, want[i].time);
	}
	assert_int_equal(removed_end(&removed), 5);
	assert_int_equal(removed.gaps.count, 1);
	assert_int_equal(removed.gaps.items[0].begin, 6);
	removed_done(&removed);
	bp_thin_close(meta);
	area_done(&area);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_of_one_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
