/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Units of size and the only places that convert between them. */
#ifndef BEDPLATE_UNITS_H
#define BEDPLATE_UNITS_H

#include <bedplate/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t bp_bytes;  /* bytes */
typedef uint64_t bp_sector; /* 512-byte sectors, the unit of every dm table */
typedef uint64_t bp_mblock; /* 4096-byte blocks of a metadata device */
typedef uint64_t bp_dblock; /* data blocks, of the pool's or cache's own size */

#define BP_SECTOR_BYTES 512u
#define BP_MBLOCK_BYTES 4096u

/* The largest values whose sizes in bytes still fit 64 bits. */
#define BP_SECTOR_MAX (UINT64_MAX / BP_SECTOR_BYTES)
#define BP_MBLOCK_MAX (UINT64_MAX / BP_MBLOCK_BYTES)

/* Exact for values up to BP_SECTOR_MAX and BP_MBLOCK_MAX; callers check larger ones. */
static inline bp_bytes bp_sector_to_bytes(bp_sector sectors)
{
	return sectors * BP_SECTOR_BYTES;
}

/* Whole sectors in @bytes: a rest is dropped. */
static inline bp_sector bp_bytes_to_sector(bp_bytes bytes)
{
	return bytes / BP_SECTOR_BYTES;
}

static inline bp_bytes bp_mblock_to_bytes(bp_mblock blocks)
{
	return blocks * BP_MBLOCK_BYTES;
}

/* Whole metadata blocks in @bytes: a rest is dropped. */
static inline bp_mblock bp_bytes_to_mblock(bp_bytes bytes)
{
	return bytes / BP_MBLOCK_BYTES;
}

/**
 * bp_size_parse() - Read a size as people write it.
 * @text: a number with a unit: K M G T P E are powers of 1024 (so are KiB MiB ...), KB MB
 *	GB ... powers of 1000, s is 512-byte sectors, B bytes, no unit @unit_bytes each.
 *	Fractions ("1.5G") are allowed where the result is a whole number of bytes. "N%" is
 *	that share of @whole, rounded down.
 * @unit_bytes: what a bare number counts, in bytes; 0: a bare number is refused.
 * @whole: what 100% is, in bytes; 0: percentages are refused.
 * @ret: the size in bytes.
 *
 * Return: 0, -EINVAL (not a size) or -ERANGE (does not fit 64 bits).
 */
BP_API int bp_size_parse(struct bp_ctx *ctx, const char *text, uint64_t unit_bytes,
			 bp_bytes whole, bp_bytes *ret);

/**
 * bp_size_format() - Write a size for people: "64KiB", "1.50GiB", "512B".
 * @buf: takes the text, at least BP_SIZE_TEXT bytes.
 *
 * Exact where the value is a whole number of the unit, else two decimals, rounded down.
 * Return: @buf.
 */
#define BP_SIZE_TEXT 32
BP_API const char *bp_size_format(bp_bytes bytes, char *buf);

/**
 * bp_share() - A share for people, in hundredths of a percent: 1250 is 12.50 %.
 *
 * Rounded, but never 10000 where something is left, nor 0 where something is there. 0 of 0 is 0.
 */
BP_API uint64_t bp_share(uint64_t part, uint64_t whole);

#ifdef __cplusplus
}
#endif

#endif
