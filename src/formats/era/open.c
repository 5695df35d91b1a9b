/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening: the superblock, or the metadata snapshot's, is verified; nothing below it is looked at.
 */
#include "core/opts.h"
#include "formats/era/meta.h"

#include <inttypes.h>

/* @block is 0, or the copy of a snapshot. */
static int read_superblock(struct bp_era_meta *m, bp_mblock block)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? meta_read(&m->meta, block, buf) : bp_fail_memory(m->meta.ctx);

	if (r == 0)
		r = era_sb_check(m->meta.ctx, buf, block);
	if (r == 0)
		era_sb_decode(buf, block, &m->sb);
	return r;
}

/* The copy's current writeset and space map are of a moment that has passed. */
static int use_snapshot(struct bp_era_meta *m)
{
	struct era_sb live = m->sb;
	int r;

	if (!live.pub.metadata_snap)
		return bp_fail(m->meta.ctx, -EINVAL, "no current metadata snap");
	r = read_superblock(m, live.pub.metadata_snap);
	if (r < 0) {
		error_prefix(m->meta.ctx, "metadata snap (block %" PRIu64 ")",
			     live.pub.metadata_snap);
		return r;
	}
	m->sb.pub.current_root = 0;
	m->sb.pub.metadata_snap = live.pub.metadata_snap;
	m->sb.pub.nr_metadata_blocks = live.pub.nr_metadata_blocks;
	m->sb.pub.nr_metadata_allocated = live.pub.nr_metadata_allocated;
	m->sb.metadata_sm = live.metadata_sm;
	return 0;
}

/* Takes @take_io when it succeeds. */
int era_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		     const struct bp_era_open_opts *opts, struct bp_era_meta **ret)
{
	_cleanup_(freep) struct bp_era_meta *m = calloc(1, sizeof(*m));
	struct bp_era_open_opts o;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (!m)
		return bp_fail_memory(ctx);
	m->meta = meta_of(ctx, take_io, o.workers);
	r = read_superblock(m, 0);
	if (r < 0)
		return r;
	m->meta.nr_blocks = era_usable_blocks(take_io, &m->sb);
	r = o.flags & BP_ERA_OPEN_SNAP ? use_snapshot(m) : 0;
	if (r < 0)
		return r;
	m->last_era = era_last_archived(&m->sb, o.flags & BP_ERA_OPEN_SNAP);
	*ret = steal(m);
	return 0;
}

/* With a snapshot shared, as only that makes a live device safe to read. */
int bp_era_open(struct bp_ctx *ctx, const char *path, const struct bp_era_open_opts *opts,
		struct bp_era_meta **ret)
{
	struct bp_era_open_opts o;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = io_open(ctx, path, o.flags & BP_ERA_OPEN_SNAP ? IO_SHARED : 0, &io);
	if (r < 0)
		return r;
	return io_taken(ctx, path, io, era_meta_open_io(ctx, io, &o, ret));
}

void bp_era_close(struct bp_era_meta *meta)
{
	if (!meta)
		return;
	io_close(meta->meta.io);
	free(meta);
}

const struct bp_era_superblock *bp_era_superblock_get(const struct bp_era_meta *meta)
{
	return &meta->sb.pub;
}
