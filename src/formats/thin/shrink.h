/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside of shrinking: what is moved where, and the text that says so afterwards. It knows
 * neither devices nor files but the one descriptor of a text, which it reads as often as it needs
 * to. From metadata to metadata: shrink_meta.h.
 */
#ifndef FORMATS_THIN_SHRINK_H
#define FORMATS_THIN_SHRINK_H

#include <bedplate/json.h>
#include <bedplate/thin_shrink.h>

#include "core/bits.h"
#include "core/vec.h"

struct shrink_plan {
	struct bp_ctx *ctx;
	int fd; /* XML; read from its start, by pread(); -1: there is no text */
	const char *name;
	bp_dblock nr_wanted;
	uint32_t data_block_sectors;
	bp_dblock nr_before, nr_used, nr_moved;
	struct bits used;               /* data blocks that are mapped */
	VEC(struct bp_thin_move) moves; /* rising on both sides */
};

/*
 * A plan from anywhere: what there is, each piece that is mapped (as often as one likes), then the
 * moves. -EINVAL for numbers that no pool has; -ENOSPC from the last, where more is mapped than
 * would fit. shrink_plan_done() it, whatever any of these returned.
 */
int shrink_plan_init(struct shrink_plan *p, struct bp_ctx *ctx, bp_dblock nr_wanted);
int shrink_plan_begin(struct shrink_plan *p, uint64_t data_block_sectors, bp_dblock nr_before);
int shrink_plan_use(struct shrink_plan *p, bp_dblock begin, uint64_t length);
int shrink_plan_end(struct shrink_plan *p);

/* Where @block goes, and for how many of @length blocks it is the same move, or none. */
bp_dblock shrink_plan_translate(const struct shrink_plan *p, bp_dblock block, uint64_t *length);

/*
 * Read the text and plan. -ENOSPC where more is mapped than would fit. shrink_plan_done() it,
 * whatever it returned.
 */
int shrink_plan_make(struct shrink_plan *p, struct bp_ctx *ctx, int fd, const char *name,
		     bp_dblock nr_wanted);
void shrink_plan_done(struct shrink_plan *p);

/* The text as it is after the moves, in pieces. What @write returns ends it. */
int shrink_plan_write(const struct shrink_plan *p, bp_write_fn write, void *user);

/* Who does the moves: a data device, or a test. */
struct shrink_data {
	int (*copy)(void *user, const struct bp_thin_move *move);
	int (*flush)(void *user);
	void *user;
};
/* All moves in order, then the flush; in pieces of @piece data blocks, with progress. */
int shrink_plan_copy(const struct shrink_plan *p, const struct shrink_data *data,
		     bp_dblock piece, const struct bp_thin_shrink_opts *opts);

#endif
