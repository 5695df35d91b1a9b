/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* linear DEV OFFSET. Source: Linux, drivers/md/dm-linear.c. */
#include "targets/grammar/rule.h"

static const struct arg args[] = {
	ARG_DEV(struct bp_linear, dev, "the device mapped to"),
	ARG_NUMBER(struct bp_linear, offset_sectors, 0, UINT64_MAX, "where in it to begin"),
	ARG_END,
};

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "linear has two arguments", "DEV OFFSET" },
	RULE_NO_MEMORY("Cannot allocate linear context"),
	RULE_SECTOR("Invalid device sector", "offset_sectors"),
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_linear = {
	.name = "linear",
	.summary = "map to a range of another device",
	.module = "dm-mod",
	.since = "2.6.0",
	.size = sizeof(struct bp_linear),
	.args = args,
	.maps = MAPS(struct bp_linear, dev, offset_sectors),
	.rules = rules,
};
