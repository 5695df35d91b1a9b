/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What makes metadata valid, its block 0, is kept in memory until all else has been seen to. */
#include "io/held.h"

struct held {
	struct io io;
	struct io *inner;
	uint8_t *block; /* block 0 as it is to be */
	bool has_block;
};

static struct held *held_of(struct io *io)
{
	return (struct held *)(void *)io;
}

/*
 * What was held is seen by those who read: the check of new metadata runs before its
 * superblock is let through.
 */
static int held_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct held *h = held_of(io);
	int r = h->inner->ops->read(h->inner, runs, nr);

	for (size_t i = 0; r == 0 && h->has_block && i < nr; i++)
		if (runs[i].first == 0 && runs[i].count > 0)
			memcpy(runs[i].buf, h->block, IO_BLOCK);
	return r;
}

static bool is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, IO_BLOCK - 1) == 0;
}

/*
 * A superblock of zeros goes through at once: it says "not valid" from the first write on.
 * Any other is kept until io_held_release().
 */
static int held_write(struct io *io, const struct io_run *run)
{
	struct held *h = held_of(io);
	struct io_run rest = *run;

	if (run->first != 0 || run->count == 0)
		return h->inner->ops->write(h->inner, run);
	h->has_block = !is_zero(run->buf);
	if (!h->has_block)
		return h->inner->ops->write(h->inner, run);
	memcpy(h->block, run->buf, IO_BLOCK);
	rest.first++;
	rest.count--;
	rest.buf = (uint8_t *)run->buf + IO_BLOCK;
	return rest.count ? h->inner->ops->write(h->inner, &rest) : 0;
}

static int held_flush(struct io *io)
{
	return io_flush(held_of(io)->inner);
}

static int held_zero(struct io *io, bp_mblock first, bp_mblock count)
{
	struct held *h = held_of(io);
	int r = io_zero(h->inner, first, count);

	h->has_block &= r == -EOPNOTSUPP || first > 0 || count == 0;
	return r;
}

static int held_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			  bp_mblock *ret_end)
{
	*ret_begin = from; /* what is written through this is small */
	*ret_end = io->nr_blocks;
	return 0;
}

static void held_close(struct io *io)
{
	free(held_of(io)->block);
	free(io);
}

static const struct io_ops held_ops = {
	.name = "held",
	.read = held_read,
	.write = held_write,
	.flush = held_flush,
	.zero = held_zero,
	.data_next = held_data_next,
	.close = held_close,
};

int io_held_new(struct io *inner, struct io **ret)
{
	struct held *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->io = *inner;
	h->io.ops = &held_ops;
	h->inner = inner;
	h->block = io_buffer_new(1);
	if (!h->block) {
		free(h);
		return -ENOMEM;
	}
	*ret = &h->io;
	return 0;
}

int io_held_release(struct io *held)
{
	struct held *h = held_of(held);
	int r = io_flush(h->inner);

	if (r < 0 || !h->has_block)
		return r;
	r = io_write(h->inner, 0, 1, h->block);
	if (r == 0)
		r = io_flush(h->inner);
	if (r < 0) { /* whatever of it is there, it must not look valid */
		memset(h->block, 0, IO_BLOCK);
		if (io_write(h->inner, 0, 1, h->block) == 0)
			(void)io_flush(h->inner);
	}
	return r;
}
