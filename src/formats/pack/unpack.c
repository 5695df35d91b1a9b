/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a pack to blocks. Each worker holds back blocks that follow each other and writes them
 * together. Block 0, which makes the rest metadata, is kept for the end.
 */
#include "formats/pack/pack.h"

#include <inttypes.h>

#define BATCH 64u /* blocks held back by a worker */

struct batch {
	uint8_t *buf;
	bp_mblock first;
	size_t count;
};

struct unpacking {
	const struct pack *p;
	struct io *io;
	struct batch *batches;
	struct bits present; /* what came; only where the rest is to be zeroed */
	bool zero;
	uint8_t *block0;
	bool has_block0;
	bp_mblock failed; /* a write; atomic, like the bits of present */
};

/* Neighbours in one write. */
static int write_batch(struct unpacking *u, struct batch *b)
{
	int r = 0;

	if (b->count > 0)
		r = io_write(u->io, b->first, b->count, b->buf);
	if (r < 0)
		__atomic_store_n(&u->failed, b->first, __ATOMIC_RELAXED);
	b->count = 0;
	return r;
}

/* Behind what its worker holds back, once there is room: no copy is made of it. */
static int place_block(void *user, unsigned worker, bp_mblock nr, void **ret)
{
	struct unpacking *u = user;
	struct batch *b = &u->batches[worker];
	bool apart = b->count > 0 && b->first + b->count != nr;
	int r = 0;

	if (nr > 0 && (apart || b->count == BATCH))
		r = write_batch(u, b);
	*ret = nr == 0 ? u->block0 : b->buf + b->count * IO_BLOCK;
	return r;
}

static int take_block(void *user, unsigned worker, bp_mblock nr, const void *data)
{
	struct unpacking *u = user;
	struct batch *b = &u->batches[worker];

	(void)data; /* where place_block() said */
	if (u->zero)
		__atomic_fetch_or(&u->present.words[nr / 64], UINT64_C(1) << (nr % 64),
				  __ATOMIC_RELAXED);
	if (nr == 0) {
		__atomic_store_n(&u->has_block0, true, __ATOMIC_RELAXED);
		return 0;
	}
	if (b->count++ == 0)
		b->first = nr;
	return 0;
}

static int end_worker(void *user, unsigned worker)
{
	struct unpacking *u = user;

	return write_batch(u, &u->batches[worker]);
}

static int failed(const struct unpacking *u, int r, bp_mblock block)
{
	return bp_fail(u->p->ctx, r, "cannot write block %" PRIu64 ": %s", block, strerror(-r));
}

static int flush(const struct unpacking *u)
{
	int r = io_flush(u->io);

	return r < 0 ? bp_fail(u->p->ctx, r, "cannot flush: %s", strerror(-r)) : 0;
}

/* Block 0 as it is in u->block0. */
static int write_block0(const struct unpacking *u)
{
	int r = io_write(u->io, 0, 1, u->block0);

	return r < 0 ? failed(u, r, 0) : flush(u);
}

/* Blocks that the pack leaves out were zeros, and a device may hold anything. */
static int zero_rest(struct unpacking *u)
{
	uint8_t *zeros = u->batches[0].buf;
	int r = 0;

	memset(zeros, 0, BATCH * IO_BLOCK);
	bits_set(&u->present, 0);
	for (bp_mblock nr = 0; r == 0 && nr < u->p->nr_blocks;) {
		size_t count = 0;

		while (count < BATCH && nr + count < u->p->nr_blocks &&
		       !bits_test(&u->present, nr + count))
			count++;
		if (count > 0)
			r = io_write(u->io, nr, count, zeros);
		if (r < 0)
			return failed(u, r, nr);
		nr += MAX(count, 1);
	}
	return 0;
}

/* Everything but block 0. */
static int write_rest(struct unpacking *u, const struct bp_thin_pack_opts *opts,
		      uint64_t *ret_records)
{
	const struct pack_reading how = {
		.workers = opts->workers,
		.place = place_block,
		.block = take_block,
		.done = end_worker,
		.progress = opts->progress,
		.user = u,
		.progress_user = opts->progress_user,
	};
	int r;

	u->failed = UINT64_MAX;
	r = pack_read(u->p, &how, ret_records);
	if (r < 0 && u->failed != UINT64_MAX)
		return failed(u, r, u->failed);
	return r == 0 && u->zero ? zero_rest(u) : r;
}

/* A batch a worker, BATCH blocks each. */
static int init(struct unpacking *u, unsigned workers)
{
	u->batches = calloc(workers, sizeof(*u->batches));
	u->block0 = io_buffer_new(1);
	if (!u->batches || !u->block0)
		return bp_fail_memory(u->p->ctx);
	for (unsigned i = 0; i < workers; i++) {
		u->batches[i].buf = io_buffer_new(BATCH);
		if (!u->batches[i].buf)
			return bp_fail_memory(u->p->ctx);
	}
	if (u->zero && bits_init(&u->present, MAX(u->p->nr_blocks, 1)) < 0)
		return bp_fail_memory(u->p->ctx);
	memset(u->block0, 0, IO_BLOCK);
	return 0;
}

static void done(struct unpacking *u, unsigned workers)
{
	for (unsigned i = 0; u->batches && i < workers; i++)
		free(u->batches[i].buf);
	free(u->batches);
	free(u->block0);
	bits_done(&u->present);
}

/*
 * Block 0 is zeroed first and written last, after a flush: interrupted, there is no
 * superblock.
 */
int pack_unpack(const struct pack *p, struct io *io, bool zero,
		const struct bp_thin_pack_opts *opts, uint64_t *ret_records)
{
	const struct pack_reading nothing = { .workers = opts->workers };
	struct unpacking u = { .p = p, .io = io, .zero = zero };
	unsigned workers = pack_workers(opts->workers, p->chunks.count);
	int r;

	if (io->nr_blocks < p->nr_blocks) {
		bp_fail(p->ctx, -ENOSPC,
			"the pack is of %" PRIu64 " blocks, the output has %" PRIu64,
			p->nr_blocks, io->nr_blocks);
		error_set_code(p->ctx, BP_E_NO_SPACE);
		return -ENOSPC;
	}
	*ret_records = 0;
	/* With blocks of a device that has none its header is damaged. */
	if (p->nr_blocks == 0)
		return pack_read(p, &nothing, NULL);
	r = init(&u, workers);
	if (r == 0)
		r = write_block0(&u);
	if (r == 0)
		r = write_rest(&u, opts, ret_records);
	if (r == 0)
		r = flush(&u);
	if (r == 0 && u.has_block0)
		r = write_block0(&u);
	done(&u, workers);
	return r;
}
