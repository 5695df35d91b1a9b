/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damage on purpose, to a block of any metadata. Which blocks there are is each format's. */
#ifndef BEDPLATE_SPOIL_H
#define BEDPLATE_SPOIL_H

#include <bedplate/units.h>

#ifdef __cplusplus
extern "C" {
#endif

/* enum bp_spoil_how - What is done to a block. */
enum bp_spoil_how {
	BP_SPOIL_ZERO = 0,
	BP_SPOIL_FLIP = 1,     /* one bit is turned over */
	BP_SPOIL_NOISE = 2,    /* all of it is random */
	BP_SPOIL_CHECKSUM = 3, /* its checksum alone is wrong */
	BP_SPOIL_NUMBER = 4,   /* it says that it is another block; its checksum is right */
};
/* "zero", "flip" ...; NULL past the last. */
BP_API const char *bp_spoil_how_name(enum bp_spoil_how how);

/**
 * struct bp_spoil_opts - What to damage. Zero in a member is its default.
 * @size: sizeof(struct bp_spoil_opts). Members are only added at the end.
 * @what: which blocks; the format's own: enum bp_spoil_what, bp_cache_spoil_what or
 *	bp_era_spoil_what. 0 is the block given, for each.
 * @how: what is done to them.
 * @block: the one given.
 * @nr_blocks: how many of those that fit, chosen at random; 0: 1. More than there are: all.
 * @seed: of all that is random.
 * @spoiled: called for each block after it was damaged. May be NULL.
 * @user: passed to it.
 */
struct bp_spoil_opts {
	size_t size;
	unsigned what;
	enum bp_spoil_how how;
	bp_mblock block;
	uint64_t nr_blocks, seed;
	void (*spoiled)(void *user, bp_mblock block);
	void *user;
};

#ifdef __cplusplus
}
#endif

#endif
