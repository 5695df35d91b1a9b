/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options are judged before anything is opened; nothing is given back of a repair that failed. */
#include "formats/check/rebuild.h"

#include "io/io.h"
#include "io/output.h"

/* Told in the plan's pass; the writing pass is deaf. */
static int on_damage(void *user, const struct bp_damage *damage)
{
	struct rebuild *re = user;

	if (re->deaf)
		return 0;
	*re->lost += damage->harm != BP_HARM_REMARK;
	if (re->how.damage)
		re->how.damage(re->how.user, damage);
	return 0;
}

struct loss_ears rebuild_ears(struct rebuild *re)
{
	return (struct loss_ears){ .report = on_damage, .user = re };
}

int rebuild_lost(struct rebuild *re, const struct bp_damage *damage)
{
	return on_damage(re, damage);
}

int rebuild_progress(const struct rebuild *re, uint64_t done, uint64_t total)
{
	if (re->how.progress && re->how.progress(re->how.user, done, total))
		return bp_fail(re->ctx, -ECANCELED, "canceled");
	return 0;
}

/* Ends with the format's own begin(): from then on the state is its. */
static int begin(const struct rebuild_format *f, struct bp_ctx *ctx, const void *opts,
		 const void *ret, struct rebuild **ret_re)
{
	void *state;
	int r = call_begin(ctx, &f->shape, "repair", opts, ret, &state);

	if (r < 0)
		return r;
	*ret_re = state;
	(*ret_re)->ctx = ctx;
	r = f->begin(state);
	if (r < 0)
		free(state);
	return r;
}

/* One of @to and @path, or neither for a plan. */
static int carry_out(const struct rebuild_format *f, struct rebuild *re, struct io *from,
		     struct io *to, const char *path)
{
	int r;

	re->only_plan = !to && !path;
	r = f->open(re, from);
	if (r == 0)
		r = f->plan(re);
	if (r < 0 || re->only_plan)
		return r;
	if (path)
		r = io_open(re->ctx, path, IO_WRITE | IO_OUTPUT, &re->opened);
	re->deaf = true;
	return r == 0 ? f->write(re, to ? to : re->opened) : r;
}

/* The same, and the end of it. */
static int run(const struct rebuild_format *f, struct rebuild *take_re, struct io *from,
	       struct io *to, const char *path, void *ret)
{
	int r = carry_out(f, take_re, from, to, path);

	f->done(take_re);
	io_close(take_re->opened);
	if (r == 0)
		call_give(&f->shape, take_re, ret);
	free(take_re);
	return r;
}

int rebuild_io(const struct rebuild_format *format, struct bp_ctx *ctx, struct io *from,
	       struct io *to, const void *opts, void *ret)
{
	struct rebuild *re;
	int r = begin(format, ctx, opts, ret, &re);

	return r == 0 ? run(format, re, from, to, NULL, ret) : r;
}

/* The input is never written: it is opened for reading, and refused as output. */
int rebuild_path(const struct rebuild_format *format, struct bp_ctx *ctx, const char *input,
		 const char *output, const void *opts, void *ret)
{
	struct rebuild *re;
	struct io *from = NULL;
	int r = begin(format, ctx, opts, ret, &re);

	if (r < 0)
		return r;
	if (output)
		r = output_refuse_input(ctx, -1, input, output);
	if (r == 0)
		r = io_open(ctx, input, 0, &from);
	if (r < 0)
		free(re);
	else
		r = run(format, re, from, NULL, output, ret);
	io_close(from);
	return r;
}
