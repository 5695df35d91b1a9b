/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the generators of damage have in common: the list of the blocks that were damaged. */
#ifndef COMMANDS_SPOIL_H
#define COMMANDS_SPOIL_H

#include "cli/out.h"

#include <bedplate/spoil.h>

/* As enum bp_spoil_how; for OPT_CHOICE. */
extern const char *const spoil_how_words[];

struct spoiled {
	uint64_t block;
};
extern const struct out_column spoil_columns[];

/* clang-format off */
/*
 * Options of all of them, whose args have members what, how, block and seed; @page: the
 * manual's.
 */
#define SPOIL_ROWS(words, page) \
	OPT_CHOICE(what, words, 0, "what", "WHAT", "which blocks to damage: see " page), \
	OPT_CHOICE(how, spoil_how_words, 0, "how", "HOW", "zero (default), flip, noise, checksum or number"), \
	OPT_NUMBER(block, 0, "block", "BLOCK", "with --what block: which one"), \
	OPT_NUMBER(seed, 0, "seed", "N", "seed of all that is random")
#define SPOIL_RULES \
	OPT_REQUIRES("create-metadata-leaks", "nr-blocks expected actual"), \
	OPT_REQUIRES("block", "what"), \
	OPT_REQUIRES("how", "what")

/* What the options structs of the library have in common, from these; and in a spoil_fn. */
#define SPOIL_OPTS(args) \
	.how = (enum bp_spoil_how)(args)->how, .block = (args)->block, \
	.nr_blocks = (args)->nr_blocks, .seed = (args)->seed, .spoiled = spoiled, .user = user
/* clang-format on */

/* Damages @path, and calls @spoiled for each block. 0 or an error of the library. */
typedef int (*spoil_fn)(struct cli *cli, const void *args,
			void (*spoiled)(void *user, bp_mblock block), void *user);

/* Run it, and print the blocks as lines or as the schema's document. An exit status. */
int spoil_print(struct cli *cli, const struct out_schema *schema, const char *path, spoil_fn fn,
		const void *args);
/* The document where no block is told of. */
int spoil_print_none(struct cli *cli, const struct out_schema *schema);

#endif
