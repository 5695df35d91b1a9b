/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "context_test.h"
#include "verdict.h"

#include "formats/thin/plan.h"
#include "thin_pool.h"

#include <inttypes.h>

/* --- what is right --- */

/* Intact metadata, to compare with. */
struct truth {
	struct image image;
	struct io *io;
	struct bp_thin_meta *meta;
	uint64_t nr_mappings;
};

static int add_mapped(void *user, const struct bp_thin_device *device)
{
	*(uint64_t *)user += device->mapped_dblocks;
	return 0;
}

static void truth_load(struct truth *truth, const char *name)
{
	*truth = (struct truth){ 0 };
	image_load(&truth->image, name);
	truth->io = image_io(&truth->image);
	assert_ok(thin_meta_open_io(ctx, truth->io, NULL, &truth->meta));
	assert_ok(bp_thin_devices(truth->meta, add_mapped, &truth->nr_mappings));
}

static void truth_done(struct truth *truth)
{
	bp_thin_close(truth->meta);
	image_done(&truth->image);
}

/* Comparing a result's mappings with the truth, device by device. */
struct compare {
	struct bp_thin_meta *result;
	const struct truth *truth;
	const struct bp_thin_plan *plan;
	uint64_t id, right, wrong; /* wrong: those of before */
};

/* Does the tree at @root map @key to @data? */
static bool tree_has(const struct truth *truth, bp_mblock root, uint64_t key, uint64_t data)
{
	struct node node;

	for (int depth = 0; depth < BTREE_MAX_DEPTH; depth++) {
		uint32_t i = 0;

		if (root == 0 || root >= truth->image.size / IO_BLOCK ||
		    node_decode(image_block(&truth->image, root), root, sizeof(le64), &node) !=
			    NODE_OK)
			return false;
		while (i < node.nr && node_key(&node, i) <= key)
			i++;
		if (i == 0)
			return false;
		root = node_value64(&node, i - 1);
		if (node.leaf)
			return node_key(&node, i - 1) == key &&
			       thin_mapping_block(root) == data;
	}
	return false;
}

/* Did it in any transaction of which the image still has the trees? */
static bool ever_had(const struct truth *truth, uint64_t id, uint64_t key, uint64_t data)
{
	for (bp_mblock b = 1; b < truth->image.size / IO_BLOCK; b++) {
		const struct btree_node_disk *disk = image_block(&truth->image, b);
		struct node node;

		if (le32_get(disk->flags) != NODE_LEAF ||
		    node_decode(disk, b, sizeof(le64), &node) != NODE_OK)
			continue;
		for (uint32_t i = 0; i < node.nr; i++)
			if (node_key(&node, i) == id &&
			    tree_has(truth, node_value64(&node, i), key, data))
				return true;
	}
	return false;
}

static int compare_run(void *user, const struct bp_thin_run *run)
{
	struct compare *c = user;
	uint64_t data;
	uint32_t time;

	for (uint64_t i = 0; i < run->length; i++) {
		uint64_t key = run->virtual_begin + i, block = run->data_begin + i;
		int r = bp_thin_lookup(c->truth->meta, c->id, key, &data, &time);

		if (r == 0 && data == block)
			c->right++;
		else if (ever_had(c->truth, c->id, key, block))
			c->wrong++;
		else
			fail_msg("device %" PRIu64 " never had %" PRIu64 " at %" PRIu64, c->id,
				 block, key);
	}
	return 0;
}

static enum bp_thin_verdict verdict_on(const struct bp_thin_plan *plan, uint64_t id)
{
	for (size_t i = 0; i < bp_thin_plan_devices_count(plan); i++)
		if (bp_thin_plan_device_get(plan, i)->device.id == id)
			return bp_thin_plan_device_get(plan, i)->verdict;
	fail_msg("device %" PRIu64 " is not in the plan", id);
	return BP_THIN_GONE;
}

static void show_plan(const struct bp_thin_plan *plan)
{
	print_message("# counted %d, older %d, unknown %d, roots from %s\n", plan->sum.counted,
		      plan->older, plan->sum.lost_unknown,
		      bp_thin_origin_name(plan->sum.roots));
	for (size_t i = 0; i < bp_thin_plan_losses_count(plan); i++)
		print_message("# %s\n", bp_thin_plan_loss_get(plan, i)->what);
}

/*
 * Of a device that is not called doubtful every mapping is one it has. Those of a doubtful one may
 * be of an older transaction, no more: nothing is ever given to who did not have it.
 */
static int compare_device(void *user, const struct bp_thin_device *device)
{
	struct compare *c = user;
	enum bp_thin_verdict verdict = verdict_on(c->plan, device->id);
	uint64_t wrong = c->wrong;
	int r;

	c->id = device->id;
	r = bp_thin_mappings(c->result, device->id, 0, UINT64_MAX, compare_run, c);
	if (verdict != BP_THIN_DOUBTFUL && c->wrong > wrong) {
		show_plan(c->plan);
		fail_msg("device %" PRIu64 ", %s: %" PRIu64 " mappings of before", device->id,
			 bp_thin_verdict_name(verdict), c->wrong - wrong);
	}
	return r;
}

/* --- repairing --- */

struct repair {
	struct bp_thin_plan *plan;
	struct bp_thin_plan_summary sum;
	struct image out;
	uint64_t right, wrong;
};

static int make_plan(struct repair *repair, const struct image *image,
		     const struct bp_thin_repair_opts *opts)
{
	struct io *io = image_io(image);
	int r = thin_plan_io(ctx, io, opts, &repair->plan);

	if (r < 0) {
		io_close(io);
		repair->plan = NULL;
		return r;
	}
	repair->sum.size = sizeof(repair->sum);
	return bp_thin_plan_summary_get(repair->plan, &repair->sum);
}

/* The result checks clean; how many mappings are as they were? */
static void write_and_compare(struct repair *repair, const struct truth *truth)
{
	struct compare c = { .truth = truth, .plan = repair->plan };
	struct io *io;

	image_new(&repair->out, truth->image.size);
	io = image_io(&repair->out);
	assert_ok(thin_plan_write_io(repair->plan, io));
	io_close(io);
	assert_clean(ctx, &repair->out);
	io = image_io(&repair->out);
	assert_ok(thin_meta_open_io(ctx, io, NULL, &c.result));
	assert_ok(bp_thin_devices(c.result, compare_device, &c));
	bp_thin_close(c.result);
	repair->right = c.right;
	repair->wrong = c.wrong;
}

static void repair_done(struct repair *repair)
{
	bp_thin_plan_free(repair->plan);
	image_done(&repair->out);
}

/* --- images of tests/data --- */

static const struct {
	const char *name, *base;
	uint64_t kept, lost;
	bool whole;
	const char *what; /* of the first loss that names a place */
} vectors[] = {
	{ "thin-small", "thin-small", 1223, 0, true, NULL },
	{ "thin-msnap", "thin-msnap", 1343, 0, true, NULL },
	{ "thin-sb-csum", "thin-refs", 1800, 0, true, NULL },
	{ "thin-leaf-csum", "thin-refs", 1797, 3, false,
	  "device 0: virtual blocks 0 to 125: block 148: bad checksum in btree node" },
	{ "thin-leaf-blocknr", "thin-refs", 1797, 3, false,
	  "device 0: virtual blocks 0 to 125: block 148" },
	{ "thin-leaf-key-order", "thin-refs", 1797, 3, false,
	  "device 0: virtual blocks 0 to 125: block 148" },
	{ "thin-data-leak", "thin-refs", 1800, 0, true, NULL },
	{ "thin-meta-leak", "thin-refs", 1800, 0, true, NULL },
	{ "thin-data-ref-high", "thin-refs", 1800, 0, true, NULL },
	{ "thin-data-ref-zero", "thin-refs", 1800, 0, true, NULL },
	{ "thin-dev-missing", "thin-refs", 1800, 0, true, NULL },
	{ "thin-sb-zero", "thin-resized", 3600, 0, true, NULL },
	{ "thin-mapped-count", "thin-refs", 1800, 1, false, NULL },
	{ "thin-parent-key", "thin-refs", 1800, 0, true, NULL },
	{ "thin-data-bitmap-csum", "thin-refs", 1800, 0, true, NULL },
	{ "thin-snap-sb", "thin-msnap", 1343, 0, true, NULL },
	{ "thin-overflow-missing", "thin-refs", 1800, 0, true, NULL },
	{ "thin-data-oob", "thin-refs", 1799, 1, false,
	  "device 0: virtual block 129: block 171: mapped to a data block past the end" },
};

static void vectors_are_repaired(void **state)
{
	const struct bp_thin_repair_opts opts = { .size = sizeof(opts),
						  .data_block_sectors = 128 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		bool sized = strncmp(vectors[i].name, "thin-sb", 7) == 0;
		struct repair repair = { 0 };
		struct image image;
		struct truth truth;
		size_t nr;

		image_load(&image, vectors[i].name);
		truth_load(&truth, vectors[i].base);
		assert_ok(make_plan(&repair, &image, sized ? &opts : NULL));
		write_and_compare(&repair, &truth);
		print_message("# %s\n", vectors[i].name);
		assert_int_equal(repair.right, vectors[i].kept);
		assert_int_equal(repair.wrong, 0);
		assert_int_equal(repair.sum.nr_lost, vectors[i].lost);
		assert_int_equal(bp_thin_plan_is_whole(repair.plan), vectors[i].whole);
		nr = bp_thin_plan_losses_count(repair.plan);
		if (vectors[i].what)
			assert_non_null(strstr(bp_thin_plan_loss_get(repair.plan, nr - 1)->what,
					       vectors[i].what));
		repair_done(&repair);
		truth_done(&truth);
		image_done(&image);
	}
}

/* Roots that lie past the end of a file that was cut: older ones are taken, and it is said. */
static void a_truncated_file_gives_an_older_transaction(void **state)
{
	struct repair repair = { 0 };
	struct image image;

	(void)state;
	image_load(&image, "thin-truncated");
	assert_ok(make_plan(&repair, &image, NULL));
	assert_int_equal(repair.sum.roots, BP_THIN_FROM_TREES);
	assert_true(repair.sum.lost_unknown);
	assert_false(bp_thin_plan_is_whole(repair.plan));
	bp_thin_plan_free(repair.plan);
	image_done(&image);
}

/* --- no superblock --- */

static const struct {
	const char *name;
	uint32_t sectors;
} lost_superblocks[] = {
	{ "thin-small", 128 },  { "thin-refs", 128 },        { "thin-msnap", 256 },
	{ "thin-many", 128 },   { "thin-needs-check", 128 }, { "thin-resized", 128 },
	{ "thin-mix-k7", 384 },
};

/* What was deleted or discarded last does not come back. */
static void the_newest_roots_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lost_superblocks); i++) {
		const struct bp_thin_repair_opts opts = {
			.size = sizeof(opts),
			.data_block_sectors = lost_superblocks[i].sectors,
		};
		struct repair repair = { 0 };
		struct image image;
		struct truth truth;

		print_message("# %s\n", lost_superblocks[i].name);
		truth_load(&truth, lost_superblocks[i].name);
		image_copy(&image, &truth.image);
		memset(image_block(&image, 0), 0, IO_BLOCK);
		assert_ok(make_plan(&repair, &image, &opts));
		assert_int_equal(repair.sum.superblock.mapping_root,
				 truth.meta->sb.pub.mapping_root);
		assert_int_equal(repair.sum.superblock.details_root,
				 truth.meta->sb.pub.details_root);
		write_and_compare(&repair, &truth);
		assert_int_equal(repair.right, truth.nr_mappings);
		assert_int_equal(repair.wrong, 0);
		repair_done(&repair);
		truth_done(&truth);
		image_done(&image);
	}
}

static void a_block_size_must_be_given(void **state)
{
	struct repair repair = { 0 };
	struct image image;

	(void)state;
	image_load(&image, "thin-small");
	memset(image_block(&image, 0), 0, IO_BLOCK);
	assert_int_equal(make_plan(&repair, &image, NULL), -EUCLEAN);
	assert_why("data block size needs to be provided due to corruption in the superblock");
	image_done(&image);

	/* A metadata snapshot has it too. */
	image_load(&image, "thin-msnap");
	memset(image_block(&image, 0), 0, IO_BLOCK);
	assert_ok(make_plan(&repair, &image, NULL));
	assert_int_equal(repair.sum.superblock.data_block_sectors, 256);
	assert_int_equal(repair.sum.block_size, BP_THIN_FROM_SNAPSHOT);
	bp_thin_plan_free(repair.plan);
	image_done(&image);
}

static void overrides_hold(void **state)
{
	const struct bp_thin_repair_opts opts = {
		.size = sizeof(opts),
		.flags = BP_THIN_REPAIR_TRANSACTION,
		.data_block_sectors = 256,
		.nr_data_blocks = 400,
		.transaction_id = 8,
	};
	struct repair repair = { 0 };
	struct truth truth;

	(void)state;
	truth_load(&truth, "thin-small");
	assert_ok(make_plan(&repair, &truth.image, &opts));
	assert_int_equal(repair.sum.superblock.transaction_id, 8);
	assert_int_equal(repair.sum.superblock.data_block_sectors, 256);
	assert_int_equal(repair.sum.superblock.nr_data_blocks, 400);
	/* Smaller than what is mapped: that is lost then, and said. */
	assert_true(repair.sum.nr_lost > 0);
	write_and_compare(&repair, &truth);
	assert_int_equal(repair.right + repair.sum.nr_lost, truth.nr_mappings);
	repair_done(&repair);
	truth_done(&truth);
}

/* --- every block in turn --- */

/* Mappings that a block holds itself, for each device that has it. */
static uint64_t held_by(const struct truth *truth, bp_mblock block)
{
	const struct btree_node_disk *disk = image_block(&truth->image, block);
	bool mappings = false;

	if (block_kind_of(disk) != BLOCK_NODE || le32_get(disk->flags) != NODE_LEAF ||
	    le32_get(disk->value_size) != sizeof(le64))
		return 0;
	for (uint32_t i = 0; i < le32_get(disk->nr_entries); i++)
		mappings |= le64_get(disk->keys[le32_get(disk->max_entries) + i]) >=
			    truth->image.size / IO_BLOCK;
	return mappings ? truth->nr_mappings : 0;
}

static void damage(struct image *image, bp_mblock block, bool zero)
{
	uint8_t *data = image_block(image, block);

	if (zero)
		memset(data, 0, IO_BLOCK);
	else
		data[1234] ^= 4;
}

static void lose_block(const struct truth *truth, bp_mblock block, bool zero)
{
	const struct bp_thin_repair_opts opts = {
		.size = sizeof(opts),
		.data_block_sectors = truth->meta->sb.pub.data_block_sectors,
	};
	struct repair repair = { 0 };
	struct image image;

	image_copy(&image, &truth->image);
	damage(&image, block, zero);
	assert_ok(make_plan(&repair, &image, block == 0 ? &opts : NULL));
	write_and_compare(&repair, truth);
	assert_int_equal(repair.wrong, 0);
	assert_int_equal(repair.right + repair.sum.nr_lost, truth->nr_mappings);
	if (repair.sum.nr_lost > held_by(truth, block))
		fail_msg("block %" PRIu64 ": %" PRIu64 " mappings lost", block,
			 repair.sum.nr_lost);
	repair_done(&repair);
	image_done(&image);
}

/* Only leaves of mappings are irreplaceable. */
static void any_block_can_be_lost(void **state)
{
	static const char *const names[] = { "thin-small", "thin-refs", "thin-msnap" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct truth truth;

		truth_load(&truth, names[i]);
		for (bp_mblock b = 0; b < truth.image.size / IO_BLOCK; b++) {
			if (!image_used(&truth.image, b))
				continue;
			lose_block(&truth, b, true);
			lose_block(&truth, b, false);
		}
		truth_done(&truth);
	}
}

/* Three levels of nodes: some inner ones, one at a time. */
static void an_inner_node_loses_nothing(void **state)
{
	struct truth truth;
	unsigned nr = 0;

	(void)state;
	truth_load(&truth, "thin-200k");
	for (bp_mblock b = 1; nr < 3 && b < truth.image.size / IO_BLOCK; b++) {
		const struct btree_node_disk *disk = image_block(&truth.image, b);

		if (image_used(&truth.image, b) && block_kind_of(disk) == BLOCK_NODE &&
		    le32_get(disk->flags) == NODE_INTERNAL) {
			lose_block(&truth, b, true);
			nr++;
		}
	}
	truth_done(&truth);
}

/* --- some blocks at once --- */

#define BLOCK_0 BP_NONE /* in a list that 0 ends */

/* Of the list of devices, its copy in a metadata snapshot, leaves, space maps. */
static const struct {
	const char *name;
	bp_mblock lost[6]; /* 0 ends them */
	uint64_t device;
	enum bp_thin_verdict verdict; /* 0: it is not in the plan */
	uint64_t right, wrong;        /* of all devices */
} blocks_lost[] = {
	/* A leaf without the bitmaps that tell what it had: what an older one had is doubtful. */
	{ "thin-small", { 109, 110, 106 }, 2, BP_THIN_DOUBTFUL, 1223, 5 },
	{ "thin-small", { 94, 110, 111 }, 13, BP_THIN_DOUBTFUL, 1213, 10 },
	/* Both lists of devices: those of the transaction before. */
	{ "thin-small", { 108, 111, 112 }, 2, BP_THIN_DOUBTFUL, 1223, 5 },
	/* A snapshot of the metadata has device 3, its superblock is lost: it is no more. */
	{ "thin-msnap", { 64, 92 }, 3, 0, 1343, 0 },
	{ "thin-msnap", { 64, 95 }, 3, 0, 1343, 0 },
	/* Leaves of a device of which others are left, and a space map: what it had there before. */
	{ "thin-msnap", { 90, 94, 71, 97, 81 }, 1, BP_THIN_DOUBTFUL, 1293, 5 },
	{ "thin-msnap", { 95, 96, 59, 71, 81 }, 1, BP_THIN_DOUBTFUL, 1288, 10 },
	{ "thin-refs", { 157, 10, 193, 169 }, 6, BP_THIN_DOUBTFUL, 1796, 4 },
	/* A list of a metadata snapshot, the superblock, a root: whose trees are whose. */
	{ "thin-msnap", { BLOCK_0, 57, 60, 81 }, 6, BP_THIN_WHOLE, 1343, 0 },
	{ "thin-msnap", { BLOCK_0, 57, 81, 92 }, 6, BP_THIN_GONE, 1295, 5 },
	{ "thin-msnap", { BLOCK_0, 57, 81, 95 }, 6, BP_THIN_GONE, 1298, 0 },
	/* The older trees, of which the newest counts say nothing. */
	{ "thin-small", { 94, 108, 111 }, 13, BP_THIN_DOUBTFUL, 1213, 15 },
	{ "thin-small", { 82, 108, 111 }, 12, BP_THIN_DOUBTFUL, 1208, 5 },
	/* Both lists, and the snapshot that made half of an older pair unclear: the next that is whole. */
	{ "thin-msnap", { 92, 95, 64, 31, 57 }, 1, BP_THIN_DOUBTFUL, 1092, 0 },
	/* The list of roots and the root of the only device, superblock and space map or not. */
	{ "thin-one", { 136, 137 }, 0, BP_THIN_WHOLE, 697, 0 },
	{ "thin-one", { 136, 137, 17, 11, 13 }, 0, BP_THIN_WHOLE, 697, 0 },
	{ "thin-one", { 136, 137, 5, 15 }, 0, BP_THIN_WHOLE, 697, 0 },
};

static void older_is_doubtful(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(blocks_lost); i++) {
		struct repair repair = { 0 };
		struct image image;
		struct truth truth;
		bool found = false;

		truth_load(&truth, blocks_lost[i].name);
		image_copy(&image, &truth.image);
		print_message("# row %zu\n", i);
		for (size_t k = 0; blocks_lost[i].lost[k]; k++)
			memset(image_block(&image, blocks_lost[i].lost[k] == BLOCK_0
							   ? 0
							   : blocks_lost[i].lost[k]),
			       0xa5, IO_BLOCK);
		assert_ok(make_plan(&repair, &image, NULL));
		show_plan(repair.plan);
		write_and_compare(&repair, &truth);
		assert_int_equal(repair.right, blocks_lost[i].right);
		assert_int_equal(repair.wrong, blocks_lost[i].wrong);
		assert_int_equal(bp_thin_plan_is_whole(repair.plan),
				 repair.wrong == 0 && repair.right == truth.nr_mappings);
		for (size_t k = 0; k < bp_thin_plan_devices_count(repair.plan); k++)
			found |= bp_thin_plan_device_get(repair.plan, k)->device.id ==
				 blocks_lost[i].device;
		assert_int_equal(found, blocks_lost[i].verdict != 0);
		if (found)
			assert_int_equal(verdict_on(repair.plan, blocks_lost[i].device),
					 blocks_lost[i].verdict);
		repair_done(&repair);
		image_done(&image);
		truth_done(&truth);
	}
}

/* --- many blocks at once --- */

/* What the metadata space map counts: block by block, of at most 16320. */
static bool is_used(const struct truth *truth, bp_mblock block)
{
	const struct sm_index_disk *index =
		image_block(&truth->image, truth->meta->sb.metadata_sm.bitmap_root);
	const struct sm_bitmap_disk *bitmap =
		image_block(&truth->image, le64_get(index->entries[0].blocknr));

	return block < truth->meta->sb.metadata_sm.nr_blocks &&
	       le64_get(bitmap->words[block / 32]) >> (2 * (block % 32)) & 3;
}

static void destroy(struct image *image, const struct truth *truth, unsigned percent,
		    uint64_t *rng)
{
	bp_mblock nr = MIN(image->size / IO_BLOCK, SM_BITMAP_ENTRIES), used = 0;

	for (bp_mblock b = 1; b < nr; b++)
		used += is_used(truth, b);
	for (bp_mblock left = MAX(used * percent / 100, 1); left > 0;) {
		bp_mblock block = 1 + thin_pool_pick(rng, (uint32_t)nr - 1);

		if (!is_used(truth, block))
			continue;
		memset(image_block(image, block), (int)thin_pool_pick(rng, 256), IO_BLOCK);
		left--;
	}
}

/* What compare_device() demands; and what a plan lacks is told. Destroys block 0 too if @all. */
static uint64_t lose_many(const struct truth *truth, unsigned percent, bool all, uint64_t *rng)
{
	const struct bp_thin_repair_opts opts = {
		.size = sizeof(opts),
		.data_block_sectors = truth->meta->sb.pub.data_block_sectors,
	};
	struct repair repair = { 0 };
	struct image image;
	int r;

	image_copy(&image, &truth->image);
	destroy(&image, truth, percent, rng);
	if (all)
		memset(image_block(&image, 0), 0, IO_BLOCK);
	r = make_plan(&repair, &image, all ? &opts : NULL);
	if (r == 0) {
		write_and_compare(&repair, truth);
		if (repair.wrong > 0)
			assert_false(bp_thin_plan_is_whole(repair.plan));
		if (!repair.sum.lost_unknown &&
		    repair.right + repair.wrong + repair.sum.nr_lost < truth->nr_mappings) {
			show_plan(repair.plan);
			fail_msg("%" PRIu64 " of %" PRIu64 " mappings, %" PRIu64 " told lost",
				 repair.right, truth->nr_mappings, repair.sum.nr_lost);
		}
		repair_done(&repair);
	}
	image_done(&image);
	return r == 0 ? repair.right : 0;
}

static void nothing_is_made_up(void **state)
{
	static const char *const names[] = { "thin-refs", "thin-small", "thin-msnap",
					     "thin-many", "thin-mix-k7" };
	static const unsigned percents[] = { 1, 5, 20 };
	uint64_t rng = 12345, rounds = thin_pool_trials(6);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct truth truth;

		truth_load(&truth, names[i]);
		for (size_t k = 0; k < ARRAY_SIZE(percents); k++) {
			uint64_t kept = 0;

			for (uint64_t round = 0; round < rounds; round++)
				kept += lose_many(&truth, percents[k], round % 3 == 2, &rng);
			print_message("# %s, %u %% destroyed: %.2f %% of mappings kept\n",
				      names[i], percents[k],
				      100.0 * (double)kept /
					      (double)(rounds * truth.nr_mappings));
		}
		truth_done(&truth);
	}
}

/* --- faults --- */

/* A block that can't be read is a block that is lost. */
static void each_read_may_fail(void **state)
{
	struct truth truth;

	(void)state;
	truth_load(&truth, "thin-refs");
	for (bp_mblock b = 1; b < 256; b++) {
		const struct io_fault_plan fault = { IO_FAULT_READ_BLOCK, b, -EIO };
		struct bp_thin_plan *plan;
		struct bp_thin_plan_summary sum = { .size = sizeof(sum) };
		struct io *io;

		assert_ok(io_fault_new(image_io(&truth.image), &fault, &io));
		assert_ok(thin_plan_io(ctx, io, NULL, &plan));
		bp_thin_plan_summary_get(plan, &sum);
		assert_int_equal(sum.nr_mappings + sum.nr_lost, truth.nr_mappings);
		bp_thin_plan_free(plan);
	}
	truth_done(&truth);
}

static void each_write_of(const char *name, uint64_t writes_at_least)
{
	struct repair repair = { 0 };
	struct truth truth;
	uint64_t at;
	int r = -EIO;

	truth_load(&truth, name);
	assert_ok(make_plan(&repair, &truth.image, NULL));
	for (at = 0; r < 0; at++) {
		const struct io_fault_plan fault = { IO_FAULT_WRITE_NTH, at, -EIO };
		struct image out;
		struct io *io;

		image_copy(&out, &truth.image);
		assert_ok(io_fault_new(image_io(&out), &fault, &io));
		r = thin_plan_write_io(repair.plan, io);
		io_close(io);
		if (r < 0 && at > 0)
			assert_true(block_is_zero(image_block(&out, 0)));
		if (r < 0)
			assert_why("write");
		assert_true(at < 256);
		image_done(&out);
	}
	assert_true(at > writes_at_least);
	bp_thin_plan_free(repair.plan);
	truth_done(&truth);
}

/* Cut off at any write there is no superblock, and the error is told: copied, and made anew. */
static void each_write_may_fail(void **state)
{
	(void)state;
	each_write_of("thin-refs", 20);
	each_write_of("thin-msnap", 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_repaired),
		cmocka_unit_test(a_truncated_file_gives_an_older_transaction),
		cmocka_unit_test(the_newest_roots_are_found),
		cmocka_unit_test(a_block_size_must_be_given),
		cmocka_unit_test(overrides_hold),
		cmocka_unit_test(any_block_can_be_lost),
		cmocka_unit_test(an_inner_node_loses_nothing),
		cmocka_unit_test(older_is_doubtful),
		cmocka_unit_test(nothing_is_made_up),
		cmocka_unit_test(each_read_may_fail),
		cmocka_unit_test(each_write_may_fail),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
