/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small things every room uses: scope-bound cleanup, checked arithmetic, counts. */
#ifndef CORE_UTIL_H
#define CORE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
#define DIV_UP(a, b)  ((a) / (b) + ((a) % (b) != 0))

#define _cleanup_(fn)       __attribute__((cleanup(fn)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

/* Take what a pointer with a cleanup holds, so that the cleanup finds NULL. */
#define steal(p)                                                                               \
	__extension__({                                                                        \
		__auto_type steal_ = (p);                                                      \
		(p) = NULL;                                                                    \
		steal_;                                                                        \
	})

/* Overflow is true; *@ret is only meaningful when it is false. */
#define mul_overflow(a, b, ret) __builtin_mul_overflow(a, b, ret)
#define add_overflow(a, b, ret) __builtin_add_overflow(a, b, ret)

/* Not of zero. */
static inline bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

/* calloc() of a count with 64 bits, which a 32-bit address space may not hold. */
static inline void *calloc_many(uint64_t nr, size_t size)
{
	return nr > SIZE_MAX ? NULL : calloc((size_t)nr, size);
}

static inline void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

#endif
