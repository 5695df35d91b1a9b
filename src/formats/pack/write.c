/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing packs. The device is cut into pieces of 1024 blocks; a worker takes one, encodes and
 * deflates it, then waits for its turn to hand it on. So a pack does not depend on how many workers
 * made it. Every block is decoded again and every stream inflated again, and compared with
 * what they were made of. A piece is read and encoded in slices, which stay in the processor's
 * cache.
 */
#include "formats/pack/code.h"
#include "formats/pack/pack.h"
#include "formats/pack/zstream.h"
#include "pdata/meta.h"

#include <inttypes.h>
#include <pthread.h>

#define PIECE      PACK_CHUNK_BLOCKS
#define SLICE      32u /* blocks */
#define RECORD_MAX (8u + CODE_MAX)
#define WINDOW     32768u /* bytes inflated at once, to be compared */

struct writing {
	struct bp_ctx *ctx;
	struct io *io;
	const struct bp_thin_pack_opts *opts;
	bp_write_fn write;
	void *user;
	struct bp_thin_pack_result *res;

	pthread_mutex_t lock; /* over the rest, and res */
	pthread_cond_t changed;
	bp_mblock cursor;        /* blocks below were taken */
	bp_mblock data_end;      /* and from there on to here there is no hole */
	uint64_t taken, written; /* pieces */
	int error;
	bool failed_write; /* @error is of @write: it has said why */
	bp_mblock failed;  /* of the piece that failed first */
};

/* One piece, and what it becomes. */
struct piece {
	struct writing *all;
	uint64_t number;
	bp_mblock first;
	size_t count;     /* blocks */
	bp_mblock failed; /* the block that can't be read, or does not come back */
	uint32_t nr_records, nr_damaged;
	uint8_t *blocks; /* SLICE of them, and one as it is decoded again */
	uint8_t *coded;  /* records */
	size_t coded_len;
	uint8_t *deflated; /* with the length before it */
	size_t deflated_len;
	uint8_t *window;
	struct zstream_deflater *deflater;
	struct zstream_inflater *inflater;
};

static void piece_done(struct piece *p)
{
	free(p->blocks);
	free(p->coded);
	free(p->deflated);
	free(p->window);
	zstream_deflater_free(p->deflater);
	zstream_inflater_free(p->inflater);
}

/* Sized for the worst case: no block grows beyond RECORD_MAX. */
static int piece_init(struct piece *p)
{
	size_t most = (size_t)MIN(PIECE, MAX(p->all->io->nr_blocks, 1));

	p->blocks = io_buffer_new(SLICE + 1);
	p->coded = malloc(most * RECORD_MAX);
	p->deflated = malloc(sizeof(le64) + zstream_bound(most * RECORD_MAX));
	p->window = malloc(WINDOW);
	if (!p->blocks || !p->coded || !p->deflated || !p->window)
		return -ENOMEM;
	if (zstream_deflater_new(&p->deflater) < 0 || zstream_inflater_new(&p->inflater) < 0)
		return -ENOMEM;
	return 0;
}

/* Put the cursor at data. Asked once a stretch: to find its end may take as long as it is. */
static int skip_hole(struct writing *all)
{
	if (all->cursor < all->data_end)
		return 0;
	return io_data_next(all->io, all->cursor, &all->cursor, &all->data_end);
}

/* The next blocks that are data, and not a hole; false at the end, or once anything failed. */
static bool take_piece(struct piece *p)
{
	struct writing *all = p->all;
	bool got = false;

	pthread_mutex_lock(&all->lock);
	if (all->error == 0) {
		all->error = skip_hole(all);
		got = all->error == 0 && all->cursor < all->io->nr_blocks;
	}
	if (got) {
		p->first = all->cursor;
		p->count = (size_t)MIN(all->data_end - all->cursor, PIECE);
		p->number = all->taken++;
		all->cursor += p->count;
	}
	pthread_mutex_unlock(&all->lock);
	return got;
}

/* --- one piece --- */

static int read_slice(struct piece *p, bp_mblock first, size_t count)
{
	int r = io_read(p->all->io, first, count, p->blocks);

	/* Find out which it is. */
	for (size_t i = 0; r < 0 && i < count; i++) {
		if (io_read(p->all->io, first + i, 1, p->blocks) < 0) {
			p->failed = first + i;
			break;
		}
	}
	return r;
}

static bool is_zero(const uint8_t *block)
{
	return block[0] == 0 && memcmp(block, block + 1, IO_BLOCK - 1) == 0;
}

/* As a record; -EIO if it would not come back. */
static int encode_block(struct piece *p, bp_mblock nr, const uint8_t *block,
			enum block_kind kind)
{
	uint8_t *back = p->blocks + SLICE * IO_BLOCK, *to = p->coded + p->coded_len;
	const le64 number = le64_make(nr);
	size_t len;

	memcpy(to, &number, sizeof(number));
	to += sizeof(number);
	len = code_encode(block, kind, to);
	p->coded_len += sizeof(number) + len;
	p->nr_records++;
	if (code_decode(to, len, back) == len && memcmp(back, block, IO_BLOCK) == 0)
		return 0;
	p->failed = nr;
	return -EIO;
}

/* Zeros are left out; what is no metadata too, unless asked for. */
static int encode_slice(struct piece *p, bp_mblock first, size_t count)
{
	bool keep = p->all->opts->flags & BP_THIN_PACK_DAMAGED;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const uint8_t *block = p->blocks + i * IO_BLOCK;
		enum block_kind kind;

		if (is_zero(block))
			continue;
		kind = block_kind_of(block);
		p->nr_damaged += kind == BLOCK_UNKNOWN;
		if (kind != BLOCK_UNKNOWN || keep)
			r = encode_block(p, first + i, block, kind);
	}
	return r;
}

/* Length in front, as the format has chunks. */
static void deflate_piece(struct piece *p)
{
	size_t room = zstream_bound(p->coded_len);
	le64 length;

	p->deflated_len = zstream_deflate(p->deflater, p->coded, p->coded_len,
					  p->deflated + sizeof(length), room);
	length = le64_make(p->deflated_len);
	memcpy(p->deflated, &length, sizeof(length));
	p->deflated_len += sizeof(length);
}

/* Is what was deflated what it was made of? */
static bool inflates(struct piece *p)
{
	const uint8_t *from = p->deflated + sizeof(le64);
	size_t from_len = p->deflated_len - sizeof(le64), at = 0, len;
	int r;

	zstream_inflate_reset(p->inflater);
	do {
		uint8_t *to = p->window;
		size_t room = WINDOW;

		r = zstream_inflate(p->inflater, &from, &from_len, &to, &room);
		len = WINDOW - room;
		if (len > p->coded_len - at || memcmp(p->window, p->coded + at, len) != 0)
			return false;
		at += len;
	} while (r == 0 && len > 0);
	return r == 1 && from_len == 0 && at == p->coded_len;
}

/*
 * Inflated once more, before it is handed on: a fault of the memory or the library must not
 * be found years later.
 */
static int make_piece(struct piece *p)
{
	int r = 0;

	p->failed = p->first;
	p->nr_records = p->nr_damaged = 0;
	p->coded_len = p->deflated_len = 0;
	for (size_t i = 0, count; r == 0 && i < p->count; i += count) {
		count = MIN(p->count - i, SLICE);
		r = read_slice(p, p->first + i, count);
		if (r == 0)
			r = encode_slice(p, p->first + i, count);
	}
	if (r < 0 || p->nr_records == 0)
		return r;
	deflate_piece(p);
	return inflates(p) ? 0 : -EIO;
}

/* --- in order --- */

/* Strictly in order: a worker waits until it is its turn. */
static int hand_on(struct piece *p, int r)
{
	struct writing *all = p->all;

	pthread_mutex_lock(&all->lock);
	while (all->error == 0 && all->written != p->number)
		pthread_cond_wait(&all->changed, &all->lock);
	if (all->error == 0 && r != 0) {
		all->error = r;
		all->failed = p->failed;
	}
	if (all->error == 0 && p->deflated_len > 0) {
		all->error = all->write(all->user, (const char *)p->deflated, p->deflated_len);
		all->failed_write = all->error != 0;
	}
	all->res->nr_packed += p->nr_records;
	all->res->nr_damaged += p->nr_damaged;
	all->res->pack_bytes += p->deflated_len;
	all->written++;
	r = all->error;
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	return r;
}

/* By blocks of the input. */
static int report_progress(const struct piece *p)
{
	const struct bp_thin_pack_opts *opts = p->all->opts;

	if (!opts->progress)
		return 0;
	return opts->progress(opts->progress_user, p->first + p->count, p->all->io->nr_blocks)
		       ? -ECANCELED
		       : 0;
}

/* Pieces are taken in order, so none waits for one that nobody has. */
static int writer_main(void *user, unsigned worker)
{
	struct piece p = { .all = user };
	int r = piece_init(&p);

	while (r == 0 && take_piece(&p)) {
		r = make_piece(&p);
		if (r == 0 && worker == 0)
			r = report_progress(&p);
		r = hand_on(&p, r);
	}
	/* Others may wait for a piece that was never begun. */
	pthread_mutex_lock(&p.all->lock);
	if (r != 0 && p.all->error == 0)
		p.all->error = r;
	r = p.all->error;
	pthread_cond_broadcast(&p.all->changed);
	pthread_mutex_unlock(&p.all->lock);
	piece_done(&p);
	return r;
}

/* Sizes are the input's, not that of what is packed. */
static int write_header(struct writing *all)
{
	const struct pack_header_disk header = {
		.magic = le64_make(PACK_MAGIC),
		.version = le64_make(PACK_VERSION),
		.block_size = le64_make(IO_BLOCK),
		.nr_blocks = le64_make(all->io->nr_blocks),
	};

	all->res->pack_bytes = sizeof(header);
	return all->write(all->user, (const char *)&header, sizeof(header));
}

static int say_why(const struct writing *all, int r)
{
	if (r == 0 || all->failed_write)
		return r;
	if (r == -ENOMEM)
		return bp_fail_memory(all->ctx);
	if (r == -ECANCELED)
		return bp_fail(all->ctx, r, "canceled");
	return bp_fail(all->ctx, r, "block %" PRIu64 ": cannot read: %s", all->failed,
		       strerror(-r));
}

/* The same bytes whatever the number of workers: pieces have a fixed size. */
int pack_write(struct bp_ctx *ctx, struct io *io, const struct bp_thin_pack_opts *opts,
	       bp_write_fn write, void *user, struct bp_thin_pack_result *ret)
{
	struct writing all = {
		.ctx = ctx,
		.io = io,
		.opts = opts,
		.write = write,
		.user = user,
		.res = ret,
	};
	int r;

	ret->nr_blocks = io->nr_blocks;
	ret->nr_packed = ret->nr_damaged = 0;
	r = write_header(&all);
	if (r)
		return r;
	pthread_mutex_init(&all.lock, NULL);
	pthread_cond_init(&all.changed, NULL);
	r = pack_work(pack_workers(opts->workers, DIV_UP(io->nr_blocks, PIECE)), writer_main,
		      &all);
	pthread_cond_destroy(&all.changed);
	pthread_mutex_destroy(&all.lock);
	return say_why(&all, r);
}
