/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From options to where a source is looked for, and back to options. It opens nothing. */
#include "commands/source_opts.h"

#include "cli/util.h"

struct bp_source_opts source_opts(const struct cli *cli)
{
	return (struct bp_source_opts){
		.size = sizeof(struct bp_source_opts),
		.pvs = cli->pvs.words,
		.nr_pvs = cli->pvs.count,
		.text_path = cli->lvm_backup,
	};
}

void print_word(FILE *f, struct cli *cli, const char *word)
{
	_cleanup_(freep) char *quoted = cli_word(word);

	if (!quoted)
		cli_lost(cli);
	fprintf(f, " %s", quoted ?: "");
}

void print_command(FILE *f, struct cli *cli, const char *verb, const char *pool)
{
	fprintf(f, "bedplate %s%s", verb, *pool == '-' ? " ./" : "");
	if (*pool == '-') {
		_cleanup_(freep) char *quoted = cli_word(pool);

		if (!quoted)
			cli_lost(cli);
		fputs(quoted ?: "", f);
	} else {
		print_word(f, cli, pool);
	}
	for (size_t i = 0; i < cli->pvs.count; i++) {
		fputs(" --pv", f);
		print_word(f, cli, cli->pvs.words[i]);
	}
	if (cli->lvm_backup) {
		fputs(" --lvm-backup", f);
		print_word(f, cli, cli->lvm_backup);
	}
}
