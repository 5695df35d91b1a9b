/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata stays open, and its device exclusively ours, from the check to the last discard:
 * nobody can activate the pool in between.
 */
#include <bedplate/thin_trim.h>

#include "core/opts.h"
#include "formats/thin/free.h"
#include "formats/thin/meta.h"
#include "io/data.h"
#include "io/output.h"

#include <inttypes.h>

/* Bytes discarded at once: so that progress is seen, and canceling heeded. */
#define PIECE_BYTES (UINT64_C(1) << 30)

struct trim {
	struct bp_ctx *ctx;
	struct bp_thin_trim_opts opts;
	struct bp_thin_trim_result res;
	struct thin_sb sb;
	struct data *data; /* NULL: dry run */
};

static int check_progress(void *user, const char *stage, bp_mblock done, bp_mblock total)
{
	struct trim *t = user;

	(void)stage;
	return t->opts.progress ? t->opts.progress(t->opts.user, done, total) : 0;
}

static void check_damage(void *user, const struct bp_damage *damage)
{
	struct trim *t = user;

	if (t->opts.damage)
		t->opts.damage(t->opts.user, damage);
}

/*
 * The whole check first: with wrong counts a block in use could look free, and discarding
 * it destroys it.
 */
static int check(struct trim *t, struct io *io)
{
	const struct bp_thin_check_opts opts = {
		.size = sizeof(opts),
		.damage = check_damage,
		.progress = check_progress,
		.user = t,
	};
	int r;

	t->res.check.size = sizeof(t->res.check);
	r = thin_check_io(t->ctx, io, CHECK_ONLY, &opts, &t->res.check);
	if (r < 0 || t->res.check.nr_fatal == 0)
		return r;
	bp_fail(t->ctx, -EUCLEAN,
		"metadata contains errors: %" PRIu64 " found; nothing was discarded",
		t->res.check.nr_fatal);
	error_set_code(t->ctx, BP_E_DAMAGED);
	error_set_hint(t->ctx, "repair it first: a block that looks free may be in use");
	return -EUCLEAN;
}

static int report_progress(const struct trim *t, bp_dblock done)
{
	if (t->opts.progress && t->opts.progress(t->opts.user, done, t->res.nr_data_blocks))
		return bp_fail(t->ctx, -ECANCELED, "canceled");
	return 0;
}

/* In pieces, as one discard of terabytes can't be interrupted. */
static int discard(const struct trim *t, bp_dblock begin, bp_dblock length)
{
	bp_bytes size = t->res.data_block_bytes;
	bp_dblock piece = MAX(PIECE_BYTES / size, 1);
	int r = 0;

	for (bp_dblock done = 0; r == 0 && done < length; done += piece) {
		bp_dblock nr = MIN(piece, length - done);

		r = data_discard(t->ctx, t->data, (begin + done) * size, nr * size);
		if (r == 0)
			r = report_progress(t, begin + done + nr);
	}
	return r;
}

/* Told before it is discarded; the callback may end it. */
static int on_run(void *user, bp_dblock begin, bp_dblock length)
{
	struct trim *t = user;
	int r = t->opts.run ? t->opts.run(t->opts.user, begin, length) : 0;

	if (r == 0 && t->data)
		r = discard(t, begin, length);
	if (r == 0) {
		t->res.nr_free += length;
		t->res.nr_runs++;
	}
	return r;
}

/* Exclusive: the pool must not allocate meanwhile. A dry run only looks at the size. */
static int open_data(struct trim *t, const char *path)
{
	bool dry = t->opts.flags & BP_THIN_TRIM_DRY_RUN;
	bp_bytes wanted = t->res.nr_data_blocks * t->res.data_block_bytes;
	struct data *data;
	int r = data_open(t->ctx, path, dry ? DATA_SHARED : DATA_WRITE, &data);

	if (r < 0)
		return r;
	if (data->size < wanted) {
		r = bp_fail(t->ctx, -EINVAL,
			    "%s: unexpected data device size, wanted %" PRIu64
			    " bytes, it has %" PRIu64,
			    path, wanted, data->size);
		error_set_code(t->ctx, BP_E_TOO_SMALL);
	}
	if (r == 0 && !dry)
		t->data = steal(data);
	data_close(data);
	return r;
}

/* Check, size of the data device, then the free runs. */
static int trim(struct trim *t, struct io *io, const char *path)
{
	struct meta meta = meta_of(t->ctx, io, 0);
	int r = check(t, io);

	if (r == 0)
		r = thin_sb_read(&meta, 0, &t->sb);
	if (r < 0)
		return r;
	meta.nr_blocks = thin_usable_blocks(io, &t->sb);
	t->res.data_block_bytes = bp_sector_to_bytes(t->sb.pub.data_block_sectors);
	t->res.nr_data_blocks = t->sb.pub.nr_data_blocks;
	r = open_data(t, path);
	if (r == 0)
		r = thin_free_runs(&meta, THIN_MAP_DATA, &t->sb.data_sm, on_run, t);
	if (r == 0 && t->data)
		r = data_flush(t->ctx, t->data);
	return r;
}

/* A result of the caller's size. */
static void give_result(struct bp_thin_trim_result *ret, const struct bp_thin_trim_result *res)
{
	size_t size = ret ? MIN(ret->size, sizeof(*res)) : 0;

	if (size > sizeof(size_t))
		memcpy((uint8_t *)ret + sizeof(size_t), (const uint8_t *)res + sizeof(size_t),
		       size - sizeof(size_t));
}

/* The result is given also where it fails. */
int bp_thin_trim(struct bp_ctx *ctx, const char *metadata, const char *data,
		 const struct bp_thin_trim_opts *opts, struct bp_thin_trim_result *ret)
{
	struct trim t = { .ctx = ctx, .res.size = sizeof(t.res) };
	struct io *io;
	int r = opts_read(ctx, &t.opts, sizeof(t.opts), opts);

	if (r == 0)
		r = output_refuse_input(ctx, -1, metadata, data);
	if (r == 0)
		r = io_open(ctx, metadata, 0, &io);
	if (r < 0)
		return r;
	r = trim(&t, io, data);
	data_close(t.data);
	io_close(io);
	give_result(ret, &t.res);
	return r;
}
