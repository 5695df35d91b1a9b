/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An io that keeps block 0 back: what is made there, and is checked and mended afterwards, looks
 * valid to nobody before that is over. Zeros for block 0 are written at once.
 */
#ifndef IO_HELD_H
#define IO_HELD_H

#include "io/io.h"

/* @inner stays the caller's, and must outlive @ret. Closed without io_held_release(): block 0 is
 * as it was zeroed. Not for several threads while block 0 is written. */
int io_held_new(struct io *inner, struct io **ret);
/* Flush all, then write what is block 0, and flush. */
int io_held_release(struct io *held);

#endif
