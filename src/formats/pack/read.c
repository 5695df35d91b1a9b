/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading packs: bytes from outside, possibly hostile. Chunks are taken by workers, each with a
 * window of inflated bytes, so what a chunk claims to be costs nothing before it is there.
 */
#include "core/cpus.h"
#include "formats/pack/code.h"
#include "formats/pack/pack.h"
#include "formats/pack/zstream.h"
#include "pdata/block.h"
#include "pdata/refuse.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

#define INPUT_BYTES 65536u
/* A whole record lies in it, however badly it is coded. */
#define WINDOW_BYTES 131072u
#define RECORD_MAX   65536u

bool pack_is_one(const void *data)
{
	const struct pack_header_disk *h = data;

	return le64_get(h->magic) == PACK_MAGIC;
}

/* --- threads --- */

struct thread {
	pthread_t thread;
	int (*fn)(void *user, unsigned worker);
	void *user;
	unsigned worker;
	int r;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	t->r = t->fn(t->user, t->worker);
	return NULL;
}

/* @fn runs once in this thread and in as many others as could be started. */
int pack_work(unsigned nr, int (*fn)(void *user, unsigned worker), void *user)
{
	_cleanup_(freep) struct thread *threads = calloc(nr, sizeof(*threads));
	sigset_t all, old;
	unsigned started = 1;
	int r;

	if (!threads)
		return -ENOMEM;
	/* Signals are for the program's threads, not for ours. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (unsigned i = 1; i < nr; i++) {
		threads[i] = (struct thread){ .fn = fn, .user = user, .worker = i };
		if (pthread_create(&threads[i].thread, NULL, thread_main, &threads[i]) != 0)
			break; /* fewer will do */
		started++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	r = fn(user, 0);
	for (unsigned i = 1; i < started; i++) {
		pthread_join(threads[i].thread, NULL);
		if (r == 0)
			r = threads[i].r;
	}
	return r;
}

unsigned pack_workers(unsigned wanted, uint64_t nr_pieces)
{
	uint64_t nr = wanted ? wanted : cpus_available();

	return (unsigned)MAX(1, MIN(MIN(nr, nr_pieces), 64));
}

/* --- opening --- */

static int damaged(struct pack *p, uint64_t offset, const char *what)
{
	return bp_fail(p->ctx, -EUCLEAN, "%s: byte %" PRIu64 ": %s", p->source.name, offset,
		       what);
}

/* What it is instead, where that can be told. */
static void tell_cause(const struct pack *p)
{
	_cleanup_(freep) void *block = calloc(1, IO_BLOCK);

	if (!block ||
	    p->source.read(p->source.user, 0, (size_t)MIN(p->source.size, IO_BLOCK), block) < 0)
		return;
	if (block_kind_of(block) == BLOCK_UNKNOWN)
		superblock_cause(p->ctx, block);
	else
		error_set_cause(p->ctx, "it is metadata, not packed");
}

/* The bound keeps later sums from overflow. */
static int check_header(struct pack *p, const struct pack_header_disk *h)
{
	struct bp_ctx *ctx = p->ctx;

	if (!pack_is_one(h)) {
		bp_fail(ctx, -EINVAL, "%s: Not a pack file", p->source.name);
		tell_cause(p);
		error_set_code(ctx, BP_E_NOT_METADATA);
		return -EINVAL;
	}
	if (le64_get(h->version) != PACK_VERSION)
		return bp_fail(ctx, -ENOTSUP, "%s: pack of version %" PRIu64 ", not %d",
			       p->source.name, le64_get(h->version), PACK_VERSION);
	if (le64_get(h->block_size) != IO_BLOCK)
		return bp_fail(ctx, -EUCLEAN, "%s: blocks of %" PRIu64 " bytes, not %u",
			       p->source.name, le64_get(h->block_size), IO_BLOCK);
	p->nr_blocks = le64_get(h->nr_blocks);
	if (p->nr_blocks > UINT32_MAX)
		return bp_fail(ctx, -EUCLEAN, "%s: %" PRIu64 " blocks: no metadata has so many",
			       p->source.name, p->nr_blocks);
	return 0;
}

static int read_failed(const struct pack *p, uint64_t offset, int r)
{
	return bp_fail(p->ctx, r, "%s: byte %" PRIu64 ": cannot read: %s", p->source.name,
		       offset, strerror(-r));
}

/* Only lengths are read: they must end with the file. */
static int find_chunks(struct pack *p)
{
	uint64_t at = PACK_HEADER_BYTES;

	while (at < p->source.size) {
		struct pack_chunk chunk = { .offset = at + sizeof(le64) };
		le64 length;
		int r;

		if (p->source.size - at < sizeof(length))
			return damaged(p, at, "the pack is cut off");
		r = p->source.read(p->source.user, at, sizeof(length), &length);
		if (r < 0)
			return read_failed(p, at, r);
		chunk.length = le64_get(length);
		if (chunk.length > p->source.size - chunk.offset)
			return damaged(p, at, "the pack is cut off");
		if (vec_add(&p->chunks, &chunk) < 0)
			return bp_fail_memory(p->ctx);
		at = chunk.offset + chunk.length;
	}
	return 0;
}

/* @ret is closed by pack_close(); of a failure nothing is left. */
int pack_open(struct bp_ctx *ctx, const struct pack_source *source, struct pack *ret)
{
	struct pack_header_disk header = { 0 };
	struct pack p = { .ctx = ctx, .source = *source };
	int r = 0;

	if (source->size >= sizeof(header))
		r = source->read(source->user, 0, sizeof(header), &header);
	r = r < 0 ? read_failed(&p, 0, r) : check_header(&p, &header);
	if (r == 0)
		r = find_chunks(&p);
	if (r < 0) {
		pack_close(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void pack_close(struct pack *p)
{
	vec_done(&p->chunks);
}

/* --- decoding --- */

struct reading {
	const struct pack *p;
	const struct pack_reading *how;
	size_t next;      /* chunk to be taken; atomic */
	uint64_t records; /* atomic */
	bool stop;        /* atomic */
	uint64_t bad;     /* where the damage of the first that found any is; atomic */
};

/* One worker, and the chunk it has. */
struct reader {
	struct reading *all;
	unsigned worker;
	struct zstream_inflater *z;
	const struct pack_chunk *chunk;
	uint64_t used;     /* bytes of the chunk read into input */
	const uint8_t *in; /* in input */
	size_t in_len;
	size_t begin, end; /* in window: inflated, not decoded yet */
	bool ended;        /* the stream */
	uint8_t input[INPUT_BYTES];
	uint8_t window[WINDOW_BYTES];
	void *block;
};

/* INPUT_BYTES at a time: chunks may be large. */
static int refill_input(struct reader *rd)
{
	const struct pack_source *source = &rd->all->p->source;
	size_t len = (size_t)MIN(rd->chunk->length - rd->used, INPUT_BYTES);
	int r;

	if (rd->in_len > 0 || len == 0)
		return 0;
	r = source->read(source->user, rd->chunk->offset + rd->used, len, rd->input);
	rd->used += len;
	rd->in = rd->input;
	rd->in_len = len;
	return r;
}

/* As much into the window as there is, or fits. */
static int refill(struct reader *rd)
{
	int r = 0;

	if (rd->ended || rd->end - rd->begin >= RECORD_MAX)
		return 0;
	memmove(rd->window, rd->window + rd->begin, rd->end - rd->begin);
	rd->end -= rd->begin;
	rd->begin = 0;
	while (r == 0 && !rd->ended && rd->end < WINDOW_BYTES) {
		uint8_t *to = rd->window + rd->end;
		size_t room = WINDOW_BYTES - rd->end, before;

		r = refill_input(rd);
		if (r < 0)
			return r;
		before = rd->in_len;
		r = zstream_inflate(rd->z, &rd->in, &rd->in_len, &to, &room);
		/* Neither input nor output moved: it has no end. */
		if (r == 0 && before == rd->in_len && room == WINDOW_BYTES - rd->end)
			r = -EUCLEAN;
		rd->end = WINDOW_BYTES - room;
		rd->ended = r == 1;
		r = MIN(r, 0);
	}
	return r;
}

/* One record. */
static int decode(struct reader *rd)
{
	const struct pack_reading *how = rd->all->how;
	const uint8_t *at = rd->window + rd->begin;
	size_t len = rd->end - rd->begin, used;
	void *block = how->block ? rd->block : NULL;
	le64 disk;
	bp_mblock nr;
	int r = 0;

	if (len < sizeof(disk))
		return -EUCLEAN;
	memcpy(&disk, at, sizeof(disk));
	nr = le64_get(disk);
	if (nr >= rd->all->p->nr_blocks)
		return -EUCLEAN;
	if (how->place)
		r = how->place(how->user, rd->worker, nr, &block);
	if (r)
		return r;
	used = code_decode(at + sizeof(disk), MIN(len - sizeof(disk), RECORD_MAX), block);
	if (!used)
		return -EUCLEAN;
	rd->begin += sizeof(disk) + used;
	__atomic_fetch_add(&rd->all->records, 1, __ATOMIC_RELAXED);
	return how->block ? how->block(how->user, rd->worker, nr, block) : 0;
}

/* The stream must end where the chunk does. */
static int read_chunk(struct reader *rd, const struct pack_chunk *chunk)
{
	int r = 0;

	rd->chunk = chunk;
	rd->used = rd->in_len = rd->begin = rd->end = 0;
	rd->ended = false;
	zstream_inflate_reset(rd->z);
	while (r == 0 && !__atomic_load_n(&rd->all->stop, __ATOMIC_RELAXED)) {
		r = refill(rd);
		if (r == 0 && rd->begin == rd->end) {
			/* Nothing may follow the stream. */
			bool whole = rd->in_len == 0 && rd->used == chunk->length;

			return whole ? 0 : -EUCLEAN;
		}
		if (r == 0)
			r = decode(rd);
	}
	return r;
}

/* By bytes of the file, as blocks aren't known before the end. */
static int report_progress(const struct reading *all, size_t chunk)
{
	const struct pack_reading *how = all->how;

	if (!how->progress)
		return 0;
	return how->progress(how->progress_user, all->p->chunks.items[chunk].offset,
			     all->p->source.size)
		       ? -ECANCELED
		       : 0;
}

/* Each worker takes the next chunk; the first failure stops all. */
static int read_chunks(struct reader *rd)
{
	struct reading *all = rd->all;
	int r = 0;

	while (r == 0 && !__atomic_load_n(&all->stop, __ATOMIC_RELAXED)) {
		size_t i = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED);

		if (i >= all->p->chunks.count)
			break;
		r = read_chunk(rd, &all->p->chunks.items[i]);
		if (r == -EUCLEAN)
			__atomic_store_n(&all->bad, all->p->chunks.items[i].offset,
					 __ATOMIC_RELAXED);
		if (r == 0 && rd->worker == 0)
			r = report_progress(all, i);
	}
	if (r == 0 && all->how->done)
		r = all->how->done(all->how->user, rd->worker);
	return r;
}

/* Buffers are a worker's own. */
static int reader_main(void *user, unsigned worker)
{
	_cleanup_(freep) struct reader *rd = malloc(sizeof(*rd));
	int r;

	if (!rd)
		return -ENOMEM;
	rd->all = user;
	rd->worker = worker;
	rd->block = io_buffer_new(1);
	r = rd->block ? zstream_inflater_new(&rd->z) : -ENOMEM;
	if (r == 0) {
		r = read_chunks(rd);
		zstream_inflater_free(rd->z);
	}
	free(rd->block);
	if (r)
		__atomic_store_n(&rd->all->stop, true, __ATOMIC_RELAXED);
	return r;
}

/* Blocks come in no order. */
int pack_read(const struct pack *p, const struct pack_reading *how, uint64_t *ret_records)
{
	struct reading all = { .p = p, .how = how };
	int r = pack_work(pack_workers(how->workers, p->chunks.count), reader_main, &all);

	if (ret_records)
		*ret_records = all.records;
	if (r == -EUCLEAN)
		return bp_fail(p->ctx, r,
			       "%s: the chunk at byte %" PRIu64
			       " is damaged: it does not unpack to blocks",
			       p->source.name, all.bad);
	if (r == -ENOMEM)
		return bp_fail_memory(p->ctx);
	if (r == -ECANCELED)
		return bp_fail(p->ctx, r, "canceled");
	return r;
}
