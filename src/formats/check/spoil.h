/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Damage on purpose, for the generators: blocks to choose from are collected, some of them chosen
 * by chance and spoiled. What they are is the format's; what is done to one is the same for all.
 */
#ifndef FORMATS_CHECK_SPOIL_H
#define FORMATS_CHECK_SPOIL_H

#include <bedplate/spoil.h>

#include "core/vec.h"
#include "formats/loss.h"

/* As the public options have it. */
struct spoil_how {
	enum bp_spoil_how how;
	uint64_t nr_blocks, seed;
	void (*spoiled)(void *user, bp_mblock block);
	void *user;
};

/* What a block is to what leads to it. */
enum spoil_part {
	SPOIL_ROOT = 1 << 0, /* root of a tree, an array's too; the space map's index */
	SPOIL_NODE = 1 << 1, /* another node */
	SPOIL_PART = 1 << 2, /* array block; bitmap */
};

/* A choice that a format offers. */
struct spoil_choice {
	const char *name;
	enum bp_damage_place place; /* 0: any */
	unsigned parts;             /* enum spoil_part; 0: none that is found on a walk */
};

struct spoil {
	struct bp_ctx *ctx;
	struct io *io;
	struct spoil_how how;
	const struct spoil_choice *choice; /* for those that walk */
	VEC(bp_mblock) blocks;             /* to choose from */
	struct bits seen;                  /* of all that there are; each is added once */
	uint64_t rng;
};

/* 0, -EINVAL, -ENOMEM. @io stays the caller's. */
int spoil_init(struct spoil *s, struct bp_ctx *ctx, struct io *io, const struct spoil_how *how);
void spoil_done(struct spoil *s);
/* One more to choose from; nothing, where there is no such block. 0 or -ENOMEM. */
int spoil_add(struct spoil *s, bp_mblock block);
/* The block that was named: -ERANGE where there is none. */
int spoil_add_given(struct spoil *s, bp_mblock block);
/* Ears that add what the choice is of, from trees and arrays that are read. */
struct loss_ears spoil_ears(struct spoil *s);
/* Likewise from a metadata space map: what of it can be read. */
int spoil_add_map(struct spoil *s, const struct sm_root *root);
/* Damage what was chosen; @name for -ENODATA. */
int spoil_some(struct spoil *s, const char *name);

/* bp_cache_spoil() and bp_era_spoil(): choices 0 and 1 are the block given, and the superblock. */
struct spoil_format {
	const struct spoil_choice *choices;
	unsigned nr_choices;
	/*
	 * Walk all of @s->io, with spoil_ears() and so on. -EBADMSG and the like are no failures.
	 */
	int (*find)(struct spoil *s);
};
int spoil_path(struct bp_ctx *ctx, const char *path, const struct bp_spoil_opts *opts,
	       const struct spoil_format *format);

#endif
