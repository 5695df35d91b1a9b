/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be had of a source's metadata, with LVM's help: where the superblock does not tell it,
 * the data block size, the number of data blocks and the transaction id are those that LVM has.
 * Reads only.
 */
#include "formats/thin/plan.h"
#include "rescue/source.h"
#include "rescue/whose.h"

#include <inttypes.h>

/* Is it sound? *@ret_sectors: the data block size it says, if only its checksum is wrong; or 0. */
static bool superblock_sound(struct io *io, uint32_t *ret_sectors)
{
	_Alignas(IO_BLOCK) uint8_t buf[IO_BLOCK];
	struct thin_sb sb;

	*ret_sectors = 0;
	if (io_read(io, 0, 1, buf) < 0)
		return false;
	thin_sb_decode(buf, 0, &sb);
	if (sb.magic == THIN_MAGIC && thin_block_sectors_valid(sb.pub.data_block_sectors))
		*ret_sectors = sb.pub.data_block_sectors;
	return block_check(buf, BLOCK_THIN_SUPERBLOCK, 0) == BLOCK_OK;
}

/* Sizes only where they can be right; a plan refuses others. */
static void ask_lvm(const struct lvm_lv *lv, struct bp_thin_repair_opts *opts)
{
	const struct lvm_lv *data;
	uint64_t chunk, transaction;

	data = lvm_lv_named_by(lv, "pool");
	chunk = text_number(lv->segments[0].node, "chunk_size", 0);
	if (!opts->data_block_sectors && chunk <= UINT32_MAX &&
	    thin_block_sectors_valid((uint32_t)chunk))
		opts->data_block_sectors = (uint32_t)chunk;
	if (!opts->nr_data_blocks && opts->data_block_sectors && data)
		opts->nr_data_blocks =
			data->size / bp_sector_to_bytes(opts->data_block_sectors);
	transaction = text_number(lv->segments[0].node, "transaction_id", 0);
	if (!(opts->flags & BP_THIN_REPAIR_TRANSACTION) && transaction) {
		opts->flags |= BP_THIN_REPAIR_TRANSACTION;
		opts->transaction_id = transaction;
	}
}

/*
 * What is not known of a pool without a superblock: first what the caller says, then LVM's
 * text, then what block 0 still tells.
 */
int source_plan_of(struct bp_source *source, const struct lvm_lv *pool,
		   const struct bp_thin_repair_opts *opts, struct bp_thin_plan **ret)
{
	struct bp_thin_repair_opts o = { .size = sizeof(o) };
	uint32_t sectors;
	struct io *io;
	int r = pool ? source_refuse_other(source, pool) : 0;

	if (r == 0)
		r = pool ? source_pool_io(source, pool, &io) : source_metadata_io(source, &io);
	if (r < 0)
		return r;
	if (opts)
		o = *opts;
	if (!superblock_sound(io, &sectors)) {
		if (!o.data_block_sectors)
			o.data_block_sectors = source->data_block_sectors;
		if (pool)
			ask_lvm(pool, &o);
		if (!o.data_block_sectors)
			o.data_block_sectors = sectors;
		if (!o.nr_data_blocks && o.data_block_sectors && source->data)
			o.nr_data_blocks =
				source->data->size / bp_sector_to_bytes(o.data_block_sectors);
	}
	return io_taken(source->ctx, source->name, io, thin_plan_io(source->ctx, io, &o, ret));
}

int source_plan(struct bp_source *source, const struct bp_thin_repair_opts *opts,
		struct bp_thin_plan **ret)
{
	return source_plan_of(source, source->kind == BP_SOURCE_POOL ? source->lv : NULL, opts,
			      ret);
}

/* --- reading volumes of damaged metadata --- */

void source_pool_done(struct source_pool *pool)
{
	bp_thin_close(pool->meta);
	bp_thin_plan_free(pool->salvaged);
	map_free(pool->data);
}

/*
 * Once a pool. From then on its volumes are read from the plan, with a warning: it is not
 * the pool as it was.
 */
int source_salvage(struct bp_source *source, struct source_pool *pool)
{
	int r;

	if (pool->salvaged)
		return 0;
	r = source_plan_of(source, pool->lv, NULL, &pool->salvaged);
	if (r < 0)
		return r;
	pool->raw = pool->salvaged->tm;
	pool->raw.meta.io = pool->salvaged->io;
	pool->raw.meta.nr_blocks = meta_blocks(pool->salvaged->io);
	bp_warn(source->ctx,
		"%s: its metadata is damaged: volumes are read from what can be had of it "
		"('rescue' tells more)",
		pool->lv ? pool->lv->name : source->name);
	return 0;
}

static int by_begin(const void *a, const void *b)
{
	const struct thin_map_range *x = a, *y = b;

	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* Losses without a place say how much there is of a device: only where there is no other. */
int source_lost_runs(const struct bp_thin_plan *plan, uint64_t id, struct thin_map_lost *ret)
{
	size_t kept = 0;
	int r = 0;

	for (int pass = 0; r == 0 && pass < 2 && !ret->list.count; pass++)
		for (size_t i = 0; r == 0 && i < plan->losses.count; i++) {
			const struct bp_thin_plan_loss *loss = &plan->losses.items[i];
			const struct thin_map_range range = { loss->begin, loss->end };

			if (loss->device == id && (pass == 1 || loss->block != BP_NONE))
				r = vec_add(&ret->list, &range);
		}
	if (ret->list.count)
		qsort(ret->list.items, ret->list.count, sizeof(ret->list.items[0]), by_begin);
	for (size_t i = 0; r == 0 && i < ret->list.count; i++) {
		struct thin_map_range *last = kept ? &ret->list.items[kept - 1] : NULL;

		if (last && ret->list.items[i].begin <= last->end)
			last->end = MAX(last->end, ret->list.items[i].end);
		else
			ret->list.items[kept++] = ret->list.items[i];
	}
	ret->list.count = kept;
	return r;
}
