/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Repairing an era's metadata from one io to another. */
#ifndef FORMATS_ERA_REPAIR_H
#define FORMATS_ERA_REPAIR_H

#include <bedplate/era_repair.h>

#include "io/io.h"

/* bp_era_repair() between ios, which stay the caller's. @to NULL: plan only. */
int era_repair_io(struct bp_ctx *ctx, struct io *from, struct io *to,
		  const struct bp_era_repair_opts *opts, struct bp_era_repair_result *ret);

#endif
