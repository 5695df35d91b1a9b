/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/io.h"

/* Neighbours are joined up to this many blocks: 256 KiB, which stays in a core's cache. */
#define JOIN_BLOCKS 64

void io_close(struct io *io)
{
	if (io)
		io->ops->close(io);
}

int io_taken(struct bp_ctx *ctx, const char *path, struct io *io, int r)
{
	if (r < 0) {
		error_set_device(ctx, path);
		io_close(io);
	}
	return r;
}

void *io_buffer_new(size_t nr_blocks)
{
	size_t bytes;

	if (mul_overflow(nr_blocks, IO_BLOCK, &bytes))
		return NULL;
	return aligned_alloc(IO_BLOCK, MAX(bytes, IO_BLOCK));
}

static bool inside(const struct io *io, bp_mblock first, size_t count)
{
	return first <= io->nr_blocks && count <= io->nr_blocks - first;
}

static bool misaligned(const struct io *io, const void *buf)
{
	return io->aligned && (uintptr_t)buf % IO_BLOCK;
}

/*
 * Direct I/O wants aligned memory; callers need not know: what isn't goes through a buffer
 * of our own.
 */
int io_read(struct io *io, bp_mblock first, size_t count, void *buf)
{
	_cleanup_(freep) void *bounce = NULL;
	struct io_run run = { .first = first, .count = count, .buf = buf };
	int r;

	if (!inside(io, first, count))
		return -ERANGE;
	if (!misaligned(io, buf))
		return io->ops->read(io, &run, 1);

	run.buf = bounce = io_buffer_new(count);
	if (!bounce)
		return -ENOMEM;
	r = io->ops->read(io, &run, 1);
	if (r == 0)
		memcpy(buf, bounce, count * IO_BLOCK);
	return r;
}

int io_write(struct io *io, bp_mblock first, size_t count, const void *buf)
{
	_cleanup_(freep) void *bounce = NULL;
	/* The seam has one run for both ways; writing does not touch the buffer. */
	struct io_run run = { .first = first, .count = count, .buf = (void *)(uintptr_t)buf };

	if (!io->writable)
		return -EBADF;
	if (!inside(io, first, count))
		return -ERANGE;
	if (misaligned(io, buf)) {
		run.buf = bounce = io_buffer_new(count);
		if (!bounce)
			return -ENOMEM;
		memcpy(bounce, buf, count * IO_BLOCK);
	}
	return io->ops->write(io, &run);
}

int io_zero(struct io *io, bp_mblock first, bp_mblock count)
{
	if (first > io->nr_blocks || count > io->nr_blocks - first)
		return -ERANGE;
	return io->ops->zero ? io->ops->zero(io, first, count) : -EOPNOTSUPP;
}

int io_flush(struct io *io)
{
	return io->writable ? io->ops->flush(io) : 0;
}

int io_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin, bp_mblock *ret_end)
{
	if (from < io->nr_blocks && io->ops->data_next)
		return io->ops->data_next(io, from, ret_begin, ret_end);
	*ret_begin = MIN(from, io->nr_blocks);
	*ret_end = io->nr_blocks;
	return 0;
}

/* --- many single blocks --- */

struct many {
	struct io *io;
	struct io_request **sorted;
	uint8_t *
		buf; /* batch_runs * JOIN_BLOCKS blocks; NULL: read to where it was asked for */
	struct io_run *runs; /* batch_runs */
};

static int by_block(const void *a, const void *b)
{
	const struct io_request *const *x = a, *const *y = b;

	return (*x)->block < (*y)->block ? -1 : (*x)->block > (*y)->block;
}

/* Can both be read at once into their own buffers? */
static bool follows(const struct io_request *q, const struct io_request *next)
{
	return next->block == q->block + 1 && next->buf == (uint8_t *)q->buf + IO_BLOCK;
}

/* Is there no use in reading to elsewhere, since not many more runs would be joined? */
static bool many_in_place(const struct many *m, size_t nr)
{
	size_t runs = 1, joined = 1;

	for (size_t i = 1; i < nr; i++) {
		runs += !follows(m->sorted[i - 1], m->sorted[i]);
		joined += m->sorted[i]->block - m->sorted[i - 1]->block > 1;
	}
	for (size_t i = 0; i < nr; i++)
		if (misaligned(m->io, m->sorted[i]->buf))
			return false;
	return runs <= 2 * joined;
}

/* Does the run end before request @i? */
static bool many_parted(const struct many *m, const struct io_run *run, size_t i)
{
	if (run->count == JOIN_BLOCKS)
		return true;
	if (!m->buf)
		return !follows(m->sorted[i - 1], m->sorted[i]);
	return m->sorted[i]->block - run->first != run->count;
}

/* Make runs of sorted requests from @i on; returns the first one that found no room. */
static size_t many_join(struct many *m, size_t i, size_t nr, size_t *ret_runs)
{
	size_t runs = 0, used = 0;
	struct io_run *run = NULL;

	for (; i < nr; i++) {
		bp_mblock block = m->sorted[i]->block;

		if (m->buf && run && block - run->first == run->count - 1)
			continue; /* asked for twice */
		if (!run || many_parted(m, run, i)) {
			if (runs == m->io->batch_runs)
				break;
			run = &m->runs[runs];
			run->first = block;
			run->count = 0;
			run->buf = m->buf ? m->buf + used * IO_BLOCK : m->sorted[i]->buf;
			runs++;
		}
		run->count++;
		used++;
	}
	*ret_runs = runs;
	return i;
}

/* @runs and what was asked for both rise, so that one pass finds each block's run. */
static void many_copy(struct many *m, size_t begin, size_t end)
{
	const struct io_run *run = m->runs;

	for (size_t i = begin; i < end; i++) {
		struct io_request *q = m->sorted[i];

		q->error = 0;
		if (!m->buf)
			continue;
		while (q->block - run->first >= run->count)
			run++;
		memcpy(q->buf, (uint8_t *)run->buf + (q->block - run->first) * IO_BLOCK,
		       IO_BLOCK);
	}
}

/* A batch in which something failed, once more block by block. */
static void many_singly(struct many *m, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		m->sorted[i]->error = io_read(m->io, m->sorted[i]->block, 1, m->sorted[i]->buf);
}

/* Requests past the end are sorted last: they are answered first, and the rest is joined. */
static void many_read(struct many *m, size_t nr)
{
	size_t i = 0, end, runs;

	while (nr && !inside(m->io, m->sorted[nr - 1]->block, 1))
		m->sorted[--nr]->error = -ERANGE;
	for (; i < nr; i = end) {
		end = many_join(m, i, nr, &runs);
		if (m->io->ops->read(m->io, m->runs, runs) == 0)
			many_copy(m, i, end);
		else
			many_singly(m, i, end);
	}
}

/*
 * Sorted by block and joined into runs: a tree's leaves lie scattered, and a disk likes
 * neither. A failed run is read again block by block, so that one bad block costs no other.
 */
int io_read_many(struct io *io, struct io_request *requests, size_t nr)
{
	_cleanup_(freep) struct io_request **sorted =
		calloc(nr + 1, sizeof(struct io_request *));
	_cleanup_(freep) struct io_run *runs = calloc(io->batch_runs, sizeof(*runs));
	_cleanup_(freep) uint8_t *buf = NULL;
	bool rising = true;
	struct many m = { .io = io, .sorted = sorted, .runs = runs };

	if (!sorted || !runs)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		sorted[i] = &requests[i];
		rising &= i == 0 || requests[i - 1].block <= requests[i].block;
	}
	if (!rising)
		qsort(sorted, nr, sizeof(struct io_request *), by_block);
	if (!many_in_place(&m, nr)) {
		m.buf = buf = io_buffer_new(io->batch_runs * JOIN_BLOCKS);
		if (!buf)
			return -ENOMEM;
	}
	many_read(&m, nr);
	return 0;
}
