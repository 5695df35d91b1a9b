/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whose the leaves of all mapping trees are, and how often each data block is mapped. Every leaf is
 * read once, those that several devices have once more, so that their blocks count twice at least.
 * Nothing is answered where a tree is damaged: an owner may be hidden there.
 *
 * Memory: as forest_walk(), 2 bits a data block for each worker, 4 bytes a node.
 */
#ifndef FORMATS_THIN_OWNING_H
#define FORMATS_THIN_OWNING_H

#include "formats/thin/meta.h"
#include "pdata/refcounts_run.h"

#define OWNER_NONE    0u
#define OWNER_SEVERAL UINT32_MAX

struct thin_owning {
	struct bp_thin_meta *tm;
	struct thin_devices devices;
	struct forest forest;
	struct refcounts *counts; /* one for each worker; the first gets them all */
	unsigned nr_counts;
	uint64_t nr_data_blocks; /* that can be */
	uint32_t *owner;         /* by node: index of the device + 1 */
	uint64_t bad_block;      /* mapped, but past the end; and by which node */
	uint32_t bad_node;
};

/* Read the devices. The caller zeroes @o before, and calls thin_owning_done() whatever comes. */
int thin_owning_init(struct thin_owning *o, struct bp_thin_meta *meta);
void thin_owning_done(struct thin_owning *o);

/*
 * Walk all trees; with @count, find owners and counts too. 0 or what bp_thin_ls() returns, with its
 * message.
 */
int thin_owning_read(struct thin_owning *o, bool count);

/* Is @data_block mapped once and no more? */
static inline bool thin_owning_is_exclusive(const struct thin_owning *o, bp_dblock data_block)
{
	return refcounts_get(&o->counts[0], data_block) == 1;
}

/* A leaf that is read again, and whose it is: index of the device, or OWNER_SEVERAL. */
typedef int (*thin_owned_leaf_fn)(void *user, const struct node *leaf, uint32_t owner);

/* Which leaves. */
enum thin_owned {
	THIN_OWNED_BY_SEVERAL = 1 << 0,
	THIN_OWNED_BY_ONE = 1 << 1,
};

/*
 * After thin_owning_read() with @count: call @fn for leaves of these kinds, in the order of the
 * disk, from up to @workers threads (0: as suits). Non-zero ends it; failures have their message.
 */
int thin_owning_again(struct thin_owning *o, unsigned kinds, unsigned workers,
		      thin_owned_leaf_fn fn, void *user);

#endif
