/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded: reading takes as long as from a slow disk, so that a program has time to show how far it is. */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define NS_PER_BYTE 400u /* some 2 ms a block, times SLOW_TIMES */

static void take_time(size_t bytes)
{
	const char *times = getenv("SLOW_TIMES");
	uint64_t ns = (uint64_t)bytes * NS_PER_BYTE * (times ? (uint64_t)atoi(times) : 1);
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
				     .tv_nsec = (long)(ns % 1000000000u) };

	nanosleep(&ts, NULL);
}

ssize_t pread64(int fd, void *buf, size_t count, off64_t offset)
{
	ssize_t (*next)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");
	ssize_t n = next(fd, buf, count, offset);

	take_time(n > 0 ? (size_t)n : 0);
	return n;
}

ssize_t preadv64(int fd, const struct iovec *iov, int nr, off64_t offset)
{
	ssize_t (*next)(int, const struct iovec *, int, off64_t) = dlsym(RTLD_NEXT, "preadv64");
	ssize_t n = next(fd, iov, nr, offset);

	take_time(n > 0 ? (size_t)n : 0);
	return n;
}

ssize_t read(int fd, void *buf, size_t count)
{
	ssize_t (*next)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
	ssize_t n = next(fd, buf, count);

	take_time(n > 16384 ? (size_t)n / 8 : 0); /* as XML is read: the loader reads less */
	return n;
}

/* Then it is read as above. */
int io_uring_queue_init(unsigned entries, void *ring, unsigned flags);
int io_uring_queue_init(unsigned entries, void *ring, unsigned flags)
{
	(void)entries, (void)ring, (void)flags;
	return -ENOSYS;
}
