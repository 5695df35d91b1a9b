/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A space map made of any bytes: its root, then index, bitmap and a node of its tree, with
 * checksums and numbers made right. Compared with counts that the input has as well; where only
 * leaks are found, they are repaired and must be gone.
 */
#include "fuzz.h"

#include "pdata/space_map.h"

#define BLOCKS 8

struct input {
	const uint8_t *data;
	size_t size;
};

static void take(struct input *in, void *to, size_t len)
{
	size_t n = MIN(len, in->size);

	memset(to, 0, len);
	memcpy(to, in->data, n);
	in->data += n;
	in->size -= n;
}

static int count(void *user, bp_mblock block)
{
	promise(block > 0 && block < BLOCKS);
	++*(unsigned *)user;
	return 0;
}

static void compare(struct space_map *sm, const struct refcounts *expected, bool lower_bounds)
{
	struct sm_report report, again;
	struct sm_root root;

	promise(space_map_compare(sm, expected, lower_bounds, &report) == 0);
	for (size_t i = 0; i < report.diffs.count; i++)
		promise(report.diffs.items[i].begin < report.diffs.items[i].end);
	if (!lower_bounds && report.complete && !report.nr_wrong && !report.nr_beyond) {
		promise(space_map_repair(sm, expected, &report, &root) == 0);
		promise(root.nr_allocated == report.nr_allocated - report.nr_leaked);
		promise(space_map_compare(sm, expected, false, &again) == 0);
		promise(again.nr_leaked == 0 && again.nr_wrong == 0 && again.complete);
		sm_report_done(&again);
	}
	sm_report_done(&report);
}

static void read_map(struct meta *meta, const struct sm_root *root, bool on_tree,
		     struct input *in)
{
	struct refcounts expected;
	struct space_map sm;
	unsigned counted = 0;
	int r = space_map_init(&sm, meta, root, on_tree);
	uint8_t block;

	if (r < 0)
		return;
	promise(space_map_read(&sm, count, &counted) == 0);
	promise(refcounts_init(&expected, root->nr_blocks) == 0);
	while (in->size) {
		take(in, &block, 1);
		if (block < root->nr_blocks)
			promise(refcounts_inc(&expected, block) == 0);
	}
	compare(&sm, &expected, true);
	compare(&sm, &expected, false);
	refcounts_done(&expected);
	space_map_done(&sm);
}

/* Bytes: kind of map, root, and 400 bytes each of index, bitmap and tree; then counts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t *area = io_buffer_new(BLOCKS), on_tree;
	struct sm_root_disk disk;
	struct meta meta = { .nr_blocks = BLOCKS, .workers = 1 };
	struct sm_root root;

	promise(area);
	memset(area, 0, BLOCKS * IO_BLOCK);
	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &meta.io) == 0);
	take(&in, &on_tree, 1);
	take(&in, &disk, sizeof(disk));
	for (size_t i = 1; i <= 3; i++)
		take(&in, area + i * IO_BLOCK, 400);
	block_seal(area + 1 * IO_BLOCK, on_tree & 1 ? BLOCK_NODE : BLOCK_INDEX, 1);
	block_seal(area + 2 * IO_BLOCK, BLOCK_BITMAP, 2);
	block_seal(area + 3 * IO_BLOCK, BLOCK_NODE, 3);

	root = sm_root_decode(&disk);
	/* Honest positions mostly, or nothing would be reached. */
	if (on_tree & 2) {
		root.nr_blocks %= 20000;
		root.bitmap_root = 1;
		root.ref_count_root = 3;
	}
	read_map(&meta, &root, on_tree & 1, &in);
	io_close(meta.io);
	free(area);
	return 0;
}
