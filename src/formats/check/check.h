/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of a check of metadata, for every format: what was found is told and counted; each
 * metadata block is claimed by one thing and its pointers are counted; trees are walked; space
 * maps are compared with what was counted; what is only leaks, totals and a format's own values is
 * put right, and needs_check cleared. The frame knows blocks, trees and space maps. What they
 * mean, where roots lie and which values can be, is the format's.
 *
 * A check, in order, begun by run.h: check_init(); the superblock, by check_superblock(),
 * check_field() and check_map_size(); meta.nr_blocks set to what pointers may lead to;
 * check_blocks(); each structure walked with check_count as the child callback, reported by
 * check_report_forest(); check_maps(); where writing was asked for check_repair();
 * check_done().
 *
 * The verdict is @found, numbers alone: whatever shortens what is told must not touch it.
 */
#ifndef FORMATS_CHECK_CHECK_H
#define FORMATS_CHECK_CHECK_H

#include <bedplate/damage.h>
#include <stdarg.h>

#include "pdata/space_map.h"

enum check_mode {
	CHECK_ONLY,
	CHECK_AUTO_REPAIR,
	CHECK_CLEAR, /* needs_check */
};

/* What was asked for; callbacks as in the public options structs, each may be NULL. */
struct check_how {
	enum check_mode mode;
	bool strict; /* remarks are fatal */
	unsigned workers;
	const char *const *places; /* words, by enum bp_damage_place */
	void (*damage)(void *user, const struct bp_damage *damage);
	int (*progress)(void *user, const char *stage, bp_mblock done, bp_mblock total);
	void *user;
};

/* How many findings, by harm. */
struct check_totals {
	uint64_t nr_fatal, nr_nonfatal, nr_remarks;
};

struct check {
	struct meta meta;
	struct check_how how;
	struct check_totals found;
	struct check_totals mendable; /* of @found: what check_repair() takes away */
	/*
	 * Something that has pointers to metadata, or to what another space map counts, could
	 * not be read: what was counted are lower bounds.
	 */
	bool incomplete;
	struct refcounts counts; /* pointers to each metadata block */
	struct bits claimed;     /* metadata blocks that are something already */
	const char *stage;       /* for progress */
};

/* @io stays the caller's. meta.nr_blocks is the io's, until more is known. */
void check_init(struct check *c, struct bp_ctx *ctx, struct io *io,
		const struct check_how *how);
void check_done(struct check *c);
/* Begin counting: block 0 is claimed, and used once. meta.nr_blocks must be what it stays. */
int check_blocks(struct check *c);
/* What a check that ended with @r returns: its own words for what has none yet. */
int check_failed(struct check *c, int r);

/* A damage in which all that is not given, and may be BP_NONE, is. */
/* clang-format off */
#define DAMAGE(...) __extension__({ \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Woverride-init\"") \
	struct bp_damage damage_ = { \
		.block = BP_NONE, .parent = BP_NONE, .device = BP_NONE, .begin = BP_NONE, \
		.end = BP_NONE, .expected = BP_NONE, .actual = BP_NONE, __VA_ARGS__ \
	}; \
	_Pragma("GCC diagnostic pop") \
	damage_; \
})
/* clang-format on */

/* Hand @damage, without what, to @tell (NULL: nobody) with words made of @fmt. */
void damage_tellv(void (*tell)(void *user, const struct bp_damage *damage), void *user,
		  struct bp_damage damage, const char *fmt, va_list args) _printf_(4, 0);
/* Count one damage and tell of it; @damage without what. */
void check_report(struct check *c, struct bp_damage damage, const char *fmt, ...)
	_printf_(3, 4);
/* The same for what check_repair() will put right. */
void check_report_mendable(struct check *c, struct bp_damage damage, const char *fmt, ...)
	_printf_(3, 4);
/* A number that is not as it should be. @expected BP_NONE: it "cannot be". */
void check_field(struct check *c, enum bp_damage_place place, bp_mblock block,
		 enum bp_harm harm, const char *name, uint64_t expected, uint64_t actual);
/* "superblock", "data space map" ... in words. */
const char *check_place_words(const struct check *c, enum bp_damage_place place);
/* enum node_error as a kind of damage. */
enum bp_damage_kind check_kind_of(enum node_error error);

/*
 * Is there a superblock of @kind in block 0's @data? Without one nothing else can be checked. The
 * phrases are matched by programs.
 */
bool check_superblock(struct check *c, const void *data, enum block_kind kind);
/* Does the metadata space map cover what can be? Told where it does not. */
void check_map_size(struct check *c, enum bp_damage_place place, uint64_t nr_blocks,
		    bool device_matters);

/* One more pointer to metadata block @block, which is in range. For count callbacks. */
int check_count(void *check, bp_mblock block);
/* Likewise for a pointer that may be out of range, or 0: then nothing. */
int check_count_root(struct check *c, uint64_t block);
/* @block becomes part of something: if it is part of something else already, say so. */
void check_claim(struct check *c, bp_mblock block, enum bp_damage_place place);
/* The same for all nodes of a forest. */
void check_claim_forest(struct check *c, const struct forest *f, enum bp_damage_place place);

/* How a tree's damages are told. */
struct check_tree {
	enum bp_damage_place place;
	const char *name; /* "device details tree" */
	const char *keys; /* "devices": what keys are */
};
/*
 * Claim the nodes of a tree whose keys speak for themselves, and tell its damages. Sets
 * incomplete. 0 or -ENOMEM.
 */
int check_report_forest(struct check *c, const struct forest *f, const struct check_tree *tree);
/* Few entries, odd sizes: nothing is lost by these. */
void check_report_shapes(struct check *c, const struct forest *f,
			 const struct check_tree *tree);

/* --- space maps --- */

struct check_map {
	enum bp_damage_place place;
	const char *name;           /* "data space map" */
	const char *blocks;         /* "data" */
	const char *index, *counts; /* names of its trees; @index only if on_tree */
	bool on_tree;               /* the index is a tree: it counts no metadata blocks */
	struct sm_root root;
	const struct refcounts *expected; /* the check's own counts, or the format's */

	/* The check's. */
	struct space_map sm;
	struct sm_report report;
	uint64_t nr_wrong_entries; /* of the index: free counts and hints */
	bool open;
	bool mended;
	struct sm_root mended_root; /* what the superblock has to say then */
};

/*
 * Read all maps, so that the blocks they use are counted, and compare each. A map whose size can't
 * be is left out, and the check incomplete. 0, -ENOMEM, -ECANCELED, -EIO.
 */
int check_maps(struct check *c, struct check_map *maps, size_t nr);
void check_maps_done(struct check_map *maps, size_t nr);

/* --- putting right --- */

struct check_mend {
	enum block_kind superblock;
	bool flagged;          /* needs_check is set */
	bool superblock_wrong; /* a value of the superblock itself is to be put right */
	/* Values of the format that are to be put right, before all else. May be NULL. */
	int (*values)(void *user);
	/* Edit the superblock: roots of mended maps, the flag. It is sealed and written then. */
	void (*fill)(void *user, void *superblock);
	void *user;
};

/*
 * Where nothing is wrong but what is mendable: write it right, bitmaps first, then index entries,
 * the superblock last, each flushed before the next; and take it out of @found. @ret_written: it
 * was done, and there was something to do.
 */
int check_repair(struct check *c, struct check_map *maps, size_t nr,
		 const struct check_mend *mend, bool *ret_written);

/* For check_mend.fill: the total of a map that was mended. @field: its root in the superblock. */
void check_put_map_root(uint8_t *field, const struct check_map *map);
/* Were index entries or totals written right? */
bool check_mended_accounting(const struct check_map *map);

#endif
