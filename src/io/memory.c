/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blocks in memory that is the caller's: reads and writes in place, flushing does nothing. */
#include "core/cpus.h"
#include "io/io.h"

struct memory {
	struct io io;
	uint8_t *data;
};

static struct memory *memory_of(struct io *io)
{
	return (struct memory *)(void *)io;
}

static int memory_read(struct io *io, const struct io_run *runs, size_t nr)
{
	const uint8_t *data = memory_of(io)->data;

	for (size_t i = 0; i < nr; i++)
		memcpy(runs[i].buf, data + runs[i].first * IO_BLOCK, runs[i].count * IO_BLOCK);
	return 0;
}

static int memory_write(struct io *io, const struct io_run *run)
{
	memcpy(memory_of(io)->data + run->first * IO_BLOCK, run->buf, run->count * IO_BLOCK);
	return 0;
}

static int memory_flush(struct io *io)
{
	(void)io;
	return 0;
}

static void memory_close(struct io *io)
{
	free(io);
}

static const struct io_ops memory_ops = {
	.name = "memory",
	.read = memory_read,
	.write = memory_write,
	.flush = memory_flush,
	.close = memory_close,
};

int io_memory_new(void *data, size_t size_bytes, struct io **ret)
{
	struct memory *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->data = data;
	m->io = (struct io){
		.ops = &memory_ops,
		.nr_blocks = bp_bytes_to_mblock(size_bytes),
		.writable = true,
		.batch_runs = 1,
		.workers = cpus_available(),
	};
	*ret = &m->io;
	return 0;
}
