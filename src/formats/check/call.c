/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/check/call.h"

#include "core/opts.h"

/* @ret's size before any work: a result that can't be given is a mistake of the caller. */
int call_begin(struct bp_ctx *ctx, const struct call_shape *shape, const char *what,
	       const void *opts, const void *ret, void **ret_state)
{
	_cleanup_(freep) void *state = NULL;
	size_t size;
	int r;

	memcpy(&size, ret, sizeof(size));
	if (size < sizeof(size_t))
		return bp_fail(ctx, -EINVAL, "%s result: size is not set", what);
	state = calloc(1, shape->state_size);
	if (!state)
		return bp_fail_memory(ctx);
	r = opts_read(ctx, call_inside(state, shape->opts), shape->opts_size, opts);
	if (r < 0)
		return r;
	*ret_state = steal(state);
	return 0;
}

void call_give(const struct call_shape *shape, void *state, void *ret)
{
	uint8_t *res = call_inside(state, shape->result);
	size_t size;

	memcpy(&size, ret, sizeof(size));
	memcpy(res, &size, sizeof(size));
	memcpy(ret, res, MIN(size, shape->result_size));
}
