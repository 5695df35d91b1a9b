/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What differs between two thin devices, and whose a data block is. */
#ifndef BEDPLATE_THIN_DELTA_H
#define BEDPLATE_THIN_DELTA_H

#include <bedplate/thin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* enum bp_thin_delta_kind - What two devices have in the same virtual blocks. */
enum bp_thin_delta_kind {
	BP_THIN_DELTA_SAME = 0,       /* both map the same data block */
	BP_THIN_DELTA_LEFT_ONLY = 1,  /* mapped by the left one alone */
	BP_THIN_DELTA_RIGHT_ONLY = 2, /* mapped by the right one alone */
	BP_THIN_DELTA_DIFFERENT = 3,  /* both map them, to different data blocks */
};

/* "same", "left_only", "right_only", "different". */
BP_API const char *bp_thin_delta_kind_name(enum bp_thin_delta_kind kind);

/**
 * struct bp_thin_delta_run - Virtual blocks of which the same can be said.
 * @kind: what.
 * @begin: the first virtual block.
 * @length: blocks.
 * @left_data_begin, @right_data_begin: the data blocks that the first is mapped to; they rise
 *	with it. BP_NONE where that side maps none, or BP_THIN_DELTA_DATA was not asked for.
 */
struct bp_thin_delta_run {
	enum bp_thin_delta_kind kind;
	bp_dblock begin, length;
	bp_dblock left_data_begin, right_data_begin;
};

/**
 * struct bp_thin_delta_side - One of the two.
 * @id: the device; not looked at where @root is given.
 * @root: block of a mapping tree's root; 0: that of device @id.
 */
struct bp_thin_delta_side {
	uint64_t id;
	bp_mblock root;
};

/**
 * enum bp_thin_delta_flags
 * @BP_THIN_DELTA_DATA: runs are continuous in the data blocks as well, and say which.
 * @BP_THIN_DELTA_CHANGES: nothing is told of what is the same. What both trees share is then
 *	not read at all: the cost is that of the difference.
 */
enum bp_thin_delta_flags {
	BP_THIN_DELTA_DATA = 1 << 0,
	BP_THIN_DELTA_CHANGES = 1 << 1,
};

/**
 * struct bp_thin_delta_opts - How to compare. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_delta_opts). Members are only added at the end.
 * @flags: enum bp_thin_delta_flags.
 * @progress: called now and then with the metadata blocks read and those in use, which are more
 *	than will be read. Non-zero ends it with -ECANCELED.
 * @progress_user: passed to it.
 */
struct bp_thin_delta_opts {
	size_t size;
	uint32_t flags;
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *progress_user;
};

/**
 * bp_thin_delta() - Call @run for what two devices have in common and what not.
 * @meta: opened; with BP_THIN_OPEN_SNAP devices of the metadata snapshot are compared.
 * @left, @right: which.
 * @opts: NULL for the defaults.
 * @run: by rising virtual block; non-zero ends it and is returned. Runs are as long as they can
 *	be. Times are not compared.
 *
 * Streams. Memory: 148 metadata blocks at most, whatever the size of the devices.
 *
 * Return: 0; -ENODATA: no such device; -EINVAL: a root that can't be; -EBADMSG, -EUCLEAN, -EIO
 * where a tree is damaged: runs before that place have been given; -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_delta(struct bp_thin_meta *meta, const struct bp_thin_delta_side *left,
			 const struct bp_thin_delta_side *right,
			 const struct bp_thin_delta_opts *opts,
			 int (*run)(void *user, const struct bp_thin_delta_run *run),
			 void *user);

/**
 * struct bp_thin_region - Data blocks [begin, end).
 */
struct bp_thin_region {
	bp_dblock begin, end;
};

/**
 * struct bp_thin_owner - Data blocks, and a device that maps them.
 * @device: its id.
 * @data_begin: the first data block.
 * @virtual_begin: the virtual block of @device that is mapped to it.
 * @length: blocks; both rise together.
 */
struct bp_thin_owner {
	uint64_t device;
	bp_dblock data_begin, virtual_begin, length;
};

/**
 * struct bp_thin_rmap_opts - How to look. Zero in a member is its default.
 * @size: sizeof(struct bp_thin_rmap_opts). Members are only added at the end.
 * @progress: called now and then with the metadata blocks read and to be read as far as is
 *	known; non-zero ends it with -ECANCELED.
 * @progress_user: passed to it.
 */
struct bp_thin_rmap_opts {
	size_t size;
	int (*progress)(void *user, bp_mblock done, bp_mblock total);
	void *progress_user;
};

/**
 * bp_thin_rmap() - Call @owner for every mapping of the data blocks in @regions.
 * @regions, @nr_regions: in any order; they may overlap, and none may be empty.
 * @opts: NULL for the defaults.
 * @owner: by rising data block, then by device; each device that maps a block is told, as often
 *	as it maps it. Runs are as long as they can be inside of the regions. Non-zero ends it
 *	and is returned.
 *
 * Memory: as bp_thin_dump() for the trees, and for what lies in the regions 24 bytes for each run
 * of mappings inside of a leaf, whoever shares it, 56 for each leaf, and up to 48 for each
 * device that has the leaf.
 *
 * Return: 0; -EINVAL: an empty region; -EBADMSG, -EUCLEAN, -EIO where anything of the trees is
 * damaged: nothing is told then; -ECANCELED, -ENOMEM.
 */
BP_API int bp_thin_rmap(struct bp_thin_meta *meta, const struct bp_thin_region *regions,
			size_t nr_regions, const struct bp_thin_rmap_opts *opts,
			int (*owner)(void *user, const struct bp_thin_owner *owner),
			void *user);

#ifdef __cplusplus
}
#endif

#endif
