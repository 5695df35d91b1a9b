/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a volume that is read: what exporting shares with it. */
#ifndef RESCUE_IMAGE_H
#define RESCUE_IMAGE_H

#include <bedplate/export.h>

#include "rescue/source.h"

struct image_parts {
	struct map *map, *data; /* @data: what @map lies on, if that is the image's own */
};

struct bp_image {
	struct bp_source *source;
	struct map *map, *data;
	bool doubtful;
	char *name; /* source, volume and root: what a resumed export must agree on */
};

/* An image of maps that were made elsewhere, which are taken in any case; @fmt: its name. */
int image_new(struct bp_source *source, const struct image_parts *take_parts,
	      struct bp_image **ret, const char *fmt, ...) _printf_(4, 5);

/* A piece at @offset of a volume in the words of the API. */
void image_range(const struct map_piece *piece, bp_bytes offset, struct bp_image_range *ret);

#endif
