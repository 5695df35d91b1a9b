/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zero, without arguments. Source: Linux, drivers/md/dm-zero.c. */
#include "targets/grammar/rule.h"

static const struct arg args[] = { ARG_END };

/* clang-format off */
static const struct rule rules[] = {
	{ "No arguments required", NULL, "zero has no arguments", "none" },
	{ NULL },
};
/* clang-format on */

const struct bp_target target_zero = {
	.name = "zero",
	.summary = "reads give zeros, writes vanish",
	.module = "dm-zero",
	.since = "2.6.0",
	.size = sizeof(struct bp_zero),
	.args = args,
	.rules = rules,
};
