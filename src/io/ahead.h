/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading ahead: batches of single blocks are read, and looked at, by a thread of their own, while
 * the caller works on an earlier one; a caller that would have to wait takes part. Batches come
 * back in the order in which they were asked for. Little that is read needs no thread.
 */
#ifndef IO_AHEAD_H
#define IO_AHEAD_H

#include "io/io.h"

/* Blocks of a batch: 256 KiB. There are IO_AHEAD_BATCHES. */
#define IO_AHEAD_BLOCKS  64u
#define IO_AHEAD_BATCHES 4u

/* What to read, and what became of it. */
struct io_batch {
	struct io_request requests[IO_AHEAD_BLOCKS]; /* the buffers are set */
	uint64_t tags[IO_AHEAD_BLOCKS];              /* the caller's */
	int verdicts[IO_AHEAD_BLOCKS];               /* for io_verify_fn */
	size_t nr;
	int error; /* -ENOMEM, or 0: all requests were tried */
};

/* Looks at what was read, perhaps in another thread; must change nothing but the batch. */
typedef void (*io_verify_fn)(const void *user, struct io_batch *batch);

struct io_ahead;

/* @io and @user stay the caller's. @threads: 1 is none but the caller's. 0 or -ENOMEM. */
int io_ahead_new(struct io *io, unsigned threads, io_verify_fn verify, const void *user,
		 struct io_ahead **ret);
/* NULL is allowed. What was asked for need not be read. */
void io_ahead_free(struct io_ahead *a);

/* The batch to fill, or NULL where none is free: io_ahead_take() one first. */
struct io_batch *io_ahead_batch(struct io_ahead *a);
/* Read that batch; it is the thread's until it is taken. */
void io_ahead_ask(struct io_ahead *a);
/*
 * The oldest that was asked for, as soon as it was read; NULL: all were taken. The caller's until
 * the next call of this.
 */
struct io_batch *io_ahead_take(struct io_ahead *a);

#endif
