/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bitmaps, index and total are kept in agreement: only the counts are wrong. */
#include "formats/check/leak.h"

#include "core/context.h"

#include <inttypes.h>

/* Flushed each: tools for tests need no speed. */
int leak_write(struct bp_ctx *ctx, struct io *io, bp_mblock nr, const void *data)
{
	int r = io_write(io, nr, 1, data);

	if (r == 0)
		r = io_flush(io);
	return r < 0 ? bp_fail(ctx, r, "cannot write block %" PRIu64 ": %s", nr,
			       strerrordesc_np(-r))
		     : 0;
}

struct leaking {
	struct bp_ctx *ctx;
	struct io *io;
	struct sm_root root;
	const struct leak *leak;
	struct sm_index_disk *index;
	struct sm_bitmap_disk *bitmap;
	int64_t more; /* blocks in use, when all is done */
};

/* Damaged metadata is not spoiled further by guesses. */
static int read_block(struct leaking *l, bp_mblock nr, enum block_kind kind, void *to)
{
	int r = io_read(l->io, nr, 1, to);

	if (r == 0 && block_check(to, kind, nr) != BLOCK_OK)
		r = -EUCLEAN;
	return r < 0 ? bp_fail(l->ctx, r, "block %" PRIu64 " is no %s that can be read", nr,
			       block_kind_name(kind))
		     : 0;
}

static unsigned count_get(const struct sm_bitmap_disk *bitmap, uint32_t i)
{
	return (unsigned)(sm_word_swap(le64_get(bitmap->words[i / 32])) >> (i % 32 * 2) & 3);
}

static void count_set(struct sm_bitmap_disk *bitmap, uint32_t i, unsigned count)
{
	uint64_t word = sm_word_swap(le64_get(bitmap->words[i / 32]));

	word &= ~(UINT64_C(3) << (i % 32 * 2));
	word |= (uint64_t)count << (i % 32 * 2);
	bitmap->words[i / 32] = le64_make(sm_word_swap(word));
}

/* The entry's numbers, after its bitmap was changed. */
static void put_right(struct leaking *l, struct sm_index_entry_disk *entry)
{
	uint32_t free = 0, first = SM_BITMAP_ENTRIES;

	for (uint32_t i = SM_BITMAP_ENTRIES; i-- > 0;)
		if (count_get(l->bitmap, i) == 0) {
			free++;
			first = i;
		}
	l->more += (int64_t)le32_get(entry->nr_free) - (int64_t)free;
	entry->nr_free = le32_make(free);
	entry->none_free_before = le32_make(first);
}

/* One bitmap, from its end. @left: how many are still to be changed. */
static int change_bitmap(struct leaking *l, uint64_t b, bool dry, uint64_t *left)
{
	struct sm_index_entry_disk *entry = &l->index->entries[b];
	bp_mblock block = le64_get(entry->blocknr);
	uint64_t nr = MIN(l->root.nr_blocks - b * SM_BITMAP_ENTRIES, SM_BITMAP_ENTRIES);
	int r = read_block(l, block, BLOCK_BITMAP, l->bitmap);

	for (uint32_t i = (uint32_t)nr; r == 0 && *left && i-- > 0;) {
		if (count_get(l->bitmap, i) != l->leak->expected)
			continue;
		count_set(l->bitmap, i, l->leak->actual);
		(*left)--;
	}
	if (r < 0 || dry)
		return r;
	put_right(l, entry);
	block_seal(l->bitmap, BLOCK_BITMAP, block);
	return leak_write(l->ctx, l->io, block, l->bitmap);
}

/* From the end: the reference takes the last blocks. @dry only counts. */
static int change_all(struct leaking *l, bool dry)
{
	uint64_t left = l->leak->nr_blocks;
	int r = 0;

	for (uint64_t b = DIV_UP(l->root.nr_blocks, SM_BITMAP_ENTRIES);
	     r == 0 && left && b-- > 0;)
		r = change_bitmap(l, b, dry, &left);
	if (r == 0 && left)
		return bp_fail(l->ctx, -ENODATA,
			       "there are only %" PRIu64 " metadata blocks with a count of %u",
			       l->leak->nr_blocks - left, l->leak->expected);
	return r;
}

static int make(struct leaking *l, uint8_t *root)
{
	struct sm_root_disk disk;
	int r = read_block(l, l->root.bitmap_root, BLOCK_INDEX, l->index);

	/* Look first: all or nothing. */
	if (r == 0)
		r = change_all(l, true);
	if (r == 0)
		r = change_all(l, false);
	if (r < 0)
		return r;
	block_seal(l->index, BLOCK_INDEX, l->root.bitmap_root);
	r = leak_write(l->ctx, l->io, l->root.bitmap_root, l->index);
	memcpy(&disk, root, sizeof(disk));
	disk.nr_allocated = le64_make(l->root.nr_allocated + (uint64_t)l->more);
	memcpy(root, &disk, sizeof(disk));
	return r;
}

/* A dry pass first, so that nothing is changed where there are too few. */
int leak_make(struct bp_ctx *ctx, struct io *io, uint8_t *root, const struct leak *leak)
{
	_cleanup_(freep) void *index = io_buffer_new(1);
	_cleanup_(freep) void *bitmap = io_buffer_new(1);
	struct leaking l = {
		.ctx = ctx, .io = io, .leak = leak, .index = index, .bitmap = bitmap
	};
	struct sm_root_disk disk;

	if (!index || !bitmap)
		return bp_fail_memory(ctx);
	memcpy(&disk, root, sizeof(disk));
	l.root = sm_root_decode(&disk);
	if (leak->expected > 2 || leak->actual > 2)
		return bp_fail(ctx, -EINVAL, "counts can be 0 to 2 here");
	if (l.root.nr_blocks > META_MAX_BLOCKS)
		return bp_fail(ctx, -EUCLEAN,
			       "metadata space map: nr_blocks cannot be %" PRIu64,
			       l.root.nr_blocks);
	return make(&l, root);
}
