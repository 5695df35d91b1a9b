/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A metadata area being read: what every walk of it needs. */
#ifndef PDATA_META_H
#define PDATA_META_H

#include "io/io.h"

/* The metadata space map's index block has room for 255 bitmaps: 15.875 GiB. */
#define META_MAX_BLOCKS (255u * 16320u)

struct meta {
	struct bp_ctx *ctx;
	struct io *io;
	/*
	 * Pointers must be below this: the size of the device or of its space map, whichever is
	 * smaller, and at most META_MAX_BLOCKS, so a block number fits 32 bits.
	 */
	bp_mblock nr_blocks;
	unsigned workers; /* of walks; 0: as suits the device */
	/*
	 * Called now and then, in the calling thread; non-zero ends the walk with that. NULL: the context's is told,
	 * where it has one.
	 */
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *progress_user;
};

/* Blocks of it that can be metadata. */
static inline bp_mblock meta_blocks(const struct io *io)
{
	return MIN(io->nr_blocks, META_MAX_BLOCKS);
}

/* All of an io. @workers: as the member. */
struct meta meta_of(struct bp_ctx *ctx, struct io *io, unsigned workers);

/* io_stream() of blocks of it; the context is told how far it is, unless the metadata has a progress of its own. */
int meta_stream(const struct meta *meta, const struct bits *wanted, unsigned workers,
		io_block_fn fn, void *user);

/* For work on it that is no stream, in the calling thread: non-zero ends it. */
int meta_progress(const struct meta *meta, uint64_t done, uint64_t total);

/* Read block @nr, or say that it can't be read. -ERANGE past the end. */
int meta_read(struct meta *meta, bp_mblock nr, void *buf);

#endif
