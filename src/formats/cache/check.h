/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking a cache's metadata on an io. */
#ifndef FORMATS_CACHE_CHECK_H
#define FORMATS_CACHE_CHECK_H

#include <bedplate/cache_check.h>

#include "formats/check/check.h"

/* bp_cache_check() and its writing relatives on an io, which stays the caller's. */
int cache_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		   const struct bp_cache_check_opts *opts, struct bp_cache_check_result *ret);

#endif
