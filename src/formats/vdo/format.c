/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making a volume. All sizes are worked out and all that speaks against it is found before the
 * first write. Order of writes, each flushed before the next: block 0 zeroed (what was there is
 * gone, and nothing new is there yet); old index, roots and journal zeroed; super block;
 * geometry. The rest of the device keeps its contents: a kernel trusts no block without the
 * volume's nonce.
 */
#include "core/opts.h"
#include "core/strbuf.h"
#include "formats/vdo/vdo.h"
#include "io/probe.h"

#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

#define ZERO_BLOCKS 256 /* written at a time */

struct format {
	struct bp_ctx *ctx;
	struct io *io;
	const struct bp_vdo_format_opts *opts;
	uint8_t *block, *zeros;
	bp_mblock done, total;
};

static int failed(struct format *f, int r, const char *what, bp_mblock block)
{
	return bp_fail(f->ctx, r, "cannot write the %s (block %" PRIu64 "): %s", what, block,
		       strerrordesc_np(-r));
}

static int progress(struct format *f, bp_mblock done)
{
	const struct bp_vdo_format_opts *o = f->opts;

	f->done += done;
	if (o->progress && o->progress(o->user, f->done, f->total))
		return bp_fail(f->ctx, -ECANCELED, "stopped");
	return 0;
}

/* Zero a range: by the device itself where it can; holes are zero already. */
static int zero(struct format *f, const char *what, bp_mblock first, bp_mblock count)
{
	bp_mblock at = first, end = first + count, begin, stop;
	int r = io_zero(f->io, first, count);

	if (r == 0)
		return progress(f, count);
	r = 0;
	while (r == 0 && at < end) {
		r = io_data_next(f->io, at, &begin, &stop);
		if (r < 0 || begin >= end)
			break;
		stop = MIN(stop, end);
		for (at = begin; r == 0 && at < stop;) {
			size_t n = (size_t)MIN(stop - at, ZERO_BLOCKS);

			r = io_write(f->io, at, n, f->zeros);
			if (r < 0)
				return failed(f, r, what, at);
			at += n;
			r = progress(f, n);
		}
	}
	return r;
}

static int flush(struct format *f)
{
	int r = io_flush(f->io);

	return r < 0 ? bp_fail(f->ctx, r, "cannot flush what was written: %s",
			       strerrordesc_np(-r))
		     : 0;
}

static int write_block(struct format *f, const char *what, bp_mblock block)
{
	int r = io_write(f->io, block, 1, f->block);

	return r < 0 ? failed(f, r, what, block) : flush(f);
}

/*
 * Geometry zeroed first and written last, with flushes between: interrupted, it is no
 * volume.
 */
static int write_all(struct format *f, const struct bp_vdo_volume *v)
{
	int r = zero(f, "geometry", 0, 1);

	if (r == 0)
		r = flush(f);
	if (r == 0)
		r = zero(f, "index", v->index_start_mblock, 1);
	if (r == 0)
		r = zero(f, "roots of the block map", v->root_start_mblock, v->nr_roots);
	if (r == 0)
		r = zero(f, "recovery journal", v->journal_start_mblock, v->journal_mblocks);
	if (r == 0)
		r = flush(f);
	if (r < 0)
		return r;
	vdo_super_encode(v, f->block);
	r = write_block(f, "super block", v->data_start_mblock);
	if (r < 0)
		return r;
	vdo_geometry_encode(v, f->block);
	return write_block(f, "geometry", 0);
}

/* Nonce and uuid where none were given: microseconds since 1970, and a random one. */
static int identity(struct bp_ctx *ctx, const struct bp_vdo_format_opts *o,
		    struct bp_vdo_volume *v)
{
	struct timespec now;

	if (!o->nonce) {
		clock_gettime(CLOCK_REALTIME, &now);
		v->nonce = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	}
	if (o->uuid)
		return 0;
	if (getrandom(v->uuid, sizeof(v->uuid), 0) != sizeof(v->uuid))
		return bp_fail(ctx, -errno, "no random numbers for a uuid");
	v->uuid[6] = (v->uuid[6] & 0x0f) | 0x40; /* version 4, random */
	v->uuid[8] = (v->uuid[8] & 0x3f) | 0x80;
	return 0;
}

/* The slabs themselves are not written: a new volume's state says that they are empty. */
int vdo_format_io(struct bp_ctx *ctx, struct io *io, const struct bp_vdo_format_opts *opts,
		  struct bp_vdo_volume *v)
{
	_cleanup_(freep) uint8_t *block = io_buffer_new(1);
	_cleanup_(freep) uint8_t *zeros = io_buffer_new(ZERO_BLOCKS);
	struct format f = {
		.ctx = ctx,
		.io = io,
		.opts = opts,
		.block = block,
		.zeros = zeros,
	};
	int r;

	if (!block || !zeros)
		return bp_fail_memory(ctx);
	memset(zeros, 0, ZERO_BLOCKS * IO_BLOCK);
	r = identity(ctx, opts, v);
	if (r < 0)
		return r;
	f.total = 2 + v->nr_roots + v->journal_mblocks;
	return write_all(&f, v);
}

/* --- what is there --- */

struct finds {
	const struct bp_vdo_format_opts *opts;
	struct strbuf list;
};

/* Whatever libblkid knows there: each is somebody's. */
static int on_found(void *user, const char *what)
{
	struct finds *finds = user;

	if (finds->list.len)
		strbuf_add(&finds->list, ", ");
	strbuf_add(&finds->list, what);
	if (finds->opts->flags & BP_VDO_FORMAT_FORCE && finds->opts->found)
		finds->opts->found(finds->opts->user, what);
	return 0;
}

/* Refuse to overwrite what has a signature, unless forced. */
static int check_empty(struct bp_ctx *ctx, const char *path,
		       const struct bp_vdo_format_opts *opts)
{
	struct finds finds = { .opts = opts };
	int r = probe_each(path, on_found, &finds);

	if (r < 0) {
		bp_fail(ctx, r, "cannot look for what it holds: %s", strerrordesc_np(-r));
	} else if (finds.list.len && !(opts->flags & BP_VDO_FORMAT_FORCE)) {
		r = bp_fail(ctx, -EEXIST, "it holds something already: %s",
			    strbuf_text(&finds.list));
		error_set_code(ctx, BP_E_METADATA_EXISTS);
		error_set_device(ctx, path);
		error_set_hint(ctx, "--force overwrites it");
	}
	strbuf_done(&finds.list);
	return r;
}

/* Refused over anything known, unless forced; a dry run looks only. */
int bp_vdo_format(struct bp_ctx *ctx, const char *path, const struct bp_vdo_format_opts *opts,
		  struct bp_vdo_volume *ret)
{
	struct bp_vdo_format_opts o;
	struct bp_vdo_volume v = { .size = sizeof(v) };
	struct io *io;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	if (r < 0)
		return r;
	r = io_open(ctx, path, IO_OUTPUT, &io);
	if (r < 0)
		return r;
	r = bp_vdo_plan(ctx, bp_mblock_to_bytes(io->nr_blocks), &o, &v);
	if (r == 0)
		r = check_empty(ctx, path, &o);
	if (r == 0 && !(o.flags & BP_VDO_FORMAT_DRY_RUN))
		r = vdo_format_io(ctx, io, &o, &v);
	io_close(io);
	if (r < 0)
		error_set_device(ctx, path);
	return r == 0 && ret ? vdo_give(ctx, ret, &v, sizeof(v)) : r;
}
