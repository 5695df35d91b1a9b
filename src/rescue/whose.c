/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose metadata lies where that of a pool ought to: a superblock may have been copied over another's, metadata
 * may have been swapped between pools. Both have good checksums, and volumes that were read by them would be made
 * of the wrong blocks without a word.
 *
 * LVM's text says what a pool is: its block size, which never changes, its transaction, how large its data are, and
 * for each volume a number and the transaction in which it was made. Promises to doubt only what that text contradicts, and to say that
 * metadata is another pool's only where it is exactly what the text has of that one, or has another block size.
 */
#include "rescue/whose.h"

#include "pdata/space_map.h"

#include <inttypes.h>

/* What lies in a pool's place. */
struct area {
	struct io *io;
	struct thin_sb sb;
	bool sound;  /* block 0 is a superblock */
	bool listed; /* and its devices could be read */
	struct thin_devices devices;
};

static void area_done(struct area *area)
{
	thin_devices_done(&area->devices);
	io_close(area->io);
}

/* Damage is no answer: then there is no list. */
static int list_devices(struct bp_source *source, struct area *area)
{
	struct bp_thin_meta tm = {
		.meta = { .ctx = source->ctx,
			  .io = area->io,
			  .nr_blocks = MIN(area->io->nr_blocks, META_MAX_BLOCKS),
			  .workers = 1 },
		.sb = area->sb,
		.live = area->sb,
	};
	int r = thin_devices_read(&tm, &area->devices);

	area->listed = r == 0;
	return r == -ENOMEM ? r : 0;
}

static int area_open(struct bp_source *source, const struct lvm_lv *pool, struct area *ret)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	struct error_state *saved = error_save(source->ctx);
	int r = block ? source_place_io(source, pool, &ret->io) : -ENOMEM;

	if (r == 0 && io_read(ret->io, 0, 1, block) == 0 &&
	    thin_sb_check(source->ctx, block, 0) == 0) {
		ret->sound = true;
		thin_sb_decode(block, 0, &ret->sb);
		r = list_devices(source, ret);
	}
	error_restore(source->ctx, saved);
	return r == -ENOMEM ? r : 0;
}

/* --- LVM's text --- */

static bool is_pool(const struct lvm_lv *lv)
{
	return streq(lvm_lv_type(lv), "thin-pool");
}

/* The block size alone: of what is damaged or of another time too. */
static bool fits_size(const struct lvm_lv *pool, const struct thin_sb *sb)
{
	uint64_t chunk = text_number(pool->segments[0].node, "chunk_size", 0);

	return !chunk || chunk == sb->pub.data_block_sectors;
}

/* As many data as the pool has, by the superblock's block size. */
static uint64_t blocks_of(const struct lvm_lv *pool, const struct thin_sb *sb)
{
	return pool->size / BP_SECTOR_BYTES / MAX(sb->pub.data_block_sectors, 1u);
}

static bool fills(const struct lvm_lv *pool, const struct thin_sb *sb)
{
	return sb->pub.nr_data_blocks == blocks_of(pool, sb);
}

/* A pool never shrinks; and where LVM has extended it since, the kernel has not seen that yet. */
static bool fits_data(const struct lvm_lv *pool, const struct thin_sb *sb)
{
	return sb->pub.nr_data_blocks <= blocks_of(pool, sb);
}

/* With a message that was not sent yet it may be one behind. */
static bool fits_transaction(const struct lvm_lv *pool, const struct thin_sb *sb)
{
	const struct text_node *node = pool->segments[0].node;
	uint64_t expected = text_number(node, "transaction_id", 0);

	return !expected || sb->pub.transaction_id == expected ||
	       (text_section(node, "message1") && sb->pub.transaction_id + 1 == expected);
}

static bool has_device(const struct area *area, uint64_t id, uint64_t transaction)
{
	for (size_t i = 0; i < area->devices.list.count; i++) {
		const struct thin_device *d = &area->devices.list.items[i];

		if (d->id == id && d->details.transaction_id == transaction)
			return true;
	}
	return false;
}

/* Are its devices just those that LVM has? A pool without any fits nothing. */
static bool fits_volumes(const struct lvm_lv *pool, const struct area *area)
{
	const struct lvm_vg *vg = pool->vg;
	size_t nr = 0;

	if (!area->listed)
		return false;
	for (size_t i = 0; i < vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &vg->lvs[i];
		const struct text_node *node = lv->nr_segments ? lv->segments[0].node : NULL;

		if (!node || !streq(lvm_lv_type(lv), "thin") ||
		    lvm_lv_named_by(lv, "thin_pool") != pool)
			continue;
		if (!has_device(area, text_number(node, "device_id", UINT64_MAX),
				text_number(node, "transaction_id", UINT64_MAX)))
			return false;
		nr++;
	}
	return nr && nr == area->devices.list.count;
}

static bool fits(const struct lvm_lv *pool, const struct area *area)
{
	return area->sound && fits_size(pool, &area->sb) && fits_transaction(pool, &area->sb) &&
	       fits_data(pool, &area->sb) && fits_volumes(pool, area);
}

/* --- superblock and area --- */

/* What a block that a superblock names says of it. */
enum witness {
	WITNESS_LOST, /* nothing: it is damaged, or was never written */
	WITNESS_RIGHT,
	WITNESS_WRONG, /* it is whole, and something else */
};

static bool read_sound(const struct area *area, bp_mblock block, void *buf)
{
	return block < area->io->nr_blocks && io_read(area->io, block, 1, buf) == 0 &&
	       source_block_good(block, buf);
}

/* Inner nodes of all trees are alike. */
static enum witness ask_root(const struct area *area, bp_mblock root, uint32_t value_size,
			     void *buf)
{
	struct node node;

	if (!read_sound(area, root, buf))
		return WITNESS_LOST;
	if (node_decode(buf, root, value_size, &node) == NODE_OK)
		return WITNESS_RIGHT;
	return node_decode(buf, root, sizeof(le64), &node) == NODE_OK && !node.leaf
		       ? WITNESS_RIGHT
		       : WITNESS_WRONG;
}

/* The index of the metadata's space map counts as many blocks as the superblock. */
static enum witness ask_index(const struct area *area, void *buf)
{
	const struct sm_root *sm = &area->sb.metadata_sm;
	const struct sm_index_disk *index = buf;
	uint64_t used = 0;

	if (!read_sound(area, sm->bitmap_root, buf))
		return WITNESS_LOST;
	if (block_check(buf, BLOCK_INDEX, sm->bitmap_root) != BLOCK_OK)
		return WITNESS_WRONG;
	for (uint64_t i = 0; i < SM_INDEX_ENTRIES && i * SM_BITMAP_ENTRIES < sm->nr_blocks; i++)
		used += SM_BITMAP_ENTRIES -
			MIN(le32_get(index->entries[i].nr_free), (uint32_t)SM_BITMAP_ENTRIES);
	return used == sm->nr_allocated ? WITNESS_RIGHT : WITNESS_WRONG;
}

/*
 * All that a superblock names is on disk before it is. Blocks that are sound and are not what it says were
 * not written for it; nor was an area in which hardly one is. The root of the mappings proves little: pools
 * of one size begin alike. For @sure the index has to agree, which no other pool's does.
 */
static bool is_of_area(const struct area *area, bool sure, void *buf)
{
	const struct bp_thin_superblock *sb = &area->sb.pub;
	enum witness mapping = ask_root(area, sb->mapping_root, sizeof(le64), buf);
	enum witness details =
		ask_root(area, sb->details_root, sizeof(struct thin_details_disk), buf);
	enum witness index = ask_index(area, buf);

	if (mapping == WITNESS_WRONG || details == WITNESS_WRONG || index == WITNESS_WRONG)
		return false;
	return index == WITNESS_RIGHT || (!sure && details == WITNESS_RIGHT);
}

/* --- other pools of the group --- */

/* A pool of the group, not @pool, that @area fits. */
static const struct lvm_lv *find_owner(const struct lvm_lv *pool, const struct area *area)
{
	for (size_t i = 0; i < pool->vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &pool->vg->lvs[i];

		if (lv != pool && is_pool(lv) && fits(lv, area))
			return lv;
	}
	return NULL;
}

/* A volume by itself: not the metadata of a pool, which is looked at as that. */
static bool is_free_volume(const struct lvm_lv *lv)
{
	const struct lvm_vg *vg = lv->vg;

	for (size_t i = 0; i < vg->nr_lvs; i++)
		if (is_pool(&vg->lvs[i]) && lvm_lv_named_by(&vg->lvs[i], "metadata") == lv)
			return false;
	return lvm_type_is_plain(lvm_lv_type(lv));
}

static bool is_at_home(const struct lvm_lv *lv, const struct area *area)
{
	return is_pool(lv) && fits(lv, area) && fills(lv, &area->sb);
}

/*
 * Where in the group metadata lies that is @pool's: in the place of another pool's, or in a volume by itself, as LVM
 * leaves what it has swapped out. @sure: of pools only, where it is as large as @pool, and can't be that one's.
 */
static int find_place(struct bp_source *source, const struct lvm_lv *pool, bool sure,
		      const struct lvm_lv **ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !*ret && i < pool->vg->nr_lvs; i++) {
		const struct lvm_lv *lv = &pool->vg->lvs[i];
		struct area area = { 0 };

		if (lv == pool || !(is_pool(lv) || is_free_volume(lv)))
			continue;
		r = area_open(source, lv, &area);
		if (r == 0 && fits(pool, &area) && !is_at_home(lv, &area) &&
		    (!sure || (is_pool(lv) && fills(pool, &area.sb) && !fits(lv, &area))))
			*ret = lv;
		area_done(&area);
	}
	return r;
}

/*
 * It fits, but for a smaller pool than this: extended since, or that of one that has the same numbers. It is
 * another's where its own lies in that one's place, for which it is too large.
 */
static int judge_smaller(struct bp_source *source, const struct area *area, struct whose *whose)
{
	int r = find_place(source, whose->pool, true, &whose->lies_in);

	if (r == 0 && whose->lies_in && fits(whose->lies_in, area)) {
		whose->kind = WHOSE_OTHER;
		whose->other = whose->lies_in;
	} else {
		whose->lies_in = NULL;
	}
	return r;
}

/* What fits is not doubted; of what does not the superblock is asked first. */
static int judge(struct bp_source *source, const struct area *area, struct whose *whose)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	const struct lvm_lv *pool = whose->pool;

	if (!buf)
		return -ENOMEM;
	if (!area->sound)
		return 0;
	if (fits(pool, area))
		return fills(pool, &area->sb) ? 0 : judge_smaller(source, area, whose);
	if (!(fits_size(pool, &area->sb) && fits_transaction(pool, &area->sb)) &&
	    !is_of_area(area, !fits_size(pool, &area->sb), buf)) {
		whose->kind = WHOSE_SUPERBLOCK;
		return 0;
	}
	whose->other = find_owner(pool, area);
	if (!whose->other && fits_size(pool, &area->sb))
		return 0;
	whose->kind = WHOSE_OTHER;
	return find_place(source, whose->pool, false, &whose->lies_in);
}

const char *whose_place(const struct whose *whose)
{
	return is_pool(whose->lies_in) ? "the place of that of " : "";
}

int source_whose(struct bp_source *source, const struct lvm_lv *pool, struct whose **ret)
{
	struct area area = { 0 };
	struct whose *whose;
	int r;

	for (size_t i = 0; i < source->whose.count; i++)
		if (source->whose.items[i]->pool == pool) {
			*ret = source->whose.items[i];
			return 0;
		}
	whose = calloc(1, sizeof(*whose));
	if (!whose)
		return -ENOMEM;
	whose->pool = pool;
	r = area_open(source, pool, &area);
	if (r == 0)
		r = judge(source, &area, whose);
	area_done(&area);
	if (r == 0)
		r = vec_add(&source->whose, &whose);
	if (r < 0) {
		free(whose);
		return r;
	}
	*ret = whose;
	return 0;
}

int source_refuse_other(struct bp_source *source, const struct lvm_lv *pool)
{
	struct whose *whose;
	int r = source_whose(source, pool, &whose);

	if (r < 0)
		return bp_fail_memory(source->ctx);
	if (whose->kind != WHOSE_OTHER || whose->lies_in)
		return 0;
	bp_fail(source->ctx, -EUCLEAN,
		"in the place of its metadata lies that of another pool%s%s: nothing can be "
		"read by "
		"it",
		whose->other ? ", " : "", whose->other ? whose->other->name : "");
	error_set_code(source->ctx, BP_E_DAMAGED);
	error_set_hint(source->ctx,
		       "look for its own: pool_meta0, lvol0_pmspare, a backup of the metadata");
	return -EUCLEAN;
}
