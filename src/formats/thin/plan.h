/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of a repair plan. */
#ifndef FORMATS_THIN_PLAN_H
#define FORMATS_THIN_PLAN_H

#include <bedplate/thin_repair.h>

#include "formats/thin/emit.h"
#include "formats/thin/salvage.h"

/* A device that the plan's metadata does not have, to be written with the others. */
struct plan_graft {
	struct bp_thin_device device; /* root and mapped_dblocks count for nothing */
	/* Calls @run for all of its mappings, by rising block; negative ends it. */
	int (*runs)(void *user,
		    int (*run)(void *to, uint64_t begin, uint64_t data, uint64_t length,
			       uint32_t time),
		    void *to);
	void *user;
};

struct plan_old {
	uint64_t id;
	bool all; /* nothing of it is of the last transaction */
};

struct bp_thin_plan {
	struct bp_ctx *ctx;
	struct bp_thin_repair_opts opts;
	struct io *io; /* what it is made of */
	bool own_io;
	char *path;                      /* of that, or NULL */
	struct bp_thin_plan_summary sum; /* superblock as the result will have it */
	struct thin_sb live;             /* as block 0 has it, if sound or plausible */
	uint8_t start[IO_BLOCK];         /* block 0 */
	bool older;   /* roots of an older transaction were taken, though block 0 is sound */
	bool unsure;  /* block 0 is not, and nothing tells that these roots are the newest */
	bool crossed; /* sound blocks lie where others were in use: more than one has written */
	bool mixed; /* nodes of several states lie among each other: a sound tree proves little */
	bool plausible;              /* block 0 has a bad checksum, and the right magic */
	struct bp_thin_meta tm;      /* what it has: on io, or on the overlay */
	struct thin_devices devices; /* of tm */
	struct thin_emit emit;       /* walked */
	struct salvage salvage;
	VEC(struct bp_thin_plan_device) list;
	VEC(struct bp_thin_plan_loss) losses;
	VEC(struct plan_old) olds; /* devices that have an older tree, or parts of one */
	struct arena words;        /* their texts */
	const char *stage;
	const struct plan_graft *graft; /* or NULL; lent while it is written */
};

/* bp_thin_plan() on an io. Closes @take_io with the plan, on success. */
int thin_plan_io(struct bp_ctx *ctx, struct io *take_io, const struct bp_thin_repair_opts *opts,
		 struct bp_thin_plan **ret);
/* Make new metadata on @io, which stays the caller's. */
int thin_plan_write_io(struct bp_thin_plan *plan, struct io *io);

/* Steps of thin_plan_io(). */
/* All is sound and told by the superblock: the plan is done. */
int plan_sound(struct bp_thin_plan *plan, bool *ret_done);
/* From whatever there is. */
int plan_salvage(struct bp_thin_plan *plan);
/* What the caller's options say holds before all that was found. */
void plan_take_options(struct bp_thin_plan *plan);
/* Have several written to it? Sets plan->crossed and plan->mixed. */
int plan_find_mixed(struct bp_thin_plan *plan, const struct salvage_devices *devices);
/*
 * Blocks that any space map left in the area counts, newest or not: they have been written. Memory: two bits a
 * block. @ret is to be done in any case.
 */
int plan_find_used(const struct bp_thin_plan *plan, struct bits *ret);
/* What became of each device, and what is lost. */
int plan_judge(struct bp_thin_plan *plan, const struct salvage_devices *devices);
/* Walk what the plan has, into plan->emit; -EUCLEAN without a message where it is not sound. */
int plan_walk(struct bp_thin_plan *plan);

/*
 * Steps of thin_plan_write_io(). Is what there is the very metadata that @to should get? Then copy
 * what is in use; with the superblock, which @to has to hold back until it was checked.
 * -EUCLEAN: it can't be copied whole, make it anew.
 */
bool plan_can_copy(const struct bp_thin_plan *plan, const struct io *to);
int plan_copy(struct bp_thin_plan *plan, struct io *to);

#endif
