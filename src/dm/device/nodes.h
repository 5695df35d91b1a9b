/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Nodes in the mapper directory, and waiting for udev to make them. An operation that udev
 * hears of goes between udev_begin() and udev_end(): before the request, and after it whatever
 * came of it.
 */
#ifndef DM_DEVICE_NODES_H
#define DM_DEVICE_NODES_H

#include "dm/kernel/engine.h"

struct cookie {
	bool waiting; /* udev will be told, and answer */
	bool joined;  /* the same, but who made the cookie waits for it */
	bool left;    /* nobody waits here: nodes are udev's */
	int semid;    /* where @waiting */
	uint32_t
		value; /* what the request carries; also where we don't wait: flags for rules */
};

/* Which names are to have a node afterwards, and which not; NULL: none. Kernel names. */
struct node_change {
	const char *make, *remove;
	uint32_t major, minor;
	bool with_mode;
	uint32_t uid, gid, mode;
};

int udev_begin(struct bp_ctx *ctx, struct dm *dm, uint32_t policy, struct cookie *ret);
/*
 * Send a request that udev is to answer, with @policy's cookie; a failed one ends it. @undo: see
 * tx_order(); may be NULL.
 */
int udev_order(struct bp_ctx *ctx, struct dm *dm, const char *verb, const struct which *which,
	       struct dm_request *rq, uint32_t policy, struct cookie *ret_cookie,
	       struct dm_state *ret, struct undo *undo);
/*
 * @state: of the request, or NULL where it failed (then @change is not made). After it the
 * nodes are as they should be, whoever made them; a limit that passed is a warning.
 */
int udev_end(struct bp_ctx *ctx, struct dm *dm, struct cookie *cookie,
	     const struct dm_state *state, const struct node_change *change, int64_t deadline);

/* End a cookie: 0 where udev answered, or had nothing to; else a warning is recorded. */
int cookie_wait(struct bp_ctx *ctx, struct dm *dm, struct cookie *cookie, bool uevent,
		int64_t deadline);

/* The request sent no uevent: nobody will answer for it on a cookie that was joined. */
void cookie_unjoin(const struct cookie *cookie);

/* Remove the nodes of devices that are gone. */
int nodes_drop_stale(struct bp_ctx *ctx, struct dm *dm);
/* Does udev make and remove the nodes? */
bool udev_runs(struct dm *dm);

/* Make, or put right, without asking udev. */
int node_make(struct bp_ctx *ctx, struct dm *dm, const struct node_change *change);

#endif
