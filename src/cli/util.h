/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small things the program needs; the library's own are not its to use. */
#ifndef CLI_UTIL_H
#define CLI_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define _cleanup_(fn)       __attribute__((cleanup(fn)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))

/* Take what a pointer with a cleanup holds, so that the cleanup finds NULL. */
#define steal(p)                                                                               \
	__extension__({                                                                        \
		__auto_type steal_ = (p);                                                      \
		(p) = NULL;                                                                    \
		steal_;                                                                        \
	})

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* Is the word @name, @len bytes, one of the blank-separated @list? */
static inline bool word_in_list(const char *list, const char *name, size_t len)
{
	for (const char *p = list; p && *p;) {
		size_t n = strcspn(p, " ");

		if (n == len && memcmp(p, name, n) == 0)
			return true;
		p += n + strspn(p + n, " ");
	}
	return false;
}

#endif
