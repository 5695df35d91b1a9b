/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking a read-only volume to rebuild its counts: one number in the super block, one write. */
#include "formats/vdo/vdo.h"

#include <inttypes.h>

/* The super block stays as it is but for state and checksum: the order of its parts is kept. */
static void set_state(uint8_t *block, uint32_t state)
{
	struct vdo_super_disk *s = (void *)block;

	s->state = le32_make(state);
	s->crc = le32_make(vdo_crc32(block, sizeof(*s) - sizeof(s->crc)));
}

/*
 * One field of the super block: the next start rebuilds the counts from the block map. Only
 * where the kernel has given up: nothing else would lose by it what journals know.
 */
static int rebuild(struct bp_vdo_image *image)
{
	const struct bp_vdo_volume *v = &image->volume;
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	bp_mblock at = v->data_start_mblock - v->bio_offset_mblocks;
	int r;

	if (!block)
		return bp_fail_memory(image->ctx);
	if (v->state != BP_VDO_STATE_READ_ONLY) {
		bp_fail(image->ctx, -EINVAL, "the volume is not read-only, but %s",
			bp_vdo_state_name(v->state));
		error_set_code(image->ctx, BP_E_POOL_STATE);
		return -EINVAL;
	}
	r = io_read(image->io, at, 1, block);
	if (r == 0) {
		set_state(block, BP_VDO_STATE_FORCE_REBUILD);
		r = io_write(image->io, at, 1, block);
	}
	if (r == 0)
		r = io_flush(image->io);
	return r < 0 ? bp_fail(image->ctx, r, "super block (block %" PRIu64 "): %s", at,
			       strerrordesc_np(-r))
		     : 0;
}

int vdo_force_rebuild_io(struct bp_ctx *ctx, struct io *io)
{
	struct bp_vdo_image *image;
	int r = vdo_open_io(ctx, io, &image);

	if (r < 0)
		return r;
	r = rebuild(image);
	free(image);
	return r;
}

/* Exclusive: a running volume writes its own super block. */
int bp_vdo_force_rebuild(struct bp_ctx *ctx, const char *path)
{
	struct io *io;
	int r = io_open(ctx, path, IO_WRITE, &io);

	if (r < 0)
		return r;
	r = vdo_force_rebuild_io(ctx, io);
	io_close(io);
	if (r < 0)
		error_set_device(ctx, path);
	return r;
}
