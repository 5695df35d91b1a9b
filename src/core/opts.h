/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Structs that callers fill in and that may grow: options, and parameters of targets. */
#ifndef CORE_OPTS_H
#define CORE_OPTS_H

#include "core/context.h"

/*
 * Copy a caller's options struct @from into @to, which is @size bytes as this library knows it.
 * NULL or shorter: the rest is zero. Longer: -E2BIG unless all that we don't know is zero. A
 * size member below sizeof(size_t) is -EINVAL.
 */
int opts_read(struct bp_ctx *ctx, void *to, size_t size, const void *from);

/*
 * The same where the size is given beside the struct: @from has @given bytes as its caller knows
 * it,
 * @what says what it is. 0: -EINVAL.
 */
int opts_copy(struct bp_ctx *ctx, const char *what, void *to, size_t size, const void *from,
	      size_t given);

#endif
