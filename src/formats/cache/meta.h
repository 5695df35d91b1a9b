/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opened metadata of a cache, and what check, dump, repair and write back share of reading it. */
#ifndef FORMATS_CACHE_META_H
#define FORMATS_CACHE_META_H

#include <bedplate/cache_meta.h>

#include "formats/cache/disk.h"
#include "formats/loss.h"
#include "pdata/bitset.h"

struct cache_sb {
	struct bp_cache_superblock pub; /* decoded */
	uint64_t blocknr, magic;        /* as stored */
	uint32_t metadata_block_sectors;
	struct sm_root metadata_sm;
};

struct bp_cache_meta {
	struct meta meta; /* ctx, io, nr_blocks */
	struct cache_sb sb;
};

/* Decode only; nothing is judged. */
void cache_sb_decode(const void *data, struct cache_sb *ret);
/* Is it one that can be used: kind, magic, number, version, flags. Says why not. */
int cache_sb_check(struct bp_ctx *ctx, const void *data);
/* 32 KiB to 1 GiB in steps of 32 KiB. */
bool cache_block_sectors_valid(uint64_t sectors);
bool cache_hint_bytes_valid(uint32_t bytes);
bool cache_policy_is_text(const char *policy);
uint64_t cache_most_mappings(const struct bp_cache_meta *meta);
/* Blocks that pointers may lead to: of the device and its space map the smaller. */
bp_mblock cache_usable_blocks(const struct io *io, const struct cache_sb *sb);
/* The origin's size in cache blocks as far as it is known: UINT64_MAX where it is not. */
uint64_t cache_origin_blocks(const struct cache_sb *sb);

/* The same as bp_cache_open() on an io. Closes @take_io with the metadata, on success. */
int cache_meta_open_io(struct bp_ctx *ctx, struct io *take_io,
		       const struct bp_cache_open_opts *opts, struct bp_cache_meta **ret);

/* The four arrays. */
enum cache_array_id {
	CACHE_MAPPINGS,
	CACHE_HINTS,
	CACHE_DIRTY,
	CACHE_DISCARDS,
	CACHE_ARRAYS,
};
struct loss_array cache_array_get(const struct cache_sb *sb, enum cache_array_id id);

/* Walk one of them: nothing, where there are no hints. */
int cache_array_read(struct bp_cache_meta *meta, enum cache_array_id id,
		     const struct array_reader *reader);

/*
 * The dirty bits of all cache blocks, as stored: from the bitset (version 2), or all clear
 * (version 1: the mappings have them). What can't be read is set in @unknown, unless that is
 * NULL. Both are to be initialised with nr_cache_blocks.
 */
int cache_dirty_read(struct bp_cache_meta *meta, struct bits *dirty, struct bits *unknown,
		     const struct loss_ears *ears);

/*
 * What the mappings mean, judged: which can be kept, and which of these are dirty or have to be
 * taken as such. Each element that can't be, or contradicts another, is told to ears->report. Of
 * two cache blocks with one block of the origin one is kept: the first, unless only the second
 * is dirty.
 *
 * Memory: 3 bits a cache block, and see origins.h; 24 bytes for each block mapped twice.
 */
struct cache_judged {
	struct bits kept, dirty, unknown;
	uint64_t nr_mapped, nr_dirty; /* as stored, of those that can be read */
	uint64_t nr_lost;             /* cache blocks whose mapping can't be read */
	uint64_t nr_dropped;          /* mappings that can be read, but not be kept */
};
int cache_judge(struct bp_cache_meta *meta, const struct loss_ears *ears,
		struct cache_judged *ret);
void cache_judged_done(struct cache_judged *judged);

#endif
