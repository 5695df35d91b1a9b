/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All of an era's metadata in the order of a dump, judged on the way, and made whole where that
 * is asked for: what check, dump and repair have in common.
 *
 * Making whole: nobody may be told too few blocks, so what is not known counts as written: in the
 * era of its writeset; where a writeset is missing, all blocks in its era; and in the array, in
 * the newest era that can have been digested into it.
 */
#ifndef FORMATS_ERA_SALVAGE_H
#define FORMATS_ERA_SALVAGE_H

#include "formats/era/meta.h"

struct era_taker {
	int (*writeset)(void *user, uint64_t era, uint32_t nr_bits);
	/* Of the writeset told last; runs rise, and may touch. */
	int (*written)(void *user, uint64_t begin, uint64_t end);
	int (*end_writeset)(void *user);
	/* Elements of the array. */
	int (*eras)(void *user, uint64_t begin, uint64_t end, const le32 *eras);
	/* Without ERA_SALVAGE_WHOLE: blocks of the writeset told last, or elements, are lost. */
	int (*lost)(void *user, uint64_t begin, uint64_t end);
	void *user;
};

enum era_salvage_flags {
	ERA_SALVAGE_JUDGE = 1 << 0, /* tell what can be read, but can't be, as well */
	ERA_SALVAGE_WHOLE = 1 << 1, /* and leave no gap, nor anything that can't be */
};

/*
 * Writesets first (@writesets: at all), then the array (@array). What is wrong is told to
 * ears->report: what can't be read, and gaps between writesets, always. The writesets say how new
 * what is lost of the array can be.
 */
int era_salvage_writesets(struct bp_era_meta *meta, unsigned flags,
			  const struct loss_ears *ears, const struct era_taker *taker);
int era_salvage_array(struct bp_era_meta *meta, unsigned flags, const struct loss_ears *ears,
		      const struct era_taker *taker);

#endif
