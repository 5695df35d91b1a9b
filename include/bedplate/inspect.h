/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One metadata block decoded, who points at it, and the way to it from the superblock. */
#ifndef BEDPLATE_INSPECT_H
#define BEDPLATE_INSPECT_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* enum bp_block_kind - What a block is, by its checksum. Numbers are never reused. */
enum bp_block_kind {
	BP_BLOCK_UNKNOWN = 0, /* damaged, or no metadata */
	BP_BLOCK_THIN_SUPERBLOCK = 1,
	BP_BLOCK_CACHE_SUPERBLOCK = 2,
	BP_BLOCK_ERA_SUPERBLOCK = 3,
	BP_BLOCK_NODE = 4,
	BP_BLOCK_BITMAP = 5,
	BP_BLOCK_INDEX = 6,
	BP_BLOCK_ARRAY = 7,
};

/* enum bp_inspect_tree - The trees of a thin pool's metadata. */
enum bp_inspect_tree {
	BP_TREE_NONE = 0, /* it is in no tree, or in none that can be reached */
	BP_TREE_TOP_LEVEL = 1,
	BP_TREE_DETAILS = 2,
	BP_TREE_MAPPINGS = 3,
	BP_TREE_DATA_INDEX = 4,
	BP_TREE_DATA_COUNTS = 5,
	BP_TREE_METADATA_COUNTS = 6,
};
/* "mapping tree" ... */
BP_API const char *bp_inspect_tree_name(enum bp_inspect_tree tree);

/**
 * struct bp_inspected - A block. Members are only added.
 * @block: where it is.
 * @zero: all of it is zero.
 * @kind, @kind_name: what it is, and in words.
 * @stored_csum, @expected_csum: what it has, and what would be right for its kind; for what is
 *	of no known kind, right for a btree node.
 * @stored_number: the number that it says it has.
 * @tree: where it was found. Of what no pointer leads to: what its values look like.
 * @reachable: a pointer leads to it.
 * @ref_count: what the metadata space map says; BP_NONE where that can't be read.
 * @leaf, @nr_entries, @max_entries, @value_size: of a btree node, as stored.
 * @node_error: what is wrong with the node, or NULL.
 * @superblock: of a thin superblock.
 */
struct bp_inspected {
	bp_mblock block;
	bool zero;
	enum bp_block_kind kind;
	const char *kind_name;
	uint32_t stored_csum, expected_csum;
	bp_mblock stored_number;
	enum bp_inspect_tree tree;
	bool reachable;
	uint64_t ref_count;
	bool leaf;
	uint32_t nr_entries, max_entries, value_size;
	const char *node_error;
	struct bp_thin_superblock superblock;
};

/* enum bp_entry_kind - What an entry of a block holds. */
enum bp_entry_kind {
	BP_ENTRY_CHILD = 1,   /* a block below: @value */
	BP_ENTRY_ROOT = 2,    /* root of a device's mapping tree: @value */
	BP_ENTRY_MAPPING = 3, /* data block @value, @time */
	BP_ENTRY_DETAILS = 4, /* @device */
	BP_ENTRY_INDEX = 5,   /* bitmap block @value, @nr_free, @none_free_before */
	BP_ENTRY_COUNT =
		6, /* reference count @value of block @key; bitmap: of @length blocks */
	BP_ENTRY_OTHER = 7, /* the first 8 bytes of a value */
};

/**
 * struct bp_inspect_entry - An entry of a node or index, or a run of equal counts of a bitmap.
 * @kind: which members count.
 * @index: in the block.
 * @key: of a node's entry; of a bitmap the first block that the run counts.
 * @length: of a bitmap's run; 1 else.
 */
struct bp_inspect_entry {
	enum bp_entry_kind kind;
	uint32_t index;
	uint64_t key, length, value;
	uint32_t time, nr_free, none_free_before;
	struct bp_thin_device device;
};

/**
 * struct bp_inspect_ref - A pointer.
 * @parent: the block that it is in.
 * @tree: the tree that @parent is in; BP_TREE_NONE: it is a superblock or the index block.
 * @field: which field of a superblock; NULL elsewhere.
 * @entry, @key: which entry of @parent, and its key: no key below is less; BP_NONE for a field.
 */
struct bp_inspect_ref {
	bp_mblock parent;
	enum bp_inspect_tree tree;
	const char *field;
	uint32_t entry;
	uint64_t key;
};

struct bp_inspect;

/**
 * bp_inspect_new() - Open metadata, sound or not, to look at its blocks. Reads only.
 * @path: metadata device or file; its pool must not be active, as what is read could change.
 * @ret: bp_inspect_free() it.
 *
 * All trees that a readable thin superblock leads to are walked. Where there is none, blocks
 * are decoded by themselves. Memory: as bp_thin_check().
 *
 * Return: 0; -ENOENT, -EACCES, -EBUSY, -EINVAL, -EIO, -ENOMEM. Damage is no failure.
 */
BP_API int bp_inspect_new(struct bp_ctx *ctx, const char *path, struct bp_inspect **ret);
BP_API void bp_inspect_free(struct bp_inspect *inspect); /* NULL is allowed */

/* bp_inspect_blocks() - How many blocks there are. */
BP_API bp_mblock bp_inspect_blocks(const struct bp_inspect *inspect);

/* bp_inspect_block() - Decode one block. 0; -ERANGE: there is no such block; -EIO, -ENOMEM. */
BP_API int bp_inspect_block(struct bp_inspect *inspect, bp_mblock block,
			    struct bp_inspected *ret);
/**
 * bp_inspect_entries() - Call @entry for all entries of the block decoded last, if it has any
 * that can be decoded. Non-zero ends it and is returned.
 *
 * Return: 0, what @entry returned, -EIO, -ENOMEM.
 */
BP_API int bp_inspect_entries(struct bp_inspect *inspect,
			      int (*entry)(void *user, const struct bp_inspect_entry *entry),
			      void *user);
/**
 * bp_inspect_refs() - Call @ref for every pointer to @block. Non-zero ends it, and is returned.
 *
 * Return: 0, what @ref returned, -EIO, -ENOMEM.
 */
BP_API int bp_inspect_refs(struct bp_inspect *inspect, bp_mblock block,
			   int (*ref)(void *user, const struct bp_inspect_ref *ref),
			   void *user);
/**
 * bp_inspect_path() - Call @ref for the pointers that lead from the superblock to @block, the
 * superblock's first: one way of several where it is shared. None where nothing leads there.
 *
 * Return: 0, what @ref returned, -EIO, -ENOMEM.
 */
BP_API int bp_inspect_path(struct bp_inspect *inspect, bp_mblock block,
			   int (*ref)(void *user, const struct bp_inspect_ref *ref),
			   void *user);

#ifdef __cplusplus
}
#endif

#endif
