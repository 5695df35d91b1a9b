/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What devices share. The leaves that more than one device has form runs: rows of leaves that
 * follow each other in every device that has any of them. A dump writes each run once. What is
 * below a node is looked at twice, however many devices have it.
 */
#ifndef FORMATS_THIN_SHARE_H
#define FORMATS_THIN_SHARE_H

#include "pdata/walk.h"

/* By node of the forest; meaningful for leaves. 8 bytes and 2 bits a node. */
struct thin_share {
	const struct forest *f;
	uint32_t *next, *prev;    /* node index, or one of the values in share.c */
	struct bits seen, shared; /* internal nodes too: met once, more than once */

	struct bits silent; /* by node: see thin_share_is_silent() */
	uint32_t at;        /* while visiting: the leaf before */
};

/* 0 or -ENOMEM. */
int thin_share_init(struct thin_share *s, const struct forest *f);
void thin_share_done(struct thin_share *s);
/* Look at the tree of one more device. */
int thin_share_add(struct thin_share *s, bp_mblock root);

/* Once all were added. Does more than one device have @leaf? */
bool thin_share_is_shared(const struct thin_share *s, const struct walk_node *leaf);
/*
 * Is there nothing below the internal node @node but leaves that are shared and not the first of
 * their runs? Only after thin_share_finish().
 */
bool thin_share_is_silent(const struct thin_share *s, const struct walk_node *node);
/* After the last thin_share_add(). 0 or -ENOMEM. */
int thin_share_finish(struct thin_share *s);
/* Is it the first of its run? */
bool thin_share_is_first(const struct thin_share *s, const struct walk_node *leaf);
/* The next of its run, or NULL. */
const struct walk_node *thin_share_next(const struct thin_share *s,
					const struct walk_node *leaf);

#endif
