/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small things the program needs beside those of core/util.h. */
#ifndef CLI_UTIL_H
#define CLI_UTIL_H

#include "core/util.h"

#include <stdio.h>

static inline void fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
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
