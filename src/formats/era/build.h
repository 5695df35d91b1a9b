/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing an era's metadata: what restore, repair and the generator have in common.
 *
 *	era_build_init()	zeroes the superblock
 *	era_build_start()	what the superblock will say
 *	era_build_writeset()	by rising era; era_build_written() its blocks, rising
 *	era_build_era()		the array, by rising block; at any time
 *	era_build_finish()	space map; the superblock last
 */
#ifndef FORMATS_ERA_BUILD_H
#define FORMATS_ERA_BUILD_H

#include "formats/era/disk.h"
#include "pdata/build_array.h"

/* What the superblock is to say, beside roots. */
struct era_make {
	uint32_t data_block_sectors, nr_blocks, current_era;
};

struct era_build {
	struct build build;
	struct era_make make;
	struct build_tree writesets;
	struct build_array bits, eras;
	bool tree_open, in_writeset;
	uint32_t era, nr_bits; /* of the writeset at hand */
};

/* 0 or an error, its message recorded. */
int era_build_init(struct era_build *eb, struct bp_ctx *ctx, struct io *io);
void era_build_done(struct era_build *eb);
int era_build_start(struct era_build *eb, const struct era_make *make);
int era_build_writeset(struct era_build *eb, uint32_t era, uint32_t nr_bits);
/* Blocks [@begin, @end), below nr_bits. */
int era_build_written(struct era_build *eb, uint64_t begin, uint64_t end);
int era_build_era(struct era_build *eb, uint32_t block, uint32_t era);
int era_build_finish(struct era_build *eb);

#endif
