/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ebs DEV OFFSET EMULATED [UNDERLYING]. Source: Linux, drivers/md/dm-ebs-target.c. */
#include "targets/grammar/rule.h"

#include <inttypes.h>

static const struct arg args[] = {
	ARG_DEV(struct bp_ebs, dev, "the device mapped to"),
	ARG_NUMBER(struct bp_ebs, offset_sectors, 0, UINT64_MAX,
		   "where in it to begin, a multiple of its blocks"),
	ARG_NUMBER(struct bp_ebs, emulated_sectors, 1, UINT16_MAX,
		   "the logical block to show, up to a page", .flags = ARG_POWER_OF_2),
	ARG_MAYBE(struct bp_ebs, underlying_sectors, 1, UINT16_MAX,
		  "the device's block; where not given, its logical block",
		  .flags = ARG_OPTIONAL | ARG_POWER_OF_2),
	ARG_END,
};

/*
 * Without underlying_sectors the kernel takes the device's logical block. Source:
 * drivers/md/dm-ebs-target.c, ebs_ctr().
 */
static void check(struct check *c, const void *params)
{
	const struct bp_ebs *ebs = params;
	bp_sector page = bp_bytes_to_sector(check_page_bytes(c)), block = 0;
	struct bp_bdev bdev;

	if (ebs->emulated_sectors > page)
		check_refuse(c, "emulated_sectors", NULL,
			     "larger than a page, %" PRIu64 " sectors", page);
	if (ebs->underlying_sectors.is_set)
		block = ebs->underlying_sectors.value;
	else if (check_bdev(c, ebs->dev, &bdev))
		block = bp_bytes_to_sector(bdev.logical_block_bytes);
	if (block && ebs->offset_sectors % block)
		check_refuse(c, "offset_sectors", NULL,
			     "must be a multiple of the underlying block, %" PRIu64 " sectors",
			     block);
}

/* clang-format off */
static const struct rule rules[] = {
	{ "Invalid argument count", NULL, "ebs has three or four arguments",
	  "DEV OFFSET EMULATED [UNDERLYING]" },
	RULE_NO_MEMORY("Cannot allocate ebs context"),
	RULE_SECTOR("Invalid device offset sector", "offset_sectors"),
	{ "Invalid emulated block size", "emulated_sectors",
	  "the emulated block must be a power of two sectors, a page at most", "1, 2, 4 or 8" },
	{ "Invalid underlying block size", "underlying_sectors",
	  "the underlying block must be a power of two sectors", "a power of two" },
	RULE_NO_DEVICE("Device lookup failed", "dev"),
	{ "Invalid retrieved underlying block size", "underlying_sectors",
	  "the device's own logical block can't be used", "a power of two, given" },
	{ "Device offset must be multiple of underlying block size", "offset_sectors",
	  "the offset must be whole underlying blocks", "a multiple of underlying_sectors" },
	RULE_NO_MEMORY("Cannot create dm bufio client"),
	{ NULL },
};
/* clang-format on */

const struct bp_target target_ebs = {
	.name = "ebs",
	.summary = "show smaller logical blocks than the device has",
	.module = "dm-ebs",
	.since = "5.8",
	.size = sizeof(struct bp_ebs),
	.args = args,
	.maps = MAPS(struct bp_ebs, dev, offset_sectors),
	.check = check,
	.rules = rules,
};
