/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making metadata for tests, the same for every format: options in, what is there overwritten. What
 * a format's metadata is like is a row, struct generate_format. Nothing is judged but the options.
 */
#ifndef FORMATS_CHECK_GENERATE_H
#define FORMATS_CHECK_GENERATE_H

#include "formats/check/leak.h"
#include "pdata/block.h"

struct generate_format {
	size_t opts_size;
	/* Puts in what was left to us, and judges the whole: 0, or as generate_refuse(). */
	int (*settle)(struct bp_ctx *ctx, void *opts);
	int (*make)(struct bp_ctx *ctx, struct io *io, const void *opts);
};

/* @opts: a public struct that begins with its size, or NULL. */
int generate_path(const struct generate_format *format, struct bp_ctx *ctx, const char *path,
		  const void *opts);
/* -EINVAL, as wrong usage. */
int generate_refuse(struct bp_ctx *ctx, const char *why);
/* Some number that is always the same for @i, and tells nothing of it. */
uint64_t generate_scatter(uint64_t i);

/* A format's superblock, changed in place. */
struct generate_superblock {
	enum block_kind kind;
	size_t map_root; /* where in it the root of the metadata space map lies */
	/* Can it be used? Fails as the format's open does. */
	int (*check)(struct bp_ctx *ctx, const void *superblock);
};

/* @change: what to do to it; sealed and written afterwards. */
int generate_change(const struct generate_superblock *sb, struct bp_ctx *ctx, const char *path,
		    void (*change)(void *superblock, const void *how), const void *how);
/* bp_cache_leak() and the like. */
int generate_leak(const struct generate_superblock *sb, struct bp_ctx *ctx, const char *path,
		  const struct leak *leak);

#endif
