/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata opened for reading: by the superblock, the metadata snapshot or roots that are given. */
#include "core/opts.h"
#include "formats/thin/meta.h"

#include <inttypes.h>

/* Read through the metadata snapshot; sizes come from the live superblock. */
static int use_snapshot(struct bp_thin_meta *m)
{
	const struct bp_thin_superblock *live = &m->live.pub;
	int r;

	if (!live->metadata_snap)
		return bp_fail(m->meta.ctx, -EINVAL, "no current metadata snap");
	r = thin_sb_read(&m->meta, live->metadata_snap, &m->sb);
	if (r < 0) {
		error_prefix(m->meta.ctx, "metadata snap (block %" PRIu64 ")",
			     live->metadata_snap);
		return r;
	}
	m->sb.pub.nr_data_blocks = live->nr_data_blocks;
	m->sb.pub.nr_data_allocated = live->nr_data_allocated;
	m->sb.pub.nr_metadata_blocks = live->nr_metadata_blocks;
	m->sb.pub.nr_metadata_allocated = live->nr_metadata_allocated;
	m->sb.pub.metadata_snap = live->metadata_snap;
	return 0;
}

static int read_superblocks(struct bp_thin_meta *m, const struct bp_thin_open_opts *o)
{
	int r = thin_sb_read(&m->meta, 0, &m->live);

	if (r < 0)
		return r;
	/* What the space map claims is for those who write: reading is bounded by the device. */
	m->sb = m->live;
	r = o->flags & BP_THIN_OPEN_SNAP ? use_snapshot(m) : 0;
	if (o->mapping_root)
		m->sb.pub.mapping_root = o->mapping_root;
	if (o->details_root)
		m->sb.pub.details_root = o->details_root;
	return r;
}

/* Takes @take_io when it succeeds. */
int thin_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		      const struct bp_thin_open_opts *opts, struct bp_thin_meta **ret)
{
	_cleanup_(freep) struct bp_thin_meta *m = calloc(1, sizeof(*m));
	struct bp_thin_open_opts o;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (!m)
		return bp_fail_memory(ctx);
	m->meta = meta_of(ctx, take_io, o.workers);
	r = read_superblocks(m, &o);
	if (r < 0)
		return r;
	*ret = steal(m);
	return 0;
}

/* With a metadata snapshot shared, as only that makes an active pool safe to read. */
int bp_thin_open(struct bp_ctx *ctx, const char *path, const struct bp_thin_open_opts *opts,
		 struct bp_thin_meta **ret)
{
	struct bp_thin_open_opts o;
	struct bp_thin_meta *m;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = io_open(ctx, path, o.flags & BP_THIN_OPEN_SNAP ? IO_SHARED : 0, &io);
	if (r < 0)
		return r;
	r = io_taken(ctx, path, io, thin_meta_open_io(ctx, io, &o, &m));
	if (r < 0)
		return r;
	m->path = strdup(path);
	if (!m->path) {
		bp_thin_close(m);
		return bp_fail_memory(ctx);
	}
	*ret = m;
	return 0;
}

void bp_thin_close(struct bp_thin_meta *meta)
{
	if (!meta)
		return;
	io_close(meta->meta.io);
	free(meta->path);
	free(meta);
}

const struct bp_thin_superblock *bp_thin_superblock_get(const struct bp_thin_meta *meta)
{
	return &meta->sb.pub;
}
