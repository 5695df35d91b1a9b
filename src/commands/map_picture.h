/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of a pool or of one volume: cells as characters for a terminal, or as SVG. */
#ifndef COMMANDS_MAP_PICTURE_H
#define COMMANDS_MAP_PICTURE_H

#include <bedplate/thin_cells.h>

#include <stdio.h>

/* A volume that some cells are mostly of. */
struct map_owner {
	uint64_t id;
	char *name;     /* LVM's, for people, or NULL */
	uint64_t cells; /* that are drawn as its own */
};

struct map_picture {
	const char *title;
	bool of_volume;
	uint64_t block_bytes;
	const struct bp_thin_cell *cells;
	size_t nr_cells;
	const struct map_owner *owners; /* those with the most cells first */
	size_t nr_owners;
};

/* What a cell is drawn as. */
enum map_kind {
	MAP_FREE,   /* nothing in it */
	MAP_SHARED, /* at least half of what is used is shared */
	MAP_OWNED,  /* mostly the device's alone */
};
enum map_kind map_kind(const struct bp_thin_cell *cell);

/* Fits 80 columns: what is longer is cut or broken. */
void map_print(FILE *f, const struct map_picture *picture);
/* A whole document; each cell is one rectangle, with its numbers as its title. */
void map_print_svg(FILE *f, const struct map_picture *picture);

#endif
