/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "io/uring.h"

#ifdef HAVE_URING
#include <liburing.h>

struct uring {
	struct io_uring ring;
};

int uring_new(unsigned depth, struct uring **ret)
{
	struct uring *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	r = io_uring_queue_init(depth, &u->ring, 0);
	if (r < 0) {
		free(u);
		return -ENOTSUP; /* no such call, forbidden here, or no locked memory left */
	}
	*ret = u;
	return 0;
}

void uring_free(struct uring *u)
{
	if (u)
		io_uring_queue_exit(&u->ring);
	free(u);
}

/*
 * Wait for one read; its outcome joins @r, the first error so far. One that can't be waited for is still to come: the ring
 * must not be used again, or the next reads would take its end for theirs.
 */
static int reap(struct uring *u, int r)
{
	struct io_uring_cqe *cqe;
	const struct io_run *run;
	int w;

	do
		w = io_uring_wait_cqe(&u->ring, &cqe);
	while (w == -EINTR);
	if (w < 0)
		return -EAGAIN;
	run = io_uring_cqe_get_data(cqe);
	if (r == 0 && cqe->res < 0)
		r = cqe->res;
	else if (r == 0 && (size_t)cqe->res != run->count * IO_BLOCK)
		r = -EIO;
	io_uring_cqe_seen(&u->ring, cqe);
	return r;
}

int uring_read(struct uring *u, int fd, const struct io_run *runs, size_t nr)
{
	struct io_uring_sqe *sqe;
	int r = 0, submitted;

	for (size_t i = 0; i < nr; i++) {
		sqe = io_uring_get_sqe(&u->ring);
		if (!sqe)
			return -EAGAIN;
		io_uring_prep_read(sqe, fd, runs[i].buf, (unsigned)(runs[i].count * IO_BLOCK),
				   bp_mblock_to_bytes(runs[i].first));
		io_uring_sqe_set_data(sqe, (void *)(uintptr_t)&runs[i]);
	}
	submitted = io_uring_submit(&u->ring);
	for (int i = 0; i < submitted; i++)
		r = reap(u, r);
	return submitted == (int)nr ? r : -EAGAIN;
}

#else

struct uring {
	int none;
};

int uring_new(unsigned depth, struct uring **ret)
{
	(void)depth;
	(void)ret;
	return -ENOTSUP;
}

void uring_free(struct uring *u)
{
	free(u);
}

int uring_read(struct uring *u, int fd, const struct io_run *runs, size_t nr)
{
	(void)u;
	(void)fd;
	(void)runs;
	(void)nr;
	return -EAGAIN;
}

#endif
