/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that take options and give back a result, both public structs that begin with their size:
 * a state that holds them as this library knows them, and the way in and out. What they are for is
 * not known here.
 */
#ifndef FORMATS_CHECK_CALL_H
#define FORMATS_CHECK_CALL_H

#include "core/context.h"

/* A state, and where in it the options and the result lie. */
struct call_shape {
	size_t state_size;
	size_t opts, opts_size;
	size_t result, result_size;
};

/* clang-format off */
/* The state has members opts and res of these types. */
#define CALL_SHAPE(state, opts_type, result_type) { \
	.state_size = sizeof(state), \
	.opts = offsetof(state, opts), .opts_size = sizeof(opts_type), \
	.result = offsetof(state, res), .result_size = sizeof(result_type), \
	}
/* clang-format on */

/*
 * A state with the options in it, all else zero; the caller frees it. @what for the message where
 * @ret has no size. 0, -EINVAL, -E2BIG, -ENOMEM.
 */
int call_begin(struct bp_ctx *ctx, const struct call_shape *shape, const char *what,
	       const void *opts, const void *ret, void **ret_state);
/* The state's result to @ret, as far as its caller knows it; of a larger one the rest stays. */
void call_give(const struct call_shape *shape, void *state, void *ret);

static inline void *call_inside(void *state, size_t offset)
{
	return (uint8_t *)state + offset;
}

#endif
