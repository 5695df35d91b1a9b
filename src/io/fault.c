/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For tests: an io over another that fails as planned, the n-th read or write, a block, a flush,
 * and counts what passes. What does not fail passes unchanged.
 */
#include "io/io.h"

#include <pthread.h>

struct fault {
	struct io io;
	struct io *inner;
	struct io_fault_plan plan;
	struct io_fault_counts counts;
	bp_mblock bad; /* READ_NTH: the block that was hit */
	bool hit;
	pthread_mutex_t lock; /* over counts and hit */
};

static struct fault *fault_of(struct io *io)
{
	return (struct fault *)(void *)io;
}

/* Must reading @block fail? Counts it. */
static bool read_hit(struct fault *f, bp_mblock block)
{
	uint64_t nth = f->counts.blocks_read++;

	if (f->plan.what == IO_FAULT_READ_NTH && nth == f->plan.at && !f->hit) {
		f->hit = true;
		f->bad = block;
	}
	return (f->plan.what == IO_FAULT_READ_BLOCK && block == f->plan.at) ||
	       (f->hit && f->plan.what == IO_FAULT_READ_NTH && block == f->bad);
}

/* A run fails as a whole, as the kernel's reads do, where one block of it is to fail. */
static int fault_read(struct io *io, const struct io_run *runs, size_t nr)
{
	struct fault *f = fault_of(io);
	bool hit = false;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; !hit && i < nr; i++)
		for (size_t k = 0; !hit && k < runs[i].count; k++)
			hit = read_hit(f, runs[i].first + k);
	pthread_mutex_unlock(&f->lock);
	return hit ? f->plan.error : f->inner->ops->read(f->inner, runs, nr);
}

static bool write_hit(struct fault *f, bp_mblock block)
{
	uint64_t nth = f->counts.blocks_written++;

	return (f->plan.what == IO_FAULT_WRITE_NTH && nth >= f->plan.at) ||
	       (f->plan.what == IO_FAULT_WRITE_BLOCK && block == f->plan.at);
}

/*
 * The blocks before the one that fails are written: that is how a disk leaves a run that it
 * could not finish.
 */
static int fault_write(struct io *io, const struct io_run *run)
{
	struct fault *f = fault_of(io);
	struct io_run good = *run;
	bool hit = false;
	int r;

	pthread_mutex_lock(&f->lock);
	for (good.count = 0; good.count < run->count; good.count++) {
		hit = write_hit(f, run->first + good.count);
		if (hit)
			break;
	}
	pthread_mutex_unlock(&f->lock);
	r = good.count ? f->inner->ops->write(f->inner, &good) : 0;
	return hit ? f->plan.error : r;
}

static int fault_flush(struct io *io)
{
	struct fault *f = fault_of(io);
	uint64_t nth = f->counts.flushes++;

	if (f->plan.what == IO_FAULT_FLUSH_NTH && nth == f->plan.at)
		return f->plan.error;
	return io_flush(f->inner);
}

static int fault_data_next(struct io *io, bp_mblock from, bp_mblock *ret_begin,
			   bp_mblock *ret_end)
{
	return io_data_next(fault_of(io)->inner, from, ret_begin, ret_end);
}

static void fault_close(struct io *io)
{
	struct fault *f = fault_of(io);

	io_close(f->inner);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static const struct io_ops fault_ops = {
	.name = "fault",
	.read = fault_read,
	.write = fault_write,
	.flush = fault_flush,
	.data_next = fault_data_next,
	.close = fault_close,
};

int io_fault_new(struct io *take_inner, const struct io_fault_plan *plan, struct io **ret)
{
	struct fault *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->io = *take_inner;
	f->io.ops = &fault_ops;
	f->inner = take_inner;
	f->plan = *plan;
	pthread_mutex_init(&f->lock, NULL);
	*ret = &f->io;
	return 0;
}

struct io_fault_counts io_fault_counts_get(struct io *fault)
{
	return fault_of(fault)->counts;
}
