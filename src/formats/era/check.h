/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checking an era's metadata on an io. */
#ifndef FORMATS_ERA_CHECK_H
#define FORMATS_ERA_CHECK_H

#include <bedplate/era_check.h>

#include "formats/check/check.h"

/* bp_era_check() and bp_era_auto_repair() on an io, which stays the caller's. */
int era_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		 const struct bp_era_check_opts *opts, struct bp_era_check_result *ret);

#endif
