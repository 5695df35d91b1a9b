/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a pool or volume is looked for, by the options of CMD_SOURCES. */
#ifndef COMMANDS_SOURCE_OPTS_H
#define COMMANDS_SOURCE_OPTS_H

#include "cli/cli.h"

#include <bedplate/source.h>

/* --pv and --lvm-backup as the library takes them; the texts are lent. For CMD_SOURCES. */
struct bp_source_opts source_opts(const struct cli *cli);

#endif
