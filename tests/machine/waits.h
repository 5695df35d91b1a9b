/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In front of io/uring.c: waits for the end of a read fail while machine_wait_fails says so. */
#ifndef MACHINE_WAITS_H
#define MACHINE_WAITS_H

#include <liburing.h>

extern int machine_wait_fails; /* an errno */

static inline int machine_wait(struct io_uring *ring, struct io_uring_cqe **ret)
{
	return machine_wait_fails ? -machine_wait_fails : io_uring_wait_cqe(ring, ret);
}

#define io_uring_wait_cqe(ring, ret) machine_wait(ring, ret)

#endif
