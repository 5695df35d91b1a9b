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
