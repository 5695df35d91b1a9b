/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Restoring to anything that blocks can be written to. */
#ifndef FORMATS_ERA_RESTORE_H
#define FORMATS_ERA_RESTORE_H

#include <bedplate/era_dump.h>

#include "formats/xml/read.h"
#include "io/io.h"

/* bp_era_restore() on an io, which stays the caller's. */
int era_restore_io(struct bp_ctx *ctx, const struct xml_source *source, struct io *io,
		   const struct bp_era_restore_opts *opts);

#endif
