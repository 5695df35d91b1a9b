/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A cursor in a mapping tree that stops before subtrees as well as at entries, so that who
 * compares two trees may pass by what they share without reading it. Damage ends its use.
 *
 * Memory: CURSOR_AHEAD + BTREE_MAX_DEPTH blocks.
 */
#ifndef FORMATS_THIN_CURSOR_H
#define FORMATS_THIN_CURSOR_H

#include "pdata/btree.h"

#define CURSOR_AHEAD 64u /* leaves read at once */

struct cursor {
	struct meta *meta;
	bp_mblock root;
	int height; /* of the root: levels of internal nodes */
	int depth;  /* nodes open; 0: before the root, or at the end */
	bool ended;
	struct cursor_level {
		struct node node;
		uint32_t at;  /* the entry or child at hand; < nr in the deepest one */
		uint64_t end; /* keys must be below, unless unbounded */
		bool unbounded;
		void *buf; /* of an internal node */
	} levels[BTREE_MAX_DEPTH];

	uint8_t *ahead;
	struct io_request requests[CURSOR_AHEAD];
	size_t nr_ahead, next_ahead;
	bp_mblock nr_read; /* blocks, for progress */
};

/* The caller zeroes @c before. 0, or why the root's height can't be found out. */
int cursor_init(struct cursor *c, struct meta *meta, bp_mblock root);
void cursor_done(struct cursor *c);

/* Is it at an entry of a leaf, and not before a subtree? Not at the end. */
static inline bool cursor_at_entry(const struct cursor *c)
{
	return c->depth > 0 && c->levels[c->depth - 1].node.leaf;
}

static inline struct cursor_level *cursor_level(struct cursor *c)
{
	return &c->levels[c->depth - 1];
}

/* The key of the entry; of a subtree, a key that none in it is below. */
static inline uint64_t cursor_key(const struct cursor *c)
{
	const struct cursor_level *level;

	if (c->depth == 0)
		return 0;
	level = &c->levels[c->depth - 1];
	return node_key(&level->node, level->at);
}

/* The subtree it stands before: its block, and its height (0: a leaf). */
bp_mblock cursor_block(const struct cursor *c);
int cursor_height(const struct cursor *c);

/* Past the entry or the subtree. */
void cursor_next(struct cursor *c);
/* Past all entries of the leaf. */
void cursor_leave_leaf(struct cursor *c);
/*
 * Into the subtree. Leaves are read together with those that follow, but for those that @other
 * has below the same key: they will be passed by. @other may be NULL.
 */
int cursor_enter(struct cursor *c, const struct cursor *other);

#endif
