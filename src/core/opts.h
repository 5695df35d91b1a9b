/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options structs that begin with their own size. */
#ifndef CORE_OPTS_H
#define CORE_OPTS_H

#include "core/context.h"

/*
 * Copy a caller's options struct @from into @to, which is @size bytes as this library knows it.
 * NULL or shorter: the rest is zero. Longer: -E2BIG unless all that we don't know is zero. A
 * size member below sizeof(size_t) is -EINVAL.
 */
int opts_read(struct bp_ctx *ctx, void *to, size_t size, const void *from);

#endif
