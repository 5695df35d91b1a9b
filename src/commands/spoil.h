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

/* Damages @path, and calls @spoiled for each block. 0 or an error of the library. */
typedef int (*spoil_fn)(struct cli *cli, const void *args,
			void (*spoiled)(void *user, bp_mblock block), void *user);

/* Run it, and print the blocks as lines or as the schema's document. An exit status. */
int spoil_print(struct cli *cli, const struct out_schema *schema, const char *path, spoil_fn fn,
		const void *args);
/* The document where no block is told of. */
int spoil_print_none(struct cli *cli, const struct out_schema *schema);

#endif
