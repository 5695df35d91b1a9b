/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clearing dirty states in place, which is sound as each array block is written whole and means
 * the same before and after to whoever believes no block to be clean: until the superblock says
 * that the shutdown was clean, at the very end, the kernel takes all as dirty.
 */
#include "formats/cache/writeback.h"

#include <inttypes.h>
#include <stdio.h>

struct clearing {
	struct bp_cache_meta *meta;
	struct bits blocks; /* array blocks with something to clear */
	bool flags;         /* in mappings, else whole words */
};

/* The superblock's flag, first or last. */
static int set_clean(struct bp_cache_meta *meta, bool clean)
{
	_cleanup_(freep) struct cache_superblock_disk *disk = io_buffer_new(1);
	struct io *io = meta->meta.io;
	uint32_t flags;
	int r = disk ? io_read(io, 0, 1, disk) : -ENOMEM;

	if (r == 0) {
		flags = le32_get(disk->flags) & ~BP_CACHE_CLEAN;
		disk->flags = le32_make(flags | (clean ? BP_CACHE_CLEAN : 0));
		block_seal(disk, BLOCK_CACHE_SUPERBLOCK, 0);
		r = io_write(io, 0, 1, disk);
	}
	if (r == 0)
		r = io_flush(io);
	return r < 0 ? bp_fail(meta->meta.ctx, r, "cannot write the superblock: %s",
			       strerrordesc_np(-r))
		     : 0;
}

/* Mappings keep all but the dirty flag; a bitset is zeroed. */
static bool clear_values(const struct clearing *c, struct array_block_disk *disk)
{
	le64 *values = (le64 *)(void *)disk->values;
	bool changed = false;

	for (uint32_t i = 0; i < le32_get(disk->nr_entries); i++) {
		uint64_t before = le64_get(values[i]);
		uint64_t after = c->flags ? before & ~(uint64_t)CACHE_MAPPING_DIRTY : 0;

		changed |= after != before;
		values[i] = le64_make(after);
	}
	return changed;
}

/* Read and checked once more: it is written in place. */
static int clear_block(struct clearing *c, bp_mblock block, struct array_block_disk *buf)
{
	struct io *io = c->meta->meta.io;
	int r = io_read(io, block, 1, buf);

	if (r == 0 && (block_check(buf, BLOCK_ARRAY, block) != BLOCK_OK ||
		       le32_get(buf->nr_entries) > array_capacity(sizeof(le64))))
		r = -EUCLEAN;
	if (r < 0 || !clear_values(c, buf))
		return r;
	block_seal(buf, BLOCK_ARRAY, block);
	return io_write(io, block, 1, buf);
}

/* Only array blocks matter: leaves of the tree lead to them. */
static int on_tree(void *user, const struct loss_array *array, const struct forest *tree)
{
	struct clearing *c = user;

	(void)array;
	for (size_t i = 0; i < tree->nodes.count; i++) {
		const struct walk_node *n = &tree->nodes.items[i];
		const struct walk_inner *inner;

		if (n->error || !(n->flags & WALK_IS_LEAF) || n->inner == WALK_NONE)
			continue;
		inner = forest_inner(tree, n);
		for (uint32_t k = 0; k < n->nr; k++) {
			uint64_t block = le64_get(((const le64 *)inner->values)[k]);

			if (block < c->blocks.count)
				bits_set(&c->blocks, block);
		}
	}
	return 0;
}

/*
 * Block by block, each whole: an interruption leaves some dirty that are clean, which is
 * safe.
 */
static int clear_array(struct clearing *c, enum cache_array_id id)
{
	const struct loss_ears ears = { .tree = on_tree, .user = c };
	const struct array_reader reader = { .ears = &ears };
	_cleanup_(freep) struct array_block_disk *buf = io_buffer_new(1);
	struct bp_ctx *ctx = c->meta->meta.ctx;
	int r = buf ? cache_array_read(c->meta, id, &reader) : bp_fail_memory(ctx);

	for (uint64_t b = bits_next(&c->blocks, 0); r == 0 && b < c->blocks.count;
	     b = bits_next(&c->blocks, b + 1)) {
		r = clear_block(c, b, buf);
		if (r < 0)
			return bp_fail(ctx, r,
				       "cannot clear dirty states in block %" PRIu64 ": %s", b,
				       strerrordesc_np(-r));
	}
	if (r == 0)
		r = io_flush(c->meta->meta.io);
	return r;
}

int cache_clear_dirty(struct bp_cache_meta *meta)
{
	struct clearing c = { .meta = meta, .flags = meta->sb.pub.version < 2 };
	int r = bits_init(&c.blocks, meta->meta.nr_blocks);

	if (r < 0)
		return bp_fail_memory(meta->meta.ctx);
	/* Half cleared, no stored state may be believed. */
	r = set_clean(meta, false);
	if (r == 0)
		r = clear_array(&c, c.flags ? CACHE_MAPPINGS : CACHE_DIRTY);
	bits_done(&c.blocks);
	return r == 0 ? set_clean(meta, true) : r;
}
