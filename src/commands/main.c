/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program: all commands, found by the name it is called by or by its first word. */
#include "cli/cli.h"

#include "commands/command_list.h"

#define DECLARE(name) extern const struct cmd cmd_##name;
COMMANDS(DECLARE)

#define ROW(name) &cmd_##name,
const struct cmd *const commands[] = { COMMANDS(ROW) NULL };

int main(int argc, char **argv)
{
	struct cli cli = { .out = stdout, .err = stderr };

	return cli_main(&cli, argc, argv);
}
