/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happens together or not at all. A transaction holds signals back; each step that leaves
 * something behind says how it is taken back; on failure, and when a signal asks to end, that is
 * done in reverse order, and only then does the signal arrive. A request that could not be
 * interrupted is followed to its real end by a process of its own, which does the rest.
 *
 * Transactions nest: what an inner one has done is taken back with the outer one. Promised: after
 * a failure that is returned all is as before, or will be as soon as the kernel lets it, or a
 * warning says what is not. Not promised: anything after SIGKILL.
 */
#ifndef DM_KERNEL_TRANSACTION_H
#define DM_KERNEL_TRANSACTION_H

#include "core/context.h"
#include "core/vec.h"
#include "dm/kernel/signals.h"

struct dm;
struct dm_request;
struct dm_state;
struct which;

/* How one step is taken back. A step embeds it, at its beginning. */
struct undo {
	/*
	 * The kernel's state is asked, never assumed: it may run twice, or find nothing to do.
	 * 0 or -errno.
	 */
	int (*run)(struct bp_ctx *ctx, const struct undo *undo, int64_t deadline);
	void (*done)(const struct undo *undo); /* frees what it has; NULL: nothing */
	const char *remains;                   /* "is still suspended": where it fails */
	char device[BP_NAME_SIZE];             /* whom that is said of */
	bool armed;                            /* there is something to take back */
};

/* In struct dm. */
struct transaction {
	unsigned depth;
	struct signals signals;
	const struct signals *inherit; /* see signals_hold() */
	VEC(struct undo *) undos;
	struct undo *pending; /* armed if the request that was left succeeds */
	bool undoing;
};

/* One level. */
struct level {
	size_t mark;
};

void tx_begin(struct dm *dm, struct level *ret);
/* Ends it: undoes where @r is an error. Returns @r. */
int tx_end(struct bp_ctx *ctx, struct dm *dm, const struct level *level, int r);

/*
 * A step's undo, of @size bytes, which begins as @undo and is zero behind; the transaction owns it.
 * Made before the step itself, so that nothing can fail in between. NULL: no memory, recorded.
 */
void *tx_undo(struct bp_ctx *ctx, struct dm *dm, size_t size, const struct undo *undo,
	      const char *device);
/* A step as one request; its undo is armed once it has succeeded. */
int tx_order(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_request *rq, struct dm_state *ret, struct undo *undo);

/* The signals that end a wait now; NULL: none does. */
const struct signals *tx_stop(const struct dm *dm);
/* -EINTR where one has come. */
int tx_interrupted(const struct dm *dm);

/* How long an undo may take until a process of its own takes it over. */
#define UNDO_MS 5000

#endif
