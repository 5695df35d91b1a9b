/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The devices and mappings of opened metadata, all read and judged before any is given out. */
#ifndef FORMATS_THIN_READING_H
#define FORMATS_THIN_READING_H

#include <bedplate/thin_dump.h>

#include "formats/thin/emit.h"

/* Zero at first. */
struct thin_reading {
	struct bp_thin_meta *tm;
	const struct bp_thin_dump_opts *opts;
	struct thin_devices all;
	VEC(struct thin_device) devices; /* those wanted */
	struct thin_emit emit;
	uint64_t data_limit;      /* data blocks that there are, or that the options say */
	uint64_t nr_gaps;         /* parts that can't be read */
	uint64_t nr_unrestorable; /* values that no restore takes */
};

/*
 * Read all that @opts (complete, kept by reference) ask for. 0 too where there are gaps or values
 * that can't be restored: these are counted, and told to opts->damage. thin_reading_done() it,
 * whatever it returned.
 */
int thin_reading_all(struct thin_reading *d, struct bp_thin_meta *meta,
		     const struct bp_thin_dump_opts *opts);
void thin_reading_done(struct thin_reading *d);

/* Sectors of a data block: what the options say, or the superblock. */
uint32_t thin_reading_sectors(const struct thin_reading *d);

#endif
