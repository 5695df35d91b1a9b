/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/ahead.h"

#include "core/turns.h"

#include <sys/mman.h>

struct io_ahead {
	struct io *io;
	io_verify_fn verify;
	const void *user;
	uint8_t *buffers;
	struct turns *turns;
	unsigned asked; /* batches, up to two */
	struct io_batch batches[IO_AHEAD_BATCHES];
};

static void read_batch(void *user, unsigned slot)
{
	struct io_ahead *a = user;
	struct io_batch *batch = &a->batches[slot];

	batch->error = io_read_many(a->io, batch->requests, batch->nr);
	if (batch->error == 0)
		a->verify(a->user, batch);
}

int io_ahead_new(struct io *io, unsigned threads, io_verify_fn verify, const void *user,
		 struct io_ahead **ret)
{
	struct io_ahead *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->buffers = io_buffer_new(IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS);
	if (!a->buffers ||
	    turns_new(IO_AHEAD_BATCHES, MIN(threads, 2u), read_batch, a, &a->turns) < 0) {
		free(a->buffers);
		free(a);
		return -ENOMEM;
	}
	a->io = io;
	a->verify = verify;
	a->user = user;
	for (size_t i = 0; i < IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS; i++)
		a->batches[i / IO_AHEAD_BLOCKS].requests[i % IO_AHEAD_BLOCKS].buf =
			a->buffers + i * IO_BLOCK;
	*ret = a;
	return 0;
}

void io_ahead_free(struct io_ahead *a)
{
	if (!a)
		return;
	turns_free(a->turns);
	free(a->buffers);
	free(a);
}

struct io_batch *io_ahead_batch(struct io_ahead *a)
{
	int slot = turns_slot(a->turns);

	if (slot < 0)
		return NULL;
	a->batches[slot].nr = 0;
	return &a->batches[slot];
}

/* With the second batch all buffers will be used: their pages are asked for at once. */
void io_ahead_ask(struct io_ahead *a)
{
	if (a->asked < 2 && ++a->asked == 2)
		(void)madvise(a->buffers, (size_t)IO_AHEAD_BATCHES * IO_AHEAD_BLOCKS * IO_BLOCK,
			      MADV_POPULATE_WRITE);
	turns_ask(a->turns);
}

struct io_batch *io_ahead_take(struct io_ahead *a)
{
	int slot = turns_take(a->turns);

	return slot < 0 ? NULL : &a->batches[slot];
}
