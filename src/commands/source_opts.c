/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From options to where a source is looked for. It opens nothing. */
#include "commands/source_opts.h"

struct bp_source_opts source_opts(const struct cli *cli)
{
	return (struct bp_source_opts){
		.size = sizeof(struct bp_source_opts),
		.pvs = cli->pvs.words,
		.nr_pvs = cli->pvs.count,
		.text_path = cli->lvm_backup,
	};
}
