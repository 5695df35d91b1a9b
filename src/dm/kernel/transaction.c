/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See transaction.h. */
#include "dm/kernel/engine.h"

#include <stdio.h>
#include <string.h>

void tx_begin(struct dm *dm, struct level *ret)
{
	struct transaction *tx = &dm->tx;

	if (tx->depth++ == 0)
		signals_hold(&tx->signals, tx->inherit);
	ret->mark = tx->undos.count;
}

static void undo_free(struct undo *undo)
{
	if (undo->done)
		undo->done(undo);
	free(undo);
}

static void drop(struct transaction *tx, size_t mark)
{
	while (tx->undos.count > mark)
		undo_free(tx->undos.items[--tx->undos.count]);
}

/* Registered before its step, unarmed: then nothing can fail between the step and its undo. */
void *tx_undo(struct bp_ctx *ctx, struct dm *dm, size_t size, const struct undo *undo,
	      const char *device)
{
	struct undo *u = calloc(1, size);

	if (u && vec_add(&dm->tx.undos, &u) == 0) {
		*u = *undo;
		snprintf(u->device, sizeof(u->device), "%.*s", BP_NAME_SIZE - 1, device);
		return u;
	}
	free(u);
	bp_fail_memory(ctx);
	return NULL;
}

static bool is_left(const struct dm *dm)
{
	return dm->ops->left && dm->ops->left(dm->self);
}

/*
 * A request that was left in the kernel may or may not have been done: its undo is pending
 * until that is known.
 */
int tx_order(struct bp_ctx *ctx, const char *verb, const struct which *which,
	     struct dm_request *rq, struct dm_state *ret, struct undo *undo)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = dm_order(ctx, verb, which, rq, ret);
	if (r == 0)
		undo->armed = true;
	else if (is_left(dm))
		dm->tx.pending = undo;
	return r;
}

const struct signals *tx_stop(const struct dm *dm)
{
	return dm->tx.depth && !dm->tx.undoing ? &dm->tx.signals : NULL;
}

int tx_interrupted(const struct dm *dm)
{
	const struct signals *stop = tx_stop(dm);

	return stop && signals_waiting(stop) ? -EINTR : 0;
}

/* --- undoing --- */

struct undoing {
	struct bp_ctx *ctx;
	struct dm *dm;
	size_t mark;
};

/* Steps in reverse order, until one of them is left running. */
static void take_back(const struct undoing *u, int64_t deadline)
{
	struct transaction *tx = &u->dm->tx;

	while (tx->undos.count > u->mark) {
		size_t at = tx->undos.count - 1;
		struct undo *undo = tx->undos.items[at];
		int r = undo->armed ? undo->run(u->ctx, undo, deadline) : 0;

		if (is_left(u->dm))
			return;
		if (r < 0)
			bp_warn(u->ctx, "'%s' %s: %s", undo->device, undo->remains,
				strerrordesc_np(-r));
		drop(tx, at); /* with those of steps that it was made of */
	}
}

/* Where nobody waits: what was left ends first, and then nothing is hurried any more. */
static void follow(void *arg)
{
	const struct undoing *u = arg;
	struct transaction *tx = &u->dm->tx;
	int r = u->dm->ops->finish(u->dm->self);

	if (tx->pending && r == 0)
		tx->pending->armed = true;
	tx->pending = NULL;
	take_back(u, DEADLINE_NEVER);
}

static bool anything_to_undo(const struct transaction *tx, size_t mark)
{
	for (size_t i = mark; i < tx->undos.count; i++)
		if (tx->undos.items[i]->armed || tx->undos.items[i] == tx->pending)
			return true;
	return false;
}

/* The pid of who follows; 0: nobody needs to. */
static int undo(const struct undoing *u)
{
	struct transaction *tx = &u->dm->tx;
	bool within = tx->undoing;
	int pid = 0;

	tx->undoing = true;
	if (!is_left(u->dm))
		take_back(u, deadline_in(UNDO_MS));
	if (is_left(u->dm) && anything_to_undo(tx, u->mark))
		pid = u->dm->ops->follow(u->dm->self, follow, (void *)(uintptr_t)u);
	tx->undoing = within;
	return pid;
}

/* Undone in reverse; what the undos say doesn't replace why it failed. */
static void fail(struct bp_ctx *ctx, struct dm *dm, size_t mark)
{
	struct undoing u = { .ctx = ctx, .dm = dm, .mark = mark };
	struct error_state *first = error_save(ctx);
	bool was_left = is_left(dm);
	int pid = planning(dm) ? 0 : undo(&u);

	drop(&dm->tx, mark);
	dm->tx.pending = NULL;
	error_restore(ctx, first);
	if (pid > 0)
		error_set_cause(
			ctx,
			"the kernel can't be interrupted in it: process %d waits for its "
			"end, and takes back what comes of it",
			pid);
	else if (was_left && is_left(dm))
		error_set_cause(ctx, "the kernel can't be interrupted in it, and goes on");
	if (is_left(dm))
		dm->ops->forget(dm->self);
}

int tx_end(struct bp_ctx *ctx, struct dm *dm, const struct level *level, int r)
{
	struct transaction *tx = &dm->tx;
	bool outermost = tx->depth == 1;

	/* What an inner level did can only be undone once the request that was left has ended:
	 * with the rest. */
	if (r < 0 && (outermost || !is_left(dm)))
		fail(ctx, dm, level->mark);
	else if (outermost)
		drop(tx, level->mark);
	tx->depth--;
	if (outermost)
		signals_release(&tx->signals);
	return r;
}
