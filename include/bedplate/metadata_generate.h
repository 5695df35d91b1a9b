/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making metadata of caches and eras for tests and benchmarks, and making it wrong on purpose.
 * Everything here overwrites what is there. The same options make the same metadata.
 */
#ifndef BEDPLATE_METADATA_GENERATE_H
#define BEDPLATE_METADATA_GENERATE_H

#include <bedplate/spoil.h>
#include <bedplate/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bp_cache_generate_opts - What a cache is to be like. Zero in a member is its default.
 * @size: sizeof(struct bp_cache_generate_opts). Members are only added at the end.
 * @version: of the metadata: 1 or 2; 0: 2.
 * @data_block_sectors: size of a cache block; 0: 128.
 * @nr_cache_blocks: 0: 10240. @nr_origin_blocks: 0: 1048576; not fewer than are mapped.
 * @percent_resident: of the cache blocks that are mapped. @percent_dirty: of these.
 * @hotspot_blocks: blocks of the origin that follow each other; 0: 1.
 */
struct bp_cache_generate_opts {
	size_t size;
	uint32_t version, data_block_sectors, nr_cache_blocks;
	uint64_t nr_origin_blocks;
	unsigned percent_resident, percent_dirty;
	uint64_t hotspot_blocks;
};

/**
 * bp_cache_generate() - Make metadata of a cache.
 * @path: metadata device or file to overwrite; its size is that of the metadata.
 *
 * Return: 0; -EINVAL (BP_E_USAGE), -ENOENT, -EACCES, -EBUSY, -ENOSPC, -EIO, -ENOMEM.
 */
BP_API int bp_cache_generate(struct bp_ctx *ctx, const char *path,
			     const struct bp_cache_generate_opts *opts);

/* enum bp_cache_set - A field of a cache's superblock. */
enum bp_cache_set {
	BP_CACHE_SET_VERSION = 1,
	BP_CACHE_SET_NEEDS_CHECK = 2,
	BP_CACHE_SET_CLEAN = 3,
};

/* bp_cache_set() - Write @value into it, in place. Return: as bp_cache_open(). */
BP_API int bp_cache_set(struct bp_ctx *ctx, const char *path, enum bp_cache_set what,
			uint32_t value);

/**
 * bp_cache_leak() - Give metadata blocks another reference count than they have, in place.
 * @nr_blocks: so many, the last ones that there are.
 * @expected: they are those with this count: 0 to 2. @actual: what it becomes: 0 to 2.
 *
 * Totals and index entries stay right. Return: as bp_cache_open(); -ENODATA: there are not so
 * many; -EINVAL.
 */
BP_API int bp_cache_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks,
			 unsigned expected, unsigned actual);

/**
 * struct bp_era_generate_opts - What an era is to be like. Zero in a member is its default.
 * @size: sizeof(struct bp_era_generate_opts). Members are only added at the end.
 * @data_block_sectors: size of a block; 0: 128. @nr_blocks: 0: 10240.
 * @current_era: the last that has begun.
 * @nr_writesets: archived, not digested ones: those of the last eras; not more than there are.
 */
struct bp_era_generate_opts {
	size_t size;
	uint32_t data_block_sectors, nr_blocks, current_era, nr_writesets;
};

/* bp_era_generate() - Make metadata of an era. Return: as bp_cache_generate(). */
BP_API int bp_era_generate(struct bp_ctx *ctx, const char *path,
			   const struct bp_era_generate_opts *opts);

/**
 * bp_era_leak() - As bp_cache_leak(), of an era's metadata.
 *
 * Return: as bp_era_open(); -ENODATA: there are not so many; -EINVAL.
 */
BP_API int bp_era_leak(struct bp_ctx *ctx, const char *path, uint64_t nr_blocks,
		       unsigned expected, unsigned actual);

/* enum bp_cache_spoil_what - Which blocks of a cache's metadata. A root is that of an array. */
enum bp_cache_spoil_what {
	BP_CACHE_SPOIL_BLOCK = 0, /* the one given */
	BP_CACHE_SPOIL_SUPERBLOCK = 1,
	BP_CACHE_SPOIL_MAPPING_ROOT = 2,
	BP_CACHE_SPOIL_MAPPINGS = 3, /* a block full of mappings */
	BP_CACHE_SPOIL_HINT_ROOT = 4,
	BP_CACHE_SPOIL_HINTS = 5,
	BP_CACHE_SPOIL_DIRTY_ROOT = 6,
	BP_CACHE_SPOIL_DIRTY = 7,
	BP_CACHE_SPOIL_DISCARD_ROOT = 8,
	BP_CACHE_SPOIL_DISCARDS = 9,
	BP_CACHE_SPOIL_METADATA_BITMAP = 10,
	BP_CACHE_SPOIL_METADATA_INDEX = 11,
	BP_CACHE_SPOIL_ANY = 12, /* any that a pointer leads to, the superblock included */
};
/* "block", "superblock" ...; NULL past the last. */
BP_API const char *bp_cache_spoil_what_name(enum bp_cache_spoil_what what);

/* enum bp_era_spoil_what - Which blocks of an era's metadata, as far as it is in use itself. */
enum bp_era_spoil_what {
	BP_ERA_SPOIL_BLOCK = 0, /* the one given */
	BP_ERA_SPOIL_SUPERBLOCK = 1,
	BP_ERA_SPOIL_WRITESET_ROOT = 2, /* root of the tree of archived writesets */
	BP_ERA_SPOIL_WRITESET = 3,      /* of an archived writeset's bits */
	BP_ERA_SPOIL_CURRENT_WRITESET = 4,
	BP_ERA_SPOIL_ERA_ROOT = 5,
	BP_ERA_SPOIL_ERAS = 6,          /* a block full of eras */
	BP_ERA_SPOIL_METADATA_SNAP = 7, /* the superblock's copy */
	BP_ERA_SPOIL_METADATA_BITMAP = 8,
	BP_ERA_SPOIL_METADATA_INDEX = 9,
	BP_ERA_SPOIL_ANY = 10, /* any that a pointer leads to, the superblock included */
};
/* "block", "superblock" ...; NULL past the last. */
BP_API const char *bp_era_spoil_what_name(enum bp_era_spoil_what what);

/**
 * bp_cache_spoil() - Damage a cache's metadata, on purpose.
 * @opts: NULL for the defaults; its @what is an enum bp_cache_spoil_what.
 *
 * Where the superblock can't be used any more, there is only itself, and blocks by number.
 *
 * Return: 0; -ENODATA (there is no such block), -ERANGE, -EINVAL, -ENOENT, -EACCES, -EBUSY, -EIO,
 * -ENOMEM.
 */
BP_API int bp_cache_spoil(struct bp_ctx *ctx, const char *path,
			  const struct bp_spoil_opts *opts);
/**
 * bp_era_spoil() - The same for an era's.
 * @opts: NULL for the defaults; its @what is an enum bp_era_spoil_what.
 *
 * Return: as bp_cache_spoil().
 */
BP_API int bp_era_spoil(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts);

#ifdef __cplusplus
}
#endif

#endif
