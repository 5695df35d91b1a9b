/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a rescue: what looking found, before it is put into words. */
#ifndef RESCUE_RESCUE_H
#define RESCUE_RESCUE_H

#include <bedplate/history.h>
#include <bedplate/rescue.h>

#include "core/arena.h"
#include "formats/thin/plan.h"
#include "rescue/source.h"
#include "rescue/whose.h"

struct rescue_range {
	uint64_t begin, end;
};

/* What a check found, by what it means. */
struct rescue_found {
	bool sound;          /* block 0 is a superblock */
	bool zeros;          /* it is all zeros */
	bool unread;         /* it can't be read */
	char over[40];       /* what lies there instead, by its signature; "" nothing known */
	uint64_t nr_foreign; /* blocks from the first on that are no metadata */
	struct thin_sb sb;
	struct bp_thin_check_result check;
	uint64_t nr_nodes, nr_maps, nr_times, nr_crossed, nr_other, nr_counts;
	uint64_t nr_strange; /* sound blocks where others should be: of another state */
	uint64_t nr_differ;  /* blocks of mirrored metadata that are sound on some legs only */
	bool pending;
	VEC(struct rescue_range)
	uncounted; /* data blocks that are mapped more often than counted */
	bool no_memory;
};

struct bp_rescue {
	struct bp_source *source;
	struct io *io;
	struct rescue_found found;
	const struct whose *whose;    /* the metadata is; NULL: nobody can say */
	struct bp_thin_plan *rebuild; /* NULL: nothing was found, and @why */
	const char *why;
	bool assumed;               /* nobody knows the data block size: good enough to look */
	struct bp_history *history; /* NULL: not looked at */
	const struct bp_history_state *older;
	old_volumes names;
	bool active;
	uint64_t nr_clashes; /* data blocks that lie at two places */
	VEC(uint64_t)
	suspects; /* ids of volumes that have blocks which were not counted for them */
	VEC(struct bp_rescue_trouble) troubles;
	VEC(struct bp_rescue_volume) volumes;
	VEC(struct bp_rescue_plan) plans;
	struct arena words;
};

/* Look at superblock and trees. 0, -ENOMEM, -EIO. */
int rescue_look(struct bp_rescue *r);
/* Put it into words: r->troubles. 0, -ENOMEM. */
int rescue_tell(struct bp_rescue *r);
/* Sound, and without any volume. */
static inline bool rescue_is_empty(const struct bp_rescue *r)
{
	return r->found.sound && r->rebuild && !r->rebuild->sum.nr_devices;
}

/* Data blocks that volumes have at two places, and volumes that have uncounted ones. 0, -ENOMEM. */
int rescue_find_clashes(struct bp_rescue *r);

/* Note of each volume what of its data lies on disks that are not here. 0, -ENOMEM. */
int rescue_find_missing(struct bp_rescue *r);

/* A line of words that lives as long as the rescue; NULL: no memory. */
const char *rescue_words(struct bp_rescue *r, const char *fmt, ...) _printf_(2, 3);

#endif
