/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Waiting for events. The kernel's own wait has no limit and can't be cancelled, so we poll:
 * arm, look, wait. An event between arming and looking is seen by looking, one after by the
 * wait.
 */
#include "dm/kernel/engine.h"

/* Without a device: the event number of all. */
static int arm(struct bp_ctx *ctx)
{
	struct dm_request rq = { .op = OP_ARM, .deadline = DEADLINE_NEVER };

	return dm_order(ctx, "wait", NULL, &rq, NULL);
}

/* Armed before the number is read: an event in between is then seen by the poll. */
int bp_device_wait(struct bp_ctx *ctx, const struct bp_selector *selector, uint32_t event_nr,
		   int64_t timeout_ms, struct bp_device_info *ret)
{
	int64_t deadline = dm_deadline(timeout_ms);
	struct dm_state state;
	struct which which;
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r == 0)
		r = which_resolve(ctx, selector, &which);
	while (r == 0) {
		r = arm(ctx);
		if (r == 0)
			r = dm_state(ctx, "wait", &which, &state);
		if (r < 0)
			return r;
		/* Numbers wrap, and begin anew with a device: what counts is that it is another. */
		if (state.event_nr != event_nr)
			break;
		/* From here on that very device, whatever its name is. */
		which_settle(&which, &state);
		r = dm->ops->wait(dm->self, deadline);
	}
	if (r < 0) {
		bp_fail(ctx, r, "wait '%s': no event within the time limit", which.label);
		error_set_verb(ctx, "wait");
		error_set_device(ctx, which.label);
		return r;
	}
	if (ret)
		dm_info_from_state(dm, &state, ret);
	return 0;
}

/* The context's: it is not to be closed by the caller. */
int bp_event_fd(struct bp_ctx *ctx, int *ret_fd)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	r = dm->ops->event_fd(dm->self, ret_fd);
	return r < 0 ? bp_fail(ctx, r, "can't open device-mapper for events") : 0;
}

/* Events from here on make the descriptor readable; without it the last one stays so. */
int bp_event_arm(struct bp_ctx *ctx)
{
	struct dm *dm;
	int r = dm_get(ctx, &dm);

	if (r < 0)
		return r;
	r = dm->ops->event_arm(dm->self);
	return r < 0 ? bp_fail(ctx, r, "can't arm the event descriptor") : 0;
}
