/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening: the superblock is verified, nothing below it is looked at. */
#include "core/opts.h"
#include "formats/cache/meta.h"

#include <inttypes.h>

/* What can't be understood is refused here; what is only wrong is for the check. */
static int read_superblock(struct bp_cache_meta *m)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	int r = buf ? meta_read(&m->meta, 0, buf) : bp_fail_memory(m->meta.ctx);

	if (r == 0)
		r = cache_sb_check(m->meta.ctx, buf);
	if (r < 0)
		return r;
	cache_sb_decode(buf, &m->sb);
	m->meta.nr_blocks = cache_usable_blocks(m->meta.io, &m->sb);
	return 0;
}

/* Takes @take_io when it succeeds. */
int cache_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		       const struct bp_cache_open_opts *opts, struct bp_cache_meta **ret)
{
	_cleanup_(freep) struct bp_cache_meta *m = calloc(1, sizeof(*m));
	struct bp_cache_open_opts o;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	if (!m)
		return bp_fail_memory(ctx);
	m->meta = meta_of(ctx, take_io, o.workers);
	r = read_superblock(m);
	if (r < 0)
		return r;
	*ret = steal(m);
	return 0;
}

/* Exclusive: an active cache's metadata changes while it is read, and has no snapshot. */
int bp_cache_open(struct bp_ctx *ctx, const char *path, const struct bp_cache_open_opts *opts,
		  struct bp_cache_meta **ret)
{
	struct bp_cache_open_opts o;
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r == 0)
		r = io_open(ctx, path, 0, &io);
	if (r < 0)
		return r;
	return io_taken(ctx, path, io, cache_meta_open_io(ctx, io, &o, ret));
}

void bp_cache_close(struct bp_cache_meta *meta)
{
	if (!meta)
		return;
	io_close(meta->meta.io);
	free(meta);
}

const struct bp_cache_superblock *bp_cache_superblock_get(const struct bp_cache_meta *meta)
{
	return &meta->sb.pub;
}
