/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared by the verbs of thin pools. */
#ifndef COMMANDS_POOL_H
#define COMMANDS_POOL_H

#include "commands/common.h"

#include <bedplate/pool.h>

#define POOL_HELP "the pool's device: " DEVICE_HELP

/* Open the pool a person named. Return: 0 or an exit status. */
int pool_named(struct cli *cli, const char *text, struct bp_pool **ret);

/* The same, and begin to change something: change_end() is due. */
int pool_begin(struct cli *cli, const char *text, struct bp_pool **ret);

static inline void pool_closep(struct bp_pool **pool)
{
	bp_pool_close(*pool);
}

#endif
