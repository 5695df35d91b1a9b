/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/vec.h"

/* Grows by half, so that n additions cost O(n) copies in all, and by eight at least. */
void *vec_grown(void *items, size_t count, size_t *size, size_t item_size, size_t more)
{
	size_t want, bytes;
	void *p;

	if (add_overflow(count, more, &want))
		return NULL;
	if (want <= *size && items)
		return items;

	want = MAX(want, MAX(*size + *size / 2, (size_t)8));
	if (mul_overflow(want, item_size, &bytes))
		return NULL;
	p = realloc(items, bytes);
	if (p)
		*size = want;
	return p;
}
