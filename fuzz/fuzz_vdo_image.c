/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small vdo volume, changed at will, checksums made right again: opened, its slabs counted, and
 * checked. An input is a row of changes: block and byte (16 bits each), length (8 bits), bytes.
 */
#include "fuzz.h"

#include "formats/vdo/vdo.h"

#define SLAB   256
#define DATA   31 /* data blocks of a slab */
#define BLOCKS (2 + 1 + VDO_ROOTS + SLAB + 8 + VDO_SUMMARY_BLOCKS)

static struct bp_vdo_volume volume(void)
{
	struct bp_vdo_volume v = {
		.size = sizeof(v),
		.geometry_version = 5,
		.nonce = 7,
		.index_start_mblock = 1,
		.index_mblocks = 1,
		.index_memory_bytes = BP_VDO_INDEX_BYTES,
		.data_start_mblock = 2,
		.state = BP_VDO_STATE_CLEAN,
		.logical_mblocks = 2000,
		.physical_mblocks = BLOCKS,
		.slab_mblocks = SLAB,
		.slab_journal_mblocks = VDO_SLAB_JOURNAL,
		.nr_slabs = 1,
		.root_start_mblock = 3,
		.nr_roots = VDO_ROOTS,
		.depot_start_mblock = 3 + VDO_ROOTS,
		.depot_mblocks = SLAB,
		.journal_start_mblock = 3 + VDO_ROOTS + SLAB,
		.journal_mblocks = 8,
		.summary_start_mblock = 3 + VDO_ROOTS + SLAB + 8,
		.summary_mblocks = VDO_SUMMARY_BLOCKS,
		.journal_sequence = 1,
		.logical_used_mblocks = 2,
		.map_mblocks = 4,
		.nr_zones = 1,
	};

	vdo_slab_config(&v);
	return v;
}

static void add_page(uint8_t *area, const struct bp_vdo_volume *v, bp_mblock block,
		     bp_mblock to)
{
	struct vdo_page_disk *page = (void *)(area + block * IO_BLOCK);
	const uint8_t entry[5] = { 1, (uint8_t)to };

	page->major = le32_make(4);
	page->minor = le32_make(1);
	page->nonce = le64_make(v->nonce);
	page->block = le64_make(block);
	page->initialised = 1;
	memcpy(page->entries[0], entry, sizeof(entry));
}

/* One path of the first tree: a plain block and a part of a compressed one. */
static void fill(uint8_t *area, const struct bp_vdo_volume *v)
{
	bp_mblock first = v->depot_start_mblock;
	struct vdo_page_disk *leaf = (void *)(area + (first + 3) * IO_BLOCK);
	struct vdo_compressed_disk *data = (void *)(area + (first + 5) * IO_BLOCK);
	struct vdo_counts_disk *counts = (void *)(area + (first + DATA) * IO_BLOCK);
	struct vdo_summary_entry_disk *summary =
		(void *)(area + v->summary_start_mblock * IO_BLOCK);

	add_page(area, v, v->root_start_mblock, first);
	for (unsigned i = 0; i < 4; i++)
		add_page(area, v, first + i, first + i + 1);
	leaf->entries[1][0] = VDO_COMPRESSED;
	leaf->entries[1][1] = (uint8_t)(first + 5);
	data->major = le32_make(1);
	data->sizes[0][0] = 100;
	memset(counts->sectors[0].counts, VDO_COUNT_MAX, 4);
	counts->sectors[0].counts[4] = counts->sectors[0].counts[5] = 1;
	summary[0].flags = VDO_SUMMARY_LOAD;
}

static void seal(uint8_t *block, size_t len)
{
	uint32_t crc = vdo_crc32(block, len);

	memcpy(block + len, &crc, sizeof(crc));
}

static void change(uint8_t *area, const uint8_t *data, size_t size)
{
	while (size > 5) {
		size_t block = (data[0] | (size_t)data[1] << 8) % BLOCKS;
		size_t at = (data[2] | (size_t)data[3] << 8) % IO_BLOCK;
		size_t len = MIN(MIN((size_t)data[4] + 1, size - 5), IO_BLOCK - at);

		memcpy(area + block * IO_BLOCK + at, data + 5, len);
		data += 5 + len;
		size -= 5 + len;
	}
	seal(area, 97);
	seal(area + 2 * IO_BLOCK, sizeof(struct vdo_super_disk) - 4);
}

static int on_slab(void *user, const struct bp_vdo_slab *slab)
{
	promise(slab->used_mblocks <= ((struct bp_vdo_image *)user)->volume.slab_data_mblocks);
	return 0;
}

static void on_damage(void *user, const struct bp_damage *damage)
{
	++*(uint64_t *)user;
	promise(damage->what && *damage->what);
}

static void try_all(struct bp_ctx *ctx, struct io *io, bool untouched)
{
	struct bp_vdo_check_result res = { .size = sizeof(res) };
	struct bp_vdo_needs needs = { .size = sizeof(needs) };
	struct bp_vdo_image *image = NULL;
	uint64_t found = 0;
	struct bp_vdo_check_opts opts = {
		.size = sizeof(opts),
		.damage = on_damage,
		.user = &found,
	};

	promise(vdo_check_io(ctx, io, &opts, &res) == 0);
	promise(found == res.nr_fatal + res.nr_nonfatal + res.nr_remarks);
	promise(!untouched || res.nr_fatal + res.nr_nonfatal == 0);
	if (vdo_open_io(ctx, io, &image) == 0) {
		promise(res.volume_ok);
		promise(bp_vdo_needs(ctx, &image->volume, 0, &needs) == 0);
		bp_vdo_slabs(image, on_slab, image);
		free(image);
	} else {
		promise(!res.volume_ok);
	}
	vdo_force_rebuild_io(ctx, io);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *area = io_buffer_new(BLOCKS);
	struct bp_vdo_volume v = volume();
	struct bp_ctx *ctx;
	struct io *io;

	promise(area && bp_ctx_new(&ctx) == 0);
	memset(area, 0, BLOCKS * IO_BLOCK);
	vdo_geometry_encode(&v, area);
	vdo_super_encode(&v, area + 2 * IO_BLOCK);
	fill(area, &v);
	change(area, data, size);
	promise(io_memory_new(area, BLOCKS * IO_BLOCK, &io) == 0);
	try_all(ctx, io, size <= 5);
	io_close(io);
	bp_ctx_free(ctx);
	free(area);
	return 0;
}
