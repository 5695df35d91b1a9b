/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large an index of duplicates is, by its memory. Nothing of its contents is read here.
 *
 * An index is a ring of chapters, each so many pages of 32 KiB with records of data seen, and
 * pages that find a record in them; two save areas hold what the kernel has in memory: the
 * volume index, the map of index pages and the open chapter.
 * Source: Linux, drivers/md/dm-vdo/indexer/{geometry,delta-index,volume-index,index-layout}.c.
 */
#include "formats/vdo/vdo.h"

#define PAGE_BYTES     UINT64_C(32768)
#define PAGE_RECORDS   1024
#define QUARTER_BYTES  (UINT64_C(1) << 28)
#define SPARSE_SAMPLE  32 /* of so many records of sparse chapters one is in the dense part */
#define GUARD_BITS     20 /* a page's header and guard, in bytes */
#define IMMUTABLE_BITS 19 /* of a list's head */

struct index {
	uint64_t chapters, sparse_chapters;
	uint64_t record_pages; /* of a chapter */
	uint64_t records;      /* of a chapter */
};

static unsigned bits(uint64_t n)
{
	return n ? 64u - (unsigned)__builtin_clzll(n) : 0;
}

/*
 * Quarters of a GiB have smaller chapters, whole ones more of them; a sparse index has ten
 * times as many, 95 % of them sparse.
 */
static struct index index_of(const struct bp_vdo_volume *v)
{
	struct index index = { .chapters = 1024 };

	if (v->index_memory_bytes % (4 * QUARTER_BYTES)) {
		index.record_pages = 64 * (v->index_memory_bytes / QUARTER_BYTES);
	} else {
		index.chapters = 1024 * (v->index_memory_bytes / (4 * QUARTER_BYTES));
		index.record_pages = 256;
	}
	if (v->index_sparse) {
		index.sparse_chapters = 19 * index.chapters / 2;
		index.chapters *= 10;
	}
	index.chapters -= v->index_reduced;
	index.records = PAGE_RECORDS * index.record_pages;
	return index;
}

/* Bits that a delta list of @entries takes, whose keys are @mean apart. */
static uint64_t delta_bits(uint64_t entries, uint64_t mean, unsigned payload)
{
	uint64_t increment = (836158 * mean + 603160) / 1206321;

	return entries * (payload + bits(increment + 1) + 1) + entries / 2;
}

/* Pages of a chapter that find its records. */
static uint64_t index_pages(const struct index *index)
{
	uint64_t lists = UINT64_C(1) << (bits((index->records - 1) | 63) - 6);
	uint64_t total = delta_bits(index->records, 65536, bits(index->record_pages - 1));
	uint64_t page = (PAGE_BYTES - GUARD_BITS) * 8 - IMMUTABLE_BITS - total / lists;

	return DIV_UP(total + IMMUTABLE_BITS * lists, page);
}

/* Bytes that one part of the volume index is saved in. */
static uint64_t part_bytes(uint64_t records, uint64_t chapters)
{
	uint64_t even = chapters + chapters % 2;
	uint64_t lists = MAX(records * even / 256, UINT64_C(256));
	uint64_t kept = even + MAX(even / 256, UINT64_C(2));
	uint64_t mean = (lists << 20) / (records * kept);
	uint64_t memory = delta_bits(records, mean, bits(even - 1)) * kept / 8;

	memory = DIV_UP(memory * 106 / 100, UINT64_C(65536)) * 65536;
	return 40 + 8 * lists + 40 + 9 * lists + memory;
}

static uint64_t volume_index_bytes(const struct index *index)
{
	uint64_t sampled = index->records / SPARSE_SAMPLE;

	if (!index->sparse_chapters)
		return part_bytes(index->records, index->chapters);
	return 12 + part_bytes(sampled, index->chapters) +
	       part_bytes(index->records - sampled, index->chapters - index->sparse_chapters);
}

/* Configuration, volume, two save areas, each rounded to blocks. */
bp_mblock vdo_index_mblocks(const struct bp_vdo_volume *v)
{
	struct index index = index_of(v);
	uint64_t pages = index_pages(&index);
	bp_mblock volume, save;

	volume = ((pages + index.record_pages) * index.chapters + 1) * (PAGE_BYTES / IO_BLOCK);
	save = 1 + DIV_UP(volume_index_bytes(&index) + 8, IO_BLOCK) + 16 +
	       DIV_UP(16 + 2 * index.chapters * (pages - 1), IO_BLOCK) +
	       DIV_UP(14 + 32 * index.records, IO_BLOCK);
	return 3 + volume + 2 * save;
}

bp_bytes vdo_index_window_bytes(const struct bp_vdo_volume *v)
{
	struct index index = index_of(v);

	return bp_mblock_to_bytes(index.records * index.chapters);
}

/* Measured: 227 MB for each 0.25 GiB of a dense index, 191 MB of a sparse one. */
bp_bytes vdo_index_kernel_bytes(const struct bp_vdo_volume *v)
{
	return v->index_memory_bytes / QUARTER_BYTES *
	       (v->index_sparse ? UINT64_C(191000000) : UINT64_C(227000000));
}
