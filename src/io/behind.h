/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing behind: full buffers are written by a thread of their own, in the order in which they
 * were given, while the caller fills the next. Little that is written needs no thread.
 */
#ifndef IO_BEHIND_H
#define IO_BEHIND_H

#include "io/io.h"

/* Blocks of a buffer: 512 KiB. There are four. */
#define IO_BEHIND_BLOCKS 128u

struct io_behind;

/* @io stays the caller's. 0 or -ENOMEM. */
int io_behind_new(struct io *io, struct io_behind **ret);
/* NULL is allowed. Of what was given last, nothing need be written. */
void io_behind_free(struct io_behind *b);

/* The buffer to fill, the caller's until io_behind_write(). */
uint8_t *io_behind_buffer(struct io_behind *b);
/*
 * Write the first @count blocks of the buffer to @first; afterwards io_behind_buffer() is
 * another one. 0, or the error of any write so far: nothing is written after one.
 */
int io_behind_write(struct io_behind *b, bp_mblock first, size_t count);
/* All that was given is written, and the io is the caller's alone. 0 or the first error. */
int io_behind_wait(struct io_behind *b);
/* Where the write began that failed first. */
bp_mblock io_behind_failed(const struct io_behind *b);

#endif
