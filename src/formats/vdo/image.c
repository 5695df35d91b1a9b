/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume opened for reading: geometry and super block read, and their facts held against each
 * other and the device, so that what comes after can trust every number. Reads nothing else.
 */
#include "formats/vdo/vdo.h"

#include <inttypes.h>

/* Names by state, for programs and people. */
static const char *const states[] = {
	[BP_VDO_STATE_DIRTY] = "dirty",
	[BP_VDO_STATE_NEW] = "new",
	[BP_VDO_STATE_CLEAN] = "clean",
	[BP_VDO_STATE_READ_ONLY] = "read-only",
	[BP_VDO_STATE_FORCE_REBUILD] = "force-rebuild",
	[BP_VDO_STATE_RECOVERING] = "recovering",
	[BP_VDO_STATE_REPLAYING] = "replaying",
	[BP_VDO_STATE_REBUILD_FOR_UPGRADE] = "rebuild-for-upgrade",
};

const char *bp_vdo_state_name(uint32_t state)
{
	return state < ARRAY_SIZE(states) ? states[state] : "unknown";
}

static bool block_number(const struct bp_vdo_volume *v, const struct io *io, bp_mblock block,
			 bp_mblock count, bp_mblock *ret)
{
	if (block < v->bio_offset_mblocks)
		return false;
	*ret = block - v->bio_offset_mblocks;
	return *ret <= io->nr_blocks && count <= io->nr_blocks - *ret;
}

int vdo_read(struct bp_vdo_image *image, bp_mblock block, size_t count, void *buf)
{
	bp_mblock at;

	if (!block_number(&image->volume, image->io, block, count, &at))
		return -ERANGE;
	return io_read(image->io, at, count, buf);
}

/* --- judging --- */

static void wrong(struct vdo_report *report, const char *what)
{
	vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL, "super block: %s", what);
}

/* Slabs of a size that leaves room for what is in them. */
static void judge_slabs(const struct bp_vdo_volume *v, struct vdo_report *report)
{
	struct bp_vdo_volume want = *v;

	if (!is_power_of_two(v->slab_mblocks) ||
	    v->slab_mblocks > UINT64_C(1) << VDO_SLAB_BITS_MAX || !v->slab_journal_mblocks ||
	    v->slab_journal_mblocks >= v->slab_mblocks ||
	    v->slab_count_mblocks > v->slab_mblocks - v->slab_journal_mblocks ||
	    v->slab_data_mblocks !=
		    v->slab_mblocks - v->slab_journal_mblocks - v->slab_count_mblocks) {
		wrong(report, "sizes of slabs that can't be");
		return;
	}
	vdo_slab_config(&want);
	/* Very small slabs of old tools have data blocks to a power of two. */
	if (v->slab_mblocks >= UINT64_C(1) << VDO_SLAB_BITS_MIN &&
	    want.slab_count_mblocks != v->slab_count_mblocks)
		wrong(report, "a slab has no room for its reference counts");
	if (v->nr_slabs == 0 || v->nr_slabs > BP_VDO_SLABS_MAX)
		wrong(report, "no slabs, or more than 8192");
}

/* The parts must follow one another and fill what there is. */
static void judge_layout(const struct bp_vdo_volume *v, struct vdo_report *report)
{
	bp_mblock end = v->root_start_mblock + v->nr_roots;
	bool order = v->nr_roots == VDO_ROOTS && v->summary_mblocks == VDO_SUMMARY_BLOCKS &&
		     v->root_start_mblock == v->data_start_mblock + 1 &&
		     v->depot_start_mblock == end && v->depot_mblocks <= v->physical_mblocks &&
		     v->journal_start_mblock == end + v->depot_mblocks &&
		     v->journal_mblocks <= v->physical_mblocks &&
		     v->summary_start_mblock == v->journal_start_mblock + v->journal_mblocks;

	if (!order)
		wrong(report, "its parts do not lie where they must");
	else if (v->summary_start_mblock + v->summary_mblocks !=
		 v->physical_mblocks + v->bio_offset_mblocks)
		wrong(report, "its parts do not add up to its size");
	if (!is_power_of_two(v->journal_mblocks))
		wrong(report, "the size of the recovery journal is no power of two");
}

/* What the kernel refuses is fatal, what it takes is not. */
static void judge_sizes(const struct bp_vdo_volume *v, const struct io *io,
			struct vdo_report *report)
{
	if (v->physical_mblocks > BP_VDO_PHYSICAL_MAX_MBLOCKS ||
	    v->logical_mblocks > BP_VDO_LOGICAL_MAX_MBLOCKS || !v->logical_mblocks)
		wrong(report, "sizes that can't be");
	else if (v->physical_mblocks > io->nr_blocks)
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_FATAL,
			   "the volume has %" PRIu64 " blocks, the device only %" PRIu64,
			   v->physical_mblocks, io->nr_blocks);
	if (v->nr_zones > VDO_SUMMARY_ZONES)
		wrong(report, "more than 16 physical zones");
	if (v->state > BP_VDO_STATE_REBUILD_FOR_UPGRADE)
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_NONFATAL,
			   "super block: state %u means nothing; kernels take it as clean",
			   v->state);
}

static void judge_index(const struct bp_vdo_volume *v, struct vdo_report *report)
{
	if (v->index_memory_bytes && v->index_mblocks != vdo_index_mblocks(v))
		vdo_report(report, BP_DAMAGE_SUPERBLOCK, BP_HARM_REMARK,
			   "geometry: the index has %" PRIu64 " blocks, not the %" PRIu64
			   " of its settings: it can't work",
			   v->index_mblocks, vdo_index_mblocks(v));
}

/* --- reading --- */

static bool read_block(struct io *io, struct vdo_report *report, bp_mblock block, void *buf)
{
	int r = io_read(io, block, 1, buf);

	if (r < 0)
		vdo_report(report, BP_DAMAGE_IO, BP_HARM_FATAL, "can't be read: %s",
			   strerrordesc_np(-r));
	return r == 0;
}

/* True: the volume can be read by these values. */
bool vdo_volume_read(struct io *io, struct vdo_report *report, struct bp_vdo_volume *v)
{
	_Alignas(IO_BLOCK) uint8_t block[IO_BLOCK];
	bp_mblock at;

	*v = (struct bp_vdo_volume){ .size = sizeof(*v) };
	report->place = BP_PLACE_VDO_GEOMETRY;
	report->block = 0;
	if (!read_block(io, report, 0, block) || !vdo_geometry_decode(block, report, v))
		return false;
	judge_index(v, report);
	if (!block_number(v, io, v->data_start_mblock, 1, &at)) {
		vdo_report(report, BP_DAMAGE_POINTER, BP_HARM_FATAL,
			   "geometry: the super block lies in block %" PRIu64
			   ", past the end of the device",
			   v->data_start_mblock);
		return false;
	}
	report->place = BP_PLACE_SUPERBLOCK;
	report->block = at;
	if (!read_block(io, report, at, block) || !vdo_super_decode(block, report, v))
		return false;
	judge_slabs(v, report);
	judge_layout(v, report);
	judge_sizes(v, io, report);
	return report->nr_fatal == 0;
}

/* --- opening --- */

struct first {
	struct bp_ctx *ctx;
	int error;
};

/* Damage as an errno, for those who open rather than check. */
static int error_of(enum bp_damage_kind kind, bp_mblock block)
{
	if (kind == BP_DAMAGE_IO)
		return -EIO;
	if (kind == BP_DAMAGE_CHECKSUM)
		return -EBADMSG;
	if (kind == BP_DAMAGE_WRONG_KIND)
		return block ? -ENOTSUP : -EINVAL;
	return -EUCLEAN;
}

/* The first that matters is why opening fails. */
static void take_first(void *user, const struct vdo_problem *problem)
{
	struct first *first = user;

	if (first->error || problem->harm != BP_HARM_FATAL)
		return;
	first->error = error_of(problem->kind, problem->block);
	bp_fail(first->ctx, first->error, "%s", problem->what);
	error_set_code(first->ctx, first->error == -EINVAL ? BP_E_NOT_METADATA
				   : first->error == -EIO  ? BP_E_IO
							   : BP_E_DAMAGED);
}

/* The first problem is told as the failure. */
int vdo_open_io(struct bp_ctx *ctx, struct io *take_io, struct bp_vdo_image **ret)
{
	_cleanup_(freep) struct bp_vdo_image *image = calloc(1, sizeof(*image));
	struct first first = { .ctx = ctx };
	struct vdo_report report = { .problem = take_first, .user = &first };

	if (!image)
		return bp_fail_memory(ctx);
	if (!vdo_volume_read(take_io, &report, &image->volume))
		return first.error ? first.error : bp_fail_memory(ctx);
	image->ctx = ctx;
	image->io = take_io;
	*ret = steal(image);
	return 0;
}

/* Shared is for volumes in use, whose content may change under the reader. */
int bp_vdo_open(struct bp_ctx *ctx, const char *path, uint32_t flags, struct bp_vdo_image **ret)
{
	struct io *io;
	int r = io_open(ctx, path, flags & BP_VDO_OPEN_SHARED ? IO_SHARED : 0, &io);

	if (r < 0)
		return r;
	return io_taken(ctx, path, io, vdo_open_io(ctx, io, ret));
}

void bp_vdo_close(struct bp_vdo_image *image)
{
	if (!image)
		return;
	io_close(image->io);
	free(image);
}

const struct bp_vdo_volume *bp_vdo_volume_get(const struct bp_vdo_image *image)
{
	return &image->volume;
}
