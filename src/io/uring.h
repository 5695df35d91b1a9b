/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several reads in flight on one descriptor, by io_uring where the system allows it. */
#ifndef IO_URING_H
#define IO_URING_H

#include "io/io.h"

struct uring;

/* Room for @depth reads. -ENOTSUP where there is no io_uring here; -ENOMEM. For one thread. */
int uring_new(unsigned depth, struct uring **ret);
void uring_free(struct uring *u);
/*
 * Read @nr runs (at most depth) from @fd, all in flight at once. 0; -EIO or the first error;
 * -EAGAIN where the ring is of no use any more, and nothing is in flight.
 */
int uring_read(struct uring *u, int fd, const struct io_run *runs, size_t nr);

#endif
