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

struct told {
	uint64_t blocks[SM_DIFF_KINDS];
	uint64_t end[SM_DIFF_KINDS];
};

/* Differences of a kind ascend, and are what is counted. */
static int on_diff(void *user, const struct sm_diff *diff)
{
	struct told *told = user;

	promise(diff->begin < diff->end && diff->begin >= told->end[diff->kind]);
	told->end[diff->kind] = diff->end;
	told->blocks[diff->kind] += diff->end - diff->begin;
	return 0;
}

static void look(struct space_map *sm, const struct refcounts *expected, bool lower_bounds,
		 struct sm_report *report)
{
	struct told told = { 0 };

	promise(space_map_compare(sm, expected, report) == 0);
	promise(space_map_diffs(sm, expected, lower_bounds, report, on_diff, &told) == 0);
	promise(told.blocks[SM_DIFF_LEAK] == report->nr_leaked);
	promise(told.blocks[SM_DIFF_STALE] == report->nr_stale);
	promise(told.blocks[SM_DIFF_WRONG] + told.blocks[SM_DIFF_NO_ENTRY] +
			told.blocks[SM_DIFF_SMALL_ENTRY] ==
		report->nr_wrong);
}

static void compare(struct space_map *sm, const struct refcounts *expected, bool lower_bounds)
{
	struct sm_report report, again;
	struct sm_root root;

	look(sm, expected, lower_bounds, &report);
	if (!lower_bounds && report.complete && !report.nr_wrong) {
		promise(space_map_repair(sm, expected, &report, &root) == 0);
		promise(root.nr_allocated == report.nr_allocated - report.nr_leaked);
		look(sm, expected, false, &again);
		promise(again.nr_leaked == 0 && again.nr_wrong == 0 && again.complete);
		promise(again.nr_beyond == 0 && again.nr_allocated == root.nr_allocated);
	}
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
