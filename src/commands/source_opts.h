/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a pool or volume is looked for: options of every command that reads one. */
#ifndef COMMANDS_SOURCE_OPTS_H
#define COMMANDS_SOURCE_OPTS_H

#include "cli/cli.h"

#include <bedplate/source.h>

struct source_args {
	struct cli_list pvs;
	const char *text;
};

/* clang-format off */
#define OPT_SOURCE(m) \
	OPT_LIST(m.pvs, 0, "pv", "FILE", "look for it on this disk, partition or image; may be repeated; default: the disks of this machine"), \
	OPT_STRING(m.text, 0, "lvm-backup", "FILE", "take LVM's metadata from this backup or archive file")
/* clang-format on */

/* These options as the library takes them; the texts are lent. */
struct bp_source_opts source_opts(const struct source_args *args);

/*
 * From here on names of pools are taken wherever metadata is read. Return: 0 or an exit status.
 */
int source_use(struct cli *cli, const struct source_args *args);

#endif
