/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opened metadata of a thin pool, and what check, dump, ls and repair share of reading it. */
#ifndef FORMATS_THIN_META_H
#define FORMATS_THIN_META_H

#include <bedplate/thin.h>

#include "formats/check/check.h"
#include "formats/thin/disk.h"

struct thin_sb {
	struct bp_thin_superblock pub; /* decoded */
	bp_mblock block;               /* where it was read */
	uint64_t blocknr, magic;       /* as stored */
	uint32_t metadata_block_sectors;
	struct sm_root data_sm, metadata_sm; /* zero in a metadata snapshot */
};

struct bp_thin_meta {
	struct meta meta;  /* ctx, io, nr_blocks */
	struct thin_sb sb; /* the one in use: live, or the metadata snapshot's with the numbers
			      of blocks from the live one */
	struct thin_sb live;
	char *path; /* it was opened by; NULL: it has none */
};

/* A pool's space maps. */
enum thin_space_map { THIN_MAP_DATA, THIN_MAP_METADATA, THIN_MAPS };

/* Decode only; nothing is judged. */
void thin_sb_decode(const void *data, bp_mblock block, struct thin_sb *ret);
/* Is it one that can be used: kind, magic, number, flags, block size. Says why not. */
int thin_sb_check(struct bp_ctx *ctx, const void *data, bp_mblock block);
/* 64 KiB to 1 GiB in steps of 64 KiB. */
bool thin_block_sectors_valid(uint32_t sectors);
/* Blocks that pointers may lead to: of the device and its space map the smaller. */
bp_mblock thin_usable_blocks(const struct io *io, const struct thin_sb *live);
/* Read and decode; says why not. */
int thin_sb_read(struct meta *meta, bp_mblock block, struct thin_sb *ret);

/* The same as bp_thin_open() on an io. Closes @take_io with the metadata, on success. */
int thin_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		      const struct bp_thin_open_opts *opts, struct bp_thin_meta **ret);

/* Devices of one superblock: the keys of both trees, joined. */
struct thin_device {
	uint64_t id;
	uint64_t root; /* mapping tree, as stored */
	struct bp_thin_device details;
	bool has_root, has_details;
};
struct thin_devices {
	VEC(struct thin_device) list; /* by rising id */
};

/* All of @ret but id and root. */
void thin_details_decode(const void *value, struct bp_thin_device *ret);

void thin_devices_done(struct thin_devices *devices);
/*
 * Join the leaves of both trees (walked with keep_leaves) below these roots. What can't be read
 * is left out.
 */
int thin_devices_join(const struct forest *top, bp_mblock mapping_root,
		      const struct forest *details, bp_mblock details_root,
		      struct thin_devices *ret);
/* All devices of opened metadata; fails where trees are damaged or don't agree. */
int thin_devices_read(struct bp_thin_meta *meta, struct thin_devices *ret);

/* bp_thin_check() and its writing relatives on an io, which stays the caller's. */
int thin_check_io(struct bp_ctx *ctx, struct io *io, enum check_mode mode,
		  const struct bp_thin_check_opts *opts, struct bp_thin_check_result *ret);

#endif
