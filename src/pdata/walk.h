/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Walking whole trees, many at once: a forest. Level by level, each level in the order of the
 * disk with several reads in flight, each node read, verified and decoded once however many
 * parents it has. What is found is kept: the internal nodes with their entries, a
 * record for each leaf. Damage is recorded in the node's place and never ends a walk.
 *
 * Memory: 4 bytes for each metadata block between the lowest and the highest in use, 2 bits for
 * each block of the area, 32 bytes for each node met, 12 bytes for each entry of an internal
 * node, and the leaves' entries where these are to be kept.
 */
#ifndef PDATA_WALK_H
#define PDATA_WALK_H

#include "core/vec.h"
#include "pdata/btree.h"

/* No such node. */
#define WALK_NONE UINT32_MAX

enum {
	WALK_IS_LEAF = 1 << 0,
	WALK_IS_ODD = 1 << 1,    /* max_entries not a multiple of 3 */
	WALK_IS_ROOT = 1 << 2,   /* given as a root: may have few entries */
	WALK_IS_SPARSE = 1 << 3, /* has fewer than a third, and is somewhere not a root */
	WALK_IS_BROKEN = 1 << 4, /* it or something below it has an error */
	WALK_IS_OPEN = 1 << 5,   /* on the path being judged */
	WALK_IS_JUDGED = 1 << 6,
};

/* A node that was met. It can be used if error is NODE_OK. */
struct walk_node {
	uint64_t key_min, key_max; /* of all below it; min > max: nothing below */
	uint32_t block;
	uint32_t inner;   /* its entries, if it has any kept: forest->inners.items[] */
	uint32_t mark;    /* for users of the forest; 0 at first */
	uint16_t nr, max; /* entries */
	uint8_t error;    /* enum node_error */
	uint8_t flags;
	uint8_t height; /* 0: leaf */
	uint8_t pad;
};

/* The entries of an internal node, or of a leaf that was to be kept. */
struct walk_inner {
	uint64_t *keys;
	union {
		uint32_t *children; /* block numbers; 0: out of range */
		void *values;       /* leaf: nr * value_size bytes */
	};
	uint64_t entries; /* leaf entries below it, those that can't be read not counted */
};

/* An entry of an internal node whose child can't be where it is. */
struct walk_edge {
	uint32_t parent; /* index of the parent's node */
	uint32_t entry;  /* in the parent */
	uint64_t child;  /* block number as stored */
	uint8_t error;   /* NODE_RANGE, NODE_LOOP, NODE_DEPTH, NODE_HEIGHT or NODE_KEY_RANGE */
	uint64_t first, last; /* NODE_KEY_RANGE: the keys of the child */
};

struct forest {
	struct meta *meta;
	uint32_t value_size;
	bool keep_leaves;
	/*
	 * Called for each readable leaf, once, from worker threads. Non-zero ends the walk. May
	 * be NULL.
	 */
	int (*leaf)(void *user, unsigned worker, uint32_t node, const struct node *leaf);
	/* Called for each pointer of each internal node, in the calling thread. May be NULL. */
	int (*child)(void *user, bp_mblock block);
	void *user;

	struct bits seen;            /* blocks met as nodes of this forest */
	uint32_t *node_of;           /* by block: index in nodes + 1, 0: none */
	VEC(struct walk_node) nodes; /* by level met, ascending blocks in each */
	VEC(struct walk_inner) inners;
	VEC(struct walk_edge) edges; /* what is wrong between nodes; by node */
	VEC(void *) memory;          /* behind inners */
	uint64_t nr_errors;          /* nodes with an error + edges */
	uint64_t nr_unread;          /* of these: what is below could not be read */
};

/* @f: what the caller wants is set, the rest zero. */
int forest_init(struct forest *f);
void forest_done(struct forest *f);
/* At most this many workers call leaf(). */
unsigned forest_workers(const struct forest *f);

/*
 * Walk all trees with these roots. Roots out of range become edges with parent WALK_NONE and
 * entry = index in @roots. Afterwards every node has its error, range and height. Once.
 */
int forest_walk(struct forest *f, const uint64_t *roots, size_t nr_roots);

/* The node at @block, or NULL where none was met. */
struct walk_node *forest_node(const struct forest *f, bp_mblock block);
/* The entries of @node; it must be one that has them: inner is not WALK_NONE. */
static inline struct walk_inner *forest_inner(const struct forest *f,
					      const struct walk_node *node)
{
	return &f->inners.items[node->inner];
}

/* Leaf entries below @block, each path counted; UINT64_MAX where more. */
uint64_t forest_entries(const struct forest *f, bp_mblock block);

/* Something below a root that can't be used. */
struct walk_lost {
	bp_mblock block;
	enum node_error error;
	uint64_t begin, end;          /* keys its parents leave for it, both included */
	const struct walk_edge *edge; /* what is wrong between it and its parent, or NULL */
};

/*
 * Everything below a root in the order of keys, without reading anything. @leaf gets each leaf
 * that is readable, @lost each child that is not, or is not where it should be. Non-zero
 * stops. Loops are not followed.
 */
struct forest_visitor {
	int (*leaf)(void *user, const struct walk_node *leaf);
	int (*lost)(void *user, const struct walk_lost *lost);
	/* Asked before an internal node is gone into: may all below it be passed by? */
	bool (*pass)(void *user, const struct walk_node *node);
	void *user;
	bool broken_only; /* pass by what is whole */
};
int forest_visit(const struct forest *f, bp_mblock root, const struct forest_visitor *visitor);

/* The first or last leaf below @node, which is whole: not WALK_IS_BROKEN. */
const struct walk_node *forest_end_leaf(const struct forest *f, const struct walk_node *node,
					bool last);

#endif
