/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of verity share: the superblock, the levels of a tree, one block's digest. */
#ifndef FORMATS_VERITY_VERITY_H
#define FORMATS_VERITY_VERITY_H

#include <bedplate/verity.h>

#include "core/context.h"

#define VERITY_SUPER_BYTES 512u
#define VERITY_LEVELS_MAX  16 /* 8 digests a block at least: 3 bits a level, 48 bits of blocks */

/*
 * Where bytes come from and go to: files and devices, or a test's memory. Each function: 0 or
 * -errno, having said why.
 */
struct verity_media {
	int (*read)(void *self, bp_bytes offset, size_t len, void *buf);
	int (*write)(void *self, bp_bytes offset, size_t len, const void *buf);
	int (*flush)(void *self);
	void *self;
};

/* A tree with its two devices while it is made or verified. */
struct verity {
	struct bp_ctx *ctx;
	const struct bp_verity_opts *opts;
	struct bp_verity_tree tree;
	struct verity_media data, hash;
	uint64_t done, total; /* blocks, for progress */
	uint64_t damages;
};

/* --- superblock.c --- */

/* @ret_disk: VERITY_SUPER_BYTES. */
void verity_super_encode(const struct bp_verity_tree *tree, uint8_t *ret_disk);
/*
 * 0, or -EINVAL (none), -ENOTSUP (a version or hash that is not known), -EUCLEAN (values that can't
 * be), with the reason said. @super_bytes: where it lies on its device, a multiple of 512.
 */
int verity_super_decode(struct bp_ctx *ctx, const uint8_t *disk, bp_bytes super_bytes,
			struct bp_verity_tree *ret);
/* Sizes, algorithm, levels: 0 having filled what follows from them, or -EINVAL, -ENOTSUP. */
int verity_settle(struct bp_ctx *ctx, bp_bytes hash_offset, struct bp_verity_tree *tree);
/* As opts say, with what must be random: 0 or -errno. @data_bytes: of the data device. */
int verity_from_opts(struct bp_ctx *ctx, const struct bp_verity_opts *opts, bp_bytes data_bytes,
		     bool random, struct bp_verity_tree *ret);

/* --- tree.c --- */

/* One level: its first hash block, counted from the beginning of the device, and how many. */
struct verity_level {
	uint64_t start, count;
};

/*
 * The levels of a tree; [0] is nearest to the data. Return: how many; 0: one block of data, whose
 * hash is the root; -1: more than there can be.
 */
int verity_levels(const struct bp_verity_tree *tree, struct verity_level *ret);
/* Digests a hash block holds, a power of two; and bytes from one to the next. */
unsigned verity_per_block_bits(const struct bp_verity_tree *tree);
size_t verity_digest_stride(const struct bp_verity_tree *tree);
/* Salted digest of one block: @ret has digest_bytes. */
void verity_digest(const struct bp_verity_tree *tree, const void *block, size_t len,
		   uint8_t *ret);
int verity_progress(struct verity *v, uint64_t blocks);
/*
 * The hash block that lower blocks @first .. @first + @count - 1 make: @ret has hash_block_bytes.
 */
int verity_hash_block(struct verity *v, int level, uint64_t first, uint64_t count,
		      uint8_t *ret);

/* All levels from the data on; sets the root digest. The superblock is the caller's. */
int verity_make(struct verity *v);
/* All levels from the root on; counts damages. */
int verity_check(struct verity *v, const uint8_t *root_digest);

/* Everything but the opening of files: see bp_verity_format(). */
int verity_format_media(struct verity *v);

#endif
