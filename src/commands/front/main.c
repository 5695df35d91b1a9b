/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The front as a program of its own: "bedplate dmsetup" without the rest, so that its start costs
 * less. The name it is called by makes no difference.
 */
#include "cli/cli.h"

#include <unistd.h>

extern const struct cmd cmd_dmsetup;
const struct cmd *const commands[] = { &cmd_dmsetup, NULL };

/* Of a thousand devices a page is a dozen lines: what is not used of this is never touched. */
static char buffer[16 << 10];

int main(int argc, char **argv)
{
	struct cli cli = {
		.out = stdout,
		.err = stderr,
		.cmd = &cmd_dmsetup,
		.quiet = true, /* no words of ours among theirs */
	};
	int r;

	cli.out_is = isatty(STDOUT_FILENO) ? OUT_TERMINAL : OUT_OTHER;
	if (cli.out_is == OUT_OTHER)
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	r = cli_begin(&cli, argc, argv);
	return cli_end(&cli, r ? r : cmd_dmsetup.raw(&cli, argc, argv));
}
