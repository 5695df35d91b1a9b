/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Salvage: what is in a metadata area, whatever its superblock and trees say. All blocks are read
 * once and those that are sound are kept as records; from these come roots, owners of what lost
 * its parent, and an overlay in which every tree is whole.
 *
 *	salvage_scan()	 read and classify all blocks
 *	salvage_live()	 which of them the space map counts, and how often
 *	salvage_pairs()	 the pairs of roots that fit each other, newest first
 *	salvage_mend()	 give children without parent to the node that lost them
 *	salvage_fill()	 put lost leaves together from what shares blocks with them, or is older
 *	salvage_older()	 older trees for devices of which nothing is left, and for parts of others
 *	salvage_clean()	 trees without what is lost, as blocks of an overlay
 *
 * A block that was sound once keeps its checksum when it is freed or superseded: soundness proves
 * nothing. What is reachable from the roots of a committed transaction is right, and so is what
 * its space map counts; all else may be stale, and no mapping is taken from it that is not
 * proven by something live.
 *
 * Memory: 48 bytes for each sound node of the area, 12 to 16 bytes for each entry of internal
 * nodes and top level leaves, 32 for each details entry, 4 to 12 bytes for each block.
 */
#ifndef FORMATS_THIN_SALVAGE_H
#define FORMATS_THIN_SALVAGE_H

#include "core/arena.h"
#include "formats/thin/meta.h"

/* What a tree holds. */
enum salvage_kind {
	SALVAGE_NONE,     /* nothing that can be told, or of several kinds */
	SALVAGE_MAPPINGS, /* virtual block -> data block and time */
	SALVAGE_TOP,      /* device id -> root of its mappings */
	SALVAGE_DETAILS,  /* device id -> details */
	SALVAGE_INDEX,    /* bitmap -> index entry */
	SALVAGE_COUNTS,   /* block -> reference count */
};

enum {
	SNODE_LEAF = 1 << 0,
	SNODE_RESOLVED = 1 << 1, /* kind, height, last and entries are known */
	SNODE_OPEN = 1 << 2,     /* being resolved, or being cleaned */
	SNODE_BROKEN = 1 << 3,   /* something below it is missing */
	SNODE_CHILD = 1 << 4,    /* a sound internal node of its kind points to it */
	SNODE_REACHED = 1 << 5,  /* part of the trees in question */
	SNODE_CLASH = 1 << 6,    /* sound blocks below it that can't be there: stale */
	SNODE_OLDER = 1 << 7, /* a leaf, not in use, of the older tree of a doubtful device */
};

/* A sound btree node. */
struct snode {
	uint64_t first, last; /* keys of all below it; first > last: none */
	uint64_t entries;     /* leaf entries below it, each path counted */
	uint64_t bound;       /* the highest key that its parents leave for it */
	uint32_t block;
	uint32_t time_max; /* of all mappings below it */
	uint16_t nr;
	uint8_t kind; /* enum salvage_kind */
	uint8_t height;
	uint8_t flags;
	uint16_t walk; /* the last one that passed it: salvage_pass() */
	/* Kept of internal nodes, and of leaves but those of mappings. */
	const uint64_t *keys;
	union {
		const uint64_t *values; /* children, roots; as stored */
		const struct thin_details_disk *details;
		const le32 *counts; /* reference counts */
		uint64_t data_last; /* leaf of mappings: the highest data block */
	};
};

/* A count that is not known: its bitmap can't be read; or it is three or more. */
#define COUNT_UNKNOWN UINT32_MAX
#define COUNT_MANY    (UINT32_MAX - 1)

/* What is left of a node once all that is lost is taken out. */
struct salvage_clean {
	uint64_t first, last, entries; /* as those of struct snode */
	uint32_t time_max;
	uint8_t height;
	uint8_t state; /* 0: not looked at */
	bool changed;  /* other than on disk */
	bool lossy;    /* it or something below it lost something */
	bool patched;  /* something of it is from an older tree */
};
enum { CLEAN_OPEN = 1, CLEAN_GONE, CLEAN_LEFT };

/* A pointer to a block that holds no such node, and what was found to belong there. */
struct salvage_place {
	uint32_t block;
	uint8_t kind;
	int8_t child_height; /* of what is missing below it; -1: not known; -2: it was a leaf */
	bool lacks;          /* what may be below it was given to nobody */
	bool patched;        /* some of its mappings are from an older tree */
	uint64_t begin, end; /* keys its parents leave for it, both included */
	VEC(uint32_t) children; /* indexes of nodes, by key */
	uint64_t *keys;         /* mappings of a leaf, or between them; salvage_unfill() */
	le64 *values;
	uint32_t nr_filled, time_max;
	bp_mblock split; /* more than a leaf holds: the first of the leaves made; 0: not yet */
	struct salvage_clean clean;
};

/* What can't be had: keys [begin, end] of a tree. */
struct salvage_lost {
	uint64_t device; /* BP_NONE: of a tree of devices */
	uint8_t kind;
	uint32_t block;
	enum node_error error;
	uint64_t begin, end;
};

struct salvage_device {
	struct bp_thin_device pub;
	bool has_root, has_details;
	bool root_found;    /* the root is not from the tree of roots, which lost it */
	bool older;         /* all of its tree is of an older transaction */
	bool patched;       /* some of it is */
	bool details_found; /* the details are from an older tree, in part */
	bool incomplete;    /* parts of its tree are missing */
	uint64_t found;     /* mappings that are there */
	bp_mblock tree;     /* its root as it was */
};

/* A mapping that an older tree has for a part that is lost. */
struct salvage_patch {
	uint64_t key;
	bp_dblock block;
	uint32_t time, place;
};
struct salvage_patches {
	VEC(struct salvage_patch) list; /* by place and key */
};

/* A mapping of an older tree. */
struct salvage_stale {
	bp_dblock block;
	uint64_t key;
	uint32_t nr_owners; /* who have the block now */
	bool taken;         /* somebody else has it by now, or nobody */
};

struct salvage_devices {
	VEC(struct salvage_device) list; /* by rising id */
};

/* A sound superblock: that of block 0, or a metadata snapshot's, which may have been released. */
struct salvage_copy {
	uint32_t block, mapping, details;
};

struct salvage {
	struct meta meta;        /* nr_blocks: the area's, not the space map's */
	VEC(struct snode) nodes; /* by block */
	uint16_t walk;           /* of now: salvage_walk() */
	uint32_t *node_of;       /* by block: index + 1; 0: none */
	struct arena *arenas;
	unsigned nr_arenas;
	VEC(struct salvage_copy) superblocks; /* sound ones, as are indexes */
	VEC(uint32_t) indexes;
	uint64_t nr_data, nr_damaged, nr_bitmaps; /* blocks that are no holes; neither sound nor
						     all zeros; sound bitmaps */
	struct bits others;                       /* sound superblocks, indexes, bitmaps */
	struct bits damaged;
	struct salvage_clean *cleaned; /* by node */

	uint32_t *count; /* by block, from a space map; NULL: none that can be trusted */
	bp_mblock nr_counted;
	uint32_t *pointers; /* by block: pointers to it from live nodes */
	uint64_t nr_dead;   /* live blocks that are not sound */
	bool outdated; /* counts may be those of an older transaction: what they count may be
			       something else by now */
	bool unseen;   /* of those, some may have been children of others, and left no trace */
	bool lacking;  /* places in general lack what was given to nobody */
	bool snap_unknown; /* a metadata snapshot may count what nobody knows to be its own */
	bool snap_hidden;  /* there may be one of which nobody knows */
	bp_mblock tops[2]; /* roots of the trees of roots in question; 0: none */

	VEC(struct salvage_place) places; /* by block */
	VEC(struct salvage_lost) causes;  /* for each pointer; by block */
	VEC(struct salvage_lost) lost;    /* for each device, and of trees of devices */
	VEC(struct salvage_stale) taken;  /* not to be taken from older leaves; by block */
	bp_mblock next_virtual;           /* of blocks behind the area's end */
	struct io *overlay;
	uint64_t nr_filled;      /* mappings of lost leaves that were found elsewhere */
	uint64_t nr_data_blocks; /* mappings beyond are dropped; UINT64_MAX: all are fine */
};

static inline struct snode *snode_at(const struct salvage *s, bp_mblock block)
{
	uint32_t i = block < s->meta.nr_blocks ? s->node_of[block] : 0;

	return i ? &s->nodes.items[i - 1] : NULL;
}

/* Can the node at @block be part of a tree of @kind? Empty leaves can be of two kinds. */
struct snode *snode_of_kind(const struct salvage *s, bp_mblock block, enum salvage_kind kind);

/*
 * Walks down from a root pass each node once. A block can be pointed to by every entry of each of its
 * ten ancestors, which no writer does but an image can hold; entry by entry the way through it would
 * be as long as 250^10.
 */
void salvage_walk(struct salvage *s); /* begins one; the one before is over */
/* Is it the first time that this walk comes to it? */
static inline bool salvage_pass(const struct salvage *s, struct snode *n)
{
	bool first = n->walk != s->walk;

	n->walk = s->walk;
	return first;
}

/* What is wrong with @block, which should be part of a tree of @kind. */
enum node_error salvage_why(const struct salvage *s, bp_mblock block, enum salvage_kind kind);

/* 0, -ENOMEM or -ECANCELED. @s: meta is set, the rest zero. */
int salvage_scan(struct salvage *s);
void salvage_done(struct salvage *s);

/*
 * Take counts from the metadata space map with this index block; @ref_counts: root of its tree,
 * 0: not known. Where the index can't be read, count stays NULL. 0, -ENOMEM.
 */
int salvage_live(struct salvage *s, bp_mblock index, bp_mblock ref_counts, bp_mblock nr_blocks);
/* How many parents of a live node are gone, as far as its count is known. */
uint32_t salvage_missing_parents(const struct salvage *s, const struct snode *n);
/* Could all of its bitmaps be read? */
bool salvage_live_whole(const struct salvage *s);
/* Does it count all that is damaged, so that nothing newer can have been lost? */
bool salvage_is_newest(const struct salvage *s);
/* The superblock of a metadata snapshot, as long as it is in use; 0: there is none that is sound. */
bp_mblock salvage_snap(const struct salvage *s);
/* Is @block one of its roots, and nobody else's? */
bool salvage_snap_has(const struct salvage *s, bp_mblock block);
static inline bool salvage_sound(const struct salvage *s, bp_mblock block)
{
	return s->node_of[block] || bits_test(&s->others, block);
}
static inline uint32_t salvage_count(const struct salvage *s, bp_mblock block)
{
	return s->count && block < s->nr_counted ? s->count[block] : COUNT_UNKNOWN;
}

/*
 * The roots in question: of the live trees, and of the metadata snapshot's (0: none). The space
 * maps that the superblock has beside them (NULL: not known): blocks of theirs that are gone can
 * have been nobody's root.
 */
struct salvage_roots {
	bp_mblock mapping, details, snap, snap_mapping, snap_details;
	const struct sm_root *data_map, *metadata_map;
	bool snap_unsure; /* there may be a snapshot, though none is known */
};

/* Forget what the roots in question led to, but not what was scanned. */
void salvage_forget(struct salvage *s);

/*
 * No live block that is gone, and that a place is not known of, can have been the root of a device.
 * A list of devices whose own root is not known is one such block itself: @lists of them. After
 * salvage_mend().
 */
bool salvage_all_seen(const struct salvage *s, unsigned lists);

/* Count pointers, find what lost its parent, and give it back. Needs counts. 0, -ENOMEM. */
int salvage_mend(struct salvage *s, const struct salvage_roots *roots);
/* A tree of mappings is one of those in question. */
void salvage_reach(struct salvage *s, bp_mblock root);
/* Is it part of trees in question, or counted? After salvage_mend(). */
bool salvage_in_use(const struct salvage *s, const struct snode *n);
/*
 * Is it a leaf with mappings, and in use? A tree of roots in question is none, though with one
 * device it looks like one with a mapping to data block 0.
 */
bool salvage_is_owner(const struct salvage *s, const struct snode *n);
/*
 * After salvage_devices(): mappings of leaves that are lost, where it is proven that they were
 * there. @data_map: root of the data space map; NULL: not known. 0, -ENOMEM.
 */
int salvage_fill(struct salvage *s, const struct sm_root *data_map);
void salvage_unfill(struct salvage *s);
/* After salvage_fill(), and with the same @data_map. 0, -ENOMEM, -EIO. */
int salvage_older(struct salvage *s, const struct sm_root *data_map,
		  struct salvage_devices *devices);
/* Was the id of @d ever that of another device, or is nothing known of it? */
bool salvage_is_reused(const struct salvage *s, const struct salvage_device *d);
/* The newest older tree of @d; @proven: that its details once counted the mappings of. Or NULL. */
struct snode *salvage_find_older(const struct salvage *s, const struct salvage_device *d,
				 bool proven);
/* Steps of salvage_older(): what older trees have for parts that are lost; all but s->taken. */
int salvage_patch_find(struct salvage *s, const struct salvage_devices *devices,
		       struct salvage_patches *ret);
int salvage_patch_apply(struct salvage *s, struct salvage_patches *patches);
/* Must an older leaf not have this mapping, as the block is somebody else's by now? */
bool salvage_is_taken(const struct salvage *s, uint64_t key, bp_dblock block);
/* The data space map. @root: NULL: not known. 0, -ENOMEM; done() in any case. */
struct salvage_counts {
	const struct salvage *s;
	struct space_map map;
	bool has_map; /* else it can't be read */
	struct sm_bitmap_disk *bitmap;
	uint64_t bitmap_nr; /* which it is, + 1 */
	bool exact;         /* the last count that was got is no more than that */
};
int salvage_counts_init(struct salvage_counts *c, struct salvage *s,
			const struct sm_root *root);
void salvage_counts_done(struct salvage_counts *c);
/* Is it one of the map's own metadata blocks? */
bool salvage_counts_has(const struct salvage_counts *c, bp_mblock block);
/* How often @block is counted, at least; COUNT_UNKNOWN: its bitmap can't be read. */
uint32_t salvage_counts_get(struct salvage_counts *c, bp_dblock block);

/* What belongs to @block now, or NULL. */
struct salvage_place *salvage_place_at(const struct salvage *s, bp_mblock block);

/* May more have been below it than what was given back? */
static inline bool salvage_lacks(const struct salvage *s, const struct salvage_place *place)
{
	return s->unseen || s->lacking || place->lacks;
}

static inline struct snode *salvage_child(const struct salvage *s,
					  const struct salvage_place *place, size_t i)
{
	return &s->nodes.items[place->children.items[i]];
}

/* Devices below the two roots, with what can be said of those that one tree lacks. */
int salvage_devices(struct salvage *s, const struct salvage_roots *roots,
		    struct salvage_devices *ret);
void salvage_devices_done(struct salvage_devices *devices);
static inline bool salvage_needs_root(const struct salvage_device *d)
{
	return !d->has_root && d->has_details && d->pub.mapped_dblocks > 0;
}
/*
 * A step of it, where all devices are known, and all that is in use of mappings is of their trees: roots for
 * devices that lost theirs, or what lay below one that is gone. 0, -ENOMEM.
 */
int salvage_orphans(struct salvage *s, struct salvage_devices *devices);
/* The devices of any two trees, as they are. @ret: empty; to be freed in any case. */
int salvage_list(struct salvage *s, bp_mblock mapping, bp_mblock details,
		 struct salvage_devices *ret);

/*
 * Make the overlay: trees of @devices without what is lost, which goes to s->lost. Sets found,
 * incomplete and root of each. @ret_roots: the new mapping and details roots.
 */
int salvage_clean(struct salvage *s, struct salvage_devices *devices,
		  struct salvage_roots *ret_roots);
/* Take it back, to be done again. @nr_lost: s->lost.count as it was before. */
void salvage_unclean(struct salvage *s, struct salvage_devices *devices, size_t nr_lost);

/* Two roots that fit each other, and why to take them. */
struct salvage_pair {
	bp_mblock mapping, details; /* 0: there is none */
	bp_mblock index;            /* of a space map that counts just these; 0: none is left */
	bool sure; /* by that, all that is damaged is part of it: none is newer */
	uint64_t nr_devices, nr_mappings;
	uint64_t nr_equal;    /* devices whose mappings are as many as their details say */
	uint64_t nr_broken;   /* devices of whose trees something is missing */
	uint64_t nr_clashing; /* devices that can't be as they are: stale */
	uint64_t transaction; /* the highest of its devices */
	uint32_t time;        /* the highest in it */
};
struct salvage_pairs {
	VEC(struct salvage_pair) list; /* newest first */
};
int salvage_pairs(struct salvage *s, struct salvage_pairs *ret);
/* Steps of its order. > 0: @a comes first; 0: nothing tells. */
int salvage_order_sharing(const struct salvage_pair *a, const struct salvage_pair *b);
int salvage_order_blocks(const struct salvage_pair *a, const struct salvage_pair *b);
/*
 * The tree of roots that has the most devices with as many mappings as @devices' details say;
 * the one in the highest block of several. 0 in *@ret: none.
 */
int salvage_closest_top(struct salvage *s, const struct salvage_devices *devices,
			bp_mblock *ret);

#endif
