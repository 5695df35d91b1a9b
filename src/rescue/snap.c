/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata of an active pool, as its metadata snapshot has it. Promises that everybody reads
 * the same still state, which the kernel doesn't change while the snapshot is reserved. It does not
 * reserve: whoever opens the source did, and releases after it was closed.
 */
#include "formats/thin/disk.h"
#include "io/io.h"
#include "rescue/output.h"
#include "rescue/source.h"

#include <inttypes.h>

int source_use_snap(struct bp_source *source, const char *path, const char *data_path)
{
	int r = 0;

	/* Of disks with a pool of the same name that is another one nothing is active. */
	if (source->kind == BP_SOURCE_VOLUMES || (source->lv && !source_is_active(source)))
		return 0;
	if (data_path && !source->data)
		r = raw_image_open(source->ctx, data_path, &source->data);
	return r < 0 ? r : raw_image_open(source->ctx, path, &source->snap);
}

/* It went between the call that found the pool active and this one. */
static int not_reserved(struct bp_source *source)
{
	bp_fail(source->ctx, -EINVAL, "'%s': the pool has no metadata snapshot any more",
		source->snap->path);
	error_set_code(source->ctx, BP_E_POOL_STATE);
	return -EINVAL;
}

/*
 * The snapshot's superblock as block 0. It has no space maps: those of the live one tell the sizes.
 * @live, @snap: a block each; the result is in @snap.
 */
static int make_superblock(struct bp_source *source, uint8_t *live, uint8_t *snap)
{
	const struct thin_superblock_disk *from = (const void *)live;
	struct thin_superblock_disk *to = (void *)snap;
	bp_mblock held;
	int r = io_read(source->snap_io, 0, 1, live);

	if (r < 0 || block_check(live, BLOCK_THIN_SUPERBLOCK, 0) != BLOCK_OK)
		return bp_fail(source->ctx, r < 0 ? r : -EBADMSG,
			       "'%s': the superblock can't be read", source->snap->path);
	held = le64_get(from->held_root);
	if (!held)
		return not_reserved(source);
	r = io_read(source->snap_io, held, 1, snap);
	if (r < 0 || block_check(snap, BLOCK_THIN_SUPERBLOCK, held) != BLOCK_OK)
		return bp_fail(source->ctx, r < 0 ? r : -EBADMSG,
			       "'%s': the metadata snapshot, block %" PRIu64 ", can't be read",
			       source->snap->path, held);
	memcpy(to->data_space_map_root, from->data_space_map_root, SM_ROOT_BYTES);
	memcpy(to->metadata_space_map_root, from->metadata_space_map_root, SM_ROOT_BYTES);
	to->held_root = from->held_root;
	block_seal(snap, BLOCK_THIN_SUPERBLOCK, 0);
	return 0;
}

/* The metadata device of an active pool, read beside the kernel. */
static int open_device(struct bp_source *source)
{
	_cleanup_(map_freep) struct map *map = NULL;
	int r = map_image_new(source->snap, 0, source->snap->size, &map);

	if (r == 0)
		r = map_io_new(map, NULL, &source->snap_io);
	if (r < 0)
		return bp_fail_memory(source->ctx);
	steal(map);
	return 0;
}

/*
 * The snapshot's roots with a superblock in memory: nothing is written to a pool that is in
 * use.
 */
int source_snap_io(struct bp_source *source, struct io **ret)
{
	_cleanup_(freep) uint8_t *live = io_buffer_new(1);
	_cleanup_(freep) uint8_t *snap = io_buffer_new(1);
	struct io *io;
	int r = live && snap ? 0 : bp_fail_memory(source->ctx);

	if (r == 0 && !source->snap_io)
		r = open_device(source);
	if (r == 0)
		r = make_superblock(source, live, snap);
	if (r < 0)
		return r;
	if (io_overlay_new(source->snap_io, &io) < 0)
		return bp_fail_memory(source->ctx);
	if (io_overlay_put(io, 0, snap) < 0) {
		io_close(io);
		return bp_fail_memory(source->ctx);
	}
	io_overlay_seal(io);
	*ret = io;
	return 0;
}
