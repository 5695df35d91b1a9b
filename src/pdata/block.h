/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all metadata blocks have in common: a checksum that also tells the kind, and their own
 * number.
 * Source: Linux, drivers/md/persistent-data/dm-block-manager.c and the validators there.
 *
 *   OFFSET  SIZE  FIELD
 *        0     4  csum      crc32c of bytes 4..4095 (no final inversion), xor the kind's salt
 *        8     8  blocknr   this block's own number; in array blocks at offset 16
 */
#ifndef PDATA_BLOCK_H
#define PDATA_BLOCK_H

#include <bedplate/units.h>

#include "core/endian.h"
#include "core/util.h"

enum block_kind {
	BLOCK_UNKNOWN,
	BLOCK_THIN_SUPERBLOCK,
	BLOCK_CACHE_SUPERBLOCK,
	BLOCK_ERA_SUPERBLOCK,
	BLOCK_NODE,
	BLOCK_BITMAP,
	BLOCK_INDEX,
	BLOCK_ARRAY,
	BLOCK_KINDS,
};

enum block_error {
	BLOCK_OK,
	BLOCK_BAD_CSUM,  /* the checksum is no known kind's */
	BLOCK_BAD_KIND,  /* a valid block of another kind */
	BLOCK_MISPLACED, /* right, but it says that it is another block */
};

/* "btree node", "space map bitmap" ... */
const char *block_kind_name(enum block_kind kind);
/* "a" or "an", as its name has it. */
const char *block_kind_article(enum block_kind kind);
/*
 * Say why @data, block 0 and of the kind @is, is no superblock of the kind @wanted. Return: -EUCLEAN for one of another
 * kind, -EBADMSG.
 */
int block_refuse(struct bp_ctx *ctx, const void *data, enum block_kind is,
		 enum block_kind wanted);
/* By its checksum; BLOCK_UNKNOWN: damaged, or no metadata. The number is not looked at. */
enum block_kind block_kind_of(const void *data);
/* The number a block of @kind says it has. */
bp_mblock block_number(const void *data, enum block_kind kind);
/* Is @data, read at @nr, a block of @kind? */
enum block_error block_check(const void *data, enum block_kind kind, bp_mblock nr);
/* All zeros: never formatted, or wiped. */
bool block_is_zero(const void *data);
/* Write number and checksum into a finished block. */
void block_seal(void *data, enum block_kind kind, bp_mblock nr);

#endif
