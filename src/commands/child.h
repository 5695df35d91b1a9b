/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A command that a scope is for: signals that ask us to end go to it, and we stay to clean up. It
 * does not outlive us.
 */
#ifndef COMMANDS_CHILD_H
#define COMMANDS_CHILD_H

#include "commands/common.h"

#include <signal.h>

/* As the lab has it: not to be taken for the command's. */
#define EXIT_SCOPE 125

struct child_signals {
	sigset_t held, before;
};
/* From here on they wait, also while nothing runs. */
void child_signals_hold(struct child_signals *ret);
void child_signals_release(const struct child_signals *signals);

/*
 * Run it, and wait for its end. @tick: called every half second meanwhile; may be NULL. Return: its
 * exit status, as a shell has it, or EXIT_SCOPE.
 */
int child_run(struct cli *cli, const char **argv, const struct child_signals *signals,
	      void (*tick)(void *user), void *user);

#endif
