/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A copy is a delta against an empty device, or against an earlier snapshot: what the new one
 * maps and the old one does not, or elsewhere, is copied; what only the old one maps is zeroed.
 * The delta is computed twice, first to know how much there is, and that it can be read.
 */
#include <bedplate/thin_delta.h>
#include <bedplate/thin_migrate.h>

#include "core/opts.h"
#include "formats/thin/meta.h"
#include "io/data.h"
#include "io/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#define BUFFER_BYTES (4u << 20)

struct migrate {
	struct bp_thin_meta *tm;
	struct bp_thin_migrate_opts opts;
	struct bp_thin_migrate_result res;
	struct data *source, *dest;
	uint8_t *buf;
	bp_bytes block; /* size of a data block */
	bp_bytes end;   /* of what was dealt with */
	bp_bytes total; /* to be copied */
	bp_dblock highest;
};

/* --- what there is to copy --- */

/* The mappings of one device as if compared with an empty one. */
struct all_of_it {
	int (*run)(void *user, const struct bp_thin_delta_run *run);
	void *user;
};

/* All of a device is a difference to nothing. */
static int on_mapping(void *user, const struct bp_thin_run *run)
{
	const struct all_of_it *all = user;
	const struct bp_thin_delta_run delta = {
		.kind = BP_THIN_DELTA_RIGHT_ONLY,
		.begin = run->virtual_begin,
		.length = run->length,
		.left_data_begin = BP_NONE,
		.right_data_begin = run->data_begin,
	};

	return all->run(all->user, &delta);
}

/* Twice, once to count and once to copy: reading a tree again is cheap beside copying. */
static int for_each_run(struct migrate *m,
			int (*run)(void *user, const struct bp_thin_delta_run *run))
{
	const struct bp_thin_delta_side left = { .id = m->opts.delta_id };
	const struct bp_thin_delta_side right = { .id = m->opts.id };
	const struct bp_thin_delta_opts opts = {
		.size = sizeof(opts),
		.flags = BP_THIN_DELTA_DATA | BP_THIN_DELTA_CHANGES,
	};
	struct all_of_it all = { run, m };

	if (m->opts.flags & BP_THIN_MIGRATE_DELTA)
		return bp_thin_delta(m->tm, &left, &right, &opts, run, m);
	return bp_thin_mappings(m->tm, m->opts.id, 0, UINT64_MAX, on_mapping, &all);
}

/* What is only on the left needs no copying, just zeros. */
static int count_run(void *user, const struct bp_thin_delta_run *run)
{
	struct migrate *m = user;

	if (run->kind == BP_THIN_DELTA_LEFT_ONLY)
		return 0;
	m->total += run->length * m->block;
	m->highest = MAX(m->highest, run->begin + run->length);
	return 0;
}

/* --- doing it --- */

static int report_progress(const struct migrate *m)
{
	if (m->opts.progress && m->opts.progress(m->opts.user, m->res.copied_bytes, m->total))
		return bp_fail(m->tm->meta.ctx, -ECANCELED, "canceled");
	return 0;
}

static int zero(struct migrate *m, bp_bytes begin, bp_bytes end)
{
	end = MIN(end, m->res.size_bytes);
	if (begin >= end)
		return 0;
	m->res.zeroed_bytes += end - begin;
	return data_zero(m->tm->meta.ctx, m->dest, begin, end - begin);
}

/* What lies between the last run and @begin is not mapped. */
static int skip_to(struct migrate *m, bp_bytes begin)
{
	bp_bytes end = m->end;

	m->end = MAX(m->end, begin);
	if ((m->opts.flags & (BP_THIN_MIGRATE_DELTA | BP_THIN_MIGRATE_NO_ZERO)) ||
	    !m->dest->device)
		return 0; /* in a new file it is a hole */
	return zero(m, end, begin);
}

/* In pieces of buffer_bytes; progress after each. */
static int copy(struct migrate *m, bp_bytes from, bp_bytes to, bp_bytes len)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;
	int r = 0;

	for (bp_bytes at = 0; r == 0 && at < len;) {
		size_t n = (size_t)MIN(m->opts.buffer_bytes, len - at);

		r = data_read(ctx, m->source, from + at, n, m->buf);
		if (r == 0)
			r = data_write(ctx, m->dest, to + at, n, m->buf);
		at += n;
		m->res.copied_bytes += n;
		if (r == 0)
			r = report_progress(m);
	}
	return r;
}

/* Places are the volume's own; with pool data they are looked up in the pool's. */
static int do_run(void *user, const struct bp_thin_delta_run *run)
{
	struct migrate *m = user;
	bp_bytes begin = run->begin * m->block;
	bp_bytes end = MIN(begin + run->length * m->block, m->res.size_bytes);
	bool pool = m->opts.flags & BP_THIN_MIGRATE_POOL_DATA;
	int r;

	if (begin >= m->res.size_bytes)
		return 0;
	if (run->kind == BP_THIN_DELTA_LEFT_ONLY)
		return zero(m, begin, end);
	r = skip_to(m, begin);
	if (r == 0)
		r = copy(m, pool ? run->right_data_begin * m->block : begin, begin,
			 end - begin);
	m->end = end;
	return r;
}

/* --- both ends --- */

/* A volume that is written to while it is copied would be copied from two moments. */
static int check_source(struct migrate *m)
{
	int read_only = 0;

	if (!m->source->device ||
	    (m->opts.flags & (BP_THIN_MIGRATE_POOL_DATA | BP_THIN_MIGRATE_WRITABLE)))
		return 0;
	if (ioctl(m->source->fd, BLKROGET, &read_only) == 0 && read_only)
		return 0;
	bp_fail(m->tm->meta.ctx, -EROFS, "%s: not a read-only device", m->source->path);
	error_set_hint(m->tm->meta.ctx,
		       "take a snapshot and activate it read-only: what is copied must not "
		       "change meanwhile");
	return -EROFS;
}

/* Without a size the source's, or the end of what is mapped. */
static int open_source(struct migrate *m, const char *path)
{
	bool pool = m->opts.flags & BP_THIN_MIGRATE_POOL_DATA;
	int r = data_open(m->tm->meta.ctx, path, DATA_SHARED, &m->source);

	if (r == 0)
		r = check_source(m);
	if (r < 0)
		return r;
	m->res.size_bytes = m->opts.size_bytes ? m->opts.size_bytes
			    : pool             ? m->highest * m->block
					       : m->source->size;
	if (!pool && m->res.size_bytes > m->source->size)
		return bp_fail(m->tm->meta.ctx, -EINVAL,
			       "%s has %" PRIu64 " bytes, not %" PRIu64, path, m->source->size,
			       m->res.size_bytes);
	return 0;
}

/*
 * Where nobody said how large the device is, a delta does not tell: what lies behind the last
 * change stays.
 */
static void keep_size(struct migrate *m, const struct data *dest)
{
	uint32_t needed = BP_THIN_MIGRATE_DELTA | BP_THIN_MIGRATE_POOL_DATA;

	if ((m->opts.flags & needed) == needed && !m->opts.size_bytes)
		m->res.size_bytes = MAX(m->res.size_bytes, dest->size);
}

/* Make a file that is not there, and empty one that is to hold a whole copy. */
static int prepare_file(struct migrate *m, const char *path)
{
	bool delta = m->opts.flags & BP_THIN_MIGRATE_DELTA;
	_cleanup_(closep) int fd = -1;
	struct data *there;

	if (access(path, F_OK) == 0) {
		int r = data_open(m->tm->meta.ctx, path, DATA_WRITE, &there);
		bool device = r == 0 && there->device;

		if (r < 0)
			return r;
		keep_size(m, there);
		data_close(there);
		if (device)
			return 0;
	}
	fd = open(path, O_WRONLY | O_CLOEXEC | (delta ? 0 : O_CREAT | O_TRUNC), 0666);
	if (fd < 0 || ftruncate(fd, (off_t)m->res.size_bytes) < 0)
		return bp_fail(m->tm->meta.ctx, -errno, "%s: cannot make it: %s", path,
			       strerror(errno));
	return 0;
}

/* Neither the source nor the metadata that is read. */
static int open_dest(struct migrate *m, const char *path)
{
	struct bp_ctx *ctx = m->tm->meta.ctx;
	int r = output_refuse_input(ctx, m->source->fd, NULL, path);

	if (r == 0 && m->tm->path)
		r = output_refuse_input(ctx, -1, m->tm->path, path);
	if (r == 0)
		r = prepare_file(m, path);
	if (r == 0)
		r = data_open(ctx, path, DATA_WRITE, &m->dest);
	if (r < 0 || m->dest->size >= m->res.size_bytes)
		return r;
	r = bp_fail(ctx, -ENOSPC, "%s has %" PRIu64 " bytes, the device needs %" PRIu64, path,
		    m->dest->size, m->res.size_bytes);
	error_set_code(ctx, BP_E_NO_SPACE);
	return r;
}

/* Everything that can be refused is, before the destination is opened for writing. */
static int migrate(struct migrate *m, const char *source, const char *dest)
{
	int r = for_each_run(m, count_run);

	if (r == 0)
		r = open_source(m, source);
	if (r == 0)
		r = open_dest(m, dest);
	if (r == 0)
		r = for_each_run(m, do_run);
	if (r == 0)
		r = skip_to(m, m->res.size_bytes);
	return r == 0 ? data_flush(m->tm->meta.ctx, m->dest) : r;
}

static void give_result(struct bp_thin_migrate_result *ret,
			const struct bp_thin_migrate_result *res)
{
	size_t size = ret ? MIN(ret->size, sizeof(*res)) : 0;

	if (size > sizeof(size_t))
		memcpy((uint8_t *)ret + sizeof(size_t), (const uint8_t *)res + sizeof(size_t),
		       size - sizeof(size_t));
}

/* The result is given also where it fails: what was copied is there. */
int bp_thin_migrate(struct bp_thin_meta *meta, const char *source, const char *dest,
		    const struct bp_thin_migrate_opts *opts, struct bp_thin_migrate_result *ret)
{
	struct migrate m = { .tm = meta };
	int r = opts_read(meta->meta.ctx, &m.opts, sizeof(m.opts), opts);

	if (r < 0)
		return r;
	m.block = bp_sector_to_bytes(meta->sb.pub.data_block_sectors);
	if (!m.opts.buffer_bytes)
		m.opts.buffer_bytes = BUFFER_BYTES;
	m.buf = calloc_many(m.opts.buffer_bytes, 1);
	r = m.buf ? migrate(&m, source, dest) : bp_fail_memory(meta->meta.ctx);
	data_close(m.source);
	data_close(m.dest);
	free(m.buf);
	give_result(ret, &m.res);
	return r;
}
