/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written is sound as far as it depends on this; meaning is the callers'. */
#include "formats/era/build.h"
#include "pdata/bitset.h"

#include <inttypes.h>
#include <stdio.h>

int era_build_init(struct era_build *eb, struct bp_ctx *ctx, struct io *io)
{
	*eb = (struct era_build){ 0 };
	return build_init(&eb->build, ctx, io);
}

void era_build_done(struct era_build *eb)
{
	if (eb->tree_open)
		build_tree_done(&eb->writesets);
	build_array_done(&eb->bits);
	build_array_done(&eb->eras);
	build_done(&eb->build);
}

/* All blocks have an element: say so before anything is built. */
static int check_room(struct era_build *eb, uint64_t elements, uint32_t value_size)
{
	bp_mblock wanted = DIV_UP(elements, array_capacity(value_size));

	if (wanted < eb->build.nr_blocks - (eb->build.next - 1))
		return 0;
	return bp_fail(eb->build.ctx, -ENOSPC,
		       "out of metadata space: an array of %" PRIu64 " elements takes %" PRIu64
		       " metadata blocks, the output has %" PRIu64,
		       elements, wanted, eb->build.nr_blocks);
}

/* Eras first, then writesets may be added. */
int era_build_start(struct era_build *eb, const struct era_make *make)
{
	int r;

	eb->make = *make;
	r = check_room(eb, make->nr_blocks, sizeof(le32));
	if (r == 0)
		r = build_array_init(&eb->eras, &eb->build, sizeof(le32));
	if (r < 0)
		return r;
	eb->tree_open = true;
	return build_tree_init(&eb->writesets, &eb->build, sizeof(struct era_writeset_disk));
}

/* Its bits become an array of their own; the tree has its root. */
static int end_writeset(struct era_build *eb)
{
	struct era_writeset_disk disk = { .nr_bits = le32_make(eb->nr_bits) };
	bp_mblock root;
	int r;

	if (!eb->in_writeset)
		return 0;
	eb->in_writeset = false;
	r = build_array_finish(&eb->bits, bitset_words(eb->nr_bits), &root);
	build_array_done(&eb->bits);
	if (r < 0)
		return r;
	disk.root = le64_make(root);
	return build_tree_add(&eb->writesets, eb->era, &disk);
}

/* Eras must rise. */
int era_build_writeset(struct era_build *eb, uint32_t era, uint32_t nr_bits)
{
	int r = end_writeset(eb);

	if (r == 0)
		r = check_room(eb, bitset_words(nr_bits), sizeof(le64));
	if (r == 0)
		r = build_array_init(&eb->bits, &eb->build, sizeof(le64));
	eb->in_writeset = r == 0;
	eb->era = era;
	eb->nr_bits = nr_bits;
	return r;
}

/* Words are filled whole where the run covers them. */
int era_build_written(struct era_build *eb, uint64_t begin, uint64_t end)
{
	int r = 0;

	while (r == 0 && begin < end) {
		uint64_t stop = MIN(end, (begin / 64 + 1) * 64);
		uint64_t mask = UINT64_MAX << (begin % 64);
		le64 *slot = build_array_slot(&eb->bits, begin / 64, &r);

		if (stop % 64)
			mask &= (UINT64_C(1) << (stop % 64)) - 1;
		if (slot)
			*slot = le64_make(le64_get(*slot) | mask);
		begin = stop;
	}
	return r;
}

int era_build_era(struct era_build *eb, uint32_t block, uint32_t era)
{
	int r = 0;
	le32 *slot = build_array_slot(&eb->eras, block, &r);

	if (slot)
		*slot = le32_make(era);
	return r;
}

struct roots {
	const struct era_make *make;
	bp_mblock writesets, eras;
};

/* Without a current writeset's root: the kernel makes one when it starts. */
static void fill_superblock(void *user, const struct sm_root_disk *metadata_sm,
			    bp_mblock nr_blocks, void *data)
{
	const struct roots *roots = user;
	const struct era_make *make = roots->make;
	struct era_superblock_disk *disk = data;

	(void)nr_blocks;
	disk->magic = le64_make(ERA_MAGIC);
	disk->version = le32_make(ERA_VERSION);
	memcpy(disk->metadata_space_map_root, metadata_sm, sizeof(*metadata_sm));
	disk->data_block_size = le32_make(make->data_block_sectors);
	disk->metadata_block_size = le32_make(ERA_METADATA_BLOCK_SECTORS);
	disk->nr_blocks = le32_make(make->nr_blocks);
	disk->current_era = le32_make(make->current_era);
	disk->current_writeset.nr_bits = le32_make(make->nr_blocks);
	disk->writeset_tree_root = le64_make(roots->writesets);
	disk->era_array_root = le64_make(roots->eras);
}

/* Superblock last, see build_finish(). */
int era_build_finish(struct era_build *eb)
{
	struct roots roots = { .make = &eb->make };
	int r = end_writeset(eb);

	if (r == 0)
		r = build_tree_finish(&eb->writesets, &roots.writesets);
	if (r == 0)
		r = build_ref(&eb->build, roots.writesets);
	if (r == 0)
		r = build_array_finish(&eb->eras, eb->make.nr_blocks, &roots.eras);
	if (r == 0)
		r = build_finish(&eb->build, BLOCK_ERA_SUPERBLOCK, fill_superblock, &roots);
	return r;
}
