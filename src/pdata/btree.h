/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Btree nodes: layout, verifying one, looking one key up. Walks of whole trees: walk.h. */
#ifndef PDATA_BTREE_H
#define PDATA_BTREE_H

#include "pdata/block.h"
#include "pdata/meta.h"

/*
 * A btree node, one per 4096-byte metadata block. All integers little-endian.
 * Source: Linux, drivers/md/persistent-data/dm-btree-internal.h.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum         block.h; kind: node
 *        4     4  flags        1 internal, 2 leaf: exactly one
 *        8     8  blocknr      this block's own number
 *       16     4  nr_entries   <= max_entries
 *       20     4  max_entries  a multiple of 3
 *       24     4  value_size   bytes; 8 in an internal node
 *       28     4  padding
 *       32        keys[max_entries], then values[max_entries]
 *
 * Slots from nr_entries on, and what follows the values, are unspecified: stale bytes lie
 * there.
 */
struct btree_node_disk {
	le32 csum, flags;
	le64 blocknr;
	le32 nr_entries, max_entries, value_size, padding;
	le64 keys[];
};
_Static_assert(sizeof(struct btree_node_disk) == 32, "on-disk format");

enum { NODE_INTERNAL = 1, NODE_LEAF = 2 };

/* Deeper trees can't be honest: 126^10 entries. */
#define BTREE_MAX_DEPTH 10

/* Entries that fit a node with values of @value_size bytes: a multiple of 3. */
uint32_t node_capacity(uint32_t value_size);

/* What can be wrong with a node, alone (up to NODE_NO_ENTRIES) or in its place in a tree. */
enum node_error {
	NODE_OK,
	NODE_IO,          /* can't be read */
	NODE_RANGE,       /* the pointer leads past the end, or to block 0 */
	NODE_CSUM,        /* bad checksum */
	NODE_KIND,        /* a valid block of another kind */
	NODE_BLOCKNR,     /* says that it is another block */
	NODE_FLAGS,       /* neither internal nor leaf, or both */
	NODE_VALUE_SIZE,  /* not this tree's */
	NODE_MAX_ENTRIES, /* do not fit a block */
	NODE_NR_ENTRIES,  /* more than max_entries */
	NODE_KEY_ORDER,   /* keys don't rise */
	NODE_NO_ENTRIES,  /* an internal node without children */
	NODE_LOOP,        /* a node below itself */
	NODE_DEPTH,       /* too deep */
	NODE_HEIGHT,      /* leaves at different depths */
	NODE_KEY_RANGE,   /* keys below the parent's entry for it, or beyond the next one */
	NODE_ERRORS,
};

/* "bad checksum" ... */
const char *node_error_name(enum node_error error);

/* A verified node, decoded in place. */
struct node {
	bp_mblock block;
	bool leaf;
	bool odd_max; /* max_entries is not a multiple of 3: of no consequence */
	uint32_t nr, max, value_size;
	const le64 *keys;
	const uint8_t *values;
};

/*
 * Verify @data, read at @block, as a node of a tree with values of @value_size bytes. Only on
 * NODE_OK is @ret set. It is safe to use whatever the block holds.
 */
enum node_error node_decode(const void *data, bp_mblock block, uint32_t value_size,
			    struct node *ret);

static inline uint64_t node_key(const struct node *node, uint32_t i)
{
	return le64_get(node->keys[i]);
}

static inline const void *node_value(const struct node *node, uint32_t i)
{
	return node->values + (size_t)i * node->value_size;
}

/* For internal nodes and trees with 8-byte values. */
static inline uint64_t node_value64(const struct node *node, uint32_t i)
{
	return le64_get(((const le64 *)(const void *)node->values)[i]);
}

/* Index of the last key that is <= @key; -1 where all are above. */
int node_find(const struct node *node, uint64_t key);

/* Read and verify one node; says why not. @buf: IO_BLOCK bytes from io_buffer_new(). */
int node_read(struct meta *meta, bp_mblock block, uint32_t value_size, void *buf,
	      struct node *ret);

/*
 * The value of @key in the tree at @root, copied to @value. -ENODATA without a message where
 * there is none; -EBADMSG, -EUCLEAN, -EIO where the way to it is damaged.
 */
int btree_lookup(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t key,
		 void *value);

/*
 * The highest key of the tree at @root: one path is read. -ENODATA without a message where the tree
 * is empty; else as btree_lookup().
 */
int btree_last(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t *ret_key);

/*
 * Entries of one tree in the order of their keys, from @from on. Reads ahead: the leaves
 * below one internal node, 64 at a time. Holds 64 + BTREE_MAX_DEPTH blocks. Damage ends it with
 * -EBADMSG, -EUCLEAN or -EIO: salvage is for walk.h.
 */
struct btree_iter;
int btree_iter_new(struct meta *meta, bp_mblock root, uint32_t value_size, uint64_t from,
		   struct btree_iter **ret);
void btree_iter_free(struct btree_iter *it);
/* The next leaf, lent until the next call. 0 got one, 1 end. @ret_first: its first entry >=
 * from. */
int btree_iter_leaf(struct btree_iter *it, struct node *ret, uint32_t *ret_first);

#endif
