/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers by chance, the same in each run: xorshift64 (Marsaglia 2003). One row a test program. */
#ifndef LIB_DRAW_H
#define LIB_DRAW_H

#include <stdint.h>
#include <stdlib.h>

static uint64_t draw_state = 88172645463325252;

static inline uint64_t draw(uint64_t below)
{
	draw_state ^= draw_state << 13;
	draw_state ^= draw_state >> 7;
	draw_state ^= draw_state << 17;
	return (draw_state >> 11) % below;
}

/* Another row, of number BEDPLATE_SEED; 1 where that isn't set. */
static inline void draw_seed(void)
{
	draw_state = strtoull(getenv("BEDPLATE_SEED") ?: "1", NULL, 10) * 2654435769u +
		     88172645463325252;
}

#endif
