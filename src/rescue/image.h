/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a volume that is read: what exporting shares with it. */
#ifndef RESCUE_IMAGE_H
#define RESCUE_IMAGE_H

#include <bedplate/export.h>

#include "rescue/source.h"

struct bp_image {
	struct bp_source *source;
	struct map *map;
	char *name; /* source, volume and root: what a resumed export must agree on */
};

/* A piece at @offset of a volume in the words of the API. */
void image_range(const struct map_piece *piece, bp_bytes offset, struct bp_image_range *ret);

#endif
