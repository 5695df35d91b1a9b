/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Growing arrays: VEC(struct thing) things; then vec_add(&things, &thing). Elements lie in
 * .items, .count of them; vec_done() frees the array, not what its elements own.
 */
#ifndef CORE_VEC_H
#define CORE_VEC_H

#include "core/util.h"

#define VEC(type)                                                                              \
	struct {                                                                               \
		type *items;                                                                   \
		size_t count, size;                                                            \
	}

/*
 * Behind the macros: @items with room for @more beyond @count, or NULL (and @items still valid)
 * where there is no memory.
 */
void *vec_grown(void *items, size_t count, size_t *size, size_t item_size, size_t more);

/* Make room for @more elements without adding any: 0 or -ENOMEM. */
#define vec_reserve(v, more)                                                                   \
	__extension__({                                                                        \
		void *vec_p_ = vec_grown((v)->items, (v)->count, &(v)->size,                   \
					 sizeof(*(v)->items), more);                           \
		if (vec_p_)                                                                    \
			(v)->items = vec_p_;                                                   \
		vec_p_ ? 0 : -ENOMEM;                                                          \
	})

/* Copy *@item to the end: 0 or -ENOMEM. */
#define vec_add(v, item)                                                                       \
	__extension__({                                                                        \
		int vec_r_ = vec_reserve(v, 1);                                                \
		if (vec_r_ == 0)                                                               \
			(v)->items[(v)->count++] = *(item);                                    \
		vec_r_;                                                                        \
	})

/*
 * Of a sorted array, the index of the first element that does not lie before what is looked for,
 * .count where all do. @before is asked of @item, a pointer to an element: it has to hold for none
 * behind one for which it does not.
 */
#define vec_bisect(v, item, before)                                                            \
	__extension__({                                                                        \
		size_t vec_low_ = 0, vec_high_ = (v)->count;                                   \
		while (vec_low_ < vec_high_) {                                                 \
			size_t vec_mid_ = vec_low_ + (vec_high_ - vec_low_) / 2;               \
			const __auto_type item = &(v)->items[vec_mid_];                        \
			if (before)                                                            \
				vec_low_ = vec_mid_ + 1;                                       \
			else                                                                   \
				vec_high_ = vec_mid_;                                          \
		}                                                                              \
		vec_low_;                                                                      \
	})

#define vec_done(v)                                                                            \
	do {                                                                                   \
		free((v)->items);                                                              \
		(v)->items = NULL;                                                             \
		(v)->count = (v)->size = 0;                                                    \
	} while (0)

#endif
