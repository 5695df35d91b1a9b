/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside of thin_check: what its steps share. */
#ifndef FORMATS_THIN_CHECK_H
#define FORMATS_THIN_CHECK_H

#include "formats/thin/meta.h"

/* Trees, and the roots of those that were walked. */
struct check {
	struct meta meta;
	struct bp_thin_check_opts opts;
	enum thin_check_mode mode;
	struct bp_thin_check_result *res;

	struct thin_sb sb; /* of the devices: live, or the snapshot alone is checked */
	struct thin_sb live;
	struct thin_sb snap; /* the metadata snapshot beside live devices */
	bool has_snap;

	struct forest details, top, maps;
	struct thin_devices devices, snap_devices;

	struct refcounts meta_counts, data_counts;
	struct space_map data_sm, meta_sm;
	struct sm_report data_report, meta_report;
	bool data_sm_open, meta_sm_open;

	/*
	 * Something that has pointers to metadata, or mappings, could not be read: what was
	 * counted are lower bounds.
	 */
	bool incomplete;
	struct bits claimed; /* metadata blocks that are something already */

	uint64_t nr_leaks;      /* damages found that repair takes away ... */
	uint64_t nr_accounting; /* ... and those that are totals or index entries */
	const char *stage;
};

/* Tell of one damage; @damage without what. Members not given must be BP_NONE. */
void check_report(struct check *c, struct bp_damage damage, const char *fmt, ...)
	_printf_(3, 4);

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

/* One more pointer to metadata block @block, which is in range. For count callbacks. */
int check_count(void *user, bp_mblock block);
/* @block becomes part of something: if it is part of something else already, say so. */
void check_claim(struct check *c, bp_mblock block, enum bp_damage_place place);
/* The same for all nodes of a forest. */
void check_claim_forest(struct check *c, const struct forest *f, enum bp_damage_place place);

/* enum node_error as a kind of damage. */
enum bp_damage_kind check_kind_of(enum node_error error);

/* How a tree's damages are told. */
struct check_tree {
	enum bp_damage_place place;
	const char *name; /* "device details tree" */
	const char *keys; /* "devices": what keys are */
};
/* Damages of a tree whose keys speak for themselves; sets incomplete. */
int check_report_forest(struct check *c, const struct forest *f, const struct check_tree *tree);

/* Few entries, odd sizes: nothing is lost by these. */
void check_report_shapes(struct check *c, const struct forest *f,
			 const struct check_tree *tree);

/* The steps. 0, -ENOMEM, -ECANCELED or a callback's word; damage is reported. */
int check_superblocks(struct check *c, bool *ret_go_on);
int check_devices(struct check *c);
int check_mappings(struct check *c);
int check_space_maps(struct check *c);
int check_repair(struct check *c);

/* "superblock", "data space map" ... in words. */
const char *check_place_words(enum bp_damage_place place);

#endif
