/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zero, without arguments. Source: Linux, drivers/md/dm-zero.c. */
#include "targets/grammar/target.h"

static const struct arg args[] = { ARG_END };

const struct bp_target target_zero = {
	.name = "zero",
	.summary = "reads give zeros, writes vanish",
	.module = "dm-zero",
	.since = "2.6.0",
	.size = sizeof(struct bp_zero),
	.args = args,
};
