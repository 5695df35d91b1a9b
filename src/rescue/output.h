/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * New metadata made of what a source has: written to a new place only. A file is made, or is empty;
 * a device holds nothing that is known, is not in use, and is no part of what is read.
 */
#ifndef RESCUE_OUTPUT_H
#define RESCUE_OUTPUT_H

#include <bedplate/thin_repair.h>

#include "rescue/source.h"

/*
 * @size: of a file that is made; 0: as large as the metadata is. Write what @plan, which was made
 * of @source, has. 0; -EINVAL (it is part of the source), -EEXIST (it holds something), or as
 * bp_thin_plan_write(). On failure a file that was made is removed.
 */
int source_plan_write(struct bp_source *source, struct bp_thin_plan *plan, const char *path,
		      bp_bytes size);

/* Is the pool, or a part of it, in use on this machine? */
bool source_is_active(const struct bp_source *source);

#endif
