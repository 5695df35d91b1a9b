/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing back. Blocks are copied in the order of the fast device, several at once where they
 * follow each other there; the origin is flushed; then, only if nothing is missing, the metadata
 * is told. No step undoes the safety of the one before.
 */
#include "formats/cache/writeback.h"

#include "core/opts.h"
#include "io/output.h"

#include <inttypes.h>

#define BUFFER_DEFAULT (UINT64_C(64) << 20)
/* Sectors of an io block: offsets and block sizes are multiples of it. */
#define IO_BLOCK_SECTORS (IO_BLOCK / BP_SECTOR_BYTES)

struct todo {
	uint32_t cache_block;
	uint64_t origin_block;
	int error;
	bool writing;
};

struct writeback {
	struct bp_ctx *ctx;
	struct bp_cache_writeback_opts opts;
	struct bp_cache_writeback_result res;
	const struct cache_devices *devices;
	struct bp_cache_meta cm;
	struct cache_judged judged;
	VEC(struct todo) todo;
	size_t block_ios; /* io blocks of a cache block */
	size_t at_once;   /* cache blocks that fit the buffer */
	uint8_t *buf;
	uint64_t done;
};

static int on_damage(void *user, const struct bp_damage *damage)
{
	struct writeback *w = user;

	w->res.nr_damages += damage->harm != BP_HARM_REMARK;
	if (w->opts.damage)
		w->opts.damage(w->opts.user, damage);
	return 0;
}

/* --- what is to be done --- */

/* The list is in the order of cache blocks; copying sorts it by place. */
static int on_mappings(void *user, uint64_t begin, uint64_t end, const void *values)
{
	struct writeback *w = user;
	const struct cache_judged *j = &w->judged;
	bool clean = w->cm.sb.pub.flags & BP_CACHE_CLEAN;
	int r = 0;

	for (uint64_t i = begin; r == 0 && i < end; i++) {
		uint64_t value = le64_get(((const le64 *)values)[i - begin]);
		const struct todo todo = { (uint32_t)i, cache_mapping_origin(value), 0, false };

		if (bits_test(&j->kept, i) &&
		    (!clean || bits_test(&j->dirty, i) || bits_test(&j->unknown, i)))
			r = vec_add(&w->todo, &todo);
	}
	return r;
}

static int told_before(void *user, const struct bp_damage *damage)
{
	(void)user;
	(void)damage;
	return 0;
}

/* Features that forbid writing forbid this, unless metadata stays as it is. */
static int open_metadata(struct writeback *w)
{
	_cleanup_(freep) void *buf = io_buffer_new(1);
	struct io *io = w->devices->metadata;
	int r = buf ? 0 : bp_fail_memory(w->ctx);

	if (r < 0)
		return r;
	w->cm.meta = meta_of(w->ctx, io, 0);
	r = meta_read(&w->cm.meta, 0, buf);
	if (r == 0)
		r = cache_sb_check(w->ctx, buf);
	if (r < 0)
		return r;
	cache_sb_decode(buf, &w->cm.sb);
	w->cm.meta.nr_blocks = cache_usable_blocks(io, &w->cm.sb);
	if (!cache_block_sectors_valid(w->cm.sb.pub.data_block_sectors))
		return bp_fail(w->ctx, -EUCLEAN, "superblock: data block size cannot be %u",
			       w->cm.sb.pub.data_block_sectors);
	if (w->cm.sb.pub.compat_ro_flags &&
	    !(w->opts.flags & (BP_CACHE_WRITEBACK_KEEP_METADATA | BP_CACHE_WRITEBACK_DRY_RUN)))
		return bp_fail(w->ctx, -ENOTSUP,
			       "superblock has features that forbid writing: 0x%x",
			       w->cm.sb.pub.compat_ro_flags);
	return 0;
}

/* Damage was told by the judge: the second pass says nothing. */
static int collect(struct writeback *w)
{
	const struct loss_ears ears = { .report = on_damage, .user = w };
	const struct loss_ears deaf = { .report = told_before };
	const struct array_reader reader = { .part = on_mappings, .user = w, .ears = &deaf };
	int r = cache_judge(&w->cm, &ears, &w->judged);

	if (r == 0)
		r = cache_array_read(&w->cm, CACHE_MAPPINGS, &reader);
	w->res.nr_blocks = w->todo.count;
	return r == -ENOMEM ? bp_fail_memory(w->ctx) : r;
}

/* The last block of an origin may be cut short, at a whole io block. */
static bool fits_origin(const struct writeback *w, uint64_t block, uint64_t offset)
{
	const struct io *io = w->devices->origin;
	uint64_t begin;

	if (mul_overflow(block, w->block_ios, &begin) || add_overflow(begin, offset, &begin) ||
	    begin >= io->nr_blocks)
		return false;
	return io->nr_blocks - begin >= w->block_ios || io->tail_bytes == 0;
}

/* All of it must lie on the devices: else they are the wrong ones. */
static int check_sizes(struct writeback *w)
{
	uint64_t origin = w->opts.origin_offset_sectors / IO_BLOCK_SECTORS;
	uint64_t fast = w->opts.fast_offset_sectors / IO_BLOCK_SECTORS;

	for (size_t i = 0; i < w->todo.count; i++) {
		const struct todo *t = &w->todo.items[i];
		uint64_t fast_end = fast + (t->cache_block + UINT64_C(1)) * w->block_ios;
		bool fits = fits_origin(w, t->origin_block, origin);

		if (fits && fast_end <= w->devices->fast->nr_blocks)
			continue;
		bp_fail(w->ctx, -EINVAL,
			"%s device is too small: cache block %u, origin block %" PRIu64
			" lies beyond its end",
			fits ? "fast" : "origin", t->cache_block, t->origin_block);
		error_set_hint(w->ctx, "are these the devices of the cache, and the offsets?");
		return -EINVAL;
	}
	return 0;
}

/* --- copying --- */

static uint64_t fast_at(const struct writeback *w, uint64_t cache_block)
{
	return w->opts.fast_offset_sectors / IO_BLOCK_SECTORS + cache_block * w->block_ios;
}

static uint64_t origin_at(const struct writeback *w, uint64_t origin_block)
{
	return w->opts.origin_offset_sectors / IO_BLOCK_SECTORS + origin_block * w->block_ios;
}

/* An origin may end within its last block. */
static void copy_one(struct writeback *w, struct todo *t, uint8_t *data, bool have)
{
	int r = have ? 0
		     : io_read(w->devices->fast, fast_at(w, t->cache_block), w->block_ios,
			       data);

	uint64_t at = origin_at(w, t->origin_block);
	size_t len = (size_t)MIN(w->block_ios, w->devices->origin->nr_blocks - at);

	t->writing = r == 0;
	if (r == 0)
		r = io_write(w->devices->origin, at, len, data);
	t->error = r;
}

/* Blocks that follow each other on the fast device, from @t on. */
static size_t run_length(const struct writeback *w, const struct todo *t, size_t left)
{
	size_t n = 1;

	while (n < left && n < w->at_once && t[n].cache_block == t[0].cache_block + n)
		n++;
	return n;
}

static int progress(struct writeback *w, size_t n)
{
	w->done += n;
	if (w->opts.progress && w->opts.progress(w->opts.user, w->done, w->todo.count))
		return bp_fail(w->ctx, -ECANCELED, "canceled: all blocks are dirty still");
	return 0;
}

static int copy_all(struct writeback *w)
{
	int r = 0;

	for (size_t i = 0, n; r == 0 && i < w->todo.count; i += n) {
		struct todo *t = &w->todo.items[i];
		bool have;

		n = run_length(w, t, w->todo.count - i);
		/* A run that can't be read is read block by block. */
		have = io_read(w->devices->fast, fast_at(w, t->cache_block), n * w->block_ios,
			       w->buf) == 0;
		for (size_t k = 0; k < n; k++)
			copy_one(w, &t[k], w->buf + k * w->block_ios * IO_BLOCK, have);
		r = progress(w, n);
	}
	return r;
}

static void retry(struct writeback *w)
{
	for (unsigned try = 0; try < w->opts.retries; try++)
		for (size_t i = 0; i < w->todo.count; i++)
			if (w->todo.items[i].error)
				copy_one(w, &w->todo.items[i], w->buf, false);
}

/*
 * A block that failed is told with what failed: reading is the cache's disk, writing the
 * origin's.
 */
static void count(struct writeback *w)
{
	for (size_t i = 0; i < w->todo.count; i++) {
		const struct todo *t = &w->todo.items[i];
		const struct bp_cache_writeback_failed failed = {
			.cache_block = t->cache_block,
			.origin_block = t->origin_block,
			.error = t->error,
			.writing = t->writing,
		};

		w->res.nr_copied += !t->error;
		w->res.nr_write_errors += t->error && t->writing;
		w->res.nr_read_errors += t->error && !t->writing;
		if (t->error && w->opts.failed)
			w->opts.failed(w->opts.user, &failed);
	}
}

/* Runs first, in large pieces; what fails is tried again by itself. */
static int copy(struct writeback *w)
{
	uint64_t bytes = w->opts.buffer_bytes ? w->opts.buffer_bytes : BUFFER_DEFAULT;
	int r;

	w->at_once = (size_t)MAX(MIN(bytes, SIZE_MAX) / IO_BLOCK / w->block_ios, UINT64_C(1));
	w->buf = io_buffer_new(w->at_once * w->block_ios);
	if (!w->buf)
		return bp_fail_memory(w->ctx);
	r = copy_all(w);
	if (r < 0)
		return r;
	retry(w);
	count(w);
	r = io_flush(w->devices->origin);
	return r < 0 ? bp_fail(w->ctx, r,
			       "cannot flush the origin: %s; all blocks are dirty still",
			       strerrordesc_np(-r))
		     : 0;
}

/* --- the whole --- */

/*
 * Data, flush, then the dirty bits: in that order an interruption only repeats work. Bits
 * are cleared only if all was copied.
 */
static int writeback(struct writeback *w)
{
	bool all;
	int r = open_metadata(w);

	if (r == 0)
		r = collect(w);
	if (r < 0)
		return r;
	w->block_ios = w->cm.sb.pub.data_block_sectors / IO_BLOCK_SECTORS;
	r = check_sizes(w);
	if (r < 0 || (w->opts.flags & BP_CACHE_WRITEBACK_DRY_RUN))
		return r;
	if (w->todo.count)
		r = copy(w);
	all = w->res.nr_copied == w->todo.count && !w->res.nr_damages;
	if (r < 0 || !all || (w->opts.flags & BP_CACHE_WRITEBACK_KEEP_METADATA))
		return r;
	r = cache_clear_dirty(&w->cm);
	w->res.metadata_updated = r == 0;
	return r;
}

/* Direct I/O wants whole blocks. */
static int refuse_offsets(struct bp_ctx *ctx, const struct bp_cache_writeback_opts *opts)
{
	if (opts->origin_offset_sectors % IO_BLOCK_SECTORS == 0 &&
	    opts->fast_offset_sectors % IO_BLOCK_SECTORS == 0 &&
	    opts->origin_offset_sectors < BP_SECTOR_MAX &&
	    opts->fast_offset_sectors < BP_SECTOR_MAX)
		return 0;
	bp_fail(ctx, -EINVAL, "offsets must be page aligned: multiples of %u sectors",
		IO_BLOCK_SECTORS);
	error_set_code(ctx, BP_E_USAGE);
	return -EINVAL;
}

/* The result is given also where it fails: what was copied is copied. */
int cache_writeback_io(struct bp_ctx *ctx, const struct cache_devices *devices,
		       const struct bp_cache_writeback_opts *opts,
		       struct bp_cache_writeback_result *ret)
{
	struct writeback w = { .ctx = ctx, .devices = devices };
	size_t size = ret->size;
	int r = opts_read(ctx, &w.opts, sizeof(w.opts), opts);

	if (r == 0)
		r = refuse_offsets(ctx, &w.opts);
	if (r == 0 && size < sizeof(size_t))
		r = bp_fail(ctx, -EINVAL, "writeback result: size is not set");
	if (r == 0)
		r = writeback(&w);
	cache_judged_done(&w.judged);
	vec_done(&w.todo);
	free(w.buf);
	if (size >= sizeof(size_t)) {
		w.res.size = size;
		memcpy(ret, &w.res, MIN(size, sizeof(w.res)));
	}
	return r;
}

/* Three different devices, or one would be written over. */
int bp_cache_writeback(struct bp_ctx *ctx, const char *metadata, const char *fast,
		       const char *origin, const struct bp_cache_writeback_opts *opts,
		       struct bp_cache_writeback_result *ret)
{
	struct bp_cache_writeback_opts o;
	struct cache_devices devices = { 0 };
	bool dry;
	int r = opts_read(ctx, &o, sizeof(o), opts);

	dry = o.flags & BP_CACHE_WRITEBACK_DRY_RUN;
	if (r == 0)
		r = output_refuse_input(ctx, -1, fast, origin);
	if (r == 0)
		r = output_refuse_input(ctx, -1, metadata, origin);
	if (r == 0)
		r = output_refuse_input(ctx, -1, fast, metadata);
	if (r == 0)
		r = io_open(ctx, metadata, dry ? 0 : IO_WRITE, &devices.metadata);
	if (r == 0)
		r = io_open(ctx, fast, IO_DATA, &devices.fast);
	if (r == 0)
		r = io_open(ctx, origin, IO_DATA | (dry ? 0u : (unsigned)IO_WRITE),
			    &devices.origin);
	if (r == 0)
		r = cache_writeback_io(ctx, &devices, opts, ret);
	io_close(devices.metadata);
	io_close(devices.fast);
	io_close(devices.origin);
	return r;
}
