/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What leaves of other devices and older trees may fill, and what not: what lies at the ends of a gap;
 * an area that holds lists of devices that have nothing to do with each other, as where another
 * pool lay in it before, with the same ids.
 */
#include "context_test.h"

#include "formats/thin/plan.h"
#include "image.h"
#include "thin_area.h"

#include <inttypes.h>

/* Mappings that the foreign tree has: newer than all there are. */
#define FOREIGN 200u

/* A device of another pool: its tree, and a list of roots that has it. */
static void put_foreign_tree(struct image *image, uint64_t id)
{
	bp_mblock at = image->size / IO_BLOCK - 4;
	le64 values[FOREIGN], root = le64_make(at);

	for (uint32_t i = 0; i < FOREIGN; i++)
		values[i] = le64_make(thin_mapping_make(2000 + i, 9));
	image_put_leaf(image, at, sizeof(le64), FOREIGN, 0, values);
	image_put_leaf(image, at + 1, sizeof(le64), 1, id, &root);
}

/* And a list of details. */
static void put_foreign_details(struct image *image, uint64_t id, uint64_t transaction)
{
	const struct thin_details_disk details = {
		.mapped_blocks = le64_make(FOREIGN),
		.transaction_id = le64_make(transaction),
		.creation_time = le32_make(8),
		.snapshotted_time = le32_make(9),
	};

	image_put_leaf(image, image->size / IO_BLOCK - 2, sizeof(details), 1, id, &details);
}

#define BLOCK_0 BP_NONE /* in a list that 0 ends */

enum foreign { NOTHING, TREE, TREE_AND_DETAILS };

static const struct {
	const char *name;
	bp_mblock lost[6]; /* 0 ends them */
	enum foreign foreign;
	uint64_t device, left;
	enum bp_thin_verdict verdict;
} rows[] = {
	/* Two leaves of a device of which others are left. */
	{ "thin-msnap", { 90, 94, 71, 97, 81 }, NOTHING, 1, 650, BP_THIN_DOUBTFUL },
	/* No details ever counted as many mappings: it is not looked at. */
	{ "thin-msnap", { 90, 94, 71, 97, 81 }, TREE, 1, 650, BP_THIN_DOUBTFUL },
	/* Nobody can tell which of two devices of one id an older tree is of. */
	{ "thin-msnap", { 90, 94, 71, 97, 81 }, TREE_AND_DETAILS, 1, 402, BP_THIN_PARTLY },
	/* A device of which nothing is left. */
	{ "thin-small", { 109, 110, 106 }, NOTHING, 2, 120, BP_THIN_DOUBTFUL },
	{ "thin-small", { 109, 110, 106 }, TREE_AND_DETAILS, 2, 0, BP_THIN_GONE },
	/* Data block 0 is the leaf's own: the tree of roots, of one device, does not have it. */
	{ "thin-one", { 138 }, NOTHING, 0, 697, BP_THIN_DOUBTFUL },
	/* The list of roots; with it blocks of the data space map, which are known to be no roots. */
	{ "thin-one", { 136, 5, 19 }, NOTHING, 0, 697, BP_THIN_WHOLE },
	{ "thin-one", { 136, 5, 143 }, NOTHING, 0, 697, BP_THIN_WHOLE },
	{ "thin-one", { 136, 138, 20 }, NOTHING, 0, 697, BP_THIN_DOUBTFUL },
	/*
	 * An older tree has more than a leaf holds, and the bitmap that tells which is lost: all
	 * 697 that the device had, and 27 that were discarded.
	 */
	{ "thin-one", { 139, 140 }, NOTHING, 0, 724, BP_THIN_DOUBTFUL },
	/* With the superblock: the one block that nobody points to was the list of roots. */
	{ "thin-one", { 136, 10, 13, 15, BLOCK_0 }, NOTHING, 0, 697, BP_THIN_DOUBTFUL },
	/* One of two was that; but all that is in use is of the one device that there is. */
	{ "thin-one", { 136, 5, BLOCK_0 }, NOTHING, 0, 697, BP_THIN_DOUBTFUL },
	/* A leaf of each device, and the superblock: the newest roots, not those of when all was less. */
	{ "thin-200k", { 1401, 1281, 779, 508, BLOCK_0 }, NOTHING, 1, 109717, BP_THIN_PARTLY },
	/* A live leaf without a parent may be the very one that is missing: it speaks for the older tree. */
	{ "thin-refs", { 169, 194, 156, BLOCK_0 }, NOTHING, 6, 300, BP_THIN_DOUBTFUL },
	{ "thin-refs", { 192, 156, 196, BLOCK_0 }, NOTHING, 6, 300, BP_THIN_DOUBTFUL },
	{ "thin-msnap", { 71, 69, 60, 73, BLOCK_0 }, NOTHING, 1, 645, BP_THIN_DOUBTFUL },
	{ "thin-msnap", { 74, 79, 64, 69, 95 }, NOTHING, 1, 600, BP_THIN_DOUBTFUL },
	/* All of a root's children are gone: it is a root nonetheless, and the newest lists are taken. */
	{ "thin-refs", { 171, 148, 156, BLOCK_0 }, NOTHING, 1, 300, BP_THIN_WHOLE },
	{ "thin-refs", { 171, 148, 156, BLOCK_0 }, NOTHING, 0, 300, BP_THIN_DOUBTFUL },
};

static void check_row(size_t row)
{
	const struct bp_thin_repair_opts opts = { .size = sizeof(opts),
						  .data_block_sectors = 128 };
	struct bp_thin_plan *plan;
	struct image image;
	bool found = false;

	image_load(&image, rows[row].name);
	for (size_t i = 0; rows[row].lost[i]; i++) {
		bp_mblock block = rows[row].lost[i] == BLOCK_0 ? 0 : rows[row].lost[i];

		memset(image_block(&image, block), 0xa5, IO_BLOCK);
	}
	if (rows[row].foreign != NOTHING)
		put_foreign_tree(&image, rows[row].device);
	if (rows[row].foreign == TREE_AND_DETAILS)
		put_foreign_details(&image, rows[row].device, 3);
	assert_ok(thin_plan_io(ctx, image_io(&image), &opts, &plan));
	for (size_t i = 0; i < bp_thin_plan_devices_count(plan); i++) {
		const struct bp_thin_plan_device *d = bp_thin_plan_device_get(plan, i);

		print_message("# %zu: device %" PRIu64 ", %s: %" PRIu64 "\n", row, d->device.id,
			      bp_thin_verdict_name(d->verdict), d->device.mapped_dblocks);
		if (d->device.id != rows[row].device)
			continue;
		found = true;
		assert_int_equal(d->device.mapped_dblocks, rows[row].left);
		assert_int_equal(d->verdict, rows[row].verdict);
	}
	assert_true(found);
	bp_thin_plan_free(plan);
	image_done(&image);
}

static void lists_of_other_pools_fill_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(i);
}

/* --- what other devices share with a leaf that is lost --- */

#define WIDE                                                                                   \
	600u /* mappings of device 1, in leaves of its own; virtual and data blocks are the same */

/* Device 1, and what device 2 shares with it: mappings from @first to before @end. */
static void restore_two(struct area *area, uint64_t first, uint64_t end)
{
	struct strbuf xml = { 0 };
	char *text;

	strbuf_addf(&xml,
		    SB "<device dev_id=\"1\" mapped_blocks=\"%u\" transaction=\"0\" "
		       "creation_time=\"0\" snap_time=\"1\">\n" RANGE(
			       "0", "0", "%u") "</device>"
					       "<device dev_id=\"2\" mapped_blocks=\"%" PRIu64
					       "\" transaction=\"0\" "
					       "creation_time=\"1\" snap_time=\"1\">\n",
		    WIDE, WIDE, end - first);
	for (uint64_t i = first; i < end; i++)
		strbuf_addf(&xml, AT("%" PRIu64, "%" PRIu64, "0"), i, i);
	strbuf_add(&xml, END);
	assert_ok(strbuf_take(&xml, &text));
	assert_ok(restore(area, text));
	free(text);
}

/* The middle one of the three leaves of device 1; its keys are *@ret_begin to before *@ret_end. */
static bp_mblock middle_leaf(struct area *area, uint64_t *ret_begin, uint64_t *ret_end)
{
	struct bp_thin_device device = { 0 };
	struct bp_thin_meta *meta = open_area(area);
	struct node root;

	assert_ok(bp_thin_device_find(meta, 1, &device));
	bp_thin_close(meta);
	assert_int_equal(node_decode(area->data + device.root * IO_BLOCK, device.root,
				     sizeof(le64), &root),
			 NODE_OK);
	assert_int_equal(root.nr, 3);
	*ret_begin = node_key(&root, 1);
	*ret_end = node_key(&root, 2);
	return node_value64(&root, 1);
}

/* How many mappings device 1 has once that leaf is lost. */
static uint64_t left_without(struct area *area, bp_mblock leaf)
{
	struct bp_thin_plan *plan;
	uint64_t left = 0;

	memset(area->data + leaf * IO_BLOCK, 0xa5, IO_BLOCK);
	assert_ok(thin_plan_io(area->ctx, area_io(area, META_BLOCKS), NULL, &plan));
	for (size_t i = 0; i < bp_thin_plan_devices_count(plan); i++)
		if (bp_thin_plan_device_get(plan, i)->device.id == 1)
			left = bp_thin_plan_device_get(plan, i)->device.mapped_dblocks;
	bp_thin_plan_free(plan);
	return left;
}

/*
 * What device 2 has at and beside either end of what is lost, in a leaf that may begin or end just
 * there: all of it that is within comes back.
 */
static void a_leaf_that_touches_a_gap_fills_it(void **state)
{
	static const struct {
		bool at_end;
		int first, end; /* from where the gap begins, or from behind its end */
		uint64_t back;
	} shared[] = {
		{ true, -1, 0, 1 },  { true, -1, 2, 1 },  { true, 0, 2, 0 },
		{ true, -3, 1, 3 },  { false, 0, 1, 1 },  { false, -1, 1, 1 },
		{ false, -2, 0, 0 }, { false, -2, 3, 3 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++) {
		uint64_t begin, end, at;
		struct area area;
		bp_mblock leaf;

		area_init(&area);
		restore_two(&area, 0, 1);
		middle_leaf(&area, &begin, &end);
		at = shared[i].at_end ? end : begin;
		restore_two(&area, at + (uint64_t)shared[i].first,
			    at + (uint64_t)shared[i].end);
		leaf = middle_leaf(&area, &begin, &end);
		assert_int_equal(left_without(&area, leaf),
				 WIDE - (end - begin) + shared[i].back);
		area_done(&area);
	}
}

/* --- trees that no list of roots names any more --- */

/* Mappings of a device, or BP_NONE; where it has any, all of them are its own. */
static uint64_t left_of(const struct bp_thin_plan *plan, uint64_t id)
{
	for (size_t i = 0; i < bp_thin_plan_devices_count(plan); i++) {
		const struct bp_thin_plan_device *d = bp_thin_plan_device_get(plan, i);

		if (d->device.id != id)
			continue;
		assert_int_equal(d->verdict,
				 d->device.mapped_dblocks ? BP_THIN_WHOLE : BP_THIN_GONE);
		return d->device.mapped_dblocks;
	}
	return BP_NONE;
}

/* Every list of roots, the older ones too, and the root of a device: the others are told by their counts. */
static void trees_are_told_by_their_counts(void **state)
{
	static const bp_mblock lists[] = { 15, 20, 25, 30, 37, 44, 50,  55,
					   62, 68, 73, 81, 88, 93, 100, 108 };
	static const struct {
		bp_mblock root;
		uint64_t left[7];
	} roots_lost[] = {
		{ 0, { 220, 115, 38, 240, 0, 0, 120 } },
		{ 56, { 0, 115, 38, 240, 0, 0, 120 } },
		{ 109, { 220, 0, 38, 240, 0, 0, 120 } },
		{ 45, { 220, 115, 0, 240, 0, 0, 120 } },
	};
	/* 12 and 13 have as many mappings: nobody knows which tree is whose. */
	static const uint64_t ids[] = { 1, 2, 3, 11, 12, 13, 21 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots_lost); i++) {
		struct bp_thin_plan *plan;
		struct image image;

		image_load(&image, "thin-small");
		for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
			memset(image_block(&image, lists[k]), 0xa5, IO_BLOCK);
		if (roots_lost[i].root)
			memset(image_block(&image, roots_lost[i].root), 0xa5, IO_BLOCK);
		assert_ok(thin_plan_io(ctx, image_io(&image), NULL, &plan));
		for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
			print_message("# %zu: device %" PRIu64 "\n", i, ids[k]);
			assert_int_equal(left_of(plan, ids[k]), roots_lost[i].left[k]);
		}
		bp_thin_plan_free(plan);
		image_done(&image);
	}
}

/* The list of roots and the root of device 1: its leaves, unless that of device 2 may be one of them. */
static void check_rest(struct area *area, uint64_t left1, uint64_t left2)
{
	struct bp_thin_device device = { 0 };
	struct bp_thin_meta *meta = open_area(area);
	struct bp_thin_plan *plan;

	assert_ok(bp_thin_device_find(meta, 1, &device));
	memset(area->data + bp_thin_superblock_get(meta)->mapping_root * IO_BLOCK, 0xa5,
	       IO_BLOCK);
	memset(area->data + device.root * IO_BLOCK, 0xa5, IO_BLOCK);
	bp_thin_close(meta);
	assert_ok(thin_plan_io(area->ctx, area_io(area, META_BLOCKS), NULL, &plan));
	assert_int_equal(left_of(plan, 1), left1);
	assert_int_equal(left_of(plan, 2), left2);
	bp_thin_plan_free(plan);
}

static void what_is_left_over_was_below_the_root(void **state)
{
	struct area area;
	uint64_t begin, end;

	(void)state;
	area_init(&area);
	restore_two(&area, 0, 7);
	middle_leaf(&area, &begin, &end);
	check_rest(&area, WIDE, 7);
	/* As many as the leaf in the middle has, but of other blocks: it is none of the three. */
	restore_two(&area, begin - 1, end - 1);
	check_rest(&area, WIDE, end - begin);
	restore_two(&area, begin, end);
	check_rest(&area, 0, 0);
	area_done(&area);
}

/* --- nodes that point at each other --- */

/* A sealed inner node as full as can be, all of it @child. */
static void put_inner(struct image *image, bp_mblock block, bp_mblock child)
{
	uint64_t keys[252];
	le64 children[ARRAY_SIZE(keys)];

	for (uint32_t i = 0; i < ARRAY_SIZE(keys); i++) {
		keys[i] = i;
		children[i] = le64_make(child);
	}
	image_put_node(image, block, ARRAY_SIZE(keys), keys, children);
}

/* What can be had of it, and what is wrong with it; both end, whatever they find. */
static void look_at(const struct image *image, bool whole_superblock)
{
	struct bp_thin_check_result found = { .size = sizeof(found) };
	struct bp_thin_plan *plan;
	struct io *io = image_io(image);

	if (thin_plan_io(ctx, io, NULL, &plan) == 0)
		bp_thin_plan_free(plan);
	else
		io_close(io);
	if (!whole_superblock)
		return;
	io = image_io(image);
	assert_ok(thin_check_io(ctx, io, CHECK_ONLY, NULL, &found));
	io_close(io);
	assert_true(found.nr_fatal > 0);
}

/* Ten levels: all entries of a node are the same node of the level below. @image: at its end. */
static bp_mblock put_levels(struct image *image, uint32_t value_size)
{
	static const uint8_t value[sizeof(struct thin_details_disk)] = { 1 };
	bp_mblock end = image->size / IO_BLOCK;

	image_put_leaf(image, end - 1, value_size, 1, 0, value);
	for (bp_mblock level = 1; level < BTREE_MAX_DEPTH; level++)
		put_inner(image, end - 1 - level, end - level);
	return end - BTREE_MAX_DEPTH;
}

/* Trees of an image that no writer made: the way through them, entry by entry, has no end. */
static void nodes_that_are_all_one_child(void **state)
{
	static const uint32_t sizes[] = { sizeof(le64), sizeof(struct thin_details_disk) };
	struct image image;

	(void)state;
	image_load(&image, "thin-small");
	memset(image_block(&image, 0), 0, IO_BLOCK);
	put_inner(&image, image.size / IO_BLOCK - 1, image.size / IO_BLOCK - 2);
	put_inner(&image, image.size / IO_BLOCK - 2, image.size / IO_BLOCK - 1);
	look_at(&image, false);
	image_done(&image);
	/* As orphans, as mappings of devices, and as details; with leaves that fit and others. */
	for (size_t i = 0; i < 3 * ARRAY_SIZE(sizes); i++) {
		struct thin_superblock_disk *sb;
		bp_mblock top;

		image_load(&image, "thin-small");
		sb = image_block(&image, 0);
		top = put_levels(&image, sizes[i % 2]);
		if (i / 2 == 0)
			memset(sb, 0, IO_BLOCK);
		if (i / 2 == 1)
			sb->data_mapping_root = le64_make(top);
		if (i / 2 == 2)
			sb->device_details_root = le64_make(top);
		if (i / 2)
			block_seal(sb, BLOCK_THIN_SUPERBLOCK, 0);
		look_at(&image, i / 2 > 0);
		image_done(&image);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_other_pools_fill_nothing),
		cmocka_unit_test(a_leaf_that_touches_a_gap_fills_it),
		cmocka_unit_test(trees_are_told_by_their_counts),
		cmocka_unit_test(what_is_left_over_was_below_the_root),
		cmocka_unit_test(nodes_that_are_all_one_child),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
