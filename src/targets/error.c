/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * error [DEV OFFSET]. Exactly two words are a device whose limits are copied, since Linux 6.12;
 * any other number of words is ignored, by 6.1 these too. Never printed back.
 * Source: Linux, drivers/md/dm-target.c.
 */
#include "targets/grammar/rule.h"

static const struct arg limits[] = {
	ARG_DEV(struct bp_error_limits, dev, "the device whose limits to take",
		.flags = ARG_NOT_COMPARED, .since = 0x060c),
	ARG_NUMBER(struct bp_error_limits, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin", .flags = ARG_NOT_COMPARED),
	ARG_END,
};

static const struct arg args[] = {
	ARG_POINTER(struct bp_error_target, limits, limits, "a device to take the limits of",
		    .flags = ARG_OPTIONAL | ARG_EXACT),
	ARG_END,
};

/* Limits are new in 6.12: older kernels take no arguments, whatever they are. */
static void check(struct check *c, const void *params)
{
	const struct bp_error_target *error = params;

	if (error->limits && check_release(c, 0x060c) != BP_ANSWER_NO)
		check_range(c, "limits.dev", error->limits->dev, error->limits->offset_sectors,
			    c->length_sectors);
}

/* clang-format off */
static const struct rule rules[] = {
	RULE_NO_MEMORY("Cannot allocate io_err context"),
	RULE_SECTOR("Invalid device sector", "limits.offset_sectors"),
	RULE_NO_DEVICE("Device lookup failed", "limits.dev"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_error = {
	.name = "error",
	.summary = "every read and write fails",
	.reprint = "the device that lends its limits is never printed",
	.module = "dm-mod",
	.since = "2.6.0",
	.flags = BP_TARGET_WILDCARD,
	.size = sizeof(struct bp_error_target),
	.args = args,
	.ignores_extra = true,
	.check = check,
	.rules = rules,
};
