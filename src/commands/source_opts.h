/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a pool or volume is looked for, by the options of CMD_SOURCES. */
#ifndef COMMANDS_SOURCE_OPTS_H
#define COMMANDS_SOURCE_OPTS_H

#include "cli/cli.h"

#include <bedplate/source.h>

#include <stdio.h>

/* --pv and --lvm-backup as the library takes them; the texts are lent. For CMD_SOURCES. */
struct bp_source_opts source_opts(const struct cli *cli);

/*
 * The beginning of a command about the same source, for people to paste: "bedplate VERB POOL --pv ...". Names
 * are words of a shell whatever is in them.
 */
void print_command(FILE *f, struct cli *cli, const char *verb, const char *pool);
/* " WORD", quoted where that is needed. */
void print_word(FILE *f, struct cli *cli, const char *word);

#endif
