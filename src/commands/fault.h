/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the verbs of faults share. */
#ifndef COMMANDS_FAULT_H
#define COMMANDS_FAULT_H

#include "commands/common.h"

#include <bedplate/fault.h>

/* clang-format off */
#define TARGET_HELP "a mapped device, or the mount point of what lies on one"
/* Of all that change something; the args have these members. */
#define OPT_FAULT \
	OPT_STRING(state_dir, 0, "state", "DIR", "where devices' own tables are kept; default: /run/bedplate/fault"), \
	OPT_STRING(log, 0, "log", "FILE", "append a line of JSON for each change here; default: log in --state"), \
	OPT_TIMEOUT(timeout_ms)
/* clang-format on */

/* "A..B" in sizes, a bare number counting sectors; each end may be missing. 0 or an exit status. */
int fault_ranges(struct cli *cli, const struct cli_list *words, bp_sector length,
		 struct bp_fault_range **ret, size_t *ret_count);

#endif
