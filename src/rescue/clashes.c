/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs that more than one host has written, in what the volumes of a pool map. */
#include "rescue/rescue.h"

struct places {
	const struct rescue_found *found;
	uint32_t *at; /* by data block: virtual block + 1, its low bits; 0: none */
	bp_dblock nr;
	uint64_t clashes;
	bool uncounted; /* this volume has a block that was not counted for it */
};

/*
 * The newest of its blocks may be those of a state that the space map knows nothing of. Damage of the space map
 * itself does not look so: what can't be read counts for nothing here.
 */
static bool has_uncounted(const struct places *p, const struct bp_thin_run *run)
{
	for (size_t i = 0; i < p->found->uncounted.count; i++) {
		const struct rescue_range *range = &p->found->uncounted.items[i];

		if (range->begin < run->data_begin + run->length &&
		    run->data_begin < range->end)
			return true;
	}
	return false;
}

/*
 * Two mappings of one data block from different places of their volumes: no snapshot makes
 * that, two hosts do.
 */
static int note_run(void *user, const struct bp_thin_run *run)
{
	struct places *p = user;

	p->uncounted = p->uncounted || has_uncounted(p, run);
	for (bp_dblock i = 0; i < run->length && run->data_begin + i < p->nr; i++) {
		uint32_t *at = &p->at[run->data_begin + i];
		uint32_t here = (uint32_t)(run->virtual_begin + i) + 1;

		p->clashes += *at && *at != here;
		*at = here;
	}
	return 0;
}

static int note_volume(struct bp_rescue *r, struct places *p, uint64_t id)
{
	int status;

	p->uncounted = false;
	status =
		bp_thin_mappings(bp_thin_plan_meta(r->rebuild), id, 0, UINT64_MAX, note_run, p);
	if (status == 0 && p->uncounted)
		status = vec_add(&r->suspects, &id);
	return status;
}

/*
 * Memory: 4 bytes a data block. Pools with 2^30 blocks and more are left out: it is one
 * sign among others.
 */
int rescue_find_clashes(struct bp_rescue *r)
{
	struct places p = {
		.found = &r->found,
		.nr = r->rebuild->sum.superblock.nr_data_blocks,
	};
	int status = 0;

	if (p.nr > UINT32_MAX / 4)
		return 0;
	p.at = calloc_many(p.nr + 1, sizeof(*p.at));
	if (!p.at)
		return -ENOMEM;
	for (size_t i = 0; status == 0 && i < r->rebuild->devices.list.count; i++)
		status = note_volume(r, &p, r->rebuild->devices.list.items[i].id);
	free(p.at);
	r->nr_clashes = p.clashes;
	/* A space map alone can be wrong; with another sign it is not. Leaks: whose blocks it counts instead. */
	if (!r->nr_clashes && !r->found.nr_crossed && !r->found.nr_strange &&
	    !r->found.check.nr_data_leaked)
		r->suspects.count = 0;
	return status == -ENOMEM ? status : 0;
}
