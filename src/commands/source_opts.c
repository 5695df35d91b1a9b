/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From options to where a source is looked for. It opens nothing. */
#include "commands/source_opts.h"

struct bp_source_opts source_opts(const struct source_args *args)
{
	return (struct bp_source_opts){
		.size = sizeof(struct bp_source_opts),
		.pvs = (const char *const *)args->pvs.words,
		.nr_pvs = args->pvs.count,
		.text_path = args->text,
	};
}

int source_use(struct cli *cli, const struct source_args *args)
{
	const struct bp_source_opts opts = source_opts(args);
	int r = bp_ctx_use_sources(cli->ctx, &opts);

	return r < 0 ? cli_fail(cli, NULL, r) : 0;
}
