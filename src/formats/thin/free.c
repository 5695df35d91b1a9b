/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "formats/thin/free.h"

#include <inttypes.h>

#define BATCH 64u /* bitmaps read at once */

struct free_runs {
	struct meta *meta;
	const char *name; /* of the map */
	struct space_map sm;
	uint64_t begin, length; /* of the run at hand; length 0: none */
	int (*run)(void *user, uint64_t begin, uint64_t length);
	void *user;
};

static int count_nothing(void *user, bp_mblock block)
{
	(void)user, (void)block;
	return 0;
}

static int flush(struct free_runs *f)
{
	int r = f->length ? f->run(f->user, f->begin, f->length) : 0;

	f->length = 0;
	return r;
}

/* Neighbours across bitmaps are one run. */
static int add(struct free_runs *f, uint64_t begin, uint64_t length)
{
	int r = 0;

	if (f->length && f->begin + f->length != begin)
		r = flush(f);
	if (!f->length)
		f->begin = begin;
	f->length += length;
	return r;
}

/* The free entries among the 32 of @word, the first of which is for block @first. */
static int look_at_word(struct free_runs *f, uint64_t word, uint64_t first)
{
	uint64_t nr = MIN(32, f->sm.root.nr_blocks - first);
	int r = 0;

	if (word == 0)
		return add(f, first, nr);
	for (uint64_t i = 0; r == 0 && i < nr; i++)
		if ((word >> (2 * i) & 3) == 0)
			r = add(f, first + i, 1);
	return r;
}

/* A bitmap that can't be read ends it: free blocks must not be guessed. */
static int look_at_bitmap(struct free_runs *f, uint64_t index, const struct io_request *q)
{
	const struct sm_bitmap_disk *disk = q->buf;
	uint64_t first = index * SM_BITMAP_ENTRIES;
	int r = 0;

	if (q->error || block_check(disk, BLOCK_BITMAP, q->block) != BLOCK_OK)
		return bp_fail(f->meta->ctx, q->error ? q->error : -EUCLEAN,
			       "%s space map: bitmap in block %" PRIu64 " can't be read",
			       f->name, q->block);
	for (uint32_t w = 0; r == 0 && w < SM_BITMAP_WORDS; w++, first += 32) {
		if (first >= f->sm.root.nr_blocks)
			break;
		r = look_at_word(f, le64_get(disk->words[w]), first);
	}
	return r;
}

/* BATCH bitmaps at a time. */
static int look_at_all(struct free_runs *f)
{
	_cleanup_(freep) uint8_t *buf = io_buffer_new(BATCH);
	struct io_request requests[BATCH];
	int r = 0;

	if (!buf)
		return bp_fail_memory(f->meta->ctx);
	for (uint64_t i = 0; r == 0 && i < f->sm.nr_bitmaps; i += BATCH) {
		size_t nr = (size_t)MIN(BATCH, f->sm.nr_bitmaps - i);

		for (size_t k = 0; k < nr; k++)
			requests[k] = (struct io_request){
				.block = f->sm.bitmaps[i + k].block,
				.buf = buf + k * IO_BLOCK,
			};
		if (io_read_many(f->meta->io, requests, nr) < 0)
			return bp_fail_memory(f->meta->ctx);
		for (size_t k = 0; r == 0 && k < nr; k++)
			r = look_at_bitmap(f, i + k, &requests[k]);
	}
	return r ? r : flush(f);
}

/* The index must be whole; the reference count tree says nothing of what is free. */
static int check_read(struct free_runs *f)
{
	if (f->sm.index.nr_errors == 0 && f->sm.index_error == SM_OK)
		return 0;
	return bp_fail(f->meta->ctx, -EUCLEAN, "%s space map: its index can't be read",
		       f->name);
}

/* In order. Counts are those on disk: whether they are right is the check's. */
int thin_free_runs(struct meta *meta, enum thin_space_map which, const struct sm_root *root,
		   int (*run)(void *user, uint64_t begin, uint64_t length), void *user)
{
	struct free_runs f = {
		.meta = meta,
		.name = which == THIN_MAP_DATA ? "data" : "metadata",
		.run = run,
		.user = user,
	};
	int r = space_map_init(&f.sm, meta, root, which == THIN_MAP_DATA);

	if (r < 0)
		return r == -ENOMEM ? bp_fail_memory(meta->ctx)
				    : bp_fail(meta->ctx, r, "%s space map: its root can't be",
					      f.name);
	r = space_map_read(&f.sm, count_nothing, NULL);
	if (r == -ENOMEM)
		bp_fail_memory(meta->ctx);
	if (r == 0)
		r = check_read(&f);
	if (r == 0)
		r = look_at_all(&f);
	space_map_done(&f.sm);
	return r;
}
