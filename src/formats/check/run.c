/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options are judged before anything is opened; nothing is given back of a check that failed. */
#include "formats/check/run.h"

#include "core/opts.h"

static void *inside(struct check *c, size_t offset)
{
	return (uint8_t *)c + offset;
}

/* A state with the options as this library knows them, all of which go together. */
static int begin(const struct check_format *f, struct bp_ctx *ctx, enum check_mode mode,
		 const void *opts, const void *ret, struct check **state)
{
	_cleanup_(freep) struct check *c = NULL;
	size_t size;
	int r;

	memcpy(&size, ret, sizeof(size));
	if (size < sizeof(size_t))
		return bp_fail(ctx, -EINVAL, "check result: size is not set");
	c = calloc(1, f->state_size);
	if (!c)
		return bp_fail_memory(ctx);
	r = opts_read(ctx, inside(c, f->opts), f->opts_size, opts);
	if (r < 0)
		return r;
	c->how = f->how(c);
	c->how.mode = mode;
	c->how.places = f->places;
	if (mode != CHECK_ONLY && !f->may_write(c))
		return bp_fail(ctx, -EINVAL, "only the whole of the metadata can be repaired");
	*state = steal(c);
	return 0;
}

/* The result begins with its size; of a larger one than we know the rest is left alone. */
static void give(const struct check_format *f, struct check *c, void *ret)
{
	uint8_t *res = inside(c, f->result);
	size_t size;

	memcpy(&size, ret, sizeof(size));
	memcpy(res, &size, sizeof(size));
	memcpy(res + f->totals, &c->found, sizeof(c->found));
	memcpy(ret, res, MIN(size, f->result_size));
}

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
	give(f, c, ret);
	return 0;
}

int check_io(const struct check_format *f, struct bp_ctx *ctx, struct io *io,
	     enum check_mode mode, const void *opts, void *ret)
{
	_cleanup_(freep) struct check *c = NULL;
	int r = begin(f, ctx, mode, opts, ret, &c);

	return r == 0 ? carry_out(f, c, ctx, io, ret) : r;
}

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
