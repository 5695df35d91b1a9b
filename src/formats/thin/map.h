/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Building the mapping trees of thin devices. What devices share (defs) is built once, as a row
 * of leaves, and those leaves are spliced into each device's tree. A leaf that would have too
 * few entries is merged with its neighbour; where that one is shared, the device gets a copy of
 * it. So the parts of a dump stay the leaves they were, and dumping again gives the same text.
 */
#ifndef FORMATS_THIN_MAP_H
#define FORMATS_THIN_MAP_H

#include "formats/thin/disk.h"
#include "pdata/build.h"

#define THIN_LEAF_MAX 252u                /* node_capacity(8) */
#define THIN_LEAF_MIN (THIN_LEAF_MAX / 3) /* of a leaf that is not a root */

/* A finished row of leaves. */
struct thin_def {
	struct build_level leaves; /* at least one, which may be empty */
	uint64_t first, last;      /* virtual blocks, if mapped > 0 */
	uint64_t mapped;
};

struct thin_map {
	struct build *b;
	struct refcounts data; /* references to data blocks, by leaves written */
	uint32_t time_max;     /* of all mappings so far */
	bool lowered;          /* some time was THIN_TIME_MAX */

	/* The tree or def at hand. */
	struct build_level leaves;
	bool sparse_root; /* its only leaf so far has too few entries to have a neighbour */
	uint64_t last;    /* highest virtual block, if mapped > 0 */
	uint64_t mapped;

	/* Entries behind those leaves that are not in a leaf yet. */
	uint32_t count;
	uint64_t keys[2 * THIN_LEAF_MAX];
	le64 values[2 * THIN_LEAF_MAX];

	/*
	 * Leaves written with mappings not older than that: of a device, its snapshotted_time; of a
	 * def, or where it does not matter, above all times.
	 */
	uint32_t fresh_from;
	VEC(bp_mblock) fresh;

	VEC(bp_mblock) loose; /* leaves that were replaced: nobody may point to them now */
	void *block;          /* for reading one back */
};

/* 0 or -ENOMEM. */
int thin_map_init(struct thin_map *m, struct build *b, bp_dblock nr_data_blocks);
void thin_map_done(struct thin_map *m);

/*
 * Add @length mappings. -EINVAL, with a message that begins with the phrases programs know,
 * where virtual blocks go back or data blocks don't exist.
 */
int thin_map_run(struct thin_map *m, uint64_t virtual_begin, uint64_t data_begin,
		 uint64_t length, uint32_t time);
/* Add the mappings of a leaf that was verified. -EINVAL as above. */
int thin_map_leaf(struct thin_map *m, const struct node *leaf);
/* Add what @def holds, sharing its leaves. -EINVAL as above. */
int thin_map_def(struct thin_map *m, const struct thin_def *def);

/* Leaf @nr that was written, into @block (from io_buffer_new()). */
int thin_map_read(struct thin_map *m, bp_mblock nr, void *block, struct node *ret);

/* End what is at hand: as a def (to be freed with thin_def_done()), or as a device's tree. */
int thin_map_end_def(struct thin_map *m, struct thin_def *ret);
int thin_map_end_device(struct thin_map *m, bp_mblock *ret_root, uint64_t *ret_mapped);
void thin_def_done(struct thin_def *def);

/*
 * Once nothing is added any more: data blocks of leaves that nobody points to are not counted. Leaves
 * of @def are looked at, for all defs; then the whole is done.
 */
int thin_map_mark_unused(struct thin_map *m, const struct thin_def *def);
int thin_map_drop_unused(struct thin_map *m);

#endif
