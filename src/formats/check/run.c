/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options are judged before anything is opened; nothing is given back of a check that failed. */
#include "formats/check/run.h"

/* A state with the options as this library knows them, all of which go together. */
static int begin(const struct check_format *f, struct bp_ctx *ctx, enum check_mode mode,
		 const void *opts, const void *ret, struct check **ret_check)
{
	_cleanup_(freep) struct check *c = NULL;
	void *state;
	int r = call_begin(ctx, &f->shape, "check", opts, ret, &state);

	if (r < 0)
		return r;
	c = state;
	c->how = f->how(c);
	c->how.mode = mode;
	c->how.places = f->places;
	if (mode != CHECK_ONLY && !f->may_write(c))
		return bp_fail(ctx, -EINVAL, "only the whole of the metadata can be repaired");
	*ret_check = steal(c);
	return 0;
}

/* The result is given only if the check could be carried out. */
static int carry_out(const struct check_format *f, struct check *c, struct bp_ctx *ctx,
		     struct io *io, void *ret)
{
	const struct check_how how = c->how;
	int r;

	check_init(c, ctx, io, &how);
	r = f->steps(c);
	f->done(c);
	check_done(c);
	if (r < 0)
		return check_failed(c, r);
	memcpy(call_inside(c, f->shape.result + f->totals), &c->found, sizeof(c->found));
	call_give(&f->shape, c, ret);
	return 0;
}

int check_io(const struct check_format *f, struct bp_ctx *ctx, struct io *io,
	     enum check_mode mode, const void *opts, void *ret)
{
	_cleanup_(freep) struct check *c = NULL;
	int r = begin(f, ctx, mode, opts, ret, &c);

	return r == 0 ? carry_out(f, c, ctx, io, ret) : r;
}

/* Opened for writing only where something may be repaired. */
int check_path(const struct check_format *f, struct bp_ctx *ctx, const char *path,
	       enum check_mode mode, const void *opts, void *ret)
{
	_cleanup_(freep) struct check *c = NULL;
	unsigned flags = mode == CHECK_ONLY ? 0 : IO_WRITE;
	struct io *io;
	int r = begin(f, ctx, mode, opts, ret, &c);

	if (r == 0 && mode == CHECK_ONLY && f->shared && f->shared(c))
		flags |= IO_SHARED;
	if (r == 0)
		r = io_open(ctx, path, flags, &io);
	if (r < 0)
		return r;
	r = carry_out(f, c, ctx, io, ret);
	io_close(io);
	return r;
}
