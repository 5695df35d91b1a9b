/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From sizes to a volume: what a format would write, and what a volume needs. Limits are those
 * of the kernel's own formatter; tables of kernels allow more, which no tool should make use of.
 */
#include "core/opts.h"
#include "formats/vdo/vdo.h"

#include <inttypes.h>

#define GIB         (UINT64_C(1) << 30)
#define QUARTER_GIB (UINT64_C(1) << 28)

/* Measured with Linux 6.12, good to a few percent. */
#define MEMORY_FIXED      UINT64_C(32000000)
#define MEMORY_CACHE_PAGE 4528
#define MEMORY_MAP_UNIT   249120
#define MEMORY_SLAB       10000
#define CACHE_DEFAULT     32768

/* A power of two, as block numbers are split by it. */
static int check_slab(struct bp_ctx *ctx, bp_bytes slab)
{
	bp_mblock blocks = bp_bytes_to_mblock(slab);

	if (slab % BP_MBLOCK_BYTES == 0 && is_power_of_two(blocks) &&
	    blocks >= UINT64_C(1) << VDO_SLAB_BITS_MIN &&
	    blocks <= UINT64_C(1) << VDO_SLAB_BITS_MAX)
		return 0;
	return bp_fail(ctx, -EINVAL,
		       "slab size: %" PRIu64 " bytes are no power of two from 32 MiB to 32 GiB",
		       slab);
}

/* The sizes that the kernel's index knows. */
static int check_memory(struct bp_ctx *ctx, bp_bytes memory)
{
	if (memory == QUARTER_GIB || memory == 2 * QUARTER_GIB || memory == 3 * QUARTER_GIB ||
	    (memory % GIB == 0 && memory >= GIB && memory <= 1024 * GIB))
		return 0;
	return bp_fail(ctx, -EINVAL,
		       "index memory: %" PRIu64
		       " bytes are none of 256, 512, 768 MiB, or 1 to 1024 GiB",
		       memory);
}

static int check_logical(struct bp_ctx *ctx, bp_bytes logical)
{
	if (logical % BP_MBLOCK_BYTES)
		return bp_fail(ctx, -EINVAL,
			       "logical size: %" PRIu64 " bytes are no multiple of 4096",
			       logical);
	if (bp_bytes_to_mblock(logical) > BP_VDO_LOGICAL_MAX_MBLOCKS)
		return bp_fail(ctx, -EINVAL, "logical size: %" PRIu64 " bytes are over 4 PiB",
			       logical);
	return 0;
}

/* What does not depend on the space there is. */
static int begin(struct bp_ctx *ctx, const struct bp_vdo_format_opts *o,
		 struct bp_vdo_volume *v)
{
	bp_bytes slab = o->slab_bytes ? o->slab_bytes : BP_VDO_SLAB_BYTES;
	bp_bytes memory = o->index_memory_bytes ? o->index_memory_bytes : BP_VDO_INDEX_BYTES;
	int r = check_slab(ctx, slab);

	if (r == 0)
		r = check_memory(ctx, memory);
	if (r == 0)
		r = check_logical(ctx, o->logical_bytes);
	if (r < 0) {
		error_set_code(ctx, BP_E_USAGE);
		return r;
	}
	*v = (struct bp_vdo_volume){
		.size = sizeof(*v),
		.geometry_version = 5,
		.nonce = o->nonce,
		.index_start_mblock = 1,
		.index_memory_bytes = memory,
		.index_sparse = o->index_sparse,
		.state = BP_VDO_STATE_NEW,
		.logical_mblocks = bp_bytes_to_mblock(o->logical_bytes),
		.slab_mblocks = bp_bytes_to_mblock(slab),
		.slab_journal_mblocks = VDO_SLAB_JOURNAL,
		.nr_roots = VDO_ROOTS,
		.journal_mblocks = VDO_JOURNAL_BLOCKS,
		.summary_mblocks = VDO_SUMMARY_BLOCKS,
		.journal_sequence = 1,
	};
	if (o->uuid)
		memcpy(v->uuid, o->uuid, sizeof(v->uuid));
	v->index_mblocks = vdo_index_mblocks(v);
	v->data_start_mblock = 1 + v->index_mblocks;
	vdo_slab_config(v);
	return 0;
}

void vdo_slab_config(struct bp_vdo_volume *v)
{
	bp_mblock journal = v->slab_journal_mblocks;

	v->slab_count_mblocks = DIV_UP(v->slab_mblocks - journal, VDO_BLOCK_COUNTS);
	v->slab_data_mblocks = v->slab_mblocks - journal - v->slab_count_mblocks;
	v->slab_flush_mblocks = (3 * journal + 3) / 4;
	v->slab_block_mblocks =
		v->slab_flush_mblocks + 5 * (journal - v->slab_flush_mblocks) / 7;
	v->slab_scrub_mblocks = journal - 2; /* a block, and what a block's entries overflow */
}

/* Pages of each level of the block map, leaves first; each level is spread over all roots. */
void vdo_map_levels(bp_mblock logical, uint64_t levels[5])
{
	uint64_t n = MAX(DIV_UP(logical, VDO_PAGE_ENTRIES), UINT64_C(1));

	levels[0] = n;
	n = DIV_UP(n, VDO_ROOTS);
	for (unsigned i = 1; i < 5; i++) {
		n = DIV_UP(n, VDO_PAGE_ENTRIES);
		levels[i] = n * VDO_ROOTS;
	}
}

/* All data blocks, less the pages of the block map that map as many. */
static bp_mblock default_logical(const struct bp_vdo_volume *v)
{
	bp_mblock data = v->slab_data_mblocks * v->nr_slabs, inner;
	uint64_t levels[5];

	vdo_map_levels(data, levels);
	inner = levels[1] + levels[2] + levels[3];
	if (inner >= data)
		return 1;
	data -= inner;
	return data - DIV_UP(data, VDO_PAGE_ENTRIES);
}

static bp_mblock minimum(const struct bp_vdo_volume *v)
{
	return v->data_start_mblock + 1 + v->nr_roots + v->slab_mblocks + v->journal_mblocks +
	       v->summary_mblocks;
}

/* Says what takes the room, as that can be changed. */
static int fail_small(struct bp_ctx *ctx, const struct bp_vdo_volume *v, bp_mblock physical)
{
	bp_bytes need = bp_mblock_to_bytes(minimum(v));
	char has[BP_SIZE_TEXT], text[BP_SIZE_TEXT], index[BP_SIZE_TEXT], slab[BP_SIZE_TEXT];

	bp_fail(ctx, -ENOSPC,
		"%s is too small for a volume: it takes %" PRIu64
		" bytes (%s: %s for the index, %s for a slab)",
		bp_size_format(bp_mblock_to_bytes(physical), has), need,
		bp_size_format(need, text),
		bp_size_format(bp_mblock_to_bytes(v->index_mblocks), index),
		bp_size_format(bp_mblock_to_bytes(v->slab_mblocks), slab));
	error_set_code(ctx, BP_E_TOO_SMALL);
	if (v->slab_mblocks > UINT64_C(1) << VDO_SLAB_BITS_MIN)
		error_set_hint(ctx, "smaller slabs take less; the smallest are of 32 MiB");
	return -ENOSPC;
}

/* Two different limits, with two different ways out. */
static int fail_large(struct bp_ctx *ctx, const struct bp_vdo_volume *v, bp_mblock physical)
{
	char has[BP_SIZE_TEXT], slab[BP_SIZE_TEXT];

	bp_size_format(bp_mblock_to_bytes(physical), has);
	if (physical > BP_VDO_PHYSICAL_MAX_MBLOCKS)
		bp_fail(ctx, -EFBIG, "%s is more than a volume can have: 256 TiB", has);
	else
		bp_fail(ctx, -EFBIG, "%s has more than 8192 slabs of %s", has,
			bp_size_format(bp_mblock_to_bytes(v->slab_mblocks), slab));
	error_set_code(ctx, BP_E_USAGE);
	error_set_hint(ctx, physical > BP_VDO_PHYSICAL_MAX_MBLOCKS
				    ? "use a part of the device"
				    : "larger slabs make it fit");
	return -EFBIG;
}

/* Where all lies in @physical blocks. */
static int lay_out(struct bp_ctx *ctx, bp_mblock physical, struct bp_vdo_volume *v)
{
	if (physical < minimum(v))
		return fail_small(ctx, v, physical);
	v->physical_mblocks = physical;
	v->root_start_mblock = v->data_start_mblock + 1;
	v->depot_start_mblock = v->root_start_mblock + v->nr_roots;
	v->summary_start_mblock = physical - v->summary_mblocks;
	v->journal_start_mblock = v->summary_start_mblock - v->journal_mblocks;
	v->depot_mblocks = v->journal_start_mblock - v->depot_start_mblock;
	v->nr_slabs = v->depot_mblocks / v->slab_mblocks;
	if (v->nr_slabs > BP_VDO_SLABS_MAX || physical > BP_VDO_PHYSICAL_MAX_MBLOCKS)
		return fail_large(ctx, v, physical);
	if (!v->logical_mblocks)
		v->logical_mblocks = default_logical(v);
	return 0;
}

/* As much as the caller's struct has room for. */
int vdo_give(struct bp_ctx *ctx, void *ret, void *from, size_t size)
{
	size_t known;

	memcpy(&known, ret, sizeof(known));
	if (known < sizeof(known))
		return bp_fail(ctx, -EINVAL, "result: size is not set");
	known = MIN(known, size);
	memcpy(from, &known, sizeof(known));
	memcpy(ret, from, known);
	return 0;
}

int bp_vdo_plan(struct bp_ctx *ctx, bp_bytes physical_bytes,
		const struct bp_vdo_format_opts *opts, struct bp_vdo_volume *ret)
{
	struct bp_vdo_format_opts o;
	struct bp_vdo_volume v;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = begin(ctx, &o, &v);
	if (r == 0)
		r = lay_out(ctx, bp_bytes_to_mblock(physical_bytes), &v);
	return r < 0 ? r : vdo_give(ctx, ret, &v, sizeof(v));
}

/* For these options, the smallest device. */
int bp_vdo_minimum(struct bp_ctx *ctx, const struct bp_vdo_format_opts *opts, bp_bytes *ret)
{
	struct bp_vdo_format_opts o;
	struct bp_vdo_volume v;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = begin(ctx, &o, &v);
	if (r == 0)
		*ret = bp_mblock_to_bytes(minimum(&v));
	return r;
}

/* What the kernel keeps for the block map grows with the pages of one tree, on five levels. */
static uint64_t map_units(const uint64_t levels[5])
{
	return (levels[1] + levels[2] + levels[3] + levels[4]) / VDO_ROOTS + 1;
}

/* Memory is an estimate, by what the kernel allocates for each part. */
int bp_vdo_needs(struct bp_ctx *ctx, const struct bp_vdo_volume *volume,
		 bp_mblock cache_mblocks, struct bp_vdo_needs *ret)
{
	struct bp_vdo_needs needs = { .size = sizeof(needs) };
	bp_mblock data, most;
	uint64_t levels[5], pages;
	struct bp_vdo_volume v;
	int r = opts_read(ctx, &v, sizeof(v), volume);

	if (r < 0)
		return r;
	vdo_map_levels(v.logical_mblocks, levels);
	pages = levels[0] + levels[1] + levels[2] + levels[3];
	data = v.slab_data_mblocks * v.nr_slabs;
	most = v.physical_mblocks - v.depot_mblocks + BP_VDO_SLABS_MAX * v.slab_mblocks;
	needs.usable_bytes = bp_mblock_to_bytes(data);
	needs.map_bytes = bp_mblock_to_bytes(pages);
	needs.unused_bytes = bp_mblock_to_bytes(v.depot_mblocks - v.nr_slabs * v.slab_mblocks);
	needs.metadata_bytes = bp_mblock_to_bytes(v.physical_mblocks) - needs.usable_bytes -
			       needs.unused_bytes;
	needs.index_bytes = bp_mblock_to_bytes(v.index_mblocks);
	needs.grow_max_bytes = bp_mblock_to_bytes(MIN(most, BP_VDO_PHYSICAL_MAX_MBLOCKS));
	needs.window_bytes = vdo_index_window_bytes(&v);
	needs.index_memory_bytes = vdo_index_kernel_bytes(&v);
	needs.memory_bytes =
		MEMORY_FIXED + needs.index_memory_bytes +
		MEMORY_CACHE_PAGE * (cache_mblocks ? cache_mblocks : CACHE_DEFAULT) +
		MEMORY_MAP_UNIT * map_units(levels) + data + MEMORY_SLAB * v.nr_slabs;
	return vdo_give(ctx, ret, &needs, sizeof(needs));
}

/* Only upwards: the kernel can't take blocks away. */
static int grow_logical(struct bp_ctx *ctx, const struct bp_vdo_volume *v, bp_bytes logical)
{
	int r = check_logical(ctx, logical);

	if (r < 0 || bp_bytes_to_mblock(logical) >= v->logical_mblocks)
		return r;
	return bp_fail(ctx, -EINVAL,
		       "logical size: the volume has %" PRIu64
		       " bytes, and can't shrink to %" PRIu64,
		       bp_mblock_to_bytes(v->logical_mblocks), logical);
}

/* The least it can grow to: journal and summary move behind what they are now, and a slab comes. */
static bp_mblock next_size(const struct bp_vdo_volume *v)
{
	bp_mblock move = v->journal_mblocks + v->summary_mblocks;
	bp_mblock slab = v->depot_start_mblock + (v->nr_slabs + 1) * v->slab_mblocks + move -
			 v->bio_offset_mblocks;

	return MAX(slab, v->physical_mblocks + move);
}

/* By a slab at least, as the journal and the summary move behind the new end. */
static int grow_physical(struct bp_ctx *ctx, const struct bp_vdo_volume *v, bp_mblock physical)
{
	bp_mblock least = next_size(v);
	bp_mblock most = v->depot_start_mblock - v->bio_offset_mblocks + v->journal_mblocks +
			 v->summary_mblocks + (BP_VDO_SLABS_MAX + 1) * v->slab_mblocks - 1;

	if (physical == v->physical_mblocks)
		return 0;
	if (physical < v->physical_mblocks)
		return bp_fail(ctx, -EINVAL,
			       "physical size: the volume has %" PRIu64
			       " bytes, and can't shrink to %" PRIu64,
			       bp_mblock_to_bytes(v->physical_mblocks),
			       bp_mblock_to_bytes(physical));
	if (physical > MIN(most, BP_VDO_PHYSICAL_MAX_MBLOCKS))
		return bp_fail(ctx, -EFBIG,
			       "physical size: at most %" PRIu64
			       " bytes, for 8192 slabs of this size",
			       bp_mblock_to_bytes(MIN(most, BP_VDO_PHYSICAL_MAX_MBLOCKS)));
	if (physical >= least)
		return 0;
	bp_fail(ctx, -EINVAL,
		"physical size: it must grow to %" PRIu64
		" bytes at least: for a slab more, and for the journal to move",
		bp_mblock_to_bytes(least));
	error_set_code(ctx, BP_E_TOO_SMALL);
	return -EINVAL;
}

/* What a running kernel would refuse, before it is asked. */
int bp_vdo_grow_check(struct bp_ctx *ctx, const struct bp_vdo_volume *volume,
		      bp_bytes logical_bytes, bp_bytes physical_bytes)
{
	struct bp_vdo_volume v;
	int r = opts_read(ctx, &v, sizeof(v), volume);

	if (r == 0 && logical_bytes)
		r = grow_logical(ctx, &v, logical_bytes);
	if (r == 0 && physical_bytes)
		r = grow_physical(ctx, &v, bp_bytes_to_mblock(physical_bytes));
	return r;
}
