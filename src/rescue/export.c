/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a volume out. A window of it at a time: its pieces are read in the order in which they
 * lie on disk and written in the volume's; those after it are asked for meanwhile, so that disks have
 * much to do at once. Promises that a file gets its name only when it is whole
 * and flushed, that nothing that is read is ever written, and that zeros in the output that stand
 * for missing data were told.
 *
 * Resuming: beside NAME.part lies NAME.resume with what is being exported and how far it was on
 * disk when that was written.
 */
#include "rescue/image.h"

#include "core/opts.h"
#include "core/sha256.h"
#include "io/io.h"
#include "io/output.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define WINDOW_BYTES  (UINT64_C(8) << 20)
#define AHEAD_WINDOWS 4
#define PIECES_MAX    1024
#define ASKED_BYTES   (UINT64_C(128) << 10) /* one call reads no more than a disk's read-ahead */
#define SAVE_BYTES    (UINT64_C(256) << 20) /* between two marks that a resume can start from */

enum output_kind { OUTPUT_FILE, OUTPUT_DEVICE, OUTPUT_STREAM };

struct piece {
	struct map_piece where;
	bp_bytes offset; /* in the volume */
	bool same;       /* as in the base: left out */
};

/* A range that the kernel is told of before it is read. */
struct asked {
	struct map_place place;
	bp_bytes length;
};

struct export
{
	struct bp_ctx *ctx;
	struct bp_image *image;
	struct bp_export_opts opts;
	struct bp_export_result result;
	struct sha256 sha;
	enum output_kind kind;
	const char *path;
	char *part, *mark;
	int fd;
	bp_bytes at, saved;
	bp_bytes ahead; /* the volume is asked for up to here */
	uint8_t *window;
	struct piece *pieces;
	size_t nr_pieces;
	struct asked *asked;
};

/* The device of the error is the output, not the source that it comes from. */
static int output_failed(struct export *e, int r, const char *doing)
{
	bp_fail(e->ctx, r, "%s: cannot %s: %s", *e->path ? e->path : "''", doing,
		strerrordesc_np(-r));
	error_set_device(e->ctx, e->path);
	return r;
}

/* --- opening --- */

/* By inode, not by name: links to the disks that are read are refused too. */
static int refuse_inputs(struct export *e)
{
	const struct bp_source *source = e->image->source;
	const struct raw_image *bare[] = { source->image, source->data };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(bare); i++)
		if (bare[i])
			r = output_refuse_input(e->ctx, bare[i]->fd, bare[i]->path, e->path);
	for (size_t i = 0; r == 0 && source->scan && i < source->scan->disks.count; i++) {
		const struct raw_image *disk = source->scan->disks.items[i].image;

		r = output_refuse_input(e->ctx, disk->fd, disk->path, e->path);
	}
	return r;
}

/* What an interrupted export has left: how far it is. */
static bp_bytes read_mark(struct export *e)
{
	unsigned long long size = 0, done = 0;
	char line[4096] = "", expected[4096];
	FILE *f = fopen(e->mark, "re");

	if (!f)
		return 0;
	snprintf(expected, sizeof(expected), "%s\n", e->image->name);
	if (!fgets(line, sizeof(line), f) || !streq(line, expected) ||
	    fscanf(f, "%llu %llu", &size, &done) != 2 || size != e->result.bytes || done > size)
		done = 0;
	fclose(f);
	return done;
}

/* The digest of what is there already. */
static int digest_rest(struct export *e)
{
	int r = 0;

	for (bp_bytes at = 0; r == 0 && at < e->at;) {
		size_t len = (size_t)MIN(e->at - at, WINDOW_BYTES);
		ssize_t n = pread(e->fd, e->window, len, (off_t)at);

		if (n <= 0)
			return output_failed(e, n < 0 ? -errno : -EIO,
					     "read back what is there");
		sha256_add(&e->sha, e->window, (size_t)n);
		at += (bp_bytes)n;
	}
	return r;
}

/* What the mark tells of, where it is all there still: it was made as large as the volume at once. */
static int open_part(struct export *e)
{
	struct stat st;

	e->fd = open(e->part, O_RDWR | O_CLOEXEC);
	if (e->fd >= 0 && fstat(e->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (bp_bytes)st.st_size == e->result.bytes)
		return 0;
	closep(&e->fd);
	e->fd = -1;
	return -ENOENT;
}

/*
 * From the beginning. An older mark goes first: it tells of a part that is not there any more, and a
 * resume after this one would leave out what this one did not get to.
 */
static int open_anew(struct export *e)
{
	e->at = e->saved = 0;
	if (unlink(e->mark) < 0 && errno != ENOENT)
		return output_failed(e, -errno, "remove the mark of an older export");
	e->fd = open(e->part, O_RDWR | O_CREAT | O_CLOEXEC | O_TRUNC, 0666);
	if (e->fd < 0)
		return output_failed(e, -errno, "open for writing");
	if (ftruncate(e->fd, (off_t)e->result.bytes) < 0)
		return output_failed(e, -errno, "make it as large as the volume");
	return 0;
}

/*
 * Written beside as PATH.part with a mark of how far it is; PATH itself appears when all is
 * there. A resumed export reads what is there once more where a digest is wanted.
 */
static int open_file(struct export *e)
{
	if (asprintf(&e->part, "%s.part", e->path) < 0)
		e->part = NULL;
	if (asprintf(&e->mark, "%s.resume", e->path) < 0)
		e->mark = NULL;
	if (!e->part || !e->mark)
		return bp_fail_memory(e->ctx);
	if (e->opts.flags & BP_EXPORT_RESUME)
		e->at = e->saved = read_mark(e);
	if (!e->at || open_part(e) < 0)
		return open_anew(e);
	return e->opts.flags & BP_EXPORT_SHA256 ? digest_rest(e) : 0;
}

/* O_EXCL: no mounted device. Its size is looked at before the first byte. */
static int open_device(struct export *e)
{
	off_t size;

	e->fd = open(e->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (e->fd < 0) {
		int r = output_failed(e, -errno, "open for writing");

		if (r == -EBUSY)
			error_set_hint(e->ctx, "a device in use is not written to");
		return r;
	}
	size = lseek(e->fd, 0, SEEK_END);
	if (size < 0 || (bp_bytes)size < e->result.bytes) {
		bp_fail(e->ctx, -ENOSPC, "%s: has %" PRIu64 " bytes, the volume %" PRIu64,
			e->path, (bp_bytes)MAX(size, 0), e->result.bytes);
		error_set_code(e->ctx, BP_E_TOO_SMALL);
		return -ENOSPC;
	}
	return 0;
}

/* "-" is a copy of standard output, so that closing it does not close ours. */
static int open_output(struct export *e)
{
	struct stat st;
	int r;

	if (streq(e->path, "-")) {
		e->kind = OUTPUT_STREAM;
		e->fd = dup(STDOUT_FILENO);
		return e->fd < 0 ? output_failed(e, -errno, "open for writing") : 0;
	}
	if (!*e->path) /* what lies beside it would have a name */
		return output_failed(e, -ENOENT, "open for writing");
	r = refuse_inputs(e);
	if (r < 0)
		return r;
	if (stat(e->path, &st) < 0 || S_ISREG(st.st_mode)) {
		e->kind = OUTPUT_FILE;
		return open_file(e);
	}
	if (S_ISBLK(st.st_mode)) {
		e->kind = OUTPUT_DEVICE;
		return open_device(e);
	}
	e->kind = OUTPUT_STREAM;
	e->fd = open(e->path, O_WRONLY | O_CLOEXEC);
	return e->fd < 0 ? output_failed(e, -errno, "open for writing") : 0;
}

/* --- reading a window --- */

/* The same bytes of the same disks: what lies so has not changed, without reading it. */
static bool same_place(const struct map_piece *a, const struct map_piece *b)
{
	if (a->kind != b->kind || a->nr_places != b->nr_places || a->kind == MAP_MISSING)
		return false;
	for (unsigned i = 0; i < a->nr_places; i++)
		if (a->places[i].offset != b->places[i].offset ||
		    !raw_image_same(a->places[i].image, b->places[i].image))
			return false;
	return true;
}

/* Does the base have the same bytes in the same place? The piece is cut to what can be told. */
static int compare_base(struct export *e, struct piece *piece)
{
	struct map_piece base;
	int r;

	if (!e->opts.base)
		return 0;
	r = map_locate(e->opts.base->map, piece->offset, piece->where.length, &base);
	if (r < 0)
		return r;
	piece->where.length = base.length;
	piece->same =
		piece->offset < e->opts.base->map->size && same_place(&piece->where, &base);
	return 0;
}

/* The pieces of the next window; it ends early where there are very many. */
static int find_pieces(struct export *e, bp_bytes *ret_end)
{
	bp_bytes at = e->at, end = MIN(e->result.bytes, e->at + WINDOW_BYTES);
	int r = 0;

	for (e->nr_pieces = 0; at < end && e->nr_pieces < PIECES_MAX; e->nr_pieces++) {
		struct piece *piece = &e->pieces[e->nr_pieces];

		*piece = (struct piece){ .offset = at };
		r = map_locate(e->image->map, at, end - at, &piece->where);
		if (r == 0)
			r = compare_base(e, piece);
		if (r < 0)
			return bp_fail(e->ctx, r, "byte %" PRIu64 ": cannot tell where it lies",
				       at);
		at += piece->where.length;
	}
	*ret_end = at;
	return 0;
}

/* In the order of the disks, as the volume's own order would make them seek. */
static int by_place(const void *a, const void *b)
{
	const struct map_piece *x = &(*(struct piece *const *)a)->where;
	const struct map_piece *y = &(*(struct piece *const *)b)->where;

	if (x->places[0].image != y->places[0].image)
		return (uintptr_t)x->places[0].image < (uintptr_t)y->places[0].image ? -1 : 1;
	return x->places[0].offset < y->places[0].offset ? -1 : 1;
}

/*
 * Without skip-bad the first one ends the export: a hole that nobody asked for would look
 * like data.
 */
static int missing(struct export *e, struct piece *piece, int why)
{
	struct bp_image_range range;

	piece->where.kind = MAP_MISSING;
	if (!piece->where.why)
		piece->where.why = strerrordesc_np(-why);
	image_range(&piece->where, piece->offset, &range);
	if (!(e->opts.flags & BP_EXPORT_SKIP_BAD)) {
		bp_fail(e->ctx, why == -ENODATA ? -ENODATA : -EIO,
			"bytes %" PRIu64 " to %" PRIu64 " of the volume can't be read: %s",
			range.offset, range.offset + range.length - 1, range.why);
		error_set_hint(e->ctx, "--skip-bad exports the rest, with zeros there");
		return why == -ENODATA ? -ENODATA : -EIO;
	}
	if (e->opts.bad)
		e->opts.bad(e->opts.user, &range);
	e->result.missing_bytes += range.length;
	return 0;
}

/* A piece that can't be read whole: what can be of it, 4 KiB at a time. */
static int read_slowly(struct export *e, struct piece *piece, uint8_t *to)
{
	int r = 0;

	for (bp_bytes done = 0; r == 0 && done < piece->where.length;) {
		struct piece part = *piece;
		bp_bytes len = MIN(piece->where.length - done, (bp_bytes)IO_BLOCK);

		part.offset += done;
		part.where.length = len;
		for (unsigned i = 0; i < part.where.nr_places; i++)
			part.where.places[i].offset += done;
		r = map_piece_read(&part.where, (size_t)len, to + done);
		if (r < 0) {
			memset(to + done, 0, (size_t)len);
			r = missing(e, &part, r);
		}
		done += len;
	}
	return r;
}

/* What is the same as in the base is written as zeros here and left out later. */
static int read_piece(struct export *e, struct piece *piece)
{
	uint8_t *to = e->window + (piece->offset - e->at);
	size_t len = (size_t)piece->where.length;
	int r;

	if (piece->same || piece->where.kind == MAP_ZERO) {
		memset(to, 0, len);
		return 0;
	}
	if (piece->where.kind == MAP_MISSING) {
		memset(to, 0, len);
		return missing(e, piece, -ENODATA);
	}
	r = map_piece_read(&piece->where, len, to);
	return r < 0 && r != -ENOMEM ? read_slowly(e, piece, to) : r;
}

/*
 * Sorted by where it lies: a thin volume's blocks are scattered over the disks, and a
 * window has many of them.
 */
static int read_window(struct export *e)
{
	struct piece *order[PIECES_MAX];
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; i < e->nr_pieces; i++)
		if (e->pieces[i].where.nr_places)
			order[nr++] = &e->pieces[i];
	if (nr > 1)
		qsort(order, nr, sizeof(order[0]), by_place);
	for (size_t i = 0; r == 0 && i < nr; i++)
		r = read_piece(e, order[i]);
	for (size_t i = 0; r == 0 && i < e->nr_pieces; i++)
		if (!e->pieces[i].where.nr_places)
			r = read_piece(e, &e->pieces[i]);
	return r == -ENOMEM ? bp_fail_memory(e->ctx) : r;
}

/* --- reading ahead --- */

/* The same for what is asked for ahead. */
static int by_disk(const void *a, const void *b)
{
	const struct asked *x = a, *y = b;

	if (x->place.image != y->place.image)
		return (uintptr_t)x->place.image < (uintptr_t)y->place.image ? -1 : 1;
	return x->place.offset < y->place.offset ? -1 : x->place.offset > y->place.offset;
}

/* Let the kernel begin to read; what can't be is found where it is read. */
static void ask_for(const struct asked *asked)
{
	for (bp_bytes at = 0; at < asked->length; at += ASKED_BYTES)
		posix_fadvise(asked->place.image->fd, (off_t)(asked->place.offset + at),
			      (off_t)MIN(asked->length - at, ASKED_BYTES), POSIX_FADV_WILLNEED);
}

/*
 * What lies within the next windows and was not asked for yet. What the base has too is left out when it
 * is read, so nothing is asked for then. Of copies the first is read.
 */
static void read_ahead(struct export *e)
{
	bp_bytes end = MIN(e->result.bytes, e->at + AHEAD_WINDOWS * WINDOW_BYTES);
	struct map_piece where;
	size_t nr = 0;

	e->ahead = MAX(e->ahead, e->at);
	while (!e->opts.base && e->ahead < end && nr + MAP_COPIES_MAX <= PIECES_MAX) {
		unsigned places;

		if (map_locate(e->image->map, e->ahead, end - e->ahead, &where) < 0)
			break; /* find_pieces() tells of it */
		e->ahead += where.length;
		places = where.kind == MAP_XOR ? where.nr_places : MIN(where.nr_places, 1u);
		for (unsigned i = 0; i < places; i++)
			e->asked[nr++] = (struct asked){ where.places[i], where.length };
	}
	if (nr > 1)
		qsort(e->asked, nr, sizeof(e->asked[0]), by_disk);
	for (size_t i = 0; i < nr; i++)
		ask_for(&e->asked[i]);
}

/* --- writing --- */

static bool is_zero(const uint8_t *data, size_t len)
{
	return len == 0 || (!data[0] && memcmp(data, data + 1, len - 1) == 0);
}

/* A pipe has no offset: there everything is written in order. */
static int write_all(struct export *e, const uint8_t *data, size_t len, bp_bytes at)
{
	while (len) {
		ssize_t n = e->kind == OUTPUT_STREAM ? write(e->fd, data, len)
						     : pwrite(e->fd, data, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return output_failed(e, n < 0 ? -errno : -EIO, "write");
		data += n;
		len -= (size_t)n;
		at += (bp_bytes)n;
	}
	return 0;
}

/* Zeros on a device: told to it where that works, else written. */
static int write_zeros(struct export *e, const uint8_t *zeros, size_t len, bp_bytes at)
{
	uint64_t range[2] = { at, len };

	if (at % BP_SECTOR_BYTES == 0 && len % BP_SECTOR_BYTES == 0 &&
	    ioctl(e->fd, BLKZEROOUT, range) == 0)
		return 0;
	return write_all(e, zeros, len, at);
}

/* How much from here on is zero, or is not: in steps of 64 KiB, as holes below that are not worth a call. */
static size_t alike_len(const uint8_t *data, size_t left, bool *ret_zero)
{
	const size_t step = (size_t)IO_BLOCK * 16;
	size_t len = MIN(left, step);

	*ret_zero = is_zero(data, len);
	while (len < left && is_zero(data + len, MIN(left - len, step)) == *ret_zero)
		len += MIN(left - len, step);
	return len;
}

/* To a file what is zero is not written: it is a hole already. */
static int write_sparse(struct export *e, bp_bytes end)
{
	int r = 0;

	for (bp_bytes at = e->at; r == 0 && at < end;) {
		const uint8_t *data = e->window + (at - e->at);
		bool zero;
		size_t len = alike_len(data, (size_t)(end - at), &zero);

		if (e->kind == OUTPUT_STREAM || !zero)
			r = write_all(e, data, len, at);
		else if (e->kind == OUTPUT_DEVICE)
			r = write_zeros(e, data, len, at);
		at += len;
	}
	return r;
}

/* Before the copying, so that progress has an end. */
static void count_data(struct export *e)
{
	for (size_t i = 0; i < e->nr_pieces; i++)
		if (!e->pieces[i].same &&
		    (e->pieces[i].where.kind == MAP_DATA || e->pieces[i].where.kind == MAP_XOR))
			e->result.data_bytes += e->pieces[i].where.length;
}

/* How far it is on disk, for a resume. Failing to say so does not harm the export. */
static void save_mark(struct export *e)
{
	FILE *f;

	if (e->kind != OUTPUT_FILE || e->at - e->saved < SAVE_BYTES || fdatasync(e->fd) < 0)
		return;
	f = fopen(e->mark, "we");
	if (!f)
		return;
	fprintf(f, "%s\n%" PRIu64 " %" PRIu64 "\n", e->image->name, e->result.bytes, e->at);
	if (fclose(f) == 0)
		e->saved = e->at;
}

/* A long stretch of zeros takes no window. */
static int skip_zeros(struct export *e, bool *ret_skipped)
{
	struct map_piece piece;
	int r = map_locate(e->image->map, e->at, e->result.bytes - e->at, &piece);

	*ret_skipped = r == 0 && piece.kind == MAP_ZERO && piece.length >= WINDOW_BYTES &&
		       e->kind == OUTPUT_FILE && !e->opts.base;
	if (!*ret_skipped)
		return 0; /* find_pieces() tells of errors */
	if (e->opts.flags & BP_EXPORT_SHA256) {
		memset(e->window, 0, WINDOW_BYTES);
		for (bp_bytes left = piece.length; left;) {
			size_t len = (size_t)MIN(left, WINDOW_BYTES);

			sha256_add(&e->sha, e->window, len);
			left -= len;
		}
	}
	e->at += piece.length;
	return 0;
}

/* Mark after write: an interruption repeats a window, and never leaves one out. */
static int one_window(struct export *e)
{
	bp_bytes end;
	bool skipped;
	int r = skip_zeros(e, &skipped);

	if (r < 0 || skipped)
		return r;
	read_ahead(e);
	r = find_pieces(e, &end);
	if (r == 0)
		r = read_window(e);
	if (r < 0)
		return r;
	count_data(e);
	if (e->opts.flags & BP_EXPORT_SHA256)
		sha256_add(&e->sha, e->window, (size_t)(end - e->at));
	r = write_sparse(e, end);
	e->at = end;
	save_mark(e);
	return r;
}

/* Progress is in bytes of the volume, holes included. */
static int copy_volume(struct export *e)
{
	int r = 0;

	while (r == 0 && e->at < e->result.bytes) {
		if (e->opts.progress &&
		    e->opts.progress(e->opts.user, e->at, e->result.bytes) != 0)
			return bp_fail(e->ctx, -ECANCELED, "stopped by the caller");
		r = one_window(e);
	}
	if (r == 0 && e->opts.progress)
		e->opts.progress(e->opts.user, e->at, e->result.bytes);
	return r;
}

/*
 * Flushed before it gets its name: a rename that survives a crash must not name a file
 * without its data.
 */
static int finish(struct export *e)
{
	uint8_t sum[SHA256_BYTES];

	if (e->kind != OUTPUT_STREAM && fdatasync(e->fd) < 0)
		return output_failed(e, -errno, "flush");
	if (close(steal_fd(&e->fd)) < 0)
		return output_failed(e, -errno, "close");
	if (e->kind == OUTPUT_FILE) {
		if (rename(e->part, e->path) < 0)
			return output_failed(e, -errno, "rename what was written to it");
		unlink(e->mark);
	}
	if (e->opts.flags & BP_EXPORT_SHA256) {
		sha256_finish(&e->sha, sum);
		sha256_hex(sum, e->result.sha256);
	}
	return 0;
}

/* Memory: one window and its pieces, whatever the volume's size. */
static int run(struct export *e)
{
	int r;

	e->window = malloc(WINDOW_BYTES);
	e->pieces = calloc(PIECES_MAX, sizeof(*e->pieces));
	e->asked = calloc(PIECES_MAX, sizeof(*e->asked));
	if (!e->window || !e->pieces || !e->asked)
		return bp_fail_memory(e->ctx);
	sha256_init(&e->sha);
	r = open_output(e);
	if (r == 0)
		r = copy_volume(e);
	return r == 0 ? finish(e) : r;
}

/* What may be gone on with stays; what nobody could is of no use. */
static void clean_up(struct export *e, int r)
{
	closep(&e->fd);
	if (r < 0 && e->part && e->saved == 0)
		unlink(e->part);
	free(e->part);
	free(e->mark);
	free(e->window);
	free(e->pieces);
	free(e->asked);
}

/* Results as far as the caller's struct has room for them. */
int bp_export(struct bp_image *image, const char *output, const struct bp_export_opts *opts,
	      struct bp_export_result *ret)
{
	struct export e = {
		.ctx = image->source->ctx,
		.image = image,
		.path = output,
		.fd = -1,
		.result = { .bytes = image->map->size },
	};
	int r = opts_read(e.ctx, &e.opts, sizeof(e.opts), opts);

	if (r < 0)
		return r;
	r = run(&e);
	clean_up(&e, r);
	if (r == 0 && ret) {
		size_t size = MIN(ret->size, sizeof(e.result));

		e.result.size = ret->size;
		memcpy(ret, &e.result, size);
	}
	return r;
}
