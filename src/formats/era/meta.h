/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opened metadata of an era, and what check, dump, invalidate and repair share of reading it. */
#ifndef FORMATS_ERA_META_H
#define FORMATS_ERA_META_H

#include <bedplate/era_meta.h>

#include "formats/era/disk.h"
#include "formats/loss.h"

struct era_sb {
	struct bp_era_superblock pub; /* decoded */
	bp_mblock block;              /* where it was read */
	uint64_t blocknr, magic;      /* as stored */
	uint32_t metadata_block_sectors;
	struct sm_root metadata_sm;
};

struct bp_era_meta {
	struct meta meta; /* ctx, io, nr_blocks */
	/* The one in use: live, or the metadata snapshot's, without its current writeset. */
	struct era_sb sb;
	/*
	 * The archived writesets end with this era, if there are any. Before a metadata snapshot
	 * is taken the current writeset is archived, and another era begun.
	 */
	uint64_t last_era;
	bool needs_last; /* there is one at last_era, even if no other can be read */
	/*
	 * No element of the array is newer, but where a writeset says so too; UINT64_MAX: not
	 * known. Set by era_salvage_writesets().
	 */
	uint64_t digested_era;
};

/* Decode only; nothing is judged. */
void era_sb_decode(const void *data, bp_mblock block, struct era_sb *ret);
/* Is it one that can be used: kind, magic, number, version. Says why not. */
int era_sb_check(struct bp_ctx *ctx, const void *data, bp_mblock block);
/* See bp_era_meta.last_era. */
uint64_t era_last_archived(const struct era_sb *sb, bool in_snap);
bool era_block_sectors_valid(uint64_t sectors);
/* Blocks that pointers may lead to: of the device and its space map the smaller. */
bp_mblock era_usable_blocks(const struct io *io, const struct era_sb *live);

/* The same as bp_era_open() on an io. Closes @take_io with the metadata, on success. */
int era_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		     const struct bp_era_open_opts *opts, struct bp_era_meta **ret);

struct era_writeset {
	uint64_t era; /* as stored: may be above 32 bits */
	uint32_t nr_bits;
	bp_mblock root;
	bool current;
};

/*
 * The archived writesets by rising era, then the current one. @lost: eras [@begin, @end] can't be
 * read, after ears->report heard of it. Both may be NULL.
 */
struct era_writesets_reader {
	int (*writeset)(void *user, const struct era_writeset *ws);
	int (*lost)(void *user, uint64_t begin, uint64_t end);
	void *user;
	const struct loss_ears *ears;
};
int era_writesets_read(struct bp_era_meta *meta, const struct era_writesets_reader *reader);

/* How the bits of a writeset, and the array, are told about. @name: 64 bytes for its name. */
struct loss_array era_bits_array(const struct era_writeset *ws, char *name);
struct loss_array era_array(const struct era_sb *sb);

#endif
