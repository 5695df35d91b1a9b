/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written is sound as far as it depends on this; meaning is the callers'. */
#include "formats/cache/build.h"

#include <inttypes.h>
#include <stdio.h>

int cache_build_init(struct cache_build *cb, struct bp_ctx *ctx, struct io *io)
{
	*cb = (struct cache_build){ 0 };
	return build_init(&cb->build, ctx, io);
}

void cache_build_done(struct cache_build *cb)
{
	build_array_done(&cb->mappings);
	build_array_done(&cb->hints);
	build_array_done(&cb->discards);
	bits_done(&cb->dirty);
	build_done(&cb->build);
}

/* All cache blocks have a mapping, used or not: say so before anything is built. */
static int check_room(struct cache_build *cb)
{
	uint64_t nr = cb->make.nr_cache_blocks;
	bp_mblock wanted = DIV_UP(nr, array_capacity(sizeof(le64)));

	if (wanted < cb->build.nr_blocks)
		return 0;
	return bp_fail(cb->build.ctx, -ENOSPC,
		       "out of metadata space: the mappings of %" PRIu64
		       " cache blocks take %" PRIu64 " "
		       "metadata blocks, the output has %" PRIu64 "",
		       nr, wanted, cb->build.nr_blocks);
}

/* Room is checked before the first block: half a cache is of no use. */
int cache_build_start(struct cache_build *cb, const struct cache_make *make)
{
	int r;

	cb->make = *make;
	r = check_room(cb);
	if (r == 0)
		r = build_array_init(&cb->mappings, &cb->build, sizeof(le64));
	if (r == 0)
		r = build_array_init(&cb->hints, &cb->build, CACHE_HINT_BYTES);
	if (r == 0)
		r = build_array_init(&cb->discards, &cb->build, sizeof(le64));
	if (r == 0 && make->version >= 2 && bits_init(&cb->dirty, make->nr_cache_blocks) < 0)
		r = bp_fail_memory(cb->build.ctx);
	return r;
}

/* Version 1 has the dirty bit in the mapping, version 2 in a bitset of its own. */
int cache_build_mapping(struct cache_build *cb, uint32_t cache_block, uint64_t origin_block,
			bool dirty)
{
	uint32_t flags = CACHE_MAPPING_VALID;
	le64 *slot;
	int r = 0;

	if (dirty && cb->make.version >= 2)
		bits_set(&cb->dirty, cache_block);
	else if (dirty)
		flags |= CACHE_MAPPING_DIRTY;
	slot = build_array_slot(&cb->mappings, cache_block, &r);
	if (slot)
		*slot = le64_make(cache_mapping_make(origin_block, flags));
	return r;
}

/* A cache with one hint has all of them: those not given are zeros. */
int cache_build_hint(struct cache_build *cb, uint32_t cache_block, const uint8_t *hint)
{
	int r = 0;
	void *slot;

	cb->make.hints = true;
	slot = build_array_slot(&cb->hints, cache_block, &r);
	if (slot)
		memcpy(slot, hint, CACHE_HINT_BYTES);
	return r;
}

int cache_build_discards(struct cache_build *cb, uint64_t i, le64 word)
{
	int r = 0;
	le64 *slot = build_array_slot(&cb->discards, i, &r);

	if (slot)
		*slot = word;
	return r;
}

struct roots {
	const struct cache_make *make;
	bp_mblock mapping, hint, discard, dirty;
};

/* What isn't set is zero; the caller seals it. */
static void fill_superblock(void *user, const struct sm_root_disk *metadata_sm,
			    bp_mblock nr_blocks, void *data)
{
	const struct roots *roots = user;
	const struct cache_make *make = roots->make;
	struct cache_superblock_disk *disk = data;

	(void)nr_blocks;
	disk->flags = le32_make(make->flags);
	disk->magic = le64_make(CACHE_MAGIC);
	disk->version = le32_make(make->version);
	memcpy(disk->policy_name, make->policy, sizeof(disk->policy_name));
	disk->policy_hint_size = le32_make(make->hint_bytes);
	memcpy(disk->metadata_space_map_root, metadata_sm, sizeof(*metadata_sm));
	disk->mapping_root = le64_make(roots->mapping);
	disk->hint_root = le64_make(roots->hint);
	disk->discard_root = le64_make(roots->discard);
	disk->discard_block_size = le64_make(make->discard_block_sectors);
	disk->discard_nr_blocks = le64_make(make->nr_discard_blocks);
	disk->data_block_size = le32_make(make->data_block_sectors);
	disk->metadata_block_size = le32_make(CACHE_METADATA_BLOCK_SECTORS);
	disk->cache_blocks = le32_make(make->nr_cache_blocks);
	for (size_t i = 0; i < ARRAY_SIZE(make->policy_version); i++)
		disk->policy_version[i] = le32_make(make->policy_version[i]);
	if (make->version >= 2)
		disk->dirty_root = le64_make(roots->dirty);
}

/* Whole words; bits beyond the count are clear. */
static int write_dirty(struct cache_build *cb, bp_mblock *ret)
{
	uint64_t nr = DIV_UP(cb->dirty.count, 64);
	struct build_array words;
	int r = build_array_init(&words, &cb->build, sizeof(le64));

	for (uint64_t i = 0; r == 0 && i < nr; i++) {
		le64 *slot = build_array_slot(&words, i, &r);

		if (slot)
			*slot = le64_make(cb->dirty.words[i]);
	}
	if (r == 0)
		r = build_array_finish(&words, nr, ret);
	build_array_done(&words);
	return r;
}

/* Superblock last, see build_finish(). */
int cache_build_finish(struct cache_build *cb)
{
	struct roots roots = { .make = &cb->make };
	uint64_t nr = cb->make.nr_cache_blocks;
	int r = build_array_finish(&cb->mappings, nr, &roots.mapping);

	if (r == 0 && (cb->make.hints || cb->make.hint_bytes))
		r = build_array_finish(&cb->hints, nr, &roots.hint);
	if (r == 0)
		r = build_array_finish(&cb->discards, DIV_UP(cb->make.nr_discard_blocks, 64),
				       &roots.discard);
	if (r == 0 && cb->make.version >= 2)
		r = write_dirty(cb, &roots.dirty);
	if (r == 0)
		r = build_finish(&cb->build, BLOCK_CACHE_SUPERBLOCK, fill_superblock, &roots);
	return r;
}
