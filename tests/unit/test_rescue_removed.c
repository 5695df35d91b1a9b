/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is left of a removed volume: runs of which all is known, and gaps with who has them now; whose
 * blocks are; and a volume's bytes where its data can't be read to the end.
 */
#include "thin_area.h"

#include <bedplate/export.h>
#include <bedplate/history.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "formats/thin/meta.h"
#include "rescue/removed.h"
#include "temp.h"

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

/*
 * Each block of each run is looked for among those of present volumes: the first and the last of a
 * run, in runs that lie in another order on the data device than in the volume.
 */
static void blocks_that_others_hold(void **state)
{
	static const char then_xml[] = SB DEVICE AT("0", "40", "1") AT("1", "41", "1")
		AT("2", "42", "1") AT("5", "20", "1") AT("6", "21", "1") AT("9", "60", "1") END;
	/* Younger than the mappings it has at the same places: a snapshot. The rest it allocated. */
	static const char now_xml[] = SB
		"<device dev_id=\"8\" mapped_blocks=\"5\" transaction=\"0\" "
		"creation_time=\"2\" snap_time=\"2\">\n" AT("0", "40", "1") AT("1", "42", "2")
			AT("5", "20", "1") AT("7", "21", "3") AT("9", "61", "1") END;
	static const struct removed_gap want[] = {
		{ .begin = 2, .length = 1, .holder = 8 },
		{ .begin = 6, .length = 1, .holder = 8 },
	};
	struct bp_thin_device device = { 0 };
	struct removed removed = { 0 };
	struct bp_thin_plan *plan;
	struct bp_thin_meta *meta;
	struct area then, now;

	(void)state;
	area_init(&then);
	area_init(&now);
	assert_ok(restore(&then, then_xml));
	assert_ok(restore(&now, now_xml));
	meta = open_area(&then);
	assert_ok(bp_thin_device_find(meta, 7, &device));
	assert_ok(removed_read(&meta->meta, &device, 1000, &removed));
	assert_ok(thin_plan_io(now.ctx, area_io(&now, META_BLOCKS), NULL, &plan));
	assert_ok(removed_compare(&removed, &meta->meta, NULL, 0, plan));
	removed_finish(&removed, removed_end(&removed));
	assert_int_equal(removed.shared, 2);
	assert_int_equal(removed.reused, 2);
	assert_int_equal(removed.gaps.count, ARRAY_SIZE(want));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		assert_int_equal(removed.gaps.items[i].begin, want[i].begin);
		assert_int_equal(removed.gaps.items[i].length, want[i].length);
		assert_int_equal(removed.gaps.items[i].holder, want[i].holder);
	}
	removed_done(&removed);
	bp_thin_plan_free(plan);
	bp_thin_close(meta);
	area_done(&now);
	area_done(&then);
}

static int shares(void *user, uint64_t id, bp_dblock dblocks)
{
	assert_int_equal(id, 2);
	*(bp_dblock *)user += dblocks;
	return 0;
}

/* Metadata that maps a block twice in one device: what is shared is counted by blocks. */
static void a_block_mapped_twice_is_shared_once(void **state)
{
	static const char xml[] =
		SB DEV("1", "2") SINGLE("0", "10") SINGLE("1", "11") "</device>" DEV("2", "3")
			SINGLE("0", "10") SINGLE("1", "10") SINGLE("2", "12") END;
	static const uint64_t first[] = { 1 };
	struct bp_thin_meta *meta;
	bp_dblock shared = 0, freed;
	struct area area;

	(void)state;
	area_init(&area);
	assert_ok(restore(&area, xml));
	meta = open_area(&area);
	assert_ok(bp_thin_shared_with(meta, 1, shares, &shared));
	assert_int_equal(shared, 1);
	assert_ok(bp_thin_freed(meta, first, ARRAY_SIZE(first), &freed));
	assert_int_equal(freed, 1);
	bp_thin_close(meta);
	area_done(&area);
}

/* --- data that ends too early --- */

#define WINDOW     (UINT64_C(4) << 20) /* what an export reads at once */
#define DATA_BYTES (3 * WINDOW)
#define CUT        (WINDOW + (UINT64_C(2) << 20) + IO_BLOCK)

/* Each block of 4 KiB holds its number, plus one so that none is zeros. */
static void write_numbers(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	for (uint64_t b = 0; b < DATA_BYTES / IO_BLOCK; b++) {
		uint64_t block[IO_BLOCK / sizeof(uint64_t)];

		for (size_t i = 0; i < ARRAY_SIZE(block); i++)
			block[i] = b + 1;
		assert_int_equal(pwrite(fd, block, sizeof(block), (off_t)(b * IO_BLOCK)),
				 sizeof(block));
	}
	close(fd);
}

static void assert_numbers(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (uint64_t b = 0; b < DATA_BYTES / IO_BLOCK; b++) {
		uint64_t block[IO_BLOCK / sizeof(uint64_t)];

		assert_int_equal(pread(fd, block, sizeof(block), (off_t)(b * IO_BLOCK)),
				 sizeof(block));
		for (size_t i = 0; i < ARRAY_SIZE(block); i++)
			assert_int_equal(block[i], b * IO_BLOCK < CUT ? b + 1 : 0);
	}
	close(fd);
}

/*
 * One mapping of three windows of an export; the data is cut off under it in the second. What is
 * before the cut is right to its last block, behind it are zeros and not what the window held before.
 */
static void data_cut_off_in_a_window(void **state)
{
	static const char xml[] = SB DEV("1", "192") RANGE("0", "0", "192") END;
	struct bp_export_opts opts = { .size = sizeof(opts), .flags = BP_EXPORT_SKIP_BAD };
	struct bp_export_result result = { .size = sizeof(result) };
	struct bp_source_opts where = { .size = sizeof(where) };
	char dir[] = "/tmp/bp-removed-XXXXXX", meta[64], data[64], out[64];
	struct bp_source *source;
	struct bp_image *image;
	struct area area;
	FILE *f;

	(void)state;
	temp_dir(dir);
	snprintf(meta, sizeof(meta), "%s/meta", dir);
	snprintf(data, sizeof(data), "%s/data", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	area_init(&area);
	assert_ok(restore(&area, xml));
	f = fopen(meta, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(area.data, IO_BLOCK, META_BLOCKS, f), META_BLOCKS);
	assert_int_equal(fclose(f), 0);
	write_numbers(data);
	where.data_path = data;
	assert_ok(bp_source_open(area.ctx, meta, &where, &source));
	assert_ok(bp_image_open(source, "1", 0, &image));
	assert_int_equal(truncate(data, CUT), 0);
	assert_ok(bp_export(image, out, &opts, &result));
	assert_int_equal(result.bytes, DATA_BYTES);
	assert_int_equal(result.missing_bytes, DATA_BYTES - CUT);
	assert_numbers(out);
	bp_image_close(image);
	bp_source_close(source);
	area_done(&area);
	temp_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_are_of_one_time),
		cmocka_unit_test(blocks_that_others_hold),
		cmocka_unit_test(a_block_mapped_twice_is_shared_once),
		cmocka_unit_test(data_cut_off_in_a_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
