/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Space maps: what is stored of how often each block is referenced, and comparing it. */
#ifndef PDATA_SPACE_MAP_H
#define PDATA_SPACE_MAP_H

#include "pdata/refcounts.h"
#include "pdata/walk.h"

/*
 * Source: Linux, drivers/md/persistent-data/dm-space-map-common.h.
 *
 * The root, in a field of 128 bytes of the superblock; what follows these 32 bytes is
 * unspecified.
 *
 *   OFFSET  SIZE  FIELD
 *        0     8  nr_blocks       blocks covered
 *        8     8  nr_allocated    with a count above 0
 *       16     8  bitmap_root     metadata: the index block; data: tree of index entries
 *       24     8  ref_count_root  tree: block -> u32 count, for counts above 2
 */
struct sm_root_disk {
	le64 nr_blocks, nr_allocated, bitmap_root, ref_count_root;
};
_Static_assert(sizeof(struct sm_root_disk) == 32, "on-disk format");
#define SM_ROOT_BYTES 128

/*
 *   OFFSET  SIZE  FIELD
 *        0     8  blocknr           the bitmap block
 *        8     4  nr_free           of all 16320 entries, those past the end included
 *       12     4  none_free_before  no entry below is free; may be too small, never too large
 */
struct sm_index_entry_disk {
	le64 blocknr;
	le32 nr_free, none_free_before;
};
_Static_assert(sizeof(struct sm_index_entry_disk) == 16, "on-disk format");

/*
 * The metadata space map's index, one block.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum      block.h; kind: index
 *        4     4  padding
 *        8     8  blocknr
 *       16        entries[255]
 */
#define SM_INDEX_ENTRIES 255
struct sm_index_disk {
	le32 csum, padding;
	le64 blocknr;
	struct sm_index_entry_disk entries[SM_INDEX_ENTRIES];
};
_Static_assert(sizeof(struct sm_index_disk) == 4096, "on-disk format");

/*
 *   OFFSET  SIZE  FIELD
 *        0     4  csum      block.h; kind: bitmap
 *        4     4  not used
 *        8     8  blocknr
 *       16        510 words of 32 two-bit entries, the lowest bits first. In an entry the lower
 *                 bit is the high one: 0 free, 2 count 1, 1 count 2, 3 in the tree
 */
#define SM_BITMAP_WORDS   510
#define SM_BITMAP_ENTRIES 16320
struct sm_bitmap_disk {
	le32 csum, unused;
	le64 blocknr;
	le64 words[SM_BITMAP_WORDS];
};
_Static_assert(sizeof(struct sm_bitmap_disk) == 4096, "on-disk format");

/* A word of a bitmap as 32 plain two-bit counts, and back: swap each pair of bits. */
static inline uint64_t sm_word_swap(uint64_t word)
{
	return (word & UINT64_C(0x5555555555555555)) << 1 |
	       (word >> 1 & UINT64_C(0x5555555555555555));
}

struct sm_root {
	uint64_t nr_blocks, nr_allocated;
	bp_mblock bitmap_root, ref_count_root;
};

static inline struct sm_root sm_root_decode(const struct sm_root_disk *disk)
{
	return (struct sm_root){
		.nr_blocks = le64_get(disk->nr_blocks),
		.nr_allocated = le64_get(disk->nr_allocated),
		.bitmap_root = le64_get(disk->bitmap_root),
		.ref_count_root = le64_get(disk->ref_count_root),
	};
}

/* One bitmap as the index has it, and as it was found. */
struct sm_bitmap {
	uint64_t block;                     /* as stored */
	uint32_t nr_free, none_free_before; /* stored */
	uint32_t free_all, free_inside; /* found: of all entries, of those below nr_blocks */
	uint32_t first_free;            /* found; SM_BITMAP_ENTRIES: none */
	uint32_t nr_leaked, nr_beyond;  /* found by space_map_diffs() */
	uint32_t nr_above_two;          /* counts that should be in the tree */
	uint32_t nr_entries;            /* and are */
	uint32_t leaf;                  /* data: block of the index leaf it is in */
	bool suspect;                   /* something of it is not as expected */
	uint8_t error;                  /* enum sm_error */
};

/* What keeps a bitmap, or the index block, from being used. */
enum sm_error {
	SM_OK,
	SM_IO,      /* can't be read */
	SM_RANGE,   /* the pointer leads past the end, or to block 0 */
	SM_CSUM,    /* bad checksum */
	SM_KIND,    /* a valid block of another kind */
	SM_BLOCKNR, /* says that it is another block */
	SM_MISSING, /* no index entry for it */
	SM_SHARED,  /* an earlier index entry has the same block */
	SM_ERRORS,
};

const char *sm_error_name(enum sm_error error);
/* Checksum, kind and number of a bitmap or index block. */
enum sm_error sm_block_check(const void *data, enum block_kind kind, bp_mblock block);

/*
 * A space map being read: forests of its trees and its bitmaps. Use: init, read (which tells
 * every metadata block it uses), then compare, then diffs.
 *
 * Memory: 56 bytes a bitmap (at most that for each metadata block), and 12 bytes for each entry
 * of the reference count tree, as on disk.
 */
struct space_map {
	struct meta *meta;
	struct sm_root root;
	bool on_tree; /* the index is a tree: data space maps */
	uint64_t nr_bitmaps;
	struct sm_bitmap *bitmaps;
	struct forest index;       /* on_tree only; leaves kept */
	struct forest counts;      /* the reference count tree; leaves kept */
	enum sm_error index_error; /* of the index block; !on_tree only */
	uint64_t nr_extra;         /* index entries past nr_bitmaps */
	uint64_t nr_bad_bitmaps;
};

enum sm_diff_kind {
	SM_DIFF_LEAK,        /* counted once, used by nobody */
	SM_DIFF_WRONG,       /* any other wrong count */
	SM_DIFF_NO_ENTRY,    /* the bitmap says "in the tree", which has nothing; stored: 3 */
	SM_DIFF_SMALL_ENTRY, /* the bitmap says "in the tree", which says less than 3, rightly */
	/*
	 * The tree has an entry (stored), the bitmap says what it is (expected), not "in the
	 * tree"; or the block does not exist. Kernels look at the bitmap first and overwrite
	 * the entry where they need one.
	 */
	SM_DIFF_STALE,
	SM_DIFF_KINDS,
};

/* Where what is stored and what is expected differ: blocks [begin, end), all alike. */
struct sm_diff {
	enum sm_diff_kind kind;
	uint64_t begin, end;
	uint64_t expected, stored;
};

struct sm_report {
	uint64_t nr_allocated; /* as found in the bitmaps that can be read */
	bool complete;         /* index, bitmaps and tree could all be read */
	/* In blocks, by space_map_diffs(). */
	uint64_t nr_leaked, nr_wrong, nr_stale;
	uint64_t nr_beyond; /* entries past nr_blocks that are not free */
};

/* -EUCLEAN without a message where the root can't be: more blocks than bitmaps could count. */
int space_map_init(struct space_map *sm, struct meta *meta, const struct sm_root *root,
		   bool on_tree);
void space_map_done(struct space_map *sm);

/*
 * Read the index and the reference count tree. @count is told each metadata block that the
 * space map uses, once for each pointer, its roots included; its errors end the reading.
 */
int space_map_read(struct space_map *sm, int (*count)(void *user, bp_mblock block), void *user);

/*
 * Compare with the counts that there should be: reads all bitmaps, and finds out where something
 * differs, what is allocated, and what index entries should say.
 */
int space_map_compare(struct space_map *sm, const struct refcounts *expected,
		      struct sm_report *report);

/*
 * After that: find all that differs, and count it in @report. @tell gets each difference; those
 * of a kind ascend, and none is left out. It may be NULL. @lower_bounds: parts of the metadata
 * could not be read, so that only stored counts below the expected are wrong.
 */
int space_map_diffs(struct space_map *sm, const struct refcounts *expected, bool lower_bounds,
		    struct sm_report *report,
		    int (*tell)(void *user, const struct sm_diff *diff), void *user);

/* Is what the index says of bitmap @b as it was found? The short count of old tools is fine. */
bool sm_nr_free_right(const struct sm_bitmap *b);
bool sm_none_free_before_right(const struct sm_bitmap *b);

/*
 * After a comparison that found nothing but leaks and counts past the end: write counts of zero
 * for them and put the index entries right; bitmaps first, each step flushed. The root is the
 * caller's, in @ret_root.
 */
int space_map_repair(struct space_map *sm, const struct refcounts *expected,
		     const struct sm_report *report, struct sm_root *ret_root);

#endif
