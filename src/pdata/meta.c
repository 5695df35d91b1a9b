/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pdata/meta.h"

#include <inttypes.h>

struct meta meta_of(struct bp_ctx *ctx, struct io *io, unsigned workers)
{
	return (struct meta){
		.ctx = ctx,
		.io = io,
		.nr_blocks = meta_blocks(io),
		.workers = workers,
	};
}

int meta_progress(const struct meta *meta, uint64_t done, uint64_t total)
{
	return meta->progress ? meta->progress(meta->progress_user, done, total)
			      : ctx_progress(meta->ctx, done, total);
}

struct told {
	struct bp_ctx *ctx;
	io_block_fn fn;
	void *user;
	uint64_t total;
};

/* Worker 0 is the caller's thread. */
static int tell(void *user, unsigned worker, size_t index, bp_mblock block, const void *data,
		int error)
{
	const struct told *told = user;
	int r = told->fn(told->user, worker, index, block, data, error);

	if (r || worker || index % 64)
		return r;
	return ctx_progress(told->ctx, index, told->total);
}

/* The end is told too: what follows may print. */
int meta_stream(const struct meta *meta, const struct bits *wanted, unsigned workers,
		io_block_fn fn, void *user)
{
	struct told told = { meta->ctx, fn, user, bits_weight(wanted) };
	int r;

	if (meta->progress)
		return io_stream(meta->io, wanted, workers, fn, user);
	r = io_stream(meta->io, wanted, workers, tell, &told);
	return r ? r : ctx_progress(meta->ctx, told.total, told.total);
}

int meta_read(struct meta *meta, bp_mblock nr, void *buf)
{
	int r = nr < meta->nr_blocks ? io_read(meta->io, nr, 1, buf) : -ERANGE;

	if (r == -ERANGE)
		return bp_fail(meta->ctx, -EUCLEAN,
			       "block %" PRIu64 ": past the end of the metadata (%" PRIu64
			       " blocks)",
			       nr, meta->nr_blocks);
	if (r < 0)
		return bp_fail(meta->ctx, r, "block %" PRIu64 ": cannot read: %s", nr,
			       strerrordesc_np(-r));
	return 0;
}
