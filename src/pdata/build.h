/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writing a new metadata area: blocks in rising order, trees from their leaves up with full
 * nodes, space maps last.
 *
 *	build_init()	  zeroes the superblock, flushed: from here on there is no metadata
 *	build_block()...  everything else
 *	build_finish()	  writes the superblock, once all else is flushed
 */
#ifndef PDATA_BUILD_H
#define PDATA_BUILD_H

#include "core/vec.h"
#include "io/behind.h"
#include "pdata/btree.h"
#include "pdata/space_map.h"

struct build {
	struct bp_ctx *ctx;
	struct io *io;
	bp_mblock nr_blocks;     /* of the metadata space map */
	bp_mblock next;          /* the next free block; all above are free */
	struct refcounts counts; /* of metadata blocks: pointers to them written so far */

	/* Blocks that are not written yet: first .. first + count - 1, and count of them
	 * sealed. */
	struct io_behind *behind;
	uint8_t *batch; /* its buffer */
	bp_mblock batch_first;
	size_t batch_count;
	void *scratch; /* one block, for reading back */

	/*
	 * Internal nodes written, by content: equal ones are shared. Open addressing; grows by
	 * 16 to 32 bytes a node.
	 */
	struct build_known {
		uint64_t hash; /* 0: free slot */
		bp_mblock block;
	} * known;
	size_t known_size, known_count;
};

/*
 * Begin on @io, which stays the caller's: zero block 0 and flush. -ENOSPC where not even the
 * smallest metadata fits.
 */
int build_init(struct build *b, struct bp_ctx *ctx, struct io *io);
/* Frees memory only: what was not finished has no superblock. */
void build_done(struct build *b);

/*
 * The next free block, zeroed; *@ret_data is to be filled and given to build_seal() before any
 * other call. -ENOSPC, or why a batch could not be written.
 */
int build_block(struct build *b, bp_mblock *ret_nr, void **ret_data);
/* Number and checksum of the block that build_block() gave last. */
void build_seal(struct build *b, enum block_kind kind);
/* A block that was sealed before, copied to @data (IO_BLOCK bytes, from io_buffer_new()). */
int build_read(struct build *b, bp_mblock nr, void *data);
/* A pointer to @nr was written. */
int build_ref(struct build *b, bp_mblock nr);

/* A finished node, as its parent will know it. */
struct build_node {
	uint64_t key; /* its first */
	bp_mblock block;
};

/* The leaves of a tree, in order; or the nodes of any other level. */
struct build_level {
	VEC(struct build_node) nodes;
};

/*
 * How @nr entries are divided among nodes of @max: all full, but the last two, which are equal.
 * Returns how many go into the first. 0 for none.
 */
static inline uint32_t build_share(uint64_t nr, uint32_t max)
{
	if (nr <= max)
		return (uint32_t)nr;
	return nr < 2ull * max ? (uint32_t)(nr - nr / 2) : max;
}

/*
 * A leaf to be filled in place, with @nr entries; then comes build_seal(). The rest of it is
 * zero. Counts no references of its values.
 */
struct build_place {
	bp_mblock block;
	le64 *keys;
	void *values; /* as on disk */
};
int build_leaf_place(struct build *b, uint32_t nr, uint32_t value_size,
		     struct build_place *ret);
/* A leaf of @nr entries; @values are as on disk. Counts no references of its values. */
int build_leaf(struct build *b, const uint64_t *keys, const void *values, uint32_t nr,
	       uint32_t value_size, bp_mblock *ret);
/*
 * All levels above the leaves of @level, which is used up. Nodes that are equal to one written
 * before become that one. The root's own count is for build_ref(), when a pointer to it is
 * written.
 */
int build_upper(struct build *b, struct build_level *level, bp_mblock *ret_root);

/* A whole tree from entries in rising order, held back as far as balancing needs. */
struct build_tree {
	struct build *b;
	uint32_t value_size, max, count;
	uint64_t *keys;  /* 2 * max */
	uint8_t *values; /* 2 * max * value_size */
	struct build_level leaves;
};

int build_tree_init(struct build_tree *t, struct build *b, uint32_t value_size);
void build_tree_done(struct build_tree *t);
/* @value as on disk. Keys must rise: the caller has seen to that. */
int build_tree_add(struct build_tree *t, uint64_t key, const void *value);
int build_tree_finish(struct build_tree *t, bp_mblock *ret_root);

/* Blocks that a data space map for @nr_blocks takes, without its reference count tree. */
bp_mblock build_data_sm_blocks(uint64_t nr_blocks);
/* A data space map with these counts; its root is counted. */
int build_data_sm(struct build *b, const struct refcounts *counts, struct sm_root_disk *ret);

/*
 * The end: write the metadata space map, its own blocks included, flush, write the superblock
 * and flush. @fill gets the root and makes the superblock in @data (zeroed), without seal.
 */
int build_finish(struct build *b, enum block_kind superblock,
		 void (*fill)(void *user, const struct sm_root_disk *metadata_sm,
			      bp_mblock nr_blocks, void *data),
		 void *user);

#endif
