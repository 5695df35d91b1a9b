/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays: a tree of blocks full of values. */
#ifndef PDATA_ARRAY_H
#define PDATA_ARRAY_H

#include "pdata/walk.h"

/*
 * An array block.
 * Source: Linux, drivers/md/persistent-data/dm-array.c.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum         block.h; kind: array
 *        4     4  max_entries  (4096 - 24) / value_size
 *        8     4  nr_entries
 *       12     4  value_size   bytes
 *       16     8  blocknr      this block's own number
 *       24        values; what follows the last is unspecified
 *
 * The tree above has key = 0, 1, 2 ... and value = array block. Element i is entry i % max of
 * the block with key i / max. All blocks are full, but the last.
 */
struct array_block_disk {
	le32 csum, max_entries, nr_entries, value_size;
	le64 blocknr;
	uint8_t values[];
};
_Static_assert(sizeof(struct array_block_disk) == 24, "on-disk format");

static inline uint32_t array_capacity(uint32_t value_size)
{
	return (IO_BLOCK - (uint32_t)sizeof(struct array_block_disk)) / value_size;
}

enum array_error {
	ARRAY_OK,
	ARRAY_IO,
	ARRAY_RANGE, /* pointer past the end */
	ARRAY_CSUM,
	ARRAY_KIND,
	ARRAY_BLOCKNR,
	ARRAY_VALUE_SIZE,
	ARRAY_MAX_ENTRIES,
	ARRAY_NR_ENTRIES, /* not what its place asks for */
	ARRAY_MISSING,    /* no entry in the tree for this part */
	ARRAY_EXTRA,      /* an entry beyond the array's end */
	ARRAY_TREE,       /* a node of the tree: the part's range is what it would lead to */
	ARRAY_ERRORS,
};

const char *array_error_name(enum array_error error);

/* Verify the block of part @key of an array of @nr values. 0 or why not. */
enum array_error array_block_check(const void *data, bp_mblock block, uint32_t value_size,
				   uint32_t nr_expected);

/*
 * What array_walk() calls, in the calling thread, parts in ascending order. Non-zero stops.
 * @begin, @end: elements [begin, end) that are here, or lost.
 */
struct array_visitor {
	int (*part)(void *user, uint64_t begin, uint64_t end, const void *values);
	int (*lost)(void *user, uint64_t begin, uint64_t end, enum array_error error,
		    enum node_error node_error, bp_mblock block);
	/* Each pointer, to count references: nodes' children and array blocks. May be NULL. */
	int (*child)(void *user, bp_mblock block);
	void *user;
	/* The tree, when all its nodes were read; lent. May be NULL. */
	int (*tree)(void *user, const struct forest *tree);
};

/*
 * All of the array at @root with @nr values of @value_size bytes. Blocks are read and verified in a
 * thread of their own, up to 1 MiB ahead; holds those and the tree's entries (16 bytes for each
 * array block).
 */
int array_walk(struct meta *meta, bp_mblock root, uint64_t nr, uint32_t value_size,
	       const struct array_visitor *visitor);

#endif
