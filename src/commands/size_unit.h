/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes as the metadata_size tools take and print them: small letters are powers of 1024,
 * capital ones of 1000, a bare number counts sectors. (Everywhere else K, M, G are 1024.)
 */
#ifndef COMMANDS_SIZE_UNIT_H
#define COMMANDS_SIZE_UNIT_H

#include "cli/cli.h"

struct size_unit {
	const char *letter, *symbol, *name; /* "m", "MiB", "mebibyte" */
	uint64_t bytes;
};

/* The unit with this letter, symbol or name; NULL: none. */
const struct size_unit *size_unit_find(const char *text);
/* "64k", "1024". 0, or EXIT_USAGE where it is no size or does not fit 64 bits. */
int size_unit_parse(struct cli *cli, const char *option, const char *text, uint64_t *ret_bytes);
/*
 * What the library refused: with a hint where @text, which gave @bytes, counts by 1000, as it
 * does in no other tool. Return: an exit status.
 */
int size_unit_fail(struct cli *cli, const char *text, uint64_t bytes, int r);
/*
 * Print @bytes in @unit: a whole number, or two decimals, or below one all that is needed.
 * @style: NULL: "524.04 mebibytes"; "": the number alone; "short", "long": "524.04m",
 * "524.04mebibytes". Return: 0, or EXIT_USAGE for another style.
 */
int size_unit_print(struct cli *cli, uint64_t bytes, const struct size_unit *unit,
		    const char *style);

#endif
