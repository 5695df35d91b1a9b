/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be had of a source's metadata, with LVM's help: where the superblock does not tell it,
 * the data block size, the number of data blocks and the transaction id are those that LVM has.
 * Reads only.
 */
#include "formats/thin/plan.h"
#include "rescue/source.h"

#include <inttypes.h>

/* Is it sound? *@ret_sectors: the data block size it says, if only its checksum is wrong; or 0. */
static bool superblock_sound(struct io *io, uint32_t *ret_sectors)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct thin_sb sb;

	*ret_sectors = 0;
	if (!buf || io_read(io, 0, 1, buf) < 0)
		return false;
	thin_sb_decode(buf, 0, &sb);
	if (sb.magic == THIN_MAGIC && thin_block_sectors_valid(sb.pub.data_block_sectors))
		*ret_sectors = sb.pub.data_block_sectors;
	return block_check(buf, BLOCK_THIN_SUPERBLOCK, 0) == BLOCK_OK;
}

/* Sizes only where they can be right; a plan refuses others. */
static void ask_lvm(const struct bp_source *source, struct bp_thin_repair_opts *opts)
{
	const struct lvm_lv *lv = source->lv;
	const struct lvm_lv *data;
	uint64_t chunk, transaction;

	if (source->kind != BP_SOURCE_POOL)
		return;
	data = lvm_lv_named_by(lv, "pool");
	chunk = text_number(lv->segments[0].node, "chunk_size", 0);
	if (!opts->data_block_sectors && chunk <= UINT32_MAX &&
	    thin_block_sectors_valid((uint32_t)chunk))
		opts->data_block_sectors = (uint32_t)chunk;
	if (!opts->nr_data_blocks && opts->data_block_sectors && data)
		opts->nr_data_blocks =
			data->size / bp_sector_to_bytes(opts->data_block_sectors);
	if (!(opts->flags & BP_THIN_REPAIR_TRANSACTION) &&
	    bp_source_expected_transaction(source, &transaction, NULL) == 0) {
		opts->flags |= BP_THIN_REPAIR_TRANSACTION;
		opts->transaction_id = transaction;
	}
}

int source_plan(struct bp_source *source, const struct bp_thin_repair_opts *opts,
		struct bp_thin_plan **ret)
{
	struct bp_thin_repair_opts o = { .size = sizeof(o) };
	uint32_t sectors;
	struct io *io;
	int r = source_metadata_io(source, &io);

	if (r < 0)
		return r;
	if (opts)
		o = *opts;
	if (!superblock_sound(io, &sectors)) {
		if (!o.data_block_sectors)
			o.data_block_sectors = source->data_block_sectors;
		ask_lvm(source, &o);
		if (!o.data_block_sectors)
			o.data_block_sectors = sectors;
	}
	r = thin_plan_io(source->ctx, io, &o, ret);
	if (r < 0) {
		error_set_device(source->ctx, source->name);
		io_close(io);
	}
	return r;
}
